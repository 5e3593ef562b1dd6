//! What `datafold/ci/<name>.yaml` says: how pull requests of one repository are checked.

use driftless_core::diagnostic::Diagnostic;
use driftless_core::field::FieldPath;
use driftless_core::schema::FieldFault;
use driftless_core::value::{Map, Number, Value};

use crate::forge::Repository;
use crate::platform::data_diffs::CiConfigId;

/// A CI configuration as code. The platform has no API for its own (the vendor's form is the only editor): driftless enforces every rule
/// that it can itself.
#[derive(Clone, Debug, PartialEq)]
pub struct CiConfig {
    /// Its name here.
    pub name: String,
    /// Its number on the instance.
    pub id: CiConfigId,
    /// The repository whose pull requests it is for.
    pub repository: Repository,
    /// Where that repository lives, by the forge's name in the config file; `None`: at the one that there is.
    pub forge: Option<String>,
    /// The data source in which both tables of a diff are read, by name.
    pub data_connection: String,
    /// Patterns of files whose changes start nothing, from top to bottom: `.gitignore` lines.
    pub files_to_ignore: Vec<String>,
    /// What the commit's status is when something went wrong.
    pub errors: Consequence,
    /// What the commit's status is when data differ.
    pub differences: Consequence,
    /// What the commit's status is when primary keys are null or not unique.
    pub key_issues: Consequence,
    /// Whether a pull request must bear the label `datafold`.
    pub label: Label,
    /// The one branch whose pull requests count; `None`: any.
    pub base_branch: Option<String>,
    /// The most diffs that start without a person's confirmation.
    pub diff_threshold: Option<usize>,
    /// Where the pull request's tree has its diffs file; `None`: `datafold/diffs.json`, `.yaml` or `.yml`.
    pub diffs: Option<String>,
    /// What `${PR_SCHEMA}` stands for; may hold `${PR_NUMBER}` and `${PR_SHA}`.
    pub schema: Option<String>,
    /// How diffs are found from changed SQL files where there is no diffs file.
    pub discovery: Option<Discovery>,
    /// Columns that no diff compares.
    pub columns_to_ignore: Vec<String>,
}

/// What becomes of a commit's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// It is bad.
    Fails,
    /// It stays good; the comment says what there is to see.
    Passes,
}

/// Whether a label is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// It must be there.
    Required,
    /// It need not.
    Optional,
}

/// How diffs are found from changed SQL files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Globs of the files that are read; from the repository's root.
    pub files: Vec<String>,
    /// What the placeholders of a table's name stand for in production, by name.
    pub production: Vec<(String, String)>,
    /// What they stand for in the pull request, by name; may hold `${PR_NUMBER}`, `${PR_SHA}` and `${PR_SCHEMA}`.
    pub pull_request: Vec<(String, String)>,
}

/// Files that discovery reads where the document does not say.
const SQL_FILES: &str = "**/*.sql";

impl CiConfig {
    /// Reads the spec of a `ci_config` document called `name`. Fields that are not asked for here (sampling, unknown ones) are passed over:
    /// the platform's own checks of the document are about those. A field that is null is one that is absent.
    ///
    /// # Errors
    /// Every field that is missing or of another shape.
    pub fn read(name: &str, spec: &Map) -> Result<Self, Vec<FieldFault>> {
        let mut fields = Fields {
            spec,
            faults: Vec::new(),
        };
        let id = fields.required("ci_config_id", "the number of the CI configuration", Value::as_i64);
        let repository = fields.required("repository", "a text", named);
        let data_connection = fields.required("data_connection", "a name or a number", name_or_number);
        let config = Self {
            name: name.to_owned(),
            id: CiConfigId(id.unwrap_or_default()),
            repository: Repository(repository.unwrap_or_default()),
            forge: fields.get("forge", "a text", named),
            data_connection: data_connection.unwrap_or_default(),
            files_to_ignore: fields
                .get("files_to_ignore", "a text or a list of texts", lines)
                .unwrap_or_default(),
            errors: fields.consequence("fail_on_errors", Consequence::Fails),
            differences: fields.consequence("fail_on_differences", Consequence::Passes),
            key_issues: fields.consequence("fail_on_primary_key_issues", Consequence::Passes),
            label: match fields.get("require_label", "true or false", Value::as_bool) {
                Some(true) => Label::Required,
                Some(false) | None => Label::Optional,
            },
            base_branch: fields.get("base_branch", "a text", named),
            diff_threshold: fields.get("diff_threshold", "a number, 0 or more", |value| {
                value.as_i64().and_then(|number| usize::try_from(number).ok())
            }),
            diffs: fields.get("diffs", "a path", named),
            schema: fields.get("schema", "a text", named),
            discovery: fields.discovery(),
            columns_to_ignore: fields
                .get("columns_to_ignore", "a list of texts", texts)
                .unwrap_or_default(),
        };
        if fields.faults.is_empty() {
            Ok(config)
        } else {
            Err(fields.faults)
        }
    }
}

/// The fields of a document, and what is wrong with those that were read.
struct Fields<'a> {
    spec: &'a Map,
    faults: Vec<FieldFault>,
}

impl Fields<'_> {
    fn at<T>(&mut self, path: &FieldPath, shape: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = path.get(self.spec).filter(|value| !value.is_null())?;
        let found = read(value);
        if found.is_none() {
            let message = format!("`{path}` is {}, and must be {shape}", said(value));
            self.faults.push(FieldFault {
                at: path.clone(),
                diagnostic: Diagnostic::error("wrong_type", message).help(format!("write {shape}")),
            });
        }
        found
    }

    fn get<T>(&mut self, name: &str, shape: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        self.at(&FieldPath::top(name), shape, read)
    }

    fn required<T>(&mut self, name: &str, shape: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        if self.spec.get(name).is_none_or(Value::is_null) {
            self.faults.push(FieldFault {
                at: FieldPath::top(name),
                diagnostic: Diagnostic::error("missing_field", format!("`{name}` is missing"))
                    .help(format!("add `{name}`: {shape}")),
            });
        }
        self.get(name, shape, read)
    }

    fn consequence(&mut self, name: &str, unsaid: Consequence) -> Consequence {
        match self.get(name, "true or false", Value::as_bool) {
            Some(true) => Consequence::Fails,
            Some(false) => Consequence::Passes,
            None => unsaid,
        }
    }

    fn discovery(&mut self) -> Option<Discovery> {
        let top = FieldPath::top("discovery");
        self.at(&top, "a map", |value| value.as_map().map(|_| ()))?;
        let files = self.at(&top.child("files"), "a list of globs", texts);
        Some(Discovery {
            files: files.unwrap_or_else(|| vec![SQL_FILES.to_owned()]),
            production: self.parameters(&top.child("production")),
            pull_request: self.parameters(&top.child("pull_request")),
        })
    }

    fn parameters(&mut self, path: &FieldPath) -> Vec<(String, String)> {
        let shape = "a map of names to texts";
        self.at(path, shape, |value| {
            let entries = value.as_map()?.iter();
            entries
                .map(|(name, value)| Some((name.clone(), scalar(value)?)))
                .collect()
        })
        .unwrap_or_default()
    }
}

/// What a value is, for a message; the number of a wrong range is worth more than its kind.
fn said(value: &Value) -> String {
    match value {
        Value::Number(Number::Int(number)) => number.to_string(),
        Value::String(text) if text.trim().is_empty() => "empty".to_owned(),
        other => other.noun().to_owned(),
    }
}

/// A text with something in it, without white space around it.
fn named(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn name_or_number(value: &Value) -> Option<String> {
    named(value).or_else(|| value.as_i64().map(|number| number.to_string()))
}

/// The text of a scalar: numbers as they are written.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(Number::Int(number)) => Some(number.to_string()),
        Value::Number(Number::Big(digits)) => Some(digits.clone()),
        Value::Number(Number::Float(_))
        | Value::Null
        | Value::Bool(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Secret(_) => None,
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value
        .as_list()?
        .iter()
        .map(|item| item.as_str().map(str::to_owned))
        .collect()
}

fn lines(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(text.lines().map(str::to_owned).collect()),
        other => texts(other),
    }
}

#[cfg(test)]
mod tests;
