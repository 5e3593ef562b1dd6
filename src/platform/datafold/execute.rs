//! Carries out the steps of a plan: monitors by provisioning, data sources by their creation, the rest as a look whether a person has
//! done it.

use std::collections::BTreeSet;

use driftless_core::key::{Key, RemoteId};
use driftless_core::plan::{Action, Step};
use driftless_core::report::{Failure, Meaning};
use serde_json::Value as Json;

use super::calls::{DELETE_MONITOR, GET_SOURCE};
use super::data_sources::untested;
use super::kinds::{CI_CONFIG, DATA_SOURCE, MONITOR};
use super::live_monitors::is_adopted;
use super::provisioning::{Config, Rehearsal};
use super::results::Extent;
use super::{Datafold, desk, live_ci_configs, wire};
use crate::platform::failures::failure;
use crate::platform::http::Request;
use crate::platform::{Done, Ids, Job, Progress};

impl Datafold {
    pub(super) async fn carried_out(&self, step: &Step, ids: &Ids) -> Result<Progress, Failure> {
        let key = &step.change.key;
        match (key.kind, &step.change.action) {
            (MONITOR, Action::Create) => self.write_monitor(step, None, ids).await,
            (MONITOR, Action::Update) => {
                let id = known_number(step, ids)?;
                self.write_monitor(step, Some(id), ids).await
            }
            (MONITOR, Action::Replace(_)) => {
                self.delete_monitor(known_number(step, ids)?).await?;
                self.write_monitor(step, None, ids).await
            }
            (MONITOR, Action::Delete(_)) => {
                let id = known_number(step, ids)?;
                let others = match Extent::of(&step.write) {
                    Extent::Many => self.of_wildcard(step, id, ids).await?,
                    Extent::One => BTreeSet::new(),
                };
                for other in others.into_iter().filter(|other| *other != id.0) {
                    self.delete_monitor(RemoteId(other)).await?;
                }
                // The one that is owned goes last: what is left after a failure is found by the next pass.
                self.delete_monitor(id).await?;
                Ok(done(id))
            }
            (DATA_SOURCE, Action::Create) => self.create_source(step, ids).await,
            (DATA_SOURCE, Action::Update | Action::Replace(_)) => {
                let id = known_number(step, ids)?;
                self.source_by_hand(step, id).await?;
                match ids.get(key) {
                    Some(_) => Ok(done(id)),
                    // Not there when the instance was read: it was made by this pass, whose answer was lost.
                    None => Ok(untested(key, id, &step.write, ids)),
                }
            }
            (DATA_SOURCE, Action::Delete(_)) => {
                let id = known_number(step, ids)?;
                match self.http.fetch(&Request::new(&GET_SOURCE, &[id.0])).await {
                    Err(gone) if gone.meaning == Meaning::NotFound => Ok(done(id)),
                    Err(failure) => Err(failure),
                    Ok(_) => Err(still_there(key, id, &self.sources_settings())),
                }
            }
            (CI_CONFIG, Action::Create | Action::Update | Action::Replace(_)) => {
                Ok(done(self.ci_config_by_hand(key, &step.write).await?))
            }
            (CI_CONFIG, Action::Delete(_)) => {
                let id = known_number(step, ids)?;
                match self.has_ci_config(id.0).await? {
                    true => Err(still_there(key, id, &self.ci_settings())),
                    false => Ok(done(id)),
                }
            }
            (_, Action::Operation(operation)) => {
                let message = format!("Datafold has no operation `{}`", operation.name);
                Err(failure(Meaning::Invalid, message))
            }
            _ => Err(failure(
                Meaning::Invalid,
                format!("{key} is of no kind that Datafold has"),
            )),
        }
    }

    pub(super) async fn polled(&self, job: &Job, ids: &Ids) -> Result<Progress, Failure> {
        match job.operation.subject.kind {
            DATA_SOURCE => self.tested(job, ids).await,
            _ => self.looked_after(job).await,
        }
    }

    async fn write_monitor(&self, step: &Step, id: Option<RemoteId>, ids: &Ids) -> Result<Progress, Failure> {
        let spec = sent(step, id, ids)?;
        self.hand_in(desk::paper(&step.change.key, &step.write, id, spec)).await
    }

    /// The numbers of all monitors that a wildcard stands for, `id` among them. No list shows a slug: a dry run of what was agreed on
    /// tells.
    async fn of_wildcard(&self, step: &Step, id: RemoteId, ids: &Ids) -> Result<BTreeSet<i64>, Failure> {
        let key = &step.change.key;
        let config = Config::from([(key.name().to_owned(), sent(step, None, ids)?)]);
        let why = match self.rehearse(&config).await? {
            Rehearsal::Busy(why) => {
                return Err(Failure {
                    meaning: Meaning::Unavailable,
                    ..why
                });
            }
            Rehearsal::Told(results) => match results.numbers().filter(|numbers| numbers.contains(&id.0)) {
                Some(numbers) => return Ok(numbers),
                None => "the result of a dry run does not number them".to_owned(),
            },
            Rehearsal::Missing(why) | Rehearsal::Refused(why) => why.message,
        };
        let message = format!(
            "{key} stands for many monitors by its wildcard, of which number {id} is one, and which the others are cannot be told: {why}. \
             Nothing was deleted: delete all of them in Datafold"
        );
        Err(failure(Meaning::Conflict, message))
    }

    async fn delete_monitor(&self, id: RemoteId) -> Result<(), Failure> {
        // It may answer with anything, or with nothing.
        match self.http.send(&Request::new(&DELETE_MONITOR, &[id.0])).await {
            Err(gone) if gone.meaning == Meaning::NotFound => Ok(()),
            answer => answer.map(drop),
        }
    }
}

/// What a step sends of a monitor. One that the slug takes over is named by its number; a wildcard has none.
pub(super) fn sent(step: &Step, id: Option<RemoteId>, ids: &Ids) -> Result<Json, Failure> {
    let number = |name: &str| ids.get(&Key::new(DATA_SOURCE, [name])).map(|id| id.0);
    let mut spec = wire::sent(&step.write, number)?;
    if let Some(id) = id.filter(|_| is_adopted(step.base.as_deref()) && Extent::of(&step.write) == Extent::One)
        && let Some(spec) = spec.as_object_mut()
    {
        spec.insert("id".to_owned(), Json::from(id.0));
    }
    Ok(spec)
}

/// The number of what the step is about.
pub(super) fn known_number(step: &Step, ids: &Ids) -> Result<RemoteId, Failure> {
    let key = &step.change.key;
    let said = || (key.kind == CI_CONFIG).then(|| live_ci_configs::number(&step.write).map(RemoteId))?;
    step.remote.or_else(|| ids.get(key)).or_else(said).ok_or_else(|| {
        let message = format!("{key} has no number on this instance: it must be read again");
        failure(Meaning::NotFound, message)
    })
}

fn done(id: RemoteId) -> Progress {
    Progress::Done(Done {
        remote: Some(id),
        learned: Vec::new(),
    })
}

fn still_there(key: &Key, id: RemoteId, settings: &str) -> Failure {
    let message = format!("{key} is still there as number {id}: remove it at {settings}");
    failure(Meaning::Conflict, message)
}
