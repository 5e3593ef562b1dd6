//! Faults that only several documents together have: an enrichment datastore that is none, checks that overlap.

use std::collections::BTreeMap;

use driftless_core::diagnostic::Diagnostic;
use driftless_core::document::Document;
use driftless_core::field::FieldPath;
use driftless_core::key::Key;
use driftless_core::schema::{FieldFault, Schema as _};
use driftless_core::value::{Map, Value};

use super::kinds::DATASTORE;
use super::references::{PROPERTY_NAME, text};
use super::schema::schema;

/// All of them, in the order of the documents.
pub(super) fn check(documents: &BTreeMap<Key, Document>) -> Vec<(Key, FieldFault)> {
    let mut found = Vec::new();
    for document in documents.values().filter(|document| document.key.kind == DATASTORE) {
        found.extend(enrichment(document, documents).map(|fault| (document.key.clone(), fault)));
    }
    found.extend(overlaps(documents));
    found
}

/// The platform answers 409 to a link with a datastore that is not for enrichment. One that does not say so here may have been made
/// so on the instance.
fn enrichment(document: &Document, documents: &BTreeMap<Key, Document>) -> Option<FieldFault> {
    const FIELD: &str = "enrich_datastore_name";
    let name = text(&document.spec, FIELD)?;
    let target = documents.get(&Key::new(DATASTORE, [name]))?;
    let file = target.origin.file();
    let diagnostic = if target.key == document.key {
        Diagnostic::error(
            "invalid_value",
            format!("`{name}` cannot be its own enrichment datastore"),
        )
        .help("name another one, which has `enrichment_only: true`")
    } else {
        match target.spec.get("enrichment_only").and_then(Value::as_bool) {
            Some(true) => return None,
            Some(false) => Diagnostic::error("invalid_value", format!("`{name}` is no enrichment datastore"))
                .help(format!("name another one, or write `enrichment_only: true` in {file}")),
            None => Diagnostic::warning(
                "invalid_value",
                format!("`{name}` does not say that it is an enrichment datastore: made from here, it is none"),
            )
            .help(format!("write `enrichment_only: true` in {file}")),
        }
    };
    Some(FieldFault {
        at: FieldPath::top(FIELD),
        diagnostic,
    })
}

/// Of checks that are about the same, the platform takes one at full coverage and one below it. A draft may be taken beside an
/// active one, and whether another reference makes another check is not told: these are warnings.
fn overlaps(documents: &BTreeMap<Key, Document>) -> Vec<(Key, FieldFault)> {
    let mut alike: BTreeMap<(Option<&String>, String), Vec<&Document>> = BTreeMap::new();
    for document in documents.values() {
        if let Some(likeness) = schema().likeness(document.key.kind, &document.spec) {
            alike
                .entry((document.key.path().first(), likeness))
                .or_default()
                .push(document);
        }
    }
    let mut found = Vec::new();
    for group in alike.values_mut() {
        group.sort_by_key(|document| document.origin.file().to_owned());
        let Some((first, others)) = group.split_first() else {
            continue;
        };
        for other in others {
            let message = format!(
                "this check overlaps the one in {}: same container, rule, fields and filter",
                first.origin.file()
            );
            let is_sure = is_active(first) && is_active(other) && points_at(&first.spec) == points_at(&other.spec);
            let diagnostic = if is_sure {
                Diagnostic::error("overlapping_checks", message)
            } else {
                Diagnostic::warning("overlapping_checks", message)
            };
            let help = "the platform takes one such check at full coverage and one below it: make them one, or give one a `filter`";
            let fault = FieldFault {
                at: FieldPath::top("rule_type"),
                diagnostic: diagnostic.help(help),
            };
            found.push((other.key.clone(), fault));
        }
    }
    found
}

fn is_active(document: &Document) -> bool {
    text(&document.spec, "status").is_none_or(|status| status == "Active")
}

/// What else a check refers to.
fn points_at(spec: &Map) -> [Option<&Value>; 3] {
    let properties = spec.get("properties").and_then(Value::as_map);
    [PROPERTY_NAME.container, PROPERTY_NAME.datastore, "field_name"]
        .map(|name| properties.and_then(|map| map.get(name)))
}

#[cfg(test)]
mod tests {

    use driftless_core::load::{Layers, load};
    use driftless_core::substitute::Variables;

    use super::super::schema;
    use super::super::testing::tree;
    use super::*;

    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        let tree = tree(files);
        let layers = Layers {
            base: "",
            overlays: &[],
        };
        let loaded = load(&tree, &layers, &Variables::default(), &[], schema());
        assert_eq!(loaded.diagnostics, []);
        check(&loaded.desired.documents)
            .into_iter()
            .map(|(key, fault)| format!("{} {}: {}", key.name(), fault.at, fault.diagnostic))
            .collect()
    }

    #[test]
    fn a_link_needs_an_enrichment_datastore() {
        let link = |name: &str, said: &str| {
            let source = format!("name: dw\nconnection_name: pg\nenrich_datastore_name: {name}\n");
            let target = format!("name: dq\nconnection_name: pg\n{said}");
            faults(&[
                ("datastores/dq/_datastore.yaml", &target),
                ("datastores/dw/_datastore.yaml", &source),
            ])
        };
        let told = |name: &str, said: &str| link(name, said).first().cloned().unwrap_or_default();
        assert_eq!(told("dq", "enrichment_only: true\n"), "");
        assert_eq!(told("elsewhere", ""), "");
        assert!(
            told("dq", "enrichment_only: false\n")
                .starts_with("dw enrich_datastore_name: error[invalid_value]: `dq` is no enrichment datastore")
        );
        assert!(told("dq", "").starts_with("dw enrich_datastore_name: warning[invalid_value]: `dq` does not say"));
        assert!(told("dw", "").starts_with("dw enrich_datastore_name: error[invalid_value]: `dw` cannot be its own"));
    }

    #[test]
    fn checks_overlap_by_what_the_platform_tells_them_apart_by() {
        let first = "rule_type: existsIn\ncontainer: orders\nfields: [customer]\nproperties: {field_name: id, ref_container_name: a}\n";
        let overlap = |from: &str, to: &str| {
            assert!(first.contains(from), "{from}");
            let other = format!(
                "{}additional_metadata: {{_qualytics_check_uid: other}}\n",
                first.replace(from, to)
            );
            let found = faults(&[
                ("datastores/dw/_datastore.yaml", "name: dw\nconnection_name: pg\n"),
                ("datastores/dw/checks/orders/a.yaml", first),
                ("datastores/dw/checks/orders/b.yaml", &other),
            ]);
            assert!(found.len() <= 1, "{found:#?}");
            found.first().map(|fault| {
                assert!(fault.starts_with("other rule_type: "), "{fault}");
                assert!(fault.contains("datastores/dw/checks/orders/a.yaml"), "{fault}");
                fault.contains(": error[overlapping_checks]: ")
            })
        };
        let is_error = Some(true);
        let is_warning = Some(false);
        for (from, to, expected) in [
            ("properties:", "description: another\nproperties:", is_error),
            ("properties:", "coverage: 1.0\nproperties:", is_error),
            ("properties:", "coverage: 0.9\nproperties:", None),
            ("properties:", "filter: id > 1\nproperties:", None),
            ("properties:", "status: Draft\nproperties:", is_warning),
            ("ref_container_name: a", "ref_container_name: b", is_warning),
            ("field_name: id", "field_name: key", is_warning),
            ("[customer]", "[payer]", None),
            ("existsIn", "notExistsIn", None),
            ("container: orders", "container: lines", None),
        ] {
            assert_eq!(overlap(from, to), expected, "{to}");
        }
    }
}
