//! The variables of an environment's documents, from the three places that may give them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use driftless_core::diagnostic::Diagnostic;
use driftless_core::substitute::Variables;
use serde::Deserialize;

use super::{EnvironmentConfig, dotenv, secret_file};
use crate::variables::Values;

/// Text by name; the text may be a secret, so that only the names are ever printed.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Texts(pub BTreeMap<String, String>);

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The values of one environment: its `variables` and `env_files`, what it lets through of the process, and its secret files.
#[derive(Clone, Debug)]
pub struct EnvironmentValues {
    environment: EnvironmentConfig,
    process: Texts,
    sensitive: BTreeSet<String>,
}

impl EnvironmentValues {
    /// `sensitive` are the variables that are a secret by their use in the config file.
    pub fn new(environment: EnvironmentConfig, process: BTreeMap<String, String>, sensitive: BTreeSet<String>) -> Self {
        Self {
            environment,
            process: Texts(process),
            sensitive,
        }
    }
}

impl Values for EnvironmentValues {
    fn read(&self, files: &BTreeSet<String>) -> Result<Variables, Vec<Diagnostic>> {
        let environment = &self.environment;
        let values = variables(environment, &self.process.0)?;
        let files = secret_file::read_all(files, |path| environment.allows_file(path));
        let variables = Variables::new(values, self.sensitive.clone()).with_files(files);
        Ok(match environment.substituted_kinds() {
            Some(kinds) => variables.in_kinds(kinds),
            None => variables,
        })
    }
}

/// The variables that documents of `environment` may use: its `variables`, then its `env_files` (the last one first), then
/// those of the process that `env_passthrough` lets through. Reads the files anew, so that a rotated secret is seen.
///
/// # Errors
/// All faults of the files; none of them quotes a value.
pub(super) fn variables(
    environment: &EnvironmentConfig,
    process: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Vec<Diagnostic>> {
    let mut found: BTreeMap<String, String> = process
        .iter()
        .filter(|(name, _)| environment.env_passthrough.iter().any(|glob| matches(glob, name)))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut faults = Vec::new();
    for path in &environment.env_files {
        let name = path.display().to_string();
        match std::fs::read(path) {
            Ok(bytes) => match dotenv::parse(&name, &bytes) {
                Ok(values) => found.extend(values),
                Err(mut more) => faults.append(&mut more),
            },
            Err(error) => {
                let message = format!(
                    "the file `{name}` of environment `{}` cannot be read: {error}",
                    environment.name
                );
                let help = "check `env_files`, and that the user that runs driftless may read it";
                faults.push(Diagnostic::error("env_file_unreadable", message).help(help));
            }
        }
    }
    found.extend(environment.variables.0.clone());
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

/// Whether `name` is what `glob` means: `*` stands for any letters, everything else for itself.
fn matches(glob: &str, name: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_letters_and_nothing_else_is_special() {
        for (glob, name, expected) in [
            ("DB_*", "DB_PASSWORD", true),
            ("DB_*", "DB_", true),
            ("DB_*", "MYDB_X", false),
            ("*", "ANY", true),
            ("A*B*C", "AxBxC", true),
            ("A*B*C", "AC", false),
            ("A*A", "A", false),
            ("EXACT", "EXACT", true),
            ("EXACT", "EXACTLY", false),
            ("", "A", false),
        ] {
            assert_eq!(matches(glob, name), expected, "{glob} {name}");
        }
    }
}
