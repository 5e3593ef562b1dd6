//! The last word of a command that is asked to stop.

use std::time::Duration;

use tokio::time::timeout;

use crate::ci::outcome::CiOutcome;
use crate::ci::pipeline::{Ports, Request};
use crate::ci::report::status_context;
use crate::cli::out;
use crate::forge::{CommitState, CommitStatus};
use crate::store::StoreError;

/// What is under way may come to its end.
const GRACE: Duration = Duration::from_secs(1);

/// The commit's status is tried once: CI systems kill what does not end within some 10 s.
const LAST_WORD: Duration = Duration::from_secs(5);

/// Lets `run` end after it was asked to; where it comes to nothing, the commit's status does not stay pending for ever.
pub(super) async fn end(
    run: impl Future<Output = Result<Option<CiOutcome>, StoreError>>,
    ports: &Ports,
    request: &Request,
) -> Result<Option<CiOutcome>, StoreError> {
    let ended = timeout(GRACE, run).await.ok().transpose()?.flatten();
    if ended.is_none() {
        tell(ports, request).await;
    }
    Ok(ended)
}

async fn tell(ports: &Ports, request: &Request) {
    let Some(forge) = &ports.forge else {
        return;
    };
    let status = CommitStatus {
        context: status_context(&request.config.name),
        state: CommitState::Error,
        description: "interrupted; run it again".to_owned(),
        url: None,
    };
    let (config, head) = (&request.config, &request.head);
    let set = forge.set_status(&config.repository, head.pull_request, &head.sha, &status);
    let why = match timeout(LAST_WORD, set).await {
        Ok(Ok(())) => return,
        Ok(Err(failure)) => failure.message,
        Err(_) => "there is no answer".to_owned(),
    };
    out::say(&format!("warning: the commit status could not be set: {why}"));
}
