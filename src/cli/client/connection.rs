//! The daemon's API as these commands use it: requests, and problem documents as errors.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value as Json;

use super::ServerArgs;

/// The daemon answers within ten seconds or says that it cannot.
const PATIENCE: Duration = Duration::from_secs(15);

/// How the daemon names the sorts of its problem documents.
const PROBLEM: &str = "urn:driftless:problem:";

/// A daemon that can be asked.
pub(super) struct Connection {
    client: reqwest::Client,
    server: String,
    token: Option<String>,
}

impl Connection {
    /// Makes ready to ask; nothing is sent.
    pub(super) fn new(args: &ServerArgs) -> anyhow::Result<Self> {
        let mut client = reqwest::Client::builder().connect_timeout(PATIENCE);
        if let Some(path) = &args.ca_file {
            let pem = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            let authorities = reqwest::Certificate::from_pem_bundle(&pem)
                .with_context(|| format!("{} holds no certificates in PEM", path.display()))?;
            client = client.tls_certs_merge(authorities);
        }
        Ok(Self {
            client: client.build()?,
            server: args.server.trim_end_matches('/').to_owned(),
            token: args.api_token.clone().filter(|token| !token.is_empty()),
        })
    }

    /// What `path` holds.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Json> {
        let answer = self.send(Method::GET, path, None).await?;
        Ok(answer.json().await?)
    }

    /// What `path` holds, or `None` where there is no such thing.
    pub(super) async fn find(&self, path: &str) -> anyhow::Result<Option<Json>> {
        let answer = self.answer(Method::GET, path, None).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        Ok(Some(self.checked(answer).await?.json().await?))
    }

    /// Asks for something to be done.
    pub(super) async fn post(&self, path: &str, body: &Json) -> anyhow::Result<Json> {
        let answer = self.send(Method::POST, path, Some(body)).await?;
        Ok(answer.json().await?)
    }

    /// A stream that does not end by itself.
    pub(super) async fn stream(&self, path: &str) -> anyhow::Result<Response> {
        let url = format!("{}{path}", self.server);
        let answer = self
            .client
            .get(&url)
            .send()
            .await
            .map_err(|error| self.unreached(&error))?;
        self.checked(answer).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Json>) -> anyhow::Result<Response> {
        let answer = self.answer(method, path, body).await?;
        self.checked(answer).await
    }

    async fn answer(&self, method: Method, path: &str, body: Option<&Json>) -> anyhow::Result<Response> {
        let url = format!("{}{path}", self.server);
        let mut request = self.client.request(method, &url).timeout(PATIENCE);
        if let Some(body) = body {
            // On loopback without a token the daemon asks where a request comes from: from itself.
            request = request.json(body).header("origin", &self.server);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request.send().await.map_err(|error| self.unreached(&error))
    }

    fn unreached(&self, error: &reqwest::Error) -> anyhow::Error {
        let why = if error.is_timeout() {
            "it does not answer in time".to_owned()
        } else {
            let mut cause: &dyn std::error::Error = error;
            while let Some(deeper) = cause.source() {
                cause = deeper;
            }
            cause.to_string()
        };
        anyhow!(
            "cannot ask the daemon at {}: {why}; is it running there? --server or DRIFTLESS_SERVER says where",
            self.server
        )
    }

    async fn checked(&self, answer: Response) -> anyhow::Result<Response> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let text = answer.text().await.unwrap_or_default();
        let problem: Json = serde_json::from_str(&text).unwrap_or_default();
        // Other servers have a `detail` too, and know nothing of what was asked.
        let is_ours = problem["type"].as_str().is_some_and(|kind| kind.starts_with(PROBLEM));
        let detail = problem["detail"].as_str().filter(|_| is_ours).unwrap_or_default();
        match (status, detail) {
            (StatusCode::UNAUTHORIZED, detail) if self.token.is_none() => {
                bail!("{detail} Set DRIFTLESS_API_TOKEN to the token of the daemon's config (`server.token`)")
            }
            (_, "") => bail!("the daemon at {} answers {status}: is it driftless?", self.server),
            (_, detail) => bail!("{detail}"),
        }
    }
}

/// A name as one segment of a path.
pub(super) fn segment(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// A member that is a text; the empty one where it is not.
pub(super) fn text<'a>(json: &'a Json, field: &str) -> &'a str {
    json[field].as_str().unwrap_or_default()
}

/// A member that is a list; the empty one where it is not.
pub(super) fn list<'a>(json: &'a Json, field: &str) -> &'a [Json] {
    json[field].as_array().map_or(&[], Vec::as_slice)
}
