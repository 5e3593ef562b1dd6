//! Quality check templates: rules kept apart from any container.

use serde_json::{Map, Value, json};

use super::body::{Faults, Omitted, names, object, overlay, text};
use super::page::Page;
use super::rules::named;
use super::state::{Id, Instance, Template};
use super::wire::{Answer, Call, Outcome, Refusal};

fn keys() -> [(&'static str, Omitted); 7] {
    [
        ("description", Omitted::Reset(Value::Null)),
        ("template_locked", Omitted::Reset(json!(false))),
        ("coverage", Omitted::Reset(Value::Null)),
        ("filter", Omitted::Reset(Value::Null)),
        ("properties", Omitted::Reset(json!({}))),
        ("additional_metadata", Omitted::Reset(Value::Null)),
        ("anomaly_message_field", Omitted::Reset(Value::Null)),
    ]
}

fn render(instance: &Instance, row: &Template) -> Value {
    let mut out = json!({
        "id": row.meta.id,
        "created": row.meta.created,
        "rule_type": row.rule.name,
        "is_template": true,
        "status": "Active",
        "fields": [],
        "global_tags": instance.tag_stubs(&row.tags),
        "template_checks_count": instance.checks.iter().filter(|check| check.template == Some(row.meta.id)).count(),
        "container": null,
        "datastore": null,
    });
    if let Some(out) = out.as_object_mut() {
        out.extend(row.spec.clone());
    }
    out
}

/// `GET /quality-check-templates`, and `GET /quality-checks?template_only=true`.
pub(super) fn list(instance: &mut Instance, call: &Call) -> Outcome {
    let (rules, locked) = (call.query.set("rule_type"), call.query.flag("template_locked")?);
    let tags = call.query.set("tag");
    let rows: Vec<&Template> = instance
        .templates
        .values()
        .filter(|row| rules.is_empty() || rules.contains(&row.rule.name))
        .filter(|row| locked.is_none_or(|locked| row.spec.get("template_locked") == Some(&json!(locked))))
        .filter(|row| instance.tagged(&row.tags, &tags))
        .collect();
    let instance = &*instance;
    Ok(Page::of(&call.query)?.answer(&rows, |row| render(instance, row)))
}

/// One template, by the id it shares with checks.
pub(super) fn get(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let row = instance
        .templates
        .get(&id)
        .ok_or_else(|| Refusal::not_found("Quality check template", id))?;
    Ok(Answer::Ok(render(instance, row)))
}

fn check(body: &Map<String, Value>, required: &[&str]) -> Result<(), Refusal> {
    let mut faults = Faults::default();
    faults.need(body, required);
    faults.texts(body, &["rule", "description", "filter"]);
    faults.flags(body, &["template_locked"]);
    faults.lists_of_texts(body, &["tags"]);
    faults.objects(body, &["properties", "additional_metadata"]);
    if text(body, "rule").is_some_and(|rule| named(rule).is_none()) {
        faults.add(
            &["rule"],
            "Input tag does not match any of the expected tags",
            "union_tag_invalid",
        );
    }
    faults.done()
}

fn write(instance: &mut Instance, id: Id, body: &Map<String, Value>, by: Id) -> Result<(), Refusal> {
    let tags = instance.tag_ids(&names(body.get("tags").unwrap_or(&Value::Null)), "tags", by)?;
    if let Some(row) = instance.templates.get_mut(&id) {
        overlay(&mut row.spec, body, keys());
        row.tags = tags;
    }
    Ok(())
}

/// `POST /quality-check-templates`.
pub(super) fn create(instance: &mut Instance, call: &Call) -> Outcome {
    let body = object(&call.body)?;
    check(body, &["description", "rule", "template_locked"])?;
    let Some(rule) = text(body, "rule").and_then(named) else {
        return Err(Refusal::bad("no rule"));
    };
    let id = instance.checks.reserve();
    let meta = instance.born(id, call.caller.id);
    instance.templates.insert(
        id,
        Template {
            meta,
            rule,
            spec: Map::new(),
            tags: Vec::new(),
        },
    );
    write(instance, id, body, call.caller.id)?;
    Ok(Answer::Created(
        instance
            .templates
            .get(&id)
            .map_or(Value::Null, |row| render(instance, row)),
    ))
}

/// `PUT /quality-check-templates/{id}`.
pub(super) fn update(instance: &mut Instance, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let body = object(&call.body)?;
    check(body, &["description", "template_locked"])?;
    if !instance.templates.contains_key(&id) {
        return Err(Refusal::not_found("Quality check template", id));
    }
    write(instance, id, body, call.caller.id)?;
    Ok(Answer::Ok(
        instance
            .templates
            .get(&id)
            .map_or(Value::Null, |row| render(instance, row)),
    ))
}
