//! The way to an instance: time-outs, who is believed, who we are, and what lies between.

use std::time::Duration;

use driftless_core::report::{Failure, Meaning};
use driftless_core::value::Secret;
use reqwest::Certificate;

use crate::platform::failures::failure;

/// How a token is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `Authorization: Bearer`.
    Bearer,
    /// `Authorization: Key`.
    Key,
}

impl Scheme {
    pub(super) fn word(self) -> &'static str {
        match self {
            Scheme::Bearer => "Bearer",
            Scheme::Key => "Key",
        }
    }
}

/// The way to an instance.
#[derive(Clone, Debug)]
pub struct Network {
    /// How long requests may take.
    pub timeouts: Timeouts,
    /// Further certificate authorities to trust, as PEM.
    pub authority: Option<Vec<u8>>,
    /// The certificate that we show, and its key.
    pub identity: Option<Identity>,
    /// Who passes the requests on.
    pub proxy: Proxy,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            authority: None,
            identity: None,
            proxy: Proxy::None,
        }
    }
}

/// How long a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until the answer begins, and between two pieces of it.
    pub read: Duration,
    /// From sending to the last byte.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            // A busy instance takes its time over a long list; one that says nothing for a minute will not.
            read: Duration::from_secs(60),
            // The largest answer that is taken, at two megabits a second.
            total: Duration::from_secs(300),
        }
    }
}

/// A certificate, with those that vouch for it after it, and its key.
#[derive(Clone, Debug)]
pub struct Identity {
    /// PEM, the certificate first.
    pub certificates: Vec<u8>,
    /// PEM, unencrypted.
    pub key: Secret,
}

/// Who passes requests on.
#[derive(Clone, Debug)]
pub enum Proxy {
    /// Nobody, whatever the process's environment says.
    None,
    /// What the process's environment says: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`.
    OfTheProcess,
    /// A proxy for all requests.
    At {
        /// Its URL, `http://…` or `https://…`, without credentials.
        url: String,
        /// Name and password for it.
        credentials: Option<(String, Secret)>,
    },
}

impl Network {
    /// A client that goes this way.
    ///
    /// # Errors
    /// A certificate, a key or a proxy that is none.
    pub(super) fn client(&self) -> Result<reqwest::ClientBuilder, Failure> {
        // The process has one provider; that it is set already is no fault.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(self.timeouts.connect)
            .read_timeout(self.timeouts.read)
            .timeout(self.timeouts.total)
            // A redirect would turn a write into a read, and may carry the token away.
            .redirect(reqwest::redirect::Policy::none());
        if let Some(pem) = &self.authority {
            let authorities = Certificate::from_pem_bundle(pem)
                .map_err(|error| invalid(format!("the certificate authority is no PEM certificate: {error}")))?;
            if authorities.is_empty() {
                return Err(invalid(
                    "the file of certificate authorities holds no PEM certificate".to_owned(),
                ));
            }
            builder = builder.tls_certs_merge(authorities);
        }
        if let Some(identity) = &self.identity {
            let both = [
                identity.certificates.as_slice(),
                b"\n",
                identity.key.expose().as_bytes(),
            ]
            .concat();
            // The library's message is left out: it is about the content of a key.
            let identity = reqwest::Identity::from_pem(&both).map_err(|_| {
                invalid(
                    "the client certificate and its key are not PEM: a certificate, and an unencrypted key".to_owned(),
                )
            })?;
            builder = builder.identity(identity);
        }
        builder = match &self.proxy {
            Proxy::None => builder.no_proxy(),
            Proxy::OfTheProcess => builder,
            Proxy::At { url, credentials } => {
                let proxy =
                    reqwest::Proxy::all(url.as_str()).map_err(|error| invalid(format!("the proxy's URL: {error}")))?;
                builder.proxy(match credentials {
                    Some((name, password)) => proxy.basic_auth(name, password.expose()),
                    None => proxy,
                })
            }
        };
        Ok(builder)
    }
}

fn invalid(message: String) -> Failure {
    failure(Meaning::Invalid, message)
}
