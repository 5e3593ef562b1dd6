//! The probes: alive as soon as it answers, ready once every source was tried.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Shared;
use super::problem::Problem;

/// `GET /healthz`.
pub(super) async fn alive() -> Response {
    axum::Json(json!({"status": "alive"})).into_response()
}

/// `GET /readyz`. A source that was tried and does not answer is no reason to take the page away that says so.
pub(super) async fn ready(State(shell): Shared) -> Response {
    let overview = shell.app.control.overview().borrow().clone();
    let waiting: Vec<&str> = overview
        .sources
        .iter()
        .filter(|(_, source)| !source.tried)
        .map(|(name, _)| name.as_str())
        .collect();
    if waiting.is_empty() {
        return axum::Json(json!({"status": "ready"})).into_response();
    }
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "not-ready",
        format!("Not tried yet: {}.", waiting.join(", ")),
    )
    .with("waiting", waiting)
    .into_response()
}
