//! Every route of the API: method, path, the role it needs, and the handler.

use super::permission::Role;
use super::state::Instance;
use super::wire::{Call, Outcome};
use super::{
    archive, checks, computed_fields, connections, containers, datastores, enrichment, fields, history, openapi,
    operations, reach, rules, tags, teams, templates, users,
};
use crate::sandbox::route;

/// A handler: one synchronous step on the locked instance.
pub(super) type Handler = fn(&mut Instance, &Call) -> Outcome;

/// One route; `{name}` in the path is a parameter.
pub(super) type Route = route::Route<Role, Handler>;

const fn route(method: &'static str, path: &'static str, role: Role, handler: Handler) -> Route {
    Route {
        method,
        path,
        right: role,
        handler,
    }
}

use Role::{Admin, Manager, Member};

/// The table; a literal segment stands before a parameter at the same place.
pub(super) static ROUTES: &[Route] = &[
    route("GET", "/status", Member, openapi::status),
    route("GET", "/connections", Member, connections::list),
    route("POST", "/connections", Manager, connections::create),
    route("GET", "/connections/listing", Member, connections::listing),
    route("GET", "/connections/{connection_id}", Member, connections::get),
    route("PUT", "/connections/{connection_id}", Manager, connections::update),
    route("DELETE", "/connections/{connection_id}", Manager, connections::delete),
    route("POST", "/connections/{connection_id}/test", Manager, reach::test),
    route(
        "GET",
        "/connections/{connection_id}/history",
        Manager,
        history::of_connection,
    ),
    route("GET", "/datastores", Member, datastores::list),
    route("POST", "/datastores", Manager, datastores::create),
    route("GET", "/datastores/listing", Member, datastores::listing),
    route("POST", "/datastores/connection", Manager, reach::validate),
    route("GET", "/datastores/{datastore_id}", Member, datastores::get),
    route("PUT", "/datastores/{datastore_id}", Member, datastores::update),
    route("DELETE", "/datastores/{datastore_id}", Admin, datastores::delete),
    route("POST", "/datastores/{datastore_id}/connection", Member, reach::verify),
    route(
        "DELETE",
        "/datastores/{datastore_id}/enrichment",
        Admin,
        enrichment::unlink,
    ),
    route(
        "PATCH",
        "/datastores/{datastore_id}/enrichment/{enrichment_id}",
        Member,
        enrichment::link,
    ),
    route(
        "PATCH",
        "/datastores/{datastore_id}/assign-group",
        Member,
        datastores::assign_group,
    ),
    route(
        "PATCH",
        "/datastores/{datastore_id}/favorite",
        Member,
        datastores::favorite,
    ),
    route(
        "GET",
        "/datastores/{datastore_id}/history",
        Member,
        history::of_datastore,
    ),
    route("GET", "/containers", Member, containers::list),
    route("POST", "/containers", Member, containers::create),
    route("PATCH", "/containers", Member, containers::patch),
    route("GET", "/containers/listing", Member, containers::listing),
    route("POST", "/containers/validate", Member, containers::validate),
    route("GET", "/containers/{container_id}", Member, containers::get),
    route("PUT", "/containers/{container_id}", Member, containers::update),
    route("DELETE", "/containers/{container_id}", Member, containers::delete),
    route(
        "GET",
        "/containers/{container_id}/field-profiles",
        Member,
        fields::profiles,
    ),
    route("GET", "/containers/{container_id}/fields", Member, fields::of_container),
    route(
        "GET",
        "/containers/{container_id}/history",
        Member,
        history::of_container,
    ),
    route("GET", "/fields", Member, fields::list),
    route("PATCH", "/fields", Member, fields::patch),
    route("GET", "/fields/listing", Member, fields::listing),
    route("GET", "/fields/{field_id}", Member, fields::get),
    route("POST", "/computed-fields", Member, computed_fields::create),
    route(
        "GET",
        "/computed-fields/specifications",
        Member,
        computed_fields::specifications,
    ),
    route("GET", "/computed-fields/{field_id}", Member, computed_fields::get),
    route("PUT", "/computed-fields/{field_id}", Member, computed_fields::update),
    route("DELETE", "/computed-fields/{field_id}", Member, computed_fields::delete),
    route("GET", "/quality-checks", Member, checks::list),
    route("POST", "/quality-checks", Member, checks::create),
    route("PATCH", "/quality-checks", Member, checks::patch),
    route("DELETE", "/quality-checks", Member, archive::delete_many),
    route("GET", "/quality-checks/listing", Member, checks::listing),
    route(
        "GET",
        "/quality-checks/specifications/rules",
        Member,
        rules::specifications,
    ),
    route("GET", "/quality-checks/{check_id}", Member, checks::get),
    route("PUT", "/quality-checks/{check_id}", Member, checks::update),
    route("DELETE", "/quality-checks/{check_id}", Member, archive::delete),
    route("PATCH", "/quality-checks/{check_id}/favorite", Member, checks::favorite),
    route("GET", "/quality-checks/{check_id}/history", Member, history::of_check),
    route("GET", "/quality-check-templates", Member, templates::list),
    route("POST", "/quality-check-templates", Manager, templates::create),
    route(
        "PUT",
        "/quality-check-templates/{template_id}",
        Manager,
        templates::update,
    ),
    route("GET", "/global-tags", Member, tags::list),
    route("POST", "/global-tags", Manager, tags::create),
    route("GET", "/global-tags/listing", Member, tags::listing),
    route("GET", "/global-tags/{tag_name}", Member, tags::get),
    route("PUT", "/global-tags/{tag_name}", Manager, tags::update),
    route("DELETE", "/global-tags/{tag_name}", Manager, tags::delete),
    route("GET", "/teams", Manager, teams::list),
    route("POST", "/teams", Admin, teams::create),
    route("GET", "/teams/listing", Member, teams::listing),
    route("GET", "/teams/{team_id}", Manager, teams::get),
    route("PUT", "/teams/{team_id}", Admin, teams::update),
    route("DELETE", "/teams/{team_id}", Admin, teams::delete),
    route("GET", "/teams/{team_id}/history", Manager, history::of_team),
    route("GET", "/users", Manager, users::list),
    route("GET", "/users/me", Member, users::me),
    route("GET", "/users/{user_id}", Manager, users::get),
    route("PUT", "/users/{user_id}", Admin, users::update),
    route("GET", "/operations", Member, operations::list),
    route("POST", "/operations/run", Member, operations::run),
    route("GET", "/operations/{operation_id}", Member, operations::get),
    route("PUT", "/operations/abort/{operation_id}", Member, operations::abort),
    route("GET", "/anomalies", Member, operations::no_anomalies),
    route("PATCH", "/anomalies", Member, operations::no_anomaly),
    route("DELETE", "/anomalies", Member, operations::no_anomaly),
    route("GET", "/anomalies/{anomaly_id}", Member, operations::no_anomaly),
    route("PUT", "/anomalies/{anomaly_id}", Member, operations::no_anomaly),
    route("DELETE", "/anomalies/{anomaly_id}", Member, operations::no_anomaly),
    route("POST", "/export/anomalies", Member, operations::export),
    route("POST", "/export/checks", Member, operations::export),
    route("POST", "/export/check-templates", Member, operations::export),
    route("POST", "/export/field-profiles", Member, operations::export),
];
