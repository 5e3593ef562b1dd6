//! What both sides last agreed on, per key: the third side of the comparison.

use std::collections::BTreeMap;
use std::fmt;

use crate::field::FieldPath;
use crate::key::{Key, RemoteId, Revision};
use crate::value::{Map, Secret};

/// The last agreed state of an environment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// One entry a resource that driftless owns.
    pub entries: BTreeMap<Key, LedgerEntry>,
}

/// What was last agreed on for one resource.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerEntry {
    /// The desired spec that was written or found to mean what is live, as Git said it, without secrets.
    pub spec: Map,
    /// Fingerprints of the secrets that were sent.
    pub fingerprints: BTreeMap<FieldPath, Fingerprint>,
    /// The number it has there.
    pub remote: Option<RemoteId>,
    /// The revision of that agreement.
    pub revision: Revision,
    /// Whether Git said, when it last named the resource, that it must never be deleted: remembered here, so that taking the
    /// document away does not take the protection away.
    pub protected: bool,
}

/// A keyed hash of a secret: tells whether it changed, and nothing else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(pub String);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(fingerprint)")
    }
}

/// The key of the fingerprints: made once per store, kept beside it.
#[derive(Clone)]
pub struct FingerprintKey(Vec<u8>);

impl FingerprintKey {
    /// Wraps key material; 32 random bytes are meant.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The fingerprint (HMAC-SHA256, hexadecimal) of a secret at a field of a resource: equal secrets at different places
    /// have different fingerprints.
    pub fn fingerprint(&self, key: &Key, field: &FieldPath, secret: &Secret) -> Fingerprint {
        use hmac::{Hmac, KeyInit as _, Mac as _};
        let Ok(mut mac) = Hmac::<sha2::Sha256>::new_from_slice(&self.0) else {
            return Fingerprint(String::new()); // HMAC takes keys of any length: there is no such case
        };
        for part in [&key.to_string(), &field.to_string(), secret.expose()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Fingerprint(
            mac.finalize()
                .into_bytes()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        )
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(fingerprint key)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Kind;

    #[test]
    fn equal_secrets_at_different_places_have_different_fingerprints() {
        let key = FingerprintKey::new(vec![7; 32]);
        let a = Key::new(Kind("connection"), ["a"]);
        let b = Key::new(Kind("connection"), ["b"]);
        let field = FieldPath::top("password");
        let secret = Secret::new("x");
        assert_eq!(
            key.fingerprint(&a, &field, &secret),
            key.fingerprint(&a, &field, &secret)
        );
        assert_ne!(
            key.fingerprint(&a, &field, &secret),
            key.fingerprint(&b, &field, &secret)
        );
        assert_ne!(
            key.fingerprint(&a, &field, &secret),
            key.fingerprint(&a, &field, &Secret::new("y"))
        );
    }
}
