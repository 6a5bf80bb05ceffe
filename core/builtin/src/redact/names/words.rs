//! The words of a field's name.

/// The words of a name, in lower case and one behind the other: `userEmail-address` is `user`, `email`, `address`.
#[derive(Debug, Default)]
pub(super) struct NameWords {
    text: String,
    /// Where each word ends.
    ends: Vec<usize>,
    /// The first word of the last part of a path: `has` of `db.has_password`.
    part_start: usize,
}

impl NameWords {
    /// Splits at all that is no letter or digit, and where a capital follows a small letter or ends an abbreviation: `HTTPToken` is
    /// `http`, `token`.
    pub(super) fn of(name: &str) -> Self {
        let mut words = Self::default();
        let chars: Vec<char> = name.chars().collect();
        let mut is_new_part = false;
        for (place, &c) in chars.iter().enumerate() {
            if !c.is_alphanumeric() {
                words.end_word();
                is_new_part |= matches!(c, '.' | '/' | ':');
                continue;
            }
            let before = place.checked_sub(1).and_then(|before| chars.get(before));
            let behind = chars.get(place + 1);
            let is_after_small = before.is_some_and(|before| before.is_lowercase() || before.is_numeric());
            let is_after_capital = before.is_some_and(|before| before.is_uppercase());
            let starts = c.is_uppercase()
                && (is_after_small || (is_after_capital && behind.is_some_and(|behind| behind.is_lowercase())));
            if starts {
                words.end_word();
            }
            if std::mem::take(&mut is_new_part) {
                words.part_start = words.ends.len();
            }
            words.text.extend(c.to_lowercase());
        }
        words.end_word();
        words
    }

    fn end_word(&mut self) {
        if self.ends.last().copied().unwrap_or(0) < self.text.len() {
            self.ends.push(self.text.len());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The words `from..until`, without anything between them.
    pub(super) fn joined(&self, from: usize, until: usize) -> &str {
        let start = from.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = until.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0);
        self.text.get(start..end).unwrap_or_default()
    }

    pub(super) fn all(&self) -> &str {
        self.joined(0, self.len())
    }

    /// The first word of the last part of a path.
    pub(super) fn first(&self) -> &str {
        self.joined(self.part_start, self.part_start + 1)
    }

    pub(super) fn last(&self) -> &str {
        self.joined(self.len().saturating_sub(1), self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_split_at_separators_and_capitals() {
        let words = |name: &str| {
            let words = NameWords::of(name);
            (0..words.len()).map(|at| words.joined(at, at + 1).to_owned()).collect::<Vec<_>>().join(" ")
        };
        for (name, expected) in [
            ("user_email", "user email"),
            ("userEmail", "user email"),
            ("User-E.Mail", "user e mail"),
            ("HTTPToken", "http token"),
            ("x_API_KEY", "x api key"),
            ("oauth2Token", "oauth2 token"),
            ("CVV2", "cvv2"),
            ("__", ""),
            ("straßeName", "straße name"),
        ] {
            assert_eq!(words(name), expected, "{name}");
        }
    }

    #[test]
    fn words_are_joined_in_runs() {
        let words = NameWords::of("the_api-key_of");
        assert_eq!(
            (words.joined(1, 3), words.all(), words.first(), words.last()),
            ("apikey", "theapikeyof", "the", "of")
        );
        assert_eq!((NameWords::of("db.hasPassword.").first(), NameWords::of("a/b").first()), ("has", "b"));
        let none = NameWords::of("");
        assert_eq!((none.len(), none.all(), none.first(), none.last()), (0, "", "", ""));
    }
}
