//! What Datafold can be asked, with what the key must be allowed for it.

use crate::platform::http::{Call, Method, Paging};

use Method::{Delete, Get, Post};

const fn call(method: Method, route: &'static str, needs: &'static str) -> Call {
    Call { method, route, needs }
}

/// How its numbered lists come; `items` is the field of the items, which each list has its own word for.
const fn pages(items: &'static str) -> Paging {
    Paging::Counted {
        size: "page_size",
        total: "count",
        items,
    }
}

const CI: &str = "a permission group that may use this CI configuration";
const DIFFS: &str = "a permission group that may see the data sources of the diff";
const SOURCES: &str = "a permission group that may see data sources";
const ADMIN: &str = "a permission group that may administer data sources";
const MONITORS: &str = "a permission group that may see monitors";
const EDITOR: &str = "a permission group that may edit monitors";
const PROVISION: &str = "a permission group that may edit monitors, in an organization with monitors as code";

/// Whose key it is (`reference` 1.1).
pub(super) const GET_ORGANIZATION: Call = call(Get, "/api/v1/organization/meta", "a valid key");

pub(super) const LIST_RUNS: Call = call(Get, "/api/v1/ci/{id}/runs", CI);
pub(super) const TRIGGER: Call = call(Post, "/api/v1/ci/{id}/trigger", CI);
pub(super) const SUBMIT: Call = call(Post, "/api/v1/ci/{id}/{number}", CI);

pub(super) const LIST_DIFFS: Call = call(Get, "/api/v1/datadiffs", DIFFS);
pub(super) const DIFF_PAGES: Paging = pages("results");
pub(super) const GET_SUMMARY: Call = call(Get, "/api/v1/datadiffs/{id}/summary_results", DIFFS);

pub(super) const LIST_SOURCES: Call = call(Get, "/api/v1/data_sources", SOURCES);
pub(super) const GET_SOURCE: Call = call(Get, "/api/v1/data_sources/{id}", SOURCES);
pub(super) const CREATE_SOURCE: Call = call(Post, "/api/v1/data_sources", ADMIN);
pub(super) const TEST_SOURCE: Call = call(Post, "/api/v1/data_sources/{id}/test", ADMIN);
pub(super) const GET_TEST: Call = call(Get, "/api/v1/data_sources/test/{job}", ADMIN);

pub(super) const LIST_MONITORS: Call = call(Get, "/api/v1/monitors", MONITORS);
pub(super) const MONITOR_PAGES: Paging = pages("monitors");
pub(super) const GET_MONITOR: Call = call(Get, "/api/v1/monitors/{id}", MONITORS);
pub(super) const DELETE_MONITOR: Call = call(Delete, "/api/v1/monitors/{id}", EDITOR);

/// Starts a provisioning job. Not every deployment has jobs: 404 on an older one, 501 where there is no workflow engine
/// (`reference` 8.3).
pub(super) const START_PROVISIONING: Call = call(Post, "/api/internal/monitors/provision/jobs", PROVISION);
pub(super) const GET_PROVISIONING: Call = call(Get, "/api/internal/monitors/provision/jobs/{job}", PROVISION);
/// The older way, which answers with the result itself.
pub(super) const PROVISION_AT_ONCE: Call = call(Post, "/api/internal/monitors/provision", PROVISION);
