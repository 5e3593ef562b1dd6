//! Who changed what: the versions of a row, and free-form values in the key order the instance keeps.

use serde_json::{Map, Value, json};

use super::permission::Permission;
use super::state::{Id, Instance, Meta};
use super::switches::KeyOrder;
use super::wire::{Answer, Call, Outcome, Refusal};

impl Instance {
    /// Notes that a row was changed by `by`: `before` and `after` are what it read as.
    pub(super) fn edited(&mut self, meta: &mut Meta, by: Id, before: &Value, after: &Value) {
        meta.updated = self.clock.stamp();
        meta.editor = by;
        let empty = Map::new();
        let (old, new) = (
            before.as_object().unwrap_or(&empty),
            after.as_object().unwrap_or(&empty),
        );
        let mut changes = Map::new();
        for key in old.keys().chain(new.keys()) {
            if old.get(key) != new.get(key) && !changes.contains_key(key) {
                changes.insert(key.clone(), json!([old.get(key), new.get(key)]));
            }
        }
        if changes.is_empty() {
            return;
        }
        self.transactions += 1;
        let name = self.users.get(by).map_or("", |user| user.name.as_str());
        meta.history.push(json!({
            "changeset": changes,
            "transaction": {
                "id": self.transactions,
                "issued_at": meta.updated,
                "user": { "id": by, "name": name },
            },
            "operation_type": "update",
        }));
    }

    /// The user behind a row, as rows carry it.
    pub(super) fn user_stub(&self, id: Id) -> Value {
        self.users.get(id).map_or(
            Value::Null,
            |user| json!({ "id": id, "name": user.name, "email": user.email }),
        )
    }

    /// A free-form value in the key order this instance keeps.
    pub(super) fn stored(&self, value: Value) -> Value {
        match self.switches.key_order {
            KeyOrder::Stored => value,
            KeyOrder::Canonical => sorted(value),
        }
    }
}

pub(super) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<(String, Value)> = map.into_iter().collect();
            pairs.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(pairs.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

fn answer(instance: &Instance, meta: &Meta) -> Outcome {
    let name = instance.users.get(meta.creator).map_or("", |user| user.name.as_str());
    let mut versions = vec![json!({
        "changeset": {},
        "transaction": { "id": 0, "issued_at": meta.created, "user": { "id": meta.creator, "name": name } },
        "operation_type": "insert",
    })];
    versions.extend(meta.history.iter().cloned());
    Ok(Answer::Ok(
        json!({ "created": meta.created, "id": meta.id, "versions": versions }),
    ))
}

/// `GET /connections/{id}/history`.
pub(super) fn of_connection(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let row = instance
        .connections
        .get(id)
        .ok_or_else(|| Refusal::not_found("Connection", id))?;
    answer(instance, &row.meta)
}

/// `GET /datastores/{id}/history`.
pub(super) fn of_datastore(instance: &mut Instance, call: &Call) -> Outcome {
    let row = instance.seen_datastore(call.caller, call.id(0)?)?;
    answer(instance, &row.meta)
}

/// `GET /containers/{id}/history`.
pub(super) fn of_container(instance: &mut Instance, call: &Call) -> Outcome {
    let row = instance.seen_container(call.caller, call.id(0)?)?;
    answer(instance, &row.meta)
}

/// `GET /quality-checks/{id}/history`.
pub(super) fn of_check(instance: &mut Instance, call: &Call) -> Outcome {
    let row = instance.seen_check(call.caller, call.id(0)?)?;
    instance.need(call.caller, row.datastore, Permission::Reporter)?;
    answer(instance, &row.meta)
}

/// `GET /teams/{id}/history`.
pub(super) fn of_team(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let row = instance.teams.get(id).ok_or_else(|| Refusal::not_found("Team", id))?;
    answer(instance, &row.meta)
}
