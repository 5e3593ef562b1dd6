//! A difference of one resource as it is shown.

use crate::document::Document;
use crate::field::FieldPath;
use crate::plan::{Action, Change, Class, FieldChange};
use crate::value::Map;

/// What is done to the resource of `document`, with its fields in order and the place that says so.
pub(super) fn change(document: &Document, action: Action, mut fields: Vec<FieldChange>) -> Change {
    fields.sort_by(|a, b| a.path.cmp(&b.path));
    let class = fields.iter().map(|field| field.class).max().unwrap_or(Class::Pending);
    let first = fields.iter().map(|field| document.origin.place(&field.path)).min();
    let place = match action {
        Action::Create => Some(document.origin.start()),
        Action::Update | Action::Replace(_) | Action::Delete(_) | Action::Operation(_) => first,
    };
    Change {
        key: document.key.clone(),
        action,
        class,
        fields,
        place,
        edited: None,
    }
}

/// The fields of a creation, as they are shown: top-level, in the order of the document.
pub(super) fn fields_of(write: &Map, class: Class) -> Vec<FieldChange> {
    write
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(field, value)| FieldChange {
            path: FieldPath::top(field.clone()),
            class,
            before: None,
            after: Some(value.clone()),
        })
        .collect()
}
