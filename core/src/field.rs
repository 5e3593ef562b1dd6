//! Field paths: where in a document something stands.

use std::fmt;

use crate::value::{Map, Value};

/// A path into a document, outermost key first: `properties.min`. Lists are leaves: no path goes into one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(Vec<String>);

impl FieldPath {
    /// The path of a top-level field.
    pub fn top(name: impl Into<String>) -> Self {
        Self(vec![name.into()])
    }

    /// Reads a dotted path as tables and config files write it. A key that holds a dot cannot be written this way.
    pub fn dotted(text: &str) -> Self {
        Self(text.split('.').map(str::to_owned).collect())
    }

    /// Reads a path as it is shown: a key that holds a dot stands in quotes, `additional_metadata."team.name"`. A quote that does
    /// not end as one is a sign like any other.
    pub fn shown(text: &str) -> Self {
        let mut keys = Vec::new();
        let mut rest = text;
        loop {
            let quoted = quoted(rest).filter(|(_, after)| after.is_empty() || after.starts_with('.'));
            let (key, after) = quoted.unwrap_or_else(|| {
                let (key, after) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
                (key.to_owned(), after)
            });
            keys.push(key);
            match after.strip_prefix('.') {
                Some(next) => rest = next,
                None => return Self(keys),
            }
        }
    }

    /// This path, one key further in.
    pub fn child(&self, key: impl Into<String>) -> Self {
        let mut path = self.0.clone();
        path.push(key.into());
        Self(path)
    }

    /// The path of what this one is directly in; `None` for a top-level field.
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.0.split_last()?;
        (!above.is_empty()).then(|| Self(above.to_vec()))
    }

    /// The path of another key in the same map.
    pub fn beside(&self, key: impl Into<String>) -> Self {
        match self.parent() {
            Some(parent) => parent.child(key),
            None => Self::top(key),
        }
    }

    /// The keys, outermost first; never empty.
    pub fn keys(&self) -> &[String] {
        &self.0
    }

    /// The top-level field that this path is in.
    pub fn head(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// Whether this path is `other` or inside it.
    pub fn is_within(&self, other: &FieldPath) -> bool {
        self.0.starts_with(&other.0)
    }

    /// What stands at this path in `map`.
    pub fn get<'a>(&self, map: &'a Map) -> Option<&'a Value> {
        let (last, parents) = self.0.split_last()?;
        let mut here = map;
        for key in parents {
            here = here.get(key)?.as_map()?;
        }
        here.get(last)
    }

    /// Puts `value` at this path, making maps on the way; what stands in the way and is no map is replaced.
    pub fn set(&self, map: &mut Map, value: Value) {
        let Some((last, parents)) = self.0.split_last() else {
            return;
        };
        let mut here = map;
        for key in parents {
            let slot = here.entry(key.clone()).or_insert_with(|| Value::Map(Map::new()));
            if !matches!(slot, Value::Map(_)) {
                *slot = Value::Map(Map::new());
            }
            let Value::Map(next) = slot else { return };
            here = next;
        }
        here.insert(last.clone(), value);
    }

    /// Takes away what stands at this path, keeping the order of the rest.
    pub fn remove(&self, map: &mut Map) -> Option<Value> {
        let (last, parents) = self.0.split_last()?;
        let mut here = map;
        for key in parents {
            let Some(Value::Map(next)) = here.get_mut(key) else {
                return None;
            };
            here = next;
        }
        here.shift_remove(last)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, key) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            if key.contains('.') || key.starts_with('"') || key.is_empty() {
                write!(f, "\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))?
            } else {
                f.write_str(key)?
            }
        }
        Ok(())
    }
}

/// The key in quotes that `text` begins with, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut signs = text.strip_prefix('"')?.chars();
    let mut key = String::new();
    loop {
        match signs.next()? {
            '"' => return Some((key, signs.as_str())),
            '\\' => key.push(signs.next()?),
            sign => key.push(sign),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_path_is_read_as_it_is_shown(keys in prop::collection::vec(r#"[ab."\\\\\n]{0,4}"#, 1..4)) {
            let path = FieldPath(keys);
            prop_assert_eq!(FieldPath::shown(&path.to_string()), path);
        }
    }

    #[test]
    fn a_key_with_a_dot_is_shown_in_quotes_and_a_quote_may_stand_anywhere() {
        let path = FieldPath::top("additional_metadata").child("team.name");
        assert_eq!(path.to_string(), r#"additional_metadata."team.name""#);
        assert_eq!(FieldPath::shown(r#"a."b"#).keys(), ["a", "\"b"]);
    }

    #[test]
    fn what_is_set_is_got_and_removed() {
        let mut map = Map::new();
        let path = FieldPath::dotted("a.b.c");
        path.set(&mut map, Value::from(1));
        assert_eq!(path.get(&map), Some(&Value::from(1)));
        assert_eq!(path.remove(&mut map), Some(Value::from(1)));
        assert_eq!(path.get(&map), None);
        assert_eq!(path.to_string(), "a.b.c");
    }
}
