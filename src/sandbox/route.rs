//! Routes: a method and a path, the right that they need, and the handler.

use super::wire::decode_bytes;

/// One route; `{name}` in the path is a parameter.
pub(super) struct Route<R: 'static, H: 'static> {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// What a caller must be allowed.
    pub(super) right: R,
    pub(super) handler: H,
}

/// What a method and path lead to.
pub(super) enum Found<R: 'static, H: 'static> {
    /// A route, and the values of its parameters.
    Route(&'static Route<R, H>, Vec<String>),
    /// The path is known, the method is not.
    OtherMethod,
    Nothing,
}

/// Finds the route of a path; segments are still percent-encoded.
pub(super) fn find<R, H>(routes: &'static [Route<R, H>], method: &str, path: &str) -> Found<R, H> {
    let wanted: Vec<&str> = path.trim_matches('/').split('/').collect();
    let mut other = false;
    for route in routes {
        let Some(values) = matches(route.path, &wanted) else {
            continue;
        };
        if route.method == method {
            return Found::Route(route, values);
        }
        other = true;
    }
    if other { Found::OtherMethod } else { Found::Nothing }
}

fn matches(pattern: &str, wanted: &[&str]) -> Option<Vec<String>> {
    let mut parts = pattern.trim_start_matches('/').split('/');
    let mut values = Vec::new();
    for segment in wanted {
        let part = parts.next()?;
        if part.starts_with('{') {
            values.push(decode_bytes(segment));
        } else if part != *segment {
            return None;
        }
    }
    parts.next().is_none().then_some(values)
}
