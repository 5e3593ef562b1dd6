//! `webhooks`: who may say that a source has moved.

use driftless_core::value::Secret;
use serde::Deserialize;

use super::fault::Faults;
use super::secret;
use super::section::Item;

/// One item of `webhooks`: deliveries to `POST /webhooks/{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// The last part of its address. Required, unique.
    pub name: String,
    /// Who delivers: `github` or `generic-hmac`. Required.
    pub provider: Provider,
    /// What the deliveries are signed with. Required.
    #[serde(deserialize_with = "secret::required")]
    pub secret: Secret,
    /// The sources that are looked at when one comes. Required, not empty.
    pub sources: Vec<String>,
}

/// Who delivers, and so how a delivery is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// GitHub: `X-Hub-Signature-256`.
    Github,
    /// Anybody: HMAC-SHA256 over the body.
    GenericHmac,
}

/// What serde cannot say.
pub(super) fn check(item: &Item<'_, WebhookConfig>, faults: &mut Faults) {
    if item.value.sources.is_empty() {
        let help = "name at least one source: `sources: [dq-config]`";
        item.fault(faults, &["sources"], "bad_value", "is empty", help);
    }
}
