//! What a document names that has no document: tags and teams; and what it should name and does not.

use driftless_core::document::{Reference, Strength};
use driftless_core::field::FieldPath;
use driftless_core::key::{Key, Kind};
use driftless_core::value::{Map, Value};

use super::kinds::{CHECK, CONTAINER, DATASTORE, ELSEWHERE, NUMBER, TAG, TEAM};
use super::references::{PROPERTY_NAME, text};
use super::rules::NUMBERS;

/// The lists of names, and what they name.
const LISTS: [(&str, Kind); 2] = [("tags", TAG), ("teams", TEAM)];

/// Everything that the document mentions, in a fixed order.
pub(super) fn mentions(key: &Key, spec: &Map) -> Vec<Reference> {
    let mut found = Vec::new();
    let mut add = |at: FieldPath, kind, name: &str| {
        found.push(Reference {
            at,
            to: Key::new(kind, [name]),
            strength: Strength::Before,
        });
    };
    for (field, kind) in LISTS {
        let has_it = match key.kind {
            DATASTORE => true,
            CONTAINER | CHECK => kind == TAG,
            _ => false,
        };
        let names = spec.get(field).and_then(Value::as_list).filter(|_| has_it);
        for name in names.unwrap_or_default().iter().filter_map(Value::as_str) {
            add(FieldPath::top(field), kind, name);
        }
    }
    if let Some(left) = left_elsewhere(key, spec) {
        add(FieldPath::top("left_datastore_name"), ELSEWHERE, left);
    }
    for field in unnamed(key, spec) {
        add(FieldPath::top(field), NUMBER, "");
    }
    let properties = spec.get("properties").and_then(Value::as_map);
    if let Some(properties) = properties.filter(|map| text(map, PROPERTY_NAME.container).is_none()) {
        for field in NUMBERS {
            if let Some(number) = properties.get(field).filter(|number| !number.is_null()) {
                let at = FieldPath::top("properties").child(field);
                add(at, NUMBER, &driftless_core::json::write(number));
            }
        }
    }
    let sources = spec.get("sources").and_then(Value::as_list).unwrap_or_default();
    for source in sources.iter().filter_map(Value::as_map) {
        if let Some(number) = source
            .get("container_id")
            .filter(|_| text(source, "container_name").is_none())
        {
            add(FieldPath::top("sources"), NUMBER, &driftless_core::json::write(number));
        }
    }
    found
}

/// The datastore of the left side of a join, where that is another than the join's own: the platform would make the join there.
fn left_elsewhere<'a>(key: &Key, spec: &'a Map) -> Option<&'a str> {
    let is_pair = key.kind == CONTAINER && text(spec, "left_container_name").is_some();
    text(spec, "left_datastore_name").filter(|left| is_pair && key.path().first().is_some_and(|owner| owner != left))
}

/// Names without which the platform makes nothing of the kind. An export has none where it could not read them: it has numbers.
fn unnamed(key: &Key, spec: &Map) -> impl Iterator<Item = &'static str> {
    let by_sources = spec
        .get("sources")
        .and_then(Value::as_list)
        .is_some_and(|list| !list.is_empty());
    let fields: &[&str] = match (key.kind, text(spec, "container_type")) {
        (DATASTORE, _) => &["connection_name"],
        (CONTAINER, Some("computed_file")) => &["source_container_name"],
        (CONTAINER, Some("computed_join")) if !by_sources => &["left_container_name", "right_container_name"],
        _ => &[],
    };
    fields.iter().copied().filter(|field| text(spec, field).is_none())
}

/// Why a mention that nothing satisfies cannot hold, with what to do about it.
pub(super) fn unresolved(reference: &Reference) -> Option<String> {
    let Reference { at, to, .. } = reference;
    match to.kind {
        TEAM => Some(format!(
            "team '{}' not found: field `{at}` names it, and the instance has none; create the team there, since a team \
             carries people and their rights and is never made by driftless, or correct the name",
            to.name()
        )),
        ELSEWHERE => Some(format!(
            "a join lies in the datastore of its left side, and field `{at}` has '{}'; move the file there, or swap left and \
             right",
            to.name()
        )),
        NUMBER if to.name().is_empty() => Some(format!(
            "field `{at}` is missing, and it cannot be made without; say the name there: an export that may not read it \
             leaves a number in its place, and a number means something else on each instance"
        )),
        NUMBER => Some(format!(
            "field `{at}` has {}, a number of the instance that the file was exported from, and it means something else on \
             this one; name the container instead, and its datastore, where that is another",
            to.name()
        )),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::super::kinds::{COMPUTED_FIELD, CONNECTION};
    use super::*;

    fn mentioned(kind: Kind, json: &str) -> Vec<String> {
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        let spec = crate::codec::map_from_json(json.as_object().unwrap());
        let found = mentions(&Key::new(kind, ["dw", "x"]), &spec).into_iter();
        found
            .map(|mention| format!("{} -> {}", mention.at, mention.to))
            .collect()
    }

    #[test]
    fn tags_and_teams_are_mentioned_where_the_kind_has_them() {
        let json =
            r#"{"connection_name":"pg","tags":["a/b","ä ö"],"teams":["Public"],"container_type":"computed_table"}"#;
        let tags = ["tags -> tag/a%2Fb", "tags -> tag/ä ö"];
        assert_eq!(mentioned(CHECK, json), tags);
        assert_eq!(mentioned(CONTAINER, json), tags);
        assert_eq!(mentioned(DATASTORE, json), [tags[0], tags[1], "teams -> team/Public"]);
        assert_eq!(mentioned(CONNECTION, json), [] as [&str; 0]);
    }

    #[test]
    fn a_number_or_nothing_where_a_name_should_be_is_mentioned() {
        assert_eq!(
            mentioned(CHECK, r#"{"properties":{"ref_container_id":17,"ref_datastore_id":2}}"#),
            [
                "properties.ref_container_id -> number/17",
                "properties.ref_datastore_id -> number/2"
            ]
        );
        assert_eq!(
            mentioned(
                COMPUTED_FIELD,
                r#"{"properties":{"ref_container_name":"a","ref_container_id":17}}"#
            ),
            [] as [&str; 0]
        );
        assert_eq!(
            mentioned(
                CONTAINER,
                r#"{"container_type":"computed_join","sources":[{"container_id":17},{"container_name":"b"}]}"#
            ),
            ["sources -> number/17"]
        );
        assert_eq!(
            mentioned(
                CONTAINER,
                r#"{"container_type":"computed_join","right_container_name":"b"}"#
            ),
            ["left_container_name -> number/"]
        );
        assert_eq!(mentioned(DATASTORE, "{}"), ["connection_name -> number/"]);
        let join = |left| {
            format!(
                r#"{{"container_type":"computed_join","left_container_name":"a","left_datastore_name":"{left}","right_container_name":"b"}}"#
            )
        };
        assert_eq!(
            mentioned(CONTAINER, &join("crm")),
            ["left_datastore_name -> elsewhere/crm"]
        );
        assert_eq!(mentioned(CONTAINER, &join("dw")), [] as [&str; 0]);
    }
}
