//! What goes: checks are archived, or deleted like all other kinds, and a replacement removes before it makes.

use driftless_core::key::RemoteId;
use driftless_core::plan::{Removal, Step};
use driftless_core::report::{Failure, Meaning};
use driftless_core::snapshot::Presence;
use serde_json::Value as Json;

use super::calls::{DELETE_CHECK, DELETE_COMPUTED_FIELD, DELETE_CONNECTION, DELETE_CONTAINER, DELETE_DATASTORE};
use super::execute::{half_done, known_number, unknown_kind};
use super::kinds::{CHECK, COMPUTED_FIELD, CONNECTION, CONTAINER, DATASTORE};
use super::{Qualytics, find};
use crate::platform::failures::failure;
use crate::platform::http::Request;
use crate::platform::{Found, Ids};

impl Qualytics {
    /// Removes a resource. One that is not there any more, or is put away already, took effect.
    pub(super) async fn remove(&self, step: &Step, ids: &Ids, removal: Removal) -> Result<i64, Failure> {
        let RemoteId(id) = known_number(step, ids)?;
        let request = match (step.change.key.kind, removal) {
            // Unless told otherwise, the platform deletes the anomalies that the check has found, too.
            (CHECK, Removal::Archive) => Request::new(&DELETE_CHECK, &[id])
                .query("archive", true)
                .query("status", "Discarded")
                .query("delete_anomalies", false),
            (CHECK, Removal::Erase) => Request::new(&DELETE_CHECK, &[id])
                .query("archive", false)
                .query("delete_anomalies", false),
            (kind, Removal::Archive) => {
                let message = format!("{}: Qualytics does not archive a {kind}", step.change.key);
                return Err(failure(Meaning::Invalid, message));
            }
            (COMPUTED_FIELD, Removal::Erase) => Request::new(&DELETE_COMPUTED_FIELD, &[id]),
            (CONTAINER, Removal::Erase) => Request::new(&DELETE_CONTAINER, &[id]),
            (DATASTORE, Removal::Erase) => Request::new(&DELETE_DATASTORE, &[id]),
            (CONNECTION, Removal::Erase) => Request::new(&DELETE_CONNECTION, &[id]),
            _ => return Err(unknown_kind(&step.change.key)),
        };
        match self.http.send(&request).await {
            Ok(_) => Ok(id),
            Err(failure) if failure.meaning == Meaning::NotFound => Ok(id),
            Err(failure) => Err(failure),
        }
    }

    /// Removes the old resource and makes the new one. The old one goes first, since most names can be borne by one alone; where
    /// the new one is there already, from a try whose answer was lost, only what it lacks is written.
    pub(super) async fn replace(&self, step: &Step, ids: &Ids, removal: Removal) -> Result<i64, Failure> {
        let old = known_number(step, ids)?;
        if let Found::Partly(_) = self.found_deletion(step, ids, removal).await? {
            self.remove(step, ids, removal).await?;
        }
        let made = match self.successor(step, old, ids).await {
            Ok(Some((id, _))) => self.update(step, ids, id.0).await,
            Ok(None) => self.create(step, ids).await,
            Err(failure) => Err(failure),
        };
        made.map_err(|failure| half_done(failure, "the old one is removed, and the new one is not made"))
    }

    /// What bears the key of a step that replaces `old`, in use, and is not the old resource; with whether it is all that is to be
    /// written.
    pub(super) async fn successor(
        &self,
        step: &Step,
        old: RemoteId,
        ids: &Ids,
    ) -> Result<Option<(RemoteId, bool)>, Failure> {
        let raw: Option<Json> = self.by_key(step, ids).await?;
        let live = raw.and_then(|raw| self.read_back(&raw, step, ids));
        let live = live.filter(|live| live.id != old && live.presence == Presence::Active);
        Ok(live.map(|live| (live.id, find::says_all(step, &live))))
    }
}
