//! What is told of files without an instance: names that nobody declares, circles, secrets that are set elsewhere, and the lines
//! that may be shown.

use std::collections::BTreeSet;

use crate::library::{Library, tree};
use driftless_core::diagnostic::Diagnostic;
use driftless_core::load::{Layers, load};
use driftless_core::offline::offline;
use driftless_core::substitute::{Secrets, Variables};

/// All that is found in `files`, and how many documents can be used.
fn look(files: &[(&str, &str)]) -> (Vec<Diagnostic>, usize) {
    let tree = tree(files);
    let layers = Layers {
        base: "",
        overlays: &[],
    };
    let values = [("SET".to_owned(), "s3cret-value".to_owned())].into();
    let variables = Variables::new(values, BTreeSet::new()).with_secrets(Secrets::Elsewhere);
    let loaded = load(&tree, &layers, &variables, &[], &Library);
    let mut found = offline(&loaded, &tree, &layers, &Library);
    found.extend(loaded.diagnostics);
    found.sort();
    (found, loaded.desired.documents.len())
}

fn shown(files: &[(&str, &str)]) -> Vec<String> {
    look(files).0.iter().map(ToString::to_string).collect()
}

#[test]
fn a_name_that_nobody_declares_is_told_at_its_field_with_the_nearest_one() {
    let found = shown(&[
        ("vaults/main/_vault.yaml", "name: Main\n"),
        ("vaults/spare/_vault.yaml", "name: Spare\nmirror: Mian\n"),
        ("vaults/third/_vault.yaml", "name: Third\nmirror: Elsewhere\n"),
    ]);
    assert_eq!(
        found,
        [
            "vaults/spare/_vault.yaml:2:1: warning[undeclared_reference]: vault `Mian` is not declared here: it must exist on the \
             instance (help: did you mean `Main`?)",
            "vaults/third/_vault.yaml:2:1: warning[undeclared_reference]: vault `Elsewhere` is not declared here: it must exist on \
             the instance (help: correct the name, or declare the vault in a file of its own)",
        ]
    );
}

#[test]
fn what_may_be_declared_or_discovered_is_not_called_undeclared() {
    for files in [
        // A shelf may be the platform's own.
        &[
            ("vaults/main/_vault.yaml", "name: Main\n"),
            ("vaults/main/notes/n.yaml", "name: n\nshelf: Top\n"),
        ][..],
        // The folder of the vault has no document of its own, and fits the name.
        &[
            ("vaults/main/_vault.yaml", "name: Main\nmirror: Second One\n"),
            ("vaults/second_one/notes/n.yaml", "name: n\n"),
        ],
    ] {
        assert_eq!(shown(files), [""; 0], "{files:?}");
    }
    // The vault may be the one that has no name yet: only that is told.
    let found = shown(&[
        ("vaults/main/_vault.yaml", "name: Main\nmirror: Second\n"),
        ("vaults/second/_vault.yaml", "x: 1\n"),
    ]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("missing_name"), "{found:#?}");
    // A document with a fault is declared all the same.
    let found = shown(&[
        ("vaults/main/_vault.yaml", "name: Main\nmirror: Second\n"),
        ("vaults/second/_vault.yaml", "name: Second\ncolour: invisible\n"),
    ]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("bad_colour"), "{found:#?}");
}

#[test]
fn a_circle_is_told_once_and_what_refers_to_itself_is_one() {
    let shelf = |name: &str, to: &str| format!("name: {name}\nshelf: {to}\n");
    let found = shown(&[
        ("vaults/v/_vault.yaml", "name: V\n"),
        ("vaults/v/shelves/a.yaml", &shelf("a", "b")),
        ("vaults/v/shelves/b.yaml", &shelf("b", "c")),
        ("vaults/v/shelves/c.yaml", &shelf("c", "a")),
        ("vaults/v/shelves/own.yaml", &shelf("own", "own")),
        ("vaults/v/notes/behind.yaml", &shelf("behind", "a")),
    ]);
    assert_eq!(
        found,
        [
            "vaults/v/shelves/a.yaml:2:1: error[reference_cycle]: these refer to each other in a circle: `shelf/V/a` -> `shelf/V/b` \
             -> `shelf/V/c` -> `shelf/V/a` (help: none of them can be made first: break it at one of them)",
            "vaults/v/shelves/own.yaml:2:1: error[reference_cycle]: `shelf/V/own` refers to itself (help: none of them can be made \
             first: break it at one of them)",
        ]
    );
}

#[test]
fn a_secret_that_is_set_elsewhere_is_a_warning_and_a_malformed_or_plain_one_an_error() {
    let (found, usable) = look(&[
        ("vaults/a/_vault.yaml", "name: A\npassword: ${NOPE}\n"),
        ("vaults/b/_vault.yaml", "name: B\npassword: x${N OPE}\n"),
        ("vaults/c/_vault.yaml", "name: C\nx: ${NOPE}\n"),
    ]);
    let told: Vec<_> = found
        .iter()
        .map(|fault| {
            let place = fault.place.as_ref().unwrap();
            format!("{}[{}] {place}", fault.severity.word(), fault.code)
        })
        .collect();
    assert_eq!(
        told,
        [
            "warning[unresolved_variable] vaults/a/_vault.yaml:2:1",
            "error[bad_substitution] vaults/b/_vault.yaml:2:1",
            "error[unresolved_variable] vaults/c/_vault.yaml:2:1",
        ]
    );
    assert_eq!(usable, 1);
}

#[test]
fn the_line_is_shown_but_of_what_can_hold_secrets_only_the_name_of_the_field() {
    let line = |path: &str, text: &str| {
        let files = [("vaults/v/_vault.yaml", "name: V\n"), (path, text)];
        let (found, _) = look(&files[usize::from(path == files[0].0)..]);
        assert_eq!(found.len(), 1, "{found:#?}");
        found[0].excerpt.clone()
    };
    let vault = "vaults/v/_vault.yaml";
    let note = "vaults/v/notes/n.yaml";
    let long = format!("name: n\ncolour: invisible # {}\n", "x".repeat(500));
    for (path, text, expected) in [
        (
            note,
            "name: n\ncolour: invisible # really\n",
            Some("colour: invisible # really"),
        ),
        (note, "colour: red\n", Some("colour: red")),
        // A secret in the wrong file is one still, and a line of any length is no help.
        (note, "name: n\npassword: [s3cret\n", None),
        (note, "name: n\n\"Password\" : [s3cret\n", None),
        (
            note,
            "name: n\ntext: the password [\ncolour: x: y\n",
            Some("colour: x: y"),
        ),
        (note, &long, None),
        (vault, "name: V\ncolour: invisible # s3cret\n", Some("colour: (hidden)")),
        (vault, "name: V\npassword: s3cret${NOPE}\n", Some("password: (hidden)")),
        (vault, "name: V\n\"colour\": invisible\n", None),
        (vault, "{name: V, password: s3cret, colour: invisible}\n", None),
        (vault, "name: V\npassword:\n  s3cret: ${NOPE}\n", None),
        (vault, "name: V\npassword: [s3cret\n", None),
        (vault, "password: s3cret\n", Some("password: (hidden)")),
        (vault, "s3cret\n", None),
        (vault, "name: V\npassword: yes\n", None),
    ] {
        assert_eq!(line(path, text).as_deref(), expected, "{text}");
    }
}

#[test]
fn of_ten_thousand_faults_in_one_file_the_first_are_told_and_the_number_of_the_rest() {
    let many = (0..10_000).fold("name: n\n".to_owned(), |text, number| {
        format!("{text}link{number}: [x\n")
    });
    let keys = (0..10_000).fold("name: n\n".to_owned(), |text, _| format!("{text}colour: invisible\n"));
    let strange = (0..10_000).fold("name: n\nmentions:\n".to_owned(), |text, number| {
        format!("{text}- \"${{NOPE{number}}}\"\n")
    });
    for text in [many, keys, strange.clone()] {
        let (found, _) = look(&[("vaults/v/_vault.yaml", "name: V\n"), ("vaults/v/notes/n.yaml", &text)]);
        assert!(found.len() <= 402, "{}", found.len());
    }
    let vault = strange.replace("name: n", "name: V");
    let (found, usable) = look(&[
        ("vaults/v/_vault.yaml", &vault),
        ("vaults/w/_vault.yaml", "name: W\ncolour: invisible\n"),
    ]);
    let of_v: Vec<&Diagnostic> = found
        .iter()
        .filter(|fault| fault.place.as_ref().unwrap().file.contains("/v/"))
        .collect();
    assert_eq!((of_v.len(), found.len(), usable), (201, 202, 0));
    let last = of_v.iter().find(|fault| fault.code == "more_faults").unwrap();
    assert_eq!(last.message, "9800 more faults of this severity are not listed");
}
