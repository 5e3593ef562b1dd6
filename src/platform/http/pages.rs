//! Lists by pages, read whole or not at all: the items of every page are held against the list's own total, and a list that
//! moved while it was read is read again from the start.
//!
//! Pages are cut by position, so a row that goes away moves all rows behind it to the front, and one of them may slip from a page
//! that is yet to be read to one that was. Where the total says otherwise, a row comes twice or a page is short, that shows at once.
//! Where another row was made meanwhile, the total is the same, and it does not show: then [`Http::stands`] tells, if the list was
//! asked for newest first, since a row that is made is the first one then. What neither can tell is a row that comes to be seen
//! without being new (somebody gives the token another team) while another one goes; for that, whoever concludes from a row that is
//! not there asks for it by number.
//!
//! A list that does not say how long it is ends with the first page that is not full; that no row comes twice is all that can be
//! held against it.

use std::collections::HashSet;

use driftless_core::report::Failure;
use futures::stream::{self, StreamExt as _};
use serde_json::Value as Json;

use super::{Http, Request};
use crate::platform::failures;

/// Items of a page: the most that the platforms give.
const PAGE_SIZE: usize = 100;

/// How a list comes: what is asked for a page of it, and what stands around its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// Pages by number, from 1, asked for with `page`; each says how many items the whole list has.
    Counted {
        /// The parameter that asks for so many items a page, and the field that says how many it is.
        size: &'static str,
        /// The field with the number of items of the whole list.
        total: &'static str,
        /// The field with the items.
        items: &'static str,
    },
    /// Bare arrays, asked for with `limit` and `offset`; nothing says how many items there are.
    Bare,
}

/// Pages of one list that are asked for at once: more would only be held in memory while they wait for the gate.
const PAGES_AT_ONCE: usize = 16;

/// The most items that a list may have: fifty times the largest instance in the budgets.
const ITEM_CAP: usize = 5_000_000;

/// How often a list is read that does not hold still: whoever changes an instance for longer is waited for by the next pass.
pub const READINGS: u32 = 3;

/// A list that was read whole.
#[derive(Clone, Debug)]
pub struct Whole<T> {
    /// Its items, in the order of the pages.
    pub items: Vec<T>,
    /// What was seen first of it.
    pub first: First,
}

/// The first page of a list, by the numbers on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct First {
    ids: Vec<i64>,
    total: usize,
    pages: usize,
}

impl Http {
    /// Reads all pages of a list and hands each item to `read` as it comes. The items come in the order of the pages.
    ///
    /// # Errors
    /// As [`Http::send`]; also when the pages do not fit together, however often the gate lets them be read, three times at most.
    pub async fn pages<T>(
        &self,
        request: &Request,
        paging: Paging,
        read: impl Fn(Json) -> T,
    ) -> Result<Vec<T>, Failure> {
        Ok(self.list(request, paging, read).await?.items)
    }

    /// As [`Http::pages`], with what [`Http::stands`] wants.
    ///
    /// # Errors
    /// As [`Http::pages`].
    pub async fn list<T>(
        &self,
        request: &Request,
        paging: Paging,
        read: impl Fn(Json) -> T,
    ) -> Result<Whole<T>, Failure> {
        let mut attempt = 1;
        loop {
            let listed = match paging {
                Paging::Counted { .. } => self.all_pages(request, paging, &read).await?,
                Paging::Bare => self.to_the_end(request, &read).await?,
            };
            let failure = match listed {
                Ok(listed) => return Ok(listed),
                Err(failure) => failure,
            };
            match self.gate.again(attempt, &failure) {
                Some(pause) if attempt < READINGS => tokio::time::sleep(pause).await,
                _ => return Err(failure),
            }
            attempt += 1;
        }
    }

    /// Whether a list that was asked for newest first is what it was when `first` was read: then no row has come, so none has
    /// gone, and none has slipped between its pages. A list of one page is read in one moment, and nothing is asked.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub async fn stands(&self, request: &Request, paging: Paging, first: &First) -> Result<bool, Failure> {
        if first.pages <= 1 {
            return Ok(true);
        }
        let again = self.page(request, paging, 1, &|_| ()).await?;
        let ids: Vec<Option<i64>> = again.items.iter().map(|(id, ())| *id).collect();
        let were = first.ids.iter().map(|id| Some(*id));
        Ok(again.total == first.total && ids.into_iter().eq(were))
    }

    /// The items; or, inside, that the pages do not fit together, as when rows came or went while they were read.
    async fn all_pages<T>(
        &self,
        request: &Request,
        paging: Paging,
        read: &impl Fn(Json) -> T,
    ) -> Result<Result<Whole<T>, Failure>, Failure> {
        let broken = |message: &str| Ok(Err(failures::broken(request, message)));
        let mut seen = HashSet::new();
        let mut items = Vec::new();
        let mut page = self.page(request, paging, 1, read).await?;
        let Page { total, size, .. } = page;
        if total > ITEM_CAP {
            let message = format!("the list says that it has {total} items; more than {ITEM_CAP} are not read");
            return Err(failures::broken(request, &message));
        }
        let pages = total.div_ceil(size);
        let first = First {
            ids: page.items.iter().filter_map(|(id, _)| *id).collect(),
            total,
            pages,
        };
        let mut rest = stream::iter(2..=pages)
            .map(|number| self.page(request, paging, number, read))
            .buffered(PAGES_AT_ONCE);
        let mut number = 1;
        loop {
            if page.total != total {
                let now = page.total;
                return broken(&format!(
                    "the total moved from {total} to {now} while the pages were read"
                ));
            }
            // All pages but the last one are full.
            let due = size.min(total.saturating_sub(size.saturating_mul(number - 1)));
            let given = page.items.len();
            if given != due {
                return broken(&format!(
                    "page {number} of {} holds {given} items instead of {due}: by its total the list has {total}",
                    pages.max(1)
                ));
            }
            for (id, item) in page.items {
                let Some(id) = id else {
                    return broken("an item has no id");
                };
                if !seen.insert(id) {
                    return broken(&format!(
                        "number {id} comes twice among {total} items: the rows moved between pages"
                    ));
                }
                items.push(item);
            }
            match rest.next().await {
                Some(next) => page = next?,
                None => break,
            }
            number += 1;
        }
        Ok(Ok(Whole { items, first }))
    }

    /// The items of a list that does not say how long it is, page after page. Inside, as for one that does.
    async fn to_the_end<T>(
        &self,
        request: &Request,
        read: &impl Fn(Json) -> T,
    ) -> Result<Result<Whole<T>, Failure>, Failure> {
        let mut seen = HashSet::new();
        let mut items = Vec::new();
        let mut first = None;
        for number in 1.. {
            let page = self.page(request, Paging::Bare, number, read).await?;
            let ids = || page.items.iter().filter_map(|(id, _)| *id).collect();
            let first = first.get_or_insert_with(|| First {
                ids: ids(),
                total: page.total,
                pages: 1,
            });
            first.pages = number;
            let is_last = page.total < page.size;
            for (id, item) in page.items {
                let Some(id) = id else {
                    return Ok(Err(failures::broken(request, "an item has no id")));
                };
                if !seen.insert(id) {
                    let message = format!("number {id} comes twice: the rows moved between pages");
                    return Ok(Err(failures::broken(request, &message)));
                }
                items.push(item);
            }
            if items.len() > ITEM_CAP {
                let message = format!("the list has more than {ITEM_CAP} items, and more are not read");
                return Err(failures::broken(request, &message));
            }
            if is_last {
                break;
            }
        }
        let first = first.unwrap_or(First {
            ids: Vec::new(),
            total: 0,
            pages: 0,
        });
        Ok(Ok(Whole { items, first }))
    }

    /// One page. Its items are read here: what they hold of JSON does not wait in memory for the pages before.
    async fn page<T>(
        &self,
        request: &Request,
        paging: Paging,
        number: usize,
        read: &impl Fn(Json) -> T,
    ) -> Result<Page<T>, Failure> {
        let request = request.clone();
        match paging {
            Paging::Counted { size, total, items } => {
                let request = request.query("page", number).query(size, PAGE_SIZE);
                let answer = self.fetch(&request).await?;
                Page::of(answer, (size, total, items), read).ok_or_else(|| {
                    let message = format!("the answer is no page: it has no {items} and {total}");
                    failures::broken(&request, &message)
                })
            }
            Paging::Bare => {
                let offset = PAGE_SIZE * number.saturating_sub(1);
                let request = request.query("limit", PAGE_SIZE).query("offset", offset);
                match self.fetch(&request).await? {
                    Json::Array(items) => Ok(Page::bare(items, read)),
                    _ => Err(failures::broken(&request, "the answer is no list")),
                }
            }
        }
    }
}

/// A page of a list: its items with their ids, the size of the list, and how many items a page has.
struct Page<T> {
    items: Vec<(Option<i64>, T)>,
    total: usize,
    size: usize,
}

impl<T> Page<T> {
    fn of(
        mut answer: Json,
        (size, total, items): (&'static str, &'static str, &'static str),
        read: &impl Fn(Json) -> T,
    ) -> Option<Self> {
        let number = |field: &str| {
            answer
                .get(field)
                .and_then(Json::as_u64)
                .and_then(|n| usize::try_from(n).ok())
        };
        let total = number(total)?;
        // A platform that gives smaller pages than asked for says so.
        let size = number(size)
            .filter(|size| (1..PAGE_SIZE).contains(size))
            .unwrap_or(PAGE_SIZE);
        let items = answer.get_mut(items)?.as_array_mut().map(std::mem::take)?;
        Some(Self {
            items: with_ids(items, read),
            total,
            size,
        })
    }

    /// A page that is nothing but its items: of the list it says no more than how many are here.
    fn bare(items: Vec<Json>, read: &impl Fn(Json) -> T) -> Self {
        Self {
            total: items.len(),
            size: PAGE_SIZE,
            items: with_ids(items, read),
        }
    }
}

fn with_ids<T>(items: Vec<Json>, read: &impl Fn(Json) -> T) -> Vec<(Option<i64>, T)> {
    let items = items.into_iter();
    items
        .map(|item| (item.get("id").and_then(Json::as_i64), read(item)))
        .collect()
}
