//! A forge: GitHub's REST API below `/api/v3`, GitLab's below `/api/v4`, of the same repositories, and a side door under `/_sandbox`.
//!
//! `host` is what the edge calls and keeps. What moves a pull request is delivered to the hooks that were set, signed as each forge does.

mod github;
mod gitlab;
mod hook;
mod host;
mod repository;
pub mod seed;
mod server;
mod switches;

pub use host::ADMIN_TOKEN;
pub use server::{Options, Server};
pub use switches::Switches;
