//! Fingerprints: what is shown of bodies and secrets.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A text that tells two contents apart without showing either.
pub(super) fn fingerprint(bytes: &[u8]) -> Value {
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    json!(format!("sha256:{hex}"))
}
