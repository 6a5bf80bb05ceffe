//! Book pages: every page with Rust code is compiled by the documentation tests of the facade, or of the crate that the page is about.

use super::{
    breach::Breach,
    lexer::TokenKind,
    prose,
    tree::{MarkdownFile, SourceTree},
};

pub(super) const NAME: &str = "book-pages";

/// The file whose `pages!` table includes the pages of the facade. A page whose code needs another crate is included there.
const TABLE: &str = "fapilog/src/lib.rs";

pub(super) fn check(tree: &SourceTree) -> Vec<Breach> {
    tree.pages.iter().filter(|page| is_of_book(page) && !is_included(tree, page)).filter_map(uncompiled).collect()
}

fn is_of_book(page: &MarkdownFile) -> bool {
    page.path == "README.md" || page.path.starts_with("docs/") && !page.path.starts_with("docs/decisions/")
}

fn is_included(tree: &SourceTree, page: &MarkdownFile) -> bool {
    let crates = tree.sources.iter().filter(|source| source.path.ends_with("/src/lib.rs"));
    let mut literals = crates.flat_map(|source| {
        let path = format!("\"{}{}\"", "../".repeat(source.path.matches('/').count()), page.path);
        source.tokens.iter().map(move |token| token.kind == TokenKind::Literal && *token.text == *path)
    });
    literals.any(|is_path| is_path)
}

fn uncompiled(page: &MarkdownFile) -> Option<Breach> {
    let lines = prose::lines(&page.text);
    let is_rust = |language: &str| language.split(',').next() == Some("rust");
    let (line, _) = prose::fences(&lines).into_iter().find(|(_, language)| is_rust(language))?;
    let message = format!(
        "Rust code that no test compiles: add the page to `pages!` in {TABLE}, or include it in the crate that it is about"
    );
    Some(Breach { file: page.path.clone(), line, rule: NAME, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE_TEXT: &str = "pages! { errors: \"../../docs/errors.md\", }";

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&SourceTree::of(&[(TABLE, TABLE_TEXT), (path, text)])).iter().map(|breach| breach.line).collect()
    }

    #[test]
    fn a_page_with_rust_code_that_is_not_in_the_table_is_a_breach() {
        assert_eq!(lines("docs/new.md", "# New\n```rust,no_run\na\n```"), [2]);
    }

    #[test]
    fn a_page_in_the_table_is_clean() {
        assert!(lines("docs/errors.md", "```rust\na\n```").is_empty());
    }

    #[test]
    fn a_page_that_another_crate_includes_is_clean() {
        let include = "mod book { #[doc = include_str!(\"../../../docs/metrics.md\")] mod metrics {} }";
        let of = |crate_root| {
            let files = [(TABLE, TABLE_TEXT), (crate_root, include), ("docs/metrics.md", "```rust\na\n```")];
            check(&SourceTree::of(&files)).len()
        };
        assert_eq!((of("integrations/prometheus/src/lib.rs"), of("integrations/src/lib.rs")), (0, 1));
    }

    #[test]
    fn pages_without_rust_code_and_decisions_need_no_entry() {
        assert!(lines("docs/new.md", "```sh\na\n```").is_empty());
        assert!(lines("docs/decisions/0001-a.md", "```rust\na\n```").is_empty());
    }
}
