//! A plan and what became of it, as rows. Read from the JSON that the command line prints and history keeps, so that every place
//! shows the same plan.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

/// How many changes a page shows; the API has them all.
const CHANGES: usize = 200;

/// How many fields of one change a page shows.
const FIELDS: usize = 60;

/// How many keys of one block a page shows.
const KEYS: usize = 20;

/// How many characters of one value a page shows: a computed table's query of some twenty lines.
const VALUE: usize = 1500;

/// A plan with its outcomes.
#[derive(Serialize)]
pub(super) struct PlanRows {
    /// `3 to create, 1 to update`.
    pub(super) summary: Vec<String>,
    /// Its digest.
    pub(super) digest: String,
    /// What apply does, then what guards hold back, then what is only reported.
    pub(super) changes: Vec<ChangeRow>,
    /// How many changes are not shown.
    pub(super) more: usize,
    /// What no check watches any more.
    pub(super) unwatched: Vec<String>,
    /// What is not done.
    pub(super) blocked: Vec<BlockedRow>,
    /// Whether somebody who has looked at it can let more of it through.
    pub(super) approvable: bool,
}

/// One change.
#[derive(Serialize)]
pub(super) struct ChangeRow {
    action: String,
    /// What the platform is asked to do, and what for, where the plan says it.
    operation: Option<String>,
    reason: Option<String>,
    kind: String,
    name: String,
    class: String,
    /// Who changed it last, where that is what the change is about.
    edited: Option<String>,
    place: Option<String>,
    result: Option<String>,
    attempts: Option<u64>,
    error: Option<ErrorRow>,
    fields: Vec<FieldRow>,
    more: usize,
    /// What goes with it.
    takes: Vec<String>,
    takes_more: usize,
    /// Since when and how often it drifts, where it does.
    history: Option<String>,
}

/// Why a step failed or was skipped.
#[derive(Default, Serialize)]
pub(super) struct ErrorRow {
    meaning: Option<String>,
    message: String,
    fields: Vec<(String, String)>,
}

/// One field, before and after.
#[derive(Serialize)]
pub(super) struct FieldRow {
    path: String,
    /// Who moved this field, where the plan says it field by field.
    class: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

/// One block.
#[derive(Serialize)]
pub(super) struct BlockedRow {
    reason: String,
    message: String,
    keys: Vec<String>,
    more: usize,
}

/// The rows of `plan` (JSON of a plan) with the outcomes of `report` (JSON of an apply), where it is of the same plan. `places`
/// says where in Git a key is declared.
pub(super) fn rows(plan: &Json, report: &Json, places: &BTreeMap<String, String>) -> Option<PlanRows> {
    let digest = plan["digest"].as_str()?.to_owned();
    let ours = report["digest"].as_str() == Some(&digest);
    // A key may have several steps (its own, and an operation on it): an outcome belongs to the step of the same action.
    let outcomes: BTreeMap<(&str, &str), &Json> = list(&report["outcomes"])
        .iter()
        .filter(|_| ours)
        .filter_map(|outcome| Some(((outcome["key"].as_str()?, outcome["action"].as_str()?), outcome)))
        .collect();
    let steps = list(&plan["changes"]).iter().map(|change| (change, None));
    let reported = list(&plan["reported"]).iter().map(|change| (change, Some("reported")));
    let held = list(&plan["held"]).iter().map(|change| match change["manual"] {
        Json::Bool(true) => (change, Some("manual")),
        _ => (change, Some("held")),
    });
    let all = steps.len() + held.len() + reported.len();
    let changes = steps
        .chain(held)
        .chain(reported)
        .take(CHANGES)
        .map(|(change, result)| {
            let id = (text(&change["key"]), text(&change["action"]));
            let outcome = outcomes
                .get(&(id.0.as_str(), id.1.as_str()))
                .copied()
                .filter(|_| result.is_none());
            row(change, result, outcome.unwrap_or(&Json::Null), places)
        })
        .collect();
    Some(PlanRows {
        summary: summary(&plan["summary"]),
        digest,
        changes,
        more: all.saturating_sub(CHANGES),
        unwatched: list(&plan["unwatched"]).iter().map(text).collect(),
        blocked: list(&plan["blocked"]).iter().map(|row| blocked(row, places)).collect(),
        approvable: plan["approvable"].as_bool().unwrap_or_default(),
    })
}

impl PlanRows {
    /// Adds to the changes what is remembered of their drift, by key.
    pub(super) fn remember(&mut self, mut histories: BTreeMap<String, String>) {
        for change in &mut self.changes {
            change.history = histories.remove(&format!("{}/{}", change.kind, change.name));
        }
    }
}

fn row(change: &Json, result: Option<&str>, outcome: &Json, places: &BTreeMap<String, String>) -> ChangeRow {
    let key = text(&change["key"]);
    let fields = list(&change["fields"]);
    ChangeRow {
        action: text(&change["action"]),
        operation: change["operation"].as_str().map(|name| name.replace('_', " ")),
        reason: change["reason"].as_str().map(str::to_owned),
        kind: text(&change["kind"]),
        name: key.split_once('/').map_or(key.as_str(), |(_, name)| name).to_owned(),
        class: text(&change["class"]),
        edited: change["edited"].as_str().map(str::to_owned),
        place: places.get(&key).cloned(),
        result: result
            .map(str::to_owned)
            .or_else(|| outcome["result"].as_str().map(str::to_owned)),
        attempts: outcome["attempts"].as_u64(),
        error: error(&outcome["error"]),
        fields: fields
            .iter()
            .take(FIELDS)
            .map(|json| {
                let row = field(json);
                match change["action"].as_str() {
                    // Nothing is there yet, and nothing stays: the plan's JSON has null for both.
                    Some("create") => FieldRow { before: None, ..row },
                    Some("delete") if json["after"].is_null() => FieldRow { after: None, ..row },
                    _ => row,
                }
            })
            .collect(),
        more: fields.len().saturating_sub(FIELDS),
        takes: list(&change["takes"]).iter().take(KEYS).map(text).collect(),
        takes_more: list(&change["takes"]).len().saturating_sub(KEYS),
        history: None,
    }
}

fn error(error: &Json) -> Option<ErrorRow> {
    match error {
        Json::String(message) => Some(ErrorRow {
            message: message.clone(),
            ..ErrorRow::default()
        }),
        Json::Object(_) => Some(ErrorRow {
            meaning: error["meaning"].as_str().map(|word| word.replace('_', " ")),
            message: text(&error["message"]),
            fields: list(&error["fields"])
                .iter()
                .map(|field| (text(&field["path"]), text(&field["message"])))
                .collect(),
        }),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => None,
    }
}

fn field(field: &Json) -> FieldRow {
    FieldRow {
        path: text(&field["path"]),
        class: field["class"].as_str().map(str::to_owned),
        before: field.get("before").map(value),
        after: field.get("after").map(value),
    }
}

fn blocked(blocked: &Json, places: &BTreeMap<String, String>) -> BlockedRow {
    let keys = list(&blocked["keys"]);
    BlockedRow {
        reason: text(&blocked["reason"]).replace('_', " "),
        message: text(&blocked["message"]),
        keys: keys
            .iter()
            .take(KEYS)
            .map(text)
            .map(|key| match places.get(&key) {
                Some(place) => format!("{key}  {place}"),
                None => key,
            })
            .collect(),
        more: keys.len().saturating_sub(KEYS),
    }
}

fn summary(summary: &Json) -> Vec<String> {
    let words = [
        ("create", "to create"),
        ("update", "to update"),
        ("replace", "to replace"),
        ("delete", "to delete"),
        ("drift", "drifted"),
        ("conflict", "in conflict"),
        ("blocked", "blocked"),
        ("orphaned", "orphaned"),
        ("unmanaged", "unmanaged"),
        ("unchanged", "in sync"),
    ];
    words
        .iter()
        .filter_map(|(name, words)| Some((summary[*name].as_u64().filter(|count| *count > 0)?, words)))
        .map(|(count, words)| format!("{count} {words}"))
        .collect()
}

fn list(json: &Json) -> &[Json] {
    json.as_array().map_or(&[], Vec::as_slice)
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

/// A value as people read it: text as it is where that cannot be taken for something else, all else as JSON.
fn value(value: &Json) -> String {
    let shown = match value {
        Json::String(text) if reads_as_text(text) => text.clone(),
        other => other.to_string(),
    };
    match shown.char_indices().nth(VALUE) {
        Some((end, _)) => format!("{}… ({} characters more)", &shown[..end], shown[end..].chars().count()),
        None => shown,
    }
}

fn reads_as_text(text: &str) -> bool {
    text.trim() == text && !text.is_empty() && serde_json::from_str::<Json>(text).is_err()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_that_looks_like_something_else_keeps_its_quotes() {
        assert_eq!(value(&json!("orders")), "orders");
        assert_eq!(value(&json!("1")), "\"1\"");
        assert_eq!(value(&json!(1)), "1");
        assert_eq!(value(&json!("null")), "\"null\"");
        assert_eq!(value(&json!("")), "\"\"");
        assert_eq!(value(&json!(" x")), "\" x\"");
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let shown = value(&json!("é".repeat(VALUE + 7)));
        assert!(shown.ends_with("é… (7 characters more)"), "{shown}");
    }

    #[test]
    fn what_is_created_was_absent_before_and_not_null() {
        let fields = json!([{"path": "tags", "before": null, "after": null}]);
        let shown = |action| {
            let plan =
                json!({"digest": "a", "changes": [{"key": "check/x", "action": action, "fields": fields.clone()}]});
            let rows = rows(&plan, &Json::Null, &BTreeMap::new()).unwrap();
            let field = &rows.changes[0].fields[0];
            (field.before.clone(), field.after.clone())
        };
        let null = || Some("null".to_owned());
        assert_eq!(shown("create"), (None, null()));
        assert_eq!(shown("update"), (null(), null()));
        assert_eq!(shown("delete"), (null(), None));
    }

    #[test]
    fn what_is_held_back_stands_between_what_is_done_and_what_is_only_reported() {
        let change = |key| json!([{"key": key, "action": "update"}]);
        let mut plan = json!({"digest": "a", "changes": change("check/x"), "reported": change("check/z"), "held": change("check/y")});
        let shown = |plan: &Json| {
            let rows = rows(plan, &Json::Null, &BTreeMap::new()).unwrap();
            let rows = rows.changes.into_iter();
            rows.map(|row| (row.name, row.result)).collect::<Vec<_>>()
        };
        let expected = |held: &str| {
            let rows = [("x", None), ("y", Some(held)), ("z", Some("reported"))];
            rows.map(|(name, result)| (name.to_owned(), result.map(str::to_owned)))
        };
        assert_eq!(shown(&plan), expected("held"));
        plan["held"][0]["manual"] = true.into();
        assert_eq!(shown(&plan), expected("manual"));
    }

    #[test]
    fn outcomes_of_another_plan_are_not_shown() {
        let plan = json!({"digest": "a", "changes": [{"key": "check/x", "action": "update"}]});
        let report = |digest| json!({"digest": digest, "outcomes": [{"key": "check/x", "action": "update", "result": "applied"}]});
        let result = |digest| {
            let rows = rows(&plan, &report(digest), &BTreeMap::new());
            rows.map(|rows| rows.changes.into_iter().map(|change| change.result).collect::<Vec<_>>())
        };
        assert_eq!(result("a"), Some(vec![Some("applied".to_owned())]));
        assert_eq!(result("b"), Some(vec![None]));
    }
}
