//! The server of the page: the text of the example, whose own test runs in this program, too.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

#[path = "../examples/traced_server.rs"]
#[allow(dead_code, reason = "its `main` serves until Ctrl-C")]
mod traced_server;

#[test]
fn the_page_shows_the_example_whole() {
    let page = include_str!("../../../docs/opentelemetry.md");
    let example = include_str!("../examples/traced_server.rs");
    let (_, program) = example.split_once("\n\n").unwrap();
    let (server, test) = program.split_once("\n#[cfg(test)]").unwrap();
    assert!(page.contains(&format!("```rust,no_run\n{server}```")), "{server}");
    assert!(page.contains(&format!("```rust\n#[cfg(test)]{test}```")), "{test}");
}
