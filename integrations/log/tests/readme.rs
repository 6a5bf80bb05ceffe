//! The program of the repository's first page, which is compiled on the page of this crate.
#![allow(clippy::unwrap_used, reason = "all of this program is test code")]

const README: &str = include_str!("../../../README.md");
const PAGE: &str = include_str!("../../../docs/log.md");

/// The code block that begins with this line.
fn block<'a>(page: &'a str, first_line: &str) -> &'a str {
    let (_, block) = page.split_once(first_line).unwrap();
    block.split_once("\n```").unwrap().0
}

#[test]
fn the_server_of_the_first_page_is_the_one_that_is_compiled() {
    let start = "use axum::{Router, routing::get};";
    assert_eq!(block(README, start), block(PAGE, start));
    assert!(PAGE.contains(&format!("```rust,no_run\n{start}")));
}

#[test]
fn the_dependencies_of_the_server_are_the_same_on_both_pages() {
    let start = "[dependencies]\naxum";
    assert_eq!(block(README, start), block(PAGE, start));
}
