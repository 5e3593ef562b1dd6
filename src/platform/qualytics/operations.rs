//! What a plan needs the platform to do by itself: discover a datastore's tables, discover a container's fields.

use std::collections::{BTreeMap, BTreeSet};

use driftless_core::document::Document;
use driftless_core::field::FieldPath;
use driftless_core::key::Key;
use driftless_core::plan::Operation;
use driftless_core::schema::{Draft, Needed};
use driftless_core::value::{Map, Value};

use super::kinds::{CHECK, COMPUTED_FIELD, CONTAINER, DATASTORE, PROFILE, SYNC};
use super::layout::field_names;
use super::references::{self, CONTAINER_NAMES, PROPERTY_NAME, home_of, text};

/// The argument of a profile that lists the fields that it must have shown in the end.
pub(super) const FIELDS: &str = "fields";

/// Fields of a computed container that decide which columns it has.
const DEFINITION: &[&str] = &[
    "query",
    "select_clause",
    "where_clause",
    "group_by_clause",
    "lateral_views",
    "sources",
    "join_type",
    "left_join_field_name",
    "right_join_field_name",
    "left_prefix",
    "right_prefix",
];

/// The operations that `draft` needs, sorted by subject.
pub(super) fn needed(draft: &Draft<'_>) -> Vec<Needed> {
    let mut all = syncs(draft);
    all.extend(profiles(draft));
    all
}

fn syncs(draft: &Draft<'_>) -> Vec<Needed> {
    let created: BTreeMap<&Key, &Document> = draft
        .creates
        .iter()
        .filter(|document| document.key.kind == DATASTORE)
        .map(|document| (&document.key, *document))
        .collect();
    let mut subjects: BTreeMap<Key, BTreeSet<Key>> = BTreeMap::new();
    let mut unknown: BTreeMap<Key, BTreeSet<String>> = BTreeMap::new();
    for (key, document) in &created {
        let is_enrichment = document.spec.get("enrichment_only").and_then(Value::as_bool) == Some(true);
        if !is_enrichment {
            subjects.entry((*key).clone()).or_default();
        }
    }
    for (document, reference) in &draft.unsatisfied {
        if reference.to.kind == CONTAINER
            && let Some(datastore) = references::datastore_of(&reference.to)
        {
            let name = reference.to.name().to_owned();
            unknown.entry(datastore.clone()).or_default().insert(name);
            subjects.entry(datastore).or_default().insert(document.key.clone());
        }
    }
    // A datastore that was made and never synced: the process may have died between the two.
    let inside = |datastore: &Key| draft.creates.iter().any(|document| document.key.is_below(datastore));
    let barren = draft.barren.iter().copied();
    for datastore in barren.filter(|key| key.kind == DATASTORE && inside(key)) {
        subjects.entry(datastore.clone()).or_default();
    }
    subjects
        .into_iter()
        .map(|(datastore, mut before)| {
            let is_new = created.contains_key(&datastore);
            if is_new || draft.barren.contains(&&datastore) {
                // Queries and expressions read tables that no reference names.
                let inside = draft.creates.iter().filter(|document| {
                    document.key.kind != DATASTORE
                        && references::datastore_of(&document.key).as_ref() == Some(&datastore)
                });
                before.extend(inside.map(|document| document.key.clone()));
            }
            let reason = match unknown.get(&datastore) {
                Some(names) => format!("to find {}", listed(names)),
                None if is_new => "the datastore is new".to_owned(),
                None => "the datastore shows no tables yet".to_owned(),
            };
            Needed {
                operation: Operation {
                    name: SYNC,
                    subject: datastore.clone(),
                    arguments: Map::new(),
                    reason,
                },
                after: is_new.then_some(datastore).into_iter().collect(),
                before: before.into_iter().collect(),
            }
        })
        .collect()
}

/// Who waits for the fields of one container, and for which.
#[derive(Default)]
struct Waiting {
    fields: BTreeSet<String>,
    by: BTreeSet<Key>,
}

/// What was made before this plan and may not have been profiled since: the process can have died between the two. A profile
/// that finds all fields shown does nothing.
struct Standing<'a> {
    containers: BTreeSet<&'a Key>,
    /// The names of computed fields, by their container.
    fields: BTreeMap<Key, BTreeSet<&'a str>>,
}

impl<'a> Standing<'a> {
    fn of(draft: &Draft<'a>) -> Self {
        let mut standing = Self {
            containers: BTreeSet::new(),
            fields: BTreeMap::new(),
        };
        for document in &draft.settled {
            let key = &document.key;
            if key.kind == CONTAINER {
                standing.containers.insert(key);
            }
            if key.kind == COMPUTED_FIELD
                && let Some(home) = home_of(key, &document.spec)
            {
                standing.fields.entry(home).or_default().insert(key.name());
            }
        }
        standing
    }

    /// Of a container only that it shows anything is awaited: a name that it lacks may be a mistake in Git, and is no reason to
    /// profile it again and again. Its computed fields are in Git, and are awaited by name.
    fn await_fields(
        &self,
        document: &Document,
        shown: &mut BTreeMap<Key, Waiting>,
        calculated: &mut BTreeMap<Key, Waiting>,
    ) {
        for (container, names) in uses(document) {
            let used = self.fields.get(&container).into_iter().flatten();
            let used = used.filter(|field| names.iter().any(|name| name == *field) || mentions(document, field));
            let used: BTreeSet<String> = used.map(|field| (*field).to_owned()).collect();
            if !used.is_empty() && document.key.kind == CHECK {
                let waiting = calculated.entry(container.clone()).or_default();
                waiting.fields.extend(used);
                waiting.by.insert(document.key.clone());
            }
            if self.containers.contains(&container) && document.key != container {
                shown.entry(container).or_default().by.insert(document.key.clone());
            }
        }
    }
}

fn profiles(draft: &Draft<'_>) -> Vec<Needed> {
    let mut changed: BTreeSet<Key> = BTreeSet::new();
    let mut computed: BTreeMap<Key, BTreeMap<String, Key>> = BTreeMap::new();
    for (document, fields) in written(draft) {
        let key = &document.key;
        let moves =
            |names: &[&str]| fields.is_none_or(|fields| fields.iter().any(|field| names.contains(&field.head())));
        if key.kind == CONTAINER && moves(DEFINITION) {
            changed.insert(key.clone());
        }
        if key.kind == COMPUTED_FIELD
            && moves(&["transformation", "source_fields", "properties"])
            && let Some(home) = home_of(key, &document.spec)
        {
            computed
                .entry(home)
                .or_default()
                .insert(key.name().to_owned(), key.clone());
        }
    }
    let none = BTreeMap::new();
    let mut shown: BTreeMap<Key, Waiting> = BTreeMap::new();
    let mut calculated: BTreeMap<Key, Waiting> = BTreeMap::new();
    let standing = Standing::of(draft);
    for (document, fields) in written(draft) {
        let moves =
            |names: &[&str]| fields.is_none_or(|fields| fields.iter().any(|field| names.contains(&field.head())));
        if moves(&["fields", "filter", "properties"]) {
            standing.await_fields(document, &mut shown, &mut calculated);
        }
        for (container, names) in uses(document) {
            let fresh = computed.get(&container).unwrap_or(&none);
            let (of_fresh, of_container): (Vec<String>, Vec<String>) =
                names.into_iter().partition(|name| fresh.contains_key(name));
            let in_expression = fresh.keys().filter(|name| mentions(document, name));
            let of_fresh: BTreeSet<String> = of_fresh.into_iter().chain(in_expression.cloned()).collect();
            if !of_fresh.is_empty() && document.key.kind == CHECK {
                let waiting = calculated.entry(container.clone()).or_default();
                waiting.fields.extend(of_fresh);
                waiting.by.insert(document.key.clone());
            }
            if changed.contains(&container) && document.key != container {
                let waiting = shown.entry(container).or_default();
                waiting.fields.extend(of_container);
                waiting.by.insert(document.key.clone());
            }
        }
    }
    let of_containers = shown.into_iter().map(|(container, waiting)| {
        let after = changed.get(&container).cloned().into_iter().collect();
        let why = match changed.contains(&container) {
            true => "the container's fields are not known yet",
            false => "the container may not have been profiled yet",
        };
        profile(container, waiting, after, why)
    });
    let of_fields = calculated.into_iter().map(|(container, waiting)| {
        let fields = computed.get(&container).unwrap_or(&none);
        let after = waiting
            .fields
            .iter()
            .filter_map(|name| fields.get(name))
            .cloned()
            .collect();
        let why = match computed.contains_key(&container) {
            true => "its computed fields are not known yet",
            false => "its computed fields may not be known yet",
        };
        profile(container, waiting, after, why)
    });
    of_containers.chain(of_fields).collect()
}

fn profile(container: Key, waiting: Waiting, after: Vec<Key>, why: &str) -> Needed {
    let checks = waiting.by.iter().filter(|key| key.kind == CHECK).count();
    let reason = match checks {
        0 => why.to_owned(),
        1 => format!("{why}, and a check uses them"),
        checks => format!("{why}, and {checks} checks use them"),
    };
    let fields: Vec<Value> = waiting.fields.into_iter().map(Value::from).collect();
    Needed {
        operation: Operation {
            name: PROFILE,
            subject: container,
            arguments: Map::from([(FIELDS.to_owned(), Value::List(fields))]),
            reason,
        },
        after,
        before: waiting.by.into_iter().collect(),
    }
}

/// Everything that is written, with the fields that change; `None` for all of them.
fn written<'a>(draft: &'a Draft<'_>) -> impl Iterator<Item = (&'a Document, Option<&'a [FieldPath]>)> {
    let creates = draft.creates.iter().map(|document| (*document, None));
    creates.chain(
        draft
            .updates
            .iter()
            .map(|(document, fields)| (*document, Some(fields.as_slice()))),
    )
}

/// The containers whose fields a document uses, with those that it names. Rules about a container as a whole use none.
fn uses(document: &Document) -> Vec<(Key, Vec<String>)> {
    let (key, spec) = (&document.key, &document.spec);
    let owner = key.path().first().map(String::as_str).unwrap_or_default();
    let mut uses = Vec::new();
    let properties = spec.get("properties").and_then(Value::as_map);
    match key.kind {
        CHECK => {
            let names: Vec<String> = field_names(spec).map(str::to_owned).collect();
            if !names.is_empty() || expressions(document).next().is_some() {
                uses.extend(home_of(key, spec).map(|home| (home, names)));
            }
        }
        COMPUTED_FIELD => {
            let sources = spec.get("source_fields").and_then(Value::as_list).unwrap_or_default();
            let names = sources.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            uses.extend(home_of(key, spec).map(|home| (home, names)));
        }
        CONTAINER => {
            for (names, field) in
                CONTAINER_NAMES
                    .iter()
                    .zip([None, Some("left_join_field_name"), Some("right_join_field_name")])
            {
                if let Some(container) = references::named_container(owner, spec, names) {
                    let field = field.and_then(|field| text(spec, field));
                    uses.push((container, field.into_iter().map(str::to_owned).collect()));
                }
            }
        }
        _ => {}
    }
    if let Some(properties) = properties
        && let Some(container) = references::named_container(owner, properties, &PROPERTY_NAME)
        && let Some(field) = text(properties, "field_name")
    {
        uses.push((container, vec![field.to_owned()]));
    }
    uses
}

/// The expressions of a check.
fn expressions(document: &Document) -> impl Iterator<Item = &str> {
    let properties = document.spec.get("properties").and_then(Value::as_map);
    let in_properties = ["expression", "equation"]
        .into_iter()
        .filter_map(move |name| properties.and_then(|map| text(map, name)));
    in_properties.chain(text(&document.spec, "filter"))
}

/// Whether an expression of `document` holds `name` as a word.
fn mentions(document: &Document, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    expressions(document).any(|expression| {
        expression.match_indices(name).any(|(at, found)| {
            let before = expression[..at].chars().next_back();
            let after = expression[at + found.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    })
}

/// Names in a sentence: the first few, and how many more.
fn listed(names: &BTreeSet<String>) -> String {
    const SHOWN: usize = 3;
    let mut text = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use driftless_core::document::Origin;
    use driftless_core::key::Kind;

    use super::*;

    fn document(kind: Kind, path: &[&str], json: &str) -> Document {
        let spec = crate::codec::map_from_json(
            serde_json::from_str::<serde_json::Value>(json)
                .unwrap()
                .as_object()
                .unwrap(),
        );
        let key = Key::new(kind, path.iter().copied());
        Document {
            references: references::references(&key, &spec),
            key,
            spec,
            origin: Origin::of("f"),
            by_slug: Vec::new(),
        }
    }

    fn shown(draft: &Draft<'_>) -> Vec<String> {
        needed(draft)
            .into_iter()
            .map(|needed| {
                format!(
                    "{} {} {:?} after {:?} before {:?}",
                    needed.operation.name,
                    needed.operation.subject,
                    needed.operation.arguments,
                    needed.after,
                    needed.before
                )
            })
            .collect()
    }

    #[test]
    fn a_datastore_that_shows_nothing_is_synced_before_what_is_made_in_it() {
        let table = document(
            CONTAINER,
            &["dw", "recent"],
            r#"{"name":"recent","query":"SELECT id FROM orders"}"#,
        );
        let (empty, other) = (Key::new(DATASTORE, ["dw"]), Key::new(DATASTORE, ["lake"]));
        let draft = Draft {
            creates: vec![&table],
            updates: vec![],
            unsatisfied: vec![],
            settled: vec![],
            barren: vec![&empty, &other],
        };
        assert_eq!(
            shown(&draft),
            ["sync datastore/dw {} after [] before [container/dw/recent]"]
        );
    }

    #[test]
    fn a_new_check_sees_to_it_that_what_was_made_before_it_has_been_profiled() {
        let table = document(
            CONTAINER,
            &["dw", "recent"],
            r#"{"name":"recent","query":"SELECT id FROM orders"}"#,
        );
        let field = document(COMPUTED_FIELD, &["dw", "orders", "whole"], r#"{"name":"whole"}"#);
        let of_table = document(
            CHECK,
            &["dw", "a"],
            r#"{"rule_type":"notNull","container":"recent","fields":["id"]}"#,
        );
        let of_field = document(
            CHECK,
            &["dw", "b"],
            r#"{"rule_type":"notNull","container":"orders","fields":["whole"]}"#,
        );
        let settled = vec![&table, &field];
        let draft = Draft {
            creates: vec![&of_table, &of_field],
            updates: vec![],
            unsatisfied: vec![],
            settled: settled.clone(),
            barren: vec![],
        };
        let all = shown(&draft);
        assert_eq!(all.len(), 2, "{all:?}");
        assert!(all[0].starts_with("profile container/dw/recent") && all[0].ends_with("after [] before [check/dw/a]"));
        assert!(all[1].starts_with("profile container/dw/orders") && all[1].ends_with("after [] before [check/dw/b]"));
        let draft = Draft {
            creates: vec![],
            updates: vec![(&of_table, vec![FieldPath::top("tags")])],
            unsatisfied: vec![],
            settled,
            barren: vec![],
        };
        assert_eq!(shown(&draft), [] as [String; 0], "a change of tags uses no field");
    }

    #[test]
    fn a_new_datastore_is_synced_before_what_lies_in_it_and_an_enrichment_datastore_is_not() {
        let new = document(DATASTORE, &["dw"], r#"{"name":"dw"}"#);
        let enrichment = document(DATASTORE, &["dq"], r#"{"name":"dq","enrichment_only":true}"#);
        let check = document(
            CHECK,
            &["dw", "u"],
            r#"{"rule_type":"volumetric","container":"orders"}"#,
        );
        let draft = Draft {
            creates: vec![&new, &enrichment, &check],
            updates: vec![],
            unsatisfied: vec![],
            settled: vec![],
            barren: vec![],
        };
        assert_eq!(
            shown(&draft),
            ["sync datastore/dw {} after [datastore/dw] before [check/dw/u]"]
        );
    }

    #[test]
    fn an_unknown_container_asks_for_a_sync_of_its_datastore_only() {
        let check = document(
            CHECK,
            &["dw", "u"],
            r#"{"rule_type":"volumetric","container":"orders"}"#,
        );
        let draft = Draft {
            creates: vec![&check],
            updates: vec![],
            unsatisfied: vec![(&check, &check.references[1])],
            settled: vec![],
            barren: vec![],
        };
        assert_eq!(shown(&draft), ["sync datastore/dw {} after [] before [check/dw/u]"]);
        assert_eq!(needed(&draft)[0].operation.reason, "to find `orders`");
    }

    #[test]
    fn checks_on_a_new_container_wait_for_its_fields_and_those_about_it_as_a_whole_do_not() {
        let container = document(CONTAINER, &["dw", "sum"], r#"{"name":"sum","query":"q"}"#);
        let field = document(
            CHECK,
            &["dw", "a"],
            r#"{"rule_type":"notNull","container":"sum","fields":["id"]}"#,
        );
        let whole = document(
            CHECK,
            &["dw", "b"],
            r#"{"rule_type":"volumetric","container":"sum","fields":[]}"#,
        );
        let elsewhere = document(
            CHECK,
            &["dw", "c"],
            r#"{"rule_type":"notNull","container":"orders","fields":["id"]}"#,
        );
        let draft = Draft {
            creates: vec![&container, &field, &whole],
            updates: vec![(&elsewhere, vec![FieldPath::top("coverage")])],
            unsatisfied: vec![],
            settled: vec![],
            barren: vec![],
        };
        assert_eq!(
            shown(&draft),
            [r#"profile container/dw/sum {"fields": ["id"]} after [container/dw/sum] before [check/dw/a]"#]
        );
    }

    #[test]
    fn a_label_change_of_a_container_makes_nothing_wait_and_a_new_query_does() {
        let container = document(CONTAINER, &["dw", "sum"], r#"{"name":"sum","query":"q"}"#);
        let check = document(
            CHECK,
            &["dw", "a"],
            r#"{"rule_type":"notNull","container":"sum","fields":["id"]}"#,
        );
        for (field, count) in [("description", 0), ("query", 1)] {
            let draft = Draft {
                creates: vec![&check],
                updates: vec![(&container, vec![FieldPath::top(field)])],
                unsatisfied: vec![],
                settled: vec![],
                barren: vec![],
            };
            assert_eq!(needed(&draft).len(), count, "{field}");
        }
    }

    #[test]
    fn a_check_waits_for_the_computed_field_that_it_names_in_its_fields_or_its_expression() {
        let computed = document(
            COMPUTED_FIELD,
            &["dw", "orders", "net"],
            r#"{"name":"net","transformation":"cast"}"#,
        );
        let by_field = document(
            CHECK,
            &["dw", "a"],
            r#"{"rule_type":"notNull","container":"orders","fields":["net"]}"#,
        );
        let by_expression = document(
            CHECK,
            &["dw", "b"],
            r#"{"rule_type":"satisfiesExpression","container":"orders","properties":{"expression":"net > 0"}}"#,
        );
        let other = document(
            CHECK,
            &["dw", "c"],
            r#"{"rule_type":"satisfiesExpression","container":"orders","properties":{"expression":"network > 0"}}"#,
        );
        let draft = Draft {
            creates: vec![&computed, &by_field, &by_expression, &other],
            updates: vec![],
            unsatisfied: vec![],
            settled: vec![],
            barren: vec![],
        };
        assert_eq!(
            shown(&draft),
            [
                r#"profile container/dw/orders {"fields": ["net"]} after [computed_field/dw/orders/net] before [check/dw/a, check/dw/b]"#
            ]
        );
    }
}
