//! What went wrong with a request, by meaning: the one place where statuses, broken bodies and broken connections are read.
//!
//! A message says what was asked, what was answered and what to do; never a body that was sent, never a secret.

use std::time::Duration;

use driftless_core::field::FieldPath;
use driftless_core::report::{Failure, Meaning};
use reqwest::StatusCode;
use serde_json::Value as Json;

use super::http::{Advice, Break, Request};

/// The most of the platform's own words that a message repeats, in characters.
const DETAIL_CAP: usize = 600;

/// An answer that is no success.
pub(super) struct Refusal {
    /// Its status.
    pub(super) status: StatusCode,
    /// Its body, if it is JSON.
    pub(super) body: Option<Json>,
    /// How long it asks to wait.
    pub(super) retry_after: Option<Duration>,
    /// Whether it says that no request is left until some time.
    pub(super) spent: bool,
}

/// A failure without fields and wait.
pub(crate) fn failure(meaning: Meaning, message: impl Into<String>) -> Failure {
    Failure {
        meaning,
        message: message.into(),
        fields: Vec::new(),
        retry_after: None,
    }
}

/// An answer that is not what the contract says. Of a write it is not known whether it took effect.
pub(super) fn broken(request: &Request, what: &str) -> Failure {
    let meaning = match request.call().method.is_read() {
        true => Meaning::Broken,
        false => Meaning::Lost,
    };
    failure(meaning, format!("{}: {what}", request.asked()))
}

/// A success whose body cannot be read.
pub(super) fn unreadable(request: &Request, body: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(body.get(..256).unwrap_or(body));
    let looks_like_html = text.trim_start().starts_with('<');
    broken(
        request,
        match looks_like_html {
            true => {
                "the answer is HTML, not JSON: does the URL lead to the platform itself, not to a login page or a proxy?"
            }
            false => "the answer is not whole JSON",
        },
    )
}

/// A connection that could not be made, or was broken off.
pub(super) fn of_transport(request: &Request, broken_by: &Break) -> Failure {
    let error = match broken_by {
        Break::Transport(error) => error,
        Break::TooLarge => return broken(request, "the answer is larger than 64 MiB"),
    };
    let is_read = request.call().method.is_read();
    let asked = request.asked();
    let cause = root_cause(error);
    if error.is_builder() {
        return failure(
            Meaning::Invalid,
            format!("{asked}: no request can be made of it: {cause}"),
        );
    }
    if error.is_connect() {
        let hint = hint(&cause);
        let message = format!("{asked}: the instance cannot be reached: {cause}; nothing was sent{hint}");
        return failure(Meaning::Unavailable, message);
    }
    let what = match error.is_timeout() {
        true => "no whole answer in time".to_owned(),
        false => format!("the connection broke: {cause}{}", hint(&cause)),
    };
    match is_read {
        true => failure(Meaning::Unavailable, format!("{asked}: {what}")),
        false => failure(Meaning::Lost, format!("{asked}: {what}; it may have taken effect")),
    }
}

/// What to do about a failed handshake, by rustls's words for what went wrong.
fn hint(cause: &str) -> &'static str {
    const HINTS: [(&str, &str); 3] = [
        // An answer that is no TLS: a server of plain HTTP, most often.
        (
            "InvalidContentType",
            "; it does not speak TLS there: does its URL begin with http://?",
        ),
        (
            "UnknownIssuer",
            "; if its certificate is of an authority of your own, name that one's file under `ca_file` of the target",
        ),
        (
            "CertificateRequired",
            "; it asks for a client certificate: name one under `client_certificate` of the target",
        ),
    ];
    let known = HINTS.iter().find(|(word, _)| cause.contains(word));
    known.map_or("", |(_, hint)| hint)
}

/// Why no client can be made.
pub(super) fn no_client(error: &reqwest::Error) -> String {
    format!(
        "no HTTP client can be made: {}: do the client certificate and its key belong together, and are the system's CA \
         certificates installed?",
        root_cause(error)
    )
}

/// The innermost reason: the outer ones repeat the URL.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// The meaning of a status that is no success.
pub(super) fn of_status(request: &Request, refusal: Refusal, advice: &Advice) -> Failure {
    let Refusal {
        status,
        body,
        retry_after,
        spent,
    } = refusal;
    let is_read = request.call().method.is_read();
    let asked = request.asked();
    let is_json = body.is_some();
    let (detail, fields) = body.as_ref().map(details).unwrap_or_default();
    let said = match detail.is_empty() {
        true => String::new(),
        false => format!(": {detail}"),
    };
    let answered = format!("{asked} answered {}", status.as_u16());
    let needs = request.call().needs;
    let limited = || {
        let wish = retry_after.map(|wait| format!("; it asks for {} s", wait.as_secs()));
        let wish = wish.unwrap_or_default();
        (
            Meaning::RateLimited,
            format!("{answered}{said}: too many requests{wish}"),
        )
    };
    let (meaning, message) = match status.as_u16() {
        401 => (
            Meaning::Unauthorized,
            format!("{answered}{said}: {}", advice.unauthorized),
        ),
        // GitHub's way to say 429: by its headers, and where it finds requests too dense, by its words.
        403 if spent || retry_after.is_some() || detail.contains("rate limit") => limited(),
        403 => (
            Meaning::Forbidden,
            format!("{answered}{said}: the token may not do this; it takes {needs}"),
        ),
        407 => (
            Meaning::Unauthorized,
            format!("{answered}: the proxy wants credentials, or other ones: give them under `proxy` of the target"),
        ),
        // An error page of something in between says nothing about what the platform holds.
        404 if !is_json => (
            Meaning::Broken,
            format!("{answered}, but not in the platform's words: does the URL lead to the platform itself?"),
        ),
        404 => (Meaning::NotFound, format!("{answered}{said}: {}", advice.not_found)),
        409 => (Meaning::Conflict, format!("{answered}{said}")),
        413 => (
            Meaning::Invalid,
            format!("{answered}{said}: the content is larger than the platform takes"),
        ),
        414 => (
            Meaning::Invalid,
            format!("{answered}{said}: the address is longer than the proxy takes"),
        ),
        415 => (Meaning::Invalid, format!("{answered}{said}: it wants JSON")),
        408 if is_read => (Meaning::Unavailable, format!("{answered}{said}")),
        408 => (Meaning::Lost, format!("{answered}{said}; it may have taken effect")),
        429 => limited(),
        400 | 422 => (Meaning::Invalid, format!("{answered}: the content is refused{said}")),
        // It does not know the request at all: it has done nothing, and never will.
        501 => (
            Meaning::Invalid,
            format!("{answered}{said}: this deployment of the platform cannot do that"),
        ),
        503 if is_read => (
            Meaning::Unavailable,
            format!("{answered}{said}: the platform is not available"),
        ),
        // A proxy says so before it passes anything on; the platform itself may say so after it has written.
        503 => (
            Meaning::Lost,
            format!("{answered}{said}: the platform is not available; it may have taken effect"),
        ),
        500..=599 if is_read => (Meaning::Unavailable, format!("{answered}{said}: the platform failed")),
        500..=599 => (
            Meaning::Lost,
            format!("{answered}{said}: the platform failed; it may have taken effect"),
        ),
        300..=399 => (Meaning::Broken, format!("{answered}: {}", advice.moved)),
        _ => (Meaning::Invalid, format!("{answered}{said}")),
    };
    Failure {
        meaning,
        message,
        fields,
        retry_after,
    }
}

/// What a refusal says: as a sentence, and by field where it says so. It is read from a text, from a list of faults (FastAPI), and
/// from a problem document (RFC 7807), whose `errors` say it by field.
fn details(body: &Json) -> (String, Vec<(FieldPath, String)>) {
    // The last two: OAuth's words, as GitLab gives them for a token without a scope.
    let said = ["detail", "message", "title", "error_description", "error"]
        .into_iter()
        .find_map(|name| body.get(name));
    let (text, mut fields) = said.map(sentence).unwrap_or_default();
    match body.get("errors") {
        Some(Json::Object(errors)) => {
            for (field, said) in errors {
                let (message, _) = sentence(said);
                fields.push((FieldPath::dotted(field), message));
            }
        }
        Some(errors @ Json::Array(_)) => fields.extend(sentence(errors).1),
        _ => {}
    }
    (text, fields)
}

/// What a part of a refusal says.
fn sentence(said: &Json) -> (String, Vec<(FieldPath, String)>) {
    match said {
        Json::String(text) => (clean(text), Vec::new()),
        Json::Array(lines) => {
            let mut sentences = Vec::new();
            let mut fields = Vec::new();
            for line in lines {
                let message = line
                    .get("msg")
                    .or_else(|| line.get("message"))
                    .and_then(Json::as_str)
                    .or(line.as_str())
                    .unwrap_or_default();
                let message = clean(message);
                let place = line.get("loc").and_then(Json::as_array).and_then(|parts| place(parts));
                sentences.push(match &place {
                    Some(place) => format!("{place}: {message}"),
                    None => message.clone(),
                });
                fields.extend(place.map(|place| (place, message)));
            }
            (clean(&sentences.join("; ")), fields)
        }
        // An object is read by its own message, or by its lists of sentences by field, as GitLab gives them; anything else of it may hold
        // what was sent.
        Json::Object(object) => {
            let text = object
                .get("message")
                .or_else(|| object.get("msg"))
                .and_then(Json::as_str);
            let by_field = || {
                let lists = object
                    .iter()
                    .filter_map(|(field, said)| Some((field, said.as_array()?)));
                let sentences = lists.flat_map(|(field, said)| {
                    let texts = said.iter().filter_map(Json::as_str);
                    texts.map(move |text| format!("{field}: {text}"))
                });
                clean(&sentences.collect::<Vec<_>>().join("; "))
            };
            (text.map_or_else(by_field, clean), Vec::new())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => (String::new(), Vec::new()),
    }
}

/// The field that a FastAPI location names: without the part of the request, and up to the first index of a list.
fn place(parts: &[Json]) -> Option<FieldPath> {
    let names = parts.iter().map_while(Json::as_str);
    let mut names = names.skip_while(|name| matches!(*name, "body" | "query" | "path"));
    let first = FieldPath::top(names.next()?);
    Some(names.fold(first, |path, name| path.child(name)))
}

/// One line, without control characters, not too long.
pub(super) fn clean(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(DETAIL_CAP) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
