//! What Datafold can be asked, with what the key must be allowed for it.

use crate::platform::http::{Call, Method, Paging};

use Method::{Get, Post};

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

pub(super) const LIST_RUNS: Call = call(Get, "/api/v1/ci/{id}/runs", CI);
pub(super) const TRIGGER: Call = call(Post, "/api/v1/ci/{id}/trigger", CI);
pub(super) const SUBMIT: Call = call(Post, "/api/v1/ci/{id}/{number}", CI);

pub(super) const LIST_DIFFS: Call = call(Get, "/api/v1/datadiffs", DIFFS);
pub(super) const DIFF_PAGES: Paging = pages("results");
pub(super) const GET_SUMMARY: Call = call(Get, "/api/v1/datadiffs/{id}/summary_results", DIFFS);
