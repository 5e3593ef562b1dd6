//! How a kind is written, and what that keeps back: what the platform's API cannot do waits for a person, and what is written as a
//! set waits until all of the set is known.

use super::Planner;
use crate::guard::Objection;
use crate::key::Key;
use crate::plan::{Action, BlockReason, Step};
use crate::schema::{Granularity, KindSpec, Writing};

impl Planner<'_> {
    /// What keeps back steps by how their kind is written.
    pub(super) fn objections_to_writing(&self, steps: &[Step]) -> Vec<Objection> {
        let mut objections = Vec::new();
        for step in steps.iter().filter(|step| step.change.is_of_resource()) {
            let key = &step.change.key;
            let Some(table) = self.schema.spec(key.kind) else {
                continue;
            };
            let object = |(reason, message)| Objection {
                key: key.clone(),
                reason,
                message,
            };
            objections.extend(self.by_hand(table, step).map(object));
            objections.extend(self.not_whole(table).map(object));
        }
        objections
    }

    /// Whether the resource of `key`, which exists, is changed by a person and not by the platform's API.
    pub(super) fn is_changed_by_hand(&self, key: &Key) -> bool {
        let table = self.schema.spec(key.kind);
        table.is_some_and(|table| table.writing != Writing::Whole)
    }

    fn by_hand(&self, table: &KindSpec, step: &Step) -> Option<(BlockReason, String)> {
        let can_be_written = match table.writing {
            Writing::Whole => true,
            // A field that is linked once it exists is a part of its creation.
            Writing::Creation => step.remote.is_none(),
            Writing::ByHand => false,
        };
        if can_be_written {
            return None;
        }
        let (verb, doing) = match step.change.action {
            Action::Create => ("create", "create it"),
            Action::Update | Action::Operation(_) => ("change", "set it"),
            Action::Replace(_) => ("replace", "delete it and create it anew"),
            Action::Delete(_) => ("delete", "delete it"),
        };
        let place = match self.live.by_hand.get(&table.kind) {
            Some(address) => format!("at {address}"),
            None => "on the platform".to_owned(),
        };
        let (platform, kind) = (self.schema.platform(), table.kind);
        let message =
            format!("the API of {platform} cannot {verb} a {kind}: {doing} by hand {place}, then approve the plan");
        Some((BlockReason::ManualStep, message))
    }

    fn not_whole(&self, table: &KindSpec) -> Option<(BlockReason, String)> {
        if table.granularity == Granularity::Each {
            return None;
        }
        let other = self.owners.not_known(table.kind)?;
        let message = format!(
            "{} are written all at once, and the environment `{other}` on the same instance could not be read whole and may declare \
             some: look at its source",
            table.include
        );
        Some((BlockReason::IncompleteSource, message))
    }
}
