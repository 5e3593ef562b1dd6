//! `GET /metrics`: the text that the registry's owner writes.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::Shared;

/// `GET /metrics`.
pub(super) async fn metrics(State(shell): Shared) -> impl IntoResponse {
    let text = (shell.app.metrics)();
    // The version of the text format, as Prometheus asks for it.
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
}
