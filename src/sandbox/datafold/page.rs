//! Pages: `page` and `page_size`, and the envelope around a slice of rows.

use serde_json::{Map, Value, json};

use super::wire::{Answer, Query, Refusal};

/// The most rows a page holds; the description names none.
const MOST: usize = 1000;

/// Which page was asked for.
#[derive(Clone, Copy)]
pub(super) struct Page {
    page: usize,
    size: usize,
}

impl Page {
    /// The page that a query asks for, of `usual` rows unless it says how many.
    pub(super) fn of(query: &Query, usual: usize) -> Result<Self, Refusal> {
        Ok(Self {
            page: number(query, "page", 1, 1, usize::MAX)?,
            size: number(query, "page_size", usual, 1, MOST)?,
        })
    }

    /// The envelope of one page of `rows`, which are under `key`; only the rows on it are rendered.
    pub(super) fn answer<T>(self, key: &str, rows: &[T], render: impl FnMut(&T) -> Value) -> Answer {
        let start = self.size.saturating_mul(self.page - 1);
        let shown: Vec<Value> = rows.iter().skip(start).take(self.size).map(render).collect();
        let mut out = Map::new();
        out.insert("count".to_owned(), json!(rows.len()));
        out.insert("page".to_owned(), json!(self.page));
        out.insert("page_size".to_owned(), json!(self.size));
        out.insert("total_pages".to_owned(), json!(rows.len().div_ceil(self.size)));
        out.insert(key.to_owned(), Value::Array(shown));
        Answer::Ok(Value::Object(out))
    }
}

/// The number of a key between `least` and `most`; another is a 422.
pub(super) fn number(query: &Query, key: &str, usual: usize, least: usize, most: usize) -> Result<usize, Refusal> {
    let Some(text) = query.first(key) else { return Ok(usual) };
    let wrong = |message: String, kind: &str| Err(Refusal::invalid(json!(["query", key]), message, kind));
    match text.parse::<usize>() {
        Err(_) => wrong("value is not a valid integer".to_owned(), "type_error.integer"),
        Ok(value) if value < least => wrong(
            format!("ensure this value is greater than or equal to {least}"),
            "value_error.number.not_ge",
        ),
        Ok(value) if value > most => wrong(
            format!("ensure this value is less than or equal to {most}"),
            "value_error.number.not_le",
        ),
        Ok(value) => Ok(value),
    }
}

/// A query's choice among words, the first unless it says so; another word is a 422.
pub(super) fn word<'a>(query: &Query, key: &str, usual: &'a str, words: &[&'a str]) -> Result<&'a str, Refusal> {
    let Some(text) = query.first(key) else { return Ok(usual) };
    words.iter().find(|word| **word == text).copied().ok_or_else(|| {
        Refusal::invalid(
            json!(["query", key]),
            format!(
                "value is not a valid enumeration member; permitted: {}",
                words.join(", ")
            ),
            "type_error.enum",
        )
    })
}
