//! Error bodies: as the framework writes them, or as problem documents (RFC 7807).

use serde_json::{Value, json};

use super::switches::Errors;
use super::wire::Refusal;
use crate::sandbox::platform::{Done, Form};

/// The answer of a refusal to the request of `path`.
pub(super) fn answer(refusal: Refusal, errors: Errors, path: &str) -> Done {
    match errors {
        Errors::Framework => Done::json(refusal.status, refusal.body),
        Errors::Problem => Done {
            status: refusal.status,
            body: Some(document(&refusal, path)),
            media: "application/problem+json",
            form: Form::Json,
        },
    }
}

fn document(refusal: &Refusal, path: &str) -> Value {
    let (kind, title) = match refusal.status {
        401 => ("authentication", "Not authenticated"),
        403 => ("authorization", "Forbidden"),
        404 => ("not-found", "Not found"),
        409 => ("integrity", "Conflict"),
        422 => ("validation", "Invalid input"),
        _ => ("generic", "Error"),
    };
    let mut document = json!({
        "type": format!("/errors/{kind}"),
        "status": refusal.status,
        "instance": path,
        "title": title,
    });
    match refusal.body.get("detail") {
        Some(Value::Array(faults)) => {
            document["detail"] = json!("The request has faults");
            document["errors"] = json!(faults);
        }
        Some(detail) => document["detail"] = detail.clone(),
        None => {}
    }
    document
}
