//! The demo's three environments of Qualytics: what each instance holds at the start, and the variables its folders are read with.

/// One environment of the demo.
#[derive(Clone, Copy, Debug)]
pub struct DemoEnvironment {
    /// Its name in the config file and on the dashboard.
    pub name: &'static str,
    /// The folder of its overrides in the demo's repository.
    pub overlay: &'static str,
    /// What happens there to changes made by hand.
    pub drift: &'static str,
    /// What its instance holds at the start: a sandbox seed, as JSON.
    pub seed: &'static str,
    /// The values of the `${…}` in connections and datastores: `(name, value)`. The seeds' warehouses lie at these places,
    /// and the passwords open nothing but the sandbox.
    pub variables: &'static [(&'static str, &'static str)],
}

/// The folder of the demo's repository that all environments share.
pub const BASE: &str = "qualytics-config";

/// Development, staging and production, in this order.
pub const ENVIRONMENTS: &[DemoEnvironment] = &[
    DemoEnvironment {
        name: "dev",
        overlay: "overrides/dev",
        drift: "correct",
        seed: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo-seeds/dev.json")),
        variables: &[
            ("PG_HOST", "pg.dev.example.com"),
            ("PG_USER", "qualytics"),
            ("PG_DATABASE", "shop_dev"),
            ("WAREHOUSE_PG_PASSWORD", "sandbox-dev-pg"),
            ("LAKE_BUCKET", "shop-lake-dev"),
            ("LAKE_S3_ACCESS_KEY", "SANDBOXDEV"),
            ("LAKE_S3_SECRET_KEY", "sandbox-dev-s3"),
        ],
    },
    DemoEnvironment {
        name: "staging",
        overlay: "overrides/staging",
        drift: "report",
        seed: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo-seeds/staging.json")),
        variables: &[
            ("PG_HOST", "pg.staging.example.com"),
            ("PG_USER", "qualytics"),
            ("PG_DATABASE", "shop_staging"),
            ("WAREHOUSE_PG_PASSWORD", "sandbox-staging-pg"),
            ("LAKE_BUCKET", "shop-lake-staging"),
            ("LAKE_S3_ACCESS_KEY", "SANDBOXSTAGING"),
            ("LAKE_S3_SECRET_KEY", "sandbox-staging-s3"),
        ],
    },
    DemoEnvironment {
        name: "prod",
        overlay: "overrides/prod",
        drift: "correct",
        seed: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo-seeds/prod.json")),
        variables: &[
            ("PG_HOST", "pg.prod.example.com"),
            ("PG_USER", "qualytics"),
            ("PG_DATABASE", "shop_prod"),
            ("WAREHOUSE_PG_PASSWORD", "sandbox-prod-pg"),
            ("LAKE_BUCKET", "shop-lake-prod"),
            ("LAKE_S3_ACCESS_KEY", "SANDBOXPROD"),
            ("LAKE_S3_SECRET_KEY", "sandbox-prod-s3"),
        ],
    },
];

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::super::files::FILES;
    use super::{BASE, DemoEnvironment, ENVIRONMENTS};

    /// The names between `${` and `}` in the base and in the environment's overrides, checks left out.
    fn placeholders(environment: &DemoEnvironment) -> BTreeSet<String> {
        FILES
            .iter()
            .filter(|(path, _)| {
                (path.starts_with(&format!("{BASE}/")) || path.starts_with(&format!("{}/", environment.overlay)))
                    && !path.contains("/checks/")
            })
            .flat_map(|(_, text)| text.split("${").skip(1).filter_map(|rest| rest.split_once('}')))
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    #[test]
    fn every_placeholder_has_a_value_in_every_environment_and_no_value_is_left_over() {
        for environment in ENVIRONMENTS {
            let given: BTreeSet<String> = environment
                .variables
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .collect();
            assert_eq!(given, placeholders(environment), "{}", environment.name);
        }
    }

    #[test]
    fn every_warehouse_of_a_seed_lies_where_the_variables_point() {
        for environment in ENVIRONMENTS {
            let value = |name: &str| {
                environment
                    .variables
                    .iter()
                    .find(|(known, _)| *known == name)
                    .unwrap()
                    .1
            };
            let seed: Value = serde_json::from_str(environment.seed).unwrap();
            let places = seed["warehouse"].as_object().unwrap();
            for place in [
                format!("{}|sales", value("PG_DATABASE")),
                format!("s3://{}|/curated", value("LAKE_BUCKET")),
            ] {
                assert!(
                    !places[&place].as_array().unwrap().is_empty(),
                    "{}: {place}",
                    environment.name
                );
            }
        }
    }

    #[test]
    fn every_environment_has_overrides() {
        for environment in ENVIRONMENTS {
            let folder = format!("{}/", environment.overlay);
            assert!(
                FILES.iter().any(|(path, _)| path.starts_with(&folder)),
                "{}",
                environment.name
            );
        }
    }
}
