//! What cannot be changed in place: the old resource is removed and the new one made, in one step, where pruning allows that.

use super::reach::Reach;
use super::removal::names;
use super::{Decision, Planner, change};
use crate::diff::{Comparison, Terms, agreement};
use crate::document::Document;
use crate::guard::Objection;
use crate::plan::{Action, BlockReason, Removal, Step};
use crate::policy::Prune;
use crate::snapshot::LiveResource;

impl<'a> Planner<'a> {
    /// A field that cannot be changed in place has changed: one step that removes the old resource and makes the new one, where
    /// pruning of its kind allows that.
    pub(super) fn consider_replacing(
        &mut self,
        terms: Terms<'a>,
        document: &'a Document,
        live: &'a LiveResource,
        comparison: Comparison,
        fields: &str,
    ) {
        let key = &document.key;
        let removal = match self.policy.prune.get(&key.kind) {
            Some(Prune::Disable) => Removal::Archive,
            Some(Prune::Delete) => Removal::Erase,
            Some(Prune::Off) | None => {
                // Of a kind that is left out no rename is known, and what only follows one looks like a change.
                let way_out = match self.left_out {
                    [] => "switch `prune` on for this kind, delete the resource on the platform, or undo the change",
                    _ => {
                        "include the kinds that are left out if one of them has another name now; else undo the change"
                    }
                };
                let message = format!(
                    "{fields} cannot be changed in place, and it is not replaced, since pruning is off: {way_out}"
                );
                self.block(BlockReason::ReplacementNeedsPrune, message, key);
                return;
            }
        };
        if document.protected {
            let message = format!(
                "{fields} cannot be changed in place, and what is protected is not replaced: drop `protect: true` from its \
                 document first, or undo the change"
            );
            self.block(BlockReason::Protected, message, key);
            return;
        }
        let entry = agreement(terms, document, &comparison.reported, None, &self.revision);
        let mut write = document.spec.clone();
        for (field, _) in terms.table.linked {
            write.shift_remove(*field);
        }
        for waits in &comparison.reported {
            match &waits.before {
                Some(value) => waits.path.set(&mut write, value.clone()),
                None => {
                    waits.path.remove(&mut write);
                }
            }
        }
        let edited = live.edited.as_ref();
        if !comparison.reported.is_empty() {
            self.reported
                .push(change(document, Action::Update, comparison.reported).edited(edited));
        }
        let change = change(document, Action::Replace(removal), comparison.applied).edited(edited);
        let missing = self.missing(document, Some(live), &change);
        self.drafts.insert(
            key,
            Decision {
                document,
                change,
                write,
                live: Some(live),
                missing,
                agreement: entry,
            },
        );
    }

    /// What keeps back a replacement: what hangs on the old resource.
    pub(super) fn objection_to_replacing(&self, step: &Step, reach: &Reach<'_>) -> Option<Objection> {
        let key = &step.change.key;
        if step.change.action.removal() != Some(Removal::Erase) {
            return None;
        }
        let within = reach.within(key);
        let users = reach.needing(key, &within);
        if !users.is_empty() {
            let message = format!(
                "it cannot be changed in place, and not be replaced while it is used by {}: undo the change, or make it under \
                 another name and let that be used",
                names(users.iter().copied())
            );
            return Some(Objection {
                key: key.clone(),
                reason: BlockReason::InUse,
                message,
            });
        }
        let protected = within.iter().find(|other| self.is_protected(other));
        if let Some(other) = protected {
            return Some(Objection {
                key: key.clone(),
                reason: BlockReason::Protected,
                message: format!("its replacement would take along `{other}`, which is protected"),
            });
        }
        let along = reach.along(key);
        (!along.is_empty()).then(|| Objection {
            key: key.clone(),
            reason: BlockReason::ReplacementTakesAlong,
            message: format!(
                "it cannot be changed in place, and its replacement would take along what hangs on it: {}; undo the change, or \
                 approve the plan: what Git declares of that is made anew by the next pass",
                names(along.iter())
            ),
        })
    }
}
