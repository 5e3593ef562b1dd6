//! Writes a value as JSON text. Reading JSON is the adapters' business: their parsers know streams and limits.

use std::fmt::Write as _;

use crate::value::{Number, SECRET_TEXT, Value};

/// Writes `value` as JSON on one line, keys in their order; a secret as `"(secret)"`, a float that JSON cannot say as `null`.
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    put(&mut out, value, None, 0);
    out
}

/// Writes `value` as JSON over several lines, indented by two spaces, with a final newline.
pub fn write_pretty(value: &Value) -> String {
    let mut out = String::new();
    put(&mut out, value, Some(2), 0);
    out.push('\n');
    out
}

fn put(out: &mut String, value: &Value, indent: Option<usize>, depth: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => put_number(out, number),
        Value::String(text) => put_text(out, text),
        Value::Secret(_) => put_text(out, SECRET_TEXT),
        Value::List(items) => put_sequence(out, indent, depth, ['[', ']'], items.iter(), |out, item| {
            put(out, item, indent, depth + 1)
        }),
        Value::Map(map) => put_sequence(out, indent, depth, ['{', '}'], map.iter(), |out, (key, item)| {
            put_text(out, key);
            out.push_str(if indent.is_some() { ": " } else { ":" });
            put(out, item, indent, depth + 1);
        }),
    }
}

fn put_sequence<T>(
    out: &mut String,
    indent: Option<usize>,
    depth: usize,
    [open, close]: [char; 2],
    items: impl ExactSizeIterator<Item = T>,
    mut each: impl FnMut(&mut String, T),
) {
    let empty = items.len() == 0;
    out.push(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        line(out, indent, depth + 1);
        each(out, item);
    }
    if !empty {
        line(out, indent, depth);
    }
    out.push(close);
}

fn line(out: &mut String, indent: Option<usize>, depth: usize) {
    if let Some(width) = indent {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', width * depth));
    }
}

fn put_number(out: &mut String, number: &Number) {
    match number {
        Number::Int(int) => {
            let _ = write!(out, "{int}");
        }
        Number::Big(digits) => out.push_str(digits),
        Number::Float(float) if float.is_finite() => out.push_str(zmij::Buffer::new().format_finite(*float)),
        Number::Float(_) => out.push_str("null"),
    }
}

fn put_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // U+2028/2029 end a line in JavaScript: legal escaped.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{7f}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Map, Secret};

    #[test]
    fn keys_keep_their_order_and_secrets_their_silence() {
        let mut map = Map::new();
        map.insert("z".into(), Value::from(1));
        map.insert("a".into(), Value::List(vec![Value::from(1.5), Value::Null]));
        map.insert("p".into(), Value::Secret(Secret::new("hunter2")));
        assert_eq!(write(&Value::Map(map)), r#"{"z":1,"a":[1.5,null],"p":"(secret)"}"#);
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(write(&Value::from("a\u{1}\"\n\u{2028}")), "\"a\\u0001\\\"\\n\\u2028\"");
    }
}
