//! `driftless schema`: JSON Schemas for editors, of the documents and of the config file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::{Map, Value as Json, json};

use super::{Exit, out, platforms};
use crate::config;
use crate::platform::document_schema::Layer;

/// The config file's schema.
const CONFIG: &str = "config";

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// The schema to print: config, a kind (check), or what overlays say of one (check-overlay). All of them when none is
    /// named, by name below `definitions`.
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(names()))]
    name: Option<String>,

    /// Writes each as a file of this folder, `NAME.schema.json`, and says what to put where.
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &SchemaArgs) -> anyhow::Result<Exit> {
    match (&args.name, &args.output) {
        (Some(name), _) => {
            // The parser of arguments lets only known names through.
            let schemas = schemas();
            let schema = schemas
                .get(name)
                .with_context(|| format!("there is no schema `{name}`"))?;
            out::result(&text(schema));
        }
        (None, Some(folder)) => {
            let files = files();
            for (name, text) in &files {
                write(&folder.join(name), text)?;
            }
            out::result(&modelines(folder, files.len()));
        }
        (None, None) => {
            let all: Map<String, Json> = schemas().into_iter().collect();
            out::result(&text(&json!({
                "$schema": "http://json-schema.org/draft-07/schema#",
                "title": "The files of driftless",
                "definitions": all,
            })));
        }
    }
    Ok(Exit::Done)
}

/// Every schema by its name.
fn schemas() -> BTreeMap<String, Json> {
    let mut found: BTreeMap<String, Json> = platforms::documents()
        .into_iter()
        .map(|schema| (schema.name(), schema.json))
        .collect();
    found.insert(CONFIG.to_owned(), config::json_schema(&platforms::known()));
    found
}

/// The names, in the order of their letters.
fn names() -> Vec<String> {
    schemas().into_keys().collect()
}

/// What `--output` writes: file names and texts, in the order of the names.
pub(crate) fn files() -> Vec<(String, String)> {
    let schemas = schemas();
    schemas
        .iter()
        .map(|(name, schema)| (file_name(name), text(schema)))
        .collect()
}

fn file_name(name: &str) -> String {
    format!("{name}.schema.json")
}

/// The same bytes for the same schema: keys in the order of their letters, and a final newline.
fn text(schema: &Json) -> String {
    let mut schema = schema.clone();
    schema.sort_all_objects();
    format!("{schema:#}\n")
}

/// Writes a file that says something else now; one that does not keeps its time.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|now| now == text) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// What to put where.
fn modelines(folder: &Path, count: usize) -> String {
    let mut text = format!(
        "{count} schemas are in {}. As the first line of a file, with the path of the schema from that file's folder:\n\n",
        folder.display()
    );
    let modeline = |name: &str| format!("# yaml-language-server: $schema={}", file_name(name));
    for schema in platforms::documents() {
        let name = schema.name();
        let whose = match schema.layer {
            Layer::Base => format!("a {}", schema.kind),
            Layer::Overlay => format!("a {} in an overlay", schema.kind),
        };
        let _ = writeln!(text, "  {whose:<32}{}", modeline(&name));
    }
    let _ = writeln!(text, "  {:<32}{}", "the config file", modeline(CONFIG));
    text.push_str(
        "\nAn export writes files without this line: to keep it out of them, name the schemas in the editor's settings\n\
         (`yaml.schemas`, by glob) instead.\n",
    );
    text
}
