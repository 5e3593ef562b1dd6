//! Turns core values into JSON values and back. What is shown and what is sent are two functions, so that a secret goes
//! into a request body on purpose or not at all.

use driftless_core::value::{Map, Number, SECRET_TEXT, Secret, Value};
use serde_json::Value as Json;

/// The core value of a JSON value. Integers of any size stay integers.
pub fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => Value::Number(number_from_json(number)),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(from_json).collect()),
        Json::Object(object) => Value::Map(map_from_json(object)),
    }
}

/// The core map of a JSON object.
pub fn map_from_json(object: &serde_json::Map<String, Json>) -> Map {
    object
        .iter()
        .map(|(key, value)| (key.clone(), from_json(value)))
        .collect()
}

fn number_from_json(number: &serde_json::Number) -> Number {
    if let Some(int) = number.as_i64() {
        return Number::Int(int);
    }
    let text = number.to_string();
    if text.contains(['.', 'e', 'E']) {
        Number::Float(number.as_f64().unwrap_or(f64::NAN))
    } else {
        Number::Big(text)
    }
}

/// The JSON value as it may be shown or stored: a secret is the text `(secret)`.
pub fn shown(value: &Value) -> Json {
    to_json(value, |_| Json::String(SECRET_TEXT.to_owned()))
}

/// The JSON value as it is sent to the platform: secrets in plain text. Only for request bodies.
pub fn sent(value: &Value) -> Json {
    to_json(value, |secret| Json::String(secret.expose().to_owned()))
}

fn to_json(value: &Value, secret: fn(&Secret) -> Json) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Number(number) => number_to_json(number),
        Value::String(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(|item| to_json(item, secret)).collect()),
        Value::Map(map) => Json::Object(
            map.iter()
                .map(|(key, value)| (key.clone(), to_json(value, secret)))
                .collect(),
        ),
        Value::Secret(hidden) => secret(hidden),
    }
}

fn number_to_json(number: &Number) -> Json {
    match number {
        Number::Int(int) => Json::from(*int),
        // With `arbitrary_precision` the parser keeps every digit.
        Number::Big(digits) => serde_json::from_str(digits).unwrap_or(Json::Null),
        Number::Float(float) => serde_json::Number::from_f64(*float).map_or(Json::Null, Json::Number),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_size_and_their_sort() {
        let text = r#"{"z":1,"big":123456789012345678901234567890,"f":1.0,"e":1e3}"#;
        let value = from_json(&serde_json::from_str(text).unwrap());
        let map = value.as_map().unwrap();
        assert_eq!(map["z"], Value::from(1));
        assert_eq!(
            map["big"],
            Value::Number(Number::Big("123456789012345678901234567890".into()))
        );
        assert_eq!(map["f"], Value::from(1.0));
        assert_eq!(map["e"], Value::from(1000.0));
        assert!(shown(&value).to_string().contains("123456789012345678901234567890"));
    }

    #[test]
    fn a_secret_is_sent_but_never_shown() {
        let value = Value::Secret(Secret::new("hunter2"));
        assert_eq!(shown(&value), Json::from("(secret)"));
        assert_eq!(sent(&value), Json::from("hunter2"));
    }
}
