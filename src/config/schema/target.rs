//! `targets` as an editor knows it.

use serde_json::Value as Json;

use super::{choice, default, example, map, name, network, number, secret, text};
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
                    text(
                        "The instance's address, without credentials in it. Qualytics: `/api` is added where it is missing. \
                         Datafold: `https://app.datafold.com`, or that of a deployment of one's own.",
                    ),
                ),
            ),
            (
                "token",
                secret("Qualytics: the token of a service user. Datafold: an API key."),
            ),
            (
                "organization",
                number(
                    1,
                    "Datafold: the number of the organization that the key is of. To be said where targets are of several \
                     organizations at one address, which are told apart by it; a key of another one is refused.",
                ),
            ),
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
            ("ca_file", network::ca_file()),
            ("timeouts", network::timeouts()),
            ("client_certificate", network::client_certificate()),
            ("proxy", network::proxy()),
        ],
    )
}
