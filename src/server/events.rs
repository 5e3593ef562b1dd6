//! `GET /api/v1/events`: an event whenever the overview changes, or a run of a pull request is written. Events say *that* something changed; what it is now, the reader
//! asks for. So none has to be replayed, and `Last-Event-ID` is of no consequence.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt, future, stream};
use serde_json::{Map, Value as Json, json};
use tokio_stream::wrappers::WatchStream;

use super::Shared;
use super::listen::Stopping;
use super::problem::Problem;
use super::standing::Standing;
use crate::engine::Overview;
use crate::store::pull_runs::PullRun;

/// How many readers may listen at once: far more than a team has tabs, far fewer than the process has file descriptors.
pub(super) const STREAMS: usize = 256;

/// A comment this often keeps proxies, which cut at 30 or 60 s, from cutting.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What a reader waits before it connects again.
const RECONNECT: Duration = Duration::from_secs(2);

/// `GET /api/v1/events`. The present state is the first event, so that nothing between page and stream is missed.
pub(super) async fn events(
    State(shell): Shared,
    stopping: Option<Extension<Stopping>>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let place = shell.streams.clone().try_acquire_owned().map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too-many-streams",
            format!("{STREAMS} readers listen already; try again later, or poll GET /api/v1/environments."),
        )
    })?;
    let stopped = async move {
        match stopping {
            Some(Extension(Stopping(stop))) => stop.cancelled_owned().await,
            None => future::pending().await,
        }
    };
    let overviews = WatchStream::new(shell.app.control.overview()).map(|overview| event(&overview));
    // Whoever begins to listen asks for all anew at the first event: what was written before it need not be told.
    let pulls = match &shell.app.pulls {
        Some(pulls) => WatchStream::from_changes(pulls.recent())
            .map(|runs| written(&runs))
            .boxed(),
        None => stream::empty().boxed(),
    };
    let stream = stream::select(overviews, pulls)
        .map(move |event| {
            let _held = &place;
            Ok(event)
        })
        .take_until(stopped);
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

fn event(overview: &Arc<Overview>) -> Event {
    let environments: Map<String, Json> = overview
        .environments
        .iter()
        .map(|(name, view)| {
            let standing = Standing::of(view, overview.sources.get(&view.source));
            let revision = view.revision.as_ref().map(|revision| revision.0.as_str());
            (
                name.0.clone(),
                json!({"standing": standing.word(), "revision": revision}),
            )
        })
        .collect();
    Event::default()
        .event("overview")
        .retry(RECONNECT)
        .data(json!({"environments": environments}).to_string())
}

/// Runs of pull requests that an event names: those that were written last.
const NAMED: usize = 20;

fn written(runs: &[PullRun]) -> Event {
    let runs: Vec<Json> = runs
        .iter()
        .take(NAMED)
        .map(|run| json!({"id": run.key.id(), "phase": run.phase, "result": run.outcome}))
        .collect();
    Event::default()
        .event("pull_requests")
        .retry(RECONNECT)
        .data(json!({"pull_requests": runs}).to_string())
}
