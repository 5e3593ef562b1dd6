//! The words of every fault: what is wrong, and what to do. None quotes a value, because the text may hold secrets.

use granit_parser::{ErrorKind, ScanError};

use super::read::{MAX_BYTES, MAX_DEPTH, MAX_NODES};
use super::scalar::Unreadable;
use super::source::mark;
use super::{Fault, Mark};
use crate::diagnostic::Severity;

fn error(code: &'static str, at: Mark, message: impl Into<String>, help: impl Into<String>) -> Fault {
    Fault {
        severity: Severity::Error,
        code,
        message: message.into(),
        help: Some(help.into()),
        at,
    }
}

fn warning(code: &'static str, at: Mark, message: impl Into<String>, help: impl Into<String>) -> Fault {
    Fault {
        severity: Severity::Warning,
        ..error(code, at, message, help)
    }
}

pub(super) fn too_large(bytes: usize) -> Fault {
    error(
        "yaml_too_large",
        Mark { line: 1, column: 1 },
        format!("the text has {bytes} bytes; {MAX_BYTES} is the limit"),
        "split it into smaller files",
    )
}

pub(super) fn not_utf8(at: Mark) -> Fault {
    error(
        "yaml_encoding",
        at,
        "the text is not UTF-8 from here on",
        "save the file as UTF-8",
    )
}

pub(super) fn character(c: char, at: Mark) -> Fault {
    error(
        "yaml_character",
        at,
        format!("the character U+{:04X} is not allowed in YAML", u32::from(c)),
        "remove it, or write it as an escape between double quotes",
    )
}

pub(super) fn line_separator(c: char, at: Mark) -> Fault {
    error(
        "yaml_line_separator",
        at,
        format!(
            "the character U+{:04X} stands outside quotes: YAML 1.1 takes it for the end of the line, YAML 1.2 does not",
            u32::from(c)
        ),
        "remove it, or put the text in double quotes with the escape \\N (U+0085), \\L (U+2028) or \\P (U+2029)",
    )
}

pub(super) fn quoted_separator(at: Mark) -> Fault {
    error(
        "yaml_line_separator",
        at,
        "this quoted text holds U+0085, U+2028 or U+2029 and cannot be read with them as line ends",
        "write them as the escapes \\N (U+0085), \\L (U+2028) or \\P (U+2029) between double quotes",
    )
}

pub(super) fn question_mark(at: Mark) -> Fault {
    error(
        "yaml_question_mark",
        at,
        "an unquoted text between brackets or braces holds a `?`, which begins a key there in YAML 1.1",
        "put the text in quotes",
    )
}

pub(super) fn block_margin(at: Mark) -> Fault {
    error(
        "yaml_block_margin",
        at,
        "the lines of this block text stand at the margin, where YAML 1.1 takes them for content of their own",
        "indent them by two spaces",
    )
}

pub(super) fn tag_directive(at: Mark) -> Fault {
    error(
        "yaml_tag_directive",
        at,
        "%TAG directives are not supported",
        "remove the line and write the tags in full (`!!str`), or leave them out",
    )
}

pub(super) fn documents(at: Mark) -> Fault {
    error(
        "yaml_documents",
        at,
        "a second document begins here; a file holds one",
        "move it to a file of its own, or remove the `---`",
    )
}

pub(super) fn too_deep(at: Mark) -> Fault {
    error(
        "yaml_too_deep",
        at,
        format!("more than {MAX_DEPTH} lists and maps stand inside one another"),
        "flatten the structure; if the text looks flat, close the brackets that are open",
    )
}

pub(super) fn too_many_nodes(at: Mark) -> Fault {
    error(
        "yaml_too_many_nodes",
        at,
        format!("the text holds more than {MAX_NODES} values, counting what aliases and merges copy"),
        "split the file, or write fewer aliases of aliases",
    )
}

pub(super) fn duplicate_anchor(at: Mark) -> Fault {
    error(
        "yaml_anchor",
        at,
        "an anchor of this name stands further up already",
        "give each `&anchor` a name of its own",
    )
}

pub(super) fn recursive(at: Mark) -> Fault {
    error(
        "yaml_recursive_alias",
        at,
        "this alias stands inside the very node it repeats",
        "write the value out instead of the alias",
    )
}

pub(super) fn tag(at: Mark) -> Fault {
    error(
        "yaml_tag",
        at,
        "this tag is not supported here",
        "remove the tag; known are !!str, !!int, !!float, !!bool and !!null on scalars, !!seq on lists, !!map on maps",
    )
}

pub(super) fn unreadable(why: Unreadable, at: Mark) -> Fault {
    let message = match why {
        Unreadable::NotANumber => "this is marked as a number and has no value as one",
        Unreadable::NotABoolean => "this is tagged as a boolean and is none of true, false, yes, no, on, off",
        Unreadable::TooLong => "this number has more digits than can be read",
    };
    error(
        "yaml_scalar",
        at,
        message,
        "put it in quotes if it is text, else write it in plain decimal digits",
    )
}

pub(super) fn default_value(at: Mark) -> Fault {
    error(
        "yaml_scalar",
        at,
        "an unquoted `=` has no value in YAML 1.1",
        "put it in quotes: '='",
    )
}

pub(super) fn merge_value(at: Mark) -> Fault {
    error(
        "yaml_merge",
        at,
        "an unquoted `<<` means something as a key only",
        "put it in quotes: '<<'",
    )
}

pub(super) fn merge_target(at: Mark) -> Fault {
    error(
        "yaml_merge",
        at,
        "only a map, or a list of maps, can be merged",
        "let `<<` have an alias of a map as its value, or quote the key if it is meant as text",
    )
}

pub(super) fn key(at: Mark) -> Fault {
    error(
        "yaml_key",
        at,
        "a list or a map cannot be a key",
        "use a text as the key",
    )
}

pub(super) fn duplicate_key(first: Mark, at: Mark) -> Fault {
    warning(
        "yaml_duplicate_key",
        at,
        format!(
            "this key stands in the same map already, at line {}; the last one counts",
            first.line
        ),
        "remove one of the two",
    )
}

pub(super) fn ambiguous(reading: &str, at: Mark) -> Fault {
    warning(
        "yaml_ambiguous_scalar",
        at,
        format!("this unquoted scalar is read as {reading}, as YAML 1.1 says; YAML 1.2 reads it otherwise"),
        "put it in quotes if it is text; else write it as true, false or in plain decimal digits",
    )
}

pub(super) fn more(severity: Severity, count: usize, at: Mark) -> Fault {
    Fault {
        severity,
        ..error(
            "yaml_more",
            at,
            format!("{count} more faults of this severity are not listed"),
            "mend those listed, then look again",
        )
    }
}

/// A fault that the parser found.
pub(super) fn syntax(found: &ScanError) -> Fault {
    let at = mark(found.marker());
    match found.kind() {
        ErrorKind::RecursionLimitExceeded => return too_deep(at),
        ErrorKind::UnknownAnchor => {
            return error(
                "yaml_anchor",
                at,
                "this alias names an anchor that does not stand before it",
                "define the `&anchor` further up, or put the text in quotes if it only begins with `*`",
            );
        }
        _ => {}
    }
    let help = match found.kind() {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => "indent with spaces: YAML allows no tabs there",
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            "close the quote; inside single quotes a single quote is written twice"
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            "put a text that holds `: ` in quotes, and check that a key has its `:` on the same line"
        }
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::MismatchedFlowCollectionEnd { .. }
        | ErrorKind::MisplacedFlowCollectionEnd
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator => {
            "check that every bracket and brace has its partner and that commas stand between the items"
        }
        ErrorKind::UnknownQuotedScalarEscape | ErrorKind::InvalidQuotedScalarHexEscape => {
            "write a backslash between double quotes as two, or use single quotes"
        }
        ErrorKind::UnexpectedCharacter { .. } => "put a text that begins with this character in quotes",
        ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::MappingKeyNotAllowed
        | ErrorKind::BlockSequenceEntryNotAllowed => "check the indentation of this line against the lines above",
        _ => "check this line and the one above it: indentation, quotes, brackets",
    };
    error("yaml_syntax", at, format!("this is not YAML: {}", found.kind()), help)
}
