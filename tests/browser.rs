//! The dashboard in a real browser: live without a reload, quiet in the console, safe with hostile names, whole without a script.
//!
//! Chromium and its driver must be installed (`scripts/test` does it; on Debian `apt-get install chromium chromium-driver`).

#![expect(clippy::disallowed_methods, reason = "a test has its own clock and environment")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop")]

#[path = "support/server.rs"]
#[allow(dead_code, reason = "the router's tests use more of it")]
mod support;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use driftless::engine::Overview;
use driftless::server::serve;
use driftless::store::Trigger;
use driftless_core::key::EnvironmentName;
use serde_json::{Value as Json, json};
use support::*;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait between two looks at something that has to become true.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The window's sizes: a desk, and the narrowest phone in use.
const DESK: (u32, u32) = (1280, 1000);
const PHONE: (u32, u32) = (375, 812);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scripts {
    On,
    Off,
}

/// A driver process with one browser, spoken to in W3C WebDriver.
struct Browser {
    driver: Child,
    client: reqwest::Client,
    session: String,
    _profile: TempDir,
}

impl Browser {
    async fn open(scripts: Scripts, (width, height): (u32, u32)) -> Self {
        // Another test of this process may have been first; either way there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is not installed: apt-get install -y chromium chromium-driver");
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| {
                Some(
                    line.split_once("successfully on port ")?
                        .1
                        .trim_end_matches('.')
                        .to_owned(),
                )
            })
            .expect("chromedriver ended before it listened");
        let mut arguments = vec![
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
            format!("--window-size={width},{height}"),
        ];
        if scripts == Scripts::Off {
            arguments.push("--blink-settings=scriptEnabled=false".to_owned());
        }
        let mut browser = Self {
            driver,
            client: reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap(),
            session: format!("http://127.0.0.1:{port}/session"),
            _profile: profile,
        };
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let session = browser.post("", capabilities).await;
        let id = session["sessionId"]
            .as_str()
            .expect("no session: is chromium installed?")
            .to_owned();
        browser.session = format!("{}/{id}", browser.session);
        // The window's inner size, whatever the headless frame adds.
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        browser
    }

    async fn answer(&self, path: &str, request: reqwest::RequestBuilder) -> Json {
        let answer: Json = request.send().await.unwrap().json().await.unwrap();
        let value = answer["value"].clone();
        assert!(value["error"].is_null(), "{path}: {value}");
        value
    }

    async fn post(&self, path: &str, body: Json) -> Json {
        self.answer(path, self.client.post(format!("{}{path}", self.session)).json(&body))
            .await
    }

    async fn devtools(&self, command: &str, parameters: Json) -> Json {
        self.post("/goog/cdp/execute", json!({"cmd": command, "params": parameters}))
            .await
    }

    async fn go(&self, url: &str) {
        self.post("/url", json!({"url": url})).await;
    }

    async fn run(&self, script: &str) -> Json {
        self.post("/execute/sync", json!({"script": script, "args": []})).await
    }

    /// Waits until `script` gives `expected`.
    #[track_caller]
    fn until<'a>(&'a self, script: &'a str, expected: Json) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let deadline = Instant::now() + PATIENCE;
            let mut seen = self.run(script).await;
            while seen != expected {
                assert!(
                    Instant::now() < deadline,
                    "{caller}: {script} stays {seen}, not {expected}"
                );
                tokio::time::sleep(LOOK_AGAIN).await;
                seen = self.run(script).await;
            }
        }
    }

    /// Clicks in one turn of the page's own loop, so that no exchange of its content comes between finding and clicking.
    async fn click(&self, selector: &str) {
        self.run(&format!("document.querySelector('{selector}').click()")).await;
    }

    /// What the page shows, read from the browser's own tree: works without scripts.
    async fn source(&self) -> String {
        let root = self.devtools("DOM.getDocument", json!({"depth": 0})).await;
        let html = self
            .devtools("DOM.getOuterHTML", json!({"nodeId": root["root"]["nodeId"]}))
            .await;
        html["outerHTML"].as_str().unwrap().to_owned()
    }

    /// Everything the browser complained of: errors, violations of the policy, failed requests.
    async fn complaints(&self) -> Vec<Json> {
        let log = self.post("/se/log", json!({"type": "browser"})).await;
        log.as_array().unwrap().clone()
    }

    /// Keeps a picture of the whole page beside the build, for people.
    async fn picture(&self, name: &str) {
        let shot = self
            .devtools(
                "Page.captureScreenshot",
                json!({"format": "png", "captureBeyondViewport": true}),
            )
            .await;
        let bytes = decode(shot["data"].as_str().unwrap());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("dashboard");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    async fn close(mut self) {
        self.client.delete(&self.session).send().await.unwrap();
        self.driver.kill().unwrap();
        self.driver.wait().unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // After a failed test; after a good one it has ended already.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn decode(base64: &str) -> Vec<u8> {
    let digits = base64.bytes().filter_map(|byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    });
    let digits: Vec<u32> = digits.map(u32::from).collect();
    digits
        .chunks(4)
        .flat_map(|chunk| {
            let bits = chunk.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - chunk.len()));
            bits.to_be_bytes()
                .into_iter()
                .skip(1)
                .take(chunk.len() - 1)
                .collect::<Vec<_>>()
        })
        .collect()
}

async fn served(rig: &Rig) -> (SocketAddr, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, rig.router.clone(), stop.clone()));
    (address, stop)
}

fn change(rig: &Rig, change: impl FnOnce(&mut Overview)) {
    rig.engine.overview.send_modify(|overview| {
        let mut next = Overview::clone(overview);
        change(&mut next);
        *overview = Arc::new(next);
    });
}

fn name(text: &str) -> EnvironmentName {
    EnvironmentName(text.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_follows_the_overview_without_a_reload() {
    let now = Utc::now();
    let overview = Overview {
        environments: [(name("prod"), calm("prod", now))].into(),
        sources: [("dq-config".to_owned(), source(now, "Robin Example"))].into(),
    };
    let rig = rig(overview, Vec::new(), loopback());
    let (address, stop) = served(&rig).await;
    let browser = Browser::open(Scripts::On, DESK).await;
    browser.go(&format!("http://{address}/")).await;
    browser
        .until("return document.getElementById('live').textContent", json!("live"))
        .await;
    let headline = "return document.querySelector('h1').textContent";
    browser.until(headline, json!("The environment is in sync")).await;
    // What only a reload would lose.
    browser.run("window.stayed = 'yes'").await;
    change(&rig, |overview| {
        let prod = overview.environments.get_mut(&name("prod")).unwrap();
        prod.kinds[4].states.drift = 3;
    });
    browser.until(headline, json!("The environment needs attention")).await;
    browser
        .until(
            "return document.querySelector('.count.is-drift').textContent",
            json!("3"),
        )
        .await;
    browser
        .until(
            "return document.title",
            json!("The environment needs attention · driftless"),
        )
        .await;
    change(&rig, |overview| {
        overview.environments.insert(name("staging"), calm("staging", now));
        overview.environments.get_mut(&name("prod")).unwrap().kinds[4]
            .states
            .drift = 0;
    });
    browser.until(headline, json!("All 2 environments are in sync")).await;
    assert_eq!(browser.run("return window.stayed").await, "yes");
    assert_eq!(browser.complaints().await, Vec::<Json>::new());
    // The server goes away: the page says so and keeps what it has.
    stop.cancel();
    browser
        .until(
            "return document.getElementById('live').textContent",
            json!("not connected"),
        )
        .await;
    assert_eq!(browser.run(headline).await, "All 2 environments are in sync");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_quiet_and_fits_a_desk_and_a_phone() {
    let (overview, runs) = troubled(Utc::now(), "Robin Example");
    let rig = rig(overview, runs, loopback());
    let text = "a_table_of_a_long_name.".repeat(6);
    let pull = pull_run(7, &text);
    let pull_page = format!("/pull-requests/{}", pull.key.id());
    *rig.store.pull_runs.lock().unwrap() = vec![open_pull_run(8), pull];
    let (address, _stop) = served(&rig).await;
    for (size, label) in [(DESK, "desk"), (PHONE, "phone")] {
        let browser = Browser::open(Scripts::On, size).await;
        for (path, page) in [
            ("/", "overview"),
            ("/environments/prod", "environment"),
            ("/runs/20261122T0940-prod", "run"),
            (&pull_page, "pull_request"),
        ] {
            for scheme in ["light", "dark"] {
                let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
                browser.devtools("Emulation.setEmulatedMedia", media).await;
                browser.go(&format!("http://{address}{path}")).await;
                browser
                    .until("return document.getElementById('live').textContent", json!("live"))
                    .await;
                browser.picture(&format!("{page}-{label}-{scheme}")).await;
                let contrast = browser.run(CONTRAST).await;
                assert_eq!(
                    contrast,
                    json!([]),
                    "{page} on a {label}, {scheme}: text that is hard to read"
                );
            }
            let sideways = browser
                .run("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
                .await;
            assert_eq!(sideways[0], sideways[1], "{page} on a {label} scrolls sideways");
            let unnamed = browser
                .run(
                    "return [...document.querySelectorAll('a, button, th')].filter(e => !e.textContent.trim()).length \
                     + [...document.querySelectorAll('th')].filter(e => !e.scope).length \
                     + Math.abs(document.querySelectorAll('h1').length - 1)",
                )
                .await;
            assert_eq!(
                unnamed, 0,
                "{page}: something has no name, no scope, or there is not one heading"
            );
            assert_eq!(browser.complaints().await, Vec::<Json>::new(), "{page} on a {label}");
        }
        browser.close().await;
    }
}

/// Texts whose contrast with what is behind them is under 4.5 (WCAG 2 AA). Zeros are dimmed on purpose: they are decoration.
const CONTRAST: &str = r#"
const channel = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const parse = (css) => (css.match(/[\d.]+/g) || []).map(Number);
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const behind = (e) => {
  for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0) return c;
  }
  return [255, 255, 255];
};
const bad = new Set();
for (const e of document.querySelectorAll("body *")) {
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  if (!own || e.closest(".zero, .skip, [hidden]")) continue;
  const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) bad.add(e.className + " " + e.tagName + " " + ratio.toFixed(2));
}
return [...bad];
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_reader_folded_stays_folded() {
    let (overview, runs) = troubled(Utc::now(), "Robin Example");
    let rig = rig(overview, runs, loopback());
    let (address, _stop) = served(&rig).await;
    let browser = Browser::open(Scripts::On, DESK).await;
    browser.go(&format!("http://{address}/environments/prod")).await;
    browser
        .until("return document.getElementById('live').textContent", json!("live"))
        .await;
    let open = "return [...document.querySelectorAll('details')].map(box => box.open)";
    assert_eq!(browser.run(open).await, json!([true, true, true, true, true]));
    browser
        .run("document.querySelectorAll('summary')[1].click(); document.getElementById('reconcile').focus()")
        .await;
    change(&rig, |overview| {
        overview.environments.get_mut(&name("prod")).unwrap().gaps = vec!["datastores: 503".to_owned()];
    });
    browser
        .until(
            "return document.body.textContent.includes('datastores: 503')",
            json!(true),
        )
        .await;
    assert_eq!(browser.run(open).await, json!([true, false, true, true, true]));
    assert_eq!(browser.run("return document.activeElement.id").await, "reconcile");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_names_do_not_run() {
    let (mut overview, mut runs) = troubled(Utc::now(), HOSTILE);
    let prod = overview.environments.remove(&name("prod")).unwrap();
    overview.environments.insert(name(HOSTILE), prod);
    runs[1].environment = name(HOSTILE);
    runs[1].id.0 = HOSTILE.to_owned();
    let rig = rig(overview, runs, loopback());
    let (address, _stop) = served(&rig).await;
    let browser = Browser::open(Scripts::On, DESK).await;
    browser.go(&format!("http://{address}/")).await;
    let live = "return document.getElementById('live').textContent";
    browser.until(live, json!("live")).await;
    for link in ["h1 + ul a.name", ".runs tbody tr:nth-child(1) th a"] {
        let text = browser
            .run("return document.body.textContent.includes('window.hacked=1')")
            .await;
        assert_eq!(text, true, "the hostile text is shown as text");
        browser.run("window.stayed = true").await;
        // A page that is swapped in by the script is as safe as one that is loaded.
        change(&rig, |overview| {
            overview.environments.get_mut(&name(HOSTILE)).unwrap().kinds[0]
                .states
                .in_sync += 1;
        });
        let seen = rig.engine.overview.borrow().environments[&name(HOSTILE)].kinds[0]
            .states
            .in_sync;
        let shown =
            format!("return [...document.querySelectorAll('.count.is-in_sync')].some(e => e.textContent === '{seen}')");
        browser.until(&shown, json!(true)).await;
        assert_eq!(
            browser.run("return window.hacked === undefined && window.stayed").await,
            true
        );
        assert_eq!(
            browser
                .run("return document.images.length + document.scripts.length")
                .await,
            1
        );
        if link.starts_with("h1") {
            browser.click(link).await;
            browser
                .until("return location.pathname.startsWith('/environments/')", json!(true))
                .await;
            browser.until(live, json!("live")).await;
        }
    }
    assert_eq!(
        browser
            .run("return document.querySelector('h1 .name').textContent")
            .await,
        HOSTILE
    );
    browser.click(".runs tbody th a").await;
    browser
        .until("return location.pathname.startsWith('/runs/')", json!(true))
        .await;
    assert_eq!(
        browser
            .run("return document.querySelector('h1 code').textContent")
            .await,
        HOSTILE
    );
    assert_eq!(browser.run("return window.hacked === undefined").await, true);
    assert_eq!(browser.complaints().await, Vec::<Json>::new());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_texts_of_a_pull_request_do_not_run_and_its_page_follows_its_run() {
    let rig = rig(troubled(Utc::now(), "Robin Example").0, Vec::new(), loopback());
    let mut run = pull_run(7, HOSTILE);
    run.state = run.state.replace("https://datafold", "javascript://datafold");
    *rig.store.pull_runs.lock().unwrap() = vec![run.clone()];
    let (address, _stop) = served(&rig).await;
    let browser = Browser::open(Scripts::On, DESK).await;
    browser.go(&format!("http://{address}/")).await;
    let live = "return document.getElementById('live').textContent";
    browser.until(live, json!("live")).await;
    browser.click("a[href^=\"/pull-requests/\"]").await;
    browser
        .until("return location.pathname.startsWith('/pull-requests/')", json!(true))
        .await;
    browser.until(live, json!("live")).await;
    browser.run("window.stayed = true").await;
    for message in ["", "It was written again. "] {
        run.message = format!("{message}{HOSTILE}");
        *rig.store.pull_runs.lock().unwrap() = vec![run.clone()];
        rig.pulls.recent.send_replace(vec![run.clone()].into());
        let shown = format!("return document.querySelector('.reasons').textContent.startsWith({message:?})");
        browser.until(&shown, json!(true)).await;
        let told = browser
            .run("return ['tbody th', '.reasons', 'dd', 'dd:has(.rev)', '.wide'].map(e => document.querySelector(e).textContent.includes('window.hacked=1'))")
            .await;
        assert_eq!(
            told,
            json!([true, true, true, true, true]),
            "the hostile text is shown as text"
        );
        let safe = "return [window.hacked === undefined, window.stayed, document.images.length + document.scripts.length, \
                    [...document.links].every(link => link.protocol.startsWith('http'))]";
        assert_eq!(browser.run(safe).await, json!([true, true, 1, true]));
    }
    assert_eq!(browser.complaints().await, Vec::<Json>::new());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_scripts_pages_links_and_the_button_work() {
    let (overview, runs) = troubled(Utc::now(), "Robin Example");
    let rig = rig(overview, runs, loopback());
    let (address, _stop) = served(&rig).await;
    let browser = Browser::open(Scripts::Off, DESK).await;
    browser.go(&format!("http://{address}/")).await;
    let page = browser.source().await;
    assert!(page.contains("1 of 3 environments needs attention") && page.contains("Allow larger order amounts"));
    assert!(
        page.contains("id=\"live\" role=\"status\" hidden"),
        "the script did not run"
    );
    browser.go(&format!("http://{address}/environments/prod")).await;
    assert!(browser.source().await.contains("properties.max"));
    // The button, by keyboard: a real key press needs no script.
    let root = browser.devtools("DOM.getDocument", json!({"depth": 0})).await;
    let query = json!({"nodeId": root["root"]["nodeId"], "selector": "#reconcile"});
    let button = browser.devtools("DOM.querySelector", query).await;
    browser.devtools("DOM.focus", json!({"nodeId": button["nodeId"]})).await;
    for kind in ["keyDown", "keyUp"] {
        let key = json!({"type": kind, "key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13});
        browser.devtools("Input.dispatchKeyEvent", key).await;
    }
    let deadline = Instant::now() + PATIENCE;
    while rig.engine.asked.lock().unwrap().is_empty() {
        assert!(Instant::now() < deadline, "the form was not accepted");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    assert_eq!(
        *rig.engine.asked.lock().unwrap(),
        [("prod".to_owned(), Trigger::Manual)]
    );
    browser.close().await;
}
