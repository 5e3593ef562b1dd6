//! Thirty accidents that users of the field's best tools had, each as a rule that holds here: the real binary over a real Git
//! repository and a sandbox. `docs/reliability.md` says which accident each test is of, and which line it stands on.
#![expect(clippy::unwrap_used, reason = "a test may stop")]

mod absence;
mod deletion;
mod drift;
mod house;
#[path = "../support/instance.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod instance;
#[path = "../support/git_repo.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod repo;
mod shown;
mod trust;
