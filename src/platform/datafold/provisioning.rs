//! Provisioning: monitors by slug, as the vendor's own client hands them in, for show or for good (`reference` 8.3).

use std::collections::BTreeMap;
use std::time::Duration;

use driftless_core::report::{Failure, Meaning};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::Datafold;
use super::calls::{GET_PROVISIONING, PROVISION_AT_ONCE, START_PROVISIONING};
use super::results::Results;
use super::wire::text;
use crate::platform::failures::{broken, clean, failure};
use crate::platform::http::Request;

/// Monitors by slug, as they are sent.
pub(super) type Config = BTreeMap<String, Json>;

/// Whether anything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It is only said what would be.
    DryRun,
    /// It is done.
    Apply,
}

/// What became of a request to provision.
#[derive(Clone, Debug)]
pub(super) enum Started {
    /// A job does it.
    Job(String),
    /// It is over.
    Ended(Ended),
    /// Nothing: the deployment knows neither way.
    Missing(Failure),
}

/// How a provisioning ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    /// Why it did not come to its end, if it did not.
    pub(super) failed: Option<String>,
    /// What it says of the monitors.
    pub(super) result: Results,
}

/// What a dry run says.
#[derive(Clone, Debug)]
pub(super) enum Rehearsal {
    /// This.
    Told(Results),
    /// That somebody else provisions.
    Busy(Failure),
    /// Nothing, here: the deployment has no provisioning, or the key may not use it.
    Missing(Failure),
    /// That it does not take what it was given.
    Refused(Failure),
}

/// Waits between two looks at a dry run: it takes as long as the platform takes to compare.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LONGEST_LOOK: Duration = Duration::from_secs(2);
/// How long a dry run is awaited.
const PATIENCE: Duration = Duration::from_secs(300);

impl Datafold {
    /// Starts to provision, by a job where the deployment has jobs.
    pub(super) async fn provision(&self, config: &Config, mode: Mode) -> Result<Started, Failure> {
        let body = json!({
            "config": { "monitors": config },
            "dangling_monitors_strategy": "ignore",
            "dry_run": mode == Mode::DryRun,
        });
        let request = |call| Request::new(call, &[]).body(body.clone(), Vec::new());
        let start = request(&START_PROVISIONING);
        match self.http.probe(&start).await? {
            Ok(answer) => {
                let mut answer = answer.ok_or_else(|| broken(&start, "the answer has no body"))?;
                self.clear(&mut answer);
                started(&answer).ok_or_else(|| broken(&start, "the answer has no id"))
            }
            Err(_) => {
                let at_once = request(&PROVISION_AT_ONCE);
                match self.http.probe(&at_once).await? {
                    Ok(answer) => {
                        let mut answer = answer.ok_or_else(|| broken(&at_once, "the answer has no body"))?;
                        self.http.clear(&mut answer);
                        Ok(Started::Ended(Ended {
                            failed: None,
                            result: Results::of(&answer),
                        }))
                    }
                    Err(missing) => Ok(Started::Missing(missing)),
                }
            }
        }
    }

    /// How a job ended; `None` as long as it has not.
    pub(super) async fn provisioned(&self, job: &str) -> Result<Option<Ended>, Failure> {
        let mut answer = self.http.fetch(&Request::named(&GET_PROVISIONING, &[job])).await?;
        self.clear(&mut answer);
        Ok(ended(&answer))
    }

    /// Takes secrets out of what a job says: it may quote data sources. Its number stays, so that it can be asked about.
    fn clear(&self, job: &mut Json) {
        for said in ["result", "error"] {
            if let Some(said) = job.get_mut(said) {
                self.http.clear(said);
            }
        }
    }

    /// Starts a dry run. It writes nothing: that an answer was lost leaves nothing open, and it is tried again as a read is.
    async fn rehearsed(&self, config: &Config) -> Result<Started, Failure> {
        let mut attempt = 1;
        let mut is_lost = false;
        loop {
            let failure = match self.provision(config, Mode::DryRun).await {
                Ok(started) => return Ok(started),
                Err(failure) => failure,
            };
            is_lost |= failure.meaning == Meaning::Lost;
            // What is under way may be the dry run whose answer was lost.
            let meaning = match failure.meaning {
                Meaning::Lost => Meaning::Unavailable,
                Meaning::Conflict if is_lost => Meaning::Unavailable,
                other => other,
            };
            let asked = Failure {
                meaning,
                ..failure.clone()
            };
            match self.http.again(attempt, &asked) {
                Some(pause) => tokio::time::sleep(pause).await,
                None if failure.meaning == Meaning::Conflict => return Err(failure),
                None => return Err(asked),
            }
            attempt += 1;
        }
    }

    /// Asks what would be done, and waits until it is said.
    ///
    /// # Errors
    /// When that cannot be told now.
    pub(super) async fn rehearse(&self, config: &Config) -> Result<Rehearsal, Failure> {
        let job = match self.rehearsed(config).await {
            Ok(Started::Ended(ended)) => return told(ended),
            Ok(Started::Job(job)) => job,
            Ok(Started::Missing(missing)) => return Ok(Rehearsal::Missing(missing)),
            Err(failure) => {
                return match failure.meaning {
                    Meaning::Conflict => Ok(Rehearsal::Busy(failure)),
                    Meaning::Forbidden => Ok(Rehearsal::Missing(failure)),
                    Meaning::Invalid => Ok(Rehearsal::Refused(failure)),
                    _ => Err(failure),
                };
            }
        };
        let deadline = Instant::now() + PATIENCE;
        let mut wait = FIRST_LOOK;
        loop {
            if let Some(ended) = self.provisioned(&job).await? {
                return told(ended);
            }
            if Instant::now() + wait > deadline {
                let message = format!("the dry run {job} has not ended after {} s", PATIENCE.as_secs());
                return Err(failure(Meaning::Unavailable, message));
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_LOOK);
        }
    }
}

fn told(ended: Ended) -> Result<Rehearsal, Failure> {
    match ended.failed {
        None => Ok(Rehearsal::Told(ended.result)),
        Some(why) => Err(failure(Meaning::Unavailable, format!("the dry run failed: {why}"))),
    }
}

/// What the answer to a start says. A deployment may be done at once.
fn started(answer: &Json) -> Option<Started> {
    if let Some(ended) = ended(answer) {
        return Some(Started::Ended(ended));
    }
    match answer.get("id")? {
        Json::String(id) => Some(Started::Job(id.clone())),
        Json::Number(id) => Some(Started::Job(id.to_string())),
        _ => None,
    }
}

/// How a job ended, by its status: what is none of the three words is work under way.
fn ended(job: &Json) -> Option<Ended> {
    let said = match job.get("error") {
        Some(Json::String(said)) => Some(clean(said)),
        Some(Json::Object(_)) => job.get("error").and_then(|error| text(error, "message")).map(clean),
        _ => None,
    };
    let failed = match text(job, "status")? {
        "done" => None,
        "failed" => Some(said.unwrap_or_else(|| "the platform does not say why".to_owned())),
        "cancelled" => Some("it was cancelled".to_owned()),
        _ => return None,
    };
    Some(Ended {
        failed,
        result: job.get("result").map(Results::of).unwrap_or_default(),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn a_job_has_ended_when_one_of_three_words_says_so() {
        for word in ["queued", "processing", "running", "?"] {
            assert!(ended(&json!({"id": 1, "status": word})).is_none());
        }
        assert_eq!(ended(&json!({"status": "done", "result": null})).unwrap().failed, None);
        let failed = ended(&json!({"status": "failed", "error": "no\nworker"}))
            .unwrap()
            .failed;
        assert_eq!(failed.as_deref(), Some("no worker"));
        assert!(ended(&json!({"status": "cancelled"})).unwrap().failed.is_some());
    }
}
