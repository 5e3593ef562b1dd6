//! Plans and reports as programs read them: public interface, so a field may be added and none is taken away.

use super::outcome_error;
use crate::json;
use crate::plan::{Action, Blast, Blocked, Change, Plan, Summary};
use crate::report::{Outcome, Report, Tally};
use crate::value::{Map, Value};

/// Version of the JSON forms; a field may be added to a version, none is taken away.
const VERSION: i64 = 1;

/// The plan as JSON, with a final newline.
pub fn plan_json(plan: &Plan) -> String {
    let mut map = json_head(plan);
    map.insert("summary".into(), summary_value(&plan.summary()));
    content_into(plan, Form::Shown, &mut map);
    let manual = plan.manual();
    let held = plan.held.iter().map(|change| {
        let mut value = change_value(change, Form::Shown, &plan.blast);
        if let (true, Value::Map(map)) = (manual.contains(&change.key), &mut value) {
            map.insert("manual".into(), Value::from(true));
        }
        value
    });
    map.insert("held".into(), Value::List(held.collect()));
    map.insert("approvable".into(), Value::from(plan.can_be_approved()));
    map.insert("orphaned".into(), keys(&plan.orphaned));
    map.insert("unmanaged".into(), keys(&plan.unmanaged));
    let notes = plan.notes.iter().map(|note| {
        object([
            ("key", Value::from(note.key.to_string())),
            ("text", Value::from(note.text.clone())),
        ])
    });
    map.insert("notes".into(), Value::List(notes.collect()));
    json::write_pretty(&Value::Map(map))
}

/// What the digest is of: the environment, the platform, and everything that is done or waits.
pub(crate) fn content(plan: &Plan) -> String {
    let mut map = Map::new();
    map.insert(
        "environment".into(),
        plan.environment
            .as_ref()
            .map_or(Value::Null, |name| Value::from(name.0.clone())),
    );
    map.insert("platform".into(), Value::from(plan.platform));
    content_into(plan, Form::Digested, &mut map);
    json::write(&Value::Map(map))
}

fn json_head(plan: &Plan) -> Map {
    let Value::Map(map) = object([
        ("version", Value::from(VERSION)),
        (
            "environment",
            plan.environment
                .as_ref()
                .map_or(Value::Null, |name| Value::from(name.0.clone())),
        ),
        ("platform", Value::from(plan.platform)),
        (
            "revision",
            plan.revision
                .as_ref()
                .map_or(Value::Null, |revision| Value::from(revision.0.clone())),
        ),
        ("digest", Value::from(plan.digest.0.clone())),
    ]) else {
        return Map::new();
    };
    map
}

/// What the content of a plan is written for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// To be read.
    Shown,
    /// To tell plans apart: who changed a resource last may move while the plan does not.
    Digested,
}

fn content_into(plan: &Plan, form: Form, map: &mut Map) {
    map.insert(
        "changes".into(),
        Value::List(
            plan.steps
                .iter()
                .map(|step| change_value(&step.change, form, &plan.blast))
                .collect(),
        ),
    );
    map.insert(
        "reported".into(),
        Value::List(
            plan.reported
                .iter()
                .map(|change| change_value(change, form, &plan.blast))
                .collect(),
        ),
    );
    map.insert("blocked".into(), blocked_value(plan));
    map.insert("unwatched".into(), keys(&plan.blast.unwatched));
}

/// What is not done, and why.
fn blocked_value(plan: &Plan) -> Value {
    let blocked = plan.blocked.iter().map(
        |Blocked {
             reason,
             message,
             keys: blocked,
             places: _,
         }| {
            object([
                ("reason", Value::from(reason.word())),
                ("message", Value::from(message.clone())),
                ("keys", keys(blocked)),
            ])
        },
    );
    Value::List(blocked.collect())
}

/// One change as the plan's JSON has it in `changes`, on one line and without white space, but for what goes with it: what an audit
/// keeps the digest of.
pub fn change_json(change: &Change) -> String {
    json::write(&change_value(change, Form::Shown, &Blast::default()))
}

fn change_value(change: &Change, form: Form, blast: &Blast) -> Value {
    let fields = change.fields.iter().map(|field| {
        object([
            ("path", Value::from(field.path.to_string())),
            ("class", Value::from(field.class.word())),
            ("before", field.before.clone().unwrap_or(Value::Null)),
            ("after", field.after.clone().unwrap_or(Value::Null)),
        ])
    });
    let Value::Map(mut map) = object([
        ("action", Value::from(change.action.word())),
        ("kind", Value::from(change.key.kind.0)),
        ("key", Value::from(change.key.to_string())),
        ("class", Value::from(change.class.word())),
        ("fields", Value::List(fields.collect())),
    ]) else {
        return Value::Null;
    };
    if let Action::Operation(operation) = &change.action {
        map.insert("operation".into(), Value::from(operation.name));
        map.insert("reason".into(), Value::from(operation.reason.clone()));
    }
    if let Some(removal) = change.action.removal() {
        map.insert("how".into(), Value::from(removal.word()));
        let takes = blast.takes.get(&change.key);
        map.insert("takes".into(), keys(takes.map_or(&[][..], Vec::as_slice)));
    }
    if let Some(edited) = change.edited.as_ref().filter(|_| form == Form::Shown) {
        map.insert("edited".into(), Value::from(edited.clone()));
    }
    if let Some(place) = &change.place {
        map.insert("place".into(), Value::from(place.to_string()));
    }
    Value::Map(map)
}

fn summary_value(summary: &Summary) -> Value {
    let Summary {
        create,
        update,
        delete,
        replace,
        unchanged,
        drift,
        conflict,
        orphaned,
        unmanaged,
        blocked,
    } = *summary;
    object([
        ("create", number(create)),
        ("update", number(update)),
        ("delete", number(delete)),
        ("replace", number(replace)),
        ("unchanged", number(unchanged)),
        ("drift", number(drift)),
        ("conflict", number(conflict)),
        ("orphaned", number(orphaned)),
        ("unmanaged", number(unmanaged)),
        ("blocked", number(blocked)),
    ])
}

/// The report as JSON, with a final newline.
pub fn report_json(report: &Report) -> String {
    let mut map = json_head(&report.plan);
    let Tally {
        created,
        updated,
        replaced,
        deleted,
        unchanged,
        failed,
        skipped,
    } = report.tally();
    map.insert(
        "summary".into(),
        object([
            ("created", number(created)),
            ("updated", number(updated)),
            ("replaced", number(replaced)),
            ("deleted", number(deleted)),
            ("unchanged", number(unchanged)),
            ("failed", number(failed)),
            ("skipped", number(skipped)),
        ]),
    );
    let outcomes = report.outcomes.iter().map(outcome_value);
    map.insert("outcomes".into(), Value::List(outcomes.collect()));
    map.insert("blocked".into(), blocked_value(&report.plan));
    json::write_pretty(&Value::Map(map))
}

fn outcome_value(outcome: &Outcome) -> Value {
    let action = match &outcome.action {
        Action::Operation(operation) => operation.name,
        action => action.word(),
    };
    let millis = i64::try_from(outcome.elapsed.as_millis()).unwrap_or(i64::MAX);
    object([
        ("key", Value::from(outcome.key.to_string())),
        ("action", Value::from(outcome.action.word())),
        (
            "operation",
            if action == outcome.action.word() {
                Value::Null
            } else {
                Value::from(action)
            },
        ),
        ("result", Value::from(outcome.result.word())),
        ("attempts", Value::from(i64::from(outcome.attempts))),
        ("elapsed_ms", Value::from(millis)),
        ("error", outcome_error(&outcome.result).map_or(Value::Null, Value::from)),
    ])
}

fn keys(keys: &[crate::key::Key]) -> Value {
    Value::List(keys.iter().map(|key| Value::from(key.to_string())).collect())
}

fn number(number: usize) -> Value {
    Value::from(i64::try_from(number).unwrap_or(i64::MAX))
}

fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(
        entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}
