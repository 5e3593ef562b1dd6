//! Files that hold several documents: each is one by itself, with faults at its own lines.

use std::collections::BTreeSet;

use driftless_core::document::Document;
use driftless_core::field::FieldPath;
use driftless_core::load::{Layers, Loaded, declared, load, named};
use driftless_core::plan::Plan;
use driftless_core::policy::Prune;
use driftless_core::render::plan_text;
use driftless_core::substitute::Variables;
use driftless_core::tree::Refusal;

use crate::case::{case, codes};
use crate::library::{LAMP, Library, SUBMODULE, VAULT, key, tree};

/// A vault, so that no folder is empty.
const VAULT_FILE: (&str, &str) = ("vaults/a/_vault.yaml", "name: A");

fn loaded(files: &[(&str, &str)], overlays: &[&str]) -> Loaded {
    let overlays: Vec<String> = overlays.iter().map(|folder| (*folder).to_owned()).collect();
    let layers = Layers {
        base: "",
        overlays: &overlays,
    };
    let values = [("CITY".to_owned(), "Ulm".to_owned())].into();
    let variables = Variables::new(values, BTreeSet::new());
    let files: Vec<_> = files.iter().copied().chain([VAULT_FILE]).collect();
    load(&tree(&files), &layers, &variables, &[], &Library)
}

/// The lamps that can be used, as JSON, with the lines at which they begin.
fn lamps(loaded: &Loaded) -> Vec<String> {
    let lamps = loaded.desired.documents.values().filter(|it| it.key.kind == LAMP);
    let shown = |document: &Document| {
        let spec = driftless_core::json::write(&driftless_core::value::Value::Map(document.spec.clone()));
        format!("{} {spec}", document.origin.start())
    };
    lamps.map(shown).collect()
}

/// What is broken: keys, and `lamp` for all of the kind.
fn broken(loaded: &Loaded) -> BTreeSet<String> {
    let broken = loaded.desired.broken.iter();
    let shown = broken.map(|broken| match (&broken.key, broken.kind) {
        (Some(key), _) => key.to_string(),
        (None, kind) => kind.map_or("anything".to_owned(), |kind| kind.to_string()),
    });
    shown.collect()
}

fn words(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn each_entry_is_a_document_that_begins_at_its_key_and_has_it_for_its_identity() {
    let text = "lamps:\n  desk:\n    colour: red\n    wiring:\n      volts: 12\n  hall:\n    slug: hall\n    colour: ${CITY}\n";
    let loaded = loaded(&[("lamps/floor/one.yaml", text)], &[]);
    assert_eq!(
        lamps(&loaded),
        [
            r#"lamps/floor/one.yaml:2:3 {"slug":"desk","colour":"red","wiring":{"volts":12}}"#,
            r#"lamps/floor/one.yaml:6:3 {"slug":"hall","colour":"Ulm"}"#,
        ]
    );
    assert_eq!(loaded.diagnostics, []);
    let desk = &loaded.desired.documents[&key("lamp/desk")].origin;
    let place = |field: &str| desk.place(&FieldPath::dotted(field)).to_string();
    assert_eq!(place("colour"), "lamps/floor/one.yaml:3:5");
    assert_eq!(place("wiring.volts"), "lamps/floor/one.yaml:5:7");
    assert_eq!(place("wiring.amps"), "lamps/floor/one.yaml:4:5");
    // Another entry has it, and this one does not: its own line stands for it.
    assert_eq!(place("slug"), "lamps/floor/one.yaml:2:3");
    assert_eq!(desk.file(), "lamps/floor/one.yaml");
}

#[test]
fn an_entry_s_faults_stand_at_its_lines_all_at_once_and_leave_the_others_usable() {
    let text = "\
version: 2
lamps:
  good: {colour: red}
  nothing:
  text: blue
  again: {slug: other, colour: invisible}
  number:
    slug: 5
  unset:
    colour: ${NONE}
    note: ${
  unseen:
    colour: invisible
  gone:
    shade: {$delete: false}
    slots: [{$delete: true}]
";
    let loaded = loaded(&[("lamps/one.yaml", text)], &[]);
    assert_eq!(lamps(&loaded), [r#"lamps/one.yaml:3:3 {"slug":"good","colour":"red"}"#]);
    assert_eq!(
        codes(&loaded.diagnostics),
        [
            "unknown_field lamps/one.yaml:1:1",
            "not_a_map lamps/one.yaml:4:3",
            "not_a_map lamps/one.yaml:5:3",
            "ambiguous_identity lamps/one.yaml:6:11",
            "bad_colour lamps/one.yaml:6:24",
            "ambiguous_identity lamps/one.yaml:8:5",
            "unresolved_variable lamps/one.yaml:10:5",
            "bad_substitution lamps/one.yaml:11:5",
            "bad_colour lamps/one.yaml:13:5",
            "bad_deletion lamps/one.yaml:15:13",
            "bad_deletion lamps/one.yaml:16:5",
        ]
    );
    let message = |at: usize| loaded.diagnostics[at].message.as_str();
    assert_eq!(message(0), "`version` is not read: a file of lamps has `lamps` alone");
    assert_eq!(message(1), "`nothing`: a lamp is a map, this is null");
    assert_eq!(message(3), "`slug` is `other` here, and `again` in the key");
    let all = ["again", "gone", "nothing", "number", "text", "unseen", "unset"];
    let all: Vec<String> = all.iter().map(|name| format!("lamp/{name}")).collect();
    assert_eq!(broken(&loaded), all.into_iter().collect());
}

#[test]
fn a_file_that_is_no_collection_says_so_and_breaks_its_kind() {
    for (text, expected, message) in [
        ("", "empty_document lamps/one.yaml:1:1", "the file holds no document"),
        (
            "# nothing\n",
            "empty_document lamps/one.yaml:1:1",
            "the file holds no document",
        ),
        (
            "- a\n",
            "not_a_map lamps/one.yaml:1:1",
            "a file of lamps is a map, this is a list",
        ),
        ("\nlamps:\n", "missing_field lamps/one.yaml:2:1", "`lamps` is empty"),
        (
            "\nlamps: [a]\n",
            "wrong_type lamps/one.yaml:2:1",
            "`lamps` must be a map, not a list",
        ),
        ("{}\n", "missing_field lamps/one.yaml:1:1", "`lamps` is missing"),
    ] {
        let loaded = loaded(&[("lamps/one.yaml", text), ("lamps/two.yaml", "lamps: {b: {}}")], &[]);
        assert_eq!(codes(&loaded.diagnostics), [expected], "{text:?}");
        assert_eq!(loaded.diagnostics[0].message, message, "{text:?}");
        assert!(loaded.diagnostics[0].help.is_some(), "{text:?}");
        assert_eq!(broken(&loaded), words(&["lamp"]), "{text:?}");
        assert_eq!(lamps(&loaded).len(), 1, "{text:?}");
    }
    let loaded = loaded(&[("lamps/one.yaml", "lamps: {}")], &[]);
    assert_eq!((codes(&loaded.diagnostics), broken(&loaded)), (Vec::new(), words(&[])));
}

#[test]
fn a_misspelt_field_is_told_with_the_one_that_was_meant() {
    let loaded = loaded(&[("lamps/one.yaml", "\nlamp:\n  a: {}\n")], &[]);
    assert_eq!(
        codes(&loaded.diagnostics),
        ["missing_field lamps/one.yaml:1:1", "unknown_field lamps/one.yaml:2:1"]
    );
    assert_eq!(loaded.diagnostics[1].help.as_deref(), Some("did you mean `lamps`?"));
}

#[test]
fn an_identity_twice_is_a_fault_at_both_places() {
    let two = [
        ("lamps/one.yaml", "lamps:\n  a: {x: 1}\n  b: {}\n"),
        ("lamps/two.yaml", "lamps:\n\n  a: {x: 1}\n"),
    ];
    let loaded = self::loaded(&two, &[]);
    assert_eq!(
        codes(&loaded.diagnostics),
        [
            "duplicate_identity lamps/one.yaml:2:3",
            "duplicate_identity lamps/two.yaml:3:3"
        ]
    );
    assert_eq!(lamps(&loaded), [r#"lamps/one.yaml:3:3 {"slug":"b"}"#]);
    // Nor is what an overlay says of it used by itself.
    let overlay = [two[0], two[1], ("over/lamps/x.yaml", "lamps: {a: {x: 2}}")];
    assert_eq!(lamps(&self::loaded(&overlay, &["over"])).len(), 1);

    // In one file too, where YAML takes the last one.
    let text = "lamps:\n  a: {x: 1}\n  b: {y: 1, y: 2}\n  a: {x: 2}\n  a: {x: 3}\n";
    let twice = self::loaded(&[("lamps/one.yaml", text)], &[]);
    let lines = [(2, "4, 5"), (3, ""), (4, "2, 5"), (5, "2, 4")];
    for (diagnostic, (line, others)) in twice.diagnostics.iter().zip(lines) {
        assert_eq!(diagnostic.place.as_ref().unwrap().line, line);
        let message = match others {
            "" => "this key stands in the same map already, at line 3; the last one counts".to_owned(),
            _ => format!("`a` stands in this map more than once: also in line {others}"),
        };
        assert_eq!(diagnostic.message, message);
    }
    assert_eq!(twice.diagnostics.len(), 4);
    assert_eq!(lamps(&twice), [r#"lamps/one.yaml:3:3 {"slug":"b","y":2}"#]);
    assert_eq!(broken(&twice), words(&["lamp/a"]));
    let many: String = (0..150).map(|at| format!("  c{at}: {{w: yes}}\n")).collect();
    let many = format!("lamps:\n{many}  a: {{}}\n  a: {{}}\n");
    let twice = self::loaded(&[("lamps/one.yaml", many.as_str())], &[]);
    assert_eq!(
        broken(&twice),
        words(&["lamp/a"]),
        "the reader lists no more than a hundred warnings"
    );
    let twice = self::loaded(&[("lamps/one.yaml", "lamps:\n  a: {}\nlamps:\n  b: {}\n")], &[]);
    assert_eq!(
        codes(&twice.diagnostics),
        [
            "duplicate_identity lamps/one.yaml:1:1",
            "duplicate_identity lamps/one.yaml:3:1"
        ]
    );
    assert_eq!((lamps(&twice), broken(&twice)), (Vec::new(), words(&["lamp"])));
    let twice = self::loaded(&[("lamps/one.yaml", "lamps:\n  Ulm: {}\n  '${CITY}': {}\n")], &[]);
    assert_eq!(
        codes(&twice.diagnostics),
        [
            "duplicate_identity lamps/one.yaml:2:3",
            "duplicate_identity lamps/one.yaml:3:3"
        ]
    );
}

#[test]
fn a_file_of_nothing_but_repeated_keys_is_told_in_little_time_and_space() {
    let one = "  a: {}\n".repeat(2_000);
    let each: String = (0..20_000).map(|at| format!("  a{at}: {{}}\n")).collect();
    for text in [format!("lamps:\n{one}"), format!("lamps:\n{each}{each}")] {
        let loaded = loaded(&[("lamps/one.yaml", text.as_str())], &[]);
        let longest = loaded.diagnostics.iter().map(|it| it.message.len()).max();
        assert!(longest < Some(200), "{longest:?}");
        assert_eq!((loaded.diagnostics.len(), lamps(&loaded).len()), (202, 0));
    }
    let six = loaded(
        &[("lamps/one.yaml", &format!("lamps:\n{}", "  a: {}\n".repeat(7)))],
        &[],
    );
    let message = "`a` stands in this map more than once: also in line 3, 4, 5, 6, 7 and 1 more";
    assert_eq!(six.diagnostics[0].message, message);
}

#[test]
fn overlays_merge_by_identity_wherever_the_entry_lies() {
    let files = [
        (
            "lamps/one.yaml",
            "lamps:\n  a: {colour: red, x: 1}\n  b: {colour: red}\n  c: {colour: red}\n",
        ),
        (
            "over/lamps/other.yaml",
            "lamps:\n  a: {colour: blue}\n  b: {$delete: true}\n  d: {x: 4, y: {$delete: true}}\n  e: {$delete: true}\n",
        ),
    ];
    let loaded = loaded(&files, &["over"]);
    assert_eq!(
        lamps(&loaded),
        [
            r#"lamps/one.yaml:2:3 {"slug":"a","colour":"blue","x":1}"#,
            r#"lamps/one.yaml:4:3 {"slug":"c","colour":"red"}"#,
            r#"over/lamps/other.yaml:4:3 {"slug":"d","x":4}"#,
        ]
    );
    assert_eq!(
        codes(&loaded.diagnostics),
        [
            "nothing_to_delete over/lamps/other.yaml:4:13",
            "nothing_to_delete over/lamps/other.yaml:5:7"
        ]
    );
    let a = &loaded.desired.documents[&key("lamp/a")].origin;
    let place = |field: &str| a.place(&FieldPath::top(field)).to_string();
    assert_eq!(place("colour"), "over/lamps/other.yaml:2:7");
    assert_eq!(place("x"), "lamps/one.yaml:2:20");
}

#[test]
fn what_of_one_layer_is_not_known_is_not_made_up_from_the_others() {
    let base = ("lamps/one.yaml", "lamps: {a: {x: 1}, b: {x: 1}}");
    let above = ("over/lamps/z.yaml", "lamps: {a: {x: 2}, c: {x: 2}}");
    let submodule = ("over/lamps", SUBMODULE);
    for (files, usable) in [
        (&[base, above][..], &["a", "b", "c"][..]),
        // An entry of the overlay, its file, its folder.
        (&[base, ("over/lamps/z.yaml", "lamps: {a: 1, c: {x: 2}}")], &["b", "c"]),
        (
            &[base, ("over/lamps/z.yaml", "lamps: {'${NONE}': {x: 2}, c: {x: 2}}")],
            &[],
        ),
        (&[base, ("over/lamps/z.yaml", "lamps: [")], &[]),
        (&[base, submodule], &[]),
        (&[base, ("over/lamps/deep", SUBMODULE)], &[]),
        // An entry of the base, its file, its folder.
        (&[("lamps/one.yaml", "lamps: {a: 1, b: {x: 1}}"), above], &["b", "c"]),
        (
            &[("lamps/one.yaml", "lamps: {'${NONE}': {}, b: {x: 1}}"), above],
            &["b"],
        ),
        (
            &[
                ("lamps/one.yaml", "lamps: ["),
                ("lamps/two.yaml", "lamps: {a: {x: 1}}"),
                above,
            ],
            &["a"],
        ),
        (
            &[
                ("lamps/one.yaml", "lamps: ["),
                ("over/lamps/one.yaml", "lamps: {c: {}}"),
            ],
            &[],
        ),
        (&[("lamps", SUBMODULE), above], &[]),
    ] {
        let loaded = loaded(files, &["over"]);
        let found: Vec<&str> = loaded
            .desired
            .documents
            .keys()
            .filter(|key| key.kind == LAMP)
            .map(|key| key.name())
            .collect();
        assert_eq!(found, usable, "{files:?}");
        assert!(loaded.desired.documents.contains_key(&key("vault/A")), "{files:?}");
        let is_known = usable.len() == 3;
        assert_eq!(loaded.desired.broken.is_empty(), is_known, "{files:?}");
    }
}

#[test]
fn a_refused_file_breaks_its_kind_and_a_kind_that_is_left_out_is_not_looked_at() {
    let loaded = self::loaded(&[("lamps/one.yaml", SUBMODULE)], &[]);
    assert_eq!(codes(&loaded.diagnostics), ["submodule lamps/one.yaml:1:1"]);
    assert_eq!(broken(&loaded), words(&["lamp"]));
    assert_ne!(Refusal::Submodule, Refusal::Symlink);
    let layers = Layers {
        base: "",
        overlays: &[],
    };
    let files = [("lamps/one.yaml", "lamps: ["), VAULT_FILE];
    let loaded = load(&tree(&files), &layers, &Variables::default(), &[LAMP], &Library);
    assert_eq!((loaded.diagnostics, loaded.desired.broken), (Vec::new(), Vec::new()));
}

#[test]
fn secrets_of_entries_are_hidden_and_what_they_name_is_known() {
    let text = "lamps:\n  a:\n    password: hunter2 ${NONE}\n    wiring:\n      code: ${CITY}\n  b:\n    colour: ${CITY}\n    wiring:\n      code:\n        inner: '${NONE}'\n        inner: '${NONE}'\n    note: '${file:/run/note}'\n";
    let files = [("lamps/one.yaml", text), VAULT_FILE];
    let loaded = self::loaded(&files[..1], &[]);
    let shown: Vec<_> = loaded
        .diagnostics
        .iter()
        .map(|it| (it.code, it.place.as_ref().unwrap().line, it.excerpt.as_deref()))
        .collect();
    assert_eq!(
        shown,
        [
            ("unresolved_variable", 3, Some("    password: (hidden)")),
            ("secret_in_plain_field", 7, Some("    colour: (hidden)")),
            ("unresolved_variable", 11, None),
            ("yaml_duplicate_key", 11, None),
            ("unresolved_file", 12, Some("    note: (hidden)")),
        ]
    );
    let layers = Layers {
        base: "",
        overlays: &[],
    };
    assert_eq!(named::files(&tree(&files), &layers, &Library), words(&["/run/note"]));
}

#[test]
fn whoever_writes_into_a_folder_takes_no_file_of_several_for_one_resource_s() {
    let files = [("lamps/one.yaml", "lamps: {a: {}}"), VAULT_FILE];
    let declared = declared(&tree(&files), "", &Variables::default(), &Library);
    let kinds: Vec<_> = declared.iter().map(|declared| declared.key.kind).collect();
    assert_eq!(kinds, [VAULT]);
}

#[test]
fn a_plan_names_the_entry_s_lines_and_deletes_no_entry_while_one_is_broken() {
    let plan = |text: &'static str| -> Plan {
        let case = case(&[("lamps/one.yaml", text)])
            .live("lamp/a", 1, "{slug: a, colour: red}")
            .agreed("lamp/a", "{slug: a, colour: red}")
            .live("lamp/old", 2, "slug: old")
            .agreed("lamp/old", "slug: old")
            .policy(|policy| {
                policy.prune.insert(LAMP, Prune::Delete);
                policy.guards.from = 100;
            });
        case.plan().0
    };
    let text = plan_text(&plan("lamps:\n  a:\n    colour: blue\n  b: {colour: red}\n"));
    assert!(text.contains("~ lamp/a  pending  (lamps/one.yaml:3:5)"), "{text}");
    assert!(text.contains("+ lamp/b  pending  (lamps/one.yaml:4:3)"), "{text}");
    assert!(text.contains("- lamp/old"), "{text}");
    let text = plan_text(&plan("lamps:\n  a:\n    colour: blue\n  b: 1\n"));
    assert!(
        text.contains("~ lamp/a") && text.contains("1 to update, 1 blocked"),
        "{text}"
    );
    assert!(text.contains("Blocked (incomplete_source)"), "{text}");
}
