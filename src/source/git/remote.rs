//! The remote of a source: its address, how to sign in there, and what reaches it.

use std::path::PathBuf;

use driftless_core::value::Secret;

use super::Auth;
use super::http_transport::{self, Trust};
use super::url::{self, Address, Endpoint, TOKEN_USER, shown_url};
use crate::source::{SourceError, SourceFault};

/// Whom an exchange is with.
pub(super) struct Remote {
    /// Its address without credentials.
    pub(super) shown: String,
    pub(super) endpoint: Endpoint,
    pub(super) auth: Auth,
    /// Every secret that could turn up in a message.
    secrets: Vec<Secret>,
    http: Option<reqwest::Client>,
}

impl Remote {
    /// Checks that address and credentials fit, and makes what reaches the repository.
    ///
    /// # Errors
    /// An address that is none, or credentials that are of no use there.
    pub(super) fn new(url: &str, auth: Auth, ca: Option<PathBuf>) -> Result<Self, SourceError> {
        let Address { endpoint, userinfo } = url::parse(url)?;
        let shown = shown_url(url);
        let mut secrets: Vec<Secret> = userinfo.iter().map(|(_, secret)| secret.clone()).collect();
        let auth = match (auth, userinfo) {
            (Auth::None, Some((username, password))) => Auth::Basic { username, password },
            (auth, _) => auth,
        };
        let misfit = |message: String| Err(SourceError::new(SourceFault::Refused, message));
        match (&endpoint, &auth) {
            (_, Auth::None) | (Endpoint::Ssh(_), Auth::Ssh { .. }) => {}
            (Endpoint::Http(_), Auth::Token(secret) | Auth::Basic { password: secret, .. }) => {
                if endpoint.is_plain_http() {
                    tracing::warn!(source.url = %shown, "credentials are sent over http without TLS: use https");
                }
                secrets.push(secret.clone());
            }
            (Endpoint::Http(_), Auth::Ssh { .. }) => {
                return misfit(format!(
                    "{shown} is an http address and `auth` holds an ssh key: set a token"
                ));
            }
            (Endpoint::Ssh(_), Auth::Token(_) | Auth::Basic { .. }) => {
                return misfit(format!(
                    "{shown} is an ssh address and `auth` holds no ssh key: set key and known_hosts"
                ));
            }
            (Endpoint::Local(_), _) => {
                return misfit(format!("{shown} is a local folder and needs no `auth`: remove it"));
            }
        }
        let http = match &endpoint {
            Endpoint::Http(_) if endpoint.is_plain_http() => Some(http_transport::client(Trust::Nobody)?),
            Endpoint::Http(_) => Some(http_transport::client(
                ca.as_deref().map_or(Trust::System, Trust::File),
            )?),
            Endpoint::Ssh(_) | Endpoint::Local(_) => None,
        };
        Ok(Remote {
            shown,
            endpoint,
            auth,
            secrets,
            http,
        })
    }

    /// What libgit2 is given: names the transport, and holds no credential.
    pub(super) fn address(&self) -> String {
        match &self.endpoint {
            Endpoint::Http(url) | Endpoint::Local(url) => url.clone(),
            Endpoint::Ssh(host) => format!("ssh://{}/", host.host),
        }
    }

    pub(super) fn basic(&self) -> Option<(&str, &Secret)> {
        match &self.auth {
            Auth::Token(token) => Some((TOKEN_USER, token)),
            Auth::Basic { username, password } => Some((username, password)),
            Auth::None | Auth::Ssh { .. } => None,
        }
    }

    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.secrets.iter()
    }

    pub(super) fn client(&self) -> Result<&reqwest::Client, SourceError> {
        self.http.as_ref().ok_or_else(|| {
            SourceError::new(
                SourceFault::Unreadable,
                format!("{} is not reached over HTTP", self.shown),
            )
        })
    }
}
