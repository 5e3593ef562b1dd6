//! From a merged document to one that can be compared: substituted, normalised, checked.

use std::collections::{BTreeMap, BTreeSet};

use super::leaf::scalars;
use super::{Loader, PlainUse, Raw};
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::document::{Document, Origin};
use crate::field::FieldPath;
use crate::key::{Key, Kind};
use crate::normalize::normalize;
use crate::schema::{Side, Substitution};
use crate::substitute::{Secrets, Substituted, substitute};
use crate::value::{Map, Secret, Value};

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
        self.substitute(&key, &mut spec, &origin);
        let mut faults = self.schema.check_written(key.kind, &spec);
        let mut spec = normalize(self.schema, key.kind, Side::Desired, spec);
        faults.extend(self.schema.check(&key, &spec));
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
            return None;
        }
        let references = self.schema.references(&key, &spec);
        // It stays as long as the pass.
        spec.shrink_to_fit();
        Some(Document {
            key,
            spec,
            references,
            origin,
            by_slug,
        })
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

    fn substitute(&mut self, key: &Key, spec: &mut Map, origin: &Origin) {
        let Some(table) = self.schema.spec(key.kind) else {
            return;
        };
        let secrets: Vec<FieldPath> = table.secrets.iter().map(|field| FieldPath::dotted(field)).collect();
        let identity: Vec<FieldPath> = self
            .schema
            .identity_fields(key.kind)
            .iter()
            .map(|field| FieldPath::dotted(field))
            .collect();
        let vault = table
            .vault
            .is_some_and(|field| spec.get(field).is_some_and(|value| !value.is_null()));
        let mut leaves = Vec::new();
        scalars(spec, None, &mut leaves);
        for (path, text) in leaves {
            let secret = secrets.iter().any(|secret| path.is_within(secret));
            let plain = table.substitution == Substitution::Scalars && !vault && !identity.contains(&path.path);
            if !secret && !plain {
                continue;
            }
            let substituted = match (table.substitution, &text) {
                (Substitution::Scalars, Some(text)) => match substitute(text, self.variables) {
                    Ok(substituted) => substituted,
                    Err(faults) => {
                        let place = origin.place(&path.path);
                        for fault in faults {
                            let (message, help) = fault.explain();
                            if secret && fault.is_of_this_place() && self.variables.secrets() == Secrets::Elsewhere {
                                let fault = Diagnostic::warning(fault.code(), message).at(place.clone());
                                self.diagnostics.push(fault.help(SET_WHERE_APPLIED));
                            } else {
                                let fault = Diagnostic::error(fault.code(), message);
                                self.fail(key.kind, Some(key.clone()), fault.at(place.clone()).help(help));
                            }
                        }
                        if secret {
                            path.set(spec, Value::Secret(Secret::new(text.clone())));
                        }
                        continue;
                    }
                },
                (Substitution::Off, Some(text)) => Substituted {
                    text: text.clone(),
                    used: BTreeSet::new(),
                },
                // A number or a truth in a secret field is as secret as a text.
                (_, None) if secret => Substituted {
                    text: path.get(spec).map(crate::json::write).unwrap_or_default(),
                    used: BTreeSet::new(),
                },
                (_, None) => continue,
            };
            if secret {
                self.sensitive_uses.extend(substituted.used);
                path.set(spec, Value::Secret(Secret::new(substituted.text)));
            } else if text.as_deref() != Some(substituted.text.as_str()) {
                let place = origin.place(&path.path);
                self.plain_uses
                    .extend(substituted.used.into_iter().map(|name| PlainUse {
                        name,
                        key: key.clone(),
                        place: place.clone(),
                    }));
                path.set(spec, Value::String(substituted.text));
            }
        }
    }

    /// A variable that is a secret somewhere is a secret everywhere: nobody reads a token through a description.
    pub(super) fn report_sensitive_uses(&mut self, documents: &mut BTreeMap<Key, Document>) {
        for PlainUse { name, key, place } in std::mem::take(&mut self.plain_uses) {
            if self.sensitive_uses.contains(&name) || self.variables.is_sensitive(&name) {
                documents.remove(&key);
                let message = format!("variable `{name}` holds a secret and is used in a field that is shown");
                let fault = Diagnostic::error("secret_in_plain_field", message).at(place);
                let help =
                    "use another variable here; one that is used in a secret field, a target or a webhook is for those";
                self.fail(key.kind, Some(key.clone()), fault.help(help));
            }
        }
    }
}

/// What to do about a document that only an overlay declares and that does not stand by itself.
fn stray(key: &Key) -> String {
    format!(
        "only an overlay declares `{key}`: where it is to change one from below, correct its identity, or remove it with what it changed"
    )
}
