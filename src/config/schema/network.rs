//! The way to an instance or a forge, as an editor knows it.

use serde_json::Value as Json;

use super::{default, duration, example, map, or_null, secret, text};

/// `ca_file`.
pub(super) fn ca_file() -> Json {
    or_null(text(
        "A PEM file of certificate authorities to believe besides the system's.",
    ))
}

/// `client_certificate`.
pub(super) fn client_certificate() -> Json {
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
    ))
}

/// `timeouts`.
pub(super) fn timeouts() -> Json {
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

/// `proxy`.
pub(super) fn proxy() -> Json {
    or_null(map(
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
    ))
}
