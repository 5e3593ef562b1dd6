//! Which comment of a pull request is ours.

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comment {
    /// Its number: an older one has a smaller.
    pub(super) id: u64,
    /// The number of who wrote it; `None` of one whose account is gone.
    pub(super) author: Option<u64>,
    /// What it says.
    pub(super) body: String,
}

/// Who the token's holder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Us {
    /// The user of that number.
    User(u64),
    /// The forge does not say, as to a token of an installed app.
    Unknown,
}

/// The oldest comment that holds `marker` and is ours: people quote comments, markers included. Where it is not known who we are, one that
/// begins with the marker is taken for ours; if it is not, the forge refuses the edit.
pub(super) fn ours(comments: Vec<Comment>, marker: &str, us: Us) -> Option<Comment> {
    let is_ours = |comment: &Comment| match us {
        Us::User(id) => comment.author == Some(id) && comment.body.contains(marker),
        Us::Unknown => comment.body.trim_start().starts_with(marker),
    };
    comments.into_iter().filter(is_ours).min_by_key(|comment| comment.id)
}

/// Whether a comment says that already. Forges turn line ends around.
pub(super) fn says(comment: &Comment, body: &str) -> bool {
    let lines = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
    lines(&comment.body) == lines(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKER: &str = "<!-- driftless:shop -->";

    fn comment(id: u64, author: u64, body: &str) -> Comment {
        Comment {
            id,
            author: Some(author),
            body: body.replace('M', MARKER),
        }
    }

    #[test]
    fn the_oldest_with_the_marker_that_we_wrote_is_ours() {
        let table: [(Us, Vec<Comment>, Option<u64>); 7] = [
            (Us::User(1), vec![], None),
            (Us::User(1), vec![comment(5, 1, "M\nb"), comment(3, 1, "a\nM")], Some(3)),
            (
                Us::User(1),
                vec![comment(3, 2, "M\nquoted"), comment(5, 1, "M")],
                Some(5),
            ),
            (Us::User(1), vec![comment(3, 1, "<!-- driftless:shop2 -->")], None),
            (
                Us::Unknown,
                vec![comment(3, 2, "> M"), comment(5, 7, "M\nours")],
                Some(5),
            ),
            (Us::Unknown, vec![comment(3, 2, "see\nM")], None),
            (Us::Unknown, vec![comment(9, 2, "M"), comment(4, 2, "\r\nM")], Some(4)),
        ];
        for (us, comments, expected) in table {
            assert_eq!(
                ours(comments.clone(), MARKER, us).map(|found| found.id),
                expected,
                "{comments:?}"
            );
        }
    }

    #[test]
    fn a_comment_of_nobody_is_not_ours() {
        let ghost = Comment {
            author: None,
            ..comment(3, 0, "M")
        };
        assert_eq!(ours(vec![ghost], MARKER, Us::User(0)), None);
    }

    #[test]
    fn other_line_ends_say_the_same() {
        assert!(says(&comment(1, 1, "a\r\nb\n"), "a\nb"));
        assert!(!says(&comment(1, 1, "a b"), "a\nb"));
    }
}
