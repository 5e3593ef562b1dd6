//! Qualytics without its IO: the schema behind core's trait.

use std::collections::BTreeMap;

use driftless_core::diagnostic::{Diagnostic, Severity};
use driftless_core::document::{Document, Reference};
use driftless_core::field::FieldPath;
use driftless_core::key::{Key, Kind};
use driftless_core::normalize as core;
use driftless_core::schema::{Bond, Draft, FieldFault, KindSpec, Location, Needed, Schema, Side};
use driftless_core::value::{Map, Value};

use super::kinds::{CHECK, CONNECTION, CONTAINER, DATASTORE, KINDS, UID};
use super::shapes::Shape;
use super::{bonds, faults, layout, meaning, mentions, normalize, operations, references, together, uid};
use crate::platform::fault_list::Faults;

/// What is known of Qualytics offline.
#[derive(Clone, Copy, Debug)]
pub struct QualyticsSchema;

/// The one schema.
pub fn schema() -> &'static QualyticsSchema {
    &QualyticsSchema
}

impl Schema for QualyticsSchema {
    fn platform(&self) -> &'static str {
        "qualytics"
    }

    fn kinds(&self) -> &'static [KindSpec] {
        KINDS
    }

    fn locate(&self, path: &str) -> Location {
        layout::locate(path)
    }

    fn slug(&self, name: &str) -> String {
        layout::slug(name)
    }

    fn identity(&self, kind: Kind, spec: &Map) -> Result<String, Box<FieldFault>> {
        if kind == CHECK {
            let has_rule = ["rule_type", "rule"]
                .iter()
                .any(|field| references::text(spec, field).is_some_and(|rule| !rule.is_empty()));
            return if has_rule || layout::stored_uid(spec).is_some() {
                Ok(layout::uid(spec))
            } else {
                Err(unsaid(spec, "rule_type", faults::NAME_RULE))
            };
        }
        match spec.get("name") {
            Some(Value::String(name)) if !name.trim().is_empty() => Ok(self.canonical_name(kind, name)),
            _ => Err(unsaid(
                spec,
                "name",
                "every resource has a name: it is how it is found on each instance",
            )),
        }
    }

    fn identity_fields(&self, kind: Kind) -> &'static [&'static str] {
        match kind {
            CHECK => &[
                "additional_metadata._qualytics_check_uid",
                "container",
                "rule_type",
                "rule",
                "fields",
            ],
            _ => &["name"],
        }
    }

    fn name_field(&self, kind: Kind) -> FieldPath {
        FieldPath::top(if kind == CHECK { UID } else { "name" })
    }

    fn canonical_name(&self, kind: Kind, name: &str) -> String {
        match kind {
            CONTAINER => normalize::container_name(name),
            _ => name.to_owned(),
        }
    }

    // As the official client finds datastores and containers; connections beside them, since nobody tells two apart by case.
    fn is_found_without_case(&self, kind: Kind) -> bool {
        matches!(kind, CONNECTION | DATASTORE | CONTAINER)
    }

    fn canonical(&self, kind: Kind, side: Side, spec: &mut Map) {
        normalize::canonical(kind, side, spec);
    }

    fn meaning(&self, kind: Kind, spec: &mut Map) {
        meaning::meaning(kind, spec);
    }

    fn align(&self, key: &Key, live: &mut Map, said: &Map) {
        let owner = key.path().first().map_or("", String::as_str);
        references::align(owner, live, said);
    }

    fn references(&self, key: &Key, spec: &Map) -> Vec<Reference> {
        references::references(key, spec)
    }

    fn bonds(&self, key: &Key, spec: &Map) -> Vec<(Key, Bond)> {
        bonds::bonds(key, spec)
    }

    fn watches(&self, key: &Key, spec: &Map) -> Option<Key> {
        bonds::watches(key, spec)
    }

    fn check_written(&self, kind: Kind, spec: &Map) -> Vec<FieldFault> {
        faults::written(kind, spec)
    }

    fn check_together(&self, documents: &BTreeMap<Key, Document>) -> Vec<(Key, FieldFault)> {
        together::check(documents)
    }

    fn distinct(&self, kind: Kind) -> &'static str {
        if kind == CHECK {
            "keep one of them, or give one a `_qualytics_check_uid` of its own in its `additional_metadata`"
        } else {
            "keep one of them, or give them different names"
        }
    }

    fn mentions(&self, key: &Key, spec: &Map) -> Vec<Reference> {
        mentions::mentions(key, spec)
    }

    fn unresolved(&self, reference: &Reference) -> Option<String> {
        mentions::unresolved(reference)
    }

    fn unfit(&self, reference: &Reference, target: &Map) -> Option<String> {
        references::unfit(reference, target)
    }

    fn readdress(&self, key: &Key, spec: &mut Map, to: &dyn Fn(&Key) -> Option<Key>) {
        references::readdress(key, spec, to);
    }

    fn former_name(&self, key: &Key, spec: &Map, former: &dyn Fn(&Key) -> Option<Key>) -> Option<String> {
        references::former_uid(key, spec, former)
    }

    fn check(&self, key: &Key, spec: &Map) -> Vec<FieldFault> {
        let meant = core::meaning(self, key.kind, spec);
        let mut found = faults::check(key, &meant);
        found.extend(faults::without_meaning(key.kind, spec, &meant));
        found
    }

    fn likeness(&self, kind: Kind, spec: &Map) -> Option<String> {
        // Most kinds have none: only a check is worth a form of its own.
        (kind == CHECK).then(|| references::likeness(&core::meaning(self, kind, spec)))
    }

    fn apart(&self, kind: Kind, specs: &[&Map]) -> Vec<Option<String>> {
        let written = |uid| format!("`{UID}: {uid}` under `additional_metadata`");
        uid::apart(kind, specs)
            .into_iter()
            .map(|own| own.map(written))
            .collect()
    }

    fn operations(&self, draft: &Draft<'_>) -> Vec<Needed> {
        operations::needed(draft)
    }
}

/// The fault of a text that a document is known by and does not have: something else stands there, or nothing does.
fn unsaid(spec: &Map, field: &str, help: &str) -> Box<FieldFault> {
    let mut faults = Faults(Vec::new());
    if let Some(value) = spec.get(field) {
        faults.shape(&FieldPath::top(field), value, Shape::Text, Severity::Error);
    }
    faults.0.pop().map_or_else(|| missing(field, help), Box::new)
}

fn missing(field: &str, help: &str) -> Box<FieldFault> {
    Box::new(FieldFault {
        at: FieldPath::top(field),
        diagnostic: Diagnostic::error("missing_field", format!("`{field}` is missing")).help(help),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use std::collections::BTreeSet;

    use driftless_core::load::{Layers, load};
    use driftless_core::substitute::Variables;

    use super::super::testing::{map, tree};
    use super::*;

    fn identity(kind: Kind, json: &str) -> Result<String, String> {
        let spec = map(json);
        schema()
            .identity(kind, &spec)
            .map_err(|fault| fault.diagnostic.to_string())
    }

    #[test]
    fn a_document_is_known_by_what_it_says_inside() {
        assert_eq!(identity(CONNECTION, r#"{"name":"pg"}"#), Ok("pg".to_owned()));
        assert_eq!(
            identity(CONTAINER, r#"{"name":"order summary"}"#),
            Ok("order_summary".to_owned())
        );
        assert_eq!(
            identity(CHECK, r#"{"rule_type":"notNull","container":"o","fields":["id"]}"#),
            Ok("o__notnull__id".to_owned())
        );
        let stored =
            r#"{"rule_type":"notNull","container":"o","additional_metadata":{"_qualytics_check_uid":"dbt__x"}}"#;
        assert_eq!(identity(CHECK, stored), Ok("dbt__x".to_owned()));
    }

    /// What loading says of files: the base's, and those of one overlay.
    fn told(files: &[(&str, &str)]) -> Vec<String> {
        let tree = tree(files);
        let layers = Layers {
            base: "base",
            overlays: &["over".to_owned()],
        };
        let secret = BTreeMap::from([("SECRET".to_owned(), "12".to_owned())]);
        let variables = Variables::new(secret, BTreeSet::from(["SECRET".to_owned()]));
        let loaded = load(&tree, &layers, &variables, &[], schema());
        loaded.diagnostics.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_check_with_an_id_still_needs_a_rule_and_an_overlays_document_does_not() {
        const NAMED: &str =
            "container: o\nfields: [id]\ncoverage: 0.5\nadditional_metadata: {_qualytics_check_uid: u}\n";
        for rule in ["", "rule_type:\n", "rule_type: ''\n"] {
            let found = told(&[("base/datastores/d/checks/o/a.yaml", &format!("{rule}{NAMED}"))]);
            assert!(
                found.len() == 1 && found[0].contains("error[missing_field]: `rule_type` is missing"),
                "{rule:?} {found:#?}"
            );
        }
        let base = format!("rule_type: notNull\n{NAMED}");
        let found = told(&[
            ("base/datastores/d/checks/o/a.yaml", &base),
            ("over/datastores/d/checks/o/b.yaml", &NAMED.replace("0.5", "0.6")),
        ]);
        assert_eq!(found, [""; 0]);
        let alone = told(&[
            ("base/datastores/d/_datastore.yaml", "name: d\nconnection_name: c\n"),
            ("over/datastores/d/checks/o/b.yaml", NAMED),
        ]);
        assert!(
            alone.len() == 1 && alone[0].contains("`rule_type` is missing") && alone[0].contains("only an overlay"),
            "{alone:#?}"
        );
    }

    #[test]
    fn what_a_rule_gives_no_meaning_is_still_of_its_kind() {
        for (rule, expected) in [
            (
                "rule_type: satisfiesExpression\nfields: [a]\nproperties: {expression: a > 1}\n",
                "",
            ),
            (
                "rule_type: satisfiesExpression\nfields: 3\nproperties: {expression: a > 1}\n",
                "`fields` must be",
            ),
            (
                "rule_type: isType\nfields: [a]\nproperties: {field_type: Date, is_element_context: 3}\n",
                "`properties.is_element_context` must be true or false",
            ),
        ] {
            let text = format!("{rule}container: o\n");
            let found = told(&[("base/datastores/d/checks/o/a.yaml", &text)]).join("\n");
            assert_eq!(found.is_empty(), expected.is_empty(), "{found}");
            assert!(found.contains(expected) && !found.contains('\n'), "{found}");
        }
    }

    #[test]
    fn a_placeholder_that_fails_is_told_once_and_the_other_faults_with_it() {
        for (field, code) in [
            ("port: ${ABSENT}", "unresolved_variable"),
            ("port: ${", "bad_substitution"),
            ("port: ${SECRET}", "secret_in_plain_field"),
        ] {
            let text = format!("name: pg\ntype: postgresql\n{field}\njdbc_fetch_size: few\n");
            let found = told(&[("base/connections/a.yaml", &text)]);
            assert!(
                found.len() == 2
                    && found[0].contains(code)
                    && found[1].contains("`jdbc_fetch_size` must be an integer"),
                "{field} {found:#?}"
            );
        }
        let text = "name: dw\nconnection_name: pg\nglobal_tags: ${ABSENT}\n";
        let found = told(&[("base/datastores/dw/_datastore.yaml", text)]);
        assert!(
            found.len() == 1 && found[0].contains("unresolved_variable"),
            "{found:#?}"
        );
    }

    #[test]
    fn a_document_without_identity_says_what_is_missing() {
        assert!(identity(DATASTORE, "{}").unwrap_err().contains("`name` is missing"));
        assert!(
            identity(DATASTORE, r#"{"name":12}"#)
                .unwrap_err()
                .contains("put it in quotes")
        );
        assert!(
            identity(CHECK, r#"{"container":"o"}"#)
                .unwrap_err()
                .contains("`rule_type` is missing")
        );
    }

    #[test]
    fn kinds_refer_only_to_kinds_before_them() {
        let order: Vec<Kind> = KINDS.iter().map(|spec| spec.kind).collect();
        for (index, spec) in KINDS.iter().enumerate() {
            for parent in spec.parents {
                assert!(order[..index].contains(parent), "{}", spec.kind);
            }
        }
    }
}
