//! Which writes can be made at all: a write that needs something which is neither declared nor live is kept back, and so is,
//! in turn, what needs it.

use std::collections::BTreeSet;

use super::{Decision, Planner};
use crate::document::{Reference, Strength};
use crate::key::Key;
use crate::plan::BlockReason;
use crate::schema::{Draft, Needed};

impl<'a> Planner<'a> {
    /// Whether what `key` names is declared without fault, or live.
    fn satisfied(&self, key: &Key) -> bool {
        self.documents.contains_key(key) || self.live.discovered.contains_key(key) || self.is_live(key)
    }

    fn is_live(&self, key: &Key) -> bool {
        self.live.resources.contains_key(key)
    }

    /// References that must hold before a write: all of a creation's, those of the fields that an update changes.
    fn pressing(decision: &Decision<'a>) -> impl Iterator<Item = &'a Reference> {
        let creates = decision.live.is_none();
        let changed: BTreeSet<String> = decision
            .change
            .fields
            .iter()
            .map(|field| field.path.head().to_owned())
            .collect();
        decision
            .document
            .references
            .iter()
            .filter(move |reference| reference.strength == Strength::Before)
            .filter(move |reference| creates || changed.contains(reference.at.head()))
    }

    pub(super) fn needed(&self) -> Vec<Needed> {
        let mut draft = Draft {
            creates: Vec::new(),
            updates: Vec::new(),
            unsatisfied: Vec::new(),
            settled: Vec::new(),
            barren: self.live.barren().collect(),
        };
        for (key, document) in self.documents {
            if self.is_live(key) && !self.drafts.contains_key(key) {
                draft.settled.push(document);
            }
        }
        for decision in self.drafts.values() {
            match decision.live {
                None => draft.creates.push(decision.document),
                Some(_) => draft.updates.push((
                    decision.document,
                    decision.change.fields.iter().map(|field| field.path.clone()).collect(),
                )),
            }
            for reference in Self::pressing(decision).filter(|reference| !self.satisfied(&reference.to)) {
                draft.unsatisfied.push((decision.document, reference));
            }
        }
        self.schema.operations(&draft)
    }

    /// Takes out what refers to nothing, and then, again and again, what waits for something that was taken out.
    pub(super) fn block_unresolved(&mut self, needed: &[Needed]) {
        let mut out: Vec<(Key, BlockReason, String)> = Vec::new();
        for (key, decision) in &self.drafts {
            for reference in Self::pressing(decision).filter(|reference| !self.satisfied(&reference.to)) {
                let found_by_operation = needed
                    .iter()
                    .any(|needed| needed.before.contains(key) && reference.to.is_below(&needed.operation.subject));
                if !found_by_operation {
                    let (reason, message) = self.unresolved(reference);
                    out.push(((*key).clone(), reason, message));
                }
            }
        }
        for (key, message) in self.take_links_to_nothing() {
            self.block(BlockReason::UnresolvedReference, message, &key);
        }
        while !out.is_empty() {
            for (key, reason, message) in std::mem::take(&mut out) {
                self.drafts.remove(&key);
                self.block(reason, message, &key);
            }
            for (key, decision) in &self.drafts {
                for reference in Self::pressing(decision) {
                    let waits = self.documents.contains_key(&reference.to)
                        && !self.drafts.contains_key(&reference.to)
                        && !self.is_live(&reference.to);
                    if waits {
                        let message = format!("`{}`, which it needs, is not made", reference.to);
                        out.push(((*key).clone(), BlockReason::DependencyBlocked, message));
                    }
                }
            }
        }
        let drafts = &self.drafts;
        let live = self.live;
        self.links
            .retain(|link| link.live.is_some() || drafts.contains_key(&link.document.key));
        self.links.retain(|link| {
            link.document
                .references
                .iter()
                .filter(|r| r.strength == Strength::Link && r.at == link.change.path)
                .all(|reference| drafts.contains_key(&reference.to) || live.resources.contains_key(&reference.to))
        });
    }

    /// Links whose other end is nowhere: they are not made, and the rest of their resource is.
    fn take_links_to_nothing(&mut self) -> Vec<(Key, String)> {
        let mut missing = Vec::new();
        let (documents, live) = (self.documents, self.live);
        self.links.retain(|link| {
            let nowhere = link.document.references.iter().find(|reference| {
                reference.strength == Strength::Link
                    && reference.at == link.change.path
                    && !documents.contains_key(&reference.to)
                    && !live.resources.contains_key(&reference.to)
            });
            if let Some(Reference { at, to, .. }) = nowhere {
                let message = format!(
                    "{} '{}' not found: field `{at}` names it; declare it, or correct the name",
                    to.kind,
                    to.name()
                );
                missing.push((link.document.key.clone(), message));
            }
            nowhere.is_none()
        });
        missing
    }

    fn unresolved(&self, reference: &Reference) -> (BlockReason, String) {
        let Reference { at, to, .. } = reference;
        let what = format!("{} '{}' not found", to.kind, to.name());
        if self.broken.iter().any(|broken| broken.key.as_ref() == Some(to)) {
            let message = format!("`{to}`, which it needs, has an error in its file");
            return (BlockReason::DependencyBlocked, message);
        }
        if let Some(gap) = self.live.gap(to) {
            let message = format!("whether `{to}` exists could not be read: {}", gap.message);
            return (BlockReason::IncompleteRead, message);
        }
        let why = if self.left_out.contains(&to.kind) {
            let word = self.schema.spec(to.kind).map_or(to.kind.0, |spec| spec.include);
            format!(
                "{what}: `--include` leaves out {word}, and it is not live either; include {word}, or create it first"
            )
        } else {
            format!(
                "{what}: field `{at}` names it, but it is neither declared nor live; declare it, or correct the name"
            )
        };
        (BlockReason::UnresolvedReference, why)
    }
}
