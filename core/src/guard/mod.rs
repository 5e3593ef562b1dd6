//! What holds a plan back besides what it says itself: what the engine knows and the planner is told.

mod hold;
mod owners;

use std::collections::{BTreeMap, BTreeSet};

use crate::key::{Digest, EnvironmentName, Key};
use crate::plan::BlockReason;
use crate::snapshot::Desired;

pub(crate) use self::hold::{Objection, Population, UPSERTS_BLOCKED, hold};
pub(crate) use self::owners::{Claim, Elsewhere, Owners};

/// What a plan is made under, besides its two sides and the ledger.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Circumstances {
    /// The digest of the plan that a person has approved.
    pub approved: Option<Digest>,
    /// What holds back every write of the environment now.
    pub holds: Vec<Hold>,
    /// Resources that are not put back any more, with the reason, one sentence.
    pub stopped: BTreeMap<Key, String>,
    /// The other environments of the same instance, in the order of the config.
    pub neighbours: Vec<Neighbour>,
    /// Whether the source is read where the ledger was grown.
    pub ground: Ground,
}

/// Whether the config names the path within the source from which the ledger has what it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ground {
    /// It does.
    #[default]
    Same,
    /// It names another one: what that one does not declare was not removed by anybody, so it is let go and not deleted.
    Moved,
}

/// A reason to write nothing at all now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Why, as a stable word.
    pub reason: BlockReason,
    /// Why, as a sentence with what to do about it or when it ends.
    pub message: String,
}

/// Another environment of the same instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbour {
    /// Its name.
    pub name: EnvironmentName,
    /// Whether the config names it before this environment: then what both declare is the neighbour's.
    pub precedence: Precedence,
    /// What it declares.
    pub desired: Desired,
    /// What its ledger owns.
    pub owned: BTreeSet<Key>,
    /// Whether anything of `desired` could be read: single files that could not are named there.
    pub certainty: Certainty,
}

/// Which of two environments comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precedence {
    /// The neighbour.
    Before,
    /// This environment.
    After,
}

/// Whether what is known of a neighbour is all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// Its files were read.
    Whole,
    /// They could not be: it may declare anything.
    Partial,
}
