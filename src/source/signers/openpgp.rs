//! OpenPGP keys of those who may sign, and their signatures.

use chrono::{DateTime, TimeDelta, Utc};
use pgp::composed::{Deserializable as _, DetachedSignature, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType};
use pgp::types::{Fingerprint, KeyDetails, KeyId, Tag, VerifyingKey};

use super::{Doubt, day};

/// How a file of public keys begins.
pub(super) const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// A primary key with its subkeys and what its owner says of them.
#[derive(Debug)]
pub(super) struct Certificate(SignedPublicKey);

/// Reads all keys of all armoured blocks of a file.
///
/// # Errors
/// Why one of them cannot be read.
pub(super) fn read(text: &str) -> Result<Vec<Certificate>, String> {
    let broken = |error: pgp::errors::Error| {
        format!("an OpenPGP key cannot be read ({error}): export it anew with `gpg --armor --export`")
    };
    let mut certificates = Vec::new();
    let starts: Vec<usize> = text.match_indices(BEGIN).map(|(at, _)| at).collect();
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(text.len());
        let block = text.get(*start..end).unwrap_or_default();
        let (keys, _) = SignedPublicKey::from_armor_many(block.as_bytes()).map_err(broken)?;
        for key in keys {
            certificates.push(Certificate(key.map_err(broken)?));
        }
    }
    Ok(certificates)
}

/// Verifies an armoured, detached signature.
pub(super) fn verify(
    certificates: &[Certificate],
    armour: &[u8],
    payload: &[u8],
    now: DateTime<Utc>,
) -> Result<String, Doubt> {
    let unreadable = |error: pgp::errors::Error| Doubt::Unreadable(error.to_string());
    let (found, _) = DetachedSignature::from_armor_many(armour).map_err(unreadable)?;
    let signatures = found.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    let [DetachedSignature { signature }] = signatures.as_slice() else {
        // Which of several counts would be a guess.
        let count = signatures.len();
        return Err(Doubt::Unreadable(format!("it is {count} signatures and not one")));
    };
    for certificate in certificates {
        if let Some(result) = certificate.judge(signature, payload, now) {
            return result;
        }
    }
    let named = signature.issuer_fingerprint().first().map(|print| print.to_string());
    let named = named.or_else(|| signature.issuer_key_id().first().map(|id| id.to_string()));
    let named = named.map_or("an OpenPGP key that it does not name".to_owned(), |id| {
        format!("the OpenPGP key {}", id.to_uppercase())
    });
    Err(Doubt::Unknown { key: named })
}

impl Certificate {
    /// What the signature is worth, if it is by a key of this certificate.
    fn judge(&self, signature: &Signature, payload: &[u8], now: DateTime<Utc>) -> Option<Result<String, Doubt>> {
        let Self(certificate) = self;
        let primary = &certificate.primary_key;
        if is_issuer(signature, primary.fingerprint(), primary.legacy_key_id()) {
            let key = self.name(&primary.fingerprint());
            let judged = of_payload(signature, primary, payload, &key)
                .and_then(|()| self.own(now, &key))
                .and_then(|own| may_sign(own, &key))
                .and_then(|()| in_time(signature, &key, now));
            return Some(judged.map(|()| key));
        }
        let subkey = certificate
            .public_subkeys
            .iter()
            .find(|subkey| is_issuer(signature, subkey.key.fingerprint(), subkey.key.legacy_key_id()))?;
        let key = self.name(&subkey.key.fingerprint());
        let judged = of_payload(signature, &subkey.key, payload, &key)
            .and_then(|()| self.own(now, &key).map(|_| ()))
            .and_then(|()| self.bound(subkey, now, &key))
            .and_then(|()| in_time(signature, &key, now));
        Some(judged.map(|()| key))
    }

    /// The key as a person knows it: the fingerprint, and whose it says it is.
    fn name(&self, fingerprint: &Fingerprint) -> String {
        let print = fingerprint.to_string().to_uppercase();
        let user = self.0.details.users.first();
        let user = user.map(|user| String::from_utf8_lossy(user.id.id()).into_owned());
        match user {
            Some(user) => format!("the OpenPGP key {print} ({})", user.escape_debug()),
            None => format!("the OpenPGP key {print}"),
        }
    }

    /// The newest thing that the primary key says of itself, once it is known to be in force.
    fn own(&self, now: DateTime<Utc>, key: &str) -> Result<&Signature, Doubt> {
        let Self(certificate) = self;
        let (primary, details) = (&certificate.primary_key, &certificate.details);
        let revocation = details
            .revocation_signatures
            .iter()
            .find(|revocation| revocation.verify_key(primary).is_ok());
        if let Some(revocation) = revocation {
            return Err(revoked(revocation, key));
        }
        let of_users = details.users.iter().flat_map(|user| {
            user.signatures.iter().filter(|signature| {
                // Others' signatures on a user's name say nothing of the key; `gpg --export` brings them along.
                signature.typ() != Some(SignatureType::CertRevocation)
                    && signature.verify_certification(primary, Tag::UserId, &user.id).is_ok()
            })
        });
        let direct = details
            .direct_signatures
            .iter()
            .filter(|signature| signature.verify_key(primary).is_ok());
        let newest = direct.chain(of_users).max_by_key(|signature| created(signature));
        let newest = newest.ok_or_else(|| Doubt::Unfit {
            key: key.to_owned(),
            why: "nothing that the key says of itself is signed by it: export it anew with `gpg --armor --export`"
                .to_owned(),
        })?;
        in_force(newest, primary.created_at().as_secs(), now, key)?;
        Ok(newest)
    }

    /// Whether the primary key says that the subkey signs for it, the subkey agrees, and neither took it back.
    fn bound(&self, subkey: &SignedPublicSubKey, now: DateTime<Utc>, key: &str) -> Result<(), Doubt> {
        let primary = &self.0.primary_key;
        let said: Vec<&Signature> = subkey
            .signatures
            .iter()
            .filter(|signature| signature.verify_subkey_binding(primary, &subkey.key).is_ok())
            .collect();
        let of = |typ| {
            said.iter()
                .copied()
                .filter(move |signature| signature.typ() == Some(typ))
        };
        if let Some(revocation) = of(SignatureType::SubkeyRevocation).next() {
            return Err(revoked(revocation, key));
        }
        let unfit = |why: &str| Doubt::Unfit {
            key: key.to_owned(),
            why: why.to_owned(),
        };
        let binding = of(SignatureType::SubkeyBinding)
            .max_by_key(|signature| created(signature))
            .ok_or_else(|| {
                unfit("its primary key does not acknowledge it: export it anew with `gpg --armor --export`")
            })?;
        if !binding.key_flags().sign() {
            return Err(unfit("that subkey is not meant for signing: sign with one that is"));
        }
        // Without it, anybody could claim another's signing key as a subkey.
        let agreed = binding
            .embedded_signature()
            .is_some_and(|back| back.verify_primary_key_binding(&subkey.key, primary).is_ok());
        if !agreed {
            return Err(unfit(
                "that subkey does not acknowledge its primary key: export it anew with `gpg --armor --export`",
            ));
        }
        in_force(binding, subkey.key.created_at().as_secs(), now, key)
    }
}

/// Whether the signature says that it is by this key. Nothing depends on it but the choice of the key to try.
fn is_issuer(signature: &Signature, fingerprint: Fingerprint, id: KeyId) -> bool {
    let prints = signature.issuer_fingerprint();
    if prints.is_empty() {
        return signature.issuer_key_id().contains(&&id);
    }
    prints.contains(&&fingerprint)
}

fn of_payload(signature: &Signature, key: &impl VerifyingKey, payload: &[u8], name: &str) -> Result<(), Doubt> {
    let key_name = || name.to_owned();
    if signature.typ() != Some(SignatureType::Binary) {
        let why = "it is no signature of a document: sign it with Git".to_owned();
        return Err(Doubt::Unfit { key: key_name(), why });
    }
    let weak = [HashAlgorithm::Md5, HashAlgorithm::Sha1, HashAlgorithm::Ripemd160];
    if let Some(hash) = signature.hash_alg().filter(|hash| weak.contains(hash)) {
        let why = format!("over the digest {hash}, which can be forged: sign it with SHA-256 or better");
        return Err(Doubt::Unfit { key: key_name(), why });
    }
    signature
        .verify(key, payload)
        .map_err(|_| Doubt::Altered { key: key_name() })
}

/// A primary key that does not say what it is for may sign.
fn may_sign(own: &Signature, key: &str) -> Result<(), Doubt> {
    let flags = own.key_flags();
    let says_other = flags.certify() || flags.encrypt_comms() || flags.encrypt_storage() || flags.authentication();
    if says_other && !flags.sign() {
        return Err(Doubt::Unfit {
            key: key.to_owned(),
            why: "that key is not meant for signing: sign with one that is".to_owned(),
        });
    }
    Ok(())
}

/// Whether a key that was made at `created` (seconds since 1970) has not expired by what `says` of it.
fn in_force(says: &Signature, created: u32, now: DateTime<Utc>, key: &str) -> Result<(), Doubt> {
    let lasts = says.key_expiration_time().map_or(0, |lasts| lasts.as_secs());
    expires(created, lasts, now).map_or(Ok(()), |since| {
        Err(Doubt::Expired {
            key: key.to_owned(),
            since: day(since),
        })
    })
}

/// Whether the signature itself was given an end.
fn in_time(signature: &Signature, key: &str, now: DateTime<Utc>) -> Result<(), Doubt> {
    let lasts = signature.signature_expiration_time().map_or(0, |lasts| lasts.as_secs());
    match expires(created(signature), lasts, now) {
        None => Ok(()),
        Some(since) => Err(Doubt::Unfit {
            key: key.to_owned(),
            why: format!("that signature holds only until {}: sign anew", day(since)),
        }),
    }
}

/// When something expired that was made at `created` and lasts so many seconds; 0 is for ever.
fn expires(created: u32, lasts: u32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let made = DateTime::from_timestamp(i64::from(created), 0)?;
    let end = made + TimeDelta::seconds(i64::from(lasts));
    (lasts > 0 && now >= end).then_some(end)
}

fn created(signature: &Signature) -> u32 {
    signature.created().map_or(0, |time| time.as_secs())
}

fn revoked(revocation: &Signature, key: &str) -> Doubt {
    let why = revocation.revocation_reason_string();
    let why = why.map(|why| String::from_utf8_lossy(why).escape_debug().to_string());
    Doubt::Revoked {
        key: key.to_owned(),
        why: why
            .filter(|why| !why.is_empty())
            .map_or(String::new(), |why| format!(" (\"{why}\")")),
    }
}
