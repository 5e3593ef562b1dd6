//! Looks up whether a write whose answer was lost took effect.

use std::collections::BTreeMap;

use driftless_core::key::RemoteId;
use driftless_core::plan::{Action, Step};
use driftless_core::report::{Failure, Meaning};
use driftless_core::value::Value;

use super::calls::{GET_MONITOR, GET_SOURCE};
use super::execute::{known_number, sent};
use super::kinds::{CI_CONFIG, DATA_SOURCE};
use super::provisioning::Rehearsal;
use super::results::{Extent, Known, Said};
use super::wire::{int, text};
use super::{Datafold, live_ci_configs};
use crate::platform::failures::failure;
use crate::platform::http::{Call, Request};
use crate::platform::{Found, Ids};

impl Datafold {
    pub(super) async fn found(&self, step: &Step, ids: &Ids) -> Result<Found, Failure> {
        let key = &step.change.key;
        match (key.kind, &step.change.action) {
            (CI_CONFIG, Action::Delete(_)) => {
                let id = known_number(step, ids)?;
                Ok(match self.has_ci_config(id.0).await? {
                    true => Found::Partly(id),
                    false => Found::Done(id),
                })
            }
            (CI_CONFIG, _) => match live_ci_configs::number(&step.write) {
                Some(id) if self.has_ci_config(id).await? => Ok(Found::Done(RemoteId(id))),
                _ => Ok(Found::Absent),
            },
            (DATA_SOURCE, Action::Delete(_)) => self.found_gone(&GET_SOURCE, step, ids).await,
            (DATA_SOURCE, Action::Create) => self.found_source(step).await,
            (DATA_SOURCE, _) => {
                let id = known_number(step, ids)?;
                Ok(match self.source_by_hand(step, id).await {
                    Ok(()) => Found::Done(id),
                    Err(_) => Found::Partly(id),
                })
            }
            (_, Action::Delete(_)) => self.found_gone(&GET_MONITOR, step, ids).await,
            _ => self.found_monitor(step, ids).await,
        }
    }

    /// A deletion took effect when nothing has the number.
    async fn found_gone(&self, call: &'static Call, step: &Step, ids: &Ids) -> Result<Found, Failure> {
        let id = known_number(step, ids)?;
        match self.http.fetch(&Request::new(call, &[id.0])).await {
            Ok(_) => Ok(Found::Partly(id)),
            Err(gone) if gone.meaning == Meaning::NotFound => Ok(Found::Done(id)),
            Err(failure) => Err(failure),
        }
    }

    /// A creation is not repeated where something has its name and type: what it says of secrets cannot be read.
    async fn found_source(&self, step: &Step) -> Result<Found, Failure> {
        let sort = step.write.get("type").and_then(Value::as_str);
        let listed = self.listed_sources().await?;
        let mut found = listed
            .iter()
            .filter(|raw| text(raw, "name") == Some(step.change.key.name()) && text(raw, "type") == sort);
        let (Some(raw), None) = (found.next(), found.next()) else {
            return match listed
                .iter()
                .any(|raw| text(raw, "name") == Some(step.change.key.name()))
            {
                true => Err(failure(
                    Meaning::Conflict,
                    format!("{}: what has this name cannot be told to be it", step.change.key),
                )),
                false => Ok(Found::Absent),
            };
        };
        let Some(id) = int(raw, "id").map(RemoteId) else {
            return Ok(Found::Absent);
        };
        // Its test is still to be made.
        Ok(Found::Partly(id))
    }

    /// Provisioning is by slug: to repeat it does no harm, so that only a monitor of which nothing is left to do counts as there.
    async fn found_monitor(&self, step: &Step, ids: &Ids) -> Result<Found, Failure> {
        let slug = step.change.key.name();
        let id = step.remote.or_else(|| ids.get(&step.change.key));
        let config = BTreeMap::from([(slug.to_owned(), sent(step, step.remote, ids)?)]);
        let known = Known {
            name: step.write.get("name").and_then(Value::as_str).map(str::to_owned),
            id: id.map(|id| id.0),
            extent: Extent::of(&step.write),
        };
        match self.rehearse(&config).await? {
            Rehearsal::Told(results) => {
                let said = results.of_each(&[(slug.to_owned(), known)].into());
                match said.get(slug) {
                    Some((Said::Unchanged, told)) => {
                        let id = told.map(RemoteId).or(id);
                        Ok(id.map_or(Found::Absent, Found::Done))
                    }
                    _ => Ok(Found::Absent),
                }
            }
            Rehearsal::Busy(busy) => Err(Failure {
                meaning: Meaning::Unavailable,
                retry_after: Some(AGAIN),
                ..busy
            }),
            Rehearsal::Missing(other) | Rehearsal::Refused(other) => Err(other),
        }
    }
}

/// How long to wait before a provisioning that somebody else's keeps back is tried again: the vendor's own client looks as often.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(2);
