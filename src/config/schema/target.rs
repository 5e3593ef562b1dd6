//! `targets` as an editor knows it.

use serde_json::Value as Json;

use super::{choice, default, duration, example, map, name, number, or_null, secret, text};
use crate::config::KnownPlatform;

pub(super) fn target(platforms: &[KnownPlatform]) -> Json {
    let names: Vec<&str> = platforms.iter().map(|platform| platform.name).collect();
    map(
        "An instance of a platform.",
        &["name", "platform", "url", "token"],
        [
            ("name", name("What environments call it.")),
            ("platform", choice("The kind of platform.", &names)),
            (
                "url",
                example(
                    "https://acme.qualytics.io",
                    text("The instance's address, without credentials in it; `/api` is added where it is missing."),
                ),
            ),
            ("token", secret("The token of a service user.")),
            (
                "limits",
                map(
                    "What driftless allows itself on this instance.",
                    &[],
                    [
                        (
                            "concurrency",
                            default(16, number(1, "Requests in flight at once, from 1.")),
                        ),
                        ("per_second", default(40, number(1, "Requests a second, from 1."))),
                    ],
                ),
            ),
            (
                "ca_file",
                or_null(text(
                    "A PEM file of certificate authorities to believe besides the system's.",
                )),
            ),
            ("timeouts", timeouts()),
            (
                "client_certificate",
                or_null(map(
                    "The certificate that is shown to the instance.",
                    &["cert_file", "key_file"],
                    [
                        (
                            "cert_file",
                            text("A PEM file: the certificate, and after it those that vouch for it."),
                        ),
                        ("key_file", text("A PEM file: its private key, unencrypted.")),
                    ],
                )),
            ),
            ("proxy", or_null(proxy())),
        ],
    )
}

fn timeouts() -> Json {
    map(
        "How long requests may take. Each is at least as long as the one before it.",
        &[],
        [
            ("connect", default("10s", duration("Until the connection stands."))),
            (
                "read",
                default(
                    "60s",
                    duration("Until the answer begins, and between two pieces of it."),
                ),
            ),
            ("total", default("5m", duration("From sending to the last byte."))),
        ],
    )
}

fn proxy() -> Json {
    map(
        "The HTTP proxy that passes all requests on. Without it none does, whatever the daemon's environment says.",
        &["url"],
        [
            (
                "url",
                example(
                    "http://proxy.example.com:3128",
                    text("Its address, `http://` or `https://`, without credentials in it."),
                ),
            ),
            ("username", or_null(text("The name for it. Together with `password`."))),
            ("password", secret("The password for it.")),
        ],
    )
}
