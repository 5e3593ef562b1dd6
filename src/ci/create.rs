//! Heads of statements that create tables and views, found among tokens.

use driftless_core::yaml::Mark;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::sql::{Source, mark};

/// A statement that creates a table or view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The name as it is written, placeholders included; `None`: it is one that cannot be read here (`identifier($name)`).
    pub(super) name: Option<String>,
    pub(super) at: Mark,
    pub(super) lasts: Lasts,
}

/// How long what is created is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lasts {
    /// Until it is dropped.
    Kept,
    /// As long as its session: nobody else can read it.
    Session,
}

/// Words that may stand between CREATE and TABLE or VIEW, over all dialects.
const MODIFIERS: &[&str] = &[
    "or",
    "replace",
    "alter",
    "refresh",
    "transient",
    "external",
    "foreign",
    "unlogged",
    "hybrid",
    "dynamic",
    "iceberg",
    "secure",
    "recursive",
    "materialized",
    "streaming",
    "live",
    "multiset",
    "set",
    "column",
    "row",
    "force",
    "noforce",
    "editionable",
    "noneditionable",
    "interactive",
    "event",
    "local",
    "global",
    "shadow",
    "immutable",
];

/// Modifiers of what ends with its session.
const SESSION: &[&str] = &["temp", "temporary", "volatile", "private"];

/// Words behind which a statement begins although no semicolon stands before it.
const OPENERS: &[&str] = &["begin", "then", "else", "loop", "do", "go", "repeat"];

/// What has a body of statements that run some other time.
const ROUTINES: &[&str] = &["procedure", "function", "trigger", "task", "package"];

/// Tokens without white space and comments.
pub(super) struct Words<'a> {
    words: Vec<(usize, &'a TokenWithSpan)>,
    source: &'a Source,
}

impl<'a> Words<'a> {
    pub(super) fn new(tokens: &'a [TokenWithSpan], source: &'a Source) -> Self {
        let is_word = |token: &TokenWithSpan| !matches!(token.token, Token::Whitespace(_) | Token::EOF);
        let words = tokens.iter().enumerate().filter(|(_, token)| is_word(token)).collect();
        Self { words, source }
    }

    fn token(&self, at: usize) -> Option<&'a Token> {
        self.words.get(at).map(|(_, token)| &token.token)
    }

    /// Whether an unquoted word stands there, in any case.
    fn is(&self, at: usize, words: &[&str]) -> bool {
        matches!(self.token(at), Some(Token::Word(word)) if word.quote_style.is_none() && words.iter().any(|known| word.value.eq_ignore_ascii_case(known)))
    }

    fn span(&self, at: usize) -> Option<(Location, Location)> {
        self.words.get(at).map(|(_, token)| (token.span.start, token.span.end))
    }

    fn is_first_of_line(&self, at: usize) -> bool {
        match (at.checked_sub(1).and_then(|before| self.span(before)), self.span(at)) {
            (Some((_, end)), Some((start, _))) => end.line < start.line,
            _ => true,
        }
    }

    fn touches(&self, at: usize) -> bool {
        matches!((at.checked_sub(1).and_then(|before| self.span(before)), self.span(at)), (Some((_, end)), Some((start, _))) if end == start)
    }
}

/// Every head: its first token, the token behind it, and what it says.
pub(super) fn heads(words: &Words<'_>) -> Vec<(usize, usize, Head)> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut parentheses = 0_usize;
    let mut begins = true;
    while let Some(token) = words.token(at) {
        let is_start = begins || (parentheses == 0 && words.is_first_of_line(at) && !is_granted(words, at));
        if is_start && words.is(at, &["create"]) {
            parentheses = 0;
            if let Some((next, head)) = head(words, at) {
                let token_of = |at: usize| words.words.get(at).map_or(usize::MAX, |(index, _)| *index);
                found.push((token_of(at), token_of(next), head));
                at = next;
                begins = false;
                continue;
            }
            if let Some(next) = behind_routine(words, at) {
                at = next;
                begins = true;
                continue;
            }
        }
        match token {
            Token::LParen => parentheses += 1,
            Token::RParen => parentheses = parentheses.saturating_sub(1),
            Token::SemiColon => parentheses = 0,
            _ => {}
        }
        begins = *token == Token::SemiColon || words.is(at, OPENERS);
        at += 1;
    }
    found
}

/// Whether CREATE is a right that is given or taken here.
fn is_granted(words: &Words<'_>, at: usize) -> bool {
    at.checked_sub(1).is_some_and(|before| {
        words.is(before, &["grant", "revoke", "deny", "for"]) || matches!(words.token(before), Some(Token::Comma))
    })
}

fn head(words: &Words<'_>, create: usize) -> Option<(usize, Head)> {
    let mut at = create + 1;
    let mut lasts = Lasts::Kept;
    while words.is(at, MODIFIERS) || words.is(at, SESSION) {
        if words.is(at, SESSION) {
            lasts = Lasts::Session;
        }
        at += 1;
    }
    if !words.is(at, &["table", "view"]) {
        return None;
    }
    at += 1;
    // BigQuery has functions that give tables.
    if words.is(at, &["function"]) && matches!(words.token(at + 1), Some(Token::Word(_))) {
        return None;
    }
    if words.is(at, &["if"]) && words.is(at + 1, &["not"]) && words.is(at + 2, &["exists"]) {
        at += 3;
    }
    let (start, _) = words.span(at)?;
    // One that begins with a sign of some template is there, and cannot be read.
    let (next, name) = name(words, at).unwrap_or((at + 1, None));
    if name.as_deref().is_some_and(|name| name.starts_with('#')) {
        lasts = Lasts::Session;
    }
    let head = Head {
        name,
        at: mark(start),
        lasts,
    };
    Some((next, head))
}

/// The name that begins there, and the word behind it.
fn name(words: &Words<'_>, first: usize) -> Option<(usize, Option<String>)> {
    if words.is(first, &["identifier"]) && words.token(first + 1) == Some(&Token::LParen) {
        let written = match (words.token(first + 2), words.token(first + 3)) {
            (Some(Token::SingleQuotedString(name)), Some(Token::RParen)) => Some(name.clone()),
            _ => None,
        };
        let behind = if written.is_some() { first + 4 } else { first + 2 };
        return Some((behind, written));
    }
    let mut at = first;
    let mut is_dot_wanted = false;
    while let Some(token) = words.token(at) {
        let goes_on = match token {
            Token::Period => at > first,
            Token::LBracket => !is_dot_wanted,
            // A part in brackets may hold any words, and the bracket that ends it.
            _ if bracket_is_open(words, first, at) => true,
            Token::Word(_) | Token::DoubleQuotedString(_) => !is_dot_wanted || words.touches(at),
            Token::Number(..) | Token::Minus | Token::Sharp => at == first || words.touches(at),
            _ => false,
        };
        if !goes_on {
            break;
        }
        is_dot_wanted = !matches!(token, Token::Period | Token::LBracket);
        at += 1;
    }
    let (start, _) = words.span(first)?;
    let (_, end) = words.span(at.checked_sub(1).filter(|last| *last >= first)?)?;
    Some((at, Some(words.source.between(start, end))))
}

/// Brackets do not nest in names: the nearest one behind decides.
fn bracket_is_open(words: &Words<'_>, first: usize, at: usize) -> bool {
    /// Words that a name in brackets may have.
    const LONGEST: usize = 20;
    let from = first.max(at.saturating_sub(LONGEST));
    let nearest = (from..at).rev().find_map(|index| match words.token(index) {
        Some(Token::LBracket) => Some(true),
        Some(Token::RBracket) => Some(false),
        _ => None,
    });
    nearest == Some(true)
}

/// The word behind a routine's body; `None` where CREATE creates none.
fn behind_routine(words: &Words<'_>, create: usize) -> Option<usize> {
    let mut at = create + 1;
    while words.is(at, MODIFIERS) || words.is(at, SESSION) || words.is(at, &["aggregate", "constraint"]) {
        at += 1;
    }
    if !words.is(at, ROUTINES) {
        return None;
    }
    let mut open = 0_usize;
    while let Some(token) = words.token(at) {
        if words.is(at, &["begin", "case"]) {
            open += 1;
        } else if words.is(at, &["end"]) && !words.is(at + 1, &["if", "loop", "while", "for", "repeat"]) {
            open = open.saturating_sub(1);
            // `end case` ends what `case` began.
            at += usize::from(words.is(at + 1, &["case"]));
        } else if *token == Token::SemiColon && open == 0 {
            return Some(at + 1);
        }
        at += 1;
    }
    Some(at)
}
