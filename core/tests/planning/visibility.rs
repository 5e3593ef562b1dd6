//! Not visible is not absent: what a list lacks of what the ledger owns waits for proof, or for a person.

use driftless_core::key::{Key, RemoteId};
use driftless_core::plan::{Action, BlockReason, Blocked, Plan};
use driftless_core::policy::OnDrift;
use driftless_core::snapshot::{Gap, GapReason, LOOKED_UP, Presence};

use crate::case::{Case, case};
use crate::library::{NOTE, SHELF, VAULT, key};

const VAULT_FILE: (&str, &str) = ("vaults/a/_vault.yaml", "name: A\n");

/// A text of any name, for as long as the tests run.
fn text(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// A vault with `owned` notes in Git and ledger, of which the first `shown` are live, with the numbers from 100.
fn notes(owned: usize, shown: usize) -> Case {
    let files: Vec<(&str, &str)> = (0..owned)
        .map(|n| {
            (
                text(format!("vaults/a/notes/{n}.yaml")),
                text(format!("name: n{n}\ntext: t\n")),
            )
        })
        .chain([VAULT_FILE])
        .collect();
    let mut case = case(&files).live("vault/A", 1, "name: A").agreed("vault/A", "name: A");
    for n in 0..owned {
        let at = format!("note/A/n{n}");
        let body = format!("name: n{n}\ntext: t");
        if n < shown {
            case = case.live(&at, 100 + i64::try_from(n).unwrap(), &body);
        }
        case = case.agreed(&at, &body);
        let entry = case.ledger.as_mut().unwrap().entries.get_mut(&key(&at)).unwrap();
        entry.remote = Some(RemoteId(100 + i64::try_from(n).unwrap()));
    }
    case
}

/// Hides `below`, as an adapter does that was told 404 or 403.
fn not_visible(case: &mut Case, below: &str) {
    let below = key(below);
    for kind in [VAULT, SHELF, NOTE] {
        case.live.gaps.push(Gap {
            kind,
            below: Some(below.clone()),
            reason: GapReason::NotVisible,
            message: "number 1 answers 404".into(),
        });
    }
}

fn approved(mut case: Case, plan: &Plan) -> Plan {
    case.circumstances.approved = Some(plan.digest.clone());
    case.plan().0
}

fn created(plan: &Plan) -> Vec<&Key> {
    let creates = plan.steps.iter().filter(|step| step.change.action == Action::Create);
    creates.map(|step| &step.change.key).collect()
}

fn blocked(plan: &Plan, reason: BlockReason) -> Option<&Blocked> {
    plan.blocked.iter().find(|blocked| blocked.reason == reason)
}

#[test]
fn a_list_that_shrank_is_not_believed() {
    // Policy: from 10 resources on, 30 % may go.
    for (owned, shown, is_believed) in [
        (10, 7, true),
        (10, 6, false),
        (9, 0, true),
        (10, 0, false),
        (100, 79, false),
    ] {
        let what = format!("{shown} of {owned}");
        for drift in [OnDrift::Correct, OnDrift::Report] {
            let (plan, _) = notes(owned, shown).policy(|policy| policy.drift = drift).plan();
            let told = plan.steps.len() + plan.reported.len();
            match is_believed {
                true => assert_eq!((told, plan.blocked.len()), (owned - shown, 0), "{what}"),
                false => {
                    assert_eq!(told, 0, "{what}: nothing of it is made again or called drift");
                    let blocked = blocked(&plan, BlockReason::ShrunkRead).unwrap();
                    assert_eq!(blocked.keys.len(), owned - shown, "{what}");
                    let numbers = format!("lacks {} of the {owned} ", owned - shown);
                    assert!(blocked.message.contains(&numbers), "{}", blocked.message);
                }
            }
        }
    }
}

#[test]
fn more_than_are_asked_for_one_by_one_are_not_believed_to_be_gone_whatever_their_share() {
    let (plan, _) = notes(400, 400 - LOOKED_UP).plan();
    assert_eq!(created(&plan).len(), LOOKED_UP);
    let (plan, _) = notes(400, 400 - LOOKED_UP - 1).plan();
    assert!(plan.is_empty());
    assert_eq!(
        blocked(&plan, BlockReason::ShrunkRead).unwrap().keys.len(),
        LOOKED_UP + 1
    );
}

#[test]
fn what_a_shrunken_list_shows_is_compared_and_what_is_new_in_git_waits() {
    let mut case = notes(12, 6);
    case.files.push(("vaults/a/notes/new.yaml", "name: new\n"));
    case.files.push(("vaults/a/shelves/s.yaml", "name: s\n"));
    case.files.retain(|(path, _)| *path != "vaults/a/notes/0.yaml");
    case.files.push(("vaults/a/notes/0.yaml", "name: n0\ntext: other\n"));
    let (plan, _) = case.plan();
    let keys: Vec<&Key> = plan.steps.iter().map(|step| &step.change.key).collect();
    assert_eq!(keys, [&key("shelf/A/s"), &key("note/A/n0")]);
    let waiting = &blocked(&plan, BlockReason::ShrunkRead).unwrap().keys;
    assert!(
        waiting.contains(&key("note/A/new")),
        "it may be among what the list lacks"
    );
}

#[test]
fn what_is_archived_or_has_another_name_is_not_missing() {
    let mut case = notes(12, 12);
    for n in 0..6 {
        let live = case.live.resources.remove(&key(&format!("note/A/n{n}"))).unwrap();
        case.live.resources.insert(key(&format!("note/A/by hand {n}")), live);
    }
    for n in 6..12 {
        let archived = case.live.resources.get_mut(&key(&format!("note/A/n{n}"))).unwrap();
        archived.presence = Presence::Archived;
    }
    let (plan, _) = case.plan();
    assert_eq!((created(&plan).len(), plan.steps.len()), (6, 12), "{:?}", plan.blocked);
}

#[test]
fn what_git_has_given_up_as_well_is_gone_and_does_not_count() {
    let mut case = notes(12, 12);
    case.files = vec![VAULT_FILE];
    case.live.resources.retain(|key, _| key.kind == VAULT);
    let (plan, _) = case.plan();
    assert_eq!((plan.gone.len(), plan.blocked.len()), (12, 0));
}

#[test]
fn small_places_are_seen_to_shrink_together() {
    let mut files = Vec::new();
    let mut places: Vec<String> = Vec::new();
    for vault in ["A", "B", "C", "D"] {
        files.push((
            text(format!("vaults/{vault}/_vault.yaml")),
            text(format!("name: {vault}\n")),
        ));
        for n in 0..4 {
            files.push((
                text(format!("vaults/{vault}/notes/{n}.yaml")),
                text(format!("name: n{n}\n")),
            ));
            places.push(format!("note/{vault}/n{n}"));
        }
    }
    let mut case = case(&files);
    for (id, vault) in (1..).zip(["A", "B", "C", "D"]) {
        let (at, body) = (format!("vault/{vault}"), format!("name: {vault}"));
        case = case.live(&at, id, &body).agreed(&at, &body);
    }
    for at in &places {
        case = case.agreed(at, &format!("name: {}", key(at).name()));
    }
    let (plan, _) = case.plan();
    assert!(plan.is_empty());
    let blocked = plan.blocked.iter().map(|blocked| (blocked.reason, blocked.keys.len()));
    assert_eq!(blocked.collect::<Vec<_>>(), [(BlockReason::ShrunkRead, 4); 4]);
}

#[test]
fn what_lies_in_something_that_a_shrunken_list_lacks_is_not_gone_either() {
    let files: Vec<(&str, &str)> = (0..12)
        .map(|n| (text(format!("vaults/v{n}/_vault.yaml")), text(format!("name: V{n}\n"))))
        .chain([("vaults/v0/notes/n.yaml", "name: n\n")])
        .collect();
    let mut case = case(&files);
    for n in 0..12 {
        case = case.agreed(&format!("vault/V{n}"), &format!("name: V{n}"));
    }
    case = case
        .agreed("note/V0/n", "name: n")
        .agreed("note/V1/given_up", "name: given_up");
    let (plan, _) = case.plan();
    assert!(plan.is_empty() && plan.gone.is_empty(), "{:?}", plan.gone);
    assert_eq!(blocked(&plan, BlockReason::ShrunkRead).unwrap().keys.len(), 13);
}

#[test]
fn not_visible_is_not_absent() {
    let mut case = notes(12, 0);
    case.live.resources.clear();
    not_visible(&mut case, "vault/A");
    case.files.push(("vaults/b/_vault.yaml", "name: B\nmirror: A\n"));
    let case = case.agreed("note/A/given_up", "name: given_up");
    let (planned, _) = case.planned();
    let plan = planned.plan;
    assert_eq!(created(&plan), [&key("vault/B")]);
    assert!(plan.reported.is_empty() && plan.gone.is_empty() && plan.unmanaged.is_empty());
    let hidden = blocked(&plan, BlockReason::NotVisible).unwrap();
    assert_eq!(hidden.keys.len(), 13, "the vault, and all that lies in it");
    let link = blocked(&plan, BlockReason::DependencyBlocked).unwrap();
    assert_eq!(link.keys, [key("vault/B")], "its link needs what is not made");
}

#[test]
fn an_approved_plan_takes_what_is_not_to_be_seen_for_absent_and_keeps_its_digest() {
    let mut case = notes(12, 0);
    case.live.resources.clear();
    not_visible(&mut case, "vault/A");
    let (first, _) = case.planned();
    let second = approved(case, &first.plan);
    assert_eq!(created(&second).len(), 13);
    assert_eq!((&second.digest, second.blocked.len()), (&first.plan.digest, 0));

    let (first, _) = notes(12, 2).planned();
    let second = approved(notes(12, 2), &first.plan);
    assert_eq!(created(&second).len(), 10);
    assert_eq!(second.digest, first.plan.digest);
}

#[test]
fn an_approval_of_another_plan_or_of_what_cannot_be_known_dispels_nothing() {
    let (first, _) = notes(12, 2).planned();
    let other = approved(notes(12, 3), &first.plan);
    assert!(other.is_empty());
    assert_ne!(other.digest, first.plan.digest);

    let unread = || {
        let mut case = notes(12, 2);
        case.live.gaps.push(Gap {
            kind: NOTE,
            below: None,
            reason: GapReason::Unread,
            message: "half a page".into(),
        });
        case
    };
    let (first, _) = unread().planned();
    let second = approved(unread(), &first.plan);
    assert!(second.is_empty());
    assert_eq!(blocked(&second, BlockReason::IncompleteRead).unwrap().keys.len(), 10);
}
