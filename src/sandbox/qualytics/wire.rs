//! Who calls, and the shared words of requests and answers.

use super::permission::Role;
use super::state::Id;
use crate::sandbox::wire;

pub(super) use crate::sandbox::wire::{Answer, Outcome, Query, Refusal};

/// Who calls.
#[derive(Clone, Copy)]
pub(super) struct Caller {
    pub(super) id: Id,
    pub(super) role: Role,
}

/// A request that was routed and authenticated.
pub(super) type Call = wire::Call<Caller>;
