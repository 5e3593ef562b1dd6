//! Seeds that make writing files hard: names and strings that YAML, slugs or file systems trip over.

use serde_json::{Map, Value as Json, json};

/// Texts that YAML 1.1 reads as something else, or that want quotes, escapes or folding. (U+0085 is not among them: PyYAML writes
/// it as a line break and reads a space, so that no client gets it back.)
const TEXTS: &[&str] = &[
    "yes",
    "No",
    "on",
    "null",
    "~",
    "1e3",
    "0x1F",
    "012",
    "1_000",
    "12:30:45",
    "2024-01-15",
    "2024-01-15T10:30:00Z",
    ".inf",
    "=",
    "<<",
    "- a",
    "? a",
    "a: b",
    "a :b",
    "a #b",
    "#a",
    "%a",
    "@a",
    "`a`",
    "!tag",
    "&anchor",
    "*alias",
    "{a: b}",
    "[a, b]",
    "it's",
    "\"quoted\"",
    "both ' and \"",
    "back\\slash",
    "tab\there",
    "two\nlines",
    "ends with a newline\n",
    "trailing space ",
    " leading space",
    "a \nb",
    "---",
    "...",
    "|",
    ">",
    "",
    "é and ß",
    "数据质量",
    "שלום",
    "emoji 😀 in a line",
    "non\u{a0}breaking",
    "zero\u{200b}width",
    "line\u{2028}separator",
    "\u{feff}mark",
    "bell\u{7}",
    "nul\u{0}byte",
    "escape\u{1b}[31m",
    "carriage\r\nreturn",
    "carriage\rreturn",
    "two\n\n\nempty lines\n  indented",
    "\nlines around\n\n",
    "--- a",
    "!!int 1",
    "$${x}",
    "emoji 👩\u{200d}👩\u{200d}👧",
    "a long line, quoted since: it has a colon, that goes on far beyond eighty columns  with two spaces   and three where it folds",
    "一行很长的文字没有空格一行很长的文字没有空格一行很长的文字没有空格一行很长的文字没有空格一行很长的文字没有空格一行很长的文字没有空格",
    "delete\u{7f}",
    "${NOT_A_VARIABLE:-really}",
    "a long line that goes on far beyond eighty columns, so that it is folded where there is a space, and not where there is none at all",
    "https://example.com/a/very/long/address/without/any/space/that/could/be/folded?query=which&is=longer&than=eighty&columns=together",
    "SELECT *\nFROM orders\n  WHERE status = 'paid: yes'  \n\nAND note NOT LIKE '%#%'\t-- a comment",
];

/// Names with different slugs; one of them has none.
const TABLES: &[&str] = &[
    "Order Items",
    "yes",
    "数据",
    "it's \"quoted\": #1",
    "12:30",
    "über.straße/Q1.csv",
];

const FIELDS: &[&str] = &[
    "id",
    "Total Amount",
    "no",
    "prénom",
    "null",
    "a: b",
    "2024-01-15",
    "x'y",
];

/// One datastore with every text in every place that holds text, and numbers of every form.
pub(crate) fn strings() -> Json {
    let fields: Vec<Json> = FIELDS
        .iter()
        .map(|name| {
            json!([
                name,
                if *name == "Total Amount" {
                    "Fractional"
                } else {
                    "String"
                }
            ])
        })
        .collect();
    let tables: Vec<Json> = TABLES
        .iter()
        .map(|name| json!({"name": name, "kind": "table", "fields": fields}))
        .collect();
    let numbers = json!({
        "zero": 0, "negative": -7, "big": 9_007_199_254_740_993_i64, "float": 0.1, "whole": 1.0, "tiny": 1e-7,
        "huge": 1.5e300, "round": 1e21, "empty map": {}, "empty list": [], "nothing": null, "true": true,
        "list": [1, "1", 1.0, [], {}, [[1, 2], {"a": [{"b": "c"}]}]],
    });
    let texts: Map<String, Json> = TEXTS
        .iter()
        .enumerate()
        .map(|(at, text)| {
            (
                format!("{at:02} {}", text.chars().take(30).collect::<String>()),
                json!(text),
            )
        })
        .collect();
    // In a connection `${` is a variable, in a check it is text.
    let mut settings = texts.clone();
    settings.retain(|_, text| !text.as_str().is_some_and(|text| text.contains("${")));
    let keys: Map<String, Json> = TEXTS.iter().map(|text| ((*text).to_owned(), json!("value"))).collect();
    let mut checks: Vec<Json> = TEXTS
        .iter()
        .enumerate()
        .map(|(at, text)| {
            let described = if text.trim().is_empty() { "empty" } else { text };
            json!({
                "datastore": "Dépôt: \"main\"", "container": TABLES[at % TABLES.len()], "rule": "expectedValues",
                "fields": [FIELDS[at / TABLES.len() % FIELDS.len()]],
                "description": described, "filter": if at % 2 == 0 || at >= 48 { json!(format!("note <> '{text}'")) } else { Json::Null },
                "coverage": if at % 3 == 0 { json!(0.95) } else { Json::Null },
                "properties": {"list": [text, "plain"]}, "tags": ["yes", "tier: 0"],
                "additional_metadata": {"_qualytics_check_uid": format!("{at}: {}", text.trim()), "note": text},
            })
        })
        .collect();
    checks.push(json!({
        "datastore": "Dépôt: \"main\"", "container": "Order Items", "rule": "between", "fields": ["Total Amount"],
        "description": "Numbers", "properties": {"min": -0.5, "max": 1e21, "inclusive_min": true, "inclusive_max": false},
        "additional_metadata": {"numbers": numbers.clone()},
    }));
    checks.push(json!({
        "datastore": "Dépôt: \"main\"", "container": "数据", "rule": "notNull", "fields": ["prénom", "id"],
        "description": "Texts", "properties": {}, "additional_metadata": texts.clone(),
    }));
    checks.push(json!({
        "datastore": "Dépôt: \"main\"", "container": "yes", "rule": "existsIn", "fields": ["no"],
        "description": "Points at a name that is hard to write",
        "properties": {"field_name": "a: b", "ref_container_name": "it's \"quoted\": #1", "ref_datastore_name": "Dépôt: \"main\""},
        "additional_metadata": keys,
    }));
    json!({
        "warehouse": {"on|null": tables},
        "tags": ["yes", "tier: 0"],
        "teams": ["Team: #1", "no"],
        "connections": [{
            "name": "PG \"main\": été #1", "type": "postgresql", "host": "db.example.com", "port": 5432, "username": "0123",
            "password": "pa: #'\"ss", "parameters": {"texts": settings, "numbers": numbers},
        }],
        "datastores": [{
            "name": "Dépôt: \"main\"", "connection_name": "PG \"main\": été #1", "database": "on", "schema": "null",
            "description": TEXTS[19..].join(" / ").chars().take(250).collect::<String>(), "teams": ["Team: #1", "no"], "tags": ["yes", "tier: 0"],
        }],
        "containers": [{
            "datastore": "Dépôt: \"main\"", "container_type": "computed_table", "name": "off",
            "query": "\n  SELECT id,\n\t'yes: no' AS \"a b\"  \nFROM \"Order Items\"\n-- a comment that is long enough to be folded if it were \
                      folded, which it is not, since there are line breaks\n",
            "tags": ["yes"],
        }],
        // On a table whose name is its slug: of all others the official client loses the name.
        "computed_fields": [{
            "datastore": "Dépôt: \"main\"", "container": "yes", "name": "true", "transformation": "customExpression",
            "source_fields": null, "properties": {"column_expression": "CASE WHEN \"no\" = 'a: b' THEN '#' ELSE \"null\" END"},
        }],
        "checks": checks,
    })
}

/// Resources whose names lead to one path, and checks that have one generated uid.
pub(crate) fn collisions() -> Json {
    let fields = json!([["id", "Integral"], ["ID", "Integral"]]);
    let table = |name: &str| json!({"name": name, "kind": "table", "fields": fields});
    let cast = |container: &str, name: &str| {
        json!({
            "datastore": "DW main", "container": container, "name": name, "transformation": "cast", "source_fields": ["id"],
            "properties": {"target_type": "string"},
        })
    };
    let check = |datastore: &str, container: &str, field: &str, filter: Json| {
        json!({
            "datastore": datastore, "container": container, "rule": "notNull", "fields": [field], "description": "There",
            "filter": filter, "properties": {}, "tags": [],
        })
    };
    let connection = |name: &str| json!({"name": name, "type": "postgresql", "host": "db.example.com", "port": 5432, "username": "u", "password": "p"});
    json!({
        "warehouse": {"a|s": [table("orders"), table("Orders"), table("lines")], "b|s": [table("orders")]},
        "connections": [connection("pg main"), connection("PG-main")],
        "datastores": [
            {"name": "DW main", "connection_name": "pg main", "database": "a", "schema": "s"},
            {"name": "dw-main", "connection_name": "PG-main", "database": "b", "schema": "s"},
        ],
        "computed_fields": [
            cast("lines", "as text"), cast("lines", "as_text"),
        ],
        "checks": [
            check("DW main", "orders", "id", Json::Null),
            check("DW main", "orders", "id", json!("id > 1")),
            check("DW main", "Orders", "id", Json::Null),
            check("DW main", "orders", "ID", Json::Null),
            check("dw-main", "orders", "id", Json::Null),
        ],
    })
}

/// Checks of one container, rule and fields that the platform tells apart by filter and coverage.
pub(crate) fn filters() -> Json {
    let check = |filter: Json, coverage: Json| {
        json!({
            "datastore": "dw", "container": "orders", "rule": "notNull", "fields": ["id"], "description": "There",
            "filter": filter, "coverage": coverage, "properties": {}, "tags": [],
        })
    };
    json!({
        "warehouse": {"a|s": [{"name": "orders", "kind": "table", "fields": [["id", "Integral"]]}]},
        "connections": [{"name": "pg", "type": "postgresql", "host": "db.example.com", "port": 5432, "username": "u", "password": "p"}],
        "datastores": [{"name": "dw", "connection_name": "pg", "database": "a", "schema": "s"}],
        "checks": [check(json!("id > 1"), json!(1.0)), check(Json::Null, json!(1.0)), check(Json::Null, json!(0.5))],
    })
}
