//! The organisation: everything a deployment stores, and what the edge calls.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::ci_config::CiConfig;
use super::ci_run::CiRun;
use super::comparison::Comparison;
use super::data_diff::DataDiff;
use super::data_source::DataSource;
use super::data_source_test::ConnectionTest;
use super::dump::dump;
use super::edit::edit;
use super::key::{ADMIN_KEY, Rights, need};
use super::monitor::Monitor;
use super::problem;
use super::provisioning_job::Provisioning;
use super::routes::ROUTES;
use super::seed;
use super::side_door;
use super::switches::{Switches, Unspecified};
use super::wire::{Answer, Call, Query, Refusal};
use crate::sandbox::clock::Clock;
use crate::sandbox::fault::Envelope;
use crate::sandbox::heard::Heard;
use crate::sandbox::platform::{Detail, Done, Platform, Sort};
use crate::sandbox::route::{Found, find};
use crate::sandbox::table::Table;

pub(super) struct Organisation {
    pub(super) switches: Switches,
    pub(super) clock: Clock,
    pub(super) keys: HashMap<String, Rights>,
    pub(super) data_sources: Table<DataSource>,
    pub(super) tests: Table<ConnectionTest>,
    pub(super) monitors: Table<Monitor>,
    /// The last number that a run of a monitor was given.
    pub(super) last_monitor_run: i64,
    pub(super) provisioning: Provisioning,
    pub(super) ci_configs: Table<CiConfig>,
    pub(super) ci_runs: Table<CiRun>,
    pub(super) data_diffs: Table<DataDiff>,
    /// What is found when two tables are compared.
    pub(super) comparisons: Vec<Comparison>,
}

impl Organisation {
    /// An empty organisation: the administrator's key, and nothing else.
    pub(super) fn new(switches: Switches) -> Self {
        Self {
            switches,
            clock: Clock::default(),
            keys: HashMap::from([(ADMIN_KEY.to_owned(), Rights::Admin)]),
            data_sources: Table::default(),
            tests: Table::default(),
            monitors: Table::default(),
            last_monitor_run: 0,
            provisioning: Provisioning::default(),
            ci_configs: Table::default(),
            ci_runs: Table::default(),
            data_diffs: Table::default(),
            comparisons: Vec::new(),
        }
    }

    fn run(&mut self, heard: &Heard) -> Result<Answer, Refusal> {
        let (route, path) = match find(ROUTES, &heard.method, &heard.path) {
            Found::Route(route, path) => (route, path),
            Found::OtherMethod => return Err(Refusal::text(405, "Method Not Allowed")),
            Found::Nothing => return Err(Refusal::text(404, "Not Found")),
        };
        self.clock.tick();
        let caller = self.authenticate(heard.authorization.as_deref())?;
        need(caller, route.right)?;
        let call = Call {
            caller,
            path,
            query: Query::parse(&heard.query),
            body: heard.json()?,
        };
        (route.handler)(self, &call)
    }
}

impl Platform for Organisation {
    type Switches = Switches;

    const ENVELOPE: Envelope = Envelope {
        total: "count",
        rows: &["results", "monitors", "runs"],
    };

    fn respond(&mut self, heard: &Heard) -> Done {
        match self.run(heard) {
            Ok(Answer::Ok(value) | Answer::Created(value)) => Done::json(200, value),
            Ok(Answer::Empty) => match self.switches.unspecified {
                Unspecified::Null => Done::json(200, Value::Null),
                Unspecified::Object => Done::json(200, json!({})),
                Unspecified::Empty => Done::bare(200),
            },
            Err(refusal) => problem::answer(refusal, self.switches.errors, &heard.path),
        }
    }

    fn sort(heard: &Heard) -> Sort {
        let path = heard.path.as_str();
        let is_dry = |body: Value| body.get("dry_run") == Some(&json!(true));
        if heard.method == "GET" || !path.starts_with("/api/") || path == "/api/internal/sdk/log" {
            Sort::Reading
        } else if path.ends_with("/test") || path.ends_with("/run") || path.ends_with("/cancel") {
            Sort::Operation
        } else if path.starts_with("/api/internal/monitors/provision") && heard.json().is_ok_and(is_dry) {
            Sort::Reading
        } else {
            Sort::Write
        }
    }

    fn switches(&mut self) -> &mut Switches {
        &mut self.switches
    }

    fn retry_after(&self) -> u64 {
        self.switches.retry_after
    }

    fn empty(switches: Switches) -> Self {
        Self::new(switches)
    }

    fn add(&mut self, seed: &Value) -> Result<(), String> {
        seed::load(self, seed)
    }

    fn count(&self) -> Value {
        json!({ "data_sources": self.data_sources.len(), "monitors": self.monitors.len() })
    }

    fn dump(&self, detail: Detail) -> Value {
        dump(self, detail)
    }

    fn edit(&mut self, body: &Value) -> Result<Value, Refusal> {
        edit(self, body)
    }

    fn side_door(&mut self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        side_door::open(self, method, path, body)
    }
}
