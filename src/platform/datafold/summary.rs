//! What a data diff found, in the shapes that present and older deployments answer with: every part of it may be missing.

use serde_json::Value as Json;

use super::wire::text;
use crate::platform::data_diffs::{Findings, Summary};
use crate::platform::failures::clean;

/// What there is to say of a diff that is done and tells nothing.
const NOTHING: &str = "it is done, and nothing of it was compared";

/// The summary that an answer is, by its status first. `None`: it has no status.
pub(super) fn read(raw: &Json) -> Option<Summary> {
    Some(match text(raw, "status")? {
        "done" | "success" => match findings(raw) {
            // Not a word of rows, values or columns that differ: that is no comparison in which nothing did.
            nothing if nothing == Findings::default() => Summary::Failed(NOTHING.to_owned()),
            found => Summary::Finished(Box::new(found)),
        },
        "failed" | "error" => Summary::Failed(reason(raw.get("error"))),
        "cancelled" => Summary::Failed("it was cancelled".to_owned()),
        // Also of a word that this version does not know: work under way is looked at again.
        _ => Summary::Running,
    })
}

/// What the platform says of a failure: a type with a value, or a free object or text.
fn reason(raw: Option<&Json>) -> String {
    let said = |field: &str| raw.and_then(|raw| text(raw, field)).filter(|text| !text.is_empty());
    let parts: Vec<&str> = match raw {
        Some(Json::String(said)) => vec![said.as_str()],
        _ => ["error_type", "error_value", "message", "detail"]
            .into_iter()
            .filter_map(said)
            .collect(),
    };
    match parts.is_empty() {
        true => "the platform does not say why".to_owned(),
        false => clean(&parts.join(": ")),
    }
}

fn findings(raw: &Json) -> Findings {
    let part = |name: &str| raw.get(name).filter(|part| part.is_object()).unwrap_or(&Json::Null);
    let (keys, values, schema) = (part("pks"), part("values"), part("schema"));
    let stats = values.get("columns_diff_stats").and_then(Json::as_array);
    let exclusive = |side: usize| names(schema.get("exclusive_columns").and_then(|sides| sides.get(side)));
    Findings {
        rows: pair(keys, "total_rows"),
        null_keys: pair(keys, "nulls"),
        duplicate_keys: pair(keys, "dupes"),
        exclusive_keys: pair(keys, "exclusives"),
        rows_with_differences: values.get("rows_with_differences").and_then(count),
        values_with_differences: values.get("values_with_differences").and_then(count),
        columns: stats.into_iter().flatten().filter_map(column).collect(),
        exclusive_columns: [exclusive(0), exclusive(1)],
        retyped_columns: names(schema.get("column_type_differs")),
    }
}

/// A column with differing values. All compared columns are listed; one that is equal throughout found nothing.
fn column(raw: &Json) -> Option<(String, f64)> {
    let share = raw.get("match").and_then(Json::as_f64)?;
    let differs = match raw.get("values_different").and_then(count) {
        Some(differing) => differing > 0,
        None => share < 100.0,
    };
    differs.then(|| Some((text(raw, "column_name")?.to_owned(), share)))?
}

/// Two numbers: of production, and of the pull request.
fn pair(raw: &Json, field: &str) -> Option<[u64; 2]> {
    let sides = raw.get(field)?;
    Some([count(sides.get(0)?)?, count(sides.get(1)?)?])
}

/// A number of things; a float where it is estimated.
fn count(raw: &Json) -> Option<u64> {
    raw.as_u64()
        .or_else(|| raw.as_f64().filter(|n| *n >= 0.0).map(|n| n.round() as u64))
}

fn names(raw: Option<&Json>) -> Vec<String> {
    let items = raw.and_then(Json::as_array).into_iter().flatten();
    items.filter_map(Json::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_says_how_far_it_is_in_words_of_today_and_of_before() {
        for (status, expected) in [
            ("running", Summary::Running),
            ("pending", Summary::Running),
            ("waiting", Summary::Running),
            ("processing", Summary::Running),
            ("reticulating", Summary::Running),
            ("done", Summary::Failed(NOTHING.to_owned())),
            ("success", Summary::Failed(NOTHING.to_owned())),
            ("failed", Summary::Failed("the platform does not say why".to_owned())),
            ("error", Summary::Failed("the platform does not say why".to_owned())),
            ("cancelled", Summary::Failed("it was cancelled".to_owned())),
        ] {
            assert_eq!(read(&json!({ "status": status })).unwrap(), expected, "{status}");
        }
        assert_eq!(read(&json!({"pks": {}})), None);
    }

    #[test]
    fn a_failure_is_said_in_the_platforms_words_whatever_their_shape() {
        for (error, expected) in [
            (
                json!({"error_type": "SQL", "error_value": "no\ntable", "is_retryable": false}),
                "SQL: no table",
            ),
            (json!("no table"), "no table"),
            (json!({"message": "no table"}), "no table"),
            (json!({"code": 7}), "the platform does not say why"),
            (json!(null), "the platform does not say why"),
        ] {
            let read = read(&json!({"status": "failed", "error": error})).unwrap();
            assert_eq!(read, Summary::Failed(expected.to_owned()));
        }
    }

    #[test]
    fn what_was_not_compared_is_absent() {
        let whole = json!({
            "status": "done",
            "pks": {"total_rows": [100, 101], "nulls": [0, 1], "dupes": [2, 0], "exclusives": [3, 4], "distincts": [98, 100]},
            "values": {"total_rows": 95, "rows_with_differences": 5, "values_with_differences": 6.0, "columns_diff_stats": [
                {"column_name": "amount", "match": 94.7, "values_different": 5},
                {"column_name": "note", "match": 99.99},
                {"column_name": "state", "match": 100.0, "values_different": 0},
                {"column_name": "kind", "match": 100.0}]},
            "schema": {"column_counts": [4, 5], "exclusive_columns": [["old"], ["new", "newer"]], "column_type_differs": ["amount"]},
            "dependencies": {"deps": []}
        });
        let Summary::Finished(found) = read(&whole).unwrap() else {
            panic!()
        };
        assert_eq!(
            *found,
            Findings {
                rows: Some([100, 101]),
                null_keys: Some([0, 1]),
                duplicate_keys: Some([2, 0]),
                exclusive_keys: Some([3, 4]),
                rows_with_differences: Some(5),
                values_with_differences: Some(6),
                columns: vec![("amount".to_owned(), 94.7), ("note".to_owned(), 99.99)],
                exclusive_columns: [vec!["old".to_owned()], vec!["new".to_owned(), "newer".to_owned()]],
                retyped_columns: vec!["amount".to_owned()],
            }
        );
        for part in [
            json!({"pks": {"total_rows": [0, 0]}}),
            json!({"schema": {"exclusive_columns": [[], ["new"]]}}),
        ] {
            let mut told = part;
            told["status"] = "done".into();
            assert!(matches!(read(&told).unwrap(), Summary::Finished(_)), "{told}");
        }
        let across = json!({"status": "success", "pks": {"total_rows": [1, 1]}, "values": null});
        let Summary::Finished(found) = read(&across).unwrap() else {
            panic!()
        };
        assert_eq!((found.rows, found.rows_with_differences), (Some([1, 1]), None));
    }
}
