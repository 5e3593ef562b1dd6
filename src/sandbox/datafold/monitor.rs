//! A monitor: what is kept of it, and what the API shows of that.

use serde_json::{Map, Value, json};

use super::body::given;
use super::organisation::Organisation;
use super::switches::Schedules;
use super::wire::Refusal;
use crate::sandbox::table::Id;

/// The wire's `monitor_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Diff,
    Metric,
    Test,
    Schema,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Diff => "diff",
            Self::Metric => "metric",
            Self::Test => "test",
            Self::Schema => "schema",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Diff, Self::Metric, Self::Test, Self::Schema]
            .into_iter()
            .find(|kind| kind.name() == text)
    }
}

/// Who manages a monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Managed {
    /// People, in the web interface or through the API.
    ByHand,
    /// A file, under this slug.
    ByCode {
        slug: String,
        /// The table of a monitor that a wildcard made.
        table: Option<String>,
    },
}

/// Whether a monitor's notifications are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notices {
    Sent,
    Paused,
}

pub(super) struct Run {
    pub(super) id: Id,
    pub(super) looks: u64,
    pub(super) started: String,
}

pub(super) struct Monitor {
    pub(super) id: Id,
    pub(super) kind: Kind,
    pub(super) managed: Managed,
    /// All of its definition, as [`super::monitor_spec`] leaves it: without `id` and `type`, defaults filled in.
    pub(super) spec: Map<String, Value>,
    pub(super) notices: Notices,
    pub(super) created: String,
    pub(super) modified: String,
    pub(super) runs: Vec<Run>,
}

impl Monitor {
    /// The slug of a monitor that a file manages.
    pub(super) fn slug(&self) -> Option<&str> {
        match &self.managed {
            Managed::ByHand => None,
            Managed::ByCode { slug, .. } => Some(slug),
        }
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.spec.get("name").and_then(Value::as_str)
    }

    /// A value of the definition; null when it has none.
    fn value(&self, key: &str) -> Value {
        self.spec.get(key).cloned().unwrap_or_default()
    }

    /// The short object.
    pub(super) fn brief(&self) -> Value {
        let last = self.runs.last();
        json!({
            "id": self.id,
            "name": self.value("name"),
            "monitor_type": self.kind.name(),
            "enabled": self.value("enabled"),
            "created_at": self.created,
            "modified_at": self.modified,
            "last_run": last.map(|run| run.started.as_str()),
            "last_alert": null,
            "state": if last.is_some() { "ok" } else { "created" },
            "owner": self.value("owner"),
            "tags": self.value("tags"),
        })
    }

    /// The full object.
    pub(super) fn full(&self, schedules: Schedules) -> Value {
        let mut out = self.brief();
        out["schedule"] = match schedules {
            Schedules::AsSent => self.value("schedule"),
            Schedules::Tagged => tagged(&self.value("schedule")),
        };
        out["dataset"] = Value::Array(self.dataset());
        let mut alert = self.value("alert");
        if self.kind == Kind::Diff && alert.is_object() {
            alert["type"] = json!("diff");
        }
        out["alert"] = alert;
        out["notifications"] = self.value("notifications");
        out["description"] = self.value("description");
        out
    }

    /// What is monitored, as far as the API says so.
    fn dataset(&self) -> Vec<Value> {
        let nothing = Map::new();
        let empty = || Value::Null;
        let row = |connection: Value, part: &Map<String, Value>| {
            let of = |key: &str| part.get(key).cloned().unwrap_or_else(empty);
            json!({
                "connection_id": connection,
                "table": of("table"),
                "query": of("query"),
                "column": of("column"),
                "filter": of("filter"),
                "metric": of("metric"),
            })
        };
        let within = |key: &str| self.spec.get(key).and_then(Value::as_object).unwrap_or(&nothing);
        match self.kind {
            Kind::Diff => ["dataset_a", "dataset_b"]
                .iter()
                .filter_map(|side| within("datadiff").get(*side).and_then(Value::as_object))
                .map(|side| row(side.get("connection_id").cloned().unwrap_or_default(), side))
                .collect(),
            Kind::Metric => vec![row(self.value("connection_id"), within("metric"))],
            Kind::Test | Kind::Schema => vec![row(self.value("connection_id"), &self.spec)],
        }
    }
}

fn tagged(schedule: &Value) -> Value {
    let mut out = schedule.clone();
    let every = schedule.get("interval").and_then(|interval| interval.get("every"));
    let kind = match every.and_then(Value::as_str) {
        Some("hour") => "hourly",
        Some(_) => "daily",
        None if schedule.get("cron").is_some() => "crontab",
        None => "none",
    };
    out["type"] = json!(kind);
    out
}

impl Organisation {
    pub(super) fn monitor(&self, id: Id) -> Result<&Monitor, Refusal> {
        self.monitors
            .get(id)
            .ok_or_else(|| Refusal::text(404, format!("Monitor {id} not found")))
    }

    /// Adds a monitor; returns its id.
    pub(super) fn add_monitor(&mut self, kind: Kind, managed: Managed, spec: Map<String, Value>) -> Id {
        let id = self.monitors.reserve();
        let now = self.clock.precise();
        let monitor = Monitor {
            id,
            kind,
            managed,
            spec,
            notices: Notices::Sent,
            created: now.clone(),
            modified: now,
            runs: Vec::new(),
        };
        self.monitors.put(id, monitor);
        id
    }

    /// The faults of a definition's references to data sources.
    pub(super) fn unknown_connections(&self, spec: &Map<String, Value>) -> Result<(), Refusal> {
        let unknown = connections(spec)
            .into_iter()
            .find(|(_, id)| self.data_sources.get(*id).is_none());
        match unknown {
            None => Ok(()),
            Some((place, id)) => {
                let mut loc = vec![json!("body")];
                loc.extend(place.iter().map(|part| json!(part)));
                Err(Refusal::invalid(
                    Value::Array(loc),
                    format!("data source {id} does not exist"),
                    "value_error",
                ))
            }
        }
    }
}

/// The data sources that a definition names, each with its place.
fn connections(spec: &Map<String, Value>) -> Vec<(Vec<&'static str>, Id)> {
    let mut found = Vec::new();
    let mut note = |place: Vec<&'static str>, map: &Map<String, Value>, key: &str| {
        if let Some(id) = given(map, key).and_then(Value::as_i64) {
            found.push((place, id));
        }
    };
    note(vec!["connection_id"], spec, "connection_id");
    if let Some(datadiff) = spec.get("datadiff").and_then(Value::as_object) {
        note(
            vec!["datadiff", "materialize_results_to"],
            datadiff,
            "materialize_results_to",
        );
        for side in ["dataset_a", "dataset_b"] {
            if let Some(dataset) = datadiff.get(side).and_then(Value::as_object) {
                note(vec!["datadiff", side, "connection_id"], dataset, "connection_id");
            }
        }
    }
    found
}
