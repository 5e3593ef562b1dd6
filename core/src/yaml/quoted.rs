//! Quoted scalars that hold U+0085, U+2028 or U+2029, read again as YAML 1.1 does.
//!
//! PyYAML writes the three raw, with an indent behind them that is no part of the text, and reads the first as a line feed.

use super::source::is_separator;

/// The text of a quoted scalar, from its source with the quotes; none where it cannot be read (a document marker at the head of
/// a line, an escape that is no character).
pub(super) fn read(source: &str) -> Option<String> {
    let double = source.starts_with('"');
    let mut rest = source.get(1..source.len().checked_sub(1)?)?;
    let mut text = String::new();
    while let Some(c) = rest.chars().next() {
        if matches!(c, ' ' | '\t' | '\r' | '\n') || is_separator(c) {
            let after_blanks = rest.trim_start_matches([' ', '\t']);
            match line_break(after_blanks) {
                None => {
                    text.push_str(&rest[..rest.len() - after_blanks.len()]);
                    rest = after_blanks;
                }
                Some((first, after)) => {
                    let (more, after) = line_breaks(after)?;
                    if first != '\n' {
                        text.push(first);
                    } else if more.is_empty() {
                        text.push(' ');
                    }
                    text.push_str(&more);
                    rest = after;
                }
            }
        } else if !double && c == '\'' {
            text.push('\'');
            rest = rest.get(2..)?;
        } else if double && c == '\\' {
            rest = escape(&rest[1..], &mut text)?;
        } else {
            text.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    Some(text)
}

/// One line break as it is kept, and what follows it.
fn line_break(rest: &str) -> Option<(char, &str)> {
    if let Some(after) = rest.strip_prefix("\r\n") {
        return Some(('\n', after));
    }
    let c = rest.chars().next()?;
    let after = &rest[c.len_utf8()..];
    match c {
        '\n' | '\r' | '\u{85}' => Some(('\n', after)),
        '\u{2028}' | '\u{2029}' => Some((c, after)),
        _ => None,
    }
}

/// The breaks of the empty lines that follow a break.
fn line_breaks(mut rest: &str) -> Option<(String, &str)> {
    let mut breaks = String::new();
    loop {
        if rest.starts_with("---") || rest.starts_with("...") {
            let next = rest[3..].chars().next();
            if next.is_some_and(|c| matches!(c, ' ' | '\t' | '\r' | '\n') || is_separator(c)) {
                return None;
            }
        }
        rest = rest.trim_start_matches([' ', '\t']);
        match line_break(rest) {
            Some((c, after)) => {
                breaks.push(c);
                rest = after;
            }
            None => return Some((breaks, rest)),
        }
    }
}

/// Reads what follows a backslash between double quotes.
fn escape<'a>(rest: &'a str, text: &mut String) -> Option<&'a str> {
    if let Some((_, after)) = line_break(rest) {
        let (more, after) = line_breaks(after)?;
        text.push_str(&more);
        return Some(after);
    }
    let c = rest.chars().next()?;
    let after = &rest[c.len_utf8()..];
    let width = match c {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => {
            text.push(match c {
                '0' => '\0',
                'a' => '\u{7}',
                'b' => '\u{8}',
                't' | '\t' => '\t',
                'n' => '\n',
                'v' => '\u{b}',
                'f' => '\u{c}',
                'r' => '\r',
                'e' => '\u{1b}',
                ' ' | '"' | '\\' | '/' => c,
                'N' => '\u{85}',
                '_' => '\u{a0}',
                'L' => '\u{2028}',
                'P' => '\u{2029}',
                _ => return None,
            });
            return Some(after);
        }
    };
    let digits = after.get(..width)?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    text.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
    after.get(width..)
}
