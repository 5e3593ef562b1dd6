//! The rules of the plan, one a test: files in, live and ledger beside, plan text out.

use crate::case::{Case, case, codes};
use crate::library::{NOTE, SHELF, SUBMODULE, VAULT, key, live};
use driftless_core::field::FieldPath;
use driftless_core::key::{Key, RemoteId};
use driftless_core::ledger::Ledger;
use driftless_core::plan::{Action, BlockReason, Class, Plan};
use driftless_core::policy::{IgnoreRule, Mode, OnAdopt, OnDrift, UnknownSecrets};
use driftless_core::render;
use driftless_core::snapshot::{Authorship, Gap, GapReason, Presence};
use driftless_core::value::{Map, Secret, Value};

/// What a plan does, one word a step: `create note/a/b`.
fn steps(plan: &Plan) -> Vec<String> {
    plan.steps
        .iter()
        .map(|step| match &step.change.action {
            Action::Operation(operation) => format!("{} {}", operation.name, step.change.key),
            action => format!("{} {}", action.word(), step.change.key),
        })
        .collect()
}

const VAULT_FILE: (&str, &str) = ("vaults/a/_vault.yaml", "name: A\nengine: oak\n");

#[track_caller]
fn check_field(desired: &'static str, live: &str, agreed: Option<&str>, expected: Option<(Class, &str)>) {
    let file = ("vaults/a/_vault.yaml", desired);
    let mut case = case(&[file])
        .live("vault/A", 1, live)
        .policy(|policy| policy.drift = OnDrift::Report);
    if let Some(agreed) = agreed {
        case = case.agreed("vault/A", agreed);
    }
    let (plan, _) = case.plan();
    let found = match (plan.steps.as_slice(), plan.reported.as_slice()) {
        ([], []) => None,
        ([step], []) => Some((step.change.class, "applied")),
        ([], [change]) => Some((change.class, "reported")),
        _ => panic!("{}", render::plan_text(&plan)),
    };
    assert_eq!(found, expected);
    if let Some((Class::Drift | Class::Conflict, _)) = found {
        assert!(
            plan.changes().all(|change| !change.fields.is_empty()),
            "a status of drift has a diff"
        );
    }
}

#[test]
fn every_row_of_the_three_way_table_for_a_field() {
    let agreed = |text| Some(text);
    check_field("name: A\nx: 1", "name: A\nx: 1", None, None);
    check_field("name: A\nx: 1", "name: A\nx: 1.0", agreed("name: A\nx: 7"), None);
    check_field(
        "name: A\nx: 2",
        "name: A\nx: 1",
        agreed("name: A\nx: 1"),
        Some((Class::Pending, "applied")),
    );
    check_field(
        "name: A\nx: 1",
        "name: A\nx: 2",
        agreed("name: A\nx: 1"),
        Some((Class::Drift, "reported")),
    );
    check_field(
        "name: A\nx: 3",
        "name: A\nx: 2",
        agreed("name: A\nx: 1"),
        Some((Class::Conflict, "reported")),
    );
    check_field(
        "name: A\nx: 3",
        "name: A\nx: 2",
        None,
        Some((Class::Adoption, "applied")),
    );
    // Git names the field since then: Git moved.
    check_field(
        "name: A\nx: 3",
        "name: A\nx: 2",
        agreed("name: A"),
        Some((Class::Pending, "applied")),
    );
    // What Git does not name is not compared; null clears.
    check_field("name: A", "name: A\nx: 2", agreed("name: A"), None);
    check_field(
        "name: A\nx: null",
        "name: A\nx: 2",
        agreed("name: A\nx: 2"),
        Some((Class::Pending, "applied")),
    );
    check_field("name: A\nx: null", "name: A", agreed("name: A"), None);
}

#[test]
fn a_map_that_is_owned_whole_differs_by_a_key_that_only_live_has() {
    let (desired, agreed) = ("name: A\nproperties: {a: 1}", "name: A\nproperties: {a: 1}");
    check_field(
        desired,
        "name: A\nproperties: {a: 1, b: 2}",
        Some(agreed),
        Some((Class::Drift, "reported")),
    );
    check_field(desired, "name: A\nproperties: {a: 1, b: null}", Some(agreed), None);
    // Any other map: only the keys that Git names.
    check_field(
        "name: A\nother: {a: 1}",
        "name: A\nother: {a: 1, b: 2}",
        Some("name: A\nother: {a: 1}"),
        None,
    );
}

#[test]
fn sets_names_aliases_and_volatile_fields_are_no_differences() {
    check_field(
        "name: A\ntags: [b, a, a]\nupdated: 2020\nfilter: ' x '",
        "name: A\nglobal_tags: [{id: 1, name: a}, {id: 2, name: b}]\nupdated: 2021\nfilter: x",
        None,
        None,
    );
}

/// Spellings of one meaning, under a key of their own in `name: A`.
const SPELLINGS: [(&str, &str); 7] = [
    ("filter: ' x '", "filter: x"),
    ("tags: [b, a, a]", "tags: [a, b]"),
    ("tags: null", "tags: []"),
    ("properties: {list: [10, 2.0, 2]}", "properties: {list: [2, 10]}"),
    ("properties: {a: 1, b: null}", "properties: {a: 1}"),
    ("properties: null", "properties: {}"),
    ("colour: gray", "colour: grey"),
];

#[test]
fn another_spelling_is_no_difference_on_any_of_the_three_sides() {
    for (one, other) in SPELLINGS {
        let text = |field: &str| -> &'static str { format!("name: A\n{field}").leak() };
        let (one, other) = (text(one), text(other));
        for (git, live) in [(one, other), (other, one), (one, one)] {
            for agreed in [None, Some(one), Some(other)] {
                check_field(git, live, agreed, None);
            }
            // What was agreed on is recognised on either side, however it is spelled there.
            let moved = "name: A\nfilter: y\ntags: [c]\ncolour: red\nproperties: {list: [3], a: 2}";
            let (plan, _) = case(&[("vaults/a/_vault.yaml", git)])
                .live("vault/A", 1, moved)
                .agreed("vault/A", live)
                .plan();
            assert!(!plan.is_empty(), "{git}");
            assert!(plan.changes().all(|change| change.class == Class::Drift), "{git}");
        }
    }
}

#[test]
fn what_is_created_and_remembered_is_what_git_says() {
    for (spelling, _) in SPELLINGS {
        let text: &'static str = format!("name: A\n{spelling}").leak();
        let (plan, _) = case(&[("vaults/a/_vault.yaml", text)]).plan();
        let step = &plan.steps[0];
        let said = driftless_core::yaml::parse(text.as_bytes()).root.unwrap().to_value();
        assert_eq!(Value::Map(step.write.clone()), said);
        assert_eq!(Value::Map(step.agreement.as_ref().unwrap().spec.clone()), said);
    }
}

#[test]
fn an_update_changes_what_differs_to_what_git_says_and_leaves_the_rest_as_it_is_live() {
    let git = "name: A\nfilter: ' x '\ntags: [b, a]\nproperties: {list: [z, y], a: null}\ncolour: gray";
    let (plan, _) = case(&[("vaults/a/_vault.yaml", git)])
        .live(
            "vault/A",
            1,
            "name: A\nfilter: x\ntags: [a, b, c]\nproperties: {list: [y], a: 1, n: null}\ncolour: grey",
        )
        .plan();
    let written = "name: A\nfilter: x\ntags: [b, a]\nproperties: {list: [z, y], a: null, n: null}\ncolour: grey";
    let written = driftless_core::yaml::parse(written.as_bytes()).root.unwrap().to_value();
    assert_eq!(Value::Map(plan.steps[0].write.clone()), written);
    let shown: Vec<String> = plan.steps[0]
        .change
        .fields
        .iter()
        .map(|change| format!("{} {:?} {:?}", change.path, change.before, change.after))
        .collect();
    assert_eq!(
        shown,
        [
            r#"properties.a Some(1) Some(null)"#,
            r#"properties.list Some(["y"]) Some(["z","y"])"#,
            r#"tags Some(["a","b","c"]) Some(["b","a"])"#,
        ]
    );
}

#[test]
fn a_map_that_changes_is_put_down_in_the_order_of_git_with_its_nulls() {
    let files = [(
        "vaults/a/_vault.yaml",
        "name: A\nproperties: {z: 1, n: null, new: 2, a: 3, kept: 4}",
    )];
    let (plan, _) = case(&files)
        .live(
            "vault/A",
            1,
            "name: A\nproperties: {a: 3, gone: 0, z: 1, kept: 5, mine: 6}",
        )
        .policy(|policy| {
            let fields = ["properties.kept", "properties.mine"];
            let fields = fields.into_iter().map(FieldPath::dotted).collect();
            policy.ignore = vec![IgnoreRule::new(None, None, fields).unwrap()];
        })
        .plan();
    let written = plan.steps[0].write["properties"].as_map().unwrap();
    let written = driftless_core::json::write(&Value::Map(written.clone()));
    assert_eq!(written, r#"{"z":1,"n":null,"new":2,"a":3,"kept":5,"mine":6}"#);
}

#[test]
fn a_new_spelling_in_git_is_remembered_once_and_writes_nothing() {
    let files = [("vaults/a/_vault.yaml", "name: A\nfilter: ' x '")];
    let live = "name: A\nfilter: x";
    let (plan, _) = case(&files).live("vault/A", 1, live).agreed("vault/A", live).plan();
    assert!(plan.is_empty() && plan.reported.is_empty());
    let mut again = case(&files).live("vault/A", 1, live);
    let ledger = again.ledger.get_or_insert_default();
    ledger.entries.extend(plan.agreed.clone());
    assert_eq!(plan.agreed.len(), 1);
    let (plan, _) = again.plan();
    assert_eq!(plan.agreed, []);
}

#[test]
fn a_conflict_waits_while_the_other_fields_are_applied_when_drift_is_only_reported() {
    let (plan, _) = case(&[("vaults/a/_vault.yaml", "name: A\nx: 3\ny: 2")])
        .live("vault/A", 1, "name: A\nx: 2\ny: 1")
        .agreed("vault/A", "name: A\nx: 1\ny: 1")
        .policy(|policy| policy.drift = OnDrift::Report)
        .plan();
    let [step] = plan.steps.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!(
        step.change
            .fields
            .iter()
            .map(|f| f.path.to_string())
            .collect::<Vec<_>>(),
        ["y"]
    );
    assert_eq!(
        step.write["x"],
        Value::from(2),
        "what policy does not let through is written as live"
    );
    let agreement = step.agreement.as_ref().unwrap();
    assert_eq!(
        agreement.spec["x"],
        Value::from(1),
        "what is not agreed on keeps its own memory"
    );
    assert_eq!(agreement.spec["y"], Value::from(2));
    assert_eq!(plan.reported.len(), 1);
    assert_eq!(plan.states()[&VAULT].conflict, 1);
}

#[test]
fn what_is_equal_becomes_owned_without_a_write_in_observe_too() {
    let file = [("vaults/a/_vault.yaml", "name: A\nx: 1")];
    for mode in [Mode::Apply, Mode::Observe] {
        let (plan, _) = case(&file)
            .live("vault/A", 4, "name: A\nx: 1")
            .policy(|policy| policy.mode = mode)
            .plan();
        assert!(plan.is_empty());
        assert_eq!(plan.agreed.len(), 1);
        assert_eq!(plan.agreed[0].1.remote, Some(RemoteId(4)));
    }
}

#[test]
fn observe_writes_nothing_and_reports_everything() {
    let (plan, _) = case(&[VAULT_FILE, ("vaults/a/notes/n.yaml", "name: n\ntext: new")])
        .live("vault/A", 1, "name: A\nengine: pine")
        .policy(|policy| policy.mode = Mode::Observe)
        .plan();
    assert!(plan.is_empty());
    assert_eq!(plan.reported.len(), 2);
}

#[test]
fn an_adoption_is_only_shown_when_policy_says_so() {
    let (plan, _) = case(&[("vaults/a/_vault.yaml", "name: A\nx: 1")])
        .live("vault/A", 1, "name: A\nx: 2")
        .policy(|policy| policy.adopt = OnAdopt::Report)
        .plan();
    assert!(plan.is_empty());
    assert_eq!(plan.reported[0].class, Class::Adoption);
    assert_eq!(plan.agreed, [], "what is only shown is not owned");
}

#[test]
fn what_was_deleted_live_is_drift_unless_git_moved_too() {
    let file = [("vaults/a/_vault.yaml", "name: A\nx: 1")];
    for (agreed, class) in [("name: A\nx: 1", Class::Drift), ("name: A\nx: 0", Class::Conflict)] {
        let (plan, _) = case(&file).agreed("vault/A", agreed).plan();
        assert_eq!(plan.steps[0].change.class, class);
        let (plan, _) = case(&file)
            .agreed("vault/A", agreed)
            .policy(|policy| policy.drift = OnDrift::Report)
            .plan();
        assert!(plan.is_empty());
        assert_eq!(plan.reported[0].class, class);
    }
}

#[test]
fn an_archived_resource_is_restored_by_an_update() {
    let mut case = case(&[("vaults/a/_vault.yaml", "name: A\nx: 1")]).live("vault/A", 9, "name: A\nx: 1");
    if let Some(resource) = case.live.resources.get_mut(&key("vault/A")) {
        resource.presence = Presence::Archived;
    }
    let (plan, _) = case.plan();
    assert_eq!(steps(&plan), ["update vault/A"]);
    assert_eq!(plan.steps[0].remote, Some(RemoteId(9)));
    assert_eq!(plan.steps[0].change.fields[0].path, FieldPath::top("archived"));
}

#[test]
fn removed_from_git_is_orphaned_foreign_is_unmanaged_and_nothing_is_deleted() {
    let (plan, _) = case(&[VAULT_FILE])
        .live("vault/A", 1, "name: A\nengine: oak")
        .live("note/A/mine", 2, "name: mine")
        .live("note/A/foreign", 3, "name: foreign")
        .agreed("vault/A", "name: A\nengine: oak")
        .agreed("note/A/mine", "name: mine")
        .agreed("note/A/vanished", "name: vanished")
        .plan();
    assert!(plan.is_empty());
    assert_eq!(plan.orphaned, [key("note/A/mine")]);
    assert_eq!(plan.unmanaged, [key("note/A/foreign")]);
    assert_eq!(plan.gone, [(key("note/A/vanished"), Some(RemoteId(1)))]);
}

#[test]
fn an_error_in_a_file_is_never_an_absence() {
    let (plan, diagnostics) = case(&[VAULT_FILE, ("vaults/a/notes/n.yaml", "name: [")])
        .live("vault/A", 1, "name: A\nengine: oak")
        .live("note/A/n", 2, "name: n")
        .agreed("vault/A", "name: A\nengine: oak")
        .agreed("note/A/n", "name: n")
        .plan();
    assert!(plan.orphaned.is_empty() && plan.gone.is_empty() && plan.unmanaged.is_empty());
    assert_eq!(diagnostics.len(), 1);
}

#[test]
fn a_gap_hides_what_it_covers_and_nothing_else() {
    let mut case = case(&[
        VAULT_FILE,
        ("vaults/a/notes/n.yaml", "name: n\ntext: t"),
        ("vaults/a/shelves/s.yaml", "name: s"),
    ])
    .live("vault/A", 1, "name: A\nengine: oak")
    .agreed("note/A/old", "name: old");
    case.live.gaps.push(Gap {
        kind: NOTE,
        below: Some(key("vault/A")),
        reason: GapReason::Unread,
        message: "403".into(),
    });
    let (plan, _) = case.plan();
    assert_eq!(steps(&plan), ["create shelf/A/s"]);
    assert_eq!(plan.blocked[0].reason, BlockReason::IncompleteRead);
    assert_eq!(plan.blocked[0].keys, [key("note/A/n")]);
    assert!(plan.gone.is_empty());
}

#[test]
fn steps_come_in_order_of_reference_and_wait_for_what_they_name() {
    let (plan, _) = case(&[
        ("vaults/a/notes/n.yaml", "name: n\nshelf: s"),
        ("vaults/a/shelves/s.yaml", "name: s"),
        ("vaults/a/_vault.yaml", "name: A\nmirror: B"),
        ("vaults/b/_vault.yaml", "name: B\nmirror: A"),
    ])
    .plan();
    assert_eq!(
        steps(&plan),
        [
            "create vault/A",
            "create vault/B",
            "link_mirror vault/A",
            "link_mirror vault/B",
            "create shelf/A/s",
            "create note/A/n"
        ]
    );
    assert_eq!(plan.steps[5].after, [0, 4]);
    assert_eq!(plan.steps[2].after, [0, 1]);
    assert!(
        !plan.steps[0].write.contains_key("mirror"),
        "a link is written by a step of its own"
    );
}

#[test]
fn what_exists_does_not_wait_for_the_settings_of_the_place_it_lies_in() {
    let (plan, _) = case(&[
        ("vaults/a/_vault.yaml", "name: A\ncolour: red"),
        ("vaults/a/shelves/s.yaml", "name: s\nwidth: 20"),
        ("vaults/a/notes/n.yaml", "name: n\nshelf: s\ntext: new"),
        ("vaults/a/notes/m.yaml", "name: m\ntext: first"),
    ])
    .live("vault/A", 1, "name: A\ncolour: blue")
    .live("shelf/A/s", 2, "name: s")
    .live("note/A/n", 3, "name: n\nshelf: s\ntext: old")
    .plan();
    let order = [
        "update vault/A",
        "update shelf/A/s",
        "create note/A/m",
        "update note/A/n",
    ];
    assert_eq!(steps(&plan), order);
    assert_eq!(plan.steps[1].after, []);
    assert_eq!(
        plan.steps[2].after,
        [0],
        "what is new waits: it may need what changes there"
    );
    assert_eq!(
        plan.steps[3].after,
        [1],
        "a resource beside it is waited for all the same"
    );
}

#[test]
fn a_circle_of_references_is_named_and_blocks_what_waits_for_it() {
    let (plan, _) = case(&[
        VAULT_FILE,
        ("vaults/a/shelves/s.yaml", "name: s\nshelf: t"),
        ("vaults/a/shelves/t.yaml", "name: t\nshelf: s"),
        ("vaults/a/notes/n.yaml", "name: n\nshelf: s"),
    ])
    .plan();
    assert_eq!(steps(&plan), ["create vault/A"]);
    let reasons: Vec<_> = plan
        .blocked
        .iter()
        .map(|blocked| (blocked.reason, blocked.keys.clone()))
        .collect();
    assert_eq!(
        reasons,
        [
            (BlockReason::DependencyCycle, vec![key("shelf/A/s"), key("shelf/A/t")]),
            (BlockReason::DependencyBlocked, vec![key("note/A/n")]),
        ]
    );
}

#[test]
fn a_reference_to_nothing_blocks_its_document_and_those_below_it() {
    let (plan, _) = case(&[
        ("vaults/a/_vault.yaml", "name: A\nmirror: nowhere"),
        ("vaults/b/shelves/s.yaml", "name: s"),
        ("vaults/b/notes/n.yaml", "name: n\nshelf: s"),
    ])
    .plan();
    assert_eq!(
        steps(&plan),
        ["create vault/A"],
        "a link to nothing does not keep the rest of the resource back"
    );
    let blocked: Vec<_> = plan
        .blocked
        .iter()
        .map(|b| format!("{} {:?} {}", b.reason.word(), b.keys, b.message))
        .collect();
    assert_eq!(blocked.len(), 1, "{blocked:#?}");
    assert!(blocked[0].contains("'nowhere' not found"), "{blocked:#?}");
}

#[test]
fn a_left_out_kind_is_named_where_something_needs_it() {
    let mut case = case(&[VAULT_FILE, ("vaults/a/notes/n.yaml", "name: n")]);
    case.left_out = vec![VAULT];
    let (plan, diagnostics) = case.plan();
    assert!(plan.is_empty());
    let text = format!("{:?}{diagnostics:?}", plan.blocked);
    assert!(text.contains("vaults") || text.contains("folder"), "{text}");
}

#[test]
fn an_operation_comes_before_what_it_makes_appear_and_after_what_it_runs_on() {
    let (plan, _) = case(&[VAULT_FILE, ("vaults/a/notes/n.yaml", "name: n\nshelf: unknown")]).plan();
    assert_eq!(steps(&plan), ["create vault/A", "look vault/A", "create note/A/n"]);
    assert_eq!(plan.steps[2].after, [0, 1]);
}

#[test]
fn an_immutable_field_that_changed_is_blocked_while_replacing_is_off() {
    let (plan, _) = case(&[VAULT_FILE]).live("vault/A", 1, "name: A\nengine: pine").plan();
    assert!(plan.is_empty());
    assert_eq!(plan.blocked[0].reason, BlockReason::ReplacementNeedsPrune);
    assert!(plan.blocked[0].message.contains("undo the change"));
}

#[test]
fn where_a_kind_is_left_out_nobody_is_told_to_delete_what_may_only_follow_a_rename() {
    let mut case = case(&[VAULT_FILE]).live("vault/A", 1, "name: A\nengine: pine");
    case.left_out = vec![NOTE];
    let (plan, _) = case.plan();
    let message = &plan.blocked[0].message;
    assert!(
        message.contains("include the kinds") && !message.contains("delete"),
        "{message}"
    );
}

#[test]
fn a_secret_is_sent_once_then_only_when_it_changes_and_never_shown() {
    let files = [("vaults/a/_vault.yaml", "name: A\npassword: ${PW}")];
    let with = |password| Case {
        variables: vec![("PW", password)],
        ..case(&files)
    };
    let (plan, _) = with("hunter2").live("vault/A", 1, "name: A\npassword: '****'").plan();
    assert_eq!(plan.steps[0].change.class, Class::Adoption);
    let entry = plan.steps[0].agreement.clone().unwrap();
    for text in [
        render::plan_text(&plan),
        render::plan_json(&plan),
        render::plan_markdown(&plan),
        format!("{plan:?}"),
    ] {
        assert!(!text.contains("hunter2"), "{text}");
        assert!(!text.contains("****"), "{text}");
    }
    let mut ledger = Ledger::default();
    ledger.entries.insert(key("vault/A"), entry);
    let again = |password| Case {
        ledger: Some(ledger.clone()),
        ..with(password).live("vault/A", 1, "name: A")
    };
    assert!(again("hunter2").plan().0.is_empty());
    let (plan, _) = again("hunter3").plan();
    assert_eq!(plan.steps[0].change.class, Class::Pending);
    assert_eq!(plan.steps[0].write["password"], Value::Secret(Secret::new("hunter3")));
}

#[test]
fn without_a_ledger_differences_are_two_way_and_secrets_are_left_alone() {
    let mut case = case(&[("vaults/a/_vault.yaml", "name: A\npassword: p\nx: 2")]).live("vault/A", 1, "name: A\nx: 1");
    case.ledger = None;
    case.policy.unknown_secrets = UnknownSecrets::Keep;
    let (plan, _) = case.plan();
    assert_eq!(plan.steps[0].change.class, Class::Pending);
    assert!(!plan.steps[0].write.contains_key("password"));
    assert!(plan.notes[0].text.contains("not compared"));
}

#[test]
fn a_secret_variable_in_a_field_that_is_shown_is_refused() {
    for (sensitive, files) in [
        (
            vec!["TOKEN"],
            vec![("vaults/a/_vault.yaml", "name: A\ndescription: ${TOKEN}")],
        ),
        (
            vec![],
            vec![(
                "vaults/a/_vault.yaml",
                "name: A\npassword: ${TOKEN}\ndescription: x ${TOKEN}",
            )],
        ),
    ] {
        let mut case = case(&files);
        case.variables = vec![("TOKEN", "t0ps3cret")];
        case.sensitive = sensitive;
        let (plan, diagnostics) = case.plan();
        assert!(plan.is_empty());
        assert_eq!(diagnostics[0].code, "secret_in_plain_field");
        assert!(!format!("{diagnostics:?}").contains("t0ps3cret"));
    }
}

#[test]
fn an_unresolved_variable_is_told_with_its_place_and_only_where_it_counts() {
    let (plan, diagnostics) = case(&[
        ("vaults/a/_vault.yaml", "name: A\nx: ok\npassword: ${NOPE}\n"),
        ("vaults/b/_vault.yaml", "name: B\nkeeper: {url: u}\nx: '${theirs}'\n"),
        ("vaults/b/notes/n.yaml", "name: n\ntext: '^a${1}$'\n"),
    ])
    .plan();
    assert_eq!(codes(&diagnostics), ["unresolved_variable vaults/a/_vault.yaml:3:1"]);
    assert_eq!(steps(&plan), ["create vault/B", "create note/B/n"]);
    assert_eq!(plan.steps[0].write["x"], Value::from("${theirs}"));
    assert_eq!(plan.steps[1].write["text"], Value::from("^a${1}$"));
}

#[test]
fn overlays_merge_by_identity_before_the_rest_is_substituted() {
    let mut case = case(&[
        (
            "vaults/a/_vault.yaml",
            "name: A\nx: ${ONLY_PROD}\nproperties: {a: 1, b: 2}",
        ),
        ("vaults/a/notes/n.yaml", "name: n\ntext: base"),
        ("vaults/a/notes/dropped.yaml", "name: dropped"),
        (
            "over/prod/vaults/whatever/_vault.yaml",
            "name: A\nx: 5\nproperties: {b: {$delete: true}}",
        ),
        ("over/prod/vaults/a/notes/n.yaml", "text: prod"),
        ("over/prod/vaults/a/notes/dropped.yaml", "$delete: true"),
        ("over/prod/vaults/a/notes/extra.yaml", "name: extra"),
    ]);
    case.overlays = vec!["over/prod".into()];
    let (plan, diagnostics) = case.plan();
    assert_eq!(codes(&diagnostics), Vec::<String>::new());
    assert_eq!(
        steps(&plan),
        ["create vault/A", "create note/A/extra", "create note/A/n"]
    );
    assert_eq!(
        plan.steps[0].write["properties"],
        Value::Map([("a".to_owned(), Value::from(1))].into())
    );
    assert_eq!(plan.steps[2].write["text"], Value::from("prod"));
}

#[test]
fn a_submodule_in_the_place_of_a_folder_removes_nothing_and_one_in_an_overlay_holds_back_what_lies_below() {
    let files = |folder| {
        case(&[("vaults/a/_vault.yaml", "name: A"), (folder, SUBMODULE)])
            .live("vault/A", 1, "name: A")
            .live("note/A/n", 2, "name: n")
            .agreed("note/A/n", "name: n")
    };
    let (plan, diagnostics) = files("vaults/a/notes").plan();
    assert_eq!(codes(&diagnostics), ["submodule vaults/a/notes:1:1"]);
    assert_eq!((plan.orphaned, plan.gone), (vec![], vec![]));
    // Where no document of ours could lie it stands in nobody's way.
    let (plan, diagnostics) = files("vaults/a/pictures").plan();
    assert_eq!(codes(&diagnostics), Vec::<String>::new());
    assert_eq!(plan.orphaned, [key("note/A/n")]);

    let mut case = case(&[
        ("vaults/a/_vault.yaml", "name: A"),
        ("vaults/a/notes/n.yaml", "name: n"),
        ("over/prod/vaults/a/notes", SUBMODULE),
    ]);
    case.overlays = vec!["over/prod".into()];
    let (plan, diagnostics) = case.plan();
    assert_eq!(codes(&diagnostics), ["submodule over/prod/vaults/a/notes:1:1"]);
    assert_eq!(steps(&plan), ["create vault/A"]);
}

#[test]
fn two_documents_with_one_identity_are_told_at_both_and_neither_is_used() {
    let (plan, diagnostics) = case(&[
        VAULT_FILE,
        ("vaults/a/notes/n.yaml", "name: same"),
        ("vaults/a/notes/m.yaml", "name: same"),
    ])
    .plan();
    assert_eq!(steps(&plan), ["create vault/A"]);
    assert_eq!(
        codes(&diagnostics),
        [
            "duplicate_identity vaults/a/notes/m.yaml:1:1",
            "duplicate_identity vaults/a/notes/n.yaml:1:1"
        ]
    );
}

#[test]
fn all_faults_are_told_at_once_with_their_places() {
    let (_, diagnostics) = case(&[
        ("vaults/a/_vault.yaml", "engine: oak\n"),
        ("vaults/b/_vault.yaml", "- list\n"),
        ("vaults/c/_vault.yaml", "name: C\ncolour: invisible\n"),
        ("vaults/d/_vault.yaml", ""),
        ("vaults/e/_vault.yml", "name: E"),
    ])
    .plan();
    assert_eq!(
        codes(&diagnostics),
        [
            "missing_name vaults/a/_vault.yaml:1:1",
            "not_a_map vaults/b/_vault.yaml:1:1",
            "bad_colour vaults/c/_vault.yaml:2:1",
            "empty_document vaults/d/_vault.yaml:1:1",
            "misplaced_file vaults/e/_vault.yml:1:1",
        ]
    );
}

#[test]
fn an_empty_folder_is_an_error_and_removes_nothing() {
    let (plan, diagnostics) = case(&[("README.md.yaml", "x: 1")])
        .live("vault/A", 1, "name: A")
        .agreed("vault/A", "name: A")
        .plan();
    assert!(plan.is_empty());
    assert_eq!(diagnostics[0].code, "empty_folder");
    assert_eq!(plan.orphaned, [key("vault/A")]);
}

#[test]
fn a_folder_without_its_own_document_is_known_by_what_is_declared_or_live() {
    let note = ("vaults/my_vault/notes/n.yaml", "name: n\ntext: t");
    let (plan, _) = case(&[note]).live("vault/My Vault", 1, "name: My Vault").plan();
    assert_eq!(steps(&plan), ["create note/My Vault/n"]);
    let (plan, diagnostics) = case(&[note])
        .live("vault/My Vault", 1, "name: My Vault")
        .live("vault/my vault", 2, "name: my vault")
        .plan();
    assert!(plan.is_empty());
    assert_eq!(diagnostics[0].code, "unknown_folder");
    let (plan, diagnostics) = case(&[note]).plan();
    assert!(plan.is_empty());
    assert_eq!(diagnostics[0].code, "unknown_folder");
}

#[test]
fn a_folder_that_nobody_declares_is_known_by_what_other_documents_call_it() {
    let (plan, diagnostics) = case(&[
        ("vaults/b/_vault.yaml", "name: B\nmirror: My Vault"),
        ("vaults/my_vault/notes/n.yaml", "name: n"),
    ])
    .plan();
    assert_eq!(diagnostics, []);
    assert_eq!(
        plan.blocked[0].reason,
        BlockReason::UnresolvedReference,
        "and is still not made up"
    );
}

#[test]
fn a_live_resource_without_identity_is_adopted_when_it_is_the_only_one_meant() {
    let files = [VAULT_FILE, ("vaults/a/notes/n.yaml", "name: n\ntext: t\nx: 1")];
    let with = |count: i64| {
        let mut case = case(&files).live("vault/A", 1, "name: A\nengine: oak");
        for id in 0..count {
            case.live
                .unidentified
                .push((Key::new(NOTE, ["A", "guess"]), live(70 + id, "text: t\nx: 0", NOTE)));
        }
        case.plan().0
    };
    let one = with(1);
    assert_eq!(steps(&one), ["update note/A/n"]);
    assert_eq!(one.steps[0].remote, Some(RemoteId(70)));
    assert_eq!(one.steps[0].change.class, Class::Adoption);
    let two = with(2);
    assert!(two.is_empty());
    assert_eq!(two.blocked[0].reason, BlockReason::Ambiguous);
}

#[test]
fn an_ignored_field_is_sent_on_creation_and_kept_as_live_on_update() {
    let rule = || IgnoreRule::new(Some(VAULT), Some("A"), vec![FieldPath::top("x")]).unwrap();
    let files = [("vaults/a/_vault.yaml", "name: A\nx: 1\ny: 1")];
    let (plan, _) = case(&files).policy(|policy| policy.ignore.push(rule())).plan();
    assert_eq!(plan.steps[0].write["x"], Value::from(1));
    let (plan, _) = case(&files)
        .live("vault/A", 1, "name: A\nx: 9\ny: 0")
        .policy(|policy| policy.ignore.push(rule()))
        .plan();
    assert_eq!(plan.steps[0].write["x"], Value::from(9));
    assert_eq!(plan.steps[0].change.fields.len(), 1);
}

#[test]
fn a_field_dropped_from_git_is_released_and_told_once() {
    let files = [("vaults/a/_vault.yaml", "name: A")];
    let (plan, _) = case(&files)
        .live("vault/A", 1, "name: A\nx: 1")
        .agreed("vault/A", "name: A\nx: 1")
        .plan();
    assert!(plan.is_empty());
    assert!(plan.notes[0].text.contains("released"));
    let entry = plan.agreed[0].1.clone();
    let mut again = case(&files).live("vault/A", 1, "name: A\nx: 1");
    again
        .ledger
        .get_or_insert_default()
        .entries
        .insert(key("vault/A"), entry);
    let (plan, _) = again.plan();
    assert!(plan.notes.is_empty() && plan.agreed.is_empty());
}

#[test]
fn drift_of_what_the_platform_manages_itself_is_only_reported_and_a_change_from_git_applies() {
    let inferred = |agreed: &str| {
        let mut case = case(&[("vaults/a/_vault.yaml", "name: A\nx: 2")])
            .live("vault/A", 1, "name: A\nx: 1")
            .agreed("vault/A", agreed);
        if let Some(resource) = case.live.resources.get_mut(&key("vault/A")) {
            resource.authorship = Authorship::Inferred { fields: &["x"] };
        }
        case.plan().0
    };
    assert!(inferred("name: A\nx: 2").is_empty());
    let pending = inferred("name: A\nx: 1");
    assert_eq!(pending.steps.len(), 1);
    assert!(pending.notes[0].text.contains("authored"));
}

#[test]
fn equal_inputs_give_equal_bytes_and_another_content_another_digest() {
    let make = |text| {
        case(&[VAULT_FILE, ("vaults/a/notes/n.yaml", text)])
            .live("vault/A", 1, "name: A\nengine: oak")
            .plan()
            .0
    };
    let (a, b, c) = (make("name: n\nx: 1"), make("name: n\nx: 1"), make("name: n\nx: 2"));
    assert_eq!(render::plan_json(&a), render::plan_json(&b));
    assert_eq!(a.digest, b.digest);
    assert_ne!(a.digest, c.digest);
}

#[test]
fn the_plan_reads_as_a_person_expects() {
    let (plan, _) = case(&[
        ("vaults/a/_vault.yaml", "name: A\nx: 2\npassword: p"),
        ("vaults/a/notes/n.yaml", "name: n\ntext: 't|`x`'"),
    ])
    .live("vault/A", 1, "name: A\nx: 1")
    .agreed("vault/A", "name: A\nx: 1")
    .live("note/A/foreign", 3, "name: foreign")
    .plan();
    assert_eq!(
        render::plan_text(&plan),
        "\
Plan (library): 1 to create, 1 to update, 1 unmanaged, 0 in sync

  ~ vault/A  pending  (vaults/a/_vault.yaml:2:1)
      password: (none) -> (secret)
      x: 1 -> 2
  + note/A/n  pending  (vaults/a/notes/n.yaml:1:1)
      name: \"n\"
      text: \"t|`x`\"

1 resource is live and not in Git, never touched.
"
    );
    assert!(render::plan_markdown(&plan).contains("`\"t\\|'x'\"`"));
}

#[test]
fn shelves_have_defaults_on_the_live_side_only() {
    let (plan, _) = case(&[VAULT_FILE, ("vaults/a/shelves/s.yaml", "name: s\nwidth: 10")])
        .live("vault/A", 1, "name: A\nengine: oak")
        .live("shelf/A/s", 2, "name: s")
        .plan();
    assert!(plan.is_empty());
    let _ = (SHELF, Map::new());
}
