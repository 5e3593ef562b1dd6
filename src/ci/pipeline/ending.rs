//! The end of an orchestration: what is said on the forge, and what the store keeps of it.

use tokio::time::{Instant, timeout};
use tracing::{error, info};

use super::insist::unheard;
use super::{Orchestration, put};
use crate::ci::last_word::{Again, LastWord, Said};
use crate::ci::outcome::{CiOutcome, CiResult, Reason};
use crate::ci::record::Record;
use crate::ci::report::{self, Outcome, Verdict};
use crate::ci::waits::End;
use crate::store::pull_runs::PullRun;

impl Orchestration<'_> {
    /// Says the last word on the forge, unless the commit is not the head any more.
    pub(super) async fn say(
        &mut self,
        outcome: &Outcome,
        verdict: &Verdict,
        reason: Option<Reason>,
    ) -> Result<(), End> {
        let left = self.voice.over.saturating_duration_since(Instant::now());
        // A forge that does not say in time leaves it what it was.
        if let Ok(is_head) = timeout(left / 2, self.assert_head()).await {
            is_head?;
        }
        let Some(state) = verdict.state else {
            return Ok(());
        };
        if let (Outcome::Skipped(_), Some(other)) = (outcome, self.ports.recent.other(&self.record.key)) {
            return self.leave_to(&other).await;
        }
        // The comparison that decides: the platform documents no page of a run.
        let worst = self.found.iter().filter(|diff| diff.page.is_some());
        let worst = worst.min_by_key(|diff| report::ending(diff, true));
        let page = worst.and_then(|diff| diff.page.clone());
        let comment = match outcome {
            Outcome::Skipped(_) if self.remarks.is_empty() => None,
            _ => Some(report::comment(&self.facts(outcome), verdict)),
        };
        let mut word = LastWord {
            result: CiResult::of(outcome, verdict).word().to_owned(),
            state,
            description: verdict.description.clone(),
            page,
            comment,
            said: Said::NotYet,
            again: reason.map_or(Again::Never, Reason::again),
            ended: self.ports.clock.now(),
        };
        self.voice.conclude(&self.waits, &word).await?;
        if self.voice.unsaid.is_empty() {
            word.said = Said::Whole;
        }
        self.record.state.last = Some(word);
        Ok(())
    }

    /// A commit has one status, and what another pull request of it compared outweighs that this one did not.
    async fn leave_to(&mut self, other: &PullRun) -> Result<(), End> {
        let word = Record::read(other).and_then(|record| record.state.last);
        match word.filter(|_| self.voice.said.is_some()) {
            Some(word) => {
                let word = LastWord { comment: None, ..word };
                self.voice.conclude(&self.waits, &word).await
            }
            None => Ok(()),
        }
    }

    pub(super) async fn end(mut self, outcome: Outcome, verdict: Verdict) -> CiOutcome {
        let (now, result) = (self.ports.clock.now(), CiResult::of(&outcome, &verdict));
        self.record.keep_found(&self.found);
        let row = match &self.record.state.last {
            Some(word) if word.said == Said::NotYet => {
                let message = unheard(word, &self.voice.unsaid);
                self.record.last_row(word, &message, now)
            }
            _ => PullRun {
                outcome: Some(result.word().to_owned()),
                finished: Some(now),
                ..self.record.row(&verdict.description, now)
            },
        };
        if let Err(error) = put(self.ports, row).await {
            error!(config = self.config().name, sha = self.record.key.sha, "{error}");
            self.voice.unsaid.push(error.message);
        }
        self.ports
            .metrics
            .ended(&self.config().name, result, self.began.elapsed());
        info!(
            config = self.config().name,
            sha = self.record.key.sha,
            result = result.word(),
            "{}",
            verdict.description
        );
        CiOutcome {
            submitted: self.submitted(),
            verdict,
            outcome,
            run: self.record.run,
            sha: self.record.key.sha,
            diffs: self.found,
            remarks: self.remarks,
            unsaid: self.voice.unsaid,
            status: self.voice.status,
        }
    }
}
