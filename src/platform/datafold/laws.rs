//! What holds of every document, whatever it says: properties over documents that are made from the forms themselves, right and wrong.

use driftless_core::key::{Key, Kind};
use driftless_core::normalize::{meaning, normalize};
use driftless_core::schema::{Schema as _, Side};
use driftless_core::value::{Map, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::ci_config_form::CI_CONFIG_FORM;
use super::form::{Form, Object};
use super::kinds::{AS_IN_GIT, CI_CONFIG, DATA_SOURCE, MONITOR, PLATFORM_VERDICT};
use super::monitor_form::MONITOR_FORM;
use super::options::{self, DATA_SOURCE_FORM, TYPES};
use super::testing::map;
use super::{document_schemas, schema};
use crate::platform::document_schema::Layer;
use crate::platform::shape::Shape;

/// A value of this form, as people and platforms write it, and now and then something else.
fn value(form: Form) -> BoxedStrategy<Value> {
    let right: BoxedStrategy<Value> = match form {
        Form::Shape(Shape::OneOf(words) | Shape::SomeOf(words)) => select(words).prop_map(Value::from).boxed(),
        Form::Shape(Shape::Truth) => {
            prop_oneof![any::<bool>().prop_map(Value::from), Just(Value::from("true"))].boxed()
        }
        Form::Shape(Shape::Integer) | Form::Whole(..) | Form::Integers(_) => {
            prop_oneof![(0_i64..40).prop_map(Value::from), Just(Value::from("6"))].boxed()
        }
        Form::Shape(Shape::Number) | Form::Between(..) | Form::Inside(..) => (0.0..2.0).prop_map(Value::from).boxed(),
        Form::Clock => select(vec!["6:00", "06:00", " 23:59", "24:00", "6"])
            .prop_map(Value::from)
            .boxed(),
        Form::Cron => select(vec!["0 6 * * *", " 0  6 * * *", "@daily", "x"])
            .prop_map(Value::from)
            .boxed(),
        Form::Connection => select(vec!["warehouse", "7", "007", "", "99999999999999999999"])
            .prop_map(Value::from)
            .boxed(),
        Form::Lines => prop_oneof![
            Just(Value::from("*\n\n# x\n!a/*\n")),
            vec(lines(), 0..3).prop_map(Value::from)
        ]
        .boxed(),
        Form::List(item) => vec(value(*item), 0..3).prop_map(Value::from).boxed(),
        Form::MapOf(item) => value(*item)
            .prop_map(|item| Value::Map([("k".to_owned(), item)].into()))
            .boxed(),
        Form::Object(form) => object(form).prop_map(Value::Map).boxed(),
        Form::Tagged(form) => select(form.variants)
            .prop_flat_map(|(word, variant)| {
                let tag = form.tag.to_owned();
                object(variant).prop_map(move |mut map| {
                    map.insert(tag.clone(), Value::from(word));
                    map
                })
            })
            .prop_map(Value::Map)
            .boxed(),
        _ => prop_oneof![
            Just(Value::from("a")),
            Just(Value::List(vec![Value::from("b"), Value::from("a")]))
        ]
        .boxed(),
    };
    prop_oneof![
        8 => right,
        1 => Just(Value::Null),
        1 => Just(Value::List(Vec::new())),
        1 => Just(Value::from(3)),
    ]
    .boxed()
}

fn lines() -> impl Strategy<Value = Value> {
    select(vec!["*", "", "# x", "!a/*\nb"]).prop_map(Value::from)
}

/// An object with some of its fields, and one of no meaning.
fn object(form: &'static Object) -> BoxedStrategy<Map> {
    let mut fields: Vec<(String, Form)> = form.all().map(|field| (field.name.to_owned(), field.form)).collect();
    fields.push(("egress_limit".to_owned(), Form::Shape(Shape::Any)));
    let count = fields.len();
    subsequence(fields, 0..=count)
        .prop_flat_map(|some| {
            let made: Vec<_> = some
                .into_iter()
                .map(|(name, form)| value(form).prop_map(move |value| (name.clone(), value)))
                .collect();
            made.prop_map(|pairs| pairs.into_iter().collect())
        })
        .boxed()
}

/// A document of any kind.
fn document() -> BoxedStrategy<(Kind, Map)> {
    let data_source = select(TYPES).prop_flat_map(|name| {
        let options = options::of_type(name)
            .map(object)
            .unwrap_or_else(|| Just(Map::new()).boxed());
        (object(&DATA_SOURCE_FORM), options).prop_map(move |(mut spec, options)| {
            spec.insert("type".to_owned(), Value::from(name));
            spec.insert("options".to_owned(), Value::Map(options));
            (DATA_SOURCE, spec)
        })
    });
    let monitor = value(Form::Tagged(&MONITOR_FORM)).prop_map(|monitor| match monitor {
        Value::Map(spec) => (MONITOR, spec),
        _ => (MONITOR, Map::new()),
    });
    prop_oneof![
        data_source,
        monitor,
        object(&CI_CONFIG_FORM).prop_map(|spec| (CI_CONFIG, spec)),
    ]
    .boxed()
}

proptest! {
    #[test]
    fn each_step_to_what_is_compared_is_idempotent((kind, spec) in document()) {
        for side in [Side::Desired, Side::Live] {
            let said = normalize(schema(), kind, side, spec.clone());
            prop_assert_eq!(&normalize(schema(), kind, side, said.clone()), &said);
            let meant = meaning(schema(), kind, &said);
            prop_assert_eq!(&meaning(schema(), kind, &meant), &meant);
        }
    }

    #[test]
    fn a_document_refers_to_the_same_before_and_after_it_is_normalised((kind, spec) in document()) {
        let key = Key::new(kind, ["k"]);
        let said = normalize(schema(), kind, Side::Desired, spec);
        let meant = meaning(schema(), kind, &said);
        prop_assert_eq!(schema().references(&key, &said), schema().references(&key, &meant));
    }

    #[test]
    fn every_fault_says_what_to_do_and_stands_at_a_field_of_the_document((kind, spec) in document()) {
        let said = normalize(schema(), kind, Side::Desired, spec);
        for fault in schema().check(&Key::new(kind, ["k"]), &said) {
            prop_assert!(fault.diagnostic.help.is_some_and(|help| !help.is_empty()));
            prop_assert!(!fault.at.head().is_empty());
        }
    }
}

/// The form that is compared.
fn meant(kind: Kind, side: Side, json: &str) -> Map {
    meaning(schema(), kind, &normalize(schema(), kind, side, map(json)))
}

#[test]
fn spellings_of_one_schedule_are_one() {
    let of = |schedule: &str| {
        meant(
            MONITOR,
            Side::Desired,
            &format!(r#"{{"type":"test","schedule":{schedule}}}"#),
        )
    };
    for (one, other) in [
        (
            r#"{"interval":{"every":"day","hour":6}}"#,
            r#"{"interval":{"every":"day","utc_at":"06:00"}}"#,
        ),
        (
            r#"{"interval":{"every":"day","utc_at":"6:00"}}"#,
            r#"{"interval":{"every":"day","utc_at":"06:00","type":"daily"}}"#,
        ),
        (
            r#"{"interval":{"every":"hour"}}"#,
            r#"{"type":"hourly","interval":{"every":"hour","type":"hourly"}}"#,
        ),
        (r#"{"cron":"0 6 * * *"}"#, r#"{"type":"crontab","cron":" 0  6 * * * "}"#),
        (r#"{"type":"none"}"#, r#"{"type":"none","cron":null}"#),
    ] {
        assert_eq!(of(one), of(other), "{one}");
    }
    for (one, other) in [
        (
            r#"{"interval":{"every":"day","hour":6}}"#,
            r#"{"interval":{"every":"day","utc_at":"06:30"}}"#,
        ),
        (
            r#"{"interval":{"every":"hour"}}"#,
            r#"{"interval":{"every":"day","hour":0}}"#,
        ),
        (r#"{"type":"none"}"#, r#"{}"#),
    ] {
        assert_ne!(of(one), of(other), "{one}");
    }
}

#[test]
fn what_the_platform_returns_means_what_git_leaves_unsaid() {
    for (kind, git, live) in [
        (
            MONITOR,
            r#"{"type":"diff","alert":{"different_rows_count":1},"enabled":true,"tags":["b","a"],"notifications":[]}"#,
            r#"{"type":"diff","alert":{"type":"diff","different_rows_count":1,"match_ratio_min":null},"tags":["a","b"]}"#,
        ),
        (
            MONITOR,
            r#"{"type":"test","connection_id":"7","notifications":[{"type":"email","recipients":["a@example.com"]}]}"#,
            r#"{"type":"test","connection_id":7,"notifications":[{"type":"email","recipients":["a@example.com"],"features":[]}],
                "state":"ok","enabled":true,"tags":[]}"#,
        ),
        (
            DATA_SOURCE,
            r#"{"name":"w","type":"pg","is_paused":false,"options":{"host":"h","port":"5432","sslmode":"prefer"}}"#,
            r#"{"name":"w","type":"pg","id":3,"last_test":{},"options":{"host":"h","password":"***"}}"#,
        ),
        (
            CI_CONFIG,
            r#"{"name":"c","repository":"a/b","files_to_ignore":"*\n\n# ours\n!dbt/*\n","require_label":false}"#,
            r#"{"name":"c","repository":"a/b","files_to_ignore":["*","!dbt/*"],"fail_on_errors":true}"#,
        ),
        (
            MONITOR,
            r#"{"type":"test","tags":null,"notifications":null}"#,
            r#"{"type":"test","tags":["a"],"notifications":[]}"#,
        ),
    ] {
        let (git, live) = (meant(kind, Side::Desired, git), meant(kind, Side::Live, live));
        for (field, value) in &git {
            let found = live.get(field);
            let agrees = match (value, found) {
                (Value::Map(value), Some(Value::Map(found))) => value
                    .iter()
                    .all(|(key, value)| found.get(key).is_some_and(|found| found.agrees(value))),
                (value, found) => found.is_some_and(|found| found.agrees(value)),
            };
            assert!(agrees, "{field}: {value:?} {found:?}");
        }
    }
}

#[test]
fn a_default_of_another_port_is_another_for_each_type() {
    for (name, port) in [("pg", 5432), ("redshift", 5432), ("mysql", 3306), ("db2", 50_000)] {
        let live = meant(
            DATA_SOURCE,
            Side::Live,
            &format!(r#"{{"name":"w","type":"{name}","options":{{"host":"h"}}}}"#),
        );
        let options = live["options"].as_map().map(|options| options["port"].clone());
        assert_eq!(options, Some(Value::from(port)), "{name}");
    }
}

#[test]
fn of_a_ci_configuration_of_which_only_the_number_is_known_every_field_of_the_vendors_form_is_news() {
    let live = meant(CI_CONFIG, Side::Live, r#"{"ci_config_id":12}"#);
    assert_eq!(live, map(r#"{"ci_config_id":12,"fail_on_differences":false}"#));
}

#[test]
fn the_platforms_verdict_is_compared_and_never_written() {
    let said = normalize(schema(), MONITOR, Side::Desired, map(r#"{"type":"test"}"#));
    assert!(!said.contains_key(PLATFORM_VERDICT));
    assert_eq!(
        meaning(schema(), MONITOR, &said)[PLATFORM_VERDICT],
        Value::from(AS_IN_GIT)
    );
}

#[test]
fn editors_are_told_of_every_kind_and_layer_by_a_name_of_its_own() {
    let names: Vec<String> = document_schemas().iter().map(|schema| schema.name()).collect();
    assert_eq!(
        names,
        [
            "data_source",
            "data_source-overlay",
            "monitor",
            "monitor-overlay",
            "ci_config",
            "ci_config-overlay"
        ]
    );
    for schema in document_schemas() {
        if let (Layer::Base, MONITOR) = (schema.layer, schema.kind) {
            let monitor = &schema.json["properties"]["monitors"]["additionalProperties"];
            assert_eq!(monitor["required"], serde_json::json!(["type"]));
        }
    }
}
