//! Addresses: what names a resource in Git, on an instance, and in time.

use std::fmt;
use std::sync::Arc;

/// A type of resource, as the platform's table of kinds spells it (`check`). Opaque to core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub &'static str);

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The portable address of a resource, for example `check/warehouse-prod/orders__isnotnull__id`.
///
/// Stable across environments, instances and re-creation; changed by a rename in Git alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The type of the resource.
    pub kind: Kind,
    path: Arc<[String]>,
}

impl Key {
    /// Makes a key from the names of the resource's parents, outermost first, and its own.
    pub fn new(kind: Kind, path: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            kind,
            path: path.into_iter().map(Into::into).collect(),
        }
    }

    /// The names, outermost first; the last one is the resource's own.
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// The resource's own name: the last one of the path.
    pub fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// This key with another name at one place of its path, counted from 0.
    pub(crate) fn with_name(&self, segment: usize, name: &str) -> Self {
        let names = self.path.iter().enumerate();
        Self::new(
            self.kind,
            names.map(|(index, old)| if index == segment { name } else { old.as_str() }),
        )
    }

    /// The key of a sibling: the same kind and parents, another name.
    pub fn sibling(&self, name: &str) -> Self {
        self.with_name(self.path.len().saturating_sub(1), name)
    }

    /// The names of the parents, outermost first.
    pub(crate) fn parents(&self) -> &[String] {
        self.path.split_last().map_or(&[], |(_, parents)| parents)
    }

    /// Whether this key's path begins with the whole path of `parent`.
    pub fn is_below(&self, parent: &Key) -> bool {
        self.path.len() > parent.path.len() && self.path.starts_with(&parent.path)
    }

    /// The path without the kind, each name escaped: what stands after the first `/`.
    pub fn path_text(&self) -> String {
        self.path.iter().map(|name| escape(name)).collect::<Vec<_>>().join("/")
    }

    /// Reads what `Display` wrote; `kinds` are the names that the platform knows. `None` for anything else.
    pub fn parse(text: &str, kinds: impl IntoIterator<Item = Kind>) -> Option<Self> {
        let (kind, path) = text.split_once('/')?;
        let kind = kinds.into_iter().find(|known| known.0 == kind)?;
        let path: Option<Vec<String>> = path.split('/').map(unescape).collect();
        Some(Self::new(kind, path?))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.path_text())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Escapes what would make a key ambiguous or break a line: `/`, `%` and control characters, as `%XX` of each byte.
fn escape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c == '/' || c == '%' || c.is_control() {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

fn unescape(name: &str) -> Option<String> {
    let mut out = Vec::with_capacity(name.len());
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            out.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

/// The number that one instance gave a resource: never in Git, never compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RemoteId(pub i64);

impl fmt::Display for RemoteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A commit (full hexadecimal id), or the digest of a local folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub String);

impl Revision {
    /// The first characters of the id, enough for a person.
    pub fn short(&self) -> &str {
        self.0.get(..SHORT).unwrap_or(&self.0)
    }
}

/// Length of a short id: Git shows 7 to 12, hosts link from 7 up.
const SHORT: usize = 10;

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an environment in the config file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentName(pub String);

impl fmt::Display for EnvironmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A SHA-256 in hexadecimal: of a plan's content, or of what tells resources apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub String);

impl Digest {
    /// The digest of `text`.
    pub fn of(text: &str) -> Self {
        use sha2::Digest as _;
        Self(
            sha2::Sha256::digest(text.as_bytes())
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        )
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_what_it_wrote_whatever_the_names() {
        let kind = Kind("check");
        for path in [vec!["a", "b"], vec!["sales.2024/q1.csv", "100%"], vec!["", "x\ny", "é"]] {
            let key = Key::new(kind, path);
            assert_eq!(Key::parse(&key.to_string(), [kind]), Some(key));
        }
        assert_eq!(Key::parse("nothing/a", [kind]), None);
    }
}
