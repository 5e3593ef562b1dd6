//! A proxy between us and the instance.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use driftless::platform::http::{Network, Proxy};
use driftless_core::value::Secret;

use super::{EMPTY, Heads, head, instance_at, plain, reached, serve};

/// A proxy that passes nothing on without credentials. Requests in absolute form it answers itself; a tunnel it makes.
fn proxy() -> (String, Heads) {
    let heads = Heads::default();
    let seen = heads.clone();
    let address = serve(move |mut caller| {
        let head = head(&mut caller);
        seen.lock().unwrap().push(head.clone());
        // `robot:pr0xy-secret`
        if !head
            .to_lowercase()
            .contains("proxy-authorization: basic cm9ib3q6chiwehktc2vjcmv0")
        {
            let _ = caller.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
            return;
        }
        match head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()) {
            None => {
                let _ = caller.write_all(EMPTY.as_bytes());
            }
            Some(target) => {
                let mut upstream = TcpStream::connect(target).unwrap();
                caller.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                let mut first = [0; 3];
                caller.read_exact(&mut first).unwrap();
                let _ = upstream.write_all(&first);
            }
        }
    });
    (address, heads)
}

fn through(address: &str, password: Option<&str>) -> Network {
    Network {
        proxy: Proxy::At {
            url: format!("http://{address}"),
            credentials: password.map(|password| ("robot".to_owned(), Secret::new(password))),
        },
        ..Network::default()
    }
}

#[tokio::test]
async fn requests_go_through_the_proxy_with_its_credentials_and_not_to_the_instance() {
    let (instance, asked) = plain(EMPTY);
    let (proxy, passed) = proxy();
    let network = through(&proxy, Some("pr0xy-secret"));
    assert_eq!(
        reached(&instance_at(&format!("http://{instance}"), network)).await,
        Ok(())
    );
    let line = passed.lock().unwrap()[0].lines().next().unwrap().to_owned();
    assert!(
        line.starts_with(&format!("GET http://{instance}/api/datastores?")),
        "{line}"
    );
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_https_instance_is_reached_through_a_tunnel_that_sees_no_token() {
    // What comes through the tunnel is TLS: a handshake begins with 0x16 and the version.
    let (bytes, first) = std::sync::mpsc::channel();
    let instance = serve(move |mut caller| {
        let mut start = [0; 3];
        let _ = caller.read_exact(&mut start);
        let _ = bytes.send(start);
    });
    let (proxy, passed) = proxy();
    let network = through(&proxy, Some("pr0xy-secret"));
    assert!(
        reached(&instance_at(&format!("https://{instance}"), network))
            .await
            .is_err()
    );
    let start = first.recv().unwrap();
    assert_eq!(start[..2], [0x16, 0x03], "{start:?}");
    let heads = passed.lock().unwrap().concat();
    assert!(heads.starts_with(&format!("CONNECT {instance} ")), "{heads}");
    assert!(!heads.contains("token-of-a-test"), "{heads}");
}

#[tokio::test]
async fn a_proxy_that_refuses_says_so_and_its_password_is_not_shown() {
    for (scheme, said) in [("http", "the proxy wants credentials"), ("https", "cannot be reached")] {
        let (proxy, _) = proxy();
        let network = through(&proxy, Some("wr0ng-secret"));
        let message = reached(&instance_at(&format!("{scheme}://instance.example"), network))
            .await
            .unwrap_err();
        assert!(message.contains(said), "{message}");
        assert!(!message.contains("wr0ng-secret"), "{message}");
    }
}
