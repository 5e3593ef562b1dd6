//! Not visible is not absent: what the ledger owns and no list shows is asked for by number before anybody calls it gone.

use driftless_core::key::{Key, Kind, RemoteId};
use driftless_core::report::{Failure, Meaning};
use driftless_core::snapshot::{Gap, GapReason, LOOKED_UP, Scope};
use futures::stream::{self, StreamExt as _};
use serde_json::Value as Json;

use super::Datafold;
use crate::platform::http::{Call, Request};

/// Reads under way at once, before the gate: enough that the gate alone decides.
pub(super) const AT_ONCE: usize = 64;

/// What could not be read; a key that is refused altogether is no gap.
pub(super) fn gap(kind: Kind, below: Option<Key>, failure: Failure, what: &str) -> Result<Gap, Failure> {
    // Nothing else of this instance will be read either.
    if matches!(failure.meaning, Meaning::Unauthorized | Meaning::NotSent) {
        return Err(failure);
    }
    let reason = match failure.meaning {
        Meaning::Forbidden if below.is_some() => GapReason::NotVisible,
        _ => GapReason::Unread,
    };
    Ok(Gap {
        kind,
        below,
        reason,
        message: format!("{what} could not be read: {}", failure.message),
    })
}

/// Owned resources that a list lacks, as they are asked for by number.
#[derive(Debug, Default)]
pub(super) struct Unlisted {
    /// Those that are there all the same: a list leaves out what is hidden, and what was made since.
    pub(super) found: Vec<(Key, Json)>,
    /// Those of which it cannot be told.
    pub(super) gaps: Vec<Gap>,
}

impl Datafold {
    /// Asks for what is owned and not listed, unless it is so much that the list itself is in doubt; the planner says so then.
    pub(super) async fn unlisted(
        &self,
        kind: Kind,
        scope: &Scope,
        call: &'static Call,
        is_listed: impl Fn(i64) -> bool,
    ) -> Result<Unlisted, Failure> {
        let owned = scope.owned.iter().filter(|(key, _)| key.kind == kind);
        let lost: Vec<(Key, RemoteId)> = owned
            .filter_map(|(key, id)| Some((key.clone(), (*id)?)))
            .filter(|(_, id)| !is_listed(id.0))
            .collect();
        let mut unlisted = Unlisted::default();
        if lost.len() > LOOKED_UP {
            return Ok(unlisted);
        }
        let asked: Vec<_> = stream::iter(lost)
            .map(|(key, id)| async move { (key, id, self.http.fetch(&Request::new(call, &[id.0])).await) })
            .buffered(AT_ONCE)
            .collect()
            .await;
        for (key, id, said) in asked {
            match said {
                Ok(raw) => unlisted.found.push((key, raw)),
                Err(failure) if failure.meaning == Meaning::NotFound => {}
                Err(failure) => {
                    let what = format!("`{key}`, which is owned as number {id} and is not listed,");
                    unlisted.gaps.push(gap(kind, Some(key), failure, &what)?);
                }
            }
        }
        Ok(unlisted)
    }
}
