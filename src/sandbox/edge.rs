//! The edge: HTTP in and out, latency, faults, the request log. A request whose client hangs up still completes.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures::StreamExt;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::fault::{Faults, Kind, Rule};
use super::fingerprint::fingerprint;
use super::heard::Heard;
use super::platform::{Done, Load, Platform, Sort};
use super::side_door;
use super::socket::{Door, Peer};
use super::wire::Query;

/// The largest body that is read; the ingress of Qualytics has the same limit.
const LARGEST_BODY: usize = 20 * 1024 * 1024;
/// The longest address that an ingress takes, in characters.
const LONGEST_ADDRESS: usize = 4096;

/// One line of the request log; bodies are never kept.
pub(super) struct Logged {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    /// Tells two bodies apart without keeping either.
    pub(super) body: Value,
    pub(super) sort: Sort,
    /// The status that was answered; 0 while it is on its way, and when the connection was cut.
    pub(super) status: u16,
    /// The status that the instance gave, whatever a fault made of the answer; 0 where the request never got as far.
    pub(super) effect: u16,
}

/// What the side door sets and the edge obeys.
#[derive(Default)]
pub(super) struct Control {
    pub(super) latency: Duration,
    pub(super) faults: Faults,
    pub(super) log: Vec<Logged>,
    /// How many lines were thrown away; the numbers of lines go on.
    thrown: usize,
}

impl Control {
    /// Adds a line; returns its number.
    fn write(&mut self, line: Logged) -> usize {
        self.log.push(line);
        self.thrown + self.log.len() - 1
    }

    /// The line of that number, unless it was thrown away.
    fn line(&mut self, number: usize) -> Option<&mut Logged> {
        let index = number.checked_sub(self.thrown)?;
        self.log.get_mut(index)
    }

    /// Empties the log.
    pub(super) fn forget(&mut self) {
        self.thrown += self.log.len();
        self.log.clear();
    }
}

/// One instance and what surrounds it, shared by all connections.
pub(super) struct Shared<P> {
    instance: Mutex<P>,
    control: Mutex<Control>,
}

impl<P: Platform> Shared<P> {
    pub(super) fn new(instance: P, latency: Duration) -> Self {
        let control = Control {
            latency,
            ..Control::default()
        };
        Self {
            instance: Mutex::new(instance),
            control: Mutex::new(control),
        }
    }

    /// The instance. A handler that panicked leaves it usable: each change is made at its end.
    pub(super) fn instance(&self) -> MutexGuard<'_, P> {
        self.instance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves an instance until `stop` is cancelled.
pub(super) async fn serve<P: Platform>(listener: TcpListener, shared: Arc<Shared<P>>, stop: CancellationToken) {
    let router = Router::new().fallback(answer::<P>).with_state((shared, stop.clone()));
    let serving = axum::serve(
        Door::new(listener),
        router.into_make_service_with_connect_info::<Peer>(),
    );
    tokio::select! {
        () = stop.cancelled() => {}
        // The accept loop never ends on its own.
        _ = serving => {}
    }
}

async fn answer<P: Platform>(
    State((shared, stop)): State<(Arc<Shared<P>>, CancellationToken)>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return page(
            StatusCode::PAYLOAD_TOO_LARGE,
            "<html><body>413 Request Entity Too Large</body></html>",
        );
    };
    let text = |name| {
        parts
            .headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
            .map(str::to_owned)
    };
    let heard = Heard {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        authorization: text(header::AUTHORIZATION),
        content_type: text(header::CONTENT_TYPE),
        accept: text(header::ACCEPT),
        body,
    };
    if let Some(path) = heard.path.strip_prefix("/_sandbox") {
        if !peer.is_local() {
            return json(
                403,
                &serde_json::json!({ "error": "the side door opens to this machine only" }),
            );
        }
        let (status, value) = side_door::open(&shared, &heard.method, path, &Query::parse(&heard.query), &heard.body);
        return json(status, &value);
    }
    // The work is a task of its own, so that it goes on when the client hangs up and this future is dropped.
    let work = tokio::spawn(handle(shared, heard));
    let reply = tokio::select! {
        () = stop.cancelled() => Reply::Reset,
        done = work => done.unwrap_or_else(|_| Reply::Whole(json(500, &serde_json::json!({ "detail": "Internal Server Error" })))),
    };
    match reply {
        Reply::Whole(response) => response,
        Reply::Reset => {
            peer.cut();
            Response::new(Body::empty())
        }
    }
}

enum Reply {
    Whole(Response),
    Reset,
}

async fn handle<P: Platform>(shared: Arc<Shared<P>>, heard: Heard) -> Reply {
    let (number, fault, latency) = {
        let mut control = shared.control();
        let (method, path, query) = (heard.method.clone(), heard.path.clone(), heard.query.clone());
        let fault = control.faults.hit(&method, &path, &query);
        let line = Logged {
            method,
            path,
            query,
            body: fingerprint(&heard.body),
            sort: P::sort(&heard),
            status: 0,
            effect: 0,
        };
        (control.write(line), fault, control.latency)
    };
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let takes_effect = fault.as_ref().is_none_or(Rule::takes_effect);
    let done = takes_effect.then(|| respond(&shared, &heard));
    if let Some(done) = &done
        && let Some(line) = shared.control().line(number)
    {
        line.effect = done.status;
    }
    if let Some(fault) = &fault {
        meanwhile(&mut *shared.instance(), fault);
    }
    let retry_after = shared.instance().retry_after();
    let reply = spoil::<P>(done, fault, retry_after).await;
    if let Reply::Whole(response) = &reply
        && let Some(line) = shared.control().line(number)
    {
        line.status = response.status().as_u16();
    }
    reply
}

/// What happens by hand right after an answer. An edit of what is not there changes nothing.
fn meanwhile<P: Platform>(instance: &mut P, fault: &Rule) {
    for body in &fault.edits {
        let _ = instance.edit(body);
    }
    if let Some(seed) = &fault.add {
        let _ = instance.load(seed, Load::Add);
    }
}

/// What a fault makes of an answer. `done` is the answer when the request took effect.
async fn spoil<P: Platform>(done: Option<Done>, fault: Option<Rule>, retry_after: u64) -> Reply {
    let whole = |done: &Option<Done>| match done.as_ref().map(|done| (done, done.written())) {
        Some((done, Some(text))) => written(done.status, text, done.media),
        Some((done, None)) => bare(done.status),
        None => bare(500),
    };
    let Some(fault) = fault else {
        return Reply::Whole(whole(&done));
    };
    let delay = |usual| Duration::from_millis(fault.delay_ms.unwrap_or(usual));
    let rewritten = |change: &dyn Fn(&mut Value)| {
        let mut done = done.clone();
        if let Some(value) = done.as_mut().and_then(|done| done.body.as_mut()) {
            change(value);
        }
        whole(&done)
    };
    match fault.kind {
        Kind::ResetBefore | Kind::ResetAfter => Reply::Reset,
        Kind::Timeout | Kind::TimeoutAfter => {
            tokio::time::sleep(delay(120_000)).await;
            Reply::Whole(page(
                StatusCode::GATEWAY_TIMEOUT,
                "<html><body>504 Gateway Time-out</body></html>",
            ))
        }
        Kind::Status => {
            let status = fault.status.unwrap_or(503);
            let mut response = if status == 500 {
                json(500, &serde_json::json!({ "detail": "Internal Server Error" }))
            } else {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
                page(status, &format!("<html><body>{status}</body></html>"))
            };
            let seconds = fault.retry_after.unwrap_or(retry_after);
            if seconds > 0 || fault.retry_after.is_some() {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            Reply::Whole(response)
        }
        Kind::Html => {
            let status = fault
                .status
                .and_then(|status| StatusCode::from_u16(status).ok())
                .unwrap_or(StatusCode::OK);
            Reply::Whole(page(status, "<!doctype html><html><body>Please sign in</body></html>"))
        }
        Kind::InvalidJson => {
            let mut response = whole(&done);
            *response.body_mut() = Body::from("{\"items\": [{\"id\": 1,");
            Reply::Whole(response)
        }
        Kind::RateLimit => Reply::Whole(rate_limit(fault.retry_after.unwrap_or(60))),
        Kind::SecondaryLimit => Reply::Whole(secondary_limit(fault.retry_after)),
        Kind::WrongTotal => Reply::Whole(rewritten(&|page| P::ENVELOPE.miscount(page))),
        Kind::EmptyPage => Reply::Whole(rewritten(&|page| P::ENVELOPE.empty(page))),
        Kind::Hide => Reply::Whole(rewritten(&|page| fault.hide(page, P::ENVELOPE))),
        Kind::Meanwhile => Reply::Whole(whole(&done)),
        Kind::Truncate => Reply::Whole(pieces(&done, Break::Half, Duration::ZERO)),
        Kind::SlowDrip => Reply::Whole(pieces(&done, Break::Never, delay(20))),
    }
}

/// 2026-11-02T08:00:00Z: the time of an answer that names another one.
const NOW: (&str, u64) = ("Mon, 02 Nov 2026 08:00:00 GMT", 1_793_606_400);

fn rate_limit(seconds: u64) -> Response {
    let (date, now) = NOW;
    let mut response = json(
        403,
        &serde_json::json!({ "message": "API rate limit exceeded for user ID 1." }),
    );
    let headers = response.headers_mut();
    headers.insert(header::DATE, HeaderValue::from_static(date));
    headers.insert("x-ratelimit-limit", HeaderValue::from(5000_u64));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(0_u64));
    headers.insert("x-ratelimit-reset", HeaderValue::from(now + seconds));
    response
}

fn secondary_limit(seconds: Option<u64>) -> Response {
    let said = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    let mut response = json(403, &serde_json::json!({ "message": said }));
    if let Some(seconds) = seconds {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Break {
    Half,
    Never,
}

/// An answer whose body comes in pieces, and may break off although its length was announced.
fn pieces(done: &Option<Done>, breaks: Break, pause: Duration) -> Response {
    let (status, text, media) = match done.as_ref().map(|done| (done, done.written())) {
        Some((done, Some(text))) => (done.status, text, done.media),
        Some((done, None)) => return bare(done.status),
        None => (500, String::new(), "application/json"),
    };
    let length = text.len();
    let sent = if breaks == Break::Half { length / 2 } else { length };
    let mut parts: Vec<Result<Bytes, io::Error>> = text.as_bytes()[..sent]
        .chunks(sent.div_ceil(8).max(1))
        .map(|part| Ok(Bytes::copy_from_slice(part)))
        .collect();
    if breaks == Break::Half {
        parts.push(Err(io::ErrorKind::ConnectionReset.into()));
    }
    let stream = futures::stream::iter(parts).then(move |part| async move {
        tokio::time::sleep(pause).await;
        part
    });
    let mut response = Response::new(Body::from_stream(stream));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// What a request does, and what is answered.
fn respond<P: Platform>(shared: &Shared<P>, heard: &Heard) -> Done {
    if heard.path.len() + heard.query.len() > LONGEST_ADDRESS {
        return Done::json(414, Value::String("414 Request-URI Too Large".to_owned()));
    }
    shared.instance().respond(heard)
}

fn json(status: u16, value: &Value) -> Response {
    written(status, value.to_string(), "application/json")
}

fn written(status: u16, text: String, media: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

fn bare(status: u16) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

fn page(status: StatusCode, html: &str) -> Response {
    let mut response = Response::new(Body::from(html.to_owned()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}
