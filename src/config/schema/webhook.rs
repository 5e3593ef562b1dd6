//! `webhooks` as an editor knows it.

use serde_json::{Value as Json, json};

use super::{choice, list, map, name, or_null, secret, some, text};

pub(super) fn webhook() -> Json {
    let mut webhook = map(
        "Deliveries to `POST /webhooks/{name}`. Their payload is only ever a reason to look.",
        &["name", "provider", "secret"],
        [
            ("name", name("The last part of the address.")),
            (
                "provider",
                choice(
                    "`github` checks `X-Hub-Signature-256`; `gitlab` checks `X-Gitlab-Token`; `generic-hmac` an HMAC-SHA256 over \
                     the body, as `X-Signature: sha256=…`.",
                    &["github", "gitlab", "generic-hmac"],
                ),
            ),
            ("secret", secret("What deliveries are signed with, or bear.")),
            (
                "sources",
                or_null(some(list(
                    "The sources that a delivery wakes, at least one; without any, deliveries count for pull requests only.",
                    text("The name of a source."),
                ))),
            ),
            (
                "forge",
                or_null(text(
                    "The name of the forge whose pull requests it tells of: those of repositories that a CI configuration names \
                     are orchestrated.",
                )),
            ),
        ],
    );
    webhook["anyOf"] = json!([{ "required": ["sources"] }, { "required": ["forge"] }]);
    webhook
}
