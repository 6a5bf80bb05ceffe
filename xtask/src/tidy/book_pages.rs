//! Book pages: every page with Rust code is compiled by the documentation tests of the facade, or of an integration that the code uses.

use super::{
    breach::Breach,
    lexer::TokenKind,
    prose,
    tree::{MarkdownFile, SourceTree},
};

pub(super) const NAME: &str = "book-pages";

/// The file whose `pages!` table includes the pages.
const TABLE: &str = "fapilog/src/lib.rs";

pub(super) fn check(tree: &SourceTree) -> Vec<Breach> {
    tree.pages.iter().filter(|page| is_of_book(page) && !is_included(tree, page)).filter_map(uncompiled).collect()
}

fn is_of_book(page: &MarkdownFile) -> bool {
    page.path == "README.md" || page.path.starts_with("docs/") && !page.path.starts_with("docs/decisions/")
}

fn is_included(tree: &SourceTree, page: &MarkdownFile) -> bool {
    let paths = ["../../", "../../../"].map(|up| format!("\"{up}{}\"", page.path));
    let is_entry = |literal: &str| paths.iter().any(|path| path == literal);
    let includers = tree.library().filter(|source| source.path == TABLE || is_integration(&source.path));
    includers.flat_map(|source| &source.tokens).any(|token| token.kind == TokenKind::Literal && is_entry(&token.text))
}

fn is_integration(path: &str) -> bool {
    path.starts_with("integrations/") && path.ends_with("/src/lib.rs")
}

fn uncompiled(page: &MarkdownFile) -> Option<Breach> {
    let lines = prose::lines(&page.text);
    let is_rust = |language: &str| language.split(',').next() == Some("rust");
    let (line, _) = prose::fences(&lines).into_iter().find(|(_, language)| is_rust(language))?;
    let message = format!("Rust code that no test compiles: add the page to `pages!` in {TABLE}");
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
    fn a_page_that_an_integration_includes_is_clean() {
        let page = ("docs/log.md", "```rust\na\n```");
        let including = "#[doc = include_str!(\"../../../docs/log.md\")] mod page {}";
        let breaches = |path: &str| check(&SourceTree::of(&[(TABLE, TABLE_TEXT), (path, including), page])).len();
        assert_eq!((breaches("integrations/log/src/lib.rs"), breaches("integrations/log/src/bridge.rs")), (0, 1));
    }

    #[test]
    fn pages_without_rust_code_and_decisions_need_no_entry() {
        assert!(lines("docs/new.md", "```sh\na\n```").is_empty());
        assert!(lines("docs/decisions/0001-a.md", "```rust\na\n```").is_empty());
    }
}
