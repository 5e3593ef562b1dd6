//! Several environments on one instance: the first in the config that declares a resource owns it.

use std::collections::BTreeSet;

use driftless_core::guard::{Certainty, Neighbour, Precedence};
use driftless_core::key::EnvironmentName;
use driftless_core::load::{Layers, load};
use driftless_core::plan::Plan;
use driftless_core::snapshot::Desired;
use driftless_core::substitute::Variables;

use crate::case::{Case, case};
use crate::library::{Library, VAULT, key, tree};

const OURS: &str = "name: A\nx: 1";

fn desired(files: &[(&str, &str)]) -> Desired {
    let layers = Layers {
        base: "",
        overlays: &[],
    };
    load(&tree(files), &layers, &Variables::default(), &[], &Library).desired
}

/// A neighbour called `other` that declares these files and owns these keys.
fn neighbour(precedence: Precedence, files: &[(&str, &str)], owned: &[&str]) -> Neighbour {
    Neighbour {
        name: EnvironmentName("other".into()),
        precedence,
        desired: desired(files),
        owned: owned.iter().map(|at| key(at)).collect::<BTreeSet<_>>(),
        certainty: Certainty::Whole,
    }
}

fn unread(precedence: Precedence, owned: &[&str]) -> Neighbour {
    Neighbour {
        certainty: Certainty::Partial,
        ..neighbour(precedence, &[], owned)
    }
}

/// Ours declares `vault/A` with `x: 1`, and `vault/Keep`, which nobody else has.
fn ours() -> Case {
    case(&[
        ("vaults/a/_vault.yaml", OURS),
        ("vaults/keep/_vault.yaml", "name: Keep"),
    ])
    .live("vault/Keep", 9, "name: Keep")
    .agreed("vault/Keep", "name: Keep")
}

fn beside(mut case: Case, neighbour: Neighbour) -> Plan {
    case.circumstances.neighbours.push(neighbour);
    case.plan().0
}

/// What becomes of `vault/A`.
fn fate(plan: &Plan) -> String {
    let ours = key("vault/A");
    let mut words = Vec::new();
    let steps = plan.steps.iter().filter(|step| step.change.key == ours);
    words.extend(steps.map(|step| step.change.action.word()));
    words.extend(
        plan.reported
            .iter()
            .filter(|change| change.key == ours)
            .map(|_| "shown"),
    );
    let blocked = plan.blocked.iter().filter(|blocked| blocked.keys.contains(&ours));
    words.extend(blocked.map(|blocked| blocked.reason.word()));
    for (word, has) in [
        ("in sync", plan.unchanged.get(&VAULT) == Some(&2)),
        ("learns", plan.agreed.iter().any(|(key, _)| *key == ours)),
        ("orphaned", plan.orphaned.contains(&ours)),
        ("unmanaged", plan.unmanaged.contains(&ours)),
        ("handed over", plan.retired.contains(&ours)),
    ] {
        words.extend(has.then_some(word));
    }
    words.join(", ")
}

const THE_SAME: (&str, &str) = ("vaults/elsewhere/_vault.yaml", "x: 1.0\nname: A");
const ANOTHER: (&str, &str) = ("vaults/elsewhere/_vault.yaml", "name: A\nx: 2\ncolour: red");

#[test]
fn what_two_declare_is_written_by_the_first_alone() {
    use Precedence::{After, Before};
    let live = |yaml| ours().live("vault/A", 1, yaml);
    for (case, neighbour, expected) in [
        // The same on both sides: the second only counts it, and leaves its drift to the first.
        (live("name: A\nx: 1"), neighbour(Before, &[THE_SAME], &[]), "in sync"),
        (live("name: A\nx: 7"), neighbour(Before, &[THE_SAME], &[]), "in sync"),
        (
            live("name: A\nx: 7").agreed("vault/A", OURS),
            neighbour(Before, &[THE_SAME], &[]),
            "in sync",
        ),
        // The first has yet to make it.
        (ours(), neighbour(Before, &[THE_SAME], &[]), "shown"),
        // Another value: blocked in the second, written in the first.
        (
            live("name: A\nx: 7"),
            neighbour(Before, &[ANOTHER], &[]),
            "owned_elsewhere",
        ),
        (
            live("name: A\nx: 2"),
            neighbour(Before, &[ANOTHER], &["vault/A"]),
            "owned_elsewhere",
        ),
        (
            live("name: A\nx: 7"),
            neighbour(After, &[ANOTHER], &["vault/A"]),
            "update",
        ),
        (
            live("name: A\nx: 1"),
            neighbour(After, &[THE_SAME], &["vault/A"]),
            "in sync, learns",
        ),
        // What the first only owned, and declares no more, is the second's.
        (live("name: A\nx: 7"), neighbour(Before, &[], &["vault/A"]), "update"),
        // What cannot be read is no absence: what it owned counts.
        (live("name: A\nx: 7"), unread(Before, &["vault/A"]), "owned_elsewhere"),
        (live("name: A\nx: 7"), unread(Before, &[]), "update"),
        (live("name: A\nx: 7"), unread(After, &["vault/A"]), "update"),
        (
            live("name: A\nx: 7"),
            neighbour(Before, &[("vaults/a/_vault.yaml", "name: [")], &["vault/A"]),
            "owned_elsewhere",
        ),
    ] {
        let name = format!("{neighbour:?}");
        assert_eq!(fate(&beside(case, neighbour)), expected, "{name}");
    }
}

#[test]
fn what_another_environment_has_is_neither_unmanaged_nor_an_orphan() {
    use Precedence::{After, Before};
    let without = || {
        case(&[("vaults/keep/_vault.yaml", "name: Keep")])
            .live("vault/Keep", 9, "name: Keep")
            .agreed("vault/Keep", "name: Keep")
            .live("vault/A", 1, OURS)
    };
    for precedence in [Before, After] {
        for (case, neighbour, expected) in [
            (without(), neighbour(precedence, &[], &[]), "unmanaged"),
            (without(), neighbour(precedence, &[ANOTHER], &[]), ""),
            (without(), neighbour(precedence, &[], &["vault/A"]), ""),
            (without(), unread(precedence, &[]), ""),
            // Moved from this environment to the other one.
            (
                without().agreed("vault/A", OURS),
                neighbour(precedence, &[THE_SAME], &[]),
                "",
            ),
            (
                without().agreed("vault/A", OURS),
                neighbour(precedence, &[THE_SAME], &["vault/A"]),
                "handed over",
            ),
            (
                without().agreed("vault/A", OURS),
                neighbour(precedence, &[], &[]),
                "orphaned",
            ),
        ] {
            let name = format!("{neighbour:?}");
            assert_eq!(fate(&beside(case, neighbour)), expected, "{name}");
        }
    }
}

#[test]
fn the_block_says_which_environment_it_is_and_what_differs() {
    let plan = beside(ours(), neighbour(Precedence::Before, &[ANOTHER], &[]));
    assert_eq!(
        plan.blocked[0].message,
        "the environment `other` stands first in the config and declares `x`, `colour` otherwise: take it out of one of them, or \
         say the same in both"
    );
    assert!(plan.blocked[0].places.contains_key(&key("vault/A")));
}

#[test]
fn secrets_are_nobodys_to_compare() {
    let case = case(&[("vaults/a/_vault.yaml", "name: A\npassword: one")]).live("vault/A", 1, "name: A");
    let theirs = [("vaults/a/_vault.yaml", "name: A\npassword: other")];
    let plan = beside(case, neighbour(Precedence::Before, &theirs, &[]));
    assert_eq!((plan.blocked.len(), plan.steps.len()), (0, 0));
}
