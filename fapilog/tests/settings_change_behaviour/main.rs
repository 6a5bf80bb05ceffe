//! Each setting changes what a running container does: a row for each, and no setting without a row.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "all of this program is test code")]

mod child;
mod compliance;
mod deliveries;
mod diagnostics;
mod drain;
mod events;
mod exit;
mod idle;
#[path = "../law/mod.rs"]
mod law;
mod log;
mod on_disk;
mod plugins;
mod rings;

use std::{collections::BTreeSet, time::Duration};

use fapilog::Settings;

const NEVER: Duration = Duration::from_secs(3600);

type Row = (&'static str, fn());

/// Every setting, and what shows that it is obeyed.
const ROWS: &[Row] = &[
    ("preset", events::preset),
    ("level", events::level),
    ("rust_log", events::rust_log),
    ("sinks", plugins::sinks),
    ("enrichers", plugins::enrichers),
    ("processors", plugins::processors),
    ("redactors", plugins::redactors),
    ("formatter", plugins::formatter),
    ("batch_events_max", drain::batch_events_max),
    ("queue_max_size", rings::queue_max_size),
    ("shards", drain::shards),
    ("overflow_strategy", rings::overflow_strategy),
    ("overflow_timeout", rings::overflow_timeout),
    ("async_processing", drain::async_processing),
    ("compliance_standards", compliance::compliance_standards),
    ("compliance_mode", compliance::compliance_mode),
    ("plugin_config", plugins::plugin_config),
    ("routing", plugins::routing),
    ("colors", plugins::colors),
    ("enable_internal_logging", diagnostics::enable_internal_logging),
    ("internal_log_level", diagnostics::internal_log_level),
    ("error_handling_mode", diagnostics::error_handling_mode),
    ("executor", drain::executor),
    ("on_hang", drain::on_hang),
    ("order", drain::order),
    ("drain_cpus", drain::drain_cpus),
    ("ring_capacity_bytes", rings::ring_capacity_bytes),
    ("record_max_bytes", events::record_max_bytes),
    ("threads_max", rings::threads_max),
    ("flush_interval", drain::flush_interval),
    ("message_max_chars", events::message_max_chars),
    ("plugin_timeout", plugins::plugin_timeout),
    ("audit_events", diagnostics::audit_events),
    ("heartbeat", diagnostics::heartbeat),
    ("emergency_lines", diagnostics::emergency_lines),
    ("drain_at_exit", exit::drain_at_exit),
    ("idle_spin", idle::idle_spin),
    ("idle_sleep", idle::idle_sleep),
];

#[test]
fn every_setting_has_a_row() {
    let rows: BTreeSet<&str> = ROWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(rows, Settings::NAMES.iter().copied().collect());
}

#[test]
fn every_setting_changes_what_a_container_does() {
    for (name, row) in ROWS {
        println!("{name}");
        row();
    }
}
