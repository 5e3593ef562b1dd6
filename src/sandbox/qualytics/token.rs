//! Bearer tokens: texts in the shape of a JWT, because the official client reads the claims before it sends one.

use sha2::{Digest, Sha256};

use super::permission::Role;
use super::state::{Instance, Token};
use super::wire::{Caller, Refusal};

/// The administrator's token: claims `{"sub":"admin@sandbox.example"}`, no `exp`.
pub const ADMIN_TOKEN: &str =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZG1pbkBzYW5kYm94LmV4YW1wbGUifQ.c2FuZGJveC1hZG1pbi1zaWduYXR1cmU";

const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// A token for a subject. The same subject, serial and expiry give the same text.
pub(super) fn mint(subject: &str, serial: usize, expires: Option<i64>) -> String {
    let mut claims = serde_json::Map::new();
    claims.insert("sub".to_owned(), subject.into());
    if serial > 0 {
        claims.insert("jti".to_owned(), serial.into());
    }
    if let Some(expires) = expires {
        claims.insert("exp".to_owned(), expires.into());
    }
    let claims = base64url(serde_json::Value::Object(claims).to_string().as_bytes());
    let signature = base64url(&Sha256::digest(format!("{HEADER}.{claims}.sandbox").as_bytes()));
    format!("{HEADER}.{claims}.{signature}")
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = u32::from(chunk[0]) << 16
            | u32::from(chunk.get(1).copied().unwrap_or(0)) << 8
            | u32::from(chunk.get(2).copied().unwrap_or(0));
        for place in 0..=chunk.len() {
            out.push(char::from(ALPHABET[(word >> (18 - 6 * place) & 63) as usize]));
        }
    }
    out
}

impl Instance {
    /// Who bears this `Authorization` header at `now` (unix seconds).
    pub(super) fn authenticate(&self, header: Option<&str>, now: i64) -> Result<Caller, Refusal> {
        let refused = |why: &str| Refusal::text(401, why);
        let header = header.ok_or_else(|| refused("Not authenticated"))?;
        let (scheme, token) = header.split_once(' ').ok_or_else(|| refused("Not authenticated"))?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(refused("Not authenticated"));
        }
        let Some(Token { user, expires }) = self.tokens.get(token.trim()) else {
            return Err(refused("Invalid token"));
        };
        if expires.is_some_and(|expires| expires <= now) {
            return Err(refused("Token has expired"));
        }
        let role = self
            .users
            .get(*user)
            .map(|user| user.role)
            .ok_or_else(|| refused("Invalid token"))?;
        Ok(Caller { id: *user, role })
    }

    /// What the server does in its own name.
    pub(super) const fn own_hand() -> Caller {
        Caller {
            id: 1,
            role: Role::Admin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_token_has_the_shape_of_the_minted_ones() {
        let minted = mint("admin@sandbox.example", 0, None);
        let head = |token: &str| token.rsplit_once('.').map(|(head, _)| head.to_owned());
        assert_eq!(head(ADMIN_TOKEN), head(&minted));
    }
}
