//! An instance that refuses, or does not answer as it should: what could not be read is not guessed.

use futures::future::join_all;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{CHECK, CONNECTION, DATASTORE, Ran, Rig};

/// An instance on which a check and a datastore are to be changed.
async fn pending() -> Rig {
    let rig = Rig::new().await;
    rig.edit(&format!("cfg/{CHECK}"), "description: ids", "description: keys");
    rig.edit(&format!("cfg/{DATASTORE}"), "description: Orders", "description: Shop");
    rig
}

#[tokio::test]
async fn a_wrong_token_stops_everything_and_says_what_to_give() {
    let rig = pending().await;
    for arguments in [
        &["plan", "--input", "cfg"][..],
        &["apply", "--input", "cfg", "--yes"],
        &["export", "--output", "out"],
    ] {
        let ran = rig.run_as("wrong-token", arguments).await;
        ran.exits(1)
            .says(&["answered 401", "the token is missing, wrong or expired"]);
        assert!(!ran.err.contains("wrong-token"), "{}", ran.err);
        assert_eq!(ran.out, "");
    }
    assert!(!rig.path("out").exists());
    assert_eq!(rig.writes().await, [""; 0]);
}

#[tokio::test]
async fn a_token_that_may_read_and_not_write_fails_each_write_by_name() {
    let rig = pending().await;
    let token = rig.token(json!({"role": "Member", "teams": {"Data": "Viewer"}})).await;
    let ran = rig.run_as(&token, &["apply", "--input", "cfg", "--yes"]).await;
    ran.exits(1).shows(&[
        "failed check/Warehouse/orders__notnull__id",
        "failed datastore/Warehouse",
        "answered 403",
        "it takes",
    ]);
    let state = rig.state().await;
    assert_eq!(state["datastores"][0]["description"], "Orders");
    let writes = rig.side("GET", "writes", Json::Null).await;
    assert_eq!(writes["succeeded"], 0, "{writes}");
}

/// What a fault of the reads of one kind does: the other changes go on, or nothing does.
async fn with_fault(kind: &str, path: &str) -> (Rig, Ran) {
    let rig = pending().await;
    rig.faults(json!([{"method": "GET", "path_prefix": path, "kind": kind}]))
        .await;
    let ran = rig.run(&["apply", "--input", "cfg", "--yes"]).await;
    (rig, ran)
}

#[tokio::test]
async fn a_list_of_checks_that_cannot_be_trusted_blocks_the_checks_and_nothing_else() {
    let cases = [
        ("html", "the answer is HTML, not JSON"),
        ("invalid_json", "not whole JSON"),
        ("wrong_total", "total"),
        ("empty_page", "total"),
    ];
    join_all(cases.map(async |(kind, says)| {
        let (rig, ran) = with_fault(kind, "/quality-checks").await;
        assert_ne!(ran.code, 0, "{kind}: {}", ran.out);
        ran.says(&["the checks of `Warehouse` could not be read", says])
            .shows(&[
                "Blocked (incomplete_read)",
                "! check/Warehouse/orders__notnull__id",
                "1 updated",
            ]);
        let writes = rig.writes().await;
        assert_eq!(writes.len(), 1, "{kind}: {writes:?}");
        assert!(writes[0].starts_with("PUT /api/datastores/"), "{kind}: {writes:?}");
    }))
    .await;
}

#[tokio::test]
async fn half_a_page_is_no_page() {
    let (rig, ran) = with_fault("truncate", "/quality-checks").await;
    assert_ne!(ran.code, 0);
    ran.says(&["the checks of `Warehouse` could not be read"])
        .shows(&["Blocked (incomplete_read)", "1 updated"]);
    assert_eq!(rig.writes().await.len(), 1);
}

#[tokio::test]
async fn without_the_list_of_datastores_nothing_is_written() {
    let cases = [
        ("html", "the answer is HTML, not JSON"),
        ("invalid_json", "not whole JSON"),
        ("empty_page", "total"),
        ("wrong_total", "total"),
    ];
    join_all(cases.map(async |(kind, says)| {
        let (rig, ran) = with_fault(kind, "/datastores").await;
        ran.exits(1).says(&["could not be read", says]);
        assert_eq!(rig.writes().await, [""; 0], "{kind}");
    }))
    .await;
}

#[tokio::test]
async fn an_export_with_a_gap_exits_1_and_writes_what_it_read() {
    let rig = pending().await;
    rig.faults(json!([{"method": "GET", "path_prefix": "/quality-checks", "kind": "html"}]))
        .await;
    rig.run(&["export", "--output", "out"])
        .await
        .exits(1)
        .says(&["checks", "HTML"])
        .shows(&["4 files in out"]);
    assert!(rig.path(&format!("out/{CONNECTION}")).exists());
}

#[tokio::test]
async fn nobody_at_the_address_is_said_with_the_address() {
    let rig = pending().await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut command = rig.command(&["plan", "--input", "cfg"]);
    command.env("QUALYTICS_URL", format!("http://{free}"));
    Ran::of(command)
        .await
        .exits(1)
        .says(&["cannot be reached", &free.to_string()]);
    for url in ["not a url", "ftp://example.com"] {
        let mut command = rig.command(&["plan", "--input", "cfg"]);
        command.env("QUALYTICS_URL", url);
        Ran::of(command)
            .await
            .exits(1)
            .says(&["QUALYTICS_URL or --url", "no URL of an instance"]);
    }
}

#[tokio::test]
async fn a_token_is_taken_as_it_is_copied_and_one_that_is_none_is_named_as_the_token() {
    let rig = pending().await;
    for copied in ["Bearer {}", " {}\n", "Bearer  {} "] {
        let token = copied.replace("{}", rig.sandbox.token());
        rig.run_as(&token, &["plan", "--input", "cfg"]).await.exits(0);
    }
    rig.run_as("a\nb", &["plan", "--input", "cfg"])
        .await
        .exits(1)
        .says(&["QUALYTICS_TOKEN or --token: the token holds characters"]);
    rig.run_as("", &["plan", "--input", "cfg"])
        .await
        .exits(1)
        .says(&["no token is given: set QUALYTICS_TOKEN"]);
}

#[tokio::test]
async fn https_to_a_server_of_plain_http_says_what_to_try() {
    let rig = pending().await;
    let mut command = rig.command(&["plan", "--input", "cfg"]);
    command.env("QUALYTICS_URL", rig.sandbox.url().replace("http://", "https://"));
    Ran::of(command)
        .await
        .exits(1)
        .says(&["cannot be reached", "does its URL begin with http://?"]);
}

#[tokio::test]
async fn a_refused_field_is_said_once_with_its_file() {
    let rig = Rig::new().await;
    rig.edit(&format!("cfg/{CHECK}"), "fields:\n- id", "fields:\n- nobodys");
    let ran = rig.run(&["apply", "--input", "cfg", "--yes"]).await;
    ran.exits(1).shows(&["answered 422", CHECK]);
    let failed = ran.out.lines().find(|line| line.contains("answered 422")).unwrap();
    assert_eq!(failed.matches("nobodys").count(), 1, "{failed}");
}

/// A server that reads a request and answers these bytes, or hangs up.
async fn answers(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(bytes).await;
            });
        }
    });
    url
}

#[tokio::test]
async fn a_server_that_is_no_platform_is_told_from_one() {
    let cases: [(&[u8], &str); 6] = [
        (b"", "the connection broke"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "has no body",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\nconnection: close\r\n\r\n{\"items\": [",
            "connection broke",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\nconnection: close\r\n\r\n<html>hi</html>",
            "HTML",
        ),
        (
            b"HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "points elsewhere",
        ),
        (
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "does the URL lead to the platform itself?",
        ),
    ];
    join_all(cases.map(async |(bytes, says)| {
        let rig = pending().await;
        let mut command = rig.command(&["apply", "--input", "cfg", "--yes"]);
        command.env("QUALYTICS_URL", answers(bytes).await);
        Ran::of(command).await.exits(1).says(&[says]);
    }))
    .await;
}
