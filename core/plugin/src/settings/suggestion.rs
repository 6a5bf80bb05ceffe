//! Suggestions for misspelt names.

use std::collections::BTreeSet;

/// The candidate that is most like `word`. At most a third of its letters may differ, and at least one may. If none is so alike: the
/// candidate that has all words of `word`, or whose words `word` has all, such as `level` for `log_level`.
pub fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<Box<str>> {
    let word = word.to_ascii_lowercase();
    let candidates: Vec<&str> = candidates.into_iter().collect();
    misspelled(&word, &candidates).or_else(|| of_its_words(&word, &candidates)).map(Into::into)
}

fn misspelled<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let letters = word.chars().count();
    let farthest = (letters / 3).max(1);
    let candidates = candidates.iter().copied();
    candidates
        // The comparison takes time by the product of the lengths.
        .filter(|candidate| candidate.chars().count().abs_diff(letters) <= farthest)
        .map(|candidate| (strsim::damerau_levenshtein(word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= farthest)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The candidate with the fewest words more or less.
fn of_its_words<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let words = words_of(word);
    let candidates = candidates.iter().copied();
    candidates
        .filter_map(|candidate| {
            let others = words_of(candidate);
            let is_alike = others.is_subset(&words) || words.is_subset(&others);
            let is_alike = is_alike && !words.is_empty() && !others.is_empty();
            is_alike.then_some((others.len().abs_diff(words.len()), candidate))
        })
        .min_by_key(|(difference, _)| *difference)
        .map(|(_, candidate)| candidate)
}

fn words_of(name: &str) -> BTreeSet<&str> {
    name.split(['_', '-', '.']).filter(|word| !word.is_empty()).collect()
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
    fn a_name_of_the_same_words_is_a_suggestion() {
        let known = ["level", "batch_size", "internal_log_level", "io_uring"];
        let suggested = |word| suggestion(word, known);
        assert_eq!(suggested("log_level").as_deref(), Some("level"));
        assert_eq!(suggested("uring").as_deref(), Some("io_uring"));
        assert_eq!(suggested("size").as_deref(), Some("batch_size"));
        assert_eq!(suggested("_"), None);
    }

    #[test]
    fn a_long_word_is_compared_in_no_time() {
        assert_eq!(suggestion(&"a".repeat(1 << 20), ["level", "batch_size"]), None);
    }

    #[test]
    fn a_word_like_no_other_has_no_suggestion() {
        assert_eq!(suggestion("colour_of_the_sky", ["level", "batch_size"]), None);
    }
}
