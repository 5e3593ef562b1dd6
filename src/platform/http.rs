//! HTTP as platforms speak it: one client with time-outs and a cap, and the one place where a status becomes a meaning.
//!
//! Every request asks the [`Gate`] first. A read that failed is sent again as the gate says; a write never is, here.

mod content;
mod network;
mod pages;
mod request;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use driftless_core::report::{Failure, Meaning};
use driftless_core::value::Secret;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{StatusCode, Url};
use serde_json::Value as Json;

use super::failures::{self, Refusal, failure};
use super::redact::Hidden;
use super::{Exchange, Fault, Gate};

pub use self::content::{Body, Content};
pub use self::network::{Identity, Network, Proxy, Scheme, Timeouts};
pub use self::pages::{First, Paging, READINGS, Whole};
pub use self::request::{Call, Method, Request};

/// The most that an answer may hold, in bytes.
const BODY_CAP: usize = 64 << 20;

/// What an [`Http`] is made of.
pub struct HttpOptions {
    /// The URL below which every path lies.
    pub base: Url,
    /// The word before the token in `Authorization`.
    pub scheme: Scheme,
    /// The token.
    pub token: Secret,
    /// The way to it.
    pub network: Network,
}

/// What messages say is to be done, where that depends on what the instance is and how the config calls it.
#[derive(Clone, Copy, Debug)]
pub struct Advice {
    /// When it refuses the token (401).
    pub unauthorized: &'static str,
    /// When it has no such thing, or does not show it (404).
    pub not_found: &'static str,
    /// When it points elsewhere (3xx).
    pub moved: &'static str,
}

impl Advice {
    /// For a target of the config.
    const TARGET: Advice = Advice {
        unauthorized: "the token is missing, wrong or expired; give this target a valid one",
        not_found: "it is gone, or lies outside of the teams of this token",
        moved: "it points elsewhere; give this target the URL that it leads to",
    };
}

/// A client of one instance.
pub struct Http {
    client: reqwest::Client,
    base: Url,
    token: Secret,
    gate: Arc<dyn Gate>,
    advice: Advice,
    /// Secrets of whatever was or may be sent: a failure may quote more than its own request.
    known: RwLock<Vec<Secret>>,
}

impl Http {
    /// Makes a client; nothing is sent.
    ///
    /// # Errors
    /// A token that no header can hold, a certificate, a key or a proxy that is none.
    pub fn new(options: HttpOptions, gate: Arc<dyn Gate>) -> Result<Self, Failure> {
        let token = options.token.expose().trim();
        // A token copied from a request's header has the scheme before it; no token holds a space.
        let scheme = options.scheme.word();
        let token = token
            .strip_prefix(scheme)
            .filter(|rest| rest.starts_with(' '))
            .unwrap_or(token)
            .trim_start();
        let mut authorization = HeaderValue::from_str(&format!("{scheme} {token}")).map_err(|_| {
            let message = "the token holds characters that no header can hold: copy it again, without line breaks";
            failure(Meaning::Unauthorized, message.to_owned())
        })?;
        authorization.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let builder = options.network.client()?;
        let client = builder
            .user_agent(concat!("driftless/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .build()
            .map_err(|error| failure(Meaning::Invalid, failures::no_client(&error)))?;
        Ok(Self {
            client,
            base: options.base,
            token: options.token,
            gate,
            advice: Advice::TARGET,
            known: RwLock::default(),
        })
    }

    /// This client, whose messages say what to do in other words.
    pub fn advising(mut self, advice: Advice) -> Self {
        self.advice = advice;
        self
    }

    /// Remembers secrets that no message may hold, in the place of those that were remembered before.
    pub fn hide(&self, secrets: Vec<Secret>) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = secrets;
    }

    /// Sends `request`. `None` is an answer without a body.
    ///
    /// # Errors
    /// What went wrong, by meaning; a read has been tried as often as the gate wanted.
    pub async fn send(&self, request: &Request) -> Result<Option<Json>, Failure> {
        self.ask(request, Answer::json).await
    }

    /// Sends `request`, whose answer need not be JSON; where it has more than `most` bytes, reading ends there.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub async fn content(&self, request: &Request, most: usize) -> Result<Content, Failure> {
        let request = request.clone().at_most(most);
        self.ask(&request, |answer, _| Ok(answer.content())).await
    }

    async fn ask<T>(
        &self,
        request: &Request,
        read: impl Fn(Answer, &Request) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut attempt = 1;
        loop {
            let failure = match self.once(request, attempt, &read).await {
                Ok(answer) => return Ok(answer),
                Err(refused) => refused.failure,
            };
            if !request.call.method.is_read() {
                return Err(failure);
            }
            match self.gate.again(attempt, &failure) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(failure),
            }
            attempt += 1;
        }
    }

    /// Sends `request`, which not every deployment of the platform knows. `Err`, inside, is what one that does not know it says:
    /// 404 or 501, and nothing was done.
    ///
    /// # Errors
    /// As [`Http::send`]; nothing is sent again.
    pub async fn probe(&self, request: &Request) -> Result<Result<Option<Json>, Failure>, Failure> {
        let Refused { status, failure } = match self.once(request, 1, &Answer::json).await {
            Ok(answer) => return Ok(Ok(answer)),
            Err(refused) => refused,
        };
        match status {
            Some(StatusCode::NOT_FOUND | StatusCode::NOT_IMPLEMENTED) => Ok(Err(failure)),
            _ => Err(failure),
        }
    }

    /// How long to wait before a request that changes nothing, and is no GET, is sent again; `None`: it is not, any more.
    pub fn again(&self, attempt: u32, failure: &Failure) -> Option<Duration> {
        self.gate.again(attempt, failure)
    }

    /// Sends `request`, whose answer must have a body.
    ///
    /// # Errors
    /// As [`Http::send`]; an answer without a body is not what the contract says.
    pub async fn fetch(&self, request: &Request) -> Result<Json, Failure> {
        self.send(request)
            .await?
            .ok_or_else(|| failures::broken(request, "the answer has no body"))
    }

    /// `text`, which the platform said in an answer that is none of refusal, without the token, without what [`Http::hide`] was told,
    /// and without `secrets`.
    pub fn cleared(&self, text: &str, secrets: &[Secret]) -> String {
        let mut hidden = self.known_hidden();
        for secret in secrets {
            hidden.add(secret);
        }
        hidden.out_of(text)
    }

    /// As [`Http::cleared`], of every text of an answer.
    pub fn clear(&self, answer: &mut Json) {
        self.known_hidden().out_of_json(answer);
    }

    async fn once<T>(
        &self,
        request: &Request,
        attempt: u32,
        read: &impl Fn(Answer, &Request) -> Result<T, Failure>,
    ) -> Result<T, Refused> {
        if let Some(step) = request.step() {
            let message = format!(
                "{}: nothing was sent: `{step}` cannot be a name in a URL",
                request.asked()
            );
            return Err(Refused {
                status: None,
                failure: failure(Meaning::Invalid, message),
            });
        }
        let place = self.gate.enter().await.map_err(|refusal| Refused {
            status: None,
            failure: Failure {
                message: format!("{}: {}", request.asked(), refusal.message),
                ..refusal
            },
        })?;
        let sent = Instant::now();
        let answer = self.exchange(request).await;
        let elapsed = sent.elapsed();
        drop(place);
        let (status, fault) = match &answer {
            Ok(answer) => (Some(answer.status), None),
            Err(broken) => (broken.status, broken.error.fault()),
        };
        let result = match answer {
            Ok(answer) if answer.status.is_success() => read(answer, request),
            Ok(answer) => Err(failures::of_status(
                request,
                answer.refusal(&self.hidden(request)),
                &self.advice,
            )),
            Err(broken) => Err(failures::of_transport(request, &broken.error)),
        };
        self.gate.note(&Exchange {
            method: request.call.method.name(),
            route: request.call.route,
            status: status.map(|status| status.as_u16()),
            fault,
            elapsed,
            attempt,
            failure: result.as_ref().err(),
        });
        result.map_err(|failure| Refused { status, failure })
    }

    async fn exchange(&self, request: &Request) -> Result<Answer, Interrupted> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), request.path()));
        let mut builder = self.client.request(request.call.method.wire(), url);
        if !request.query.is_empty() {
            builder = builder.query(&request.query);
        }
        if let Some(media) = request.accept {
            builder = builder.header(ACCEPT, media);
        }
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let mut response = builder.send().await.map_err(|error| Interrupted {
            status: None,
            error: Break::Transport(error),
        })?;
        let status = response.status();
        let interrupted = |error| Interrupted {
            status: Some(status),
            error,
        };
        let retry_after = retry_after(response.headers());
        let spent = is_spent(response.headers());
        let media = media(response.headers());
        // What a refusal says is wanted whole.
        let wanted = request.most.filter(|_| status.is_success());
        let (mut body, mut extent) = (Vec::new(), Extent::Whole);
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| interrupted(Break::Transport(error)))?
        {
            if body.len() + chunk.len() > BODY_CAP {
                return Err(interrupted(Break::TooLarge));
            }
            if wanted.is_some_and(|most| body.len() + chunk.len() > most) {
                extent = Extent::Cut;
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            retry_after,
            spent,
            media,
            body,
            extent,
        })
    }

    /// What a message about `request` must not hold.
    fn hidden(&self, request: &Request) -> Hidden {
        let mut hidden = self.known_hidden();
        for secret in &request.secrets {
            hidden.add(secret);
        }
        hidden
    }

    fn known_hidden(&self) -> Hidden {
        let mut hidden = Hidden::default();
        hidden.add(&self.token);
        for secret in self.known.read().unwrap_or_else(PoisonError::into_inner).iter() {
            hidden.add_long(secret);
        }
        hidden
    }
}

/// A request that came to nothing, with the status of its answer, if there was one.
struct Refused {
    status: Option<StatusCode>,
    failure: Failure,
}

/// An exchange that ended before the answer did.
struct Interrupted {
    status: Option<StatusCode>,
    error: Break,
}

/// How an exchange was broken off.
pub(super) enum Break {
    /// By the network, or by time.
    Transport(reqwest::Error),
    /// By us: the answer is larger than anything that is meant.
    TooLarge,
}

impl Break {
    /// What it says of the way to the instance.
    fn fault(&self) -> Option<Fault> {
        match self {
            Break::TooLarge => None,
            Break::Transport(error) if error.is_builder() => None,
            Break::Transport(error) if error.is_timeout() => Some(Fault::TimedOut),
            Break::Transport(error) if error.is_connect() => Some(Fault::Unreachable),
            Break::Transport(_) => Some(Fault::Broken),
        }
    }
}

/// An answer.
struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    /// Whether it says that no request is left until some time.
    spent: bool,
    media: String,
    body: Vec<u8>,
    extent: Extent,
}

/// How much of an answer was read.
#[derive(Clone, Copy)]
enum Extent {
    /// All.
    Whole,
    /// As much as was wanted of it, and there is more.
    Cut,
}

impl Answer {
    fn parsed(&self) -> Option<Json> {
        serde_json::from_slice(&self.body).ok()
    }

    fn refusal(self, hidden: &Hidden) -> Refusal {
        let mut body = self.parsed();
        if let Some(body) = &mut body {
            hidden.out_of_json(body);
        }
        Refusal {
            status: self.status,
            body,
            retry_after: self.retry_after,
            spent: self.spent,
        }
    }

    fn json(self, request: &Request) -> Result<Option<Json>, Failure> {
        if self.status == StatusCode::NO_CONTENT || self.body.is_empty() {
            return Ok(None);
        }
        match self.parsed() {
            Some(json) => Ok(Some(json)),
            None => Err(failures::unreadable(request, &self.body)),
        }
    }

    fn content(self) -> Content {
        Content {
            media: self.media,
            body: match self.extent {
                Extent::Whole => Body::Whole(self.body),
                Extent::Cut => Body::Larger,
            },
        }
    }
}

fn media(headers: &HeaderMap) -> String {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = text.and_then(|text| text.split(';').next()).unwrap_or_default();
    media.trim().to_ascii_lowercase()
}

/// The number in a header.
fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// Whether no request is left, as GitHub says it beside a 403 or a 429.
fn is_spent(headers: &HeaderMap) -> bool {
    number(headers, "x-ratelimit-remaining") == Some(0)
}

/// The wait that an answer asks for: seconds, or a date, which is measured against the answer's own. GitHub names the second since
/// 1970 from which requests are taken again.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let date = |text: &str| chrono::DateTime::parse_from_rfc2822(text).ok();
    let now = || date(headers.get(DATE)?.to_str().ok()?);
    let Some(asked) = headers.get(RETRY_AFTER) else {
        let reset = number(headers, "x-ratelimit-reset").filter(|_| is_spent(headers))?;
        let wait = reset.saturating_sub(now()?.timestamp());
        return Some(Duration::from_secs(wait.try_into().unwrap_or(0)));
    };
    let text = asked.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    Some((date(text)? - now()?).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_as_seconds_and_as_a_date() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(7)));
        headers.insert(DATE, HeaderValue::from_static("Wed, 21 Oct 2026 07:28:00 GMT"));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("Wed, 21 Oct 2026 07:28:30 GMT"));
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(30)));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("Wed, 21 Oct 2026 07:27:00 GMT"));
        assert_eq!(retry_after(&headers), Some(Duration::ZERO));
    }

    #[test]
    fn a_wait_is_read_as_the_second_from_which_requests_are_taken_again() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_static("Wed, 21 Oct 2026 07:28:00 GMT"));
        headers.insert("x-ratelimit-reset", HeaderValue::from_static("1792567740"));
        headers.insert("x-ratelimit-remaining", HeaderValue::from_static("12"));
        assert_eq!(retry_after(&headers), None);
        headers.insert("x-ratelimit-remaining", HeaderValue::from_static("0"));
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(60)));
        headers.insert("x-ratelimit-reset", HeaderValue::from_static("7"));
        assert_eq!(retry_after(&headers), Some(Duration::ZERO));
    }
}
