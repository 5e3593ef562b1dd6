//! A source whose revisions a test pushes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use driftless_core::key::Revision;
use driftless_core::tree::{Content, File, Tree};
use driftless_core::value::Value;
use driftless_core::yaml::{Data, Entry, Mark, Node, Parsed};

use super::Log;
use crate::source::{Commit, Source, SourceError, SourceFault, TreeId};

/// A source whose revisions a test pushes.
pub(in crate::engine) struct TestSource {
    name: String,
    log: Log,
    state: Mutex<SourceState>,
}

#[derive(Default)]
struct SourceState {
    head: Option<Revision>,
    trees: BTreeMap<Revision, Vec<File>>,
    /// The ancestors of each revision, itself among them.
    lines: BTreeMap<Revision, BTreeSet<Revision>>,
    down: bool,
    slow: Duration,
    fetched: Option<Revision>,
}

impl TestSource {
    pub(in crate::engine) fn new(log: &Log) -> Arc<Self> {
        Arc::new(Self {
            name: "config".into(),
            log: log.clone(),
            state: Mutex::default(),
        })
    }

    /// Pushes a revision with the box `b` and these items in it: name and colour.
    pub(in crate::engine) fn push(&self, revision: &str, items: &[(&str, &str)]) {
        let mut files = vec![file("boxes/b/_box.yaml", Some(&[("name", "b")]))];
        for (name, colour) in items {
            let fields = [("name", *name), ("colour", *colour)];
            files.push(file(&format!("boxes/b/items/{name}.yaml"), Some(&fields)));
        }
        self.push_files(revision, files);
    }

    pub(in crate::engine) fn push_files(&self, revision: &str, mut files: Vec<File>) {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut state = self.state.lock().unwrap();
        let before = state.head.replace(Revision(revision.into()));
        let mut line = before
            .and_then(|before| state.lines.get(&before).cloned())
            .unwrap_or_default();
        line.insert(Revision(revision.into()));
        state.lines.insert(Revision(revision.into()), line);
        state.trees.insert(Revision(revision.into()), files);
    }

    /// Somebody puts the branch where it was.
    pub(in crate::engine) fn reset(&self, revision: &str) {
        self.state.lock().unwrap().head = Some(Revision(revision.into()));
    }

    pub(in crate::engine) fn down(&self, down: bool) {
        self.state.lock().unwrap().down = down;
    }

    /// How long a look takes.
    pub(in crate::engine) fn slow(&self, look: Duration) {
        self.state.lock().unwrap().slow = look;
    }
}

/// A file with these fields, or one that cannot be read.
pub(in crate::engine) fn file(path: &str, fields: Option<&[(&str, &str)]>) -> File {
    let at = Mark { line: 1, column: 1 };
    let root = fields.map(|fields| Node {
        at,
        data: Data::Map(
            fields
                .iter()
                .map(|(name, value)| Entry {
                    key: (*name).to_owned(),
                    at,
                    value: Node {
                        data: Data::Scalar(Value::from(*value)),
                        at,
                    },
                })
                .collect(),
        ),
    });
    let broken = driftless_core::yaml::Fault {
        severity: driftless_core::diagnostic::Severity::Error,
        code: "yaml_syntax",
        message: "no YAML".into(),
        help: None,
        at,
    };
    let faults = if root.is_none() { vec![broken] } else { Vec::new() };
    File {
        path: path.into(),
        content: Content::Yaml(Arc::new(Parsed {
            text: "".into(),
            root,
            faults,
            repeated: BTreeMap::new(),
        })),
    }
}

#[async_trait]
impl Source for TestSource {
    fn name(&self) -> &str {
        &self.name
    }

    async fn head(&self) -> Result<Revision, SourceError> {
        self.log.add("head");
        let slow = self.state.lock().unwrap().slow;
        tokio::time::sleep(slow).await;
        let state = self.state.lock().unwrap();
        let down = SourceError {
            kind: SourceFault::Unreachable,
            message: "no route".into(),
        };
        state.head.clone().filter(|_| !state.down).ok_or(down)
    }

    async fn last_good(&self) -> Option<Revision> {
        self.state.lock().unwrap().fetched.clone()
    }

    async fn checkout(&self, revision: &Revision, _: &[String]) -> Result<Tree, SourceError> {
        let mut state = self.state.lock().unwrap();
        state.fetched = Some(revision.clone());
        Ok(Tree {
            revision: revision.clone(),
            files: state.trees[revision].clone(),
        })
    }

    async fn descends(&self, newer: &Revision, older: &Revision) -> Result<bool, SourceError> {
        let line = self.state.lock().unwrap().lines.get(newer).cloned();
        Ok(line.is_some_and(|line| line.contains(older)))
    }

    async fn fingerprint(&self, revision: &Revision, _: &[String]) -> Result<TreeId, SourceError> {
        let state = self.state.lock().unwrap();
        Ok(TreeId(format!("{:?}", state.trees[revision])))
    }

    async fn describe(&self, revision: &Revision) -> Option<Commit> {
        Some(Commit {
            author: "A. Author".into(),
            subject: format!("subject of {revision}"),
            time: 0,
        })
    }
}
