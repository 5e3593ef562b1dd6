//! Git's smart HTTP protocol over reqwest and rustls, in place of libgit2's own over OpenSSL.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use reqwest::{Client, Response, StatusCode, Url, redirect};

use super::CONNECT;
use super::exchange::Exchange;
use super::url::{Endpoint, shown_url};
use crate::source::{SourceError, SourceFault};

const ADVERTISEMENT: &str = "application/x-git-upload-pack-advertisement";
const REQUEST: &str = "application/x-git-upload-pack-request";
const RESULT: &str = "application/x-git-upload-pack-result";
const LISTING: &str = "/info/refs?service=git-upload-pack";

/// Redirects in a row that are followed; hosts need one, for a renamed repository.
const REDIRECTS: usize = 5;

/// Whose certificates count.
pub(super) enum Trust<'a> {
    /// The authorities that the system knows.
    System,
    /// Those in a file of PEM certificates besides.
    File(&'a Path),
    /// Nobody's: for plain http, which must also work where the system has no authorities installed.
    Nobody,
}

/// A client for one repository.
pub(super) fn client(trust: Trust<'_>) -> Result<Client, SourceError> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Losing a race against another installer is as good as winning it.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let mut builder = Client::builder()
        .user_agent(concat!("git/2.0 (driftless ", env!("CARGO_PKG_VERSION"), ")")) // Some hosts answer only to "git/".
        .referer(false)
        .connect_timeout(CONNECT)
        .redirect(redirect::Policy::custom(|attempt| {
            let refused = attempt
                .previous()
                .last()
                .is_none_or(|from| !may_follow(from, attempt.url()));
            if refused {
                let target = format!("redirects to {}", shown_url(attempt.url().as_str()));
                attempt.error(Elsewhere(target))
            } else if attempt.previous().len() > REDIRECTS {
                attempt.error(Elsewhere("redirects in a circle".to_owned()))
            } else {
                attempt.follow()
            }
        }));
    builder = match trust {
        Trust::System => builder,
        Trust::File(path) => builder.tls_certs_merge(authorities(path)?),
        Trust::Nobody => builder.tls_certs_only([]),
    };
    builder.build().map_err(|error| {
        SourceError::new(
            SourceFault::Unreachable,
            format!(
                "no HTTP client can be made: {}: install the system's CA certificates, or name a CA file",
                causes(&error)
            ),
        )
    })
}

fn authorities(path: &Path) -> Result<Vec<reqwest::Certificate>, SourceError> {
    let bad = |why: String| {
        SourceError::new(
            SourceFault::Refused,
            format!("the CA file {} {why}: name a file of PEM certificates", path.display()),
        )
    };
    let pem = std::fs::read(path).map_err(|error| bad(format!("cannot be read ({error})")))?;
    let certificates =
        reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| bad(format!("holds no certificate ({error})")))?;
    if certificates.is_empty() {
        return Err(bad("holds no certificate".to_owned()));
    }
    Ok(certificates)
}

/// Only within one origin: credentials go along.
fn may_follow(from: &Url, to: &Url) -> bool {
    from.origin() == to.origin()
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Elsewhere(String);

/// The transport that libgit2 is given for `http://` and `https://`.
pub(super) struct HttpTransport {
    exchange: Arc<Exchange>,
    /// Where the listing was found, redirects followed.
    base: Mutex<Option<String>>,
}

impl HttpTransport {
    pub(super) fn new(exchange: Arc<Exchange>) -> Self {
        Self {
            exchange,
            base: Mutex::new(None),
        }
    }

    fn list(&self, base: &str) -> Result<Body, SourceError> {
        let request = self
            .exchange
            .remote
            .client()?
            .get(format!("{base}{LISTING}"))
            .header(ACCEPT, ADVERTISEMENT)
            .header(CACHE_CONTROL, "no-cache");
        let response = send(&self.exchange, request, ADVERTISEMENT)?;
        let found = response.url().as_str();
        let found = found.strip_suffix(LISTING).unwrap_or(base).to_owned();
        *self.base.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        Ok(Body::new(response))
    }
}

impl SmartSubtransport for HttpTransport {
    fn action(&self, _url: &str, service: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let Endpoint::Http(configured) = &self.exchange.remote.endpoint else {
            return Err(git2::Error::from_str("the exchange under way is not over HTTP"));
        };
        let base = self.base.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let base = base.unwrap_or_else(|| configured.clone());
        let state = match service {
            Service::UploadPackLs => State::Answered(self.list(&base).map_err(|error| self.exchange.fail(error))?),
            Service::UploadPack => State::Asking {
                url: format!("{base}/git-upload-pack"),
                body: Vec::new(),
            },
            Service::ReceivePackLs | Service::ReceivePack => {
                return Err(git2::Error::from_str("sources are only ever read"));
            }
        };
        Ok(Box::new(HttpStream {
            exchange: Arc::clone(&self.exchange),
            state,
        }))
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// One request and its answer: libgit2 writes all of the request before it reads.
struct HttpStream {
    exchange: Arc<Exchange>,
    state: State,
}

enum State {
    Asking { url: String, body: Vec<u8> },
    Answered(Body),
}

struct Body {
    response: Response,
    chunk: Vec<u8>,
    at: usize,
}

impl Body {
    fn new(response: Response) -> Self {
        Self {
            response,
            chunk: Vec::new(),
            at: 0,
        }
    }

    fn read(&mut self, exchange: &Exchange, buffer: &mut [u8]) -> Result<usize, SourceError> {
        while self.at == self.chunk.len() {
            let next = exchange.wait(self.response.chunk())?;
            match next.map_err(|error| broken(exchange, &error))? {
                None => return Ok(0),
                Some(bytes) => {
                    exchange.receive(bytes.len())?;
                    self.chunk.clear();
                    self.chunk.extend_from_slice(&bytes);
                    self.at = 0;
                }
            }
        }
        let count = buffer.len().min(self.chunk.len() - self.at);
        buffer[..count].copy_from_slice(&self.chunk[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

impl Read for HttpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let State::Asking { url, body } = &mut self.state {
            let body = std::mem::take(body);
            let asked = self.exchange.remote.client().and_then(|client| {
                let request = client
                    .post(url.as_str())
                    .header(CONTENT_TYPE, REQUEST)
                    .header(ACCEPT, RESULT)
                    .body(body);
                send(&self.exchange, request, RESULT)
            });
            let response = asked.map_err(|error| self.exchange.fail_io(error))?;
            self.state = State::Answered(Body::new(response));
        }
        let State::Answered(body) = &mut self.state else {
            return Ok(0);
        };
        body.read(&self.exchange, buffer)
            .map_err(|error| self.exchange.fail_io(error))
    }
}

impl Write for HttpStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Asking { body, .. } => {
                body.extend_from_slice(buffer);
                Ok(buffer.len())
            }
            State::Answered(_) => Err(io::Error::other("the request is already answered")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends `request` with the remote's credentials; the answer is of type `content` and its status a success.
fn send(exchange: &Exchange, request: reqwest::RequestBuilder, content: &str) -> Result<Response, SourceError> {
    let request = match exchange.remote.basic() {
        Some((username, password)) => request.basic_auth(username, Some(password.expose())),
        None => request,
    };
    let response = exchange
        .wait(request.send())?
        .map_err(|error| broken(exchange, &error))?;
    refuse_status(exchange, response.status())?;
    let given = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if given.split(';').next().unwrap_or_default().trim() != content {
        return Err(SourceError::new(
            SourceFault::Unreadable,
            format!(
                "{} answers, but not as a Git repository does: check the path in `url` (a page or a sign-in may stand there)",
                exchange.remote.shown
            ),
        ));
    }
    Ok(response)
}

/// The meaning of an answer's status.
fn refuse_status(exchange: &Exchange, status: StatusCode) -> Result<(), SourceError> {
    let shown = &exchange.remote.shown;
    let given = exchange.remote.basic().is_some();
    let (kind, message) = match status {
        status if status.is_success() => return Ok(()),
        StatusCode::UNAUTHORIZED if given => (
            SourceFault::Refused,
            format!(
                "{shown} does not accept the credentials (401): the token or password is wrong, expired or revoked; renew it and set it in `auth`"
            ),
        ),
        StatusCode::UNAUTHORIZED => (
            SourceFault::Refused,
            format!("{shown} wants credentials (401): set `auth` with a token that may read the repository"),
        ),
        StatusCode::FORBIDDEN => (
            SourceFault::Refused,
            format!("{shown} forbids reading (403): give the token or user the right to read the repository"),
        ),
        StatusCode::NOT_FOUND | StatusCode::GONE => (
            SourceFault::Missing,
            format!(
                "{shown} is not there, or the credentials may not see it ({}): check `url` and the token's access",
                status.as_u16()
            ),
        ),
        status if status.is_server_error() || matches!(status.as_u16(), 408 | 429) => (
            SourceFault::Unreachable,
            format!("{shown} cannot answer now ({}): it is tried again", status.as_u16()),
        ),
        status => (
            SourceFault::Unreadable,
            format!("{shown} answers {}: check `url`", status.as_u16()),
        ),
    };
    Err(SourceError::new(kind, message))
}

fn broken(exchange: &Exchange, error: &reqwest::Error) -> SourceError {
    let shown = &exchange.remote.shown;
    let why = causes(error);
    if error.is_redirect() {
        return SourceError::new(
            SourceFault::Refused,
            format!("{shown} {why}: credentials are not sent elsewhere; set `url` to the new address if it is right"),
        );
    }
    if why.contains("certificate") {
        return SourceError::new(
            SourceFault::Refused,
            format!(
                "{shown} shows a certificate that is not trusted ({why}): name its authority's file as the source's CA"
            ),
        );
    }
    SourceError::new(
        SourceFault::Unreachable,
        format!("{shown} does not answer: {why}; it is tried again"),
    )
}

/// The innermost cause says what happened; reqwest's own message repeats the address.
fn causes(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_followed_within_one_origin_alone() {
        let url = |text: &str| Url::parse(text).unwrap();
        for (from, to, follows) in [
            ("https://git.test/a", "https://git.test/b", true),
            ("http://git.test/a", "https://git.test/a", false),
            ("https://git.test/a", "http://git.test/a", false),
            ("https://git.test/a", "https://git.test:8443/a", false),
            ("https://git.test/a", "https://other.test/a", false),
        ] {
            assert_eq!(may_follow(&url(from), &url(to)), follows, "{from} to {to}");
        }
    }
}
