//! What each element of a result says of which monitor, and what none says.

use serde_json::json;

use super::*;

fn handed_in() -> BTreeMap<String, Known> {
    let known = |name: &str, id| Known {
        name: Some(name.to_owned()),
        id,
        extent: Extent::One,
    };
    [
        ("orders".to_owned(), known("Orders are fresh", Some(1))),
        ("lines".to_owned(), known("Lines", Some(2))),
        ("new-one".to_owned(), known("A new one", None)),
    ]
    .into()
}

fn said(result: &Json) -> Vec<(Said, Option<i64>)> {
    let said = Results::of(result).of_each(&handed_in());
    ["orders", "lines", "new-one"].map(|slug| said[slug].clone()).to_vec()
}

#[test]
fn elements_are_read_however_they_name_a_monitor() {
    use Said::{Created, Unchanged, Updated};
    for (created, updated, unchanged, id) in [
        (
            json!([{"id": 9, "slug": "new-one"}]),
            json!([{"id": 1, "slug": "orders"}]),
            json!([{"id": 2, "slug": "lines"}]),
            Some(9),
        ),
        (json!(["new-one"]), json!(["orders"]), json!(["lines"]), None),
        (json!(["A new one"]), json!(["Orders are fresh"]), json!(null), None),
        (
            json!([{"name": "A new one", "id": 9}]),
            json!([{"id": 1}]),
            json!([2]),
            Some(9),
        ),
        (json!([9]), json!([1]), json!([2]), Some(9)),
        (json!([9]), json!([1]), json!(["lines"]), Some(9)),
    ] {
        let result = json!({"created_monitors": created, "updated_monitors": updated, "unchanged_monitors": unchanged});
        let found = said(&result);
        let words: Vec<&Said> = found.iter().map(|(said, _)| said).collect();
        assert_eq!(words, [&Updated, &Unchanged, &Created], "{result}");
        assert_eq!(found[2].1, id, "{result}");
    }
}

#[test]
fn what_no_element_tells_apart_is_unknown_unless_it_does_not_matter() {
    let words = |result: Json| said(&result).into_iter().map(|(said, _)| said).collect::<Vec<_>>();
    assert_eq!(
        words(json!({"updated_monitors": 1, "unchanged_monitors": 2})),
        [Said::Unknown, Said::Unknown, Said::Unknown]
    );
    assert_eq!(
        words(json!({"updated_monitors": 3})),
        [Said::Updated, Said::Updated, Said::Updated]
    );
    assert_eq!(
        words(json!({"unchanged_monitors": [{}, {}, {}]})),
        [Said::Unchanged, Said::Unchanged, Said::Unchanged]
    );
    assert_eq!(
        words(json!({"created_monitors": [], "updated_monitors": 0, "unchanged_monitors": null})),
        [Said::Unchanged, Said::Unchanged, Said::Unchanged]
    );
}

// Every deployment has had the lists of what is created and updated (`reference` 8.3): what has none of them is no result.
#[test]
fn a_result_that_is_not_the_documented_one_says_nothing_of_any_monitor() {
    for result in [
        json!({}),
        json!(null),
        json!("ok"),
        json!([]),
        json!({"created": ["new-one"]}),
        json!({"unchanged_monitors": null}),
        json!({"created_monitors": {"count": 1}, "updated_monitors": []}),
        json!({"created_monitors": "new-one", "updated_monitors": []}),
        json!({"created_monitors": -1}),
    ] {
        let words: Vec<Said> = said(&result).into_iter().map(|(said, _)| said).collect();
        assert_eq!(words, [Said::Unknown, Said::Unknown, Said::Unknown], "{result}");
    }
}

#[test]
fn of_many_nothing_is_to_be_done_only_where_none_comes_and_none_goes() {
    let handed_in = BTreeMap::from([(
        "rows".to_owned(),
        Known {
            name: Some("Rows".to_owned()),
            id: Some(1),
            extent: Extent::Many,
        },
    )]);
    let one = |id: i64| json!({"slug": "rows", "id": id});
    for (result, expected) in [
        (
            json!({"unchanged_monitors": [one(1), one(2)]}),
            (Said::Unchanged, Some(1)),
        ),
        (json!({"created_monitors": [one(1), one(2)]}), (Said::Created, Some(1))),
        (
            json!({"created_monitors": [one(3)], "unchanged_monitors": [one(1)]}),
            (Said::Updated, Some(1)),
        ),
        (
            json!({"unchanged_monitors": [one(2)], "deleted_monitors": [one(1)]}),
            (Said::Updated, Some(2)),
        ),
        (
            json!({"created_monitors": [], "deleted_monitors": [one(2)]}),
            (Said::Updated, Some(1)),
        ),
        (
            json!({"unchanged_monitors": [one(1)], "paused_monitors": [one(2)]}),
            (Said::Updated, Some(1)),
        ),
        (
            json!({"unchanged_monitors": [1], "deleted_monitors": [2]}),
            (Said::Updated, Some(1)),
        ),
        (
            json!({"unchanged_monitors": [1], "created_monitors": [null]}),
            (Said::Updated, Some(1)),
        ),
        (
            json!({"unchanged_monitors": [1, 2], "created_monitors": []}),
            (Said::Unchanged, Some(1)),
        ),
    ] {
        let said = Results::of(&result).of_each(&handed_in);
        assert_eq!(said["rows"], expected, "{result}");
    }
}

#[test]
fn an_error_is_that_of_the_monitor_that_it_names_and_else_leaves_open_what_became_of_the_rest() {
    let named = said(&json!({"created_monitors": ["new-one"], "errors": ["monitor 'orders': no such table"]}));
    assert_eq!(named[0].0, Said::Refused("monitor 'orders': no such table".to_owned()));
    assert_eq!((&named[1].0, &named[2].0), (&Said::Unchanged, &Said::Created));
    let by_slug = said(&json!({"errors": [{"slug": "lines", "message": "bad"}]}));
    assert_eq!(by_slug[1].0, Said::Refused("bad".to_owned()));
    let nobodys = said(&json!({"created_monitors": ["new-one"], "errors": ["it broke"]}));
    assert_eq!((&nobodys[0].0, &nobodys[2].0), (&Said::Unknown, &Said::Created));
}

#[test]
fn a_word_that_is_one_monitors_slug_and_anothers_name_is_told_by_its_number_alone() {
    let handed_in = BTreeMap::from([
        (
            "a".to_owned(),
            Known {
                name: Some("b".to_owned()),
                id: Some(1),
                ..Known::default()
            },
        ),
        (
            "b".to_owned(),
            Known {
                name: Some("B".to_owned()),
                id: Some(2),
                ..Known::default()
            },
        ),
    ]);
    for (element, expected) in [
        (json!({"id": 1, "name": "b"}), [Said::Updated, Said::Unchanged]),
        (json!({"slug": "b", "name": "b"}), [Said::Unchanged, Said::Updated]),
        (json!("b"), [Said::Unknown, Said::Unknown]),
    ] {
        let said = Results::of(&json!({"updated_monitors": [element]})).of_each(&handed_in);
        assert_eq!(["a", "b"].map(|slug| said[slug].0.clone()), expected, "{element}");
    }
}
