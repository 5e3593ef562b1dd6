//! What a quality check asserts: fields, coverage, filter and properties against the rule's contract, and the overlap
//! rule.

use serde_json::{Map, Value, json};

use super::body::{Faults, given, names, text};
use super::columns::mentioned;
use super::rules::{Arity, CROSS_REFERENCES, PROPERTIES, Rule};
use super::state::{Container, Definition, FieldStatus, Id, Instance};
use super::switches::{NullProperties, Numbers, Overlap, Unsupported};
use super::wire::{Caller, Refusal};

impl Instance {
    /// The definition a body gives a check on `container`, by the rule's contract.
    pub(super) fn define(
        &self,
        body: &Map<String, Value>,
        rule: &'static Rule,
        container: Id,
        by: Caller,
    ) -> Result<Definition, Refusal> {
        let row = self.container(container)?;
        let mut faults = Faults::default();
        faults.lists_of_texts(body, &["fields", "tags"]);
        faults.objects(body, &["properties", "additional_metadata"]);
        faults.texts(body, &["filter", "description"]);
        let refuse = self.switches.unsupported == Unsupported::Refuse;
        let coverage = self.coverage(body, rule, refuse, &mut faults);
        let mut filter = given(body, "filter").cloned().unwrap_or_default();
        if !rule.filterable && !filter.is_null() {
            if refuse {
                faults.add(
                    &["filter"],
                    format!("The rule {} cannot be filtered", rule.name),
                    "value_error",
                );
            }
            filter = Value::Null;
        }
        let properties = self.properties(body, rule, row, by, &mut faults);
        let fields = fields(body, rule, row, &properties, refuse, &mut faults);
        faults.done()?;
        Ok(Definition {
            fields,
            coverage,
            filter,
            properties,
        })
    }

    fn coverage(&self, body: &Map<String, Value>, rule: &Rule, refuse: bool, faults: &mut Faults) -> Value {
        let sent = given(body, "coverage");
        if !rule.coverage {
            if sent.is_some() && refuse {
                faults.add(
                    &["coverage"],
                    format!("The rule {} has no coverage", rule.name),
                    "value_error",
                );
            }
            return Value::Null;
        }
        match sent {
            None => json!(1.0),
            Some(value) => {
                if !value.as_f64().is_some_and(|share| (0.0..=1.0).contains(&share)) {
                    faults.add(
                        &["coverage"],
                        "Input should be a number between 0 and 1",
                        "less_than_equal",
                    );
                }
                value.clone()
            }
        }
    }

    /// The properties a body gives, defaults first, unknown keys dropped, the reference made whole.
    fn properties(
        &self,
        body: &Map<String, Value>,
        rule: &Rule,
        row: &Container,
        by: Caller,
        faults: &mut Faults,
    ) -> Map<String, Value> {
        let empty = Map::new();
        let sent = body.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        for key in rule.required {
            if given(sent, key).is_none() {
                faults.add(&["properties", key], "Field required", "missing");
            }
        }
        let mut kept = rule.defaults();
        kept.retain(|key, _| !sent.contains_key(key));
        for (key, value) in sent {
            if PROPERTIES.contains(&key.as_str()) && !value.is_null() {
                kept.insert(key.clone(), value.clone());
            }
        }
        if CROSS_REFERENCES.contains(&rule.name) {
            self.reference(&mut kept, row, by, faults);
        } else if let Some(name) = text(&kept, "field_name").filter(|name| !row.fields.contains_key(*name)) {
            faults.add(&["properties", "field_name"], no_field(name, &row.name), "value_error");
        }
        match self.stored(Value::Object(kept)) {
            Value::Object(kept) => kept,
            _ => Map::new(),
        }
    }

    /// Checks what a property set refers to, and adds the datastore it lies in.
    fn reference(&self, properties: &mut Map<String, Value>, row: &Container, by: Caller, faults: &mut Faults) {
        let Some(id) = properties.get("ref_container_id").and_then(Value::as_i64) else {
            return;
        };
        let Ok(target) = self.seen_container(by, id) else {
            faults.add(
                &["properties", "ref_container_id"],
                format!("Container id: {id} not found"),
                "value_error",
            );
            return;
        };
        let written = given(properties, "ref_datastore_id").and_then(Value::as_i64);
        if written.is_some_and(|datastore| datastore != target.datastore) {
            let message = format!("Container id: {id} is not in that datastore");
            faults.add(&["properties", "ref_datastore_id"], message, "value_error");
        }
        if written.is_none() {
            properties.insert("ref_datastore_id".to_owned(), json!(target.datastore));
        }
        if let Some(name) = text(properties, "field_name").filter(|name| !target.fields.contains_key(*name)) {
            faults.add(
                &["properties", "field_name"],
                no_field(name, &target.name),
                "value_error",
            );
        }
        if row.meta.id == id && text(properties, "ref_expression").is_none() && text(properties, "field_name").is_none()
        {
            faults.add(
                &["properties", "ref_container_id"],
                "A container cannot be compared with itself",
                "value_error",
            );
        }
    }

    /// Refuses a definition that overlaps another check of the container: same rule, fields, filter and element
    /// context, and both at full coverage or both below.
    pub(super) fn overlap(
        &self,
        container: Id,
        rule: &'static Rule,
        definition: &Definition,
        except: Option<Id>,
    ) -> Result<(), Refusal> {
        if self.switches.duplicate_checks == Overlap::Accept {
            return Ok(());
        }
        let key = overlap_key(definition);
        let other = self
            .checks_on(container)
            .filter(|check| check.archived_at.is_none() && Some(check.meta.id) != except)
            .find(|check| std::ptr::eq(check.rule, rule) && overlap_key(&check.definition) == key);
        other.map_or(Ok(()), |check| {
            Err(Refusal::conflict(format!(
                "An overlapping {} quality check already exists on these fields: id {}",
                rule.name, check.meta.id
            )))
        })
    }

    /// Properties as responses carry them, by the switches.
    pub(super) fn shown_properties(&self, properties: &Map<String, Value>) -> Value {
        let mut shown: Map<String, Value> = match self.switches.null_properties {
            NullProperties::Absent => Map::new(),
            NullProperties::Present => PROPERTIES.iter().map(|key| ((*key).to_owned(), Value::Null)).collect(),
        };
        for (key, value) in properties {
            let id = key.ends_with("_id");
            let value = match self.switches.numbers {
                Numbers::Float if !id => float(value),
                Numbers::Float | Numbers::AsSent => value.clone(),
            };
            shown.insert(key.clone(), value);
        }
        Value::Object(shown)
    }
}

fn float(value: &Value) -> Value {
    match value.as_i64() {
        // Whole numbers of this size are exact as floats.
        #[expect(
            clippy::cast_precision_loss,
            reason = "larger numbers lose digits on the platform as well"
        )]
        Some(whole) => json!(whole as f64),
        None => value.clone(),
    }
}

fn overlap_key(definition: &Definition) -> (Vec<&String>, &str, bool, bool) {
    let mut fields: Vec<&String> = definition.fields.iter().collect();
    fields.sort();
    let filter = definition.filter.as_str().map(str::trim).unwrap_or_default();
    let element = definition.properties.get("is_element_context") == Some(&json!(true));
    let full = definition.coverage.as_f64().is_none_or(|share| share >= 1.0);
    (fields, filter, element, full)
}

fn no_field(name: &str, container: &str) -> String {
    format!("Field '{name}' not found in container '{container}'")
}

/// The fields of a check: those sent, held against the rule's arity and the container, or those its expression names.
fn fields(
    body: &Map<String, Value>,
    rule: &Rule,
    row: &Container,
    properties: &Map<String, Value>,
    refuse: bool,
    faults: &mut Faults,
) -> Vec<String> {
    let sent = names(body.get("fields").unwrap_or(&Value::Null));
    let usable = |name: &String| {
        row.fields
            .get(name)
            .is_some_and(|field| field.status != FieldStatus::Excluded)
    };
    match rule.arity {
        Arity::None => {
            if refuse && !sent.is_empty() {
                faults.add(
                    &["fields"],
                    format!("The rule {} takes no fields", rule.name),
                    "value_error",
                );
            }
            return Vec::new();
        }
        Arity::Calculated => {
            let expression = text(properties, "expression")
                .or_else(|| text(properties, "equation"))
                .unwrap_or_default();
            let found = mentioned(expression, row.fields.keys());
            if !found.is_empty() {
                return found;
            }
        }
        Arity::Single if sent.len() != 1 => {
            faults.add(
                &["fields"],
                format!("The rule {} takes exactly one field", rule.name),
                "value_error",
            );
        }
        Arity::Multi if sent.is_empty() => {
            faults.add(
                &["fields"],
                format!("The rule {} takes one or more fields", rule.name),
                "value_error",
            );
        }
        Arity::Single | Arity::Multi => {}
    }
    for name in sent.iter().filter(|name| !usable(name)) {
        faults.add(&["fields"], no_field(name, &row.name), "value_error");
    }
    sent
}
