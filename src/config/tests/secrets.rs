//! Credentials: where they may stand, and that nothing shows them.

use super::faults::shown;
use super::*;

#[test]
fn a_config_never_prints_a_secret() {
    let printed = format!("{:?}", read_text(EVERY_KEY).unwrap());
    for secret in [
        "api-secret",
        "git-secret",
        "prod-secret",
        "hook-secret",
        "proxy-secret",
        "forge-secret",
    ] {
        assert!(!printed.contains(secret), "{secret}");
    }
}

#[test]
fn a_credential_may_be_in_a_file_and_is_a_secret_wherever_it_is_handed_on() {
    let from_file = "${file:/run/secrets/token}";
    let text = EVERY_KEY
        .replace("${API_TOKEN}", from_file)
        .replace("${PROD_TOKEN}\"\n", &format!("{from_file}\"\n"))
        .replace("${GIT_TOKEN}", from_file)
        .replace("${WEBHOOK_SECRET}", from_file)
        .replace("${FORGE_TOKEN}", from_file)
        .replace("x${PROD_TOKEN}", from_file);
    let config = read_text(&text).unwrap();
    let secret = Secret::new("file-secret");
    assert_eq!(config.server.token.as_ref(), Some(&secret));
    assert_eq!(config.targets[0].token, secret);
    assert_eq!(config.sources[0].auth, Some(Auth::Token(secret.clone())));
    assert_eq!(config.webhooks[0].secret, secret);
    assert_eq!(config.forges[0].token, secret);
    assert_eq!(config.environments[0].variables.0["PASSED_ON"], "file-secret\n");
    assert!(config.sensitive.contains("PASSED_ON"), "{:?}", config.sensitive);
    assert!(!config.sensitive.contains("REGION"));
}

#[test]
fn the_variable_of_a_credential_stands_nowhere_else_and_no_fault_quotes_its_value() {
    for (from, to, value) in [
        ("branch: release", "branch: \"${GIT_TOKEN}\"", "git-secret"),
        (
            "\"${PROD_URL}\"",
            "\"https://acme.example.com/${PROD_TOKEN}\"",
            "prod-secret",
        ),
        (
            "path: ./qualytics-config/",
            "path: \"${WEBHOOK_SECRET}\"",
            "hook-secret",
        ),
        ("listen: \"0.0.0.0:9090\"", "listen: \"${API_TOKEN}\"", "api-secret"),
        (
            "https://github.example.com/api/v3",
            "\"https://github.example.com/${FORGE_TOKEN}\"",
            "forge-secret",
        ),
    ] {
        assert!(EVERY_KEY.contains(from), "{from}");
        let faults = read_text(&EVERY_KEY.replacen(from, to, 1)).unwrap_err();
        assert!(
            faults.iter().any(|fault| fault.code == "secret_in_plain_field"),
            "{to}: {faults:?}"
        );
        assert!(!format!("{faults:?}").contains(value), "{faults:?}");
    }
}

#[test]
fn a_file_is_not_named_where_its_content_would_be_shown_and_no_fault_quotes_it() {
    let from_file = "${file:/run/secrets/token}";
    for (from, to) in [
        ("name: dq-config", format!("name: \"{from_file}\"")),
        ("\"${PROD_URL}\"", format!("\"{from_file}\"")),
        ("listen: \"0.0.0.0:9090\"", format!("listen: \"{from_file}\"")),
        ("REGION: eu", format!("REGION: [\"{from_file}\"]")),
        ("token: \"${API_TOKEN}\"", format!("token: \"a\\n{from_file}\"")),
        ("provider: github", format!("provider: \"{from_file}\"")),
        ("branch: release", format!("branch: \"{from_file}\"")),
        (
            "token: \"${PROD_TOKEN}\"",
            "token: \"${file:/run/secrets/none}\"".to_owned(),
        ),
        ("token: \"${PROD_TOKEN}\"", "token: \"${file:secrets/none}\"".to_owned()),
    ] {
        assert!(EVERY_KEY.contains(from), "{from}");
        let faults = read_text(&EVERY_KEY.replacen(from, &to, 1)).unwrap_err();
        assert!(!format!("{faults:?}").contains("file-secret"), "{faults:?}");
        assert!(
            faults.iter().any(|fault| matches!(
                fault.code,
                "secret_in_plain_field" | "wrong_type" | "bad_value" | "unresolved_file" | "bad_substitution"
            )),
            "{to}: {faults:?}"
        );
    }
}

#[test]
fn no_fault_quotes_a_value_that_came_from_a_variable() {
    let text = r#"
server: { listen: "${API_TOKEN}" }
store: { url: "x${API_TOKEN}://" }
sources:
  - { name: git, url: "ftp://${GIT_TOKEN}", interval: "${GIT_TOKEN}", auth: "${GIT_TOKEN}" }
targets:
  - { name: live, platform: qualytics, url: "${PROD_TOKEN}", token: ["${PROD_TOKEN}"], limits: { concurrency: "${PROD_TOKEN}" } }
environments:
  - { name: prod, source: git, target: live, mode: "${DB_PASSWORD}", drift: { interval: "${DB_PASSWORD}" }, ignore: [{ key: "[${DB_PASSWORD}", fields: [x] }] }
  - { name: other, source: "x${PROD_TOKEN}", target: "x${WEBHOOK_SECRET}" }
forges:
  - { name: forge, provider: "${FORGE_TOKEN}", url: "ftp://${FORGE_TOKEN}", token: ["${FORGE_TOKEN}"] }
pull_requests: { on_confirmation: "${FORGE_TOKEN}" }
webhooks:
  - { name: hook, provider: "${WEBHOOK_SECRET}", secret: {a: "${WEBHOOK_SECRET}"}, sources: [git] }
"#;
    let shown = shown(text);
    assert!(shown.len() >= 12, "{shown:#?}");
    let all = shown.join("\n");
    for secret in [
        "api-secret",
        "git-secret",
        "prod-secret",
        "hook-secret",
        "db-secret",
        "forge-secret",
    ] {
        assert!(!all.contains(secret), "{all}");
    }
}
