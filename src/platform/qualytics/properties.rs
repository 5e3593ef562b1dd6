//! Faults of a check's properties: what each rule asks of them.

use std::cmp::Ordering;

use driftless_core::diagnostic::{Diagnostic, Severity};
use driftless_core::field::FieldPath;
use driftless_core::value::{Map, Value};

use super::pattern;
use super::references::text;
use super::rules::{self, Evidence, RULES, Rule};
use super::shapes::{COMPARATORS, PROPERTIES_OF_RULES, PROPERTY_SHAPES, Shape};
use crate::platform::fault_list::{Faults, number};
use crate::platform::shape::instant;

/// Two properties of which the first must not lie above the second.
const BOUNDS: [(&str, &str); 3] = [("min", "max"), ("min_size", "max_size"), ("min_time", "max_time")];

/// How many rules are named as those that have a property.
const NAMED: usize = 3;

/// Finds the faults of the properties; `row` is the check's rule, where it is known.
pub(super) fn check(properties: &Map, row: Option<&Rule>, faults: &mut Faults) {
    let within = FieldPath::top("properties");
    for (name, value) in properties {
        let at = within.child(name.clone());
        if !rules::PROPERTIES.contains(&name.as_str()) {
            faults.unknown(at, name, rules::PROPERTIES.iter().copied());
            continue;
        }
        if row.is_some_and(|row| !row.takes(name)) && says_something(value) {
            faults.add(at, foreign(name, row.map_or("", |row| row.name)));
            continue;
        }
        let (shape, severity) = shape(name, row);
        faults.shape(&at, value, shape, severity);
        if let (Some((_, known)), Some(map)) = (COMPARATORS.iter().find(|(of, _)| of == name), value.as_map()) {
            faults.shapes(map, Some(&at), known, severity);
        }
    }
    for (low, high) in BOUNDS {
        if let (Some(least), Some(most)) = (properties.get(low), properties.get(high))
            && compared(least, most) == Some(Ordering::Greater)
        {
            let message = format!("`{low}` lies above `{high}`: no row can pass");
            faults.add(
                within.child(low),
                Diagnostic::warning("invalid_value", message).help("exchange the two"),
            );
        }
    }
    if let Some(why) = text(properties, "pattern").and_then(pattern::broken) {
        let message = format!("`properties.pattern` is no regular expression: {why}");
        let help = "write a `\\` before a sign that is meant as itself";
        faults.add(
            within.child("pattern"),
            Diagnostic::warning("invalid_pattern", message).help(help),
        );
    }
    for required in row.map_or(&[][..], |row| row.required) {
        let is_empty = match properties.get(*required) {
            Some(Value::String(text)) => text.trim().is_empty(),
            Some(Value::List(items)) => items.is_empty(),
            _ => false,
        };
        if is_empty {
            let message = format!("`properties.{required}` is empty");
            let help = format!("`{}` has nothing to go by without it", row.map_or("", |row| row.name));
            faults.add(
                within.child(*required),
                Diagnostic::warning("empty_value", message).help(help),
            );
        }
    }
}

/// What a property must hold, and how bad it is if it does not: an error only where the platform is known to refuse it.
pub(super) fn shape(property: &str, row: Option<&Rule>) -> (Shape, Severity) {
    let known_by = |evidence| match evidence {
        Evidence::Client => Severity::Error,
        Evidence::Guide => Severity::Warning,
    };
    let own = row.and_then(|row| {
        let mut shapes = PROPERTIES_OF_RULES.iter();
        shapes.find(|of| of.rule == row.name && of.property == property)
    });
    if let Some(own) = own {
        return (own.shape, known_by(own.evidence));
    }
    let shape = PROPERTY_SHAPES.iter().find(|(known, _)| *known == property);
    (
        shape.map_or(Shape::Any, |(_, shape)| *shape),
        row.map_or(Severity::Warning, |row| known_by(row.evidence)),
    )
}

/// Whether a value is more than the platform's own filling of what a rule does not have.
fn says_something(value: &Value) -> bool {
    !value.is_null() && value.as_bool() != Some(false)
}

fn foreign(property: &str, rule: &str) -> Diagnostic {
    let having: Vec<&str> = RULES
        .iter()
        .filter(|row| row.takes(property))
        .map(|row| row.name)
        .collect();
    let fault = Diagnostic::warning(
        "foreign_property",
        format!("`properties.{property}` is not known to mean anything to `{rule}`"),
    );
    if having.is_empty() || having.len() > NAMED {
        fault.help("remove it, or correct the rule")
    } else {
        fault.help(format!(
            "it belongs to `{}`: remove it, or correct the rule",
            having.join("`, `")
        ))
    }
}

/// How two bounds stand to each other, where that can be told.
fn compared(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => number(a)?.partial_cmp(&number(b)?),
        // In one form, and without the `Z` that a fraction would stand before, they sort as time does.
        (Value::String(a), Value::String(b)) => {
            Some(instant(a)?.trim_end_matches('Z').cmp(instant(b)?.trim_end_matches('Z')))
        }
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::super::rules::find;
    use super::*;

    fn faults(rule: &str, json: &str) -> Vec<String> {
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        let mut faults = Faults(Vec::new());
        check(
            &crate::codec::map_from_json(value.as_object().unwrap()),
            find(rule),
            &mut faults,
        );
        faults
            .0
            .into_iter()
            .map(|fault| format!("{} {}", fault.at, fault.diagnostic))
            .collect()
    }

    #[test]
    fn what_a_rule_takes_has_no_fault() {
        for (rule, json) in [
            (
                "between",
                r#"{"min":0,"inclusive_min":true,"max":0.5,"inclusive_max":false}"#,
            ),
            ("expectedValues", r#"{"list":["a",1,null,true]}"#),
            ("matchesPattern", r#"{"pattern":"^(?=.*[0-9]).+$"}"#),
            ("afterDateTime", r#"{"datetime":"2024-01-15"}"#),
            (
                "betweenTimes",
                r#"{"min_time":"2024-01-15 10:00:00","max_time":"2024-01-15T12:00:00.5+02:00"}"#,
            ),
            ("betweenTimes", r#"{"min_time":"08:00","max_time":"17:30:00"}"#),
            ("isType", r#"{"field_type":"MapType"}"#),
            (
                "dataDiff",
                r#"{"ref_container_name":"a","ref_datastore_id":3,"diff_change_types":["added"],"numeric_comparator":{"epsilon":0.1}}"#,
            ),
            ("equalTo", r#"{"value":"open","inclusive":true}"#),
            ("notNull", r#"{"is_element_context":true,"inclusive":false,"min":null}"#),
            ("aRuleOfTomorrow", r#"{"pattern":"a","list":[1]}"#),
        ] {
            assert_eq!(faults(rule, json), [""; 0], "{rule} {json}");
        }
    }

    #[test]
    fn what_a_rule_cannot_take_is_told_at_the_property() {
        for (rule, json, expected) in [
            (
                "between",
                r#"{"min":"abc"}"#,
                "properties.min error[wrong_type]: `properties.min` must be a number, not a string",
            ),
            (
                "between",
                r#"{"inclusive_min":"yes please"}"#,
                "properties.inclusive_min error[wrong_type]: ",
            ),
            (
                "maxLength",
                r#"{"value":"12"}"#,
                "properties.value error[wrong_type]: `properties.value` must be an integer, not a string (help: write it without quotes)",
            ),
            ("maxLength", r#"{"value":1.5}"#, "properties.value error[wrong_type]: "),
            (
                "greaterThan",
                r#"{"value":"12"}"#,
                "properties.value warning[wrong_type]: ",
            ),
            (
                "expectedValues",
                r#"{"list":"a"}"#,
                "properties.list error[wrong_type]: `properties.list` must be a list of values, not a string",
            ),
            (
                "expectedSchema",
                r#"{"list":[1]}"#,
                "properties.list error[wrong_type]: `properties.list` must be a list of strings",
            ),
            (
                "matchesPattern",
                r#"{"pattern":5}"#,
                "properties.pattern error[wrong_type]: ",
            ),
            (
                "matchesPattern",
                r#"{"pattern":"[a-z"}"#,
                "properties.pattern warning[invalid_pattern]: `properties.pattern` is no regular expression: a `[` is never closed",
            ),
            (
                "matchesPattern",
                r#"{"pattern":" "}"#,
                "properties.pattern warning[empty_value]: `properties.pattern` is empty",
            ),
            (
                "afterDateTime",
                r#"{"datetime":"tomorrow"}"#,
                "properties.datetime warning[wrong_type]: `properties.datetime` is `tomorrow`, and must be an ISO date",
            ),
            (
                "afterDateTime",
                r#"{"datetime":5}"#,
                "properties.datetime warning[wrong_type]: ",
            ),
            (
                "aggregationComparison",
                r#"{"comparison":"eqq"}"#,
                "properties.comparison error[invalid_value]: `properties.comparison` is `eqq`, and must be one of lt, lte, eq, gte, gt (help: did you mean `eq`?)",
            ),
            (
                "volumetric",
                r#"{"comparison":"bigger"}"#,
                "properties.comparison warning[invalid_value]: `properties.comparison` is `bigger`, and must be one of Absolute Value",
            ),
            (
                "volumetric",
                r#"{"window_size":"a week"}"#,
                "properties.window_size error[wrong_type]: ",
            ),
            (
                "isType",
                r#"{"field_type":"Strng"}"#,
                "properties.field_type error[invalid_value]: `properties.field_type` is `Strng`, and must be one of Integral,",
            ),
            (
                "dataDiff",
                r#"{"diff_change_types":["add"]}"#,
                "properties.diff_change_types warning[invalid_value]: ",
            ),
            (
                "dataDiff",
                r#"{"numeric_comparator":0.1}"#,
                "properties.numeric_comparator warning[wrong_type]: `properties.numeric_comparator` must be a map",
            ),
            (
                "dataDiff",
                r#"{"numeric_comparator":{"epsilon":"x"}}"#,
                "properties.numeric_comparator.epsilon warning[wrong_type]: ",
            ),
            (
                "dataDiff",
                r#"{"numeric_comparator":{"epsiln":1}}"#,
                "properties.numeric_comparator.epsiln warning[unknown_field]: `properties.numeric_comparator.epsiln` is not known; it is sent as it stands (help: did you mean `epsilon`?)",
            ),
            (
                "between",
                r#"{"pattern":"a"}"#,
                "properties.pattern warning[foreign_property]: `properties.pattern` is not known to mean anything to `between` (help: it belongs to `matchesPattern`",
            ),
            (
                "notNull",
                r#"{"value":5}"#,
                "properties.value warning[foreign_property]: ",
            ),
            (
                "notNull",
                r#"{"vlaue":5}"#,
                "properties.vlaue warning[unknown_field]: `properties.vlaue` is not known; it is sent as it stands (help: did you mean `value`?)",
            ),
            (
                "between",
                r#"{"min":10,"max":9.5}"#,
                "properties.min warning[invalid_value]: `min` lies above `max`: no row can pass",
            ),
            (
                "betweenTimes",
                r#"{"min_time":"2024-02-01T00:00:00Z","max_time":"2024-01-31T23:00:00-05:00"}"#,
                "",
            ),
            (
                "betweenTimes",
                r#"{"min_time":"2024-02-01T00:00:00Z","max_time":"2024-01-31T23:00:00Z"}"#,
                "properties.min_time warning[invalid_value]: `min_time` lies above",
            ),
            (
                "aRuleOfTomorrow",
                r#"{"min":"abc"}"#,
                "properties.min warning[wrong_type]: ",
            ),
        ] {
            let found = faults(rule, json);
            match expected {
                "" => assert_eq!(found, [""; 0], "{rule} {json}"),
                _ => assert!(
                    found.len() == 1 && found[0].starts_with(expected) && found[0].contains("(help: "),
                    "{rule} {json}: {found:#?}"
                ),
            }
        }
    }
}
