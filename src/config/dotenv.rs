//! `.env` files: `NAME=value` lines. No substitution, no commands: a value is what stands there.

use std::collections::BTreeMap;
use std::sync::Arc;

use driftless_core::diagnostic::{Diagnostic, Place};

/// Bytes that such a file may have: more is something else.
const LARGEST: usize = 1024 * 1024;

/// Reads a file: comments, `export`, single quotes (as they are), double quotes (with `\n`, `\r`, `\t`, `\"`, `\\`, `\$`), both
/// over several lines. A name that stands twice has its last value.
///
/// # Errors
/// All faults, with line and column; no value is quoted.
pub fn parse(file: &str, bytes: &[u8]) -> Result<BTreeMap<String, String>, Vec<Diagnostic>> {
    let file: Arc<str> = Arc::from(file);
    if bytes.len() > LARGEST {
        let fault = Diagnostic::error("env_file", format!("`{file}` is too large for a file of variables"));
        return Err(vec![
            fault.help("name a file with lines such as `NAME=value` in `env_files`"),
        ]);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        let fault = Diagnostic::error("env_file", format!("`{file}` is not UTF-8"));
        return Err(vec![fault.help("save it as UTF-8")]);
    };
    let mut reader = Reader {
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        line: 1,
        column: 1,
    };
    let mut values = BTreeMap::new();
    let mut faults = Vec::new();
    while !reader.rest.is_empty() {
        match reader.line() {
            Ok(Some((name, value))) => {
                values.insert(name, value);
            }
            Ok(None) => {}
            Err(fault) => {
                let place = Place {
                    file: file.clone(),
                    line: fault.line,
                    column: fault.column,
                };
                faults.push(Diagnostic::error("env_file", fault.message).at(place).help(fault.help));
                reader.skip_line();
            }
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

/// Whether `text` is a name of a variable.
pub(super) fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

struct Fault {
    line: u32,
    column: u32,
    message: &'static str,
    help: &'static str,
}

struct Reader<'a> {
    rest: &'a str,
    line: u32,
    column: u32,
}

impl Reader<'_> {
    fn fault(&self, message: &'static str, help: &'static str) -> Fault {
        Fault {
            line: self.line,
            column: self.column,
            message,
            help,
        }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(c) = self.rest.chars().next().filter(|c| wanted(*c)) {
            taken.push(c);
            self.next();
        }
        taken
    }

    fn blanks(&mut self) {
        self.take_while(|c| matches!(c, ' ' | '\t' | '\r'));
    }

    fn skip_line(&mut self) {
        self.take_while(|c| c != '\n');
        self.next();
    }

    /// One line, or as many as a quoted value has; `None` for one that says nothing.
    fn line(&mut self) -> Result<Option<(String, String)>, Fault> {
        self.blanks();
        if self.rest.is_empty() || self.rest.starts_with(['\n', '#']) {
            self.skip_line();
            return Ok(None);
        }
        if let Some(after) = self.rest.strip_prefix("export")
            && after.starts_with([' ', '\t'])
        {
            self.take_while(|c| c.is_ascii_alphabetic());
            self.blanks();
        }
        let start = self.fault(
            "this is no line of a file of variables",
            "write `NAME=value`, with letters, digits and `_` in the name",
        );
        let name = self.take_while(|c| !matches!(c, '=' | '\n' | ' ' | '\t' | '\r'));
        self.blanks();
        if !is_name(&name) || !self.rest.starts_with('=') {
            return Err(start);
        }
        self.next();
        self.blanks();
        let value = match self.rest.chars().next() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote)?,
            _ => self.bare(),
        };
        self.blanks();
        if !self.rest.is_empty() && !self.rest.starts_with(['\n', '#']) {
            return Err(self.fault(
                "something stands behind the closing quote",
                "quote the whole value, or nothing of it",
            ));
        }
        self.skip_line();
        Ok(Some((name, value)))
    }

    /// Up to the end of the line, or to a `#` after a blank.
    fn bare(&mut self) -> String {
        let mut value = String::new();
        while let Some(c) = self.rest.chars().next().filter(|c| *c != '\n') {
            if c == '#' && (value.is_empty() || value.ends_with([' ', '\t'])) {
                break;
            }
            value.push(c);
            self.next();
        }
        value.trim_end().to_owned()
    }

    fn quoted(&mut self, quote: char) -> Result<String, Fault> {
        let open = self.fault("a quote is not closed", "close it, or write the value without quotes");
        self.next();
        let mut value = String::new();
        loop {
            match self.next() {
                None => return Err(open),
                Some(c) if c == quote => return Ok(value),
                Some('\\') if quote == '"' => match self.next() {
                    Some('n') => value.push('\n'),
                    Some('r') => value.push('\r'),
                    Some('t') => value.push('\t'),
                    Some(c @ ('"' | '\\' | '$')) => value.push(c),
                    Some(c) => value.extend(['\\', c]),
                    None => return Err(open),
                },
                Some(c) => value.push(c),
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_line_is_read_and_nothing_is_substituted() {
        let text = "\u{feff}# a comment\n\nA=1\r\nexport B = two words  # and a comment\nC='single $A \\n # kept'\n\
                    D=\"double \\\"x\\\" \\n$A \\$ \\d\" # c\nE=\nF=a#b\nG='two\nlines'\nA=last\nH=$(id)`id`${A}\nexport=x\nI=\"\"";
        let expected = [
            ("A", "last"),
            ("B", "two words"),
            ("C", "single $A \\n # kept"),
            ("D", "double \"x\" \n$A $ \\d"),
            ("E", ""),
            ("F", "a#b"),
            ("G", "two\nlines"),
            ("H", "$(id)`id`${A}"),
            ("I", ""),
            ("export", "x"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parse(".env", text.as_bytes()).unwrap(), expected.into());
    }

    #[test]
    fn all_faults_are_named_with_their_place_and_without_values() {
        let text = "GOOD=1\nhunter2\n9A=hunter2\nB='x' hunter2\nC=\"hunter2\nstill";
        let faults = parse(".env", text.as_bytes()).unwrap_err();
        let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let places: Vec<&str> = shown.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
        assert_eq!(places, [".env:2:1", ".env:3:1", ".env:4:7", ".env:5:3"]);
        assert!(!shown.join("").contains("hunter2"));
    }
}
