//! Who may send a POST, and the headers that every answer carries.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use driftless_core::value::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::problem::Problem;

/// Scripts and styles from this server only, and nothing inline: a name that slipped through escaping would still not run.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Who may send a POST.
#[derive(Clone)]
pub enum Access {
    /// Whoever has the token.
    Token(TokenMark),
    /// Whoever is on this machine and is not sent by a foreign web page: no token is configured and the listener is loopback.
    Loopback,
    /// Nobody: no token is configured and the listener can be reached from elsewhere.
    Closed,
}

/// What is kept of the token: a keyed SHA-256, compared in constant time.
#[derive(Clone)]
pub struct TokenMark(Hmac<Sha256>);

impl Access {
    /// The rule for a server that listens on `listen` with `token` configured.
    pub fn new(token: Option<&Secret>, listen: SocketAddr) -> Self {
        match token {
            Some(token) => match mark(token.expose().as_bytes()) {
                Some(mark) => Access::Token(TokenMark(mark)),
                None => Access::Closed,
            },
            None if listen.ip().is_loopback() => Access::Loopback,
            None => Access::Closed,
        }
    }

    /// Whether the dashboard may offer a form: a form cannot send a header, so only where none is asked for.
    pub(super) fn offers_forms(&self) -> bool {
        match self {
            Access::Loopback => true,
            Access::Token(_) | Access::Closed => false,
        }
    }

    /// Lets a POST of the API through.
    ///
    /// # Errors
    /// Why it may not pass.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), Problem> {
        match self {
            Access::Token(expected) => expected.admit(headers),
            Access::Loopback => same_machine(headers),
            Access::Closed => Err(refused(
                "This server has no `server.token` and listens beyond this machine: set one in the config file, then send it \
                 as `Authorization: Bearer`.",
            )),
        }
    }

    /// Lets a form of the dashboard through.
    ///
    /// # Errors
    /// Why it may not pass.
    pub(super) fn admit_form(&self, headers: &HeaderMap) -> Result<(), Problem> {
        match self {
            Access::Loopback => same_machine(headers),
            Access::Token(_) | Access::Closed => Err(refused(
                "The dashboard's buttons work without a token only, on a loopback listener; send a POST to \
                 /api/v1/environments/{name}/reconcile with `Authorization: Bearer`, or use `driftless reconcile`.",
            )),
        }
    }
}

impl TokenMark {
    fn admit(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let unauthorized = |detail: &str| Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail);
        let presented = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .filter(|token| !token.is_empty())
            .ok_or_else(|| unauthorized("Send the server's token as `Authorization: Bearer TOKEN`."))?;
        // Both sides are digests of equal length: time says nothing of the token, neither of its length.
        let presented = mark(presented.as_bytes()).map(|mark| mark.finalize().into_bytes());
        let known = presented.is_some_and(|presented| self.0.clone().verify_slice(&presented).is_ok());
        known
            .then_some(())
            .ok_or_else(|| unauthorized("The token is not the one this server is configured with (`server.token`)."))
    }
}

fn mark(token: &[u8]) -> Option<Hmac<Sha256>> {
    Hmac::<Sha256>::new_from_slice(b"driftless server token")
        .ok()
        .map(|hmac| hmac.chain_update(token))
}

fn refused(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
}

/// Refuses what a foreign page could make a browser on this machine send: a name that was rebound to loopback (`Host`), and a
/// request from another origin (`Origin`, `Sec-Fetch-Site`).
fn same_machine(headers: &HeaderMap) -> Result<(), Problem> {
    let host = one(headers, &header::HOST).and_then(|host| host.parse::<Authority>().ok());
    let Some(host) = host.filter(is_loopback) else {
        return Err(refused(
            "Without `server.token`, a POST must be addressed to this machine: `Host` has to be localhost or a loopback address.",
        ));
    };
    let same_origin = match headers.contains_key(header::ORIGIN) {
        false => true,
        true => one(headers, &header::ORIGIN)
            .and_then(|origin| origin.parse::<Uri>().ok())
            .and_then(|origin| origin.into_parts().authority)
            .is_some_and(|origin| origin.as_str().eq_ignore_ascii_case(host.as_str())),
    };
    let own_site = match headers.contains_key(FETCH_SITE) {
        false => true,
        true => one(headers, &FETCH_SITE).is_some_and(|site| matches!(site, "same-origin" | "none")),
    };
    if same_origin && own_site {
        Ok(())
    } else {
        Err(refused("A page of another origin may not send this POST."))
    }
}

/// What browsers say of the page that makes them send a request.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The value of a header that is there once; repeated ones have no meaning to agree on.
pub(super) fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn is_loopback(host: &Authority) -> bool {
    let name = host.host();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    !host.as_str().contains('@')
        && (name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback()))
}

/// Sets the headers that every answer has.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: under it browsers send `Origin: null` with the dashboard's own forms.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
