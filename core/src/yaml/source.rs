//! The text as the parser gets it, and the way back from the parser's markers to the text itself.
//!
//! The parser speaks YAML 1.2, where U+0085, U+2028 and U+2029 are plain characters; to PyYAML they end a line, and it writes
//! them so inside quotes. A text that holds one is therefore parsed with line feeds in their place, character for character.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::{Marker, Span};

use super::Mark;

/// The three characters that end a line in YAML 1.1 alone.
pub(super) fn is_separator(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// One text, in both forms.
pub(super) struct Source<'a> {
    /// The text itself.
    text: &'a str,
    /// What the parser reads.
    parsed: Cow<'a, str>,
    /// The byte at which each character of the text begins, its end included; empty where the forms are one.
    bytes: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        if !text.contains(is_separator) {
            return Self {
                text,
                parsed: Cow::Borrowed(text),
                bytes: Vec::new(),
            };
        }
        Self {
            text,
            parsed: Cow::Owned(text.replace(is_separator, " ")),
            bytes: text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect(),
        }
    }

    /// What the parser is to read.
    pub(super) fn parsed(&self) -> &str {
        &self.parsed
    }

    /// The bytes of a span that holds a separator; none of a span without.
    pub(super) fn separated(&self, span: &Span) -> Option<Range<usize>> {
        let range = *self.bytes.get(span.start.index())?..*self.bytes.get(span.end.index())?;
        self.text.get(range.clone())?.contains(is_separator).then_some(range)
    }

    /// A piece of the text itself.
    pub(super) fn piece(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or_default()
    }

    /// The first separator outside `ranges`, which are in the order of the text, and before the character `until`.
    pub(super) fn separator_outside(&self, ranges: &[Range<usize>], until: usize) -> Option<(char, Mark)> {
        let until = self.bytes.get(until).or(self.bytes.last())?;
        let mut ranges = ranges.iter().peekable();
        self.text[..*until]
            .char_indices()
            .filter(|(_, c)| is_separator(*c))
            .find(|(index, _)| {
                while ranges.next_if(|range| range.end <= *index).is_some() {}
                !ranges.peek().is_some_and(|range| range.contains(index))
            })
            .map(|(index, c)| (c, mark_after(&self.text[..index])))
    }

    /// Whether the text ends within a line that a block scalar with this value wrote last.
    pub(super) fn ends_within_block(&self, value: &str) -> bool {
        let last = self.parsed.rsplit(['\n', '\r']).next().unwrap_or_default();
        let content = last.trim_start_matches(' ');
        !content.is_empty() && value.strip_suffix('\n').is_some_and(|value| value.ends_with(content))
    }

    /// Whether a span reaches the end of the text.
    pub(super) fn reaches_end(&self, span: &Span) -> bool {
        span.byte_range().is_some_and(|range| range.end >= self.parsed.len())
    }
}

/// The place of a marker of the parser.
pub(super) fn mark(marker: &Marker) -> Mark {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Mark {
        line: number(marker.line()).max(1),
        column: number(marker.col()).saturating_add(1),
    }
}

/// The place that follows `before`, a beginning of the text.
pub(super) fn mark_after(before: &str) -> Mark {
    let mut mark = Mark { line: 1, column: 1 };
    let mut chars = before.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\n' || (c == '\r' && chars.peek() != Some(&'\n')) {
            mark.line += 1;
            mark.column = 1;
        } else {
            mark.column += 1;
        }
    }
    mark
}
