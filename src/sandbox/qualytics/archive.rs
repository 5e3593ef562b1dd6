//! Checks that go: archived, where they can be restored from, or deleted.

use serde_json::{Value, json};

use super::body::{array, object, text};
use super::permission::{Permission, Role};
use super::state::{CheckStatus, Id, Instance};
use super::wire::{Answer, Call, Caller, Outcome, Refusal};

impl Instance {
    /// Archives a check under a status.
    pub(super) fn archive(&mut self, id: Id, status: CheckStatus) {
        let stamp = self.clock.stamp();
        if let Some(row) = self.checks.get_mut(id) {
            row.status = status;
            row.archived_at = Some(stamp);
        }
    }
}

/// `DELETE /quality-checks/{id}`.
pub(super) fn delete(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    if instance.templates.contains_key(&id) {
        super::permission::need_role(call.caller, Role::Manager)?;
        instance.templates.remove(&id);
        return Ok(Answer::Empty);
    }
    let archive = call.query.flag("archive")?.unwrap_or(true);
    let status = archive_status(call.query.first("status"))?;
    remove(instance, call.caller, id, archive, status)
}

/// `DELETE /quality-checks`: many at once; nothing happens when one of them may not be deleted.
pub(super) fn delete_many(instance: &mut Instance, call: &Call) -> Outcome {
    let mut wanted = Vec::new();
    for item in array(&call.body)? {
        let item = object(item)?;
        let id = item.get("id").and_then(Value::as_i64);
        let id = id.ok_or_else(|| Refusal::invalid(json!(["body", "id"]), "Field required", "missing"))?;
        let row = instance.seen_check(call.caller, id)?;
        instance.need(call.caller, row.datastore, Permission::Author)?;
        let archive = item.get("archive").and_then(Value::as_bool).unwrap_or(true);
        wanted.push((id, archive, archive_status(text(item, "status"))?));
    }
    for (id, archive, status) in wanted {
        remove(instance, call.caller, id, archive, status)?;
    }
    Ok(Answer::Empty)
}

fn archive_status(text: Option<&str>) -> Result<CheckStatus, Refusal> {
    match text {
        None => Ok(CheckStatus::Discarded),
        Some(text) => CheckStatus::parse(text)
            .filter(|status| status.archived())
            .ok_or_else(|| {
                Refusal::invalid(
                    json!(["query", "status"]),
                    "Input should be 'Discarded' or 'Invalid'",
                    "enum",
                )
            }),
    }
}

fn remove(instance: &mut Instance, caller: Caller, id: Id, archive: bool, status: CheckStatus) -> Outcome {
    let datastore = instance.seen_check(caller, id)?.datastore;
    instance.need(caller, datastore, Permission::Author)?;
    if archive {
        instance.archive(id, status);
    } else {
        instance.remove_check(id);
    }
    Ok(Answer::Empty)
}
