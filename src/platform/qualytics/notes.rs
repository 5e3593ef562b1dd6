//! What an export says beside its files: where the official format says less than is live, or something else.

use serde_json::{Map, Value as Json};

use super::layout;
use super::portable::ExportedConnection;

/// What is to be known of the file of a connection.
pub(super) fn of_connection(path: &str, name: &str, raw: &Json, exported: &ExportedConnection) -> Vec<String> {
    let mut notes = Vec::new();
    for field in &exported.hidden {
        notes.push(format!(
            "{path}: the instance shows the secret `{field}` of connection `{name}`; the file has a placeholder in its place"
        ));
    }
    if raw.get("access_key").is_some_and(Json::is_null) {
        notes.push(format!(
            "{path}: connection `{name}` has no `access_key`, and the file has a placeholder for one: if it is to have none, write \
             `access_key: null` there, which an export leaves as it is"
        ));
    }
    // With a vault `${…}` is the vault's.
    if !raw.get("secrets_manager").is_some_and(Json::is_object) {
        notes.extend(of_texts(path, raw, &exported.content));
    }
    notes
}

/// The texts of a file in which `${` is live, and would be read as a variable.
pub(super) fn of_texts(path: &str, raw: &Json, content: &Map<String, Json>) -> Vec<String> {
    let mut found = Vec::new();
    for (field, value) in content {
        alike(field, value, raw.get(field).unwrap_or(&Json::Null), &mut found);
    }
    let note = |field| {
        format!(
            "{path}: `{field}` is live with `${{` in it, which reads as a variable: where it is none, write `$${{` there, which an \
             export leaves as it is"
        )
    };
    found.into_iter().map(note).collect()
}

fn alike(at: &str, written: &Json, raw: &Json, found: &mut Vec<String>) {
    match (written, raw) {
        (Json::String(written), Json::String(raw)) if written == raw && raw.contains("${") => found.push(at.to_owned()),
        (Json::Object(written), Json::Object(raw)) => {
            for (field, value) in written {
                alike(
                    &format!("{at}.{field}"),
                    value,
                    raw.get(field).unwrap_or(&Json::Null),
                    found,
                );
            }
        }
        (Json::Array(written), Json::Array(raw)) => {
            for (index, (value, raw)) in written.iter().zip(raw).enumerate() {
                alike(&format!("{at}[{index}]"), value, raw, found);
            }
        }
        _ => {}
    }
}

/// Of the folder of a table's computed fields: whether it tells which table that is, `others` being the containers beside it.
pub(super) fn of_folder<'a>(folder: &str, table: &str, mut others: impl Iterator<Item = &'a str>) -> Option<String> {
    let slug = layout::slug(table);
    let is_told = folder.rsplit('/').next() == Some(slug.as_str())
        && !others.any(|other| other != table && layout::slug(other) == slug);
    (!is_told).then(|| {
        format!(
            "{folder}/: these computed fields are of table `{table}`, which the official layout names by this folder alone, and the \
             folder does not tell it: a plan cannot use these files. Remove them, and the fields stay as they are live"
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_that_is_live_with_a_placeholder_is_named_and_one_that_the_export_put_there_is_not() {
        let raw = json!({"host": "${a}", "password": null, "parameters": {"x": ["y", {"z": "a ${b}"}], "price": "$5"}});
        let mut content = raw.as_object().cloned().unwrap_or_default();
        content.insert("password".to_owned(), json!("${PG_PASSWORD}"));
        let notes = of_texts("connections/pg.yaml", &raw, &content);
        let named = |field: &str| notes.iter().any(|note| note.contains(field));
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(named("`host`") && named("`parameters.x[1].z`"), "{notes:?}");
    }

    #[test]
    fn a_folder_tells_its_table_by_a_slug_that_is_the_tables_alone() {
        for (folder, table, told) in [
            ("c/orders", "Orders!", true),
            ("c/customers", "Customers", false),
            ("c/orders_2", "Orders!", true),
            ("c/_0a1b2c3d", "数据", true),
        ] {
            let others = ["orders", "Customers", "x"];
            assert_eq!(of_folder(folder, table, others.into_iter()).is_some(), told, "{folder}");
        }
    }
}
