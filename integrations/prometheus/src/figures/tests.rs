use std::collections::HashSet;

use super::*;

fn rows() -> impl Iterator<Item = &'static FigureRow> {
    FIGURES.iter().copied().flatten()
}

#[test]
fn names_and_texts_follow_the_rules_of_prometheus() {
    let mut names = HashSet::new();
    for FigureRow { name, kind, unit, help, .. } in rows() {
        assert!(names.insert(*name), "{name} comes twice");
        assert!(name.starts_with("fapilog_") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert!(unit.name().is_none_or(|unit| name.ends_with(&format!("_{unit}"))), "{name} does not end in its unit");
        assert!(!name.ends_with("_total") && !name.ends_with("_info"), "{name} ends in what the format adds");
        assert!(help.ends_with('.') && !help.contains(['\n', '\\', '"']), "{name}: {help}");
        assert_eq!(*kind == FamilyKind::Histogram, name.contains("_lag_s") || name.contains("_latency_s"), "{name}");
    }
    assert!(names.len() > 50, "{}", names.len());
}

/// The page has a row for each family, under the name that queries use, and no other.
#[test]
fn the_page_of_the_book_has_every_name() {
    let page = include_str!("../../../../docs/metrics.md");
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `fapilog_")?.split_once('`'));
    let on_page: HashSet<String> = cells.map(|(name, _)| format!("fapilog_{name}")).collect();
    let suffix = |kind| match kind {
        FamilyKind::Counter => "_total",
        FamilyKind::Info => "_info",
        _ => "",
    };
    let in_tables: HashSet<String> = rows().map(|row| format!("{}{}", row.name, suffix(row.kind))).collect();
    let missing: Vec<_> = in_tables.difference(&on_page).collect();
    let unknown: Vec<_> = on_page.difference(&in_tables).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "not on the page: {missing:?}; only on the page: {unknown:?}");
}

/// The rules and queries of the page name no figure that there is not.
#[test]
fn rules_and_queries_of_the_page_use_names_that_there_are() {
    let page = include_str!("../../../../docs/metrics.md");
    let (_, rules) = page.split_once("### Alerts").unwrap();
    let (rules, _) = rules.split_once("### Bridges").unwrap();
    let words =
        rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("fapilog_"));
    let words: HashSet<&str> = words.collect();
    assert!(words.len() > 10, "{words:?}");
    for word in words {
        let name = ["_bucket", "_total"].iter().find_map(|suffix| word.strip_suffix(suffix)).unwrap_or(word);
        let row = rows().find(|row| row.name == name).unwrap_or_else(|| panic!("{word} is no figure"));
        assert_eq!(row.kind == FamilyKind::Counter, word.ends_with("_total"), "{word}");
        assert_eq!(row.kind == FamilyKind::Histogram, word.ends_with("_bucket"), "{word}");
    }
}

#[test]
fn samples_whose_labels_become_the_same_are_added_up_or_the_greatest_counts() {
    let merged = |name: &str, one: FigureNumber, other: FigureNumber| {
        let row = rows().find(|row| row.name == name).unwrap();
        let mut family = FigureFamily { row, samples: Vec::new() };
        let labels = vec![("sink", OTHER.to_owned())];
        family.add(labels.clone(), SampleValue::Number(one));
        family.add(labels, SampleValue::Number(other));
        assert_eq!(family.samples.len(), 1);
        match family.samples[0].value {
            SampleValue::Number(value) => value,
            SampleValue::Latency(_) => unreachable!("numbers were added"),
        }
    };
    assert_eq!(merged("fapilog_sink_errors", 3_u64.into(), 4_u64.into()), 7_u64.into());
    assert_eq!(merged("fapilog_sink_errors", 3_u64.into(), u64::MAX.into()), u64::MAX.into());
    assert_eq!(merged("fapilog_sink_queued_bytes", 3_u64.into(), 4_u64.into()), 7_u64.into());
    assert_eq!(merged("fapilog_plugin_time_seconds", 0.5.into(), 0.25.into()), 0.75.into());
    assert_eq!(merged("fapilog_sink_oldest_event_age_seconds", 0.5.into(), 0.25.into()), 0.5.into());
    assert_eq!(merged("fapilog_sink_breaker", false.into(), true.into()), true.into());
}
