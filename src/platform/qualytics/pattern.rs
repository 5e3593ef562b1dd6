//! Regular expressions that are surely broken. The platform's are Java's: what only might be refused there is let through.

/// What is wrong with a pattern, where it is wrong however it is read.
pub(super) fn broken(pattern: &str) -> Option<&'static str> {
    // In comment mode a bracket may be a comment's.
    if has_comment_mode(pattern) {
        return None;
    }
    // Java nests classes (`[a[bc]]`), others take the inner bracket for itself: both must find fault.
    let nested = fault(pattern, Classes::Nest)?;
    fault(pattern, Classes::Flat).map(|_| nested)
}

/// How a `[` inside of a class is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Classes {
    Nest,
    Flat,
}

fn fault(pattern: &str, classes: Classes) -> Option<&'static str> {
    let mut groups = 0_usize;
    let mut depth = 0_usize;
    // Right after the `[` (and `^`) of a class a `]` is itself.
    let mut class_begins = false;
    let mut rest = pattern;
    if rest.starts_with(['*', '+', '?']) {
        return Some("it begins with a repetition of nothing");
    }
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..)?;
        let first = std::mem::take(&mut class_begins);
        match c {
            '\\' => {
                let Some(escaped) = rest.chars().next() else {
                    return Some("it ends with a lone backslash");
                };
                rest = rest.get(escaped.len_utf8()..)?;
                if escaped == 'Q' {
                    rest = rest.split_once("\\E").map_or("", |(_, after)| after);
                }
            }
            '[' if depth == 0 || classes == Classes::Nest => {
                depth += 1;
                class_begins = true;
                if let Some(after) = rest.strip_prefix('^') {
                    rest = after;
                }
            }
            ']' if depth > 0 && !first => depth -= 1,
            '(' if depth == 0 => groups += 1,
            ')' if depth == 0 => match groups.checked_sub(1) {
                Some(open) => groups = open,
                None => return Some("a `)` has no `(` before it"),
            },
            _ => {}
        }
    }
    if depth > 0 {
        Some("a `[` is never closed")
    } else if groups > 0 {
        Some("a `(` is never closed")
    } else {
        None
    }
}

/// Whether flags such as `(?x)` or `(?ix:` are set somewhere.
fn has_comment_mode(pattern: &str) -> bool {
    pattern.split("(?").skip(1).any(|flags| {
        flags
            .chars()
            .take_while(|c| c.is_ascii_alphabetic() || *c == '-')
            .any(|c| c == 'x')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_java_compiles_is_let_through() {
        for pattern in [
            "",
            "^[A-Z]{3}$",
            r".*@.*\.com$",
            r"(?i)^abc",
            r"(?<year>\d{4})-(?:0[1-9]|1[0-2])",
            r"^(?=.*\d)(?!.*\s)(?<=a)(?<!b).+$",
            r"[a-c[x-z]]",
            r"[a-z&&[^bc]]",
            r"[]a]",
            r"[^]a]",
            r"[[]",
            r"\Q([\E",
            r"\Qa(",
            r"\(\[\)",
            r"[(]",
            r"[\]]",
            r"(?x) a # (",
            r"(?-x:a)(",
            r"\p{L}+\\",
            r"a{2,}+",
            "é(ü)",
        ] {
            assert_eq!(broken(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn what_nobody_compiles_is_told() {
        for (pattern, why) in [
            ("(a", "a `(` is never closed"),
            ("a)", "a `)` has no `(` before it"),
            ("[a-z", "a `[` is never closed"),
            (r"[a\]", "a `[` is never closed"),
            (r"abc\", "it ends with a lone backslash"),
            ("*.csv", "it begins with a repetition of nothing"),
            ("(a[)]", "a `(` is never closed"),
        ] {
            assert_eq!(broken(pattern), Some(why), "{pattern}");
        }
    }
}
