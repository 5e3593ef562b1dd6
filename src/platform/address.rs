//! URLs of instances: one instance has one target, however its URL is written.

use driftless_core::report::{Failure, Meaning};
use reqwest::Url;

use super::TargetId;
use super::failures::failure;

/// Reads the URL of an instance. A missing scheme means `https`; a final `/`, and what `drop` names at the end of the path, do
/// not count.
///
/// # Errors
/// What is wrong with it.
pub fn address(text: &str, drop: &str) -> Result<(TargetId, Url), Failure> {
    let text = text.trim();
    let whole = match text.contains("://") {
        true => text.to_owned(),
        false => format!("https://{text}"),
    };
    let invalid = |why: &str| failure(Meaning::Invalid, format!("this is no URL of an instance: {why}"));
    let mut url = Url::parse(&whole).map_err(|error| invalid(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("it must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("it holds credentials; the token has a place of its own"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(invalid("it has no host"));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    let path = path
        .strip_suffix(drop)
        .unwrap_or(&path)
        .trim_end_matches('/')
        .to_owned();
    url.set_path(&path);
    let target = url.as_str().trim_end_matches('/').to_owned();
    Ok((TargetId(target), url))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn one_instance_has_one_target_however_its_url_is_written() {
        for text in [
            "https://dq.example.com",
            "dq.example.com",
            "HTTPS://DQ.Example.com/",
            "https://dq.example.com:443/api/",
            "https://dq.example.com/api",
        ] {
            let (target, _) = address(text, "/api").unwrap();
            assert_eq!(target, TargetId("https://dq.example.com".to_owned()), "{text}");
        }
        assert_eq!(
            address("http://127.0.0.1:8080/dq/api/", "/api").unwrap().0,
            TargetId("http://127.0.0.1:8080/dq".to_owned())
        );
    }

    #[test]
    fn a_url_with_credentials_is_refused_without_quoting_them() {
        let refused = address("https://me:hunter2@dq.example.com", "/api").unwrap_err();
        assert!(refused.message.contains("credentials") && !refused.message.contains("hunter2"));
        assert!(address("ftp://x", "/api").is_err());
        assert!(address("", "/api").is_err());
    }
}
