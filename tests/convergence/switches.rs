//! Every switch of the sandbox, flipped: the demo's configuration and an export of another instance are applied to an empty one.

use std::collections::BTreeMap;
use std::sync::Arc;

use driftless::cli::demo::environments::{BASE, ENVIRONMENTS};
use driftless::cli::demo::files::FILES;
use driftless::engine::reconcile::Environment;
use driftless::sandbox::qualytics::{
    ConnectionReading, ContainerProfile, EnrichmentListing, KeyOrder, NullProperties, Numbers, Overlap, Put,
    PutReading, SecretsManagerOmitted, Switches, Toggle, Unknown, Unsupported, example_seed,
};
use serde_json::Value;

use crate::instance::{Instance, differences, empty_like, sorted_lists};
use crate::pipeline::{Files, assert_converged, clean_pass, environment, exported, memory, variables};

/// Every reading of every open question, each apart from the others' first readings, and all second readings at once.
fn readings() -> Vec<(&'static str, Switches)> {
    let of = Switches::default;
    vec![
        ("as documented", of()),
        (
            "put: full",
            Switches {
                put: PutReading::all(Put::Full),
                ..of()
            },
        ),
        (
            "put: partial",
            Switches {
                put: PutReading::all(Put::Partial),
                ..of()
            },
        ),
        (
            "enrichment shown",
            Switches {
                enrichment_listing: EnrichmentListing::Shown,
                ..of()
            },
        ),
        (
            "unknown tags created",
            Switches {
                unknown_tags: Unknown::Create,
                ..of()
            },
        ),
        (
            "unknown tags ignored",
            Switches {
                unknown_tags: Unknown::Ignore,
                ..of()
            },
        ),
        (
            "unknown tags not found",
            Switches {
                unknown_tags: Unknown::NotFound,
                ..of()
            },
        ),
        (
            "unknown teams created",
            Switches {
                unknown_teams: Unknown::Create,
                ..of()
            },
        ),
        (
            "unknown teams ignored",
            Switches {
                unknown_teams: Unknown::Ignore,
                ..of()
            },
        ),
        (
            "unknown teams not found",
            Switches {
                unknown_teams: Unknown::NotFound,
                ..of()
            },
        ),
        (
            "duplicates accepted",
            Switches {
                duplicate_checks: Overlap::Accept,
                ..of()
            },
        ),
        (
            "keys sorted",
            Switches {
                key_order: KeyOrder::Canonical,
                ..of()
            },
        ),
        (
            "no profile by itself",
            Switches {
                container_profile: ContainerProfile::Manual,
                ..of()
            },
        ),
        (
            "200 for a creation",
            Switches {
                create_status: 200,
                ..of()
            },
        ),
        (
            "secrets manager kept",
            Switches {
                connection_secrets_manager_omitted: SecretsManagerOmitted::Keep,
                ..of()
            },
        ),
        (
            "numbers as floats",
            Switches {
                numbers: Numbers::Float,
                ..of()
            },
        ),
        (
            "null properties",
            Switches {
                null_properties: NullProperties::Present,
                ..of()
            },
        ),
        (
            "no alias of replicas",
            Switches {
                replica_alias: Toggle::Off,
                ..of()
            },
        ),
        (
            "nested connection",
            Switches {
                datastore_connection: ConnectionReading::Nested,
                ..of()
            },
        ),
        (
            "unsupported refused",
            Switches {
                unsupported: Unsupported::Refuse,
                ..of()
            },
        ),
        (
            "computed fields listed",
            Switches {
                list_computed_fields: Toggle::On,
                ..of()
            },
        ),
        (
            "volatile keys shown",
            Switches {
                leaked_volatile: Toggle::On,
                ..of()
            },
        ),
        (
            "operations take time",
            Switches {
                operation_ms: 30,
                ..of()
            },
        ),
        (
            "all at once",
            Switches {
                put: PutReading::all(Put::Full),
                enrichment_listing: EnrichmentListing::Shown,
                unknown_tags: Unknown::Create,
                unknown_teams: Unknown::Create,
                duplicate_checks: Overlap::Accept,
                key_order: KeyOrder::Canonical,
                container_profile: ContainerProfile::Manual,
                create_status: 200,
                connection_secrets_manager_omitted: SecretsManagerOmitted::Keep,
                numbers: Numbers::Float,
                null_properties: NullProperties::Present,
                replica_alias: Toggle::Off,
                datastore_connection: ConnectionReading::Nested,
                unsupported: Unsupported::Drop,
                list_computed_fields: Toggle::On,
                leaked_volatile: Toggle::On,
                operation_ms: 10,
                ..of()
            },
        ),
    ]
}

fn demo_files() -> Arc<Files> {
    let yaml = FILES.iter().filter(|(path, _)| path.ends_with(".yaml"));
    Files::new(
        yaml.map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect(),
    )
}

/// What the demo's environment `at` is, on an instance that answers as `switches` say.
async fn demo(at: usize, switches: Switches) -> (Instance, Environment) {
    let demo = ENVIRONMENTS[at];
    let instance = Instance::start(serde_json::from_str(demo.seed).unwrap(), switches).await;
    let variables = demo
        .variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let bare = environment(&instance, &demo_files(), variables.collect(), Some(memory().await));
    let environment = Environment {
        folder: BASE.to_owned(),
        overlays: vec![demo.overlay.to_owned()],
        ..bare
    };
    (instance, environment)
}

async fn applied(instance: &Instance, environment: &Environment) -> Value {
    let report = clean_pass(environment).await;
    assert!(report.tally().created > 20, "{:?}", report.tally());
    let refused: Vec<_> = instance
        .writes()
        .await
        .into_iter()
        .filter(|write| write.2 >= 300)
        .collect();
    assert_eq!(refused, []);
    assert_converged(instance, environment).await;
    sorted_lists(instance.state().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_converges_in_one_pass_under_every_reading_and_to_the_same_state() {
    let mut expected = None;
    for (name, switches) in readings() {
        let (instance, environment) = demo(0, switches).await;
        let state = applied(&instance, &environment).await;
        let expected = expected.get_or_insert_with(|| state.clone());
        assert_eq!(differences(&state, expected), [] as [String; 0], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_environment_of_the_demo_converges_in_one_pass() {
    for at in 0..ENVIRONMENTS.len() {
        let (instance, environment) = demo(at, Switches::default()).await;
        applied(&instance, &environment).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_makes_another_instance_the_same_under_every_reading() {
    let seed = example_seed(2, 3, 40);
    let original = Instance::start(seed.clone(), Switches::default()).await;
    let files = exported(&original).await;
    let variables = variables(&files);
    let mut expected: Option<Value> = None;
    for (name, switches) in readings() {
        let instance = Instance::start(empty_like(&seed), switches).await;
        let environment = environment(&instance, &Files::new(files.clone()), variables.clone(), None);
        let state = applied(&instance, &environment).await;
        let expected = expected.get_or_insert_with(|| state.clone());
        assert_eq!(differences(&state, expected), [] as [String; 0], "{name}");
        let mut original = sorted_lists(original.state().await);
        let mut copied = state.clone();
        for state in [&mut original, &mut copied] {
            // Secrets leave no instance: the copy has those of its own variables.
            for connection in state["connections"].as_array_mut().unwrap() {
                connection["secrets"] = Value::Null;
            }
        }
        assert_eq!(differences(&copied, &original), [] as [String; 0], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_under_any_reading_of_what_is_shown_means_the_same() {
    let seed = example_seed(1, 3, 40);
    let original = Instance::start(seed.clone(), Switches::default()).await;
    for (name, switches) in readings() {
        let other = Instance::start(seed.clone(), switches).await;
        let files: BTreeMap<String, String> = exported(&other).await;
        let variables = variables(&files);
        let environment = environment(&original, &Files::new(files), variables, None);
        let report = clean_pass(&environment).await;
        assert!(report.plan.is_empty(), "{name}: {:#?}", report.plan.steps[0].change);
    }
}
