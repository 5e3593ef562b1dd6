//! What a run works with: the instance and its rules, from the flags or from a config file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use driftless_core::value::Secret;
use tokio::time::timeout;

use super::RunArgs;
use crate::ci::config::{CiConfig, Consequence, Label};
use crate::ci::options::Options;
use crate::cli::platforms::Way;
use crate::cli::{
    ci_configs, data_diffs, diagnostics, forges, instances, process_environment, pull_requests, scope, wire,
};
use crate::config::{Config, EnvironmentConfig};
use crate::engine::pace::{CONCURRENCY, Limiter, PER_SECOND, Pace};
use crate::forge::{Forge, Repository};
use crate::platform::data_diffs::{CiConfigId, DataDiffs, PullRequestNumber};
use crate::platform::datafold;
use crate::platform::http::{Network, Proxy};
use crate::source::Source as _;

/// The instance of which nothing is said: the official client's.
const USUAL: &str = "https://app.datafold.com";

/// How long the forge has to say what the head is, before the run is begun all the same.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// What a run works with.
pub(super) struct Bench {
    /// The instance, by its name in the config file.
    pub(super) target: String,
    pub(super) config: CiConfig,
    pub(super) platform: Arc<dyn DataDiffs>,
    pub(super) forge: Option<Arc<dyn Forge>>,
    pub(super) options: Options,
}

impl Bench {
    /// Opens what the flags name. `None` when the config file has faults: they are printed.
    pub(super) async fn open(args: &RunArgs) -> anyhow::Result<Option<Self>> {
        let (began, process) = (Instant::now(), process_environment());
        let bench = match &args.config {
            Some(path) => {
                let reading = of_config(path, args, &process);
                let whole = args.timeout.unwrap_or(Duration::MAX);
                let read = timeout(whole, reading).await;
                read.context("the time of --timeout was over before the source of the CI configuration was read")??
            }
            None => Some(bare(args, process)?),
        };
        Ok(bench.map(|mut bench| {
            let options = &mut bench.options;
            options.appears = args.wait_for_run.unwrap_or(options.appears);
            let whole = args.timeout.map(|whole| whole.saturating_sub(began.elapsed()));
            if whole.is_some() || args.wait_for_run.is_some() {
                *options = options.within(whole.unwrap_or(options.limit + options.last));
            }
            bench
        }))
    }
}

fn bare(args: &RunArgs, process: BTreeMap<String, String>) -> anyhow::Result<Bench> {
    let variables = scope::variables(process)?;
    let given = |flag: &Option<String>, variable: &str| {
        let found = flag.clone().or_else(|| variables.get(variable).cloned());
        found.filter(|text| !text.is_empty())
    };
    let key = given(&args.token, "DATAFOLD_API_KEY")
        .context("no API key is given: set DATAFOLD_API_KEY in the environment or in .env, or pass --token")?;
    let way = Way {
        url: given(&args.url, "DATAFOLD_HOST").unwrap_or_else(|| USUAL.to_owned()),
        token: Secret::new(key),
        organization: None,
        desk: Arc::default(),
        // There is no config file to say it: the command takes it from where it takes the rest.
        network: Network {
            proxy: Proxy::OfTheProcess,
            ..Network::default()
        },
    };
    let gate = Arc::new(Pace::uncounted(Limiter::new(CONCURRENCY, PER_SECOND)));
    let platform = data_diffs::at(way, gate).map_err(wire::failed);
    Ok(Bench {
        target: String::new(),
        config: plain(args.ci_config_id),
        platform: platform.context("DATAFOLD_HOST and DATAFOLD_API_KEY, or --url and --token")?,
        forge: None,
        options: Options::default(),
    })
}

/// The rules where nothing is said: the vendor's.
fn plain(id: i64) -> CiConfig {
    CiConfig {
        name: format!("ci-config-{id}"),
        id: CiConfigId(id),
        repository: Repository(String::new()),
        forge: None,
        data_connection: String::new(),
        files_to_ignore: Vec::new(),
        errors: Consequence::Fails,
        differences: Consequence::Passes,
        key_issues: Consequence::Passes,
        label: Label::Optional,
        base_branch: None,
        diff_threshold: None,
        diffs: None,
        schema: None,
        discovery: None,
        columns_to_ignore: Vec::new(),
    }
}

async fn of_config(path: &Path, args: &RunArgs, process: &BTreeMap<String, String>) -> anyhow::Result<Option<Bench>> {
    let config = match wire::read_config(path, process) {
        Ok(config) => config,
        Err(faults) => {
            diagnostics::say(&faults);
            return Ok(None);
        }
    };
    let found = declared(path, &config, args, process).await?;
    let Some((environment, mut ci_config)) = found else {
        return Ok(None);
    };
    if args.confirmed {
        ci_config.diff_threshold = None;
    }
    let target = wire::one_target(&config, &environment.name)?;
    let forge = forges::of(&ci_config, &config.forges)?;
    let forge = forge.map(forges::open).transpose()?;
    if let Some(forge) = &forge {
        assert_head(forge.as_ref(), &ci_config, args).await?;
    }
    Ok(Some(Bench {
        target: target.name.clone(),
        platform: data_diffs::open(target, Arc::new(Pace::uncounted(instances::limiter(target))))?,
        forge,
        options: pull_requests::options(&config.pull_requests),
        config: ci_config,
    }))
}

/// A commit that is not the head is a fault of the call, as long as nothing was seen of it. A forge that does not say leaves it open: what
/// comes next asks it again.
async fn assert_head(forge: &dyn Forge, config: &CiConfig, args: &RunArgs) -> anyhow::Result<()> {
    let most = args.timeout.map_or(FIRST_LOOK, |whole| FIRST_LOOK.min(whole / 5));
    let look = forge.pull_request(&config.repository, PullRequestNumber(args.pr_num));
    if let Ok(Ok(pull)) = timeout(most, look).await
        && pull.sha != args.pr_sha
    {
        bail!(
            "the head of pull request {} is {}, not {}: pass the head commit (GitHub Actions: github.event.pull_request.head.sha), not \
             the merge commit of a CI system",
            args.pr_num,
            pull.sha,
            args.pr_sha
        );
    }
    Ok(())
}

/// The CI configuration of the wanted number, and the environment that declares it. `None`: there may be one among those that have
/// faults, which are printed.
async fn declared<'a>(
    path: &Path,
    config: &'a Config,
    args: &RunArgs,
    process: &BTreeMap<String, String>,
) -> anyhow::Result<Option<(&'a EnvironmentConfig, CiConfig)>> {
    let (mut found, mut others, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for environment in &config.environments {
        let is_meant = args.environment.as_ref().is_none_or(|name| *name == environment.name);
        if !is_meant || !data_diffs::compares(wire::one_target(config, &environment.name)?) {
            continue;
        }
        let source = wire::source(config, environment)?;
        let values = wire::values(config, &environment.name, process)?;
        let revision = source.head().await?;
        let read = ci_configs::read(&source, &revision, environment, values.as_ref(), datafold::schema()).await?;
        faults.extend(read.faults);
        for ci_config in read.configs {
            match ci_config.id.0 == args.ci_config_id {
                true => found.push((environment, ci_config)),
                false => others.push(format!("{} ({})", ci_config.id.0, ci_config.name)),
            }
        }
    }
    if found.len() > 1 {
        let names: Vec<&str> = found.iter().map(|(environment, _)| environment.name.as_str()).collect();
        bail!(
            "several environments declare a CI configuration {}: say which one with --environment, one of {}",
            args.ci_config_id,
            names.join(", ")
        );
    }
    match found.pop() {
        Some(found) => Ok(Some(found)),
        None if !faults.is_empty() => {
            diagnostics::say(&faults);
            Ok(None)
        }
        None => {
            let known = match others.is_empty() {
                true => "none is declared".to_owned(),
                false => format!("declared are {}", others.join(", ")),
            };
            bail!(
                "no environment of {} declares a CI configuration with `ci_config_id: {}`; {known}",
                path.display(),
                args.ci_config_id
            )
        }
    }
}
