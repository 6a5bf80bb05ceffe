//! The layer that gave a value, and the place of the value in a file.

use std::{collections::BTreeMap, fmt};

/// The places of a file's values: the offset of each, by its path.
pub(super) type Places = BTreeMap<String, usize>;

/// A layer, as errors name it.
pub(super) struct Giver {
    name: Box<str>,
    /// The text of a file, and the places in it.
    file: Option<(String, Places)>,
}

impl Giver {
    /// A layer that is no file: a variable, code, a preset.
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.into(), file: None }
    }

    /// A layer that is a file with this text.
    pub(super) fn file(name: &str, text: String, places: Places) -> Self {
        Self { name: name.into(), file: Some((text, places)) }
    }

    /// The name, with line and column of the value at `path`, or of the innermost table or list around it.
    pub(super) fn at(&self, path: &str) -> String {
        let place = self.file.as_ref().and_then(|(text, places)| {
            let offset = around(path).find_map(|path| places.get(path))?;
            Some(line_and_column(text, *offset))
        });
        located(&self.name, place)
    }
}

/// Values and text of a file are left out: they may hold secrets.
impl fmt::Debug for Giver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Giver").field(&self.name).finish()
    }
}

/// The name of a file with line and column, as editors and terminals take it.
pub(super) fn located(name: &str, place: Option<(usize, usize)>) -> String {
    match place {
        Some((line, column)) => format!("{name}:{line}:{column}"),
        None => name.to_owned(),
    }
}

/// The line and the column, in characters, of a byte; both begin with 1.
pub(super) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// The path, and those of the tables and lists around it, innermost first.
fn around(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rfind(['.', '[']).and_then(|end| path.get(..end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_line_and_a_column_in_characters() {
        let text = "a = 1\nü = 2\n";
        assert_eq!([0, 6, 11].map(|offset| line_and_column(text, offset)), [(1, 1), (2, 1), (2, 5)]);
        assert_eq!(line_and_column(text, 1000), (3, 1));
    }

    #[test]
    fn a_value_without_a_place_has_that_of_the_innermost_table() {
        let places = [("a".to_owned(), 0), ("a.b[1]".to_owned(), 6)].into();
        let giver = Giver::file("file x", "a = 1\nb = 2\n".to_owned(), places);
        assert_eq!(["a.b[1].c", "a.b[0]", "z"].map(|path| giver.at(path)), ["file x:2:1", "file x:1:1", "file x"]);
        assert_eq!(Giver::new("code").at("a"), "code");
    }
}
