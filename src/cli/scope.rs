//! What a one-off command works on: a folder and an instance given by flags and the environment, or an environment of a config
//! file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use driftless_core::diagnostic::Diagnostic;
use driftless_core::key::Kind;
use driftless_core::policy::{self, Policy, UnknownSecrets};
use driftless_core::report::{Failure, Meaning};
use driftless_core::schema::{Archiving, KindSpec, Schema};
use driftless_core::substitute::Variables;
use driftless_core::value::Secret;

use super::platforms::{self, BuiltIn, PLATFORMS, Way};
use super::wire::{self, Access};
use super::{diagnostics, instances, process_environment};
use crate::config::{dotenv, secret_file};
use crate::engine::pace::{CONCURRENCY, Limiter, PER_SECOND, Pace};
use crate::engine::reconcile::{Environment, Memory};
use crate::engine::windows::Windows;
use crate::platform::Gate;
use crate::platform::http::{Network, Proxy};
use crate::source::layers::LayeredSource;
use crate::variables::Values;

#[derive(Debug, Args)]
pub(crate) struct ScopeArgs {
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,

    /// The folder of desired state: the root, its `datastores` folder, or the folder of one datastore.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub(crate) input: Option<PathBuf>,

    /// A folder of the same layout that is merged over the input; may be given several times.
    #[arg(long = "overlay", value_name = "DIR", requires = "input")]
    pub(crate) overlays: Vec<PathBuf>,

    /// A ledger to keep: without one every difference is two-way, and secrets of what exists are left alone.
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    pub(crate) store: Option<String>,

    /// What happens to the secrets of resources that exist and that no ledger knows.
    #[arg(long, value_enum, conflicts_with = "config")]
    pub(crate) secrets: Option<Secrets>,

    /// What happens to resources that the ledger owns and Git no longer has, of every kind: in place of the config file's `prune`.
    #[arg(long, value_enum)]
    pub(crate) prune: Option<Prune>,
}

/// The flags that name an instance.
#[derive(Debug, Args)]
pub(crate) struct InstanceArgs {
    /// The config file; with `--environment`, in place of the flags below.
    #[arg(long, value_name = "FILE", requires = "environment", conflicts_with_all = ["url", "token", "platform"])]
    pub(crate) config: Option<PathBuf>,

    /// The environment of the config file.
    #[arg(long, value_name = "NAME", requires = "config")]
    pub(crate) environment: Option<String>,

    /// The platform of the instance.
    #[arg(long, value_name = "NAME", value_parser = platform(), default_value = PLATFORMS[0].name())]
    pub(crate) platform: &'static BuiltIn,

    /// The instance; QUALYTICS_URL stands in for it, for Datafold DATAFOLD_HOST.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// The token; QUALYTICS_TOKEN stands in for it (for Datafold's API key DATAFOLD_API_KEY), and is the better place: others can
    /// see a command's flags.
    #[arg(long, value_name = "TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// The kinds that count: connections, datastores, containers, computed_fields, checks; for Datafold data_sources, monitors,
    /// ci_configs.
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    pub(crate) include: Vec<String>,
}

/// Reads the name of a platform of this build.
pub(crate) fn platform() -> impl TypedValueParser<Value = &'static BuiltIn> {
    PossibleValuesParser::new(platforms::names())
        .try_map(|name| platforms::named(&name).ok_or_else(|| format!("there is no platform `{name}`")))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Secrets {
    /// Leave them alone, and say so.
    Keep,
    /// Send them.
    Send,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Prune {
    /// They stay, and are listed as orphaned.
    Off,
    /// Checks are archived; other kinds, which cannot be, stay.
    Disable,
    /// They are deleted, with all that hangs on them.
    Delete,
}

impl Prune {
    /// What that means for each kind.
    fn policy(self, schema: &dyn Schema) -> BTreeMap<Kind, policy::Prune> {
        let of = |spec: &KindSpec| match (self, spec.archiving) {
            (Prune::Off, _) | (Prune::Disable, Archiving::Impossible) => policy::Prune::Off,
            (Prune::Disable, Archiving::Possible) => policy::Prune::Disable,
            (Prune::Delete, _) => policy::Prune::Delete,
        };
        schema.kinds().iter().map(|spec| (spec.kind, of(spec))).collect()
    }
}

/// An environment to work on.
pub(crate) struct Scope {
    pub(crate) environment: Environment,
}

/// An instance alone.
pub(crate) struct Instance {
    pub(crate) platform: &'static BuiltIn,
    way: Way,
    gate: Arc<dyn Gate>,
    /// The target that the config file names; `None`: flags and variables name the instance.
    target: Option<String>,
    pub(crate) left_out: Vec<Kind>,
    /// What placeholders in files stand for.
    pub(crate) variables: Arc<dyn Values>,
}

impl Scope {
    /// Opens what the flags name. `None` when the config file has faults: they are printed.
    pub(crate) async fn open(args: &ScopeArgs, access: Access) -> anyhow::Result<Option<Self>> {
        let process = process_environment();
        if let (Some(config), Some(name)) = (&args.instance.config, &args.instance.environment) {
            return Self::of_config(config, name, args, access, process).await;
        }
        let Some(input) = &args.input else {
            bail!("nothing says what is desired: pass --input DIR, or --config FILE --environment NAME");
        };
        let variables = variables(process)?;
        let instance = Instance::bare(&args.instance, variables)?;
        let platform = instance.made(instance.platform.open)?;
        let Instance {
            left_out, variables, ..
        } = instance;
        let source = LayeredSource::open(input, &args.overlays)?;
        let (folder, overlays) = source.folders();
        let memory = match &args.store {
            Some(url) => {
                let store = wire::store_for(access, url).await?;
                Some(Memory::new(store, None, platform.target()))
            }
            None => None,
        };
        let unknown_secrets = match (args.secrets, &memory) {
            (Some(Secrets::Send), _) | (None, Some(_)) => UnknownSecrets::Send,
            (Some(Secrets::Keep), _) | (None, None) => UnknownSecrets::Keep,
        };
        let prune = args.prune.map(|prune| prune.policy(platform.schema()));
        if args.prune.is_some_and(|prune| prune != Prune::Off) && memory.is_none() {
            bail!(
                "--prune needs a ledger, since only what driftless has applied is pruned: pass --store URL, or --config FILE \
                 --environment NAME; nothing was written"
            );
        }
        let environment = Environment {
            name: None,
            source: Arc::new(source),
            platform,
            memory,
            folder,
            overlays,
            variables,
            left_out,
            policy: Policy {
                unknown_secrets,
                prune: prune.unwrap_or_default(),
                ..Policy::default()
            },
            windows: Windows::default(),
            neighbours: Vec::new(),
            branch: None,
        };
        Ok(Some(Self { environment }))
    }

    async fn of_config(
        path: &std::path::Path,
        name: &str,
        args: &ScopeArgs,
        access: Access,
        process: BTreeMap<String, String>,
    ) -> anyhow::Result<Option<Self>> {
        let config = match wire::read_config(path, &process) {
            Ok(config) => config,
            Err(faults) => {
                diagnostics::say(&faults);
                return Ok(None);
            }
        };
        let mut environment = wire::one_environment(&config, name, access, &process).await?;
        environment.left_out = left_out(&args.instance.include, environment.platform.schema())?;
        if let Some(prune) = args.prune {
            environment.policy.prune = prune.policy(environment.platform.schema());
        }
        Ok(Some(Self { environment }))
    }
}

impl Instance {
    /// The instance that the flags name, for `export`. `None` when the config file has faults: they are printed.
    pub(crate) async fn open(args: &InstanceArgs) -> anyhow::Result<Option<Self>> {
        let process = process_environment();
        if let (Some(path), Some(name)) = (&args.config, &args.environment) {
            let config = match wire::read_config(path, &process) {
                Ok(config) => config,
                Err(faults) => {
                    diagnostics::say(&faults);
                    return Ok(None);
                }
            };
            let target = wire::one_target(&config, name)?;
            let platform = instances::platform(target)?;
            return Ok(Some(Self {
                platform,
                way: instances::way(target)?,
                gate: Arc::new(Pace::uncounted(instances::limiter(target))),
                target: Some(instances::named(target)),
                left_out: left_out(&args.include, (platform.schema)())?,
                variables: wire::values(&config, name, &process)?,
            }));
        }
        Self::bare(args, variables(process)?).map(Some)
    }

    fn bare(args: &InstanceArgs, variables: BTreeMap<String, String>) -> anyhow::Result<Self> {
        let platform = args.platform;
        let given = |flag: &Option<String>, variable: &str, option: &str, what: &str| {
            flag.clone()
                .or_else(|| variables.get(variable).cloned())
                .filter(|text| !text.is_empty())
                .with_context(|| {
                    format!("no {what} is given: set {variable} in the environment or in .env, or pass {option}")
                })
        };
        let url = given(&args.url, platform.url_variable, "--url", "instance")?;
        let token = Secret::new(given(&args.token, platform.token_variable, "--token", "token")?);
        // An instance's own token is nobody's description, whichever instance this is about.
        let own = platforms::PLATFORMS.iter();
        let own = own.flat_map(|platform| [platform.url_variable, platform.token_variable]);
        let sensitive = own.map(str::to_owned).collect();
        Ok(Self {
            platform,
            way: Way {
                url,
                token,
                organization: None,
                // There is no config file to say it: the command takes it from where it takes the rest.
                network: Network {
                    proxy: Proxy::OfTheProcess,
                    ..Network::default()
                },
                desk: Arc::default(),
            },
            gate: Arc::new(Pace::uncounted(Limiter::new(CONCURRENCY, PER_SECOND))),
            target: None,
            left_out: left_out(&args.include, (platform.schema)())?,
            variables: Arc::new(BareValues {
                variables: Variables::new(variables, sensitive),
            }),
        })
    }

    /// Makes an adapter of the instance; nothing is sent.
    pub(crate) fn made<T>(&self, make: impl FnOnce(Way, Arc<dyn Gate>) -> Result<T, Failure>) -> anyhow::Result<T> {
        make(self.way.clone(), self.gate.clone()).map_err(|failure| {
            let place = match (&self.target, failure.meaning) {
                (Some(target), _) => target.clone(),
                (None, Meaning::Unauthorized) => format!("{} or --token", self.platform.token_variable),
                (None, _) => format!("{} or --url", self.platform.url_variable),
            };
            wire::failed(failure).context(place)
        })
    }
}

/// The values of a bare instance: whoever types the command may read what the command can read.
pub(crate) struct BareValues {
    pub(crate) variables: Variables,
}

impl Values for BareValues {
    fn read(&self, files: &BTreeSet<String>) -> Result<Variables, Vec<Diagnostic>> {
        let files = secret_file::read_all(files, |_| Ok(()));
        Ok(self.variables.clone().with_files(files))
    }
}

/// The process's variables over those of a `.env` file in the working directory.
pub(crate) fn variables(process: BTreeMap<String, String>) -> anyhow::Result<BTreeMap<String, String>> {
    let mut variables = match std::fs::read(".env") {
        Ok(bytes) => dotenv::parse(".env", &bytes).map_err(|found| wire::faults(&found))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(error).context("cannot read .env in the working directory"),
    };
    variables.extend(process);
    Ok(variables)
}

/// The kinds that an `--include` list leaves out.
pub(crate) fn left_out(include: &[String], schema: &dyn Schema) -> anyhow::Result<Vec<Kind>> {
    let kinds = schema.kinds();
    for word in include {
        if !kinds.iter().any(|spec| spec.include == word.trim()) {
            let known: Vec<_> = kinds.iter().map(|spec| spec.include).collect();
            let (platform, known) = (schema.platform(), known.join(", "));
            bail!("--include does not know `{word}`: for {platform} it takes {known}");
        }
    }
    let left_out = kinds
        .iter()
        .filter(|spec| !include.is_empty() && !include.iter().any(|w| w.trim() == spec.include));
    Ok(left_out.map(|spec| spec.kind).collect())
}
