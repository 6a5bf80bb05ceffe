//! The page about settings agrees with the code. `cargo xtask docs` writes it again.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, reason = "all of this program is test code")]

use std::{env, fs};

use fapilog::Settings;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/settings.md");
const MARK: &str = "writes all that follows. -->\n";

#[test]
fn the_page_about_settings_is_fresh() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (head, reference) = page.split_once(MARK).unwrap();
    let fresh = format!("\n{}", Settings::reference_markdown());
    if env::var_os("WRITE_DOCS").is_some() {
        fs::write(PAGE, format!("{head}{MARK}{fresh}")).unwrap();
        return;
    }
    assert_eq!(reference, fresh, "docs/settings.md is stale: run `cargo xtask docs`");
}
