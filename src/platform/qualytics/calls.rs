//! What Qualytics can be asked, with what the token must be allowed for it.

use crate::platform::http::{Call, Method, Paging};

const fn call(method: Method, route: &'static str, needs: &'static str) -> Call {
    Call { method, route, needs }
}

/// How its lists come.
pub(super) const PAGES: Paging = Paging::Counted {
    size: "size",
    total: "total",
    items: "items",
};

use Method::{Delete, Get, Patch, Post, Put};

const MEMBER: &str = "the role Member (no team permission)";
const READER: &str = "the role Member and the team permission Reporter";
const EDITOR: &str = "the role Member and the team permission Editor in a team of the datastore";
const AUTHOR: &str = "the role Member and the team permission Author in a team of the datastore (Drafter for a draft)";

pub(super) const LIST_CONNECTIONS: Call = call(Get, "/connections", "the role Member (no team permission)");
pub(super) const GET_CONNECTION: Call = call(Get, "/connections/{id}", "the role Member (no team permission)");
pub(super) const CREATE_CONNECTION: Call = call(Post, "/connections", "the role Manager (no team permission)");
pub(super) const UPDATE_CONNECTION: Call = call(Put, "/connections/{id}", "the role Manager (no team permission)");

pub(super) const DELETE_CONNECTION: Call = call(Delete, "/connections/{id}", "the role Manager (no team permission)");

pub(super) const LIST_DATASTORES: Call = call(Get, "/datastores", READER);
pub(super) const GET_DATASTORE: Call = call(Get, "/datastores/{id}", READER);
pub(super) const CREATE_DATASTORE: Call = call(Post, "/datastores", "the role Manager (no team permission)");
pub(super) const UPDATE_DATASTORE: Call = call(Put, "/datastores/{id}", EDITOR);
pub(super) const DELETE_DATASTORE: Call = call(Delete, "/datastores/{id}", "the role Admin");
pub(super) const LINK: Call = call(
    Patch,
    "/datastores/{id}/enrichment/{id}",
    "the role Member and the team permission Editor in a team of each of the two datastores",
);
pub(super) const UNLINK: Call = call(Delete, "/datastores/{id}/enrichment", "the role Admin");

pub(super) const LIST_CONTAINERS: Call = call(Get, "/containers/listing", READER);
pub(super) const GET_CONTAINER: Call = call(Get, "/containers/{id}", READER);
pub(super) const LIST_FIELDS: Call = call(Get, "/containers/{id}/fields", READER);
pub(super) const CREATE_CONTAINER: Call = call(Post, "/containers", EDITOR);
pub(super) const UPDATE_CONTAINER: Call = call(Put, "/containers/{id}", EDITOR);
pub(super) const DELETE_CONTAINER: Call = call(Delete, "/containers/{id}", EDITOR);
pub(super) const TAG_CONTAINERS: Call = call(
    Patch,
    "/containers",
    "the role Member and the team permission Viewer in a team of the datastore",
);

pub(super) const CREATE_COMPUTED_FIELD: Call = call(Post, "/computed-fields", EDITOR);
pub(super) const UPDATE_COMPUTED_FIELD: Call = call(Put, "/computed-fields/{id}", EDITOR);
pub(super) const DELETE_COMPUTED_FIELD: Call = call(Delete, "/computed-fields/{id}", EDITOR);

pub(super) const LIST_CHECKS: Call = call(Get, "/quality-checks", READER);
pub(super) const GET_CHECK: Call = call(Get, "/quality-checks/{id}", READER);
pub(super) const CREATE_CHECK: Call = call(Post, "/quality-checks", AUTHOR);
pub(super) const UPDATE_CHECK: Call = call(Put, "/quality-checks/{id}", AUTHOR);
pub(super) const DELETE_CHECK: Call = call(Delete, "/quality-checks/{id}", AUTHOR);

pub(super) const LIST_TAGS: Call = call(Get, "/global-tags/listing", MEMBER);
pub(super) const LIST_TAGS_BY_PAGE: Call = call(Get, "/global-tags", MEMBER);
pub(super) const CREATE_TAG: Call = call(Post, "/global-tags", "the role Manager (no team permission)");
pub(super) const LIST_TEAMS: Call = call(Get, "/teams/listing", MEMBER);
pub(super) const LIST_TEAMS_BY_PAGE: Call = call(Get, "/teams", "the role Manager (no team permission)");

pub(super) const LIST_OPERATIONS: Call = call(Get, "/operations", READER);
pub(super) const GET_OPERATION: Call = call(Get, "/operations/{id}", READER);
pub(super) const RUN_OPERATION: Call = call(Post, "/operations/run", EDITOR);
