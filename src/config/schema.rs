//! The config file as an editor knows it: its JSON Schema (draft-07). Written by hand, and held to the parser by tests: every key
//! that the parser knows stands here, and no other.

mod network;
mod prune;
mod pull_requests;
mod restraint;
mod source;
mod target;
mod webhook;

use driftless_core::key::Kind;
use serde_json::{Map, Value as Json, json};

use self::restraint::number;
use self::target::target;
use super::KnownPlatform;

/// Text with a variable in it: it may stand for any scalar.
const PLACEHOLDER: &str = r"\$\{";

/// The schema of the config file, for a build with these platforms.
pub fn json_schema(platforms: &[KnownPlatform]) -> Json {
    let mut root = map(
        "The daemon's config file. `${VAR}` may stand in any scalar, and is read from the daemon's environment.",
        &["sources", "targets", "environments"],
        [
            ("server", or_null(server())),
            ("store", or_null(store())),
            (
                "sources",
                list("The Git repositories that are watched.", source::source()),
            ),
            (
                "targets",
                list("The instances that are kept like Git.", target(platforms)),
            ),
            (
                "environments",
                some(list(
                    "What is kept live where. The order decides who owns what two of them declare.",
                    environment(platforms),
                )),
            ),
            (
                "forges",
                or_null(list(
                    "Where the pull requests live whose data diffs are orchestrated.",
                    pull_requests::forge(),
                )),
            ),
            ("pull_requests", or_null(pull_requests::pull_requests())),
            (
                "webhooks",
                or_null(list(
                    "Deliveries that make the daemon look at once.",
                    webhook::webhook(),
                )),
            ),
            (
                "notifications",
                refused(json!({ "type": ["array", "null"], "maxItems": 0 })),
            ),
        ],
    );
    root["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    root["title"] = json!("The config file of driftless");
    root
}

fn server() -> Json {
    map(
        "The listener of the dashboard, the API, the metrics and the webhooks.",
        &[],
        [
            (
                "listen",
                default(
                    "127.0.0.1:8080",
                    text("Address and port to listen on. On any other than a loopback address a `token` is mandatory."),
                ),
            ),
            (
                "token",
                secret(
                    "What `Authorization: Bearer` must carry for every POST under `/api/v1`. Without one they work on a loopback \
                     listener only.",
                ),
            ),
        ],
    )
}

fn store() -> Json {
    let url = text("Where the ledger and the run history are kept: `sqlite://FILE`, from the working directory.");
    map(
        "Where what was last written, and the history of runs, are kept.",
        &[],
        [("url", default("sqlite://driftless.db", url))],
    )
}

fn environment(platforms: &[KnownPlatform]) -> Json {
    map(
        "One folder of a source, kept live on one target.",
        &["name", "source", "target"],
        [
            (
                "name",
                name("What it is called everywhere. Renaming it deletes nothing, and starts a new ledger."),
            ),
            ("source", text("The name of the source that says what should be.")),
            (
                "path",
                default(
                    "",
                    folder("The folder, from the repository's root, in the layout of an export. Default: the root."),
                ),
            ),
            (
                "overlays",
                list(
                    "Folders of the same layout, merged over `path` in this order.",
                    folder("A folder, from the repository's root."),
                ),
            ),
            ("target", text("The name of the target that is kept like it.")),
            (
                "variables",
                json!({
                    "description": "Values of `${VAR}` in the documents: text by name. They win over `env_files`, and those over the process.",
                    "type": "object",
                    "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
                    "additionalProperties": { "type": "string" },
                }),
            ),
            (
                "env_files",
                list(
                    "Files of `NAME=value` lines; a later file wins over an earlier one.",
                    text("A file, from the config file's folder."),
                ),
            ),
            (
                "env_passthrough",
                list(
                    "Names of the daemon's own variables that documents may use; `*` stands for any letters.",
                    example("DB_*", text("A name, or a glob.")),
                ),
            ),
            (
                "secret_files",
                default(
                    vec!["/run/secrets/**"],
                    list(
                        "Files that documents may name in secret fields, as `${file:/run/secrets/x}`.",
                        glob("A glob from the root: `*` stays within a folder, `**` does not."),
                    ),
                ),
            ),
            ("substitute", or_null(substitute(platforms))),
            (
                "mode",
                default(
                    "apply",
                    choice(
                        "`apply` writes what differs; `observe` only ever shows it.",
                        &["apply", "observe"],
                    ),
                ),
            ),
            (
                "adopt",
                default(
                    "apply",
                    choice(
                        "What is live already and was never written by driftless: `apply` writes Git's version over it, shown with \
                         its difference; `report` only shows it.",
                        &["apply", "report"],
                    ),
                ),
            ),
            (
                "drift",
                map(
                    "What happens to changes that somebody made by hand.",
                    &[],
                    [
                        (
                            "policy",
                            default(
                                "correct",
                                choice(
                                    "`correct` puts them back to what Git says; `report` only shows them.",
                                    &["correct", "report"],
                                ),
                            ),
                        ),
                        (
                            "interval",
                            default(
                                "10m",
                                duration("Time between two readings of the instance while Git stands still."),
                            ),
                        ),
                    ],
                ),
            ),
            ("prune", prune::prune(platforms)),
            ("guards", restraint::guards()),
            ("windows", restraint::windows()),
            (
                "ignore",
                list(
                    "Fields that are sent on creation and kept as they are live ever after.",
                    ignore(platforms),
                ),
            ),
        ],
    )
}

fn substitute(platforms: &[KnownPlatform]) -> Json {
    let words: Vec<_> = kinds(platforms).map(|(_, word)| *word).collect();
    let says =
        "Kinds in whose documents `${…}` is replaced; in the others it is text. Default: connections and datastores.";
    list(says, choice("A kind.", &words))
}

fn kinds(platforms: &[KnownPlatform]) -> impl Iterator<Item = &(Kind, &'static str)> {
    platforms.iter().flat_map(|platform| &platform.kinds)
}

fn ignore(platforms: &[KnownPlatform]) -> Json {
    let kinds: Vec<&str> = kinds(platforms).map(|(kind, _)| kind.0).collect();
    map(
        "Fields of some resources.",
        &["fields"],
        [
            (
                "kind",
                or_null(choice("Only resources of this kind. Default: all.", &kinds)),
            ),
            (
                "key",
                or_null(example(
                    "warehouse/**",
                    text(
                        "Only resources of these keys, without the kind: `*` stays within a name, `**` does not. Default: all.",
                    ),
                )),
            ),
            (
                "fields",
                some(list(
                    "Dotted paths, with all below them.",
                    json!({ "type": "string", "minLength": 1, "examples": ["tags", "additional_metadata.last_reviewed"] }),
                )),
            ),
        ],
    )
}

/// A map of known keys.
fn map<'a>(says: &str, required: &[&str], rows: impl IntoIterator<Item = (&'a str, Json)>) -> Json {
    let properties: Map<String, Json> = rows.into_iter().map(|(key, row)| (key.to_owned(), row)).collect();
    let mut schema = json!({
        "description": says, "type": "object", "properties": properties, "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn list(says: &str, items: Json) -> Json {
    json!({ "description": says, "type": "array", "items": items })
}

/// A list that is not empty.
fn some(mut list: Json) -> Json {
    list["minItems"] = json!(1);
    list
}

fn text(says: &str) -> Json {
    json!({ "description": says, "type": "string" })
}

/// A name that stands in addresses and metrics.
fn name(says: &str) -> Json {
    let pattern = format!(r"^[A-Za-z0-9][A-Za-z0-9._-]{{0,62}}$|{PLACEHOLDER}");
    json!({ "description": says, "type": "string", "pattern": pattern })
}

/// A folder of the repository.
fn folder(says: &str) -> Json {
    json!({ "description": says, "type": "string", "pattern": "^(?!/)", "patternErrorMessage": "write it without `/` in front" })
}

/// A glob of a path from the root.
fn glob(says: &str) -> Json {
    json!({ "description": says, "type": "string", "pattern": format!("^/|{PLACEHOLDER}") })
}

fn secret(says: &str) -> Json {
    json!({ "description": says, "type": "string", "minLength": 1, "examples": ["${TOKEN}"] })
}

/// A duration with its unit.
fn duration(says: &str) -> Json {
    json!({
        "description": format!("{says} With its unit: `30s`, `10m`, `1h30m`; one second is the least."),
        "type": "string",
        "pattern": format!(r"[0-9]\s*[a-zA-Zµ]|{PLACEHOLDER}"),
        "patternErrorMessage": "a duration has its unit: `30s`, `10m`, `1h30m`",
    })
}

/// One of some words.
fn choice(says: &str, words: &[&str]) -> Json {
    json!({ "description": says, "anyOf": [{ "enum": words }, { "type": "string", "pattern": PLACEHOLDER }] })
}

/// A key that this version refuses: it may be there as long as it says nothing, and is not offered.
fn refused(mut nothing: Json) -> Json {
    nothing["description"] = json!("Not available in this version: leave it out.");
    nothing["doNotSuggest"] = json!(true);
    nothing
}

fn default(value: impl Into<Json>, mut schema: Json) -> Json {
    schema["default"] = value.into();
    schema
}

fn example(value: &str, mut schema: Json) -> Json {
    schema["examples"] = json!([value]);
    schema
}

/// A key that may stand there with nothing behind it.
fn or_null(mut schema: Json) -> Json {
    if let Some(of) = schema.get("type").cloned() {
        schema["type"] = match of {
            Json::Array(mut types) => {
                types.push(json!("null"));
                Json::Array(types)
            }
            one => json!([one, "null"]),
        };
    } else if let Some(forms) = schema.get_mut("anyOf").and_then(Json::as_array_mut) {
        forms.push(json!({ "type": "null" }));
    }
    schema
}
