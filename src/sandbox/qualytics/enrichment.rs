//! Enrichment: the link from a datastore to the one that anomalies and remediation are written to.

use serde_json::json;

use super::permission::Permission;
use super::state::{Id, Instance};
use super::wire::{Answer, Call, Outcome, Refusal};

/// A prefix as the platform keeps it: snake case, one underscore in front.
pub(super) fn prefix(text: &str) -> String {
    let mut out = String::new();
    for character in text.to_lowercase().chars() {
        if character.is_ascii_alphanumeric() {
            out.push(character);
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    format!("_{}", out.trim_matches('_'))
}

/// The refusal of a target that is no enrichment datastore.
pub(super) fn no_enrichment_store(id: Id) -> Refusal {
    Refusal::conflict(format!("The datastore id: {id} is not an enrichment store"))
}

/// `PATCH /datastores/{id}/enrichment/{enrichment_id}`.
pub(super) fn link(instance: &mut Instance, call: &Call) -> Outcome {
    let (id, target) = (call.id(0)?, call.id(1)?);
    let row = instance.seen_datastore(call.caller, id)?;
    let enrichment = instance.seen_datastore(call.caller, target)?;
    instance.need(call.caller, id, Permission::Editor)?;
    instance.need(call.caller, target, Permission::Editor)?;
    if row.spec.get("enrichment_only") == Some(&json!(true)) {
        return Err(Refusal::conflict(format!(
            "The datastore id: {id} is an enrichment store"
        )));
    }
    if enrichment.spec.get("enrichment_only") != Some(&json!(true)) {
        return Err(no_enrichment_store(target));
    }
    if let Some(row) = instance.datastores.get_mut(id) {
        row.enrichment = Some(target);
        row.meta.editor = call.caller.id;
    }
    Ok(Answer::Ok(instance.render_datastore(instance.datastore(id)?)))
}

/// `DELETE /datastores/{id}/enrichment`.
pub(super) fn unlink(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    instance.datastore(id)?;
    if instance.writes_enrichment(id) {
        return Err(Refusal::conflict(
            "Active export or materialize operations exist for this datastore",
        ));
    }
    if let Some(row) = instance.datastores.get_mut(id) {
        row.enrichment = None;
        row.spec
            .insert("enrichment_remediation_strategy".to_owned(), json!("none"));
        row.meta.editor = call.caller.id;
    }
    Ok(Answer::Empty)
}
