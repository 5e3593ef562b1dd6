//! What a plain scalar means: PyYAML's implicit resolvers and constructors, written out.
//!
//! The patterns are those of PyYAML 6.0.3 (`resolver.py`), the values those of its `SafeConstructor`, with one difference that
//! the official client has too: a timestamp stays the string that it is.

use super::big;
use crate::value::{Number, Value};

/// What PyYAML's resolvers take a plain scalar for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Null,
    Bool(bool),
    Int,
    Float,
    /// `<<`, which means something as a key only.
    Merge,
    /// `=`, which YAML 1.1 once gave a meaning.
    Default,
    /// A date or a time: quoted by the emitter, a string to the reader.
    Timestamp,
    Text,
}

/// Why a scalar has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It says that it is a number, and has no digits or wrong ones.
    NotANumber,
    /// Its tag says boolean, and it is none of the words.
    NotABoolean,
    /// More digits than Python converts.
    TooLong,
}

/// The sort of a plain scalar.
pub(super) fn sort_of(text: &str) -> Sort {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Sort::Null,
        "=" => return Sort::Default,
        "<<" => return Sort::Merge,
        _ => {}
    }
    if let Some(truth) = bool_word(text) {
        return Sort::Bool(truth);
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        Sort::Text
    } else if is_float(text) {
        Sort::Float
    } else if is_int(text) {
        Sort::Int
    } else if is_timestamp(text) {
        Sort::Timestamp
    } else {
        Sort::Text
    }
}

fn bool_word(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn all(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}

fn digit(b: u8) -> bool {
    b.is_ascii_digit()
}

/// `[0-9][0-9_]*`
fn is_digits(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().all(|b| digit(b) || b == b'_')
}

/// `[0-5]?[0-9]`, one place of a number to the base of 60.
fn is_sixtieth(text: &str) -> bool {
    match text.as_bytes() {
        [one] => digit(*one),
        [ten, one] => (b'0'..=b'5').contains(ten) && digit(*one),
        _ => false,
    }
}

fn is_int(text: &str) -> bool {
    let text = unsigned(text);
    if let Some(bits) = text.strip_prefix("0b") {
        return all(bits, |b| matches!(b, b'0' | b'1' | b'_'));
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return all(hex, |b| b.is_ascii_hexdigit() || b == b'_');
    }
    if let Some(octal) = text.strip_prefix('0') {
        return octal.bytes().all(|b| (b'0'..=b'7').contains(&b) || b == b'_');
    }
    let mut places = text.split(':');
    places.next().is_some_and(is_digits) && places.all(is_sixtieth)
}

fn is_float(text: &str) -> bool {
    if matches!(text, ".nan" | ".NaN" | ".NAN") || matches!(unsigned(text), ".inf" | ".Inf" | ".INF") {
        return true;
    }
    // A number that begins with its dot has no sign.
    let (body, bare) = match text.strip_prefix('.') {
        Some(fraction) => (fraction, true),
        None => (unsigned(text), false),
    };
    let (number, exponent) = match body.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (body, None),
    };
    // The exponent has to have a sign: `1e3` is text.
    if !exponent.is_none_or(|exponent| exponent.starts_with(['-', '+']) && all(&exponent[1..], digit)) {
        return false;
    }
    if bare {
        return is_digits(number);
    }
    let Some((whole, fraction)) = number.split_once('.') else {
        return false;
    };
    if !fraction.bytes().all(|b| digit(b) || b == b'_') {
        return false;
    }
    match whole.split_once(':') {
        None => is_digits(whole),
        Some((first, places)) => exponent.is_none() && is_digits(first) && places.split(':').all(is_sixtieth),
    }
}

/// `YYYY-MM-DD`, or a date with a time and perhaps a zone.
fn is_timestamp(text: &str) -> bool {
    fn number(text: &str, least: usize, most: usize) -> Option<&str> {
        let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
        (count >= least).then(|| &text[count..])
    }
    fn blanks(text: &str) -> &str {
        text.trim_start_matches([' ', '\t'])
    }
    fn zone(text: &str) -> bool {
        let text = blanks(text);
        if matches!(text, "" | "Z") {
            return true;
        }
        let Some(hours) = text.strip_prefix(['-', '+']).and_then(|rest| number(rest, 1, 2)) else {
            return false;
        };
        hours.is_empty()
            || hours
                .strip_prefix(':')
                .and_then(|rest| number(rest, 2, 2))
                .is_some_and(str::is_empty)
    }
    fn date_and_time(text: &str) -> Option<bool> {
        let month = number(text, 4, 4)?.strip_prefix('-')?;
        let day = number(month, 1, 2)?.strip_prefix('-')?;
        let after = number(day, 1, 2)?;
        if after.is_empty() {
            // A date alone has all its digits.
            return Some(text.len() == 10);
        }
        let time = match after.strip_prefix(['T', 't']) {
            Some(time) => time,
            None if blanks(after).len() < after.len() => blanks(after),
            None => return None,
        };
        let minutes = number(time, 1, 2)?.strip_prefix(':')?;
        let seconds = number(minutes, 2, 2)?.strip_prefix(':')?;
        let rest = number(seconds, 2, 2)?;
        let rest = match rest.strip_prefix('.') {
            Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
            None => rest,
        };
        // Blanks at the very end belong to no zone.
        Some(zone(rest) && (rest.is_empty() || !blanks(rest).is_empty()))
    }
    date_and_time(text).unwrap_or(false)
}

/// The value that `!!bool` gives `text`.
pub(super) fn bool_value(text: &str) -> Result<Value, Unreadable> {
    bool_word(&text.to_lowercase())
        .map(Value::Bool)
        .ok_or(Unreadable::NotABoolean)
}

/// The value of a text that is, or is said to be, an integer.
pub(super) fn int_value(text: &str) -> Result<Number, Unreadable> {
    // Python's `int` and `float` let white space stand behind the digits; only a tagged block scalar has any.
    let digits = text.trim_end().replace('_', "");
    let (negative, body) = match digits.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let magnitude = if body == "0" {
        "0".to_owned()
    } else if let Some(bits) = body.strip_prefix("0b") {
        big::decimal(bits, 2)?
    } else if let Some(hex) = body.strip_prefix("0x") {
        big::decimal(hex, 16)?
    } else if body.starts_with('0') {
        big::decimal(body, 8)?
    } else if body.contains(':') {
        big::sixtieths(body)?
    } else {
        big::decimal(body, 10)?
    };
    let text = if negative && magnitude != "0" {
        format!("-{magnitude}")
    } else {
        magnitude
    };
    Ok(text.parse().map_or_else(|_| Number::Big(text), Number::Int))
}

/// The value of a text that is, or is said to be, a float.
pub(super) fn float_value(text: &str) -> Result<f64, Unreadable> {
    let text = text.trim_end().replace('_', "").to_lowercase();
    let (sign, body) = match text.strip_prefix('-') {
        Some(body) => (-1.0, body),
        None => (1.0, text.strip_prefix('+').unwrap_or(&text)),
    };
    match body {
        ".inf" => return Ok(sign * f64::INFINITY),
        ".nan" => return Ok(f64::NAN),
        _ => {}
    }
    // 60^21 is the last power that 128 bits hold, so that its conversion is rounded once, as Python's is.
    let mut base: u128 = 1;
    let mut total = 0.0;
    for (index, place) in body.rsplit(':').enumerate() {
        if index > 0 {
            base = base.checked_mul(60).ok_or(Unreadable::TooLong)?;
        }
        total += place.parse::<f64>().map_err(|_| Unreadable::NotANumber)? * base as f64;
    }
    Ok(sign * total)
}

/// How YAML 1.2's core schema, which most other readers use, reads a plain scalar that is no string to PyYAML; none for text.
pub(super) fn core_schema_value(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Value::Null),
        "true" | "True" | "TRUE" => return Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Some(Value::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Some(Value::from(f64::NAN)),
        _ => {}
    }
    let body = unsigned(text);
    if all(body, digit) {
        let significant = body.trim_start_matches('0');
        let significant = if significant.is_empty() { "0" } else { significant };
        let sign = if text.starts_with('-') { "-" } else { "" };
        return int_value(&format!("{sign}{significant}")).ok().map(Value::Number);
    }
    if text
        .strip_prefix("0x")
        .is_some_and(|hex| all(hex, |b| b.is_ascii_hexdigit()))
    {
        return int_value(text).ok().map(Value::Number);
    }
    // Octal (`0o17`) is missing on purpose: PyYAML reads it as text, and text is not asked about.
    if is_float(text) && !text.contains([':', '_']) {
        return float_value(text).ok().map(Value::from);
    }
    None
}
