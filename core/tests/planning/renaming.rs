//! The rules of names that change: `previous_name`, and names that differ in case only.

use crate::case::{Case, case, codes, fingerprints};
use crate::library::{NOTE, SHELF, key};
use driftless_core::field::FieldPath;
use driftless_core::key::{Key, RemoteId};
use driftless_core::ledger::Ledger;
use driftless_core::plan::{Action, BlockReason, Moved, Step};
use driftless_core::planner::Planned;
use driftless_core::policy::OnAdopt;
use driftless_core::snapshot::{Gap, GapReason, Live};
use driftless_core::value::{Secret, Value};

/// What a step does: `update note/a/b: name old -> new`.
fn said(step: &Step) -> String {
    let text = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), driftless_core::json::write);
    let fields: Vec<String> = step
        .change
        .fields
        .iter()
        .map(|field| format!("{} {} -> {}", field.path, text(&field.before), text(&field.after)))
        .collect();
    match &step.change.action {
        Action::Create => format!("create {}", step.change.key),
        action => format!("{} {}: {}", action.word(), step.change.key, fields.join(", ")),
    }
}

fn steps(planned: &Planned) -> Vec<String> {
    planned.plan.steps.iter().map(said).collect()
}

fn moved(from: &str, to: &str) -> Moved {
    Moved {
        from: key(from),
        to: key(to),
    }
}

#[track_caller]
fn assert_nothing_is_left(planned: &Planned) {
    assert_eq!(planned.plan.unmanaged, [] as [Key; 0]);
    assert_eq!(planned.plan.orphaned, [] as [Key; 0]);
    assert_eq!(planned.plan.gone, []);
    assert_eq!(planned.plan.blocked, []);
}

const RENAMED: &[(&str, &str)] = &[
    ("vaults/b/_vault.yaml", "name: B\nprevious_name: A\npassword: x\n"),
    ("vaults/b/shelves/s.yaml", "name: s\n"),
    ("vaults/b/notes/n.yaml", "name: n\nshelf: s\n"),
    ("vaults/z/_vault.yaml", "name: Z\nmirror: B\n"),
];

fn renamed() -> Case {
    case(RENAMED)
        .live("vault/A", 1, "name: A\n")
        .live("shelf/A/s", 2, "name: s\n")
        .live("note/A/n", 3, "name: n\nshelf: s\n")
        .live("vault/Z", 4, "name: Z\nmirror: A\n")
        .agreed("vault/A", "name: A\n")
        .sent("vault/A", "x")
        .agreed("shelf/A/s", "name: s\n")
        .agreed("note/A/n", "name: n\nshelf: s\n")
        .agreed("vault/Z", "name: Z\nmirror: A\n")
}

#[test]
fn a_rename_is_one_update_and_takes_the_ledger_entries_below_along() {
    let (planned, diagnostics) = renamed().planned();
    assert_eq!(steps(&planned), [r#"update vault/B: name "A" -> "B""#]);
    assert_eq!(diagnostics, []);
    assert_nothing_is_left(&planned);
    let step = &planned.plan.steps[0];
    assert_eq!(step.remote, Some(RemoteId(1)));
    assert_eq!(
        step.moves,
        [
            moved("note/A/n", "note/B/n"),
            moved("shelf/A/s", "shelf/B/s"),
            moved("vault/A", "vault/B")
        ]
    );
    assert_eq!((planned.plan.moved, planned.plan.agreed), (vec![], vec![]));
    assert_eq!(
        planned.numbers,
        [
            (key("note/B/n"), RemoteId(3)),
            (key("shelf/B/s"), RemoteId(2)),
            (key("vault/B"), RemoteId(1))
        ]
    );
    let password = FieldPath::top("password");
    let fingerprint = fingerprints().fingerprint(&key("vault/B"), &password, &Secret::new("x"));
    assert_eq!(step.agreement.as_ref().unwrap().fingerprints[&password], fingerprint);
}

#[test]
fn a_secret_that_changed_with_the_name_is_sent() {
    let (planned, _) = renamed().sent("vault/A", "older").planned();
    let fields = &planned.plan.steps[0].change.fields;
    let paths: Vec<String> = fields.iter().map(|field| field.path.to_string()).collect();
    assert_eq!(paths, ["name", "password"]);
}

#[test]
fn what_changes_below_waits_for_the_new_name() {
    let mut case = renamed().live("note/A/n", 3, "name: n\nshelf: s\ntext: old\n");
    case.files[2].1 = "name: n\nshelf: s\ntext: new\n";
    let (planned, _) = case.planned();
    assert_eq!(
        steps(&planned),
        [
            r#"update vault/B: name "A" -> "B""#,
            r#"update note/B/n: text "old" -> "new""#
        ]
    );
    assert_eq!(planned.plan.steps[1].after, [0]);
    assert_eq!(planned.plan.steps[1].moves, []);
}

#[test]
fn nothing_is_remembered_under_a_new_name_before_it_is_written() {
    let mut case = renamed().live("note/A/n", 3, "name: n\nshelf: s\ntext: both\n");
    case.files[2].1 = "name: n\nshelf: s\ntext: both\n";
    let (planned, _) = case.planned();
    assert_eq!(steps(&planned), [r#"update vault/B: name "A" -> "B""#]);
    assert_eq!(planned.plan.agreed, []);
}

#[test]
fn a_rename_that_is_only_shown_moves_nothing_and_what_is_below_goes_on() {
    let mut case = renamed().live("note/A/n", 3, "name: n\nshelf: s\ntext: old\n");
    case.files[2].1 = "name: n\nshelf: s\ntext: new\n";
    case.ledger.as_mut().unwrap().entries.remove(&key("vault/A"));
    case.policy.adopt = OnAdopt::Report;
    let (planned, _) = case.planned();
    assert_eq!(steps(&planned), [r#"update note/B/n: text "old" -> "new""#]);
    assert_eq!(planned.plan.steps[0].moves, [moved("note/A/n", "note/B/n")]);
    assert_eq!(planned.plan.reported.len(), 1);
}

#[test]
fn a_name_that_was_written_before_the_ledger_knew_moves_its_entries_without_a_write() {
    let mut case = renamed();
    let (_, _) = case.planned();
    case.live = Live::default();
    let case = case
        .live("vault/B", 1, "name: B\n")
        .live("shelf/B/s", 2, "name: s\n")
        .live("note/B/n", 3, "name: n\nshelf: s\n")
        .live("vault/Z", 4, "name: Z\nmirror: B\n");
    let (planned, diagnostics) = case.planned();
    assert_eq!(steps(&planned), [] as [String; 0]);
    assert_eq!(planned.plan.reported, []);
    assert_eq!(diagnostics, []);
    assert_nothing_is_left(&planned);
    assert_eq!(
        planned.plan.moved,
        [
            moved("note/A/n", "note/B/n"),
            moved("shelf/A/s", "shelf/B/s"),
            moved("vault/A", "vault/B")
        ]
    );
    // With its new name and fingerprint, so that the next pass has nothing to move, to learn, or to send.
    let learned: Vec<&Key> = planned.plan.agreed.iter().map(|(key, _)| key).collect();
    assert_eq!(learned, [&key("vault/B")]);
}

#[test]
fn a_previous_name_that_stays_in_the_file_is_harmless() {
    let mut case = renamed();
    case.live = Live::default();
    case.ledger = Some(Ledger::default());
    let case = case
        .live("vault/B", 1, "name: B\n")
        .live("shelf/B/s", 2, "name: s\n")
        .live("note/B/n", 3, "name: n\nshelf: s\n")
        .live("vault/Z", 4, "name: Z\nmirror: B\n")
        .agreed("vault/B", "name: B\n")
        .sent("vault/B", "x")
        .agreed("shelf/B/s", "name: s\n")
        .agreed("note/B/n", "name: n\nshelf: s\n")
        .agreed("vault/Z", "name: Z\nmirror: B\n");
    let (planned, diagnostics) = case.planned();
    assert_eq!(steps(&planned), [] as [String; 0]);
    assert_eq!((planned.plan.moved, planned.plan.agreed), (vec![], vec![]));
    assert_eq!(diagnostics, []);
}

#[test]
fn neither_name_live_is_a_creation() {
    let (planned, diagnostics) = case(&RENAMED[..1]).planned();
    assert_eq!(steps(&planned), ["create vault/B"]);
    assert!(!planned.plan.steps[0].write.contains_key("previous_name"));
    assert_eq!(diagnostics, []);
}

#[test]
fn both_names_live_is_told_and_the_old_one_stays_what_it_is() {
    let (planned, diagnostics) = case(&[("vaults/b/_vault.yaml", "name: B\nprevious_name: A\n")])
        .live("vault/A", 1, "name: A\n")
        .live("vault/B", 2, "name: B\n")
        .agreed("vault/A", "name: A\n")
        .planned();
    assert_eq!(steps(&planned), [] as [String; 0]);
    assert_eq!(codes(&diagnostics), ["previous_name_is_live vaults/b/_vault.yaml:2:1"]);
    assert_eq!(planned.plan.orphaned, [key("vault/A")]);
}

#[test]
fn a_previous_name_that_cannot_be_one_is_told_at_its_line() {
    let second = ("vaults/c/_vault.yaml", "name: C\nprevious_name: A\n");
    let first = ("vaults/b/_vault.yaml", "name: B\nprevious_name: A\n");
    let old = ("vaults/a/_vault.yaml", "name: A\n");
    for (files, expected) in [
        (
            vec![("vaults/b/_vault.yaml", "name: B\nprevious_name: [A]\n")],
            vec!["wrong_type vaults/b/_vault.yaml:2:1"],
        ),
        (
            vec![("vaults/b/_vault.yaml", "name: B\nprevious_name: ''\n")],
            vec!["invalid_value vaults/b/_vault.yaml:2:1"],
        ),
        (
            vec![first, second],
            vec![
                "duplicate_previous_name vaults/b/_vault.yaml:2:1",
                "duplicate_previous_name vaults/c/_vault.yaml:2:1",
            ],
        ),
        (
            vec![old, first],
            vec!["declared_previous_name vaults/b/_vault.yaml:2:1"],
        ),
    ] {
        let (planned, diagnostics) = case(&files).live("vault/A", 1, "name: A\n").planned();
        assert_eq!(steps(&planned), [] as [String; 0], "{files:?}");
        assert_eq!(codes(&diagnostics), expected, "{files:?}");
        assert!(diagnostics.iter().all(|fault| fault.help.is_some()));
        if !expected[0].starts_with("wrong_type") && !expected[0].starts_with("invalid_value") {
            assert_eq!(planned.plan.unmanaged, [] as [Key; 0], "{files:?}");
        }
    }
    // Where the rename was never written, the new document of the old name would be written over what is to be renamed.
    let newer = ("vaults/a/_vault.yaml", "name: A\nsize: 7\n");
    let (planned, _) = case(&[newer, first]).live("vault/A", 1, "name: A\nsize: 1\n").planned();
    assert_eq!(steps(&planned), [] as [String; 0]);
    let (planned, diagnostics) = case(&[("vaults/b/_vault.yaml", "name: B\nprevious_name: B\n")])
        .live("vault/B", 1, "name: B\n")
        .planned();
    assert_eq!(steps(&planned), [] as [String; 0]);
    assert_eq!(codes(&diagnostics), ["same_previous_name vaults/b/_vault.yaml:2:1"]);
}

#[test]
fn names_move_along_a_chain_the_last_one_first() {
    let (planned, diagnostics) = case(&[
        ("vaults/b/_vault.yaml", "name: B\nprevious_name: A\n"),
        ("vaults/c/_vault.yaml", "name: C\nprevious_name: B\n"),
    ])
    .live("vault/A", 1, "name: A\n")
    .live("vault/B", 2, "name: B\n")
    .live("note/B/n", 3, "name: n\n")
    .agreed("vault/A", "name: A\n")
    .agreed("vault/B", "name: B\n")
    .agreed("note/B/n", "name: n\n")
    .planned();
    assert_eq!(diagnostics, []);
    assert_eq!(
        steps(&planned),
        [
            r#"update vault/C: name "B" -> "C""#,
            r#"update vault/B: name "A" -> "B""#
        ]
    );
    assert_eq!(planned.plan.steps[1].after, [0]);
    assert_eq!(
        planned.plan.steps[0].moves,
        [moved("note/B/n", "note/C/n"), moved("vault/B", "vault/C")]
    );
    assert_eq!(planned.plan.steps[1].moves, [moved("vault/A", "vault/B")]);
    assert_eq!(planned.plan.orphaned, [key("note/C/n")]);
}

#[test]
fn a_chain_that_is_written_needs_nothing_more() {
    let (planned, diagnostics) = case(&[
        ("vaults/b/_vault.yaml", "name: B\nprevious_name: A\n"),
        ("vaults/c/_vault.yaml", "name: C\nprevious_name: B\n"),
    ])
    .live("vault/B", 1, "name: B\n")
    .live("vault/C", 2, "name: C\n")
    .agreed("vault/B", "name: B\n")
    .agreed("vault/C", "name: C\n")
    .planned();
    assert_eq!(diagnostics, []);
    assert_eq!(steps(&planned), [] as [String; 0]);
    assert_eq!(planned.plan.moved, []);
}

#[test]
fn a_chain_that_was_written_before_the_ledger_knew_moves_the_last_entry_first() {
    let mut case = case(&[
        ("vaults/b/_vault.yaml", "name: B\nprevious_name: A\n"),
        ("vaults/c/_vault.yaml", "name: C\nprevious_name: B\n"),
    ])
    .live("vault/A", 1, "name: A\n")
    .live("vault/B", 2, "name: B\n")
    .agreed("vault/A", "name: A\n")
    .agreed("vault/B", "name: B\n");
    case.live = Live::default();
    let case = case.live("vault/B", 1, "name: B\n").live("vault/C", 2, "name: C\n");
    let (planned, _) = case.planned();
    assert_eq!(
        planned.plan.moved,
        [moved("vault/B", "vault/C"), moved("vault/A", "vault/B")]
    );
}

#[test]
fn two_that_change_places_are_refused() {
    let (planned, diagnostics) = case(&[
        ("vaults/a/_vault.yaml", "name: A\nprevious_name: B\n"),
        ("vaults/b/_vault.yaml", "name: B\nprevious_name: A\n"),
    ])
    .live("vault/A", 1, "name: A\n")
    .live("vault/B", 2, "name: B\n")
    .planned();
    assert_eq!(steps(&planned), [] as [String; 0]);
    assert_eq!(
        codes(&diagnostics),
        [
            "circular_previous_name vaults/a/_vault.yaml:2:1",
            "circular_previous_name vaults/b/_vault.yaml:2:1"
        ]
    );
    assert_eq!(planned.plan.unmanaged, [] as [Key; 0]);
}

#[test]
fn a_name_below_a_name_changes_with_both() {
    let (planned, diagnostics) = case(&[
        ("vaults/b/_vault.yaml", "name: B\nprevious_name: A\n"),
        ("vaults/b/shelves/t.yaml", "name: t\nprevious_name: s\n"),
        ("vaults/b/notes/n.yaml", "name: n\nshelf: t\n"),
        ("vaults/b/notes/t-list.yaml", "name: t-list\nshelf: t\n"),
    ])
    .live("vault/A", 1, "name: A\n")
    .live("shelf/A/s", 2, "name: s\n")
    .live("note/A/n", 3, "name: n\nshelf: s\n")
    .live("note/A/s-list", 4, "name: s-list\nshelf: s\n")
    .agreed("vault/A", "name: A\n")
    .agreed("shelf/A/s", "name: s\n")
    .agreed("note/A/n", "name: n\nshelf: s\n")
    .agreed("note/A/s-list", "name: s-list\nshelf: s\n")
    .planned();
    assert_eq!(diagnostics, []);
    assert_nothing_is_left(&planned);
    // A name that follows from the shelf's is written, since the file says no other.
    assert_eq!(
        steps(&planned),
        [
            r#"update vault/B: name "A" -> "B""#,
            r#"update shelf/B/t: name "s" -> "t""#,
            r#"update note/B/t-list: name "s-list" -> "t-list""#
        ]
    );
    assert_eq!(planned.plan.steps[1].after, [0]);
    assert_eq!(planned.plan.steps[2].after, [0, 1]);
    assert_eq!(planned.plan.steps[1].moves, [moved("shelf/B/s", "shelf/B/t")]);
    assert_eq!(planned.plan.steps[2].moves, [moved("note/B/s-list", "note/B/t-list")]);
}

#[test]
fn a_rename_below_a_folder_that_is_known_by_slug_is_one() {
    let (planned, diagnostics) = case(&[("vaults/a/notes/n.yaml", "name: new\nprevious_name: old\n")])
        .live("vault/A", 1, "name: A\n")
        .live("note/A/old", 2, "name: old\n")
        .planned();
    assert_eq!(diagnostics, []);
    assert_eq!(steps(&planned), [r#"update note/A/new: name "old" -> "new""#]);
}

#[test]
fn what_may_be_hidden_is_neither_renamed_nor_called_removed() {
    let mut case = case(&[
        ("vaults/a/_vault.yaml", "name: A\n"),
        ("vaults/a/notes/n.yaml", "name: new\nprevious_name: old\n"),
    ])
    .live("vault/A", 1, "name: A\n")
    .live("note/A/old", 2, "name: old\n")
    .agreed("note/A/old", "name: old\n");
    case.live.gaps.push(Gap {
        kind: NOTE,
        below: Some(key("vault/A")),
        reason: GapReason::Unread,
        message: "503".into(),
    });
    let (planned, _) = case.planned();
    assert_eq!(steps(&planned), [] as [String; 0]);
    assert_eq!(planned.plan.blocked[0].reason, BlockReason::IncompleteRead);
    assert_eq!((planned.plan.orphaned, planned.plan.unmanaged), (vec![], vec![]));
}

#[test]
fn a_renamed_document_with_a_fault_keeps_what_is_live_from_being_called_removed() {
    let (planned, _) = case(&[("vaults/b/_vault.yaml", "name: B\nprevious_name: A\ncolour: invisible\n")])
        .live("vault/A", 1, "name: A\n")
        .live("note/A/n", 2, "name: n\n")
        .agreed("vault/A", "name: A\n")
        .agreed("note/A/n", "name: n\n")
        .planned();
    assert_eq!((planned.plan.orphaned, planned.plan.unmanaged), (vec![], vec![]));
}

#[test]
fn an_overlay_may_say_it() {
    let mut case = case(&[
        ("vaults/b/_vault.yaml", "name: B\n"),
        ("over/vaults/b/_vault.yaml", "previous_name: A\n"),
    ])
    .live("vault/A", 1, "name: A\n");
    case.overlays = vec!["over".to_owned()];
    let (planned, _) = case.planned();
    assert_eq!(steps(&planned), [r#"update vault/B: name "A" -> "B""#]);
}

const SPELLED: &[(&str, &str)] = &[
    ("vaults/a/_vault.yaml", "name: MAIN\nmirror: side\ncolour: red\n"),
    ("vaults/a/notes/n.yaml", "name: n\nshelf: Top\n"),
    ("vaults/a/notes/N.yaml", "name: N\n"),
];

#[test]
fn a_name_that_differs_in_case_is_taken_for_the_live_one() {
    let mut case = case(SPELLED)
        .live("vault/main", 1, "name: main\nmirror: Side\ncolour: blue\n")
        .live("vault/Side", 2, "name: Side\n")
        .live("note/main/n", 3, "name: n\nshelf: top\n");
    case.live.discovered.insert(key("shelf/main/top"), RemoteId(4));
    let (planned, diagnostics) = case.planned();
    // Nothing of the spelling is written, and a note is another note.
    assert_eq!(
        steps(&planned),
        [r#"update vault/main: colour "blue" -> "red""#, "create note/main/N"]
    );
    assert_eq!(planned.plan.steps[0].write["name"], Value::from("main"));
    assert_eq!(
        codes(&diagnostics),
        [
            "name_differs_in_case vaults/a/_vault.yaml:1:1",
            "name_differs_in_case vaults/a/_vault.yaml:2:1",
            "name_differs_in_case vaults/a/notes/n.yaml:2:1"
        ]
    );
    assert_eq!(
        diagnostics[0].message,
        "`MAIN` is taken for `main`, which is how the instance spells it"
    );
}

#[test]
fn of_two_that_differ_in_case_none_is_guessed() {
    let case = case(&SPELLED[..1])
        .live("vault/main", 1, "name: main\n")
        .live("vault/Main", 2, "name: Main\n")
        .live("vault/side", 3, "name: side\n");
    let (planned, diagnostics) = case.planned();
    assert_eq!(steps(&planned), [] as [String; 0]);
    assert_eq!(codes(&diagnostics), ["ambiguous_case vaults/a/_vault.yaml:1:1"]);
    assert_eq!(planned.plan.blocked[0].reason, BlockReason::Ambiguous);
}

#[test]
fn names_that_are_declared_or_live_as_they_are_spelled_are_those() {
    let (planned, diagnostics) = case(&[
        ("vaults/a/_vault.yaml", "name: A\n"),
        ("vaults/b/_vault.yaml", "name: a\n"),
    ])
    .live("vault/a", 1, "name: a\n")
    .planned();
    assert_eq!(steps(&planned), ["create vault/A"]);
    assert_eq!(diagnostics, []);
}

#[test]
fn a_previous_name_that_differs_in_case_renames() {
    let (planned, diagnostics) = case(&[("vaults/a/_vault.yaml", "name: A\nprevious_name: a\n")])
        .live("vault/a", 1, "name: a\n")
        .planned();
    assert_eq!(steps(&planned), [r#"update vault/A: name "a" -> "A""#]);
    assert_eq!(diagnostics, []);
}

#[test]
fn a_table_is_no_declared_shelf_however_it_is_spelled() {
    let mut case = case(&[
        ("vaults/a/_vault.yaml", "name: A\n"),
        ("vaults/a/shelves/t.yaml", "name: TOP\n"),
    ])
    .live("vault/A", 1, "name: A\n");
    case.live.discovered.insert(Key::new(SHELF, ["A", "top"]), RemoteId(4));
    let (planned, _) = case.planned();
    assert_eq!(steps(&planned), ["create shelf/A/TOP"]);
}
