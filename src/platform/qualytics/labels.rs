//! Tags and teams of an instance: which of those that Git mentions exist, and the making of a tag.

use std::collections::{BTreeMap, BTreeSet};

use driftless_core::key::{Key, Kind};
use driftless_core::report::{Failure, Meaning};
use driftless_core::schema::Schema as _;
use driftless_core::snapshot::{Desired, Live};
use serde_json::{Value as Json, json};

use super::body::Body;
use super::calls::{CREATE_TAG, LIST_TAGS, LIST_TAGS_BY_PAGE, LIST_TEAMS, LIST_TEAMS_BY_PAGE, PAGES};
use super::kinds::{TAG, TEAM};
use super::placed::gap;
use super::{Qualytics, schema, wire};
use crate::platform::http::{Call, Request};
use crate::platform::{Done, Progress};

/// Tags and teams that something on the instance bears: they exist.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeSet<Key>);

impl Seen {
    /// Takes note of what a datastore bears, one that is out of scope too.
    pub(super) fn of_datastore(&mut self, raw: &Json) {
        for (field, kind) in [("global_tags", TAG), ("tags", TAG), ("teams", TEAM)] {
            let items = raw.get(field).and_then(Json::as_array).into_iter().flatten();
            let names = items.filter_map(|item| item.as_str().or_else(|| wire::text_of(item, "name")));
            self.0.extend(names.map(|name| Key::new(kind, [name])));
        }
    }
}

impl Qualytics {
    /// Finds out which of the tags and teams that Git mentions exist. They are listed only if one of them was not seen on
    /// anything that was read; where that is not possible, it is left to the platform to say.
    pub(super) async fn read_mentioned(&self, desired: &Desired, seen: Seen, live: &mut Live) -> Result<(), Failure> {
        let Seen(mut seen) = seen;
        let by_hand = live.unidentified.iter().map(|(key, resource)| (key, resource));
        for (key, resource) in live.resources.iter().chain(by_hand) {
            seen.extend(
                schema()
                    .mentions(key, &resource.spec)
                    .into_iter()
                    .map(|mention| mention.to),
            );
        }
        let documents = desired.documents.values();
        let mentions = documents.flat_map(|document| schema().mentions(&document.key, &document.spec));
        let mut unseen: BTreeMap<Kind, BTreeSet<Key>> = BTreeMap::new();
        for mention in mentions.map(|mention| mention.to) {
            match (seen.contains(&mention), mention.kind) {
                (true, TAG | TEAM) => {
                    live.named.insert(mention);
                }
                (false, TAG | TEAM) => {
                    unseen.entry(mention.kind).or_default().insert(mention);
                }
                _ => {}
            }
        }
        let list = async |kind, light, paged| match unseen.get(&kind) {
            Some(_) => self.names(light, paged).await.map(Some),
            None => Ok(None),
        };
        let (tags, teams) = futures::join!(
            list(TAG, &LIST_TAGS, &LIST_TAGS_BY_PAGE),
            list(TEAM, &LIST_TEAMS, &LIST_TEAMS_BY_PAGE)
        );
        for (kind, names) in [(TAG, tags), (TEAM, teams)] {
            match names {
                Ok(None) => {}
                Ok(Some(names)) => {
                    let unseen = unseen.remove(&kind).unwrap_or_default();
                    live.named
                        .extend(unseen.into_iter().filter(|key| names.contains(key.name())));
                }
                Err(failure) if failure.meaning == Meaning::Unauthorized => return Err(failure),
                Err(failure) => {
                    live.unlisted.insert(kind);
                    // What the token may not list it may never list; what broke off is to be told, since a refusal may follow.
                    if failure.meaning.is_transient() {
                        live.gaps.push(gap(kind, None, failure, &format!("the {kind}s"))?);
                    }
                }
            }
        }
        Ok(())
    }

    /// The names in a light list; where the instance has no such route, in the paged one.
    async fn names(&self, light: &'static Call, paged: &'static Call) -> Result<BTreeSet<String>, Failure> {
        let items = match self.http.fetch(&Request::new(light, &[])).await {
            Ok(Json::Array(items)) => items,
            // The route was read as that of one tag or team, by the name or number `listing`.
            Ok(_) => self.http.pages(&Request::new(paged, &[]), PAGES, |raw| raw).await?,
            Err(failure) if matches!(failure.meaning, Meaning::NotFound | Meaning::Invalid) => {
                self.http.pages(&Request::new(paged, &[]), PAGES, |raw| raw).await?
            }
            Err(failure) => return Err(failure),
        };
        Ok(items
            .iter()
            .filter_map(|raw| wire::text_of(raw, "name"))
            .map(str::to_owned)
            .collect())
    }

    /// Makes a tag. That its name is taken means that it is there: somebody was first.
    pub(super) async fn create_tag(&self, name: &str) -> Result<Progress, Failure> {
        let body = Body {
            json: json!({ "type": "global", "name": name }),
            secrets: Vec::new(),
        };
        match self.write(&CREATE_TAG, &[], body).await {
            Ok(_) => Ok(Progress::Done(Done::default())),
            Err(failure) if failure.meaning == Meaning::Conflict => Ok(Progress::Done(Done::default())),
            Err(failure) => Err(failure),
        }
    }
}
