//! What lasts: event streams, slow clients, defects and the end of the process.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use driftless::engine::Overview;
use driftless::server::serve;
use driftless_core::key::{EnvironmentName, Revision};
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::support::Rig;
use crate::{PATIENCE, get, plain, request, send};

#[tokio::test]
async fn an_event_is_sent_at_once_and_on_each_change() {
    let rig = plain();
    let request = request(Method::GET, "/api/v1/events", &[("last-event-id", "no such event")], "");
    let response = rig.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut frames = response.into_body().into_data_stream();
    let mut next = async || {
        let frame = tokio::time::timeout(PATIENCE, frames.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        String::from_utf8(frame.to_vec()).unwrap()
    };
    let first = next().await;
    assert!(
        first.contains("event: overview") && first.contains("\"prod\":{\"standing\":\"failed\""),
        "{first}"
    );
    for revision in ["1111", "2222"] {
        rig.engine.overview.send_modify(|overview| {
            let mut next = Overview::clone(overview);
            let prod = next.environments.get_mut(&EnvironmentName("prod".to_owned())).unwrap();
            prod.revision = Some(Revision(revision.to_owned()));
            *overview = next.into();
        });
        let event = next().await;
        assert!(event.contains(revision), "{event}");
    }
}

#[tokio::test]
async fn readers_of_events_are_bounded_and_give_their_place_back() {
    let rig = plain();
    let open = async || {
        let request = request(Method::GET, "/api/v1/events", &[], "");
        rig.router.clone().oneshot(request).await.unwrap()
    };
    let mut readers = Vec::new();
    for _ in 0..256 {
        readers.push(open().await);
    }
    assert_eq!(open().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    readers.pop();
    assert_eq!(open().await.status(), StatusCode::OK);
}

async fn served(
    rig: &Rig,
) -> (
    SocketAddr,
    CancellationToken,
    tokio::task::JoinHandle<std::io::Result<()>>,
) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(listener, rig.router.clone(), stop.clone()));
    (address, stop, server)
}

#[tokio::test]
async fn streams_and_idle_connections_end_when_the_process_stops() {
    let rig = plain();
    let (address, stop, server) = served(&rig).await;
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut buffer = [0; 4096];
    assert!(idle.read(&mut buffer).await.unwrap() > 0);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut seen = String::new();
    while !seen.contains("event: overview") {
        let count = tokio::time::timeout(PATIENCE, stream.read(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert!(count > 0);
        seen.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    stop.cancel();
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert!(
        rest.ends_with(b"0\r\n\r\n"),
        "the stream ends as HTTP says, and is not cut off"
    );
    tokio::time::timeout(PATIENCE, server).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_header_that_never_ends_is_cut_off() {
    let rig = plain();
    let (address, _stop, _server) = served(&rig).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").await.unwrap();
    let mut rest = Vec::new();
    // A connection that is reset is cut off as well.
    let _ = tokio::time::timeout(PATIENCE, slow.read_to_end(&mut rest))
        .await
        .unwrap();
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let rig = plain();
    let never = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let answer = tokio::time::timeout(
        PATIENCE,
        send(&rig.router, request(Method::POST, "/webhooks/github", &[], never)),
    );
    let answer = answer.await.unwrap();
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::REQUEST_TIMEOUT, "timeout")
    );
}

#[tokio::test]
async fn a_defect_in_one_answer_leaves_the_others() {
    let rig = plain();
    *rig.metrics.lock().unwrap() = None;
    let answer = get(&rig, "/metrics").await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::INTERNAL_SERVER_ERROR, "defect")
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(get(&rig, "/").await.status, StatusCode::OK);
}
