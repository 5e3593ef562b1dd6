//! Which writes can be made at all: a write that needs something which is neither declared nor live is kept back, and so is,
//! in turn, what needs it.

use std::collections::BTreeSet;

use super::{Decision, Planner, visibility};
use crate::document::{Document, Reference, Strength};
use crate::field::FieldPath;
use crate::key::Key;
use crate::plan::{BlockReason, Change};
use crate::schema::{Draft, Needed};
use crate::snapshot::LiveResource;
use crate::value::Map;

/// Why something is kept back: the reason, its sentence, the field that it is about.
type Obstacle = (BlockReason, String, Option<FieldPath>);

impl<'a> Planner<'a> {
    /// Whether what `key` names is declared without fault, or exists.
    fn satisfied(&self, key: &Key) -> bool {
        self.documents.contains_key(key) || self.live.has(key)
    }

    fn is_live(&self, key: &Key) -> bool {
        self.live.resources.contains_key(key)
    }

    /// Whether what `key` names is there by the time that something which needs it is written.
    fn will_exist(&self, key: &Key) -> bool {
        self.drafts.contains_key(key) || self.live.has(key)
    }

    /// What a write mentions and what does not exist. What the live resource mentions already need not be asked about.
    pub(super) fn missing(&self, document: &Document, live: Option<&LiveResource>, change: &Change) -> Vec<Reference> {
        let mut missing = self.schema.mentions(&document.key, &document.spec);
        missing.retain(|mention| {
            let is_written = live.is_none() || change.fields.iter().any(|field| field.path.head() == mention.at.head());
            is_written && !self.live.named.contains(&mention.to) && !self.live.unlisted.contains(&mention.to.kind)
        });
        if let Some(live) = live.filter(|_| !missing.is_empty()) {
            let held = self.schema.mentions(&document.key, &live.spec);
            missing.retain(|mention| !held.contains(mention));
        }
        missing
    }

    /// References that must hold before a write: all of a creation's, those of the fields that an update changes.
    fn pressing<'b>(decision: &'b Decision<'a>) -> impl Iterator<Item = &'b Reference> {
        let creates = decision.live.is_none();
        let changed: BTreeSet<&str> = decision.change.fields.iter().map(|field| field.path.head()).collect();
        decision
            .document
            .references
            .iter()
            .filter(|reference| reference.strength == Strength::Before)
            .filter(move |reference| creates || changed.contains(reference.at.head()))
            .chain(&decision.missing)
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
            for reference in Self::pressing(decision) {
                // What could not be read is not unknown to the platform: nothing is to be looked for.
                if !self.satisfied(&reference.to) && self.live.gap(&reference.to).is_none() {
                    draft.unsatisfied.push((decision.document, reference));
                }
            }
        }
        self.schema.operations(&draft)
    }

    /// Takes out what refers to nothing, and then, again and again, what waits for something that was taken out. Says whether
    /// anything was.
    pub(super) fn block_unresolved(&mut self, needed: &[Needed]) -> bool {
        let before = self.drafts.len();
        loop {
            let mut out: Vec<(Key, Obstacle)> = Vec::new();
            for (key, decision) in &self.drafts {
                let obstacles = Self::pressing(decision).filter_map(|reference| self.obstacle(key, reference, needed));
                out.extend(obstacles.map(|obstacle| ((*key).clone(), obstacle)));
            }
            if out.is_empty() {
                break;
            }
            for (key, (reason, message, field)) in out {
                self.drafts.remove(&key);
                self.block_at(reason, message, &key, field);
            }
        }
        self.block_links();
        self.drafts.len() < before
    }

    /// What keeps back the write of `key`, as far as one of its references goes.
    fn obstacle(&self, key: &Key, reference: &Reference, needed: &[Needed]) -> Option<Obstacle> {
        let to = &reference.to;
        if self.will_exist(to) {
            return None;
        }
        if self.documents.contains_key(to) {
            return Some(not_made(to));
        }
        let mut awaited = needed
            .iter()
            .filter(|needed| needed.before.contains(key))
            .map(|needed| &needed.operation.subject);
        if awaited
            .clone()
            .any(|subject| to == subject || to.is_below(subject) && self.will_exist(subject))
        {
            return None;
        }
        // An operation could find it, but what that is run on is not there.
        Some(match awaited.find(|subject| to.is_below(subject)) {
            Some(above) if self.documents.contains_key(above) => not_made(above),
            Some(above) => self.unresolved(&Reference {
                to: above.clone(),
                ..reference.clone()
            }),
            None => self.unresolved(reference),
        })
    }

    /// Takes out links whose other end is not there or not fit for it: they are not made, and the rest of their resource is.
    fn block_links(&mut self) {
        let mut links = std::mem::take(&mut self.links);
        links.retain(|link| {
            // What is kept back has said why.
            let is_made = link.live.is_some() || self.drafts.contains_key(&link.document.key);
            let references = link.document.references.iter();
            let mut ends = references.filter(|r| r.strength == Strength::Link && r.at == link.change.path);
            let obstacle = ends
                .find_map(|reference| self.obstacle_of_link(reference))
                .filter(|_| is_made);
            match obstacle {
                None => is_made,
                Some((reason, message, field)) => {
                    self.block_at(reason, message, &link.document.key, field);
                    false
                }
            }
        });
        self.links = links;
    }

    fn obstacle_of_link(&self, reference: &Reference) -> Option<Obstacle> {
        let to = &reference.to;
        if !self.will_exist(to) {
            return Some(match self.documents.contains_key(to) {
                true => not_made(to),
                false => self.unresolved(reference),
            });
        }
        let (declared, live) = (self.documents.get(to), self.live.resources.get(to));
        let mut target: Map = live.map(|live| live.spec.clone()).unwrap_or_default();
        target.extend(declared.map(|document| document.spec.clone()).unwrap_or_default());
        // Of what is only known to exist nothing can be said.
        let is_read = declared.is_some() || live.is_some();
        let message = self.schema.unfit(reference, &target).filter(|_| is_read)?;
        Some((BlockReason::UnresolvedReference, message, Some(reference.at.clone())))
    }

    fn unresolved(&self, reference: &Reference) -> Obstacle {
        let Reference { at, to, .. } = reference;
        let what = format!("{} '{}' not found", to.kind, to.name());
        if self.broken.iter().any(|broken| broken.key.as_ref() == Some(to)) {
            let message = format!("`{to}`, which it needs, has an error in its file");
            return (BlockReason::DependencyBlocked, message, None);
        }
        let field = Some(at.clone());
        if let Some(gap) = self.live.gap(to) {
            let message = format!("whether `{to}` exists could not be read: {}", gap.message);
            return (visibility::reason(gap), message, field);
        }
        let why = if let Some(why) = self.schema.unresolved(reference) {
            why
        } else if self.left_out.contains(&to.kind) {
            let word = self.schema.spec(to.kind).map_or(to.kind.0, |spec| spec.include);
            format!(
                "{what}: `--include` leaves out {word}, and it is not live either; include {word}, or create it first"
            )
        } else {
            format!(
                "{what}: field `{at}` names it, but it is neither declared nor live; declare it, or correct the name"
            )
        };
        (BlockReason::UnresolvedReference, why, field)
    }
}

fn not_made(key: &Key) -> Obstacle {
    let message = format!("`{key}`, which it needs, is not made");
    (BlockReason::DependencyBlocked, message, None)
}
