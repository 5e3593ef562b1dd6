//! What a platform is to the edge: a state that requests change, one at a time.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fault::Envelope;
use super::heard::Heard;
use super::wire::Refusal;

/// What a request came to.
#[derive(Clone)]
pub(super) struct Done {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
    /// The media type of the body.
    pub(super) media: &'static str,
    pub(super) form: Form,
}

/// What stands on the wire for a body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// It as JSON.
    Json,
    /// The text that it is.
    Text,
}

impl Done {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            body: Some(body),
            media: "application/json",
            form: Form::Json,
        }
    }

    /// A file, as it is.
    pub(super) fn text(status: u16, text: &str, media: &'static str) -> Self {
        Self {
            status,
            body: Some(Value::String(text.to_owned())),
            media,
            form: Form::Text,
        }
    }

    /// The body's bytes, none where there is no body.
    pub(super) fn written(&self) -> Option<String> {
        match (self.form, self.body.as_ref()?) {
            (Form::Text, Value::String(text)) => Some(text.clone()),
            (Form::Text | Form::Json, body) => Some(body.to_string()),
        }
    }

    pub(super) fn bare(status: u16) -> Self {
        Self {
            status,
            body: None,
            media: "application/json",
            form: Form::Json,
        }
    }
}

/// How the log counts a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// It changes nothing.
    Reading,
    /// It makes the platform work, and configures nothing.
    Operation,
    /// It changes what the platform holds, or tries to.
    Write,
}

/// How a seed comes in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// Beside what is there.
    Add,
    /// In place of all that is there, switches aside; nothing happens when it does not hold together.
    Replace,
}

/// How much of the state is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// What is configured, by name: comparable between instances.
    Configuration,
    /// Numbers and what moves as well.
    Full,
}

/// A platform.
pub(super) trait Platform: Send + Sized + 'static {
    /// How it answers the open questions.
    type Switches: Clone + Serialize + DeserializeOwned;

    /// The words of its pages.
    const ENVELOPE: Envelope;

    /// Carries out a request.
    fn respond(&mut self, heard: &Heard) -> Done;

    /// How the log counts a request, whatever comes of it.
    fn sort(heard: &Heard) -> Sort;

    fn switches(&mut self) -> &mut Self::Switches;

    /// What `Retry-After` a fault of status carries that names none; zero for no header.
    fn retry_after(&self) -> u64;

    /// One in which nothing is.
    fn empty(switches: Self::Switches) -> Self;

    /// Loads a seed beside what is there; the error names the place in the seed.
    fn add(&mut self, seed: &Value) -> Result<(), String>;

    /// How much is there.
    fn count(&self) -> Value;

    /// Loads a seed; the answer says how much is there. The error names the place in the seed.
    fn load(&mut self, seed: &Value, how: Load) -> Result<Value, String> {
        match how {
            Load::Add => self.add(seed)?,
            Load::Replace => {
                let mut fresh = Self::empty(self.switches().clone());
                fresh.add(seed)?;
                *self = fresh;
            }
        }
        Ok(self.count())
    }

    fn dump(&self, detail: Detail) -> Value;

    /// A change made by hand, behind the back of whoever manages the instance.
    fn edit(&mut self, body: &Value) -> Result<Value, Refusal>;

    /// What only this platform's side door does; `None` when there is no such door.
    fn side_door(&mut self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)>;
}
