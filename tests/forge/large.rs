//! Of a file that is larger than anything that is meant, no more is read than is wanted.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use driftless::forge::github::GitHub;
use driftless::forge::gitlab::GitLab;
use driftless::forge::{FileContent, Forge, ForgeOptions};
use driftless::platform::http::Network;
use driftless::sandbox::forge::{Options, Server as Sandbox};
use driftless_core::value::Secret;
use serde_json::{Map, Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::loopback::Server;
use super::{github, gitlab, patience, repository, whole};

const PATH: &str = "acme/shop";
const WANTED: usize = 64 << 10;
/// What the forge would send: far more than the buffers of a connection hold.
const SENT: usize = 60 << 20;

fn forges(url: &str, token: &str) -> [Box<dyn Forge>; 2] {
    let options = || ForgeOptions {
        url: url.to_owned(),
        token: Secret::new(token),
        network: Network::default(),
    };
    [
        Box::new(GitHub::new(options(), patience(0)).unwrap()),
        Box::new(GitLab::new(options(), patience(0)).unwrap()),
    ]
}

#[tokio::test]
async fn a_file_of_one_byte_more_than_is_wanted_is_told_as_larger() {
    let sizes = [WANTED, WANTED + 1, 2 * WANTED, 4 * WANTED];
    let files: Map<String, Json> = sizes
        .iter()
        .map(|size| (format!("{size}.sql"), json!("x".repeat(*size))))
        .collect();
    let seed = json!({"repositories": [{"path": PATH, "files": files}]});
    let sandbox = Sandbox::start(Options {
        seed: Some(seed),
        ..Options::default()
    })
    .await
    .unwrap();
    // The process has one; that it is set already is no fault.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let state = reqwest::Client::new().get(format!("{}/_sandbox/state", sandbox.url()));
    let state = state.send().await.unwrap();
    let state: Json = serde_json::from_str(&state.text().await.unwrap()).unwrap();
    let sha = state["repositories"][0]["main"].as_str().unwrap().to_owned();
    for forge in forges(&sandbox.url(), sandbox.token()) {
        for size in sizes {
            let path = format!("{size}.sql");
            let read = forge.file(&repository(PATH), &sha, &path, WANTED).await.unwrap();
            let expected = match size > WANTED {
                true => FileContent::Larger,
                false => whole(&vec![b'x'; size]),
            };
            assert!(read == Some(expected), "{size}");
        }
        let absent = forge.file(&repository(PATH), &sha, "none.sql", WANTED).await.unwrap();
        assert_eq!(absent, None);
    }
}

#[tokio::test]
async fn what_comes_as_base64_is_measured_as_what_it_stands_for() {
    let sha = "a1".repeat(20);
    for (size, is_larger) in [(WANTED, false), (WANTED + 1, true), (8 * WANTED, true)] {
        let server = Server::start().await;
        let line = format!("GET /api/v3/repos/{PATH}/contents/a.sql?ref={sha}");
        let content = BASE64_STANDARD.encode(vec![b'x'; size]);
        let lines: Vec<&str> = content
            .as_bytes()
            .chunks(60)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        let body = json!({"type": "file", "encoding": "base64", "content": lines.join("\n")});
        server.gives(&line, &body.to_string());
        let read = github(&server.url)
            .file(&repository(PATH), &sha, "a.sql", WANTED)
            .await
            .unwrap();
        let expected = match is_larger {
            true => FileContent::Larger,
            false => whole(&vec![b'x'; size]),
        };
        assert!(read == Some(expected), "{size}");
    }
}

/// Sends a file of [`SENT`] bytes to whoever asks, and says how many of them were taken.
async fn endless(listener: TcpListener, media: &str) -> usize {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let said = format!("HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ncontent-length: {SENT}\r\n\r\n");
    stream.write_all(said.as_bytes()).await.unwrap();
    let mut taken = 0;
    while taken < SENT {
        match stream.write(&[b'x'; 16 << 10]).await {
            Ok(count) => taken += count,
            Err(_) => break,
        }
    }
    taken
}

#[tokio::test]
async fn reading_ends_where_no_more_is_wanted() {
    let sha = "a1".repeat(20);
    for (which, media) in ["application/vnd.github.raw+json", "text/plain"]
        .into_iter()
        .enumerate()
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let forge: Box<dyn Forge> = match which {
            0 => Box::new(github(&url)),
            _ => Box::new(gitlab(&url)),
        };
        let shop = repository(PATH);
        let (taken, read) = tokio::join!(endless(listener, media), forge.file(&shop, &sha, "a.sql", WANTED));
        assert_eq!(read.unwrap(), Some(FileContent::Larger));
        assert!(taken < SENT / 2, "{taken} bytes were taken");
    }
}
