//! `environments`: what is kept live where, and what is allowed there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use driftless_core::field::FieldPath;
use driftless_core::key::Kind;
use driftless_core::policy::{IgnoreRule, Mode, OnAdopt, OnDrift, Policy, Prune, UnknownSecrets};
use driftless_core::substitute::FileFault;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::amount::Interval;
use super::fault::Faults;
use super::guards::GuardsConfig;
use super::section::Item;
use super::windows::{self, WindowConfig};
use super::{KnownPlatform, Texts, word};
use crate::engine::windows::Windows;

/// One item of `environments`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentConfig {
    /// What it is called everywhere. Required, unique; renaming it deletes nothing and starts a new ledger.
    pub name: String,
    /// The source that says what should be. Required.
    pub source: String,
    /// The folder within the source, with `/`. Default: its root.
    #[serde(default)]
    pub path: String,
    /// Folders of the same layout that are merged over `path`, in this order. Default: none.
    #[serde(default)]
    pub overlays: Vec<String>,
    /// The target that is kept like it. Required.
    pub target: String,
    /// Variables of the documents: text by name. They come before those of `env_files` and of the process.
    #[serde(default)]
    pub variables: Texts,
    /// Files in `.env` syntax with more variables; a later file comes before an earlier one. Default: none.
    #[serde(default)]
    pub env_files: Vec<PathBuf>,
    /// Names of variables of the process that documents may use, `*` for any letters: `DB_*`. Default: none.
    #[serde(default)]
    pub env_passthrough: Vec<String>,
    /// Globs of files that documents may name (`${file:/run/secrets/x}`): `*` stays within a folder, `**` does not. Default:
    /// `/run/secrets/**`.
    #[serde(default = "secret_files_default")]
    pub secret_files: Vec<String>,
    /// `secret_files`, made ready.
    #[serde(skip)]
    allowed_files: GlobSet,
    /// Kinds (`checks`) in whose documents `${…}` is replaced; in the others it is text. Default: connections and datastores.
    pub substitute: Option<Vec<String>>,
    /// `substitute`, made ready.
    #[serde(skip)]
    substituted: Option<Vec<Kind>>,
    /// `apply`, or `observe`: nothing is ever written. Default: `apply`.
    #[serde(default = "mode_default", deserialize_with = "mode")]
    pub mode: Mode,
    /// What happens to resources that are live already and were never applied: `apply` or `report`. Default: `apply`.
    #[serde(default = "adopt_default", deserialize_with = "adopt")]
    pub adopt: OnAdopt,
    /// What happens to changes made by hand.
    #[serde(default)]
    pub drift: DriftConfig,
    /// What happens, per kind (`checks`), to what Git no longer has: `off`, `disable` (checks alone) or `delete`. Default: `off` for
    /// all.
    #[serde(default)]
    pub prune: BTreeMap<String, PruneConfig>,
    /// `prune`, made ready.
    #[serde(skip)]
    pruned: BTreeMap<Kind, Prune>,
    /// How much one plan may change before somebody must look.
    #[serde(default)]
    pub guards: GuardsConfig,
    /// When it may be written to. Default: always.
    #[serde(default)]
    pub windows: Vec<WindowConfig>,
    /// `windows`, made ready.
    #[serde(skip)]
    open: Windows,
    /// Fields that are sent on creation and kept as live on update. Default: none.
    #[serde(default)]
    pub ignore: Vec<IgnoreConfig>,
    /// `ignore`, made ready.
    #[serde(skip)]
    rules: Vec<IgnoreRule>,
}

/// `drift` of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DriftConfig {
    /// `correct`: put back to what Git says; `report`: only shown. Default: `correct`.
    #[serde(deserialize_with = "on_drift")]
    pub policy: OnDrift,
    /// How often the platform is read when nothing changed in Git. Default: `10m`.
    pub interval: Interval,
}

impl Default for DriftConfig {
    fn default() -> Self {
        Self {
            policy: OnDrift::Correct,
            interval: Interval(Duration::from_secs(600)),
        }
    }
}

/// `prune` of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PruneConfig(pub Prune);

impl<'de> Deserialize<'de> for PruneConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Word {
            // In YAML 1.1 an unquoted `off` is a boolean.
            Truth(bool),
            Text(String),
        }
        match Word::deserialize(deserializer) {
            Ok(Word::Truth(false)) => Ok(Self(Prune::Off)),
            Ok(Word::Text(text)) if text == "off" => Ok(Self(Prune::Off)),
            Ok(Word::Text(text)) if text == "disable" => Ok(Self(Prune::Disable)),
            Ok(Word::Text(text)) if text == "delete" => Ok(Self(Prune::Delete)),
            Ok(_) | Err(_) => Err(Error::custom("should be `off`, `disable` or `delete`")),
        }
    }
}

/// One item of `ignore`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IgnoreConfig {
    /// Only resources of this kind (`check`). Default: all.
    pub kind: Option<String>,
    /// Only resources of these keys, a glob without the kind: `*` stays within a name, `**` does not. Default: all.
    pub key: Option<String>,
    /// Dotted paths of the fields, with all below them. Required, not empty.
    pub fields: Vec<String>,
}

impl EnvironmentConfig {
    /// What the planner is told of it.
    pub fn policy(&self) -> Policy {
        Policy {
            mode: self.mode,
            drift: self.drift.policy,
            adopt: self.adopt,
            unknown_secrets: UnknownSecrets::Send,
            ignore: self.rules.clone(),
            guards: self.guards.guards(),
            prune: self.pruned.clone(),
        }
    }

    /// When it may be written to.
    pub fn windows(&self) -> Windows {
        self.open.clone()
    }

    /// The kinds in whose documents placeholders are replaced; `None`: those that the platform's table names.
    pub(super) fn substituted_kinds(&self) -> Option<Vec<Kind>> {
        self.substituted.clone()
    }

    /// Whether documents may name the file at `path`.
    pub(super) fn allows_file(&self, path: &str) -> Result<(), FileFault> {
        match self.allowed_files.is_match(path) {
            true => Ok(()),
            false => Err(FileFault::NotAllowed {
                key: format!("`secret_files` of the environment `{}` in the config file", self.name),
            }),
        }
    }
}

fn mode_default() -> Mode {
    Mode::Apply
}

fn adopt_default() -> OnAdopt {
    OnAdopt::Apply
}

/// Where container engines mount secrets.
fn secret_files_default() -> Vec<String> {
    vec!["/run/secrets/**".to_owned()]
}

fn mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Mode, D::Error> {
    Ok(match word::of(deserializer, &["apply", "observe"])? {
        "observe" => Mode::Observe,
        _ => Mode::Apply,
    })
}

fn adopt<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OnAdopt, D::Error> {
    Ok(match word::of(deserializer, &["apply", "report"])? {
        "report" => OnAdopt::Report,
        _ => OnAdopt::Apply,
    })
}

fn on_drift<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OnDrift, D::Error> {
    Ok(match word::of(deserializer, &["correct", "report"])? {
        "report" => OnDrift::Report,
        _ => OnDrift::Correct,
    })
}

/// What serde cannot say; makes paths count from `folder` and rules ready.
pub(super) fn check(
    item: &mut Item<'_, EnvironmentConfig>,
    folder: &Path,
    platforms: &BTreeMap<String, &KnownPlatform>,
    faults: &mut Faults,
) {
    for file in &mut item.value.env_files {
        *file = folder.join(&file);
    }
    check_folders(item, faults);
    check_variables(item, faults);
    let platform = platforms.get(&item.value.target).copied();
    item.value.pruned = pruned(item, platform, faults);
    item.value.allowed_files = secret_files(item, faults);
    item.value.substituted = substituted(item, platform, faults);
    item.value.rules = rules(item, platform, faults);
    item.value.open = windows::windows(item, faults);
}

/// Folders as the source has them: without `/` at either end, the root as nothing.
fn check_folders(item: &mut Item<'_, EnvironmentConfig>, faults: &mut Faults) {
    let overlays_at = item.items_at("overlays");
    let path_at = item.at(&["path"]);
    let label = item.label.clone();
    let environment = &mut item.value;
    let paths = std::iter::once((&mut environment.path, path_at, "path")).chain(
        environment
            .overlays
            .iter_mut()
            .zip(overlays_at)
            .map(|(overlay, at)| (overlay, at, "overlays")),
    );
    for (path, at, key) in paths {
        match clean(path) {
            Some(cleaned) => *path = cleaned,
            None => faults.add(
                at,
                "bad_value",
                format!("`{label}.{key}` leads out of the source"),
                Some("write a path from the source's root, without `..` and without a `/` in front".to_owned()),
            ),
        }
    }
}

fn clean(path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains('\\') {
        return None;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    (!parts.contains(&"..")).then(|| parts.join("/"))
}

fn check_variables(item: &Item<'_, EnvironmentConfig>, faults: &mut Faults) {
    for name in item.value.variables.0.keys() {
        if !super::dotenv::is_name(name) {
            let message = format!("`{}.variables`: `{name}` is no name of a variable", item.label);
            let help = "use letters, digits and `_`, not beginning with a digit".to_owned();
            faults.add(item.key_at(&["variables", name]), "bad_name", message, Some(help));
        }
    }
}

/// `prune` by kind; a kind that the platform does not archive cannot be disabled.
fn pruned(
    item: &Item<'_, EnvironmentConfig>,
    platform: Option<&KnownPlatform>,
    faults: &mut Faults,
) -> BTreeMap<Kind, Prune> {
    let mut pruned = BTreeMap::new();
    let Some(platform) = platform else {
        return pruned;
    };
    for (word, PruneConfig(prune)) in &item.value.prune {
        let Some((kind, _)) = platform.kinds.iter().find(|(_, known)| known == word) else {
            let known: Vec<&str> = platform.kinds.iter().map(|(_, word)| *word).collect();
            let at = item.key_at(&["prune", word]);
            let message = format!("`{}.prune`: `{word}` is no kind of {}", item.label, platform.name);
            faults.unknown_name(at, "unknown_kind", message, word, &known);
            continue;
        };
        if *prune == Prune::Disable && !platform.archived.contains(kind) {
            let message = format!(
                "`{}.prune.{word}`: `disable` archives, and {} does not archive {word}",
                item.label, platform.name
            );
            let help = "write `off`, and what Git no longer has is listed as orphaned, or `delete`".to_owned();
            faults.add(item.at(&["prune", word]), "bad_value", message, Some(help));
        }
        pruned.insert(*kind, *prune);
    }
    pruned
}

fn secret_files(item: &Item<'_, EnvironmentConfig>, faults: &mut Faults) -> GlobSet {
    let mut allowed = GlobSetBuilder::new();
    // The default has no place in the file, and no fault.
    let places = item.items_at("secret_files").into_iter().map(Some);
    for (text, at) in item
        .value
        .secret_files
        .iter()
        .zip(places.chain(std::iter::repeat(None)))
    {
        match GlobBuilder::new(text).literal_separator(true).build() {
            Ok(glob) if text.starts_with('/') => {
                allowed.add(glob);
            }
            Ok(_) | Err(_) => faults.add(
                at.unwrap_or_else(|| item.at(&["secret_files"])),
                "bad_value",
                format!("`{}.secret_files`: this is no glob of a path from the root", item.label),
                Some("begin it with `/`; `*` stays within a folder, `**` does not; close every `[` and `{`".to_owned()),
            ),
        }
    }
    allowed.build().unwrap_or_default()
}

fn substituted(
    item: &Item<'_, EnvironmentConfig>,
    platform: Option<&KnownPlatform>,
    faults: &mut Faults,
) -> Option<Vec<Kind>> {
    let platform = platform?;
    let mut kinds = Vec::new();
    for (word, at) in item.value.substitute.as_ref()?.iter().zip(item.items_at("substitute")) {
        match platform.kinds.iter().find(|(_, known)| known == word) {
            Some((kind, _)) => kinds.push(*kind),
            None => {
                let known: Vec<&str> = platform.kinds.iter().map(|(_, word)| *word).collect();
                let message = format!("`{}.substitute`: `{word}` is no kind of {}", item.label, platform.name);
                faults.unknown_name(at, "unknown_kind", message, word, &known);
            }
        }
    }
    Some(kinds)
}

fn rules(item: &Item<'_, EnvironmentConfig>, platform: Option<&KnownPlatform>, faults: &mut Faults) -> Vec<IgnoreRule> {
    if !item.is_sound(&["ignore"]) {
        return Vec::new();
    }
    let mut rules = Vec::new();
    for (rule, at) in item.value.ignore.iter().zip(item.items_at("ignore")) {
        if rule.fields.is_empty() || rule.fields.iter().any(String::is_empty) {
            let help = "name the fields that are left as they are live: `fields: [tags]`".to_owned();
            faults.add(
                at,
                "bad_value",
                format!("`{}.ignore` names no field", item.label),
                Some(help),
            );
        }
        let mut kind = None;
        if let (Some(word), Some(platform)) = (&rule.kind, platform) {
            kind = platform.kinds.iter().map(|(kind, _)| *kind).find(|kind| kind.0 == word);
            if kind.is_none() {
                let known: Vec<&str> = platform.kinds.iter().map(|(kind, _)| kind.0).collect();
                let message = format!("`{}.ignore`: `{word}` is no kind of {}", item.label, platform.name);
                faults.unknown_name(at, "unknown_kind", message, word, &known);
            }
        }
        let fields = rule.fields.iter().map(|field| FieldPath::shown(field)).collect();
        match IgnoreRule::new(kind, rule.key.as_deref(), fields) {
            Ok(rule) => rules.push(rule),
            Err(_) => {
                let help = "`*` stays within a name, `**` does not; close every `[` and `{`".to_owned();
                faults.add(
                    at,
                    "bad_value",
                    format!("`{}.ignore`: `key` is no glob", item.label),
                    Some(help),
                );
            }
        }
    }
    rules
}
