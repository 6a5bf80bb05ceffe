//! The figures of a container as a whole.

use std::time::UNIX_EPOCH;

use fapilog::metrics::{HealthLevel, Metrics};

use crate::figures::tables::{
    FigureRow,
    FigureSource::{Container, Described, Latency, Lost, LostByLevel, States, Throughput},
};

#[rustfmt::skip]
pub(super) const FIGURES: &[FigureRow] = &[
    FigureRow::info("fapilog_container", "The container: its number in the process, the instance in the ids of its events, and the executor of its drain.",
        Described(description)),
    FigureRow::gauge("fapilog_container_start_time_seconds", "When the container was made, in Unix time.",
        Container(|metrics| metrics.started_at.duration_since(UNIX_EPOCH).unwrap_or_default().into())).seconds(),
    FigureRow::gauge("fapilog_container_closed", "Whether the container takes no more events.",
        Container(|metrics| metrics.is_closed.into())),
    FigureRow::gauge("fapilog_shards", "Drain shards.",
        Container(|metrics| metrics.shards.into())),
    FigureRow::states("fapilog_health", "How much of the pipeline works.",
        States(|metrics| metrics.health.name(), health_levels)),
    FigureRow::counter("fapilog_events_submitted", "Events that a log call was made for and that passed the level threshold.",
        Container(|metrics| metrics.accounts.submitted.into())),
    FigureRow::counter("fapilog_events_lost", "Events lost before any sink, by reason.",
        Lost(|metrics| &metrics.accounts.lost)),
    FigureRow::counter("fapilog_events_lost_by_level", "Events lost before any sink whose level is known, by level.",
        LostByLevel),
    FigureRow::counter("fapilog_events_unrouted", "Events that were for no sink.",
        Container(|metrics| metrics.accounts.unrouted.into())),
    FigureRow::counter("fapilog_events_cut", "Events of which a part was cut, because they were too long.",
        Container(|metrics| metrics.accounts.cut.into())),
    FigureRow::gauge("fapilog_events_pending", "Events in rings, and in the batches that drains have in hand.",
        Container(|metrics| metrics.accounts.pending.into())),
    FigureRow::gauge("fapilog_throughput_events_per_second", "Events that the drain takes a second, over a sliding window.",
        Throughput),
    FigureRow::histogram("fapilog_drain_lag_seconds", "From the log call to the drain: the oldest event of each batch.",
        Latency(|metrics| &metrics.drain_lag)),
    FigureRow::gauge("fapilog_drain_lag_max_seconds", "The longest time from a log call to the drain since the start.",
        Container(|metrics| metrics.drain_lag.max.into())).seconds(),
    FigureRow::histogram("fapilog_end_to_end_latency_seconds", "From the log call to the end of the delivery: the oldest event of each payload.",
        Latency(|metrics| &metrics.end_to_end)),
    FigureRow::gauge("fapilog_end_to_end_latency_max_seconds", "The longest time from a log call to the end of the delivery since the start.",
        Container(|metrics| metrics.end_to_end.max.into())).seconds(),
    FigureRow::gauge("fapilog_rings", "Rings, in use or kept for the next thread.",
        Container(|metrics| metrics.rings.count.into())),
    FigureRow::gauge("fapilog_ring_capacity_bytes", "The size of each ring.",
        Container(|metrics| metrics.rings.capacity_bytes.into())).bytes(),
    FigureRow::gauge("fapilog_rings_memory_bytes", "Memory of all rings.",
        Container(|metrics| metrics.rings.total_bytes.into())).bytes(),
    FigureRow::gauge("fapilog_ring_fill_ratio", "How full the fullest ring was when the drain last looked, from 0 to 1.",
        Container(|metrics| metrics.rings.fill.into())).ratio(),
    FigureRow::gauge("fapilog_ring_fill_max_ratio", "How full the fullest ring has ever been when the drain looked, from 0 to 1.",
        Container(|metrics| metrics.rings.fill_max.into())).ratio(),
];

fn description(metrics: &Metrics) -> Vec<(&'static str, String)> {
    let executor = metrics.executor.map_or("program", |executor| executor.name());
    vec![
        ("container_id", metrics.container_id.to_string()),
        ("instance_id", metrics.instance.to_string()),
        ("executor", executor.to_owned()),
    ]
}

fn health_levels() -> Vec<&'static str> {
    HealthLevel::ALL.map(HealthLevel::name).to_vec()
}
