//! Faults of files as a terminal, a program or a CI system wants them.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use driftless_core::diagnostic::{Diagnostic, Severity};
use driftless_core::render::{count_severity, plain, plain_line};
use serde_json::json;

use super::out;

/// The forms of `validate --format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// As a compiler shows them.
    Text,
    /// One JSON document.
    Json,
    /// SARIF 2.1.0, for code-scanning pages.
    Sarif,
    /// Workflow commands that annotate a pull request on GitHub.
    Github,
}

/// All diagnostics in one form; the text ends with a line that counts them.
pub(crate) fn render(diagnostics: &[Diagnostic], format: Format) -> String {
    match format {
        Format::Text => text(diagnostics),
        Format::Json => document(&json(diagnostics)),
        Format::Sarif => document(&sarif(diagnostics)),
        Format::Github => diagnostics.iter().map(github).collect(),
    }
}

/// Says all of them to the person at the terminal, and how many there are.
pub(crate) fn say(diagnostics: &[Diagnostic]) {
    out::say(text(diagnostics).trim_end());
}

fn document(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

fn text(diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&one(diagnostic));
        out.push('\n');
    }
    let (errors, warnings) = (
        count_severity(diagnostics, Severity::Error),
        count_severity(diagnostics, Severity::Warning),
    );
    if errors + warnings > 0 {
        let _ = writeln!(out, "{}, {}", count(errors, "error"), count(warnings, "warning"));
    }
    out
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

/// One diagnostic as a compiler shows it.
pub(crate) fn one(diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    // What came from a repository must not steer the terminal.
    let clean = |text: &str| -> String {
        let marked = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
        plain(&text.chars().map(marked).collect::<String>())
    };
    let mut group = level
        .primary_title(clean(&diagnostic.message))
        .id(diagnostic.code)
        .elements(Vec::<Origin>::new());
    let excerpt = diagnostic.excerpt.as_deref().map(clean);
    match (&diagnostic.place, excerpt) {
        (Some(place), Some(line)) => {
            let column = usize::try_from(place.column).unwrap_or(1).saturating_sub(1);
            let start = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
            let end = line[start..]
                .find([':', ' '])
                .filter(|length| *length > 0)
                .map_or(line.len(), |at| start + at);
            let snippet = Snippet::source(line)
                .path(plain_line(&place.file))
                .line_start(usize::try_from(place.line).unwrap_or(1))
                .annotation(AnnotationKind::Primary.span(start..end.max(start)));
            group = group.element(snippet);
        }
        (Some(place), None) => {
            let origin = Origin::path(plain_line(&place.file))
                .line(usize::try_from(place.line).unwrap_or(1))
                .char_column(usize::try_from(place.column).unwrap_or(1));
            group = group.element(origin);
        }
        (None, _) => {}
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(clean(help)));
    }
    Renderer::styled().render(&[group])
}

fn json(diagnostics: &[Diagnostic]) -> serde_json::Value {
    let all: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| {
            let place = diagnostic.place.as_ref();
            json!({
                "severity": diagnostic.severity.word(),
                "code": diagnostic.code,
                "message": diagnostic.message,
                "file": place.map(|place| place.file.to_string()),
                "line": place.map(|place| place.line),
                "column": place.map(|place| place.column),
                "excerpt": diagnostic.excerpt,
                "help": diagnostic.help,
            })
        })
        .collect();
    json!({
        "version": 1,
        "errors": count_severity(diagnostics, Severity::Error),
        "warnings": count_severity(diagnostics, Severity::Warning),
        "diagnostics": all,
    })
}

/// A path as a reference of RFC 3986, which is what SARIF takes: all but letters, digits, `-._~` and `/` is escaped.
fn reference(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn sarif(diagnostics: &[Diagnostic]) -> serde_json::Value {
    let rules: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| diagnostic.code)
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    let results: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| {
            let text = match &diagnostic.help {
                Some(help) => format!("{}. {help}", diagnostic.message),
                None => diagnostic.message.clone(),
            };
            let locations: Vec<_> = diagnostic
                .place
                .iter()
                .map(|place| {
                    let mut region = json!({"startLine": place.line, "startColumn": place.column});
                    if let Some(line) = &diagnostic.excerpt {
                        region["snippet"] = json!({"text": line});
                    }
                    json!({"physicalLocation": {
                        "artifactLocation": {"uri": reference(&place.file)},
                        "region": region,
                    }})
                })
                .collect();
            json!({
                "ruleId": diagnostic.code,
                "ruleIndex": rules.binary_search(&diagnostic.code).ok(),
                "level": diagnostic.severity.word(),
                "message": {"text": text},
                "locations": locations,
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "driftless",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.into_iter().map(|id| json!({"id": id})).collect::<Vec<_>>(),
            }},
            // Columns count characters, which SARIF would take for units of UTF-16.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// A workflow command; what could end it or begin another is escaped as the runner's documentation says.
fn github(diagnostic: &Diagnostic) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let mut properties = vec![format!("title={}", property(diagnostic.code))];
    if let Some(place) = &diagnostic.place {
        properties.push(format!("file={}", property(&place.file)));
        properties.push(format!("line={}", place.line));
        properties.push(format!("col={}", place.column));
    }
    let help = diagnostic
        .help
        .as_ref()
        .map(|help| format!(" ({help})"))
        .unwrap_or_default();
    format!(
        "::{} {}::{}\n",
        diagnostic.severity.word(),
        properties.join(","),
        data(&format!("{}{help}", diagnostic.message))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftless_core::diagnostic::Place;

    fn example() -> Diagnostic {
        let place = Place {
            file: "checks/a.yaml".into(),
            line: 3,
            column: 1,
        };
        let fault = Diagnostic::error("unknown_rule", "no rule `notNul`")
            .at(place)
            .help("did you mean `notNull`?");
        Diagnostic {
            excerpt: Some("rule_type: notNul".into()),
            ..fault
        }
    }

    #[test]
    fn a_fault_is_shown_with_its_line_and_its_help() {
        let shown = anstream::adapter::strip_str(&one(&example())).to_string();
        for part in [
            "error[unknown_rule]: no rule `notNul`",
            "checks/a.yaml:3:1",
            "rule_type: notNul",
            "did you mean",
        ] {
            assert!(shown.contains(part), "{shown}");
        }
    }

    #[test]
    fn hostile_text_neither_steers_the_terminal_nor_ends_a_workflow_command() {
        let mut fault = example();
        fault.message = "x\u{1b}[2J\n::error::y".into();
        assert!(
            !anstream::adapter::strip_str(&one(&fault))
                .to_string()
                .contains("\u{1b}[2J")
        );
        assert!(!one(&fault).contains("\u{1b}[2J"));
        assert_eq!(github(&fault).lines().count(), 1);
    }

    #[test]
    fn programs_get_one_document() {
        let json: serde_json::Value = serde_json::from_str(&render(&[example()], Format::Json)).unwrap_or_default();
        assert_eq!(json["errors"], 1);
        assert_eq!(json["diagnostics"][0]["line"], 3);
        assert_eq!(json["diagnostics"][0]["excerpt"], "rule_type: notNul");
        let mut hard = example();
        if let Some(place) = &mut hard.place {
            place.file = "a:b/Order Items/é#1.yaml".into();
        }
        let sarif: serde_json::Value = serde_json::from_str(&render(&[hard], Format::Sarif)).unwrap_or_default();
        let result = &sarif["runs"][0]["results"][0];
        assert_eq!(
            (&result["ruleId"], &result["ruleIndex"]),
            (&json!("unknown_rule"), &json!(0))
        );
        let location = &result["locations"][0]["physicalLocation"];
        assert_eq!(
            location["artifactLocation"]["uri"],
            "a%3Ab/Order%20Items/%C3%A9%231.yaml"
        );
        let region = json!({"startLine": 3, "startColumn": 1, "snippet": {"text": "rule_type: notNul"}});
        assert_eq!(location["region"], region);
    }
}
