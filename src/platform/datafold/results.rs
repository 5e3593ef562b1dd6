//! What a provisioning says of the monitors that were handed in (`reference` 8.3).
//!
//! What stands in the lists of a result is documented nowhere: objects, names, slugs or numbers are read, and what cannot be told
//! apart stays unknown.

use std::collections::{BTreeMap, BTreeSet};

use driftless_core::value::{Map, Value};
use serde_json::Value as Json;

use super::faults::present;
use super::wire::{int, text};
use crate::platform::failures::clean;

/// What is known of a monitor that was handed in: what an element may name it by.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Its name.
    pub(super) name: Option<String>,
    /// Its number, if it has one.
    pub(super) id: Option<i64>,
    /// How many monitors it stands for.
    pub(super) extent: Extent,
}

/// How many monitors one document stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Extent {
    /// One.
    #[default]
    One,
    /// As many as the tables that its patterns cover: none of them is taken over by a number (`reference` 8.1).
    Many,
}

impl Extent {
    /// That of a document.
    pub(super) fn of(spec: &Map) -> Self {
        let has = |map: &Map| present(map, "include_tables") || present(map, "exclude_tables");
        match has(spec) || spec.get("metric").and_then(Value::as_map).is_some_and(has) {
            true => Extent::Many,
            false => Extent::One,
        }
    }
}

/// What a result says of one monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It was not there.
    Created,
    /// It was there and differed; of many, some differed, came or went.
    Updated,
    /// It was there and did not.
    Unchanged,
    /// Something is wrong with it.
    Refused(String),
    /// Nothing that could be read.
    Unknown,
}

impl Said {
    /// Why it does not tell whether a monitor is as it should be.
    pub(super) fn doubt(&self) -> String {
        match self {
            Said::Refused(why) => format!("a dry run says: {why}"),
            Said::Created => "a dry run says that it is yet to be made".to_owned(),
            Said::Updated | Said::Unchanged | Said::Unknown => "the result of a dry run says nothing".to_owned(),
        }
    }
}

/// A result: the elements of its lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Results {
    created: Vec<Mark>,
    updated: Vec<Mark>,
    unchanged: Vec<Mark>,
    deleted: Vec<Mark>,
    paused: Vec<Mark>,
    errors: Vec<Mark>,
    sense: Sense,
}

/// Whether a result can be read at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sense {
    /// It is what the reference says.
    Clear,
    /// It is something else, or not there.
    #[default]
    None,
}

/// One list of a result.
enum List {
    /// Not there: older deployments lack some.
    Absent,
    /// Its elements.
    Of(Vec<Mark>),
    /// Neither a list nor a number.
    Unclear,
}

impl List {
    fn marks(self) -> Vec<Mark> {
        match self {
            List::Of(marks) => marks,
            List::Absent | List::Unclear => Vec::new(),
        }
    }
}

fn list(raw: &Json, field: &str) -> List {
    match raw.get(field) {
        None | Some(Json::Null) => List::Absent,
        Some(Json::Array(items)) => List::Of(items.iter().map(Mark::of).collect()),
        // A number of monitors says how many, not which.
        Some(Json::Number(count)) => match count.as_u64().map(usize::try_from) {
            Some(Ok(count)) => List::Of(vec![Mark::default(); count.min(COUNT_CAP)]),
            Some(Err(_)) | None => List::Unclear,
        },
        Some(Json::Bool(_) | Json::String(_) | Json::Object(_)) => List::Unclear,
    }
}

/// What an element says of which monitor it means.
#[derive(Clone, Debug, Default)]
struct Mark {
    id: Option<i64>,
    slug: Option<String>,
    /// A name; a bare text is a slug or a name.
    name: Option<String>,
    /// All of it, as text.
    text: String,
}

impl Results {
    /// Those of an answer. One that has none of the documented lists, or one of them in another shape, says nothing of any monitor.
    pub(super) fn of(raw: &Json) -> Self {
        let lists =
            ["created", "updated", "unchanged", "deleted", "paused"].map(|word| list(raw, &format!("{word}_monitors")));
        let errors = list(raw, "errors");
        let is_told = lists.iter().chain([&errors]).any(|list| matches!(list, List::Of(_)));
        let is_clear = lists.iter().chain([&errors]).all(|list| !matches!(list, List::Unclear));
        let [created, updated, unchanged, deleted, paused] = lists.map(List::marks);
        Self {
            created,
            updated,
            unchanged,
            deleted,
            paused,
            errors: errors.marks(),
            sense: match is_told && is_clear {
                true => Sense::Clear,
                false => Sense::None,
            },
        }
    }

    /// All errors, in one text.
    pub(super) fn errors(&self) -> String {
        let said: Vec<&str> = self.errors.iter().map(|mark| mark.text.as_str()).collect();
        clean(&said.join("; "))
    }

    /// The numbers of all monitors that are there for what was handed in; `None` where one of them has none.
    pub(super) fn numbers(&self) -> Option<BTreeSet<i64>> {
        let there = [&self.unchanged, &self.updated, &self.paused, &self.deleted];
        there.into_iter().flatten().map(|mark| mark.id).collect()
    }

    /// What is said of each of the monitors that were handed in, with the number that is said of it.
    pub(super) fn of_each(&self, handed_in: &BTreeMap<String, Known>) -> BTreeMap<String, (Said, Option<i64>)> {
        if self.sense == Sense::None {
            return handed_in
                .keys()
                .map(|slug| (slug.clone(), (Said::Unknown, None)))
                .collect();
        }
        let mut said: BTreeMap<String, (Said, Option<i64>)> = BTreeMap::new();
        // What nothing is to be done for comes first: it is the number of that which stays.
        let lists = [
            (&self.unchanged, Said::Unchanged),
            (&self.updated, Said::Updated),
            (&self.created, Said::Created),
            (&self.paused, Said::Updated),
        ];
        let staying = lists.into_iter().flat_map(|(marks, meaning)| {
            let told = move |mark: &'_ Mark| (mark.clone(), meaning.clone(), mark.id);
            marks.iter().map(told)
        });
        // Nothing is deleted but what is part of something that was handed in. Its number is of no use any more.
        let going = self.deleted.iter().map(|mark| (mark.clone(), Said::Updated, None));
        let gone: BTreeSet<i64> = self.deleted.iter().filter_map(|mark| mark.id).collect();
        let mut strays: Vec<(Said, Option<i64>)> = Vec::new();
        for (mark, meaning, id) in staying.chain(going) {
            match mark.means(handed_in) {
                Some(slug) => {
                    // Of many, the one that is known stays the one, unless it goes.
                    let kept = handed_in.get(slug).filter(|known| known.extent == Extent::Many);
                    let kept = kept.and_then(|known| known.id).filter(|id| !gone.contains(id));
                    let told = said.entry(slug.to_owned()).or_insert_with(|| (meaning.clone(), kept));
                    told.0 = together(&told.0, &meaning);
                    told.1 = told.1.or(id);
                }
                None => strays.push((meaning, id)),
            }
        }
        let mut nobodys_error = false;
        for mark in &self.errors {
            let slugs = mark.is_about(handed_in);
            nobodys_error |= slugs.is_empty();
            for slug in slugs {
                said.insert(slug.to_owned(), (Said::Refused(clean(&mark.text)), None));
            }
        }
        let open: Vec<&String> = handed_in.keys().filter(|slug| !said.contains_key(*slug)).collect();
        let many = |slug: &String| handed_in.get(slug).is_some_and(|known| known.extent == Extent::Many);
        let wildcards: Vec<&String> = handed_in.keys().filter(|slug| many(slug)).collect();
        let is_only_open = wildcards.len() == 1 && wildcards == open;
        let first = strays.first().map(|(meaning, _)| meaning.clone());
        let all = strays.iter().map(|(meaning, _)| meaning);
        let is_told = strays.len() == open.len() && all.clone().all(|other| Some(other) == first.as_ref());
        // Older deployments do not list what is unchanged: it is what is left over.
        let rest = match first {
            None if nobodys_error => Said::Unknown,
            None => Said::Unchanged,
            // As many as are left, and all in one list: there it does not matter which is which.
            Some(meaning) if is_told => meaning,
            Some(meaning) if is_only_open => all.fold(meaning, |one, other| together(&one, other)),
            Some(_) => Said::Unknown,
        };
        let number = match strays.as_slice() {
            [(_, id)] if open.len() == 1 => *id,
            several if is_only_open => several.iter().find_map(|(_, id)| *id),
            _ => None,
        };
        // What came or went and is nobody's is of a wildcard.
        let is_left = !is_told && !is_only_open && strays.iter().any(|(meaning, _)| *meaning != Said::Unchanged);
        for slug in wildcards.iter().filter(|_| is_left) {
            if let Some((told @ Said::Unchanged, _)) = said.get_mut(*slug) {
                *told = match wildcards.len() == 1 && open.is_empty() {
                    true => Said::Updated,
                    false => Said::Unknown,
                };
            }
        }
        for slug in open {
            said.insert(slug.clone(), (rest.clone(), number));
        }
        said
    }
}

/// What two elements say of one document: nothing is to be done only where neither has anything to do.
fn together(one: &Said, other: &Said) -> Said {
    match one == other {
        true => one.clone(),
        false => Said::Updated,
    }
}

/// The most monitors that a bare count is taken for.
const COUNT_CAP: usize = 100_000;

impl Mark {
    fn of(raw: &Json) -> Self {
        let own = |field: &str| text(raw, field).map(str::to_owned);
        match raw {
            Json::Number(id) => Self {
                id: id.as_i64(),
                text: id.to_string(),
                ..Self::default()
            },
            Json::String(word) => Self {
                name: Some(word.clone()),
                text: word.clone(),
                ..Self::default()
            },
            raw => Self {
                id: int(raw, "id").or_else(|| int(raw, "monitor_id")),
                slug: own("slug").or_else(|| own("monitor_slug")),
                name: own("name"),
                text: ["message", "error", "detail", "msg"]
                    .into_iter()
                    .find_map(|field| text(raw, field))
                    .map_or_else(|| raw.to_string(), str::to_owned),
            },
        }
    }

    /// The slug of the monitor that this means, if it can only be one.
    fn means<'a>(&self, handed_in: &'a BTreeMap<String, Known>) -> Option<&'a str> {
        let by_slug = self.slug.as_deref().and_then(|slug| handed_in.get_key_value(slug));
        if let Some((slug, _)) = by_slug {
            return Some(slug);
        }
        let only = |is: &dyn Fn(&str, &Known) -> bool| {
            let mut found = handed_in.iter().filter(|(slug, known)| is(slug, known));
            match (found.next(), found.next()) {
                (Some((slug, _)), None) => Some(slug.as_str()),
                _ => None,
            }
        };
        let by_id = self.id.and_then(|id| only(&|_, known| known.id == Some(id)));
        by_id.or_else(|| {
            let word = self.name.as_deref()?;
            only(&|slug, known| slug == word || known.name.as_deref() == Some(word))
        })
    }

    /// The slugs that an error is about: the one that it means, or those that its text has as a word.
    fn is_about<'a>(&self, handed_in: &'a BTreeMap<String, Known>) -> Vec<&'a str> {
        if let Some(slug) = self.means(handed_in) {
            return vec![slug];
        }
        let is_of_word = |sign: char| sign.is_alphanumeric() || sign == '_' || sign == '-';
        let words: BTreeSet<&str> = self.text.split(|sign| !is_of_word(sign)).collect();
        let named = handed_in.keys().filter(|slug| words.contains(slug.as_str()));
        named.map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests;
