//! Which columns a SELECT yields: aliases, plain names, and stars expanded from the tables it reads.
//!
//! Not a SQL parser: it reads what the columns of a profile are called, for the queries that configurations hold.

use super::state::{FieldStatus, Id, Instance};

/// A column and its type.
pub(super) type Column = (String, String);

/// A table that a star may expand to: the alias it goes by, its columns.
pub(super) struct Source {
    pub(super) alias: String,
    pub(super) columns: Vec<Column>,
}

/// A query that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable(pub(super) &'static str);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A name or keyword, quotes taken off.
    Word(String),
    /// A quoted name, which is never a keyword.
    Name(String),
    /// A string literal or number.
    Literal,
    Sign(char),
}

impl Token {
    fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Name(name) => Some(name),
            Self::Literal | Self::Sign(_) => None,
        }
    }
}

fn tokens(sql: &str) -> Result<Vec<Token>, Unreadable> {
    let characters: Vec<char> = sql.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let character = characters[at];
        let next = characters.get(at + 1).copied();
        let quoted = |close: char, from: usize| characters[from..].iter().position(|other| *other == close);
        if character.is_whitespace() {
            at += 1;
        } else if character == '-' && next == Some('-') {
            at += characters[at..]
                .iter()
                .position(|other| *other == '\n')
                .unwrap_or(characters.len() - at);
        } else if character == '\'' {
            let end = quoted('\'', at + 1).ok_or(Unreadable("a text literal is not closed"))?;
            out.push(Token::Literal);
            at += end + 2;
        } else if matches!(character, '"' | '`') {
            let end = quoted(character, at + 1).ok_or(Unreadable("a quoted name is not closed"))?;
            out.push(Token::Name(characters[at + 1..at + 1 + end].iter().collect()));
            at += end + 2;
        } else if character.is_ascii_digit() {
            at += characters[at..]
                .iter()
                .take_while(|other| other.is_alphanumeric() || **other == '.')
                .count();
            out.push(Token::Literal);
        } else if character.is_alphanumeric() || character == '_' {
            let length = characters[at..]
                .iter()
                .take_while(|other| other.is_alphanumeric() || **other == '_')
                .count();
            out.push(Token::Word(characters[at..at + length].iter().collect()));
            at += length;
        } else {
            out.push(Token::Sign(character));
            at += 1;
        }
    }
    Ok(out)
}

/// Splits at the top level of parentheses, where `cut` says so.
fn split(tokens: &[Token], cut: impl Fn(&Token) -> bool) -> Vec<&[Token]> {
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth -= 1,
            token if depth == 0 && cut(token) => {
                parts.push(&tokens[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tokens[start..]);
    parts
}

/// The columns of a whole query; `table` finds the columns of a table by its name.
pub(super) fn of_query(sql: &str, table: impl Fn(&str) -> Option<Vec<Column>>) -> Result<Vec<Column>, Unreadable> {
    let tokens = tokens(sql)?;
    let open = tokens.iter().filter(|token| **token == Token::Sign('(')).count();
    if open != tokens.iter().filter(|token| **token == Token::Sign(')')).count() {
        return Err(Unreadable("parentheses do not match"));
    }
    // Of a UNION the first branch names the columns; of a WITH, what follows the last common table expression.
    let parts = split(&tokens, |token| token.is("select"));
    let body = parts.get(1).copied().ok_or(Unreadable("there is no SELECT"))?;
    let body = split(body, |token| {
        token.is("union") || token.is("except") || token.is("intersect")
    })[0];
    let clauses = split(body, |token| token.is("from"));
    let from = clauses.get(1).map(|from| {
        split(from, |token| {
            ["where", "group", "having", "order", "limit", "window"]
                .iter()
                .any(|word| token.is(word))
        })[0]
    });
    let sources = from.map(|from| sources(from, &table)).unwrap_or_default();
    list(clauses[0], &sources)
}

/// The columns of a select clause over known sources.
pub(super) fn of_clause(clause: &str, sources: &[Source]) -> Result<Vec<Column>, Unreadable> {
    list(&tokens(clause)?, sources)
}

fn sources(from: &[Token], table: &impl Fn(&str) -> Option<Vec<Column>>) -> Vec<Source> {
    let joins = split(from, |token| *token == Token::Sign(',') || token.is("join"));
    joins
        .into_iter()
        .filter_map(|part| {
            let part = split(part, |token| token.is("on") || token.is("using"))[0];
            let mut names: Vec<&str> = Vec::new();
            for token in part {
                match token {
                    Token::Sign(_) | Token::Literal => {}
                    token
                        if ["as", "left", "right", "inner", "full", "outer", "cross", "lateral"]
                            .iter()
                            .any(|word| token.is(word)) => {}
                    token => names.extend(token.name()),
                }
            }
            let dots = part.iter().filter(|token| **token == Token::Sign('.')).count();
            let name = *names.get(dots)?;
            let alias = names.get(dots + 1).copied().unwrap_or(name);
            Some(Source {
                alias: alias.to_owned(),
                columns: table(name)?,
            })
        })
        .collect()
}

fn list(tokens: &[Token], sources: &[Source]) -> Result<Vec<Column>, Unreadable> {
    let tokens = match tokens {
        [first, rest @ ..] if first.is("distinct") || first.is("all") => rest,
        all => all,
    };
    let mut columns: Vec<Column> = Vec::new();
    let mut add = |column: Column| {
        if !columns.iter().any(|known| known.0 == column.0) {
            columns.push(column);
        }
    };
    for (at, item) in split(tokens, |token| *token == Token::Sign(','))
        .into_iter()
        .enumerate()
    {
        match item {
            [] => return Err(Unreadable("a column is empty")),
            [Token::Sign('*')] => sources
                .iter()
                .flat_map(|source| source.columns.clone())
                .for_each(&mut add),
            [table, Token::Sign('.'), Token::Sign('*')] => sources
                .iter()
                .filter(|source| {
                    table
                        .name()
                        .is_some_and(|name| name.eq_ignore_ascii_case(&source.alias))
                })
                .flat_map(|source| source.columns.clone())
                .for_each(&mut add),
            [.., before, last] if last.name().is_some() && *before != Token::Sign('.') => {
                let plain = match item {
                    [column, word, _] if word.is("as") => column.name(),
                    [_, Token::Sign('.'), column, word, _] if word.is("as") => column.name(),
                    [column, _] => column.name(),
                    _ => None,
                };
                let name = last.name().unwrap_or_default();
                add((
                    name.to_owned(),
                    plain.map_or_else(|| "Unknown".to_owned(), |name| kind(sources, name)),
                ));
            }
            [.., last] => match last.name() {
                Some(name) => add((name.to_owned(), kind(sources, name))),
                None => add((format!("_c{at}"), "Unknown".to_owned())),
            },
        }
    }
    Ok(columns)
}

fn kind(sources: &[Source], name: &str) -> String {
    sources
        .iter()
        .flat_map(|source| &source.columns)
        .find(|column| column.0.eq_ignore_ascii_case(name))
        .map_or_else(|| "Unknown".to_owned(), |column| column.1.clone())
}

/// The field names that an expression mentions, in its order, each once.
pub(super) fn mentioned<'a>(expression: &str, fields: impl Iterator<Item = &'a String> + Clone) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for token in tokens(expression).unwrap_or_default() {
        let Some(name) = token.name() else { continue };
        let known = fields
            .clone()
            .find(|field| *field == name)
            .or_else(|| fields.clone().find(|field| field.eq_ignore_ascii_case(name)));
        if let Some(known) = known.filter(|known| !out.contains(known)) {
            out.push(known.clone());
        }
    }
    out
}

impl Instance {
    /// The columns a container has now, computed fields left out.
    pub(super) fn columns(&self, container: Id) -> Vec<Column> {
        self.containers
            .get(container)
            .into_iter()
            .flat_map(|row| &row.fields)
            .filter(|(_, field)| field.status == FieldStatus::Active && !field.computed)
            .map(|(name, field)| (name.clone(), field.kind.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sql: &str) -> Vec<String> {
        let table = |name: &str| {
            (name == "orders").then(|| {
                vec![
                    ("id".to_owned(), "Integral".to_owned()),
                    ("amount".to_owned(), "Fractional".to_owned()),
                ]
            })
        };
        of_query(sql, table).map_or_else(
            |fault| vec![fault.0.to_owned()],
            |rows| rows.into_iter().map(|row| row.0).collect(),
        )
    }

    #[test]
    fn columns_are_aliases_plain_names_and_expanded_stars() {
        assert_eq!(names("select * from public.orders o"), ["id", "amount"]);
        assert_eq!(
            names("SELECT o.id, SUM(o.amount) AS total, count(*) n FROM orders o GROUP BY 1"),
            ["id", "total", "n"]
        );
        assert_eq!(
            names("select distinct o.*, 1 as one from orders as o where x in (select 2)"),
            ["id", "amount", "one"]
        );
        assert_eq!(
            names("with a as (select 1 as z from orders) select id, `other name` from a"),
            ["id", "other name"]
        );
        assert_eq!(names("delete from orders"), ["there is no SELECT"]);
    }

    #[test]
    fn an_expression_mentions_only_known_fields() {
        let fields = ["amount".to_owned(), "and".to_owned()];
        assert_eq!(
            mentioned("amount >= 0 OR SUM(amount) < price", fields.iter()),
            ["amount"]
        );
    }
}
