//! What forges, the deliveries of pull requests and the patience with them may not be.

use super::*;

/// A forge of each provider, on line 1; then `rest`, on line 2.
fn with(rest: &str) -> String {
    let forges = "forges: [{ name: hub, provider: github, token: t }, { name: lab, provider: gitlab, token: t }]";
    least(&format!("{forges}\n{rest}"), "", "", "")
}

/// A forge with another key, which begins in column 51 of line 1.
fn forge(key: &str) -> String {
    let forge = format!("forges: [{{ name: hub, provider: github, token: t, {key} }}]");
    least(&forge, "", "", "")
}

#[test]
fn each_fault_of_forges_and_pull_requests_has_its_place_its_reason_and_what_to_do() {
    let webhook = |keys: &str| with(&format!("webhooks: [{{ name: a, secret: s, {keys} }}]"));
    let patience = |keys: &str| with(&format!("pull_requests: {{ {keys} }}"));
    let mut wrong = Vec::new();
    for (text, expected) in [
        (
            least("forges: [{ name: hub, provider: gitea, token: t }]", "", "", ""),
            "1:33: error[bad_value]: `forges[0].provider` should be `github` or `gitlab`",
        ),
        (
            least("forges: [{ name: hub, provider: github }]", "", "", ""),
            "1:10: error[missing_key]: `forges[0]` has no `token` (help: add `token:`)",
        ),
        (
            least("forges: [{ name: hub, token: t }]", "", "", ""),
            "1:10: error[missing_key]: `forges[0]` has no `provider` (help: add `provider:`)",
        ),
        (
            least("forges: [{ name: a b, provider: github, token: t }]", "", "", ""),
            "1:18: error[bad_name]: `forges[0].name` is no name",
        ),
        (
            with("").replace("name: lab", "name: hub"),
            "1:61: error[duplicate_name]: there are two forges of the name `hub`",
        ),
        (
            least("forges: [{ name: hub, provider: github, token: '' }]", "", "", ""),
            "1:48: error[bad_value]: `forges[0].token` is empty",
        ),
        (
            forge("url: github.example.com"),
            "1:56: error[bad_value]: `forges[0].url` is no http or https address (help: write it as `https://api.github.com`)",
        ),
        (
            forge("url: 'https://me:p4ssw0rd@github.example.com'"),
            "1:56: error[credentials_in_url]: `forges[0].url` has credentials in it (help: put the token under `token`",
        ),
        (
            forge("proxy: { url: 'socks5://proxy:1080' }"),
            "1:65: error[bad_value]: `forges[0].proxy.url` is no http or https address",
        ),
        (
            forge("timeouts: { connect: 90s }"),
            "1:61: error[bad_value]: `forges[0].timeouts.read` is shorter than `connect`",
        ),
        (
            forge("ca_file: /nowhere/ca.pem"),
            "1:60: error[bad_certificate]: `forges[0].ca_file` names no file: there is no /nowhere/ca.pem (help: name a file",
        ),
        (
            forge("client_certificate: { cert_file: a, key_file: b }"),
            "1:51: error[unknown_key]: `client_certificate` is no key of `forges[0]`",
        ),
        (
            webhook("provider: github, forge: hup"),
            "2:59: error[unknown_forge]: `webhooks[0].forge`: there is no forge `hup` (help: did you mean `hub`?)",
        ),
        (
            webhook("provider: github, forge: lab"),
            "2:59: error[bad_value]: `webhooks[0].forge` names a forge of `provider: gitlab` (help: name one of `provider: github`",
        ),
        (
            webhook("provider: generic-hmac, forge: hub, sources: [git]"),
            "2:65: error[bad_value]: `webhooks[0].forge` stands beside `provider: generic-hmac`, whose deliveries tell of no pull \
             request (help: leave it out",
        ),
        (
            webhook("provider: github"),
            "2:12: error[missing_key]: `webhooks[0]` has neither `sources` nor `forge`: its deliveries mean nothing (help: add",
        ),
        (
            webhook("provider: github, forge: hub, sources: []"),
            "2:73: error[bad_value]: `webhooks[0].sources` is empty",
        ),
        (
            patience("concurrency: 0"),
            "2:31: error[bad_value]: `pull_requests.concurrency` should be at least 1",
        ),
        (
            patience("wait_for_run: 2"),
            "2:32: error[wrong_type]: `pull_requests.wait_for_run` should be a duration with its unit",
        ),
        (
            patience("timeout: 1m"),
            "2:27: error[bad_value]: `pull_requests.timeout` leaves no time to ask for a run after `wait_for_run`: up to 30s of it are \
             for the last word (help: write 4m, or make `wait_for_run` shorter)",
        ),
        (
            patience("timeout: 2m 30s"),
            "2:27: error[bad_value]: `pull_requests.timeout` leaves no time",
        ),
        (
            patience("timeout: 10s, wait_for_run: 8s"),
            "2:27: error[bad_value]: `pull_requests.timeout` leaves no time to ask for a run after `wait_for_run`: up to 30s of it are \
             for the last word (help: write 16s, or",
        ),
        (
            patience("timeout: 300000y"),
            "2:27: error[bad_value]: `pull_requests.timeout` is too long: a year (`366d`) is the most",
        ),
        (
            patience("poll: { from: 1m }"),
            "2:24: error[bad_value]: `pull_requests.poll.to` is shorter than `from` (help: make it 1m at least)",
        ),
        (
            patience("poll: { form: 1m }"),
            "2:26: error[unknown_key]: `form` is no key of `pull_requests.poll` (help: did you mean `from`?)",
        ),
        (
            patience("on_confirmation: wait"),
            "2:35: error[bad_value]: `pull_requests.on_confirmation` should be `pending` or `failure`",
        ),
        (
            patience("on_confirmation: yes"),
            "2:35: error[wrong_type]: `pull_requests.on_confirmation` should be `pending` or `failure`",
        ),
        (
            with("pull_requests: [4]"),
            "2:16: error[wrong_type]: `pull_requests` should be a map of keys",
        ),
    ] {
        let faults = read_text(&text).unwrap_err();
        let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(!shown.concat().contains("p4ssw0rd"), "{shown:?}");
        let is_as_expected = match shown.as_slice() {
            [one] => one
                .strip_prefix("driftless.yaml:")
                .is_some_and(|fault| fault.starts_with(expected)),
            _ => false,
        };
        if !is_as_expected {
            wrong.push(format!("{expected}\n    {shown:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn forges_of_one_name_are_told_once_and_make_no_fault_of_a_webhook() {
    let text = with("webhooks: [{ name: a, provider: github, secret: s, forge: hub }]");
    let shown = super::faults::shown(&text.replace("name: lab", "name: hub"));
    assert_eq!(shown.len(), 1, "{shown:#?}");
    assert!(shown[0].contains("duplicate_name"), "{shown:#?}");
}

#[test]
fn a_forge_that_has_a_fault_makes_no_fault_of_its_webhook() {
    let text = with("webhooks: [{ name: a, provider: gitlab, secret: s, forge: hub }]");
    let shown = super::faults::shown(&text.replace("provider: github", "provider: gitea"));
    assert_eq!(shown.len(), 1, "{shown:#?}");
}
