//! Whether the place behind a connection answers: tests that store nothing.

use serde_json::{Map, Value, json};

use super::body::{Omitted, given, object, overlay, text};
use super::connections::check;
use super::permission::Permission;
use super::state::Instance;
use super::wire::{Answer, Call, Outcome, Refusal};

/// `POST /connections/{id}/test`: a host under `.invalid` (RFC 2606) cannot be reached; all others can.
pub(super) fn test(instance: &mut Instance, call: &Call) -> Outcome {
    let row = instance.connection(call.id(0)?)?;
    let mut spec = row.spec.clone();
    if let Some(body) = call.body.as_object() {
        check(body)?;
        overlay(&mut spec, body, [("host", Omitted::Kept), ("uri", Omitted::Kept)]);
    }
    reachable(&spec).map(|()| Answer::Empty).map_err(Refusal::bad)
}

/// Whether the place a connection names can be reached; the error is what the platform would say.
fn reachable(spec: &Map<String, Value>) -> Result<(), String> {
    let place = text(spec, "host").or_else(|| text(spec, "uri")).unwrap_or_default();
    if place.ends_with(".invalid") {
        return Err(format!("Connection test failed: could not resolve host {place}"));
    }
    Ok(())
}

/// `POST /datastores/connection`: validates a create body without saving it.
pub(super) fn validate(instance: &mut Instance, call: &Call) -> Outcome {
    let body = object(&call.body)?;
    let connection = instance.named_connection(body)?;
    let spec = match connection {
        Some(id) => instance.connection(id)?.spec.clone(),
        None => given(body, "connection")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
    };
    reachable(&spec).map(|()| Answer::Empty).map_err(|message| Refusal {
        status: 400,
        body: json!({ "message": message }),
    })
}

/// `POST /datastores/{id}/connection`.
pub(super) fn verify(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let row = instance.seen_datastore(call.caller, id)?;
    instance.need(call.caller, id, Permission::Editor)?;
    let reached = reachable(&instance.connection(row.connection)?.spec);
    Ok(Answer::Ok(
        json!({ "connected": reached.is_ok(), "message": reached.err() }),
    ))
}
