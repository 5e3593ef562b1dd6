//! The value tree: one shape for YAML, JSON and the ledger.
//!
//! Maps keep the order of their keys and compare without it; integers keep their size; integers and floats stay apart in
//! the tree and agree by number in a diff. A secret is a variant, so nothing has to be masked later.

use std::fmt;
use std::ops::{Deref, DerefMut};

use indexmap::IndexMap;

/// A map from text to values: keeps insertion order, compares without it.
///
/// Boxed, since every value is as large as the largest variant: a large instance is a great many small values.
#[derive(Clone, Default, PartialEq)]
pub struct Map(Box<IndexMap<String, Value>>);

impl Map {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Deref for Map {
    type Target = IndexMap<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Map {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl FromIterator<(String, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Self {
        Self(Box::new(entries.into_iter().collect()))
    }
}

impl<const N: usize> From<[(String, Value); N]> for Map {
    fn from(entries: [(String, Value); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl Extend<(String, Value)> for Map {
    fn extend<I: IntoIterator<Item = (String, Value)>>(&mut self, entries: I) {
        self.0.extend(entries);
    }
}

impl IntoIterator for Map {
    type Item = (String, Value);
    type IntoIter = indexmap::map::IntoIter<String, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a String, &'a Value);
    type IntoIter = indexmap::map::Iter<'a, String, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a mut Map {
    type Item = (&'a String, &'a mut Value);
    type IntoIter = indexmap::map::IterMut<'a, String, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter_mut()
    }
}

/// One node of the tree.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Nothing, said on purpose: in a desired document it clears the field.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer of any size, or a float.
    Number(Number),
    /// Text.
    String(String),
    /// A list; order counts unless a kind's table calls the field a set.
    List(Vec<Value>),
    /// A map.
    Map(Map),
    /// Something that must never be shown.
    Secret(Secret),
}

/// A number as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// An integer that fits 64 bits.
    Int(i64),
    /// A larger integer: canonical decimal digits with an optional leading `-`.
    Big(String),
    /// A float.
    Float(f64),
}

/// A text that never reaches a log, a diff, an error, a metric or a page: it has no way to be printed.
///
/// [`Secret::expose`] is for the request body of the platform and for fingerprints, and for nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for a request body or a fingerprint.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SECRET_TEXT)
    }
}

/// What stands wherever a secret would be shown.
pub const SECRET_TEXT: &str = "(secret)";

impl Value {
    /// The text of a string value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_) | Value::Secret(_) => None,
        }
    }

    /// The map of a map value.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::String(_) | Value::Secret(_) => {
                None
            }
        }
    }

    /// The items of a list value.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) => Some(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Map(_) | Value::String(_) | Value::Secret(_) => {
                None
            }
        }
    }

    /// The integer of a number that fits 64 bits (a float without fraction included).
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Number(Number::Int(int)) => Some(*int),
            // 2^53: beyond it a float no longer names one integer.
            Value::Number(Number::Float(float)) if float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0 => {
                Some(*float as i64)
            }
            _ => None,
        }
    }

    /// The truth of a boolean value.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// Whether this is [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Whether two values mean the same to a platform: equal, with numbers compared by number (`1` agrees with `1.0`).
    pub fn agrees(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Number(a), Value::Number(b)) => a.agrees(b),
            (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.agrees(b)),
            (Value::Map(a), Value::Map(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .all(|(key, value)| b.get(key).is_some_and(|other| value.agrees(other)))
            }
            (a, b) => a == b,
        }
    }

    /// What kind of thing this is, in the words of an error message.
    pub fn noun(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(Number::Float(_)) => "a float",
            Value::Number(_) => "an integer",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Secret(_) => "a secret",
        }
    }
}

impl Number {
    /// Whether two numbers are the same number.
    pub fn agrees(&self, other: &Number) -> bool {
        match (self, other) {
            (Number::Int(int), Number::Float(float)) | (Number::Float(float), Number::Int(int)) => {
                *float == *int as f64 && float.fract() == 0.0
            }
            (Number::Float(a), Number::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Number::Big(digits), Number::Float(float)) | (Number::Float(float), Number::Big(digits)) => {
                digits.parse::<f64>().is_ok_and(|big| big == *float)
            }
            (a, b) => a == b,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::json::write(self))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Value::Number(Number::Int(int))
    }
}

impl From<f64> for Value {
    fn from(float: f64) -> Self {
        Value::Number(Number::Float(float))
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Value::List(items)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Value::Map(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_agree_by_number_and_differ_by_spelling() {
        assert!(Value::from(1).agrees(&Value::from(1.0)));
        assert_ne!(Value::from(1), Value::from(1.0));
        assert!(!Value::from(1).agrees(&Value::from(1.5)));
    }

    #[test]
    fn maps_compare_without_the_order_of_their_keys() {
        let a: Map = [("x".to_owned(), Value::from(1)), ("y".to_owned(), Value::from(2))].into();
        let b: Map = [("y".to_owned(), Value::from(2)), ("x".to_owned(), Value::from(1))].into();
        assert_eq!(Value::Map(a.clone()), Value::Map(b));
        assert_eq!(a.keys().next().map(String::as_str), Some("x"));
    }

    #[test]
    fn a_value_takes_no_more_than_four_words() {
        assert!(size_of::<Value>() <= 32, "{} bytes", size_of::<Value>());
    }

    #[test]
    fn a_secret_prints_nothing_of_itself() {
        let value = Value::Secret(Secret::new("hunter2"));
        assert!(!format!("{value:?}").contains("hunter2"));
    }
}
