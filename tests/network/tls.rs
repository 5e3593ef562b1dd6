//! TLS with an authority of one's own, and with a certificate that we show.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use driftless::engine::pace::{CONCURRENCY, Limiter, PER_SECOND, Pace};
use driftless::platform::http::{Identity, Network};
use driftless_core::value::Secret;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::{EMPTY, Heads, head, instance_at, made, reached, serve};

/// An authority, and certificates of it for a server and a client: files of PEM, made on the spot.
fn certificates(folder: &Path) {
    let run = |arguments: &str| {
        let output = Command::new("openssl")
            .current_dir(folder)
            .args(arguments.split(' '))
            .output()
            .expect("`openssl` must be installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    run(&format!(
        "req -x509 -keyout ca.key -out ca.pem -subj /CN=Authority {key}"
    ));
    for (name, addition) in [
        ("server", "-addext subjectAltName=IP:127.0.0.1"),
        ("client", "-addext extendedKeyUsage=clientAuth"),
    ] {
        run(&format!(
            "req -x509 -CA ca.pem -CAkey ca.key -keyout {name}.key -out {name}.pem -subj /CN={name} {addition} -addext \
             basicConstraints=critical,CA:FALSE {key}"
        ));
    }
}

/// A server of HTTPS that wants a certificate of its authority from everybody.
fn https(folder: &Path) -> (String, Heads) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(folder.join("ca.pem")).unwrap())
        .unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_file(folder.join("server.pem")).unwrap()],
            PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let heads = Heads::default();
    let seen = heads.clone();
    let address = serve(move |caller| {
        let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), caller);
        let head = head(&mut stream);
        if !head.is_empty() {
            seen.lock().unwrap().push(head);
            let _ = stream.write_all(EMPTY.as_bytes());
            stream.conn.send_close_notify();
        }
        let _ = stream.flush();
    });
    (format!("https://{address}"), heads)
}

fn network(folder: &Path, certificate: &str, key: &str) -> Network {
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    Network {
        authority: Some(read("ca.pem")),
        identity: Some(Identity {
            certificates: read(certificate),
            key: Secret::new(String::from_utf8(read(key)).unwrap()),
        }),
        ..Network::default()
    }
}

#[tokio::test]
async fn an_instance_of_a_private_authority_that_wants_a_client_certificate_is_reached_with_one() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let (url, heads) = https(folder.path());
    let whole = network(folder.path(), "client.pem", "client.key");
    assert_eq!(reached(&instance_at(&url, whole.clone())).await, Ok(()));
    let head = heads.lock().unwrap().concat();
    assert!(head.starts_with("GET /api/datastores?"), "{head}");

    // Without the certificate the server refuses; without the authority we do. Each says what to do, and nobody was asked.
    let asked = heads.lock().unwrap().len();
    let no_certificate = Network {
        identity: None,
        ..whole.clone()
    };
    let said = reached(&instance_at(&url, no_certificate)).await.unwrap_err();
    assert!(
        said.contains("client certificate: name one under `client_certificate`"),
        "{said}"
    );
    let no_authority = Network {
        authority: None,
        ..whole
    };
    let said = reached(&instance_at(&url, no_authority)).await.unwrap_err();
    assert!(said.contains("name that one's file under `ca_file`"), "{said}");
    assert_eq!(heads.lock().unwrap().len(), asked);
}

#[tokio::test]
async fn a_certificate_and_a_key_that_do_not_belong_together_are_told_at_the_start_without_the_key() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    for (certificate, key, said) in [
        (
            "client.pem",
            "server.key",
            "do the client certificate and its key belong together",
        ),
        (
            "client.pem",
            "client.pem",
            "the client certificate and its key are not PEM",
        ),
    ] {
        let gate = Arc::new(Pace::uncounted(Limiter::new(CONCURRENCY, PER_SECOND)));
        let result = made("https://127.0.0.1:1", network(folder.path(), certificate, key), gate);
        let message = result.err().expect("it is refused").message;
        assert!(message.contains(said), "{message}");
        let content = std::fs::read_to_string(folder.path().join(key)).unwrap();
        let line = content.lines().nth(1).unwrap();
        assert!(!message.contains(line), "{message}");
    }
}
