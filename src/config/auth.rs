//! `auth` of a source: how it is known who we are.

use std::path::PathBuf;

use driftless_core::value::Secret;
use serde::Deserialize;

use super::secret;

/// Credentials of a source: one of three forms.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Keys")]
pub enum Auth {
    /// `token`: an access token, for `https`.
    Token(Secret),
    /// `username` and `password`, for `https`.
    Password {
        /// The name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// `ssh`: a key file, for `ssh`.
    Ssh {
        /// The private key's file, unencrypted.
        key: PathBuf,
        /// The file of the host keys that are believed; no other host is talked to.
        known_hosts: PathBuf,
    },
}

/// The keys as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    #[serde(default, deserialize_with = "secret::optional")]
    token: Option<Secret>,
    username: Option<String>,
    #[serde(default, deserialize_with = "secret::optional")]
    password: Option<Secret>,
    ssh: Option<Ssh>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ssh {
    key: PathBuf,
    known_hosts: PathBuf,
}

impl TryFrom<Keys> for Auth {
    type Error = &'static str;

    fn try_from(keys: Keys) -> Result<Self, Self::Error> {
        match keys {
            Keys {
                token: Some(token),
                username: None,
                password: None,
                ssh: None,
            } => Ok(Auth::Token(token)),
            Keys {
                token: None,
                username: Some(username),
                password: Some(password),
                ssh: None,
            } => Ok(Auth::Password { username, password }),
            Keys {
                token: None,
                username: None,
                password: None,
                ssh: Some(Ssh { key, known_hosts }),
            } => Ok(Auth::Ssh { key, known_hosts }),
            _ => Err("should have either `token`, or `username` and `password`, or `ssh`, and only one of them"),
        }
    }
}
