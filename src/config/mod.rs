//! The config file: one YAML text to typed sections, every fault at once and with its place.
//!
//! The reader touches nothing but its arguments: the process environment comes in as a map. A relative path in the file counts
//! from the folder of the file (the store's from the working directory, as everywhere).

mod amount;
mod auth;
mod check;
pub mod dotenv;
mod environment;
mod fault;
mod forge;
mod guards;
mod network;
mod pem;
mod pull_requests;
mod schema;
mod secret;
pub mod secret_file;
mod section;
mod server;
mod source;
mod store;
mod substitute;
mod target;
mod tree;
mod variables;
mod webhook;
mod windows;
mod word;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use driftless_core::diagnostic::{Diagnostic, Severity};
use driftless_core::key::Kind;
use driftless_core::schema::{Archiving, KindSpec, Schema};
use driftless_core::substitute::FileFault;
use driftless_core::value::{SECRET_TEXT, Secret};
use driftless_core::yaml::{self, Data, Node};

pub use self::amount::{Cron, Interval, Share};
pub use self::auth::Auth;
pub use self::environment::{DriftConfig, EnvironmentConfig, IgnoreConfig, PruneConfig};
pub use self::forge::{ForgeConfig, ForgeProvider};
pub use self::guards::GuardsConfig;
pub use self::network::{ClientCertificate, ProxyConfig, TimeoutsConfig};
pub use self::pem::{PemFault, authorities};
pub use self::pull_requests::{OnConfirmation, PollConfig, PullRequestsConfig};
pub use self::schema::json_schema;
pub use self::server::ServerConfig;
pub use self::source::{ForcePush, SourceConfig, VerifyConfig, VerifyMode};
pub use self::store::StoreConfig;
pub use self::target::{LimitsConfig, TargetConfig};
pub use self::variables::{EnvironmentValues, Texts};
pub use self::webhook::{Provider, WebhookConfig};
pub use self::windows::WindowConfig;

use self::fault::Faults;
use self::section::Item;
use crate::source::signers::Signers;

/// The config file, checked: every name in it that points at something points at something that is there.
#[derive(Clone, Debug)]
pub struct Config {
    /// `server`: the listener and its token.
    pub server: ServerConfig,
    /// `store`: where the ledger and the history are kept.
    pub store: StoreConfig,
    /// `sources`: repositories that are watched.
    pub sources: Vec<SourceConfig>,
    /// `targets`: instances of platforms.
    pub targets: Vec<TargetConfig>,
    /// `environments`: what is kept live where. The order decides who owns what two of them declare.
    pub environments: Vec<EnvironmentConfig>,
    /// `forges`: where pull requests live.
    pub forges: Vec<ForgeConfig>,
    /// `pull_requests`: how patiently their data diffs are orchestrated.
    pub pull_requests: PullRequestsConfig,
    /// `webhooks`: deliveries that make a source, or a pull request, be looked at.
    pub webhooks: Vec<WebhookConfig>,
    /// Names of variables that are used in a target, a forge, in credentials or in a webhook: an error in ordinary fields of documents.
    pub sensitive: BTreeSet<String>,
}

/// A platform that this build has, as far as the config file names it.
#[derive(Clone, Debug)]
pub struct KnownPlatform {
    /// Its name: `qualytics`.
    pub name: &'static str,
    /// Its kinds, each with its word in `prune` and `--include`: `check`, `checks`.
    pub kinds: Vec<(Kind, &'static str)>,
    /// Those of them that it can archive: `prune` may say `disable` of them.
    pub archived: Vec<Kind>,
    /// What stands at one address.
    pub tenancy: Tenancy,
}

/// What stands at one address of a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenancy {
    /// One instance.
    One,
    /// Several organizations: the token says which is meant.
    Organizations,
}

impl KnownPlatform {
    /// What `schema` says of itself.
    pub fn of(schema: &dyn Schema, tenancy: Tenancy) -> Self {
        let archives = |spec: &&KindSpec| spec.archiving == Archiving::Possible;
        Self {
            archived: schema.kinds().iter().filter(archives).map(|spec| spec.kind).collect(),
            name: schema.platform(),
            kinds: schema.kinds().iter().map(|spec| (spec.kind, spec.include)).collect(),
            tenancy,
        }
    }
}

/// What the config file is read with.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The folder that relative paths of the file count from.
    pub folder: &'a Path,
    /// The environment of the process.
    pub process: &'a BTreeMap<String, String>,
    /// The platforms of this build.
    pub platforms: &'a [KnownPlatform],
    /// Reads a file that the text names as a secret: `${file:/run/secrets/x}`.
    pub secret_file: fn(&str) -> Result<Secret, FileFault>,
    /// Tells what is wrong with a file or folder of the keys of those who may sign.
    pub signers: fn(&Path) -> Result<(), String>,
    /// Tells what is wrong with a file of certificate authorities.
    pub authorities: fn(&Path) -> Result<(), PemFault>,
}

/// Reads the config file at `path`.
///
/// # Errors
/// All faults of the file, in the order of their places.
pub fn load(
    path: &Path,
    process: &BTreeMap<String, String>,
    platforms: &[KnownPlatform],
) -> Result<Config, Vec<Diagnostic>> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| {
        let fault = Diagnostic::error(
            "config_unreadable",
            format!("the config file `{name}` cannot be read: {error}"),
        );
        vec![fault.help("name it with `--config FILE`, and give the user that runs driftless read access")]
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let around = Surroundings {
        folder,
        process,
        platforms,
        secret_file: secret_file::read,
        signers: |path| Signers::read(&[path.to_owned()]).map(|_| ()),
        authorities,
    };
    read(&name, &bytes, &around)
}

/// Reads the text of a config file; `name` is the file's name in faults.
///
/// # Errors
/// All faults of the text, in the order of their places. None of them quotes a credential.
pub fn read(name: &str, bytes: &[u8], around: &Surroundings<'_>) -> Result<Config, Vec<Diagnostic>> {
    let mut faults = Faults::new(Arc::from(name));
    let parsed = yaml::parse(bytes);
    for fault in &parsed.faults {
        // In a file that decides what is written where, a key that hides another one is no warning.
        if fault.severity == Severity::Error || fault.code == DUPLICATE_KEY {
            faults.add(fault.at, fault.code, fault.message.clone(), fault.help.clone());
        }
    }
    let Some(root) = parsed.root else {
        if faults.is_empty() {
            faults.add(
                yaml::Mark { line: 1, column: 1 },
                "config_empty",
                "the config file is empty".to_owned(),
                Some("begin with `sources:`, `targets:` and `environments:`".to_owned()),
            );
        }
        return Err(faults.finish());
    };
    let substituted = substitute::node(&root, around, &mut faults);
    let variables = substituted.sensitive.iter().filter_map(|name| around.process.get(name));
    let files = substituted.files.values().flatten().map(Secret::expose);
    let secrets: Vec<&str> = variables.map(String::as_str).chain(files).collect();
    let config = sections(&substituted.root, substituted.sensitive.clone(), around, &mut faults);
    match config {
        Some(config) if faults.is_empty() => Ok(config),
        // A token in the wrong place can end up in a message that quotes a name.
        _ => Err(faults
            .finish()
            .into_iter()
            .map(|fault| without(fault, &secrets))
            .collect()),
    }
}

/// Shorter values are no credentials, and taking them out would garble the message.
const SHORTEST_SECRET: usize = 6;

fn without(mut fault: Diagnostic, secrets: &[&str]) -> Diagnostic {
    for secret in secrets.iter().map(|secret| secret.trim()) {
        if secret.len() >= SHORTEST_SECRET {
            fault.message = fault.message.replace(secret, SECRET_TEXT);
            fault.help = fault.help.map(|help| help.replace(secret, SECRET_TEXT));
        }
    }
    fault
}

/// The reader's word for a key that is there twice.
const DUPLICATE_KEY: &str = "yaml_duplicate_key";

const KEYS: [&str; 9] = [
    "server",
    "store",
    "sources",
    "targets",
    "environments",
    "forges",
    "pull_requests",
    "webhooks",
    "notifications",
];

fn sections(
    root: &Node,
    sensitive: BTreeSet<String>,
    around: &Surroundings<'_>,
    faults: &mut Faults,
) -> Option<Config> {
    let Data::Map(entries) = &root.data else {
        let help = "begin with `sources:`, `targets:` and `environments:`".to_owned();
        faults.add(
            root.at,
            "wrong_type",
            "the config file should be a map of sections".to_owned(),
            Some(help),
        );
        return None;
    };
    for entry in entries {
        if !KEYS.contains(&entry.key.as_str()) {
            faults.unknown_key(entry.at, &entry.key, "", &KEYS);
        }
    }
    let server = section::one::<ServerConfig>(root, "server", faults);
    let store = section::one::<StoreConfig>(root, "store", faults);
    let mut sources = section::each::<SourceConfig>(root, "sources", faults);
    let mut targets = section::each::<TargetConfig>(root, "targets", faults);
    let mut environments = section::each::<EnvironmentConfig>(root, "environments", faults);
    let mut forges = section::each::<ForgeConfig>(root, "forges", faults);
    let pull_requests = section::one::<PullRequestsConfig>(root, "pull_requests", faults);
    let webhooks = section::each::<WebhookConfig>(root, "webhooks", faults);

    for item in &mut sources {
        source::check(item, around, faults);
    }
    for item in &mut targets {
        target::check(item, around, faults);
    }
    let platforms = target::platforms(&targets, around.platforms);
    for item in &mut environments {
        environment::check(item, around.folder, &platforms, faults);
    }
    for item in &mut forges {
        forge::check(item, around, faults);
    }
    pull_requests::check(pull_requests.as_ref(), faults);
    let known = webhook::forges(&forges);
    for item in &webhooks {
        webhook::check(item, &known, faults);
    }
    check::names(root, faults);
    check::notifications(root, faults);
    server::check(server.as_ref(), faults);
    store::check(store.as_ref(), faults);
    Some(Config {
        server: server?.value,
        store: store?.value,
        sources: values(sources),
        targets: values(targets),
        environments: values(environments),
        forges: values(forges),
        pull_requests: pull_requests?.value,
        webhooks: values(webhooks),
        sensitive,
    })
}

fn values<T>(items: Vec<Item<'_, T>>) -> Vec<T> {
    items.into_iter().map(|item| item.value).collect()
}

#[cfg(test)]
mod tests;
