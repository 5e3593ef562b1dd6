//! What a text of SQL creates: tables and views by their names as written, and the comments around them.
//!
//! A tokenizer, and no grammar: changed files may be templates, or of a dialect that no parser takes whole, and one statement that cannot be
//! read must not lose the others. Words in comments and texts are no words of a statement.

use driftless_core::yaml::Mark;
use sqlparser::dialect::{
    BigQueryDialect, DatabricksDialect, Dialect, GenericDialect, MsSqlDialect, MySqlDialect, PostgreSqlDialect,
    RedshiftSqlDialect, SnowflakeDialect,
};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Whitespace};

use super::create::{Head, Words, heads};

/// What stands in a text, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// The head of a statement that creates a table or view.
    Creates(Head),
    /// A comment, without its signs: the place where its text begins.
    Comment { text: String, at: Mark },
    /// Any other word or sign of a statement.
    Other,
    /// The end of a statement.
    End,
}

/// Where a tokenizer starts anew in a text that it could not take: beyond, the rest is left unread.
const MOST_RESTARTS: usize = 50;

/// The pieces of a text of the data source's type; `Err`: the line from which on it could not be read, with the pieces before it.
pub(super) fn pieces(text: &str, data_source_type: Option<&str>) -> (Vec<Piece>, Option<u32>) {
    let masked = mask(text);
    let (tokens, unread) = tokens(&masked, data_source_type);
    let source = Source::new(text);
    let mut pieces = Vec::new();
    let mut found = heads(&Words::new(&tokens, &source)).into_iter().peekable();
    let mut skip_to = 0;
    for (index, token) in tokens.iter().enumerate() {
        if let Token::Whitespace(space) = &token.token {
            comment(space, token, &mut pieces);
            continue;
        }
        if let Some((_, end, head)) = found.next_if(|(start, ..)| *start == index) {
            skip_to = end;
            pieces.push(Piece::Creates(head));
        } else if index >= skip_to {
            let is_end = token.token == Token::SemiColon;
            pieces.push(if is_end { Piece::End } else { Piece::Other });
        }
    }
    (pieces, unread)
}

fn comment(space: &Whitespace, token: &TokenWithSpan, pieces: &mut Vec<Piece>) {
    let (text, signs) = match space {
        Whitespace::SingleLineComment { comment, prefix } => (comment, prefix.chars().count()),
        Whitespace::MultiLineComment(comment) => (comment, 2),
        Whitespace::Space | Whitespace::Newline | Whitespace::Tab => return,
    };
    let start = mark(token.span.start);
    pieces.push(Piece::Comment {
        text: text.clone(),
        at: Mark {
            line: start.line,
            column: start.column.saturating_add(u32::try_from(signs).unwrap_or(0)),
        },
    });
}

pub(super) fn mark(location: Location) -> Mark {
    let short = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Mark {
        line: short(location.line),
        column: short(location.column),
    }
}

/// A text by lines and columns as the tokenizer counts them: in characters, lines ended by line feeds.
pub(super) struct Source {
    signs: Vec<char>,
    lines: Vec<usize>,
}

impl Source {
    fn new(text: &str) -> Self {
        let signs: Vec<char> = text.chars().collect();
        let after = |(at, sign): (usize, &char)| (*sign == '\n').then_some(at + 1);
        let lines = std::iter::once(0)
            .chain(signs.iter().enumerate().filter_map(after))
            .collect();
        Self { signs, lines }
    }

    fn offset(&self, location: Location) -> usize {
        let line = usize::try_from(location.line.saturating_sub(1)).unwrap_or(usize::MAX);
        let column = usize::try_from(location.column.saturating_sub(1)).unwrap_or(usize::MAX);
        let start = self.lines.get(line).copied().unwrap_or(self.signs.len());
        start.saturating_add(column).min(self.signs.len())
    }

    /// What stands from one place up to another.
    pub(super) fn between(&self, start: Location, end: Location) -> String {
        let (start, end) = (self.offset(start), self.offset(end));
        self.signs.get(start..end).unwrap_or_default().iter().collect()
    }
}

/// Tokens of the first dialect that takes the text whole; of the tolerant one with restarts where none does.
fn tokens(text: &str, data_source_type: Option<&str>) -> (Vec<TokenWithSpan>, Option<u32>) {
    for dialect in dialects(data_source_type) {
        if let Ok(tokens) = Tokenizer::new(dialect, text).tokenize_with_location() {
            return (tokens, None);
        }
    }
    let mut all = Vec::new();
    let mut unread = None;
    let mut first_line = 0;
    let mut rest = text;
    for _ in 0..MOST_RESTARTS {
        let mut tokens = Vec::new();
        let result = Tokenizer::new(&GenericDialect {}, rest).tokenize_with_location_into_buf(&mut tokens);
        let last = tokens.last().map_or(1, |token| token.span.end.line);
        all.extend(tokens.into_iter().map(|token| moved(token, first_line)));
        if result.is_ok() {
            return (all, unread);
        }
        // What could not be taken begins behind the last token: its line is given up.
        let failed = first_line + last;
        unread.get_or_insert(u32::try_from(failed).unwrap_or(u32::MAX));
        let skipped = usize::try_from(last).unwrap_or(usize::MAX);
        rest = match rest.match_indices('\n').nth(skipped.saturating_sub(1)) {
            Some((at, _)) => &rest[at + 1..],
            None => return (all, unread),
        };
        first_line = failed;
    }
    (all, unread)
}

fn moved(mut token: TokenWithSpan, lines: u64) -> TokenWithSpan {
    token.span.start.line += lines;
    token.span.end.line += lines;
    token
}

/// The dialects to try for a data source's type, and for one that is not known those whose texts and comments differ.
fn dialects(data_source_type: Option<&str>) -> Vec<&'static dyn Dialect> {
    let own: &'static dyn Dialect = match data_source_type {
        Some("snowflake") => &SnowflakeDialect {},
        Some("bigquery") => &BigQueryDialect {},
        Some("databricks") => &DatabricksDialect {},
        Some("mysql" | "mariadb") => &MySqlDialect {},
        Some("pg" | "postgres_aurora" | "postgres_aws_rds") => &PostgreSqlDialect {},
        Some("redshift") => &RedshiftSqlDialect {},
        Some("mssql" | "azure_synapse" | "microsoft_fabric") => &MsSqlDialect {},
        _ => &GenericDialect {},
    };
    vec![
        own,
        &GenericDialect {},
        &SnowflakeDialect {},
        &BigQueryDialect {},
        &MySqlDialect {},
    ]
}

/// The text with templates out of the tokenizer's way, each sign in its place: `${name}` and `{{ name }}` become parts of a word, other
/// tags of templates blanks. What does not end is left.
fn mask(text: &str) -> String {
    const TAGS: [(&str, &str, char); 4] = [
        ("${", "}", '_'),
        ("{{", "}}", '_'),
        ("{%", "%}", ' '),
        ("{#", "#}", ' '),
    ];
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    // The nearest end of a kind is looked for once: a text of many openings and no end is not searched for each.
    let mut is_open = [true; TAGS.len()];
    while let Some(at) = rest.find(['$', '{']) {
        masked.push_str(&rest[..at]);
        rest = &rest[at..];
        let tag = TAGS
            .iter()
            .enumerate()
            .find(|(kind, (open, ..))| is_open[*kind] && rest.starts_with(open));
        let whole = tag.and_then(|(kind, (open, close, sign))| {
            let end = rest[open.len()..].find(close);
            if end.is_none() {
                is_open[kind] = false;
            }
            let inside = end.map(|end| open.len() + end + close.len())?;
            // A name stands on one line; a brace that ends elsewhere is no template of a name.
            let is_name = *sign == ' ' || !rest[..inside].contains('\n');
            is_name.then_some((inside, *sign))
        });
        let (length, sign) = whole.unwrap_or((1, '\0'));
        for found in rest[..length].chars() {
            masked.push(match (found, sign) {
                ('\n', _) => '\n',
                (found, '\0') => found,
                (_, sign) => sign,
            });
        }
        rest = &rest[length..];
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn templates_are_masked_sign_by_sign() {
        let table = [
            ("a.${s}.t", "a.____.t"),
            ("{{ ref('x') }}.t", "______________.t"),
            ("{# don't #}\nx", "           \nx"),
            ("{% if a\n %}x", "       \n   x"),
            ("${open and $1 {x}", "_________________"),
            ("${open\n}", "${open\n}"),
            ("{{ {{ {", "{{ {{ {"),
        ];
        for (text, expected) in table {
            assert_eq!(mask(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_mask_keeps_lines_and_columns(text in "(\\$\\{|\\}|\\{\\{|\\}\\}|\\{%|%\\}|\\{#|#\\}|\n|ä|.){0,40}") {
            let masked = mask(&text);
            let shape = |text: &str| -> Vec<bool> { text.chars().map(|sign| sign == '\n').collect() };
            prop_assert_eq!(shape(&masked), shape(&text));
        }
    }
}
