//! What a diff monitor compares: two datasets, their rows and columns, and which differences count.

use driftless_core::schema::Default;

use super::form::Form::{self, Shape as Plain};
use super::form::{Field, Object, Others, Rule, Tagged, defaulted, optional, required};
use super::monitor_form::{CONNECTION, COUNT, TEXT, TRUTH};
use crate::platform::shape::Shape;

/// What is compared with what, and where that is done.
pub(super) static DATADIFF: Tagged = Tagged {
    tag: "diff_type",
    variants: &[("indb", &INDB), ("inmem", &INMEM)],
};

const COMPARED: &[Field] = &[
    required(
        "diff_type",
        Plain(Shape::OneOf(&["indb", "inmem"])),
        "`indb`: within one data source; `inmem`: between two.",
    ),
    required("primary_key", Form::Names, "The columns that tell rows apart."),
    optional("columns_to_compare", Plain(Shape::Texts), "The columns to compare."),
    optional("include_columns", Plain(Shape::Texts), "The columns to compare."),
    optional("exclude_columns", Plain(Shape::Texts), "Columns not to compare."),
    optional(
        "column_remapping",
        Form::MapOf(&TEXT),
        "Names of columns in `dataset_b`, by those in `dataset_a`.",
    ),
    optional(
        "sampling",
        Form::Object(&SAMPLING),
        "That a part of the rows is enough, and which.",
    ),
    optional(
        "tolerance",
        Form::Object(&TOLERANCE),
        "Which values are as good as equal.",
    ),
    defaulted(
        "ignore_string_case",
        TRUTH,
        Default::Truth(false),
        "Whether upper and lower case are one.",
    ),
    defaulted(
        "null_equals_empty_string",
        TRUTH,
        Default::Truth(false),
        "Whether null and the empty text are one.",
    ),
    defaulted(
        "compare_duplicates",
        TRUTH,
        Default::Truth(true),
        "Whether rows of a primary key that is not unique are compared.",
    ),
    optional(
        "sort_array_columns",
        TRUTH,
        "Whether the order in arrays means nothing.",
    ),
    defaulted(
        "materialize_results",
        TRUTH,
        Default::Truth(false),
        "Whether the differences are kept in a table.",
    ),
];
const EITHER_LIST: Rule = Rule::AtMostOne(&["columns_to_compare", "include_columns"]);

static INDB: Object = Object {
    noun: "a diff within one data source",
    fields: &[
        COMPARED,
        &[
            required("dataset_a", Form::Object(&INDB_DATASET), "What is compared."),
            required("dataset_b", Form::Object(&INDB_DATASET), "What it is compared with."),
            optional(
                "timeseries_dimension_column",
                Form::Name,
                "The column of time by which differences are shown.",
            ),
        ],
    ],
    rules: &[EITHER_LIST],
    // The vendor's own demo has fields here that its schema does not know.
    others: Others::Sent,
};

static INMEM: Object = Object {
    noun: "a diff between data sources",
    fields: &[
        COMPARED,
        &[
            required("dataset_a", Form::Object(&INMEM_DATASET), "What is compared."),
            required("dataset_b", Form::Object(&INMEM_DATASET), "What it is compared with."),
            optional(
                "materialize_results_to",
                Form::Connection,
                "The data source in which the differences are kept: its number, or the name of its document.",
            ),
            optional(
                "column_rules",
                Form::List(&COLUMN_RULES),
                "When values of a column, or of a type, are equal.",
            ),
        ],
    ],
    rules: &[EITHER_LIST],
    others: Others::Sent,
};

const DATASET: &[Field] = &[
    CONNECTION,
    optional("table", Form::Name, "The table: `db.schema.table`."),
    optional("query", Form::Name, "A query instead of a table."),
    optional("filter", TEXT, "Which rows of the table: what follows WHERE."),
    optional("session_parameters", Plain(Shape::Map), "Settings of the session."),
];
const DATASET_RULES: &[Rule] = &[Rule::ExactlyOne(&["table", "query"]), Rule::Needs("filter", "table")];

static INDB_DATASET: Object = Object {
    noun: "a dataset",
    fields: &[
        DATASET,
        &[optional(
            "time_travel_point",
            Plain(Shape::Any),
            "As of when the table is read.",
        )],
    ],
    rules: DATASET_RULES,
    others: Others::Sent,
};

static INMEM_DATASET: Object = Object {
    noun: "a dataset",
    fields: &[
        DATASET,
        &[defaulted(
            "materialize",
            TRUTH,
            Default::Truth(true),
            "Whether the rows are put in a table first.",
        )],
    ],
    rules: DATASET_RULES,
    others: Others::Sent,
};

static SAMPLING: Object = Object {
    noun: "a sampling",
    fields: &[&[
        // The vendor's documents disagree whether it is a fraction or a percentage.
        optional(
            "tolerance",
            Form::Between(0.0, 100.0),
            "The share of wrong rows that may be missed.",
        ),
        optional("confidence", Form::Inside(0.0, 100.0), "How certain that must be."),
        optional("rate", Form::Between(0.0, 100.0), "The share of rows that is compared."),
        optional(
            "max_rows",
            Form::Whole(1, i64::MAX),
            "The number of rows that is compared.",
        ),
        optional("threshold", COUNT, "Up to so many rows, all are compared."),
    ]],
    rules: &[
        Rule::ExactlyOne(&["tolerance", "rate", "max_rows"]),
        Rule::Needs("tolerance", "confidence"),
        Rule::Needs("confidence", "tolerance"),
    ],
    others: Others::Refused,
};

static TOLERANCE: Object = Object {
    noun: "a tolerance",
    fields: &[&[
        optional("float", Form::Object(&FLOAT_TOLERANCE), "Of numbers with a fraction."),
        optional("datetime", Form::Object(&DATETIME_TOLERANCE), "Of times."),
    ]],
    rules: &[],
    others: Others::Refused,
};

static FLOAT_TOLERANCE: Object = Object {
    noun: "a tolerance of numbers",
    fields: &[&[
        optional("default", Form::Object(&TOLERANCE_ITEM), "Of every column."),
        optional(
            "column_tolerance",
            Form::MapOf(&TOLERANCES),
            "Of single columns, by name.",
        ),
    ]],
    rules: &[],
    others: Others::Refused,
};

static TOLERANCES: Form = Form::Object(&TOLERANCE_ITEM);

static TOLERANCE_ITEM: Object = Object {
    noun: "a tolerance",
    fields: &[&[
        optional(
            "type",
            Plain(Shape::OneOf(&["relative", "absolute"])),
            "`relative`: in percent of the value.",
        ),
        required("value", Form::Between(0.0, f64::MAX), "How far values may lie apart."),
    ]],
    rules: &[],
    others: Others::Refused,
};

static DATETIME_TOLERANCE: Object = Object {
    noun: "a tolerance of times",
    fields: &[&[optional(
        "default",
        Plain(Shape::OneOf(&["1s", "0.1s", "0.01s", "1ms", "0.1ms", "0.01ms", "1us"])),
        "Of every column.",
    )]],
    rules: &[],
    others: Others::Refused,
};

static COLUMN_RULES: Form = Form::Object(&COLUMN_RULE);

static COLUMN_RULE: Object = Object {
    noun: "a rule of columns",
    fields: &[&[
        optional("column", Form::Name, "The column."),
        optional("type", Form::Name, "The type of columns."),
        required("equal_if", Form::Name, "An expression of `{a}` and `{b}`."),
    ]],
    rules: &[Rule::ExactlyOne(&["column", "type"])],
    others: Others::Refused,
};
