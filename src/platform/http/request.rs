//! What a platform can be asked, and one asking of it.

use std::fmt::Write as _;

use driftless_core::report::Failure;
use driftless_core::value::Secret;
use serde_json::Value as Json;

use crate::platform::failures;

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates, or starts something.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    /// Whether it changes nothing.
    pub fn is_read(self) -> bool {
        match self {
            Method::Get => true,
            Method::Post | Method::Put | Method::Patch | Method::Delete => false,
        }
    }

    pub(super) fn wire(self) -> reqwest::Method {
        match self {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        }
    }
}

/// A thing that a platform can be asked: a row of the adapter's table.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The path below the base, with a `{…}` for each number or name, and a `{+…}` for a path of several segments:
    /// `/containers/{id}`, `/contents/{+path}`.
    pub route: &'static str,
    /// What the token must be allowed, for the message of a 403: `the role Manager`.
    pub needs: &'static str,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) call: &'static Call,
    pub(super) places: Vec<String>,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Json>,
    pub(super) secrets: Vec<Secret>,
    pub(super) accept: Option<&'static str>,
    /// The most bytes of its answer that are wanted, where that is less than of any.
    pub(super) most: Option<usize>,
}

impl Request {
    /// A request; `ids` take the places of the route, in order.
    pub fn new(call: &'static Call, ids: &[i64]) -> Self {
        Self::of(call, ids.iter().map(i64::to_string).collect())
    }

    /// A request; `names` take the places of the route, in order. A `/` within one is part of it, but for a place `{+…}`, where it
    /// stays what it is.
    pub fn named(call: &'static Call, names: &[&str]) -> Self {
        let places = call.route.split('/').filter(|part| part.starts_with('{'));
        let fill = |(place, name): (&str, &&str)| match place.starts_with("{+") {
            true => name.split('/').map(encoded).collect::<Vec<_>>().join("/"),
            false => encoded(name),
        };
        Self::of(call, places.zip(names).map(fill).collect())
    }

    fn of(call: &'static Call, places: Vec<String>) -> Self {
        Self {
            call,
            places,
            query: Vec::new(),
            body: None,
            secrets: Vec::new(),
            accept: None,
            most: None,
        }
    }

    /// This request, with a query parameter more.
    pub fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// This request, with a body. `secrets` are the texts in it that must not come back in a message.
    pub fn body(mut self, body: Json, secrets: Vec<Secret>) -> Self {
        self.body = Some(body);
        self.secrets = secrets;
        self
    }

    /// This request, for an answer of that media type in place of JSON.
    pub fn accept(mut self, media: &'static str) -> Self {
        self.accept = Some(media);
        self
    }

    /// This request, of whose answer no more than so many bytes are wanted.
    pub(super) fn at_most(mut self, bytes: usize) -> Self {
        self.most = Some(bytes);
        self
    }

    /// The failure of an answer to this that is not what the contract says. Of a write it is not known whether it took effect.
    pub fn broken(&self, what: &str) -> Failure {
        failures::broken(self, what)
    }

    /// The path below the base.
    pub(in crate::platform) fn path(&self) -> String {
        let mut places = self.places.iter();
        let parts = self.call.route.split('/').map(|part| match part.starts_with('{') {
            true => places.next().map_or("", String::as_str),
            false => part,
        });
        parts.collect::<Vec<_>>().join("/")
    }

    /// A name among the places that is a step in a path. No URL has one as a name: written as `%2E%2E` it is a step all the same
    /// (URL Standard, "double-dot URL path segment").
    pub(super) fn step(&self) -> Option<&str> {
        let mut segments = self.places.iter().flat_map(|place| place.split('/'));
        segments.find(|segment| matches!(*segment, "." | ".."))
    }

    /// What was asked, for a message: the method and the path.
    pub(in crate::platform) fn asked(&self) -> String {
        format!("{} {}", self.call.method.name(), self.path())
    }

    pub(in crate::platform) fn call(&self) -> &'static Call {
        self.call
    }
}

/// A name as one segment of a path.
fn encoded(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'.' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}
