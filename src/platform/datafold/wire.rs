//! What Datafold answers, read one object at a time.

use serde_json::Value as Json;

/// The text of a field.
pub(super) fn text<'a>(raw: &'a Json, field: &str) -> Option<&'a str> {
    raw.get(field).and_then(Json::as_str)
}

/// The number of a field: numbers of pull requests come as texts here and there.
pub(super) fn int(raw: &Json, field: &str) -> Option<i64> {
    match raw.get(field)? {
        Json::String(digits) => digits.parse().ok(),
        number => number.as_i64(),
    }
}
