//! Not visible is not absent: what the ledger owns and no list shows is asked for by number before anybody calls it gone.
//!
//! A pass in which nothing is missing asks nothing here; one in which much is missing does not either, since then the planner
//! does not believe the list.

use std::collections::{BTreeMap, BTreeSet};

use driftless_core::key::{Key, Kind, RemoteId};
use driftless_core::report::{Failure, Meaning};
use driftless_core::snapshot::{Desired, Gap, GapReason, LOOKED_UP, Live, Scope};
use futures::stream::{self, StreamExt as _};
use serde_json::Value as Json;

use super::Qualytics;
use super::calls::{GET_CHECK, GET_CONNECTION, GET_CONTAINER, GET_DATASTORE};
use super::kinds::{CHECK, COMPUTED_FIELD, CONNECTION, CONTAINER, DATASTORE};
use super::observe::AT_ONCE;
use super::placed::{Wanted, gap};
use super::wire::Names;
use crate::platform::http::{Call, Request};

/// What lies in a datastore.
const BELOW: [Kind; 3] = [CONTAINER, COMPUTED_FIELD, CHECK];

/// An owned resource that no list shows.
#[derive(Clone, Debug)]
struct Lost {
    key: Key,
    id: RemoteId,
    call: &'static Call,
}

/// What the platform says of it by its number.
enum Said {
    /// It is there: the list is not whole.
    There,
    /// It is not there, or not for this token.
    NotFound,
    /// The token may not read it.
    Forbidden,
    /// Nothing.
    Nothing(Failure),
}

/// Connections and datastores that are owned and not listed.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    pub(super) gaps: Vec<Gap>,
    hidden: Vec<(Key, RemoteId)>,
}

impl Unseen {
    /// Remembers what the ledger knows of their names: others refer to them by number.
    pub(super) fn name(&self, scope: &Scope, names: &mut Names) {
        for (key, id) in &self.hidden {
            if key.kind == CONNECTION {
                names.connections.insert(id.0, key.name().to_owned());
                continue;
            }
            names.datastores.insert(id.0, key.name().to_owned());
            let containers = scope.owned.iter().filter(|(below, _)| below.kind == CONTAINER);
            for (container, number) in containers.filter(|(container, _)| container.is_below(key)) {
                if let Some(number) = number {
                    names.containers.insert(number.0, (id.0, container.name().to_owned()));
                }
            }
        }
    }
}

impl Qualytics {
    /// Asks for the connections and datastores that the ledger owns and that the lists lack. `listed` are those kinds whose list
    /// could be read.
    ///
    /// What Git does not declare any more and the platform does not find by number is gone; it hides nothing.
    pub(super) async fn unseen(
        &self,
        desired: &Desired,
        scope: &Scope,
        names: &Names,
        listed: &[Kind],
    ) -> Result<Unseen, Failure> {
        let mut unseen = Unseen::default();
        for (kind, call, shown) in [
            (CONNECTION, &GET_CONNECTION, &names.connections),
            (DATASTORE, &GET_DATASTORE, &names.datastores),
        ] {
            if !listed.contains(&kind) {
                continue;
            }
            let by_name: BTreeSet<&str> = shown.values().map(String::as_str).collect();
            let owned = scope.owned.iter().filter(|(key, _)| key.kind == kind);
            let numbered = owned.filter_map(|(key, id)| Some((key, (*id)?)));
            let lost: Vec<Lost> = numbered
                .filter(|(key, id)| !shown.contains_key(&id.0) && !by_name.contains(key.name()))
                .map(|(key, id)| Lost {
                    key: key.clone(),
                    id,
                    call,
                })
                .collect();
            for (lost, said) in self.asked(lost).await {
                let names = names_of(&lost.key, desired);
                let is_declared = names.iter().any(|name| declares(desired, kind, name));
                let (reason, message) = match said {
                    Said::NotFound if !is_declared => continue,
                    Said::There => (GapReason::Unread, is_there(&lost)),
                    Said::Nothing(failure) => (GapReason::Unread, gap(kind, None, failure, &what(&lost))?.message),
                    Said::NotFound => (GapReason::NotVisible, not_visible(&lost, 404, IF_GONE)),
                    Said::Forbidden if is_declared => (GapReason::NotVisible, not_visible(&lost, 403, IF_GONE)),
                    Said::Forbidden => (GapReason::NotVisible, not_visible(&lost, 403, GIVEN_UP)),
                };
                let hidden_kinds = std::iter::once(kind).chain(BELOW.into_iter().filter(|_| kind == DATASTORE));
                for hidden in hidden_kinds {
                    // A list that lacks one that is there may lack any other.
                    let whole_kind = hidden == kind && reason == GapReason::Unread;
                    let keys = names.iter().map(|name| Some(Key::new(kind, [name])));
                    let keys: Vec<Option<Key>> = match whole_kind {
                        true => vec![None],
                        false => keys.collect(),
                    };
                    unseen.gaps.extend(keys.into_iter().map(|below| Gap {
                        kind: hidden,
                        below,
                        reason,
                        message: message.clone(),
                    }));
                }
                unseen.hidden.push((lost.key, lost.id));
            }
        }
        // What is known of one resource is said before what is known of its whole kind.
        unseen.gaps.sort_by_key(|gap| gap.below.is_none());
        Ok(unseen)
    }

    /// Asks for the containers and checks that Git declares, the ledger owns and the lists lack. Computed fields need no asking:
    /// they are read with their container. What Git does not declare is asked for when the ledger is to forget it.
    pub(super) async fn confirm(
        &self,
        scope: &Scope,
        wanted: &BTreeMap<i64, Wanted<'_>>,
        names: &Names,
        live: &mut Live,
    ) -> Result<(), Failure> {
        let shown = numbers(live);
        let kinds = [(CONTAINER, &GET_CONTAINER), (CHECK, &GET_CHECK)];
        for (datastore, wanted) in wanted {
            let Some(name) = names.datastores.get(datastore) else {
                continue;
            };
            let datastore = Key::new(DATASTORE, [name]);
            for (kind, call) in kinds.iter().filter(|(kind, _)| !scope.left_out.contains(kind)) {
                let declared = wanted.specs(*kind);
                let owned = wanted.owned.iter().filter(|key| key.kind == *kind);
                let lost: Vec<Lost> = owned
                    .filter(|key| declared.contains_key(key.name()) && !live.has(key) && live.gap(key).is_none())
                    .filter_map(|key| Some((*key, (*scope.owned.get(key)?)?)))
                    .filter(|(_, id)| !shown.contains(&(*kind, *id)))
                    .map(|(key, id)| Lost {
                        key: key.clone(),
                        id,
                        call,
                    })
                    .collect();
                for (lost, said) in self.asked(lost).await {
                    let message = match said {
                        Said::NotFound => continue,
                        Said::There => is_there(&lost),
                        Said::Forbidden => {
                            let (key, id) = (&lost.key, lost.id);
                            format!(
                                "`{key}`, number {id} on the instance, is not listed, and the token may not read it"
                            )
                        }
                        Said::Nothing(failure) => gap(*kind, None, failure, &what(&lost))?.message,
                    };
                    let with_it = [COMPUTED_FIELD].into_iter().filter(|_| *kind == CONTAINER);
                    for hidden in std::iter::once(*kind).chain(with_it) {
                        live.gaps.push(Gap {
                            kind: hidden,
                            below: Some(datastore.clone()),
                            reason: GapReason::Unread,
                            message: message.clone(),
                        });
                    }
                }
            }
        }
        Ok(())
    }

    /// Asks for each by its number, unless there are so many that the list itself is in doubt.
    async fn asked(&self, lost: Vec<Lost>) -> Vec<(Lost, Said)> {
        if lost.len() > LOOKED_UP {
            return Vec::new();
        }
        stream::iter(lost)
            .map(|lost| async move {
                let said = match self.http.fetch(&Request::new(lost.call, &[lost.id.0])).await {
                    Ok(raw) if is_deleted(&raw, lost.key.kind) => Said::NotFound,
                    Ok(_) => Said::There,
                    Err(failure) => match failure.meaning {
                        Meaning::NotFound => Said::NotFound,
                        Meaning::Forbidden => Said::Forbidden,
                        _ => Said::Nothing(failure),
                    },
                };
                (lost, said)
            })
            .buffered(AT_ONCE)
            .collect()
            .await
    }
}

/// A container that a sync removed can be asked for, and says so. That a check was put away says that it is there.
fn is_deleted(raw: &Json, kind: Kind) -> bool {
    kind == CONTAINER && raw.get("deleted_at").is_some_and(|moment| !moment.is_null())
}

/// The numbers of all that was read.
fn numbers(live: &Live) -> BTreeSet<(Kind, RemoteId)> {
    let identified = live.resources.iter().map(|(key, resource)| (key.kind, resource.id));
    let by_hand = live.unidentified.iter().map(|(key, resource)| (key.kind, resource.id));
    let discovered = live.discovered.iter().map(|(key, id)| (key.kind, *id));
    identified.chain(by_hand).chain(discovered).collect()
}

/// The names that Git may mean an owned resource by: its own, that name in other letters, and the one that it is to get.
fn names_of(key: &Key, desired: &Desired) -> BTreeSet<String> {
    let own = key.name();
    let is_called = |name: &str| name.to_lowercase() == own.to_lowercase();
    let documents = desired
        .documents
        .values()
        .filter(|document| document.key.kind == key.kind);
    let given = documents
        .filter(|document| is_called(document.key.name()) || document.previous.as_deref() == Some(own))
        .map(|document| document.key.name().to_owned());
    given.chain([own.to_owned()]).collect()
}

/// Whether Git declares the resource of this name, or anything in it.
fn declares(desired: &Desired, kind: Kind, name: &str) -> bool {
    let below = |key: &Key| kind == DATASTORE && BELOW.contains(&key.kind);
    let mut keys = desired.documents.keys().filter(|key| key.kind == kind || below(key));
    keys.any(|key| key.path().first().is_some_and(|first| first == name))
}

fn what(lost: &Lost) -> String {
    format!(
        "`{}`, which is owned as number {} and is not listed,",
        lost.key, lost.id
    )
}

fn is_there(lost: &Lost) -> String {
    format!(
        "the list lacks `{}`, and number {}, by which it is known, can be read all the same: the list is not whole",
        lost.key, lost.id
    )
}

/// What to do with what Git declares.
const IF_GONE: &str = "if it is gone, approve this plan, and it is made again with all that lies in it";

/// What to do with what Git does not declare any more.
const GIVEN_UP: &str = "until the platform says that it is gone, the ledger remembers it";

fn not_visible(lost: &Lost, status: u16, or: &str) -> String {
    let Lost { key, id, call } = lost;
    let route = call.route.replace("{id}", &id.to_string());
    format!(
        "`{key}` is not visible: it is owned as number {id}, no list shows it, and GET {route} answers {status}. It was deleted by \
         hand, or this token has lost the team that sees it. Give the token that team; {or}"
    )
}
