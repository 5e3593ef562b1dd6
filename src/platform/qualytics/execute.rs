//! Carries out the steps of a plan: creations and updates, one function a kind. What goes is `remove`'s.

use driftless_core::field::FieldPath;
use driftless_core::key::{Key, RemoteId};
use driftless_core::plan::{Action, Change, Step};
use driftless_core::report::{Failure, Meaning};
use driftless_core::value::Value;
use serde_json::{Value as Json, json};

use super::body::{Body, Target, number};
use super::calls::{
    CREATE_CHECK, CREATE_COMPUTED_FIELD, CREATE_CONNECTION, CREATE_CONTAINER, CREATE_DATASTORE, GET_DATASTORE,
    TAG_CONTAINERS, UPDATE_CHECK, UPDATE_COMPUTED_FIELD, UPDATE_CONNECTION, UPDATE_CONTAINER, UPDATE_DATASTORE,
};
use super::kinds::{CHECK, COMPUTED_FIELD, CONNECTION, CONTAINER, DATASTORE};
use super::references;
use super::wire::{self, Names};
use super::{Qualytics, kinds};
use crate::platform::failures::failure;
use crate::platform::http::{Call, Request};
use crate::platform::{Done, Ids, Progress};

impl Qualytics {
    pub(super) async fn carried_out(&self, step: &Step, ids: &Ids) -> Result<Progress, Failure> {
        let result = match &step.change.action {
            Action::Operation(operation) => return self.run(operation, step.remote, ids).await,
            Action::Create => self.create(step, ids).await,
            Action::Update => {
                let id = known_number(step, ids)?;
                self.update(step, ids, id.0).await
            }
            Action::Replace(removal) => self.replace(step, ids, *removal).await,
            Action::Delete(removal) => self.remove(step, ids, *removal).await,
        };
        let remote = result.map_err(|failure| in_words_of_the_file(failure, step))?;
        Ok(Progress::Done(Done {
            remote: Some(RemoteId(remote)),
            learned: Vec::new(),
        }))
    }

    pub(super) async fn create(&self, step: &Step, ids: &Ids) -> Result<i64, Failure> {
        let target = Target { step, ids };
        let key = &step.change.key;
        match key.kind {
            CONNECTION => {
                let made = self.write(&CREATE_CONNECTION, &[], target.connection()).await;
                made_with_number(self.unless_taken(made, target).await?, step)
            }
            DATASTORE => {
                let body = Body::of(target.datastore()?);
                let made = self.write(&CREATE_DATASTORE, &[], body).await;
                made_with_number(self.unless_taken(made, target).await?, step)
            }
            CONTAINER => self.create_container(target).await,
            COMPUTED_FIELD => {
                let container = home(step, ids)?;
                let body = target.computed_field(Some(container))?;
                made_with_number(self.write(&CREATE_COMPUTED_FIELD, &[], body).await?, step)
            }
            CHECK => {
                let container = home(step, ids)?;
                let body = target.check_creation(container)?;
                let made = self.write(&CREATE_CHECK, &[], body).await;
                made_with_number(made.map_err(overlaps)?, step)
            }
            _ => Err(unknown_kind(key)),
        }
    }

    /// A container is made in up to three requests: what its creation does not take is written after it.
    async fn create_container(&self, target: Target<'_>) -> Result<i64, Failure> {
        let step = target.step;
        let at = FieldPath::top("name");
        let datastore = references::datastore_of(&step.change.key).ok_or_else(|| unknown_kind(&step.change.key))?;
        let datastore = number(target.ids, &at, &datastore)?;
        let body = target.container_creation(datastore)?;
        let made = self.write(&CREATE_CONTAINER, &[], body).await;
        let made = self.unless_taken(made, target).await?;
        let id = made_with_number(made.clone(), step)?;
        let lacks = target.lacks(&made.unwrap_or_default());
        let rest = async {
            if lacks.fields {
                self.write(&UPDATE_CONTAINER, &[id], target.container_update()?).await?;
            } else if let Some(tags) = lacks.tags {
                let body = Body {
                    json: json!([{ "id": id, "tags": tags }]),
                    secrets: Vec::new(),
                };
                self.write(&TAG_CONTAINERS, &[], body).await?;
            }
            Ok(id)
        };
        rest.await
            .map_err(|failure: Failure| half_done(failure, "it is made, but not all of it is written"))
    }

    pub(super) async fn update(&self, step: &Step, ids: &Ids, id: i64) -> Result<i64, Failure> {
        let target = Target { step, ids };
        match step.change.key.kind {
            CONNECTION => self.write(&UPDATE_CONNECTION, &[id], target.connection()).await?,
            DATASTORE => {
                let body = match &step.base {
                    Some(_) => target.datastore_update()?,
                    None => self.merged_datastore(target, id).await?,
                };
                self.write(&UPDATE_DATASTORE, &[id], body).await?
            }
            CONTAINER => self.write(&UPDATE_CONTAINER, &[id], target.container_update()?).await?,
            COMPUTED_FIELD => {
                self.write(&UPDATE_COMPUTED_FIELD, &[id], target.computed_field(None)?)
                    .await?
            }
            CHECK => self.write(&UPDATE_CHECK, &[id], target.check_update()?).await?,
            _ => return Err(unknown_kind(&step.change.key)),
        };
        Ok(id)
    }

    /// The PUT of a datastore of which nothing was read before (it was made by a request whose answer was lost).
    async fn merged_datastore(&self, target: Target<'_>, id: i64) -> Result<Body, Failure> {
        let raw = self.http.fetch(&Request::new(&GET_DATASTORE, &[id])).await?;
        let live = wire::datastore(&raw, &Names::default())
            .ok_or_else(|| failure(Meaning::Broken, format!("GET /datastores/{id}: the answer has no id")))?;
        let mut step = target.step.clone();
        let mut write = live.spec;
        write.shift_remove("connection_name");
        write.extend(std::mem::take(&mut step.write));
        step.write = write;
        step.base = live.base;
        let target = Target {
            step: &step,
            ids: target.ids,
        };
        target.datastore_update()
    }

    /// A name that is taken, although it was not to be seen when the plan was made: somebody was first, or what has it is out of
    /// this token's sight. Which of the two is looked up; nothing is sent again for it.
    async fn unless_taken(
        &self,
        made: Result<Option<Json>, Failure>,
        target: Target<'_>,
    ) -> Result<Option<Json>, Failure> {
        let mut failure = match made {
            Err(failure) if failure.meaning == Meaning::Conflict => failure,
            made => return made,
        };
        let Change { key, .. } = &target.step.change;
        let kind = key.kind;
        let why = match self.by_key(target.step, target.ids).await {
            Ok(Some(_)) => "it was made since this pass read the instance, and the next pass compares it".to_owned(),
            Ok(None) => format!(
                "`{key}` is not visible: a {kind} has this name, no list shows it, and it lies outside of the teams of this token. Give \
                 the token the team that sees it, or call yours otherwise"
            ),
            Err(_) => format!(
                "a {kind} of this name was not to be seen before: it was made since, or lies outside of the teams of this token"
            ),
        };
        failure.message = format!("{}; {why}", failure.message);
        Err(failure)
    }

    pub(super) async fn write(&self, call: &'static Call, ids: &[i64], body: Body) -> Result<Option<Json>, Failure> {
        let request = Request::new(call, ids).body(body.json, body.secrets);
        self.http.send(&request).await
    }
}

/// The number of what the step is about.
pub(super) fn known_number(step: &Step, ids: &Ids) -> Result<RemoteId, Failure> {
    let key = &step.change.key;
    step.remote.or_else(|| ids.get(key)).ok_or_else(|| {
        let message = format!("{key} has no number on this instance: it must be read again");
        failure(Meaning::NotFound, message)
    })
}

/// The container of a check or a computed field, as a number.
fn home(step: &Step, ids: &Ids) -> Result<i64, Failure> {
    let key = &step.change.key;
    let field = match key.kind {
        CHECK => "container",
        _ => "name",
    };
    let home = references::home_of(key, &step.write).ok_or_else(|| {
        let message = format!("{key} names no container");
        failure(Meaning::Invalid, message)
    })?;
    number(ids, &FieldPath::top(field), &home)
}

/// The number in the answer to a creation. An answer without one leaves open what became of it.
fn made_with_number(made: Option<Json>, step: &Step) -> Result<i64, Failure> {
    made.as_ref().and_then(wire::id_of).ok_or_else(|| {
        let message = format!("{}: the answer to its creation has no id", step.change.key);
        failure(Meaning::Lost, message)
    })
}

/// A part of the step took effect: a failure that would pass as "nothing happened" must be looked up.
pub(super) fn half_done(mut failure: Failure, what: &str) -> Failure {
    if failure.meaning.is_transient() {
        failure.meaning = Meaning::Lost;
    }
    failure.message = format!("{what}: {}", failure.message);
    failure
}

/// A check that the platform does not tell from another one is that one as a rule, under another id.
fn overlaps(mut failure: Failure) -> Failure {
    if failure.meaning == Meaning::Conflict {
        failure
            .message
            .push_str("; if this check had another `_qualytics_check_uid` before, say that one as its `previous_name`");
    }
    failure
}

pub(super) fn unknown_kind(key: &Key) -> Failure {
    failure(Meaning::Invalid, format!("{key} is of no kind that Qualytics has"))
}

/// Fields of the wire, as the files call them.
const WORDS: &[(&str, &str)] = &[
    ("connection_id", "connection_name"),
    ("enrichment_datastore_id", "enrich_datastore_name"),
    ("rule", "rule_type"),
    ("source_container_id", "source_container_name"),
    ("left_container_id", "left_container_name"),
    ("right_container_id", "right_container_name"),
    ("ref_container_id", "ref_container_name"),
    ("ref_datastore_id", "ref_datastore_name"),
    ("global_tags", "tags"),
    ("transformation_type", "transformation"),
];

/// Says a refusal in the words of the file: its fields instead of those of the wire.
pub(super) fn in_words_of_the_file(mut failure: Failure, step: &Step) -> Failure {
    for (path, _) in &mut failure.fields {
        *path = file_path(path, step);
    }
    failure
}

fn file_path(path: &FieldPath, step: &Step) -> FieldPath {
    let is_field = |name: &str| {
        step.write.contains_key(name)
            || step.write.contains_key(word(name, step))
            || matches!(name, "container_id" | "datastore_id")
    };
    let mut keys = path.keys();
    // The platform names the schema that it tried before the field.
    while let [variant, rest @ ..] = keys
        && rest.first().is_some_and(|next| is_field(next))
        && !is_field(variant)
    {
        keys = rest;
    }
    let mut words = keys.iter().map(|name| word(name, step));
    let first = FieldPath::top(words.next().unwrap_or_default());
    words.fold(first, |path, name| path.child(name))
}

fn word<'a>(name: &'a str, step: &Step) -> &'a str {
    match (name, step.change.key.kind) {
        ("container_id", CHECK) => "container",
        ("container_id", COMPUTED_FIELD) | ("datastore_id", CONTAINER) => "name",
        ("_qualytics_check_uid", _) => kinds::UID,
        _ => WORDS
            .iter()
            .find(|(wire, _)| *wire == name)
            .map_or(name, |(_, file)| file),
    }
}

/// Whether a value says the same as what is live: a map says so of its own keys, and a secret cannot be compared.
pub(super) fn is_written(wanted: &Value, live: Option<&Value>) -> bool {
    match (wanted, live) {
        (Value::Secret(_), _) | (Value::Null, None | Some(Value::Null)) => true,
        (Value::Map(wanted), Some(Value::Map(live))) => {
            wanted.iter().all(|(field, value)| is_written(value, live.get(field)))
        }
        (Value::Map(wanted), None | Some(Value::Null)) => wanted.values().all(|value| is_written(value, None)),
        (wanted, Some(live)) => wanted.agrees(live),
        (_, None) => false,
    }
}
