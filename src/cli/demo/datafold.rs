//! The demo's Datafold: what its organisation holds at the start, and the environment that keeps it as the repository says.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value as Json;

use super::forge;
use crate::sandbox::datafold::{Options, Server};

/// The environment's name, and its folder in the demo's repository.
pub const NAME: &str = "datafold";

/// What happens to changes made by hand: they show, and stay.
const DRIFT: &str = "report";

/// What the organisation holds at the start: a sandbox seed, as JSON.
pub const SEED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo-seeds/datafold.json"));

/// The values of the `${…}` in data sources: `(name, value)`. The password opens nothing.
pub const VARIABLES: &[(&str, &str)] = &[
    ("PG_HOST", "pg.prod.example.com"),
    ("PG_DATABASE", "shop"),
    ("DATAFOLD_PG_PASSWORD", "sandbox-datafold-pg"),
];

/// Starts the organisation; it finds differences in what the forge's pull requests make.
pub(super) async fn start() -> anyhow::Result<Server> {
    let mut seed: Json = serde_json::from_str(SEED)?;
    seed["comparisons"] = forge::comparisons();
    let options = Options {
        seed: Some(seed),
        ..Options::default()
    };
    Ok(Server::start(options).await?)
}

/// Its line below `targets`.
pub(super) fn target(server: &Server) -> String {
    format!(
        "- {{ name: {NAME}, platform: datafold, url: \"{}\", token: \"{}\" }}\n",
        server.url(),
        server.key()
    )
}

/// Its entry below `environments`.
pub(super) fn environment() -> String {
    let mut text = format!(
        "- name: {NAME}\n  source: dq-config\n  path: {NAME}\n  target: {NAME}\n  drift: {{ policy: {DRIFT}, interval: 2s }}\n  \
         variables:\n"
    );
    for (name, value) in VARIABLES {
        let _ = writeln!(text, "    {name}: \"{value}\"");
    }
    text
}

/// Where it is, for the head of the introduction.
pub(super) fn line(server: &Server) -> String {
    format!("{:<20}{}  (drift: {DRIFT})\n", "Sandbox datafold:", server.url())
}

/// What there is to try with it, from number 5 on. `driftless` is the binary, `dashboard` the daemon's address.
pub(super) fn suggestions(server: &Server, driftless: &Path, dashboard: &str) -> String {
    format!(
        r#"
5. Make a Datafold monitor less sensitive by hand. It shows as drift, and stays, because this environment only reports:
     curl -s -o /dev/null -w '%{{http_code}}\n' {url}/_sandbox/edit -H 'content-type: application/json' \
       -d '{{"kind":"monitor","where":{{"slug":"orders_freshness"}},"set":{{"alert":{{"sensitivity":10}}}}}}'

6. The environment `datafold` waits for a person: its data source and its monitors are live, but a CI configuration can only be
   set in Datafold's own pages. {dashboard}/environments/{NAME} shows each field and where. Say that it is done:
     export DRIFTLESS_SERVER={dashboard}
     {driftless} approve --yes "$({driftless} status {NAME} | awk '/last run/ {{ print $3 }}')"
"#,
        url = server.url(),
        driftless = driftless.display(),
    )
}
