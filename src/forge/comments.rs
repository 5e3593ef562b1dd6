//! Which comment of a pull request is ours.

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comment {
    /// Its number: an older one has a smaller.
    pub(super) id: u64,
    /// The number of who wrote it; `None` of one whose account is gone.
    pub(super) author: Option<u64>,
    /// What that is.
    pub(super) account: Account,
    /// What it says.
    pub(super) body: String,
}

/// What somebody is who comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Account {
    /// A person, or what the forge does not tell from one.
    Person,
    /// A program, which no person is logged in as.
    Program,
}

/// Who the token's holder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Us {
    /// The user of that number.
    User(u64),
    /// The forge does not say, as to a token of an installed app.
    Unknown,
}

/// The comments that hold `marker` and are ours, the oldest first: people quote comments, markers included. Where it is not known who we
/// are, those of programs that begin with the marker may be ours: of one that is not, the forge refuses the edit, or leaves it to us.
pub(super) fn ours(mut comments: Vec<Comment>, marker: &str, us: Us) -> Vec<Comment> {
    let is_ours = |comment: &Comment| match us {
        Us::User(id) => comment.author == Some(id) && comment.body.contains(marker),
        Us::Unknown => comment.account == Account::Program && comment.body.trim_start().starts_with(marker),
    };
    comments.retain(is_ours);
    comments.sort_by_key(|comment| comment.id);
    comments
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
            account: Account::Program,
            body: body.replace('M', MARKER),
        }
    }

    #[test]
    fn those_with_the_marker_that_we_wrote_are_ours_the_oldest_first() {
        let by_person = |comment| Comment {
            account: Account::Person,
            ..comment
        };
        let table: [(Us, Vec<Comment>, Vec<u64>); 8] = [
            (Us::User(1), vec![], vec![]),
            (
                Us::User(1),
                vec![comment(5, 1, "M\nb"), comment(3, 1, "a\nM")],
                vec![3, 5],
            ),
            (
                Us::User(1),
                vec![comment(3, 2, "M\nquoted"), by_person(comment(5, 1, "M"))],
                vec![5],
            ),
            (Us::User(1), vec![comment(3, 1, "<!-- driftless:shop2 -->")], vec![]),
            (
                Us::Unknown,
                vec![comment(3, 2, "> M"), comment(5, 7, "M\nours")],
                vec![5],
            ),
            (Us::Unknown, vec![comment(3, 2, "see\nM")], vec![]),
            (
                Us::Unknown,
                vec![comment(9, 2, "M"), comment(4, 2, "\r\nM")],
                vec![4, 9],
            ),
            (
                Us::Unknown,
                vec![by_person(comment(3, 2, "M\nplanted")), comment(5, 7, "M\nours")],
                vec![5],
            ),
        ];
        for (us, comments, expected) in table {
            let found = ours(comments.clone(), MARKER, us);
            let found: Vec<u64> = found.into_iter().map(|found| found.id).collect();
            assert_eq!(found, expected, "{comments:?}");
        }
    }

    #[test]
    fn a_comment_of_nobody_is_not_ours() {
        let ghost = Comment {
            author: None,
            ..comment(3, 0, "M")
        };
        assert_eq!(ours(vec![ghost], MARKER, Us::User(0)), []);
    }

    #[test]
    fn other_line_ends_say_the_same() {
        assert!(says(&comment(1, 1, "a\r\nb\n"), "a\nb"));
        assert!(!says(&comment(1, 1, "a b"), "a\nb"));
    }
}
