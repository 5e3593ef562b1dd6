//! Provisioning jobs: one at a time for the organisation, moved on by those who look at them.

use serde_json::{Map, Value, json};

use super::body::{Faults, given, object, text};
use super::organisation::Organisation;
use super::provisioning::{Dangling, Mode, Outcome as Provisioned};
use super::switches::{Endpoint, FailedResult, Pace, Reached, Switches};
use super::wire::{Answer, Call, Outcome, Refusal};
use crate::sandbox::table::{Id, Table};

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Queued,
    Processing,
    Done,
    Failed,
    Cancelled,
}

impl Status {
    const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// What is asked for.
struct Asked {
    monitors: Vec<(String, Value)>,
    dangling: Dangling,
    mode: Mode,
}

struct Job {
    id: Id,
    asked: Asked,
    looks: u64,
    /// How many slugs were gone through.
    completed: usize,
    status: Status,
    outcome: Provisioned,
    error: Option<String>,
}

/// The jobs of the organisation.
#[derive(Default)]
pub(super) struct Provisioning {
    jobs: Table<Job>,
    open: Option<Id>,
    /// How many more requests meet a provisioning of somebody else.
    foreign: u64,
    /// What was asked for, oldest first.
    asked: Vec<Value>,
}

impl Provisioning {
    /// What was asked for so far: `{slugs, dangling_monitors_strategy, dry_run}`, oldest first.
    pub(super) fn asked(&self) -> &[Value] {
        &self.asked
    }

    /// Lets the next `requests` meet a provisioning of somebody else.
    pub(super) fn occupy(&mut self, requests: u64) {
        self.foreign = requests;
    }
}

impl Asked {
    fn parse(body: &Value) -> Result<Self, Refusal> {
        let body = object(body)?;
        let mut faults = Faults::default();
        let config = given(body, "config").and_then(Value::as_object);
        let monitors = config
            .and_then(|config| given(config, "monitors"))
            .and_then(Value::as_object);
        if monitors.is_none() {
            faults.add(&["config", "monitors"], "field required", "value_error.missing");
        }
        faults.flags(body, &["dry_run"]);
        let word = text(body, "dangling_monitors_strategy").unwrap_or("ignore");
        let dangling = Dangling::parse(word);
        if dangling.is_none() {
            faults.add(
                &["dangling_monitors_strategy"],
                "value is not a valid enumeration member; permitted: 'ignore', 'delete', 'pause'",
                "type_error.enum",
            );
        }
        faults.done()?;
        let monitors = monitors.cloned().unwrap_or_default();
        Ok(Self {
            monitors: monitors.into_iter().collect(),
            dangling: dangling.unwrap_or(Dangling::Ignore),
            mode: if body.get("dry_run") == Some(&json!(true)) {
                Mode::Dry
            } else {
                Mode::Real
            },
        })
    }

    fn render(&self) -> Value {
        json!({
            "slugs": self.monitors.iter().map(|(slug, _)| slug).collect::<Vec<_>>(),
            "dangling_monitors_strategy": self.dangling.name(),
            "dry_run": self.mode == Mode::Dry,
        })
    }
}

impl Job {
    fn render(&self, switches: &Switches) -> Value {
        let is_told = match self.status {
            Status::Done => true,
            Status::Failed | Status::Cancelled => switches.failed_result == FailedResult::Partial,
            Status::Queued | Status::Processing => false,
        };
        let mut out = Map::new();
        out.insert("id".to_owned(), json!(self.id));
        out.insert("status".to_owned(), json!(self.status.name()));
        let progress = (self.status != Status::Queued)
            .then(|| json!({ "completed": self.completed, "total": self.asked.monitors.len() }));
        out.insert("progress".to_owned(), progress.unwrap_or_default());
        let result = is_told.then(|| self.outcome.render(switches));
        out.insert("result".to_owned(), result.unwrap_or_default());
        out.insert("error".to_owned(), json!(self.error));
        Value::Object(out)
    }
}

impl Organisation {
    /// Moves a job on until `completed` slugs were gone through; all of them end it.
    fn go_through(&mut self, job: &mut Job, completed: usize, end: Reached) {
        let fails_after = self
            .switches
            .provisioning_fails_after
            .filter(|_| job.asked.mode == Mode::Real)
            .and_then(|after| usize::try_from(after).ok());
        let stop = fails_after.map_or(completed, |after| completed.min(after));
        let todo = job.asked.monitors.iter().enumerate().skip(job.completed);
        for (at, (slug, spec)) in todo.take_while(|(at, _)| *at < stop) {
            self.provision(slug, spec, job.asked.mode, &mut job.outcome);
            job.completed = at + 1;
        }
        if fails_after.is_some_and(|after| job.completed >= after) {
            job.status = Status::Failed;
            job.error = Some("The workflow failed: an activity did not answer".to_owned());
        } else if end == Reached::End {
            let slugs: Vec<&str> = job.asked.monitors.iter().map(|(slug, _)| slug.as_str()).collect();
            self.dangle(&slugs, job.asked.dangling, job.asked.mode, &mut job.outcome);
            job.status = Status::Done;
        }
    }

    /// One look at the open job; it may end by that.
    fn look_at_job(&mut self, pace: Pace) {
        let Some(mut job) = self.provisioning.open.and_then(|id| self.provisioning.jobs.remove(id)) else {
            return;
        };
        job.looks += 1;
        if pace != Pace::Held {
            job.status = Status::Processing;
        }
        let total = job.asked.monitors.len();
        let reached = pace.reached(job.looks);
        let completed = match reached {
            Reached::End => total,
            Reached::Part(part, of) => {
                let part = usize::try_from(part).unwrap_or(0);
                total * part / usize::try_from(of).unwrap_or(1).max(1)
            }
        };
        self.go_through(&mut job, completed, reached);
        self.put_back(job);
    }

    fn put_back(&mut self, job: Job) {
        if job.status.is_final() {
            self.provisioning.open = None;
        }
        self.provisioning.jobs.put(job.id, job);
    }

    /// Carries the open job out now; whether there was one.
    pub(super) fn finish_job(&mut self) -> bool {
        let is_open = self.provisioning.open.is_some();
        self.look_at_job(Pace::Instant);
        is_open
    }

    /// Cancels the open job: what it has done stays; whether there was one.
    pub(super) fn cancel_job(&mut self) -> bool {
        let open = self.provisioning.open.take();
        let Some(mut job) = open.and_then(|id| self.provisioning.jobs.remove(id)) else {
            return false;
        };
        job.status = Status::Cancelled;
        self.put_back(job);
        true
    }

    /// Refuses while another provisioning is under way; that is a look at it.
    fn need_no_other(&mut self) -> Result<(), Refusal> {
        let is_foreign = self.provisioning.foreign > 0;
        self.provisioning.foreign = self.provisioning.foreign.saturating_sub(1);
        if !is_foreign && self.provisioning.open.is_none() {
            return Ok(());
        }
        self.look_at_job(self.switches.provisioning);
        Err(Refusal::conflict(
            "A monitors provisioning run is already in progress for this organization",
        ))
    }

    fn new_job(&mut self, asked: Asked) -> Job {
        self.provisioning.asked.push(asked.render());
        Job {
            id: self.provisioning.jobs.reserve(),
            asked,
            looks: 0,
            completed: 0,
            status: Status::Queued,
            outcome: Provisioned::default(),
            error: None,
        }
    }
}

/// Refuses where the deployment has no such endpoint.
fn need_endpoint(endpoint: Endpoint) -> Result<(), Refusal> {
    match endpoint {
        Endpoint::Served => Ok(()),
        Endpoint::NotFound => Err(Refusal::text(404, "Not Found")),
        Endpoint::NotImplemented => Err(Refusal::text(501, "Not available on this deployment")),
    }
}

/// `POST /api/internal/monitors/provision/jobs`. The answer is of a job that has not begun, whatever the pace.
pub(super) fn start(organisation: &mut Organisation, call: &Call) -> Outcome {
    need_endpoint(organisation.switches.provisioning_jobs)?;
    let asked = Asked::parse(&call.body)?;
    organisation.need_no_other()?;
    let job = organisation.new_job(asked);
    let shown = job.render(&organisation.switches);
    organisation.provisioning.open = Some(job.id);
    organisation.put_back(job);
    if organisation.switches.provisioning == Pace::Instant {
        organisation.look_at_job(Pace::Instant);
    }
    Ok(Answer::Ok(shown))
}

/// `GET /api/internal/monitors/provision/jobs/{id}`.
pub(super) fn get(organisation: &mut Organisation, call: &Call) -> Outcome {
    need_endpoint(organisation.switches.provisioning_jobs)?;
    let id = call.id(0)?;
    if organisation.provisioning.open == Some(id) {
        organisation.look_at_job(organisation.switches.provisioning);
    }
    let job = organisation.provisioning.jobs.get(id);
    let job = job.ok_or_else(|| Refusal::text(404, format!("Job {id} not found")))?;
    Ok(Answer::Ok(job.render(&organisation.switches)))
}

/// `POST /api/internal/monitors/provision`.
pub(super) fn at_once(organisation: &mut Organisation, call: &Call) -> Outcome {
    need_endpoint(organisation.switches.provisioning_sync)?;
    let asked = Asked::parse(&call.body)?;
    organisation.need_no_other()?;
    let mut job = organisation.new_job(asked);
    let total = job.asked.monitors.len();
    organisation.go_through(&mut job, total, Reached::End);
    match job.error {
        None => Ok(Answer::Ok(job.outcome.render(&organisation.switches))),
        Some(_) => Err(Refusal::text(500, "Internal Server Error")),
    }
}
