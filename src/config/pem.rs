//! Whether a file holds a certificate, or a private key, that TLS can use. Nothing of its content is ever quoted.

use driftless_core::substitute::FileFault;
use driftless_core::value::Secret;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What is wrong with a file.
pub(super) struct PemFault {
    /// As the end of a sentence that begins with the file's key.
    pub(super) what: String,
    /// What to do.
    pub(super) help: &'static str,
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
