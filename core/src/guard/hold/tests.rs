//! What guards hold back, of plans that are put together by hand.

use super::*;
use crate::field::FieldPath;
use crate::guard::Hold;
use crate::key::{Digest, EnvironmentName, RemoteId, Revision};
use crate::ledger::LedgerEntry;
use crate::plan::{Blast, FieldChange, Moved, Operation, Removal};
use crate::value::{Map, Value};

const NOTE: Kind = Kind("note");
const SHELF: Kind = Kind("shelf");

fn key(number: usize) -> Key {
    Key::new(NOTE, [format!("n{number:03}")])
}

fn step(action: Action, key: Key, after: &[usize]) -> Step {
    let is_new = action == Action::Create;
    let field = FieldChange {
        path: FieldPath::top("text"),
        class: Class::Pending,
        before: None,
        after: Some(Value::from("x")),
    };
    Step {
        change: Change {
            key,
            action,
            class: Class::Pending,
            fields: vec![field],
            place: None,
            edited: None,
        },
        after: after.to_vec(),
        write: Map::new(),
        remote: (!is_new).then_some(RemoteId(1)),
        base: None,
        agreement: None,
        moves: Vec::new(),
        closes: Vec::new(),
    }
}

fn operation(subject: Key, after: &[usize]) -> Step {
    let operation = Operation {
        name: "look",
        subject: subject.clone(),
        arguments: Map::new(),
        reason: "it is new".into(),
    };
    let mut step = step(Action::Operation(operation), subject, after);
    step.change.fields.clear();
    step
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        environment: Some(EnvironmentName("prod".into())),
        platform: "library",
        revision: Some(Revision("r1".into())),
        steps,
        reported: Vec::new(),
        held: Vec::new(),
        blocked: Vec::new(),
        unmanaged: Vec::new(),
        orphaned: Vec::new(),
        retired: vec![key(904)],
        gone: vec![(key(900), None)],
        unchanged: BTreeMap::new(),
        agreed: vec![(
            key(901),
            LedgerEntry {
                spec: Map::new(),
                fingerprints: BTreeMap::new(),
                remote: None,
                revision: Revision("r1".into()),
                protected: false,
            },
        )],
        moved: vec![Moved {
            from: key(902),
            to: key(903),
        }],
        blast: Blast::default(),
        notes: Vec::new(),
        digest: Digest("d1".into()),
    }
}

/// So many of each, creations first; nothing waits for anything.
fn of(creates: usize, updates: usize, replaces: usize, deletes: usize) -> Plan {
    let actions = [
        (Action::Create, creates),
        (Action::Update, updates),
        (Action::Replace(Removal::Erase), replaces),
        (Action::Delete(Removal::Erase), deletes),
    ];
    let actions = actions
        .into_iter()
        .flat_map(|(action, count)| std::iter::repeat_n(action, count));
    plan(
        actions
            .enumerate()
            .map(|(n, action)| step(action, key(n), &[]))
            .collect(),
    )
}

fn population(existing: usize, owned: usize) -> Population {
    Population {
        existing,
        owned: [(NOTE, owned)].into(),
    }
}

/// As an environment that has its instance for itself.
fn hold_alone(plan: &mut Plan, population: &Population, guards: &Guards, circumstances: &Circumstances) {
    let nobody = Owners::nobody();
    hold(plan, population, &nobody, guards, Vec::new(), circumstances);
}

/// The reasons, the steps that are left by action, the number of those that are held.
fn held(plan: Plan, population: &Population, guards: Guards, circumstances: &Circumstances) -> String {
    let mut plan = plan;
    hold_alone(&mut plan, population, &guards, circumstances);
    shown(&plan)
}

fn shown(plan: &Plan) -> String {
    let reasons: Vec<&str> = plan.blocked.iter().map(|blocked| blocked.reason.word()).collect();
    let summary = plan.summary();
    format!(
        "{} | +{} ~{} ±{} -{} | {} held",
        reasons.join(" "),
        summary.create,
        summary.update,
        summary.replace,
        summary.delete,
        plan.held.len()
    )
}

#[test]
fn shares_and_numbers_hold_what_they_count() {
    let defaults = Guards::default();
    let few = Guards {
        delete_max: 2,
        update_max: 2,
        ..defaults
    };
    let all = Guards {
        delete_share: 100,
        update_share: 100,
        ..defaults
    };
    let none = Guards {
        delete_share: 0,
        update_share: 0,
        ..defaults
    };
    for (plan, existing, guards, expected) in [
        // Exactly the share goes; one more does not. No rounding: 31 of 101 is more than 30 %, 30 of 101 is not.
        (of(0, 0, 0, 3), 10, defaults, " | +0 ~0 ±0 -3 | 0 held"),
        (of(0, 0, 0, 4), 10, defaults, "delete_share | +0 ~0 ±0 -0 | 4 held"),
        (of(0, 30, 0, 0), 101, defaults, " | +0 ~30 ±0 -0 | 0 held"),
        (of(0, 31, 0, 0), 101, defaults, "update_share | +0 ~0 ±0 -0 | 31 held"),
        // Below `from` no share counts.
        (of(0, 9, 0, 0), 9, defaults, " | +0 ~9 ±0 -0 | 0 held"),
        (of(0, 10, 0, 0), 10, defaults, "update_share | +0 ~0 ±0 -0 | 10 held"),
        // Creations never count.
        (of(500, 0, 0, 0), 10, defaults, " | +500 ~0 ±0 -0 | 0 held"),
        // Too many deletions: updates and creations go on. Too many updates: deletions, which come after them, wait too.
        (of(2, 3, 0, 4), 10, defaults, "delete_share | +2 ~3 ±0 -0 | 4 held"),
        (of(2, 4, 0, 3), 10, defaults, "update_share | +2 ~0 ±0 -0 | 7 held"),
        // A replacement is a deletion and an update.
        (
            of(0, 0, 4, 0),
            10,
            defaults,
            "delete_share update_share | +0 ~0 ±0 -0 | 4 held",
        ),
        (of(0, 2, 2, 0), 10, defaults, "update_share | +0 ~0 ±0 -0 | 4 held"),
        (of(0, 0, 2, 2), 10, defaults, "delete_share | +0 ~0 ±0 -0 | 4 held"),
        // Numbers count whatever exists.
        (of(1, 3, 0, 2), 9, few, "update_max | +1 ~0 ±0 -0 | 5 held"),
        (of(1, 2, 0, 3), 9, few, "delete_max | +1 ~2 ±0 -0 | 3 held"),
        (
            of(0, 501, 0, 0),
            10_000,
            defaults,
            "update_max | +0 ~0 ±0 -0 | 501 held",
        ),
        (of(0, 0, 0, 51), 10_000, defaults, "delete_max | +0 ~0 ±0 -0 | 51 held"),
        // The ends of the scale.
        (of(0, 50, 0, 0), 50, all, " | +0 ~50 ±0 -0 | 0 held"),
        (of(0, 1, 0, 0), 50, none, "update_share | +0 ~0 ±0 -0 | 1 held"),
        (of(1, 0, 0, 0), 0, none, " | +1 ~0 ±0 -0 | 0 held"),
    ] {
        let name = format!("{} of {existing} under {guards:?}", shown(&plan));
        let seen = held(plan, &population(existing, existing), guards, &Circumstances::default());
        assert_eq!(seen, expected, "{name}");
    }
}

#[test]
fn everything_that_is_owned_or_all_of_a_kind_is_never_deleted_unasked() {
    let guards = Guards {
        delete_share: 100,
        ..Guards::default()
    };
    for (deletes, owned, expected) in [
        (1, 1, "prune_to_empty | +0 ~0 ±0 -0 | 1 held"),
        (3, 3, "prune_to_empty | +0 ~0 ±0 -0 | 3 held"),
        (2, 3, " | +0 ~0 ±0 -2 | 0 held"),
    ] {
        let seen = held(
            of(0, 0, 0, deletes),
            &population(owned, owned),
            guards,
            &Circumstances::default(),
        );
        assert_eq!(seen, expected, "{deletes} of {owned}");
    }
    // Shelves are left, but no note.
    for (notes, expected) in [
        (9, " | +0 ~0 ±0 -9 | 0 held"),
        (10, "prune_to_empty | +0 ~0 ±0 -0 | 10 held"),
    ] {
        let population = Population {
            existing: notes + 5,
            owned: [(NOTE, notes), (SHELF, 5)].into(),
        };
        let seen = held(of(0, 0, 0, notes), &population, guards, &Circumstances::default());
        assert_eq!(seen, expected, "{notes} notes");
    }
}

#[test]
fn what_goes_with_a_deletion_is_counted_as_deleted_and_once() {
    let shelf = |number: usize| Key::new(SHELF, [format!("s{number:03}")]);
    for (along, expected) in [
        (5, " | +0 ~0 ±0 -1 | 0 held"),
        (6, "delete_share | +0 ~0 ±0 -0 | 1 held"),
        (15, "delete_share prune_to_empty | +0 ~0 ±0 -0 | 1 held"),
    ] {
        let mut plan = of(0, 0, 0, 1);
        plan.steps[0].closes = std::iter::once(key(0)).chain((0..along).map(shelf)).collect();
        let population = Population {
            existing: 20,
            owned: [(NOTE, 5), (SHELF, 15)].into(),
        };
        let seen = held(plan, &population, Guards::default(), &Circumstances::default());
        assert_eq!(seen, expected, "{along} along");
    }
}

#[test]
fn messages_have_the_numbers_and_what_to_do() {
    let mut of_environment = of(0, 0, 0, 12);
    hold_alone(
        &mut of_environment,
        &population(29, 29),
        &Guards::default(),
        &Circumstances::default(),
    );
    assert_eq!(
        of_environment.blocked[0].message,
        "would delete 12 of 29 (41.4 %), the guard allows 30 %: look at the plan and approve it with `driftless approve RUN` or \
         `apply --approve DIGEST`, or raise `guards.delete_share`"
    );
    assert_eq!(of_environment.blocked[0].keys.len(), 12);
    let mut bare = of(0, 600, 0, 0);
    bare.environment = None;
    let guards = Guards {
        update_share: 100,
        ..Guards::default()
    };
    hold_alone(&mut bare, &population(600, 0), &guards, &Circumstances::default());
    assert_eq!(
        bare.blocked[0].message,
        "would update 600 resources, the guard allows 500: look at the plan and let it through with `apply --approve DIGEST`"
    );
    for (count, of, shown) in [
        (1, 3, "33.4"),
        (3, 10, "30"),
        (301, 1000, "30.1"),
        (3001, 10_000, "30.1"),
    ] {
        assert_eq!(percentage(count, of), shown);
    }
}

#[test]
fn what_needs_a_held_step_is_held_with_it_and_what_only_it_needs_is_not_done() {
    // 0 a shelf that changes; 1 a look at it, for 2; 2 a note on it; 3 a look at something else, for 4; 4 and 5 notes apart.
    let shelf = Key::new(SHELF, ["s"]);
    let other = Key::new(SHELF, ["t"]);
    let mut plan = plan(vec![
        step(Action::Update, shelf.clone(), &[]),
        operation(shelf.clone(), &[]),
        step(Action::Create, key(2), &[0, 1]),
        operation(other, &[]),
        step(Action::Create, key(4), &[3]),
        step(Action::Create, key(5), &[4]),
    ]);
    let guards = Guards {
        update_max: 0,
        ..Guards::default()
    };
    hold_alone(&mut plan, &population(20, 20), &guards, &Circumstances::default());
    let left: Vec<(String, Vec<usize>)> = plan
        .steps
        .iter()
        .map(|step| (step.change.key.to_string(), step.after.clone()))
        .collect();
    let expected = [("shelf/t", vec![]), ("note/n004", vec![0]), ("note/n005", vec![1])];
    assert_eq!(left, expected.map(|(key, after)| (key.to_owned(), after)));
    let blocked: Vec<(&str, &[Key])> = plan
        .blocked
        .iter()
        .map(|blocked| (blocked.reason.word(), blocked.keys.as_slice()))
        .collect();
    assert_eq!(
        blocked,
        [("update_max", &[shelf][..]), ("dependency_blocked", &[key(2)][..])]
    );
    assert_eq!(
        plan.held.len(),
        3,
        "the change, the look, the creation: {:?}",
        plan.held
    );
    assert_eq!(plan.summary().blocked, 2);
}

fn holding(reason: BlockReason) -> Circumstances {
    Circumstances {
        holds: vec![Hold {
            reason,
            message: "because".into(),
        }],
        ..Circumstances::default()
    }
}

#[test]
fn a_hold_keeps_every_write_back_and_a_resource_counts_once() {
    let mut plan = of(1, 4, 0, 4);
    let mut circumstances = holding(BlockReason::OutsideWindow);
    circumstances.holds.push(Hold {
        reason: BlockReason::Suspended,
        message: "holiday".into(),
    });
    hold_alone(&mut plan, &population(10, 10), &Guards::default(), &circumstances);
    let words: Vec<&str> = plan.blocked.iter().map(|blocked| blocked.reason.word()).collect();
    assert_eq!(words, ["delete_share", "update_share", "outside_window", "suspended"]);
    assert_eq!((plan.steps.len(), plan.held.len(), plan.summary().blocked), (0, 9, 9));
    assert_eq!(plan.states()[&NOTE].blocked, 9);
    assert_eq!((plan.agreed.len(), plan.moved.len(), plan.gone.len()), (1, 1, 1));
    let mut nothing = of(0, 0, 0, 0);
    hold_alone(&mut nothing, &population(10, 10), &Guards::default(), &circumstances);
    assert_eq!(nothing.blocked, [], "nothing to do is not blocked");
}

#[test]
fn of_a_revision_that_may_not_be_followed_nothing_is_learnt() {
    let mut plan = of(0, 1, 0, 0);
    let mut circumstances = holding(BlockReason::NotFastForward);
    let (population, guards) = (population(10, 10), Guards::default());
    hold_alone(&mut plan, &population, &guards, &circumstances);
    let learnt = |plan: &Plan| [plan.agreed.len(), plan.moved.len(), plan.gone.len(), plan.retired.len()];
    assert_eq!(learnt(&plan), [0; 4]);
    circumstances.approved = Some(Digest("d1".into()));
    let mut plan = of(0, 1, 0, 0);
    hold_alone(&mut plan, &population, &guards, &circumstances);
    assert_eq!(learnt(&plan), [1; 4]);
    assert_eq!(plan.steps.len(), 1);
}

#[test]
fn an_approval_lifts_what_can_be_approved_of_the_very_plan() {
    let approved = |digest: &str, reason| Circumstances {
        approved: Some(Digest(digest.into())),
        ..holding(reason)
    };
    for (digest, reason, expected) in [
        ("d1", BlockReason::OutsideWindow, " | +1 ~4 ±0 -4 | 0 held"),
        ("d1", BlockReason::Suspended, "suspended | +0 ~0 ±0 -0 | 9 held"),
        (
            "d0",
            BlockReason::OutsideWindow,
            "delete_share update_share outside_window | +0 ~0 ±0 -0 | 9 held",
        ),
    ] {
        let circumstances = approved(digest, reason);
        let seen = held(of(1, 4, 0, 4), &population(10, 10), Guards::default(), &circumstances);
        assert_eq!(seen, expected, "{digest} {reason:?}");
    }
}

#[test]
fn what_is_put_back_again_and_again_waits_and_a_change_of_git_does_not() {
    let mut plan = of(0, 4, 0, 0);
    for (node, class) in [(0, Class::Drift), (1, Class::Conflict), (3, Class::Drift)] {
        let change = &mut plan.steps[node].change;
        change.class = class;
        change.fields.iter_mut().for_each(|field| field.class = class);
    }
    // Git changed another field of the last one.
    let fields = &mut plan.steps[3].change.fields;
    fields.push(FieldChange {
        path: FieldPath::top("other"),
        class: Class::Pending,
        ..fields[0].clone()
    });
    let circumstances = Circumstances {
        stopped: (0..4).map(|n| (key(n), "changed again and again".to_owned())).collect(),
        ..Circumstances::default()
    };
    hold_alone(&mut plan, &population(100, 100), &Guards::default(), &circumstances);
    assert_eq!(shown(&plan), "flapping | +0 ~3 ±0 -0 | 1 held");
    assert_eq!(plan.blocked[0].keys, [key(0)]);
    assert_eq!(plan.steps[0].change.key, key(1));
}
