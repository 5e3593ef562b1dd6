//! Our YAML against the real PyYAML 6.0.3, both ways: the bytes we write, and the meaning we read.
//!
//! Needs a Python with `pyyaml==6.0.3`, named by `DRIFTLESS_PYTHON` (`scripts/test` makes one). More documents than the default
//! are tried with `DRIFTLESS_YAML_DOCUMENTS`.
#![expect(clippy::disallowed_methods, reason = "a test has its own clock and environment")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop")]
#![expect(clippy::print_stdout, reason = "the counts are the evidence; shown with --nocapture")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use driftless_core::value::{Map, Number, Value};
use driftless_core::yaml::{Node, Parsed, emit, parse};
use serde_json::{Value as Json, json};

/// The release whose bytes and meaning are ours.
const PYYAML: &str = "6.0.3";
const SEED: u64 = 20_261_122;

fn documents() -> usize {
    std::env::var("DRIFTLESS_YAML_DOCUMENTS").map_or(4000, |count| {
        count.parse().expect("DRIFTLESS_YAML_DOCUMENTS is a count")
    })
}

fn pyyaml(arguments: &[&str], input: &Json) -> Vec<Json> {
    let python = std::env::var("DRIFTLESS_PYTHON")
        .expect("set DRIFTLESS_PYTHON to a Python that has pyyaml==6.0.3 (scripts/test makes one)");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/pyyaml_dump.py");
    let mut child = Command::new(&python)
        .arg(script)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("DRIFTLESS_PYTHON ({python}) does not start: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_string();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "the PyYAML side failed; its own message stands above"
    );
    writer.join().unwrap().unwrap();
    let mut answer: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        answer["pyyaml"], PYYAML,
        "install pyyaml=={PYYAML} in the Python of DRIFTLESS_PYTHON"
    );
    serde_json::from_value(answer["out"].take()).unwrap()
}

const WORDS: &[&str] = &[
    "yes",
    "on",
    "true",
    "tRUE",
    "y",
    "null",
    "~",
    "",
    "None",
    "1",
    "007",
    "08",
    "010",
    "0o17",
    "1_000",
    "0x1F",
    "0xFFg",
    "0b101",
    "1e3",
    "1.5e3",
    "1.5e+3",
    "1.0",
    ".5",
    "+.5",
    ".",
    "1.2.3",
    ".inf",
    ".nan",
    "12:30:45",
    "1:20",
    "08:30",
    "24:61",
    "2024-01-15",
    "2024-1-5",
    "2024-01-15T10:30:00Z",
    "2024-01-15 10:30:00",
    "-",
    "- a",
    "-a",
    "---",
    "...",
    "?a",
    "? a",
    ":",
    "a:",
    "a: b",
    "a :b",
    "#a",
    "a #b",
    "!a",
    "%",
    "100%",
    "@a",
    "`a`",
    "{a}",
    "[a]",
    "a,b",
    "|",
    ">",
    ">=",
    "=",
    "<<",
    "${PASSWORD}",
    "it's",
    "'x'",
    "\"x\"",
    "it's: ok",
    "^[A-Z]{3}$",
    ".*@.*\\.com$",
    "\\",
    " a",
    "a ",
    "  ",
    "a  b",
    "a\tb",
    "a\r\nb",
    "\u{7f}",
    "é",
    "日本語",
    "😀",
    "a\tb 😀",
    "\u{a0}",
    "\u{200b}",
    "\u{feff}",
    "a\u{2028}b",
    "\u{85}",
    "\u{2029} x",
    "a\nb",
    "a\nb\n",
    "a\n\nb",
    "\na",
    "a \nb",
    "a\n b",
    "\n",
    "\u{10ffff}",
    "\u{fffe}",
    "\u{fffd}",
    "\u{1}",
    "\u{80}",
    "name",
    "rule_type",
];
const SENTENCE: &[&str] = &[
    "lorem",
    "ipsum",
    "dolor",
    "SELECT",
    "*",
    "FROM",
    "orders",
    "o",
    "WHERE",
    "status",
    "!=",
    "'X'",
    "and",
    "a:",
    "#1",
    "it's",
    "é",
    "日本",
    "😀",
    "\t",
    "\n",
    "\n\n",
    "\u{2028}",
    "\u{85}",
    "  ",
    "\"q\"",
    "averyveryverylongwordthatgoesonandon",
    "\\d+",
    "-",
    ",",
];
const CHARS: &[char] = &[
    'a',
    'b',
    'z',
    '0',
    '1',
    '9',
    ' ',
    ' ',
    ' ',
    '.',
    ':',
    '-',
    '_',
    '#',
    '\'',
    '"',
    '\\',
    ',',
    '[',
    ']',
    '{',
    '}',
    '!',
    '&',
    '*',
    '%',
    '@',
    '`',
    '?',
    '|',
    '>',
    '<',
    '=',
    '~',
    '+',
    'e',
    'x',
    '\t',
    '\n',
    '\r',
    '\0',
    '\u{1b}',
    '\u{7f}',
    '\u{85}',
    '\u{a0}',
    '\u{2028}',
    '\u{2029}',
    '\u{feff}',
    '\u{fffe}',
    'é',
    '日',
    '😀',
    '\u{10ffff}',
];

fn random_text(rng: &mut fastrand::Rng) -> String {
    match rng.u8(0..10) {
        0..4 => (*rng.choice(WORDS).unwrap()).to_owned(),
        4..7 => (0..rng.usize(0..40))
            .map(|_| *rng.choice(SENTENCE).unwrap())
            .collect::<Vec<_>>()
            .join(if rng.u8(0..8) == 0 { "  " } else { " " }),
        7 => (0..rng.usize(70..140)).map(|_| rng.char('a'..='f')).collect(),
        8 => {
            let pool = [CHARS[rng.usize(..CHARS.len())], 'a', ' '];
            (0..rng.usize(0..200)).map(|_| pool[rng.usize(..3)]).collect()
        }
        _ => (0..rng.usize(0..30)).map(|_| *rng.choice(CHARS).unwrap()).collect(),
    }
}

fn random_value(rng: &mut fastrand::Rng, depth: usize) -> Value {
    match rng.u8(0..20) {
        0..5 if depth < 5 => (0..rng.usize(0..5))
            .map(|_| (random_text(rng), random_value(rng, depth + 1)))
            .collect::<Map>()
            .into(),
        5..9 if depth < 5 => Value::List((0..rng.usize(0..5)).map(|_| random_value(rng, depth + 1)).collect()),
        9 => Value::Null,
        10 => Value::Bool(rng.bool()),
        11 => Value::from(rng.i64(..)),
        12 => Value::from(rng.i64(-100..100)),
        13 => Value::from(random_float(rng)),
        14 => Value::Number(Number::Big(format!("{}{:020}", rng.i8(1..9), rng.u64(..)))),
        _ => Value::String(random_text(rng)),
    }
}

fn random_float(rng: &mut fastrand::Rng) -> f64 {
    match rng.u8(0..4) {
        0 => rng.f64() * 10_f64.powi(rng.i32(-25..25)),
        1 => f64::from(rng.i32(..)) / 100.0,
        2 => 10_f64.powi(rng.i32(-20..25)),
        _ => Some(f64::from_bits(rng.u64(..)))
            .filter(|float| float.is_finite())
            .unwrap_or(-0.0),
    }
}

/// The meaning of a value in the form that the Python side uses, order of keys included.
fn tagged(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => json!(truth),
        Value::Number(Number::Int(int)) => json!({ "i": int.to_string() }),
        Value::Number(Number::Big(digits)) => json!({ "i": digits }),
        Value::Number(Number::Float(float)) => json!({ "f": format!("{:?}", float.to_bits()) }),
        Value::String(text) => json!(text),
        Value::List(items) => items.iter().map(tagged).collect(),
        Value::Map(map) => {
            json!({ "m": map.iter().map(|(key, value)| json!([key, tagged(value)])).collect::<Vec<_>>() })
        }
        Value::Secret(_) => panic!("no secret is read from YAML"),
    }
}

/// Python's floats by their bits, as [`tagged`] has them.
fn float_bits(json: &mut Json) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(float_bits),
        Json::Object(object) => {
            if let Some(float) = object.get_mut("f") {
                let bits = float.as_str().unwrap().parse::<f64>().unwrap().to_bits();
                *float = json!(format!("{bits:?}"));
            } else if let Some(pairs) = object.get_mut("m") {
                float_bits(pairs);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn our_reading(parsed: &Parsed) -> Option<Json> {
    let refused = parsed.faults.iter().any(|fault| fault.severity.word() == "error");
    (!refused).then(|| {
        parsed
            .root
            .as_ref()
            .map_or(Json::Null, |root: &Node| tagged(&root.to_value()))
    })
}

fn their_reading(json: &Json) -> Option<Json> {
    let mut value = json.get("value")?.clone();
    float_bits(&mut value);
    Some(value)
}

#[test]
fn what_we_write_is_what_pyyaml_writes_to_the_byte() {
    let mut rng = fastrand::Rng::with_seed(SEED);
    let values: Vec<Value> = (0..documents()).map(|_| random_value(&mut rng, 0)).collect();
    let input: Json = values
        .iter()
        .map(|value| serde_json::from_str::<Json>(&driftless_core::json::write(value)).unwrap())
        .collect();
    let theirs = pyyaml(&["dump"], &input);
    assert_eq!(theirs.len(), values.len());
    for (value, theirs) in values.iter().zip(&theirs) {
        assert_eq!(emit(value), theirs.as_str().unwrap(), "{value:?}");
    }
}

#[test]
fn what_we_write_pyyaml_and_we_read_alike() {
    let mut rng = fastrand::Rng::with_seed(SEED + 1);
    let texts: Vec<String> = (0..documents()).map(|_| emit(&random_value(&mut rng, 0))).collect();
    let theirs = pyyaml(&["load"], &json!(texts));
    for (text, theirs) in texts.iter().zip(&theirs) {
        let parsed = parse(text.as_bytes());
        assert_eq!(
            our_reading(&parsed),
            their_reading(theirs),
            "{text:?}: {:?}",
            parsed.faults
        );
    }
}

#[test]
fn texts_that_pyyaml_reads_mean_the_same_to_us() {
    let count = documents();
    let cases = pyyaml(&["random", &SEED.to_string(), &count.to_string()], &Json::Null);
    let (mut equal, mut both_refuse, mut we_accept_more, mut we_refuse_more) = (0, 0, Vec::new(), Vec::new());
    for case in &cases {
        let (kind, text) = (case[0].as_str().unwrap(), case[1].as_str().unwrap());
        let parsed = parse(text.as_bytes());
        match (our_reading(&parsed), their_reading(&case[2])) {
            (Some(ours), Some(theirs)) => {
                assert_eq!(ours, theirs, "read differently: {text:?}");
                equal += 1;
            }
            (None, None) => both_refuse += 1,
            (Some(_), None) => we_accept_more.push(text),
            (None, Some(_)) => {
                assert_ne!(
                    kind, "dumped",
                    "what PyYAML wrote is refused: {text:?}: {:?}",
                    parsed.faults
                );
                we_refuse_more.push((text, parsed.faults.first().map(|fault| fault.message.clone())));
            }
        }
    }
    println!(
        "{count} texts: {equal} equal, {both_refuse} refused by both, {} accepted by us alone, {} refused by us alone",
        we_accept_more.len(),
        we_refuse_more.len()
    );
    // The grammars of YAML 1.1 and 1.2 part at tabs, at `?` and `,` in flow collections and at the margin of quoted scalars.
    assert!(
        we_accept_more.len() * 20 < count,
        "more than 5 % are accepted by us alone: {we_accept_more:#?}"
    );
    assert!(
        we_refuse_more.len() * 50 < count,
        "more than 2 % are refused by us alone: {we_refuse_more:#?}"
    );
    assert!(equal * 3 > count, "too few texts are read at all to prove anything");
}
