//! What a monitor may say: the vendor's file format, as far as its documentation and its published API tell, with the stricter
//! reading where both are silent about what cannot be meant.

use driftless_core::schema::Default;

use super::compared::DATADIFF;
use super::form::Form::{self, Shape as Plain};
use super::form::{Field, Object, Others, Rule, Tagged, defaulted, optional, required};
use super::kinds::SLUG;
use super::measured::{METRIC_FORM, TEST_FORM};
use crate::platform::shape::Shape;

/// A monitor, by its type.
pub(super) static MONITOR_FORM: Tagged = Tagged {
    tag: "type",
    variants: &[
        ("diff", &DIFF),
        ("metric", &METRIC),
        ("test", &TEST),
        ("schema", &SCHEMA),
    ],
};

pub(super) const TEXT: Form = Plain(Shape::Text);
pub(super) const TRUTH: Form = Plain(Shape::Truth);
pub(super) const COUNT: Form = Form::Whole(0, i64::MAX);

const COMMON: &[Field] = &[
    required(
        "type",
        Plain(Shape::OneOf(&["diff", "metric", "test", "schema"])),
        "What the monitor does.",
    ),
    required(SLUG, Form::Name, "Its identity: its key in the file."),
    optional(
        "id",
        Form::Whole(1, i64::MAX),
        "The number of a monitor that exists: it is taken over with its history.",
    ),
    optional("name", Form::Name, "What people call it."),
    optional("description", TEXT, "What it is for."),
    defaulted("enabled", TRUTH, Default::Truth(true), "Whether it runs."),
    required("schedule", Form::Object(&SCHEDULE), "When it runs."),
    optional("tags", Plain(Shape::Texts), "Labels; their order means nothing."),
    optional("notifications", Form::List(&NOTIFIED_BY), "Who is told of an alert."),
    optional("owner", Form::Name, "The e-mail address of the person who owns it."),
];

pub(super) const CONNECTION: Field = required(
    "connection_id",
    Form::Connection,
    "The data source: its number, or the name of its document.",
);
pub(super) const INCLUDE: Field = optional(
    "include_tables",
    Form::Name,
    "The tables to watch, by a wildcard such as `WAREHOUSE.*`: one document stands for many monitors.",
);
pub(super) const EXCLUDE: Field = optional(
    "exclude_tables",
    Form::Name,
    "Those of them not to watch, by a wildcard.",
);

static DIFF: Object = Object {
    noun: "a diff monitor",
    fields: &[
        COMMON,
        &[
            required("datadiff", Form::Tagged(&DATADIFF), "What is compared with what."),
            optional("alert", Form::Object(&DIFF_ALERT), "How much difference is an alert."),
        ],
    ],
    rules: &[],
    others: Others::Sent,
};

static METRIC: Object = Object {
    noun: "a metric monitor",
    fields: &[
        COMMON,
        &[
            CONNECTION,
            required("metric", Form::Tagged(&METRIC_FORM), "What is measured."),
            optional("alert", Form::Tagged(&METRIC_ALERT), "Which values are an alert."),
        ],
    ],
    rules: &[],
    others: Others::Sent,
};

static TEST: Object = Object {
    noun: "a test monitor",
    fields: &[
        COMMON,
        &[
            CONNECTION,
            optional("query", Form::Name, "A query whose rows are failures."),
            optional("test", Form::Tagged(&TEST_FORM), "A test of the platform's own."),
        ],
    ],
    rules: &[Rule::ExactlyOne(&["query", "test"])],
    others: Others::Sent,
};

static SCHEMA: Object = Object {
    noun: "a schema monitor",
    fields: &[
        COMMON,
        &[
            CONNECTION,
            optional("table", Form::Name, "The table whose columns are watched."),
            INCLUDE,
            EXCLUDE,
        ],
    ],
    rules: &[],
    others: Others::Sent,
};

/// When a monitor runs.
pub(super) static SCHEDULE: Object = Object {
    noun: "a schedule",
    fields: &[&[
        optional(
            "interval",
            Form::Object(&INTERVAL),
            "Every hour, or every day at a time in UTC.",
        ),
        optional("cron", Form::Cron, "A cron expression of five fields, in UTC."),
        optional(
            "type",
            Plain(Shape::OneOf(&["none", "hourly", "daily", "crontab"])),
            "`none`: it runs only when asked to. Any other follows from the rest.",
        ),
    ]],
    rules: &[Rule::ExactlyOneUnless("type", "none", &["interval", "cron"])],
    others: Others::Refused,
};

/// Every hour, or every day at a time.
pub(super) static INTERVAL: Object = Object {
    noun: "an interval",
    fields: &[&[
        required("every", Plain(Shape::OneOf(&["hour", "day"])), "`hour` or `day`."),
        optional("hour", Form::Whole(0, 23), "The hour of the day, in UTC."),
        optional("utc_at", Form::Clock, "The time of the day, in UTC: `06:30`."),
        optional(
            "type",
            Plain(Shape::OneOf(&["hourly", "daily"])),
            "Follows from the rest.",
        ),
    ]],
    rules: &[
        Rule::ExactlyOneWhere("every", "day", &["hour", "utc_at"]),
        Rule::NoneWhere("every", "hour", &["hour", "utc_at"]),
    ],
    others: Others::Refused,
};

static NOTIFIED_BY: Form = Form::Tagged(&NOTIFICATION);

static NOTIFICATION: Tagged = Tagged {
    tag: "type",
    variants: &[
        ("email", &EMAIL),
        ("slack", &CHANNEL),
        ("teams", &CHANNEL),
        ("pagerduty", &INTEGRATION),
        ("webhook", &INTEGRATION),
    ],
};

const NOTIFIED: &[Field] = &[
    required(
        "type",
        Plain(Shape::OneOf(&["email", "slack", "teams", "pagerduty", "webhook"])),
        "The way to the people.",
    ),
    optional(
        "features",
        Plain(Shape::SomeOf(&[
            "attach_csv",
            "notify_first_triggered_only",
            "disable_recovery_notifications",
            "notify_every_run",
        ])),
        "What else is done.",
    ),
];
/// The numbers of integrations are on the settings page alone; no API lists them.
const INTEGRATION_ID: Field = required(
    "integration",
    Form::Whole(1, i64::MAX),
    "The number of the integration, as the settings page has it.",
);

static EMAIL: Object = Object {
    noun: "a notification by e-mail",
    fields: &[NOTIFIED, &[required("recipients", Form::Names, "E-mail addresses.")]],
    rules: &[],
    others: Others::Refused,
};

static CHANNEL: Object = Object {
    noun: "a notification in a channel",
    fields: &[
        NOTIFIED,
        &[
            INTEGRATION_ID,
            required("channel", Form::Name, "The channel."),
            optional("mentions", Plain(Shape::Texts), "Who is mentioned."),
        ],
    ],
    rules: &[],
    others: Others::Refused,
};

static INTEGRATION: Object = Object {
    noun: "a notification of an integration",
    fields: &[NOTIFIED, &[INTEGRATION_ID]],
    rules: &[],
    others: Others::Refused,
};

static DIFF_ALERT: Object = Object {
    noun: "an alert of a diff",
    fields: &[&[
        optional(
            "type",
            Plain(Shape::OneOf(&["diff"])),
            "As the platform returns it; it may be left out.",
        ),
        optional(
            "different_rows_count",
            COUNT,
            "More different rows than this are an alert.",
        ),
        optional(
            "different_rows_percent",
            Form::Between(0.0, 100.0),
            "A greater share of different rows than this, in percent, is an alert.",
        ),
        optional(
            "match_ratio_min",
            Form::Between(0.0, 1.0),
            "A smaller share of matching rows than this is an alert.",
        ),
    ]],
    rules: &[],
    others: Others::Refused,
};

static METRIC_ALERT: Tagged = Tagged {
    tag: "type",
    variants: &[
        ("automatic", &AUTOMATIC),
        ("absolute", &ABSOLUTE),
        ("percentage", &PERCENTAGE),
    ],
};

const ALERTED: Field = required(
    "type",
    Plain(Shape::OneOf(&["automatic", "absolute", "percentage"])),
    "What a value is held against.",
);
const NUMBER: Form = Plain(Shape::Number);

static AUTOMATIC: Object = Object {
    noun: "an automatic alert",
    fields: &[&[
        ALERTED,
        required(
            "sensitivity",
            Form::Whole(0, 100),
            "How small an anomaly is told, from 0 to 100.",
        ),
    ]],
    rules: &[],
    others: Others::Refused,
};

static ABSOLUTE: Object = Object {
    noun: "an absolute alert",
    fields: &[&[
        ALERTED,
        optional("min", NUMBER, "A smaller value is an alert."),
        optional("max", NUMBER, "A greater value is an alert."),
    ]],
    rules: &[Rule::AtLeastOne(&["min", "max"]), Rule::Ordered("min", "max")],
    others: Others::Refused,
};

static PERCENTAGE: Object = Object {
    noun: "a percentage alert",
    fields: &[&[
        ALERTED,
        optional("increase", NUMBER, "A greater increase, in percent, is an alert."),
        optional("decrease", NUMBER, "A greater decrease, in percent, is an alert."),
    ]],
    rules: &[Rule::AtLeastOne(&["increase", "decrease"])],
    others: Others::Refused,
};
