//! The daemon's side of pull requests: the CI configurations as their sources move, the driver beside the engine's, and the way in for
//! webhooks.
//!
//! A suspended environment and one in `mode: observe` write nothing to what Git describes. A pull request's run is no such write: it
//! goes on in either.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driftless_core::key::{EnvironmentName, Revision};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::ci_configs::{self, Declared};
use super::{data_diffs, forges, pull_requests, wire};
use crate::ci::config::CiConfig;
use crate::ci::driver::{Configurations, Configured, Driver, Extent, Setup, Shutdown};
use crate::ci::metrics::Metrics;
use crate::clock::Clock;
use crate::config::{Config, EnvironmentConfig, ForgeConfig, ForgeProvider};
use crate::engine::driver::EnvironmentSetup;
use crate::engine::metrics::Metrics as EngineMetrics;
use crate::engine::pace::Pace;
use crate::engine::{Overview, SourceView};
use crate::forge::{Forge, Repository};
use crate::platform::data_diffs::{CiConfigId, DataDiffs, PullRequestNumber};
use crate::platform::{Platform, TargetId};
use crate::server::{PullRequests, Watch, Watching};
use crate::source::Source;
use crate::store::pull_runs::{PullRun, PullRunKey};
use crate::store::{Store, StoreError};
use crate::variables::Values;

/// How long after a source could not be read it is read again, unless it moves.
const AGAIN: Duration = Duration::from_secs(30);

/// Where a CI configuration's pull requests live.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    target: String,
    config: String,
    repository: Repository,
    /// The forge, by its name in the config file.
    forge: String,
}

/// Where those that are known live, and whether there may be more.
type Places = (Arc<Vec<Place>>, Extent);

/// The pull requests of a daemon.
pub(crate) struct Pulls {
    driver: Driver,
    metrics: Metrics,
    places: watch::Receiver<Places>,
    /// The forge of each webhook that tells of one, by the webhook's name.
    webhooks: BTreeMap<String, String>,
    forges: Vec<ForgeConfig>,
}

/// An environment whose instance compares data.
struct Declaring {
    name: String,
    environment: EnvironmentConfig,
    source: Arc<dyn Source>,
    values: Arc<dyn Values>,
    /// Knows the documents.
    platform: Arc<dyn Platform>,
    /// Compares.
    compares: Arc<dyn DataDiffs>,
    read: Option<Revision>,
    again: Option<Instant>,
    /// The last good ones.
    configs: Vec<CiConfig>,
    /// Whether all was good once: before, what is not among them may be there.
    extent: Extent,
}

/// Who reads the CI configurations.
struct Reader {
    environments: Vec<Declaring>,
    forges: Vec<(ForgeConfig, Arc<dyn Forge>)>,
    configs: watch::Sender<Configurations>,
    places: watch::Sender<Places>,
}

/// What of a daemon outlives its pull requests.
pub(crate) struct Ground<'a> {
    pub(crate) config: &'a Config,
    pub(crate) metrics: &'a EngineMetrics,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Pulls {
    /// Makes adapters and driver; `None` where the config file is about no pull requests: it has no `forges`, or no instance that
    /// compares data. Nothing is read before [`Prepared::follow`].
    pub(crate) fn prepare(ground: &Ground<'_>, setups: &[EnvironmentSetup]) -> anyhow::Result<Option<Prepared>> {
        let config = ground.config;
        let mut environments = Vec::new();
        for setup in setups {
            let (name, target) = (&setup.name.0, wire::one_target(config, &setup.name.0)?);
            let Some(environment) = config.environments.iter().find(|known| known.name == *name) else {
                continue;
            };
            if !data_diffs::compares(target) {
                continue;
            }
            let named = EnvironmentName(name.clone());
            let gate = Pace::counted(setup.limiter.clone(), ground.metrics.clone(), named);
            environments.push(Declaring {
                name: name.clone(),
                environment: environment.clone(),
                source: setup.environment.source.clone(),
                values: setup.environment.variables.clone(),
                platform: setup.environment.platform.clone(),
                compares: data_diffs::open(target, Arc::new(gate))?,
                read: None,
                again: None,
                configs: Vec::new(),
                extent: Extent::Partial,
            });
        }
        if config.forges.is_empty() {
            return Ok(None);
        }
        for forge in &config.forges {
            let is_named = |webhook: &crate::config::WebhookConfig| webhook.forge.as_ref() == Some(&forge.name);
            if !config.webhooks.iter().any(is_named) {
                warn!(
                    "no webhook names the forge `{0}`: nobody tells of its pull requests, and they are ignored. Add `forge: {0}` to a webhook",
                    forge.name
                );
            }
        }
        if environments.is_empty() {
            warn!(
                "the config file has `forges`, and no environment whose platform compares data: pull requests are ignored. Add an \
                 environment on a target of `platform: datafold`"
            );
            return Ok(None);
        }
        let mut opened = Vec::new();
        for forge in &config.forges {
            opened.push((forge.clone(), forges::open(forge)?));
        }
        let told = |webhook: &crate::config::WebhookConfig| Some((webhook.name.clone(), webhook.forge.clone()?));
        Ok(Some(Prepared {
            environments,
            forges: opened,
            webhooks: config.webhooks.iter().filter_map(told).collect(),
            metrics: Metrics::new()?,
        }))
    }

    /// What is counted, in Prometheus' text format.
    pub(crate) fn metrics(&self) -> String {
        self.metrics.encode()
    }

    /// Ends as [`Driver::shutdown`] does.
    pub(crate) async fn shutdown(&self, grace: Duration) -> Shutdown {
        self.driver.shutdown(grace).await
    }
}

/// Adapters that nobody works with yet.
pub(crate) struct Prepared {
    environments: Vec<Declaring>,
    forges: Vec<(ForgeConfig, Arc<dyn Forge>)>,
    webhooks: BTreeMap<String, String>,
    metrics: Metrics,
}

impl Prepared {
    /// Starts the driver, and reads the configurations each time that `overview` says that their source moved.
    pub(crate) fn follow(self, ground: &Ground<'_>, overview: watch::Receiver<Arc<Overview>>) -> Pulls {
        let (configs, known) = watch::channel(Configurations::default());
        let (places, placed) = watch::channel(Places::default());
        let stop = CancellationToken::new();
        let section = &ground.config.pull_requests;
        let setup = Setup {
            configs: known,
            forges: self.forges.iter().map(|(_, forge)| forge.clone()).collect(),
            store: ground.store.clone(),
            clock: ground.clock.clone(),
            metrics: self.metrics.clone(),
            options: pull_requests::options(section),
            parallel: pull_requests::parallel(section),
        };
        let reader = Reader {
            environments: self.environments,
            forges: self.forges,
            configs,
            places,
        };
        tokio::spawn(reader.follow(overview, stop.clone()));
        Pulls {
            driver: Driver::start(setup, stop),
            metrics: self.metrics,
            places: placed,
            webhooks: self.webhooks,
            forges: ground.config.forges.clone(),
        }
    }
}

impl Reader {
    async fn follow(mut self, mut overview: watch::Receiver<Arc<Overview>>, stop: CancellationToken) {
        loop {
            let sources = overview.borrow_and_update().sources.clone();
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.read_all(&sources) => {}
            }
            let again = self
                .environments
                .iter()
                .filter_map(|environment| environment.again)
                .min();
            let due = async {
                match again {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = due => {}
                changed = overview.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Reads what moved, and publishes it.
    async fn read_all(&mut self, sources: &BTreeMap<String, SourceView>) {
        let mut moved = false;
        for environment in &mut self.environments {
            let source = sources.get(&environment.environment.source);
            if let Some(revision) = source.and_then(|source| source.revision.as_ref()) {
                moved |= environment.read_at(revision).await;
            }
        }
        if moved {
            self.publish();
        }
    }

    fn publish(&self) {
        let (mut configured, mut places) = (Vec::new(), Vec::new());
        // A status and a comment of one name are one, and so are the runs of one number.
        let mut named: BTreeSet<(&str, &Repository, &str)> = BTreeSet::new();
        let mut numbered: BTreeSet<(&TargetId, CiConfigId)> = BTreeSet::new();
        for environment in &self.environments {
            let target = &environment.environment.target;
            for config in &environment.configs {
                let forge = match self.forge(config) {
                    Ok(Some(forge)) => forge,
                    Ok(None) => continue,
                    Err(fault) => {
                        error!(environment = environment.name, "{fault:#}");
                        continue;
                    }
                };
                let is_new = named.insert((&forge.0.name, &config.repository, &config.name))
                    && numbered.insert((environment.compares.target(), config.id));
                if !is_new {
                    warn!(
                        environment = environment.name,
                        config = config.name,
                        "another environment declares a CI configuration of that name for the same repository, or of that number on the same \
                         instance: this one is passed over"
                    );
                    continue;
                }
                places.push(Place {
                    target: target.clone(),
                    config: config.name.clone(),
                    repository: config.repository.clone(),
                    forge: forge.0.name.clone(),
                });
                configured.push(Configured {
                    target: target.clone(),
                    config: config.clone(),
                    platform: environment.compares.clone(),
                    forge: forge.1.clone(),
                });
            }
        }
        let is_whole = |environment: &Declaring| environment.extent == Extent::Whole;
        let extent = match self.environments.iter().all(is_whole) {
            true => Extent::Whole,
            false => Extent::Partial,
        };
        info!(count = configured.len(), ?extent, "CI configurations are known");
        // In this order: whoever finds a pull request's place finds its configuration.
        self.configs.send_replace(Configurations {
            known: Arc::new(configured),
            extent,
        });
        self.places.send_replace((Arc::new(places), extent));
    }

    fn forge(&self, config: &CiConfig) -> anyhow::Result<Option<&(ForgeConfig, Arc<dyn Forge>)>> {
        let known: Vec<ForgeConfig> = self.forges.iter().map(|(forge, _)| forge.clone()).collect();
        let found = forges::of(config, &known)?;
        Ok(found.and_then(|found| self.forges.iter().find(|(forge, _)| forge.name == found.name)))
    }
}

impl Declaring {
    /// Reads the configurations at a revision, unless they were read there; whether they may be others now.
    async fn read_at(&mut self, revision: &Revision) -> bool {
        let is_due = self.again.is_some_and(|again| again <= Instant::now());
        let is_new = self.read.as_ref() != Some(revision);
        if !is_new && !is_due {
            return false;
        }
        let schema = self.platform.schema();
        let read = ci_configs::read(
            self.source.as_ref(),
            revision,
            &self.environment,
            self.values.as_ref(),
            schema,
        )
        .await;
        self.read = Some(revision.clone());
        self.again = None;
        match read {
            Ok(declared) => {
                if declared.faults.is_empty() {
                    self.extent = Extent::Whole;
                } else if self.extent == Extent::Partial {
                    // What is at fault may lie beside the source: a variable's file.
                    self.again = Some(Instant::now() + AGAIN);
                }
                for fault in declared.faults.iter().filter(|_| is_new) {
                    error!(
                        environment = self.name,
                        "a CI configuration is at fault, and stays what it was: {fault}"
                    );
                }
                let before = std::mem::take(&mut self.configs);
                self.configs = merged(before.clone(), declared);
                is_new || self.configs != before || self.again.is_none()
            }
            Err(fault) => {
                self.again = Some(Instant::now() + AGAIN);
                error!(
                    environment = self.name,
                    "the CI configurations cannot be read, and stay what they were: {fault}"
                );
                false
            }
        }
    }
}

/// What is declared now. Where something is at fault, what is missing may be what is faulty: it stays what it was.
fn merged(before: Vec<CiConfig>, declared: Declared) -> Vec<CiConfig> {
    let Declared { mut configs, faults } = declared;
    if !faults.is_empty() {
        let is_missing = |config: &CiConfig| !configs.iter().any(|known| known.name == config.name);
        let kept: Vec<CiConfig> = before.into_iter().filter(is_missing).collect();
        configs.extend(kept);
    }
    configs
}

#[async_trait]
impl PullRequests for Pulls {
    async fn moved(
        &self,
        webhook: &str,
        repository: &Repository,
        number: PullRequestNumber,
    ) -> Result<Watch, StoreError> {
        let Some(forge) = self.webhooks.get(webhook) else {
            return Ok(Watch::Unwatched);
        };
        let (places, extent) = self.places.borrow().clone();
        // Both forges take a path in any case; documents have it as people write it.
        let own: BTreeSet<&Repository> = places
            .iter()
            .filter(|place| place.forge == *forge && place.repository.0.eq_ignore_ascii_case(&repository.0))
            .map(|place| &place.repository)
            .collect();
        for repository in &own {
            self.driver.moved((*repository).clone(), number).await?;
        }
        Ok(match (own.is_empty(), extent) {
            (true, Extent::Whole) => Watch::Unwatched,
            (true, Extent::Partial) => {
                // Nobody knows yet: it is looked at as soon as somebody does.
                self.driver.moved(repository.clone(), number).await?;
                Watch::Accepted
            }
            (false, _) => Watch::Accepted,
        })
    }

    fn recent(&self) -> watch::Receiver<Arc<Vec<PullRun>>> {
        self.driver.recent()
    }

    fn watching(&self) -> Watching {
        match self.places.borrow().0.is_empty() {
            true => Watching::Nothing,
            false => Watching::Some,
        }
    }

    fn page(&self, run: &PullRunKey) -> Option<String> {
        let places = self.places.borrow().0.clone();
        let place = places.iter().find(|place| {
            place.target == run.target && place.config == run.config && place.repository.0 == run.repository
        })?;
        let forge = self.forges.iter().find(|forge| forge.name == place.forge)?;
        page(forge.provider, forge.url(), &run.repository, run.number)
    }
}

/// A pull request's page for people, from the address of the forge or of its API.
fn page(provider: ForgeProvider, url: &str, repository: &str, number: u64) -> Option<String> {
    let is_plain = |sign: char| sign.is_ascii_alphanumeric() || "-_./".contains(sign);
    if !repository.chars().all(is_plain) {
        return None;
    }
    let base = url.trim_end_matches('/');
    Some(match provider {
        ForgeProvider::Github => {
            // Where GitHub runs it, the API has a host of its own.
            let base = base.trim_end_matches("/api/v3").replacen("://api.", "://", 1);
            format!("{base}/{repository}/pull/{number}")
        }
        ForgeProvider::Gitlab => {
            let base = base.trim_end_matches("/api/v4");
            format!("{base}/{repository}/-/merge_requests/{number}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_requests_page_is_where_people_find_it() {
        for (provider, url, page) in [
            (
                ForgeProvider::Github,
                "https://api.github.com",
                "https://github.com/acme/shop/pull/7",
            ),
            (
                ForgeProvider::Github,
                "https://github.com/",
                "https://github.com/acme/shop/pull/7",
            ),
            (
                ForgeProvider::Github,
                "https://git.example.com/api/v3",
                "https://git.example.com/acme/shop/pull/7",
            ),
            (
                ForgeProvider::Gitlab,
                "https://gitlab.com",
                "https://gitlab.com/acme/shop/-/merge_requests/7",
            ),
            (
                ForgeProvider::Gitlab,
                "https://git.example.com/api/v4/",
                "https://git.example.com/acme/shop/-/merge_requests/7",
            ),
        ] {
            assert_eq!(
                super::page(provider, url, "acme/shop", 7).as_deref(),
                Some(page),
                "{url}"
            );
        }
        assert_eq!(
            super::page(ForgeProvider::Github, "https://github.com", "a\"><b/c", 7),
            None
        );
    }
}
