//! The edge: HTTP in and out, latency, faults, the request log. A request whose client hangs up still completes.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

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

use super::dump::fingerprint;
use super::edit::edit;
use super::fault::{Faults, Kind, Rule};
use super::openapi;
use super::permission::need_role;
use super::routes::{Found, find};
use super::seed;
use super::side_door;
use super::socket::{Door, Peer};
use super::state::Instance;
use super::switches::Switches;
use super::wire::{Answer, Call, Query, Refusal};

/// The largest body that is read; the platform's ingress has the same limit.
const LARGEST_BODY: usize = 20 * 1024 * 1024;
/// The longest address the platform's ingress takes, in characters.
const LONGEST_ADDRESS: usize = 4096;

/// One line of the request log; bodies are never kept.
pub(super) struct Logged {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    /// Tells two bodies apart without keeping either.
    pub(super) body: Value,
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
pub struct Shared {
    instance: Mutex<Instance>,
    control: Mutex<Control>,
}

impl Shared {
    /// An empty instance.
    #[must_use]
    pub fn new(switches: Switches, latency: Duration) -> Self {
        let control = Control {
            latency,
            ..Control::default()
        };
        Self {
            instance: Mutex::new(Instance::new(switches)),
            control: Mutex::new(control),
        }
    }

    /// Loads a seed into the instance.
    ///
    /// # Errors
    /// When the seed does not hold together; the text names the place.
    pub fn load(&self, seed: &Value) -> Result<(), String> {
        super::seed::load(&mut self.instance(), seed)
    }

    /// The instance. A handler that panicked leaves it usable: each change is made at its end.
    pub(super) fn instance(&self) -> MutexGuard<'_, Instance> {
        self.instance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves an instance until `stop` is cancelled.
pub async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let router = Router::new().fallback(answer).with_state((shared, stop.clone()));
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

async fn answer(
    State((shared, stop)): State<(Arc<Shared>, CancellationToken)>,
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

struct Heard {
    method: String,
    path: String,
    query: String,
    authorization: Option<String>,
    content_type: Option<String>,
    body: Bytes,
}

async fn handle(shared: Arc<Shared>, heard: Heard) -> Reply {
    let (number, fault, latency) = {
        let mut control = shared.control();
        let (method, path, query) = (heard.method.clone(), heard.path.clone(), heard.query.clone());
        let fault = control.faults.hit(&method, &path, &query);
        let line = Logged {
            method,
            path,
            query,
            body: fingerprint(&heard.body),
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
    if let Some((status, _)) = &done
        && let Some(line) = shared.control().line(number)
    {
        line.effect = *status;
    }
    if let Some(fault) = &fault {
        meanwhile(&mut shared.instance(), fault);
    }
    let retry_after = shared.instance().switches.retry_after;
    let reply = spoil(done, fault, retry_after).await;
    if let Reply::Whole(response) = &reply
        && let Some(line) = shared.control().line(number)
    {
        line.status = response.status().as_u16();
    }
    reply
}

/// What happens by hand right after an answer. An edit of what is not there changes nothing.
fn meanwhile(instance: &mut Instance, fault: &Rule) {
    for body in &fault.edits {
        let _ = edit(instance, body);
    }
    if let Some(seed) = &fault.add {
        let _ = seed::load(instance, seed);
    }
}

/// What a fault makes of an answer. `done` is the answer when the request took effect.
async fn spoil(done: Option<(u16, Option<Value>)>, fault: Option<Rule>, retry_after: u64) -> Reply {
    let whole = |done: &Option<(u16, Option<Value>)>| match done {
        Some((status, Some(value))) => json(*status, value),
        Some((status, None)) => bare(*status),
        None => bare(500),
    };
    let Some(fault) = fault else {
        return Reply::Whole(whole(&done));
    };
    let delay = |usual| Duration::from_millis(fault.delay_ms.unwrap_or(usual));
    let rewritten = |change: fn(&mut Value)| {
        let mut done = done.clone();
        if let Some((_, Some(value))) = &mut done {
            change(value);
        }
        done
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
        Kind::WrongTotal => Reply::Whole(whole(&rewritten(|value| {
            if let Some(total) = value.get("total").and_then(Value::as_u64) {
                value["total"] = (total + 1).into();
            }
        }))),
        Kind::EmptyPage => Reply::Whole(whole(&rewritten(|value| {
            if value.get("items").is_some() {
                value["items"] = Value::Array(Vec::new());
            }
        }))),
        Kind::Hide => {
            let mut done = done;
            if let Some((_, Some(value))) = &mut done {
                fault.hide(value);
            }
            Reply::Whole(whole(&done))
        }
        Kind::Meanwhile => Reply::Whole(whole(&done)),
        Kind::Truncate => Reply::Whole(pieces(&done, Break::Half, Duration::ZERO)),
        Kind::SlowDrip => Reply::Whole(pieces(&done, Break::Never, delay(20))),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Break {
    Half,
    Never,
}

/// An answer whose body comes in pieces, and may break off although its length was announced.
fn pieces(done: &Option<(u16, Option<Value>)>, breaks: Break, pause: Duration) -> Response {
    let (status, text) = match done {
        Some((status, Some(value))) => (*status, value.to_string()),
        Some((status, None)) => return bare(*status),
        None => (500, String::new()),
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
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// Routes, authenticates and runs a request: status and body.
fn respond(shared: &Shared, heard: &Heard) -> (u16, Option<Value>) {
    if heard.path.len() + heard.query.len() > LONGEST_ADDRESS {
        return (414, Some(Value::String("414 Request-URI Too Large".to_owned())));
    }
    match run(shared, heard) {
        Ok((_, Answer::Ok(value))) => (200, Some(value)),
        Ok((status, Answer::Created(value))) => (status, Some(value)),
        Ok((_, Answer::Empty)) => (204, None),
        Err(refusal) => (refusal.status, Some(refusal.body)),
    }
}

fn run(shared: &Shared, heard: &Heard) -> Result<(u16, Answer), Refusal> {
    let below = heard
        .path
        .strip_prefix("/api")
        .filter(|below| below.is_empty() || below.starts_with('/'));
    let below = below.ok_or_else(|| Refusal::text(404, "Not Found"))?;
    match (heard.method.as_str(), below.trim_end_matches('/')) {
        ("GET", "/health") => return Ok((204, Answer::Empty)),
        ("GET", "") => return Ok((200, Answer::Ok(openapi::about()))),
        ("GET", "/openapi.json") => return Ok((200, Answer::Ok(openapi::document()))),
        _ => {}
    }
    let (route, path) = match find(&heard.method, below) {
        Found::Route(route, path) => (route, path),
        Found::OtherMethod => return Err(Refusal::text(405, "Method Not Allowed")),
        Found::Nothing => return Err(Refusal::text(404, "Not Found")),
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "a server of its own: tokens expire by the wall clock"
    )]
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let mut instance = shared.instance();
    instance.clock.tick();
    instance.settle(Instant::now());
    let caller = instance.authenticate(heard.authorization.as_deref(), i64::try_from(now).unwrap_or(i64::MAX))?;
    need_role(caller, route.role)?;
    let body = parsed(heard)?;
    let call = Call {
        caller,
        path,
        query: Query::parse(&heard.query),
        body,
    };
    let answer = (route.handler)(&mut instance, &call)?;
    Ok((instance.switches.create_status, answer))
}

fn parsed(heard: &Heard) -> Result<Value, Refusal> {
    if heard.body.is_empty() {
        return Ok(Value::Null);
    }
    if !heard
        .content_type
        .as_deref()
        .is_some_and(|kind| kind.to_ascii_lowercase().contains("json"))
    {
        return Err(Refusal::text(
            415,
            "Unsupported media type: the body must be application/json",
        ));
    }
    serde_json::from_slice(&heard.body).map_err(|fault| {
        Refusal::invalid(
            serde_json::json!(["body", fault.column()]),
            "JSON decode error",
            "json_invalid",
        )
    })
}

fn json(status: u16, value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
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
