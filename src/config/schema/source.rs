//! `sources` as an editor knows them.

use serde_json::{Value as Json, json};

use super::{choice, default, duration, example, list, map, name, or_null, secret, some, text};

pub(super) fn source() -> Json {
    let mut source = map(
        "A Git repository that is watched.",
        &["name", "url"],
        [
            ("name", name("What environments and webhooks call it.")),
            (
                "url",
                text(
                    "`https://`, `http://`, `ssh://`, `git@host:path`, `file://` or a local path, without credentials in it.",
                ),
            ),
            (
                "branch",
                or_null(default(
                    "main",
                    text("The branch that is followed. At most one of `branch`, `tag`, `semver` and `commit`."),
                )),
            ),
            (
                "tag",
                or_null(example(
                    "v1.2.3",
                    text("The tag that is followed. Where it points elsewhere than before, `force_push` decides."),
                )),
            ),
            (
                "semver",
                or_null(example(
                    ">=1.0.0 <2",
                    text(
                        "A range of versions, as Cargo has them: the newest tag in it is followed. `2.0.0-rc.1` is in a range only \
                         where it names one of 2.0.0.",
                    ),
                )),
            ),
            (
                "tag_prefix",
                or_null(example(
                    "api/",
                    text("What stands before the version in the tags that `semver` counts. Default: nothing, or `v`."),
                )),
            ),
            (
                "commit",
                or_null(example(
                    "0123456789abcdef0123456789abcdef01234567",
                    text("The commit that is taken, by its full id. It never moves."),
                )),
            ),
            (
                "interval",
                or_null(default(
                    "1m",
                    duration("Time between two looks at it, jittered. Not together with `schedule`."),
                )),
            ),
            (
                "schedule",
                or_null(example(
                    "*/5 * * * *",
                    text(
                        "Instead of `interval`: a cron expression in UTC, of five fields (minute first) or six (second first).",
                    ),
                )),
            ),
            (
                "force_push",
                or_null(default(
                    "refuse",
                    choice(
                        "A branch that moved to a commit which does not descend from the last one, or a tag that moved: `refuse` \
                         keeps the last one in force, `allow` follows.",
                        &["refuse", "allow"],
                    ),
                )),
            ),
            (
                "verify",
                or_null(map(
                    "Which signatures a revision must have. One that is unsigned, or signed by anybody else, is never in force. \
                     Default: none.",
                    &["mode", "keys"],
                    [
                        (
                            "mode",
                            choice(
                                "What must be signed: the commit (`head`), the tag that leads to it (`tag`), or both.",
                                &["head", "tag", "tag_and_head"],
                            ),
                        ),
                        (
                            "keys",
                            some(list(
                                "Who may sign: files, or folders of files, of OpenSSH public keys, lines of Git's allowed signers, or \
                                 armoured OpenPGP keys. Read anew at every look.",
                                example(
                                    "/etc/driftless/signers",
                                    text("A file or folder, from the config file's folder."),
                                ),
                            )),
                        ),
                    ],
                )),
            ),
            ("auth", or_null(auth())),
            (
                "ca_file",
                or_null(text(
                    "A PEM file of certificate authorities to believe besides the system's.",
                )),
            ),
        ],
    );
    source["allOf"] = json!([{
        "not": {
            "required": ["interval", "schedule"],
            "properties": { "interval": { "type": "string" }, "schedule": { "type": "string" } },
        },
        "errorMessage": "keep one of `interval` and `schedule`",
    }]);
    source
}

fn auth() -> Json {
    let mut auth = map(
        "How to get in: `token`, or `username` and `password`, or `ssh`. Default: not at all.",
        &[],
        [
            ("token", secret("Over https: an access token, sent as a password.")),
            ("username", or_null(text("Over https: the user name."))),
            ("password", secret("Over https: the password.")),
            (
                "ssh",
                or_null(map(
                    "Over ssh: a key, and the host keys to accept; an unknown host is refused.",
                    &["key", "known_hosts"],
                    [
                        ("key", text("The file of the private key, without a passphrase.")),
                        ("known_hosts", text("The file of the host keys that are accepted.")),
                    ],
                )),
            ),
        ],
    );
    let nothing = json!({ "type": "null" });
    auth["anyOf"] = json!([
        { "required": ["token"], "properties": { "username": nothing, "password": false, "ssh": nothing } },
        {
            "required": ["username", "password"],
            "properties": { "username": { "type": "string" }, "token": false, "ssh": nothing },
        },
        {
            "required": ["ssh"],
            "properties": { "ssh": { "type": "object" }, "token": false, "username": nothing, "password": false },
        },
    ]);
    auth
}
