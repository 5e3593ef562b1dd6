//! Servers that do not answer, answer drop by drop, or ask for a pause.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use driftless::engine::pace::{Limiter, Pace};
use driftless::platform::Platform as _;
use driftless::platform::http::Network;
use driftless_core::report::Meaning;

use super::{EMPTY, gated, head, serve, short};

fn network() -> Network {
    Network {
        timeouts: short(),
        ..Network::default()
    }
}

/// As long as a test may take: until the thread is dropped with its process.
const FOREVER: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_server_that_never_answers_and_one_that_drips_are_given_up_in_time_and_asked_less() {
    let silent = serve(|mut caller| {
        let _ = head(&mut caller);
        std::thread::sleep(FOREVER);
    });
    // A byte comes before each time-out between two of them; the whole never comes.
    let dripping = serve(|mut caller| {
        let _ = head(&mut caller);
        let _ = caller.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n");
        while caller.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    for (address, at_least) in [(silent, short().read), (dripping, short().total)] {
        let limiter = Limiter::new(16, 400.0);
        let gate = Arc::new(Pace::uncounted(limiter.clone()));
        let instance = gated(&format!("http://{address}"), network(), gate);
        let began = Instant::now();
        let failure = tokio::time::timeout(FOREVER, instance.reach())
            .await
            .unwrap()
            .unwrap_err();
        assert_eq!(failure.meaning, Meaning::Unavailable);
        assert!(
            failure.message.contains("no whole answer in time"),
            "{}",
            failure.message
        );
        // A read is sent four times.
        assert!(began.elapsed() >= at_least * 4, "{:?}", began.elapsed());
        assert!(limiter.per_second() < 400.0, "{}", limiter.per_second());
    }
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_kept_and_a_refusal_lowers_the_rate() {
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = asked.clone();
    let address = serve(move |mut caller| {
        let _ = head(&mut caller);
        let answer = match seen.fetch_add(1, Ordering::SeqCst) {
            0 => "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            _ => EMPTY,
        };
        let _ = caller.write_all(answer.as_bytes());
    });
    let limiter = Limiter::new(16, 400.0);
    let gate = Arc::new(Pace::uncounted(limiter.clone()));
    let instance = gated(&format!("http://{address}"), Network::default(), gate.clone());
    let began = Instant::now();
    instance.reach().await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert!(limiter.per_second() < 400.0, "{}", limiter.per_second());
}
