//! The HTTP side of the daemon: probes, metrics, webhooks, the API, server-sent events and the dashboard.
//!
//! It sees the engine through [`Control`] and history through [`Store`], and writes neither: a request is only ever a reason for
//! the engine to look again, or what somebody said that the engine weighs. Bodies, names and commit messages are hostile text everywhere below.

mod api;
mod dashboard;
mod events;
mod guard;
mod health;
mod listen;
mod metrics;
mod problem;
mod pull_requests;
mod requests;
mod standing;
mod webhook;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{MethodRouter, get, post};
use tokio::sync::Semaphore;

use crate::engine::Control;
use crate::store::Store;

pub use guard::Access;
pub use listen::serve;
pub use webhook::{OUTCOMES, Provider, PullRequests, Watch, Watching, Webhook};

/// Counts a delivery: the webhook's name, and what became of it.
pub type CountDelivery = dyn Fn(&str, &'static str) + Send + Sync;

/// Everything that the server shows or may ask for.
pub struct App {
    /// The engine.
    pub control: Arc<dyn Control>,
    /// History.
    pub store: Arc<dyn Store>,
    /// The metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Called once for each delivery to a webhook of the config, with one of [`OUTCOMES`].
    pub deliveries: Arc<CountDelivery>,
    /// Who may send a POST.
    pub access: Access,
    /// The webhooks of the config.
    pub webhooks: Vec<Webhook>,
    /// Who is told of pull requests that may have moved; `None` where the config is about none.
    pub pulls: Option<Arc<dyn PullRequests>>,
}

/// What handlers share.
struct Shell {
    app: App,
    pages: dashboard::Pages,
    delivered: webhook::Delivered,
    streams: Arc<Semaphore>,
}

type Shared = axum::extract::State<Arc<Shell>>;

/// The routes, all on one screen. `openapi.json` describes each of them, and a test compares the two.
fn routes() -> Vec<(&'static str, &'static str, MethodRouter<Arc<Shell>>)> {
    vec![
        ("GET", "/", get(dashboard::overview)),
        ("GET", "/environments/{name}", get(dashboard::environment)),
        ("POST", "/environments/{name}/reconcile", post(dashboard::reconcile)),
        ("GET", "/runs/{id}", get(dashboard::run)),
        ("GET", "/pull-requests/{id}", get(dashboard::pull_request)),
        ("GET", "/assets/app.css", get(dashboard::style)),
        ("GET", "/assets/app.js", get(dashboard::script)),
        ("GET", "/healthz", get(health::alive)),
        ("GET", "/readyz", get(health::ready)),
        ("GET", "/metrics", get(metrics::metrics)),
        ("POST", "/webhooks/{name}", post(webhook::receive)),
        ("GET", "/api/openapi.json", get(api::openapi)),
        ("GET", "/api/v1/environments", get(api::environments)),
        ("GET", "/api/v1/environments/{name}", get(api::environment)),
        ("GET", "/api/v1/environments/{name}/plan", get(api::plan)),
        ("GET", "/api/v1/environments/{name}/drift", get(api::drift)),
        ("POST", "/api/v1/environments/{name}/reconcile", post(api::reconcile)),
        ("POST", "/api/v1/environments/{name}/suspend", post(requests::suspend)),
        ("POST", "/api/v1/environments/{name}/resume", post(requests::resume)),
        ("GET", "/api/v1/runs", get(api::runs)),
        ("GET", "/api/v1/runs/{id}", get(api::run)),
        ("POST", "/api/v1/runs/{id}/approve", post(requests::approve)),
        ("GET", "/api/v1/pull-requests", get(pull_requests::list)),
        ("GET", "/api/v1/pull-requests/{id}", get(pull_requests::one)),
        ("GET", "/api/v1/events", get(events::events)),
    ]
}

/// Method and path of every route, for the comparison with `openapi.json`.
pub fn route_names() -> Vec<(&'static str, &'static str)> {
    routes().into_iter().map(|(method, path, _)| (method, path)).collect()
}

/// The whole server as a service.
pub fn router(app: App) -> Router {
    let shell = Arc::new(Shell {
        pages: dashboard::Pages::new(),
        delivered: webhook::Delivered::default(),
        streams: Arc::new(Semaphore::new(events::STREAMS)),
        app,
    });
    routes()
        .into_iter()
        .fold(Router::new(), |router, (_, path, route)| router.route(path, route))
        .fallback(problem::no_such_page)
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(middleware::from_fn(problem::in_time))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(problem::panicked))
        .layer(middleware::from_fn(guard::headers))
        .with_state(shell)
}
