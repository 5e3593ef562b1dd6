//! One pass over one environment, in two halves: what is to be done, and doing it. The loop and the command line use the same
//! two, so that what is shown is what is done.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use driftless_core::diagnostic::{Diagnostic, Severity};
use driftless_core::guard::{Circumstances, Precedence};
use driftless_core::key::{EnvironmentName, Key, Kind, RemoteId, Revision};
use driftless_core::ledger::Ledger;
use driftless_core::load::{self, Layers, Loaded, named};
use driftless_core::plan::{Action, Change, Class, Plan, Removal, Step};
use driftless_core::planner::{self, Inputs, Planned};
use driftless_core::policy::Policy;
use driftless_core::report::{Failure, Meaning, Report};
use driftless_core::schema::{Granularity, Writing};
use driftless_core::snapshot::{Desired, Gap, GapReason, Live, Scope};
use driftless_core::substitute::Variables;
use driftless_core::value::Map;
use tracing::{info, warn};

use super::apply::{self, Follower, Limits, Phase, Tools};
use super::audit::{Audit, Origin};
use super::brake::Brake;
use super::ground;
use super::lineage::{self, Branch};
use super::windows::Windows;
use crate::platform::{Found, Ids, Platform, TargetId};
use crate::source::{Source, SourceError};
use crate::store::{Settled, Store, StoreError};
use crate::variables::Values;

/// All that a pass over one environment needs.
#[derive(Clone)]
pub struct Environment {
    /// Its name; `None` on a bare instance.
    pub name: Option<EnvironmentName>,
    /// Where desired state comes from.
    pub source: Arc<dyn Source>,
    /// Where it goes.
    pub platform: Arc<dyn Platform>,
    /// What was agreed on before; `None` on a bare instance without a store: every comparison is two-way then.
    pub memory: Option<Memory>,
    /// Its folder within the source; `""` is the root.
    pub folder: String,
    /// Folders that are merged over it, in order.
    pub overlays: Vec<String>,
    /// What `${…}` stands for; asked anew for each pass.
    pub variables: Arc<dyn Values>,
    /// Kinds that are left out.
    pub left_out: Vec<Kind>,
    /// What is allowed.
    pub policy: Policy,
    /// When it is.
    pub windows: Windows,
    /// The other environments of the same instance, in the order of the config; theirs are not looked at.
    pub neighbours: Vec<Neighbouring>,
    /// The branch whose history is followed; `None` where there is none, as with a folder.
    pub branch: Option<Branch>,
}

/// Another environment of the same instance.
#[derive(Clone)]
pub struct Neighbouring {
    /// It.
    pub environment: Environment,
    /// Whether the config names it first.
    pub precedence: Precedence,
}

/// Tells every environment which others have its instance; they are in the order of the config.
pub fn introduce(environments: &mut [Environment]) {
    let alone: Vec<Environment> = environments.to_vec();
    for (own, environment) in environments.iter_mut().enumerate() {
        let others = alone
            .iter()
            .enumerate()
            .filter(|(index, other)| *index != own && other.platform.target() == environment.platform.target());
        environment.neighbours = others
            .map(|(index, other)| Neighbouring {
                environment: other.clone(),
                precedence: if index < own {
                    Precedence::Before
                } else {
                    Precedence::After
                },
            })
            .collect();
    }
}

/// The part of a store that is one environment's.
#[derive(Clone)]
pub struct Memory {
    /// The store.
    pub store: Arc<dyn Store>,
    /// What its ledger is called: the environment and the instance. An environment that is pointed at another instance begins
    /// with an empty ledger there: what was agreed on elsewhere, and the numbers of elsewhere, mean nothing.
    pub name: EnvironmentName,
}

impl Memory {
    /// The ledger of an environment on an instance; `None` for a bare instance.
    pub fn new(store: Arc<dyn Store>, environment: Option<&EnvironmentName>, target: &TargetId) -> Self {
        let environment = environment.map_or("", |name| name.0.as_str());
        Self {
            store,
            name: EnvironmentName(format!("{environment}@{}", target.0)),
        }
    }
}

/// A plan with all that is needed to show it and to carry it out.
#[must_use = "nothing is done until it is carried out"]
#[derive(Debug)]
pub struct Prepared {
    /// What is to be done.
    pub plan: Plan,
    /// Faults of the files, in the order they were found.
    pub diagnostics: Vec<Diagnostic>,
    /// The instance's numbers as they were read.
    pub ids: Ids,
    /// What could not be read whole.
    pub gaps: Vec<Gap>,
}

impl Prepared {
    /// How much was left out before anything was tried: documents with errors, and gaps. For [`Report::conclusion`].
    pub fn faults(&self) -> usize {
        let errors = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Error;
        self.diagnostics.iter().filter(errors).count() + self.gaps.len()
    }
}

/// Why a pass could do nothing at all.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The source could not be read.
    #[error("the source `{name}` could not be read: {error}")]
    Source {
        /// Its name.
        name: String,
        /// Why.
        error: SourceError,
    },
    /// The variables of the documents could not be read.
    #[error("the variables could not be read: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Variables(Vec<Diagnostic>),
    /// The instance could not be read.
    #[error("the instance {target} could not be read: {}", failure.message)]
    Instance {
        /// Its URL.
        target: String,
        /// Why.
        failure: Failure,
    },
    /// The store could not be read or written; nothing was tried on the platform.
    #[error("the store could not be used, so nothing was written: {0}")]
    Store(StoreError),
    /// The process was asked to stop before anything was written.
    #[error("stopped before anything was written")]
    Stopped,
}

impl PassError {
    /// What the platform's failure means, if it was the platform's.
    pub fn meaning(&self) -> Option<Meaning> {
        match self {
            PassError::Instance { failure, .. } => Some(failure.meaning),
            PassError::Source { .. } | PassError::Variables(_) | PassError::Store(_) | PassError::Stopped => None,
        }
    }
}

/// Finds out what is to be done at `revision`, or at the newest one, under `circumstances`: reads the source, the ledger and the
/// instance, and plans. Writes nothing anywhere.
///
/// # Errors
/// When one of them could not be read at all.
pub async fn prepare(
    environment: &Environment,
    revision: Option<&Revision>,
    circumstances: &Circumstances,
    follower: &dyn Follower,
) -> Result<Prepared, PassError> {
    follower.phase(Phase::Reading);
    let schema = environment.platform.schema();
    let Loaded {
        desired,
        mut diagnostics,
    } = read_source(environment, revision).await?;
    let rewritten = lineage::hold(environment, &desired.revision).await;
    let circumstances = match rewritten.map_err(PassError::Store)? {
        None => Cow::Borrowed(circumstances),
        Some(hold) => {
            let mut circumstances = circumstances.clone();
            circumstances.holds.push(hold);
            Cow::Owned(circumstances)
        }
    };
    let ledger = read_ledger(environment).await?;
    let live = observe(environment, &desired, ledger.as_ref()).await?;

    follower.phase(Phase::Comparing);
    let ids = Ids::of(&live);
    let commit = desired.revision.clone();
    let Planned {
        plan,
        diagnostics: found,
        numbers,
    } = planner::plan(Inputs {
        environment: environment.name.as_ref(),
        // A bare instance is compared with a folder: the digest of its files is no commit, and is not shown as one.
        revision: environment.name.as_ref().map(|_| &commit),
        desired,
        live: &live,
        ledger: ledger.as_ref(),
        fingerprints: environment.memory.as_ref().map(|memory| memory.store.fingerprints()),
        policy: &environment.policy,
        schema,
        circumstances: &circumstances,
    });
    diagnostics.extend(found);
    for (key, id) in numbers {
        ids.put(key, id);
    }
    let mut gaps = live.gaps;
    // Somebody has looked at what is not to be seen, and has said that it is gone.
    if circumstances.approved.as_ref() == Some(&plan.digest) {
        gaps.retain(|gap| gap.reason == GapReason::Unread);
    }
    Ok(Prepared {
        plan,
        diagnostics,
        ids,
        gaps,
    })
}

pub(super) async fn read_source(environment: &Environment, revision: Option<&Revision>) -> Result<Loaded, PassError> {
    let source = &environment.source;
    let fault = |error| PassError::Source {
        name: source.name().to_owned(),
        error,
    };
    let revision = match revision {
        Some(revision) => revision.clone(),
        None => source.head().await.map_err(fault)?,
    };
    let folders: Vec<String> = std::iter::once(&environment.folder)
        .chain(&environment.overlays)
        .cloned()
        .collect();
    let tree = source.checkout(&revision, &folders).await.map_err(fault)?;
    let layers = Layers {
        base: &environment.folder,
        overlays: &environment.overlays,
    };
    let schema = environment.platform.schema();
    let variables = read_variables(environment, named::files(&tree, &layers, schema)).await?;
    Ok(load::load(&tree, &layers, &variables, &environment.left_out, schema))
}

async fn read_variables(environment: &Environment, files: BTreeSet<String>) -> Result<Variables, PassError> {
    let values = environment.variables.clone();
    // A file may lie on a volume that does not answer.
    match tokio::task::spawn_blocking(move || values.read(&files)).await {
        Ok(read) => read.map_err(PassError::Variables),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(PassError::Stopped),
        },
    }
}

pub(super) async fn read_ledger(environment: &Environment) -> Result<Option<Ledger>, PassError> {
    let Some(memory) = &environment.memory else {
        return Ok(None);
    };
    let schema = environment.platform.schema();
    let ledger = memory.store.ledger(&memory.name, schema).await;
    ledger.map(Some).map_err(PassError::Store)
}

async fn observe(environment: &Environment, desired: &Desired, ledger: Option<&Ledger>) -> Result<Live, PassError> {
    let platform = &environment.platform;
    let entries = || ledger.iter().flat_map(|ledger| &ledger.entries);
    let judged = |key: &Key| {
        let spec = platform.schema().spec(key.kind);
        spec.is_some_and(|spec| spec.granularity == Granularity::Set || spec.writing == Writing::ByHand)
    };
    let scope = Scope {
        left_out: environment.left_out.clone(),
        owned: entries().map(|(key, entry)| (key.clone(), entry.remote)).collect(),
        agreed: entries()
            .filter(|(key, _)| judged(key))
            .map(|(key, entry)| (key.clone(), entry.spec.clone()))
            .collect(),
    };
    let live = platform.observe(desired, &scope).await;
    live.map_err(|failure| PassError::Instance {
        target: platform.target().0.clone(),
        failure,
    })
}

/// Carries `prepared` out on behalf of `origin`: notes what both sides agree on already, writes what differs, and says what became
/// of it. When `brake` is pulled, the steps in hand end and no other starts.
///
/// # Errors
/// When the store could not be used before anything was tried; what goes wrong later is an outcome of its step.
pub async fn carry_out(
    environment: &Environment,
    prepared: Prepared,
    origin: &Origin,
    limits: &Limits,
    brake: impl Into<Brake>,
    follower: &dyn Follower,
) -> Result<Report, PassError> {
    follower.phase(Phase::Applying);
    let brake = brake.into();
    let Prepared { plan, ids, gaps, .. } = prepared;
    let memory = environment.memory.as_ref();
    let audit = Audit::of(origin, environment, &plan).await;
    let mut open = BTreeSet::new();
    if let Some(memory) = memory {
        open = recover(environment, memory, &plan, &gaps, &audit)
            .await
            .map_err(PassError::Store)?;
        if !(plan.agreed.is_empty() && plan.moved.is_empty()) {
            let agreed = memory.store.agree(&memory.name, &plan.moved, &plan.agreed).await;
            agreed.map_err(PassError::Store)?;
        }
        if !plan.retired.is_empty() {
            let closed = memory.store.close(&memory.name, &plan.retired).await;
            closed.map_err(PassError::Store)?;
        }
        ground::settle(environment, memory, &plan)
            .await
            .map_err(PassError::Store)?;
        close_gone(environment, memory, &plan, &ids).await;
        if !plan.is_empty() && !brake.is_pulled() {
            let advanced = lineage::advance(environment, memory, plan.revision.as_ref()).await;
            advanced.map_err(PassError::Store)?;
        }
    }
    let tools = Tools {
        platform: environment.platform.as_ref(),
        ids: &ids,
        memory,
        digest: &plan.digest,
        audit: &audit,
        open: &open,
        limits,
        brake: &brake,
        follower,
    };
    let outcomes = apply::apply(&plan, &tools).await;
    Ok(Report { plan, outcomes })
}

/// The keys of writes that an earlier process was about to try and that this plan would try again. Those that it would not
/// are settled: the fresh export has told what became of them, unless it could not see them.
async fn recover(
    environment: &Environment,
    memory: &Memory,
    plan: &Plan,
    gaps: &[Gap],
    audit: &Audit<'_>,
) -> Result<BTreeSet<Key>, StoreError> {
    let schema = environment.platform.schema();
    let planned: BTreeSet<&Key> = plan.steps.iter().map(|step| &step.change.key).collect();
    let blocked: BTreeSet<&Key> = plan.blocked.iter().flat_map(|blocked| &blocked.keys).collect();
    let hidden = |key: &Key| blocked.contains(key) || gaps.iter().any(|gap| gap.kind == key.kind);
    let mut open = BTreeSet::new();
    for intent in memory.store.intents(&memory.name, schema).await? {
        if planned.contains(&intent.key) {
            open.insert(intent.key);
        } else if !hidden(&intent.key) {
            info!(step.key = %intent.key, "The write of {} that was cut off needs nothing more", intent.key);
            let note = audit.looked_up(&intent);
            memory
                .store
                .settle(&memory.name, &intent.key, &Settled::default(), &note)
                .await?;
        }
    }
    Ok(open)
}

/// Closes the ledger entries of resources that neither side has any more, once the platform has said so by number: a deletion
/// that "took effect" is one.
async fn close_gone(environment: &Environment, memory: &Memory, plan: &Plan, ids: &Ids) {
    let mut closed = Vec::new();
    for (key, remote) in &plan.gone {
        let gone = match remote {
            None => true,
            Some(_) => {
                let step = absence(key, *remote);
                matches!(environment.platform.find(&step, ids).await, Ok(Found::Done(_)))
            }
        };
        if gone {
            closed.push(key.clone());
        }
    }
    if closed.is_empty() {
        return;
    }
    if let Err(error) = memory.store.close(&memory.name, &closed).await {
        warn!(env.name = %memory.name, "Entries of resources that are gone stay in the ledger: {error}");
    }
}

/// The step whose effect is that `key` is not there.
fn absence(key: &Key, remote: Option<RemoteId>) -> Step {
    Step {
        change: Change {
            key: key.clone(),
            action: Action::Delete(Removal::Erase),
            class: Class::Pending,
            fields: Vec::new(),
            place: None,
            edited: None,
        },
        after: Vec::new(),
        write: Map::new(),
        remote,
        base: None,
        agreement: None,
        moves: Vec::new(),
        closes: Vec::new(),
    }
}
