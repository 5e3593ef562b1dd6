//! `webhooks`: who may say that a source or a pull request has moved.

use std::collections::BTreeMap;

use driftless_core::value::Secret;
use serde::Deserialize;

use super::fault::Faults;
use super::forge::{ForgeConfig, ForgeProvider};
use super::secret;
use super::section::Item;

/// One item of `webhooks`: deliveries to `POST /webhooks/{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// The last part of its address. Required, unique.
    pub name: String,
    /// Who delivers: `github`, `gitlab` or `generic-hmac`. Required.
    pub provider: Provider,
    /// What the deliveries are signed with, or bear. Required.
    #[serde(deserialize_with = "secret::required")]
    pub secret: Secret,
    /// The sources that are looked at when one comes. Required where there is no `forge`; not empty.
    pub sources: Option<Vec<String>>,
    /// The forge whose pull requests it tells of: those of repositories that a CI configuration names are orchestrated. Default:
    /// none, and pull requests are ignored.
    pub forge: Option<String>,
}

/// Who delivers, and so how a delivery is known to be theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// GitHub: `X-Hub-Signature-256`.
    Github,
    /// GitLab: `X-Gitlab-Token`.
    Gitlab,
    /// Anybody: HMAC-SHA256 over the body.
    GenericHmac,
}

impl Provider {
    /// The forges that it delivers for; `None`: it tells of no pull requests.
    fn forge(self) -> Option<ForgeProvider> {
        match self {
            Provider::Github => Some(ForgeProvider::Github),
            Provider::Gitlab => Some(ForgeProvider::Gitlab),
            Provider::GenericHmac => None,
        }
    }
}

/// What serde cannot say.
pub(super) fn check(item: &Item<'_, WebhookConfig>, forges: &BTreeMap<String, ForgeProvider>, faults: &mut Faults) {
    let WebhookConfig {
        provider,
        sources,
        forge,
        ..
    } = &item.value;
    match sources {
        Some(sources) if sources.is_empty() => {
            let help = "name at least one source: `sources: [dq-config]`";
            item.fault(faults, &["sources"], "bad_value", "is empty", help);
        }
        None if forge.is_none() && item.is_sound(&["sources"]) && item.is_sound(&["forge"]) => {
            let message = format!(
                "`{}` has neither `sources` nor `forge`: its deliveries mean nothing",
                item.label
            );
            let help = "add `sources:` for pushes, `forge:` for pull requests, or both".to_owned();
            faults.add(item.at(&[]), "missing_key", message, Some(help));
        }
        Some(_) | None => {}
    }
    let Some(forge) = forge.as_ref().filter(|_| item.is_sound(&["provider"])) else {
        return;
    };
    match (provider.forge(), forges.get(forge)) {
        (None, _) => {
            let what = "stands beside `provider: generic-hmac`, whose deliveries tell of no pull request";
            let help = "leave it out, or take `provider: github` or `provider: gitlab`";
            item.fault(faults, &["forge"], "bad_value", what, help);
        }
        (Some(delivers), Some(is)) if delivers != *is => {
            let what = format!("names a forge of `provider: {}`", is.word());
            let help = format!("name one of `provider: {}`, which is what delivers", delivers.word());
            item.fault(faults, &["forge"], "bad_value", &what, &help);
        }
        // That there is none of the name is told where names are checked.
        (Some(_), Some(_) | None) => {}
    }
}

/// What each forge is, by name; of those of one name nothing, since which one is meant is not known.
pub(super) fn forges(forges: &[Item<'_, ForgeConfig>]) -> BTreeMap<String, ForgeProvider> {
    let mut known: BTreeMap<&str, Vec<ForgeProvider>> = BTreeMap::new();
    for forge in forges.iter().filter(|forge| forge.is_sound(&["provider"])) {
        known.entry(&forge.value.name).or_default().push(forge.value.provider);
    }
    known
        .into_iter()
        .filter_map(|(name, providers)| match providers.as_slice() {
            [one] => Some((name.to_owned(), *one)),
            _ => None,
        })
        .collect()
}
