//! What an environment allows: plain input of the planner.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobMatcher};

use crate::field::FieldPath;
use crate::key::{Key, Kind};

/// The policy of one environment.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Whether anything is written at all.
    pub mode: Mode,
    /// What happens to hand-made changes.
    pub drift: OnDrift,
    /// What happens to resources that exist live and were never applied by driftless.
    pub adopt: OnAdopt,
    /// What happens to secrets of which no fingerprint is known, on resources that exist.
    pub unknown_secrets: UnknownSecrets,
    /// Fields that are sent on creation and kept as live on update.
    pub ignore: Vec<IgnoreRule>,
    /// What happens, per kind, to what Git no longer has; `off` where a kind is not named.
    pub prune: BTreeMap<Kind, Prune>,
    /// Numbers above which a plan waits for a person.
    pub guards: Guards,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::Apply,
            drift: OnDrift::Correct,
            adopt: OnAdopt::Apply,
            unknown_secrets: UnknownSecrets::Send,
            ignore: Vec::new(),
            prune: BTreeMap::new(),
            guards: Guards::default(),
        }
    }
}

/// Whether an environment is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Differences are applied as the other policies say.
    Apply,
    /// Nothing is ever written; differences are reported.
    Observe,
}

/// What happens to drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDrift {
    /// Put back to what Git says.
    Correct,
    /// Only reported.
    Report,
}

/// What happens to an adoption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnAdopt {
    /// Written, shown with its diff.
    Apply,
    /// Only shown.
    Report,
}

/// What happens to a secret that cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownSecrets {
    /// Sent once.
    Send,
    /// Left alone, and said to be not compared.
    Keep,
}

/// What happens to a resource that Git no longer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prune {
    /// It stays, and is listed as orphaned.
    Off,
    /// It is archived: nothing that it has gathered is lost.
    Disable,
    /// It is deleted.
    Delete,
}

/// Numbers above which a plan waits for a person. Shares are of the declared or owned resources that exist live; creations never
/// count, adoptions count as updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guards {
    /// Share of the resources that one plan may delete, in percent.
    pub delete_share: u8,
    /// Share of the resources that one plan may update, in percent.
    pub update_share: u8,
    /// Number of resources from which the shares count.
    pub from: usize,
    /// Resources that one plan may delete.
    pub delete_max: usize,
    /// Resources that one plan may update.
    pub update_max: usize,
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            delete_share: 30, // octoDNS: `delete_pcent_threshold`
            update_share: 30, // octoDNS: `update_pcent_threshold`
            from: 10,         // octoDNS: `MIN_EXISTING_RECORDS`
            delete_max: 50,
            update_max: 500,
        }
    }
}

/// One ignore rule.
#[derive(Clone, Debug)]
pub struct IgnoreRule {
    /// Only resources of this kind; all when `None`.
    pub kind: Option<Kind>,
    key: Option<GlobMatcher>,
    /// The fields, with all below them.
    pub fields: Vec<FieldPath>,
}

impl IgnoreRule {
    /// Makes a rule. `key` is a glob over the key without its kind: `*` stays within a name, `**` does not.
    ///
    /// # Errors
    /// The glob's fault, in words.
    pub fn new(kind: Option<Kind>, key: Option<&str>, fields: Vec<FieldPath>) -> Result<Self, String> {
        let key = key
            .map(|glob| {
                GlobBuilder::new(glob)
                    .literal_separator(true)
                    .build()
                    .map(|glob| glob.compile_matcher())
            })
            .transpose()
            .map_err(|error| error.to_string())?;
        Ok(Self { kind, key, fields })
    }

    /// Whether `field` of `key` is ignored by this rule.
    pub fn covers(&self, key: &Key, field: &FieldPath) -> bool {
        self.kind.is_none_or(|kind| kind == key.kind)
            && self.key.as_ref().is_none_or(|glob| glob.is_match(key.path_text()))
            && self.fields.iter().any(|ignored| field.is_within(ignored))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_covers_its_kind_its_keys_and_what_is_below_its_fields() -> Result<(), String> {
        let check = Kind("check");
        let rule = IgnoreRule::new(Some(check), Some("warehouse-*/**"), vec![FieldPath::top("properties")])?;
        let key = Key::new(check, ["warehouse-prod", "orders__notnull__id"]);
        assert!(rule.covers(&key, &FieldPath::dotted("properties.min")));
        assert!(!rule.covers(&key, &FieldPath::top("tags")));
        assert!(!rule.covers(&Key::new(check, ["crm", "x"]), &FieldPath::top("properties")));
        assert!(!rule.covers(
            &Key::new(Kind("container"), ["warehouse-a", "x"]),
            &FieldPath::top("properties")
        ));
        Ok(())
    }
}
