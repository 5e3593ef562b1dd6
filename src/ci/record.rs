//! What is written ahead of an orchestration's steps: enough to go on after the process died at any point.

use chrono::{DateTime, Utc};
use driftless_core::diagnostic::{Diagnostic, Place};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::last_word::{Again, LastWord, Said};
use super::outcome::CiResult;
use super::report::{self, Compared};
use crate::platform::data_diffs::{CiRunId, DiffRequest, Head, PullRequestNumber};
use crate::store::pull_runs::{PullRun, PullRunKey};

/// Remarks that are kept.
const MOST_REMARKS: usize = 50;

/// Comparisons whose findings are kept.
const MOST_FOUND: usize = 200;

/// The step that an orchestration is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was asked of the platform that changes anything.
    Looking,
    /// A run is asked for, or was: nobody knows what became of that.
    Triggering,
    /// The run is known, and was given no diffs.
    Found,
    /// Diffs are handed over, or were: nobody knows what became of that.
    Submitting,
    /// The run has its diffs.
    Following,
}

impl Phase {
    const ALL: [Phase; 5] = [
        Phase::Looking,
        Phase::Triggering,
        Phase::Found,
        Phase::Submitting,
        Phase::Following,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Phase::Looking => "looking",
            Phase::Triggering => "triggering",
            Phase::Found => "found",
            Phase::Submitting => "submitting",
            Phase::Following => "following",
        }
    }

    /// A word that is not known is that of a later version: what it did is not known here, so it is looked for.
    fn read(word: &str) -> Self {
        let known = Phase::ALL.into_iter().find(|phase| phase.word() == word);
        known.unwrap_or(Phase::Submitting)
    }
}

/// Whose run it is that an orchestration follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Whose {
    /// We gave it its diffs, or are about to.
    #[default]
    Ours,
    /// We may have: the answer was lost, and the run has diffs.
    Presumed,
    /// Somebody else did.
    Others,
}

/// Whether the commit was the head all the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Headship {
    /// As far as anybody saw.
    #[default]
    Kept,
    /// It was left for a newer one and is the head again, and its run was not seen since.
    Regained,
}

/// How often something was asked for that must not be repeated blindly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempts {
    pub(super) trigger: u32,
    pub(super) submit: u32,
}

/// What the store keeps of an orchestration as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    head: HeadState,
    requests: Vec<RequestState>,
    pub(super) whose: Whose,
    pub(super) attempts: Attempts,
    #[serde(default)]
    pub(super) headship: Headship,
    /// The newest run that was cancelled for a commit that is not the head any more: neither it nor one before it is an answer.
    #[serde(default)]
    pub(super) void: Option<i64>,
    /// What there is to say of the files that the diffs are from.
    #[serde(default)]
    remarks: Vec<RemarkState>,
    /// What was found, as `ci run` tells it, for whoever shows it; the orchestration does not go on from it.
    #[serde(default)]
    pub(super) found: Vec<Json>,
    /// What there is to say of it at its end.
    #[serde(default)]
    pub(super) last: Option<LastWord>,
}

impl State {
    /// How many diffs are to be handed over.
    pub(super) fn asked(&self) -> usize {
        self.requests.len()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct HeadState {
    branch: String,
    base_branch: String,
    base_sha: String,
}

impl HeadState {
    fn of(head: &Head) -> Self {
        Self {
            branch: head.branch.clone(),
            base_branch: head.base_branch.clone(),
            base_sha: head.base_sha.clone(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RequestState {
    prod: String,
    pr: String,
    pk: Vec<String>,
    include_columns: Vec<String>,
    exclude_columns: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RemarkState {
    file: Option<String>,
    line: u32,
    column: u32,
    message: String,
    help: Option<String>,
}

/// An orchestration as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: PullRunKey,
    pub(super) phase: Phase,
    pub(super) run: Option<CiRunId>,
    pub(super) submitted: Option<String>,
    pub(super) state: State,
    pub(super) started: DateTime<Utc>,
}

impl Record {
    /// The record of an orchestration that begins.
    pub(super) fn new(key: PullRunKey, head: &Head, started: DateTime<Utc>) -> Self {
        let head = HeadState::of(head);
        Self {
            key,
            phase: Phase::Looking,
            run: None,
            submitted: None,
            state: State {
                head,
                requests: Vec::new(),
                whose: Whose::Ours,
                attempts: Attempts::default(),
                headship: Headship::default(),
                void: None,
                remarks: Vec::new(),
                found: Vec::new(),
                last: None,
            },
            started,
        }
    }

    /// The record of one that is in the store; `None` when its state is not ours to read.
    pub(super) fn read(run: &PullRun) -> Option<Self> {
        let mut state: State = serde_json::from_str(&run.state).ok()?;
        if run.outcome.as_deref() == Some(CiResult::Superseded.word()) {
            state.headship = Headship::Regained;
        }
        Some(Self {
            key: run.key.clone(),
            phase: Phase::read(&run.phase),
            run: run.run.map(CiRunId),
            submitted: run.submitted.clone(),
            state,
            started: run.started,
        })
    }

    /// What the forge says of the pull request now counts until something was asked for: it may be merged into another branch by then.
    pub(super) fn seen(mut self, head: &Head) -> Self {
        if self.phase == Phase::Looking {
            self.state.head = HeadState::of(head);
        }
        self
    }

    /// Begins with another run, which was given nothing; or with none yet.
    pub(super) fn begin_with(&mut self, run: Option<CiRunId>) {
        self.run = run;
        self.submitted = None;
        self.state.whose = Whose::Ours;
        self.state.attempts.submit = 0;
    }

    /// The row of it: under way, and `message` is what there is to say.
    pub(super) fn row(&self, message: &str, now: DateTime<Utc>) -> PullRun {
        PullRun {
            key: self.key.clone(),
            phase: self.phase.word().to_owned(),
            run: self.run.map(|run| run.0),
            submitted: self.submitted.clone(),
            outcome: None,
            message: message.to_owned(),
            started: self.started,
            updated: now,
            finished: None,
            // A value of ours with text for keys: it cannot fail.
            state: serde_json::to_string(&self.state).unwrap_or_else(|_| "{}".to_owned()),
        }
    }

    /// Whether nothing is left to do but to say its last word. A gate that let nothing through is asked anew instead, and what ended
    /// for want of access or time goes on.
    pub(super) fn is_to_be_said(&self) -> bool {
        let is_over = |word: &LastWord| word.again == Again::Never;
        self.phase != Phase::Looking && self.state.last.as_ref().is_some_and(is_over)
    }

    /// The row of it when there is nothing left to do but to say its last word; `message` is what there is to say to those who ask
    /// the daemon.
    pub(super) fn last_row(&self, word: &LastWord, message: &str, now: DateTime<Utc>) -> PullRun {
        PullRun {
            outcome: Some(word.result.clone()),
            finished: (word.said == Said::Whole).then_some(word.ended),
            ..self.row(message, now)
        }
    }

    /// The head that it is of.
    pub(super) fn head(&self) -> Head {
        let HeadState {
            branch,
            base_branch,
            base_sha,
        } = self.state.head.clone();
        Head {
            pull_request: PullRequestNumber(self.key.number),
            branch,
            sha: self.key.sha.clone(),
            base_branch,
            base_sha,
        }
    }

    /// Keeps the diffs that are to be handed over, and what there is to say of them: warnings, as with an error there are none.
    pub(super) fn keep(&mut self, requests: &[DiffRequest], remarks: &[Diagnostic]) {
        let remark = |said: &Diagnostic| RemarkState {
            file: said.place.as_ref().map(|place| place.file.to_string()),
            line: said.place.as_ref().map_or(0, |place| place.line),
            column: said.place.as_ref().map_or(0, |place| place.column),
            message: said.message.clone(),
            help: said.help.clone(),
        };
        self.state.remarks = remarks.iter().take(MOST_REMARKS).map(remark).collect();
        let state = |request: &DiffRequest| {
            let DiffRequest {
                production,
                pull_request,
                primary_key,
                include_columns,
                exclude_columns,
            } = request.clone();
            RequestState {
                prod: production,
                pr: pull_request,
                pk: primary_key,
                include_columns,
                exclude_columns,
            }
        };
        self.state.requests = requests.iter().map(state).collect();
    }

    /// What there is to say of the diffs.
    pub(super) fn remarks(&self) -> Vec<Diagnostic> {
        let remark = |kept: &RemarkState| {
            let said = Diagnostic::warning("diffs", kept.message.clone());
            let place = kept.file.as_deref().map(|file| Place {
                file: file.into(),
                line: kept.line,
                column: kept.column,
            });
            Diagnostic {
                place,
                help: kept.help.clone(),
                ..said
            }
        };
        self.state.remarks.iter().map(remark).collect()
    }

    /// The diffs that are to be handed over.
    pub(super) fn requests(&self) -> Vec<DiffRequest> {
        let request = |state: &RequestState| {
            let RequestState {
                prod,
                pr,
                pk,
                include_columns,
                exclude_columns,
            } = state.clone();
            DiffRequest {
                production: prod,
                pull_request: pr,
                primary_key: pk,
                include_columns,
                exclude_columns,
            }
        };
        self.state.requests.iter().map(request).collect()
    }

    /// Keeps what was found, the worst first; the columns one by one are on the instance.
    pub(super) fn keep_found(&mut self, found: &[Compared]) {
        let mut found: Vec<&Compared> = found.iter().collect();
        found.sort_by_key(|diff| report::ending(diff, true));
        let told = found.into_iter().take(MOST_FOUND).map(|diff| {
            let mut told = report::diff_json(diff);
            if let Json::Object(told) = &mut told {
                told.remove("columns");
            }
            told
        });
        self.state.found = told.collect();
    }

    /// The digest of the diffs that are to be handed over.
    pub(super) fn digest(&self) -> String {
        let text = serde_json::to_vec(&self.state.requests).unwrap_or_default();
        let digest = Sha256::digest(text);
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
