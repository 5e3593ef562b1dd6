//! The word that a slip was meant to be.

/// The known word nearest to `word`, if it is near enough to be a slip of it: one edit in three letters, three edits at most. Case
/// does not count. Of equally near ones the first.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// The help for a word that is not known: the one that was probably meant, as [`nearest`] finds it.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(|near| format!("did you mean `{near}`?"))
}

/// How many letters must be put in, taken out, changed, or exchanged with the next one, to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    let mut last = None;
    for (at, letter) in from.chars().enumerate() {
        let mut next = vec![at + 1];
        for (column, other) in to.iter().enumerate() {
            let replaced = row[column] + usize::from(letter != *other);
            let mut least = replaced.min(next[column] + 1).min(row[column + 1] + 1);
            let is_exchanged = column > 0 && last == Some(*other) && to[column - 1] == letter;
            if is_exchanged {
                least = least.min(before[column - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
        last = Some(letter);
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_word_and_another_word_finds_none() {
        let known = ["sources", "source", "targets"];
        assert_eq!(nearest("sorces", known), Some("sources"));
        assert_eq!(nearest("Source", known), Some("source"));
        assert_eq!(nearest("environments", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest("prot", ["name", "port"]), Some("port"));
        assert_eq!(did_you_mean("prot", ["port"]).as_deref(), Some("did you mean `port`?"));
        assert_eq!((distance("", "abc"), distance("abcd", "badc")), (3, 2));
    }
}
