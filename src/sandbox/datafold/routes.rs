//! Every route of the API: method, path, the rights it needs, and the handler.

use super::key::{self, Rights};
use super::organisation::Organisation;
use super::wire::{Answer, Call, Outcome};
use super::{
    ci_runs, data_diffs, data_source, data_source_test, data_source_type, monitor_update, monitors, provisioning_job,
};
use crate::sandbox::route;

/// A handler: one synchronous step on the locked organisation.
pub(super) type Handler = fn(&mut Organisation, &Call) -> Outcome;

/// One route; `{name}` in the path is a parameter.
pub(super) type Route = route::Route<Rights, Handler>;

const fn route(method: &'static str, path: &'static str, rights: Rights, handler: Handler) -> Route {
    Route {
        method,
        path,
        right: rights,
        handler,
    }
}

use Rights::{Admin, Nothing, Read};

/// The table; a literal segment stands before a parameter at the same place.
pub(super) static ROUTES: &[Route] = &[
    route("GET", "/api/v1/organization/meta", Nothing, key::meta),
    // Where the official client ships its log; it is thrown away.
    route("POST", "/api/internal/sdk/log", Nothing, |_, _| Ok(Answer::Empty)),
    route("GET", "/api/v1/data_sources", Read, data_source::list),
    route("POST", "/api/v1/data_sources", Admin, data_source::create),
    route("GET", "/api/v1/data_sources/types", Read, data_source_type::list),
    route("GET", "/api/v1/data_sources/test/{job_id}", Read, data_source_test::get),
    route("GET", "/api/v1/data_sources/{id}", Read, data_source::get),
    route("GET", "/api/v1/data_sources/{id}/summary", Read, data_source::summary),
    route("POST", "/api/v1/data_sources/{id}/test", Admin, data_source_test::start),
    route("GET", "/api/v1/monitors", Read, monitors::list),
    route("POST", "/api/v1/monitors/create/{kind}", Admin, monitors::create),
    route("GET", "/api/v1/monitors/{id}", Read, monitors::get),
    route("DELETE", "/api/v1/monitors/{id}", Admin, monitors::delete),
    route("PATCH", "/api/v1/monitors/{id}/update", Admin, monitor_update::update),
    route("PUT", "/api/v1/monitors/{id}/toggle", Admin, monitor_update::toggle),
    route("POST", "/api/v1/monitors/{id}/run", Admin, monitors::run),
    route("GET", "/api/v1/monitors/{id}/runs", Read, monitors::runs),
    route("GET", "/api/v1/monitors/{id}/runs/{run_id}", Read, monitors::run_of),
    route("GET", "/api/v1/ci/{ci_config_id}/runs", Read, ci_runs::list),
    route("POST", "/api/v1/ci/{ci_config_id}/trigger", Admin, ci_runs::trigger),
    route("POST", "/api/v1/ci/{ci_config_id}/{pr_num}", Admin, ci_runs::submit),
    route("GET", "/api/v1/datadiffs", Read, data_diffs::list),
    route("POST", "/api/v1/datadiffs", Admin, data_diffs::create),
    route("GET", "/api/v1/datadiffs/{id}", Read, data_diffs::get),
    route("PATCH", "/api/v1/datadiffs/{id}", Admin, data_diffs::patch),
    route("POST", "/api/v1/datadiffs/{id}/cancel", Admin, data_diffs::cancel),
    route("GET", "/api/v1/datadiffs/{id}/summary", Read, data_diffs::summary),
    route(
        "GET",
        "/api/v1/datadiffs/{id}/summary_results",
        Read,
        data_diffs::summary_results,
    ),
    route(
        "POST",
        "/api/internal/monitors/provision",
        Admin,
        provisioning_job::at_once,
    ),
    route(
        "POST",
        "/api/internal/monitors/provision/jobs",
        Admin,
        provisioning_job::start,
    ),
    route(
        "GET",
        "/api/internal/monitors/provision/jobs/{id}",
        Read,
        provisioning_job::get,
    ),
];
