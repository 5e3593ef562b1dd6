//! What the ledger owns and Git no longer declares: which of it goes, and what keeps the rest back.

use driftless_core::field::FieldPath;
use driftless_core::key::Kind;
use driftless_core::plan::{Action, BlockReason, Class, Plan, Removal};
use driftless_core::policy::{IgnoreRule, Mode, OnDrift, Prune};
use driftless_core::render;
use driftless_core::snapshot::{Gap, GapReason, Presence};
use driftless_core::value::Value;

use crate::case::{Case, case};
use crate::library::{NOTE, SHELF, VAULT, key};

const VAULT_FILE: (&str, &str) = ("vaults/a/_vault.yaml", "name: A\n");
const SHELF_FILE: (&str, &str) = ("vaults/a/shelves/s.yaml", "name: s\n");
const DELETE: &[(Kind, Prune)] = &[(VAULT, Prune::Delete), (SHELF, Prune::Delete), (NOTE, Prune::Delete)];

impl Case {
    /// Live, and agreed on as it is.
    fn kept(self, at: &str, id: i64, yaml: &str) -> Self {
        self.live(at, id, yaml).agreed(at, yaml)
    }

    fn prune(self, kinds: &[(Kind, Prune)]) -> Self {
        self.policy(|policy| policy.prune = kinds.iter().copied().collect())
    }

    fn protected(mut self, at: &str) -> Self {
        let entries = &mut self.ledger.as_mut().unwrap().entries;
        entries.get_mut(&key(at)).unwrap().protected = true;
        self
    }

    fn archived(mut self, at: &str) -> Self {
        self.live.resources.get_mut(&key(at)).unwrap().presence = Presence::Archived;
        self
    }
}

/// A vault with a shelf, of which Git declares the vault alone.
fn vault_and(files: &[(&'static str, &'static str)]) -> Case {
    let files = [&[VAULT_FILE], files].concat();
    case(&files).kept("vault/A", 1, "name: A")
}

fn steps(plan: &Plan) -> Vec<String> {
    let how = |action: &Action| action.removal().map_or("", Removal::word);
    let line = |step: &driftless_core::plan::Step| {
        let action = &step.change.action;
        format!("{} {} {}", action.word(), step.change.key, how(action))
            .trim()
            .to_owned()
    };
    plan.steps.iter().map(line).collect()
}

#[track_caller]
fn blocked(plan: &Plan, reason: BlockReason, keys: &[&str]) -> String {
    let found: Vec<_> = plan.blocked.iter().filter(|blocked| blocked.reason == reason).collect();
    let [found] = found.as_slice() else {
        panic!("{}", render::plan_text(plan));
    };
    assert_eq!(found.keys, keys.iter().map(|at| key(at)).collect::<Vec<_>>());
    for at in keys {
        assert!(plan.held.iter().any(|change| change.key == key(at)), "{at} is held");
        assert!(
            !plan.steps.iter().any(|step| step.change.key == key(at)),
            "{at} is no step"
        );
    }
    found.message.clone()
}

#[test]
fn each_kind_goes_as_its_policy_says_and_stays_without_one() {
    let removed = |prune: &[(Kind, Prune)]| {
        let case = vault_and(&[])
            .kept("shelf/A/s", 2, "name: s")
            .kept("note/A/n", 3, "name: n")
            .prune(prune);
        case.plan().0
    };
    let plan = removed(&[]);
    assert_eq!((steps(&plan).len(), plan.orphaned.len()), (0, 2));
    let plan = removed(&[(NOTE, Prune::Disable)]);
    assert_eq!(steps(&plan), ["delete note/A/n archive"]);
    assert_eq!(plan.orphaned, [key("shelf/A/s")]);
    let plan = removed(&[(NOTE, Prune::Delete), (SHELF, Prune::Off)]);
    assert_eq!(steps(&plan), ["delete note/A/n erase"]);
    assert_eq!(plan.orphaned, [key("shelf/A/s")]);
    assert_eq!(plan.summary().delete, 1);
}

#[test]
fn what_the_ledger_does_not_own_is_never_deleted() {
    let foreign = |case: Case| {
        let (plan, _) = case.live("note/A/foreign", 3, "name: foreign").prune(DELETE).plan();
        assert!(plan.is_empty() && plan.held.is_empty(), "{}", render::plan_text(&plan));
        assert_eq!(plan.unmanaged, [key("note/A/foreign")]);
    };
    foreign(vault_and(&[]));
    let mut bare = case(&[VAULT_FILE]).live("vault/A", 1, "name: A");
    bare.ledger = None;
    foreign(bare);
}

#[test]
fn deletions_come_after_all_else_in_reverse_order() {
    let (plan, _) = case(&[
        ("vaults/c/_vault.yaml", "name: C\n"),
        ("vaults/c/notes/new.yaml", "name: new\n"),
        ("vaults/k/_vault.yaml", "name: K\n"),
    ])
    .kept("vault/K", 9, "name: K")
    .kept("vault/A", 1, "name: A")
    .kept("shelf/A/s", 2, "name: s")
    .kept("note/A/n", 3, "name: n\nshelf: s")
    .kept("vault/B", 4, "name: B")
    .prune(DELETE)
    .plan();
    assert_eq!(
        steps(&plan),
        [
            "create vault/C",
            "create note/C/new",
            "delete note/A/n erase",
            "delete shelf/A/s erase",
            "delete vault/A erase",
            "delete vault/B erase",
        ]
    );
    assert_eq!(plan.steps[4].after, [2, 3]);
    assert_eq!(plan.steps[3].after, [2]);
    assert_eq!(plan.steps[4].closes, [key("vault/A")]);
}

#[test]
fn what_lies_in_something_deleted_goes_with_it_where_its_own_kind_is_not_pruned() {
    let (plan, _) = case(&[("vaults/c/_vault.yaml", "name: C\n")])
        .kept("vault/C", 9, "name: C")
        .kept("vault/A", 1, "name: A")
        .kept("shelf/A/s", 2, "name: s")
        .kept("note/A/n", 3, "name: n")
        .prune(&[(VAULT, Prune::Delete), (NOTE, Prune::Disable)])
        .plan();
    assert_eq!(steps(&plan), ["delete vault/A erase"]);
    assert_eq!(plan.orphaned, [], "what goes is no orphan");
    let mut closes = plan.steps[0].closes.clone();
    closes.sort();
    assert_eq!(
        closes,
        [key("vault/A"), key("shelf/A/s"), key("note/A/n")]
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    );
    let takes = &plan.blast.takes[&key("vault/A")];
    assert!(takes.contains(&key("shelf/A/s")) && takes.contains(&key("note/A/n")));
    let text = render::plan_text(&plan);
    assert!(text.contains("      takes along shelf/A/s\n"), "{text}");
    let json = render::plan_json(&plan);
    assert!(
        json.contains("\"how\": \"erase\"") && json.contains("\"takes\""),
        "{json}"
    );
    assert!(render::plan_markdown(&plan).contains("takes along `"));
}

#[test]
fn nothing_foreign_goes_along_unless_a_person_approves_that_very_plan() {
    let case = || {
        case(&[("vaults/c/_vault.yaml", "name: C\n")])
            .kept("vault/C", 9, "name: C")
            .kept("vault/A", 1, "name: A")
            .live("note/A/foreign", 3, "name: foreign")
            .prune(DELETE)
    };
    let (plan, _) = case().plan();
    let message = blocked(&plan, BlockReason::DeletionTakesAlong, &["vault/A"]);
    assert!(message.contains("`note/A/foreign`") && plan.is_empty(), "{message}");
    let mut approved = case();
    approved.circumstances.approved = Some(plan.digest.clone());
    let (again, _) = approved.plan();
    assert_eq!(steps(&again), ["delete vault/A erase"]);
    assert_eq!((&again.digest, again.blocked.len()), (&plan.digest, 0));
    // One more since then is another plan.
    let mut other = case().live("note/A/later", 4, "name: later");
    other.circumstances.approved = Some(plan.digest);
    assert!(other.plan().0.is_empty());
}

#[test]
fn removed_in_git_and_changed_live_goes_only_where_drift_is_corrected_and_both_sides_are_shown() {
    let moved = |drift| {
        let mut case = vault_and(&[])
            .live("note/A/n", 3, "name: n\ntext: by hand")
            .agreed("note/A/n", "name: n\ntext: agreed")
            .prune(DELETE)
            .policy(|policy| policy.drift = drift);
        case.live.resources.get_mut(&key("note/A/n")).unwrap().edited = Some("Ada, yesterday".into());
        case.plan().0
    };
    let plan = moved(OnDrift::Correct);
    assert_eq!(steps(&plan), ["delete note/A/n erase"]);
    let change = &plan.steps[0].change;
    assert_eq!((change.class, change.fields.len()), (Class::Conflict, 1));
    assert_eq!(change.fields[0].before, Some(Value::from("by hand")));
    assert_eq!(change.fields[0].after, Some(Value::from("agreed")));
    let text = render::plan_text(&plan);
    assert!(text.contains("conflict, changed by Ada, yesterday"), "{text}");
    assert!(
        text.contains("text: live \"by hand\", last in Git \"agreed\""),
        "{text}"
    );
    let plan = moved(OnDrift::Report);
    assert!(plan.is_empty() && plan.orphaned.is_empty());
    assert_eq!(plan.reported[0].action, Action::Delete(Removal::Erase));
}

#[test]
fn another_spelling_and_what_is_ignored_or_not_agreed_on_are_no_change_by_hand() {
    let (plan, _) = vault_and(&[])
        .live("note/A/n", 3, "name: n\ncolour: gray\ntags: [b, a]\nlabel: x\nnew: 1")
        .agreed("note/A/n", "name: n\ncolour: grey\ntags: [a, b]\nlabel: y")
        .prune(DELETE)
        .policy(|policy| {
            policy.drift = OnDrift::Report;
            policy.ignore = vec![IgnoreRule::new(None, None, vec![FieldPath::top("label")]).unwrap()];
        })
        .plan();
    assert_eq!(steps(&plan), ["delete note/A/n erase"]);
    assert_eq!(plan.steps[0].change.class, Class::Pending);
}

#[test]
fn observe_only_shows_what_would_go() {
    let (plan, _) = vault_and(&[])
        .kept("note/A/n", 3, "name: n")
        .prune(DELETE)
        .policy(|policy| policy.mode = Mode::Observe)
        .plan();
    assert!(plan.is_empty() && plan.blocked.is_empty());
    assert_eq!(plan.reported[0].key, key("note/A/n"));
}

#[test]
fn what_is_archived_already_only_leaves_the_ledger() {
    let archived = |prune| {
        let case = vault_and(&[]).kept("note/A/n", 3, "name: n").archived("note/A/n");
        case.prune(&[(NOTE, prune)])
    };
    for prune in [Prune::Disable, Prune::Delete] {
        let (plan, _) = archived(prune).plan();
        assert_eq!(
            (plan.retired.as_slice(), plan.is_empty()),
            (&[key("note/A/n")][..], true)
        );
    }
    assert!(archived(Prune::Off).plan().0.retired.is_empty());
    assert!(
        archived(Prune::Disable)
            .protected("note/A/n")
            .plan()
            .0
            .retired
            .is_empty()
    );
}

#[test]
fn an_unreadable_file_blocks_every_deletion_of_its_environment() {
    let gone = |files: &[(&'static str, &'static str)]| {
        let case = vault_and(files)
            .kept("note/A/n", 3, "name: n")
            .kept("shelf/A/s", 2, "name: s");
        case.prune(DELETE).plan().0
    };
    let keys = ["note/A/n", "shelf/A/s"];
    // Of another kind, too: who knows what was meant to be in it.
    let plan = gone(&[("vaults/b/_vault.yaml", "name: [")]);
    let message = blocked(&plan, BlockReason::IncompleteSource, &keys);
    assert!(message.contains("has an error"), "{message}");
    // Accidents begin with a file that is skipped with no more than a warning.
    let plan = gone(&[("vaults/a/notes/n.yml", "name: n\n")]);
    let message = blocked(&plan, BlockReason::IncompleteSource, &keys);
    assert!(message.contains("vaults/a/notes/n.yml"), "{message}");
    // A folder that fits no vault is only known once both sides are.
    let plan = gone(&[("vaults/elsewhere/notes/x.yaml", "name: x\n")]);
    let _ = blocked(&plan, BlockReason::IncompleteSource, &keys);
}

#[test]
fn an_empty_folder_removes_nothing() {
    let (plan, _) = case(&[]).kept("vault/A", 1, "name: A").prune(DELETE).plan();
    let message = blocked(&plan, BlockReason::IncompleteSource, &["vault/A"]);
    assert!(message.contains("`path`"), "{message}");
}

#[test]
fn what_could_not_be_read_whole_is_not_deleted_nor_what_it_lies_in() {
    let gap = |kind, below: Option<&str>| {
        let mut case = case(&[("vaults/c/_vault.yaml", "name: C\n")])
            .kept("vault/C", 9, "name: C")
            .kept("vault/A", 1, "name: A")
            .kept("note/A/n", 3, "name: n")
            .prune(DELETE);
        case.live.gaps.push(Gap {
            kind,
            below: below.map(key),
            reason: GapReason::Unread,
            message: "403".into(),
        });
        case.plan().0
    };
    let plan = gap(NOTE, Some("vault/A"));
    assert_eq!(steps(&plan), [] as [&str; 0]);
    assert_eq!(plan.blocked.len(), 2, "{}", render::plan_text(&plan));
    let plan = gap(SHELF, None);
    assert_eq!(steps(&plan), ["delete note/A/n erase"]);
    let _ = blocked(&plan, BlockReason::IncompleteRead, &["vault/A"]);
    let plan = gap(NOTE, Some("vault/C"));
    assert_eq!(steps(&plan), ["delete note/A/n erase", "delete vault/A erase"]);
}

#[test]
fn a_kind_that_is_left_out_is_not_pruned_and_keeps_what_it_lies_in() {
    let mut case = case(&[("vaults/c/_vault.yaml", "name: C\n")])
        .kept("vault/C", 9, "name: C")
        .kept("vault/A", 1, "name: A")
        .kept("note/A/n", 3, "name: n")
        .prune(DELETE);
    case.left_out = vec![NOTE];
    let (plan, _) = case.plan();
    assert!(plan.is_empty());
    let message = blocked(&plan, BlockReason::IncompleteRead, &["vault/A"]);
    assert!(message.contains("include"), "{message}");
}

#[test]
fn deletions_wait_while_something_that_git_declares_is_blocked() {
    let (plan, _) = vault_and(&[("vaults/a/notes/new.yaml", "name: new\nshelf: nowhere\n")])
        .kept("note/A/n", 3, "name: n")
        .prune(DELETE)
        .policy(|policy| policy.mode = Mode::Apply)
        .plan();
    // The note that is new waits for a look that finds its shelf: nothing is blocked, and the deletion comes after it.
    assert_eq!(plan.steps.last().unwrap().change.key, key("note/A/n"));
    let (plan, _) = vault_and(&[("vaults/a/notes/new.yaml", "name: new\nink: blue\n")])
        .live("note/A/new", 2, "name: new\nink: red")
        .kept("note/A/n", 3, "name: n")
        .prune(&[(SHELF, Prune::Delete)])
        .policy(|policy| {
            policy.prune.insert(VAULT, Prune::Delete);
        })
        .kept("shelf/A/s", 4, "name: s")
        .plan();
    assert!(plan.is_empty(), "{}", render::plan_text(&plan));
    let message = blocked(&plan, BlockReason::DependencyBlocked, &["shelf/A/s"]);
    assert!(message.contains("something that Git declares is blocked"), "{message}");
}

#[test]
fn what_is_in_use_stays_and_says_by_whom() {
    // A note that stays is on the shelf: one that Git declares, one that is orphaned, one of somebody else.
    let note = "name: n\nshelf: s";
    let cases = [
        vault_and(&[("vaults/a/notes/n.yaml", "name: n\nshelf: s\n")]).kept("note/A/n", 3, note),
        vault_and(&[]).kept("note/A/n", 3, note),
        vault_and(&[]).live("note/A/n", 3, note),
    ];
    for case in cases {
        let (plan, _) = case
            .kept("shelf/A/s", 2, "name: s")
            .prune(&[(SHELF, Prune::Delete)])
            .plan();
        let message = blocked(&plan, BlockReason::InUse, &["shelf/A/s"]);
        assert!(message.contains("`note/A/n`") && plan.is_empty(), "{message}");
    }
    // One that is written anew in this very plan, and does not need it any more, is no obstacle.
    let (plan, _) = vault_and(&[
        ("vaults/a/notes/n.yaml", "name: n\nshelf: t\n"),
        ("vaults/a/shelves/t.yaml", "name: t\n"),
    ])
    .kept("note/A/n", 3, note)
    .kept("shelf/A/s", 2, "name: s")
    .prune(DELETE)
    .plan();
    assert_eq!(
        steps(&plan),
        ["create shelf/A/t", "update note/A/n", "delete shelf/A/s erase"]
    );
}

#[test]
fn what_git_still_declares_within_keeps_what_it_lies_in() {
    let (plan, _) = case(&[
        ("vaults/a/notes/n.yaml", "name: n\n"),
        ("vaults/c/_vault.yaml", "name: C\n"),
    ])
    .kept("vault/C", 9, "name: C")
    .kept("vault/a", 1, "name: a")
    .kept("note/a/n", 3, "name: n")
    .prune(DELETE)
    .plan();
    let message = blocked(&plan, BlockReason::InUse, &["vault/a"]);
    assert!(message.contains("Git declares that still"), "{message}");
}

#[test]
fn protection_is_remembered_when_the_document_is_gone() {
    // While the document is there, the ledger learns what it says, without a write.
    let said = |text: &'static str, before: bool| {
        let mut case = vault_and(&[("vaults/a/shelves/s.yaml", text)]).kept("shelf/A/s", 2, "name: s");
        if before {
            case = case.protected("shelf/A/s");
        }
        let (plan, _) = case.plan();
        assert!(plan.is_empty());
        let entry = plan.agreed.into_iter().find(|(at, _)| *at == key("shelf/A/s"));
        entry.map(|(_, entry)| (entry.protected, entry.spec.contains_key("protect")))
    };
    assert_eq!(said("name: s\nprotect: true\n", false), Some((true, false)));
    assert_eq!(said("name: s\nprotect: true\n", true), None);
    assert_eq!(said("name: s\nprotect: false\n", true), Some((false, false)));
    assert_eq!(said("name: s\n", true), Some((false, false)));
    // Once it is gone, the ledger keeps it.
    let (plan, _) = vault_and(&[])
        .kept("shelf/A/s", 2, "name: s")
        .protected("shelf/A/s")
        .prune(DELETE)
        .plan();
    let message = blocked(&plan, BlockReason::Protected, &["shelf/A/s"]);
    assert!(
        message.contains("put the document back without `protect: true`"),
        "{message}"
    );
}

#[test]
fn a_word_that_is_neither_true_nor_false_protects_nothing_silently() {
    let (plan, diagnostics) = vault_and(&[("vaults/a/shelves/s.yaml", "name: s\nprotect: 'yes'\n")]).plan();
    assert!(plan.is_empty());
    assert_eq!(diagnostics[0].code, "wrong_type");
    assert_eq!(diagnostics[0].place.as_ref().unwrap().line, 2);
}

#[test]
fn a_protected_resource_is_skipped_and_the_rest_goes_on() {
    let (plan, _) = vault_and(&[SHELF_FILE])
        .kept("note/A/dear", 3, "name: dear")
        .kept("note/A/n", 4, "name: n")
        .protected("note/A/dear")
        .prune(DELETE)
        .plan();
    assert_eq!(steps(&plan), ["create shelf/A/s", "delete note/A/n erase"]);
    let _ = blocked(&plan, BlockReason::Protected, &["note/A/dear"]);
}

#[test]
fn what_is_protected_is_not_taken_along_nor_replaced() {
    let (plan, _) = case(&[("vaults/c/_vault.yaml", "name: C\n")])
        .kept("vault/C", 9, "name: C")
        .kept("vault/A", 1, "name: A")
        .kept("note/A/dear", 3, "name: dear")
        .protected("note/A/dear")
        .prune(&[(VAULT, Prune::Delete)])
        .plan();
    let message = blocked(&plan, BlockReason::Protected, &["vault/A"]);
    assert!(message.contains("`note/A/dear`") && plan.is_empty(), "{message}");
    let (plan, _) = vault_and(&[("vaults/a/notes/n.yaml", "name: n\nink: blue\nprotect: true\n")])
        .kept("note/A/n", 3, "name: n\nink: red")
        .prune(DELETE)
        .plan();
    assert!(plan.is_empty());
    assert_eq!(plan.blocked[0].reason, BlockReason::Protected);
}

#[test]
fn what_cannot_be_changed_in_place_is_replaced_as_pruning_of_its_kind_says() {
    let replaced = |prune| {
        let case = vault_and(&[("vaults/a/notes/n.yaml", "name: n\nink: blue\n")]);
        let case = case.kept("note/A/n", 3, "name: n\nink: red\ntext: live");
        case.prune(&[(NOTE, prune)]).plan().0
    };
    assert_eq!(steps(&replaced(Prune::Disable)), ["replace note/A/n archive"]);
    let plan = replaced(Prune::Delete);
    assert_eq!(steps(&plan), ["replace note/A/n erase"]);
    let step = &plan.steps[0];
    assert_eq!(step.remote, Some(driftless_core::key::RemoteId(3)));
    assert!(!step.write.contains_key("text"), "the new one is what Git says");
    assert_eq!(
        step.agreement.as_ref().unwrap().spec.get("ink"),
        Some(&Value::from("blue"))
    );
    let plan = replaced(Prune::Off);
    assert!(plan.blocked[0].message.contains("pruning is off"));
}

#[test]
fn a_replacement_that_takes_along_waits_for_a_person_and_every_deletion_with_it() {
    let case = || {
        case(&[
            ("vaults/a/_vault.yaml", "name: A\nengine: oak\n"),
            ("vaults/a/notes/n.yaml", "name: n\ntext: new\n"),
        ])
        .kept("vault/A", 1, "name: A\nengine: pine")
        .kept("note/A/n", 3, "name: n\ntext: old")
        .kept("vault/B", 4, "name: B")
        .prune(DELETE)
    };
    let (plan, _) = case().plan();
    let message = blocked(&plan, BlockReason::ReplacementTakesAlong, &["vault/A"]);
    assert!(message.contains("`note/A/n`"), "{message}");
    assert_eq!(steps(&plan), ["update note/A/n"]);
    assert!(plan.held.iter().any(|change| change.key == key("vault/B")));
    let mut approved = case();
    approved.circumstances.approved = Some(plan.digest);
    assert_eq!(approved.plan().0.steps.len(), 3);
}

#[test]
fn what_is_left_without_anything_that_watches_it_is_said() {
    let unwatched = |case: Case| case.prune(DELETE).plan().0;
    let removed = || {
        vault_and(&[SHELF_FILE])
            .kept("shelf/A/s", 2, "name: s")
            .kept("note/A/n", 3, "name: n\nshelf: s")
    };
    let plan = unwatched(removed());
    assert_eq!(plan.blast.unwatched, [key("shelf/A/s")]);
    let text = render::plan_text(&plan);
    assert!(text.contains("Left without any check:\n  . shelf/A/s\n"), "{text}");
    assert!(render::plan_json(&plan).contains("\"unwatched\""));
    // One that stays watches on, whoever's it is.
    let plan = unwatched(removed().live("note/A/foreign", 4, "name: foreign\nshelf: s"));
    assert_eq!(plan.blast.unwatched, []);
    // What is put away watches nothing.
    let plan = unwatched(removed().live("note/A/x", 4, "name: x\nshelf: s").archived("note/A/x"));
    assert_eq!(plan.blast.unwatched, [key("shelf/A/s")]);
    // One that is made in the same plan does.
    let mut case = removed();
    case.files.push(("vaults/a/notes/new.yaml", "name: new\nshelf: s\n"));
    assert_eq!(unwatched(case).blast.unwatched, []);
}

#[test]
fn who_changed_it_last_is_shown_where_somebody_did_and_moves_no_digest() {
    let drifted = |edited: Option<&str>| {
        let mut case = vault_and(&[("vaults/a/notes/n.yaml", "name: n\ntext: Git\n")])
            .live("note/A/n", 3, "name: n\ntext: by hand")
            .agreed("note/A/n", "name: n\ntext: Git");
        case.live.resources.get_mut(&key("note/A/n")).unwrap().edited = edited.map(str::to_owned);
        case.plan().0
    };
    let plan = drifted(Some("Ada, yesterday"));
    assert_eq!(plan.steps[0].change.edited.as_deref(), Some("Ada, yesterday"));
    assert!(render::plan_json(&plan).contains("\"edited\": \"Ada, yesterday\""));
    assert!(render::plan_markdown(&plan).contains("drift, changed by Ada, yesterday"));
    assert_eq!(plan.digest, drifted(None).digest);
    // Where Git moved, nobody need be asked.
    let (plan, _) = {
        let mut case =
            vault_and(&[("vaults/a/notes/n.yaml", "name: n\ntext: new\n")]).kept("note/A/n", 3, "name: n\ntext: old");
        case.live.resources.get_mut(&key("note/A/n")).unwrap().edited = Some("Ada".into());
        case.plan()
    };
    assert_eq!(plan.steps[0].change.edited, None);
}
