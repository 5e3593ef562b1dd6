//! Addresses of repositories: which kinds there are, and what of them may be shown.

use std::path::Path;

use driftless_core::value::Secret;

use crate::source::{SourceError, SourceFault};

/// Where a repository is and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// Smart HTTP. The address without userinfo, query and the slash at its end.
    Http(String),
    /// An OpenSSH process.
    Ssh(SshHost),
    /// A folder of this machine, as a `file://` address.
    Local(String),
}

impl Endpoint {
    /// Whether what is sent there can be read on the way.
    pub(super) fn is_plain_http(&self) -> bool {
        matches!(self, Endpoint::Http(url) if url.starts_with("http://"))
    }
}

/// The parts of an ssh address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SshHost {
    pub(super) user: Option<String>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) path: String,
}

/// A repository's address, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) endpoint: Endpoint,
    /// User and password that stood in an http address.
    pub(super) userinfo: Option<(String, Secret)>,
}

/// `url` as it may be shown anywhere: without user, password, query and fragment.
pub fn shown_url(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, url),
    };
    if scheme.is_none() && !is_scp_like(url) {
        return url.to_owned();
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    // `user:pass/word@host` is no valid address, yet must not be shown either: its "port" is not a number.
    let malformed = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| scheme.is_some() && !authority.contains('@') && port.parse::<u16>().is_err());
    let from = if malformed {
        rest.rfind('@')
    } else {
        authority.rfind('@')
    };
    let rest = from.map_or(rest, |at| &rest[at + 1..]);
    scheme.map_or_else(|| rest.to_owned(), |scheme| format!("{scheme}://{rest}"))
}

/// Takes `url` apart.
pub(super) fn parse(url: &str) -> Result<Address, SourceError> {
    let bad = |why: &str| {
        SourceError::new(
            SourceFault::Unreadable,
            format!(
                "`{}` {why}: use https://, http://, ssh://, user@host:path, file:// or a path",
                shown_url(url)
            ),
        )
    };
    if url.is_empty() || url.chars().any(char::is_control) {
        return Err(bad("is no address of a repository"));
    }
    if is_scp_like(url) {
        let (authority, path) = split_scp(url).ok_or_else(|| bad("is no address of a repository"))?;
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user.to_owned()), host),
            None => (None, authority),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        return ssh(user, host, None, path.to_owned(), url);
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return Ok(Address {
            endpoint: Endpoint::Local(local(url)?),
            userinfo: None,
        });
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => http(url).ok_or_else(|| bad("is no http address of a repository")),
        "ssh" => {
            let parsed = reqwest::Url::parse(url).map_err(|_| bad("is no ssh address of a repository"))?;
            let host = parsed.host_str().ok_or_else(|| bad("names no host"))?;
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let user = Some(decode(parsed.username())).filter(|user| !user.is_empty());
            let path = decode(parsed.path());
            // `/~user/repo` is below a home folder, which only the shell over there knows.
            let path = if path.starts_with("/~") {
                path[1..].to_owned()
            } else {
                path
            };
            ssh(user, decode(&host), parsed.port(), path, url)
        }
        "file" => Ok(Address {
            endpoint: Endpoint::Local(format!("file://{rest}")),
            userinfo: None,
        }),
        _ => Err(bad("has a scheme that is not supported")),
    }
}

fn http(url: &str) -> Option<Address> {
    let mut parsed = reqwest::Url::parse(url).ok()?;
    parsed.host_str()?;
    let username = decode(parsed.username());
    let password = parsed.password().map(decode);
    // `https://TOKEN@host` is the common short form: the token then stands where the user would.
    let userinfo = match (username.is_empty(), password) {
        (_, Some(password)) => Some((username, Secret::new(password))),
        (false, None) => Some((TOKEN_USER.to_owned(), Secret::new(username))),
        (true, None) => None,
    };
    parsed.set_username("").ok()?;
    parsed.set_password(None).ok()?;
    parsed.set_query(None);
    parsed.set_fragment(None);
    Some(Address {
        endpoint: Endpoint::Http(parsed.as_str().trim_end_matches('/').to_owned()),
        userinfo,
    })
}

/// The user that goes with a token where none is configured: GitHub's own word for it; hosts that ignore the user take it too.
pub(super) const TOKEN_USER: &str = "x-access-token";

fn ssh(user: Option<String>, host: String, port: Option<u16>, path: String, url: &str) -> Result<Address, SourceError> {
    let refuse = |why: &str| {
        Err(SourceError::new(
            SourceFault::Refused,
            format!(
                "`{}` {why}: such an address is never handed to ssh; correct it",
                shown_url(url)
            ),
        ))
    };
    // A host or user that begins with a dash would be read as an option, and options can run commands.
    if host.is_empty() || host.starts_with('-') {
        return refuse("names no valid host");
    }
    if user
        .as_ref()
        .is_some_and(|user| user.is_empty() || user.starts_with('-') || user.contains(':'))
    {
        return refuse("names no valid user");
    }
    // `ext::command` and its like are Git's remote helpers: programs.
    if path.is_empty() || path == "/" || path.starts_with(['-', ':']) {
        return refuse("names no valid path");
    }
    if [&host, &path]
        .into_iter()
        .any(|part| part.chars().any(char::is_control))
    {
        return refuse("holds control characters");
    }
    if host
        .chars()
        .any(|c| !(c.is_ascii_alphanumeric() || ".-_:%".contains(c)))
    {
        return refuse("names no valid host");
    }
    Ok(Address {
        endpoint: Endpoint::Ssh(SshHost { user, host, port, path }),
        userinfo: None,
    })
}

/// A path as a `file://` address: libgit2 takes a bare path that holds a colon for an ssh address.
fn local(path: &str) -> Result<String, SourceError> {
    let absolute = std::path::absolute(Path::new(path)).map_err(|error| {
        SourceError::new(
            SourceFault::Missing,
            format!("`{path}` cannot be made an absolute path ({error}): write it out from `/`"),
        )
    })?;
    let mut out = String::from("file://");
    for byte in absolute.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => out.push(char::from(*byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(out)
}

/// Git's own rule: a colon with no slash before it.
fn is_scp_like(url: &str) -> bool {
    !url.contains("://") && split_scp(url).is_some()
}

fn split_scp(url: &str) -> Option<(&str, &str)> {
    let bracket = url
        .find(']')
        .map_or(0, |end| if url[..end].contains('[') { end } else { 0 });
    let colon = bracket + url[bracket..].find(':')?;
    let slash = url.find('/').unwrap_or(url.len());
    (colon < slash).then(|| (&url[..colon], &url[colon + 1..]))
}

fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(escaped.unwrap_or(byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_holds_a_credential() {
        for (url, shown) in [
            ("https://user:s3cret@git.test/a/b.git", "https://git.test/a/b.git"),
            ("https://s3cret@git.test/a/b.git", "https://git.test/a/b.git"),
            ("https://user:s3c/ret@git.test/a.git", "https://git.test/a.git"),
            ("https://git.test/a.git?token=s3cret#s3cret", "https://git.test/a.git"),
            ("https://git.test:8443/a@b.git", "https://git.test:8443/a@b.git"),
            ("git@git.test:a/b.git", "git.test:a/b.git"),
            ("ssh://git@git.test:2222/a.git", "ssh://git.test:2222/a.git"),
            ("/srv/git/a@b.git", "/srv/git/a@b.git"),
        ] {
            assert_eq!(shown_url(url), shown);
        }
    }

    #[test]
    fn every_allowed_form_is_told_apart() {
        let endpoint = |url: &str| parse(url).unwrap().endpoint;
        let ssh = |user: Option<&str>, host: &str, port, path: &str| {
            Endpoint::Ssh(SshHost {
                user: user.map(str::to_owned),
                host: host.to_owned(),
                port,
                path: path.to_owned(),
            })
        };
        assert_eq!(
            endpoint("https://u:p@git.test/a.git/"),
            Endpoint::Http("https://git.test/a.git".to_owned())
        );
        assert_eq!(
            endpoint("git@git.test:a/b.git"),
            ssh(Some("git"), "git.test", None, "a/b.git")
        );
        assert_eq!(
            endpoint("ssh://git@git.test:22/a%20b"),
            ssh(Some("git"), "git.test", Some(22), "/a b")
        );
        assert_eq!(endpoint("ssh://git.test/~ann/a"), ssh(None, "git.test", None, "~ann/a"));
        assert_eq!(endpoint("git@[::1]:a"), ssh(Some("git"), "::1", None, "a"));
        assert_eq!(
            endpoint("/srv/a:b.git"),
            Endpoint::Local("file:///srv/a%3Ab.git".to_owned())
        );
        assert_eq!(
            endpoint("file:///srv/a.git"),
            Endpoint::Local("file:///srv/a.git".to_owned())
        );
    }

    #[test]
    fn what_could_run_a_command_is_refused() {
        for url in [
            "ssh://-oProxyCommand=touch%20x/a",
            "-oProxyCommand=x:a",
            "ssh://-l@git.test/a",
            "git@git.test:-upload",
            "ext::sh -c x",
            "git://git.test/a",
            "ftp://git.test/a",
            "",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn credentials_in_an_address_are_taken_out_of_it() {
        let (user, secret) = parse("https://ann:p%40ss@git.test/a").unwrap().userinfo.unwrap();
        assert_eq!((user.as_str(), secret.expose()), ("ann", "p@ss"));
        let (user, secret) = parse("https://tok@git.test/a").unwrap().userinfo.unwrap();
        assert_eq!((user.as_str(), secret.expose()), (TOKEN_USER, "tok"));
    }
}
