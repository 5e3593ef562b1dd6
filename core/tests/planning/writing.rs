//! What the platform's API cannot write waits for a person and is never called in sync; what is written as a set waits until all of
//! the set is known.

use driftless_core::guard::{Certainty, Neighbour, Precedence};
use driftless_core::key::{EnvironmentName, Kind};
use driftless_core::load::{Layers, load};
use driftless_core::plan::{BlockReason, Plan};
use driftless_core::policy::{Mode, OnAdopt, OnDrift, Prune};
use driftless_core::render::{plan_json, plan_markdown, plan_text};
use driftless_core::report::{Conclusion, Report};
use driftless_core::snapshot::{Gap, GapReason, Presence};
use driftless_core::substitute::Variables;

use crate::case::{Case, case};
use crate::library::{LAMP, LICENCE, Library, RULE, VAULT, key, tree};

/// Beside it everything is in sync, so that no deletion empties an environment.
const KEEP: (&str, &str) = ("vaults/keep/_vault.yaml", "name: Keep");

fn with_keep(files: &[(&'static str, &'static str)]) -> Case {
    let files: Vec<_> = files.iter().copied().chain([KEEP]).collect();
    case(&files)
        .live("vault/Keep", 9, "name: Keep")
        .agreed("vault/Keep", "name: Keep")
}

/// What becomes of the one resource that is not kept: what is done, what is held back, and why.
fn fate(plan: &Plan) -> String {
    let is_it = |key: &driftless_core::key::Key| *key != self::key("vault/Keep");
    let steps = plan.steps.iter().map(|step| ("does", &step.change));
    let held = plan.held.iter().map(|change| ("holds", change));
    let reported = plan.reported.iter().map(|change| ("shows", change));
    let changes = steps
        .chain(held)
        .chain(reported)
        .filter(|(_, change)| is_it(&change.key));
    let mut words: Vec<String> = changes
        .map(|(verb, change)| {
            let fields: Vec<String> = change.fields.iter().map(|field| field.path.to_string()).collect();
            format!(
                "{verb} {} {} [{}]",
                change.action.word(),
                change.class.word(),
                fields.join(" ")
            )
        })
        .collect();
    words.extend(plan.blocked.iter().map(|blocked| blocked.reason.word().to_owned()));
    words.extend(plan.orphaned.iter().map(|_| "orphaned".to_owned()));
    let in_sync: usize = plan.unchanged.values().sum();
    words.extend((in_sync == 2).then(|| "in sync".to_owned()));
    words.join(", ")
}

const KINDS: [(Kind, &str); 3] = [
    (VAULT, "vaults/a/_vault.yaml"),
    (LICENCE, "licences/a.yaml"),
    (RULE, "rules/a.yaml"),
];

/// One resource: what Git says, what is live, what was agreed on, what pruning does, and what becomes of it under each writing. `~`
/// stands for what is held back as a manual step and would else be done.
type Row = (
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
    Prune,
    [&'static str; 3],
);

#[test]
fn every_class_under_every_writing() {
    let (red, blue, green) = (
        Some("name: A\ncolour: red"),
        Some("name: A\ncolour: blue"),
        Some("name: A\ncolour: green"),
    );
    let (old, new) = (Some("name: A\nengine: x"), Some("name: A\nengine: y"));
    let update = |class| match class {
        "pending" => "does update pending [colour]",
        "adoption" => "does update adoption [colour]",
        "drift" => "does update drift [colour]",
        _ => "does update conflict [colour]",
    };
    let rows: &[Row] = &[
        (red, red, red, Prune::Off, ["in sync"; 3]),
        (red, red, None, Prune::Off, ["in sync"; 3]),
        (red, blue, blue, Prune::Off, [update("pending"), "~", "~"]),
        (red, blue, None, Prune::Off, [update("adoption"), "~", "~"]),
        (red, blue, red, Prune::Off, [update("drift"), "~", "~"]),
        (red, blue, green, Prune::Off, [update("conflict"), "~", "~"]),
        (
            red,
            None,
            None,
            Prune::Off,
            [
                "does create pending [colour name]",
                "does create pending [colour name]",
                "~",
            ],
        ),
        (
            red,
            None,
            red,
            Prune::Off,
            [
                "does create drift [colour name]",
                "does create drift [colour name]",
                "~",
            ],
        ),
        (
            red,
            None,
            blue,
            Prune::Off,
            [
                "does create conflict [colour name]",
                "does create conflict [colour name]",
                "~",
            ],
        ),
        (
            new,
            old,
            old,
            Prune::Delete,
            ["does replace pending [engine]", "~", "~"],
        ),
        (new, old, old, Prune::Off, ["replacement_needs_prune"; 3]),
        (None, red, red, Prune::Delete, ["does delete pending []", "~", "~"]),
        (
            None,
            red,
            blue,
            Prune::Delete,
            ["does delete conflict [colour]", "~", "~"],
        ),
        (None, red, red, Prune::Off, ["orphaned"; 3]),
        (None, red, None, Prune::Delete, [""; 3]),
    ];
    for (desired, live, agreed, prune, expected) in rows {
        for ((kind, path), expected) in KINDS.iter().zip(expected) {
            let case = || {
                let files: Vec<_> = desired.iter().map(|text| (*path, *text)).collect();
                let at = format!("{kind}/A");
                let case = with_keep(&files);
                let case = match live {
                    Some(live) => case.live(&at, 1, live),
                    None => case,
                };
                let case = match agreed {
                    Some(agreed) => case.agreed(&at, agreed),
                    None => case,
                };
                case.policy(|policy| {
                    policy.prune.insert(*kind, *prune);
                })
            };
            let context = format!("{kind}: Git {desired:?}, live {live:?}, agreed {agreed:?}");
            let done = rows_done(desired, live, agreed, rows);
            let (plan, _) = case().plan();
            match *expected {
                "~" => {
                    let held = done.replace("does ", "holds ");
                    assert_eq!(fate(&plan), format!("{held}, manual_step"), "{context}");
                    assert_eq!(plan.blocked_keys().len(), 1, "{context}");
                    assert_eq!(plan.summary().unchanged, 1, "{context}");
                    assert!(plan.can_be_approved(), "{context}");
                    // Once it is approved it is a step like any other, of the plan that was looked at.
                    let mut approved = case();
                    approved.circumstances.approved = Some(plan.digest.clone());
                    let (again, _) = approved.plan();
                    assert_eq!(
                        (fate(&again), &again.digest),
                        (done.to_owned(), &plan.digest),
                        "{context}"
                    );
                    let mut other = case();
                    other.circumstances.approved = Some(driftless_core::key::Digest::of("another"));
                    assert_eq!(fate(&other.plan().0), fate(&plan), "{context}");
                }
                expected => assert_eq!(fate(&plan), expected, "{context}"),
            }
        }
    }
}

/// What is done where all of a kind can be written.
fn rows_done(
    desired: &Option<&'static str>,
    live: &Option<&'static str>,
    agreed: &Option<&'static str>,
    rows: &[Row],
) -> &'static str {
    let row = rows
        .iter()
        .find(|row| (row.0, row.1, row.2) == (*desired, *live, *agreed));
    row.unwrap().4[0]
}

#[test]
fn a_manual_step_says_what_to_do_and_where() {
    let at = "https://app/settings";
    let gone = |case: Case| case.live("rule/Old", 3, "name: Old").agreed("rule/Old", "name: Old");
    let files: &[(&str, &str)] = &[
        ("licences/a.yaml", "name: A\nx: 1"),
        ("licences/b.yaml", "name: B\nengine: y"),
        ("rules/a.yaml", "name: A"),
    ];
    let case = || {
        gone(with_keep(files))
            .live("licence/A", 1, "name: A\nx: 2")
            .live("licence/B", 2, "name: B\nengine: x")
            .policy(|policy| {
                policy.prune = [(LICENCE, Prune::Delete), (RULE, Prune::Delete)].into();
            })
    };
    let messages = |case: Case| -> Vec<String> {
        let (plan, _) = case.plan();
        let manual = plan
            .blocked
            .into_iter()
            .filter(|it| it.reason == BlockReason::ManualStep);
        manual
            .map(|blocked| format!("{}: {}", blocked.keys[0], blocked.message))
            .collect()
    };
    let mut known = case();
    known.live.by_hand = [(LICENCE, at.to_owned())].into();
    assert_eq!(
        messages(known),
        [
            "licence/A: the API of library cannot change a licence: set it by hand at https://app/settings, then approve the plan",
            "rule/A: the API of library cannot create a rule: create it by hand on the platform, then approve the plan",
            "rule/Old: the API of library cannot delete a rule: delete it by hand on the platform, then approve the plan",
            "licence/B: the API of library cannot replace a licence: delete it and create it anew by hand at https://app/settings, \
             then approve the plan",
        ]
    );
}

#[test]
fn what_needs_a_manual_creation_waits_with_it_and_what_needs_something_that_exists_does_not() {
    let files = [
        ("rules/a.yaml", "name: A\nx: 2"),
        ("licences/b.yaml", "name: B\nx: 2"),
        ("lamps/l.yaml", "lamps: {one: {rule: A}, two: {licence: B}, three: {}}"),
    ];
    let steps = |plan: &Plan| -> Vec<String> {
        let keys = plan
            .steps
            .iter()
            .map(|step| format!("{} {:?}", step.change.key, step.after));
        keys.collect()
    };
    let (plan, _) = with_keep(&files).plan();
    assert_eq!(steps(&plan), ["licence/B []", "lamp/three []", "lamp/two [0]"]);
    let behind: Vec<_> = plan
        .blocked
        .iter()
        .map(|blocked| (blocked.reason, blocked.keys.clone()))
        .collect();
    assert_eq!(
        behind,
        [
            (BlockReason::ManualStep, vec![key("rule/A")]),
            (BlockReason::DependencyBlocked, vec![key("lamp/one")])
        ]
    );
    // They are there, whatever a person is still to set.
    let there = || {
        with_keep(&files)
            .live("rule/A", 1, "name: A\nx: 1")
            .live("licence/B", 2, "name: B\nx: 1")
    };
    let (plan, _) = there().plan();
    assert_eq!(steps(&plan), ["lamp/one []", "lamp/three []", "lamp/two []"]);
    assert_eq!(plan.manual(), [&key("licence/B"), &key("rule/A")].into());
    // One that is to be made anew is not the one that is there.
    let anew = [
        ("rules/a.yaml", "name: A\nengine: y"),
        ("lamps/l.yaml", "lamps: {one: {rule: A}}"),
    ];
    let case = with_keep(&anew)
        .live("rule/A", 1, "name: A\nengine: x")
        .policy(|policy| {
            policy.prune.insert(RULE, Prune::Delete);
        });
    assert_eq!(steps(&case.plan().0), [""; 0]);
}

#[test]
fn a_field_that_is_linked_is_a_part_of_the_creation_and_by_hand_ever_after() {
    let files = [("licences/a.yaml", "name: A\nmirror: Keep")];
    let (plan, _) = with_keep(&files).plan();
    assert_eq!((plan.steps.len(), plan.held.len()), (2, 0));
    let (plan, _) = with_keep(&files).live("licence/A", 1, "name: A").plan();
    assert_eq!(
        (plan.steps.len(), fate(&plan).as_str()),
        (0, "holds operation adoption [mirror], manual_step")
    );
}

#[test]
fn what_is_archived_unread_or_only_reported_is_no_other_for_being_written_by_hand() {
    let files = [("rules/a.yaml", "name: A\nx: 1")];
    let mut archived = with_keep(&files).live("rule/A", 1, "name: A\nx: 1");
    archived.live.resources.get_mut(&key("rule/A")).unwrap().presence = Presence::Archived;
    assert_eq!(fate(&archived.plan().0), "holds update pending [archived], manual_step");
    let mut unread = with_keep(&files);
    unread.live.gaps.push(Gap {
        kind: RULE,
        below: None,
        reason: GapReason::Unread,
        message: "it broke off".into(),
    });
    assert_eq!(fate(&unread.plan().0), "incomplete_read");
    let adoption = || with_keep(&files).live("rule/A", 1, "name: A\nx: 2");
    let reported = "shows update adoption [x]";
    assert_eq!(
        fate(&adoption().policy(|it| it.adopt = OnAdopt::Report).plan().0),
        reported
    );
    assert_eq!(
        fate(&adoption().policy(|it| it.mode = Mode::Observe).plan().0),
        reported
    );
    let drift = adoption().agreed("rule/A", "name: A\nx: 1");
    assert_eq!(
        fate(&drift.policy(|it| it.drift = OnDrift::Report).plan().0),
        "shows update drift [x]"
    );
}

#[test]
fn deletions_wait_for_manual_steps_and_a_manual_deletion_holds_back_nothing_else() {
    let old = |case: Case| {
        case.live("vault/Old", 3, "name: Old")
            .agreed("vault/Old", "name: Old")
            .policy(|policy| policy.prune = [(VAULT, Prune::Delete), (RULE, Prune::Delete)].into())
    };
    let (plan, _) = old(with_keep(&[("rules/a.yaml", "name: A")])).plan();
    let reasons: Vec<_> = plan
        .blocked
        .iter()
        .map(|blocked| (blocked.reason, blocked.keys.clone()))
        .collect();
    assert_eq!(
        reasons,
        [
            (BlockReason::ManualStep, vec![key("rule/A")]),
            (BlockReason::DependencyBlocked, vec![key("vault/Old")])
        ]
    );
    let rule = |case: Case| case.live("rule/A", 4, "name: A").agreed("rule/A", "name: A");
    let (plan, _) = rule(old(with_keep(&[]))).plan();
    assert_eq!(
        fate(&plan),
        "does delete pending [], holds delete pending [], manual_step"
    );
    assert_eq!(plan.steps[0].change.key, key("vault/Old"));
}

#[test]
fn what_is_to_be_done_by_hand_is_shown_apart_from_what_else_is_held_back() {
    let files = [
        ("rules/a.yaml", "name: A\nx: 1"),
        ("lamps/l.yaml", "lamps: {one: {rule: A}}"),
    ];
    let mut case = with_keep(&files);
    case.live.by_hand = [(RULE, "https://app/rules".to_owned())].into();
    let (plan, _) = case.plan();
    let digest = &plan.digest;
    let by_hand = format!("To be done by hand; once it is, `apply --approve {digest}` takes note of it");
    let held = format!("Held back; `apply --approve {digest}` lets it through");
    let text = plan_text(&plan);
    assert!(
        text.starts_with("Plan (library) at r1: 2 blocked, 1 in sync\n") || text.contains("2 blocked, 1 in sync"),
        "{text}"
    );
    let message =
        "the API of library cannot create a rule: create it by hand at https://app/rules, then approve the plan";
    assert!(
        text.contains(&format!(
            "\nBlocked (manual_step): {message}\n  ! rule/A  (rules/a.yaml:1:1)\n"
        )),
        "{text}"
    );
    assert!(
        text.contains(&format!(
            "\n{by_hand}:\n  + rule/A  pending  (rules/a.yaml:1:1)\n      name: \"A\"\n      x: 1\n"
        )),
        "{text}"
    );
    assert!(text.contains(&format!("\n{held}:\n  + lamp/one  pending")), "{text}");
    let markdown = plan_markdown(&plan);
    let [by_hand, held] =
        [by_hand, held].map(|title| title.replacen("hand;", "hand**;", 1).replacen("back;", "back**;", 1));
    assert!(
        markdown.contains(&format!("\n**{by_hand}:\n\n| | resource")),
        "{markdown}"
    );
    assert!(markdown.contains(&format!("\n**{held}:\n\n| | resource")), "{markdown}");
    let json = plan_json(&plan);
    assert_eq!(json.matches("\"manual\": true").count(), 1, "{json}");
    assert!(json.contains("\"reason\": \"manual_step\""), "{json}");
    assert_eq!((plan.states()[&RULE].blocked, plan.states()[&RULE].in_sync), (1, 0));
    // Once it is there, nothing is to be done by hand, and the page of it is not spoken of.
    let (done, _) = with_keep(&files[..1]).live("rule/A", 1, "name: A\nx: 1").plan();
    assert!(!plan_text(&done).contains("by hand") && !plan_markdown(&done).contains("by hand"));
}

#[test]
fn a_pass_that_leaves_nothing_but_manual_steps_undone_has_succeeded_and_still_says_what_is_blocked() {
    let conclusion = |files: &[(&'static str, &'static str)], faults| {
        let (plan, _) = with_keep(files).live("rule/A", 1, "name: A\nx: 1").plan();
        assert_eq!(plan.states()[&RULE].blocked, 1, "it is never in sync");
        let outcomes = Vec::new();
        let report = Report { plan, outcomes };
        assert!(report.only_waits(0));
        report.conclusion(faults)
    };
    let manual = ("rules/a.yaml", "name: A\nx: 2");
    assert_eq!(conclusion(&[manual], 0), Conclusion::Succeeded);
    assert_eq!(conclusion(&[manual], 1), Conclusion::Partial);
    // What driftless itself would do, once that is done, is not done.
    let behind = [
        manual,
        ("rules/b.yaml", "name: B"),
        ("lamps/l.yaml", "lamps: {one: {rule: B}}"),
    ];
    let (plan, _) = with_keep(&behind).live("rule/A", 1, "name: A\nx: 1").plan();
    let outcomes = Vec::new();
    assert_eq!(Report { plan, outcomes }.conclusion(0), Conclusion::Partial);
}

fn neighbour(precedence: Precedence, files: &[(&str, &str)], certainty: Certainty) -> Neighbour {
    let layers = Layers {
        base: "",
        overlays: &[],
    };
    Neighbour {
        name: EnvironmentName("other".into()),
        precedence,
        desired: load(&tree(files), &layers, &Variables::default(), &[], &Library).desired,
        owned: [].into(),
        certainty,
    }
}

/// A lamp to be made, one to be changed, one to be deleted, and a vault to be made.
fn set() -> Case {
    let files = [
        ("lamps/l.yaml", "lamps: {new: {}, moved: {x: 2}, same: {x: 1}}"),
        ("vaults/v/_vault.yaml", "name: V"),
    ];
    with_keep(&files)
        .live("lamp/moved", 1, "{slug: moved, x: 1}")
        .agreed("lamp/moved", "{slug: moved, x: 1}")
        .live("lamp/same", 2, "{slug: same, x: 1}")
        .live("lamp/old", 3, "slug: old")
        .agreed("lamp/old", "slug: old")
        .policy(|policy| {
            policy.prune.insert(LAMP, Prune::Delete);
        })
}

#[test]
fn a_set_is_written_only_where_every_environment_on_the_instance_could_be_read() {
    let lamps = ["lamp/moved", "lamp/new", "lamp/old"].map(key).to_vec();
    let whole = |files: &[(&str, &str)]| neighbour(Precedence::Before, files, Certainty::Whole);
    let partial = |precedence| neighbour(precedence, &[], Certainty::Partial);
    for (other, waits) in [
        (None, false),
        (Some(whole(&[("lamps/x.yaml", "lamps: {x: {}}")])), false),
        (Some(partial(Precedence::Before)), true),
        (Some(partial(Precedence::After)), true),
        // A file that may declare some, an entry, a folder of who knows what.
        (Some(whole(&[("lamps/x.yaml", "lamps: [")])), true),
        (Some(whole(&[("lamps/x.yaml", "lamps: {x: 1}")])), true),
        (Some(whole(&[("lamps", crate::library::SUBMODULE)])), true),
        // One that declares none.
        (Some(whole(&[("rules/x.yaml", "name: [")])), false),
    ] {
        let context = format!("{other:?}");
        let mut case = set();
        case.circumstances.neighbours.extend(other);
        let (plan, _) = case.plan();
        let does = |kind| plan.steps.iter().filter(|step| step.change.key.kind == kind).count();
        assert_eq!(does(VAULT), 1, "{context}");
        assert_eq!(plan.unchanged.get(&LAMP), Some(&1), "{context}");
        if !waits {
            assert_eq!((does(LAMP), plan.blocked.len()), (3, 0), "{context}");
            continue;
        }
        assert_eq!(does(LAMP), 0, "{context}");
        let message = "lamps are written all at once, and the environment `other` on the same instance could not be read whole and \
                       may declare some: look at its source";
        let entry = plan.blocked.iter().find(|it| it.message == message).expect(&context);
        assert_eq!(
            (entry.reason, &entry.keys),
            (BlockReason::IncompleteSource, &lamps),
            "{context}"
        );
        assert!(!plan.can_be_approved(), "{context}");
        let mut approved = set();
        approved.circumstances = driftless_core::guard::Circumstances {
            approved: Some(plan.digest.clone()),
            neighbours: vec![partial(Precedence::After)],
            ..Default::default()
        };
        let (again, _) = approved.plan();
        assert!(
            again.steps.iter().all(|step| step.change.key.kind == VAULT),
            "{context}"
        );
    }
}

#[test]
fn an_entry_that_an_earlier_environment_declares_otherwise_is_that_one_s() {
    let declares = |text| neighbour(Precedence::Before, &[("lamps/x.yaml", text)], Certainty::Whole);
    let plan = |other| {
        let mut case = set();
        case.circumstances.neighbours.push(other);
        case.plan().0
    };
    let otherwise = plan(declares("lamps: {moved: {x: 3}}"));
    let blocked = otherwise
        .blocked
        .iter()
        .find(|it| it.keys == [key("lamp/moved")])
        .unwrap();
    assert_eq!(blocked.reason, BlockReason::OwnedElsewhere);
    assert_eq!(
        blocked.message,
        "the environment `other` stands first in the config and declares `x` otherwise: take it out of one of them, or say the same \
         in both"
    );
    assert!(otherwise.steps.iter().any(|step| step.change.key == key("lamp/new")));
    let alike = plan(declares("lamps: {moved: {x: 2}}"));
    assert_eq!(alike.blocked, []);
    assert!(alike.steps.iter().all(|step| step.change.key != key("lamp/moved")));
}
