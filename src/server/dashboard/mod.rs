//! The pages: the overview, one environment, one run, one run of a pull request. Plain HTML that works without a script; the script only asks again.

mod changes;
mod pages;
mod pull_requests;
mod runs;
mod view;
mod when;

use std::sync::LazyLock;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use driftless_core::key::{Digest, EnvironmentName};

use self::pull_requests::WithPulls;
pub(super) use pages::Pages;

use super::api::encode;
use super::problem::{Problem, Segment};
use super::pull_requests::{find, page, unknown};
use super::webhook::Watching;
use super::{Shared, Shell};
use crate::clock::{Clock, SystemClock};
use crate::store::pull_runs::{PullRun, PullRunsOf};
use crate::store::{RunId, StoreError, Trigger};

const STYLE: &str = include_str!("app.css");
const SCRIPT: &str = include_str!("app.js");

/// How many runs a page reads: idle ones become one line.
const RUNS: usize = 300;

/// How many runs of pull requests the overview shows.
const PULL_RUNS: usize = 15;

/// `GET /`.
pub(super) async fn overview(State(shell): Shared) -> Response {
    let overview = shell.app.control.overview().borrow().clone();
    let runs = shell.app.store.runs(None, RUNS).await;
    let page = match (runs, pull_runs(&shell).await) {
        (Ok(runs), Ok(pulls)) => {
            let now = SystemClock.now();
            let page = view::overview(&overview, &runs, now);
            let pulls = pulls.map(|runs| runs.iter().map(|run| pull_requests::row(run, now)).collect());
            Ok(WithPulls { page, pulls })
        }
        (Err(error), _) | (_, Err(error)) => Err(Problem::from(error)),
    };
    match page {
        Ok(page) => shown(shell.pages.render("overview.html", &page)),
        Err(problem) => failed(&shell.pages, &problem),
    }
}

/// The newest runs of pull requests; `None` where there is no CI configuration.
async fn pull_runs(shell: &Shell) -> Result<Option<Vec<PullRun>>, StoreError> {
    let pulls = shell.app.pulls.as_ref();
    if pulls.is_none_or(|pulls| pulls.watching() == Watching::Nothing) {
        return Ok(None);
    }
    shell
        .app
        .store
        .pull_runs(&PullRunsOf::Newest(PULL_RUNS))
        .await
        .map(Some)
}

/// `GET /pull-requests/{id}`.
pub(super) async fn pull_request(State(shell): Shared, Segment(id): Segment) -> Response {
    match find(&shell, &id).await {
        Ok(Some(run)) => {
            let page = pull_requests::page(&run, page(&shell, &run), SystemClock.now());
            shown(shell.pages.render("pull_request.html", &page))
        }
        Ok(None) => failed(&shell.pages, &unknown(&id)),
        Err(error) => failed(&shell.pages, &error.into()),
    }
}

/// `GET /environments/{name}`.
pub(super) async fn environment(State(shell): Shared, Segment(name): Segment) -> Response {
    let overview = shell.app.control.overview().borrow().clone();
    let name = EnvironmentName(name);
    let Some(environment) = overview.environments.get(&name) else {
        return failed(&shell.pages, &Problem::unknown_environment(&name.0));
    };
    let history = async {
        let runs = shell.app.store.runs(Some(&name), RUNS).await?;
        let last = match &environment.last_run {
            Some(run) => shell.app.store.run(&run.id).await?,
            None => None,
        };
        Ok::<_, StoreError>((runs, last))
    };
    match history.await {
        Ok((runs, last)) => {
            let history = (runs.as_slice(), last.as_ref());
            let page = view::environment(&name, environment, &overview, history, SystemClock.now());
            let forms = shell.app.access.offers_forms();
            shown(shell.pages.render("environment.html", &view::WithForms { page, forms }))
        }
        Err(error) => failed(&shell.pages, &error.into()),
    }
}

/// `GET /runs/{id}`.
pub(super) async fn run(State(shell): Shared, Segment(id): Segment) -> Response {
    let overview = shell.app.control.overview().borrow().clone();
    let id = RunId(id);
    match shell.app.store.run(&id).await {
        Ok(Some(run)) => shown(
            shell
                .pages
                .render("run.html", &view::run(&run, &overview, SystemClock.now())),
        ),
        Ok(None) => failed(&shell.pages, &Problem::unknown_run(&id.0)),
        Err(error) => failed(&shell.pages, &error.into()),
    }
}

/// `POST /environments/{name}/reconcile`: the dashboard's button. Answers with the way back to the page.
pub(super) async fn reconcile(
    State(shell): Shared,
    Segment(name): Segment,
    headers: HeaderMap,
) -> Result<Redirect, Problem> {
    shell.app.access.admit_form(&headers)?;
    let environment = EnvironmentName(name);
    match shell.app.control.trigger(&environment, Trigger::Manual) {
        Ok(_) => Ok(Redirect::to(&format!("/environments/{}", encode(&environment.0)))),
        Err(unknown) => Err(Problem::unknown_environment(&unknown.0.0)),
    }
}

/// `GET /assets/app.css`.
pub(super) async fn style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", STYLE)
}

/// `GET /assets/app.js`.
pub(super) async fn script() -> impl IntoResponse {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    // The pages ask for it with a digest of its content, so what is cached under an address never changes.
    let cache = "public, max-age=31536000, immutable";
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)], text)
}

/// The first characters of both assets' digests: what changes their addresses.
static MARKS: LazyLock<[String; 2]> =
    LazyLock::new(|| [STYLE, SCRIPT].map(|text| Digest::of(text).0.chars().take(12).collect()));

fn shown(page: Result<String, minijinja::Error>) -> Response {
    match page {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written: this is a defect of driftless");
            let detail = "The page could not be written; the daemon's log says why. The API has the same content.";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "defect", detail).into_response()
        }
    }
}

fn failed(pages: &Pages, problem: &Problem) -> Response {
    let page = view::Failed {
        title: problem.status().canonical_reason().unwrap_or("Error"),
        detail: problem.detail(),
    };
    (problem.status(), shown(pages.render("failed.html", &page))).into_response()
}
