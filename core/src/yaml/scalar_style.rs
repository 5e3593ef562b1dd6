//! How a text is written: plain if PyYAML would read it back as a string, else in the lightest quotes that can hold it.

use super::scalar::{Sort, sort_of};

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
}

/// Whether YAML 1.1 takes `c` for a line break that an emitter may meet in a text (a carriage return is escaped before).
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank_or_break(c: char) -> bool {
    is_break(c) || matches!(c, '\0' | ' ' | '\t' | '\r')
}

/// A character that only double quotes can hold. PyYAML's own bound leaves out U+10FFFF.
fn is_special(c: char) -> bool {
    !matches!(c,
        '\n' | '\u{20}'..='\u{7e}' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10fffe}')
        || c == '\u{feff}'
}

/// The style of `text`, as a value and as a key alike.
pub(super) fn style_of(text: &str) -> Style {
    if text.is_empty() {
        return Style::SingleQuoted;
    }
    let mut plain = sort_of(text) == Sort::Text && !text.starts_with("---") && !text.starts_with("...");
    let mut single = true;
    let mut previous: Option<char> = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let next = rest.as_str().chars().next();
        let followed = next.is_none_or(is_blank_or_break);
        let preceded = previous.is_none_or(is_blank_or_break);
        plain &= match (previous, c) {
            (None, '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`') => {
                false
            }
            (None, '-' | '?' | ':') | (Some(_), ':') => !followed,
            (Some(_), '#') => !preceded,
            (_, ' ') => previous.is_some() && next.is_some(),
            (_, c) => !is_break(c),
        };
        let space_and_break = previous.is_some_and(|p| (p == ' ' && is_break(c)) || (is_break(p) && c == ' '));
        if space_and_break || is_special(c) {
            single = false;
        }
        previous = Some(c);
    }
    match (plain && single, single) {
        (true, _) => Style::Plain,
        (false, true) => Style::SingleQuoted,
        (false, false) => Style::DoubleQuoted,
    }
}

/// What stands for `c` between double quotes; none if it stands for itself.
pub(super) fn double_quoted_escape(c: char) -> Option<String> {
    let short = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        '\u{feff}' => return Some("\\uFEFF".to_owned()),
        '\u{20}'..='\u{7e}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' => return None,
        c => {
            let code = u32::from(c);
            return Some(match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            });
        }
    };
    Some(format!("\\{short}"))
}
