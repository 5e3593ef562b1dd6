//! Whether a file holds certificates, or a private key, that TLS can use. Nothing of its content is ever quoted.

use std::io::ErrorKind;
use std::path::Path;

use driftless_core::substitute::FileFault;
use driftless_core::value::Secret;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What is wrong with a file.
#[derive(Debug)]
pub struct PemFault {
    /// As the end of a sentence that begins with the file's key.
    pub what: String,
    /// What to do.
    pub help: &'static str,
}

/// What is wrong with a file that gives no content; `None` when it is only not there.
pub(super) fn unreadable(fault: &FileFault) -> Option<PemFault> {
    let what = match fault {
        FileFault::Absent => return None,
        FileFault::Unreadable { reason } => format!("cannot be read: {reason}"),
        FileFault::NotAFile | FileFault::NotAllowed { .. } => "is no file".to_owned(),
        FileFault::TooLarge { most } => format!("has more than {most} bytes"),
        FileFault::NotText => "is no text, and so not PEM".to_owned(),
        FileFault::Empty => "is empty".to_owned(),
    };
    let help = "name a PEM file that the user that runs driftless may read";
    Some(PemFault { what, help })
}

/// Whether `content` begins with a certificate.
///
/// # Errors
/// It does not.
pub(super) fn certificate(content: &Secret) -> Result<(), PemFault> {
    match CertificateDer::from_pem_slice(content.expose().as_bytes()) {
        Ok(_) => Ok(()),
        Err(_) => Err(PemFault {
            what: "holds no PEM certificate".to_owned(),
            help: "name a file with `-----BEGIN CERTIFICATE-----` in it, the certificate itself first",
        }),
    }
}

/// Whether the file at `path` holds certificates of authorities: one that is not there is believed by nobody, and TLS is not
/// tried without it.
///
/// # Errors
/// It cannot be read, or holds none.
pub fn authorities(path: &Path) -> Result<(), PemFault> {
    let help = "name a file of PEM certificates that the user that runs driftless may read";
    let content = std::fs::read(path).map_err(|error| PemFault {
        what: match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => format!("names no file: there is no {}", path.display()),
            ErrorKind::IsADirectory => "is no file".to_owned(),
            _ => format!("cannot be read: {error}"),
        },
        help,
    })?;
    let mut found = CertificateDer::pem_slice_iter(&content).peekable();
    match found.peek().is_some() && found.all(|certificate| certificate.is_ok()) {
        true => Ok(()),
        false => Err(PemFault {
            what: "holds no PEM certificate, or one that is damaged".to_owned(),
            help: "name a file with `-----BEGIN CERTIFICATE-----` in it, one or more",
        }),
    }
}

/// Whether `content` holds a private key.
///
/// # Errors
/// It does not, or it is encrypted.
pub(super) fn key(content: &Secret) -> Result<(), PemFault> {
    let content = content.expose();
    if PrivateKeyDer::from_pem_slice(content.as_bytes()).is_ok() {
        return Ok(());
    }
    let is_encrypted = content.contains("BEGIN ENCRYPTED PRIVATE KEY") || content.contains("Proc-Type: 4,ENCRYPTED");
    Err(match is_encrypted {
        true => PemFault {
            what: "holds an encrypted key".to_owned(),
            help: "decrypt it (`openssl pkey -in KEY -out PLAIN`), and keep the file readable to driftless alone",
        },
        false => PemFault {
            what: "holds no PEM private key".to_owned(),
            help: "name a file with `-----BEGIN PRIVATE KEY-----` in it",
        },
    })
}
