//! Which profiles a plan needs: before a check that uses a field which its container may not show yet.

use std::collections::{BTreeMap, BTreeSet};

use driftless_core::document::Document;
use driftless_core::field::FieldPath;
use driftless_core::key::Key;
use driftless_core::plan::Operation;
use driftless_core::schema::{Draft, Needed};
use driftless_core::value::{Map, Value};

use super::kinds::{CHECK, COMPUTED_FIELD, CONTAINER, PROFILE};
use super::layout::field_names;
use super::operations::FIELDS;
use super::references::{self, CONTAINER_NAMES, PROPERTY_NAME, home_of, text};
use super::rules;

/// Fields of a computed container that decide which columns it has.
const DEFINITION: &[&str] = &[
    "query",
    "select_clause",
    "where_clause",
    "group_by_clause",
    "lateral_views",
    "sources",
    "join_type",
    "left_join_field_name",
    "right_join_field_name",
    "left_prefix",
    "right_prefix",
];

/// Who waits for the fields of one container, and for which.
#[derive(Default)]
struct Waiting {
    fields: BTreeSet<String>,
    by: BTreeSet<Key>,
}

/// What was made before this plan and may not have been profiled since: the process can have died between the two. A profile
/// that finds all fields shown does nothing.
struct Standing<'a> {
    containers: BTreeSet<&'a Key>,
    /// The names of computed fields, by their container.
    fields: BTreeMap<Key, BTreeSet<&'a str>>,
}

impl<'a> Standing<'a> {
    fn of(draft: &Draft<'a>) -> Self {
        let mut standing = Self {
            containers: BTreeSet::new(),
            fields: BTreeMap::new(),
        };
        for document in &draft.settled {
            let key = &document.key;
            if key.kind == CONTAINER {
                standing.containers.insert(key);
            }
            if key.kind == COMPUTED_FIELD
                && let Some(home) = home_of(key, &document.spec)
            {
                standing.fields.entry(home).or_default().insert(key.name());
            }
        }
        standing
    }

    /// Of a container only that it shows anything is awaited: a name that it lacks may be a mistake in Git, and is no reason to
    /// profile it again and again. Its computed fields are in Git, and are awaited by name.
    fn await_fields(
        &self,
        document: &Document,
        shown: &mut BTreeMap<Key, Waiting>,
        calculated: &mut BTreeMap<Key, Waiting>,
    ) {
        for (container, names) in uses(document) {
            let used = self.fields.get(&container).into_iter().flatten();
            let used = used.filter(|field| names.iter().any(|name| name == *field) || mentions(document, field));
            let used: BTreeSet<String> = used.map(|field| (*field).to_owned()).collect();
            if !used.is_empty() && document.key.kind == CHECK {
                let waiting = calculated.entry(container.clone()).or_default();
                waiting.fields.extend(used);
                waiting.by.insert(document.key.clone());
            }
            if self.containers.contains(&container) && document.key != container {
                shown.entry(container).or_default().by.insert(document.key.clone());
            }
        }
    }
}

/// The profiles that `draft` needs, sorted by subject.
pub(super) fn profiles(draft: &Draft<'_>) -> Vec<Needed> {
    let mut changed: BTreeSet<Key> = BTreeSet::new();
    let mut computed: BTreeMap<Key, BTreeMap<String, Key>> = BTreeMap::new();
    for (document, fields) in written(draft) {
        let key = &document.key;
        let moves =
            |names: &[&str]| fields.is_none_or(|fields| fields.iter().any(|field| names.contains(&field.head())));
        if key.kind == CONTAINER && moves(DEFINITION) {
            changed.insert(key.clone());
        }
        if key.kind == COMPUTED_FIELD
            && moves(&["transformation", "source_fields", "properties"])
            && let Some(home) = home_of(key, &document.spec)
        {
            computed
                .entry(home)
                .or_default()
                .insert(key.name().to_owned(), key.clone());
        }
    }
    let none = BTreeMap::new();
    let mut shown: BTreeMap<Key, Waiting> = BTreeMap::new();
    let mut calculated: BTreeMap<Key, Waiting> = BTreeMap::new();
    let standing = Standing::of(draft);
    for (document, fields) in written(draft) {
        let moves =
            |names: &[&str]| fields.is_none_or(|fields| fields.iter().any(|field| names.contains(&field.head())));
        if moves(&["fields", "filter", "properties"]) {
            standing.await_fields(document, &mut shown, &mut calculated);
        }
        for (container, names) in uses(document) {
            let fresh = computed.get(&container).unwrap_or(&none);
            let (of_fresh, of_container): (Vec<String>, Vec<String>) =
                names.into_iter().partition(|name| fresh.contains_key(name));
            let in_expression = fresh.keys().filter(|name| mentions(document, name));
            let of_fresh: BTreeSet<String> = of_fresh.into_iter().chain(in_expression.cloned()).collect();
            if !of_fresh.is_empty() && document.key.kind == CHECK {
                let waiting = calculated.entry(container.clone()).or_default();
                waiting.fields.extend(of_fresh);
                waiting.by.insert(document.key.clone());
            }
            if changed.contains(&container) && document.key != container {
                let waiting = shown.entry(container).or_default();
                waiting.fields.extend(of_container);
                waiting.by.insert(document.key.clone());
            }
        }
    }
    let of_containers = shown.into_iter().map(|(container, waiting)| {
        let after = changed.get(&container).cloned().into_iter().collect();
        let why = match changed.contains(&container) {
            true => "the container's fields are not known yet",
            false => "the container may not have been profiled yet",
        };
        profile(container, waiting, after, why)
    });
    let of_fields = calculated.into_iter().map(|(container, waiting)| {
        let fields = computed.get(&container).unwrap_or(&none);
        let after = waiting
            .fields
            .iter()
            .filter_map(|name| fields.get(name))
            .cloned()
            .collect();
        let why = match computed.contains_key(&container) {
            true => "its computed fields are not known yet",
            false => "its computed fields may not be known yet",
        };
        profile(container, waiting, after, why)
    });
    of_containers.chain(of_fields).collect()
}

fn profile(container: Key, waiting: Waiting, after: Vec<Key>, why: &str) -> Needed {
    let checks = waiting.by.iter().filter(|key| key.kind == CHECK).count();
    let reason = match checks {
        0 => why.to_owned(),
        1 => format!("{why}, and a check uses them"),
        checks => format!("{why}, and {checks} checks use them"),
    };
    let fields: Vec<Value> = waiting.fields.into_iter().map(Value::from).collect();
    Needed {
        operation: Operation {
            name: PROFILE,
            subject: container,
            arguments: Map::from([(FIELDS.to_owned(), Value::List(fields))]),
            reason,
        },
        after,
        before: waiting.by.into_iter().collect(),
    }
}

/// Everything that is written, with the fields that change; `None` for all of them.
fn written<'a>(draft: &'a Draft<'_>) -> impl Iterator<Item = (&'a Document, Option<&'a [FieldPath]>)> {
    let creates = draft.creates.iter().map(|document| (*document, None));
    creates.chain(
        draft
            .updates
            .iter()
            .map(|(document, fields)| (*document, Some(fields.as_slice()))),
    )
}

/// The containers whose fields a document uses, with those that it names. Rules about a container as a whole use none.
fn uses(document: &Document) -> Vec<(Key, Vec<String>)> {
    let (key, spec) = (&document.key, &document.spec);
    let owner = key.path().first().map(String::as_str).unwrap_or_default();
    let mut uses = Vec::new();
    let properties = spec.get("properties").and_then(Value::as_map);
    match key.kind {
        CHECK => {
            // Of a calculated rule the platform takes the fields from the expression, whatever a file lists.
            let calculated = text(spec, "rule_type").is_some_and(rules::is_calculated);
            let names = field_names(spec).filter(|_| !calculated);
            let names: Vec<String> = names.map(str::to_owned).collect();
            if !names.is_empty() || expressions(document).next().is_some() {
                uses.extend(home_of(key, spec).map(|home| (home, names)));
            }
        }
        COMPUTED_FIELD => {
            let sources = spec.get("source_fields").and_then(Value::as_list).unwrap_or_default();
            let names = sources.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            uses.extend(home_of(key, spec).map(|home| (home, names)));
        }
        CONTAINER => {
            for (names, field) in
                CONTAINER_NAMES
                    .iter()
                    .zip([None, Some("left_join_field_name"), Some("right_join_field_name")])
            {
                if let Some(container) = references::named_container(owner, spec, names) {
                    let field = field.and_then(|field| text(spec, field));
                    uses.push((container, field.into_iter().map(str::to_owned).collect()));
                }
            }
        }
        _ => {}
    }
    if let Some(properties) = properties
        && let Some(container) = references::named_container(owner, properties, &PROPERTY_NAME)
        && let Some(field) = text(properties, "field_name")
    {
        uses.push((container, vec![field.to_owned()]));
    }
    uses
}

/// The expressions of a check.
fn expressions(document: &Document) -> impl Iterator<Item = &str> {
    let properties = document.spec.get("properties").and_then(Value::as_map);
    let in_properties = ["expression", "equation"]
        .into_iter()
        .filter_map(move |name| properties.and_then(|map| text(map, name)));
    in_properties.chain(text(&document.spec, "filter"))
}

/// Whether an expression of `document` holds `name` as a word.
fn mentions(document: &Document, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    expressions(document).any(|expression| {
        expression.match_indices(name).any(|(at, found)| {
            let before = expression[..at].chars().next_back();
            let after = expression[at + found.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    })
}
