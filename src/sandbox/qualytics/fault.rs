//! Faults: what a network and a proxy do to requests, by rule and by count.

use serde::{Deserialize, Serialize};

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
    /// A page whose `total` is one more than it is.
    WrongTotal,
    /// A page without items, its `total` kept.
    EmptyPage,
    /// The body in small pieces, `delay_ms` (20 unless named) apart.
    SlowDrip,
}

/// One rule. It hits a request that matches `method` and `path_prefix`, counted from 1 among those that do: the
/// `nth`, every `every`th, or those from `from` to `to`; all of them when no count is named.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    #[serde(default)]
    method: Option<String>,
    /// With or without `/api` in front.
    #[serde(default)]
    path_prefix: Option<String>,
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
}

impl Rule {
    fn matches(&self, method: &str, path: &str) -> bool {
        let below = path.strip_prefix("/api").unwrap_or(path);
        self.method
            .as_deref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self
                .path_prefix
                .as_deref()
                .is_none_or(|prefix| path.starts_with(prefix) || below.starts_with(prefix))
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
            Kind::ResetBefore | Kind::Timeout => false,
            Kind::Status | Kind::Html => self.after,
            Kind::ResetAfter
            | Kind::TimeoutAfter
            | Kind::Truncate
            | Kind::InvalidJson
            | Kind::WrongTotal
            | Kind::EmptyPage
            | Kind::SlowDrip => true,
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
    pub(super) fn hit(&mut self, method: &str, path: &str) -> Option<Rule> {
        let mut hit = None;
        for entry in &mut self.0 {
            if entry.rule.matches(method, path) {
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
