//! The scalars of a document, those inside lists included: what substitution walks over.

use crate::field::FieldPath;
use crate::value::{Map, Value};

/// A scalar's place in a document, indices into lists included.
pub(super) struct Leaf {
    pub(super) path: FieldPath,
    /// Where in lists it stands, below `path`.
    inside: Vec<Inside>,
}

#[derive(Clone)]
enum Inside {
    Index(usize),
    Key(String),
}

impl Leaf {
    pub(super) fn is_within(&self, other: &FieldPath) -> bool {
        self.path.is_within(other)
    }

    pub(super) fn get<'a>(&self, spec: &'a Map) -> Option<&'a Value> {
        self.inside
            .iter()
            .try_fold(self.path.get(spec)?, |value, step| match step {
                Inside::Index(index) => value.as_list()?.get(*index),
                Inside::Key(key) => value.as_map()?.get(key),
            })
    }

    pub(super) fn set(&self, spec: &mut Map, value: Value) {
        if self.inside.is_empty() {
            self.path.set(spec, value);
            return;
        }
        let Some(mut here) = self.path.get(spec).cloned() else {
            return;
        };
        replace(&mut here, &self.inside, value);
        self.path.set(spec, here);
    }
}

fn replace(here: &mut Value, steps: &[Inside], value: Value) {
    let Some((step, rest)) = steps.split_first() else {
        *here = value;
        return;
    };
    let next = match (step, here) {
        (Inside::Index(index), Value::List(items)) => items.get_mut(*index),
        (Inside::Key(key), Value::Map(map)) => map.get_mut(key),
        _ => None,
    };
    if let Some(next) = next {
        replace(next, rest, value);
    }
}

/// Every scalar but null, with its text when it is one.
pub(super) fn scalars(spec: &Map, parent: Option<&FieldPath>, found: &mut Vec<(Leaf, Option<String>)>) {
    for (key, value) in spec {
        let path = parent.map_or_else(|| FieldPath::top(key.clone()), |parent| parent.child(key.clone()));
        match value {
            Value::Map(map) => scalars(map, Some(&path), found),
            Value::List(items) => in_list(items, &path, &[], found),
            Value::Null => {}
            Value::String(text) => found.push((
                Leaf {
                    path,
                    inside: Vec::new(),
                },
                Some(text.clone()),
            )),
            Value::Bool(_) | Value::Number(_) | Value::Secret(_) => {
                found.push((
                    Leaf {
                        path,
                        inside: Vec::new(),
                    },
                    None,
                ));
            }
        }
    }
}

fn in_list(items: &[Value], path: &FieldPath, steps: &[Inside], found: &mut Vec<(Leaf, Option<String>)>) {
    for (index, item) in items.iter().enumerate() {
        below(item, path, &[steps, &[Inside::Index(index)]].concat(), found);
    }
}

fn below(value: &Value, path: &FieldPath, steps: &[Inside], found: &mut Vec<(Leaf, Option<String>)>) {
    match value {
        Value::List(items) => in_list(items, path, steps, found),
        Value::Map(map) => {
            for (key, value) in map {
                below(value, path, &[steps, &[Inside::Key(key.clone())]].concat(), found);
            }
        }
        Value::Null => {}
        Value::String(text) => {
            found.push((
                Leaf {
                    path: path.clone(),
                    inside: steps.to_vec(),
                },
                Some(text.clone()),
            ));
        }
        Value::Bool(_) | Value::Number(_) | Value::Secret(_) => {
            found.push((
                Leaf {
                    path: path.clone(),
                    inside: steps.to_vec(),
                },
                None,
            ));
        }
    }
}
