//! The three-way table, row by row beside the design, and what holds whatever Git, the instance and the ledger say.

use std::collections::BTreeMap;

use driftless_core::field::FieldPath;
use driftless_core::key::{Key, RemoteId};
use driftless_core::ledger::LedgerEntry;
use driftless_core::plan::{Action, Change, Class, Plan};
use driftless_core::policy::{IgnoreRule, Mode, OnAdopt, OnDrift, Policy};
use driftless_core::snapshot::{Authorship, Gap, GapReason, LiveResource, Presence};
use driftless_core::value::{Map, Value};
use proptest::prelude::*;

use crate::case::{Case, case};
use crate::library::{VAULT, key};

/// What is live.
#[derive(Clone, Copy)]
enum L {
    /// A resource with this field `x`.
    Has(&'static str),
    /// The same, put away.
    Archived(&'static str),
    /// None.
    Gone,
    /// Not to be told.
    Unread,
}

/// D, L, P of `vault/A`; then what becomes of it when everything is let through, when drift is only reported, when adoptions
/// are, and when nothing is written.
type Row = (Option<&'static str>, L, Option<&'static str>, [&'static str; 4]);

const ROWS: &[Row] = &[
    // = L, any P: in sync, and the ledger learns it, in `observe` too.
    (Some("1"), L::Has("1"), None, ["in sync, learns"; 4]),
    (Some("1"), L::Has("1"), Some("1"), ["in sync"; 4]),
    (Some("1"), L::Has("1"), Some("2"), ["in sync, learns"; 4]),
    // x, = P, y: pending.
    (
        Some("2"),
        L::Has("1"),
        Some("1"),
        ["update pending", "update pending", "update pending", "shown pending"],
    ),
    // = P, x, y: drift.
    (
        Some("1"),
        L::Has("2"),
        Some("1"),
        ["update drift", "shown drift", "update drift", "shown drift"],
    ),
    // x, y, z: conflict.
    (
        Some("3"),
        L::Has("2"),
        Some("1"),
        ["update conflict", "shown conflict", "update conflict", "shown conflict"],
    ),
    // x, -, -: pending create.
    (
        Some("1"),
        L::Gone,
        None,
        ["create pending", "create pending", "create pending", "shown pending"],
    ),
    // x, -, = x: deleted live.
    (
        Some("1"),
        L::Gone,
        Some("1"),
        ["create drift", "shown drift", "create drift", "shown drift"],
    ),
    // x, -, z: changed in Git, deleted live.
    (
        Some("2"),
        L::Gone,
        Some("1"),
        ["create conflict", "shown conflict", "create conflict", "shown conflict"],
    ),
    // x, y, -: adoption.
    (
        Some("1"),
        L::Has("2"),
        None,
        ["update adoption", "update adoption", "shown adoption", "shown adoption"],
    ),
    // x, archived, any: restored by an update, as created or as deleted live.
    (
        Some("1"),
        L::Archived("1"),
        None,
        ["update pending", "update pending", "update pending", "shown pending"],
    ),
    (
        Some("1"),
        L::Archived("1"),
        Some("1"),
        ["update drift", "shown drift", "update drift", "shown drift"],
    ),
    (
        Some("2"),
        L::Archived("1"),
        Some("1"),
        ["update conflict", "shown conflict", "update conflict", "shown conflict"],
    ),
    // -, = P, x and -, y, x: with `prune: off` it stays, owned.
    (None, L::Has("1"), Some("1"), ["orphaned"; 4]),
    (None, L::Has("2"), Some("1"), ["orphaned"; 4]),
    // -, x, -: unmanaged. What nobody owns and nobody uses is not even that.
    (None, L::Has("1"), None, ["unmanaged"; 4]),
    (None, L::Archived("1"), None, [""; 4]),
    // -, -, x: gone.
    (None, L::Gone, Some("1"), ["gone"; 4]),
    (None, L::Gone, None, [""; 4]),
    // any, not read, any: unknown.
    (Some("1"), L::Unread, None, ["blocked incomplete_read"; 4]),
    (Some("1"), L::Unread, Some("1"), ["blocked incomplete_read"; 4]),
    (Some("2"), L::Unread, Some("1"), ["blocked incomplete_read"; 4]),
    (None, L::Unread, Some("1"), [""; 4]),
];

fn policies() -> [(&'static str, Policy); 4] {
    let default = Policy::default;
    [
        ("all let through", default()),
        (
            "drift: report",
            Policy {
                drift: OnDrift::Report,
                ..default()
            },
        ),
        (
            "adopt: report",
            Policy {
                adopt: OnAdopt::Report,
                ..default()
            },
        ),
        (
            "mode: observe",
            Policy {
                mode: Mode::Observe,
                ..default()
            },
        ),
    ]
}

fn text(value: &str) -> &'static str {
    format!("name: A\nx: {value}").leak()
}

/// Beside `vault/A` stands one that is in sync, so that no folder is empty.
fn of_row((desired, live, agreed, _): &Row) -> Case {
    let mut files = vec![("vaults/keep/_vault.yaml", "name: Keep")];
    files.extend(desired.map(|value| ("vaults/a/_vault.yaml", text(value))));
    let mut case = case(&files)
        .live("vault/Keep", 9, "name: Keep")
        .agreed("vault/Keep", "name: Keep");
    match live {
        L::Has(value) => case = case.live("vault/A", 1, text(value)),
        L::Archived(value) => {
            case = case.live("vault/A", 1, text(value));
            case.live.resources.get_mut(&key("vault/A")).unwrap().presence = Presence::Archived;
        }
        L::Gone => {}
        L::Unread => {
            // Nothing of the kind was read, that which is in sync included.
            case.live.resources.clear();
            case.live.gaps.push(Gap {
                kind: VAULT,
                below: None,
                reason: GapReason::Unread,
                message: "half a page".into(),
            });
        }
    }
    match agreed {
        Some(value) => case.agreed("vault/A", text(value)),
        None => case,
    }
}

/// What becomes of `vault/A`.
fn fate(plan: &Plan) -> String {
    let ours = key("vault/A");
    let is_ours = |change: &&Change| change.key == ours;
    let steps = plan.steps.iter().map(|step| &step.change).filter(is_ours);
    let mut words: Vec<String> = steps
        .map(|change| format!("{} {}", change.action.word(), change.class.word()))
        .collect();
    let reported = plan.reported.iter().filter(is_ours);
    words.extend(reported.map(|change| format!("shown {}", change.class.word())));
    let blocked = plan.blocked.iter().filter(|blocked| blocked.keys.contains(&ours));
    words.extend(blocked.map(|blocked| format!("blocked {}", blocked.reason.word())));
    for (word, has) in [
        ("orphaned", plan.orphaned.contains(&ours)),
        ("unmanaged", plan.unmanaged.contains(&ours)),
        ("gone", plan.gone.iter().any(|(key, _)| *key == ours)),
        // `vault/Keep` is the other one.
        ("in sync", plan.unchanged.get(&VAULT) == Some(&2)),
        ("learns", plan.agreed.iter().any(|(key, _)| *key == ours)),
    ] {
        words.extend(has.then(|| word.to_owned()));
    }
    words.join(", ")
}

#[test]
fn every_row_of_the_table_under_every_policy() {
    for (number, row) in ROWS.iter().enumerate() {
        for ((name, policy), expected) in policies().into_iter().zip(row.3) {
            let mut case = of_row(row);
            case.policy = policy;
            let (plan, _) = case.plan();
            assert_eq!(fate(&plan), expected, "row {number} under {name}: {plan:#?}");
            let written = plan.steps.iter().find(|step| step.change.key == key("vault/A"));
            if let (Some(step), Some(desired)) = (written, row.0) {
                let desired: i64 = desired.parse().unwrap();
                assert_eq!(
                    step.write.get("x"),
                    Some(&Value::from(desired)),
                    "row {number} under {name}"
                );
            }
        }
    }
}

/// The fields of one resource on one side: each of three is absent, or one of three values.
type Side = Option<[Option<u8>; 3]>;

const FIELDS: [&str; 3] = ["x", "y", "z"];
const NAMES: [&str; 3] = ["A", "B", "C"];

/// Git, the instance (and whether it is put away there), the ledger.
type Sides = (Side, Side, bool, Side);

fn side() -> impl Strategy<Value = Side> {
    proptest::option::weighted(0.8, proptest::array::uniform3(proptest::option::weighted(0.8, 0u8..3)))
}

fn sides() -> impl Strategy<Value = [Sides; 3]> {
    proptest::array::uniform3((side(), side(), proptest::bool::weighted(0.2), side()))
}

fn policy() -> impl Strategy<Value = Policy> {
    (any::<bool>(), any::<bool>(), proptest::bool::weighted(0.2)).prop_map(|(correct, adopt, observe)| Policy {
        drift: if correct { OnDrift::Correct } else { OnDrift::Report },
        adopt: if adopt { OnAdopt::Apply } else { OnAdopt::Report },
        mode: if observe { Mode::Observe } else { Mode::Apply },
        ..Policy::default()
    })
}

fn yaml(name: &str, fields: &[Option<u8>; 3]) -> &'static str {
    let mut text = format!("name: {name}\n");
    for (field, value) in FIELDS.iter().zip(fields) {
        text.extend(value.map(|value| format!("{field}: {value}\n")));
    }
    text.leak()
}

fn of_sides(sides: &[Sides; 3], policy: &Policy) -> Case {
    let mut files = vec![("vaults/keep/_vault.yaml", "name: Keep")];
    for (name, (desired, ..)) in NAMES.iter().zip(sides) {
        let path: &'static str = format!("vaults/{}/_vault.yaml", name.to_lowercase()).leak();
        files.extend(desired.map(|fields| (path, yaml(name, &fields))));
    }
    let mut case = case(&files)
        .live("vault/Keep", 9, "name: Keep")
        .agreed("vault/Keep", "name: Keep");
    for (number, (name, (_, live, archived, agreed))) in (1..).zip(NAMES.iter().zip(sides)) {
        let at = format!("vault/{name}");
        if let Some(fields) = live {
            case = case.live(&at, number, yaml(name, fields));
            if *archived {
                case.live.resources.get_mut(&key(&at)).unwrap().presence = Presence::Archived;
            }
        }
        if let Some(fields) = agreed {
            case = case.agreed(&at, yaml(name, fields));
        }
    }
    case.policy = policy.clone();
    case
}

/// What the instance and the ledger are once every step of `plan` has succeeded.
fn carry_out(case: &mut Case, plan: &Plan) {
    let entries = &mut case.ledger.as_mut().unwrap().entries;
    entries.extend(plan.agreed.iter().cloned());
    for (key, _) in &plan.gone {
        entries.remove(key);
    }
    for (number, step) in (100..).zip(&plan.steps) {
        let key = &step.change.key;
        let id = step.remote.unwrap_or(RemoteId(number));
        case.live.resources.insert(
            key.clone(),
            LiveResource {
                id,
                spec: step.write.clone(),
                base: None,
                presence: Presence::Active,
                authorship: Authorship::Authored,
                unread: Vec::new(),
                edited: None,
            },
        );
        let agreement = step.agreement.clone().unwrap();
        entries.insert(
            key.clone(),
            LedgerEntry {
                remote: Some(id),
                ..agreement
            },
        );
    }
}

proptest! {
    #[test]
    fn whatever_the_three_sides_say_a_plan_keeps_to_its_policy_and_the_next_one_has_nothing_to_do(
        sides in sides(),
        policy in policy(),
    ) {
        let mut case = of_sides(&sides, &policy);
        let (planned, _) = case.planned();
        let plan = planned.plan;
        for change in plan.changes() {
            // A status that says drift has something to show, and what is shown differs.
            prop_assert!(!change.fields.is_empty(), "{change:?}");
            for field in &change.fields {
                prop_assert!(field.before != field.after, "{field:?}");
            }
            let worst = change.fields.iter().map(|field| field.class).max();
            prop_assert_eq!(worst, Some(change.class));
        }
        let by_hand = |change: &&Change| matches!(change.class, Class::Drift | Class::Conflict);
        let summary = plan.summary();
        prop_assert_eq!(summary.drift + summary.conflict, distinct(plan.changes().filter(by_hand)));
        for step in &plan.steps {
            prop_assert!(policy.mode == Mode::Apply);
            for field in &step.change.fields {
                let allowed = match field.class {
                    Class::Pending => true,
                    Class::Adoption => policy.adopt == OnAdopt::Apply,
                    Class::Drift | Class::Conflict => policy.drift == OnDrift::Correct,
                };
                prop_assert!(allowed, "{field:?}");
            }
            let owned = case.ledger.as_ref().unwrap().entries.contains_key(&step.change.key);
            prop_assert!(!matches!(step.change.action, Action::Delete(_)) || owned);
        }
        // Everything that either side or the ledger has stands somewhere, once.
        let states = plan.states();
        let counted: usize = states.values().map(|states| {
            states.in_sync + states.pending + states.drift + states.conflict + states.orphaned + states.unmanaged + states.blocked
        }).sum();
        let expected = 1 + sides.iter().filter(|(desired, live, archived, agreed)| {
            desired.is_some() || live.is_some() && !(*archived && agreed.is_none()) && !archived
        }).count();
        prop_assert_eq!(counted, expected, "{:?}", states);

        carry_out(&mut case, &plan);
        let again = case.planned().0.plan;
        prop_assert!(again.steps.is_empty(), "{:#?} after {:#?}", again.steps, plan);
        prop_assert!(again.agreed.is_empty(), "{:#?} after {:#?}", again.agreed, plan);
        // What is only shown is shown again. (Its class may move once: what was found equal beside it is agreed on since.)
        let shown = |plan: &Plan| plan.reported.iter().map(|change| change.key.clone()).collect::<Vec<_>>();
        prop_assert_eq!(shown(&again), shown(&plan));
    }

    #[test]
    fn an_ignored_field_is_neither_shown_nor_written_and_keeps_nothing_out_of_sync(
        sides in sides(),
        policy in policy(),
    ) {
        let mut case = of_sides(&sides, &policy);
        case.policy.ignore = vec![IgnoreRule::new(Some(VAULT), None, vec![FieldPath::top("x")]).unwrap()];
        let (planned, _) = case.planned();
        let plan = planned.plan;
        let live: BTreeMap<&Key, &Map> = case.live.resources.iter().map(|(key, live)| (key, &live.spec)).collect();
        for change in plan.changes().filter(|change| change.action == Action::Update) {
            prop_assert!(change.fields.iter().all(|field| field.path != FieldPath::top("x")), "{change:?}");
        }
        for step in &plan.steps {
            let said = sides.iter().zip(NAMES).find(|(_, name)| step.change.key.name() == *name).unwrap().0;
            let expected = match step.change.action {
                // Git's value, once.
                Action::Create => said.0.unwrap()[0].map(|value| Value::from(i64::from(value))),
                _ => live[&step.change.key].get("x").cloned(),
            };
            prop_assert_eq!(step.write.get("x").cloned(), expected);
        }
        for ((desired, live, archived, _), name) in sides.iter().zip(NAMES) {
            if let (Some(desired), Some(live), false) = (desired, live, archived) {
                // Of the others, what Git does not name is not compared.
                let differs = (1..3).any(|field| desired[field].is_some() && desired[field] != live[field]);
                let shown = plan.changes().any(|change| change.key.name() == name);
                prop_assert_eq!(differs, shown, "{}", name);
            }
        }
        carry_out(&mut case, &plan);
        let again = case.planned().0.plan;
        prop_assert!(again.steps.is_empty(), "{:#?} after {:#?}", again.steps, plan);
    }
}

fn distinct<'a>(changes: impl Iterator<Item = &'a Change>) -> usize {
    changes
        .map(|change| &change.key)
        .collect::<std::collections::BTreeSet<_>>()
        .len()
}
