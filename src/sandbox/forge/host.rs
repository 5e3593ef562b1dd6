//! The host: everything a forge stores, and what the edge calls.

use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::hook::{Deliveries, Hook, Moved, Told, deliver};
use super::repository::Repository;
use super::seed::{self, Opened, Pushed};
use super::switches::Switches;
use super::{github, gitlab};
use crate::sandbox::fault::Envelope;
use crate::sandbox::heard::Heard;
use crate::sandbox::platform::{Detail, Done, Platform, Sort};
use crate::sandbox::side_door::wrong;
use crate::sandbox::wire::{Query, Refusal, decode_bytes};

/// The token of the user that every forge has.
pub const ADMIN_TOKEN: &str = "driftless-sandbox-forge-token";

/// What a token may do.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rights {
    #[default]
    Write,
    Read,
    /// Everything, but it is nobody's: that of an installed app.
    App,
}

#[derive(Clone)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) rights: Rights,
}

impl User {
    pub(super) fn new(name: String, rights: Rights) -> Self {
        Self { id: 0, name, rights }
    }
}

pub(super) struct Host {
    pub(super) switches: Switches,
    pub(super) repositories: BTreeMap<String, Repository>,
    pub(super) hooks: Vec<Hook>,
    users: HashMap<String, User>,
    deliveries: Deliveries,
    /// The last number that anything was given.
    last: u64,
}

/// A request of one of the two APIs.
pub(super) struct Ask<'a> {
    pub(super) method: &'a str,
    /// The segments below the root, decoded.
    pub(super) path: Vec<&'a str>,
    pub(super) query: Query,
    pub(super) body: Value,
    pub(super) accept: &'a str,
    pub(super) user: User,
}

/// How an API refuses: status and message.
type Refuse = fn(u16, &str) -> Done;

/// How an API answers.
type Respond = fn(&mut Host, &Ask<'_>) -> Done;

impl Host {
    /// An empty forge: one user, and nothing else.
    pub(super) fn new(switches: Switches) -> Self {
        let mut host = Self {
            switches,
            repositories: BTreeMap::new(),
            hooks: Vec::new(),
            users: HashMap::new(),
            deliveries: Deliveries::default(),
            last: 0,
        };
        host.add_user(ADMIN_TOKEN.to_owned(), User::new("octo-bot".to_owned(), Rights::Write));
        host
    }

    pub(super) fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn add_user(&mut self, token: String, user: User) {
        let id = self.next();
        self.users.insert(token, User { id, ..user });
    }

    pub(super) fn repository(&mut self, path: &str) -> Result<&mut Repository, String> {
        self.repositories
            .get_mut(path)
            .ok_or_else(|| format!("there is no repository `{path}`"))
    }

    /// The path of a project by its path or by its number, as GitLab takes either.
    pub(super) fn project(&self, named: &str) -> Option<String> {
        let is_meant =
            |(path, repository): &(&String, &Repository)| *path == named || repository.id.to_string() == named;
        self.repositories.iter().find(is_meant).map(|(path, _)| path.clone())
    }

    /// The number of a repository.
    pub(super) fn id_of(&self, path: &str) -> Option<u64> {
        self.repositories.get(path).map(|repository| repository.id)
    }

    /// Delivers to every hook that a pull request has moved.
    pub(super) fn tell(&mut self, path: &str, number: u64, moved: Moved) {
        let pull = self
            .repositories
            .get(path)
            .and_then(|repository| repository.pulls.get(&number))
            .cloned();
        let Some(pull) = pull else { return };
        let shown = [
            github::pull(path, number, &pull, 0),
            gitlab::merge_request(self, path, number, &pull, 0),
        ];
        for hook in self.hooks.clone() {
            let id = self.next();
            let told = Told {
                path,
                number,
                pull: &pull,
                shown: &shown,
                moved,
            };
            deliver(hook, id, &told, self.deliveries.clone());
        }
    }

    /// The part of a list that is asked for.
    pub(super) fn page(&self, rows: Vec<Value>, query: &Query, usual: usize) -> Value {
        let number = |key: &str| query.first(key).and_then(|text| text.parse::<usize>().ok());
        let size = number("per_page")
            .unwrap_or(usual)
            .clamp(1, self.switches.largest_page.max(1));
        let skipped = number("page").unwrap_or(1).saturating_sub(1).saturating_mul(size);
        rows.into_iter().skip(skipped).take(size).collect()
    }

    fn user(&self, authorization: Option<&str>) -> Option<User> {
        let (scheme, token) = authorization?.split_once(' ')?;
        let known = ["bearer", "token"].contains(&scheme.to_ascii_lowercase().as_str());
        self.users.get(token.trim()).filter(|_| known).cloned()
    }

    fn edited(&mut self, body: &Value) -> Result<Value, String> {
        let path = text(&body["where"], "repository")?;
        match body["kind"].as_str() {
            Some("pull_request") => {
                let number = body["where"]["number"].as_u64().ok_or("where.number is missing")?;
                let pulls = &mut self.repository(&path)?.pulls;
                let pull = pulls
                    .get_mut(&number)
                    .ok_or_else(|| format!("{path} has no pull request {number}"))?;
                let set = body["set"].as_object().ok_or("set should be an object")?;
                let mut moves = Vec::new();
                for (key, value) in set {
                    moves.push(match key.as_str() {
                        "draft" => {
                            pull.draft = value.as_bool().ok_or("draft should be true or false")?;
                            Moved::Draft
                        }
                        "labels" => {
                            pull.labels = read(value.clone())?;
                            Moved::Labeled
                        }
                        "state" => {
                            pull.is_open = value == "open";
                            Moved::Closed
                        }
                        "title" => {
                            pull.title = text(&body["set"], "title")?;
                            Moved::Edited
                        }
                        other => return Err(format!("set.{other} is nothing that a pull request has")),
                    });
                }
                for moved in moves {
                    self.tell(&path, number, moved);
                }
            }
            Some("comment") if body["delete"] == json!(true) => {
                let id = body["where"]["id"].as_u64().ok_or("where.id is missing")?;
                self.repository(&path)?.comments.retain(|comment| comment.id != id);
            }
            _ => return Err("kind should be pull_request, or comment with \"delete\": true".to_owned()),
        }
        Ok(json!({}))
    }

    fn opened(&mut self, body: &Value) -> Result<Value, String> {
        let path = text(body, "repository")?;
        let number = seed::open(self, &path, read::<Opened>(body.clone())?)?;
        let sha = self.repository(&path)?.pulls.get(&number).map(|pull| pull.sha.clone());
        Ok(json!({ "number": number, "sha": sha }))
    }

    fn pushed(&mut self, body: &Value) -> Result<Value, String> {
        let path = text(body, "repository")?;
        let number = body["number"].as_u64().ok_or("number is missing")?;
        let sha = seed::push(self, &path, number, read::<Pushed>(body.clone())?)?;
        Ok(json!({ "sha": sha }))
    }
}

fn text(body: &Value, key: &str) -> Result<String, String> {
    body[key]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| format!("{key} is missing"))
}

fn read<T: DeserializeOwned>(body: Value) -> Result<T, String> {
    serde_json::from_value(body).map_err(|fault| fault.to_string())
}

impl Platform for Host {
    type Switches = Switches;

    // Lists of forges are bare.
    const ENVELOPE: Envelope = Envelope {
        total: "total",
        rows: &[],
    };

    fn respond(&mut self, heard: &Heard) -> Done {
        let decoded: Vec<String> = heard.path.trim_matches('/').split('/').map(decode_bytes).collect();
        let path: Vec<&str> = decoded.iter().map(String::as_str).collect();
        let (root, path) = path.split_at(path.len().min(2));
        let (refuse, answer): (Refuse, Respond) = match root {
            ["api", "v3"] => (github::refuse, github::answer),
            ["api", "v4"] => (gitlab::refuse, gitlab::answer),
            _ => return github::refuse(404, "Not Found"),
        };
        let Some(user) = self.user(heard.authorization.as_deref()) else {
            return refuse(401, "401 Unauthorized");
        };
        let Ok(body) = heard.json() else {
            return refuse(400, "Problems parsing JSON");
        };
        let ask = Ask {
            method: &heard.method,
            path: path.to_vec(),
            query: Query::parse(&heard.query),
            body,
            accept: heard.accept.as_deref().unwrap_or_default(),
            user,
        };
        if ask.method != "GET" && ask.user.rights == Rights::Read {
            return refuse(403, "Resource not accessible by personal access token");
        }
        answer(self, &ask)
    }

    fn sort(heard: &Heard) -> Sort {
        match heard.method.as_str() {
            "GET" => Sort::Reading,
            _ => Sort::Write,
        }
    }

    fn switches(&mut self) -> &mut Switches {
        &mut self.switches
    }

    fn retry_after(&self) -> u64 {
        self.switches.retry_after
    }

    fn empty(switches: Switches) -> Self {
        Self::new(switches)
    }

    fn add(&mut self, seed: &Value) -> Result<(), String> {
        seed::load(self, seed)
    }

    fn count(&self) -> Value {
        json!({ "repositories": self.repositories.len() })
    }

    fn dump(&self, _detail: Detail) -> Value {
        let repositories = self.repositories.iter().map(|(path, repository)| repository.dump(path));
        json!({ "repositories": repositories.collect::<Vec<_>>() })
    }

    fn edit(&mut self, body: &Value) -> Result<Value, Refusal> {
        self.edited(body).map_err(Refusal::bad)
    }

    fn side_door(&mut self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        let done = match (method, path) {
            ("POST", "pull_requests") => self.opened(body),
            ("POST", "push") => self.pushed(body),
            ("POST", "hooks") => read::<Hook>(body.clone()).map(|hook| {
                self.hooks.push(hook);
                json!({})
            }),
            ("GET", "deliveries") => {
                let deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(json!({ "deliveries": *deliveries }))
            }
            _ => return None,
        };
        Some(done.map_or_else(wrong, |value| (200, value)))
    }
}
