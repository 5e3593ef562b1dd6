//! Wildcards: one definition in a file that stands for a monitor of each table it matches.

use serde_json::{Map, Value, json};

use super::body::given;
use super::monitor::Kind;
use super::organisation::Organisation;

/// One monitor that a definition stands for.
pub(super) struct Unit {
    /// The table, where a wildcard found it.
    pub(super) table: Option<String>,
    pub(super) spec: Map<String, Value>,
}

/// The monitors that a definition stands for, in the order of the catalogue.
pub(super) fn units(organisation: &Organisation, kind: Kind, spec: Map<String, Value>) -> Result<Vec<Unit>, String> {
    let include = patterns(&spec, "include_tables");
    let exclude = patterns(&spec, "exclude_tables");
    if include.is_empty() && exclude.is_empty() {
        return Ok(vec![Unit { table: None, spec }]);
    }
    let metric = spec
        .get("metric")
        .and_then(|metric| metric.get("metric"))
        .and_then(Value::as_str);
    match (kind, metric) {
        (Kind::Schema, _) => {}
        (Kind::Metric, Some("row_count" | "freshness" | "freshness_seconds" | "freshness_minutes")) => {}
        _ => return Err("wildcards are for monitors of freshness, row count and schema changes".to_owned()),
    }
    let connection = given(&spec, "connection_id")
        .and_then(Value::as_i64)
        .unwrap_or_default();
    let catalog = organisation
        .data_sources
        .get(connection)
        .map(|row| row.catalog.as_slice());
    let matches = |table: &&String| {
        let is_in = |patterns: &[String]| patterns.iter().any(|pattern| covers(pattern, table));
        (include.is_empty() || is_in(&include)) && !is_in(&exclude)
    };
    let found = catalog.unwrap_or_default().iter().filter(matches);
    Ok(found.map(|table| unit(kind, &spec, table)).collect())
}

fn unit(kind: Kind, spec: &Map<String, Value>, table: &str) -> Unit {
    let mut spec = spec.clone();
    spec.remove("include_tables");
    spec.remove("exclude_tables");
    match spec.get_mut("metric").and_then(Value::as_object_mut) {
        Some(metric) if kind == Kind::Metric => {
            metric.insert("table".to_owned(), json!(table));
        }
        _ => {
            spec.insert("table".to_owned(), json!(table));
        }
    }
    Unit {
        table: Some(table.to_owned()),
        spec,
    }
}

/// A text or a list of texts.
fn patterns(spec: &Map<String, Value>, key: &str) -> Vec<String> {
    match spec.get(key) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Whether a pattern covers a table: `*` is any text, `?` one character, without regard to case.
fn covers(pattern: &str, table: &str) -> bool {
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let table: Vec<char> = table.to_lowercase().chars().collect();
    matches(&pattern, &table)
}

fn matches(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|from| matches(rest, text.get(from..).unwrap_or_default())),
        Some((wanted, rest)) => text
            .split_first()
            .is_some_and(|(first, text)| (*wanted == '?' || wanted == first) && matches(rest, text)),
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_pattern_covers_what_its_stars_and_marks_leave_open() {
        for (pattern, table, expected) in [
            ("WAREHOUSE.*", "warehouse.core.orders", true),
            ("WAREHOUSE.*", "lake.core.orders", false),
            ("*.core.o?ders", "lake.core.orders", true),
            ("*.core.o?ders", "lake.core.oders", false),
            ("lake.core.orders", "lake.core.orders", true),
            ("", "lake", false),
        ] {
            assert_eq!(covers(pattern, table), expected, "{pattern} {table}");
        }
    }
}
