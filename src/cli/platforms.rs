//! The platforms of this build: one entry a platform.

use std::sync::Arc;

use driftless_core::report::Failure;
use driftless_core::schema::Schema;
use driftless_core::value::Secret;

use crate::config::{KnownPlatform, Tenancy};
use crate::platform::datafold::kinds::PLATFORM_VERDICT;
use crate::platform::datafold::{self, Datafold, DatafoldOptions, Desk};
use crate::platform::document_schema::DocumentSchema;
use crate::platform::http::Network;
use crate::platform::qualytics::{self, Qualytics, QualyticsOptions};
use crate::platform::{Gate, Platform, TargetId};

/// A platform of this build.
pub(crate) struct BuiltIn {
    /// What is known of it without IO.
    pub(crate) schema: fn() -> &'static dyn Schema,
    /// What an editor is told of its documents.
    pub(crate) documents: fn() -> Vec<DocumentSchema>,
    /// What stands at one address.
    pub(crate) tenancy: Tenancy,
    /// Which instance a URL leads to, and which organization of it.
    pub(crate) target: fn(&str, Option<u32>) -> Result<TargetId, Failure>,
    /// Makes the adapter of an instance; nothing is sent.
    pub(crate) open: Open<Arc<dyn Platform>>,
    /// How its resources become files.
    pub(crate) export: Export,
    /// Fields of a difference that are found out and that no document may say.
    pub(crate) found_out: &'static [&'static str],
    /// The variable that stands in for `--url`.
    pub(crate) url_variable: &'static str,
    /// The variable that stands in for `--token`.
    pub(crate) token_variable: &'static str,
}

/// Makes an adapter of an instance; nothing is sent.
pub(crate) type Open<T> = fn(Way, Arc<dyn Gate>) -> Result<T, Failure>;

/// The way to an instance, and the credential for it.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) url: String,
    pub(crate) token: Secret,
    /// Which organization of the instance is meant, as far as that is said.
    pub(crate) organization: Option<u32>,
    pub(crate) network: Network,
    /// What writes Datafold's monitors: one provisioning at a time, whoever it is for.
    pub(crate) desk: Arc<Desk>,
}

/// How the resources of an instance become files.
#[derive(Clone, Copy)]
pub(crate) enum Export {
    /// `driftless export` writes them.
    Files(Open<Qualytics>),
    /// The platform itself does, better than its API lets us; where.
    Elsewhere(&'static str),
}

/// The platforms, the one that is meant when none is named first.
pub(crate) static PLATFORMS: &[BuiltIn] = &[
    BuiltIn {
        schema: || qualytics::schema(),
        documents: qualytics::document_schemas,
        tenancy: Tenancy::One,
        target: |url, _| qualytics::target(url),
        open: |way, gate| Ok(Arc::new(qualytics(way, gate)?)),
        export: Export::Files(qualytics),
        found_out: &[],
        url_variable: "QUALYTICS_URL",
        token_variable: "QUALYTICS_TOKEN",
    },
    BuiltIn {
        schema: || datafold::schema(),
        documents: datafold::document_schemas,
        tenancy: Tenancy::Organizations,
        target: datafold::target,
        open: |way, gate| Ok(Arc::new(datafold(way, gate)?)),
        export: Export::Elsewhere(
            "the API of datafold does not return all that a monitor is (its slug, primary keys, tolerances and lists of columns are \
             missing), and nothing of a CI configuration: an export would say less than what is live. Open the monitors in Datafold \
             and take \"View as Code\", for one or for all, and put that file below monitors/",
        ),
        found_out: &[PLATFORM_VERDICT],
        url_variable: "DATAFOLD_HOST",
        token_variable: "DATAFOLD_API_KEY",
    },
];

fn qualytics(way: Way, gate: Arc<dyn Gate>) -> Result<Qualytics, Failure> {
    let Way {
        url, token, network, ..
    } = way;
    Qualytics::new(QualyticsOptions { url, token, network }, gate)
}

pub(crate) fn datafold(way: Way, gate: Arc<dyn Gate>) -> Result<Datafold, Failure> {
    let Way {
        url,
        token: key,
        organization,
        network,
        desk,
    } = way;
    let options = DatafoldOptions {
        url,
        key,
        organization,
        network,
        desk,
    };
    Datafold::new(options, gate)
}

impl BuiltIn {
    /// Its name: `qualytics`.
    pub(crate) fn name(&self) -> &'static str {
        (self.schema)().platform()
    }
}

impl std::fmt::Debug for BuiltIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The platform of a name.
pub(crate) fn named(name: &str) -> Option<&'static BuiltIn> {
    PLATFORMS.iter().find(|platform| platform.name() == name)
}

/// The names, as `--platform` takes them.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PLATFORMS.iter().map(BuiltIn::name)
}

/// The platforms, as far as the config file names them.
pub(crate) fn known() -> Vec<KnownPlatform> {
    PLATFORMS
        .iter()
        .map(|platform| KnownPlatform::of((platform.schema)(), platform.tenancy))
        .collect()
}

/// What an editor is told of the documents of every platform.
pub(crate) fn documents() -> Vec<DocumentSchema> {
    PLATFORMS.iter().flat_map(|platform| (platform.documents)()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_platforms_share_a_name_a_kind_or_a_variable() {
        let names: BTreeSet<_> = names().collect();
        assert_eq!(names.len(), PLATFORMS.len());
        let schemas: BTreeSet<_> = documents().iter().map(DocumentSchema::name).collect();
        assert_eq!(schemas.len(), documents().len(), "one would hide the other in a folder");
        let variables = PLATFORMS.iter().flat_map(|one| [one.url_variable, one.token_variable]);
        assert_eq!(variables.collect::<BTreeSet<_>>().len(), 2 * PLATFORMS.len());
    }
}
