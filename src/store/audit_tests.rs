//! What a chain proves, and what it cannot.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = String> {
    // What netstrings are made of comes often: it is what could be taken for their frame.
    prop::string::string_regex("[0-9:,\\-a-c\u{e9}\n]{0,12}").unwrap()
}

fn note() -> impl Strategy<Value = Note> {
    let maybe = || prop::option::of(text());
    (
        (text(), maybe(), text(), maybe(), text(), maybe(), maybe()),
        (text(), maybe(), text(), text(), text(), text(), any::<u32>()),
    )
        .prop_map(
            |(
                (at, environment, target, run, trigger, revision, author),
                (digest, approver, key, action, request, result, attempts),
            )| Note {
                at,
                environment,
                target,
                run,
                trigger,
                revision,
                author,
                digest,
                approver,
                key,
                action,
                request,
                result,
                attempts,
            },
        )
}

fn chain(notes: Vec<Note>) -> Vec<Record> {
    let mut head = Head::start();
    let mut records = Vec::new();
    for note in notes {
        let record = head.follow(note);
        head = record.head();
        records.push(record);
    }
    records
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    prop::collection::vec(note(), 1..8).prop_map(chain)
}

fn verify(records: &[Record], expected: Option<&str>) -> Result<Verified, Broken> {
    let mut verifier = Verifier::new(None, expected);
    for record in records {
        verifier.add(record)?;
    }
    verifier.end()
}

proptest! {
    #[test]
    fn a_chain_as_it_was_written_is_whole_and_its_lines_read_back(records in records()) {
        let lines: Vec<String> = records.iter().map(Record::json).collect();
        prop_assert!(lines.iter().all(|line| !line.contains('\n')));
        let read: Option<Vec<Record>> = lines.iter().map(|line| Record::read(line)).collect();
        prop_assert_eq!(read.as_ref(), Some(&records));
        let verified = verify(&records, None).unwrap();
        prop_assert_eq!(verified.records, records.len() as u64);
        prop_assert_eq!(&verified.head, &records.last().unwrap().head());
        for record in &records {
            prop_assert_eq!(verify(&records, Some(&record.hash)).unwrap(), verified.clone());
        }
    }

    #[test]
    fn any_change_of_any_field_is_found_where_it_is(
        records in records(), at in any::<prop::sample::Index>(), field in 0..17_usize, to in prop::option::of(text()),
    ) {
        let at = at.index(records.len());
        let mut changed = records.clone();
        let record = &mut changed[at];
        match field {
            0..14 => {
                let mut values = record.note.values();
                values[field] = to;
                let Some(note) = Note::of(values) else { return Ok(()) };
                record.note = note;
            }
            14 => record.sequence = record.sequence.wrapping_add(to.map_or(1, |text| text.len() as u64)),
            15 => record.previous = to.unwrap_or_default(),
            _ => record.hash = to.unwrap_or_default(),
        }
        prop_assume!(changed != records);
        prop_assert!(verify(&changed, None).is_err());
        prop_assert!(verify(&changed[..at], None).is_ok());
        prop_assert!(verify(&changed[..=at], None).is_err());
    }

    #[test]
    fn a_record_that_is_taken_out_put_in_or_moved_is_found(
        records in records(), at in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), stranger in note(),
    ) {
        let (at, other) = (at.index(records.len()), other.index(records.len()));
        if at + 1 < records.len() {
            let mut shorter = records.clone();
            shorter.remove(at);
            prop_assert!(verify(&shorter, None).is_err());
        }
        let mut longer = records.clone();
        let before = match at {
            0 => Head::start(),
            _ => records[at - 1].head(),
        };
        // Made with all due form: only its followers tell.
        longer.insert(at, before.follow(stranger));
        prop_assert!(verify(&longer, None).is_err());
        if at != other {
            let mut moved = records.clone();
            moved.swap(at, other);
            prop_assert!(verify(&moved, None).is_err());
        }
    }

    #[test]
    fn an_end_that_was_cut_off_is_found_by_a_head_that_was_noted(records in records(), at in any::<prop::sample::Index>()) {
        let kept = &records[..at.index(records.len())];
        let head = records.last().unwrap().hash.clone();
        prop_assert!(verify(kept, None).is_ok(), "by itself a chain cannot tell");
        let expected = Broken::Headless { expected: head.clone(), records: kept.len() as u64 };
        prop_assert_eq!(verify(kept, Some(&head)), Err(expected));
    }

    #[test]
    fn a_part_is_verified_from_the_head_that_it_begins_after(records in records(), at in any::<prop::sample::Index>()) {
        let at = at.index(records.len());
        let (before, part) = records.split_at(at);
        let after = before.last().map_or(Head::start(), Record::head);
        let verified = |after: &str| {
            let mut verifier = Verifier::new(Some(after), None);
            part.iter().try_for_each(|record| verifier.add(record))?;
            verifier.end()
        };
        prop_assert_eq!(verified(&after.hash).unwrap().head, records.last().unwrap().head());
        prop_assert!(verified(&"f".repeat(64)).is_err());
        prop_assert_eq!(verify(part, None).is_ok(), at == 0);
    }
}

#[test]
fn the_hash_is_that_of_the_form_in_the_documentation() {
    let note = Note {
        at: "2026-01-02T03:04:05.000000006Z".to_owned(),
        environment: Some("prod".to_owned()),
        target: "https://acme.example.com/api".to_owned(),
        trigger: "manual".to_owned(),
        digest: "d".to_owned(),
        key: "check/w/\u{e9}".to_owned(),
        action: "create".to_owned(),
        request: "{}".to_owned(),
        result: "intended".to_owned(),
        ..Note::default()
    };
    let zeros = "0".repeat(64);
    let text = format!(
        "17:driftless-audit-1,1:1,30:2026-01-02T03:04:05.000000006Z,4:prod,28:https://acme.example.com/api,-,6:manual,-,-,1:d,-,\
         10:check/w/\u{e9},6:create,2:{{}},8:intended,1:0,64:{zeros},"
    );
    let expected: String = Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(Head::start().follow(note).hash, expected);
}

#[test]
fn a_line_with_something_that_no_hash_holds_is_no_record() {
    let line = Head::start().follow(Note::default()).json();
    assert!(Record::read(&line).is_some());
    assert_eq!(Record::read(&line.replacen('{', "{\"more\":1,", 1)), None);
    assert_eq!(Record::read(&line.replacen("\"key\":\"\",", "", 1)), None);
    assert_eq!(Record::read("[]"), None);
    assert_eq!(Record::read(""), None);
}

#[test]
fn a_message_without_end_is_cut() {
    let text = Became::Failed("é".repeat(10_000)).text();
    assert_eq!(text.chars().count(), "failed: ".len() + MESSAGE + 1);
}
