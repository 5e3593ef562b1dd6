//! The pipeline over files in memory and a sandbox instance, as the loop and the command line run it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use driftless::clock::SystemClock;
use driftless::engine::apply::{Limits, Unfollowed};
use driftless::engine::audit::Origin;
use driftless::engine::backoff::Backoff;
use driftless::engine::reconcile::{Environment, Memory, Prepared, carry_out, prepare};
use driftless::engine::windows::Windows;
use driftless::platform::http::{Network, Timeouts};
use driftless::platform::qualytics::files::{ExportOptions, Exported, export};
use driftless::platform::qualytics::{Qualytics, QualyticsOptions};
use driftless::platform::{Exchange, Gate, Pass};
use driftless::source::{Commit, Source, SourceError, SourceFault};
use driftless::store::Trigger;
use driftless::store::sqlite::{self, SqliteStore};
use driftless_core::guard::Circumstances;
use driftless_core::key::{EnvironmentName, Revision};
use driftless_core::policy::{Guards, Policy, UnknownSecrets};
use driftless_core::render;
use driftless_core::report::{Failure, Outcomes, Report};
use driftless_core::substitute::Variables;
use driftless_core::tree::{Content, File, Tree};
use driftless_core::value::Secret;
use driftless_core::yaml::{self, Parsed};
use tokio_util::sync::CancellationToken;

use super::instance::{Instance, differences};

/// Files by path, as a source; each text is parsed once.
#[derive(Default)]
pub(crate) struct Files {
    inner: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    texts: BTreeMap<String, String>,
    parsed: HashMap<String, Arc<Parsed>>,
    revision: usize,
}

impl Files {
    pub(crate) fn new(texts: BTreeMap<String, String>) -> Arc<Self> {
        let files = Self::default();
        files.inner.lock().unwrap().texts = texts;
        Arc::new(files)
    }

    pub(crate) fn text(&self, path: &str) -> String {
        let held = self.inner.lock().unwrap();
        held.texts.get(path).unwrap_or_else(|| panic!("no {path}")).clone()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.inner.lock().unwrap().texts.keys().cloned().collect()
    }

    /// Writes a file; that is a new revision.
    pub(crate) fn put(&self, path: &str, text: impl Into<String>) {
        let mut held = self.inner.lock().unwrap();
        held.texts.insert(path.to_owned(), text.into());
        held.revision += 1;
    }

    /// Takes a file, or all below a folder, away; that is a new revision.
    pub(crate) fn remove(&self, path: &str) {
        let mut held = self.inner.lock().unwrap();
        let before = held.texts.len();
        let folder = format!("{path}/");
        held.texts
            .retain(|other, _| other != path && !other.starts_with(&folder));
        assert!(held.texts.len() < before, "no {path}");
        held.revision += 1;
    }

    /// Replaces a piece of a file, which must be there.
    pub(crate) fn edit(&self, path: &str, old: &str, new: &str) {
        let text = self.text(path);
        assert!(text.contains(old), "{path} has no {old:?}:\n{text}");
        self.put(path, text.replacen(old, new, 1));
    }
}

#[async_trait]
impl Source for Files {
    fn name(&self) -> &str {
        "files"
    }

    async fn head(&self) -> Result<Revision, SourceError> {
        Ok(Revision(format!("{:040}", self.inner.lock().unwrap().revision)))
    }

    async fn last_good(&self) -> Option<Revision> {
        self.head().await.ok()
    }

    async fn checkout(&self, revision: &Revision, folders: &[String]) -> Result<Tree, SourceError> {
        let mut held = self.inner.lock().unwrap();
        let Held { texts, parsed, .. } = &mut *held;
        let below = |path: &str| {
            folders
                .iter()
                .any(|folder| folder.is_empty() || path.starts_with(&format!("{folder}/")))
        };
        let files: Vec<File> = texts
            .iter()
            .filter(|(path, _)| below(path))
            .map(|(path, text)| File {
                path: path.as_str().into(),
                content: Content::Yaml(
                    parsed
                        .entry(text.clone())
                        .or_insert_with(|| Arc::new(yaml::parse(text.as_bytes())))
                        .clone(),
                ),
            })
            .collect();
        if files.is_empty() {
            return Err(SourceError::new(SourceFault::Missing, "there is nothing"));
        }
        Ok(Tree {
            revision: revision.clone(),
            files,
        })
    }

    async fn describe(&self, _: &Revision) -> Option<Commit> {
        None
    }
}

/// A gate without limits, whose reads are tried again at once.
pub(crate) struct Open;

#[async_trait]
impl Gate for Open {
    async fn enter(&self) -> Result<Pass, Failure> {
        Ok(Pass::new(()))
    }

    fn again(&self, attempt: u32, failure: &Failure) -> Option<Duration> {
        (attempt < 4 && failure.meaning.is_transient()).then_some(Duration::from_millis(1))
    }

    fn note(&self, _: &Exchange<'_>) {}
}

/// The adapter of an instance.
pub(crate) fn platform(instance: &Instance, gate: Arc<dyn Gate>, request: Duration) -> Arc<Qualytics> {
    platform_as(instance.sandbox.token(), instance, gate, request)
}

/// The adapter of an instance, with this token.
pub(crate) fn platform_as(token: &str, instance: &Instance, gate: Arc<dyn Gate>, request: Duration) -> Arc<Qualytics> {
    let options = QualyticsOptions {
        url: instance.sandbox.url(),
        token: Secret::new(token),
        network: Network {
            timeouts: Timeouts {
                connect: Duration::from_secs(10),
                read: request,
                total: request,
            },
            ..Network::default()
        },
    };
    Arc::new(Qualytics::new(options, gate).unwrap())
}

/// What an instance holds, as files below `config/`.
pub(crate) async fn exported(instance: &Instance) -> BTreeMap<String, String> {
    let platform = platform(instance, Arc::new(Open), Duration::from_secs(30));
    let options = ExportOptions {
        datastores: Vec::new(),
        kinds: Vec::new(),
    };
    let Exported { files, gaps, .. } = export(&platform, &options).await.unwrap();
    assert!(gaps.is_empty(), "{gaps:?}");
    files
        .into_iter()
        .map(|file| (format!("config/{}", file.path), file.text))
        .collect()
}

/// A value for every `${NAME}` in the files: its name in small letters.
pub(crate) fn variables(files: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let names = files
        .iter()
        .filter(|(path, _)| !path.contains("/checks/"))
        .flat_map(|(_, text)| text.split("${").skip(1))
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| (name.to_owned(), name.to_lowercase()));
    names.collect()
}

/// Retries that do not wait.
pub(crate) fn limits() -> Limits {
    let at_once = Backoff {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(5),
    };
    Limits {
        retry: at_once,
        longest_wish: Duration::from_millis(5),
        poll: at_once,
        ..Limits::default()
    }
}

/// A ledger in memory.
pub(crate) async fn memory() -> Memory {
    let store = SqliteStore::open("sqlite::memory:", sqlite::Limits::default()).await;
    Memory {
        store: Arc::new(store.unwrap()),
        name: EnvironmentName("test".to_owned()),
    }
}

/// An environment over `files`, with the policies that a bare instance or a daemon has.
pub(crate) fn environment(
    instance: &Instance,
    files: &Arc<Files>,
    variables: BTreeMap<String, String>,
    memory: Option<Memory>,
) -> Environment {
    Environment {
        name: memory.as_ref().map(|memory| memory.name.clone()),
        source: files.clone(),
        platform: platform(instance, Arc::new(Open), Duration::from_secs(30)),
        folder: "config".to_owned(),
        overlays: Vec::new(),
        variables: Arc::new(Variables::new(variables, BTreeSet::new())),
        left_out: Vec::new(),
        policy: Policy {
            unknown_secrets: match memory {
                Some(_) => UnknownSecrets::Send,
                None => UnknownSecrets::Keep,
            },
            // These instances are small, and what is tried on them changes most of them.
            guards: Guards {
                update_share: 100,
                ..Guards::default()
            },
            ..Policy::default()
        },
        windows: Windows::default(),
        neighbours: Vec::new(),
        branch: None,
        memory,
    }
}

/// What is to be done now. No plan may remove anything where nothing is pruned.
pub(crate) async fn planned(environment: &Environment) -> Prepared {
    planned_under(environment, &Circumstances::default()).await
}

/// What is to be done now under these circumstances. No plan may delete anything.
pub(crate) async fn planned_under(environment: &Environment, circumstances: &Circumstances) -> Prepared {
    let prepared = prepare(environment, None, circumstances, &Unfollowed).await.unwrap();
    for step in &prepared.plan.steps {
        assert!(
            step.change.action.removal().is_none() || !environment.policy.prune.is_empty(),
            "{:?}",
            step.change
        );
    }
    prepared
}

/// Somebody who asks by hand.
pub(crate) fn origin() -> Origin {
    Origin {
        run: None,
        trigger: Trigger::Manual,
        approver: None,
        clock: Arc::new(SystemClock),
    }
}

/// Carries a plan out.
pub(crate) async fn carried_out(environment: &Environment, prepared: Prepared) -> Report {
    let stop = CancellationToken::new();
    carry_out(environment, prepared, &origin(), &limits(), &stop, &Unfollowed)
        .await
        .unwrap()
}

/// One pass.
pub(crate) async fn pass(environment: &Environment) -> Report {
    let prepared = planned(environment).await;
    carried_out(environment, prepared).await
}

/// One pass in which nothing goes wrong and nothing is left out.
pub(crate) async fn clean_pass(environment: &Environment) -> Report {
    let prepared = planned(environment).await;
    assert!(prepared.diagnostics.is_empty(), "{:#?}", prepared.diagnostics);
    assert!(prepared.gaps.is_empty(), "{:?}", prepared.gaps);
    let report = carried_out(environment, prepared).await;
    assert!(report.plan.blocked.is_empty(), "{:#?}", report.plan.blocked);
    for outcome in &report.outcomes {
        assert!(
            matches!(outcome.result, Outcomes::Applied { .. }),
            "{}: {:?}",
            outcome.key,
            outcome.result
        );
    }
    report
}

/// Holds that another pass would do nothing: no step, no request that writes.
pub(crate) async fn assert_converged(instance: &Instance, environment: &Environment) {
    let before = instance.state().await;
    instance.forget().await;
    let report = pass(environment).await;
    assert!(
        report.plan.is_empty(),
        "a second pass would: {}",
        render::plan_text(&report.plan)
    );
    assert_eq!(instance.writes().await, []);
    assert_eq!(instance.operations().await, 0);
    assert_eq!(differences(&instance.state().await, &before), [] as [String; 0]);
}
