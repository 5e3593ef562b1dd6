//! Writes an instance as files, byte for byte as the official client does, but for this: resources that would share a path, or
//! have one that could not be written or read back, each get one of their own; no two checks of a datastore share an id; a secret
//! that the platform shows is not written.

use std::collections::{BTreeMap, BTreeSet};

use driftless_core::key::{Key, Kind};
use driftless_core::report::{Failure, Meaning};
use driftless_core::value::Value;
use driftless_core::yaml;
use futures::stream::{self, StreamExt as _};
use serde_json::{Map as JsonMap, Value as Json};

use super::calls::{GET_CONNECTION, GET_CONTAINER, GET_DATASTORE, LIST_CHECKS};
use super::kinds::{CHECK, COMPUTED_FIELD, CONNECTION, CONTAINER, DATASTORE};
use super::normalize::container_name;
use super::portable::{self, ExportedCheck};
use super::uid;
use super::wire::{self, Names};
use super::{Qualytics, layout, notes};
use crate::codec;
use crate::platform::failures::failure;
use crate::platform::http::Request;

/// Reads under way at once, before the gate.
const AT_ONCE: usize = 64;

/// What to write.
#[derive(Clone, Debug, Default)]
pub struct ExportOptions {
    /// Names of datastores, or their numbers; all of them when empty.
    pub datastores: Vec<String>,
    /// Kinds; all of them when empty.
    pub kinds: Vec<Kind>,
}

/// A file of an export.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExportedFile {
    /// Its path from the export's root, with `/`.
    pub path: String,
    /// The resource.
    pub key: Key,
    /// Where its identity comes from.
    pub identity: Identity,
    /// Its text.
    pub text: String,
}

/// Where the identity of an exported resource comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// The instance says it.
    Live,
    /// It was made for the file: the instance knows none.
    Generated,
}

/// What an export gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// The files, by path.
    pub files: Vec<ExportedFile>,
    /// What could not be read, one sentence each.
    pub gaps: Vec<String>,
    /// What is not written as it is live, one sentence each.
    pub notes: Vec<String>,
    /// What is live and in no file: connections and datastores that were not asked for, or that nothing uses.
    pub others: BTreeSet<Key>,
}

/// Reads an instance and gives it as files.
///
/// # Errors
/// When nothing could be read, or a datastore that was asked for is not there.
pub async fn export(platform: &Qualytics, options: &ExportOptions) -> Result<Exported, Failure> {
    let mut gaps = Vec::new();
    let mut names = Names::default();
    let (connections, datastores) = futures::join!(platform.connections(), platform.datastores());
    let connections = soft(connections, "the connections", &mut gaps)?.unwrap_or_default();
    for raw in &connections {
        if let (Some(id), Some(name)) = (wire::id_of(raw), wire::text_of(raw, "name")) {
            names.connections.insert(id, name.to_owned());
        }
    }
    let datastores = datastores?;
    let mut by_id: BTreeMap<i64, &Json> = BTreeMap::new();
    for raw in &datastores {
        if let Some(id) = wire::id_of(raw) {
            let name = wire::text_of(raw, "name").map_or_else(|| format!("datastore_{id}"), str::to_owned);
            names.datastores.insert(id, name);
            by_id.insert(id, raw);
        }
    }
    let chosen = chosen(options, &names)?;
    let asked = |kind: Kind| options.kinds.is_empty() || options.kinds.contains(&kind);
    let mut out = Files::default();
    if asked(CONNECTION) {
        platform
            .export_connections(&chosen, &by_id, &mut out, &mut gaps)
            .await?;
    }
    let mut folders = Folders::default();
    let mut in_order: Vec<i64> = chosen.into_iter().collect();
    in_order.sort_by(|a, b| names.datastores.get(a).cmp(&names.datastores.get(b)));
    for id in &in_order {
        let name = names.datastores.get(id).cloned().unwrap_or_default();
        let folder = folders.claim("datastores/", &folder_name(&name));
        if asked(DATASTORE) {
            let raw = platform.http.fetch(&Request::new(&GET_DATASTORE, &[*id])).await?;
            let key = Key::new(DATASTORE, [&name]);
            let path = format!("{folder}/_datastore.yaml");
            let content = portable::datastore(&raw, &names);
            out.notes.extend(notes::of_texts(&path, &raw, &content));
            out.put(path, key, content);
        }
        if asked(CONTAINER) || asked(COMPUTED_FIELD) || asked(CHECK) {
            let listed = soft(
                platform.containers(*id).await,
                &format!("the containers of `{name}`"),
                &mut gaps,
            )?;
            for container in listed.unwrap_or_default() {
                names.containers.insert(container.id, (*id, container.name));
            }
        }
        let part = Part { id: *id, name, folder };
        if asked(CONTAINER) || asked(COMPUTED_FIELD) {
            let kinds = (asked(CONTAINER), asked(COMPUTED_FIELD));
            platform
                .export_containers(&part, kinds, &mut names, &mut out, &mut gaps)
                .await?;
        }
        if asked(CHECK) {
            platform.export_checks(&part, &mut names, &mut out, &mut gaps).await?;
        }
    }
    let Files { mut files, notes } = out;
    files.sort();
    let live = names.connections.values().map(|name| Key::new(CONNECTION, [name]));
    let mut others: BTreeSet<Key> = live
        .chain(names.datastores.values().map(|name| Key::new(DATASTORE, [name])))
        .collect();
    for file in &files {
        others.remove(&file.key);
    }
    Ok(Exported {
        files,
        gaps,
        notes,
        others,
    })
}

/// One datastore of an export.
struct Part {
    id: i64,
    name: String,
    folder: String,
}

impl Qualytics {
    async fn export_connections(
        &self,
        chosen: &BTreeSet<i64>,
        datastores: &BTreeMap<i64, &Json>,
        out: &mut Files,
        gaps: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let enrichment = |raw: &&Json| raw.get("enrich_datastore").and_then(wire::id_of);
        let linked = chosen.iter().filter_map(|id| datastores.get(id)).filter_map(enrichment);
        let all: BTreeSet<i64> = chosen.iter().copied().chain(linked).collect();
        let used: BTreeSet<i64> = all
            .iter()
            .filter_map(|id| datastores.get(id))
            .filter_map(|raw| wire::connection_id(raw))
            .collect();
        let mut found = Vec::new();
        for id in used {
            let raw = self.http.fetch(&Request::new(&GET_CONNECTION, &[id])).await;
            found.extend(soft(raw, &format!("connection {id}"), gaps)?);
        }
        found.sort_by(|a, b| wire::text_of(a, "name").cmp(&wire::text_of(b, "name")));
        let mut folders = Folders::default();
        for raw in &found {
            if let Some(name) = wire::text_of(raw, "name") {
                let stem = folders.claim("connections/", &file_name(name));
                let path = format!("{stem}.yaml");
                let exported = portable::connection(raw, name);
                out.notes.extend(notes::of_connection(&path, name, raw, &exported));
                out.put(path, Key::new(CONNECTION, [name]), exported.content);
            }
        }
        Ok(())
    }

    async fn export_containers(
        &self,
        part: &Part,
        (containers, computed_fields): (bool, bool),
        names: &mut Names,
        out: &mut Files,
        gaps: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let mut inside: Vec<(String, i64)> = names
            .containers
            .iter()
            .filter(|(_, (datastore, _))| *datastore == part.id)
            .map(|(id, (_, name))| (name.clone(), *id))
            .collect();
        inside.sort();
        // In the order of the names, whatever order the answers come in.
        let read: Vec<_> = stream::iter(inside)
            .map(|(name, id)| async move { (name, self.http.fetch(&Request::new(&GET_CONTAINER, &[id])).await) })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut whole = Vec::new();
        for (name, raw) in read {
            let what = format!("container `{name}` of `{}`", part.name);
            whole.extend(soft(raw, &what, gaps)?.map(|raw| (name, raw)));
        }
        let elsewhere = whole.iter().flat_map(|(_, raw)| portable::containers_of(raw)).collect();
        self.learn(elsewhere, names, gaps).await?;
        let mut folders = Folders::default();
        let root = format!("{}/containers/", part.folder);
        // Computed containers first: theirs is the folder that names them.
        whole.sort_by_key(|(_, raw)| !wire::text_of(raw, "container_type").is_some_and(wire::is_computed));
        for (name, raw) in &whole {
            let is_computed = wire::text_of(raw, "container_type").is_some_and(wire::is_computed);
            let fields = raw
                .get("computed_fields")
                .and_then(Json::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default();
            if !is_computed && fields.is_empty() {
                continue;
            }
            let folder = folders.claim(&root, &folder_name(name));
            if is_computed && containers {
                let key = Key::new(CONTAINER, [part.name.clone(), container_name(name)]);
                let content = portable::container(raw, part.id, names);
                out.put(format!("{folder}/_container.yaml"), key, content);
            }
            if !computed_fields {
                continue;
            }
            if !is_computed {
                let beside = names.containers.values().filter(|(owner, _)| *owner == part.id);
                out.notes
                    .extend(notes::of_folder(&folder, name, beside.map(|(_, other)| other.as_str())));
            }
            let mut stems = Folders::default();
            let mut fields: Vec<&Json> = fields.iter().collect();
            fields.sort_by(|a, b| wire::text_of(a, "name").cmp(&wire::text_of(b, "name")));
            for field in fields {
                let own = wire::text_of(field, "name").unwrap_or("unknown");
                let stem = stems.claim(&format!("{folder}/computed_fields/"), &file_name(own));
                let key = Key::new(COMPUTED_FIELD, [&part.name, name, own]);
                out.put(format!("{stem}.yaml"), key, portable::computed_field(field, names));
            }
        }
        Ok(())
    }

    async fn export_checks(
        &self,
        part: &Part,
        names: &mut Names,
        out: &mut Files,
        gaps: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let request = Request::new(&LIST_CHECKS, &[])
            .query("datastore", part.id)
            .query("sort_created", "desc");
        let read = self.settled(&request, portable::trimmed_check, |_| true).await;
        let Some(mut raws) = soft(read, &format!("the checks of `{}`", part.name), gaps)? else {
            return Ok(());
        };
        let elsewhere = raws.iter().flat_map(portable::containers_of).collect();
        self.learn(elsewhere, names, gaps).await?;
        raws.sort_by_key(wire::id_of);
        let claims: Vec<_> = raws.iter().map(portable::claim).collect();
        let uids = uid::distinct(&claims);
        let mut taken: BTreeSet<String> = BTreeSet::new();
        // Files of one name are numbered in the order in which their checks were made, as the official client has them.
        for (raw, uid) in raws.iter().zip(uids) {
            let ExportedCheck { folder, stem, content } = portable::check(raw, names, &uid);
            let folder = uid::fitting(&folder);
            let path = free(
                &format!("{}/checks/{folder}/{}", part.folder, uid::fitting(&stem)),
                &taken,
            );
            taken.insert(path.clone());
            let identity = match portable::stored_uid(raw) {
                Some(stored) if stored == uid => Identity::Live,
                Some(_) | None => Identity::Generated,
            };
            let key = Key::new(CHECK, [&part.name, &uid]);
            out.put_as(format!("{path}.yaml"), key, identity, content);
        }
        Ok(())
    }

    /// Reads the names of containers that lie elsewhere. One that cannot be read is a gap, and keeps its number in the files.
    async fn learn(&self, containers: BTreeSet<i64>, names: &mut Names, gaps: &mut Vec<String>) -> Result<(), Failure> {
        let unknown: Vec<i64> = containers
            .into_iter()
            .filter(|id| !names.containers.contains_key(id))
            .collect();
        let read: Vec<_> = stream::iter(unknown)
            .map(|id| async move { (id, self.http.fetch(&Request::new(&GET_CONTAINER, &[id])).await) })
            .buffered(AT_ONCE)
            .collect()
            .await;
        for (id, raw) in read {
            let what = format!("container {id}, to which files refer by this number since its name is not known,");
            let Some(raw) = soft(raw, &what, gaps)? else { continue };
            let datastore = raw.get("datastore").and_then(wire::id_of);
            if let (Some(id), Some(name), Some(datastore)) = (wire::id_of(&raw), wire::text_of(&raw, "name"), datastore)
            {
                names.containers.insert(id, (datastore, name.to_owned()));
            }
        }
        Ok(())
    }
}

/// Files as they are made.
#[derive(Default)]
struct Files {
    files: Vec<ExportedFile>,
    notes: Vec<String>,
}

impl Files {
    fn put(&mut self, path: String, key: Key, content: JsonMap<String, Json>) {
        self.put_as(path, key, Identity::Live, content);
    }

    fn put_as(&mut self, path: String, key: Key, identity: Identity, content: JsonMap<String, Json>) {
        let text = yaml::emit(&Value::Map(codec::map_from_json(&content)));
        // An empty folder name is none to a file system.
        let path = path.replace("//", "/");
        self.files.push(ExportedFile {
            path,
            key,
            identity,
            text,
        });
    }
}

/// The file name of a resource, without ending.
fn file_name(name: &str) -> String {
    uid::fitting(&layout::slug(name))
}

/// The folder of a resource, which has a name in any case: without one its file would be read as another thing.
fn folder_name(name: &str) -> String {
    match layout::slug(name).as_str() {
        "" => format!("_{}", uid::short(name)),
        slug => uid::fitting(slug),
    }
}

/// Paths that are taken: a second resource with one slug gets a number.
#[derive(Default)]
struct Folders(BTreeSet<String>);

impl Folders {
    fn claim(&mut self, root: &str, name: &str) -> String {
        let path = free(&format!("{root}{name}"), &self.0);
        self.0.insert(path.clone());
        path
    }
}

/// `text`, or what it is with the first number that makes it free.
fn free(text: &str, taken: &BTreeSet<String>) -> String {
    let numbered = (2_u64..).map(|number| format!("{text}_{number}"));
    std::iter::once(text.to_owned())
        .chain(numbered)
        .find(|candidate| !taken.contains(candidate))
        .unwrap_or_default()
}

/// The datastores that are asked for.
fn chosen(options: &ExportOptions, names: &Names) -> Result<BTreeSet<i64>, Failure> {
    if options.datastores.is_empty() {
        return Ok(names.datastores.keys().copied().collect());
    }
    let find = |asked: &String| {
        let is_number = !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit());
        let by_number = || asked.parse().ok().filter(|id| names.datastores.contains_key(id));
        let by_name = || {
            names
                .datastores
                .iter()
                .find(|(_, name)| *name == asked)
                .map(|(id, _)| *id)
        };
        let found = if is_number { by_number() } else { by_name() };
        found.ok_or_else(|| {
            let message = format!("this instance has no datastore `{asked}` that the token may see");
            failure(Meaning::NotFound, message)
        })
    };
    options.datastores.iter().map(find).collect()
}

/// What could not be read is said, and the rest goes on; a token that is refused altogether ends it.
fn soft<T>(read: Result<T, Failure>, what: &str, gaps: &mut Vec<String>) -> Result<Option<T>, Failure> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(refused) if refused.meaning == Meaning::Unauthorized => Err(refused),
        Err(failure) => {
            gaps.push(format!("{what} could not be read: {}", failure.message));
            Ok(None)
        }
    }
}
