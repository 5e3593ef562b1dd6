//! What the sandbox says of a pass: which writes took effect, what the instance holds, what of it is a stranger's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::case::is_foreign;
use crate::instance::{Instance, sorted_lists};

/// Writes that took effect, each with how often. Two with the same method, path and body are the same write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effects(BTreeMap<(String, String, String), usize>);

/// What an instance was asked to do, by sort.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Writes of configuration.
    pub(crate) writes: Effects,
    /// Work that configures nothing: synchronisations and profiles.
    pub(crate) operations: Effects,
}

impl Effects {
    pub(crate) fn count(&self) -> usize {
        self.0.values().sum()
    }

    /// The writes that took effect more than once, with how often too many; those of connections apart, since they send a secret
    /// that nobody can read back.
    pub(crate) fn repeated(&self) -> Vec<String> {
        let repeated = self
            .0
            .iter()
            .filter(|(write, count)| **count > 1 && !sends_secret(write));
        repeated
            .map(|((method, path, _), count)| format!("{method} {path} took effect {count} times"))
            .collect()
    }

    /// How often the same secret was sent twice to the same connection.
    pub(crate) fn secrets_twice(&self) -> usize {
        let again = self.0.iter().filter(|(write, _)| sends_secret(write));
        again.map(|(_, count)| count - 1).sum()
    }

    /// How often a secret was sent to a connection that was there.
    pub(crate) fn secrets(&self) -> usize {
        let sent = self.0.iter().filter(|(write, _)| sends_secret(write));
        sent.map(|(_, count)| count).sum()
    }

    /// The methods that they were sent with.
    pub(crate) fn methods(&self) -> BTreeSet<&str> {
        self.0.keys().map(|(method, _, _)| method.as_str()).collect()
    }

    /// The paths of all that was written.
    fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|(_, path, _)| path.as_str())
    }
}

fn sends_secret((method, path, _): &(String, String, String)) -> bool {
    method == "PUT" && path.starts_with("/api/connections/")
}

/// What took effect since the log was emptied.
pub(crate) async fn done(instance: &Instance) -> Done {
    let log = instance.door("GET", "requests", Value::Null).await;
    let mut done = Done::default();
    for line in log["requests"].as_array().unwrap() {
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        let took = line["effect"]
            .as_u64()
            .is_some_and(|status| (200..300).contains(&status));
        if text("method") == "GET" || !took {
            continue;
        }
        let of = match text("path").starts_with("/api/operations/") {
            true => &mut done.operations,
            false => &mut done.writes,
        };
        *of.0.entry((text("method"), text("path"), text("body"))).or_default() += 1;
    }
    done
}

/// The rows of strangers, with their numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Strangers(Vec<(&'static str, Value)>);

/// Where each sort of rows is asked for, and where they are in a state.
const PLACES: [(&str, &str); 5] = [
    ("connections", "/api/connections/"),
    ("datastores", "/api/datastores/"),
    ("containers", "/api/containers/"),
    ("computed_fields", "/api/computed-fields/"),
    ("checks", "/api/quality-checks/"),
];

impl Strangers {
    pub(crate) async fn of(instance: &Instance) -> Self {
        let state = instance.full_state().await;
        let mut rows = Vec::new();
        for (kind, _) in PLACES {
            let all = state[kind].as_array().unwrap().iter();
            rows.extend(all.filter(|row| is_foreign(row)).map(|row| (kind, row.clone())));
        }
        Self(rows)
    }

    /// The writes that went to one of them.
    pub(crate) fn written(&self, writes: &Effects) -> Vec<String> {
        let own = |(kind, row): &(&str, Value)| {
            let (_, place) = PLACES.iter().find(|(name, _)| name == kind).unwrap();
            format!("{place}{}", row["id"])
        };
        let theirs: Vec<String> = self.0.iter().map(own).collect();
        let is_theirs = |path: &&str| {
            theirs
                .iter()
                .any(|place| *path == place || path.starts_with(&format!("{place}/")))
        };
        writes.paths().filter(is_theirs).map(str::to_owned).collect()
    }
}

/// What the instance holds, without numbers.
pub(crate) async fn state(instance: &Instance) -> Value {
    sorted_lists(instance.state().await)
}

/// What is there twice: checks by their id, everything else by name and place.
pub(crate) fn twice(state: &Value) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (kind, _) in PLACES {
        for row in state[kind].as_array().unwrap() {
            let uid = &row["additional_metadata"]["_qualytics_check_uid"];
            let name = match kind {
                "checks" if uid.is_null() => continue,
                "checks" => uid,
                _ => &row["name"],
            };
            let place = match kind {
                "checks" => format!("{kind} {} {name}", row["datastore"]),
                _ => format!("{kind} {} {} {name}", row["datastore"], row["container"]),
            };
            *seen.entry(place).or_default() += 1;
        }
    }
    let twice = seen.into_iter().filter(|(_, count)| *count > 1);
    twice.map(|(place, _)| place).collect()
}
