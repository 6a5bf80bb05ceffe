//! Aliases: the search of the documentation finds an item by its name in the architecture.

use std::collections::BTreeSet;

use super::{
    breach::Breach,
    items,
    lexer::{Token, TokenKind},
    tree::SourceTree,
};

pub(super) const NAME: &str = "doc-aliases";

/// The page whose tables map each name of the architecture to items.
const PAGE: &str = "docs/from-the-architecture.md";

/// The identifiers that may stand between an item's attributes and its name.
const BEFORE_NAME: &[&str] =
    &["pub", "crate", "const", "unsafe", "async", "fn", "struct", "enum", "trait", "type", "mod", "macro_rules"];

/// An alias and the name of its item.
type AliasOfItem = (Box<str>, Box<str>);

pub(super) fn check(tree: &SourceTree) -> Vec<Breach> {
    let Some(page) = tree.pages.iter().find(|page| page.path == PAGE) else { return Vec::new() };
    let aliases: BTreeSet<AliasOfItem> = tree.library().flat_map(|source| aliases(&source.all_code())).collect();
    let rows = page.text.lines().zip(1..);
    rows.flat_map(|(row, line)| missing(row, &aliases).into_iter().map(move |name| breach(line, name))).collect()
}

fn breach(line: usize, name: &str) -> Breach {
    let message = format!("no item of the row has `#[doc(alias = \"{name}\")]`");
    Breach { file: PAGE.to_owned(), line, rule: NAME, message }
}

/// The names of a row that lead to none of the row's items.
fn missing<'a>(row: &'a str, aliases: &BTreeSet<AliasOfItem>) -> Vec<&'a str> {
    let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
    let ([left, right] | [left, right, _]) = *cells.as_slice() else { return Vec::new() };
    let items: Vec<&str> = code(right).filter_map(item).collect();
    if items.is_empty() || !right.trim_start().starts_with('`') {
        return Vec::new();
    }
    // The search ignores case.
    let leads_to = |name: &str, item: &str| {
        name.eq_ignore_ascii_case(item) || aliases.contains(&(Box::from(name), Box::from(item)))
    };
    names(left).filter(|name| !items.iter().any(|item| leads_to(name, item))).collect()
}

/// The texts between backticks.
fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The last part of a path into the library.
fn item(path: &str) -> Option<&str> {
    path.strip_prefix("fapilog::")?.rsplit("::").next()
}

/// The names in a list of code. Prose in the list has no name.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(',').filter_map(name)
}

/// The name in a part of a list: `create` in `` `AsyncLogger.create()` ``.
fn name(part: &str) -> Option<&str> {
    let code = part.trim().strip_prefix('`')?.strip_suffix('`')?;
    let name = code.trim_end_matches("()").rsplit('.').next()?;
    name.chars().all(|c| c.is_alphanumeric() || c == '_').then_some(name)
}

/// The aliases in a source, each with its item.
fn aliases(code: &[Token]) -> Vec<AliasOfItem> {
    (0..code.len()).flat_map(|at| aliases_at(code, at)).collect()
}

/// The aliases of the attribute at `at`, if it has any.
fn aliases_at(code: &[Token], at: usize) -> Vec<AliasOfItem> {
    let start = ["#", "[", "doc", "(", "alias"];
    let is_start = start.iter().zip(at..).all(|(text, at)| code.get(at).is_some_and(|token| token.is(text)));
    if !is_start {
        return Vec::new();
    }
    let end = items::closing(code, at + 1);
    let Some(item) = item_name(code, end + 1) else { return Vec::new() };
    let literals = code.get(at..end).unwrap_or_default().iter().filter(|token| token.kind == TokenKind::Literal);
    literals.map(|alias| (Box::from(alias.text.trim_matches('"')), item.clone())).collect()
}

/// The name of the item at `at`, behind its other attributes.
fn item_name(code: &[Token], mut at: usize) -> Option<Box<str>> {
    while code.get(at)?.is("#") {
        at = items::closing(code, at + 1) + 1;
    }
    let is_name =
        |token: &&Token| token.kind == TokenKind::Identifier && !BEFORE_NAME.iter().any(|word| token.is(word));
    code.get(at..)?.iter().find(is_name).map(|token| token.text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(row: &str, source: &str) -> Vec<String> {
        let tree = SourceTree::of(&[(PAGE, row), ("core/engine/src/a.rs", source)]);
        check(&tree).into_iter().map(|breach| breach.message).collect()
    }

    fn no_item_has(name: &str) -> String {
        format!("no item of the row has `#[doc(alias = \"{name}\")]`")
    }

    #[test]
    fn a_name_whose_item_has_no_such_alias_is_a_breach() {
        let row = "| `AsyncQueue`, `Queue` | `fapilog::Ring` | a ring |";
        let source = "#[doc(alias = \"Queue\")] pub struct Ring; #[doc(alias = \"AsyncQueue\")] struct Other;";
        assert_eq!(messages(row, source), [no_item_has("AsyncQueue")]);
    }

    #[test]
    fn an_alias_stands_on_items_of_every_kind() {
        for item in ["pub const fn item() {}", "pub(crate) trait item {}", "macro_rules! item {}", "Item, item,"] {
            let source = format!("#[doc(alias = \"other\")] #[doc(alias = \"old\")] #[must_use] {item}");
            let found = messages("| `old`, `other` | `fapilog::item`, `fapilog::Item` | |", &source);
            assert!(found.is_empty(), "{item}: {found:?}");
        }
    }

    #[test]
    fn one_item_of_a_row_is_enough() {
        let source = "#[doc(alias = \"old\")] struct B;";
        assert!(messages("| `old` | `fapilog::a::A`, `fapilog::b::B` | |", source).is_empty());
    }

    #[test]
    fn a_method_has_the_name_behind_the_dot() {
        assert_eq!(messages("| `Logger.create()` | `fapilog::init` | |", ""), [no_item_has("create")]);
    }

    #[test]
    fn names_that_differ_in_case_only_need_no_alias() {
        assert!(messages("| `HTTPSink` | `fapilog::sink::HttpSink` | |", "").is_empty());
    }

    #[test]
    fn rows_without_an_item_and_prose_need_no_alias() {
        for row in ["| `Cli` | none yet | see `fapilog::Cli` |", "| a `name` in prose | `fapilog::Item` | |", "`a`"] {
            assert!(messages(row, "").is_empty(), "{row}");
        }
    }
}
