//! API keys: who calls, and what it may do.

use serde_json::json;

use super::organisation::Organisation;
use super::wire::{Answer, Call, Caller, Outcome, Refusal};

/// The administrator's key.
pub const ADMIN_KEY: &str = "sandbox-datafold-admin-key";

/// What the groups of a key's owner allow; each contains the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rights {
    /// To be known.
    Nothing,
    /// To read.
    Read,
    /// Everything.
    Admin,
}

impl Rights {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "none" => Some(Self::Nothing),
            "read" => Some(Self::Read),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

/// Refuses a caller whose key allows too little.
pub(super) fn need(caller: Caller, rights: Rights) -> Result<(), Refusal> {
    if caller.rights >= rights {
        return Ok(());
    }
    Err(Refusal::text(403, "You do not have access to this resource"))
}

impl Organisation {
    /// Who bears this `Authorization` header: the word `Key`, a space, the key.
    pub(super) fn authenticate(&self, header: Option<&str>) -> Result<Caller, Refusal> {
        let key = header.and_then(|header| header.strip_prefix("Key "));
        let rights = key.and_then(|key| self.keys.get(key.trim()));
        rights
            .map(|rights| Caller { rights: *rights })
            .ok_or_else(|| Refusal::text(401, "Not authenticated"))
    }

    /// Makes a key with these rights.
    pub(super) fn mint(&mut self, rights: Rights) -> String {
        let key = format!("sandbox-datafold-key-{}", self.keys.len());
        self.keys.insert(key.clone(), rights);
        key
    }
}

/// `GET /api/v1/organization/meta`.
pub(super) fn meta(_: &mut Organisation, _: &Call) -> Outcome {
    Ok(Answer::Ok(json!({ "org_id": 1, "org_name": "Sandbox", "user_id": 1 })))
}
