//! What the deployment says about itself: the OpenAPI document, its status, its name.

use serde_json::{Map, Value, json};

use super::routes::ROUTES;
use super::state::Instance;
use super::wire::{Answer, Call, Outcome};

/// The version the sandbox gives itself; the API has none in its addresses.
const VERSION: &str = "20260807-sandbox";

/// The OpenAPI document: every route that is served.
pub(super) fn document() -> Value {
    let mut paths = Map::new();
    let always = [("GET", "/health"), ("GET", "/openapi.json"), ("GET", "/")];
    for (method, path) in ROUTES.iter().map(|route| (route.method, route.path)).chain(always) {
        let parameters: Vec<Value> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| json!({ "name": name, "in": "path", "required": true }))
            .collect();
        let item = paths.entry(format!("/api{path}")).or_insert_with(|| json!({}));
        item[method.to_lowercase()] = json!({
            "summary": format!("{method} {path}"),
            "parameters": parameters,
            "responses": { "200": { "description": "Successful Response" } },
        });
    }
    json!({ "openapi": "3.1.0", "info": { "title": "Qualytics sandbox", "version": VERSION }, "paths": paths })
}

/// `GET /`.
pub(super) fn about() -> Value {
    json!({ "name": "Qualytics sandbox", "description": "A controlplane to try things against", "version": VERSION })
}

/// `GET /status`.
pub(super) fn status(_: &mut Instance, _: &Call) -> Outcome {
    Ok(Answer::Ok(
        json!({ "database_connection": "OK", "rabbitmq_connection": "OK" }),
    ))
}
