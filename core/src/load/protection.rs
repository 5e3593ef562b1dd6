//! `protect`: what must never be deleted nor replaced.

use super::Loader;
use crate::diagnostic::Diagnostic;
use crate::document::{Origin, PROTECT};
use crate::field::FieldPath;
use crate::key::Key;
use crate::value::{Map, Value};

impl Loader<'_> {
    /// Whether `spec` says that its resource is protected.
    pub(super) fn protected(&mut self, key: &Key, spec: &Map, origin: &Origin) -> bool {
        let knows = |spec: &crate::schema::KindSpec| spec.directives.contains(&PROTECT);
        let Some(said) = spec
            .get(PROTECT)
            .filter(|_| self.schema.spec(key.kind).is_some_and(knows))
        else {
            return false;
        };
        match said {
            Value::Bool(protected) => *protected,
            Value::Null => false,
            other => {
                // Taken for `false` it would leave unprotected what somebody meant to protect.
                let message = format!("`{PROTECT}` must be true or false, not {}", other.noun());
                let fault = Diagnostic::error("wrong_type", message).help("write `protect: true`, without quotes");
                self.fail(
                    key.kind,
                    Some(key.clone()),
                    fault.at(origin.place(&FieldPath::top(PROTECT))),
                );
                true
            }
        }
    }
}
