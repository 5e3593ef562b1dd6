//! The switches: one for each question that the public description of the platform leaves open.

use serde::{Deserialize, Serialize};

use crate::sandbox::choice::choice;

choice!(
    /// How a refusal is written.
    Errors {
        /// `{"detail"}`: a text, or the framework's list of faults.
        Framework,
        /// A problem document.
        Problem,
    }
);
choice!(
    /// What happens to a data source of a name that another has.
    Duplicates {
        /// 409.
        Refuse,
        /// Both are there.
        Accept,
    }
);
choice!(
    /// The status of a connection test of which a step failed.
    FailedTest {
        /// `done`.
        Done,
        /// `failed`.
        Failed,
    }
);
choice!(
    /// The body of answers that the description does not specify.
    Unspecified {
        /// `null`.
        Null,
        /// `{}`.
        Object,
        /// None.
        Empty,
    }
);
choice!(
    /// Whether a schedule is read back with its `type`.
    Schedules {
        /// As it was sent.
        AsSent,
        /// With `type`.
        Tagged,
    }
);
choice!(
    /// Whether the deployment has an endpoint.
    Endpoint {
        /// It has.
        Served,
        /// 404: an older server.
        NotFound,
        /// 501: a deployment without the engine for it.
        NotImplemented,
    }
);
choice!(
    /// What the lists of a provisioning result hold.
    Elements {
        /// `{id, slug, name}`.
        Objects,
        /// Names; slugs where there is no name.
        Names,
        /// Slugs.
        Slugs,
        /// Ids; null for what a dry run would make.
        Ids,
    }
);
choice!(
    /// Whether a provisioning result has the list of what is unchanged.
    Unchanged {
        /// It has.
        Listed,
        /// It has not, as older servers.
        Missing,
    }
);
choice!(
    /// What the list `errors` of a provisioning result holds.
    ResultErrors {
        /// Texts.
        Texts,
        /// `{slug, message}`.
        Objects,
    }
);
choice!(
    /// What a failed provisioning job says of what it had done.
    FailedResult {
        /// The lists as far as it got.
        Partial,
        /// Nothing.
        Absent,
    }
);

choice!(
    /// What a trigger does for a head commit that a run is known for.
    KnownCommit {
        /// It makes a second run.
        Second,
        /// It answers with the newest run of that commit.
        First,
    }
);
choice!(
    /// What becomes of the older runs of a pull request when a new one is made.
    OlderRuns {
        /// Those that have not ended are cancelled.
        Cancelled,
        /// Nothing.
        Kept,
    }
);
choice!(
    /// Which of `ci_run_id` and `run_id` are filled.
    RunIds {
        /// A trigger fills `ci_run_id`; taken diffs fill it too, and `run_id` with the number of a job.
        Documented,
        /// Only `ci_run_id`.
        CiRunId,
        /// Only `run_id`, with the number of the CI run.
        RunId,
        /// Both, with the number of the CI run.
        Same,
    }
);
choice!(
    /// Whether a trigger starts anything.
    Triggers {
        /// It does.
        Started,
        /// It answers 200 with nothing, and starts nothing.
        Nothing,
    }
);
choice!(
    /// The order of the list of CI runs.
    RunOrder {
        /// Newest first.
        Newest,
        /// Oldest first.
        Oldest,
    }
);
choice!(
    /// Which run takes diffs when several of a pull request wait.
    Attach {
        /// The newest.
        Newest,
        /// The oldest.
        Oldest,
    }
);
choice!(
    /// Whether the list of data diffs heeds filters that no parameter declares.
    Filters {
        /// It does.
        Honoured,
        /// It gives all of them.
        Ignored,
    }
);
choice!(
    /// Whether the list of data diffs shows those of CI runs.
    CiDiffs {
        /// It does.
        Shown,
        /// It does not.
        Hidden,
    }
);
choice!(
    /// The word for a data diff that is finished, in its results.
    Finished {
        /// `done`.
        Done,
        /// `success`.
        Success,
    }
);
choice!(
    /// How results of data diffs are written.
    Shapes {
        /// As the description says now.
        Current,
        /// As older servers: other words for what is not finished and what failed, dependencies as an object, a schema without
        /// `column_reorders` and `column_type_differs`.
        Old,
    }
);

/// What moves work on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// It is finished when it is looked at first.
    #[default]
    Instant,
    /// It is finished when it is looked at for the time of this number.
    Polls(u64),
    /// Only the side door finishes it.
    Held,
}

/// How far work is that was looked at `looks` times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// This many of that many parts.
    Part(u64, u64),
    End,
}

impl Pace {
    pub(super) fn reached(self, looks: u64) -> Reached {
        match self {
            Self::Instant => Reached::End,
            Self::Polls(polls) if looks >= polls => Reached::End,
            Self::Polls(polls) => Reached::Part(looks, polls),
            Self::Held => Reached::Part(0, 1),
        }
    }
}

/// How one deployment answers the open questions. Every field may be left out in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// How a refusal is written.
    pub errors: Errors,
    /// Data sources of one name.
    pub duplicate_data_sources: Duplicates,
    /// What moves connection tests on.
    pub tests: Pace,
    /// The status of a connection test of which a step failed.
    pub failed_test: FailedTest,
    /// Bodies that are not specified: of DELETE, PATCH and PUT.
    pub unspecified: Unspecified,
    /// Schedules of monitors.
    pub schedules: Schedules,
    /// What moves runs of monitors on.
    pub monitor_runs: Pace,
    /// The endpoint of provisioning jobs.
    pub provisioning_jobs: Endpoint,
    /// The endpoint that provisions at once.
    pub provisioning_sync: Endpoint,
    /// What moves provisioning jobs on. A request that is refused because of a job is a look at it.
    pub provisioning: Pace,
    /// After how many monitors a provisioning job fails that is no dry run; never when absent.
    pub provisioning_fails_after: Option<u64>,
    /// What a failed job says of what it had done.
    pub failed_result: FailedResult,
    /// What the lists of a result hold.
    pub elements: Elements,
    /// Whether a result lists what is unchanged.
    pub unchanged: Unchanged,
    /// What the errors of a result are.
    pub result_errors: ResultErrors,
    /// A trigger for a head commit that is known.
    pub known_commit: KnownCommit,
    /// The older runs of a pull request.
    pub older_runs: OlderRuns,
    /// The ids that a trigger and taken diffs answer with.
    pub run_ids: RunIds,
    /// Whether a trigger starts anything.
    pub triggers: Triggers,
    /// The order of the list of CI runs.
    pub run_order: RunOrder,
    /// Which run takes diffs when several wait.
    pub attach: Attach,
    /// How many lists a new run is not in yet.
    pub run_hidden_for: u64,
    /// What moves CI runs on that have their diffs: the lists that show them.
    pub runs: Pace,
    /// What moves data diffs on: looks at one of them, for those of a CI run once that has ended.
    pub diffs: Pace,
    /// Filters of data diffs.
    pub diff_filters: Filters,
    /// Data diffs of CI runs in the list.
    pub ci_diffs: CiDiffs,
    /// The word for finished results.
    pub finished: Finished,
    /// How results are written.
    pub shapes: Shapes,
    /// What `Retry-After` a fault of status carries that names none; no header at zero.
    pub retry_after: u64,
}
