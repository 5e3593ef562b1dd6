//! Instances as nobody would set them up: every rule, every kind of container, names and texts that something trips over.

use std::collections::{BTreeMap, BTreeSet};

use driftless::sandbox::qualytics::{KeyOrder, NullProperties, Numbers, Put, PutReading, Switches, Toggle};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// Names of tables: two have one slug, two have none, one is longer than a file name may be.
fn tables() -> Vec<String> {
    let names = [
        "orders",
        "Orders!",
        "数据",
        "😀",
        "yes",
        "12:30",
        "a/../b",
        "it's \"q\": #1",
        "2024-01-15",
        ".hidden",
    ];
    let long = format!("t{}", "_column".repeat(60));
    names.into_iter().map(str::to_owned).chain([long]).collect()
}

/// Of the tables, those that a folder tells: no other has the slug, and it is a folder's name.
const TOLD: std::ops::Range<usize> = 4..10;

/// Fields of every table and file. The computed table has the first two.
const FIELDS: [&str; 6] = ["id", "ID", "Total Amount", "prénom", "null", "a: b"];

/// Containers that checks are on, beside the tables: `(datastore, name)`.
const OTHERS: [(&str, &str); 5] = [
    ("CRM", "people"),
    ("Lake: 1", "events.csv"),
    ("Dépôt", "合計"),
    ("Dépôt", "b__b"),
    ("Lake: 1", "paid"),
];

/// Of [`OTHERS`], from which on they are computed.
const COMPUTED: usize = 2;

/// Texts that YAML, its line folding or a terminal trip over.
const TEXTS: &[&str] = &[
    "plain",
    "yes",
    "~",
    "1e3",
    "1e16",
    "0x1F",
    "12:30:45",
    "2024-01-15",
    "a: b",
    "a #b",
    "- a",
    "--- a",
    "&a",
    "*a",
    "!!int 1",
    "%a",
    "@a",
    "? a",
    "{a: b}",
    "| a",
    "> a",
    "<<",
    "=",
    "${NOT_A_VARIABLE}",
    "$${x}",
    "two\nlines",
    "two\n\n\nempty lines\n  indented",
    "carriage\r\nreturn",
    "carriage\rreturn",
    "nul\u{0}byte",
    "bell\u{7}",
    "escape\u{1b}[31m",
    "delete\u{7f}",
    "tab\there",
    "line\u{2028}separator",
    "\u{feff}mark",
    "zero\u{200b}width",
    "non\u{a0}breaking",
    "数据质量",
    "שלום",
    "emoji 😀 👩‍👩‍👧",
    "it's \"both\"",
    "back\\slash",
    "a long line that goes on far beyond eighty columns, so that it is folded where there is a space, and not where there is none",
    "a long line, quoted since: it has a colon, that goes on far beyond eighty columns  with two spaces   and three where it folds",
    "一行很长的文字没有空格一行很长的文字没有空格一行很长的文字没有空格一行很长的文字没有空格一行很长的文字没有空格一行很长的文字没有空格一行很长的文字没有空格",
];

/// What stands around a text.
const ENDS: [(&str, &str); 4] = [("", ""), ("", " "), (" ", ""), ("\n", "\n")];

/// Filters that tell checks apart: without the white space around them no two are alike.
const FILTERS: [&str; 5] = [
    "id > 1",
    "note <> 'a: #b'",
    "note = '\n'",
    "\n\tid > 2\n",
    " id > 3 AND \"Total Amount\" < 100000000000000 AND prénom IS NOT NULL AND \"a: b\" <> 'x'  ",
];

const TAGS: [&str; 4] = ["yes", "tier: 0", "Z", "a"];
const TEAMS: [&str; 3] = ["no", "Zeta", "Alpha"];

/// Every rule, and how it is told apart: by its fields, filter and coverage, by filter and coverage (its fields are the
/// platform's), by its filter alone, or by nothing.
const RULES: &[(&str, Apart)] = &[
    ("afterDateTime", Apart::Fields),
    ("aggregationComparison", Apart::Filter),
    ("anyNotNull", Apart::Several),
    ("beforeDateTime", Apart::Fields),
    ("between", Apart::Fields),
    ("betweenTimes", Apart::Fields),
    ("containsCreditCard", Apart::Fields),
    ("containsEmail", Apart::Fields),
    ("containsSocialSecurityNumber", Apart::Fields),
    ("containsUrl", Apart::Fields),
    ("dataDiff", Apart::SeveralWithoutCoverage),
    ("distinctCount", Apart::FieldsWithoutCoverage),
    ("entityResolution", Apart::Fields),
    ("equalTo", Apart::Several),
    ("equalToField", Apart::Fields),
    ("existsIn", Apart::Fields),
    ("expectedSchema", Apart::Nothing),
    ("expectedValues", Apart::Fields),
    ("fieldCount", Apart::Nothing),
    ("freshness", Apart::Nothing),
    ("greaterThan", Apart::Fields),
    ("greaterThanField", Apart::Fields),
    ("isAddress", Apart::Fields),
    ("isCreditCard", Apart::Fields),
    ("isType", Apart::Fields),
    ("lessThan", Apart::Fields),
    ("lessThanField", Apart::Fields),
    ("matchesPattern", Apart::Fields),
    ("maxLength", Apart::Fields),
    ("maxPartitionSize", Apart::Nothing),
    ("maxValue", Apart::Fields),
    ("metric", Apart::FieldsWithoutCoverage),
    ("minLength", Apart::Fields),
    ("minPartitionSize", Apart::Nothing),
    ("minValue", Apart::Fields),
    ("notEmpty", Apart::Fields),
    ("notExistsIn", Apart::Fields),
    ("notFuture", Apart::Fields),
    ("notNegative", Apart::Fields),
    ("notNull", Apart::Several),
    ("positive", Apart::Fields),
    ("predictedBy", Apart::Fields),
    ("requiredValues", Apart::FieldsWithoutCoverage),
    ("satisfiesEquation", Apart::FilterAndCoverage),
    ("satisfiesExpression", Apart::FilterAndCoverage),
    ("sum", Apart::Fields),
    ("timeDistributionSize", Apart::FieldsWithoutCoverage),
    ("unique", Apart::Several),
    ("userDefinedFunction", Apart::Fields),
    ("volumetric", Apart::Nothing),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Apart {
    Fields,
    FieldsWithoutCoverage,
    Several,
    SeveralWithoutCoverage,
    FilterAndCoverage,
    Filter,
    Nothing,
}

/// What the platform tells checks apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    container: usize,
    rule: usize,
    field: usize,
    filter: Option<usize>,
    full: bool,
}

impl Place {
    /// Without what the rule has no use for, and on a field that is there.
    fn sound(self) -> Self {
        let (_, apart) = RULES[self.rule];
        let fields = matches!(
            apart,
            Apart::Fields | Apart::FieldsWithoutCoverage | Apart::Several | Apart::SeveralWithoutCoverage
        );
        let coverage = matches!(apart, Apart::Fields | Apart::Several | Apart::FilterAndCoverage);
        let is_computed = self.container >= tables().len() + COMPUTED;
        Self {
            field: if fields && !is_computed { self.field } else { 0 },
            filter: self.filter.filter(|_| apart != Apart::Nothing),
            full: self.full || !coverage,
            ..self
        }
    }

    fn container(self) -> (&'static str, String) {
        let tables = tables();
        match tables.get(self.container) {
            Some(name) => ("Dépôt", name.clone()),
            None => {
                let (datastore, name) = OTHERS[self.container - tables.len()];
                (datastore, name.to_owned())
            }
        }
    }

    fn fields(self) -> Vec<&'static str> {
        match RULES[self.rule].1 {
            Apart::Fields | Apart::FieldsWithoutCoverage => vec![FIELDS[self.field]],
            // Not in the order of their names.
            Apart::Several | Apart::SeveralWithoutCoverage if self.container < tables().len() + COMPUTED => {
                vec![FIELDS[(self.field + 1) % FIELDS.len()], FIELDS[self.field]]
            }
            Apart::Several | Apart::SeveralWithoutCoverage => vec!["id"],
            Apart::FilterAndCoverage | Apart::Filter | Apart::Nothing => Vec::new(),
        }
    }
}

#[derive(Clone, Debug)]
struct Check {
    text: &'static str,
    ends: (&'static str, &'static str),
    number: Json,
    status: &'static str,
    uid: Uid,
    tags: Vec<&'static str>,
    inferred: bool,
    /// Whether a check that was archived says the same.
    twin: bool,
    older_name: bool,
}

/// What a check stores as its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Uid {
    None,
    Own,
    Number,
    /// One that others store too.
    Shared,
}

/// An instance before it is started.
#[derive(Clone, Debug)]
pub(crate) struct World {
    checks: BTreeMap<Place, Check>,
    /// Tables that have computed fields.
    fields: BTreeSet<usize>,
    text: &'static str,
    number: Json,
    tags: Vec<&'static str>,
    teams: Vec<&'static str>,
    enriched: bool,
    reading: usize,
}

fn number() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![
        json!(0),
        json!(-7),
        json!(1.0),
        json!(0.1),
        json!(1e16),
        json!(1e-7),
        json!(1.5e300),
        json!(9_007_199_254_740_993_i64),
        json!(u64::MAX),
        json!(null),
        json!([]),
        json!({}),
        json!([null, [null], {"a": null}]),
        json!([[1, "1"], {"a": [{"b": {"c": [1.0, false]}}]}]),
        json!({"z": {"y": [], "x": {}}, "a": null, "": "", " ": " ", "1": 1, "true": true}),
    ])
}

fn shuffled(of: &[&'static str]) -> impl Strategy<Value = Vec<&'static str>> + use<> {
    prop::sample::subsequence(of.to_vec(), 0..=of.len()).prop_shuffle()
}

fn checks() -> impl Strategy<Value = BTreeMap<Place, Check>> {
    let place = (
        0..tables().len() + OTHERS.len(),
        0..RULES.len(),
        0..FIELDS.len(),
        prop::option::of(0..FILTERS.len()),
        any::<bool>(),
    )
        .prop_map(|(container, rule, field, filter, full)| {
            let place = Place {
                container,
                rule,
                field,
                filter,
                full,
            };
            place.sound()
        });
    let check = (
        prop::sample::select(TEXTS),
        prop::sample::select(ENDS.as_slice()),
        number(),
        prop::sample::select(["Active", "Active", "Draft", "Discarded"].as_slice()),
        prop::sample::select([Uid::None, Uid::Own, Uid::Own, Uid::Number, Uid::Shared].as_slice()),
        shuffled(&TAGS),
        (any::<bool>(), any::<bool>(), any::<bool>()),
    )
        .prop_map(
            |(text, ends, number, status, uid, tags, (inferred, twin, older_name))| Check {
                text,
                ends,
                number,
                status,
                uid,
                tags,
                inferred,
                twin,
                older_name,
            },
        );
    prop::collection::btree_map(place, check, 1..40)
}

pub(crate) fn worlds() -> impl Strategy<Value = World> {
    (
        checks(),
        prop::collection::btree_set(TOLD, 0..4),
        prop::sample::select(TEXTS),
        number(),
        shuffled(&TAGS),
        shuffled(&TEAMS),
        any::<bool>(),
        0..4_usize,
    )
        .prop_map(|(checks, fields, text, number, tags, teams, enriched, reading)| World {
            checks,
            fields,
            text,
            number,
            tags,
            teams,
            enriched,
            reading,
        })
}

/// Properties of a rule; `text` is the check's, `others` a container that it is not on.
fn properties(rule: &str, text: &str, other: (&str, &str)) -> Json {
    let (datastore, container) = other;
    match rule {
        "afterDateTime" => json!({"datetime": "2024-01-05T00:00:00"}),
        "beforeDateTime" => json!({"datetime": "2024-01-05 01:00:00.000+01:00"}),
        "aggregationComparison" => json!({
            "expression": " SUM(id) ", "comparison": "Less Than", "ref_expression": "SUM(id)\n", "ref_filter": " id > 0 ",
            "ref_container_name": container, "ref_datastore_name": datastore,
        }),
        "between" => json!({"min": -0.5, "max": 1e21, "inclusive_min": true, "inclusive_max": false}),
        "betweenTimes" => json!({"min_time": "2024-01-05T00:00:00Z", "max_time": "2024-02-05T00:00:00.500Z"}),
        "dataDiff" => json!({
            "ref_container_name": container, "ref_datastore_name": datastore, "id_field_names": ["prénom", "id"],
            "passthrough_field_names": [], "diff_change_types": ["removed", "added"],
            "numeric_comparator": {"epsilon": 0.001, "as_absolute": true}, "string_comparator": {"ignore_whitespace": true},
        }),
        "distinctCount" | "fieldCount" => json!({"value": 3, "comparison": "Greater Than"}),
        "entityResolution" => json!({
            "distinct_field_name": "id", "pair_substrings": true, "pair_homophones": false, "spelling_similarity_threshold": 0.6,
        }),
        "equalTo" | "greaterThan" | "lessThan" => json!({"value": 5.0, "inclusive": false}),
        "maxValue" | "minValue" => json!({"value": -5, "inclusive": true}),
        "equalToField" => json!({"field_name": "id", "duration_comparator": {"millis": 5}}),
        "greaterThanField" | "lessThanField" => json!({"field_name": "id", "inclusive": true}),
        "existsIn" | "notExistsIn" => json!({
            "field_name": "id", "ref_container_name": container, "ref_datastore_name": datastore, "ref_filter": "\n id > 0",
        }),
        "expectedSchema" => json!({"list": ["prénom", "id", text], "allow_other_fields": false}),
        "expectedValues" | "requiredValues" => json!({"list": [text, "plain", "b", " b", "", 1, 1.5, true]}),
        "freshness" => json!({"value": 86_400_000}),
        "isAddress" => json!({"required_labels": ["road", "city"]}),
        "isType" => json!({"field_type": "String"}),
        "matchesPattern" => json!({"pattern": "^[a-z]+\\s#${x}$"}),
        "maxLength" | "minLength" | "maxPartitionSize" | "minPartitionSize" | "sum" => json!({"value": 7}),
        "metric" => json!({"comparison": "Absolute Change", "min": -1, "max": 1.0}),
        "predictedBy" => json!({"expression": " id * 2\n", "tolerance": 0.1}),
        "satisfiesEquation" => json!({"equation": " id = 1"}),
        "satisfiesExpression" => json!({"expression": "\n  id > 1 AND '${x}' <> ': #' "}),
        "timeDistributionSize" => json!({"interval_name": "Daily", "min_size": 1, "max_size": 10}),
        "userDefinedFunction" => json!({"assertion": format!("def check(x: String) = {{\n\t\"{text}\"\n}}\n")}),
        "volumetric" => json!({"comparison": "Percentage Change", "window_size": 7, "min": -0.5, "max": 0.5}),
        _ => json!({}),
    }
}

impl World {
    /// One of everything but checks.
    pub(crate) fn without_checks() -> Self {
        Self {
            checks: BTreeMap::new(),
            fields: BTreeSet::from([4, 5]),
            text: "plain",
            number: json!(1),
            tags: vec!["yes"],
            teams: vec!["no"],
            enriched: true,
            reading: 0,
        }
    }

    /// How the instance answers what the platform's documentation leaves open.
    pub(crate) fn switches(&self) -> Switches {
        match self.reading {
            0 => Switches::default(),
            1 => Switches {
                put: PutReading::all(Put::Full),
                numbers: Numbers::Float,
                null_properties: NullProperties::Present,
                ..Switches::default()
            },
            2 => Switches {
                put: PutReading::all(Put::Partial),
                key_order: KeyOrder::Canonical,
                replica_alias: Toggle::Off,
                ..Switches::default()
            },
            _ => Switches {
                null_properties: NullProperties::Present,
                replica_alias: Toggle::Off,
                create_status: 200,
                ..Switches::default()
            },
        }
    }

    /// How many checks an export has.
    pub(crate) fn exported_checks(&self) -> usize {
        self.checks.values().filter(|check| check.status != "Discarded").count()
    }

    /// What the sandbox starts with.
    pub(crate) fn seed(&self) -> Json {
        let typed: Vec<Json> = FIELDS.iter().map(|name| json!([name, "String"])).collect();
        let table = |name: &str, kind: &str| json!({"name": name, "kind": kind, "fields": typed});
        let own: Vec<Json> = tables().iter().map(|name| table(name, "table")).collect();
        let described = format!("{}\n", self.text);
        json!({
            "warehouse": {
                "on|null": own, "crm|s": [table("people", "view")], "dq|s": [], "s3://lake|/in": [table("events.csv", "file")],
            },
            "tags": TAGS, "teams": TEAMS,
            "connections": [
                {"name": "PG: été", "type": "postgresql", "host": "db.example.com", "port": 5432, "username": "0123", "password": "x",
                 "parameters": {"sslmode": "on", "z": null, "more": self.number}},
                {"name": "lake #1", "type": "s3", "uri": "s3://lake", "access_key": "AK", "secret_key": "SK", "parameters": {}},
                {"name": "vault", "type": "postgresql", "host": "${host}", "port": 5432, "username": "${user}",
                 "secrets_manager": {"secret_url": "https://vault.example.com/v1/x", "credentials_payload": "{}", "data_jsonpath": "$.x"}},
            ],
            "datastores": [
                {"name": "dq", "connection_name": "PG: été", "database": "dq", "schema": "s", "enrichment_only": true},
                {"name": "Dépôt", "connection_name": "PG: été", "database": "on", "schema": "null", "teams": self.teams,
                 "tags": self.tags, "enrich_datastore_name": if self.enriched { json!("dq") } else { Json::Null },
                 "enrichment_prefix": "SalesDW"},
                {"name": "CRM", "connection_name": "vault", "database": "crm", "schema": "s", "description": ""},
                {"name": "Lake: 1", "connection_name": "lake #1", "root_path": "/in", "tags": self.tags},
            ],
            "containers": self.containers(&described),
            "computed_fields": self.computed_fields(),
            "checks": self.rows(),
        })
    }

    fn containers(&self, described: &str) -> Json {
        let mut rows = vec![
            json!({
                "datastore": "Dépôt", "container_type": "computed_table", "name": "合計",
                "query": "\n  SELECT id,\n\t\"ID\", '#' AS x  \nFROM orders\n\n", "description": described, "tags": self.tags,
                "additional_metadata": {"z": null, "n": self.number},
            }),
            json!({
                "datastore": "Dépôt", "container_type": "computed_table", "name": "b  b", "query": "SELECT id, x FROM 合計",
                "exclude_fields": ["x"], "volumetric_tracking_enabled": false, "description": "",
            }),
            // Before what it reads, by name.
            json!({
                "datastore": "Lake: 1", "container_type": "computed_file", "name": "paid", "source_container_name": "events.csv",
                "select_clause": " id,\n  prénom ", "where_clause": " id > 0\n", "group_by_clause": "", "description": described,
            }),
            json!({
                "datastore": "Lake: 1", "container_type": "computed_file", "name": "least", "source_container_name": "paid",
                "select_clause": "id", "additional_metadata": {},
            }),
            json!({
                "datastore": "Dépôt", "container_type": "computed_join", "name": "0 pair", "left_container_name": "合計",
                "left_join_field_name": "id", "right_container_name": "people", "right_datastore_name": "CRM",
                "right_join_field_name": "id", "join_type": "outer", "right_prefix": "r", "select_clause": " left_id, r_prénom\n",
                "where_clause": "", "tags": self.tags, "additional_metadata": {"n": self.number},
            }),
            json!({
                "datastore": "Dépôt", "container_type": "computed_join", "name": "join: sql",
                "query": " SELECT o.id\nFROM o JOIN c ON o.id = c.id  \n", "description": described,
                "sources": [{"container_name": "yes", "alias": "o", "where_clause": " id > 0 "},
                            {"alias": "c", "container_name": "people", "datastore_name": "CRM"}],
            }),
        ];
        if self.fields.contains(&4) {
            // A setting of a table that nobody computes is in no file.
            rows.push(json!({"datastore": "Dépôt", "name": "orders", "description": described, "tags": self.tags}));
        }
        json!(rows)
    }

    fn computed_fields(&self) -> Json {
        let field = |datastore: &str, container: &str, name: &str, more: Json| {
            let mut row = json!({"datastore": datastore, "container": container, "name": name});
            row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            row
        };
        let expression = |text: &str| {
            json!({
                "transformation": "customExpression", "source_fields": null,
                "properties": {"column_expression": format!(" CASE WHEN id = '{}' THEN '#' END\n", text.replace('\'', ""))},
                "additional_metadata": {"n": self.number, "z": null},
            })
        };
        let cast = json!({"transformation": "cast", "source_fields": ["id"], "properties": {"target_type": "string"}});
        let number =
            json!({"transformation": "convertFormattedNumeric", "source_fields": ["prénom"], "properties": {}});
        let mut rows = vec![
            field("Dépôt", "合計", "true", expression(self.text)),
            field("Lake: 1", "events.csv", "as text", cast.clone()),
            field("Dépôt", "0_pair", "twice", expression("x")),
        ];
        for table in &self.fields {
            let name = &tables()[*table];
            rows.push(field("Dépôt", name, "as text", cast.clone()));
            rows.push(field("Dépôt", name, "as_text", number.clone()));
            rows.push(field("Dépôt", name, "~", expression(self.text)));
        }
        json!(rows)
    }

    fn rows(&self) -> Json {
        let mut rows = Vec::new();
        for (index, (place, check)) in self.checks.iter().enumerate() {
            let (datastore, container) = place.container();
            let (rule, _) = RULES[place.rule];
            // Both ways across datastores.
            let other = match (datastore, place.field % 2) {
                ("Dépôt", 0) => ("CRM", "people"),
                ("Dépôt", _) if container != "12:30" => ("Dépôt", "12:30"),
                (_, 0) => ("Dépôt", "合計"),
                _ => ("Dépôt", "it's \"q\": #1"),
            };
            // None of these rules knows what a field of the other name is called there.
            let other = if other.1 == "合計" && rule == "dataDiff" {
                ("Dépôt", "yes")
            } else {
                other
            };
            let described = format!("{}{}{}", check.ends.0, check.text, check.ends.1);
            let mut metadata = json!({"note": described, "number": check.number, check.text: 1});
            match check.uid {
                Uid::None => {}
                Uid::Own => metadata["_qualytics_check_uid"] = json!(format!("own: {index}")),
                Uid::Number => metadata["_qualytics_check_uid"] = json!(1000 + index),
                Uid::Shared => metadata["_qualytics_check_uid"] = json!("one: for all"),
            }
            let row = |status: &str| {
                json!({
                    "datastore": datastore, "container": container, "fields": place.fields(),
                    "rule": if rule == "dataDiff" && check.older_name { "isReplicaOf" } else { rule },
                    "description": described, "filter": place.filter.map(|at| FILTERS[at]),
                    "coverage": if place.full { Json::Null } else { json!(0.5) },
                    "properties": properties(rule, check.text, other), "tags": check.tags, "status": status,
                    "additional_metadata": metadata, "inferred": check.inferred,
                })
            };
            if check.twin {
                rows.push(row("Invalid"));
            }
            rows.push(row(check.status));
        }
        json!(rows)
    }
}
