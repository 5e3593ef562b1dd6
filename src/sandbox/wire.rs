//! One request and its answer, free of HTTP machinery: what handlers take and return.

use serde_json::{Value, json};

use super::table::Id;

/// A request that was routed and authenticated; `C` says who calls.
pub(super) struct Call<C> {
    pub(super) caller: C,
    /// The values of the path's parameters, in their order, percent-decoded.
    pub(super) path: Vec<String>,
    pub(super) query: Query,
    /// The JSON body; null when there was none.
    pub(super) body: Value,
}

impl<C> Call<C> {
    /// The path parameter at `index` as an id; one that is no number is a 422, as the platform's framework does.
    pub(super) fn id(&self, index: usize) -> Result<Id, Refusal> {
        let text = self.path.get(index).map_or("", String::as_str);
        text.parse().map_err(|_| {
            Refusal::invalid(
                json!(["path", "id"]),
                "Input should be a valid integer, unable to parse string as an integer",
                "int_parsing",
            )
        })
    }
}

/// The query of a request: repeated keys stay repeated.
#[derive(Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        Self(
            text.split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(key), decode(value))
                })
                .collect(),
        )
    }

    pub(super) fn first(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// The values of a repeated key as a filter; empty means that nothing is filtered.
    pub(super) fn set(&self, key: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The ids of a repeated key; a value that is no number is a 422.
    pub(super) fn ids(&self, key: &str) -> Result<Vec<Id>, Refusal> {
        self.all(key)
            .map(|text| {
                text.parse().map_err(|_| {
                    Refusal::invalid(json!(["query", key]), "Input should be a valid integer", "int_parsing")
                })
            })
            .collect()
    }

    /// A boolean in any of the spellings the platform's framework takes.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, Refusal> {
        self.first(key)
            .map(|text| match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" | "t" | "y" => Ok(true),
                "false" | "0" | "no" | "off" | "f" | "n" => Ok(false),
                _ => Err(Refusal::invalid(
                    json!(["query", key]),
                    "Input should be a valid boolean, unable to interpret input",
                    "bool_parsing",
                )),
            })
            .transpose()
    }
}

/// Percent-decoding, with `+` as a space, as in a form.
pub(super) fn decode(text: &str) -> String {
    decode_bytes(&text.replace('+', " "))
}

/// Percent-decoding of a path segment, where `+` is itself.
pub(super) fn decode_bytes(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What a handler answers.
#[derive(Debug)]
pub(super) enum Answer {
    /// 200 with a body.
    Ok(Value),
    /// The status with which this platform says that something was made, with a body.
    Created(Value),
    /// No body.
    Empty,
}

/// What a handler refuses with.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) body: Value,
}

/// The result of every handler.
pub(super) type Outcome = Result<Answer, Refusal>;

impl Refusal {
    /// A status with one sentence as `detail`.
    pub(super) fn text(status: u16, detail: impl Into<String>) -> Self {
        Self {
            status,
            body: json!({ "detail": detail.into() }),
        }
    }

    pub(super) fn not_found(kind: &str, id: Id) -> Self {
        Self::text(404, format!("{kind} id: {id} not found"))
    }

    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::text(409, detail)
    }

    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self::text(400, detail)
    }

    /// 422 with one fault; `place` is the path to the value, the part of the request first.
    pub(super) fn invalid(place: Value, message: impl Into<String>, kind: &str) -> Self {
        Self {
            status: 422,
            body: json!({ "detail": [{ "loc": place, "msg": message.into(), "type": kind }] }),
        }
    }
}
