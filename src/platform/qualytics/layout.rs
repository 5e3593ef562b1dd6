//! Where documents stand and what they are called: paths, slugs, file names and generated check ids, as the official client has
//! them.

use driftless_core::key::Kind;
use driftless_core::nearest::nearest;
use driftless_core::schema::Location;
use driftless_core::value::{Map, Value};

use super::kinds::{CHECK, COMPUTED_FIELD, CONNECTION, CONTAINER, DATASTORE, UID};
pub use crate::platform::slug::slug;

/// The folders that everything lies in.
const TOP: [&str; 2] = ["connections", "datastores"];

/// The folder of checks that belong to no container.
pub(super) const NO_CONTAINER: &str = "_no_container";

/// The id that the official client gives a check that stores none.
pub fn generated_uid<'a>(container: &str, rule: &str, fields: impl IntoIterator<Item = &'a str>) -> String {
    format!("{}__{}", slug(container), rule_and_fields(rule, fields))
}

/// The file name, without `.yaml`, of a check in its container's folder.
pub(super) fn check_stem<'a>(rule: &str, fields: impl IntoIterator<Item = &'a str>) -> String {
    rule_and_fields(rule, fields)
}

fn rule_and_fields<'a>(rule: &str, fields: impl IntoIterator<Item = &'a str>) -> String {
    let mut fields: Vec<&str> = fields.into_iter().collect();
    if fields.is_empty() {
        return slug(rule);
    }
    fields.sort_unstable(); // by code point of the raw names: UTF-8 sorts alike
    let fields: Vec<String> = fields.into_iter().map(slug).collect();
    format!("{}__{}", slug(rule), fields.join("_"))
}

/// The id of a check: the one it has, or the generated one. Works on a document as written and on a normalised one.
pub(super) fn uid(spec: &Map) -> String {
    stored_uid(spec).unwrap_or_else(|| {
        let text = |field: &str| spec.get(field).and_then(Value::as_str);
        generated_uid(
            text("container").unwrap_or_default(),
            text("rule_type").or_else(|| text("rule")).unwrap_or_default(),
            field_names(spec),
        )
    })
}

/// What stands where a check says its id.
pub(super) fn written_uid(spec: &Map) -> Option<&Value> {
    let metadata = spec.get("additional_metadata").and_then(Value::as_map);
    spec.get(UID).or_else(|| metadata?.get(UID))
}

/// The id that a check has of its own.
pub(super) fn stored_uid(spec: &Map) -> Option<String> {
    let stored = written_uid(spec)?;
    match stored {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(driftless_core::json::write(stored)),
        Value::Null | Value::List(_) | Value::Map(_) | Value::Secret(_) => None,
    }
}

/// The names of a check's fields, in the order in which they stand, whether they are names or objects.
pub(super) fn field_names(spec: &Map) -> impl Iterator<Item = &str> {
    let fields = spec.get("fields").and_then(Value::as_list).unwrap_or_default();
    fields.iter().filter_map(|field| match field {
        Value::Map(field) => field.get("name").and_then(Value::as_str),
        other => other.as_str(),
    })
}

/// What a path below the environment's folder holds.
pub(super) fn locate(path: &str) -> Location {
    let parts: Vec<&str> = path.split('/').collect();
    let Some((file, folders)) = parts.split_last() else {
        return Location::Ignored;
    };
    // A name whose slug is empty makes a file called `.yaml`; other dot files are not ours.
    let hidden = |part: &&str| part.starts_with('.') && *part != ".yaml" && *part != ".yml";
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    if parts.iter().any(hidden) || !["yaml", "yml"].iter().any(|known| ending.eq_ignore_ascii_case(known)) {
        return Location::Ignored;
    }
    let document = |kind, parents: &[&str], names_folder: Option<&str>| Location::Document {
        kind,
        parents: parents.iter().map(|slug| (*slug).to_owned()).collect(),
        names_folder: names_folder.map(str::to_owned),
    };
    let location = match (folders, file.strip_suffix(ending).unwrap_or(file)) {
        (["connections"], _) => document(CONNECTION, &[], None),
        (["datastores", datastore], "_datastore.") => document(DATASTORE, &[], Some(datastore)),
        (["datastores", datastore, "containers", container], "_container.") => {
            document(CONTAINER, &[datastore], Some(container))
        }
        (["datastores", datastore, "containers", container, "computed_fields"], _) => {
            document(COMPUTED_FIELD, &[datastore, container], None)
        }
        (["datastores", datastore, "checks", ..], _) => document(CHECK, &[datastore], None),
        (folders, _) => return misplaced(folders, file),
    };
    if ending != "yaml" {
        return Location::Misplaced {
            help: match names_folder(&location) {
                Some(kind) => format!("only files that end in `.yaml` are read: rename it to `_{kind}.yaml`"),
                None => "only files that end in `.yaml` are read: rename it".to_owned(),
            },
        };
    }
    location
}

/// The kind of a document that names its folder.
fn names_folder(location: &Location) -> Option<Kind> {
    match location {
        Location::Document {
            kind,
            names_folder: Some(_),
            ..
        } => Some(*kind),
        Location::Document { .. } | Location::Collection { .. } | Location::Ignored | Location::Misplaced { .. } => {
            None
        }
    }
}

/// The folder of ours that the name of another is a slip of. People slip after the first letters: `collections` is a word of its own.
fn nearly(name: &str) -> Option<&'static str> {
    nearest(name, TOP).filter(|meant| {
        let letters = |text: &str| text.to_lowercase().chars().take(3).collect::<String>();
        letters(name) == letters(meant)
    })
}

/// A YAML file that is no document's place: ours if it lies in a folder of ours.
fn misplaced(folders: &[&str], file: &str) -> Location {
    // Names that a person gives a folder's own document: `datastore.yaml`, `_Datastore.yml`.
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let stem = stem.trim_start_matches('_').to_lowercase();
    let help = match folders {
        ["datastores", _] if matches!(stem.as_str(), "datastore" | "datastores") => {
            "rename it to `_datastore.yaml`: without it the datastore is known by its folder alone"
        }
        ["datastores", _, "containers", _] if matches!(stem.as_str(), "container" | "containers") => {
            "rename it to `_container.yaml`: without it the container is known by its folder alone"
        }
        ["connections", ..] => "connections are read from `connections/` itself: move it there",
        ["datastores"] => "a datastore's own file is `datastores/<datastore>/_datastore.yaml`",
        ["datastores", _] => {
            "a datastore's own file is `_datastore.yaml`; the rest belongs in its `containers/` or `checks/`"
        }
        ["datastores", _, "containers", ..] => {
            "a computed container is `containers/<container>/_container.yaml`, its computed fields are \
             `containers/<container>/computed_fields/<field>.yaml`"
        }
        ["datastores", ..] => "a datastore's folder holds `_datastore.yaml`, `containers/` and `checks/`",
        ["checks" | "containers", ..] => "checks and containers belong to a datastore: `datastores/<datastore>/...`",
        [top, ..] if nearly(top) == Some("connections") => {
            "connections are read from the folder `connections/`: rename this one"
        }
        [top, ..] if nearly(top) == Some("datastores") => {
            "datastores are read from the folder `datastores/`: rename this one"
        }
        _ => return Location::Ignored,
    };
    Location::Misplaced { help: help.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_uid_and_a_file_name_are_those_of_the_official_client() {
        let table: &[(&str, &str, &[&str], &str, &str)] = &[
            (
                "orders",
                "notNull",
                &["order_id"],
                "orders__notnull__order_id",
                "notnull__order_id",
            ),
            (
                "users",
                "unique",
                &["email", "age", "name"],
                "users__unique__age_email_name",
                "unique__age_email_name",
            ),
            ("products", "volumetric", &[], "products__volumetric", "volumetric"),
            (
                "My Table!",
                "notNull",
                &["field-1"],
                "my_table__notnull__field_1",
                "notnull__field_1",
            ),
            (
                "orders",
                "between",
                &["Total Amount"],
                "orders__between__total_amount",
                "between__total_amount",
            ),
            (
                "sales.2024/q1.csv",
                "isReplicaOf",
                &["id"],
                "sales_2024_q1_csv__isreplicaof__id",
                "isreplicaof__id",
            ),
            (
                "  padded  ",
                "existsIn",
                &["a.b"],
                "padded__existsin__a_b",
                "existsin__a_b",
            ),
            ("a__b", "unique", &["c__d", "C"], "a_b__unique__c_c_d", "unique__c_c_d"),
            ("a_b", "unique", &["c_d", "C"], "a_b__unique__c_c_d", "unique__c_c_d"),
            (
                "t",
                "unique",
                &["b", "A", "a", "B"],
                "t__unique__a_b_a_b",
                "unique__a_b_a_b",
            ),
            ("t", "unique", &["z2", "z10"], "t__unique__z10_z2", "unique__z10_z2"),
            (
                "orders",
                "unique",
                &["a", "b_c"],
                "orders__unique__a_b_c",
                "unique__a_b_c",
            ),
            (
                "orders",
                "unique",
                &["a_b", "c"],
                "orders__unique__a_b_c",
                "unique__a_b_c",
            ),
            (
                "orders",
                "notNull",
                &["id", "id"],
                "orders__notnull__id_id",
                "notnull__id_id",
            ),
            (
                "café",
                "notNull",
                &["prénom"],
                "caf__notnull__pr_nom",
                "notnull__pr_nom",
            ),
            ("Straße", "notNull", &["ß"], "stra_e__notnull__", "notnull__"),
            ("注文", "notNull", &["金額"], "__notnull__", "notnull__"),
            ("İstanbul", "notNull", &["ı"], "i_stanbul__notnull__", "notnull__"),
            (
                "ÅNGSTRÖM_Å",
                "notNull",
                &["\u{212a}"],
                "ngstr_m__notnull__k",
                "notnull__k",
            ),
            ("$%^", "notNull", &["***"], "__notnull__", "notnull__"),
            ("", "notNull", &["id"], "__notnull__id", "notnull__id"),
            (
                "orders",
                "satisfiesExpression",
                &[],
                "orders__satisfiesexpression",
                "satisfiesexpression",
            ),
            ("x", "", &[], "x__", ""),
        ];
        for (container, rule, fields, uid, stem) in table {
            assert_eq!(
                generated_uid(container, rule, fields.iter().copied()),
                *uid,
                "{container} {rule}"
            );
            assert_eq!(check_stem(rule, fields.iter().copied()), *stem, "{container} {rule}");
        }
    }

    #[test]
    fn paths_say_what_they_hold() {
        let document = |kind, parents: &[&str], folder: Option<&str>| Location::Document {
            kind,
            parents: parents.iter().map(|part| (*part).to_owned()).collect(),
            names_folder: folder.map(str::to_owned),
        };
        for (path, expected) in [
            ("connections/pg.yaml", document(CONNECTION, &[], None)),
            ("connections/.yaml", document(CONNECTION, &[], None)),
            ("datastores/dw/_datastore.yaml", document(DATASTORE, &[], Some("dw"))),
            (
                "datastores/dw/containers/sum/_container.yaml",
                document(CONTAINER, &["dw"], Some("sum")),
            ),
            (
                "datastores/dw/containers/orders/computed_fields/amount_int.yaml",
                document(COMPUTED_FIELD, &["dw", "orders"], None),
            ),
            (
                "datastores/dw/checks/orders/notnull__id.yaml",
                document(CHECK, &["dw"], None),
            ),
            (
                "datastores/dw/checks/_no_container/x.yaml",
                document(CHECK, &["dw"], None),
            ),
            ("datastores/dw/checks/x.yaml", document(CHECK, &["dw"], None)),
            ("datastores/dw/checks/a/b/c.yaml", document(CHECK, &["dw"], None)),
            ("README.md", Location::Ignored),
            ("notes.yaml", Location::Ignored),
            (".github/workflows/ci.yaml", Location::Ignored),
            ("datastores/dw/checks/orders/.hidden.yaml", Location::Ignored),
        ] {
            assert_eq!(locate(path), expected, "{path}");
        }
    }

    #[test]
    fn what_looks_meant_for_us_but_would_not_be_read_is_said_so() {
        for path in [
            "connections/pg.yml",
            "connections/eu/pg.yaml",
            "datastores/dw.yaml",
            "datastores/dw/datastore.yaml",
            "datastores/dw/_datastore.yml",
            "datastores/dw/containers/sum.yaml",
            "datastores/dw/checks/orders/a.yml",
            "checks/orders/a.yaml",
            "Connections/pg.yaml",
            "datastore/dw/_datastore.yaml",
        ] {
            assert!(matches!(locate(path), Location::Misplaced { .. }), "{path}");
        }
    }
}
