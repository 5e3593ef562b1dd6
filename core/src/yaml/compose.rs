//! Parser events to a graph of nodes: scalars have their values, aliases point at what they repeat, merges are still keys.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle, Tag, options};

use super::read::{MAX_DEPTH, MAX_NODES};
use super::scalar::{Sort, bool_value, core_schema_value, float_value, int_value, sort_of};
use super::source::{Source, mark};
use super::{Fault, Mark, fault, quoted};
use crate::value::{Number, Value};

/// The index of a node in its graph.
pub(super) type Id = usize;

/// One document before aliases and merges are carried out.
pub(super) struct Graph {
    pub(super) nodes: Vec<Raw>,
    pub(super) root: Id,
}

/// A node as it stands in the text.
pub(super) struct Raw {
    pub(super) at: Mark,
    pub(super) shape: Shape,
}

/// What a raw node is.
pub(super) enum Shape {
    Scalar(Value),
    /// A plain `<<`.
    Merge,
    /// A plain `=`.
    Default,
    List(Vec<Id>),
    Map(Vec<(Id, Id)>),
    /// Repeats another node, perhaps one that it stands in.
    Alias(Id),
}

/// A collection that is still open.
struct Open {
    id: Id,
    style: StructureStyle,
    /// The key that waits for its value, in a map.
    key: Option<Id>,
}

struct Composer<'a> {
    source: &'a Source<'a>,
    /// Byte ranges of quoted scalars that were read again for their separators.
    read_again: Vec<std::ops::Range<usize>>,
    nodes: Vec<Raw>,
    open: Vec<Open>,
    root: Option<Id>,
    anchors: BTreeMap<usize, Id>,
    anchor_names: BTreeSet<String>,
    faults: &'a mut Vec<Fault>,
}

/// The graph of the one document in `text`; none if there is no document or no way to go on. Faults join `faults`.
pub(super) fn compose(text: &str, faults: &mut Vec<Fault>) -> Option<Graph> {
    let source = Source::new(text);
    let mut composer = Composer {
        source: &source,
        read_again: Vec::new(),
        nodes: Vec::new(),
        open: Vec::new(),
        root: None,
        anchors: BTreeMap::new(),
        anchor_names: BTreeSet::new(),
        faults,
    };
    if let Err(fault) = composer.run() {
        composer.faults.push(fault);
        return None;
    }
    composer.refuse_separators(usize::MAX);
    let root = composer.root?;
    Some(Graph {
        nodes: composer.nodes,
        root,
    })
}

impl Composer<'_> {
    fn run(&mut self) -> Result<(), Fault> {
        let options = options! {
            emit_anchor_events: true,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        let mut documents = 0;
        for next in Parser::new_from_str_with_options(self.source.parsed(), options) {
            let (event, span) = next.map_err(|error| {
                // Perhaps the reason: what stands behind a separator was meant for a line of its own.
                self.refuse_separators(error.marker().index());
                fault::syntax(&error)
            })?;
            let at = mark(&span.start);
            match event {
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents > 1 {
                        return Err(fault::documents(at));
                    }
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let shape = self.scalar(&text, style, tag.as_deref(), &span);
                    let id = self.add(at, shape, anchor)?;
                    self.place(id);
                }
                Event::SequenceStart(style, anchor, tag) => {
                    self.check_tag(tag.as_deref(), "tag:yaml.org,2002:seq", at);
                    self.open(at, Shape::List(Vec::new()), anchor, style)?;
                }
                Event::MappingStart(style, anchor, tag) => {
                    self.check_tag(tag.as_deref(), "tag:yaml.org,2002:map", at);
                    self.open(at, Shape::Map(Vec::new()), anchor, style)?;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    if let Some(open) = self.open.pop() {
                        self.place(open.id);
                    }
                }
                Event::Anchor(_, name) => {
                    let known = !self.anchor_names.insert(name.into_owned());
                    if known {
                        self.faults.push(fault::duplicate_anchor(at));
                    }
                }
                Event::Alias(anchor) => {
                    if let Some(target) = self.anchors.get(&anchor).copied() {
                        let id = self.add(at, Shape::Alias(target), 0)?;
                        self.place(id);
                    }
                }
                // Comments and unresolved aliases are switched off; a new kind of event carries no node.
                _ => {}
            }
        }
        Ok(())
    }

    /// Outside quotes U+0085, U+2028 and U+2029 are refused: to PyYAML they would end a line, a comment, even an entry.
    fn refuse_separators(&mut self, until: usize) {
        if let Some((c, at)) = self.source.separator_outside(&self.read_again, until) {
            self.faults.push(fault::line_separator(c, at));
        }
    }

    fn add(&mut self, at: Mark, shape: Shape, anchor: usize) -> Result<Id, Fault> {
        if self.nodes.len() >= MAX_NODES {
            return Err(fault::too_many_nodes(at));
        }
        let id = self.nodes.len();
        self.nodes.push(Raw { at, shape });
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        Ok(id)
    }

    fn open(&mut self, at: Mark, shape: Shape, anchor: usize, style: StructureStyle) -> Result<(), Fault> {
        if self.open.len() >= MAX_DEPTH {
            return Err(fault::too_deep(at));
        }
        let id = self.add(at, shape, anchor)?;
        self.open.push(Open { id, style, key: None });
        Ok(())
    }

    /// Puts a finished node where it belongs: the root, the next item, the key or the value of the open collection.
    fn place(&mut self, id: Id) {
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(id);
            return;
        };
        match &mut self.nodes[parent.id].shape {
            Shape::List(items) => items.push(id),
            Shape::Map(pairs) => match parent.key.take() {
                Some(key) => pairs.push((key, id)),
                None => parent.key = Some(id),
            },
            Shape::Scalar(_) | Shape::Merge | Shape::Default | Shape::Alias(_) => {}
        }
    }

    fn check_tag(&mut self, tag: Option<&Tag>, own: &str, at: Mark) {
        let name = tag.map(tag_name);
        if name.is_some_and(|name| name != own && name != "!") {
            self.faults.push(fault::tag(at));
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: &Span) -> Shape {
        let at = mark(&span.start);
        let in_flow = self.open.last().is_some_and(|open| open.style == StructureStyle::Flow);
        if in_flow && style == ScalarStyle::Plain && text.contains('?') {
            // To PyYAML the question mark ends the scalar and begins a key.
            self.faults.push(fault::question_mark(at));
        }
        let text = self.as_yaml_1_1(text, style, span);
        match tag.map(tag_name).as_deref() {
            None if style == ScalarStyle::Plain => self.plain(&text, at),
            None | Some("tag:yaml.org,2002:str") => Shape::Scalar(Value::String(text.into_owned())),
            // The lone `!` asks PyYAML to resolve, quoted or not.
            Some("!") => self.plain(&text, at),
            Some("tag:yaml.org,2002:null") => Shape::Scalar(Value::Null),
            Some("tag:yaml.org,2002:bool") => self.valued(bool_value(&text), at),
            Some("tag:yaml.org,2002:int") => self.valued(int_value(&text).map(Value::Number), at),
            Some("tag:yaml.org,2002:float") => self.valued(float_value(&text).map(Value::from), at),
            Some(_) => {
                self.faults.push(fault::tag(at));
                Shape::Scalar(Value::Null)
            }
        }
    }

    fn plain(&mut self, text: &str, at: Mark) -> Shape {
        let value = match sort_of(text) {
            Sort::Merge => return Shape::Merge,
            Sort::Default => return Shape::Default,
            Sort::Text | Sort::Timestamp => return Shape::Scalar(Value::String(text.to_owned())),
            Sort::Null => Ok(Value::Null),
            Sort::Bool(truth) => Ok(Value::Bool(truth)),
            Sort::Int => int_value(text).map(Value::Number),
            Sort::Float => float_value(text).map(Value::from),
        };
        if let Ok(value) = &value
            && !core_schema_value(text).is_some_and(|core| same(value, &core))
        {
            self.faults.push(fault::ambiguous(reading(text, value), at));
        }
        self.valued(value, at)
    }

    fn valued(&mut self, value: Result<Value, super::scalar::Unreadable>, at: Mark) -> Shape {
        Shape::Scalar(value.unwrap_or_else(|why| {
            self.faults.push(fault::unreadable(why, at));
            Value::Null
        }))
    }

    /// The text of a scalar as YAML 1.1 has it, where the parser's differs.
    fn as_yaml_1_1<'t>(&mut self, text: &'t str, style: ScalarStyle, span: &Span) -> Cow<'t, str> {
        match style {
            ScalarStyle::Plain => Cow::Borrowed(text),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                let Some(range) = self.source.separated(span) else {
                    return Cow::Borrowed(text);
                };
                self.read_again.push(range.clone());
                match quoted::read(self.source.piece(range)) {
                    Some(text) => Cow::Owned(text),
                    None => {
                        self.faults.push(fault::quoted_separator(mark(&span.start)));
                        Cow::Borrowed(text)
                    }
                }
            }
            // A last line without its line feed gets none from PyYAML.
            ScalarStyle::Literal | ScalarStyle::Folded => {
                // The span begins at the first character of content.
                if self.open.is_empty() && span.start.col() == 0 && !text.trim().is_empty() {
                    self.faults.push(fault::block_margin(mark(&span.start)));
                }
                if self.source.reaches_end(span) && self.source.ends_within_block(text) {
                    Cow::Borrowed(text.strip_suffix('\n').unwrap_or(text))
                } else {
                    Cow::Borrowed(text)
                }
            }
        }
    }
}

fn tag_name(tag: &Tag) -> String {
    let (handle, suffix) = tag.parts();
    format!("{handle}{suffix}")
}

/// Whether two readings are one value of one sort, NaN included.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(Number::Float(a)), Value::Number(Number::Float(b))) => a == b || (a.is_nan() && b.is_nan()),
        (a, b) => a == b,
    }
}

/// What a plain scalar was read as, without its digits: they may be a secret that lost its quotes.
fn reading(text: &str, value: &Value) -> &'static str {
    let body = text.trim_start_matches(['-', '+']);
    match value {
        Value::Bool(true) => "the boolean true",
        Value::Bool(false) => "the boolean false",
        _ if text.contains(':') => "a number to the base of 60",
        _ if body.starts_with("0b") => "a binary integer",
        _ if body.starts_with("0x") => "a hexadecimal integer",
        Value::Number(Number::Float(_)) => "a float, its underscores left out",
        _ if body.starts_with('0') => "an octal integer",
        _ => "an integer, its underscores left out",
    }
}
