//! `openapi.json` against the router and against what it answers.

use driftless::server::route_names;
use serde_json::Value as Json;

use crate::support::{open_pull_run, pull_run};
use crate::{get, plain};

#[tokio::test]
async fn openapi_describes_every_route_and_no_other() {
    let document = get(&plain(), "/api/openapi.json").await.json();
    let mut described: Vec<(String, String)> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            described.push((method.to_uppercase(), path.clone()));
            let named = path.matches('{').count();
            let parameters = operation["parameters"].as_array().map_or(0, |parameters| {
                let is_path = |parameter: &&Json| parameter["in"] == "path" || parameter.get("$ref").is_some();
                parameters.iter().filter(is_path).count()
            });
            assert_eq!(named, parameters, "{method} {path}");
        }
    }
    let mut routes: Vec<(String, String)> = route_names()
        .into_iter()
        .map(|(method, path)| (method.to_owned(), path.to_owned()))
        .collect();
    described.sort();
    routes.sort();
    assert_eq!(described, routes);
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text
        .split("\"$ref\":\"#")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
    {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn answers_hold_what_openapi_requires_of_them() {
    let rig = plain();
    let pull = pull_run(7, "shop");
    let id = pull.key.id();
    *rig.store.pull_runs.lock().unwrap() = vec![pull, open_pull_run(8)];
    let document = get(&rig, "/api/openapi.json").await.json();
    for path in [
        "/api/v1/environments",
        "/api/v1/environments/{name}",
        "/api/v1/environments/{name}/plan",
        "/api/v1/environments/{name}/drift",
        "/api/v1/runs",
        "/api/v1/runs/{id}",
        "/api/v1/pull-requests",
        "/api/v1/pull-requests/{id}",
        "/healthz",
        "/readyz",
    ] {
        let schema = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{path}");
        let id = if path.contains("pull-requests") {
            &id
        } else {
            "20261122T0940-prod"
        };
        let actual = get(&rig, &path.replace("{name}", "prod").replace("{id}", id))
            .await
            .json();
        fits(&document, schema, &actual, path);
    }
}

/// The part of JSON Schema that our document uses: references, `allOf`, `oneOf`, types, enums, required members, items.
fn fits(document: &Json, schema: &Json, value: &Json, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return fits(document, document.pointer(&reference[1..]).unwrap(), value, at);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        fits(document, part, value, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let choice = choices
            .iter()
            .find(|choice| (choice["type"] == "null") == value.is_null())
            .unwrap();
        return fits(document, choice, value, at);
    }
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at}: {value} is none of {words:?}");
    }
    let types: Vec<&str> = match &schema["type"] {
        Json::String(one) => vec![one],
        Json::Array(some) => some.iter().map(|name| name.as_str().unwrap()).collect(),
        _ => Vec::new(),
    };
    let actual = match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_i64() => "integer",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    assert!(
        types.is_empty() || types.contains(&actual) || actual == "integer" && types.contains(&"number"),
        "{at}: {value}"
    );
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(
            value.get(name.as_str().unwrap()).is_some(),
            "{at}: {name} is missing in {value}"
        );
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(name) {
            fits(document, schema, value, &format!("{at}.{name}"));
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        fits(document, &schema["items"], item, &format!("{at}[{index}]"));
    }
}
