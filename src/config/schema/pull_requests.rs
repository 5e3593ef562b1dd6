//! `forges` and `pull_requests` as an editor knows them.

use serde_json::Value as Json;

use super::restraint::number;
use super::{choice, default, duration, example, map, name, network, or_null, secret, text};

/// One item of `forges`.
pub(super) fn forge() -> Json {
    map(
        "A place where repositories and their pull or merge requests live.",
        &["name", "provider", "token"],
        [
            ("name", name("What webhooks call it.")),
            ("provider", choice("What it is.", &["github", "gitlab"])),
            (
                "url",
                or_null(example(
                    "https://github.example.com/api/v3",
                    text(
                        "Its address: for GitHub that of the API, for GitLab that of the instance. Default: \
                         `https://api.github.com` or `https://gitlab.com`.",
                    ),
                )),
            ),
            (
                "token",
                secret("A token that may read pull requests and files, set commit statuses and comment."),
            ),
            ("ca_file", network::ca_file()),
            ("timeouts", network::timeouts()),
            ("proxy", network::proxy()),
        ],
    )
}

/// `pull_requests`.
pub(super) fn pull_requests() -> Json {
    map(
        "How patiently the data diffs of pull requests are orchestrated.",
        &[],
        [
            (
                "concurrency",
                default(
                    4,
                    number(1, "Pull requests that are orchestrated at the same time, from 1."),
                ),
            ),
            (
                "wait_for_run",
                default(
                    "2m",
                    duration("How long the platform's own run for a head commit is waited for."),
                ),
            ),
            (
                "timeout",
                default(
                    "60m",
                    duration(
                        "How long one head commit may take in all; longer than `wait_for_run` when up to 30s of it are kept for the last word.",
                    ),
                ),
            ),
            (
                "poll",
                map(
                    "How often the platform is asked how a run is doing: the time between two questions grows.",
                    &[],
                    [
                        ("from", default("3s", duration("Time before the second question."))),
                        (
                            "to",
                            default("30s", duration("The longest time; not shorter than `from`.")),
                        ),
                    ],
                ),
            ),
            (
                "on_confirmation",
                default(
                    "pending",
                    choice(
                        "What the commit's status is while a person must confirm the run at the platform.",
                        &["pending", "failure"],
                    ),
                ),
            ),
        ],
    )
}
