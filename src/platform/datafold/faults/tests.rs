//! Each fault of each kind: where it is told, how bad it is, and what it says.

use std::collections::BTreeSet;

use driftless_core::normalize::normalize;
use driftless_core::schema::Side;

mod vocabulary;

use super::super::kinds::DATA_SOURCE_SECRETS;
use super::super::options::TYPES;
use super::super::schema;
use super::super::testing::map;
use super::*;

/// What is said of a document: where, how bad, and what.
fn found(kind: Kind, json: &str) -> Vec<String> {
    let spec = normalize(schema(), kind, Side::Desired, map(json));
    check(&Key::new(kind, ["k"]), &spec)
        .into_iter()
        .map(|fault| {
            let Diagnostic {
                severity,
                message,
                help,
                ..
            } = fault.diagnostic;
            let help = help.unwrap_or_default();
            assert!(!help.is_empty(), "every fault says what to do: {message}");
            format!("{} {}: {message} ({help})", fault.at, severity.word())
        })
        .collect()
}

/// What is wrong unless `json` has exactly one fault, at `at`, whose text holds `says`.
fn wrong(kind: Kind, json: &str, at: &str, says: &str) -> Option<String> {
    let told = found(kind, json);
    let right = told.len() == 1 && told[0].starts_with(&format!("{at} ")) && told[0].contains(says);
    (!right).then(|| format!("{json}\nshould be told at {at}: {says}\n{told:#?}"))
}

/// Asserts that each row has exactly one fault, at its place, whose text holds what it says.
fn each(kind: Kind, rows: Vec<(String, &str, &str)>) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(json, at, says)| wrong(kind, json, at, says))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Asserts that `json` has exactly one fault, at `at`, whose text holds `says`.
fn one(kind: Kind, json: &str, at: &str, says: &str) {
    each(kind, vec![(json.to_owned(), at, says)]);
}

fn none(kind: Kind, json: &str) {
    assert_eq!(found(kind, json), [""; 0], "{json}");
}

const DIFF: &str = r#""slug":"s","type":"diff","schedule":{"cron":"0 6 * * 1-5"},
    "datadiff":{"diff_type":"indb","primary_key":["id"],"dataset_a":{"connection_id":1,"table":"a.b.c"},
    "dataset_b":{"connection_id":"warehouse","table":"a.b.d"}"#;

fn diff(datadiff: &str, top: &str) -> String {
    format!("{{{DIFF}{datadiff}}}{top}}}")
}

fn metric(metric: &str, top: &str) -> String {
    format!(
        r#"{{"slug":"s","type":"metric","schedule":{{"interval":{{"every":"hour"}}}},"connection_id":1,"metric":{metric}{top}}}"#
    )
}

const ROWS: &str = r#"{"type":"table","metric":"row_count","table":"a.b.c"}"#;

fn test(body: &str) -> String {
    format!(r#"{{"slug":"s","type":"test","schedule":{{"type":"none"}},"connection_id":"warehouse",{body}}}"#)
}

fn scheduled(schedule: &str) -> String {
    format!(r#"{{"slug":"s","type":"schema","connection_id":1,"schedule":{schedule}}}"#)
}

#[test]
fn what_the_vendors_schema_lets_pass_and_nobody_can_mean_is_refused() {
    one(
        MONITOR,
        r#"{"slug":"s","connection_id":1,"schedule":{"type":"none"}}"#,
        "type",
        "`type` is missing",
    );
    let untyped = diff("", "").replace(r#""diff_type":"indb","#, "");
    one(MONITOR, &untyped, "datadiff.diff_type", "write one of indb, inmem");
    let slipped = diff("", "").replace("diff_type", "diff_typ");
    one(MONITOR, &slipped, "datadiff.diff_typ", "did you mean `diff_type`?");
    one(
        MONITOR,
        &diff(r#","egress_limit":5"#, ""),
        "datadiff.egress_limit",
        "warning: `datadiff.egress_limit` is not known; it is sent as it stands",
    );
    one(MONITOR, &test(r#""name":"n""#), "query", "needs `query` or `test`");
    one(
        MONITOR,
        &test(r#""query":"select 1","test":{"type":"unique"}"#),
        "test",
        "`test` and `query` exclude each other",
    );
    one(
        MONITOR,
        &scheduled("{}"),
        "schedule",
        "says neither `interval` nor `cron`",
    );
    one(
        MONITOR,
        &scheduled(r#"{"interval":{"every":"day","hour":30}}"#),
        "schedule.interval.hour",
        "is 30, and must lie between 0 and 23",
    );
    one(
        MONITOR,
        &scheduled(r#"{"interval":{"every":"day","hour":6,"utc_at":"06:00"}}"#),
        "schedule.interval.utc_at",
        "exclude each other",
    );
    one(
        MONITOR,
        &metric(ROWS, r#","alert":{"type":"absolute"}"#),
        "alert",
        "`alert` says neither `min` nor `max`",
    );
    none(MONITOR, &metric(ROWS, r#","tags":null,"notifications":null"#));
    one(
        MONITOR,
        &diff("", r#","sampling":{"rate":1}"#),
        "sampling",
        "error: `sampling` belongs inside of `datadiff`",
    );
}

#[test]
fn every_type_of_monitor_has_its_forms() {
    for json in [
        diff("", ""),
        diff(
            r#","columns_to_compare":["a"],"column_remapping":{"x":"y"},"sampling":{"tolerance":0.2,"confidence":95,"threshold":null},
               "tolerance":{"float":{"default":{"type":"relative","value":1},"column_tolerance":{"v":{"value":0.5}}},
               "datetime":{"default":"1ms"}},"compare_duplicates":false,"sort_array_columns":true"#,
            r#","alert":{"type":"diff","different_rows_count":0,"match_ratio_min":0.99},"owner":"data@example.com","id":7,
               "notifications":[{"type":"email","recipients":["a@example.com"],"features":["attach_csv"]},
               {"type":"slack","integration":3,"channel":"d","mentions":["@d"]},{"type":"webhook","integration":4}]"#,
        ),
        diff(
            r#","materialize_results_to":"warehouse","column_rules":[{"column":"a","equal_if":"{a} = {b}"}]"#,
            "",
        )
        .replace("indb", "inmem"),
        metric(ROWS, ""),
        metric(
            r#"{"type":"table","metric":"freshness","include_tables":"W.*","exclude_tables":"W.TMP"}"#,
            r#","alert":{"type":"automatic","sensitivity":50}"#,
        ),
        metric(
            r#"{"type":"column","metric":"fill_rate","table":"a.b.c","column":"d","filter":"x > 1"}"#,
            r#","alert":{"type":"absolute","min":0.9}"#,
        ),
        metric(
            r#"{"type":"custom","query":"select 1","alert_on_missing_data":true}"#,
            r#","alert":{"type":"percentage","decrease":20}"#,
        ),
        test(r#""query":"select * from t where x is null""#),
        test(r#""test":{"type":"unique","tables":[{"path":"a.b.c","columns":["id"]}]}"#),
        test(
            r#""test":{"type":"accepted_values","tables":[{"path":"a.b.c","columns":["s"]}],
               "variables":{"accepted_values":{"value":["a",1,true],"quote":false}}}"#,
        ),
        test(r#""test":{"type":"numeric_range","variables":{"minimum":{"value":1},"maximum":{"value":2}}}"#),
        test(r#""test":{"type":"referential_integrity"}"#),
        scheduled(r#"{"type":"none"}"#),
        scheduled(r#"{"type":"hourly","interval":{"every":"hour","type":"hourly"}}"#),
        scheduled(r#"{"interval":{"every":"day","utc_at":"06:30"}}"#),
        scheduled(r#"{"type":"crontab","cron":"*/15 0-6 * * mon,wed"}"#),
    ] {
        none(MONITOR, &json);
    }
}

#[test]
fn each_fault_of_a_monitor_is_told_at_its_field() {
    let rows = vec![
        (
            diff("", r#","schedul":1"#),
            "schedul",
            "error: `schedul` is not known (did you mean `schedule`?)",
        ),
        (diff("", r#","previous_name":"old""#), "previous_name", "`id: 123`"),
        (
            diff("", r#","platform_verdict":"as in Git""#),
            "platform_verdict",
            "found out, not said",
        ),
        (
            diff("", r#","future":1"#),
            "future",
            "warning: `future` is not known; it is sent",
        ),
        (diff("", r#","id":0"#), "id", "must be 1 or more"),
        (diff("", r#","enabled":"yes""#), "enabled", "true or false"),
        (diff("", r#","tags":["a",1]"#), "tags", "one of its items is an integer"),
        (
            diff(r#","columns_to_compare":["a"],"include_columns":["b"]"#, ""),
            "datadiff.include_columns",
            "exclude",
        ),
        (
            diff(r#","primary_keys":["a"]"#, ""),
            "datadiff.primary_keys",
            "did you mean `primary_key`?",
        ),
        (
            diff(r#","sampling":{"rate":5,"max_rows":10}"#, ""),
            "datadiff.sampling.max_rows",
            "exclude each other",
        ),
        (
            diff(r#","sampling":{"tolerance":1}"#, ""),
            "datadiff.sampling.tolerance",
            "needs `confidence`",
        ),
        (
            diff(r#","sampling":{"threshold":1}"#, ""),
            "datadiff.sampling",
            "`tolerance` nor `rate` nor `max_rows`",
        ),
        (
            diff(r#","sampling":{"max_rows":0}"#, ""),
            "datadiff.sampling.max_rows",
            "1 or more",
        ),
        (
            diff(r#","tolerance":{"float":{"default":{"type":"relativ","value":1}}}"#, ""),
            "datadiff.tolerance.float.default.type",
            "did you mean `relative`?",
        ),
        (
            diff(
                r#","tolerance":{"float":{"column_tolerance":{"v":{"type":"absolute"}}}}"#,
                "",
            ),
            "datadiff.tolerance.float.column_tolerance.v.value",
            "is missing",
        ),
        (
            diff("", r#","notifications":[{"type":"email"}]"#),
            "notifications.#1.recipients",
            "is missing",
        ),
        (
            diff(
                "",
                r#","notifications":[{"type":"email","recipients":["a"]},{"type":"slak"}]"#,
            ),
            "notifications.#2.type",
            "did you mean `slack`?",
        ),
        (
            diff(
                "",
                r#","notifications":[{"type":"slack","integration":1,"channel":"c","features":["attach_cvs"]}]"#,
            ),
            "notifications.#1.features",
            "did you mean `attach_csv`?",
        ),
        (
            diff("", r#","notifications":{"type":"email"}"#),
            "notifications",
            "must be a list",
        ),
        (
            diff("", r#","alert":{"different_rows_percent":101}"#),
            "alert.different_rows_percent",
            "between 0 and 100",
        ),
        (diff("", r#","alert":{"min":1}"#), "alert.min", "an alert of a diff has"),
        (metric(ROWS, r#","alert":{"min":1}"#), "alert.type", "is missing"),
        (
            metric(r#"{"type":"table","metric":"row_count","include_tables":["W.*"]}"#, ""),
            "metric.include_tables",
            "must be a string",
        ),
        (
            metric(ROWS, r#","alert":{"type":"automatic","sensitivity":50.5}"#),
            "alert.sensitivity",
            "integer",
        ),
        (
            metric(ROWS, r#","alert":{"type":"automatic"}"#),
            "alert.sensitivity",
            "is missing",
        ),
        (
            metric(ROWS, r#","alert":{"type":"absolute","min":2,"max":1}"#),
            "alert.min",
            "lies above `max`",
        ),
        (
            metric(
                r#"{"type":"table","metric":"column_count","table":"t","include_tables":"W.*"}"#,
                "",
            ),
            "metric.include_tables",
            "is not for `metric: column_count`",
        ),
        (
            metric(r#"{"type":"column","metric":"sum","table":"t"}"#, ""),
            "metric.column",
            "is missing",
        ),
        (
            metric(r#"{"type":"columns"}"#, ""),
            "metric.type",
            "did you mean `column`?",
        ),
        (metric(r#"{"metric":"sum"}"#, ""), "metric.type", "is missing"),
        (metric("3", ""), "metric", "must be a map"),
        (
            test(r#""test":{"type":"unique","variables":{"minimum":{"value":1}}}"#),
            "test.variables.minimum",
            "remove it",
        ),
        (
            test(r#""test":{"type":"accepted_values","variables":{"accepted_value":{"value":[1]}}}"#),
            "test.variables.accepted_value",
            "did you mean `accepted_values`?",
        ),
        (
            test(r#""test":{"type":"numeric_range","variables":{"minimum":{"value":{"a":1}}}}"#),
            "test.variables.minimum.value",
            "a value or a list of values, not a map",
        ),
        (
            test(r#""test":{"type":"unique","tables":[{"path":"a"}]}"#),
            "test.tables.#1.columns",
            "is missing",
        ),
        (
            scheduled(r#"{"cron":"0 6 * *"}"#),
            "schedule.cron",
            "it has 4 fields and should have five",
        ),
        (scheduled(r#"{"cron":"0 26 * * *"}"#), "schedule.cron", "hour"),
        (
            scheduled(r#"{"cron":"0 6 * * *","interval":{"every":"hour"}}"#),
            "schedule.cron",
            "exclude each other",
        ),
        (
            scheduled(r#"{"type":"none","cron":"0 6 * * *"}"#),
            "schedule.cron",
            "has no meaning beside `type: none`",
        ),
        (
            scheduled(r#"{"interval":{"every":"hour","hour":3}}"#),
            "schedule.interval.hour",
            "beside `every: hour`",
        ),
        (
            scheduled(r#"{"interval":{"every":"day"}}"#),
            "schedule.interval",
            "neither `hour` nor `utc_at`",
        ),
        (
            scheduled(r#"{"interval":{"every":"day","utc_at":"24:00"}}"#),
            "schedule.interval.utc_at",
            "00:00 to 23:59",
        ),
        (
            scheduled(r#"{"every":"hour","cron":"0 6 * * *"}"#),
            "schedule.every",
            "belongs inside of `schedule.interval`",
        ),
        (
            scheduled(r#"{"type":"none"},"connection_id":true"#),
            "connection_id",
            "the number or the name",
        ),
        (
            scheduled(r#"{"type":"none"},"connection_id":0"#),
            "connection_id",
            "no number of a data source",
        ),
    ];
    each(MONITOR, rows);
}

#[test]
fn all_faults_of_a_monitor_are_told_at_once() {
    let json = r#"{"slug":"s","type":"diff","schedul":{},"datadiff":{"diff_type":"indb","primary_key":[],"dataset_a":{"table":"t"}}}"#;
    let at: Vec<String> = found(MONITOR, json)
        .iter()
        .filter_map(|told| told.split(' ').next().map(str::to_owned))
        .collect();
    assert_eq!(
        at,
        [
            "schedul",
            "datadiff.primary_key",
            "datadiff.dataset_a.connection_id",
            "datadiff.dataset_b"
        ]
    );
}

#[test]
fn every_type_of_data_source_has_a_row_and_the_secrets_are_those_of_the_table() {
    assert_eq!(TYPES.len(), 27);
    let mut secrets = BTreeSet::new();
    for name in TYPES {
        let object = options::of_type(name).unwrap_or_else(|| panic!("{name} has no options"));
        let is_secret = |field: &&str| DATA_SOURCE_SECRETS.contains(&format!("options.{field}").as_str());
        let names: Vec<&str> = object.all().map(|field| field.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{name}");
        secrets.extend(names.into_iter().filter(|field| is_secret(field)));
        for field in object.all().filter(|field| field.need == Need::ToCreate) {
            assert!(is_secret(&field.name), "{name} {}", field.name);
        }
    }
    assert_eq!(secrets.len(), DATA_SOURCE_SECRETS.len());
}

#[test]
fn each_fault_of_a_data_source_is_told_at_its_option() {
    let pg = |options: &str| format!(r#"{{"name":"w","type":"pg","options":{{{options}}}}}"#);
    const WHOLE: &str = r#""host":"h","dbname":"d","user":"u""#;
    none(DATA_SOURCE, &pg(WHOLE));
    none(
        DATA_SOURCE,
        &pg(&format!(r#"{WHOLE},"port":"5433","sslmode":"verify-ca""#)),
    );
    none(DATA_SOURCE, r#"{"name":"d","type":"duckdb"}"#);
    none(
        DATA_SOURCE,
        r#"{"name":"d","type":"aws_s3","options":{"bucket_name":"b","region":"r","key_id":null}}"#,
    );
    let rows = vec![
        (pg(r#""host":"h","dbname":"d""#), "options.user", "error: `options.user` is missing"),
        (pg(&format!(r#"{WHOLE},"prot":1"#)), "options.prot", "did you mean `port`?"),
        (pg(&format!(r#"{WHOLE},"warehouse":"x""#)), "options.warehouse", "warning: `options.warehouse` is not known"),
        (pg(&format!(r#"{WHOLE},"port":"x""#)), "options.port", "must be an integer"),
        (pg(&format!(r#"{WHOLE},"port":70000"#)), "options.port", "between 1 and 65535"),
        (pg(&format!(r#"{WHOLE},"sslmode":"requir""#)), "options.sslmode", "did you mean `require`?"),
        (pg(WHOLE).replace(r#""h""#, &format!("\"{}\"", "h".repeat(129))), "options.host", "longer than 128"),
        (r#"{"name":"w","type":"pg"}"#.to_owned(), "options", "warning: `options` is missing: a PostgreSQL"),
        (r#"{"name":"w","type":"pg","options":3}"#.to_owned(), "options", "must be a map"),
        (r#"{"name":"w","type":"postgre"}"#.to_owned(), "type", "must be one of pg, "),
        (r#"{"name":"w","type":"snowflak"}"#.to_owned(), "type", "did you mean `snowflake`?"),
        (r#"{"name":"w"}"#.to_owned(), "type", "`type` is missing"),
        (
            r#"{"name":"m","type":"mysql","options":{"host":"h","user":"u","db":"d"}}"#.to_owned(),
            "options.password",
            "warning: `options.password` is missing: a MySQL data source cannot be created",
        ),
        (
            r#"{"name":"t","type":"trino","options":{"host":"h","user":"u","dbname":"d","hive_timestamp_precision":4}}"#.to_owned(),
            "options.hive_timestamp_precision",
            "must be one of 3, 6, 9",
        ),
        (r#"{"name":"d","type":"duckdb","is_pause":true}"#.to_owned(), "is_pause", "did you mean `is_paused`?"),
        (r#"{"name":"d","type":"duckdb","group_ids":[1,"a"]}"#.to_owned(), "group_ids.#2", "must be an integer"),
    ];
    each(DATA_SOURCE, rows);
}

#[test]
fn each_fault_of_a_ci_configuration_is_told_at_its_field() {
    const LEAST: &str = r#""name":"shop","ci_config_id":12,"repository":"acme/shop","data_connection":"warehouse""#;
    let with = |more: &str| format!("{{{LEAST}{more}}}");
    none(CI_CONFIG, &with(""));
    none(
        CI_CONFIG,
        &with(
            r#","files_to_ignore":"*\n!dbt/*\n","sampling":{"tolerance":0.1,"tolerance_unit":"percent","confidence":99,"threshold":0},
               "fail_on_errors":false,"base_branch":"main","diff_threshold":0,"columns_to_ignore":["_*"],"diffs":"d.json",
               "schema":"pr_${PR_NUMBER}","discovery":{"files":["models/**/*.sql"],"production":{"schema":"prod"},
               "pull_request":{"schema":"${PR_SCHEMA}"}}"#,
        ),
    );
    none(
        CI_CONFIG,
        &with(r#","discovery":{"files":["a.sql"],"pull_request":{"prefix":""}}"#),
    );
    none(
        CI_CONFIG,
        &with(r#","files_to_ignore":["*","!dbt/*"]"#).replace("acme/shop", "acme/data/shop"),
    );
    let rows = vec![
        (
            with("").replace("acme/shop", "shop"),
            "repository",
            "must be `owner/name`",
        ),
        (
            with("").replace("acme/shop", "https://github.com/acme/shop"),
            "repository",
            "must be `owner/name`",
        ),
        (with("").replace("12", "0"), "ci_config_id", "must be 1 or more"),
        (
            with("").replace(r#""ci_config_id":12,"#, ""),
            "ci_config_id",
            "is missing",
        ),
        (with(r#","diff_threshold":-1"#), "diff_threshold", "must be 0 or more"),
        (
            with(r#","sampling":{"threshold":-1}"#),
            "sampling.threshold",
            "must be 0 or more",
        ),
        (
            with(r#","sampling":{"tolerance":0.1}"#),
            "sampling.tolerance",
            "needs `tolerance_unit`",
        ),
        (
            with(r#","sampling":{"tolerance":1,"tolerance_unit":"fraction"}"#),
            "sampling.tolerance",
            "as a fraction must lie below 1",
        ),
        (
            with(r#","sampling":{"tolerance":1,"tolerance_unit":"percents"}"#),
            "sampling.tolerance_unit",
            "`percent`?",
        ),
        (
            with(r#","sampling":{"tolerance":1,"tolerance_unit":"ppm"}"#),
            "sampling.tolerance_unit",
            "error: `sampling.tolerance_unit` is `ppm`, and must be one of fraction, percent (write one of them)",
        ),
        (
            with(r#","schema":"pr_${NOPE}""#),
            "schema",
            "error: `schema` has `${NOPE}`, which stands for nothing (known here: ${PR_NUMBER}, ${PR_SHA})",
        ),
        (
            with(r#","schema":"${PR_SCHEMA}""#),
            "schema",
            "which stands for nothing",
        ),
        (with(r#","schema":"pr_${PR_NUMBER""#), "schema", "does not end"),
        (with(r#","schema":" ""#), "schema", "is empty"),
        (with(r#","diffs":"""#), "diffs", "is empty"),
        (
            with(r#","discovery":{"files":["a.sql"],"pull_request":{"schema":"a_${NOPE}"}}"#),
            "discovery.pull_request.schema",
            "which stands for nothing",
        ),
        (with(r#","diffs":"../x""#), "diffs", "must be a file of the repository"),
        (
            with(r#","diffs":"a/../../x""#),
            "diffs",
            "must be a file of the repository",
        ),
        (
            with(r#","diffs":"/etc/passwd""#),
            "diffs",
            "must be a file of the repository",
        ),
        (
            with(r#","discovery":{"files":["models/**/*.sql","models/[a.sql"]}"#),
            "discovery.files",
            "`models/[a.sql`, which is no glob",
        ),
        (
            with(r#","sampling":{"confidence":100}"#),
            "sampling.confidence",
            "below 100",
        ),
        (
            with(r#","require_labels":true"#),
            "require_labels",
            "did you mean `require_label`?",
        ),
        (with(r#","retries":3"#), "retries", "error: `retries` is not known"),
        (with(r#","files_to_ignore":3"#), "files_to_ignore", "must be a string"),
        (
            with(r#","discovery":{"production":{}}"#),
            "discovery.files",
            "is missing",
        ),
        (with(r#","discovery":{"files":[]}"#), "discovery.files", "is empty"),
    ];
    each(CI_CONFIG, rows);
}
