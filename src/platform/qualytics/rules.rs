//! The table of rule types: what each asks of a check. The platform's own specification of its rules is the truth; this is what
//! can be told offline.

use driftless_core::nearest::nearest;

/// How many fields a rule takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arity {
    /// Exactly one.
    Single,
    /// One or more.
    Multi,
    /// The platform derives them from the expression.
    Calculated,
    /// None: the rule is about the container.
    Container,
}

/// Whether a rule has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Support {
    /// It has.
    Yes,
    /// It has not.
    No,
    /// It has not by the user guide, which is incomplete there.
    Unlikely,
}

/// How well a row is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// From the contract that the official client holds itself to: a breach is an error.
    Client,
    /// From the user guide, which may be incomplete: a breach is a warning.
    Guide,
}

/// One rule type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Its name.
    pub(super) name: &'static str,
    /// How many fields it takes.
    pub(super) arity: Arity,
    /// Whether it takes a filter.
    pub(super) filter: Support,
    /// Whether it takes a coverage.
    pub(super) coverage: Support,
    /// Properties that it cannot do without, in the words of the files.
    pub(super) required: &'static [&'static str],
    /// How well this is known.
    pub(super) evidence: Evidence,
}

/// Builds a row that has a filter and a coverage.
const fn rule(name: &'static str, arity: Arity, required: &'static [&'static str], evidence: Evidence) -> Rule {
    Rule {
        name,
        arity,
        filter: Support::Yes,
        coverage: Support::Yes,
        required,
        evidence,
    }
}

const fn without(row: Rule, filter: Support, coverage: Support) -> Rule {
    Rule {
        filter,
        coverage,
        ..row
    }
}

use Arity::{Calculated, Container, Multi, Single};
use Evidence::{Client, Guide};
use Support::{No, Unlikely, Yes};

/// Every rule type, by name.
pub(super) const RULES: &[Rule] = &[
    rule("afterDateTime", Single, &["datetime"], Guide),
    without(
        rule(
            "aggregationComparison",
            Calculated,
            &["expression", "comparison", "ref_expression", "ref_container_name"],
            Client,
        ),
        Yes,
        No,
    ),
    rule("anyNotNull", Multi, &[], Guide),
    rule("beforeDateTime", Single, &["datetime"], Guide),
    rule(
        "between",
        Single,
        &["min", "inclusive_min", "max", "inclusive_max"],
        Client,
    ),
    rule("betweenTimes", Single, &["min_time", "max_time"], Guide),
    rule("containsCreditCard", Single, &[], Guide),
    rule("containsEmail", Single, &[], Guide),
    rule("containsSocialSecurityNumber", Single, &[], Guide),
    rule("containsUrl", Single, &[], Guide),
    without(rule("dataDiff", Multi, &["ref_container_name"], Guide), Yes, No),
    without(rule("distinctCount", Single, &["value"], Client), Yes, No),
    rule("entityResolution", Single, &["distinct_field_name"], Guide),
    rule("equalTo", Multi, &["value"], Client),
    rule("equalToField", Single, &["field_name"], Guide),
    rule("existsIn", Single, &["field_name", "ref_container_name"], Client),
    without(
        rule("expectedSchema", Container, &["list", "allow_other_fields"], Client),
        No,
        No,
    ),
    rule("expectedValues", Single, &["list"], Client),
    without(rule("fieldCount", Container, &["value"], Client), No, No),
    without(rule("freshness", Container, &["value"], Client), No, No),
    rule("greaterThan", Single, &["value", "inclusive"], Client),
    rule("greaterThanField", Single, &["field_name", "inclusive"], Guide),
    rule("isAddress", Single, &["required_labels"], Guide),
    rule("isCreditCard", Single, &[], Guide),
    rule("isType", Single, &["field_type"], Client),
    rule("lessThan", Single, &["value", "inclusive"], Client),
    rule("lessThanField", Single, &["field_name", "inclusive"], Guide),
    rule("matchesPattern", Single, &["pattern"], Client),
    rule("maxLength", Single, &["value"], Client),
    without(rule("maxPartitionSize", Container, &["value"], Guide), No, Unlikely),
    rule("maxValue", Single, &["value"], Client),
    without(rule("metric", Single, &["comparison"], Client), Yes, No),
    rule("minLength", Single, &["value"], Client),
    without(rule("minPartitionSize", Container, &["value"], Guide), No, Unlikely),
    rule("minValue", Single, &["value"], Client),
    rule("notEmpty", Single, &[], Guide),
    rule("notExistsIn", Single, &["field_name", "ref_container_name"], Client),
    rule("notFuture", Single, &[], Guide),
    rule("notNegative", Single, &[], Guide),
    rule("notNull", Multi, &[], Client),
    rule("positive", Single, &[], Guide),
    rule("predictedBy", Single, &["expression", "tolerance"], Guide),
    without(rule("requiredValues", Single, &["list"], Guide), Yes, Unlikely),
    rule("satisfiesEquation", Calculated, &["equation"], Guide),
    rule("satisfiesExpression", Calculated, &["expression"], Client),
    rule("sum", Single, &["value"], Client),
    without(
        rule(
            "timeDistributionSize",
            Single,
            &["interval_name", "min_size", "max_size"],
            Guide,
        ),
        Yes,
        Unlikely,
    ),
    rule("unique", Multi, &[], Client),
    rule("userDefinedFunction", Single, &["assertion"], Guide),
    without(
        rule("volumetric", Container, &["comparison", "window_size"], Client),
        No,
        No,
    ),
];

/// Properties that a rule may have besides those it cannot do without. `is_element_context` goes with every rule about fields, and
/// what names another container goes with its datastore, by name or by number.
const OPTIONAL: &[(&str, &[&str])] = &[
    ("aggregationComparison", &["ref_filter"]),
    (
        "dataDiff",
        &[
            "id_field_names",
            "passthrough_field_names",
            "diff_change_types",
            "numeric_comparator",
            "duration_comparator",
            "string_comparator",
        ],
    ),
    ("distinctCount", &["comparison"]),
    (
        "entityResolution",
        &["pair_substrings", "pair_homophones", "spelling_similarity_threshold"],
    ),
    ("equalTo", &["inclusive"]),
    (
        "equalToField",
        &[
            "inclusive",
            "numeric_comparator",
            "duration_comparator",
            "string_comparator",
        ],
    ),
    ("existsIn", &["ref_filter"]),
    ("fieldCount", &["comparison"]),
    (
        "greaterThanField",
        &["numeric_comparator", "duration_comparator", "string_comparator"],
    ),
    (
        "lessThanField",
        &["numeric_comparator", "duration_comparator", "string_comparator"],
    ),
    ("maxValue", &["inclusive"]),
    ("metric", &["min", "max"]),
    ("minValue", &["inclusive"]),
    ("notExistsIn", &["ref_filter"]),
    ("volumetric", &["min", "max"]),
];

/// Rules whose `is_element_context` the platform sets by itself on array fields.
const AUTOMATIC_ELEMENTS: &[&str] = &[
    "between",
    "betweenTimes",
    "containsCreditCard",
    "containsEmail",
    "containsSocialSecurityNumber",
    "containsUrl",
    "expectedValues",
    "isCreditCard",
    "isType",
    "matchesPattern",
    "notFuture",
    "notNegative",
    "positive",
];

/// Properties that any rule is known to have, in the words of the files and of the platform.
pub(super) const PROPERTIES: &[&str] = &[
    "allow_other_fields",
    "assertion",
    "comparison",
    "datetime",
    "diff_change_types",
    "distinct_field_name",
    "duration_comparator",
    "equation",
    "expression",
    "field_name",
    "field_type",
    "id_field_names",
    "inclusive",
    "inclusive_max",
    "inclusive_min",
    "interval_name",
    "is_element_context",
    "list",
    "max",
    "max_size",
    "max_time",
    "min",
    "min_size",
    "min_time",
    "numeric_comparator",
    "pair_homophones",
    "pair_substrings",
    "passthrough_field_names",
    "pattern",
    "ref_container_id",
    "ref_container_name",
    "ref_datastore_id",
    "ref_datastore_name",
    "ref_expression",
    "ref_filter",
    "required_labels",
    "spelling_similarity_threshold",
    "string_comparator",
    "tolerance",
    "value",
    "window_size",
];

/// Rules that were renamed, `(older name, present name)`: files that were written long ago have the older one.
pub(super) const RENAMED: [(&str, &str); 2] = [("dataType", "isType"), ("isReplicaOf", "dataDiff")];

/// Properties that hold a number of one instance, where an export knows no name.
pub(super) const NUMBERS: [&str; 2] = ["ref_container_id", "ref_datastore_id"];

/// The present name of a rule that was renamed; any other name as it is.
pub(super) fn current_name(rule: &str) -> &str {
    let renamed = RENAMED.iter().find(|(older, _)| *older == rule);
    renamed.map_or(rule, |(_, present)| present)
}

/// The row of a rule, under its present or an older name.
pub(super) fn find(rule: &str) -> Option<&'static Rule> {
    let name = current_name(rule);
    RULES.iter().find(|row| row.name == name)
}

/// Whether the platform derives the fields of this rule by itself.
pub(super) fn is_calculated(rule: &str) -> bool {
    find(rule).is_some_and(|row| row.arity == Calculated)
}

impl Rule {
    /// Whether the rule is known to have this property.
    pub(super) fn takes(&self, property: &str) -> bool {
        let names_container = self.required.contains(&"ref_container_name");
        let optional = OPTIONAL.iter().find(|(rule, _)| *rule == self.name);
        match property {
            "is_element_context" => self.arity != Container,
            "ref_datastore_name" => names_container,
            number if NUMBERS.contains(&number) => names_container,
            _ => {
                self.required.contains(&property) || optional.is_some_and(|(_, optional)| optional.contains(&property))
            }
        }
    }

    /// Properties that somebody may want to write: those that it cannot do without first, and none that the platform sets by
    /// itself or that means something else on each instance.
    pub(super) fn offered(&self) -> impl Iterator<Item = &'static str> {
        let by_itself = |name: &str| name == "is_element_context" && has_automatic_elements(self.name);
        let optional = PROPERTIES.iter().copied().filter(move |name| {
            self.takes(name) && !self.required.contains(name) && !NUMBERS.contains(name) && !by_itself(name)
        });
        self.required.iter().copied().chain(optional)
    }
}

/// Whether the platform sets `is_element_context` of this rule by itself.
pub(super) fn has_automatic_elements(rule: &str) -> bool {
    AUTOMATIC_ELEMENTS.contains(&current_name(rule))
}

/// The known rule that `rule` probably means: names that people write by analogy first, then the nearest spelling.
pub(super) fn meant(rule: &str) -> Option<&'static str> {
    let analogy = match rule {
        "isNotNull" => Some("notNull"),
        "isUnique" => Some("unique"),
        _ => None,
    };
    analogy.or_else(|| nearest(rule, RULES.iter().map(|row| row.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_stand_in_the_order_of_their_names_and_once_each() {
        assert!(RULES.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn older_names_find_the_present_rule() {
        assert_eq!(find("isReplicaOf").map(|row| row.name), Some("dataDiff"));
        assert_eq!(find("dataType").map(|row| row.name), Some("isType"));
        assert!(find("isNotNull").is_none());
    }

    #[test]
    fn a_slip_finds_the_rule_that_was_meant_and_a_new_rule_finds_none() {
        assert_eq!(meant("isNotNull"), Some("notNull"));
        assert_eq!(meant("notnul"), Some("notNull"));
        assert_eq!(meant("expectedValue"), Some("expectedValues"));
        assert_eq!(meant("geographicFence"), None);
    }

    #[test]
    fn the_properties_of_rules_are_known_properties_and_each_known_one_is_of_some_rule() {
        for row in RULES {
            for property in row.required {
                assert!(PROPERTIES.contains(property), "{} {property}", row.name);
            }
        }
        for (rule, optional) in OPTIONAL {
            assert!(RULES.iter().any(|row| row.name == *rule), "{rule}");
            for property in *optional {
                assert!(PROPERTIES.contains(property), "{rule} {property}");
            }
        }
        for property in PROPERTIES {
            assert!(RULES.iter().any(|row| row.takes(property)), "{property}");
        }
    }
}
