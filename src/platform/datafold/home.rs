//! Where a field belongs that stands in the wrong place.

use driftless_core::field::FieldPath;

use super::form::{Form, Object};

/// Where a field belongs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// At the top of the document.
    Top,
    /// Inside of this field.
    In(FieldPath),
}

/// Where a document of this object has a field of this name: the outermost place. None where many objects have one, each of its own.
pub(super) fn of(root: &Object, name: &str) -> Option<Home> {
    if ["type", "name", "value", "default"].contains(&name) {
        return None;
    }
    if root.field(name).is_some() {
        return Some(Home::Top);
    }
    let mut level: Vec<(FieldPath, Form)> = fields(root, None);
    while !level.is_empty() {
        let mut next = Vec::new();
        for (path, form) in level {
            for object in objects(form) {
                if object.field(name).is_some() {
                    return Some(Home::In(path));
                }
                next.extend(fields(object, Some(&path)));
            }
        }
        level = next;
    }
    None
}

fn fields(object: &Object, within: Option<&FieldPath>) -> Vec<(FieldPath, Form)> {
    let path = |name: &str| within.map_or_else(|| FieldPath::top(name), |path| path.child(name));
    object.all().map(|field| (path(field.name), field.form)).collect()
}

/// The objects that may stand at a place which a document's keys lead to.
fn objects(form: Form) -> Vec<&'static Object> {
    match form {
        Form::Object(object) => vec![object],
        Form::Tagged(tagged) => tagged.variants.iter().map(|(_, object)| *object).collect(),
        Form::List(item) => objects(*item),
        _ => Vec::new(),
    }
}
