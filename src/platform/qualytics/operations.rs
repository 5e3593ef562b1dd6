//! What a plan needs the platform to do besides its writes: make a tag, discover a datastore's tables, discover a container's
//! fields.

use std::collections::{BTreeMap, BTreeSet};

use driftless_core::document::Document;
use driftless_core::key::Key;
use driftless_core::plan::Operation;
use driftless_core::schema::{Draft, Needed};
use driftless_core::value::{Map, Value};

use super::kinds::{CONTAINER, CREATE_TAG, DATASTORE, SYNC, TAG};
use super::{profiles, references};

/// The argument of a profile that lists the fields that it must have shown in the end.
pub(super) const FIELDS: &str = "fields";

/// The operations that `draft` needs, sorted by subject.
pub(super) fn needed(draft: &Draft<'_>) -> Vec<Needed> {
    let mut all = tags(draft);
    all.extend(syncs(draft));
    all.extend(profiles::profiles(draft));
    all
}

/// Every tag that is written and does not exist, once, before the first write that has it.
fn tags(draft: &Draft<'_>) -> Vec<Needed> {
    let mut wanted: BTreeMap<&Key, BTreeSet<&Key>> = BTreeMap::new();
    for (document, reference) in &draft.unsatisfied {
        if reference.to.kind == TAG {
            wanted.entry(&reference.to).or_default().insert(&document.key);
        }
    }
    let needed = |(tag, by): (&Key, BTreeSet<&Key>)| Needed {
        operation: Operation {
            name: CREATE_TAG,
            subject: tag.clone(),
            arguments: Map::new(),
            reason: format!("for {}", listed(&by.iter().map(ToString::to_string).collect())),
        },
        after: Vec::new(),
        before: by.into_iter().cloned().collect(),
    };
    wanted.into_iter().map(needed).collect()
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
    use driftless_core::document::{Origin, Reference, Strength};
    use driftless_core::field::FieldPath;
    use driftless_core::key::Kind;

    use super::super::kinds::{CHECK, COMPUTED_FIELD, TEAM};
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
            previous: None,
            protected: false,
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
    fn a_tag_is_made_once_for_all_that_bear_it_and_a_team_never() {
        let of = |name: &str| document(CHECK, &["dw", name], r#"{"rule_type":"volumetric","tags":["pii"]}"#);
        let all = ["a", "b", "c", "d", "e"].map(of);
        let pii = references_to(TAG, "pii");
        let team = references_to(TEAM, "Data");
        let mut unsatisfied: Vec<(&Document, &Reference)> = all.iter().map(|document| (document, &pii)).collect();
        unsatisfied.push((&all[0], &team));
        let draft = Draft {
            creates: all.iter().collect(),
            updates: vec![],
            unsatisfied,
            settled: vec![],
            barren: vec![],
        };
        assert_eq!(
            shown(&draft),
            ["create_tag tag/pii {} after [] before [check/dw/a, check/dw/b, check/dw/c, check/dw/d, check/dw/e]"]
        );
        assert_eq!(
            needed(&draft)[0].operation.reason,
            "for `check/dw/a`, `check/dw/b`, `check/dw/c` and 2 more"
        );
    }

    fn references_to(kind: Kind, name: &str) -> Reference {
        Reference {
            at: FieldPath::top("tags"),
            to: Key::new(kind, [name]),
            strength: Strength::Before,
        }
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
