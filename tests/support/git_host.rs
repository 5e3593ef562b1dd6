//! A Git host on loopback: the real `git http-backend` behind HTTP, with sign-in, redirects, a log, and TLS in front.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use futures::StreamExt as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How the host treats its callers.
#[derive(Clone, Default)]
pub(crate) struct Manner {
    /// The whole `Authorization` header that it wants.
    pub(crate) authorization: Option<String>,
    /// Paths that begin with the first are redirected to the second, followed by the rest.
    pub(crate) redirect: Option<(String, String)>,
    /// What goes wrong while a pack is sent; the listing is never touched.
    pub(crate) fault: Arc<Mutex<Fault>>,
}

/// What goes wrong while a pack is sent.
#[derive(Clone, Copy, Default)]
pub(crate) enum Fault {
    /// Nothing.
    #[default]
    None,
    /// The answer ends in the middle, as if it were whole.
    Cut,
    /// One byte of the pack is another one.
    Flip,
    /// The connection breaks in the middle.
    Break,
    /// Nothing comes after the middle.
    Hang,
}

pub(crate) struct GitHost {
    pub(crate) url: String,
    log: Arc<Mutex<Vec<String>>>,
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

struct Host {
    root: PathBuf,
    manner: Manner,
    log: Arc<Mutex<Vec<String>>>,
}

impl GitHost {
    pub(crate) async fn start(root: &Path, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::default();
        let host = Arc::new(Host {
            root: root.to_owned(),
            manner,
            log: Arc::clone(&log),
        });
        let router = axum::Router::new()
            .fallback(answer)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(host);
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let serving = axum::serve(listener, router).with_graceful_shutdown(async {
            let _ = stopped.await;
        });
        let task = tokio::spawn(async move { serving.await.unwrap() });
        Self { url, log, stop, task }
    }

    /// The requests since the last time this was asked: method and path.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    /// Stops listening, and closes the connections that were kept.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }
}

async fn answer(
    State(host): State<Arc<Host>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    host.log.lock().unwrap().push(format!("{method} {}", uri.path()));
    if let Some((from, to)) = &host.manner.redirect
        && let Some(rest) = uri.to_string().strip_prefix(from)
    {
        return Response::builder()
            .status(StatusCode::MOVED_PERMANENTLY)
            .header(header::LOCATION, format!("{to}{rest}"))
            .body(Body::empty())
            .unwrap();
    }
    let given = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap());
    if host.manner.authorization.is_some() && host.manner.authorization.as_deref() != given {
        return Response::builder()
            .status(StatusCode::UNAUTHORIZED)
            .body(Body::empty())
            .unwrap();
    }
    let content = headers
        .get(header::CONTENT_TYPE)
        .map_or("", |value| value.to_str().unwrap());
    let mut backend = tokio::process::Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &host.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("PATH_INFO", uri.path())
        .env("QUERY_STRING", uri.query().unwrap_or(""))
        .env("REQUEST_METHOD", method.as_str())
        .env("CONTENT_TYPE", content)
        .env("CONTENT_LENGTH", body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = backend.stdin.take().unwrap();
    let feed = tokio::spawn(async move { input.write_all(&body).await });
    let output = backend.wait_with_output().await.unwrap().stdout;
    let _ = feed.await.unwrap(); // The backend may close early on an error of its own.
    let split = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let mut response = Response::builder();
    for line in std::str::from_utf8(&output[..split]).unwrap().lines() {
        let (name, value) = line.split_once(": ").unwrap();
        response = match name {
            "Status" => response.status(value[..3].parse::<u16>().unwrap()),
            name => response.header(name, value),
        };
    }
    let mut body = output[split + 4..].to_vec();
    let middle = body.len() / 2;
    let fault = if method == Method::POST {
        *host.manner.fault.lock().unwrap()
    } else {
        Fault::None
    };
    match fault {
        Fault::None => {}
        Fault::Cut => body.truncate(middle),
        Fault::Flip => {
            let pack = body.windows(4).position(|window| window == b"PACK").unwrap();
            body[pack + 20] ^= 0xff; // Past the header of 12 bytes: in the first object.
        }
        Fault::Break | Fault::Hang => {
            body.truncate(middle);
            let begun = futures::stream::iter([Ok(Bytes::from(body))]);
            let rest = match fault {
                Fault::Hang => futures::stream::pending().boxed(),
                _ => futures::stream::iter([Err(std::io::Error::other("broken off"))]).boxed(),
            };
            return response.body(Body::from_stream(begun.chain(rest))).unwrap();
        }
    }
    response.body(Body::from(body)).unwrap()
}

/// A server that says `greeting`, in HTTP once it is asked, and nothing ever after; tells when its caller is gone.
pub(crate) async fn hung(greeting: &'static [u8]) -> (String, tokio::sync::oneshot::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (gone, left) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut caller, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 1024];
        if greeting.starts_with(b"HTTP") {
            assert_ne!(caller.read(&mut buffer).await.unwrap(), 0);
        }
        caller.write_all(greeting).await.unwrap();
        while let Ok(1..) = caller.read(&mut buffer).await {}
        let _ = gone.send(());
    });
    (address, left)
}

/// TLS in front of `host`, with a certificate of a private authority made on the spot by `openssl`. Gives the address and
/// the authority's file.
pub(crate) async fn tls_front(host: &GitHost, folder: &Path) -> (String, PathBuf) {
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new("openssl")
            .current_dir(folder)
            .args(arguments)
            .output()
            .expect("`openssl` must be installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ];
    run(&[
        &[
            "req",
            "-x509",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-subj",
            "/CN=Test authority",
        ][..],
        &key,
    ]
    .concat());
    run(&[
        &[
            "req", "-x509", "-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "host.key", "-out", "host.pem",
        ][..],
        &["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        &["-addext", "basicConstraints=critical,CA:FALSE"],
        &key,
    ]
    .concat());
    use rustls::pki_types::pem::PemObject as _;
    let certificate = rustls::pki_types::CertificateDer::from_pem_file(folder.join("host.pem")).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::from_pem_file(folder.join("host.key")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let behind = host.url.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        loop {
            let (caller, _) = listener.accept().await.unwrap();
            let upstream = TcpStream::connect(&behind).await.unwrap();
            let tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            tokio::spawn(relay(tls, caller, upstream));
        }
    });
    (url, folder.join("ca.pem"))
}

/// Carries bytes between a TLS caller and a plain server until either is gone.
async fn relay(mut tls: rustls::ServerConnection, mut caller: TcpStream, mut upstream: TcpStream) {
    let (mut sealed, mut plain) = ([0; 16384], [0; 16384]);
    loop {
        let mut out = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut out).unwrap();
        }
        if caller.write_all(&out).await.is_err() {
            return;
        }
        tokio::select! {
            read = caller.read(&mut sealed) => {
                let Ok(count @ 1..) = read else { return };
                let mut rest = &sealed[..count];
                while !rest.is_empty() {
                    tls.read_tls(&mut rest).unwrap();
                    if tls.process_new_packets().is_err() {
                        return;
                    }
                    let mut text = Vec::new();
                    let _ = std::io::Read::read_to_end(&mut tls.reader(), &mut text);
                    if upstream.write_all(&text).await.is_err() {
                        return;
                    }
                }
            }
            read = upstream.read(&mut plain) => {
                let Ok(count @ 1..) = read else { return };
                std::io::Write::write_all(&mut tls.writer(), &plain[..count]).unwrap();
            }
        }
    }
}
