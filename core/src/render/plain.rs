//! Text that stays text: what came from a repository, a platform or a file name must not steer a terminal or pass for another line.

/// `text` with control characters (but for line feeds and tabs) and those that turn the direction of writing shown as `\u{1b}`.
pub fn plain(text: &str) -> String {
    escaped(text, |c| (c.is_control() && !matches!(c, '\n' | '\t')) || turns(c))
}

/// As [`plain`], on one line.
pub fn plain_line(text: &str) -> String {
    escaped(text, |c| {
        c.is_control() || turns(c) || matches!(c, '\u{2028}' | '\u{2029}')
    })
}

fn escaped(text: &str, is_active: impl Fn(char) -> bool) -> String {
    if !text.contains(&is_active) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_active(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Marks that reorder what stands around them: with them a plan reads otherwise than it is.
fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_instead() {
        let text = "a\u{1b}[2J\u{9b}b\r\u{7f}\u{202e}c\td\ne";
        assert_eq!(plain(text), "a\\u{1b}[2J\\u{9b}b\\u{d}\\u{7f}\\u{202e}c\td\ne");
        assert_eq!(plain_line("a\nb\u{2028}c"), "a\\u{a}b\\u{2028}c");
        assert_eq!(plain("ordinary: é 日本"), "ordinary: é 日本");
    }
}
