//! Global tags: named labels on datastores, containers, fields and checks.

use serde_json::{Map, Value, json};

use super::body::{Faults, Omitted, object, overlay, text};
use super::page::Page;
use super::state::{Id, Instance, Tag};
use super::switches::Unknown;
use super::wire::{Answer, Call, Outcome, Refusal};

fn keys() -> [(&'static str, Omitted); 5] {
    [
        ("type", Omitted::Reset(json!("global"))),
        ("color", Omitted::Reset(json!("#8A8D91"))),
        ("description", Omitted::Reset(Value::Null)),
        ("category", Omitted::Reset(Value::Null)),
        ("weight_modifier", Omitted::Reset(json!(0))),
    ]
}

impl Instance {
    /// The ids of tags by name; what happens to an unknown name is as the switch says. `place` is the key.
    pub(super) fn tag_ids(&mut self, names: &[String], place: &str, by: Id) -> Result<Vec<Id>, Refusal> {
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            if let Some(id) = self.tag_names.get(name) {
                ids.push(*id);
                continue;
            }
            let message = format!("Tag '{name}' not found");
            match self.switches.unknown_tags {
                Unknown::Create => ids.push(self.add_tag(name, Map::new(), by)),
                Unknown::Ignore => {}
                Unknown::NotFound => return Err(Refusal::text(404, message)),
                Unknown::Refuse => return Err(Refusal::invalid(json!(["body", place]), message, "value_error")),
            }
        }
        Ok(ids)
    }

    /// Creates a tag, or changes the one of that name.
    pub(super) fn add_tag(&mut self, name: &str, given: Map<String, Value>, by: Id) -> Id {
        let mut spec = Map::new();
        overlay(&mut spec, &given, keys());
        if let Some(id) = self.tag_names.get(name) {
            let id = *id;
            if let Some(tag) = self.tags.get_mut(id) {
                tag.spec = spec;
            }
            return id;
        }
        let id = self.tags.reserve();
        let meta = self.born(id, by);
        self.tags.put(
            id,
            Tag {
                meta,
                name: name.to_owned(),
                spec,
            },
        );
        self.tag_names.insert(name.to_owned(), id);
        id
    }

    /// Tags as rows carry them, by name.
    pub(super) fn tag_stubs(&self, ids: &[Id]) -> Value {
        let mut tags: Vec<&Tag> = ids.iter().filter_map(|id| self.tags.get(*id)).collect();
        tags.sort_by(|left, right| left.name.cmp(&right.name));
        tags.into_iter()
            .map(|tag| {
                json!({
                    "id": tag.meta.id,
                    "type": tag.spec.get("type"),
                    "name": tag.name,
                    "color": tag.spec.get("color"),
                    "description": tag.spec.get("description"),
                })
            })
            .collect()
    }

    /// Whether a row bears any of the tags named; no names, no filter.
    pub(super) fn tagged(&self, ids: &[Id], wanted: &[&str]) -> bool {
        wanted.is_empty()
            || ids.iter().any(|id| {
                self.tags
                    .get(*id)
                    .is_some_and(|tag| wanted.contains(&tag.name.as_str()))
            })
    }
}

fn render(tag: &Tag) -> Value {
    let mut out = Map::new();
    out.insert("id".to_owned(), json!(tag.meta.id));
    out.insert("created".to_owned(), json!(tag.meta.created));
    out.insert("name".to_owned(), json!(tag.name));
    out.extend(tag.spec.clone());
    Value::Object(out)
}

/// `GET /global-tags`.
pub(super) fn list(instance: &mut Instance, call: &Call) -> Outcome {
    let mut rows: Vec<&Tag> = instance.tags.iter().collect();
    rows.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(Page::of(&call.query)?.answer(&rows, |tag| render(tag)))
}

/// `GET /global-tags/listing`.
pub(super) fn listing(instance: &mut Instance, _: &Call) -> Outcome {
    let ids: Vec<Id> = instance.tags.iter().map(|tag| tag.meta.id).collect();
    Ok(Answer::Ok(instance.tag_stubs(&ids)))
}

/// `GET /global-tags/{name}`.
pub(super) fn get(instance: &mut Instance, call: &Call) -> Outcome {
    let id = find(instance, call)?;
    Ok(Answer::Ok(instance.tags.get(id).map_or(Value::Null, render)))
}

fn find(instance: &Instance, call: &Call) -> Result<Id, Refusal> {
    let name = call.path.first().map_or("", String::as_str);
    instance
        .tag_names
        .get(name)
        .copied()
        .ok_or_else(|| Refusal::text(404, format!("Tag '{name}' not found")))
}

fn check(body: &Map<String, Value>) -> Result<(), Refusal> {
    let mut faults = Faults::default();
    faults.need(body, &["type", "name"]);
    faults.texts(body, &["name", "color", "description", "category"]);
    faults.length(body, "name", 255);
    faults.one_of(body, "type", &["global", "entity", "lineage"]);
    faults.integer(body, "weight_modifier", -10, 10);
    faults.done()
}

/// `POST /global-tags`.
pub(super) fn create(instance: &mut Instance, call: &Call) -> Outcome {
    let body = object(&call.body)?;
    check(body)?;
    let name = text(body, "name").unwrap_or_default();
    if instance.tag_names.contains_key(name) {
        return Err(Refusal::conflict(format!(
            "A tag with the name '{name}' already exists"
        )));
    }
    let id = instance.add_tag(name, body.clone(), call.caller.id);
    Ok(Answer::Created(instance.tags.get(id).map_or(Value::Null, render)))
}

/// `PUT /global-tags/{name}`.
pub(super) fn update(instance: &mut Instance, call: &Call) -> Outcome {
    let id = find(instance, call)?;
    let body = object(&call.body)?;
    check(body)?;
    let name = text(body, "name").unwrap_or_default().to_owned();
    if instance.tag_names.get(&name).is_some_and(|other| *other != id) {
        return Err(Refusal::conflict(format!(
            "A tag with the name '{name}' already exists"
        )));
    }
    let Some(tag) = instance.tags.get_mut(id) else {
        return Err(Refusal::not_found("Tag", id));
    };
    overlay(&mut tag.spec, body, keys());
    let old = std::mem::replace(&mut tag.name, name.clone());
    instance.tag_names.remove(&old);
    instance.tag_names.insert(name, id);
    Ok(Answer::Ok(instance.tags.get(id).map_or(Value::Null, render)))
}

/// `DELETE /global-tags/{name}`: the tag disappears from everything that bears it.
pub(super) fn delete(instance: &mut Instance, call: &Call) -> Outcome {
    let id = find(instance, call)?;
    if let Some(tag) = instance.tags.remove(id) {
        instance.tag_names.remove(&tag.name);
    }
    instance
        .datastores
        .iter_mut()
        .for_each(|row| row.tags.retain(|tag| *tag != id));
    instance
        .checks
        .iter_mut()
        .for_each(|row| row.tags.retain(|tag| *tag != id));
    for container in instance.containers.iter_mut() {
        container.tags.retain(|tag| *tag != id);
        container
            .fields
            .values_mut()
            .for_each(|field| field.tags.retain(|tag| *tag != id));
    }
    Ok(Answer::Empty)
}
