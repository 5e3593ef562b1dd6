//! What holds for every text and every tree: bounded work on hostile texts, no panic, and reading back what was written.
#![expect(clippy::unwrap_used, reason = "a test may stop")]
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a bound on time needs a clock"
)]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::value::Number;

/// Bounded work, whatever the machine: far above what it takes, far below what a hang takes.
fn in_time(text: &str) -> Parsed {
    let begun = Instant::now();
    let parsed = parse(text.as_bytes());
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?} after {:?}",
        begun.elapsed(),
        &text[..20]
    );
    parsed
}

#[test]
fn hostile_texts_end_in_a_fault_and_soon() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    let mut merges = "a0: &a0 {a: 1, b: 2}\n".to_owned();
    for n in 1..10 {
        let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
        writeln!(bomb, "a{n}: &a{n} [{aliases}]").unwrap();
        writeln!(merges, "a{n}: &a{n} {{<<: [{aliases}]}}").unwrap();
    }
    let mut chain = "- &a0 {x: 1}\n".to_owned();
    let mut deep_aliases = "- &a0 [x]\n".to_owned();
    for n in 1..20_000 {
        writeln!(chain, "- &a{n} {{<<: *a{}}}", n - 1).unwrap();
        writeln!(deep_aliases, "- &a{n} [*a{}]", n - 1).unwrap();
    }
    for (text, expected) in [
        (bomb, "yaml_too_many_nodes"),
        (merges, "yaml_too_many_nodes"),
        (chain, "yaml_too_deep"),
        (deep_aliases, "yaml_too_deep"),
        ("{a: ".repeat(100_000), "yaml_too_deep"),
        ("[".repeat(1_000_000), "yaml_too_deep"),
        ("- ".repeat(500_000), "yaml_too_deep"),
        (
            (0..1000).map(|n| format!("{}a:\n", " ".repeat(n))).collect(),
            "yaml_too_deep",
        ),
        ("%TAG !a! tag:a,2000:\n".repeat(49_000), "yaml_tag_directive"),
        ("x: 0x".to_owned() + &"f".repeat(1_000_000), "yaml_scalar"),
        ("x: 1".to_owned() + &":59".repeat(340_000), "yaml_scalar"),
        ("- \n".repeat(340_000), "yaml_too_many_nodes"),
    ] {
        let parsed = in_time(&text);
        assert_eq!(
            parsed.faults.last().map(|fault| fault.code),
            Some(expected),
            "{:?}",
            &text[..20]
        );
        assert_eq!(parsed.root, None);
    }
    for text in [
        "a".repeat(1_000_000),
        " ".repeat(1_000_000),
        "'\u{2028}".repeat(260_000),
        "#\u{85}".repeat(340_000),
    ] {
        in_time(&text);
    }
    let keys: String = (0..40_000).map(|n| format!("k{n}: &a{n} yes\n")).collect();
    let parsed = in_time(&keys);
    assert!(parsed.root.is_some());
    assert_eq!(parsed.faults.len(), 101, "the rest is one line");
}

#[test]
fn a_hundred_levels_are_read() {
    let text = format!("{}x{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    assert!(parse(text.as_bytes()).root.is_some());
    assert_eq!(parse(format!("[{text}]").as_bytes()).faults[0].code, "yaml_too_deep");
}

fn text_of_any_sort() -> impl Strategy<Value = String> {
    // U+0085 is left out: PyYAML writes it raw and reads it back as a line feed.
    let c = prop_oneof![
        8 => proptest::char::range(' ', '~'),
        2 => proptest::sample::select(vec!['\n', '\t', '\r', '\0', '\u{1b}', '\u{2028}', '\u{2029}', '\u{feff}', 'é', '日', '😀', '\'', ' ']),
        1 => any::<char>().prop_filter("a line break that PyYAML does not keep", |c| *c != '\u{85}'),
    ];
    prop_oneof![
        4 => proptest::collection::vec(c.clone(), 0..12).prop_map(String::from_iter),
        1 => proptest::collection::vec(c, 60..200).prop_map(String::from_iter),
        2 => "[-+.0-9eExobnfi_: ]{0,8}",
        1 => "(yes|No|true|~|null|=|<<|2024-01-15|---|\\.\\.\\.)",
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("NaN is not equal to itself", |f| !f.is_nan())
            .prop_map(Value::from),
        "-?[1-9][0-9]{19,40}".prop_map(|digits| Value::Number(Number::Big(digits))),
        text_of_any_sort().prop_map(Value::from),
        text_of_any_sort().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
            proptest::collection::vec((text_of_any_sort(), inner), 0..5)
                .prop_map(|pairs| Value::Map(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(value in any_value()) {
        let text = emit(&value);
        let parsed = parse(text.as_bytes());
        prop_assert_eq!(&parsed.faults, &vec![], "{}", &text);
        let read = parsed.root.unwrap().to_value();
        prop_assert_eq!(&read, &value);
        // Maps compare without their order: the second writing shows that it was kept.
        prop_assert_eq!(emit(&read), text);
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        parse(&bytes);
    }

    #[test]
    fn random_yaml_never_panics(text in "([-?:,\\[\\]{}#&*!|>'\"%@`\\\\ \n\ta1~<=]|---|<<: |&a |\\*a|!!int |: |\n  - |\u{2028}){0,60}") {
        let parsed = parse(text.as_bytes());
        prop_assert!(parsed.root.is_none() || parsed.faults.iter().all(|fault| fault.severity == Severity::Warning));
    }

    #[test]
    fn mutated_documents_never_panic(value in any_value(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = emit(&value).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        parse(&bytes);
        bytes.truncate(at);
        parse(&bytes);
    }
}
