//! What a document refers to, and what tells resources apart that have no id of ours.

use driftless_core::document::{Reference, Strength};
use driftless_core::field::FieldPath;
use driftless_core::key::Key;
use driftless_core::value::{Map, Value};

use super::kinds::{CHECK, COMPUTED_FIELD, CONNECTION, CONTAINER, DATASTORE, UID};
use super::{layout, rules};

/// A pair of fields that together name a container, which may lie in another datastore.
pub(super) struct ContainerName {
    /// The field with the container's name.
    pub(super) container: &'static str,
    /// The field with the datastore's name, when it is not the owner's.
    pub(super) datastore: &'static str,
}

/// The container fields of a computed container.
pub(super) const CONTAINER_NAMES: [ContainerName; 3] = [
    ContainerName {
        container: "source_container_name",
        datastore: "source_datastore_name",
    },
    ContainerName {
        container: "left_container_name",
        datastore: "left_datastore_name",
    },
    ContainerName {
        container: "right_container_name",
        datastore: "right_datastore_name",
    },
];

/// The container that the properties of a check or a computed field name.
pub(super) const PROPERTY_NAME: ContainerName = ContainerName {
    container: "ref_container_name",
    datastore: "ref_datastore_name",
};

/// The key of the datastore in which `key` lies; of the datastore itself, its own.
pub(super) fn datastore_of(key: &Key) -> Option<Key> {
    matches!(key.kind, DATASTORE | CONTAINER | COMPUTED_FIELD | CHECK)
        .then(|| Key::new(DATASTORE, key.path().first().into_iter().cloned()))
}

/// The key of a container.
pub(super) fn container_key(datastore: &str, container: &str) -> Key {
    Key::new(CONTAINER, [datastore, container])
}

/// The key of the container to which a check or a computed field belongs.
pub(super) fn home_of(key: &Key, spec: &Map) -> Option<Key> {
    let datastore = key.path().first()?;
    match key.kind {
        CHECK => Some(container_key(
            datastore,
            text(spec, "container").filter(|name| !name.is_empty())?,
        )),
        COMPUTED_FIELD => Some(container_key(datastore, key.path().get(1)?)),
        _ => None,
    }
}

/// The key of the container that `names` of `map` point at.
pub(super) fn named_container(owner: &str, map: &Map, names: &ContainerName) -> Option<Key> {
    let container = text(map, names.container)?;
    Some(container_key(text(map, names.datastore).unwrap_or(owner), container))
}

/// Everything that the document refers to, in a fixed order, its parents first.
pub(super) fn references(key: &Key, spec: &Map) -> Vec<Reference> {
    let mut found = Vec::new();
    let owner = key.path().first().map(String::as_str).unwrap_or_default();
    let mut add = |at: FieldPath, to: Key, strength| found.push(Reference { at, to, strength });
    let before = Strength::Before;
    match key.kind {
        DATASTORE => {
            if let Some(name) = text(spec, "connection_name") {
                add(FieldPath::top("connection_name"), Key::new(CONNECTION, [name]), before);
            }
            if let Some(name) = text(spec, "enrich_datastore_name") {
                let at = FieldPath::top("enrich_datastore_name");
                add(at, Key::new(DATASTORE, [name]), Strength::Link);
            }
        }
        CONTAINER => {
            add(FieldPath::top("name"), Key::new(DATASTORE, [owner]), before);
            for names in &CONTAINER_NAMES {
                if let Some(to) = named_container(owner, spec, names) {
                    add(FieldPath::top(names.container), to, before);
                }
            }
            let sources = spec.get("sources").and_then(Value::as_list).unwrap_or_default();
            for source in sources.iter().filter_map(Value::as_map) {
                if let Some(to) = named_container(owner, source, &SOURCE_NAME) {
                    add(FieldPath::top("sources"), to, before);
                }
            }
        }
        COMPUTED_FIELD => {
            add(FieldPath::top("name"), Key::new(DATASTORE, [owner]), before);
            if let Some(home) = home_of(key, spec) {
                add(FieldPath::top("name"), home, before);
            }
        }
        CHECK => {
            add(FieldPath::top(UID), Key::new(DATASTORE, [owner]), before);
            if let Some(home) = home_of(key, spec) {
                add(FieldPath::top("container"), home, before);
            }
        }
        _ => {}
    }
    if let Some(properties) = spec.get("properties").and_then(Value::as_map)
        && let Some(to) = named_container(owner, properties, &PROPERTY_NAME)
    {
        add(FieldPath::top("properties").child(PROPERTY_NAME.container), to, before);
    }
    found
}

/// Why a datastore cannot be enriched by another although that is there.
pub(super) fn unfit(reference: &Reference, target: &Map) -> Option<String> {
    let Reference { at, to, strength } = reference;
    let takes_enrichment = value(target, "enrichment_only").as_bool() == Some(true);
    (*strength == Strength::Link && !takes_enrichment).then(|| {
        format!(
            "`{to}` is not an enrichment datastore, and field `{at}` names it as one; name another, or say \
             `enrichment_only: true` in its document"
        )
    })
}

/// The container fields of one of a join's `sources`.
const SOURCE_NAME: ContainerName = ContainerName {
    container: "container_name",
    datastore: "datastore_name",
};

/// Gives everything that the document refers to the name that it has at its new address.
pub(super) fn readdress(key: &Key, spec: &mut Map, to: &dyn Fn(&Key) -> Option<Key>) {
    let owner = key.path().first().map(String::as_str).unwrap_or_default();
    match key.kind {
        DATASTORE => {
            for (field, kind) in [("connection_name", CONNECTION), ("enrich_datastore_name", DATASTORE)] {
                let old = text(spec, field).map(|name| Key::new(kind, [name]));
                rename_in(spec, field, old, to);
            }
        }
        CONTAINER => {
            for names in &CONTAINER_NAMES {
                repoint(owner, spec, names, to);
            }
            if let Some(Value::List(sources)) = spec.get_mut("sources") {
                for source in sources {
                    if let Value::Map(source) = source {
                        repoint(owner, source, &SOURCE_NAME, to);
                    }
                }
            }
        }
        CHECK => {
            let old = home_of(key, spec);
            rename_in(spec, "container", old, to);
        }
        _ => {}
    }
    if let Some(Value::Map(properties)) = spec.get_mut("properties") {
        repoint(owner, properties, &PROPERTY_NAME, to);
    }
}

fn rename_in(map: &mut Map, field: &str, old: Option<Key>, to: &dyn Fn(&Key) -> Option<Key>) {
    if let Some(new) = old.and_then(|old| to(&old)) {
        map.insert(field.to_owned(), Value::from(new.name()));
    }
}

/// Lets `names` of `map` say the new name of the container that they point at, and of its datastore where they say that.
fn repoint(owner: &str, map: &mut Map, names: &ContainerName, to: &dyn Fn(&Key) -> Option<Key>) {
    let Some(new) = named_container(owner, map, names).and_then(|old| to(&old)) else {
        return;
    };
    map.insert(names.container.to_owned(), Value::from(new.name()));
    if text(map, names.datastore).is_some()
        && let Some(datastore) = datastore_of(&new)
    {
        map.insert(names.datastore.to_owned(), Value::from(datastore.name()));
    }
}

/// Says what is live the way `said` says the same: with the name of the resource's own datastore where that has it.
pub(super) fn align(owner: &str, spec: &mut Map, said: &Map) {
    let empty = Map::new();
    for names in &CONTAINER_NAMES {
        align_name(owner, spec, names, said);
    }
    if let Some(Value::List(sources)) = spec.get_mut("sources") {
        let said = said.get("sources").and_then(Value::as_list).unwrap_or_default();
        for (source, said) in sources.iter_mut().zip(said) {
            if let (Value::Map(source), Some(said)) = (source, said.as_map()) {
                align_name(owner, source, &SOURCE_NAME, said);
            }
        }
    }
    if let Some(Value::Map(properties)) = spec.get_mut("properties") {
        let said = said.get("properties").and_then(Value::as_map).unwrap_or(&empty);
        align_name(owner, properties, &PROPERTY_NAME, said);
    }
}

fn align_name(owner: &str, map: &mut Map, names: &ContainerName, said: &Map) {
    let is_own = text(map, names.datastore).is_none_or(|name| name == owner);
    if !map.contains_key(names.container) || !is_own {
        return;
    }
    if said.contains_key(names.datastore) {
        map.insert(names.datastore.to_owned(), Value::from(owner));
    } else {
        map.shift_remove(names.datastore);
    }
}

/// The uid that a check would have been given when its container had its former name.
pub(super) fn former_uid(key: &Key, spec: &Map, former: &dyn Fn(&Key) -> Option<Key>) -> Option<String> {
    if key.kind != CHECK {
        return None;
    }
    let home = home_of(key, spec)?;
    let slug = layout::slug(former(&home)?.name());
    let rest = key.name().strip_prefix(&layout::slug(home.name()))?;
    let uid = format!("{slug}{rest}");
    (rest.starts_with("__") && uid != key.name()).then_some(uid)
}

/// What tells the checks of a datastore apart: the platform accepts one check for a container, rule, set of fields, filter and
/// element context at full coverage, and one below it. For a check in the form that is compared.
pub(super) fn likeness(spec: &Map) -> String {
    let rule = text(spec, "rule_type").unwrap_or_default();
    let calculated = rules::is_calculated(rule);
    let properties = value(spec, "properties").as_map();
    let property = |name: &str| properties.and_then(|map| map.get(name)).cloned().unwrap_or(Value::Null);
    // The fields of a calculated rule are the platform's: its expression stands for them.
    let about = if calculated {
        ["expression", "equation", "ref_expression"].map(property).to_vec()
    } else {
        fields(spec).into_iter().map(Value::from).collect()
    };
    let bucket = match Bucket::of(value(spec, "coverage")) {
        Bucket::Full => "full",
        Bucket::Below => "below",
    };
    driftless_core::json::write(&Value::List(vec![
        value(spec, "container").clone(),
        Value::from(rule),
        Value::List(about),
        value(spec, "filter").clone(),
        Value::from(bucket),
        property("is_element_context"),
    ]))
}

/// Whether a check is the one at full coverage, without filter and element context, of its container, rule and fields: the
/// platform accepts one such. For a check in the form that is compared.
pub(super) fn is_plain(spec: &Map) -> bool {
    let properties = value(spec, "properties").as_map();
    let elements = properties.and_then(|map| map.get("is_element_context"));
    value(spec, "filter").is_null()
        && Bucket::of(value(spec, "coverage")) == Bucket::Full
        && elements.is_none_or(|own| own.as_bool() != Some(true))
}

/// The share of rows that must pass, as the platform tells checks apart.
#[derive(Debug, PartialEq, Eq)]
enum Bucket {
    /// Every row; also where nothing is said, since that is what is meant on creation.
    Full,
    /// Fewer.
    Below,
}

impl Bucket {
    fn of(coverage: &Value) -> Self {
        if coverage.is_null() || coverage.agrees(&Value::from(1)) {
            Bucket::Full
        } else {
            Bucket::Below
        }
    }
}

fn fields(spec: &Map) -> Vec<&str> {
    let mut names: Vec<&str> = layout::field_names(spec).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn value<'a>(map: &'a Map, field: &str) -> &'a Value {
    map.get(field).unwrap_or(&Value::Null)
}

/// The text of a field.
pub(super) fn text<'a>(map: &'a Map, field: &str) -> Option<&'a str> {
    map.get(field).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::super::testing::map;
    use super::*;

    fn targets(key: Key, json: &str) -> Vec<String> {
        references(&key, &map(json))
            .into_iter()
            .map(|reference| format!("{} -> {} {:?}", reference.at, reference.to, reference.strength))
            .collect()
    }

    #[test]
    fn every_name_in_a_file_is_a_reference() {
        assert_eq!(
            targets(
                Key::new(DATASTORE, ["dw"]),
                r#"{"connection_name":"pg","enrich_datastore_name":"dq","name":"dw"}"#
            ),
            [
                "connection_name -> connection/pg Before",
                "enrich_datastore_name -> datastore/dq Link"
            ]
        );
        assert_eq!(
            targets(
                Key::new(CONTAINER, ["dw", "j"]),
                r#"{"left_container_name":"a","right_container_name":"b","right_datastore_name":"crm",
                    "sources":[{"container_name":"c"},{"container_name":"d","datastore_name":"crm"}]}"#
            ),
            [
                "name -> datastore/dw Before",
                "left_container_name -> container/dw/a Before",
                "right_container_name -> container/crm/b Before",
                "sources -> container/dw/c Before",
                "sources -> container/crm/d Before",
            ]
        );
        assert_eq!(
            targets(
                Key::new(COMPUTED_FIELD, ["dw", "orders", "f"]),
                r#"{"properties":{"ref_container_name":"x"}}"#
            ),
            [
                "name -> datastore/dw Before",
                "name -> container/dw/orders Before",
                "properties.ref_container_name -> container/dw/x Before"
            ]
        );
        assert_eq!(
            targets(
                Key::new(CHECK, ["dw", "u"]),
                r#"{"container":"orders","properties":{"ref_container_name":"customers","ref_datastore_name":"crm"}}"#
            ),
            [
                "_qualytics_check_uid -> datastore/dw Before",
                "container -> container/dw/orders Before",
                "properties.ref_container_name -> container/crm/customers Before"
            ]
        );
    }

    fn are_same(a: &str, b: &str) -> bool {
        likeness(&map(a)) == likeness(&map(b))
    }

    #[test]
    fn a_check_made_by_hand_is_known_by_what_the_platform_tells_checks_apart_by() {
        let desired =
            r#"{"rule_type":"unique","container":"o","fields":["a","b"],"coverage":1.0,"filter":null,"properties":{}}"#;
        let like = r#"{"rule_type":"unique","container":"o","fields":["b","a"],"coverage":1,"properties":{"value":3}}"#;
        assert!(are_same(desired, like));
        for other in [
            r#"{"rule_type":"unique","container":"o","fields":["a"],"coverage":1}"#,
            r#"{"rule_type":"unique","container":"p","fields":["a","b"],"coverage":1}"#,
            r#"{"rule_type":"notNull","container":"o","fields":["a","b"],"coverage":1}"#,
            r#"{"rule_type":"unique","container":"o","fields":["a","b"],"coverage":0.9}"#,
            r#"{"rule_type":"unique","container":"o","fields":["a","b"],"coverage":1,"filter":"x"}"#,
            r#"{"rule_type":"unique","container":"o","fields":["a","b"],"coverage":1,"properties":{"is_element_context":true}}"#,
        ] {
            assert!(!are_same(desired, other), "{other}");
        }
    }

    #[test]
    fn a_calculated_check_is_known_by_its_expression() {
        let desired = r#"{"rule_type":"satisfiesExpression","container":"o","properties":{"expression":"a > 0"}}"#;
        assert!(are_same(desired, desired));
        assert!(!are_same(
            desired,
            r#"{"rule_type":"satisfiesExpression","container":"o","properties":{"expression":"b > 0"}}"#
        ));
    }
}
