//! `driftless accept`: what was changed by hand, as documents to be put into Git. It writes nothing itself: a change of the
//! configuration belongs into a commit, with its review.

use anyhow::bail;
use clap::Args;
use driftless_core::field::FieldPath;
use driftless_core::render::{plain, plain_line};
use driftless_core::value::{Map, Value};
use driftless_core::yaml;
use serde_json::Value as Json;

use super::ServerArgs;
use super::connection::{Connection, list, segment, text};
use crate::cli::{Exit, out, platforms};
use crate::codec;

#[derive(Debug, Args)]
pub(crate) struct AcceptArgs {
    /// The environment.
    environment: String,

    /// The resources (`check/warehouse/orders__unique__id`); all that drifted when none is named.
    keys: Vec<String>,

    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn accept(args: AcceptArgs) -> anyhow::Result<Exit> {
    let server = Connection::new(&args.server)?;
    let path = format!("/api/v1/environments/{}/drift", segment(&args.environment));
    let drift = server.get(&path).await?;
    let resources = list(&drift, "resources");
    let unknown = args
        .keys
        .iter()
        .find(|key| !resources.iter().any(|resource| text(resource, "key") == **key));
    if let Some(key) = unknown {
        bail!(
            "`{key}` has no drift in `{}`: `driftless drift {}` lists what has",
            args.environment,
            args.environment
        );
    }
    let wanted = resources.iter().filter(|resource| {
        let key = text(resource, "key");
        args.keys.is_empty() || args.keys.iter().any(|wanted| wanted == key)
    });
    let found_out = platforms::named(text(&drift, "platform")).map_or(&[][..], |platform| platform.found_out);
    for resource in wanted {
        out::result(&plain(&document(resource, found_out)));
    }
    Ok(Exit::Done)
}

/// The fields of a resource as they are live, under the file that says otherwise.
fn document(resource: &Json, found_out: &[&str]) -> String {
    let place = resource["place"]
        .as_str()
        .map(|place| format!(", {place}"))
        .unwrap_or_default();
    let mut head = plain_line(&format!("# {}{place}", text(resource, "key")));
    head.push('\n');
    if text(resource, "action") == "create" {
        return head + "# deleted by hand: to accept it, delete its file\n\n";
    }
    let mut fields = Map::new();
    for field in list(resource, "fields") {
        let live = field.get("before").map_or(Value::Null, codec::from_json);
        // What the platform does not return is not known, and a mask is no value.
        if live == Value::from(driftless_core::value::SECRET_TEXT) || found_out.contains(&text(field, "path")) {
            continue;
        }
        FieldPath::shown(text(field, "path")).set(&mut fields, live);
    }
    if fields.is_empty() {
        return head + "# nothing that the platform shows\n\n";
    }
    head + &yaml::emit(&Value::Map(fields)) + "\n"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_no_document_may_say_is_not_given_as_one() {
        let resource = |path: &str| json!({"key": "monitor/a", "action": "update", "place": "m.yaml:2:3", "fields": [{"path": path, "before": "x", "after": "y"}]});
        let datafold = platforms::named("datafold").map_or(&[][..], |platform| platform.found_out);
        assert_eq!(
            document(&resource("platform_verdict"), datafold),
            "# monitor/a, m.yaml:2:3\n# nothing that the platform shows\n\n"
        );
        assert_eq!(
            document(&resource("name"), datafold),
            "# monitor/a, m.yaml:2:3\nname: x\n\n"
        );
    }
}
