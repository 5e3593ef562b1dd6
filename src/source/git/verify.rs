//! Signatures of what a reference points at: found in the bytes that Git signs, and held to those who may sign.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use git2::{ErrorCode, ObjectType, Oid, Repository};

use super::listing::Pointer;
use super::tree::{self, ReadFault};
use crate::clock::Clock;
use crate::source::reference::Reference;
use crate::source::signers::Signers;
use crate::source::{SourceError, SourceFault};

/// Which signatures a revision must have, and by whom.
#[derive(Clone)]
pub struct Verify {
    /// On what.
    pub mode: VerifyMode,
    /// Files and folders of the keys of those who may sign; read anew at every look.
    pub keys: Vec<PathBuf>,
    /// What tells whether a key has expired.
    pub clock: Arc<dyn Clock>,
}

/// What must be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyMode {
    /// The commit.
    Head,
    /// The tag that leads to it.
    Tag,
    /// Both.
    TagAndHead,
}

impl fmt::Debug for Verify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, keys, .. } = self;
        f.debug_struct("Verify")
            .field("mode", mode)
            .field("keys", keys)
            .finish()
    }
}

impl Verify {
    /// Whether there is a tag to verify, where one must be.
    pub(super) fn fits(&self, reference: &Reference) -> Result<(), SourceError> {
        match (self.mode, reference) {
            (VerifyMode::Head, _) | (_, Reference::Tag(_) | Reference::Semver(_)) => Ok(()),
            (VerifyMode::Tag | VerifyMode::TagAndHead, Reference::Branch(_) | Reference::Commit(_)) => {
                Err(SourceError::new(
                    SourceFault::Untrusted,
                    "`verify.mode` asks for signed tags where none is watched: take `head`, or watch a tag",
                ))
            }
        }
    }

    /// Those who may sign, as their files say now.
    pub(super) fn signers(&self) -> Result<Signers, SourceError> {
        Signers::read(&self.keys).map_err(|why| {
            SourceError::new(
                SourceFault::Untrusted,
                format!("nothing can be verified with the keys under `verify.keys`: {why}"),
            )
        })
    }
}

/// Bytes of a tag's object; messages are some kilobytes.
const TAG_BYTES: usize = 4 * 1024 * 1024;

/// Whether what `pointer` names is signed as `verify` wants it. The mirror's own objects are asked, not what the remote said of them.
pub(super) fn check(
    repository: &Repository,
    pointer: &Pointer,
    verify: &Verify,
    signers: &Signers,
    shown: &str,
) -> Result<(), ReadFault> {
    let judge = |what: &str, signed: Option<Signed>| -> Result<(), ReadFault> {
        let now = verify.clock.now();
        let why = match signed.map(|signed| signers.verify(&signed.signature, &signed.payload, now)) {
            Some(Ok(key)) => {
                tracing::debug!(source.url = %shown, "{what} is signed by {key}");
                return Ok(());
            }
            Some(Err(doubt)) => doubt.to_string(),
            None => "is not signed: sign it (`git commit -S`, `git tag -s`) with a key that is listed under `verify.keys`, and push it again".to_owned(),
        };
        Err(refused(shown, what, &why))
    };
    tree::find_commit(repository, pointer.commit)?;
    if matches!(verify.mode, VerifyMode::Tag | VerifyMode::TagAndHead) {
        let name = pointer.tag().unwrap_or_default();
        let tag = tag(repository, pointer.object, name, shown)?;
        judge(&format!("the tag `{name}`"), tag)?;
        let leads = repository.find_object(pointer.object, None)?.peel_to_commit()?.id();
        if leads != pointer.commit {
            let why = format!(
                "leads to commit {leads}, and not to {} as the remote says",
                pointer.commit
            );
            return Err(refused(shown, &format!("the tag `{name}`"), &why));
        }
    }
    if matches!(verify.mode, VerifyMode::Head | VerifyMode::TagAndHead) {
        let commit = commit(repository, pointer.commit)?;
        judge(&format!("commit {}", pointer.commit), commit)?;
    }
    Ok(())
}

fn refused(shown: &str, what: &str, why: &str) -> ReadFault {
    ReadFault::Source(SourceError::new(
        SourceFault::Untrusted,
        format!("{what} of {shown} {why}"),
    ))
}

/// A signature in its armour, and the bytes that it is of.
struct Signed {
    signature: Vec<u8>,
    payload: Vec<u8>,
}

/// A commit's signature: the header `gpgsig`, over all the rest.
fn commit(repository: &Repository, oid: Oid) -> Result<Option<Signed>, ReadFault> {
    match repository.extract_signature(&oid, None) {
        Ok((signature, payload)) => Ok(Some(Signed {
            signature: signature.to_vec(),
            payload: payload.to_vec(),
        })),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A tag's signature: the end of its message, over all before it.
fn tag(repository: &Repository, oid: Oid, name: &str, shown: &str) -> Result<Option<Signed>, ReadFault> {
    let odb = repository.odb()?;
    match odb.read_header(oid) {
        Ok((bytes, ObjectType::Tag)) if bytes <= TAG_BYTES => {}
        Ok((_, ObjectType::Tag)) => {
            let why = format!("has a message of over {TAG_BYTES} bytes: tag again with a shorter one");
            return Err(refused(shown, &format!("the tag `{name}`"), &why));
        }
        // A lightweight tag: a name and nothing else.
        Ok(_) => return Ok(None),
        Err(error) if error.code() == ErrorCode::NotFound => return Err(ReadFault::Absent),
        Err(error) => return Err(error.into()),
    }
    let object = odb.read(oid)?;
    let bytes = object.data();
    let says = header(bytes, b"tag ").map(String::from_utf8_lossy);
    if says.as_deref() != Some(name) {
        // A signed tag under another name is another release in the place of this one.
        let why = format!(
            "holds the tag `{}`: it was put in that one's place; find out who pushed it",
            says.unwrap_or_default().escape_debug()
        );
        return Err(refused(shown, &format!("the tag `{name}`"), &why));
    }
    Ok(signature_at(bytes).map(|at| {
        let (payload, signature) = bytes.split_at(at);
        Signed {
            signature: signature.to_vec(),
            payload: payload.to_vec(),
        }
    }))
}

/// The rest of the header that begins with `name`.
fn header<'b>(bytes: &'b [u8], name: &[u8]) -> Option<&'b [u8]> {
    bytes
        .split(|byte| *byte == b'\n')
        .take_while(|line| !line.is_empty())
        .find_map(|line| line.strip_prefix(name))
}

/// Where a tag's signature begins: the last line that begins one, as Git has it.
fn signature_at(bytes: &[u8]) -> Option<usize> {
    const BEGINNINGS: [&[u8]; 4] = [
        b"-----BEGIN PGP SIGNATURE-----",
        b"-----BEGIN PGP MESSAGE-----",
        b"-----BEGIN SSH SIGNATURE-----",
        b"-----BEGIN SIGNED MESSAGE-----",
    ];
    let mut found = None;
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if BEGINNINGS.iter().any(|beginning| line.starts_with(beginning)) {
            found = Some(at);
        }
        at += line.len();
    }
    found
}
