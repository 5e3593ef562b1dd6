//! Puts the parts together as the config file says: the only place that names adapters.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use driftless_core::diagnostic::Diagnostic;
use driftless_core::key::EnvironmentName;
use driftless_core::report::Failure;

use super::instances::{self, Shared};
use super::platforms;
use crate::clock::SystemClock;
use crate::config::{
    self, Auth, Config, EnvironmentConfig, EnvironmentValues, ForcePush, Provider, SourceConfig, TargetConfig,
};
use crate::engine::driver::{EnvironmentSetup, SourceSetup};
use crate::engine::lineage::{Branch, Rewriting};
use crate::engine::metrics::Metrics;
use crate::engine::pace::Pace;
use crate::engine::reconcile::{Environment, Memory, introduce};
use crate::platform::Platform;
use crate::server::{self, Webhook};
use crate::source::git::{self, GitOptions, GitSource, MovedTag, Verify, VerifyMode};
use crate::source::reference::Reference;
use crate::source::{EXCHANGE, Source, file};
use crate::store::sqlite::{self, SqliteStore};
use crate::variables::Values;

/// Reads a config file against the platforms of this build.
///
/// # Errors
/// All faults of the file.
pub(crate) fn read_config(path: &Path, process: &BTreeMap<String, String>) -> Result<Config, Vec<Diagnostic>> {
    config::load(path, process, &platforms::known())
}

/// A platform's failure as an error of the command line.
pub(crate) fn failed(failure: Failure) -> anyhow::Error {
    anyhow!(failure.message)
}

/// Faults of a file as one error.
pub(crate) fn faults(faults: &[Diagnostic]) -> anyhow::Error {
    anyhow!(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// Opens the store of a config file.
pub(crate) async fn store(config: &Config) -> anyhow::Result<SqliteStore> {
    Ok(SqliteStore::open(&config.store.url, sqlite::Limits::default()).await?)
}

/// What a command does with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reads it, beside whoever has it open.
    Read,
    /// Writes it, alone.
    Write,
}

/// Opens a store for a command that makes a single pass.
pub(crate) async fn store_for(access: Access, url: &str) -> anyhow::Result<Arc<SqliteStore>> {
    let limits = sqlite::Limits::default();
    let store = match access {
        Access::Read => SqliteStore::open_for_reading(url, limits).await?,
        Access::Write => SqliteStore::open(url, limits).await?,
    };
    Ok(Arc::new(store))
}

/// What the driver needs, from a config file.
pub(crate) struct Assembly {
    pub(crate) sources: Vec<SourceSetup>,
    pub(crate) environments: Vec<EnvironmentSetup>,
}

/// Builds sources, instances and environments. Environments on one target share its limits and its desk.
pub(crate) fn assemble(
    config: &Config,
    process: &BTreeMap<String, String>,
    metrics: &Metrics,
) -> anyhow::Result<Assembly> {
    let mut sources: BTreeMap<&str, Arc<GitSource>> = BTreeMap::new();
    let mut setups = Vec::new();
    for source in &config.sources {
        let opened = Arc::new(GitSource::open(git_options(source, config)?)?);
        setups.push(SourceSetup {
            source: opened.clone(),
            url: git::shown_url(&source.url),
            reference: reference(source)?,
            schedule: source.polling(),
        });
        sources.insert(&source.name, opened);
    }
    let mut shared: BTreeMap<&str, Shared> = BTreeMap::new();
    let mut environments = Vec::new();
    for environment in &config.environments {
        let (source, target) = (sources.get(environment.source.as_str()), target(config, environment)?);
        let source = source
            .with_context(|| format!("there is no source `{}`", environment.source))?
            .clone();
        let shared = shared.entry(&target.name).or_insert_with(|| Shared::of(target));
        let gate = Pace::counted(
            shared.limiter.clone(),
            metrics.clone(),
            EnvironmentName(environment.name.clone()),
        );
        let platform = instances::open(target, shared, Arc::new(gate))?;
        environments.push(EnvironmentSetup {
            name: EnvironmentName(environment.name.clone()),
            environment: bare_environment(config, environment, process, source, platform)?,
            target: target.name.clone(),
            url: target.url.clone(),
            drift_interval: environment.drift.interval.0,
            limiter: shared.limiter.clone(),
        });
    }
    Ok(Assembly {
        sources: setups,
        environments,
    })
}

/// One environment of a config file with its store, for a command that makes a single pass.
pub(crate) async fn one_environment(
    config: &Config,
    name: &str,
    access: Access,
    process: &BTreeMap<String, String>,
) -> anyhow::Result<Environment> {
    let here = instances::address(target(config, find(config, name)?)?)?;
    let store = store_for(access, &config.store.url).await?;
    let mut sources: BTreeMap<&str, Arc<GitSource>> = BTreeMap::new();
    let mut environments = Vec::new();
    // Those of the same instance are known to it, as they are in the daemon.
    for environment in &config.environments {
        let target = target(config, environment)?;
        if !instances::address(target).is_ok_and(|other| other == here) {
            continue;
        }
        let source = match sources.get(environment.source.as_str()) {
            Some(source) => source.clone(),
            None => Arc::new(self::source(config, environment)?),
        };
        sources.insert(&environment.source, source.clone());
        let shared = Shared::of(target);
        let gate = Arc::new(Pace::uncounted(shared.limiter.clone()));
        let platform = instances::open(target, &shared, gate)?;
        let name = EnvironmentName(environment.name.clone());
        environments.push(Environment {
            memory: Some(Memory::new(store.clone(), Some(&name), platform.target())),
            name: Some(name),
            ..bare_environment(config, environment, process, source, platform)?
        });
    }
    introduce(&mut environments);
    let is_it = |environment: &Environment| environment.name.as_ref().is_some_and(|known| known.0 == name);
    environments
        .into_iter()
        .find(is_it)
        .with_context(|| format!("there is no environment `{name}` in the config file"))
}

/// The source of one environment.
pub(crate) fn source(config: &Config, environment: &EnvironmentConfig) -> anyhow::Result<GitSource> {
    let source = config.sources.iter().find(|source| source.name == environment.source);
    let source = source.with_context(|| format!("there is no source `{}`", environment.source))?;
    Ok(GitSource::open(git_options(source, config)?)?)
}

/// The target of one environment.
pub(crate) fn one_target<'a>(config: &'a Config, name: &str) -> anyhow::Result<&'a TargetConfig> {
    target(config, find(config, name)?)
}

/// What placeholders stand for in one environment.
pub(crate) fn values(
    config: &Config,
    name: &str,
    process: &BTreeMap<String, String>,
) -> anyhow::Result<Arc<dyn Values>> {
    environment_values(config, find(config, name)?, process)
}

fn environment_values(
    config: &Config,
    environment: &EnvironmentConfig,
    process: &BTreeMap<String, String>,
) -> anyhow::Result<Arc<dyn Values>> {
    let values = EnvironmentValues::new(environment.clone(), process.clone(), config.sensitive.clone());
    // What is wrong with the files that the config names is told at the start, not in the first pass.
    values.read(&BTreeSet::new()).map_err(|found| faults(&found))?;
    Ok(Arc::new(values))
}

fn find<'a>(config: &'a Config, name: &str) -> anyhow::Result<&'a EnvironmentConfig> {
    let known = || {
        config
            .environments
            .iter()
            .map(|known| known.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let found = config.environments.iter().find(|environment| environment.name == name);
    found.with_context(|| {
        format!(
            "there is no environment `{name}` in the config file; there are: {}",
            known()
        )
    })
}

fn target<'a>(config: &'a Config, environment: &EnvironmentConfig) -> anyhow::Result<&'a TargetConfig> {
    let found = config.targets.iter().find(|target| target.name == environment.target);
    found.with_context(|| format!("there is no target `{}`", environment.target))
}

fn bare_environment(
    config: &Config,
    environment: &EnvironmentConfig,
    process: &BTreeMap<String, String>,
    source: Arc<dyn Source>,
    platform: Arc<dyn Platform>,
) -> anyhow::Result<Environment> {
    Ok(Environment {
        name: None,
        source,
        platform,
        memory: None,
        folder: environment.path.clone(),
        overlays: environment.overlays.clone(),
        variables: environment_values(config, environment, process)?,
        left_out: Vec::new(),
        policy: environment.policy(),
        windows: environment.windows(),
        neighbours: Vec::new(),
        branch: branch(config, environment),
    })
}

/// The branch that an environment follows; `None` where it follows something that has no line of its own.
fn branch(config: &Config, environment: &EnvironmentConfig) -> Option<Branch> {
    let source = config.sources.iter().find(|source| source.name == environment.source)?;
    let Ok(Reference::Branch(name)) = source.reference() else {
        return None;
    };
    Some(Branch {
        reference: name,
        rewriting: match source.force_push() {
            ForcePush::Allow => Rewriting::Allowed,
            ForcePush::Refuse => Rewriting::Refused,
        },
    })
}

fn reference(source: &SourceConfig) -> anyhow::Result<Reference> {
    let named = || format!("the source `{}`: `semver` is no range", source.name);
    source.reference().map_err(|why| anyhow!(why)).with_context(named)
}

fn git_options(source: &SourceConfig, config: &Config) -> anyhow::Result<GitOptions> {
    Ok(GitOptions {
        name: source.name.clone(),
        url: source.url.clone(),
        reference: reference(source)?,
        mirror: mirrors(&config.store.url).join(&source.name),
        auth: match &source.auth {
            None => git::Auth::None,
            Some(Auth::Token(token)) => git::Auth::Token(token.clone()),
            Some(Auth::Password { username, password }) => git::Auth::Basic {
                username: username.clone(),
                password: password.clone(),
            },
            Some(Auth::Ssh { key, known_hosts }) => git::Auth::Ssh {
                key: key.clone(),
                known_hosts: known_hosts.clone(),
            },
        },
        ca: source.ca_file.clone(),
        limits: file::Limits::default(),
        timeout: EXCHANGE,
        moved_tag: match source.force_push() {
            ForcePush::Refuse => MovedTag::Refuse,
            ForcePush::Allow => MovedTag::Follow,
        },
        verify: source.verify.as_ref().map(|verify| Verify {
            mode: match verify.mode {
                config::VerifyMode::Head => VerifyMode::Head,
                config::VerifyMode::Tag => VerifyMode::Tag,
                config::VerifyMode::TagAndHead => VerifyMode::TagAndHead,
            },
            keys: verify.keys.clone(),
            clock: Arc::new(SystemClock),
        }),
    })
}

/// Mirrors lie beside the store: one volume keeps all that outlives the process. They can be deleted at any time.
fn mirrors(store: &str) -> PathBuf {
    let file = store
        .strip_prefix("sqlite://")
        .or_else(|| store.strip_prefix("sqlite:"))
        .unwrap_or(store);
    match file {
        ":memory:" => std::env::temp_dir().join(format!("driftless-{}.mirrors", std::process::id())),
        file => PathBuf::from(format!("{file}.mirrors")),
    }
}

/// The webhooks as the server wants them.
pub(crate) fn webhooks(config: &Config) -> Vec<Webhook> {
    config
        .webhooks
        .iter()
        .map(|webhook| Webhook {
            name: webhook.name.clone(),
            provider: match webhook.provider {
                Provider::Github => server::Provider::GitHub,
                Provider::Gitlab => server::Provider::GitLab,
                Provider::GenericHmac => server::Provider::GenericHmac,
            },
            secret: webhook.secret.clone(),
            sources: webhook.sources.clone().unwrap_or_default(),
        })
        .collect()
}
