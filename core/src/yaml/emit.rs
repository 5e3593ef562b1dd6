//! Writes a value as PyYAML 6.0.3 does, to the byte: `safe_dump(default_flow_style=False, sort_keys=False, allow_unicode=True)`.
//!
//! The state is that of PyYAML's emitter (column, last character, indent), because its line breaks depend on all of it. What is
//! left out cannot occur in a tree: anchors (no node is shared), block scalars (`safe_dump` never picks them), flow collections
//! that are not empty.

use super::scalar_style::{Style, double_quoted_escape, is_break, style_of};
use crate::value::{Map, Number, SECRET_TEXT, Value};

/// Spaces a level (PyYAML's default `indent`).
const INDENT: usize = 2;
/// The column after which a line is folded at the next chance (PyYAML's default `width`).
const WIDTH: usize = 80;
/// Keys of this many characters or more take the `? ` form: PyYAML's 128 less the five of their tag, `!!str`.
const SIMPLE_KEY_BELOW: usize = 123;

/// The text of `value`, with a final newline. A secret is written as the text `(secret)`.
pub fn emit(value: &Value) -> String {
    let mut emitter = Emitter {
        out: String::new(),
        column: 0,
        whitespace: true,
        indention: true,
        indent: None,
    };
    let plain_root = emitter.node(value, Role::Root);
    emitter.write_indent();
    if plain_root == Some(Style::Plain) {
        // A bare plain scalar could go on: PyYAML closes the document.
        emitter.out.push_str("...\n");
    }
    emitter.out
}

/// Where a node stands, as far as its form depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Root,
    Item,
    Value,
}

/// Whether a scalar may be broken over lines: keys may not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Folding {
    Allowed,
    Never,
}

struct Emitter {
    out: String,
    /// Characters on the current line.
    column: usize,
    /// The last character was white space.
    whitespace: bool,
    /// The line holds nothing but indentation and the indicators `-`, `?`, `:`.
    indention: bool,
    /// The current indent; none before the root.
    indent: Option<usize>,
}

impl Emitter {
    /// Writes a node; the style of a scalar comes back, for the root's sake.
    fn node(&mut self, value: &Value, role: Role) -> Option<Style> {
        match value {
            Value::Map(map) if map.is_empty() => self.write_indicator("{}", Before::Space),
            Value::List(items) if items.is_empty() => self.write_indicator("[]", Before::Space),
            Value::Map(map) => self.map(map),
            Value::List(items) => self.list(items, role),
            Value::Null => return Some(self.plain_word("null")),
            Value::Bool(true) => return Some(self.plain_word("true")),
            Value::Bool(false) => return Some(self.plain_word("false")),
            Value::Number(number) => return Some(self.plain_word(&number_text(number))),
            Value::String(text) => return Some(self.scalar(text, Folding::Allowed)),
            Value::Secret(_) => return Some(self.scalar(SECRET_TEXT, Folding::Allowed)),
        }
        None
    }

    fn list(&mut self, items: &[Value], role: Role) {
        // A list under `key:` stands at the key's own column.
        let at_key = role == Role::Value && !self.indention;
        let before = self.indent;
        self.indent = match before {
            None => Some(0),
            Some(indent) if at_key => Some(indent),
            Some(indent) => Some(indent + INDENT),
        };
        for item in items {
            self.write_indent();
            self.write_structure("-");
            self.node(item, Role::Item);
        }
        self.indent = before;
    }

    fn map(&mut self, map: &Map) {
        let before = self.indent;
        self.indent = Some(before.map_or(0, |indent| indent + INDENT));
        for (key, value) in map {
            self.write_indent();
            if is_simple_key(key) {
                self.scalar(key, Folding::Never);
                self.write_indicator(":", Before::Nothing);
            } else {
                self.write_structure("?");
                self.scalar(key, Folding::Allowed);
                self.write_indent();
                self.write_structure(":");
            }
            self.node(value, Role::Value);
        }
        self.indent = before;
    }

    fn plain_word(&mut self, text: &str) -> Style {
        self.write_indicator(text, Before::Space);
        Style::Plain
    }

    fn scalar(&mut self, text: &str, folding: Folding) -> Style {
        let before = self.indent;
        self.indent = Some(before.map_or(INDENT, |indent| indent + INDENT));
        let chars: Vec<char> = text.chars().collect();
        let style = style_of(text);
        match style {
            Style::Plain => self.write_plain(&chars, folding),
            Style::SingleQuoted => self.write_single_quoted(&chars, folding),
            Style::DoubleQuoted => self.write_double_quoted(&chars, folding),
        }
        self.indent = before;
        style
    }

    fn write_plain(&mut self, text: &[char], folding: Folding) {
        if !self.whitespace {
            self.put(&[' ']);
        }
        self.whitespace = false;
        self.indention = false;
        let mut start = 0;
        let mut spaces = false;
        for end in 0..=text.len() {
            let c = text.get(end).copied();
            if spaces {
                if c != Some(' ') {
                    if start + 1 == end && self.column > WIDTH && folding == Folding::Allowed {
                        self.write_indent();
                        self.whitespace = false;
                        self.indention = false;
                    } else {
                        self.put(&text[start..end]);
                    }
                    start = end;
                }
            } else if c.is_none_or(|c| c == ' ') {
                self.put(&text[start..end]);
                start = end;
            }
            spaces = c == Some(' ');
        }
    }

    fn write_single_quoted(&mut self, text: &[char], folding: Folding) {
        self.write_indicator("'", Before::Space);
        let mut start = 0;
        let mut spaces = false;
        let mut breaks = false;
        for end in 0..=text.len() {
            let c = text.get(end).copied();
            if spaces {
                if c != Some(' ') {
                    let inside = start != 0 && end != text.len();
                    if start + 1 == end && self.column > WIDTH && folding == Folding::Allowed && inside {
                        self.write_indent();
                    } else {
                        self.put(&text[start..end]);
                    }
                    start = end;
                }
            } else if breaks {
                if !c.is_some_and(is_break) {
                    if text[start] == '\n' {
                        self.write_line_break('\n');
                    }
                    for line_break in &text[start..end] {
                        self.write_line_break(*line_break);
                    }
                    self.write_indent();
                    start = end;
                }
            } else if c.is_none_or(|c| c == ' ' || c == '\'' || is_break(c)) {
                self.put(&text[start..end]);
                start = end;
            }
            if c == Some('\'') {
                self.put(&['\'', '\'']);
                start = end + 1;
            }
            spaces = c == Some(' ');
            breaks = c.is_some_and(is_break);
        }
        self.write_indicator("'", Before::Nothing);
    }

    fn write_double_quoted(&mut self, text: &[char], folding: Folding) {
        self.write_indicator("\"", Before::Space);
        let mut start = 0;
        for end in 0..=text.len() {
            let c = text.get(end).copied();
            let escape = c.map(double_quoted_escape);
            if !matches!(escape, Some(None)) {
                if start < end {
                    self.put(&text[start..end]);
                    start = end;
                }
                if let Some(Some(escape)) = escape {
                    self.put(&escape.chars().collect::<Vec<char>>());
                    start = end + 1;
                }
            }
            if 0 < end
                && end + 1 < text.len()
                && (c == Some(' ') || start >= end)
                && self.column + end > WIDTH + start
                && folding == Folding::Allowed
            {
                if start < end {
                    self.put(&text[start..end]);
                    start = end;
                }
                self.put(&['\\']);
                self.write_indent();
                self.whitespace = false;
                self.indention = false;
                if text[start] == ' ' {
                    self.put(&['\\']);
                }
            }
        }
        self.write_indicator("\"", Before::Nothing);
    }

    fn put(&mut self, chars: &[char]) {
        self.column += chars.len();
        self.out.extend(chars);
    }

    /// A token that ends the run of indentation on its line.
    fn write_indicator(&mut self, indicator: &str, before: Before) {
        if before == Before::Space && !self.whitespace {
            self.put(&[' ']);
        }
        self.column += indicator.chars().count();
        self.out.push_str(indicator);
        self.whitespace = false;
        self.indention = false;
    }

    /// One of `-`, `?`, `:` at the head of a line: what follows it may still count as the head.
    fn write_structure(&mut self, indicator: &str) {
        let indention = self.indention;
        self.write_indicator(indicator, Before::Space);
        self.indention = indention;
    }

    fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.write_line_break('\n');
        }
        if self.column < indent {
            self.whitespace = true;
            self.out.extend(std::iter::repeat_n(' ', indent - self.column));
            self.column = indent;
        }
    }

    fn write_line_break(&mut self, line_break: char) {
        self.out.push(line_break);
        self.whitespace = true;
        self.indention = true;
        self.column = 0;
    }
}

/// What an indicator wants before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Space,
    Nothing,
}

fn is_simple_key(key: &str) -> bool {
    !key.is_empty() && !key.contains(is_break) && key.chars().count() < SIMPLE_KEY_BELOW
}

fn number_text(number: &Number) -> String {
    match number {
        Number::Int(int) => int.to_string(),
        Number::Big(digits) => digits.clone(),
        Number::Float(float) => float_text(*float),
    }
}

/// A float as a JSON key: Python's `json.dumps`.
pub(super) fn float_key(float: f64) -> String {
    if float.is_nan() {
        "NaN".to_owned()
    } else if float.is_infinite() {
        if float > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        // `repr` has no `.0` before an exponent.
        float_text(float).replace(".0e", "e")
    }
}

/// Python's `repr` of a float in PyYAML's spelling: shortest digits, an exponent below 1e-4 and from 1e16, always a dot.
fn float_text(float: f64) -> String {
    if float.is_nan() {
        return ".nan".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let mut buffer = zmij::Buffer::new();
    let shortest = buffer.format_finite(float);
    let (sign, shortest) = match shortest.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", shortest),
    };
    let (mantissa, exponent) = shortest.split_once(['e', 'E']).unwrap_or((shortest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.len() - all.trim_start_matches('0').len();
    let digits = all.trim_matches('0');
    if digits.is_empty() {
        return format!("{sign}0.0");
    }
    // The number is 0.DIGITS times ten to the power of `point`.
    let point = whole.len() as i32 - leading as i32 + exponent.parse::<i32>().unwrap_or(0);
    let count = digits.len() as i32;
    let power = point - 1;
    if !(-4..16).contains(&power) {
        let (first, rest) = digits.split_at(1);
        let rest = if rest.is_empty() { "0" } else { rest };
        let exponent_sign = if power < 0 { '-' } else { '+' };
        return format!("{sign}{first}.{rest}e{exponent_sign}{:02}", power.abs());
    }
    if point <= 0 {
        format!("{sign}0.{}{digits}", "0".repeat(point.unsigned_abs() as usize))
    } else if point >= count {
        format!("{sign}{digits}{}.0", "0".repeat((point - count) as usize))
    } else {
        let (whole, fraction) = digits.split_at(point as usize);
        format!("{sign}{whole}.{fraction}")
    }
}
