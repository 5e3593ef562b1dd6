//! SSH keys of those who may sign, and their signatures (`gpg.format=ssh`).

use chrono::{DateTime, NaiveDateTime, Utc};
use globset::{Glob, GlobMatcher};
use ssh_key::{HashAlg, PublicKey, SshSig};

use super::{Doubt, day};

/// What Git signs for: a signature that was made for anything else is none of a commit.
const NAMESPACE: &str = "git";

/// One key.
#[derive(Debug)]
pub(super) struct Signer {
    key: PublicKey,
    /// Whose it is: the principals of its line, or the key's comment.
    whose: String,
    terms: Terms,
}

/// For what and when a key may sign.
#[derive(Debug, Default)]
struct Terms {
    /// For anything where this is empty.
    namespaces: Vec<GlobMatcher>,
    after: Option<DateTime<Utc>>,
    before: Option<DateTime<Utc>>,
}

/// Reads lines of keys: `ssh-ed25519 AAAA… comment`, or `principals options ssh-ed25519 AAAA…` as ssh-keygen(1) has it under
/// ALLOWED SIGNERS. Empty lines and those that begin with `#` mean nothing.
///
/// # Errors
/// The line that is none of these, and why.
pub(super) fn read(text: &str) -> Result<Vec<Signer>, (usize, String)> {
    let mut signers = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            signers.push(signer(line).map_err(|reason| (number + 1, reason))?);
        }
    }
    Ok(signers)
}

fn signer(line: &str) -> Result<Signer, String> {
    let mut whose = String::new();
    let mut terms = Terms::default();
    let mut rest = line;
    if !is_algorithm(rest) {
        let (principals, after) = word(rest);
        whose = principals.replace('"', "");
        rest = after;
        if !is_algorithm(rest) {
            let (options, after) = word(rest);
            rest = after;
            for option in split(options, ',').into_iter().filter(|option| !option.is_empty()) {
                terms.option(option)?;
            }
        }
    }
    if !is_algorithm(rest) {
        return Err(
            "this is no key: write `ssh-ed25519 AAAA… comment`, or the same after principals and options".to_owned(),
        );
    }
    let key = PublicKey::from_openssh(rest).map_err(|error| format!("the key cannot be read ({error})"))?;
    if whose.is_empty() {
        whose = key.comment().to_owned();
    }
    Ok(Signer { key, whose, terms })
}

impl Terms {
    fn option(&mut self, option: &str) -> Result<(), String> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = value.trim_matches('"');
        match name.to_ascii_lowercase().as_str() {
            "namespaces" => {
                for pattern in value.split(',') {
                    let glob = Glob::new(pattern).map_err(|_| format!("`{pattern}` is no pattern of a namespace"))?;
                    self.namespaces.push(glob.compile_matcher());
                }
            }
            "valid-after" => self.after = Some(time(value)?),
            "valid-before" => self.before = Some(time(value)?),
            "cert-authority" => {
                return Err("certificates are not supported: list the keys themselves".to_owned());
            }
            _ => {
                return Err(format!(
                    "`{name}` is no option: there are `namespaces`, `valid-after` and `valid-before`"
                ));
            }
        }
        Ok(())
    }
}

impl Signer {
    fn name(&self) -> String {
        let print = self.key.fingerprint(HashAlg::Sha256);
        match self.whose.as_str() {
            "" => format!("the SSH key {print}"),
            whose => format!("the SSH key {print} ({whose})"),
        }
    }
}

/// Whether the text begins with a key, as keys are named: no principal is called so.
fn is_algorithm(text: &str) -> bool {
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"]
        .iter()
        .any(|start| text.starts_with(start))
}

/// The first word, in which white space between double quotes is a part of it, and what follows.
fn word(text: &str) -> (&str, &str) {
    let mut quoted = false;
    let end = text.find(|c: char| {
        quoted ^= c == '"';
        c.is_whitespace() && !quoted
    });
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    (word, rest.trim_start())
}

/// The parts between separators that stand outside of double quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c: char| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
    .collect()
}

/// `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, each also with `Z`. ssh-keygen reads those without it in the machine's time zone;
/// this is UTC, so that one file means the same on every machine.
fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let digits = text.strip_suffix('Z').unwrap_or(text);
    let padded = match digits.len() {
        8 => format!("{digits}000000"),
        12 => format!("{digits}00"),
        _ => digits.to_owned(),
    };
    NaiveDateTime::parse_from_str(&padded, "%Y%m%d%H%M%S")
        .map(|time| time.and_utc())
        .map_err(|_| format!("`{text}` is no time: write it as 20270131, 202701311200 or 20270131120000"))
}

/// Verifies an armoured signature.
pub(super) fn verify(signers: &[Signer], armour: &[u8], payload: &[u8], now: DateTime<Utc>) -> Result<String, Doubt> {
    let signature = SshSig::from_pem(armour.trim_ascii()).map_err(|error| Doubt::Unreadable(error.to_string()))?;
    let mut refused = None;
    for signer in signers
        .iter()
        .filter(|signer| signer.key.key_data() == signature.public_key())
    {
        let key = signer.name();
        // One key may stand on several lines, with several times.
        match judge(signer, &signature, payload, now) {
            Ok(()) => return Ok(key),
            Err(doubt) => refused = refused.or(Some(doubt)),
        }
    }
    Err(refused.unwrap_or_else(|| {
        let print = signature.public_key().fingerprint(HashAlg::Sha256);
        Doubt::Unknown {
            key: format!("the SSH key {print}"),
        }
    }))
}

fn judge(signer: &Signer, signature: &SshSig, payload: &[u8], now: DateTime<Utc>) -> Result<(), Doubt> {
    let key = signer.name();
    if signature.namespace() != NAMESPACE {
        let why = format!(
            "for `{}` and not for `{NAMESPACE}`: sign it with Git",
            signature.namespace().escape_default()
        );
        return Err(Doubt::Unfit { key, why });
    }
    if signer.key.verify(NAMESPACE, payload, signature).is_err() {
        return Err(Doubt::Altered { key });
    }
    if !signer.terms.namespaces.is_empty()
        && !signer
            .terms
            .namespaces
            .iter()
            .any(|pattern| pattern.is_match(NAMESPACE))
    {
        let why = format!("its line under `verify.keys` does not let it sign for `{NAMESPACE}`: correct `namespaces`");
        return Err(Doubt::Unfit { key, why });
    }
    if let Some(after) = signer.terms.after.filter(|after| now < *after) {
        return Err(Doubt::Early { key, from: day(after) });
    }
    match signer.terms.before.filter(|before| now >= *before) {
        Some(before) => Err(Doubt::Expired {
            key,
            since: day(before),
        }),
        None => Ok(()),
    }
}
