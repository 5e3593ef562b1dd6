//! Forges as the config file says: which one a CI configuration is of, and its adapter.

use std::sync::Arc;

use anyhow::{Context as _, bail};

use super::instances::network;
use super::wire::failed;
use crate::ci::config::CiConfig;
use crate::config::{ForgeConfig, ForgeProvider};
use crate::engine::pace::{Limiter, LimiterOptions, Pace};
use crate::forge::github::GitHub;
use crate::forge::gitlab::GitLab;
use crate::forge::{Forge, ForgeOptions};

/// The forge of a CI configuration's repository: the one that its document names, or the only one. `None`: there are none, and the
/// document names none.
///
/// # Errors
/// When the document names one that is not there, or none where there are several.
pub(crate) fn of<'a>(config: &CiConfig, forges: &'a [ForgeConfig]) -> anyhow::Result<Option<&'a ForgeConfig>> {
    let known = || {
        forges
            .iter()
            .map(|forge| forge.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let name = &config.name;
    match (&config.forge, forges) {
        (Some(wanted), []) => {
            bail!(
                "the CI configuration `{name}` is of the forge `{wanted}`, and the config file has no `forges`: add it there"
            )
        }
        (Some(wanted), _) => match forges.iter().find(|forge| forge.name == *wanted) {
            Some(forge) => Ok(Some(forge)),
            None => bail!(
                "the CI configuration `{name}` is of the forge `{wanted}`, which the config file does not have; it has: {}",
                known()
            ),
        },
        (None, []) => Ok(None),
        (None, [only]) => Ok(Some(only)),
        (None, _) => bail!(
            "the config file has several forges, and the CI configuration `{name}` does not say which one its repository is at: \
             add `forge:` to its document, one of {}",
            known()
        ),
    }
}

/// The adapter of a forge; nothing is sent.
pub(crate) fn open(forge: &ForgeConfig) -> anyhow::Result<Arc<dyn Forge>> {
    let whose = format!("the forge `{}`", forge.name);
    let options = ForgeOptions {
        url: forge.url().to_owned(),
        token: forge.token.clone(),
        network: network(
            &whose,
            forge.timeouts,
            forge.ca_file.as_deref(),
            None,
            forge.proxy.as_ref(),
        )?,
    };
    let limits = LimiterOptions {
        name: whose.clone(),
        ..LimiterOptions::default()
    };
    let gate = Arc::new(Pace::uncounted(Limiter::of(limits)));
    let opened: Result<Arc<dyn Forge>, _> = match forge.provider {
        ForgeProvider::Github => GitHub::new(options, gate).map(|forge| Arc::new(forge) as _),
        ForgeProvider::Gitlab => GitLab::new(options, gate).map(|forge| Arc::new(forge) as _),
    };
    opened.map_err(failed).context(whose)
}
