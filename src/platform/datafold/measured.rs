//! What a metric monitor measures, and what a test monitor tests.

use driftless_core::schema::Default;

use super::form::Form::{self, Shape as Plain};
use super::form::{Field, Object, Others, Rule, Tagged, defaulted, optional, required};
use super::monitor_form::{EXCLUDE, INCLUDE, TEXT, TRUTH};
use crate::platform::shape::Shape;

/// What is measured.
pub(super) static METRIC_FORM: Tagged = Tagged {
    tag: "type",
    variants: &[
        ("table", &TABLE_METRIC),
        ("column", &COLUMN_METRIC),
        ("custom", &CUSTOM_METRIC),
    ],
};

const MEASURED: Field = required(
    "type",
    Plain(Shape::OneOf(&["table", "column", "custom"])),
    "Of what it is a metric.",
);
const FILTER: Field = optional("filter", TEXT, "Which rows: what follows WHERE.");

static TABLE_METRIC: Object = Object {
    noun: "a metric of a table",
    fields: &[&[
        MEASURED,
        required(
            "metric",
            Plain(Shape::OneOf(&[
                "row_count",
                "freshness",
                "total",
                "distinct",
                "column_count",
                "freshness_seconds",
                "freshness_minutes",
                "col_freshness_minutes",
            ])),
            "Which one.",
        ),
        optional("table", Form::Name, "The table: `db.schema.table`."),
        FILTER,
        INCLUDE,
        EXCLUDE,
    ]],
    rules: &[Rule::OnlyWhere(
        "metric",
        // `total` and the two of seconds and minutes are raw names of the same metrics.
        &[
            "row_count",
            "freshness",
            "total",
            "freshness_seconds",
            "freshness_minutes",
        ],
        &["include_tables", "exclude_tables"],
    )],
    others: Others::Sent,
};

static COLUMN_METRIC: Object = Object {
    noun: "a metric of a column",
    fields: &[&[
        MEASURED,
        required(
            "metric",
            Plain(Shape::OneOf(&[
                "minimum",
                "maximum",
                "std_dev",
                "cardinality",
                "uniqueness",
                "median",
                "average",
                "sum",
                "fill_rate",
                "total",
                "distinct",
                "nulls",
                "min",
                "max",
                "qmin",
                "qmax",
                "stddev",
                "col_freshness_minutes",
            ])),
            "Which one.",
        ),
        required("table", Form::Name, "The table: `db.schema.table`."),
        required("column", Form::Name, "The column."),
        FILTER,
    ]],
    rules: &[],
    others: Others::Sent,
};

static CUSTOM_METRIC: Object = Object {
    noun: "a metric of one's own",
    fields: &[&[
        MEASURED,
        required("query", Form::Name, "A query that gives the value."),
        defaulted(
            "alert_on_missing_data",
            TRUTH,
            Default::Truth(false),
            "Whether no value is an alert.",
        ),
    ]],
    rules: &[],
    others: Others::Sent,
};

/// A test of the platform's own.
pub(super) static TEST_FORM: Tagged = Tagged {
    tag: "type",
    variants: &[
        ("unique", &PLAIN_TEST),
        ("not_null", &PLAIN_TEST),
        ("accepted_values", &ACCEPTED_VALUES),
        ("referential_integrity", &PLAIN_TEST),
        ("numeric_range", &NUMERIC_RANGE),
        ("custom_template", &CUSTOM_TEMPLATE),
    ],
};

const TESTED: &[Field] = &[
    required(
        "type",
        Plain(Shape::OneOf(&[
            "unique",
            "not_null",
            "accepted_values",
            "referential_integrity",
            "numeric_range",
            "custom_template",
        ])),
        "Which test.",
    ),
    optional("tables", Form::List(&TESTED_TABLES), "What is tested."),
];

static TESTED_TABLES: Form = Form::Object(&TESTED_TABLE);

static TESTED_TABLE: Object = Object {
    noun: "a table of a test",
    fields: &[&[
        required("path", Form::Name, "The table: `db.schema.table`."),
        required("columns", Form::Names, "Its columns."),
    ]],
    rules: &[],
    others: Others::Refused,
};

static VARIABLES: Form = Form::Object(&VARIABLE);

static VARIABLE: Object = Object {
    noun: "a variable of a test",
    fields: &[&[
        required("value", Form::Values, "One value, or a list."),
        defaulted(
            "quote",
            TRUTH,
            Default::Truth(true),
            "Whether it is put in quotes where the query has it.",
        ),
    ]],
    rules: &[],
    others: Others::Refused,
};

static PLAIN_TEST: Object = Object {
    noun: "a test without variables",
    fields: &[
        TESTED,
        &[optional(
            "variables",
            Form::Object(&NO_VARIABLES),
            "This test has none.",
        )],
    ],
    rules: &[],
    others: Others::Sent,
};

static NO_VARIABLES: Object = Object {
    noun: "the variables of a test that has none",
    fields: &[],
    rules: &[],
    others: Others::Refused,
};

static ACCEPTED_VALUES: Object = Object {
    noun: "a test of accepted values",
    fields: &[
        TESTED,
        &[optional(
            "variables",
            Form::Object(&ACCEPTED_VARIABLES),
            "The values that are accepted.",
        )],
    ],
    rules: &[],
    others: Others::Sent,
};

static ACCEPTED_VARIABLES: Object = Object {
    noun: "the variables of a test of accepted values",
    fields: &[&[required(
        "accepted_values",
        Form::Object(&VARIABLE),
        "The values that are accepted.",
    )]],
    rules: &[],
    others: Others::Refused,
};

static NUMERIC_RANGE: Object = Object {
    noun: "a test of a range",
    fields: &[
        TESTED,
        &[optional(
            "variables",
            Form::Object(&RANGE_VARIABLES),
            "The bounds of the range.",
        )],
    ],
    rules: &[],
    others: Others::Sent,
};

static RANGE_VARIABLES: Object = Object {
    noun: "the variables of a test of a range",
    fields: &[&[
        optional("minimum", Form::Object(&VARIABLE), "The least value."),
        optional("maximum", Form::Object(&VARIABLE), "The greatest value."),
    ]],
    rules: &[Rule::AtLeastOne(&["minimum", "maximum"])],
    others: Others::Refused,
};

static CUSTOM_TEMPLATE: Object = Object {
    noun: "a test by a template of one's own",
    fields: &[
        TESTED,
        &[optional(
            "variables",
            Form::MapOf(&VARIABLES),
            "The variables of the template, by name.",
        )],
    ],
    rules: &[],
    others: Others::Sent,
};
