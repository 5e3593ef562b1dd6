//! What a run comes to: states, words, the comment's table, the answer as JSON.

use proptest::prelude::*;

use super::*;
use crate::ci::gate::tests::config;

fn compared(name: &str, summary: Option<Summary>) -> Compared {
    Compared {
        production: format!("DB.CORE.{name}"),
        pull_request: format!("DB.PR_6.{name}"),
        primary_key: vec!["ID".to_owned()],
        id: Some(DataDiffId(7)),
        page: Some("https://app.datafold.example/datadiffs/7/overview".to_owned()),
        summary,
    }
}

fn equal() -> Findings {
    Findings {
        rows: Some([100, 100]),
        null_keys: Some([0, 0]),
        duplicate_keys: Some([0, 0]),
        exclusive_keys: Some([0, 0]),
        rows_with_differences: Some(0),
        values_with_differences: Some(0),
        ..Findings::default()
    }
}

fn different() -> Findings {
    Findings {
        rows: Some([100, 102]),
        exclusive_keys: Some([1, 3]),
        rows_with_differences: Some(5),
        values_with_differences: Some(7),
        columns: [("A", 99.9999), ("B", 50.0), ("C", 100.0), ("D", 98.0), ("E", 99.0)]
            .map(|(name, share)| (name.to_owned(), share))
            .to_vec(),
        exclusive_columns: [vec!["OLD".to_owned()], vec!["NEW".to_owned()]],
        retyped_columns: vec!["T".to_owned()],
        ..equal()
    }
}

fn bad_keys() -> Findings {
    Findings {
        null_keys: Some([0, 2]),
        duplicate_keys: Some([1, 0]),
        ..equal()
    }
}

fn finished(found: Findings) -> Option<Summary> {
    Some(Summary::Finished(Box::new(found)))
}

fn facts<'a>(config: &'a CiConfig, outcome: &'a Outcome, diffs: &'a [Compared]) -> Facts<'a> {
    Facts {
        config,
        sha: "abc",
        run: Some(CiRunId(9001)),
        submitted: diffs.len(),
        outcome,
        diffs,
        remarks: &[],
    }
}

fn words(verdict: &Verdict) -> (&str, Option<CommitState>, &str) {
    (
        verdict.result.map_or("pending", RunResult::word),
        verdict.state,
        verdict.reason.as_str(),
    )
}

#[test]
fn a_finished_run_is_judged_by_the_configurations_consequences() {
    use CommitState::{Failure, Success};
    use Consequence::{Fails, Passes};
    // Errors, differences, key issues; summaries; result, state, reason.
    type Row<'a> = ([Consequence; 3], &'a [Option<Summary>], &'a str, CommitState, &'a str);
    let error = || Some(Summary::Failed("no such table".to_owned()));
    let table: &[Row<'_>] = &[
        (
            [Fails, Passes, Passes],
            &[finished(equal())],
            "passed",
            Success,
            "no_differences",
        ),
        (
            [Fails, Passes, Passes],
            &[finished(different())],
            "passed",
            Success,
            "differences",
        ),
        (
            [Fails, Fails, Passes],
            &[finished(different())],
            "failed",
            Failure,
            "differences",
        ),
        (
            [Fails, Fails, Passes],
            &[finished(bad_keys())],
            "passed",
            Success,
            "key_issues",
        ),
        (
            [Fails, Passes, Fails],
            &[finished(bad_keys())],
            "failed",
            Failure,
            "key_issues",
        ),
        (
            [Fails, Passes, Passes],
            &[finished(equal()), error()],
            "failed",
            Failure,
            "errors",
        ),
        (
            [Passes, Passes, Passes],
            &[finished(equal()), error()],
            "passed",
            Success,
            "errors",
        ),
        (
            [Passes, Fails, Passes],
            &[finished(different()), error()],
            "failed",
            Failure,
            "differences",
        ),
        (
            [Passes, Passes, Fails],
            &[finished(bad_keys()), error()],
            "failed",
            Failure,
            "key_issues",
        ),
        (
            [Fails, Passes, Passes],
            &[finished(equal()), None],
            "failed",
            Failure,
            "errors",
        ),
        (
            [Fails, Passes, Passes],
            &[Some(Summary::Running)],
            "failed",
            Failure,
            "errors",
        ),
    ];
    for (row, ([errors, differences, key_issues], summaries, result, state, reason)) in table.iter().enumerate() {
        let config = CiConfig {
            errors: *errors,
            differences: *differences,
            key_issues: *key_issues,
            ..config()
        };
        let diffs: Vec<Compared> = summaries.iter().map(|summary| compared("T", summary.clone())).collect();
        let verdict = Verdict::of(&facts(&config, &Outcome::Finished, &diffs));
        assert_eq!(
            words(&verdict),
            (*result, Some(*state), *reason),
            "row {row}: {}",
            verdict.description
        );
    }
}

#[test]
fn each_finding_tells_by_itself() {
    let columns = |lists: [&[&str]; 2]| lists.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let differ = [
        Findings {
            rows: Some([1, 0]),
            ..equal()
        },
        Findings {
            exclusive_keys: Some([1, 0]),
            ..equal()
        },
        Findings {
            exclusive_keys: Some([0, 1]),
            ..equal()
        },
        Findings {
            rows_with_differences: Some(1),
            ..equal()
        },
        Findings {
            values_with_differences: Some(1),
            ..equal()
        },
        Findings {
            exclusive_columns: columns([&["OLD"], &[]]),
            ..equal()
        },
        Findings {
            exclusive_columns: columns([&[], &["NEW"]]),
            ..equal()
        },
        Findings {
            retyped_columns: vec!["T".to_owned()],
            ..equal()
        },
    ];
    for found in differ {
        assert!(differs(&found) && !has_key_issues(&found), "{found:?}");
    }
    for pair in [[1, 0], [0, 1]] {
        for found in [
            Findings {
                null_keys: Some(pair),
                ..equal()
            },
            Findings {
                duplicate_keys: Some(pair),
                ..equal()
            },
        ] {
            assert!(has_key_issues(&found) && !differs(&found), "{found:?}");
        }
    }
    assert!(!differs(&equal()) && !has_key_issues(&equal()));
}

#[test]
fn what_was_submitted_and_is_not_shown_is_an_error() {
    let (config, diffs) = (config(), [compared("T", finished(equal()))]);
    let verdict = Verdict::of(&Facts {
        submitted: 3,
        ..facts(&config, &Outcome::Finished, &diffs)
    });
    assert_eq!(words(&verdict), ("failed", Some(CommitState::Failure), "errors"));
    assert_eq!(verdict.description, "3 tables: 2 could not be compared.");
}

#[test]
fn every_other_outcome_has_its_state_and_errors_alone_can_be_let_pass() {
    use CommitState::{Error, Failure, Pending, Success};
    type Row = (
        Outcome,
        (&'static str, Option<CommitState>, &'static str),
        (&'static str, Option<CommitState>),
    );
    let under_way = |status: RunStatus| Outcome::UnderWay(Some(status));
    let table: Vec<Row> = vec![
        (
            Outcome::Skipped(Skip::Draft),
            ("skipped", Some(Success), "draft"),
            ("skipped", Some(Success)),
        ),
        (Outcome::Superseded, ("skipped", None, "superseded"), ("skipped", None)),
        (
            Outcome::UnderWay(None),
            ("pending", Some(Pending), "no_run"),
            ("pending", Some(Pending)),
        ),
        (
            under_way(RunStatus::Processing),
            ("pending", Some(Pending), "processing"),
            ("pending", Some(Pending)),
        ),
        (
            under_way(RunStatus::Unknown("odd".to_owned())),
            ("pending", Some(Pending), "odd"),
            ("pending", Some(Pending)),
        ),
        (
            under_way(RunStatus::NeedsConfirmation),
            ("pending", Some(Pending), "needs_confirmation"),
            ("pending", Some(Pending)),
        ),
        (
            under_way(RunStatus::NeedsAuthentication),
            ("pending", Some(Error), "needs_authentication"),
            ("pending", Some(Pending)),
        ),
        (
            Outcome::Failed("x".to_owned()),
            ("failed", Some(Failure), "run_failed"),
            ("passed", Some(Success)),
        ),
        (
            Outcome::NotStarted("x".to_owned()),
            ("failed", Some(Error), "not_started"),
            ("passed", Some(Success)),
        ),
        (
            Outcome::Refused("x".to_owned()),
            ("failed", Some(Error), "not_started"),
            ("failed", Some(Error)),
        ),
        (
            Outcome::Cancelled,
            ("failed", Some(Error), "cancelled"),
            ("passed", Some(Success)),
        ),
        (
            Outcome::TimedOut("1h".to_owned()),
            ("timed_out", Some(Error), "timed_out"),
            ("passed", Some(Success)),
        ),
    ];
    let strict = config();
    let lenient = CiConfig {
        errors: Consequence::Passes,
        ..config()
    };
    for (outcome, expected, (result, state)) in table {
        assert_eq!(
            words(&Verdict::of(&facts(&strict, &outcome, &[]))),
            expected,
            "{outcome:?}"
        );
        let verdict = Verdict::of(&facts(&lenient, &outcome, &[]));
        assert_eq!(words(&verdict), (result, state, expected.2), "{outcome:?}");
        let is_let_pass = state == Some(Success) && expected.1 != state;
        assert_eq!(
            verdict.description.ends_with("(errors do not fail this check)"),
            is_let_pass,
            "{outcome:?}"
        );
    }
}

#[test]
fn a_description_counts_what_was_found() {
    let config = config();
    let diffs = [
        compared("A", finished(different())),
        compared("B", finished(bad_keys())),
        compared("C", Some(Summary::Failed("x".to_owned()))),
    ];
    let verdict = Verdict::of(&facts(&config, &Outcome::Finished, &diffs));
    assert_eq!(
        verdict.description,
        "3 tables: 1 differs, 1 with null or duplicate keys, 1 could not be compared."
    );
    assert!(verdict.differences_found());
    let diffs = [compared("A", finished(equal())), compared("B", Some(Summary::Running))];
    let verdict = Verdict::of(&facts(&config, &Outcome::UnderWay(Some(RunStatus::Processing)), &diffs));
    assert_eq!(verdict.description, "1 of 2 comparisons finished.");
    assert!(!verdict.differences_found());
}

#[test]
fn without_a_key_row_counts_and_columns_tell_differences() {
    let rows = |rows| Findings {
        rows: Some(rows),
        ..Findings::default()
    };
    assert!(differs(&rows([1, 2])) && !differs(&rows([2, 2])));
    assert!(differs(&Findings {
        retyped_columns: vec!["a".to_owned()],
        ..rows([2, 2])
    }));
}

#[test]
fn the_comment_has_a_row_for_each_table_the_worst_first() {
    let config = config();
    let diffs = [
        compared("EQUAL", finished(equal())),
        compared(
            "OTHER",
            finished(Findings {
                null_keys: Some([0, 2]),
                ..different()
            }),
        ),
        Compared {
            primary_key: Vec::new(),
            ..compared(
                "BARE",
                finished(Findings {
                    rows: Some([1, 1]),
                    ..Findings::default()
                }),
            )
        },
        compared("LOST", Some(Summary::Failed("no such table".to_owned()))),
    ];
    let facts = facts(&config, &Outcome::Finished, &diffs);
    let text = comment(&facts, &Verdict::of(&facts));
    let open = "[open](https://app.datafold.example/datadiffs/7/overview)";
    let tables = |name: &str| format!("<code>DB.CORE.{name}</code> -> <code>DB.PR_6.{name}</code>");
    let expected = [
        "<!-- driftless:shop -->".to_owned(),
        "### Data diffs: <code>shop</code>".to_owned(),
        String::new(),
        "4 tables&#58; 1 differs, 1 with null or duplicate keys, 1 could not be compared.".to_owned(),
        String::new(),
        "| Table | Rows | Primary keys | Columns | Values | |".to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
        format!(
            "| {} | error: <code>no such table</code> |  |  |  | {open} |",
            tables("LOST")
        ),
        format!(
            "| {} | 100 -> 102<br>3 added, 1 removed | nulls 0 -> 2<br>exclusive 1 -> 3 \
             | added <code>NEW</code><br>removed <code>OLD</code><br>retyped <code>T</code> \
             | differ: 5 rows, 7 values<br><code>B</code> 50.00 % equal<br><code>D</code> 98.00 % equal<br><code>E</code> 99.00 % equal<br>1 column more \
             | {open} |",
            tables("OTHER")
        ),
        format!("| {} | 100 -> 100 | good | same | same | {open} |", tables("EQUAL")),
        format!(
            "| {} | 1 -> 1 | none named | same | not compared | {open} |",
            tables("BARE")
        ),
        String::new(),
        "Commit <code>abc</code>, run 9001".to_owned(),
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn names_and_errors_of_others_break_neither_the_table_nor_the_page() {
    let config = config();
    let hostile = "a|b\n`x` <img src=x> @team #1 [l](http://e) *b* _i_ --> <!-- \u{202e}";
    let diffs = [
        compared(hostile, Some(Summary::Failed(hostile.to_owned()))),
        Compared {
            page: Some("https://h/a b)|<x>".to_owned()),
            ..compared(
                hostile,
                finished(Findings {
                    retyped_columns: vec![hostile.to_owned()],
                    ..different()
                }),
            )
        },
    ];
    let remarks = [Diagnostic::error("x", hostile)];
    let facts = Facts {
        remarks: &remarks,
        ..facts(&config, &Outcome::Finished, &diffs)
    };
    let text = comment(&facts, &Verdict::of(&facts));
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| <code>")).collect();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.matches('|').count() == 7), "{text}");
    for word in ["<img", "@team", "#1 ", "[l]", "*b*", "_i_", "`", "\u{202e}", "http://e"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    assert_eq!((text.matches("<!--").count(), text.matches("-->").count()), (1, 1));
    assert!(text.contains("[open](https://h/a%20b%29%7C%3Cx%3E)"), "{text}");
}

#[test]
fn what_somebody_else_says_in_a_verdict_mentions_nobody_and_links_nowhere() {
    // Forges look for mentions in what they have rendered, where an entity is a sign again; not in code.
    let (config, why) = (config(), "the key `@acme/all` of www.example.com #12".to_owned());
    for outcome in [
        Outcome::NotStarted(why.clone()),
        Outcome::Failed(why.clone()),
        Outcome::TimedOut(why),
    ] {
        let facts = facts(&config, &outcome, &[]);
        let text = comment(&facts, &Verdict::of(&facts));
        let prose = text.split("<code>").enumerate().map(|(at, part)| match at {
            0 => part,
            _ => part.split_once("</code>").map_or(part, |(_, prose)| prose),
        });
        let prose: String = prose.collect();
        for word in ["acme", "www", "12"] {
            assert!(!prose.contains(word) && text.contains(word), "{text}");
        }
    }
}

#[test]
fn a_configurations_marker_is_its_own_and_ends_where_it_ends() {
    let marked = |name: &str| {
        marker(&CiConfig {
            name: name.to_owned(),
            ..config()
        })
    };
    assert_eq!(marked("shop"), "<!-- driftless:shop -->");
    assert_eq!(marked("a --> b"), "<!-- driftless:a -%2D%3E b -->");
    assert_ne!(marked("a%3E"), marked("a>"));
}

#[test]
fn a_comment_stays_within_what_a_forge_takes() {
    let config = config();
    let long = "|".repeat(5_000);
    let diffs: Vec<Compared> = (0..2_000)
        .map(|_| {
            compared(
                &long,
                finished(Findings {
                    retyped_columns: vec![long.clone(); 50],
                    ..different()
                }),
            )
        })
        .collect();
    let remarks: Vec<Diagnostic> = (0..100).map(|_| Diagnostic::error("x", long.clone())).collect();
    let facts = Facts {
        remarks: &remarks,
        ..facts(&config, &Outcome::Finished, &diffs)
    };
    let text = comment(&facts, &Verdict::of(&facts));
    assert!(text.len() <= 62_000, "{}", text.len());
    assert!(
        text.contains("tables more not shown here."),
        "{}",
        &text[text.len() - 300..]
    );
}

#[test]
fn the_answer_as_json_has_every_field_of_a_comparison() {
    let config = config();
    let diffs = [
        compared("T", finished(different())),
        Compared {
            id: None,
            page: None,
            ..compared("U", None)
        },
    ];
    let facts = facts(&config, &Outcome::Finished, &diffs);
    let unsaid = ["the comment could not be written: the time was over".to_owned()];
    let answer = json(&facts, &Verdict::of(&facts), &unsaid);
    let columns = |names: &[(&str, f64)]| -> Vec<Value> {
        names
            .iter()
            .map(|(name, share)| json!({ "name": name, "match": share }))
            .collect()
    };
    let expected = json!({
        "version": 1,
        "result": "failed",
        "reason": "errors",
        "message": "2 tables: 1 differs, 1 could not be compared.",
        "run_id": 9001,
        "pr_sha": "abc",
        "submitted": 2,
        "diffs": [
            {
                "prod": "DB.CORE.T", "pr": "DB.PR_6.T", "pk": ["ID"],
                "id": 7, "url": "https://app.datafold.example/datadiffs/7/overview",
                "status": "finished", "error": null, "differs": true, "key_issues": false,
                "rows": [100, 102], "added": 3, "removed": 1, "null_keys": [0, 0], "duplicate_keys": [0, 0],
                "rows_with_differences": 5, "values_with_differences": 7,
                "columns": columns(&[("A", 99.9999), ("B", 50.0), ("C", 100.0), ("D", 98.0), ("E", 99.0)]),
                "columns_added": ["NEW"], "columns_removed": ["OLD"], "columns_retyped": ["T"],
            },
            {
                "prod": "DB.CORE.U", "pr": "DB.PR_6.U", "pk": ["ID"], "id": null, "url": null,
                "status": "missing", "error": null, "differs": null, "key_issues": null,
                "rows": null, "added": null, "removed": null, "null_keys": null, "duplicate_keys": null,
                "rows_with_differences": null, "values_with_differences": null, "columns": null,
                "columns_added": null, "columns_removed": null, "columns_retyped": null,
            },
        ],
        "unsaid": ["the comment could not be written: the time was over"],
    });
    assert_eq!(answer, expected);
}

proptest! {
    #[test]
    fn a_description_is_one_short_line(why in "(.|\n){0,300}", lenient in any::<bool>()) {
        let errors = if lenient { Consequence::Passes } else { Consequence::Fails };
        let config = CiConfig { errors, ..config() };
        for outcome in [Outcome::Failed(why.clone()), Outcome::NotStarted(why.clone()), Outcome::TimedOut(why.clone())] {
            let verdict = Verdict::of(&facts(&config, &outcome, &[]));
            prop_assert!(verdict.description.chars().count() <= LONGEST_DESCRIPTION, "{}", verdict.description);
            prop_assert!(!verdict.description.contains(['\n', '\r']));
        }
    }

    #[test]
    fn errors_let_pass_never_hide_findings(found in 0_u64..3, keys in 0_u64..3, broken in 0_usize..3) {
        let config = CiConfig { errors: Consequence::Passes, differences: Consequence::Fails, key_issues: Consequence::Fails, ..config() };
        let finding = Findings { rows_with_differences: Some(found), null_keys: Some([0, keys]), ..equal() };
        let mut diffs = vec![compared("T", finished(finding))];
        diffs.extend((0..broken).map(|_| compared("U", Some(Summary::Failed("x".to_owned())))));
        let verdict = Verdict::of(&facts(&config, &Outcome::Finished, &diffs));
        prop_assert_eq!(verdict.state == Some(CommitState::Failure), found + keys > 0);
    }
}
