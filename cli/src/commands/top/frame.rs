//! The lines that show a snapshot.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    figures::{Snapshot, TopLatency, TopPlugin, TopSink},
    table::{Table, bytes, cut, number, rate, time},
};
use crate::{
    commands::control::shown,
    output::colors::{BOLD, GREEN, Paint, RED, YELLOW},
};

/// How many diagnostics are shown: the last ones.
const DIAGNOSTICS_SHOWN: usize = 4;

/// A snapshot, and the one before it, for rates.
#[derive(Debug)]
pub(super) struct TopFrame<'a> {
    now: &'a Snapshot,
    earlier: Option<&'a Snapshot>,
}

impl<'a> TopFrame<'a> {
    pub(super) fn new(now: &'a Snapshot, earlier: Option<&'a Snapshot>) -> Self {
        Self { now, earlier }
    }

    /// Lines of at most so many characters.
    pub(super) fn lines(&self, columns: usize, paint: Paint) -> Vec<String> {
        let mut lines = self.head(columns, paint);
        lines.push(String::new());
        lines.extend(self.sums(columns, paint));
        lines.push(String::new());
        lines.extend(self.sinks().lines(columns, paint));
        lines.push(String::new());
        lines.extend(self.plugins().lines(columns, paint));
        lines.extend(self.diagnostics(columns, paint));
        lines
    }

    /// Growth a second since the snapshot before; `None` without one.
    fn growth(&self, of: impl Fn(&Snapshot) -> Option<u64>) -> Option<f64> {
        let earlier = self.earlier?;
        let seconds = self.now.at.saturating_duration_since(earlier.at).as_secs_f64();
        let more = of(self.now)?.saturating_sub(of(earlier)?);
        (seconds > 0.0).then(|| more as f64 / seconds)
    }

    fn head(&self, columns: usize, paint: Paint) -> Vec<String> {
        let Snapshot { info, levels, metrics, .. } = self.now;
        let executor = info.executor.as_deref().unwrap_or("drained by the program");
        let closed = if info.closed { ", shut down" } else { "" };
        let title = format!(
            "{}: process {}, container {}, up {}, {executor}, {} shard(s){closed}",
            info.program,
            info.pid,
            info.container,
            up(metrics.started_at_unix_ns, SystemTime::now()),
            metrics.shards
        );
        let style = match metrics.health.as_str() {
            "full" => GREEN,
            "emergency" => RED,
            _ => YELLOW,
        };
        let then = levels
            .then
            .as_ref()
            .map(|then| format!(" ({} in {})", then.directives, whole_seconds(Duration::from_millis(then.in_ms))));
        let in_force = format!("levels     {}{}", levels.directives, then.unwrap_or_default());
        vec![
            paint.with(BOLD, &cut(&shown(&title), columns)),
            format!("health     {}", paint.with(style, &shown(&metrics.health))),
            cut(&shown(&in_force), columns),
        ]
    }

    fn sums(&self, columns: usize, paint: Paint) -> Vec<String> {
        let Snapshot { metrics, .. } = self.now;
        let (accounts, throughput, rings) = (&metrics.accounts, &metrics.throughput, &metrics.rings);
        let submitted = self.growth(|snapshot| Some(snapshot.metrics.accounts.submitted));
        let losses = self.losses();
        let losses = if losses.is_empty() {
            "none".to_owned()
        } else {
            paint.with(RED, &cut(&losses, columns.saturating_sub(11)))
        };
        let lines = [
            format!(
                "events/s   {} now, {} over 10 s, {} over 60 s",
                rate(submitted),
                rate(Some(throughput.events_per_second_10s)),
                rate(Some(throughput.events_per_second_60s))
            ),
            format!(
                "events     {} submitted = {} delivered + {} filtered + {} lost + {} pending",
                number(accounts.submitted),
                number(accounts.delivered_total),
                number(accounts.filtered_total),
                number(accounts.lost_total),
                number(accounts.pending_total)
            ),
            format!(
                "rings      {} of {}, the fullest {:.0} % full, {:.0} % at most",
                rings.count,
                bytes(rings.capacity_bytes as f64),
                rings.fill * 100.0,
                rings.fill_max * 100.0
            ),
            format!("drain lag  {}", latency(&metrics.drain_lag)),
            format!("to sink    {}", latency(&metrics.end_to_end)),
        ];
        let mut lines: Vec<String> = lines.iter().map(|line| cut(&shown(line), columns)).collect();
        lines.insert(2, format!("losses     {losses}"));
        lines
    }

    /// Losses by reason, with those of the last interval.
    fn losses(&self) -> String {
        let before: Option<BTreeMap<String, u64>> = self.earlier.map(|earlier| earlier.metrics.accounts.losses());
        let one = |(reason, count): (String, u64)| {
            let new =
                before.as_ref().map_or(0, |before| count.saturating_sub(before.get(&reason).copied().unwrap_or(0)));
            let new = if new > 0 { format!(" (+{})", number(new)) } else { String::new() };
            format!("{} {}{new}", shown(&reason), number(count))
        };
        self.now.metrics.accounts.losses().into_iter().map(one).collect::<Vec<_>>().join(", ")
    }

    fn sinks(&self) -> Table {
        // The writer is last: it is long, and is what a narrow terminal cuts.
        let names = [
            "SINK",
            "BREAKER",
            "EVENTS/S",
            "BYTES/S",
            "DELIVERED",
            "BYTES",
            "PENDING",
            "QUEUED",
            "LOST",
            "ERRORS",
            "RETRIES",
            "WRITER",
        ];
        let mut table = Table::new(2, names);
        let metrics = &self.now.metrics;
        for sink in &metrics.accounts.sinks {
            let delivery = metrics.deliveries.iter().find(|delivery| delivery.sink == sink.name);
            let growth =
                |of: fn(&TopSink) -> u64| self.growth(|snapshot| snapshot.metrics.accounts.sink(&sink.name).map(of));
            let bytes_a_second = growth(|sink| sink.bytes);
            table.add([
                sink.name.clone(),
                delivery.map(|delivery| delivery.breaker.clone()).unwrap_or_default(),
                rate(growth(|sink| sink.delivered)),
                bytes_a_second.map_or_else(|| "-".to_owned(), bytes),
                number(sink.delivered),
                bytes(sink.bytes as f64),
                number(sink.pending),
                number(delivery.map_or(0, |delivery| delivery.queued_payloads)),
                number(sink.lost.values().sum()),
                number(sink.errors),
                number(sink.retries),
                sink.writer.clone().unwrap_or_else(|| "-".to_owned()),
            ]);
        }
        table
    }

    fn plugins(&self) -> Table {
        let names =
            ["PLUGIN", "KIND", "STATE", "BATCHES/S", "TIME %", "BATCHES", "FILTERED", "ERRORS", "PANICS", "SLOW"];
        let mut table = Table::new(3, names);
        for plugin in &self.now.metrics.plugins {
            let growth = |of: fn(&TopPlugin) -> u64| self.growth(|snapshot| snapshot.metrics.plugin(plugin).map(of));
            let share = growth(|plugin| plugin.time_ns).map(|nanos| nanos / 1e7);
            table.add([
                plugin.name.clone(),
                plugin.kind.clone(),
                plugin.state.clone(),
                rate(growth(|plugin| plugin.batches)),
                share.map_or_else(|| "-".to_owned(), |share| format!("{share:.1}")),
                number(plugin.batches),
                number(plugin.filtered),
                number(plugin.errors),
                number(plugin.panics),
                number(plugin.slow),
            ]);
        }
        table
    }

    fn diagnostics(&self, columns: usize, paint: Paint) -> Vec<String> {
        let all = &self.now.diagnostics;
        let last = all.get(all.len().saturating_sub(DIAGNOSTICS_SHOWN)..).unwrap_or_default();
        if last.is_empty() {
            return Vec::new();
        }
        let title = format!("DIAGNOSTICS (the last {} of {})", last.len(), all.len());
        let line = |one: &fapilog_control::protocol::DiagnosticReport| {
            let times = if one.times > 1 { format!(" ({} times)", number(one.times)) } else { String::new() };
            cut(&shown(&format!("{}  {}: {}{times}", one.level, one.about, one.text)), columns)
        };
        [String::new(), paint.with(BOLD, &cut(&title, columns))].into_iter().chain(last.iter().map(line)).collect()
    }
}

fn latency(latency: &TopLatency) -> String {
    if latency.samples == 0 {
        return "no samples".to_owned();
    }
    let TopLatency { p50_ns, p99_ns, p99_9_ns, max_ns, .. } = latency;
    format!("p50 {}, p99 {}, p99.9 {}, max {}", time(*p50_ns), time(*p99_ns), time(*p99_9_ns), time(*max_ns))
}

/// The time since the start of the container.
fn up(started_at_unix_ns: u64, now: SystemTime) -> String {
    let started = UNIX_EPOCH + Duration::from_nanos(started_at_unix_ns);
    whole_seconds(now.duration_since(started).unwrap_or_default())
}

/// `1h 2m 3s`.
pub(super) fn whole_seconds(time: Duration) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    format!("{:#}", jiff::SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde_json::json;

    use super::*;

    fn snapshot(at: Instant, submitted: u64, lost: u64) -> Snapshot {
        let metrics = json!({
            "started_at_unix_ns": 0,
            "throughput": { "events_per_second_10s": 1500.0, "events_per_second_60s": 0.5 },
            "accounts": {
                "submitted": submitted, "delivered_total": submitted - lost, "lost_total": lost,
                "lost": { "ring_full": lost },
                "sinks": [{
                    "name": "file", "delivered": submitted - lost, "bytes": submitted * 100, "lost": { "sink_busy": 3 },
                    "writer": "io_uring, direct",
                }],
            },
            "plugins": [{ "name": "level", "kind": "enricher", "state": "active", "batches": submitted, "time_ns": submitted }],
            "deliveries": [{ "sink": "file", "breaker": "closed", "queued_payloads": 2 }],
            "drain_lag": { "samples": 1, "p50_ns": 1500, "p99_ns": 2_000_000, "max_ns": 2_000_000 },
            "health": "working_sinks",
            "rings": { "count": 3, "capacity_bytes": 1 << 20, "fill": 0.25, "fill_max": 1.0 },
            "shards": 2,
            "a figure of a later version": [],
        });
        Snapshot {
            at,
            info: serde_json::from_value(json!({
                "pid": 7, "program": "sh\u{1b}op", "container": 1, "executor": "thread", "closed": false, "version": "0.1.0",
            }))
            .unwrap(),
            levels: serde_json::from_value(json!({ "directives": "INFO", "then": { "directives": "WARN", "in_ms": 61_000 } }))
                .unwrap(),
            metrics: serde_json::from_value(metrics).unwrap(),
            diagnostics: serde_json::from_value(json!([{ "level": "WARNING", "about": "file", "text": "x", "times": 2 }]))
                .unwrap(),
        }
    }

    fn lines(now: &Snapshot, earlier: Option<&Snapshot>, columns: usize) -> Vec<String> {
        TopFrame::new(now, earlier).lines(columns, Paint::new(false))
    }

    #[test]
    fn rates_are_the_growth_since_the_snapshot_before() {
        let start = Instant::now();
        let earlier = snapshot(start, 1_000, 10);
        let now = snapshot(start + Duration::from_secs(2), 21_000, 30);
        let text = lines(&now, Some(&earlier), 200).join("\n");
        for part in [
            "events/s   10,000 now, 1,500 over 10 s, 0.5 over 60 s",
            "events     21,000 submitted = 20,970 delivered + 0 filtered + 30 lost + 0 pending",
            "losses     ring_full 30 (+20), sink_busy at file 3\n",
            "rings      3 of 1.0 MiB, the fullest 25 % full, 100 % at most",
            "drain lag  p50 1.5 µs, p99 2.0 ms",
            "to sink    no samples",
            "file  closed      9,990  976.6 KiB     20,970",
            "levels     INFO (WARN in 1m 1s)",
            "WARNING  file: x (2 times)",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
    }

    #[test]
    fn without_a_snapshot_before_there_are_no_rates() {
        let now = snapshot(Instant::now(), 1_000, 0);
        assert!(lines(&now, None, 200).join("\n").contains("events/s   - now"));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_none_has_a_control_character() {
        let now = snapshot(Instant::now(), u64::MAX / 200, 12_345);
        for columns in [20, 40, 80] {
            for line in lines(&now, Some(&now.clone()), columns) {
                assert!(line.chars().count() <= columns || line.starts_with("health"), "{line}");
                assert!(!line.chars().any(char::is_control), "{line:?}");
            }
        }
    }

    #[test]
    fn a_program_of_another_version_without_figures_is_shown_with_zeros() {
        let empty = Snapshot { metrics: serde_json::from_str("{}").unwrap(), ..snapshot(Instant::now(), 1, 0) };
        assert!(lines(&empty, None, 100).join("\n").contains("events     0 submitted"));
    }
}
