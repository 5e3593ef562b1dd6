//! Tables of the reader and the emitter together, made with PyYAML 6.0.3 itself.
#![expect(clippy::unwrap_used, reason = "a test may stop")]

use super::*;
use crate::value::{Number, Secret};

fn read(text: &str) -> Value {
    let parsed = parse(text.as_bytes());
    parsed
        .root
        .unwrap_or_else(|| panic!("{text:?}: {:?}", parsed.faults))
        .to_value()
}

/// The codes of the faults of `text`, in their order.
fn codes(text: &str) -> Vec<&'static str> {
    let parsed = parse(text.as_bytes());
    for fault in &parsed.faults {
        assert!(
            fault.help.is_some() && fault.at.line > 0 && fault.at.column > 0,
            "{fault:?}"
        );
    }
    parsed.faults.iter().map(|fault| fault.code).collect()
}

fn under(key: &str, value: impl Into<Value>) -> Value {
    Value::Map([(key.to_owned(), value.into())].into_iter().collect())
}

fn emitted(text: &str) -> String {
    let emitted = emit(&under("k", text));
    emitted
        .strip_prefix("k: ")
        .unwrap()
        .strip_suffix('\n')
        .unwrap()
        .to_owned()
}

fn big(digits: &str) -> Value {
    Value::Number(Number::Big(digits.to_owned()))
}

#[test]
fn every_tricky_scalar_is_written_as_pyyaml_writes_it() {
    let unchanged = "tRUE|y|None|08|0o17|0xFFg|1e3|1.5e3|+.5|.|1,000|1.2.3|192.168.0.1|NaN|08:30|24:61|2024-1-5|-a|?a|a :b|a * b|100%|a,b|\
        <=|${PROD_PG_PASSWORD}|it's|say \"hi\"|^[A-Z]{3}$|.*@.*\\.com$|x = '#1'|amount > 0 AND status != 'X'|a  b|é|日本語|😀|\u{a0}|\u{200b}";
    for text in unchanged.split('|') {
        assert_eq!(emitted(text), text);
    }
    let quoted = "yes|on|true|null|~||1|007|010|1_000|0x1F|0b101|1.5e+3|1.0|.5|.inf|.nan|12:30:45|1:20|190:20:30|2024-01-15|\
        2024-01-15T10:30:00Z|2024-01-15 10:30:00|20240115|-|- a|---|...|:|a:|a: b|#a|a #b|!a|%|@a|`a`|{a}|[a]|>|>=|=|<<|[A-Z]+|\"x\"| a|a |  ";
    for text in quoted.split('|') {
        assert_eq!(emitted(text), format!("'{text}'"));
    }
    for (text, expected) in [
        ("|", "'|'"),
        ("'x'", "'''x'''"),
        ("it's: ok", "'it''s: ok'"),
        ("a\tb", "\"a\\tb\""),
        ("a\r\nb", "\"a\\r\\nb\""),
        ("\u{7f}", "\"\\x7F\""),
        ("a\tb 😀", "\"a\\tb \\U0001F600\""),
        ("\u{feff}", "\"\\uFEFF\""),
        ("\u{10ffff}", "\"\\U0010FFFF\""),
        ("a\u{2028}b", "'a\u{2028}  b'"),
        ("a\nb", "'a\n\n  b'"),
        ("a\nb\n", "'a\n\n  b\n\n  '"),
        ("a\n\nb", "'a\n\n\n  b'"),
        ("\na", "'\n\n  a'"),
        ("a \nb", "\"a \\nb\""),
        ("a\n b", "\"a\\n b\""),
        ("\n", "'\n\n  '"),
    ] {
        assert_eq!(emitted(text), expected);
    }
}

#[test]
fn numbers_are_written_as_python_writes_them() {
    for (float, expected) in [
        (1e16, "1.0e+16"),
        (1e-5, "1.0e-05"),
        (1e15, "1000000000000000.0"),
        (0.0001, "0.0001"),
        (5e-324, "5.0e-324"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (123.456, "123.456"),
        (-1.25e-7, "-1.25e-07"),
        (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
        (f64::INFINITY, ".inf"),
        (f64::NEG_INFINITY, "-.inf"),
        (f64::NAN, ".nan"),
    ] {
        assert_eq!(emit(&under("k", float)), format!("k: {expected}\n"));
    }
    assert_eq!(
        emit(&big("123456789012345678901234567890")),
        "123456789012345678901234567890\n...\n"
    );
}

#[test]
fn long_lines_fold_where_pyyaml_folds_them() {
    let lorem = "Lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna aliqua";
    for (text, expected) in [
        (
            lorem.to_owned(),
            "Lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod\n  tempor incididunt ut labore et dolore magna aliqua",
        ),
        (
            format!("Note: {lorem}"),
            "'Note: Lorem ipsum dolor sit amet consectetur adipiscing elit sed do\n  eiusmod tempor incididunt ut labore et dolore magna aliqua'",
        ),
        (
            format!("Tab\there {lorem}"),
            "\"Tab\\there Lorem ipsum dolor sit amet consectetur adipiscing elit sed\\\n  \\ do eiusmod tempor incididunt ut labore et dolore magna aliqua\"",
        ),
        (
            format!("\t{}\u{20}x y", "é".repeat(90)),
            &*format!("\"\\t{}\\\n  \\ x y\"", "é".repeat(90)),
        ),
    ] {
        // The reference's examples stand under longer keys; the fold depends on the column.
        let key = if text.starts_with('\t') { "q" } else { "description" };
        assert_eq!(emit(&under(key, text.as_str())), format!("{key}: {expected}\n"));
        assert_eq!(read(&emit(&under(key, text.as_str()))), under(key, text.as_str()));
    }
}

#[test]
fn structures_stand_where_pyyaml_puts_them() {
    for text in [
        "tags:\n- a\n- b\nempty: []\nnone: {}\n",
        "- - p\n  - q\n- a: 1\n  b:\n  - c\n  - d: e\n",
        "a:\n  b:\n    c: null\n",
        "{}\n",
        "[]\n",
        "true\n...\n",
        "text\n...\n",
        "'1'\n",
    ] {
        assert_eq!(emit(&read(text)), text);
    }
    let long = "k".repeat(123);
    let value = Value::Map(
        [(long.clone(), read("a: [x, [y]]")), (String::new(), read("[x]"))]
            .into_iter()
            .collect(),
    );
    assert_eq!(emit(&value), format!("? {long}\n: a:\n  - x\n  - - y\n? ''\n: - x\n"));
}

#[test]
fn a_secret_is_never_written() {
    let written = emit(&under("password", Value::Secret(Secret::new("hunter2"))));
    assert_eq!(written, "password: (secret)\n");
}

#[test]
fn plain_scalars_have_pyyamls_meaning() {
    let table: &[(&str, Value)] = &[
        ("012", Value::from(10)),
        ("-0777", Value::from(-511)),
        ("0_", Value::from(0)),
        ("1_000", Value::from(1000)),
        ("1__0", Value::from(10)),
        ("0x1F", Value::from(31)),
        ("-0x1f", Value::from(-31)),
        ("0b101", Value::from(5)),
        ("12:30:45", Value::from(45_045)),
        ("-1:30", Value::from(-90)),
        ("190:20:30.15", Value::from(685_230.15)),
        ("+12", Value::from(12)),
        ("1.", Value::from(1.0)),
        (".5", Value::from(0.5)),
        ("1.5e+3", Value::from(1500.0)),
        ("1_0.5", Value::from(10.5)),
        ("-.INF", Value::from(f64::NEG_INFINITY)),
        ("9223372036854775807", Value::from(i64::MAX)),
        ("-9223372036854775808", Value::from(i64::MIN)),
        ("9223372036854775808", big("9223372036854775808")),
        ("0xFFFFFFFFFFFFFFFFFF", big("4722366482869645213695")),
        ("~", Value::Null),
        ("", Value::Null),
        ("Null", Value::Null),
        ("2024-01-15", Value::from("2024-01-15")),
        ("!!str 12", Value::from("12")),
        ("!!int '0x10'", Value::from(16)),
        ("!!float 1", Value::from(1.0)),
        ("!!bool 'Yes'", Value::from(true)),
        ("!!null x", Value::Null),
        ("! 12", Value::from(12)),
    ];
    for (text, value) in table {
        assert_eq!(read(&format!("k: {text}\n")), under("k", value.clone()), "{text}");
    }
    for text in "08|0o17|0o14|1e3|1.e3|1.5e3|+12e03|+.5|-.5|y|n|tRUE|24:61|1.2.3|0xg|NaN|inf".split('|') {
        assert_eq!(read(&format!("k: {text}\n")), under("k", text), "{text}");
        assert_eq!(codes(&format!("k: {text}\n")), [""; 0], "{text}");
    }
    for (word, truth) in [
        ("yes", true),
        ("No", false),
        ("on", true),
        ("OFF", false),
        ("TRUE", true),
    ] {
        assert_eq!(read(word), Value::from(truth));
    }
    assert_eq!(read("k: 'yes'"), under("k", "yes"));
}

#[test]
fn scalars_that_yaml_1_2_reads_otherwise_are_warned_of_without_their_text() {
    for text in [
        "yes", "Off", "012", "1_000", "12:30:45", "0b11", "-0x1f", "1_0.5", "1:30.5",
    ] {
        let parsed = parse(format!("key:  {text}").as_bytes());
        assert!(parsed.root.is_some());
        let [fault] = &parsed.faults[..] else {
            panic!("{text}: {:?}", parsed.faults)
        };
        assert_eq!(
            (fault.code, fault.severity),
            ("yaml_ambiguous_scalar", Severity::Warning)
        );
        assert_eq!(fault.at, Mark { line: 1, column: 7 });
        assert!(!fault.message.contains(&format!("`{text}`")));
    }
    for text in [
        "true",
        "~",
        "12",
        "+12",
        "-7",
        "0x1F",
        "00",
        "1.5",
        "1.",
        ".5",
        "1.0e+3",
        "-.inf",
        ".NaN",
        "'yes'",
        "!!int 012",
    ] {
        assert_eq!(codes(&format!("key: {text}")), [""; 0], "{text}");
    }
}

#[test]
fn merges_come_first_and_own_keys_win() {
    for (text, json) in [
        (
            "a: &a {x: 1, y: 2}\nb: {z: 0, <<: *a, y: 3}",
            r#"{"a":{"x":1,"y":2},"b":{"x":1,"y":3,"z":0}}"#,
        ),
        ("<<: [{a: 1, b: 2}, {b: 3, c: 4}]\nd: 5", r#"{"b":2,"c":4,"a":1,"d":5}"#),
        (
            "- &x {a: 1}\n- &y {<<: *x, b: 2}\n- {<<: *y, c: 3}",
            r#"[{"a":1},{"a":1,"b":2},{"a":1,"b":2,"c":3}]"#,
        ),
        ("<<: {a: 1}\n<<: {a: 2}", r#"{"a":2}"#),
        ("\"<<\": 1", r#"{"<<":1}"#),
        ("=: 1", r#"{"=":1}"#),
    ] {
        assert_eq!(crate::json::write(&read(text)), json, "{text}");
        assert_eq!(codes(text), [""; 0], "{text}");
    }
}

#[test]
fn of_a_key_that_stands_twice_the_last_value_counts_at_the_first_position() {
    for (text, json) in [
        ("a: 1\nb: 2\na: 3\n", r#"{"a":3,"b":2}"#),
        ("1: a\n1.0: b\ntrue: c\n", r#"{"1":"c"}"#),
        ("0.5: a\n-0.5: b\n0.5: c", r#"{"0.5":"c","-0.5":"b"}"#),
    ] {
        assert_eq!(crate::json::write(&read(text)), json);
        assert!(!codes(text).is_empty() && codes(text).iter().all(|code| *code == "yaml_duplicate_key"));
    }
    let parsed = parse(b"a: 1\nb: 2\na: 3\n");
    assert_eq!(parsed.faults[0].at, Mark { line: 3, column: 1 });
    assert_eq!(read("~: a\n1.5: b\n0x10: c"), {
        let entries = [("null", "a"), ("1.5", "b"), ("16", "c")];
        Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), Value::from(value)))
                .collect(),
        )
    });
}

#[test]
fn each_fault_has_its_code_and_a_help() {
    for (text, code) in [
        ("a: [1, 2", "yaml_syntax"),
        ("a: b: c", "yaml_syntax"),
        ("a:\n\t- b", "yaml_syntax"),
        ("a: 'b", "yaml_syntax"),
        ("a: 1\n---\nb: 2", "yaml_documents"),
        ("a: *b", "yaml_anchor"),
        ("a: &x 1\nb: &x 2", "yaml_anchor"),
        ("&a [*a]", "yaml_recursive_alias"),
        ("&a {<<: *a}", "yaml_recursive_alias"),
        ("a: !custom b", "yaml_tag"),
        ("a: !!binary aGk=", "yaml_tag"),
        ("!!seq {}", "yaml_tag"),
        ("a: !!python/object:os.system x", "yaml_tag"),
        ("%TAG ! tag:yaml.org,2002:\n---\n!str 1", "yaml_tag_directive"),
        ("--- |-\n#1\n", "yaml_block_margin"),
        ("a: [b?]", "yaml_question_mark"),
        ("{?}", "yaml_question_mark"),
        ("a: 0b_", "yaml_scalar"),
        ("a: 0x_", "yaml_scalar"),
        ("a: =", "yaml_scalar"),
        ("a: !!int x", "yaml_scalar"),
        ("a: !!bool x", "yaml_scalar"),
        ("a: <<", "yaml_merge"),
        ("<<: 1", "yaml_merge"),
        ("<<: [1]", "yaml_merge"),
        ("[a]: 1", "yaml_key"),
        ("{a: 1}: 1", "yaml_key"),
        ("a: \0", "yaml_character"),
        ("a: \u{1b}", "yaml_character"),
        ("a: b\u{2028}c", "yaml_line_separator"),
        ("a: b # c\u{85}d: e", "yaml_line_separator"),
    ] {
        assert_eq!(codes(text), [code], "{text:?}");
        assert_eq!(parse(text.as_bytes()).root, None, "{text:?}");
    }
    assert_eq!(parse(b"a: \xff").faults[0].code, "yaml_encoding");
    assert_eq!(parse(b"k: v\nb: \xc3").faults[0].at, Mark { line: 2, column: 4 });
    assert_eq!(parse(&vec![b' '; MAX_BYTES + 1]).faults[0].code, "yaml_too_large");
}

#[test]
fn no_message_quotes_a_value() {
    for text in [
        "p: hunter2: x",
        "p: 'hunter2",
        "p: !hunter2 x",
        "p: *hunter2",
        "p: &hunter2 [*hunter2]",
        "p: \"\\hunter2\"",
        "@hunter2",
    ] {
        for fault in parse(text.as_bytes()).faults {
            let shown = format!("{} {:?}", fault.message, fault.help);
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}

#[test]
fn a_text_without_a_document_is_no_fault() {
    assert_eq!(read("|-\n\n"), Value::from(""));
    assert_eq!(read("|\n  a\n  b"), Value::from("a\nb"));
    assert_eq!(read("k: |\n  a\n\n  b\n"), under("k", "a\n\nb\n"));
    for text in ["", "\n\n", "# only a comment\n", "\u{feff}", "\u{feff}# comment"] {
        let parsed = parse(text.as_bytes());
        assert_eq!((parsed.root, parsed.faults), (None, vec![]), "{text:?}");
    }
    assert_eq!(read("---\n"), Value::Null);
    assert_eq!(read("\u{feff}a: 1"), under("a", 1));
    assert_eq!(read("%YAML 1.1\n---\na: 1\n...\n"), under("a", 1));
}

#[test]
fn places_count_characters_from_one() {
    let parsed = parse("é: ä\n日本: {ü: [x, y]}\n".as_bytes());
    let root = parsed.root.unwrap();
    let entry = root.entry("日本").unwrap();
    assert_eq!(
        (entry.at, entry.value.at),
        (Mark { line: 2, column: 1 }, Mark { line: 2, column: 5 })
    );
    let Data::List(items) = &entry.value.entry("ü").unwrap().value.data else {
        panic!("a list")
    };
    assert_eq!(items[1].at, Mark { line: 2, column: 13 });
    let parsed = parse("a: 'x\u{2028}  y'\nb: yes\r\nc: no".as_bytes());
    let places: Vec<Mark> = parsed.faults.iter().map(|fault| fault.at).collect();
    assert_eq!(places, [Mark { line: 2, column: 4 }, Mark { line: 3, column: 4 }]);
}

#[test]
fn separators_in_quotes_are_line_breaks_as_in_pyyaml() {
    for (text, value) in [
        ("'a\u{2028}  b'", "a\u{2028}b"),
        ("'a\u{2029}\u{2028}  b'", "a\u{2029}\u{2028}b"),
        ("'a\u{85}  b'", "a b"),
        ("'a\n\n\u{2028}  b'", "a\n\u{2028}b"),
        ("'a \u{2028} it''s'", "a\u{2028}it's"),
        ("\"a \\\u{2028}  b \\u00e9\\n\u{2029}c\"", "a b é\n\u{2029}c"),
    ] {
        assert_eq!(
            read(&format!("- {text}\n")),
            Value::List(vec![Value::from(value)]),
            "{text:?}"
        );
    }
    assert_eq!(codes("'a\u{2028}--- b'"), ["yaml_line_separator"]);
    assert_eq!(codes("a: b\u{2028}c: d"), ["yaml_line_separator", "yaml_syntax"]);
}
