//! A mutant, and the list of them that `cargo mutants --list --json` prints.

use serde_json::Value;

/// A change to the code that some test ought to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mutant {
    /// Its name with line and column: `ring/src/frame.rs:54:9: replace round_up -> usize with 0`.
    pub(super) name: String,
    /// The crate that it is in.
    pub(super) package: String,
    /// Its file, below the workspace's root.
    pub(super) file: String,
}

impl Mutant {
    pub(super) fn read(value: &Value) -> Option<Self> {
        let text = |key| value.get(key)?.as_str().map(str::to_owned);
        Some(Self { name: text("name")?, package: text("package")?, file: text("file")? })
    }

    /// Its name without file, line and column, which move: `replace round_up -> usize with 0`.
    pub(super) fn change(&self) -> &str {
        self.name.split_once(": ").map_or(&self.name, |(_, change)| change)
    }

    #[cfg(test)]
    pub(super) fn named(name: &str) -> Self {
        let file = name.split_once(':').unwrap().0.to_owned();
        Self { name: name.to_owned(), package: String::new(), file }
    }
}

/// Reads the list. `None` for a text that is no such list.
pub(super) fn read_list(list: &str) -> Option<Vec<Mutant>> {
    let list: Value = serde_json::from_str(list).ok()?;
    list.as_array()?.iter().map(Mutant::read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_names_packages_and_files() {
        let list = r#"[{"diff": "", "file": "ring/src/frame.rs", "genre": "FnValue", "package": "fapilog-ring",
            "name": "ring/src/frame.rs:54:9: replace round_up -> usize with 0", "replacement": "0"}]"#;
        let [mutant] = read_list(list).unwrap().try_into().unwrap();
        assert_eq!((&*mutant.package, &*mutant.file), ("fapilog-ring", "ring/src/frame.rs"));
        assert_eq!(mutant.change(), "replace round_up -> usize with 0");
    }

    #[test]
    fn a_change_may_have_colons_of_its_own() {
        let mutant = Mutant::named("ring/src/lib.rs:5:9: replace <impl fmt::Display for A>::fmt with X {a: 1}");
        assert_eq!(mutant.change(), "replace <impl fmt::Display for A>::fmt with X {a: 1}");
    }

    #[test]
    fn a_text_that_is_no_list_of_mutants_is_none() {
        for text in ["", "{}", "[{}]", "error: no mutants"] {
            assert_eq!(read_list(text), None, "{text}");
        }
    }
}
