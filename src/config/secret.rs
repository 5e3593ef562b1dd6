//! Secrets of the config file: text that is there, and that no fault quotes.

use std::fmt;

use driftless_core::value::Secret;
use serde::de::{Deserializer, Error, Visitor};

struct Hidden;

impl Visitor<'_> for Hidden {
    type Value = Secret;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
        // The final newline of a secret that was read from a file is no part of it, and no HTTP header takes one.
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(E::custom("is empty")),
            text if text.contains(['\r', '\n']) => Err(E::custom("should be on one line")),
            text => Ok(Secret::new(text)),
        }
    }
}

/// Reads a secret.
pub(super) fn required<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    deserializer.deserialize_any(Hidden)
}

/// Reads a secret that may be absent.
pub(super) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    required(deserializer).map(Some)
}
