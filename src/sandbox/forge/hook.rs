//! Hooks: deliveries of what moved, as each forge sends them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use super::repository::Pull;

/// How long a receiver may take; GitLab gives ten seconds too.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where deliveries go.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hook {
    pub(super) url: String,
    pub(super) secret: String,
    pub(super) provider: Provider,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Provider {
    Github,
    Gitlab,
}

/// What happened to a pull request.
#[derive(Clone, Copy)]
pub(super) enum Moved {
    Opened,
    Pushed,
    Labeled,
    Draft,
    Edited,
    Closed,
}

impl Moved {
    fn of_github(self, pull: &Pull) -> &'static str {
        match self {
            Moved::Opened => "opened",
            Moved::Pushed => "synchronize",
            Moved::Labeled => "labeled",
            Moved::Draft if pull.draft => "converted_to_draft",
            Moved::Draft => "ready_for_review",
            Moved::Edited => "edited",
            Moved::Closed if pull.is_open => "reopened",
            Moved::Closed => "closed",
        }
    }

    fn of_gitlab(self, pull: &Pull) -> &'static str {
        match self {
            Moved::Opened => "open",
            Moved::Pushed | Moved::Labeled | Moved::Draft | Moved::Edited => "update",
            Moved::Closed if pull.is_open => "reopen",
            Moved::Closed => "close",
        }
    }
}

/// What became of each delivery.
pub(super) type Deliveries = Arc<Mutex<Vec<Value>>>;

/// What a delivery tells.
pub(super) struct Told<'a> {
    pub(super) path: &'a str,
    pub(super) number: u64,
    pub(super) pull: &'a Pull,
    /// The pull request, as GitHub and as GitLab show it.
    pub(super) shown: &'a [Value; 2],
    pub(super) moved: Moved,
}

/// Sends a delivery; it goes on its own, and `deliveries` has it when it is answered.
pub(super) fn deliver(hook: Hook, id: u64, told: &Told<'_>, deliveries: Deliveries) {
    let Told {
        path,
        number,
        pull,
        shown: [as_github, as_gitlab],
        moved,
    } = told;
    let (event, headers, body) = match hook.provider {
        Provider::Github => {
            let body = json!({
                "action": moved.of_github(pull), "number": number, "pull_request": as_github,
                "repository": { "full_name": path, "private": true }, "sender": { "login": "somebody", "id": 2 },
            })
            .to_string();
            let signature = format!("sha256={}", signature(&hook.secret, body.as_bytes()));
            let headers = vec![
                ("x-github-event", "pull_request".to_owned()),
                ("x-github-delivery", format!("00000000-0000-4000-8000-{id:012}")),
                ("x-hub-signature-256", signature),
            ];
            ("pull_request", headers, body)
        }
        Provider::Gitlab => {
            let mut attributes = as_gitlab.clone();
            // A delivery shows labels whole, where the API gives their names.
            let labels: Vec<Value> = pull
                .labels
                .iter()
                .map(|label| json!({ "title": label, "color": "#ededed", "type": "ProjectLabel" }))
                .collect();
            attributes["action"] = json!(moved.of_gitlab(pull));
            attributes["labels"] = json!(labels);
            attributes["last_commit"] = json!({ "id": pull.sha });
            let body = json!({
                "object_kind": "merge_request", "event_type": "merge_request", "project": { "path_with_namespace": path },
                "object_attributes": attributes, "labels": labels,
            })
            .to_string();
            let headers = vec![
                ("x-gitlab-event", "Merge Request Hook".to_owned()),
                ("x-gitlab-event-uuid", format!("00000000-0000-4000-8000-{id:012}")),
                ("idempotency-key", format!("00000000-0000-4000-9000-{id:012}")),
                ("x-gitlab-token", hook.secret.clone()),
            ];
            ("Merge Request Hook", headers, body)
        }
    };
    tokio::spawn(async move {
        let status = send(&hook.url, headers, body).await;
        let delivery = json!({ "url": hook.url, "event": event, "status": status });
        deliveries.lock().unwrap_or_else(PoisonError::into_inner).push(delivery);
    });
}

async fn send(url: &str, headers: Vec<(&'static str, String)>, body: String) -> Option<u16> {
    // The process has one provider; that it is set already is no fault.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().ok()?;
    let mut request = client.post(url).header("content-type", "application/json").body(body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    Some(request.send().await.ok()?.status().as_u16())
}

fn signature(secret: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map(|mac| mac.chain_update(body).finalize());
    let bytes = mac.map(|mac| mac.into_bytes().to_vec()).unwrap_or_default();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
