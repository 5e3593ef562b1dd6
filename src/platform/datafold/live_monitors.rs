//! Which live monitor a slug means, and what it is: the list says which are there, each is read by its number, and what the platform
//! does not return is judged by its own dry run.

use std::collections::{BTreeMap, BTreeSet};

use driftless_core::document::Document;
use driftless_core::field::FieldPath;
use driftless_core::key::{Key, RemoteId};
use driftless_core::normalize::meaning;
use driftless_core::report::{Failure, Meaning};
use driftless_core::snapshot::{Desired, Gap, GapReason, Live, LiveResource, Scope};
use driftless_core::value::{Map, Value};
use futures::stream::{self, StreamExt as _};
use serde_json::Value as Json;

use super::Datafold;
use super::calls::{GET_MONITOR, LIST_MONITORS, MONITOR_PAGES};
use super::identified::{Matches, matched, pinned};
use super::kinds::{DATA_SOURCE, MONITOR, MONITORS, PLATFORM_VERDICT, SLUG, WOULD_BE_UPDATED};
use super::provisioning::{Config, Rehearsal};
use super::results::{Extent, Known, Said};
use super::schema::schema;
use super::sight::{AT_ONCE, gap};
use super::wire::{self, Listed, completed, not_shown, shown};
use crate::platform::failures::failure;
use crate::platform::http::{READINGS, Request};

/// What an update must know of a monitor that is not known by its slug yet.
const ADOPT: &str = "adopt";

/// Whether a write must say the number of the live monitor, so that the slug takes it over.
pub(super) fn is_adopted(base: Option<&Value>) -> bool {
    let base = base.and_then(Value::as_map);
    base.is_some_and(|base| base.contains_key(ADOPT))
}

/// What dry runs say of the declared monitors.
#[derive(Debug, Default)]
struct Verdicts {
    /// Of what Git says; nothing where no dry run could be had.
    of_git: BTreeMap<String, (Said, Option<i64>)>,
    /// Of a second try: with the number of the monitor that the slug is to take over, or of what was agreed.
    again: BTreeMap<String, Said>,
}

impl Verdicts {
    /// Whether the monitor that a slug was to take over is not to be had: the document alone would be made, and with that number it is
    /// refused. Another slug has it, of another environment or of another client; none shows in a list.
    fn is_anothers(&self, slug: &str) -> bool {
        let alone = self.of_git.get(slug).map(|(said, _)| said);
        matches!(
            (alone, self.again.get(slug)),
            (Some(Said::Created), Some(Said::Refused(_)))
        )
    }
}

impl Datafold {
    /// Every monitor, oldest first. Asked for newest first, so that a second look tells whether a row may have slipped.
    pub(super) async fn listed_monitors(&self) -> Result<Vec<Listed>, Failure> {
        let request = Request::new(&LIST_MONITORS, &[])
            .query("order_by", "id")
            .query("sort_order", "desc");
        for _ in 0..READINGS {
            let whole = self.http.list(&request, MONITOR_PAGES, wire::listed).await?;
            if self.http.stands(&request, MONITOR_PAGES, &whole.first).await? {
                let mut found: Vec<Listed> = whole.items.into_iter().flatten().collect();
                found.sort_by_key(|listed| listed.id);
                return Ok(found);
            }
        }
        let message = format!(
            "{}: monitors came while its pages were read, {READINGS} times in a row",
            request.asked()
        );
        Err(failure(Meaning::Broken, message))
    }

    /// Puts the monitors in their places.
    pub(super) async fn put_monitors(
        &self,
        mut listed: Vec<Listed>,
        desired: &Desired,
        scope: &Scope,
        names: &BTreeMap<i64, String>,
        live: &mut Live,
    ) -> Result<(), Failure> {
        let is_listed = |id: i64| listed.iter().any(|monitor| monitor.id == id);
        let unlisted = self.unlisted(MONITOR, scope, &GET_MONITOR, is_listed).await?;
        live.gaps.extend(unlisted.gaps);
        listed.extend(unlisted.found.into_iter().filter_map(|(_, raw)| wire::listed(raw)));
        self.desk.remember(listed.iter().map(|monitor| monitor.id));
        let documents: BTreeMap<&str, &Document> = desired
            .documents
            .values()
            .filter(|document| document.key.kind == MONITOR)
            .map(|document| (document.key.name(), document))
            .collect();
        let number = |name: &str| {
            let key = Key::new(DATA_SOURCE, [name]);
            let resource = live.resources.get(&key).map(|resource| resource.id.0);
            resource.or_else(|| live.discovered.get(&key).map(|id| id.0))
        };
        // What refers to a data source that is yet to be made cannot be tried.
        let said_by_git: Config = documents
            .iter()
            .filter_map(|(slug, document)| Some(((*slug).to_owned(), wire::sent(&document.spec, number).ok()?)))
            .collect();
        let mut verdicts = Verdicts::default();
        let owned = |slug: &str| scope.owned.get(&Key::new(MONITOR, [slug])).copied().flatten();
        let known = |slug: &str, document: &Document| Known {
            name: document.spec.get("name").and_then(Value::as_str).map(str::to_owned),
            id: pinned(document).or_else(|| owned(slug).map(|id| id.0)),
            extent: Extent::of(&document.spec),
        };
        match self
            .judged(&said_by_git, |slug| {
                documents.get(slug).map(|document| known(slug, document))
            })
            .await
        {
            Ok(Judged::Told(said)) => verdicts.of_git = said,
            Ok(Judged::Untold(why)) => {
                let what_to_do =
                    "give the key's owner a group that may edit monitors, or ask Datafold to enable monitors as code";
                live.gaps.push(not_judged(&format!("{why}; {what_to_do}")));
            }
            Ok(Judged::Busy(why)) => {
                live.gaps.push(busy(&why));
                return Ok(());
            }
            Err(failure) => {
                live.gaps.push(gap(
                    MONITOR,
                    None,
                    failure,
                    "what provisioning would do to the monitors",
                )?);
                return Ok(());
            }
        }
        let Matches { mut ids, gaps } = matched(&documents, &listed, scope, &verdicts.of_git);
        live.gaps.extend(gaps);
        let mut once_more = Config::new();
        for (slug, id) in &ids {
            let Some(document) = documents.get(slug.as_str()) else {
                continue;
            };
            match verdicts.of_git.get_mut(slug).map(|(said, _)| said) {
                // Some of many are there, and an older deployment lists those alone that are not.
                Some(said @ Said::Created) if Extent::of(&document.spec) == Extent::Many => *said = Said::Updated,
                Some(Said::Created) => {
                    if let Some(Json::Object(mut spec)) = said_by_git.get(slug).cloned() {
                        spec.insert("id".to_owned(), Json::from(*id));
                        once_more.insert(slug.clone(), Json::Object(spec));
                    }
                }
                Some(Said::Updated) => {
                    let agreed = scope.agreed.get(&document.key);
                    let agreed = agreed.and_then(|agreed| wire::sent(agreed, number).ok());
                    if let Some(agreed) = agreed.filter(|agreed| said_by_git.get(slug) != Some(agreed)) {
                        once_more.insert(slug.clone(), agreed);
                    }
                }
                _ => {}
            }
        }
        let owned_alone = scope
            .owned
            .iter()
            .filter(|(key, _)| key.kind == MONITOR && !desired.documents.contains_key(*key));
        let orphans: Vec<(Key, i64)> = owned_alone
            .filter_map(|(key, id)| Some((key.clone(), (*id)?.0)))
            .filter(|(_, id)| listed.iter().any(|monitor| monitor.id == *id) && !ids.values().any(|other| other == id))
            .collect();
        let mut to_read = orphans;
        to_read.extend(ids.iter().map(|(slug, id)| (Key::new(MONITOR, [slug]), *id)));
        let (again, read) = futures::join!(
            self.judged(&once_more, |slug| {
                let mut known = known(slug, documents.get(slug)?);
                known.id = ids.get(slug).copied();
                Some(known)
            }),
            stream::iter(to_read.clone())
                .map(|(key, id)| async move { (key, id, self.http.fetch(&Request::new(&GET_MONITOR, &[id])).await) })
                .buffered(AT_ONCE)
                .collect::<Vec<_>>()
        );
        match again {
            Ok(Judged::Told(said)) => {
                verdicts.again = said.into_iter().map(|(slug, (said, _))| (slug, said)).collect();
                ids.retain(|slug, _| !verdicts.is_anothers(slug));
            }
            Ok(Judged::Untold(_)) => {}
            Ok(Judged::Busy(why)) => {
                live.gaps.push(busy(&why));
                return Ok(());
            }
            Err(failure) => {
                live.gaps.push(gap(
                    MONITOR,
                    None,
                    failure,
                    "what provisioning would do to the monitors",
                )?);
                return Ok(());
            }
        }
        to_read.retain(|(key, _)| !verdicts.is_anothers(key.name()));
        for (key, id, raw) in read {
            if verdicts.is_anothers(key.name()) {
                continue;
            }
            let raw = match raw {
                Ok(raw) => raw,
                // It went away after the list was read.
                Err(failure) if failure.meaning == Meaning::NotFound => continue,
                Err(failure) => {
                    let what = format!("`{key}`");
                    live.gaps.push(gap(MONITOR, Some(key), failure, &what)?);
                    continue;
                }
            };
            let document = documents.get(key.name()).copied();
            let agreed = scope.agreed.get(&key);
            let (resource, sight) = live_monitor(id, &raw, document, agreed, &verdicts, names);
            let said = verdicts.of_git.get(key.name()).map(|(said, _)| said);
            if let Some(said) = said.filter(|_| sight == Sight::InPart) {
                live.gaps.push(not_judged(&format!("of `{key}` {}", said.doubt())));
            }
            live.resources.insert(key, resource);
        }
        let claimed: BTreeSet<i64> = to_read.into_iter().map(|(_, id)| id).collect();
        live.unidentified.extend(unmanaged(&listed, &claimed));
        Ok(())
    }

    /// What a dry run says of these monitors. One that it does not take is asked about no further, if it says which one that is.
    async fn judged(&self, config: &Config, known: impl Fn(&str) -> Option<Known>) -> Result<Judged, Failure> {
        let mut config = config.clone();
        let mut said = BTreeMap::new();
        loop {
            if config.is_empty() {
                return Ok(Judged::Told(said));
            }
            match self.rehearse(&config).await? {
                Rehearsal::Busy(why) => return Ok(Judged::Busy(why.message)),
                Rehearsal::Missing(why) => return Ok(Judged::Untold(why.message)),
                Rehearsal::Refused(why) => {
                    let before = config.len();
                    config.retain(|slug, _| {
                        let is_blamed = is_blamed(&why, slug);
                        if is_blamed {
                            said.insert(slug.clone(), (Said::Refused(why.message.clone()), None));
                        }
                        !is_blamed
                    });
                    if config.len() == before {
                        return Ok(Judged::Untold(why.message));
                    }
                }
                Rehearsal::Told(results) => {
                    let handed_in = config
                        .keys()
                        .map(|slug| (slug.clone(), known(slug).unwrap_or_default()))
                        .collect();
                    said.extend(results.of_each(&handed_in));
                    return Ok(Judged::Told(said));
                }
            }
        }
    }
}

/// What came of a dry run.
enum Judged {
    Told(BTreeMap<String, (Said, Option<i64>)>),
    Untold(String),
    Busy(String),
}

/// Whether a refusal names the monitor of this slug.
pub(super) fn is_blamed(failure: &Failure, slug: &str) -> bool {
    failure.fields.iter().any(|(path, _)| below_slug(path, slug).is_some())
}

/// What of a fault's place, `config.monitors.SLUG.…`, lies within the monitor of this slug.
pub(super) fn below_slug<'a>(place: &'a FieldPath, slug: &str) -> Option<&'a [String]> {
    let keys = place.keys();
    let within = match keys.iter().position(|key| key == MONITORS) {
        Some(at) => keys.get(at + 1..)?,
        None => keys,
    };
    let (first, below) = within.split_first()?;
    (first == slug).then_some(below)
}

fn busy(why: &str) -> Gap {
    Gap {
        kind: MONITOR,
        below: None,
        reason: GapReason::Unread,
        message: format!(
            "somebody else provisions monitors at this moment, so they are compared by the next pass: {why}"
        ),
    }
}

/// It hides no monitor: those fields alone are not compared.
fn not_judged(why: &str) -> Gap {
    Gap {
        kind: MONITOR,
        below: Some(Key::new(MONITOR, ["(fields that only a dry run can judge)"])),
        reason: GapReason::Unread,
        message: format!("the fields of monitors that the platform does not return are not compared: {why}"),
    }
}

/// How much of a monitor could be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// All of it.
    Whole,
    /// What the platform shows.
    InPart,
}

/// A monitor as it is live. Of one that is declared only what Git or the ledger names is of interest: the document is the whole of
/// what is sent.
fn live_monitor(
    id: i64,
    raw: &Json,
    document: Option<&Document>,
    agreed: Option<&Map>,
    verdicts: &Verdicts,
    names: &BTreeMap<i64, String>,
) -> (LiveResource, Sight) {
    let shown = shown(raw);
    let Some(document) = document else {
        let spec = match agreed {
            Some(agreed) => completed(agreed, agreed, &shown, names),
            None => shown,
        };
        let mut resource = wire::resource(MONITOR, id, spec);
        resource.edited = wire::edited(raw);
        return (resource, Sight::Whole);
    };
    let slug = document.key.name();
    let git = &document.spec;
    let said = verdicts.of_git.get(slug).map(|(said, _)| said);
    let again = verdicts.again.get(slug);
    let (base, unread) = match (said, again) {
        (Some(Said::Unchanged), _) | (Some(Said::Created), Some(Said::Created | Said::Updated | Said::Unchanged)) => {
            (git, Vec::new())
        }
        (Some(Said::Updated), _) => (agreed.unwrap_or(git), Vec::new()),
        // Nothing tells what is not shown: it is taken to be as in Git, so that what is shown differs as itself.
        _ => (git, not_shown(git, &shown)),
    };
    let mut spec = completed(base, git, &shown, names);
    spec.insert(SLUG.to_owned(), Value::from(slug));
    if git.contains_key("id") {
        spec.insert("id".to_owned(), Value::from(id));
    }
    spec.shift_remove(PLATFORM_VERDICT);
    let would_change = match (said, again) {
        (Some(Said::Updated), Some(Said::Unchanged)) | (Some(Said::Created), Some(Said::Updated)) => says(git, &spec),
        // Neither what Git says nor what was agreed is live: what differs is shown, or said to be there.
        (Some(Said::Updated), _) => says(git, &spec) || says(base, &spec),
        _ => false,
    };
    // What is written is live with the changes put in: what Git gives up within a field must not come back by that way.
    spec.retain(|field, _| git.contains_key(field));
    for (field, value) in spec.iter_mut() {
        // A schedule is one choice: another one than Git's is seen whole.
        if let Some(named) = git.get(field).filter(|_| field != "schedule") {
            keep_named(value, named);
        }
    }
    if would_change {
        spec.insert(PLATFORM_VERDICT.to_owned(), Value::from(WOULD_BE_UPDATED));
    }
    let mut resource = wire::resource(MONITOR, id, spec);
    let sight = match unread.is_empty() {
        true => Sight::Whole,
        false => Sight::InPart,
    };
    let (wanted, found) = (
        meaning(schema(), MONITOR, git),
        meaning(schema(), MONITOR, &resource.spec),
    );
    let agrees = |field: &String| {
        wanted
            .get(field)
            .is_none_or(|value| wire::is_written(value, found.get(field)))
    };
    resource.unread = unread.into_iter().filter(agrees).collect();
    resource.edited = wire::edited(raw);
    let is_known = matches!(said, Some(Said::Unchanged | Said::Updated));
    if !is_known && pinned(document).is_none() {
        let base: Map = [(ADOPT.to_owned(), Value::from(true))].into();
        resource.base = Some(Value::Map(base).into());
    }
    (resource, sight)
}

/// Takes away what `named` does not name.
fn keep_named(value: &mut Value, named: &Value) {
    if let (Value::Map(map), Value::Map(named)) = (value, named) {
        map.retain(|field, _| named.contains_key(field));
        for (field, value) in map.iter_mut() {
            if let Some(named) = named.get(field) {
                keep_named(value, named);
            }
        }
    }
}

/// Whether `live` says all that `wanted` does.
pub(super) fn says(wanted: &Map, live: &Map) -> bool {
    let (wanted, live) = (meaning(schema(), MONITOR, wanted), meaning(schema(), MONITOR, live));
    let own = |field: &&String| field.as_str() != PLATFORM_VERDICT && field.as_str() != SLUG;
    wanted
        .iter()
        .filter(|(field, _)| own(field))
        .all(|(field, value)| wire::is_written(value, live.get(field)))
}

/// What no document and no ledger knows: by its name, or by its number where the name is not its alone.
fn unmanaged(listed: &[Listed], claimed: &BTreeSet<i64>) -> Vec<(Key, LiveResource)> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    let free: Vec<&Listed> = listed.iter().filter(|monitor| !claimed.contains(&monitor.id)).collect();
    for name in free.iter().filter_map(|monitor| monitor.name.as_deref()) {
        *count.entry(name).or_default() += 1;
    }
    free.into_iter()
        .map(|monitor| {
            let name = monitor
                .name
                .as_deref()
                .filter(|name| count.get(name) == Some(&1) && !name.is_empty());
            let name = name.map_or_else(|| format!("#{}", monitor.id), str::to_owned);
            let mut resource = wire::resource(MONITOR, monitor.id, shown(&monitor.raw));
            resource.edited = wire::edited(&monitor.raw);
            (
                Key::new(MONITOR, [name]),
                LiveResource {
                    id: RemoteId(monitor.id),
                    ..resource
                },
            )
        })
        .collect()
}
