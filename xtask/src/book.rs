//! The examples that pages of the book link to, copied beside the book's HTML.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

/// The folder that `mdbook build` and this module write to. `build-dir` in `book.toml` is its subfolder `docs`.
const BOOK_DIR: &str = "target/book";

/// Folders that pages link to, as `../fapilog/examples`.
const LINKED_DIRS: &[&str] = &["fapilog/examples", "examples/plugin"];

/// Copies the linked folders to the same paths below `target/book`. An older copy is removed first.
pub(crate) fn copy_examples(root: &Path, screen: &mut dyn Write) -> io::Result<Option<String>> {
    for dir in LINKED_DIRS {
        let copy = root.join(BOOK_DIR).join(dir);
        match copy_dir(&root.join(dir), &copy) {
            Ok(files) => writeln!(screen, "{files} files of {dir}, copied to {}", copy.display())?,
            Err(error) => return Ok(Some(format!("{dir} cannot be copied to {}: {error}", copy.display()))),
        }
    }
    Ok(None)
}

/// Replaces `to` by a copy of `from`. Returns the number of files.
fn copy_dir(from: &Path, to: &Path) -> io::Result<usize> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    let mut files = 0;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            files += copy_dir(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
            files += 1;
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn linked_folders_are_copied_whole_and_older_copies_are_removed() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "fapilog/examples/quickstart.rs", "fn main() {}");
        write(root.path(), "examples/plugin/src/lib.rs", "//! A plugin.");
        write(root.path(), "target/book/examples/plugin/src/old.rs", "");

        let mut screen = Vec::new();
        assert_eq!(copy_examples(root.path(), &mut screen).unwrap(), None);

        let book = root.path().join(BOOK_DIR);
        assert_eq!(fs::read_to_string(book.join("fapilog/examples/quickstart.rs")).unwrap(), "fn main() {}");
        assert_eq!(fs::read_to_string(book.join("examples/plugin/src/lib.rs")).unwrap(), "//! A plugin.");
        assert!(!book.join("examples/plugin/src/old.rs").exists());
        assert!(String::from_utf8(screen).unwrap().starts_with("1 files of fapilog/examples, copied to "));
    }

    #[test]
    fn a_folder_that_is_missing_is_named_in_the_failure() {
        let root = tempfile::tempdir().unwrap();
        let failure = copy_examples(root.path(), &mut Vec::new()).unwrap().unwrap();
        assert!(failure.starts_with("fapilog/examples cannot be copied to "), "{failure}");
    }

    #[test]
    fn the_book_is_built_into_the_folder_of_the_copies() {
        let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../book.toml")).unwrap();
        assert!(manifest.contains(&format!("build-dir = \"{BOOK_DIR}/docs\"")));
    }
}
