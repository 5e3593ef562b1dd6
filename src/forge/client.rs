//! What both adapters do with HTTP: the root of an API from the URL that people know, lists by pages, names that go into paths.

use std::sync::Arc;
use std::time::Duration;

use driftless_core::report::{Failure, Meaning};
use driftless_core::value::Secret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::Repository;
use super::comments::{Comment, Us, says};
use super::quota::Quota;
use crate::platform::Gate;
use crate::platform::address::address;
use crate::platform::http::{Advice, Call, Http, HttpOptions, Network, Request, Scheme};

/// Items of a page: the most that both forges give.
const PAGE_SIZE: usize = 100;

/// The most pages of one list that are read: beyond, something is wrong with the list.
const PAGE_CAP: usize = 100;

/// How long a forge is given that has not yet worked out what a pull request changes.
pub(super) const UNPREPARED: Duration = Duration::from_secs(2);

/// What a client of a forge is made of.
pub struct ForgeOptions {
    /// Its URL as people know it (`https://github.com`, `https://git.example.com`), or that of its API.
    pub url: String,
    /// The token.
    pub token: Secret,
    /// The way to it.
    pub network: Network,
}

/// A client of a forge's API, which lies at `root` below the URL; `hosted` says where it lies instead, by the URL's host.
///
/// # Errors
/// A URL, a token, a certificate or a proxy that cannot be one.
pub(super) fn client(
    options: ForgeOptions,
    root: &str,
    hosted: impl Fn(&str) -> Option<String>,
    advice: Advice,
    gate: Arc<dyn Gate>,
) -> Result<Http, Failure> {
    let (_, mut base) = address(&options.url, root)?;
    match base.host_str().and_then(hosted) {
        Some(host) => base.set_host(Some(&host)).map_err(|error| {
            let message = format!("the URL of the forge yields no host for its API ({error}); give that of its API");
            failure(Meaning::Invalid, message)
        })?,
        None => {
            let path = format!("{}{root}", base.path().trim_end_matches('/'));
            base.set_path(&path);
        }
    }
    let options = HttpOptions {
        base,
        scheme: Scheme::Bearer,
        token: options.token,
        network: options.network,
    };
    Ok(Http::new(options, Arc::new(Quota::new(gate)))?.advising(advice))
}

/// Where a list is at its end.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// At a page that is not full, or where the forge lists no more.
    ShortPage {
        /// The most items that it lists.
        most: usize,
    },
    /// At so many items, or where no more come: pages may be smaller than asked for.
    Items(usize),
}

/// Of a list that is as long as it is.
pub(super) const WHOLE: End = End::ShortPage { most: usize::MAX };

/// The items of a list, page by page.
///
/// # Errors
/// As [`Http::send`]; a list that does not end.
pub(super) async fn list<T: DeserializeOwned>(http: &Http, request: &Request, end: End) -> Result<Vec<T>, Failure> {
    let mut items: Vec<T> = Vec::new();
    for number in 1..=PAGE_CAP {
        let page = request.clone().query("per_page", PAGE_SIZE).query("page", number);
        let given: Vec<T> = fetch(http, &page).await?;
        let count = given.len();
        items.extend(given);
        let is_last = match end {
            End::ShortPage { most } => count < PAGE_SIZE || items.len() >= most,
            End::Items(all) => count == 0 || items.len() >= all,
        };
        if is_last {
            return Ok(items);
        }
    }
    Err(request.broken(&format!("the list has more than {} items", PAGE_CAP * PAGE_SIZE)))
}

/// Asks, and reads the answer.
///
/// # Errors
/// As [`Http::send`]; an answer that lacks what is read of it.
pub(super) async fn fetch<T: DeserializeOwned>(http: &Http, request: &Request) -> Result<T, Failure> {
    parsed(request, http.fetch(request).await?)
}

fn parsed<T: DeserializeOwned>(request: &Request, json: Json) -> Result<T, Failure> {
    serde_path_to_error::deserialize(json).map_err(|error| {
        let place = error.path().to_string();
        request.broken(&format!("the answer is not as it is documented, at `{place}`"))
    })
}

pub(super) fn failure(meaning: Meaning, message: String) -> Failure {
    Failure {
        meaning,
        message,
        fields: Vec::new(),
        retry_after: None,
    }
}

/// A pull request of which the forge has not yet worked out what it changes.
pub(super) fn unprepared(what: &str) -> Failure {
    Failure {
        retry_after: Some(UNPREPARED),
        ..failure(Meaning::Unavailable, what.to_owned())
    }
}

/// The token's user.
///
/// # Errors
/// As [`Http::send`]; a token that has none is refused.
pub(super) async fn who(http: &Http, call: &'static Call) -> Result<Us, Failure> {
    let user: User = fetch(http, &Request::named(call, &[])).await?;
    Ok(Us::User(user.id))
}

/// The little that is read of a user, of either forge.
#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: u64,
}

/// Says `body`: edits the first of `old` that may be edited, or adds a comment where there is none. Where it is not known who we are, one
/// that may not be is somebody else's: the one that is added then is among them the next time.
///
/// # Errors
/// As [`Http::send`].
pub(super) async fn say(
    http: &Http,
    us: Us,
    old: Vec<Comment>,
    edit: impl Fn(&str) -> Result<Request, Failure>,
    add: Request,
    body: &str,
) -> Result<(), Failure> {
    let with_text = |request: Request| request.body(json!({ "body": body }), Vec::new());
    for old in old {
        if says(&old, body) {
            return Ok(());
        }
        match http.send(&with_text(edit(&old.id.to_string())?)).await {
            Ok(_) => return Ok(()),
            // Somebody has just deleted it.
            Err(gone) if gone.meaning == Meaning::NotFound => {}
            Err(refused) if refused.meaning == Meaning::Forbidden && us == Us::Unknown => {}
            Err(failure) => return Err(failure),
        }
    }
    http.send(&with_text(add)).await?;
    Ok(())
}

/// The segments of a repository's path: one that is empty or consists of dots would lead elsewhere.
///
/// # Errors
/// When it is no path of a repository.
pub(super) fn segments(repository: &Repository) -> Result<Vec<&str>, Failure> {
    let segments: Vec<&str> = repository.0.split('/').collect();
    match segments.len() > 1 && segments.iter().all(|segment| is_name(segment)) {
        true => Ok(segments),
        false => {
            let message = format!(
                "`{}` is no path of a repository: write it as the forge shows it, like `acme/shop`",
                repository.0.escape_debug()
            );
            Err(failure(Meaning::Invalid, message))
        }
    }
}

/// Holds a file's path to what a tree of Git can hold.
///
/// # Errors
/// When no file can have it.
pub(super) fn is_file(path: &str) -> Result<(), Failure> {
    match path.split('/').all(is_name) {
        true => Ok(()),
        false => {
            let message = format!(
                "`{}` is no path of a file from the repository's root",
                path.escape_debug()
            );
            Err(failure(Meaning::Invalid, message))
        }
    }
}

fn is_name(segment: &str) -> bool {
    !segment.bytes().all(|byte| byte == b'.') && !segment.chars().any(char::is_control)
}

/// Holds a commit's name to what one is: a branch may move between two requests.
///
/// # Errors
/// When it is none.
pub(super) fn is_commit(sha: &str) -> Result<(), Failure> {
    match (40..=64).contains(&sha.len()) && sha.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(()),
        false => {
            let message = format!("`{}` is no full name of a commit", sha.escape_debug());
            Err(failure(Meaning::Invalid, message))
        }
    }
}

/// A text of no more than `most` characters.
pub(super) fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// The address, where forges take it: they refuse what is no page, and the status with it.
pub(super) fn page(url: Option<&String>, most: usize) -> Option<&str> {
    let url = url.map(String::as_str)?;
    let is_page = url.starts_with("https://") || url.starts_with("http://");
    (is_page && url.chars().count() <= most).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_lead_elsewhere_is_no_repository_and_no_file() {
        for bad in [
            "",
            "shop",
            "acme/",
            "/shop",
            "acme/..",
            "../shop",
            "acme//shop",
            "acme/sh\nop",
        ] {
            assert!(segments(&Repository(bad.to_owned())).is_err(), "{bad:?}");
        }
        for bad in ["", "/a", "a/", "a/../b", "./a", "a/./b", "a\0"] {
            assert!(is_file(bad).is_err(), "{bad:?}");
        }
        for good in ["acme/shop", "acme/data/.shop", "a..b/c"] {
            assert!(
                segments(&Repository(good.to_owned())).is_ok() && is_file(good).is_ok(),
                "{good}"
            );
        }
    }

    #[test]
    fn a_branch_is_no_commit() {
        assert!(is_commit("main").is_err() && is_commit("").is_err() && is_commit(&"g".repeat(40)).is_err());
        assert!(is_commit("abcdef0").is_err(), "a short name may become another one's");
        assert!(is_commit(&"a1".repeat(20)).is_ok() && is_commit(&"0f".repeat(32)).is_ok());
    }

    #[test]
    fn a_text_that_is_too_long_ends_in_an_ellipsis_and_has_the_length() {
        assert_eq!(clipped("éàü", 3), "éàü");
        assert_eq!(clipped("éàüö", 3), "éà…");
    }
}
