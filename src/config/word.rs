//! Words of which one is to be taken.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};

/// Reads one of `words`; whatever else stands there, the fault names them.
pub(super) fn of<'de, D: Deserializer<'de>>(
    deserializer: D,
    words: &'static [&'static str],
) -> Result<&'static str, D::Error> {
    deserializer.deserialize_any(Words(words))
}

struct Words(&'static [&'static str]);

impl Visitor<'_> for Words {
    type Value = &'static str;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&listed(self.0))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<&'static str, E> {
        let found = self.0.iter().find(|word| **word == text).copied();
        found.ok_or_else(|| E::unknown_variant(text, self.0))
    }
}

/// The words as serde lists them: `` `a` or `b` ``, ``one of `a`, `b`, `c` ``.
pub(super) fn listed(words: &[&str]) -> String {
    match words {
        [one] => format!("`{one}`"),
        [one, other] => format!("`{one}` or `{other}`"),
        words => {
            let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            format!("one of {}", quoted.join(", "))
        }
    }
}
