//! Faults: what a network and a proxy do to requests, by rule and by count.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What happens to a request that a rule hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Answered with `status` (503 unless named), and no effect, unless `after`.
    Status,
    /// The connection breaks before anything has happened.
    ResetBefore,
    /// The connection breaks when the effect is there.
    ResetAfter,
    /// No answer for `delay_ms` (two minutes unless named), then 504; no effect.
    Timeout,
    /// No answer for `delay_ms`, then 504; the effect is there.
    TimeoutAfter,
    /// Half of the body, then the connection breaks.
    Truncate,
    /// An HTML page with `status` (200 unless named) and no effect, unless `after`.
    Html,
    /// A whole body that is no JSON.
    InvalidJson,
    /// A page whose total is one more than it is.
    WrongTotal,
    /// A page without rows, its total kept.
    EmptyPage,
    /// The body in small pieces, `delay_ms` (20 unless named) apart.
    SlowDrip,
    /// A list without the rows whose numbers are in `hide`; its total goes along. Meant for lists of one page.
    Hide,
    /// A whole answer; right after it, `edits` are made by hand, and the seed `add` is added.
    Meanwhile,
    /// GitHub's refusal of one who has no request left: 403, and by its headers there are more in `retry_after` seconds (60 unless named).
    /// No effect.
    RateLimit,
    /// GitHub's refusal of requests that are too dense: 403, with `Retry-After` where `retry_after` is named. No effect.
    SecondaryLimit,
}

/// The words that a platform's pages have for their rows, and for how many there are.
#[derive(Clone, Copy)]
pub(super) struct Envelope {
    pub(super) total: &'static str,
    /// The first of them that a page has.
    pub(super) rows: &'static [&'static str],
}

impl Envelope {
    /// The rows of a page.
    fn rows(self, answer: &mut Value) -> Option<&mut Value> {
        let key = self.rows.iter().find(|key| answer.get(**key).is_some())?;
        answer.get_mut(*key)
    }

    fn count(self, answer: &mut Value, change: impl FnOnce(u64) -> u64) {
        if let Some(total) = answer.get_mut(self.total)
            && let Some(number) = total.as_u64()
        {
            *total = change(number).into();
        }
    }

    /// A page whose total is one more than it is.
    pub(super) fn miscount(self, answer: &mut Value) {
        self.count(answer, |total| total + 1);
    }

    /// A page without rows, its total kept; a bare list without any.
    pub(super) fn empty(self, answer: &mut Value) {
        if let Value::Array(rows) = answer {
            rows.clear();
        } else if let Some(rows) = self.rows(answer) {
            *rows = Value::Array(Vec::new());
        }
    }
}

/// One rule. It hits a request that matches `method`, `path_prefix` and `query`, counted from 1 among those that do: the
/// `nth`, every `every`th, or those from `from` to `to`; all of them when no count is named.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    #[serde(default)]
    method: Option<String>,
    /// With or without `/api` in front.
    #[serde(default)]
    path_prefix: Option<String>,
    /// A piece of the query.
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    nth: Option<u64>,
    #[serde(default)]
    every: Option<u64>,
    #[serde(default)]
    from: Option<u64>,
    #[serde(default)]
    to: Option<u64>,
    pub(super) kind: Kind,
    #[serde(default)]
    pub(super) status: Option<u16>,
    /// Seconds.
    #[serde(default)]
    pub(super) retry_after: Option<u64>,
    #[serde(default)]
    pub(super) delay_ms: Option<u64>,
    /// Whether the effect takes place although the answer tells of a failure.
    #[serde(default)]
    pub(super) after: bool,
    /// Numbers of rows.
    #[serde(default)]
    hide: Vec<i64>,
    /// Bodies as `POST /_sandbox/edit` takes them.
    #[serde(default)]
    pub(super) edits: Vec<Value>,
    /// A seed, as `POST /_sandbox/seed` takes it.
    #[serde(default)]
    pub(super) add: Option<Value>,
}

impl Rule {
    fn matches(&self, method: &str, path: &str, query: &str) -> bool {
        let below = path.strip_prefix("/api").unwrap_or(path);
        self.method
            .as_deref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self
                .path_prefix
                .as_deref()
                .is_none_or(|prefix| path.starts_with(prefix) || below.starts_with(prefix))
            && self.query.as_deref().is_none_or(|piece| query.contains(piece))
    }

    fn hits(&self, count: u64) -> bool {
        if let Some(nth) = self.nth {
            return count == nth;
        }
        if let Some(every) = self.every {
            return every > 0 && count.is_multiple_of(every);
        }
        count >= self.from.unwrap_or(1) && count <= self.to.unwrap_or(u64::MAX)
    }

    /// Whether the request still takes effect.
    pub(super) fn takes_effect(&self) -> bool {
        match self.kind {
            Kind::ResetBefore | Kind::Timeout | Kind::RateLimit | Kind::SecondaryLimit => false,
            Kind::Status | Kind::Html => self.after,
            Kind::ResetAfter
            | Kind::TimeoutAfter
            | Kind::Truncate
            | Kind::InvalidJson
            | Kind::WrongTotal
            | Kind::EmptyPage
            | Kind::SlowDrip
            | Kind::Hide
            | Kind::Meanwhile => true,
        }
    }

    /// Takes the rows out of a list that are to be hidden.
    pub(super) fn hide(&self, answer: &mut Value, envelope: Envelope) {
        let is_shown = |row: &Value| {
            let id = row.get("id").and_then(Value::as_i64);
            !id.is_some_and(|id| self.hide.contains(&id))
        };
        if let Value::Array(rows) = answer {
            rows.retain(is_shown);
        } else if let Some(rows) = envelope.rows(answer).and_then(Value::as_array_mut) {
            let before = rows.len();
            rows.retain(is_shown);
            let hidden = before - rows.len();
            envelope.count(answer, |total| total.saturating_sub(u64::try_from(hidden).unwrap_or(0)));
        }
    }
}

/// The rules in force.
#[derive(Default)]
pub(super) struct Faults(Vec<InForce>);

struct InForce {
    rule: Rule,
    /// Requests that it matched.
    matched: u64,
    /// Those of them that it hit.
    met: u64,
}

impl Faults {
    /// Puts new rules in force; counts begin anew.
    pub(super) fn set(&mut self, rules: Vec<Rule>) {
        let in_force = |rule| InForce {
            rule,
            matched: 0,
            met: 0,
        };
        self.0 = rules.into_iter().map(in_force).collect();
    }

    /// Counts a request, and gives the first rule that hits it.
    pub(super) fn hit(&mut self, method: &str, path: &str, query: &str) -> Option<Rule> {
        let mut hit = None;
        for entry in &mut self.0 {
            if entry.rule.matches(method, path, query) {
                entry.matched += 1;
                if hit.is_none() && entry.rule.hits(entry.matched) {
                    entry.met += 1;
                    hit = Some(entry.rule.clone());
                }
            }
        }
        hit
    }

    pub(super) fn rules(&self) -> Vec<&Rule> {
        self.0.iter().map(|entry| &entry.rule).collect()
    }

    /// How many requests each rule has hit, in their order.
    pub(super) fn met(&self) -> Vec<u64> {
        self.0.iter().map(|entry| entry.met).collect()
    }
}
