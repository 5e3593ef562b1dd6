//! What is found when two tables are compared: seeded for a pair of tables, else that they are identical.

use serde_json::{Map, Value, json};

use super::body::{names, text};
use super::organisation::Organisation;

/// Where two tables are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    SameDatabase,
    AcrossDatabases,
}

/// Findings; of two numbers the first is of production.
#[derive(Clone)]
pub(super) struct Findings {
    pub(super) span: Span,
    /// What went wrong, when it did.
    pub(super) failure: Option<String>,
    pub(super) rows: [u64; 2],
    pub(super) nulls: [u64; 2],
    pub(super) dupes: [u64; 2],
    pub(super) exclusives: [u64; 2],
    /// Rows that both have and whose values differ.
    pub(super) changed: u64,
    /// Columns beside the primary key, each with how many values differ.
    pub(super) columns: Vec<(String, u64)>,
    pub(super) exclusive_columns: [Vec<String>; 2],
    pub(super) retyped: Vec<String>,
    pub(super) reorders: u64,
    /// What is downstream.
    pub(super) dependencies: Vec<Value>,
}

/// A pair of tables.
pub(super) struct Comparison {
    pub(super) prod: String,
    pub(super) pr: String,
    pub(super) findings: Findings,
}

impl Findings {
    /// Of two tables of a hundred rows that are the same.
    pub(super) fn identical() -> Self {
        Self {
            span: Span::SameDatabase,
            failure: None,
            rows: [100, 100],
            nulls: [0, 0],
            dupes: [0, 0],
            exclusives: [0, 0],
            changed: 0,
            columns: vec![("amount".to_owned(), 0), ("note".to_owned(), 0)],
            exclusive_columns: [Vec::new(), Vec::new()],
            retyped: Vec::new(),
            reorders: 0,
            dependencies: Vec::new(),
        }
    }

    /// What a word of a seed stands for.
    fn named(outcome: &str) -> Option<Self> {
        let mut found = Self::identical();
        match outcome {
            "identical" => {}
            "different" => {
                found.changed = 5;
                found.columns = vec![("amount".to_owned(), 5), ("note".to_owned(), 0)];
            }
            "added" => {
                found.rows = [100, 103];
                found.exclusives = [0, 3];
            }
            "removed" => {
                found.rows = [100, 98];
                found.exclusives = [2, 0];
            }
            "null_keys" => found.nulls = [0, 2],
            "duplicate_keys" => found.dupes = [0, 4],
            "schema" => {
                found.exclusive_columns = [vec!["old".to_owned()], vec!["new".to_owned()]];
                found.retyped = vec!["amount".to_owned()];
                found.reorders = 1;
            }
            "failed" => found.failure = Some("Table does not exist".to_owned()),
            "cross_database" => found.span = Span::AcrossDatabases,
            _ => return None,
        }
        Some(found)
    }

    /// Findings of the outcome that a row names, with the numbers that it gives itself.
    fn parse(row: &Map<String, Value>) -> Result<Self, String> {
        let outcome = text(row, "outcome").unwrap_or("identical");
        let mut found = Self::named(outcome).ok_or_else(|| format!("{outcome} is no outcome"))?;
        for (key, pair) in [
            ("rows", &mut found.rows),
            ("nulls", &mut found.nulls),
            ("dupes", &mut found.dupes),
            ("exclusives", &mut found.exclusives),
        ] {
            if let Some(value) = row.get(key) {
                *pair = serde_json::from_value(value.clone()).map_err(|fault| format!("{key}: {fault}"))?;
            }
        }
        if let Some(changed) = row.get("changed").and_then(Value::as_u64) {
            found.changed = changed;
        }
        if let Some(columns) = row.get("columns").and_then(Value::as_object) {
            found.columns = columns
                .iter()
                .map(|(name, differing)| (name.clone(), differing.as_u64().unwrap_or(0)))
                .collect();
        }
        if let Some(failure) = text(row, "failure") {
            found.failure = Some(failure.to_owned());
        }
        if let Some(retyped) = row.get("retyped") {
            found.retyped = names(retyped);
        }
        if let Some(dependencies) = row.get("dependencies").and_then(Value::as_array) {
            found.dependencies.clone_from(dependencies);
        }
        Ok(found)
    }

    /// How many rows both have.
    pub(super) fn shared_rows(&self) -> u64 {
        let [rows, _] = self.rows;
        let [exclusives, _] = self.exclusives;
        rows.saturating_sub(exclusives)
    }

    /// Whether a primary key is null or not alone.
    pub(super) fn has_bad_keys(&self) -> bool {
        self.nulls.iter().chain(&self.dupes).any(|count| *count > 0)
    }

    pub(super) fn has_other_schema(&self) -> bool {
        self.exclusive_columns.iter().any(|columns| !columns.is_empty()) || !self.retyped.is_empty()
    }

    /// The wire's `result` of a finished comparison with these columns as its key.
    pub(super) fn result(&self, key: &[String]) -> &'static str {
        if self.failure.is_some() {
            "error"
        } else if self.has_bad_keys() {
            "bad-pks"
        } else if self.rows == [0, 0] {
            "empty"
        } else if self.changed > 0 || self.exclusives != [0, 0] || self.has_other_schema() {
            "different"
        } else if key.is_empty() {
            "missing-pks"
        } else {
            "identical"
        }
    }

    /// The wire's `diff_stats`.
    pub(super) fn stats(&self) -> Value {
        let [removed, added] = self.exclusives;
        let [before, after] = self.rows;
        json!({
            "version": "3",
            "diff_pks": removed + added,
            "diff_rows": self.changed,
            "diff_values": self.columns.iter().map(|(_, differing)| differing).sum::<u64>(),
            "diff_schema": self.has_other_schema(),
            "diff_null_pks": self.nulls.iter().sum::<u64>(),
            "diff_duplicate_pks": self.dupes.iter().sum::<u64>(),
            "diff_rows_count": before.abs_diff(after),
            "rows_added": added,
            "rows_removed": removed,
            "table_a_row_count": before,
            "table_b_row_count": after,
            "match_ratio": null,
            "sampled": false,
            "errors": null,
        })
    }
}

impl Organisation {
    /// Adds a pair of tables, in place of one that is known.
    pub(super) fn compare(&mut self, row: &Map<String, Value>) -> Result<(), String> {
        let prod = text(row, "prod").ok_or("prod should be a table")?.to_owned();
        let pr = text(row, "pr").ok_or("pr should be a table")?.to_owned();
        let findings = Findings::parse(row)?;
        self.comparisons.retain(|known| known.prod != prod || known.pr != pr);
        self.comparisons.push(Comparison { prod, pr, findings });
        Ok(())
    }

    /// What is found when these tables are compared.
    pub(super) fn findings(&self, prod: &str, pr: &str) -> Findings {
        let known = self
            .comparisons
            .iter()
            .find(|known| known.prod == prod && known.pr == pr);
        known.map_or_else(Findings::identical, |known| known.findings.clone())
    }
}
