//! What a plan means for the Qualytics kinds, one rule a folder of `tests/cases/`: files, an instance, a ledger and a policy in;
//! the plan's text and the diagnostics out. Nothing but values: no instance, no Git, no store.
//!
//! A folder holds
//!
//! - `desired/**`: the source, its root being the environment's folder unless `policy.yaml` says otherwise;
//! - `live.json`: `resources` (by key: `id`, `spec` in the words of the API, or `as_git: true`, with `but` over it, or `as_git_of`
//!   another key; `archived`, `inferred`), `made_by_hand` (checks without an id of ours, with the `key` that they would get), `tables`
//!   (key: id), `tags` and `teams` (names; not said: they could not be listed), `gaps`. Absent: an empty instance;
//! - `ledger.json`: by key `spec`, or `as_git: true`, with `but` over it; `secrets` that were sent; `protected`. Absent: an empty ledger;
//!   `null`: none at all, as on a bare instance;
//! - `policy.yaml`: `mode`, `drift`, `adopt`, `secrets`, `ignore`, `prune`, and `path`, `overlays`, `variables`, `sensitive`, `files`
//!   (by path what they hold; `null` for one that the environment does not allow), `substitute`, `left_out`. Absent: the
//!   defaults;
//! - `plan.txt` and `diagnostics.txt`: what is expected. `DRIFTLESS_BLESS=1` writes them anew.
//!
//! A folder with `desired/**` and `validate.txt` is one of files alone: what `validate` says of them, a line a fault. (An empty
//! `validate.txt` makes a new one, and `DRIFTLESS_BLESS=1` fills it.)
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop")]
#![expect(clippy::disallowed_methods, reason = "a test has its own environment")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use driftless::codec::map_from_json;
use driftless::platform::qualytics::kinds::{TAG, TEAM};
use driftless::platform::qualytics::schema;
use driftless_core::diagnostic::{Diagnostic, Severity};
use driftless_core::field::FieldPath;
use driftless_core::guard::Circumstances;
use driftless_core::key::{Key, Kind, RemoteId, Revision};
use driftless_core::ledger::{FingerprintKey, Ledger, LedgerEntry};
use driftless_core::load::{Layers, load};
use driftless_core::normalize::normalize;
use driftless_core::offline::offline;
use driftless_core::planner::{Inputs, plan};
use driftless_core::policy::{IgnoreRule, Mode, OnAdopt, OnDrift, Policy, Prune, UnknownSecrets};
use driftless_core::render;
use driftless_core::schema::{Schema as _, Side};
use driftless_core::snapshot::{Authorship, Desired, Gap, GapReason, Live, LiveResource, Presence};
use driftless_core::substitute::{FileFault, Secrets, Variables};
use driftless_core::tree::{Content, File, Tree};
use driftless_core::value::{Map, Secret, Value};
use driftless_core::yaml;
use serde::Deserialize;
use serde_json::Value as Json;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LiveFile {
    resources: BTreeMap<String, LiveEntry>,
    made_by_hand: Vec<HandMade>,
    tables: BTreeMap<String, i64>,
    tags: Option<Vec<String>>,
    teams: Option<Vec<String>>,
    gaps: Vec<GapEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LiveEntry {
    id: i64,
    #[serde(flatten)]
    content: Spec,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    inferred: bool,
}

#[derive(Deserialize)]
struct HandMade {
    key: String,
    id: i64,
    spec: Json,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GapEntry {
    kind: String,
    below: Option<String>,
    message: String,
}

/// A spec said in full, or by what Git says with something over it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    spec: Option<Json>,
    as_git: bool,
    as_git_of: Option<String>,
    but: serde_json::Map<String, Json>,
    without: Vec<String>,
}

#[derive(Deserialize)]
struct Agreed {
    #[serde(flatten)]
    content: Spec,
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    id: Option<i64>,
    #[serde(default)]
    protected: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PolicyFile {
    mode: Option<String>,
    drift: Option<String>,
    adopt: Option<String>,
    secrets: Option<String>,
    ignore: Vec<Ignore>,
    prune: BTreeMap<String, String>,
    path: String,
    overlays: Vec<String>,
    variables: BTreeMap<String, String>,
    sensitive: BTreeSet<String>,
    files: BTreeMap<String, Option<String>>,
    substitute: Option<Vec<String>>,
    left_out: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ignore {
    kind: Option<String>,
    key: Option<String>,
    fields: Vec<String>,
}

fn key(text: &str) -> Key {
    schema().key(text).unwrap_or_else(|| panic!("`{text}` is no key"))
}

fn kind(name: &str) -> Kind {
    let found = schema()
        .kinds()
        .iter()
        .find(|spec| spec.kind.0 == name || spec.include == name);
    found.unwrap_or_else(|| panic!("there is no kind `{name}`")).kind
}

impl Spec {
    fn read(&self, key: &Key, side: Side, desired: &Desired) -> Map {
        let mut spec = match (&self.spec, self.as_git || self.as_git_of.is_some()) {
            (Some(spec), false) => map_from_json(spec.as_object().expect("a spec is a map")),
            (None, true) => {
                let of = self.as_git_of.as_deref().map_or_else(|| key.clone(), self::key);
                let document = desired.documents.get(&of);
                document.unwrap_or_else(|| panic!("Git has no {key}")).spec.clone()
            }
            _ => panic!("{key}: either `spec` or `as_git`"),
        };
        spec.retain(|_, value| !matches!(value, Value::Secret(_)));
        for (field, value) in map_from_json(&self.but) {
            spec.insert(field, value);
        }
        for field in &self.without {
            spec.shift_remove(field);
        }
        normalize(schema(), key.kind, side, spec)
    }
}

impl PolicyFile {
    fn variables(&self) -> Variables {
        let refused = || FileFault::NotAllowed {
            key: "`secret_files` of the environment `prod` in the config file".to_owned(),
        };
        let files = self.files.iter().map(|(path, content)| {
            let content = content.as_deref().map(Secret::new);
            (path.clone(), content.ok_or_else(refused))
        });
        let variables = Variables::new(self.variables.clone(), self.sensitive.clone()).with_files(files.collect());
        match &self.substitute {
            Some(words) => variables.in_kinds(words.iter().map(|word| kind(word)).collect()),
            None => variables,
        }
    }
}

impl LiveFile {
    fn read(&self, desired: &Desired) -> Live {
        let resource = |id: i64, spec: Map| LiveResource {
            id: RemoteId(id),
            spec,
            base: None,
            presence: Presence::Active,
            authorship: Authorship::Authored,
            unread: Vec::new(),
            edited: None,
        };
        let mut live = Live::default();
        for (text, entry) in &self.resources {
            let key = key(text);
            let mut found = resource(entry.id, entry.content.read(&key, Side::Live, desired));
            if entry.archived {
                found.presence = Presence::Archived;
            }
            if entry.inferred {
                found.authorship = Authorship::Inferred {
                    fields: &["properties", "coverage", "filter", "fields"],
                };
            }
            live.resources.insert(key, found);
        }
        for made in &self.made_by_hand {
            let key = key(&made.key);
            let spec = map_from_json(made.spec.as_object().expect("a spec is a map"));
            let spec = normalize(schema(), key.kind, Side::Live, spec);
            live.unidentified.push((key.clone(), resource(made.id, spec)));
        }
        let tables = self.tables.iter().map(|(text, id)| (key(text), RemoteId(*id)));
        live.discovered.extend(tables);
        for (kind, names) in [(TAG, &self.tags), (TEAM, &self.teams)] {
            match names {
                Some(names) => live.named.extend(names.iter().map(|name| Key::new(kind, [name]))),
                None => {
                    live.unlisted.insert(kind);
                }
            }
        }
        live.gaps.extend(self.gaps.iter().map(|gap| Gap {
            kind: kind(&gap.kind),
            below: gap.below.as_deref().map(key),
            reason: GapReason::Unread,
            message: gap.message.clone(),
        }));
        live
    }
}

fn ledger(entries: &BTreeMap<String, Agreed>, desired: &Desired) -> Ledger {
    let entry = |(text, agreed): (&String, &Agreed)| {
        let key = key(text);
        let secrets = agreed.secrets.iter().map(|(field, secret)| {
            let field = FieldPath::dotted(field);
            let fingerprint = fingerprints().fingerprint(&key, &field, &Secret::new(secret.clone()));
            (field, fingerprint)
        });
        let entry = LedgerEntry {
            spec: agreed.content.read(&key, Side::Desired, desired),
            fingerprints: secrets.collect(),
            remote: Some(RemoteId(agreed.id.unwrap_or(1))),
            revision: Revision("r0".into()),
            protected: agreed.protected,
        };
        (key, entry)
    };
    Ledger {
        entries: entries.iter().map(entry).collect(),
    }
}

fn pruned(name: &str) -> Prune {
    word(
        Some(name),
        &[
            ("off", Prune::Off),
            ("disable", Prune::Disable),
            ("delete", Prune::Delete),
        ],
    )
}

fn fingerprints() -> FingerprintKey {
    FingerprintKey::new(vec![1; 32])
}

impl PolicyFile {
    fn policy(&self) -> Policy {
        let ignore = self.ignore.iter().map(|rule| {
            let fields = rule.fields.iter().map(|field| FieldPath::dotted(field)).collect();
            IgnoreRule::new(rule.kind.as_deref().map(kind), rule.key.as_deref(), fields).unwrap()
        });
        Policy {
            mode: word(
                self.mode.as_deref(),
                &[("apply", Mode::Apply), ("observe", Mode::Observe)],
            ),
            drift: word(
                self.drift.as_deref(),
                &[("correct", OnDrift::Correct), ("report", OnDrift::Report)],
            ),
            adopt: word(
                self.adopt.as_deref(),
                &[("apply", OnAdopt::Apply), ("report", OnAdopt::Report)],
            ),
            unknown_secrets: word(
                self.secrets.as_deref(),
                &[("send", UnknownSecrets::Send), ("keep", UnknownSecrets::Keep)],
            ),
            ignore: ignore.collect(),
            prune: self
                .prune
                .iter()
                .map(|(name, prune)| (kind(name), pruned(prune)))
                .collect(),
            ..Policy::default()
        }
    }
}

/// The value of a word; the first where none is said.
fn word<T: Copy>(said: Option<&str>, words: &[(&str, T)]) -> T {
    let Some(said) = said else { return words[0].1 };
    let found = words.iter().find(|(word, _)| *word == said);
    found.unwrap_or_else(|| panic!("`{said}` is no word here")).1
}

fn files_below(root: &Path, folder: &Path, found: &mut Vec<File>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files_below(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            found.push(File {
                path: name.into(),
                content: Content::Yaml(Arc::new(yaml::parse(&fs::read(&path).unwrap()))),
            });
        }
    }
}

fn json<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    let text = fs::read_to_string(path).ok()?;
    let read = serde_json::from_str(&text);
    Some(read.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// What one folder gives, by the file that holds what is expected.
fn outcome(folder: &Path) -> Vec<(&'static str, String)> {
    if folder.join(VALIDATED).exists() {
        return vec![(VALIDATED, lines(&validated(folder)))];
    }
    let (plan, diagnostics) = planned(folder);
    vec![("plan.txt", plan), ("diagnostics.txt", diagnostics)]
}

fn lines(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n")).collect()
}

fn desired_tree(folder: &Path) -> Tree {
    let root = folder.join("desired");
    let mut files = Vec::new();
    files_below(&root, &root, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Tree {
        revision: Revision("1111111111111111111111111111111111111111".into()),
        files,
    }
}

/// All that `validate` finds in a folder, without variables.
fn validated(folder: &Path) -> Vec<Diagnostic> {
    let tree = desired_tree(folder);
    let layers = Layers {
        base: "",
        overlays: &[],
    };
    let variables = Variables::default().with_secrets(Secrets::Elsewhere);
    let loaded = load(&tree, &layers, &variables, &[], schema());
    let mut found = offline(&loaded, &tree, &layers, schema());
    found.extend(loaded.diagnostics);
    found.sort();
    found
}

/// The plan's text and the diagnostics' of one folder.
fn planned(folder: &Path) -> (String, String) {
    let said: PolicyFile = match fs::read_to_string(folder.join("policy.yaml")) {
        Ok(text) => serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", folder.display())),
        Err(_) => PolicyFile::default(),
    };
    let tree = desired_tree(folder);
    let layers = Layers {
        base: &said.path,
        overlays: &said.overlays,
    };
    let variables = said.variables();
    let left_out: Vec<Kind> = said.left_out.iter().map(|name| kind(name)).collect();
    let loaded = load(&tree, &layers, &variables, &left_out, schema());
    let live = json::<LiveFile>(&folder.join("live.json")).unwrap_or_default();
    let live = live.read(&loaded.desired);
    let entries: Option<BTreeMap<String, Agreed>> =
        json::<Option<_>>(&folder.join("ledger.json")).unwrap_or_else(|| Some(BTreeMap::new()));
    let ledger = entries.map(|entries| ledger(&entries, &loaded.desired));
    let planned = plan(Inputs {
        environment: None,
        revision: None,
        desired: loaded.desired,
        live: &live,
        ledger: ledger.as_ref(),
        fingerprints: Some(&fingerprints()),
        policy: &said.policy(),
        schema: schema(),
        circumstances: &Circumstances::default(),
    });
    let mut diagnostics = String::new();
    for diagnostic in loaded.diagnostics.iter().chain(&planned.diagnostics) {
        let _ = writeln!(diagnostics, "{diagnostic}");
    }
    (render::plan_text(&planned.plan), diagnostics)
}

/// What is expected of a folder that is only looked at.
const VALIDATED: &str = "validate.txt";
const GIVEN: [&str; 4] = ["desired", "live.json", "ledger.json", "policy.yaml"];

#[test]
fn every_case_plans_what_its_folder_says() {
    let bless = std::env::var_os("DRIFTLESS_BLESS").is_some();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut folders: Vec<PathBuf> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    let mut faults = String::new();
    for folder in &folders {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let found = outcome(folder);
        for entry in fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            let is_expected = found.iter().any(|(expected, _)| *expected == file);
            if !is_expected && !GIVEN.contains(&file.as_str()) {
                let _ = writeln!(faults, "{name}: {file} means nothing here");
            }
        }
        for (file, found) in found {
            let path = folder.join(file);
            if bless {
                fs::write(&path, found).unwrap();
                continue;
            }
            match fs::read_to_string(&path) {
                Ok(expected) if expected == found => {}
                Ok(expected) => {
                    let _ = writeln!(faults, "{name}/{file}, expected:\n{expected}\nfound:\n{found}");
                }
                Err(_) => {
                    let _ = writeln!(faults, "{name}/{file} is missing; it would be:\n{found}");
                }
            }
        }
    }
    assert!(folders.len() >= 25, "only {} cases", folders.len());
    assert!(
        faults.is_empty(),
        "{faults}\nIf that is meant: DRIFTLESS_BLESS=1 cargo test --test cases, and read the diff"
    );
}

#[test]
fn every_case_gives_equal_bytes_twice() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    for entry in fs::read_dir(root).unwrap() {
        let folder = entry.unwrap().path();
        assert_eq!(outcome(&folder), outcome(&folder), "{}", folder.display());
    }
}

#[test]
fn thirty_planted_faults_are_thirty_of_different_sorts_each_at_a_place_of_its_own() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases/thirty_faults_of_different_sorts_are_thirty_each_at_its_place");
    let found = validated(&folder);
    assert_eq!(found.len(), 30, "{}", lines(&found));
    let places: BTreeSet<_> = found.iter().map(|fault| fault.place.clone().unwrap()).collect();
    assert_eq!(places.len(), 30, "{}", lines(&found));
    let codes: BTreeSet<_> = found.iter().map(|fault| fault.code).collect();
    assert!(codes.len() >= 20, "{codes:?}");
    let (errors, warnings): (Vec<_>, Vec<_>) = found.iter().partition(|fault| fault.severity == Severity::Error);
    assert_eq!((errors.len(), warnings.len()), (21, 9), "{}", lines(&found));
    for fault in &found {
        assert!(fault.help.is_some(), "{fault}");
    }
}
