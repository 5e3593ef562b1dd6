//! The demo's forge: the repository whose pull requests Datafold's environment checks, and how the daemon hears of them.

use std::net::SocketAddr;

use serde_json::{Value as Json, json};

use crate::sandbox::forge::{Options, Server};

/// The repository, as `datafold/ci/shop.yaml` has it.
const REPOSITORY: &str = "acme/shop";

/// What deliveries are signed with: the demo's webhook is on loopback and guards nothing.
const SECRET: &str = "demo-pull-requests-secret";

/// The file that a pull request changes.
const MODEL: &str = "dbt/models/orders.sql";

/// Numbers that pull requests of the demo may have: whoever opens more of them sees tables that are equal.
const NUMBERS: std::ops::RangeInclusive<u32> = 1..=500;

/// What stands in [`MODEL`], `amount` being how the column of that name is made.
fn model(amount: &str) -> String {
    format!(
        "-- datafold: pk=order_id\ncreate or replace table shop.${{schema}}.orders as\nselect order_id, customer_id, {amount}, note from \
         shop.raw.orders\n"
    )
}

/// Starts the forge; it tells the daemon at `dashboard` of each pull request.
pub(super) async fn start(dashboard: SocketAddr) -> anyhow::Result<Server> {
    let options = Options {
        seed: Some(json!({
            "hooks": [{ "url": format!("http://{dashboard}/webhooks/pull-requests"), "secret": SECRET, "provider": "github" }],
            "repositories": [{ "path": REPOSITORY, "files": { MODEL: model("amount") } }],
        })),
        ..Options::default()
    };
    Ok(Server::start(options).await?)
}

/// What Datafold finds between production and the tables of pull requests: rows of a seed's `comparisons`.
pub(super) fn comparisons() -> Json {
    let rows = NUMBERS.map(|number| {
        json!({
            "prod": "shop.sales.orders", "pr": format!("shop.pr_{number}.orders"), "outcome": "different",
            "rows": [48_210, 48_210], "changed": 312, "columns": { "customer_id": 0, "amount": 312, "note": 0 },
        })
    });
    rows.collect()
}

/// Its sections of the config file. Nobody waits here for a run that the platform starts by itself: it is not told of pull requests.
pub(super) fn sections(server: &Server) -> String {
    format!(
        "forges:\n- {{ name: forge, provider: github, url: \"{url}/api/v3\", token: \"{token}\" }}\n\
         pull_requests: {{ wait_for_run: 1s, poll: {{ from: 1s, to: 2s }} }}\n",
        url = server.url(),
        token = server.token(),
    )
}

/// Its entry below `webhooks`.
pub(super) fn webhook() -> String {
    format!("- {{ name: pull-requests, provider: github, secret: {SECRET}, forge: forge }}\n")
}

/// Where it is, for the head of the introduction.
pub(super) fn line(server: &Server) -> String {
    format!(
        "{:<20}{}  (the repository {REPOSITORY})\n",
        "Sandbox forge:",
        server.url()
    )
}

/// What there is to try with it, as number 7.
pub(super) fn suggestions(server: &Server, dashboard: &str) -> String {
    let opened = json!({
        "repository": REPOSITORY, "branch": "net-amounts", "title": "Orders in net amounts", "message": "Orders in net amounts",
        "files": { MODEL: model("amount / 1.19 as amount") },
    });
    format!(
        r#"
7. Open a pull request that changes a model. The forge tells the daemon; the data of production and of the pull request are
   compared; {dashboard} shows the run, and the forge its commit status and one comment (look again until it is done):
     curl -s {url}/_sandbox/pull_requests -H 'content-type: application/json' \
       -d '{opened}'
     curl -s {url}/_sandbox/state | sed 's/\\n/\n/g'
"#,
        url = server.url(),
    )
}
