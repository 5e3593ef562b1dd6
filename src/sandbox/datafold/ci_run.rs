//! A CI run: from waiting for diffs to its end.

use serde_json::{Value, json};

use super::organisation::Organisation;
use super::switches::{OlderRuns, Pace, Reached};
use crate::sandbox::table::Id;

/// The words after which nothing comes.
const FINAL: [&str; 3] = ["done", "failed", "cancelled"];

/// Where a run comes from: the wire's `source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A pull request was pushed.
    Ci,
    /// It was triggered.
    Api,
}

impl Source {
    const fn name(self) -> &'static str {
        match self {
            Self::Ci => "ci",
            Self::Api => "api",
        }
    }
}

/// What a run does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It waits for diffs.
    Waiting,
    /// It has its diffs, and was looked at so often since.
    Moving(u64),
    /// It stays at a word, until somebody moves it.
    Stands(String),
}

/// The head of a pull request, as a run has it.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) pr_num: i64,
    pub(super) pr_branch: String,
    pub(super) pr_sha: String,
    pub(super) base_branch: String,
    pub(super) base_sha: String,
}

pub(super) struct CiRun {
    pub(super) id: Id,
    pub(super) config: Id,
    pub(super) head: Head,
    pub(super) source: Source,
    pub(super) stage: Stage,
    /// The word that it ends in.
    pub(super) ends: String,
    /// The lists that it would have been in.
    pub(super) lists: u64,
}

impl CiRun {
    /// The wire's `status`.
    pub(super) fn status(&self, pace: Pace) -> &str {
        match &self.stage {
            Stage::Waiting => "waiting",
            Stage::Stands(word) => word,
            // Such a run never leaves it.
            Stage::Moving(_) if self.ends == "waiting" => "waiting",
            Stage::Moving(looks) => match pace.reached(*looks) {
                Reached::Part(part, of) if part * 2 >= of => "processing",
                Reached::Part(..) => "queued",
                Reached::End => &self.ends,
            },
        }
    }

    pub(super) fn is_final(&self) -> bool {
        matches!(&self.stage, Stage::Stands(word) if FINAL.contains(&word.as_str()))
    }

    /// One look at it.
    pub(super) fn look(&mut self, pace: Pace) {
        let Stage::Moving(looks) = &mut self.stage else { return };
        *looks += 1;
        if pace.reached(*looks) == Reached::End {
            self.stage = Stage::Stands(self.ends.clone());
        }
    }

    pub(super) fn render(&self, pace: Pace) -> Value {
        let head = &self.head;
        json!({
            "id": self.id,
            "base_branch": head.base_branch,
            "base_sha": head.base_sha,
            "pr_branch": head.pr_branch,
            "pr_sha": head.pr_sha,
            "pr_num": head.pr_num.to_string(),
            "status": self.status(pace),
            "source": self.source.name(),
        })
    }
}

impl Organisation {
    /// Makes a run that waits; what becomes of the older ones of its pull request is as the switch says.
    pub(super) fn add_run(&mut self, config: Id, head: Head, source: Source) -> Id {
        if self.switches.older_runs == OlderRuns::Cancelled {
            let older = self
                .ci_runs
                .iter_mut()
                .filter(|run| run.config == config && run.head.pr_num == head.pr_num && !run.is_final());
            for run in older {
                run.stage = Stage::Stands("cancelled".to_owned());
            }
        }
        let ends = self.ci_configs.get(config).map(|config| config.ends.clone());
        let id = self.ci_runs.reserve();
        let run = CiRun {
            id,
            config,
            head,
            source,
            stage: Stage::Waiting,
            ends: ends.unwrap_or_default(),
            lists: 0,
        };
        self.ci_runs.put(id, run);
        id
    }

    /// What the webhook of a pull request does: a waiting run for each configuration of the repository whose base branch it is.
    pub(super) fn pushed(&mut self, repository: &str, head: &Head) -> Vec<Id> {
        let meant: Vec<Id> = self
            .ci_configs
            .iter()
            .filter(|config| config.repository == repository)
            .filter(|config| {
                config
                    .base_branch
                    .as_ref()
                    .is_none_or(|branch| *branch == head.base_branch)
            })
            .map(|config| config.id)
            .collect();
        meant
            .into_iter()
            .map(|config| self.add_run(config, head.clone(), Source::Ci))
            .collect()
    }

    /// Confirms or authenticates a run that stands: it moves on, and ends well. Whether there is one.
    pub(super) fn go_on(&mut self, id: Id) -> bool {
        let Some(run) = self.ci_runs.get_mut(id) else {
            return false;
        };
        run.ends = "done".to_owned();
        run.stage = Stage::Moving(0);
        true
    }

    /// Puts a run at a word, where it stays; `waiting` takes diffs. Whether there is one.
    pub(super) fn stand_at(&mut self, id: Id, word: &str) -> bool {
        let Some(run) = self.ci_runs.get_mut(id) else {
            return false;
        };
        run.stage = match word {
            "waiting" => Stage::Waiting,
            word => Stage::Stands(word.to_owned()),
        };
        true
    }
}
