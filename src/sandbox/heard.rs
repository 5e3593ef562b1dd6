//! One request, as the edge heard it.

use axum::body::Bytes;
use serde_json::{Value, json};

use super::wire::Refusal;

/// Method, address, the headers that count, and the body.
pub(super) struct Heard {
    pub(super) method: String,
    pub(super) path: String,
    /// Without the question mark; empty when there is none.
    pub(super) query: String,
    pub(super) authorization: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) accept: Option<String>,
    pub(super) body: Bytes,
}

impl Heard {
    /// The body as JSON, null when there is none; another media type is a 415, and what is no JSON a 422.
    pub(super) fn json(&self) -> Result<Value, Refusal> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        if !self
            .content_type
            .as_deref()
            .is_some_and(|kind| kind.to_ascii_lowercase().contains("json"))
        {
            return Err(Refusal::text(
                415,
                "Unsupported media type: the body must be application/json",
            ));
        }
        serde_json::from_slice(&self.body)
            .map_err(|fault| Refusal::invalid(json!(["body", fault.column()]), "JSON decode error", "json_invalid"))
    }
}
