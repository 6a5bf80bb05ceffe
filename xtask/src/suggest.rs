//! Suggestions for a name that does not exist.

/// Beyond this distance, a name is another word and not a typing error.
const DISTANCE_MAX: usize = 2;

/// The one of `names` at the smallest distance from `given`, if that is small.
pub(crate) fn suggestion<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (letters, name) = names.map(|name| (distance(given, name), name)).min()?;
    (letters <= DISTANCE_MAX).then_some(name)
}

/// How many letters must be added, left out or replaced to make one word of the other (Levenshtein's distance).
fn distance(from: &str, to: &str) -> usize {
    // `row` holds the distances from the letters of `from` read so far to every beginning of `to`.
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (read, letter) in from.chars().enumerate() {
        let mut last = read + 1;
        let mut next = vec![last];
        for (pair, wanted) in row.windows(2).zip(to.chars()) {
            let &[diagonal, above] = pair else { continue };
            last = (diagonal + usize::from(letter != wanted)).min(above + 1).min(last + 1);
            next.push(last);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_counts_added_missing_and_replaced_letters() {
        for (from, to, letters) in
            [("", "", 0), ("", "ci", 2), ("test", "tests", 1), ("lnt", "lint", 1), ("mirx", "miri", 1)]
        {
            assert_eq!(distance(from, to), letters, "{from} to {to}");
            assert_eq!(distance(to, from), letters, "{to} to {from}");
        }
    }

    #[test]
    fn the_name_at_the_smallest_distance_wins() {
        assert_eq!(suggestion("loop", ["lint", "loom"].into_iter()), Some("loom"));
    }

    #[test]
    fn a_distant_name_is_not_suggested() {
        assert_eq!(suggestion("benchmark", ["lint", "loom"].into_iter()), None);
    }
}
