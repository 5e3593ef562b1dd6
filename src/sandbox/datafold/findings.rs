//! The results of a data diff, as `summary_results` writes them.

use serde_json::{Map, Value, json};

use super::comparison::{Findings, Span};
use super::data_diff::{DataDiff, Progress};
use super::switches::{Finished, Shapes, Switches};

/// The body of `GET /datadiffs/{id}/summary_results`.
pub(super) fn render(diff: &DataDiff, progress: Progress, found: &Findings, switches: &Switches) -> Value {
    match (progress, switches.shapes) {
        (Progress::Waiting | Progress::NeedsConfirmation, Shapes::Current) => json!({ "status": "pending" }),
        (Progress::Waiting | Progress::NeedsConfirmation, Shapes::Old) => json!({ "status": "waiting" }),
        (Progress::Processing, Shapes::Current) => json!({ "status": "running" }),
        (Progress::Processing, Shapes::Old) => json!({ "status": "processing" }),
        (Progress::Failed, shapes) => failed(found.failure.as_deref().unwrap_or_default(), shapes),
        (Progress::Cancelled, shapes) => failed("The diff was cancelled", shapes),
        (Progress::Done, _) => finished(diff, found, switches),
    }
}

fn failed(message: &str, shapes: Shapes) -> Value {
    match shapes {
        Shapes::Current => json!({
            "status": "failed",
            "error": { "error_type": "DataDiffError", "error_value": message, "is_retryable": false },
        }),
        Shapes::Old => json!({ "status": "error", "error": { "message": message } }),
    }
}

fn finished(diff: &DataDiff, found: &Findings, switches: &Switches) -> Value {
    let mut out = Map::new();
    let word = match switches.finished {
        Finished::Done => "done",
        Finished::Success => "success",
    };
    out.insert("status".to_owned(), json!(word));
    let has_key = !diff.request.pk.is_empty();
    out.insert("pks".to_owned(), keys(found, has_key));
    match found.span {
        // Only the keys.
        Span::AcrossDatabases => {}
        Span::SameDatabase => {
            out.insert("schema".to_owned(), schema(found, switches.shapes));
            let dependencies = match switches.shapes {
                Shapes::Current => json!(found.dependencies),
                Shapes::Old => json!({ "deps": found.dependencies }),
            };
            out.insert("dependencies".to_owned(), dependencies);
            out.insert("materialized_results".to_owned(), json!({}));
            let values = has_key.then(|| values(diff, found));
            out.insert("values".to_owned(), values.unwrap_or_default());
        }
    }
    Value::Object(out)
}

/// Without a key there are only the counts of rows.
fn keys(found: &Findings, has_key: bool) -> Value {
    let of = |pair: [u64; 2]| if has_key { pair } else { [0, 0] };
    let [rows, other_rows] = found.rows;
    let [lost, other_lost] = [0, 1].map(|side: usize| {
        let of = |pair: &[u64; 2]| pair.get(side).copied().unwrap_or(0);
        of(&found.nulls) + of(&found.dupes)
    });
    json!({
        "total_rows": found.rows,
        "nulls": of(found.nulls),
        "dupes": of(found.dupes),
        "exclusives": of(found.exclusives),
        "distincts": of([rows.saturating_sub(lost), other_rows.saturating_sub(other_lost)]),
    })
}

fn values(diff: &DataDiff, found: &Findings) -> Value {
    let request = &diff.request;
    let is_compared = |name: &String| {
        if request.include.is_empty() {
            !request.exclude.contains(name)
        } else {
            request.include.contains(name)
        }
    };
    let columns: Vec<&(String, u64)> = found.columns.iter().filter(|(name, _)| is_compared(name)).collect();
    let rows = found.shared_rows();
    let differing: u64 = columns.iter().map(|(_, differing)| differing).sum();
    let compared = u64::try_from(columns.len()).unwrap_or(0);
    let stats: Vec<Value> = columns
        .iter()
        .map(|(name, differing)| {
            let equal = rows.saturating_sub(*differing);
            json!({ "column_name": name, "match": percent(equal, rows), "values_different": differing })
        })
        .collect();
    json!({
        "total_rows": rows,
        "rows_with_differences": if differing > 0 { found.changed } else { 0 },
        "total_values": rows * compared,
        "values_with_differences": differing,
        "compared_columns": compared,
        "columns_with_differences": columns.iter().filter(|(_, differing)| *differing > 0).count(),
        "columns_diff_stats": stats,
    })
}

/// The share in percent, with two digits.
fn percent(part: u64, whole: u64) -> f64 {
    let hundredths = part.saturating_mul(10_000).checked_div(whole).unwrap_or(10_000);
    f64::from(u32::try_from(hundredths).unwrap_or(10_000)) / 100.0
}

fn schema(found: &Findings, shapes: Shapes) -> Value {
    let counts = [0, 1].map(|side: usize| {
        let exclusive = found.exclusive_columns.get(side).map_or(0, Vec::len);
        1 + found.columns.len() + exclusive
    });
    let [old, new] = found.exclusive_columns.each_ref().map(Vec::len);
    let mut out = json!({
        "column_counts": counts,
        "columns_mismatched": [old + found.retyped.len(), new + found.retyped.len()],
        "column_type_mismatches": found.retyped.len(),
        "exclusive_columns": found.exclusive_columns,
    });
    if shapes == Shapes::Current {
        out["column_reorders"] = json!(found.reorders);
        out["column_type_differs"] = json!(found.retyped);
    }
    out
}
