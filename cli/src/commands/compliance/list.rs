//! The standards and their rules.

use std::fmt::Write as _;

use fapilog_compliance::StandardTable;
use serde_json::json;

use crate::{
    commands::json_line,
    output::colors::{BOLD, Paint},
};

pub(super) fn json(tables: &[&StandardTable]) -> String {
    let standards = tables.iter().map(|table| {
        let rules = table.rules.iter().map(|rule| {
            let info = rule.info;
            json!({ "id": info.id, "reference": info.reference, "asks": info.asks, "check": rule.check.to_string() })
        });
        json!({ "name": table.name, "title": table.title, "rules": rules.collect::<Vec<_>>() })
    });
    json_line(&json!({ "standards": standards.collect::<Vec<_>>() }))
}

/// A table for each standard: rule, reference, and what the rule asks.
pub(super) fn text(tables: &[&StandardTable], paint: Paint) -> String {
    let mut text = String::new();
    for (index, table) in tables.iter().enumerate() {
        let widest = |of: fn(&fapilog_compliance::TableRule) -> usize| table.rules.iter().map(of).max().unwrap_or(0);
        let (ids, references) = (widest(|rule| rule.info.id.len()), widest(|rule| rule.info.reference.chars().count()));
        // A text takes everything.
        let _ =
            writeln!(text, "{}{}  {}", if index > 0 { "\n" } else { "" }, paint.with(BOLD, table.name), table.title);
        for rule in table.rules {
            let info = rule.info;
            let _ = writeln!(text, "  {:ids$}  {:references$}  {}", info.id, info.reference, info.asks);
        }
    }
    text
}
