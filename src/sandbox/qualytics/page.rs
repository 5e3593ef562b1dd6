//! Pages: `page` and `size`, and the envelope around a slice of rows.

use serde_json::{Value, json};

use super::wire::{Answer, Query, Refusal};

/// The most rows a page holds.
const MOST: usize = 100;
/// The rows of a page when none are asked for.
const USUAL: usize = 50;

/// Which page was asked for.
#[derive(Clone, Copy)]
pub(super) struct Page {
    page: usize,
    size: usize,
}

impl Page {
    pub(super) fn of(query: &Query) -> Result<Self, Refusal> {
        Ok(Self {
            page: number(query, "page", 1, usize::MAX)?,
            size: number(query, "size", USUAL, MOST)?,
        })
    }

    /// The envelope of one page of `rows`; only the rows on it are rendered.
    pub(super) fn answer<T>(self, rows: &[T], mut render: impl FnMut(&T) -> Value) -> Answer {
        let start = self.size.saturating_mul(self.page - 1).min(rows.len());
        let end = start.saturating_add(self.size).min(rows.len());
        let items: Vec<Value> = rows[start..end].iter().map(&mut render).collect();
        Answer::Ok(json!({
            "items": items,
            "total": rows.len(),
            "page": self.page,
            "size": self.size,
            "pages": rows.len().div_ceil(self.size),
        }))
    }
}

fn number(query: &Query, key: &str, usual: usize, most: usize) -> Result<usize, Refusal> {
    let Some(text) = query.first(key) else { return Ok(usual) };
    let wrong = |message: String, kind: &str| Err(Refusal::invalid(json!(["query", key]), message, kind));
    match text.parse::<i64>() {
        Err(_) => wrong(
            "Input should be a valid integer, unable to parse string as an integer".to_owned(),
            "int_parsing",
        ),
        Ok(value) if value < 1 => wrong(
            "Input should be greater than or equal to 1".to_owned(),
            "greater_than_equal",
        ),
        Ok(value) => match usize::try_from(value) {
            Ok(value) if value <= most => Ok(value),
            _ => wrong(
                format!("Input should be less than or equal to {most}"),
                "less_than_equal",
            ),
        },
    }
}

/// The direction a `sort_*` key asks for; anything but `asc` and `desc` is a 422.
pub(super) fn descending(query: &Query, key: &str) -> Result<Option<bool>, Refusal> {
    match query.first(key) {
        None => Ok(None),
        Some("asc") => Ok(Some(false)),
        Some("desc") => Ok(Some(true)),
        Some(_) => Err(Refusal::invalid(
            json!(["query", key]),
            "Input should be 'asc' or 'desc'",
            "enum",
        )),
    }
}
