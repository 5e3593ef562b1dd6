//! The graph to a tree: aliases copied, merges carried out, duplicate keys folded, all within the caps.

use std::collections::BTreeMap;

use super::compose::{Graph, Id, Shape};
use super::read::{MAX_DEPTH, MAX_NODES};
use super::{Data, Entry, Fault, Mark, Node, fault};
use crate::value::{Number, Value};

/// The tree of a graph; none where a cap or a circle ends it. Faults join `faults`, and keys that a map has twice `repeated`.
pub(super) fn construct(graph: &Graph, faults: &mut Vec<Fault>, repeated: &mut BTreeMap<Mark, Mark>) -> Option<Node> {
    let mut builder = Builder {
        graph,
        under_way: vec![false; graph.nodes.len()],
        made: 0,
        faults,
        repeated,
    };
    match builder.node(graph.root, 0) {
        Ok(node) => Some(node),
        Err(fault) => {
            faults.push(fault);
            None
        }
    }
}

struct Builder<'a> {
    graph: &'a Graph,
    /// The collections that the node in hand stands in.
    under_way: Vec<bool>,
    /// Nodes made and pairs merged so far.
    made: usize,
    faults: &'a mut Vec<Fault>,
    repeated: &'a mut BTreeMap<Mark, Mark>,
}

impl Builder<'_> {
    fn spend(&mut self, count: usize, at: Mark) -> Result<(), Fault> {
        self.made += count;
        if self.made > MAX_NODES {
            return Err(fault::too_many_nodes(at));
        }
        Ok(())
    }

    /// The node that `id` is, or repeats.
    fn target(&self, id: Id) -> Id {
        match self.graph.nodes[id].shape {
            Shape::Alias(target) => target,
            _ => id,
        }
    }

    fn enter(&mut self, id: Id, at: Mark, depth: usize) -> Result<(), Fault> {
        if std::mem::replace(&mut self.under_way[id], true) {
            return Err(fault::recursive(at));
        }
        if depth >= MAX_DEPTH {
            return Err(fault::too_deep(at));
        }
        Ok(())
    }

    fn node(&mut self, id: Id, depth: usize) -> Result<Node, Fault> {
        let graph = self.graph;
        let at = graph.nodes[id].at;
        self.spend(1, at)?;
        let target = self.target(id);
        let data = match &graph.nodes[target].shape {
            Shape::Scalar(value) => Data::Scalar(value.clone()),
            Shape::Merge => {
                self.faults.push(fault::merge_value(at));
                Data::Scalar(Value::Null)
            }
            Shape::Default => {
                self.faults.push(fault::default_value(at));
                Data::Scalar(Value::Null)
            }
            Shape::List(items) => {
                self.enter(target, at, depth)?;
                let items = items
                    .iter()
                    .map(|item| self.node(*item, depth + 1))
                    .collect::<Result<Vec<Node>, Fault>>()?;
                self.under_way[target] = false;
                Data::List(items)
            }
            Shape::Map(_) => {
                self.enter(target, at, depth)?;
                let entries = self.entries(target, depth)?;
                self.under_way[target] = false;
                Data::Map(entries)
            }
            // The target of an alias is an anchored node, and an alias has no anchor.
            Shape::Alias(_) => return Err(fault::recursive(at)),
        };
        Ok(Node { data, at })
    }

    fn entries(&mut self, map: Id, depth: usize) -> Result<Vec<Entry>, Fault> {
        let mut pairs = Vec::new();
        let own_from = self.pairs(map, &mut pairs, 0)?;
        let mut entries: Vec<Entry> = Vec::with_capacity(pairs.len());
        let mut by_identity: BTreeMap<String, usize> = BTreeMap::new();
        let mut by_text: BTreeMap<String, usize> = BTreeMap::new();
        // Which entries this very map has written, not a map merged into it.
        let mut own: BTreeMap<usize, Mark> = BTreeMap::new();
        for (position, (key_id, value_id)) in pairs.into_iter().enumerate() {
            let at = self.graph.nodes[key_id].at;
            self.spend(1, at)?;
            let Some((text, identity)) = self.key(key_id) else {
                self.faults.push(fault::key(at));
                continue;
            };
            let value = self.node(value_id, depth + 1)?;
            let known = by_identity.get(&identity).or_else(|| by_text.get(&text)).copied();
            let index = match known {
                Some(index) => {
                    // The first position and the last value: what a Python dict does.
                    entries[index].value = value;
                    entries[index].at = at;
                    index
                }
                None => {
                    let index = entries.len();
                    by_identity.insert(identity, index);
                    by_text.insert(text.clone(), index);
                    entries.push(Entry { key: text, at, value });
                    index
                }
            };
            if position >= own_from
                && let Some(first) = own.insert(index, at)
            {
                self.faults.push(fault::duplicate_key(first, at));
                self.repeated.insert(at, first);
            }
        }
        Ok(entries)
    }

    /// Adds the pairs of a map, those merged into it first; says from which position on they are its own.
    fn pairs(&mut self, map: Id, into: &mut Vec<(Id, Id)>, depth: usize) -> Result<usize, Fault> {
        let graph = self.graph;
        let Shape::Map(pairs) = &graph.nodes[map].shape else {
            return Ok(into.len());
        };
        let is_merge = |id: Id| matches!(graph.nodes[self.target(id)].shape, Shape::Merge);
        let merges: Vec<Id> = pairs
            .iter()
            .filter(|(key, _)| is_merge(*key))
            .map(|(_, value)| *value)
            .collect();
        let own: Vec<(Id, Id)> = pairs.iter().filter(|(key, _)| !is_merge(*key)).copied().collect();
        for value in merges {
            self.merge(value, into, depth)?;
        }
        self.spend(own.len(), graph.nodes[map].at)?;
        let own_from = into.len();
        into.extend(own);
        Ok(own_from)
    }

    fn merge(&mut self, value: Id, into: &mut Vec<(Id, Id)>, depth: usize) -> Result<(), Fault> {
        let graph = self.graph;
        let target = self.target(value);
        match &graph.nodes[target].shape {
            Shape::Map(_) => self.merge_map(value, into, depth),
            Shape::List(items) => {
                // Of a list the earlier maps win, so they come later.
                for item in items.iter().rev() {
                    match graph.nodes[self.target(*item)].shape {
                        Shape::Map(_) => self.merge_map(*item, into, depth)?,
                        _ => self.faults.push(fault::merge_target(graph.nodes[*item].at)),
                    }
                }
                Ok(())
            }
            Shape::Scalar(_) | Shape::Merge | Shape::Default | Shape::Alias(_) => {
                self.faults.push(fault::merge_target(graph.nodes[value].at));
                Ok(())
            }
        }
    }

    fn merge_map(&mut self, value: Id, into: &mut Vec<(Id, Id)>, depth: usize) -> Result<(), Fault> {
        let at = self.graph.nodes[value].at;
        let target = self.target(value);
        self.spend(1, at)?;
        self.enter(target, at, depth)?;
        self.pairs(target, into, depth + 1)?;
        self.under_way[target] = false;
        Ok(())
    }

    /// A key's text, and the word under which Python would find it again: `1`, `1.0` and `true` are one key.
    fn key(&self, id: Id) -> Option<(String, String)> {
        let value = match &self.graph.nodes[self.target(id)].shape {
            Shape::Scalar(value) => value,
            // As a key `=` is the text that it is.
            Shape::Default => return Some(("=".to_owned(), "s=".to_owned())),
            Shape::Merge | Shape::List(_) | Shape::Map(_) | Shape::Alias(_) => return None,
        };
        Some(match value {
            Value::String(text) => (text.clone(), format!("s{text}")),
            Value::Null => ("null".to_owned(), "null".to_owned()),
            Value::Bool(truth) => (truth.to_string(), format!("n{}", i32::from(*truth))),
            Value::Number(Number::Int(int)) => (int.to_string(), format!("n{int}")),
            Value::Number(Number::Big(digits)) => (digits.clone(), format!("n{digits}")),
            Value::Number(Number::Float(float)) => {
                let text = super::emit::float_key(*float);
                // Adding zero takes the sign off a negative zero.
                let identity = if float.fract() == 0.0 {
                    format!("n{:.0}", float + 0.0)
                } else {
                    format!("n{text}")
                };
                (text, identity)
            }
            Value::List(_) | Value::Map(_) | Value::Secret(_) => return None,
        })
    }
}
