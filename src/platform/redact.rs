//! Takes secrets out of what a platform said: it may quote what it was sent, in this request or in an earlier one.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use driftless_core::value::{SECRET_TEXT, Secret};
use serde_json::Value as Json;

/// The shortest piece of a secret that is looked for apart from the whole: shorter ones are words of any message.
const PIECE: usize = 8;

/// Texts that must not be shown.
#[derive(Default)]
pub(super) struct Hidden(BTreeSet<String>);

impl Hidden {
    /// Hides `secret` however it is quoted: as it is, escaped as in JSON or Python or a URL, with its blanks folded, line by line,
    /// in base64 alone or within something longer.
    pub(super) fn add(&mut self, secret: &Secret) {
        let text = secret.expose();
        if text.is_empty() {
            return;
        }
        self.0.insert(text.to_owned());
        let json = Json::from(text).to_string();
        let json = json.get(1..json.len() - 1).unwrap_or_default().to_owned();
        let encoded = [base64(text), base64(&json)].concat();
        let mut forms = vec![
            text.trim().to_owned(),
            text.split_whitespace().collect::<Vec<_>>().join(" "),
            json.replace("\\\"", "\""),
            // As Python prints a text that holds both quotes.
            json.replace("\\\"", "\"").replace('\'', "\\'"),
            percent(text),
            json,
        ];
        forms.extend(encoded);
        forms.extend(text.lines().map(|line| line.trim().to_owned()));
        self.0.extend(forms.into_iter().filter(|form| form.len() >= PIECE));
    }

    /// As [`Hidden::add`], for a secret that this request does not hold: a short one would stand in any message.
    pub(super) fn add_long(&mut self, secret: &Secret) {
        if secret.expose().trim().len() >= PIECE {
            self.add(secret);
        }
    }

    /// `text` without them.
    pub(super) fn out_of(&self, text: &str) -> String {
        let mut found: Vec<&str> = self
            .0
            .iter()
            .map(String::as_str)
            .filter(|form| text.contains(form))
            .collect();
        // The longest first: a piece of a secret must not break up the whole.
        found.sort_by_key(|form| std::cmp::Reverse(form.len()));
        found
            .into_iter()
            .fold(text.to_owned(), |text, form| text.replace(form, SECRET_TEXT))
    }

    /// Takes them out of every text of `json`, names of members included. Before anything is shortened or tidied: half a secret
    /// is no longer found.
    pub(super) fn out_of_json(&self, json: &mut Json) {
        match json {
            Json::String(text) => *text = self.out_of(text),
            Json::Array(items) => items.iter_mut().for_each(|item| self.out_of_json(item)),
            Json::Object(object) => {
                let members = std::mem::take(object);
                object.extend(members.into_iter().map(|(name, mut value)| {
                    self.out_of_json(&mut value);
                    (self.out_of(&name), value)
                }));
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
}

/// What base64 makes of `text` wherever it begins within something longer, as far as the neighbours have no part in it.
fn base64(text: &str) -> Vec<String> {
    // Three bytes are four letters: after one byte, its neighbour has a share in two letters, after two, in three.
    const SHARED: [usize; 3] = [0, 2, 3];
    let mut forms = Vec::new();
    for (before, shared) in SHARED.into_iter().enumerate() {
        let bytes = [&b"\0\0"[..before], text.as_bytes()].concat();
        let whole = if bytes.len() % 3 == 0 { 0 } else { 1 };
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let letters = engine.encode(&bytes);
            forms.extend(letters.get(shared..letters.len() - whole).map(str::to_owned));
        }
    }
    forms
}

/// Percent-encoded as in a query or in the user part of a URL.
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(secret: &str) -> Hidden {
        let mut hidden = Hidden::default();
        hidden.add(&Secret::new(secret));
        hidden
    }

    #[test]
    fn a_secret_is_found_however_it_is_quoted() {
        let secret = "first  \"half\"\n  it's/the second half";
        for quoted in [
            secret,
            r#"first  \"half\"\n  it's/the second half"#,
            r#"first  "half"\n  it\'s/the second half"#,
            r#"first  "half"\n  it's/the second half"#,
            "first \"half\" it's/the second half",
            "first%20%20%22half%22%0A%20%20it%27s%2Fthe%20second%20half",
            "it's/the second half",
        ] {
            let said = hidden(secret).out_of(&format!("'{quoted}' is refused"));
            assert!(!said.contains("half"), "{quoted}: {said}");
        }
    }

    #[test]
    fn a_secret_is_found_in_base64_wherever_it_begins() {
        use base64::engine::general_purpose::STANDARD;
        let secret = "s3cret>>???of\nsome length";
        for before in ["", "a", "ab", "abc", "user:", "Bearer ", "{\"password\": \""] {
            for after in ["", "\"", "\"}", "\"} "] {
                for inner in [secret, r"s3cret>>???of\nsome length"] {
                    let whole = format!("{before}{inner}{after}");
                    for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                        let quoted = engine.encode(&whole);
                        let said = hidden(secret).out_of(&format!("bad: {quoted}"));
                        assert!(said.contains(SECRET_TEXT), "{whole}: {said}");
                        // What is left of it beside the neighbours' bytes is one letter with two or four of its bits.
                        let left = said.replace(SECRET_TEXT, "").len() - "bad: ".len();
                        let around = before.len() + after.len();
                        assert!(left <= around * 4 / 3 + 8, "{whole}: {said}");
                    }
                }
            }
        }
        // A short one gives too few letters to tell it from other text.
        assert_eq!(hidden("abc").out_of("YWJj"), "YWJj");
    }

    #[test]
    fn a_short_secret_of_another_request_leaves_the_words_alone() {
        let mut hidden = Hidden::default();
        hidden.add_long(&Secret::new("true"));
        assert_eq!(hidden.out_of("it is true"), "it is true");
    }

    #[test]
    fn names_and_values_of_a_body_lose_it() {
        let mut body = serde_json::json!({"detail": [{"msg": "no hunter2222", "hunter2222": ["hunter2222"]}]});
        hidden("hunter2222").out_of_json(&mut body);
        assert!(!body.to_string().contains("hunter"), "{body}");
    }
}
