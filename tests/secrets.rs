//! Secrets stand wherever they may stand, everything goes wrong, and none of them shows: in what the daemon and the command line
//! print at their most talkative, in any page, in metrics, in events, in the store, in temporary files, and in the mirror beside
//! Git's own objects.
//!
//! What the secrets are and how each reaches driftless (the process, a file of variables, the config file, a file of its own) is
//! drawn from a seed, which each failure names: `DRIFTLESS_SEED=… cargo test --test secrets` repeats it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test has its own clock, files and environment"
)]

#[path = "support/git_host.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod git_host;
#[path = "support/git_repo.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod git_repo;

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use driftless::sandbox::{Options, Sandbox};
use futures::StreamExt as _;
use git_host::{GitHost, Manner};
use git_repo::Repo;
use serde_json::{Value as Json, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// Numbers that look drawn and are the same for the same seed (SplitMix64).
struct Draw {
    seed: u64,
    state: u64,
}

impl Draw {
    fn new() -> Self {
        let seed = match std::env::var("DRIFTLESS_SEED") {
            Ok(seed) => seed.parse().expect("DRIFTLESS_SEED is a number"),
            Err(_) => RandomState::new().build_hasher().finish(),
        };
        Self { seed, state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        let count = u64::try_from(choices.len()).unwrap();
        choices[usize::try_from(self.next() % count).unwrap()]
    }
}

/// How a secret reaches driftless.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Channel {
    Process,
    /// A file in `.env` syntax.
    Variables,
    /// A value of the config file that names one of the process.
    Config,
    /// A value of the config file that names a file.
    ConfigFile,
    /// A file that the document names.
    File,
}

/// Every secret by what it is, with the part of it that stands nowhere else.
struct Planted {
    secrets: BTreeMap<&'static str, (String, Vec<String>)>,
    channels: BTreeMap<&'static str, Channel>,
    draw: Draw,
}

impl Planted {
    fn new() -> Self {
        Self {
            secrets: BTreeMap::new(),
            channels: BTreeMap::new(),
            draw: Draw::new(),
        }
    }

    /// Makes a secret out of `pattern`: each `@` is a part that is looked for.
    fn plant(&mut self, name: &'static str, pattern: &str) -> String {
        let mut marks = Vec::new();
        let mut text = String::new();
        for c in pattern.chars() {
            if c == '@' {
                let mark = format!("q{:016x}", self.draw.next());
                text.push_str(&mark);
                marks.push(mark);
            } else {
                text.push(c);
            }
        }
        self.secrets.insert(name, (text.clone(), marks));
        text
    }

    fn text(&self, name: &str) -> &str {
        &self.secrets[name].0
    }

    /// What stands for it in a file: a variable, or a file below `folder` when the draw was that.
    fn placeholder(&self, folder: &Path, name: &str) -> String {
        match self.channels.get(name) {
            Some(Channel::File) => format!("${{file:{}}}", folder.join("secrets").join(name).display()),
            _ => format!("${{{name}}}"),
        }
    }

    fn drawn(&self, channels: &[Channel]) -> impl Iterator<Item = &'static str> {
        self.channels
            .iter()
            .filter(|(_, channel)| channels.contains(channel))
            .map(|(name, _)| *name)
    }

    #[track_caller]
    fn assert_absent(&self, place: &str, bytes: &[u8]) {
        let shown = String::from_utf8_lossy(bytes);
        for (name, (_, marks)) in &self.secrets {
            for form in marks.iter().flat_map(|mark| forms(mark)) {
                if let Some(at) = shown.find(form.as_str()) {
                    let from = shown[..at].char_indices().rev().nth(200).map_or(0, |(at, _)| at);
                    let seed = self.draw.seed;
                    panic!(
                        "DRIFTLESS_SEED={seed}: {place} shows {name}: …{}",
                        &shown[from..at + form.len()]
                    );
                }
            }
        }
    }
}

/// A mark as it is (a URL, JSON and Python leave it so), and in base64, wherever it begins in what was encoded.
fn forms(mark: &str) -> Vec<String> {
    let mut forms = vec![mark.to_owned()];
    for (before, shared) in [("", 0), ("x", 2), ("xx", 3)] {
        let encoded = STANDARD_NO_PAD.encode(format!("{before}{mark}"));
        forms.push(encoded[shared..encoded.len() - 1].to_owned());
    }
    forms
}

/// How the platform takes writes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Fine,
    /// Refuses, and quotes all it has ever been sent: as a sentence, line by line, cut into the answer's own form.
    Quotes(u16),
    /// A page of a proxy that prints the request.
    Html(u16),
    /// Refuses to be read, too.
    Shut(u16),
}

/// A platform that is a sandbox behind something that talks.
struct Parrot {
    sandbox: String,
    client: reqwest::Client,
    mood: Mutex<Mood>,
    heard: Mutex<Vec<String>>,
}

async fn parrot(
    State(parrot): State<Arc<Parrot>>,
    method: Method,
    uri: Uri,
    headers: axum::http::HeaderMap,
    body: Bytes,
) -> Response {
    let mood = *parrot.mood.lock().unwrap();
    if method != Method::GET || matches!(mood, Mood::Shut(_)) {
        let text = String::from_utf8(body.to_vec()).unwrap();
        if !text.is_empty() {
            parrot.heard.lock().unwrap().push(text);
        }
        let heard = parrot.heard.lock().unwrap().join("\n");
        let token = headers.get(header::AUTHORIZATION).unwrap().to_str().unwrap().to_owned();
        // What was sent last stands first, where nothing is cut off; its values as they are, and as a program prints them.
        let last: Json = serde_json::from_slice(&body).unwrap_or_default();
        let values: Vec<String> = texts(&last);
        let urls: Vec<String> = values.iter().map(|value| percent(value)).collect();
        let encoded: Vec<String> = values.iter().map(|value| STANDARD.encode(value)).collect();
        let said = format!(
            "{} {token} {} {} {} {} {heard}",
            values.join(" | "),
            encoded.join(" "),
            urls.join("&"),
            URL_SAFE_NO_PAD.encode(&token),
            STANDARD.encode(&body),
        );
        match mood {
            Mood::Fine => {}
            Mood::Quotes(422) => {
                let mut lines: Vec<Json> = values
                    .iter()
                    .map(|value| json!({"loc": ["body", "password"], "msg": format!("'{value}' is refused"), "type": "value_error"}))
                    .collect();
                lines.insert(
                    0,
                    json!({"loc": ["body", said], "msg": said, "input": last, "type": "value_error"}),
                );
                return (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(json!({"detail": lines}))).into_response();
            }
            Mood::Quotes(status) | Mood::Shut(status) => {
                let status = StatusCode::from_u16(status).unwrap();
                let padded = format!("{}{said}", "x ".repeat(290));
                let detail = if values.len().is_multiple_of(2) { padded } else { said };
                return (status, axum::Json(json!({"detail": detail}))).into_response();
            }
            Mood::Html(status) => {
                let page = format!("<html><pre>{said}</pre></html>");
                return (
                    StatusCode::from_u16(status).unwrap(),
                    [(header::CONTENT_TYPE, "text/html")],
                    page,
                )
                    .into_response();
            }
        }
    }
    let mut request = parrot
        .client
        .request(method, format!("{}{uri}", parrot.sandbox))
        .body(body);
    for name in [header::AUTHORIZATION, header::CONTENT_TYPE] {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
    }
    let answer = request.send().await.unwrap();
    let (status, bytes) = (answer.status(), answer.bytes().await.unwrap());
    (status, [(header::CONTENT_TYPE, "application/json")], bytes).into_response()
}

fn texts(value: &Json) -> Vec<String> {
    match value {
        Json::String(text) => vec![text.clone()],
        Json::Array(items) => items.iter().flat_map(texts).collect(),
        Json::Object(object) => object.values().flat_map(texts).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) => Vec::new(),
    }
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| format!("%{byte:02x}"))
        .collect::<String>()
        .replace("%7e", "~")
}

/// A connection with a secret in each field that can hold one; the variables' names are those of [`Planted`].
fn files(planted: &mut Planted, folder: &Path) -> Vec<(String, String)> {
    let literal = planted.plant("a password that stands in Git", "lit-@-literal");
    let broken = planted.plant("a password in a file that is no YAML", "bro-@-ken");
    let fault = planted.plant("a password in a document with a fault", "fau-@-lt");
    // `<NAME>` is a variable, or the file that the secret was drawn to be in.
    let filled = |text: &str| {
        let mut text = text.to_owned();
        for name in planted.secrets.keys() {
            text = text.replace(&format!("<{name}>"), &planted.placeholder(folder, name));
        }
        text
    };
    let connection = |name: &str, kind: &str, rest: &str| {
        (
            format!("cfg/connections/{name}.yaml"),
            filled(&format!("name: {name}\ntype: {kind}\n{rest}")),
        )
    };
    vec![
        connection(
            "pg",
            "postgresql",
            "host: db.example.com\nport: 5432\nusername: u\npassword: <PG_PASSWORD>\npassphrase: <PG_PASSPHRASE>\n",
        ),
        connection(
            "lake",
            "amazon-s3",
            "uri: s3://bucket.example\naccess_key: <LAKE_ACCESS>\nsecret_key: <LAKE_SECRET>\n",
        ),
        connection(
            "flake",
            "snowflake",
            "host: flake.example.com\nusername: u\nparameters:\n  role: r\n  warehouse: w\n  private_key: <FLAKE_KEY>\n  token: <FLAKE_TOKEN>\n  api_key: <FLAKE_API_KEY>\n  credentials: <FLAKE_CREDENTIALS>\n",
        ),
        connection(
            "vaulted",
            "postgresql",
            "host: db.example.com\nport: 5432\nusername: ${db_user}\nsecrets_manager:\n  secret_url: https://vault.example.com/s\n  login_url: https://vault.example.com/l\n  credentials_payload: <VAULT_PAYLOAD>\n",
        ),
        connection(
            "plain",
            "postgresql",
            &format!("host: db.example.com\nport: 5432\nusername: u\npassword: {literal}\n"),
        ),
        connection("broken", "postgresql", &format!("password: \"{broken}\n  - : [\n")),
        connection(
            "fault",
            "postgresql",
            &format!("password: {fault}\nport: [{fault}\n, 1]\nhost: 7\npasswort: 1\n"),
        ),
        (
            "cfg/datastores/warehouse/_datastore.yaml".to_owned(),
            "connection_name: pg\nname: Warehouse\ndatabase: an\nschema: public\n".to_owned(),
        ),
        (
            "cfg/datastores/leaky/_datastore.yaml".to_owned(),
            // Nobody reads a token through a description.
            filled(
                "connection_name: pg\nname: Leaky\ndatabase: an\nschema: public\ndescription: <PG_PASSWORD> <SERVER_TOKEN>\n",
            ),
        ),
        (
            "cfg/datastores/called/_datastore.yaml".to_owned(),
            // Nor through a name.
            filled("connection_name: pg\nname: x<PG_PASSWORD>\ndatabase: an\nschema: public\n"),
        ),
    ]
}

/// Secrets of documents.
const DOCUMENT: [&str; 9] = [
    "PG_PASSWORD",
    "PG_PASSPHRASE",
    "LAKE_ACCESS",
    "LAKE_SECRET",
    "FLAKE_KEY",
    "FLAKE_TOKEN",
    "FLAKE_API_KEY",
    "FLAKE_CREDENTIALS",
    "VAULT_PAYLOAD",
];

/// Secrets of the config file.
const CONFIG: [&str; 5] = [
    "SERVER_TOKEN",
    "HOOK_SECRET",
    "GIT_PASSWORD",
    "URL_PASSWORD",
    "TARGET_TOKEN",
];

struct Rig {
    folder: tempfile::TempDir,
    /// Its path without links.
    root: std::path::PathBuf,
    parrot: Arc<Parrot>,
    url: String,
    planted: Planted,
    client: reqwest::Client,
    git: GitHost,
    repo: Repo,
    _sandbox: Sandbox,
}

impl Rig {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sandbox = Sandbox::start(Options {
            seed: Some(
                json!({"warehouse": {"an|public": [{"name": "orders", "kind": "table", "fields": [["id", "Integral"]]}]}}),
            ),
            ..Options::default()
        });
        let sandbox = sandbox.await.unwrap();
        let client = reqwest::Client::new();
        let parrot_state = Arc::new(Parrot {
            sandbox: sandbox.url(),
            client: client.clone(),
            mood: Mutex::new(Mood::Fine),
            heard: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(parrot).with_state(parrot_state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });

        let mut planted = Planted::new();
        for (name, pattern) in [
            ("PG_PASSWORD", "@ two  blanks \"and\" 'quotes' \\ @"),
            ("PG_PASSPHRASE", "pp-@"),
            ("LAKE_ACCESS", "AKIA@"),
            ("LAKE_SECRET", "@/+=@"),
            (
                "FLAKE_KEY",
                "-----BEGIN PRIVATE KEY-----\n@aaaa@\n@bbbb@\n-----END PRIVATE KEY-----\n",
            ),
            ("FLAKE_TOKEN", "tok@"),
            ("FLAKE_API_KEY", "@?x=@&y"),
            ("FLAKE_CREDENTIALS", "ünï@ ${NOT_LOOKED_AT} @"),
            ("VAULT_PAYLOAD", "{\"role_id\": \"@\", \"secret_id\": \"@\"}"),
            ("UNUSED", "nobody-uses-@"),
            ("SERVER_TOKEN", "srv-@"),
            ("HOOK_SECRET", "hook-@"),
            ("GIT_PASSWORD", "git@"),
            ("URL_PASSWORD", "url@"),
        ] {
            planted.plant(name, pattern);
        }
        for name in DOCUMENT {
            let channel = planted.draw.one_of(&[
                Channel::Process,
                Channel::Variables,
                Channel::Config,
                Channel::ConfigFile,
                Channel::File,
            ]);
            planted.channels.insert(name, channel);
        }
        for name in CONFIG {
            let channel = planted.draw.one_of(&[Channel::Process, Channel::File]);
            planted.channels.insert(name, channel);
        }
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let files = files(&mut planted, &root);
        let repo = Repo::new();
        for (path, text) in &files {
            repo.write(path, text.as_bytes());
        }
        repo.push("Files");
        planted.secrets.insert(
            "TARGET_TOKEN",
            (sandbox.token().to_owned(), vec![sandbox.token().to_owned()]),
        );
        let basic = reqwest::Client::new()
            .get("http://127.0.0.1")
            .basic_auth("reader", Some(planted.text("GIT_PASSWORD")))
            .build()
            .unwrap();
        let authorization = basic.headers()[header::AUTHORIZATION].to_str().unwrap().to_owned();
        let encoded = authorization.trim_start_matches("Basic ").to_owned();
        planted
            .secrets
            .insert("the Git credentials as they are sent", (encoded.clone(), vec![encoded]));
        let manner = Manner {
            authorization: Some(authorization),
            ..Manner::default()
        };
        let git = GitHost::start(repo.folder(), manner).await;
        let rig = Self {
            folder,
            root,
            parrot: parrot_state,
            url,
            planted,
            client,
            git,
            repo,
            _sandbox: sandbox,
        };
        for name in rig.planted.drawn(&[Channel::File, Channel::ConfigFile]) {
            rig.write(&format!("secrets/{name}"), &format!("{}\n", rig.planted.text(name)));
        }
        std::fs::create_dir(rig.root.join("tmp")).unwrap();
        rig
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn quoted(&self, name: &str) -> String {
        Json::from(self.planted.text(name)).to_string()
    }

    /// The daemon's config: some secrets come from the process, some from a file, some from `.env` syntax.
    fn configure(&self, listen: &str) {
        let file = |names: &[&str]| {
            names
                .iter()
                .map(|name| format!("{name}={}\n", self.quoted(name)))
                .collect::<String>()
        };
        let drawn = |channels: &[Channel]| self.planted.drawn(channels).collect::<Vec<_>>();
        self.write("prod.env", &(file(&drawn(&[Channel::Variables])) + &file(&["UNUSED"])));
        // A bare instance has no config file: what that would hand on stands here.
        self.write(".env", &file(&drawn(&[Channel::Variables, Channel::ConfigFile])));
        let at = |name: &str| self.planted.placeholder(&self.root, name);
        let mut variables = serde_json::Map::new();
        for name in drawn(&[Channel::Config]) {
            variables.insert(name.to_owned(), json!(format!("${{{name}}}")));
        }
        for name in drawn(&[Channel::ConfigFile]) {
            let path = self.root.join("secrets").join(name);
            variables.insert(name.to_owned(), json!(format!("${{file:{}}}", path.display())));
        }
        let config = json!({
            "server": {"listen": listen, "token": at("SERVER_TOKEN")},
            "store": {"url": "sqlite://store.db"},
            "sources": [
                {"name": "config", "url": format!("{}/bare.git", self.git.url), "interval": "1h",
                 "auth": {"username": "reader", "password": at("GIT_PASSWORD")}},
                {"name": "gone", "url": "http://127.0.0.1:9/gone.git", "interval": "1h", "auth": {"token": at("URL_PASSWORD")}},
                {"name": "refused", "url": format!("{}/bare.git", self.git.url), "interval": "1h", "auth": {"token": at("URL_PASSWORD")}},
            ],
            "targets": [{"name": "here", "platform": "qualytics", "url": self.url, "token": at("TARGET_TOKEN")}],
            "environments": [
                {"name": "prod", "source": "config", "path": "cfg", "target": "here", "env_files": ["prod.env"],
                 "env_passthrough": ["PG_*", "LAKE_*", "FLAKE_*", "VAULT_*", "SERVER_TOKEN"],
                 "secret_files": [format!("{}/secrets/*", self.root.display())],
                 "variables": variables},
                {"name": "nowhere", "source": "gone", "target": "here"},
                {"name": "shut", "source": "refused", "target": "here"},
            ],
            "webhooks": [{"name": "push", "provider": "generic-hmac", "secret": at("HOOK_SECRET"), "sources": ["config"]}],
        });
        self.write("driftless.yaml", &config.to_string());
    }

    fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_driftless"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DRIFTLESS_LOG", "trace")
            .env("TMPDIR", self.root.join("tmp"))
            .env("UNUSED", self.planted.text("UNUSED"))
            .envs(
                self.planted
                    .drawn(&[Channel::Process, Channel::Config])
                    .map(|name| (name, self.planted.text(name))),
            )
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a command; what it prints and what it writes must hold none.
    async fn run(&self, arguments: &[&str]) -> String {
        let mut command = self.command(arguments);
        command
            .env("QUALYTICS_URL", &self.url)
            .env("QUALYTICS_TOKEN", self.planted.text("TARGET_TOKEN"));
        let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
        let what = format!("`{}`", arguments.join(" "));
        self.planted
            .assert_absent(&format!("{what} on standard output"), &output.stdout);
        self.planted
            .assert_absent(&format!("{what} on standard error"), &output.stderr);
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    fn mood(&self, mood: Mood) {
        *self.parrot.mood.lock().unwrap() = mood;
    }

    async fn get(&self, base: &str, path: &str) -> String {
        let answer = self.client.get(format!("{base}{path}")).send().await.unwrap();
        let headers = format!("{:?}", answer.headers());
        let text = answer.text().await.unwrap();
        self.planted.assert_absent(path, format!("{headers}{text}").as_bytes());
        text
    }

    /// Waits until a run has ended; gives it.
    async fn ended(&self, base: &str, run: &str) -> Json {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.get(base, &format!("/api/v1/runs/{run}")).await;
            let json: Json = serde_json::from_str(&text).unwrap();
            if !json["conclusion"].is_null() {
                return json;
            }
            assert!(Instant::now() < deadline, "{text}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// All pages there are, and the first event.
    async fn pages(&self, base: &str, run: &str) {
        let run_page = format!("/runs/{run}");
        let mut paths = vec![
            "/",
            "/runs",
            "/metrics",
            "/healthz",
            "/readyz",
            "/api/openapi.json",
            "/api/v1/environments",
            "/api/v1/runs",
        ];
        paths.extend([
            run_page.as_str(),
            "/environments/prod",
            "/environments/nowhere",
            "/environments/shut",
        ]);
        for path in paths {
            self.get(base, path).await;
        }
        for environment in ["prod", "nowhere", "shut"] {
            for part in ["", "/plan", "/drift"] {
                self.get(base, &format!("/api/v1/environments/{environment}{part}"))
                    .await;
            }
        }
        let mut events = self
            .client
            .get(format!("{base}/api/v1/events"))
            .send()
            .await
            .unwrap()
            .bytes_stream();
        let first = tokio::time::timeout(PATIENCE, events.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        self.planted.assert_absent("an event", &first);
    }

    /// Every file that driftless wrote, but for Git's own objects: those hold what was pushed.
    fn files(&self) {
        let given = ["driftless.yaml", "prod.env", ".env"];
        let given_folders = ["bare", "secrets"];
        let mut open = vec![self.folder.path().to_owned()];
        let mut seen = 0;
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let shown = path.strip_prefix(self.folder.path()).unwrap().display().to_string();
                self.planted.assert_absent("the name of a file", shown.as_bytes());
                if path.is_dir() {
                    if !shown.ends_with("repository.git/objects") && !given_folders.contains(&shown.as_str()) {
                        open.push(path);
                    }
                } else if !given.contains(&shown.as_str()) {
                    seen += 1;
                    self.planted.assert_absent(&shown, &std::fs::read(&path).unwrap());
                }
            }
        }
        assert!(seen > 0, "driftless wrote no file at all");
    }

    /// The platform was told all the secrets of connections: else the test shows nothing.
    fn all_were_sent(&self) {
        let heard = self.parrot.heard.lock().unwrap().join("\n");
        for name in DOCUMENT.into_iter().chain(["a password that stands in Git"]) {
            for mark in &self.planted.secrets[name].1 {
                let seed = self.planted.draw.seed;
                assert!(
                    heard.contains(mark.as_str()),
                    "DRIFTLESS_SEED={seed}: {name} was never sent"
                );
            }
        }
    }
}

const MOODS: [Mood; 7] = [
    Mood::Shut(403),
    Mood::Quotes(422),
    Mood::Quotes(400),
    Mood::Quotes(409),
    Mood::Quotes(500),
    Mood::Html(502),
    Mood::Html(200),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_shows_no_secret_whatever_goes_wrong() {
    let rig = Rig::new().await;
    let listen = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    rig.configure(&listen.to_string());
    rig.mood(MOODS[0]);
    let format = if listen.port().is_multiple_of(2) {
        "json"
    } else {
        "text"
    };
    let mut command = rig.command(&["run", "--config", "driftless.yaml", "--log-format", format]);
    let said = std::fs::File::create(rig.folder.path().join("said.log")).unwrap();
    command.stdout(said.try_clone().unwrap()).stderr(said);
    let mut child = command.spawn().unwrap();
    let base = format!("http://{listen}");
    let deadline = Instant::now() + PATIENCE;
    while !matches!(rig.client.get(format!("{base}/readyz")).send().await, Ok(answer) if answer.status() == 200) {
        assert!(
            Instant::now() < deadline && child.try_wait().unwrap().is_none(),
            "{}",
            std::fs::read_to_string(rig.folder.path().join("said.log")).unwrap()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for mood in MOODS.into_iter().chain([Mood::Fine]) {
        rig.mood(mood);
        let post = rig.client.post(format!("{base}/api/v1/environments/prod/reconcile"));
        let answer = post.bearer_auth(rig.planted.text("SERVER_TOKEN")).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        let run = answer.json::<Json>().await.unwrap()["run"].as_str().unwrap().to_owned();
        let ended = rig.ended(&base, &run).await;
        if mood != Mood::Fine {
            assert_ne!(ended["conclusion"], "succeeded", "{mood:?}");
        }
        rig.pages(&base, &run).await;
    }
    rig.all_were_sent();
    let audit = rig.run(&["audit", "export", "--store", "sqlite://store.db"]).await;
    assert!(audit.contains("\"result\":\"applied\""), "{audit}");
    // While it runs: what the database has in its log stands in no other file.
    rig.files();
    let id = child.id().unwrap().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .unwrap()
            .success()
    );
    tokio::time::timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    let said = std::fs::read_to_string(rig.folder.path().join("said.log")).unwrap();
    assert!(
        said.contains("TRACE") && said.contains("does not accept the credentials"),
        "{said}"
    );
    rig.files();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_shows_no_secret_whatever_goes_wrong() {
    let moods = MOODS.map(|mood| tokio::spawn(talkative(mood)));
    for ended in futures::future::join_all(moods).await {
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

/// All that is typed at a platform of one mood, and then at one that works.
async fn talkative(mood: Mood) {
    let rig = Rig::new().await;
    rig.configure("127.0.0.1:0");
    copy(&rig.repo.work().join("cfg"), &rig.folder.path().join("bare"));
    for format in ["text", "json", "markdown"] {
        let said = rig.run(&["plan", "--input", "bare", "--format", format]).await;
        assert!(said.contains("(secret)"), "{said}");
    }
    rig.run(&[
        "plan",
        "--config",
        "driftless.yaml",
        "--environment",
        "prod",
        "--out",
        "plan.json",
    ])
    .await;
    rig.run(&["validate", "bare"]).await;
    rig.run(&["validate", "--config", "driftless.yaml"]).await;
    for mood in [mood, Mood::Fine] {
        rig.mood(mood);
        let format = if mood == Mood::Fine { "json" } else { "text" };
        let stored = [
            "apply",
            "--input",
            "bare",
            "--yes",
            "--format",
            format,
            "--store",
            "sqlite://bare.db",
        ];
        let said = rig.run(&stored).await;
        assert!(
            mood != Mood::Quotes(422) || said.contains("'(secret)' is refused"),
            "{said}"
        );
        rig.run(&["export", "--output", "exported"]).await;
        let audit = rig.run(&["audit", "export", "--store", "sqlite://bare.db"]).await;
        // At a platform that can be read, writes were tried.
        let tried = matches!(mood, Mood::Fine | Mood::Quotes(422));
        assert!(!tried || audit.contains("\"result\":\"intended\""), "{mood:?}: {audit}");
        rig.run(&["audit", "verify", "--store", "sqlite://bare.db"]).await;
        rig.run(&["store", "check", "--store", "sqlite://bare.db"]).await;
    }
    rig.all_were_sent();
    rig.files();
}

#[tokio::test]
async fn a_config_that_cannot_be_used_quotes_no_secret() {
    let rig = Rig::new().await;
    rig.configure("127.0.0.1:0");
    let text = std::fs::read_to_string(rig.folder.path().join("driftless.yaml")).unwrap();
    let secret = rig.planted.text("URL_PASSWORD");
    let gone = "http://127.0.0.1:9/gone.git";
    for url in [
        format!("http://user:{secret}@127.0.0.1:9/gone.git"),
        format!("http://{secret}@127.0.0.1:9/gone.git"),
        format!("http://user:{secret}@[/gone.git"),
        format!("ssh://user:{secret}@127.0.0.1:9/gone.git"),
        format!(
            "http://user:{}@127.0.0.1:9/gone.git",
            rig.planted.placeholder(&rig.root, "URL_PASSWORD")
        ),
    ] {
        rig.write("driftless.yaml", &text.replace(gone, &url));
        for arguments in [
            &["validate", "--config", "driftless.yaml"][..],
            &["plan", "--config", "driftless.yaml", "--environment", "nowhere"],
        ] {
            rig.run(arguments).await;
        }
    }
    let token = rig.planted.placeholder(&rig.root, "TARGET_TOKEN");
    for (from, to) in [
        (token.as_str(), format!("{secret}\\nx")),
        ("\"push\"", format!("[\"{secret}\"]")),
        (&format!("\"token\":\"{token}\""), format!("\"tocen\":\"{secret}\"")),
        // Where it would be shown.
        ("\"path\":\"cfg\"", format!("\"path\":\"{token}\"")),
        ("\"listen\":\"127.0.0.1:0\"", format!("\"listen\":\"{token}\"")),
    ] {
        assert!(text.contains(from), "{from}: {text}");
        rig.write("driftless.yaml", &text.replacen(from, &to, 1));
        rig.run(&["validate", "--config", "driftless.yaml"]).await;
        rig.run(&["plan", "--config", "driftless.yaml", "--environment", "prod"])
            .await;
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}
