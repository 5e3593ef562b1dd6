//! What an editor shows of rule types and of their properties.

/// What a rule checks.
pub(super) fn rule(name: &str) -> Option<&'static str> {
    RULE_HOVER.iter().find(|row| row.0 == name).map(|row| row.1)
}

/// What a property of a check is.
pub(super) fn property(name: &str) -> Option<&'static str> {
    PROPERTY_HOVER.iter().find(|row| row.0 == name).map(|row| row.1)
}

const RULE_HOVER: &[(&str, &str)] = &[
    ("afterDateTime", "The field lies after a moment."),
    (
        "aggregationComparison",
        "An aggregate of this container compares with one of another container.",
    ),
    ("anyNotNull", "At least one of the fields has a value."),
    ("beforeDateTime", "The field lies before a moment."),
    ("between", "The number lies within a range."),
    ("betweenTimes", "The moment lies within a range."),
    ("containsCreditCard", "The text holds a credit card number."),
    ("containsEmail", "The text holds an email address."),
    (
        "containsSocialSecurityNumber",
        "The text holds a social security number.",
    ),
    ("containsUrl", "The text holds a URL."),
    ("dataDiff", "The rows are those of another container."),
    ("distinctCount", "The field has this many distinct values."),
    ("entityResolution", "Like names mean one entity."),
    ("equalTo", "The fields have this value."),
    ("equalToField", "The field equals another one of its row."),
    ("existsIn", "The value exists in a field of another container."),
    ("expectedSchema", "The container has these fields."),
    ("expectedValues", "The value is one of a list."),
    ("fieldCount", "The container has this many fields."),
    ("freshness", "The container has changed within a time."),
    ("greaterThan", "The number is greater than a value."),
    ("greaterThanField", "The field is greater than another one of its row."),
    ("isAddress", "The text is an address with these parts."),
    ("isCreditCard", "The text is a credit card number."),
    ("isType", "The text can be read as a type."),
    ("lessThan", "The number is less than a value."),
    ("lessThanField", "The field is less than another one of its row."),
    ("matchesPattern", "The text matches a regular expression."),
    ("maxLength", "The text has at most this many characters."),
    ("maxPartitionSize", "No partition has more rows than this."),
    ("maxValue", "The number is at most this."),
    ("metric", "The field's value, or its change, stays within bounds."),
    ("minLength", "The text has at least this many characters."),
    ("minPartitionSize", "No partition has fewer rows than this."),
    ("minValue", "The number is at least this."),
    ("notEmpty", "The text is not empty."),
    (
        "notExistsIn",
        "The value does not exist in a field of another container.",
    ),
    ("notFuture", "The moment does not lie in the future."),
    ("notNegative", "The number is not below zero."),
    ("notNull", "None of the fields is null."),
    ("positive", "The number is above zero."),
    (
        "predictedBy",
        "The number is what an expression says, within a tolerance.",
    ),
    ("requiredValues", "Every value of a list occurs."),
    (
        "satisfiesEquation",
        "An equation of fields holds. Older: use `satisfiesExpression`.",
    ),
    ("satisfiesExpression", "An expression is true of the row."),
    ("sum", "The field adds up to this."),
    (
        "timeDistributionSize",
        "Each interval of time has a number of rows within bounds.",
    ),
    ("unique", "The fields together are unique."),
    ("userDefinedFunction", "A function of your own says yes."),
    ("volumetric", "The number of rows, or its change, stays within bounds."),
];

const PROPERTY_HOVER: &[(&str, &str)] = &[
    (
        "allow_other_fields",
        "Whether fields that are not in the list may exist.",
    ),
    ("assertion", "The function, in Scala."),
    ("comparison", "How it is compared."),
    ("datetime", "The moment, as ISO 8601 text in quotes."),
    ("diff_change_types", "Which differences count."),
    ("distinct_field_name", "The field that tells entities apart."),
    ("duration_comparator", "How far moments may differ: `millis`."),
    ("equation", "The equation."),
    ("expression", "The expression, in Spark SQL."),
    (
        "field_name",
        "The other field: of this row, or of the container that is referred to.",
    ),
    ("field_type", "The type that the text can be read as."),
    ("id_field_names", "The fields that tell rows apart."),
    ("inclusive", "Whether the value itself passes."),
    ("inclusive_max", "Whether the maximum itself passes."),
    ("inclusive_min", "Whether the minimum itself passes."),
    (
        "interval_name",
        "The interval: `Yearly`, `Monthly`, `Weekly`, `Daily`, `Hourly`.",
    ),
    (
        "is_element_context",
        "Whether the rule is about the elements of an array. For many rules the platform sets it by itself.",
    ),
    ("list", "The values; for `expectedSchema` the names of fields."),
    ("max", "The maximum; `null` is none."),
    ("max_size", "The most rows of an interval."),
    ("max_time", "The latest moment, as ISO 8601 text in quotes."),
    ("min", "The minimum; `null` is none."),
    ("min_size", "The fewest rows of an interval."),
    ("min_time", "The earliest moment, as ISO 8601 text in quotes."),
    (
        "numeric_comparator",
        "How far numbers may differ: `epsilon`, `as_absolute`.",
    ),
    ("pair_homophones", "Whether names that sound alike are paired."),
    (
        "pair_substrings",
        "Whether a name within another one is paired with it.",
    ),
    (
        "passthrough_field_names",
        "Fields that are shown with a difference and not compared.",
    ),
    ("pattern", "The regular expression. A `${` in it is text."),
    (
        "ref_container_id",
        "The number of the other container. Another number on each instance: write `ref_container_name`.",
    ),
    ("ref_container_name", "The name of the other container."),
    (
        "ref_datastore_id",
        "The number of the other datastore. Another number on each instance: write `ref_datastore_name`.",
    ),
    ("ref_datastore_name", "The name of the other container's datastore."),
    ("ref_expression", "The other container's expression, in Spark SQL."),
    ("ref_filter", "Which rows of the other container count, in Spark SQL."),
    ("required_labels", "The parts that the address must have."),
    (
        "spelling_similarity_threshold",
        "How alike names must be spelled, from 0 to 1.",
    ),
    ("string_comparator", "How texts are compared: `ignore_whitespace`."),
    ("tolerance", "How far the number may be off."),
    (
        "value",
        "The value that is compared with; for `freshness` a time in milliseconds.",
    ),
    ("window_size", "Days that one measurement spans."),
];

#[cfg(test)]
mod tests {
    use super::super::super::rules::{PROPERTIES, RULES};
    use super::*;

    #[test]
    fn every_rule_and_every_property_has_its_sentence_and_no_other() {
        let described: Vec<&str> = RULE_HOVER.iter().map(|row| row.0).collect();
        assert_eq!(described, RULES.iter().map(|row| row.name).collect::<Vec<_>>());
        let described: Vec<&str> = PROPERTY_HOVER.iter().map(|row| row.0).collect();
        assert_eq!(described, PROPERTIES);
    }
}
