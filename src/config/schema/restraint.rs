//! What holds an environment back, as an editor knows it: `guards` and `windows`.

use serde_json::{Value as Json, json};

use super::{PLACEHOLDER, default, duration, example, list, map, or_null, text};

/// `guards` of an environment.
pub(super) fn guards() -> Json {
    map(
        "How much one plan may change. More waits until somebody has looked at it and approved it. Creations never count, \
         adoptions count as updates, replacements as both.",
        &[],
        [
            (
                "delete_share",
                default(
                    "30%",
                    share("Share of what is declared or owned and live that one plan may delete."),
                ),
            ),
            (
                "update_share",
                default(
                    "30%",
                    share("Share of what is declared or owned and live that one plan may update."),
                ),
            ),
            (
                "from",
                default(10, number(0, "Number of resources from which the shares count.")),
            ),
            (
                "delete_max",
                default(50, number(0, "Resources that one plan may delete.")),
            ),
            (
                "update_max",
                default(500, number(0, "Resources that one plan may update.")),
            ),
        ],
    )
}

/// `windows` of an environment.
pub(super) fn windows() -> Json {
    let cron = |at: &str, says: &str| or_null(example(at, text(says)));
    let window = map(
        "A time that begins by a cron expression: either `deny` or `allow`.",
        &["duration"],
        [
            (
                "deny",
                cron(
                    "0 18 * * 5",
                    "When a time begins in which nothing is written, whatever other windows say.",
                ),
            ),
            (
                "allow",
                cron(
                    "0 22 * * *",
                    "When a time begins in which something may be written; outside of all of them nothing is.",
                ),
            ),
            ("duration", duration("How long it lasts from each beginning.")),
            (
                "timezone",
                default(
                    "UTC",
                    example(
                        "Europe/Berlin",
                        text("The time zone of the expression, a name of the IANA database."),
                    ),
                ),
            ),
        ],
    );
    list(
        "When the environment may be written to. One that denies wins. It is read and shown at any time.",
        window,
    )
}

fn share(says: &str) -> Json {
    json!({
        "description": says,
        "type": "string",
        "pattern": format!(r"^\s*\+?[0-9]+\s*%\s*$|{PLACEHOLDER}"),
        "patternErrorMessage": "a share such as `30%`",
    })
}

/// A whole number from `least`; what a variable stands for is text.
pub(super) fn number(least: u32, says: &str) -> Json {
    let pattern = format!(r"^\s*\+?[0-9]+\s*$|{PLACEHOLDER}");
    json!({ "description": says, "type": ["integer", "string"], "minimum": least, "pattern": pattern })
}
