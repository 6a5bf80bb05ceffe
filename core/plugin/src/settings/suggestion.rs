//! Suggestions for misspelt names.

/// The candidate that is most like `word`: at most a third of it, and at least one letter, may differ.
pub fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<Box<str>> {
    let word = word.to_ascii_lowercase();
    let farthest = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= farthest)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_has_a_suggestion() {
        assert_eq!(suggestion("btach_size", ["level", "batch_size"]).as_deref(), Some("batch_size"));
        assert_eq!(suggestion("Levle", ["level", "batch_size"]).as_deref(), Some("level"));
    }

    #[test]
    fn a_word_like_no_other_has_no_suggestion() {
        assert_eq!(suggestion("colour_of_the_sky", ["level", "batch_size"]), None);
    }
}
