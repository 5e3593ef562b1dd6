//! Why something of a plan is not done.

/// Why something is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlockReason {
    /// The kind, or this part of it, could not be read whole.
    IncompleteRead,
    /// It refers to something that is neither declared nor live.
    UnresolvedReference,
    /// It refers, over others, to itself.
    DependencyCycle,
    /// An immutable field changed and pruning is off.
    ReplacementNeedsPrune,
    /// Something it depends on is blocked.
    DependencyBlocked,
    /// A parent or a match cannot be told apart.
    Ambiguous,
    /// What the ledger owns and the list lost may be there and not be shown.
    NotVisible,
    /// Too many of the resources that are owned are not there: the list is not believed.
    ShrunkRead,
    /// Another environment declares or owns it.
    OwnedElsewhere,
    /// It is to be deleted and was declared with `protect: true`.
    Protected,
    /// A larger share of the resources would be deleted than one plan may.
    DeleteShare,
    /// More resources would be deleted than one plan may.
    DeleteMax,
    /// A larger share of the resources would be updated than one plan may.
    UpdateShare,
    /// More resources would be updated than one plan may.
    UpdateMax,
    /// Everything that is owned would be deleted.
    PruneToEmpty,
    /// A file could not be read or the source is not whole: nothing is deleted.
    IncompleteSource,
    /// Its replacement would take along what hangs on it.
    ReplacementTakesAlong,
    /// Its deletion would take along what driftless does not own.
    DeletionTakesAlong,
    /// It is to be removed, and something that stays needs it.
    InUse,
    /// No write now: a window says so.
    OutsideWindow,
    /// No write now: somebody suspended the environment.
    Suspended,
    /// The revision does not descend from the one that was written last.
    NotFastForward,
    /// It was put back too often: somebody or something changes it again and again.
    Flapping,
    /// The platform's API cannot do it: a person does it there, and says so by approving it.
    ManualStep,
}

impl BlockReason {
    /// Whether somebody who has looked at the plan can let it through: `driftless approve`. What cannot be known, and what Git or the
    /// config says, no approval changes.
    pub fn can_be_approved(self) -> bool {
        match self {
            BlockReason::NotVisible
            | BlockReason::ShrunkRead
            | BlockReason::DeleteShare
            | BlockReason::DeleteMax
            | BlockReason::UpdateShare
            | BlockReason::UpdateMax
            | BlockReason::PruneToEmpty
            | BlockReason::ReplacementTakesAlong
            | BlockReason::DeletionTakesAlong
            | BlockReason::OutsideWindow
            | BlockReason::NotFastForward
            | BlockReason::Flapping
            | BlockReason::ManualStep => true,
            BlockReason::IncompleteRead
            | BlockReason::UnresolvedReference
            | BlockReason::DependencyCycle
            | BlockReason::ReplacementNeedsPrune
            | BlockReason::DependencyBlocked
            | BlockReason::Ambiguous
            | BlockReason::OwnedElsewhere
            | BlockReason::Protected
            | BlockReason::IncompleteSource
            | BlockReason::InUse
            | BlockReason::Suspended => false,
        }
    }

    /// Whether it ends by a person's doing or at its time alone: to look again soon is of no use.
    pub fn waits(self) -> bool {
        match self {
            BlockReason::DeleteShare
            | BlockReason::DeletionTakesAlong
            | BlockReason::DeleteMax
            | BlockReason::UpdateShare
            | BlockReason::UpdateMax
            | BlockReason::PruneToEmpty
            | BlockReason::OutsideWindow
            | BlockReason::Suspended
            | BlockReason::NotFastForward
            | BlockReason::Flapping
            | BlockReason::ManualStep => true,
            BlockReason::IncompleteRead
            | BlockReason::UnresolvedReference
            | BlockReason::DependencyCycle
            | BlockReason::ReplacementNeedsPrune
            | BlockReason::DependencyBlocked
            | BlockReason::Ambiguous
            | BlockReason::NotVisible
            | BlockReason::ShrunkRead
            | BlockReason::OwnedElsewhere
            | BlockReason::Protected
            | BlockReason::IncompleteSource
            | BlockReason::InUse
            | BlockReason::ReplacementTakesAlong => false,
        }
    }

    /// The word of the JSON plan and of the guard metric.
    pub fn word(self) -> &'static str {
        match self {
            BlockReason::IncompleteRead => "incomplete_read",
            BlockReason::UnresolvedReference => "unresolved_reference",
            BlockReason::DependencyCycle => "dependency_cycle",
            BlockReason::ReplacementNeedsPrune => "replacement_needs_prune",
            BlockReason::DependencyBlocked => "dependency_blocked",
            BlockReason::Ambiguous => "ambiguous",
            BlockReason::NotVisible => "not_visible",
            BlockReason::ShrunkRead => "shrunk_read",
            BlockReason::OwnedElsewhere => "owned_elsewhere",
            BlockReason::Protected => "protected",
            BlockReason::DeleteShare => "delete_share",
            BlockReason::DeleteMax => "delete_max",
            BlockReason::UpdateShare => "update_share",
            BlockReason::UpdateMax => "update_max",
            BlockReason::PruneToEmpty => "prune_to_empty",
            BlockReason::IncompleteSource => "incomplete_source",
            BlockReason::ReplacementTakesAlong => "replacement_takes_along",
            BlockReason::DeletionTakesAlong => "deletion_takes_along",
            BlockReason::InUse => "in_use",
            BlockReason::OutsideWindow => "outside_window",
            BlockReason::Suspended => "suspended",
            BlockReason::NotFastForward => "not_fast_forward",
            BlockReason::Flapping => "flapping",
            BlockReason::ManualStep => "manual_step",
        }
    }
}
