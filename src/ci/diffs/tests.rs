//! The reference's worked examples, the rules that go beyond them, places, and hostile files.

use proptest::prelude::*;

use super::*;
use crate::ci::placeholders::Placeholders;
use crate::platform::data_diffs::DiffRequest;

fn placeholders() -> Placeholders {
    Placeholders::new(
        [("PR_NUMBER", "6"), ("PR_SHA", "abc"), ("PR_SCHEMA", "PR_6")].map(|(a, b)| (a.to_owned(), b.to_owned())),
    )
}

fn read_as(path: &str, text: &str, ignore: &[&str], kind: Option<&str>) -> Asked {
    let ignore: Vec<String> = ignore.iter().map(|column| (*column).to_owned()).collect();
    let circumstances = Circumstances {
        placeholders: &placeholders(),
        columns_to_ignore: &ignore,
        data_source_type: kind,
    };
    read(path, text.as_bytes(), &circumstances)
}

fn json(text: &str) -> Asked {
    read_as("datafold/diffs.json", text, &[], Some("snowflake"))
}

/// `line:column code message`, one each.
fn told(asked: &Asked) -> Vec<String> {
    asked
        .diagnostics
        .iter()
        .map(|said| {
            let place = said
                .place
                .as_ref()
                .map_or_else(String::new, |place| format!("{}:{} ", place.line, place.column));
            format!("{place}{} {}: {}", said.severity.word(), said.code, said.message)
        })
        .collect()
}

fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

const NO_KEY: &str = "1:2 warning no_primary_key: `A.C.T` has no primary key: only row counts and columns are compared";

#[test]
fn the_valid_examples_of_the_reference_are_accepted() {
    let request = |key: &[&str], include: &[&str]| DiffRequest {
        production: "A.C.T".to_owned(),
        pull_request: "A.P.T".to_owned(),
        primary_key: strings(key),
        include_columns: strings(include),
        exclude_columns: Vec::new(),
    };
    let table: &[(&str, &str, DiffRequest, &[&str])] = &[
        (
            "V1",
            r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["ID"],"include_columns":["X"],"exclude_columns":[]}]"#,
            request(&["ID"], &["X"]),
            &[],
        ),
        (
            "V2",
            r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["TENANT","ID"]}]"#,
            request(&["TENANT", "ID"], &[]),
            &[],
        ),
        (
            "V3",
            r#"[{"prod":"A.C.T","pr":"A.P.T","pk":null}]"#,
            request(&[], &[]),
            &[NO_KEY],
        ),
        (
            "V4",
            r#"[{"prod":"A.C.T","pr":"A.P.T","pk":[]}]"#,
            request(&[], &[]),
            &[NO_KEY],
        ),
        ("V5", r#"[{"prod":"A.C.T","pr":"A.P.T"}]"#, request(&[], &[]), &[NO_KEY]),
    ];
    for (row, text, expected, warnings) in table {
        let asked = json(text);
        assert_eq!(asked.diffs, std::slice::from_ref(expected), "{row}");
        assert_eq!(told(&asked), *warnings, "{row}");
    }
}

#[test]
fn the_invalid_examples_of_the_reference_are_refused_in_its_words() {
    let table: &[(&str, &str, &[&str])] = &[
        (
            "I1",
            r#"[{"prod":"A.C.T","pr":"A.P.T","pk":"ID"}]"#,
            &["1:36 error wrong_type: `pk` is a string; it must be a list of column names"],
        ),
        (
            "I2",
            r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["ID"],"include_columns":null}]"#,
            &["1:61 error wrong_type: `include_columns` is null; it must be a list of column names"],
        ),
        (
            "I3",
            r#"[{"prod":null,"pr":"A.P.T","pk":["ID"]}]"#,
            &["1:10 error wrong_type: `prod` is null; it must be a string, a dotted name"],
        ),
        (
            "I4",
            r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["ID","ID"]}]"#,
            &["1:42 error duplicate_column: `pk` has `ID` twice"],
        ),
        (
            "I5",
            r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["ID"],"filter":"d>1"}]"#,
            &["1:43 error unknown_field: there is no field `filter`"],
        ),
        (
            "I6",
            r#"{"prod":"A.C.T","pr":"A.P.T","pk":["ID"]}"#,
            &["1:1 error not_a_list: the file is a map; it must be a list of comparisons"],
        ),
        (
            "I7",
            r#"[{"prod":["A","C","T"],"pr":"A.P.T","pk":[1]}]"#,
            &[
                "1:10 error wrong_type: `prod` is a list; it must be a string, a dotted name",
                "1:43 error wrong_type: `pk` holds an integer; its items must be strings",
            ],
        ),
    ];
    for (row, text, expected) in table {
        let asked = json(text);
        assert_eq!(told(&asked), *expected, "{row}");
        assert!(asked.diffs.is_empty(), "{row}");
        assert!(
            asked
                .diagnostics
                .iter()
                .all(|said| said.help.is_some() && said.excerpt.is_some()),
            "{row}"
        );
    }
}

#[test]
fn rules_beyond_the_schema_are_held() {
    let table: &[(&str, &str)] = &[
        (
            r#"[{"prod":"","pr":"A.P.T","pk":["ID"]}]"#,
            "empty_name: `prod` is empty",
        ),
        (
            r#"[{"prod":" A.C.T","pr":"A.P.T","pk":["ID"]}]"#,
            "outer_space: `prod` has white space around `A.C.T`",
        ),
        (
            r#"[{"prod":"A.C.T","pr":"A.C.T","pk":["ID"]}]"#,
            "same_table: `prod` and `pr` are both `A.C.T`",
        ),
        (
            r#"[{"prod":"A.C.T","pr":"A..T","pk":["ID"]}]"#,
            "table_name: `pr` is `A..T`, which is no dotted name",
        ),
        (
            r#"[{"prod":"A.C.T","pr":"A.P.T","pk":[""]}]"#,
            "empty_name: `pk` has an empty name",
        ),
        (
            r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["ID "]}]"#,
            "outer_space: `pk` has white space around `ID`",
        ),
        (
            r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["ID"],"exclude_columns":["ID"]}]"#,
            "key_excluded: `ID` is excluded and part of the primary key",
        ),
        (
            r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["ID"],"include_columns":["X"],"exclude_columns":["X"]}]"#,
            "column_conflict: `X` is both included and excluded",
        ),
        (
            "[{\"prod\":\"A.C.T\",\"pr\":\"A.P.T\",\"pk\":[\"ID\"]},\n{\"prod\":\"A.C.T\",\"pr\":\"A.P.T\",\"pk\":[\"K\"]}]",
            "duplicate_diff: `A.C.T` and `A.P.T` are compared already, at datafold/diffs.json:1:2",
        ),
        (
            r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["ID"],"pk":["K"]}]"#,
            "yaml_duplicate_key: this key stands in the same map already, at line 1; the last one counts",
        ),
        (r#"[{"prod":"A.C.T","pk":["ID"]}]"#, "missing_field: `pr` is missing"),
        (r#"["A.C.T"]"#, "wrong_type: a comparison is a string; it must be a map"),
        (
            r#"[{"prod":"A.C.T","pr":"A.${PR_SHEMA}.T","pk":["ID"]}]"#,
            "unknown_placeholder: `${PR_SHEMA}` stands for nothing",
        ),
    ];
    for (text, expected) in table {
        let asked = json(text);
        let found = told(&asked);
        assert!(
            found.len() == 1 && found[0].ends_with(&format!("error {expected}")),
            "{text}: {found:?}"
        );
        assert!(asked.diffs.is_empty(), "{text}");
    }
}

#[test]
fn a_name_of_fewer_or_more_parts_than_the_data_sources_type_has_is_warned_of_and_compared() {
    let table = [
        (Some("snowflake"), "A.B.C", true),
        (Some("mysql"), "B.C", true),
        (Some("mysql"), "A.B.C", false),
        (Some("databricks"), "B.C", true),
        (Some("databricks"), "A.B.C", true),
        (Some("databricks"), "C", false),
        (Some("oracle"), "C", true),
        (None, "C", true),
    ];
    for (kind, name, expected) in table {
        let text = format!(r#"[{{"prod":"{name}","pr":"{name}_x","pk":["ID"]}}]"#);
        let asked = read_as("d.json", &text, &[], kind);
        let codes: Vec<&str> = asked.diagnostics.iter().map(|said| said.code).collect();
        let expected = if expected {
            &[][..]
        } else {
            &["name_parts", "name_parts"]
        };
        assert_eq!((codes.as_slice(), asked.diffs.len()), (expected, 1), "{kind:?} {name}");
    }
}

#[test]
fn an_unknown_field_has_the_one_that_was_meant() {
    let asked = json(r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["ID"],"include_colums":["X"]}]"#);
    assert_eq!(
        asked.diagnostics[0].help.as_deref(),
        Some("did you mean `include_columns`?")
    );
}

#[test]
fn all_faults_are_told_at_once_each_at_its_place() {
    let asked = json(
        "[\n  {\"prod\": 1,\n   \"pr\": \"A.P.T\", \"pk\": \"ID\"},\n\t{\"prod\": \"A.C.U\", \"pr\": \"A.P.U\", \"key\": []}\n]\n",
    );
    let expected = [
        "2:12 error wrong_type: `prod` is an integer; it must be a string, a dotted name",
        "3:25 error wrong_type: `pk` is a string; it must be a list of column names",
        "4:2 warning no_primary_key: `A.C.U` has no primary key: only row counts and columns are compared",
        "4:35 error unknown_field: there is no field `key`",
    ];
    assert_eq!(told(&asked), expected);
    assert_eq!(
        asked.diagnostics[3].excerpt.as_deref(),
        Some("\t{\"prod\": \"A.C.U\", \"pr\": \"A.P.U\", \"key\": []}")
    );
}

#[test]
fn placeholders_are_filled_in_names_and_columns() {
    let asked = json(r#"[{"prod":"A.C.T","pr":"A.${PR_SCHEMA}.T_${PR_NUMBER}_${PR_SHA}","pk":["ID"]}]"#);
    assert_eq!(asked.diffs[0].pull_request, "A.PR_6.T_6_abc");
}

#[test]
fn a_json_file_is_json_and_a_yaml_file_may_be_more() {
    let text = "# tables\n- prod: A.C.T\n  pr: A.${PR_SCHEMA}.T\n  pk: [ID]\n";
    let yaml = read_as("datafold/diffs.yaml", text, &[], None);
    assert_eq!((yaml.diffs.len(), yaml.diagnostics.len()), (1, 0));
    let refused = json(text);
    assert_eq!(
        told(&refused),
        ["1:1 error json_syntax: this is not JSON: expected value"]
    );
    let trailing = json("[{\"prod\":\"A.C.T\",\n \"pr\":\"Ä.P.T\",}]");
    assert_eq!(
        told(&trailing),
        ["2:15 error json_syntax: this is not JSON: key must be a string"]
    );
    let escaped = json(r#"[{"prod":"A.C.T","pr":"A.\u00c4.T\/x","pk":["\ud83d\ude00"]}]"#);
    assert_eq!(escaped.diffs[0].pull_request, "A.Ä.T/x");
    assert_eq!(escaped.diffs[0].primary_key, ["\u{1f600}"]);
}

#[test]
fn an_empty_list_is_nothing_to_compare_and_an_empty_file_is_a_fault() {
    assert_eq!(json("[]"), Asked::default());
    assert!(json("").is_broken());
    assert_eq!(
        told(&read_as("d.yaml", "", &[], None)),
        ["1:1 error not_a_list: the file is empty"]
    );
    assert!(
        read(
            "d.json",
            &[0xff],
            &Circumstances {
                placeholders: &placeholders(),
                columns_to_ignore: &[],
                data_source_type: None
            }
        )
        .is_broken()
    );
}

#[test]
fn columns_to_ignore_are_excluded_unless_they_are_keys_or_columns_are_included_by_name() {
    let table: &[(&str, &[&str], &[&str])] = &[
        (r#""pk":["ID"]"#, &["loaded_at", "id", ""], &["loaded_at"]),
        (
            r#""pk":["ID"],"exclude_columns":["B","loaded_at"]"#,
            &["loaded_at", "C"],
            &["B", "loaded_at", "C"],
        ),
        (r#""pk":["ID"],"include_columns":["X"]"#, &["loaded_at"], &[]),
    ];
    for (rest, ignore, expected) in table {
        let text = format!(r#"[{{"prod":"A.C.T","pr":"A.P.T",{rest}}}]"#);
        let asked = read_as("d.json", &text, ignore, None);
        assert_eq!(asked.diffs[0].exclude_columns, *expected, "{rest}");
        assert!(asked.diagnostics.is_empty(), "{rest}");
    }
}

#[test]
fn a_column_to_ignore_that_is_a_pattern_or_included_by_name_is_warned_of() {
    let text = r#"[{"prod":"A.C.T","pr":"A.P.T","pk":["ID"],"include_columns":["X"]}]"#;
    let asked = read_as("d.json", text, &["*_at", "X"], None);
    let codes: Vec<&str> = asked.diagnostics.iter().map(|said| said.code).collect();
    assert_eq!(codes, ["column_pattern", "ignored_column_included"]);
    assert_eq!(asked.diffs[0].exclude_columns, Vec::<String>::new());
}

proptest! {
    #[test]
    fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..60), is_json in any::<bool>()) {
        let circumstances = Circumstances { placeholders: &placeholders(), columns_to_ignore: &[], data_source_type: Some("pg") };
        let asked = read(if is_json { "d.json" } else { "d.yaml" }, &bytes, &circumstances);
        prop_assert!(!asked.is_broken() || asked.diffs.is_empty());
    }

    #[test]
    fn whatever_is_written_in_fields_is_refused_or_sent_as_it_stands(
        prod in "[A-Z. \"$]{0,8}", pr in "[A-Z. \"$]{0,8}", key in prop::collection::vec("[A-Z ]{0,2}", 0..3),
    ) {
        let text = serde_json::json!([{ "prod": prod, "pr": pr, "pk": key }]).to_string();
        let asked = read_as("d.json", &text, &[], None);
        if asked.is_broken() {
            prop_assert!(asked.diffs.is_empty());
        } else {
            prop_assert_eq!(&asked.diffs[0].production, &prod);
            prop_assert_eq!(&asked.diffs[0].pull_request, &pr);
            prop_assert!(!prod.is_empty() && prod.trim() == prod && prod != pr);
        }
    }
}
