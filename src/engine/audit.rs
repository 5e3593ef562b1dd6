//! What a pass says of its writes in the audit: on whose behalf, what was asked for, what became of it.

use std::sync::Arc;

use chrono::SecondsFormat;
use driftless_core::key::Digest;
use driftless_core::plan::{Action, Change, Plan, Step};
use driftless_core::render;
use serde_json::json;

use super::reconcile::Environment;
use crate::clock::Clock;
use crate::store::audit::{Became, Note};
use crate::store::{Intent, RunId, Trigger};

/// On whose behalf a pass writes.
#[derive(Clone)]
pub struct Origin {
    /// The run; `None` on the command line.
    pub run: Option<RunId>,
    /// Why it was started.
    pub trigger: Trigger,
    /// Who let the plan through, where somebody had to.
    pub approver: Option<String>,
    /// What gives records their time.
    pub clock: Arc<dyn Clock>,
}

/// What all notes of one pass share.
pub(super) struct Audit<'a> {
    origin: &'a Origin,
    /// Without a write, a time and a result.
    blank: Note,
}

/// Fields of a resource that are named in a record: more are counted, so that no record is without bound.
const FIELDS: usize = 64;

impl<'a> Audit<'a> {
    /// Of a pass that carries out `plan`.
    pub(super) async fn of(origin: &'a Origin, environment: &Environment, plan: &Plan) -> Self {
        let author = match &plan.revision {
            Some(revision) if !plan.steps.is_empty() => environment.source.describe(revision).await,
            _ => None,
        };
        let blank = Note {
            environment: environment.name.as_ref().map(|name| name.0.clone()),
            target: environment.platform.target().0.clone(),
            run: origin.run.as_ref().map(|run| run.0.clone()),
            trigger: origin.trigger.text(),
            revision: plan.revision.as_ref().map(|revision| revision.0.clone()),
            author: author.map(|commit| commit.author),
            digest: plan.digest.0.clone(),
            approver: origin.approver.clone(),
            ..Note::default()
        };
        Self { origin, blank }
    }

    /// What became of `step`, which was sent `attempts` times.
    pub(super) fn note(&self, step: &Step, became: &Became, attempts: u32) -> Note {
        Note {
            at: self.now(),
            key: step.change.key.to_string(),
            action: step.change.action.word().to_owned(),
            request: request(step),
            result: became.text(),
            attempts,
            ..self.blank.clone()
        }
    }

    /// What became of a write of an earlier process that no step of this pass repeats.
    pub(super) fn looked_up(&self, intent: &Intent) -> Note {
        let what = "what is live now needs nothing more of this write";
        Note {
            at: self.now(),
            digest: intent.digest.0.clone(),
            key: intent.key.to_string(),
            action: "look_up".to_owned(),
            request: json!({ "kind": intent.key.kind.0 }).to_string(),
            result: Became::LookedUp(what.to_owned()).text(),
            ..self.blank.clone()
        }
    }

    fn now(&self) -> String {
        self.origin.clock.now().to_rfc3339_opts(SecondsFormat::Nanos, true)
    }
}

/// What the platform is asked for: which resource, which fields, and the digest of the change as the plan shows it. No values: they
/// are Git's to keep, and some are not for everybody who may read an audit.
fn request(step: &Step) -> String {
    let Change {
        key,
        action,
        class,
        fields,
        ..
    } = &step.change;
    let named: Vec<String> = fields.iter().take(FIELDS).map(|field| field.path.to_string()).collect();
    let mut request = json!({
        "kind": key.kind.0,
        "class": class.word(),
        "remote": step.remote.map(|remote| remote.0),
        "fields": named,
        "change": Digest::of(&render::change_json(&step.change)).0,
    });
    if let Some(request) = request.as_object_mut() {
        if let Action::Operation(operation) = action {
            request.insert("operation".to_owned(), operation.name.into());
            request.insert("subject".to_owned(), operation.subject.to_string().into());
        }
        let more = fields.len().saturating_sub(FIELDS);
        if more > 0 {
            request.insert("more_fields".to_owned(), more.into());
        }
    }
    request.to_string()
}
