//! Dotted names of tables, some of their parts in quotes.

/// The parts of a name without their quotes; `None` where a quote does not end as one. A part may be empty.
pub(super) fn parts(name: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = name;
    loop {
        let (part, after) = first_part(rest)?;
        parts.push(part);
        match after.strip_prefix('.') {
            Some(next) => rest = next.trim_start(),
            None if after.is_empty() => return Some(parts),
            None => return None,
        }
    }
}

fn first_part(text: &str) -> Option<(String, &str)> {
    let close = match text.chars().next() {
        Some(quote @ ('"' | '`')) => quote,
        Some('[') => ']',
        _ => {
            let (part, after) = text.split_at(text.find('.').unwrap_or(text.len()));
            return Some((part.trim_end().to_owned(), after));
        }
    };
    let mut part = String::new();
    let mut signs = text.char_indices().skip(1).peekable();
    while let Some((at, sign)) = signs.next() {
        if sign != close {
            part.push(sign);
        } else if signs.next_if(|(_, next)| *next == close).is_some() {
            part.push(close);
        } else {
            let after = text[at + close.len_utf8()..].trim_start();
            return Some((part, after));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_has_its_parts_without_their_quotes() {
        let table: &[(&str, Option<&[&str]>)] = &[
            ("A.C.T", Some(&["A", "C", "T"])),
            ("\"A b\".C", Some(&["A b", "C"])),
            ("[dbo].[my table]", Some(&["dbo", "my table"])),
            ("`p-x.ds.t`", Some(&["p-x.ds.t"])),
            ("\"a\"\"b\"", Some(&["a\"b"])),
            ("a . b", Some(&["a", "b"])),
            ("a..b", Some(&["a", "", "b"])),
            ("\"a", None),
            ("\"a\"b", None),
        ];
        for (name, expected) in table {
            let found = parts(name);
            let found: Option<Vec<&str>> = found.as_ref().map(|p| p.iter().map(String::as_str).collect());
            assert_eq!(found.as_deref(), *expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_parts_or_none(text in "([\"`\\[\\].a ]|.){0,20}") {
            let _ = parts(&text);
        }
    }
}
