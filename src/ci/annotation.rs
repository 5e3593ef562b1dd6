//! Annotations in comments of SQL: `-- datafold: pk=a,b`, the vendor's words, and `include=` and `exclude=` besides.
//!
//! The vendor's own reader wants exactly one blank and no blank behind commas, and takes `;`, `*/` and quotes for parts of a name
//! (`reference` 10). Here they are what they look like.

use driftless_core::nearest::did_you_mean;
use driftless_core::yaml::Mark;

/// What an annotation says, each name with its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Annotation {
    pub(super) at: Option<Mark>,
    pub(super) primary_key: Vec<(String, Mark)>,
    pub(super) include: Vec<(String, Mark)>,
    pub(super) exclude: Vec<(String, Mark)>,
}

/// What is wrong with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AnnotationFault {
    pub(super) at: Mark,
    pub(super) message: String,
    pub(super) help: String,
}

const WORD: &str = "datafold:";

const FIELDS: [&str; 3] = ["pk", "include", "exclude"];

/// Reads the annotations of a comment, line by line; a comment that only speaks of Datafold has none. `at` is where its text begins.
pub(super) fn read(comment: &str, at: Mark) -> (Option<Annotation>, Vec<AnnotationFault>) {
    let mut found: Option<Annotation> = None;
    let mut faults = Vec::new();
    for (index, line) in comment.split('\n').enumerate() {
        let start = Mark {
            line: at.line.saturating_add(u32::try_from(index).unwrap_or(u32::MAX)),
            column: if index == 0 { at.column } else { 1 },
        };
        let Some(behind) = behind_word(line) else { continue };
        let mut reader = Reader {
            line,
            offset: behind,
            start,
        };
        while let Some((field, place)) = reader.field() {
            let names = reader.names(&field, &mut faults);
            let annotation = found.get_or_insert_default();
            annotation.at.get_or_insert(place);
            let list = match field.to_ascii_lowercase().as_str() {
                "pk" => &mut annotation.primary_key,
                "include" => &mut annotation.include,
                "exclude" => &mut annotation.exclude,
                _ => {
                    let help =
                        did_you_mean(&field, FIELDS).unwrap_or_else(|| format!("known are {}", FIELDS.join(", ")));
                    faults.push(AnnotationFault {
                        at: place,
                        message: format!("the annotation has `{field}=`, which says nothing"),
                        help,
                    });
                    continue;
                }
            };
            if list.is_empty() {
                *list = names;
            } else {
                faults.push(AnnotationFault {
                    at: place,
                    message: format!("the annotation has `{field}=` twice"),
                    help: "keep one of them".to_owned(),
                });
            }
        }
    }
    (found, faults)
}

/// The place behind `datafold:`, which is a word of its own.
fn behind_word(line: &str) -> Option<usize> {
    let lower = line.to_ascii_lowercase();
    let is_word = |at: usize| {
        !lower[..at].ends_with(|sign: char| sign.is_alphanumeric() || matches!(sign, '_' | '-' | '/' | '.'))
    };
    let (at, word) = lower.match_indices(WORD).find(|(at, _)| is_word(*at))?;
    Some(at + word.len())
}

struct Reader<'a> {
    line: &'a str,
    offset: usize,
    start: Mark,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.line.get(self.offset..).unwrap_or_default()
    }

    fn skip(&mut self, is_skipped: impl Fn(char) -> bool) {
        self.offset = self.line.len() - self.rest().trim_start_matches(is_skipped).len();
    }

    fn mark(&self) -> Mark {
        let before = self.line.get(..self.offset).unwrap_or_default().chars().count();
        Mark {
            line: self.start.line,
            column: self
                .start
                .column
                .saturating_add(u32::try_from(before).unwrap_or(u32::MAX)),
        }
    }

    /// `word =`, behind blanks and semicolons.
    fn field(&mut self) -> Option<(String, Mark)> {
        self.skip(|sign| sign.is_whitespace() || sign == ';');
        let place = self.mark();
        let rest = self.rest();
        let end = rest
            .find(|sign: char| !sign.is_alphanumeric() && sign != '_')
            .unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let behind_sign = behind.trim_start().strip_prefix('=')?;
        if word.is_empty() {
            return None;
        }
        self.offset = self.line.len() - behind_sign.len();
        Some((word.to_owned(), place))
    }

    fn names(&mut self, field: &str, faults: &mut Vec<AnnotationFault>) -> Vec<(String, Mark)> {
        let mut names = Vec::new();
        loop {
            self.skip(char::is_whitespace);
            let place = self.mark();
            let name = self.name();
            if name.trim().is_empty() {
                faults.push(AnnotationFault {
                    at: place,
                    message: format!("the annotation's `{field}=` has an empty name"),
                    help: "write column names with commas between them, all on one line: pk=a, b".to_owned(),
                });
            } else {
                names.push((name, place));
            }
            self.skip(char::is_whitespace);
            if !self.rest().starts_with(',') {
                return names;
            }
            self.offset += 1;
        }
    }

    fn name(&mut self) -> String {
        let rest = self.rest();
        let close = match rest.chars().next() {
            Some(quote @ ('"' | '`' | '\'')) => Some(quote),
            Some('[') => Some(']'),
            _ => None,
        };
        if let Some(close) = close
            && let Some((inside, behind)) = rest.get(1..).and_then(|inside| inside.split_once(close))
        {
            self.offset = self.line.len() - behind.len();
            return inside.to_owned();
        }
        let end = rest
            .find(|sign: char| sign.is_whitespace() || matches!(sign, ',' | ';'))
            .unwrap_or(rest.len());
        let name = &rest[..end];
        let name = name.split_once("*/").map_or(name, |(name, _)| name);
        self.offset += name.len();
        name.to_owned()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Mark = Mark { line: 3, column: 3 };

    fn key(comment: &str) -> Option<Vec<String>> {
        let (annotation, faults) = read(comment, START);
        assert_eq!(faults, [], "{comment}");
        annotation.map(|annotation| annotation.primary_key.into_iter().map(|(name, _)| name).collect())
    }

    #[test]
    fn the_vendors_annotations_mean_what_they_look_like() {
        let table: &[(&str, Option<&[&str]>)] = &[
            (" datafold: pk=org_id", Some(&["org_id"])),
            (" datafold: pk=a,b", Some(&["a", "b"])),
            (" datafold: pk=a, b", Some(&["a", "b"])),
            (" datafold:pk=a", Some(&["a"])),
            (" datafold:  pk=a", Some(&["a"])),
            (" datafold: pk = a", Some(&["a"])),
            (" datafold: pk=a*/", Some(&["a"])),
            (" datafold: pk=a;", Some(&["a"])),
            (" datafold: pk=\"A\",b", Some(&["A", "b"])),
            (" DataFold: PK=`a b`,[c d] the natural key", Some(&["a b", "c d"])),
            (" datafold: compares this", None),
            (" see https://app.datafold.com/datafold: pk=x", None),
            (" nothing", None),
        ];
        for (comment, expected) in table {
            let found = key(comment);
            let found: Option<Vec<&str>> = found.as_ref().map(|names| names.iter().map(String::as_str).collect());
            assert_eq!(found.as_deref(), *expected, "{comment}");
        }
    }

    #[test]
    fn columns_may_be_included_and_excluded_and_each_name_has_its_place() {
        let (annotation, faults) = read(" about\n datafold: pk=a; include = b, c exclude=d", START);
        let annotation = annotation.unwrap();
        let at = |column: u32| Mark { line: 4, column };
        assert_eq!(faults, []);
        assert_eq!(annotation.primary_key, [("a".to_owned(), at(15))]);
        assert_eq!(annotation.include, [("b".to_owned(), at(28)), ("c".to_owned(), at(31))]);
        assert_eq!(annotation.exclude, [("d".to_owned(), at(41))]);
    }

    #[test]
    fn what_an_annotation_cannot_mean_is_a_fault_at_its_place() {
        let told = |comment: &str| -> Vec<String> {
            let faults = read(comment, START).1;
            faults
                .into_iter()
                .map(|fault| format!("{}:{} {}", fault.at.line, fault.at.column, fault.message))
                .collect()
        };
        assert_eq!(
            told(" datafold: pk=a,"),
            ["3:19 the annotation's `pk=` has an empty name"]
        );
        assert_eq!(
            told(" datafold: exclud=a"),
            ["3:14 the annotation has `exclud=`, which says nothing"]
        );
        assert_eq!(told(" datafold: pk=a pk=b"), ["3:19 the annotation has `pk=` twice"]);
    }

    proptest! {
        #[test]
        fn any_comment_is_read(text in "(datafold:|pk|=|,|;|\"|\\[|\\*/| |\n|İ|.){0,30}") {
            read(&text, START);
        }
    }
}
