//! The page with all rules is made of the tables.
#![allow(clippy::unwrap_used, reason = "all of this program is test code")]

use std::{env, fmt::Write, fs};

use fapilog_compliance::{StandardTable, TABLES};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/compliance-rules.md");
/// The line above the part that is made of the tables.
const MARK: &str = "<!-- Made of the tables in plugins/compliance by `WRITE_DOCS=1 cargo test -p fapilog-compliance --test rules_page`. -->\n";

fn section(table: &StandardTable) -> String {
    let mut text = format!(
        "\n## `{}`\n\n{}\n\n| rule | reference | the rule asks | check |\n|---|---|---|---|\n",
        table.name, table.title
    );
    for rule in table.rules {
        let info = rule.info;
        writeln!(text, "| `{}` | {} | {} | {} |", info.id, info.reference, info.asks, rule.check).unwrap();
    }
    text
}

#[test]
fn the_page_has_every_rule_of_every_standard() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (head, found) = page.split_once(MARK).unwrap();
    let fresh: String = TABLES.iter().map(section).collect();
    if env::var_os("WRITE_DOCS").is_some() {
        fs::write(PAGE, format!("{head}{MARK}{fresh}")).unwrap();
    } else {
        assert_eq!(found, fresh, "docs/compliance-rules.md: write it with WRITE_DOCS=1");
    }
}
