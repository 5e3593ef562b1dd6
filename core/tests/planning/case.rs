//! One planning, put together: files in, live and ledger beside, the plan out.

use std::collections::{BTreeMap, BTreeSet};

use driftless_core::diagnostic::Diagnostic;
use driftless_core::field::FieldPath;
use driftless_core::guard::Circumstances;
use driftless_core::key::{Kind, RemoteId, Revision};
use driftless_core::ledger::{FingerprintKey, Ledger, LedgerEntry};
use driftless_core::load::{Layers, load};
use driftless_core::plan::Plan;
use driftless_core::planner::{Inputs, Planned, plan};
use driftless_core::policy::Policy;
use driftless_core::snapshot::Live;
use driftless_core::substitute::Variables;
use driftless_core::value::Secret;

use crate::library::{Library, key, live, tree};

/// One planning, everything with a default.
pub(crate) struct Case {
    pub(crate) files: Vec<(&'static str, &'static str)>,
    pub(crate) overlays: Vec<String>,
    pub(crate) variables: Vec<(&'static str, &'static str)>,
    pub(crate) sensitive: Vec<&'static str>,
    pub(crate) left_out: Vec<Kind>,
    pub(crate) live: Live,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) policy: Policy,
    pub(crate) circumstances: Circumstances,
}

pub(crate) fn case(files: &[(&'static str, &'static str)]) -> Case {
    Case {
        files: files.to_vec(),
        overlays: Vec::new(),
        variables: Vec::new(),
        sensitive: Vec::new(),
        left_out: Vec::new(),
        live: Live::default(),
        ledger: Some(Ledger::default()),
        policy: Policy::default(),
        circumstances: Circumstances::default(),
    }
}

pub(crate) fn fingerprints() -> FingerprintKey {
    FingerprintKey::new(vec![1; 32])
}

impl Case {
    pub(crate) fn live(mut self, at: &str, id: i64, yaml: &str) -> Self {
        let key = key(at);
        self.live.resources.insert(key.clone(), live(id, yaml, key.kind));
        self
    }

    pub(crate) fn agreed(mut self, at: &str, yaml: &str) -> Self {
        let key = key(at);
        let mut spec = live(0, yaml, key.kind).spec;
        spec.shift_remove("width");
        let entry = LedgerEntry {
            spec,
            fingerprints: BTreeMap::new(),
            remote: Some(
                self.live
                    .resources
                    .get(&key)
                    .map_or(RemoteId(1), |resource| resource.id),
            ),
            revision: Revision("r0".into()),
            protected: false,
        };
        self.ledger.get_or_insert_default().entries.insert(key, entry);
        self
    }

    pub(crate) fn policy(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(&mut self.policy);
        self
    }

    /// Remembers that `secret` was sent to the vault `at`.
    pub(crate) fn sent(mut self, at: &str, secret: &str) -> Self {
        let key = key(at);
        let field = FieldPath::top("password");
        let fingerprint = fingerprints().fingerprint(&key, &field, &Secret::new(secret));
        let entries = &mut self.ledger.get_or_insert_default().entries;
        entries.get_mut(&key).unwrap().fingerprints.insert(field, fingerprint);
        self
    }

    pub(crate) fn plan(self) -> (Plan, Vec<Diagnostic>) {
        let (planned, diagnostics) = self.planned();
        (planned.plan, diagnostics)
    }

    pub(crate) fn planned(&self) -> (Planned, Vec<Diagnostic>) {
        let values = self
            .variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let sensitive: BTreeSet<String> = self.sensitive.iter().map(|name| (*name).to_owned()).collect();
        let layers = Layers {
            base: "",
            overlays: &self.overlays,
        };
        // The base is the root; overlays live in folders that its layout does not know.
        let loaded = load(
            &tree(&self.files),
            &layers,
            &Variables::new(values, sensitive),
            &self.left_out,
            &Library,
        );
        let planned = plan(Inputs {
            environment: None,
            revision: None,
            desired: loaded.desired,
            live: &self.live,
            ledger: self.ledger.as_ref(),
            fingerprints: Some(&fingerprints()),
            policy: &self.policy,
            schema: &Library,
            circumstances: &self.circumstances,
        });
        let diagnostics = [loaded.diagnostics, planned.diagnostics.clone()].concat();
        (planned, diagnostics)
    }
}

pub(crate) fn codes(diagnostics: &[Diagnostic]) -> Vec<String> {
    diagnostics
        .iter()
        .map(|d| {
            let place = d.place.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{} {place}", d.code)
        })
        .collect()
}
