//! Faults of one document that can be seen offline.
//!
//! An error keeps a document out of the plan, so it is given only where the platform is known to refuse: what a newer platform may
//! accept is a warning.

use driftless_core::diagnostic::{Diagnostic, Severity};
use driftless_core::field::FieldPath;
use driftless_core::key::{Key, Kind};
use driftless_core::nearest::did_you_mean;
use driftless_core::schema::FieldFault;
use driftless_core::value::{Map, Value};

use super::kinds::{CHECK, COMPUTED_FIELD, CONNECTION, CONTAINER, DATASTORE};
use super::properties;
use super::references::text;
use super::rules::{self, Arity, Evidence, Rule, Support};
use super::shapes::{
    CHECK_FIELDS, COMPUTED_FIELD_FIELDS, CONNECTION_FIELDS, CONTAINER_FIELDS, DATASTORE_FIELDS, Shape, TRANSFORMATIONS,
};
use crate::platform::fault_list::{Faults, NEWER, number};

/// What to do about a check that does not say its rule.
pub(super) const NAME_RULE: &str = "say what is checked, for example `rule_type: notNull`";

/// All faults of a document, in the order of its fields.
pub(super) fn check(key: &Key, spec: &Map) -> Vec<FieldFault> {
    let mut faults = Faults(Vec::new());
    match key.kind {
        CONNECTION => connection(spec, &mut faults),
        DATASTORE => datastore(spec, &mut faults),
        CONTAINER => container(spec, &mut faults),
        COMPUTED_FIELD => computed_field(spec, &mut faults),
        CHECK => quality_check(spec, &mut faults),
        _ => {}
    }
    faults.0
}

/// Faults of a document in fields that steer driftless, and that are gone once it is normalised.
pub(super) fn written(kind: Kind, spec: &Map) -> Vec<FieldFault> {
    let mut faults = Faults(Vec::new());
    if kind == DATASTORE && spec.contains_key("trigger_catalog") {
        let message = "`trigger_catalog` is not sent, and the official client refuses a file that has it";
        let help = "remove it: a plan has a sync where one is needed; the present name is `trigger_sync`";
        faults.add(
            FieldPath::top("trigger_catalog"),
            Diagnostic::warning("renamed_field", message).help(help),
        );
    }
    faults.0
}

/// Faults of what a check says and its rule gives no meaning: it is kept as it was said, and must be what it would be elsewhere.
pub(super) fn without_meaning(kind: Kind, said: &Map, meant: &Map) -> Vec<FieldFault> {
    let mut faults = Faults(Vec::new());
    if kind != CHECK {
        return faults.0;
    }
    for (field, shape) in CHECK_FIELDS.iter().filter(|(field, _)| !meant.contains_key(*field)) {
        if let Some(value) = said.get(*field) {
            faults.shape(&FieldPath::top(*field), value, *shape, Severity::Error);
        }
    }
    let row = text(meant, "rule_type").and_then(rules::find);
    let within = FieldPath::top("properties");
    for (name, value) in said.get("properties").and_then(Value::as_map).into_iter().flatten() {
        let at = within.child(name);
        if at.get(meant).is_none() {
            let (shape, severity) = properties::shape(name, row);
            faults.shape(&at, value, shape, severity);
        }
    }
    faults.0
}

fn connection(spec: &Map, faults: &mut Faults) {
    // The platform answers 422 to these at the top.
    const INSIDE: [&str; 3] = ["authentication_type", "role_arn", "external_id"];
    let mut known: Vec<(&str, Shape)> = CONNECTION_FIELDS.to_vec();
    known.extend(INSIDE.map(|field| (field, Shape::Any)));
    faults.shapes(spec, None, &known, Severity::Error);
    if absent(spec, "type") {
        faults.missing("type", "say what it connects to, for example `type: postgresql`");
    }
    for field in INSIDE.into_iter().filter(|field| spec.contains_key(*field)) {
        let message = format!("`{field}` belongs inside of `parameters`");
        faults.invalid(FieldPath::top(field), message, "move it there, indented by two spaces");
    }
    faults.within(spec, "max_parallelization", 0..=100);
    if let Some(vault) = spec.get("secrets_manager").and_then(Value::as_map)
        && absent(vault, "secret_url")
    {
        faults.invalid(
            FieldPath::top("secrets_manager"),
            "`secrets_manager` needs a `secret_url`".to_owned(),
            "add `secret_url:` below it, or remove `secrets_manager`",
        );
    }
}

fn datastore(spec: &Map, faults: &mut Faults) {
    faults.shapes(spec, None, DATASTORE_FIELDS, Severity::Error);
    if absent(spec, "connection_name") {
        faults.add(
            FieldPath::top("connection_name"),
            Diagnostic::warning(
                "missing_field",
                "`connection_name` is missing: this datastore cannot be created",
            )
            .help("name the connection; its number is another on each instance"),
        );
    }
    faults.no_longer_than(spec, "name", 255);
    faults.no_longer_than(spec, "description", 255);
    faults.no_longer_than(spec, "enrichment_prefix", 60);
    faults.within(spec, "enrichment_source_record_limit", 1..=1_000_000_000);
    faults.within(spec, "high_count_rollup_threshold", 1..=1000);
    faults.one_of(
        spec,
        "enrichment_remediation_strategy",
        &["none", "append", "overwrite"],
        None,
    );
    let is_enrichment = spec.get("enrichment_only").and_then(Value::as_bool) == Some(true);
    if is_enrichment && !absent(spec, "enrich_datastore_name") {
        faults.invalid(
            FieldPath::top("enrich_datastore_name"),
            "an enrichment datastore cannot have an enrichment datastore itself".to_owned(),
            "remove it, or `enrichment_only`",
        );
    }
}

fn container(spec: &Map, faults: &mut Faults) {
    const TYPES: [&str; 3] = ["computed_table", "computed_file", "computed_join"];
    faults.shapes(spec, None, CONTAINER_FIELDS, Severity::Error);
    let Some(container_type) = text(spec, "container_type") else {
        faults.missing("container_type", "one of computed_table, computed_file, computed_join");
        return;
    };
    let help = "tables and files are discovered by the platform, not declared";
    faults.one_of(spec, "container_type", &TYPES, Some(help));
    let sources = spec.get("sources").and_then(Value::as_list).map_or(0, <[Value]>::len);
    let needed: &[&str] = match container_type {
        "computed_table" => &["query"],
        "computed_file" => &["select_clause"],
        "computed_join" if absent(spec, "query") && sources == 0 => {
            &["left_join_field_name", "right_join_field_name", "select_clause"]
        }
        "computed_join" => &["query"],
        _ => &[],
    };
    for field in needed.iter().filter(|field| absent(spec, field)) {
        faults.missing(field, &format!("a `{container_type}` cannot do without it"));
    }
    // An export in which a container could not be read has a number instead: it can still be compared.
    let names: &[&str] = match container_type {
        "computed_file" => &["source_container_name"],
        "computed_join" if sources == 0 && absent(spec, "query") => &["left_container_name", "right_container_name"],
        "computed_join" if sources == 0 => &["sources"],
        _ => &[],
    };
    for field in names.iter().filter(|field| absent(spec, field)) {
        let message = format!("`{field}` is missing: this container cannot be created");
        faults.add(
            FieldPath::top(*field),
            Diagnostic::warning("missing_field", message).help(match *field {
                "sources" => "name the containers that the query reads: a `container_name` and an `alias` each",
                _ => "name the container; its number is another on each instance",
            }),
        );
    }
    if sources == 1 {
        faults.invalid(
            FieldPath::top("sources"),
            "a join needs two `sources` or more".to_owned(),
            "add another one",
        );
    }
}

fn computed_field(spec: &Map, faults: &mut Faults) {
    faults.shapes(spec, None, COMPUTED_FIELD_FIELDS, Severity::Error);
    let Some(transformation) = text(spec, "transformation") else {
        faults.missing("transformation", "for example `cast` or `customExpression`");
        return;
    };
    let known = || TRANSFORMATIONS.iter().map(|(name, _)| *name);
    let Some((_, needed)) = TRANSFORMATIONS.iter().find(|(name, _)| *name == transformation) else {
        let diagnostic = Diagnostic::warning(
            "unknown_transformation",
            format!("transformation `{transformation}` is not known; it is sent as it stands"),
        );
        faults.add(
            FieldPath::top("transformation"),
            diagnostic.help(did_you_mean(transformation, known()).as_deref().unwrap_or(NEWER)),
        );
        return;
    };
    let empty = Map::new();
    let properties = spec.get("properties").and_then(Value::as_map).unwrap_or(&empty);
    for property in needed.iter().filter(|property| absent(properties, property)) {
        faults.invalid(
            FieldPath::top("properties"),
            format!("`{transformation}` needs the property `{property}`"),
            &format!("add `{property}:` below `properties:`"),
        );
    }
    let sources = spec.get("source_fields").and_then(Value::as_list).unwrap_or_default();
    if let Some(name) = text(spec, "name")
        && sources.iter().any(|source| source.as_str() == Some(name))
    {
        faults.add(
            FieldPath::top("source_fields"),
            Diagnostic::warning("invalid_value", format!("`{name}` is computed from itself"))
                .help("name the fields that it is computed from"),
        );
    }
    let sources = sources.len();
    if matches!(transformation, "cast" | "cleanedEntityName" | "convertFormattedNumeric") && sources != 1 {
        faults.invalid(
            FieldPath::top("source_fields"),
            format!("`{transformation}` takes exactly one source field, not {sources}"),
            "make a computed field for each",
        );
    }
}

fn quality_check(spec: &Map, faults: &mut Faults) {
    faults.shapes(spec, None, CHECK_FIELDS, Severity::Error);
    if absent(spec, "container") || text(spec, "container") == Some("") {
        faults.missing("container", "name the table or file that the check is about");
    }
    faults.one_of(
        spec,
        "status",
        &["Active", "Draft"],
        Some("a check is put away by removing its file, where pruning allows it"),
    );
    if let Some(Value::Number(_)) = spec.get("coverage")
        && let Some(coverage) = spec.get("coverage").and_then(number)
        && !(0.0..=1.0).contains(&coverage)
    {
        faults.invalid(
            FieldPath::top("coverage"),
            format!("`coverage` is {coverage}, and must lie between 0 and 1: a share of the rows"),
            "0.95 is 95 of a hundred",
        );
    }
    let empty = Map::new();
    let properties = spec.get("properties").and_then(Value::as_map).unwrap_or(&empty);
    let row = text(spec, "rule_type").and_then(rules::find);
    properties::check(properties, row, faults);
    match (text(spec, "rule_type"), row) {
        (Some(_), Some(row)) => by_rule(spec, properties, row, faults),
        (Some(""), None) => faults.missing("rule_type", NAME_RULE),
        (Some(rule), None) => faults.add(FieldPath::top("rule_type"), unknown_rule(rule)),
        (None, _) if absent(spec, "rule_type") => faults.missing("rule_type", NAME_RULE),
        (None, _) => {} // no text at all: said already
    }
}

/// A slip of a known name is an error; anything else may be a rule that is newer than we are.
fn unknown_rule(rule: &str) -> Diagnostic {
    match rules::meant(rule) {
        Some(meant) => Diagnostic::error("unknown_rule", format!("there is no rule type `{rule}`"))
            .help(format!("did you mean `{meant}`?")),
        None => Diagnostic::warning(
            "unknown_rule",
            format!("rule type `{rule}` is not known; it is sent as it stands"),
        )
        .help(NEWER),
    }
}

/// What to do about fields that are missing.
const LIST_FIELDS: &str = "name what it is about under `fields:`";

fn by_rule(spec: &Map, properties: &Map, row: &Rule, faults: &mut Faults) {
    let severity = match row.evidence {
        Evidence::Client => Severity::Error,
        Evidence::Guide => Severity::Warning,
    };
    let rule = row.name;
    let mut fault = |at: FieldPath, code, message: String, help: &str, severity| {
        let diagnostic = match severity {
            Severity::Error => Diagnostic::error(code, message),
            Severity::Warning => Diagnostic::warning(code, message),
        };
        faults.add(at, diagnostic.help(help));
    };
    let count = match spec.get("fields") {
        None | Some(Value::Null) => 0,
        Some(Value::List(fields)) => fields.len(),
        Some(_) => 1, // no list at all: said already
    };
    let wrong = match row.arity {
        Arity::Single if count == 0 => Some(("exactly one field", LIST_FIELDS)),
        Arity::Single if count != 1 => Some(("exactly one field", "make a check of each")),
        Arity::Multi if count == 0 => Some(("one field or more", LIST_FIELDS)),
        Arity::Container if count != 0 => Some(("no fields: it is about the container", "remove `fields`")),
        Arity::Single | Arity::Multi | Arity::Calculated | Arity::Container => None,
    };
    if let Some((wanted, help)) = wrong {
        let message = format!("`{rule}` takes {wanted}; {count} given");
        fault(FieldPath::top("fields"), "wrong_arity", message, help, severity);
    }
    for required in row.required {
        let by_number = *required == "ref_container_name" && !absent(properties, "ref_container_id");
        if absent(properties, required) && !by_number {
            let message = format!("`{rule}` needs the property `{required}`");
            let help = format!("add `{required}:` below `properties:`");
            fault(
                FieldPath::top("properties"),
                "missing_property",
                message,
                &help,
                severity,
            );
        }
    }
    for (field, support) in [("filter", row.filter), ("coverage", row.coverage)] {
        let severity = match support {
            Support::Yes => continue,
            Support::No => severity,
            Support::Unlikely => Severity::Warning,
        };
        if !absent(spec, field) {
            fault(
                FieldPath::top(field),
                "unsupported_field",
                format!("`{rule}` has no {field}"),
                "remove it",
                severity,
            );
        }
    }
}

fn absent(map: &Map, field: &str) -> bool {
    map.get(field).is_none_or(Value::is_null)
}

#[cfg(test)]
mod tests {
    use driftless_core::schema::Side;

    use super::super::testing::map;
    use super::*;

    fn faults(kind: Kind, json: &str) -> Vec<String> {
        let mut spec = map(json);
        super::super::normalize::canonical(kind, Side::Desired, &mut spec);
        super::super::meaning::meaning(kind, &mut spec);
        check(&Key::new(kind, ["a", "b", "c"]), &spec)
            .into_iter()
            .map(|fault| format!("{}: {}", fault.at, fault.diagnostic))
            .collect()
    }

    #[test]
    fn a_sound_document_has_no_fault() {
        for (kind, json) in [
            (
                CONNECTION,
                r#"{"name":"pg","type":"postgresql","port":5432,"parameters":{"sslmode":"require"},"secrets_manager":null}"#,
            ),
            (
                DATASTORE,
                r#"{"connection_name":"pg","name":"dw","database":"a","schema":"b","teams":["Public"],"enrichment_only":false}"#,
            ),
            (
                CONTAINER,
                r#"{"name":"s","container_type":"computed_table","query":"select 1"}"#,
            ),
            (
                CONTAINER,
                r#"{"name":"s","container_type":"computed_join","query":"q","sources":[{"container_name":"a"},{"container_name":"b"}]}"#,
            ),
            (
                COMPUTED_FIELD,
                r#"{"name":"f","transformation":"cast","source_fields":["a"],"properties":{"target_type":"int"}}"#,
            ),
            (
                CHECK,
                r#"{"rule_type":"notNull","container":"o","fields":["id"],"coverage":1.0,"filter":null,"properties":{},"status":"Active"}"#,
            ),
            (
                CHECK,
                r#"{"rule_type":"satisfiesExpression","container":"o","fields":["a"],"properties":{"expression":"a > 0"}}"#,
            ),
            (
                CHECK,
                r#"{"rule_type":"volumetric","container":"o","coverage":1.0,"properties":{"comparison":"Absolute Value","window_size":7,"min":1}}"#,
            ),
        ] {
            assert_eq!(faults(kind, json), Vec::<String>::new(), "{json}");
        }
    }

    #[test]
    fn every_fault_says_what_to_do() {
        for (kind, json, expected) in [
            (
                CHECK,
                r#"{"rule_type":"isNotNull","container":"o","fields":["id"]}"#,
                "rule_type: error[unknown_rule]: there is no rule type `isNotNull` (help: did you mean `notNull`?)",
            ),
            (
                CHECK,
                r#"{"rule_type":"geoFence","container":"o","fields":["id"]}"#,
                "rule_type: warning[unknown_rule]: rule type `geoFence` is not known; it is sent as it stands \
                 (help: remove it, unless the platform is newer than this version of driftless)",
            ),
            (
                CHECK,
                r#"{"rule_type":"notNull","container":"o","fields":[]}"#,
                "fields: error[wrong_arity]: `notNull` takes one field or more; 0 given (help: name what it is about under `fields:`)",
            ),
            (
                CHECK,
                r#"{"rule_type":"between","container":"o","fields":["a"],"properties":{"min":1,"max":2,"inclusive_min":true}}"#,
                "properties: error[missing_property]: `between` needs the property `inclusive_max` (help: add `inclusive_max:` below `properties:`)",
            ),
            (
                CHECK,
                r#"{"rule_type":"notFuture","container":"o","fields":["a","b"]}"#,
                "fields: warning[wrong_arity]: `notFuture` takes exactly one field; 2 given (help: make a check of each)",
            ),
            (
                CHECK,
                r#"{"rule_type":"metric","container":"o","fields":["a"],"coverage":0.9,"properties":{"comparison":"Absolute Value"}}"#,
                "coverage: error[unsupported_field]: `metric` has no coverage (help: remove it)",
            ),
            (
                CHECK,
                r#"{"rule_type":"notNull","container":"o","fields":["a"],"coverage":95}"#,
                "coverage: error[invalid_value]: `coverage` is 95, and must lie between 0 and 1: a share of the rows \
                 (help: 0.95 is 95 of a hundred)",
            ),
            (
                CHECK,
                r#"{"rule_type":"notNull","container":"o","fields":"a"}"#,
                "fields: error[wrong_type]: `fields` must be a list of strings, not a string (help: write each of them after a `- ` on a line of its own)",
            ),
            (
                CHECK,
                r#"{"rule_type":"notNull","container":"o","fields":["a"],"fitler":"x"}"#,
                "fitler: warning[unknown_field]: `fitler` is not known; it is sent as it stands (help: did you mean `filter`?)",
            ),
            (
                CHECK,
                r#"{"rule_type":"notNull","fields":["a"]}"#,
                "container: error[missing_field]: `container` is missing (help: name the table or file that the check is about)",
            ),
            (
                CONNECTION,
                r#"{"name":"r","type":"redshift","role_arn":"x"}"#,
                "role_arn: error[invalid_value]: `role_arn` belongs inside of `parameters` (help: move it there, indented by two spaces)",
            ),
            (
                CONTAINER,
                r#"{"name":"t","container_type":"table"}"#,
                "container_type: error[invalid_value]: `container_type` is `table`, and must be one of computed_table, computed_file, \
              computed_join (help: tables and files are discovered by the platform, not declared)",
            ),
            (
                COMPUTED_FIELD,
                r#"{"name":"f","transformation":"cast","source_fields":["a","b"],"properties":{"target_type":"int"}}"#,
                "source_fields: error[invalid_value]: `cast` takes exactly one source field, not 2 (help: make a computed field for each)",
            ),
            (
                DATASTORE,
                r#"{"name":"d","connection_name":"c","high_count_rollup_threshold":5000}"#,
                "high_count_rollup_threshold: error[invalid_value]: `high_count_rollup_threshold` is 5000, and must lie between 1 and 1000 \
                 (help: write a number from 1 to 1000)",
            ),
        ] {
            assert_eq!(faults(kind, json), [expected], "{json}");
        }
    }
}
