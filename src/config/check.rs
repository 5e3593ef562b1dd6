//! Names across sections, read from the tree itself: an item that has a fault elsewhere still has its name.

use std::collections::BTreeMap;

use driftless_core::value::Value;
use driftless_core::yaml::{Data, Mark, Node};

use super::fault::Faults;

/// Checks that names are names, are unique, and point at something.
pub(super) fn names(root: &Node, faults: &mut Faults) {
    for section in ["sources", "targets", "environments", "forges", "webhooks"] {
        unique(root, section, faults);
    }
    let environments = root.entry("environments").map(|entry| &entry.value.data);
    // What is no list at all has been told.
    let is_list = matches!(environments, None | Some(Data::List(_) | Data::Scalar(Value::Null)));
    if is_list && items(root, "environments").is_empty() {
        let at = root.entry("environments").map_or(root.at, |entry| entry.value.at);
        let help = "add an item with `name`, `source`, `path` and `target` under `environments:`".to_owned();
        faults.add(
            at,
            "missing_key",
            "there is no environment, so there is nothing to do".to_owned(),
            Some(help),
        );
    }
    for (index, environment) in items(root, "environments").iter().enumerate() {
        for (key, section) in [("source", "sources"), ("target", "targets")] {
            if let Some((name, at)) = text(environment, key) {
                point(
                    root,
                    (name, at),
                    &format!("environments[{index}].{key}"),
                    section,
                    faults,
                );
            }
        }
    }
    for (index, webhook) in items(root, "webhooks").iter().enumerate() {
        if let Some((name, at)) = text(webhook, "forge") {
            let label = format!("webhooks[{index}].forge");
            point(root, (name, at), &label, "forges", faults);
        }
        if let Some(Data::List(sources)) = webhook.entry("sources").map(|entry| &entry.value.data) {
            for source in sources {
                if let Data::Scalar(Value::String(name)) = &source.data {
                    point(
                        root,
                        (name, source.at),
                        &format!("webhooks[{index}].sources"),
                        "sources",
                        faults,
                    );
                }
            }
        }
    }
}

/// Checks that there are no notifications.
pub(super) fn notifications(root: &Node, faults: &mut Faults) {
    let Some(entry) = root.entry("notifications") else {
        return;
    };
    match &entry.value.data {
        Data::List(items) if items.is_empty() => {}
        Data::Scalar(Value::Null) => {}
        Data::List(_) | Data::Map(_) | Data::Scalar(_) => faults.not_supported(entry.at, "`notifications`"),
    }
}

fn unique(root: &Node, section: &str, faults: &mut Faults) {
    let mut seen: BTreeMap<&str, Mark> = BTreeMap::new();
    for (index, item) in items(root, section).iter().enumerate() {
        let Some((name, at)) = text(item, "name") else {
            continue;
        };
        if !is_name(name) {
            let help = "use letters, digits, `-`, `_` and `.`, beginning with a letter or digit, at most 63".to_owned();
            let message = format!("`{section}[{index}].name` is no name: it stands in addresses and metrics");
            faults.add(at, "bad_name", message, Some(help));
        }
        if let Some(first) = seen.get(name) {
            let message = format!("there are two {section} of the name `{name}`");
            let help = format!("the first one is in line {}: rename one of them", first.line);
            faults.add(at, "duplicate_name", message, Some(help));
        } else {
            seen.insert(name, at);
        }
    }
}

fn point(root: &Node, (name, at): (&str, Mark), label: &str, section: &str, faults: &mut Faults) {
    let known: Vec<&str> = items(root, section)
        .iter()
        .filter_map(|item| text(item, "name"))
        .map(|(name, _)| name)
        .collect();
    if !known.contains(&name) {
        let (code, noun) = match section {
            "targets" => ("unknown_target", "target"),
            "forges" => ("unknown_forge", "forge"),
            _ => ("unknown_source", "source"),
        };
        faults.unknown_name(
            at,
            code,
            format!("`{label}`: there is no {noun} `{name}`"),
            name,
            &known,
        );
    }
}

fn items<'a>(root: &'a Node, section: &str) -> &'a [Node] {
    match root.entry(section).map(|entry| &entry.value.data) {
        Some(Data::List(items)) => items,
        _ => &[],
    }
}

fn text<'a>(node: &'a Node, key: &str) -> Option<(&'a str, Mark)> {
    match node.entry(key).map(|entry| &entry.value) {
        Some(Node {
            data: Data::Scalar(Value::String(text)),
            at,
        }) => Some((text, *at)),
        _ => None,
    }
}

/// As long as a DNS label, since names end up in labels of all sorts.
const LONGEST_NAME: usize = 63;

fn is_name(text: &str) -> bool {
    text.len() <= LONGEST_NAME
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
