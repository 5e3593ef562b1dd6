//! From a merged document to one that can be compared: substituted, normalised, checked.

use super::leaf::{Leaf, scalars};
use super::{Layer, Loader, Raw};
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::document::{Document, Origin};
use crate::field::FieldPath;
use crate::key::{Key, Kind};
use crate::normalize::normalize;
use crate::schema::{KindSpec, Side, Substitution};
use crate::snapshot::Broken;
use crate::substitute::{Secrets, Substituted, SubstitutionFault, substitute};
use crate::value::{Map, Secret, Value};

/// Codes of faults that a value has by what it is, and not by where it stands.
const OF_VALUES: [&str; 2] = ["wrong_type", "invalid_value"];

/// What to do about a secret that has no value where files are only looked at.
const SET_WHERE_APPLIED: &str = "secrets need not be known to validate: set it where this is planned and applied";

impl Loader<'_> {
    /// Substitutes, normalises and checks a merged document. `None` when it has an error.
    pub(super) fn finish(&mut self, raw: Raw) -> Option<Document> {
        let Raw {
            key,
            overlay_alone,
            by_slug,
            mut spec,
            origin,
        } = raw;
        let before = self.broken.len();
        let kept = self.substitute(&key, &mut spec, &origin);
        let mut faults = self.schema.check_written(key.kind, &spec);
        let previous = self.previous(&key, &spec, &origin);
        let protected = self.protected(&key, &spec, &origin);
        let mut spec = normalize(self.schema, key.kind, Side::Desired, spec);
        faults.extend(self.schema.check(&key, &spec));
        // The placeholder is no value: what is wrong with it is said.
        faults.retain(|fault| !(OF_VALUES.contains(&fault.diagnostic.code) && kept.contains(&fault.at)));
        for fault in faults {
            let diagnostic = fault.diagnostic.at(self.place(key.kind, &origin, &fault.at));
            match diagnostic.severity {
                Severity::Error if overlay_alone => {
                    let help = match &diagnostic.help {
                        Some(help) => format!("{help}; {}", stray(&key)),
                        None => stray(&key),
                    };
                    self.fail(key.kind, Some(key.clone()), diagnostic.help(help));
                }
                Severity::Error => self.fail(key.kind, Some(key.clone()), diagnostic),
                Severity::Warning => self.diagnostics.push(diagnostic),
            }
        }
        if self.broken.len() > before {
            // What is live under the old name is this document's.
            self.broken.extend(previous.map(|name| Broken {
                key: Some(key.sibling(&name)),
                kind: Some(key.kind),
            }));
            return None;
        }
        let references = self.schema.references(&key, &spec);
        // It stays as long as the pass.
        spec.shrink_to_fit();
        Some(Document {
            key,
            spec,
            references,
            previous,
            protected,
            origin,
            by_slug,
        })
    }

    /// Tells the faults that a document of the base has besides the one that keeps it from being used. Where there are overlays
    /// nothing is told: they might have had the last word.
    pub(super) fn tell_rest(&mut self, raw: Raw, layer: Layer) {
        if layer == Layer::Base && !self.has_overlays {
            let (broken, told) = (self.broken.len(), self.diagnostics.len());
            self.finish(raw);
            // The fault that was told already says what is broken.
            self.broken.truncate(broken);
            let mut rest = self.diagnostics.split_off(told);
            if let Some(first) = self.diagnostics.last() {
                let of = |fault: &Diagnostic| (fault.code, fault.place.clone(), fault.message.clone());
                rest.retain(|fault| of(fault) != of(first));
            }
            self.diagnostics.append(&mut rest);
        }
    }

    /// Where a field stands, under whichever of its spellings the text has.
    fn place(&self, kind: Kind, origin: &Origin, at: &FieldPath) -> Place {
        let place = origin.place(at);
        let aliases = self.schema.spec(kind).map_or(&[][..], |spec| spec.aliases);
        let spelt = aliases
            .iter()
            .filter(|(_, field)| place == origin.start() && *field == at.head())
            .map(|(spelling, _)| origin.place(&FieldPath::top(*spelling)));
        spelt.max().map_or(place.clone(), |other| other.max(place))
    }

    /// Replaces the placeholders of the fields; the normalised paths of those that stay for a fault.
    fn substitute(&mut self, key: &Key, spec: &mut Map, origin: &Origin) -> Vec<FieldPath> {
        let mut kept = Vec::new();
        let Some(table) = self.schema.spec(key.kind) else {
            return kept;
        };
        let substitution = self.variables.substitution(table);
        let secrets: Vec<FieldPath> = table.secrets.iter().map(|field| FieldPath::dotted(field)).collect();
        let identity = self.identity_paths(key.kind);
        let vault = table.leaves_to_vault(spec);
        let mut leaves = Vec::new();
        scalars(spec, None, &mut leaves);
        for (leaf, text) in leaves {
            let secret = secrets.iter().any(|secret| leaf.is_within(secret));
            let plain =
                substitution == Substitution::Scalars && !vault && !identity.iter().any(|field| leaf.is_within(field));
            if !secret && !plain {
                continue;
            }
            let substituted = match (substitution, &text) {
                (Substitution::Scalars, Some(text)) => match substitute(text, self.variables) {
                    Ok(substituted) => substituted,
                    Err(faults) => {
                        let place = origin.place(&leaf.path);
                        for fault in faults {
                            if secret && fault.is_of_this_place() && self.variables.secrets() == Secrets::Elsewhere {
                                let (message, _) = fault.explain();
                                let fault = Diagnostic::warning(fault.code(), message).at(place.clone());
                                self.diagnostics.push(fault.help(SET_WHERE_APPLIED));
                            } else {
                                self.fail(key.kind, Some(key.clone()), told(&fault).at(place.clone()));
                            }
                        }
                        if secret {
                            leaf.set(spec, Value::Secret(Secret::new(text.clone())));
                        } else {
                            kept.push(spelt(table, leaf.path));
                        }
                        continue;
                    }
                },
                (Substitution::Off, Some(text)) => Substituted::verbatim(text.clone()),
                // A number or a truth in a secret field is as secret as a text.
                (_, None) if secret => {
                    Substituted::verbatim(leaf.get(spec).map(crate::json::write).unwrap_or_default())
                }
                (_, None) => continue,
            };
            if secret {
                leaf.set(spec, Value::Secret(Secret::new(substituted.text)));
            } else if text.as_deref() != Some(substituted.text.as_str()) {
                let shown = self.shown_secrets(&substituted);
                // What is not there can be in no message about the rest of the document.
                if shown.is_empty() {
                    leaf.set(spec, Value::String(substituted.text));
                    continue;
                }
                for fault in shown {
                    self.fail(key.kind, Some(key.clone()), fault.at(origin.place(&leaf.path)));
                }
                kept.push(spelt(table, leaf.path));
            }
        }
        kept
    }

    /// Replaces the placeholders of the identity fields, which are needed before overlays can be merged; its faults.
    pub(super) fn substitute_identity(&self, kind: Kind, spec: &mut Map, origin: &Origin) -> Vec<Diagnostic> {
        let mut faults = Vec::new();
        if self.schema.spec(kind).map(|spec| self.variables.substitution(spec)) != Some(Substitution::Scalars) {
            return faults;
        }
        let identity = self.identity_paths(kind);
        let mut leaves: Vec<(Leaf, Option<String>)> = Vec::new();
        scalars(spec, None, &mut leaves);
        leaves.retain(|(leaf, _)| identity.iter().any(|field| leaf.is_within(field)));
        for (leaf, text) in leaves {
            let Some(text) = text else { continue };
            let found = match substitute(&text, self.variables) {
                Ok(substituted) => {
                    let shown = self.shown_secrets(&substituted);
                    if shown.is_empty() {
                        leaf.set(spec, Value::String(substituted.text));
                    }
                    shown
                }
                Err(found) => found.iter().map(told).collect(),
            };
            faults.extend(found.into_iter().map(|fault| fault.at(origin.place(&leaf.path))));
        }
        faults
    }

    /// The faults of a text in a field that is shown: a variable that is a secret somewhere is one everywhere, and a file is always
    /// one. Nobody reads a token through a description.
    fn shown_secrets(&self, substituted: &Substituted) -> Vec<Diagnostic> {
        let fault = |message: String, help: &str| Diagnostic::error("secret_in_plain_field", message).help(help);
        let is_secret = |name: &&String| self.sensitive_uses.contains(*name) || self.variables.is_sensitive(name);
        let variables = substituted.used.iter().filter(is_secret).map(|name| {
            let message = format!("variable `{name}` holds a secret and is used in a field that is shown");
            let help =
                "use another variable here; one that is used in a secret field, a target or a webhook is for those";
            fault(message, help)
        });
        let files = substituted.files.iter().map(|path| {
            let message = format!("the file `{path}` is read as a secret and is used in a field that is shown");
            let help = "name files in secret fields alone; give what may be shown as a variable";
            fault(message, help)
        });
        variables.chain(files).collect()
    }

    fn identity_paths(&self, kind: Kind) -> Vec<FieldPath> {
        let fields = self.schema.identity_fields(kind);
        fields.iter().map(|field| FieldPath::dotted(field)).collect()
    }
}

/// A path in the table's spelling.
fn spelt(table: &KindSpec, path: FieldPath) -> FieldPath {
    let field = table.aliases.iter().find(|(spelling, _)| path.keys() == [*spelling]);
    field.map_or(path, |(_, field)| FieldPath::top(*field))
}

fn told(fault: &SubstitutionFault) -> Diagnostic {
    let (message, help) = fault.explain();
    Diagnostic::error(fault.code(), message).help(help)
}

/// What to do about a document that only an overlay declares and that does not stand by itself.
fn stray(key: &Key) -> String {
    format!(
        "only an overlay declares `{key}`: where it is to change one from below, correct its identity, or remove it with what it changed"
    )
}
