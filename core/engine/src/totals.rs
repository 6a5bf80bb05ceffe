//! A container's accounts, added up from those of its lanes, shards and sinks.

use std::sync::Arc;

use fapilog_plugin::kind::PluginKind;
use fapilog_ring::sync::lock;

use crate::{
    accounts::{Accounts, LaneTotals, LossReason, SinkAccounts},
    port::{
        PluginView, ShardPort, SinkView,
        hand_over::{HandOver, LeftAccounts, LeftSink},
    },
    producer::Frontend,
};

/// The accounts of refused events alone, without a lock, for a forked child: a thread of the parent may hold the locks.
pub(super) fn refused_accounts(frontend: &Frontend) -> Accounts {
    let LaneTotals { submitted, lost, lost_by_level, .. } = frontend.lane_registry.refused.read();
    Accounts {
        submitted,
        filtered: Vec::new(),
        lost,
        lost_by_level,
        pending: 0,
        cut: 0,
        unrouted: 0,
        sinks: Vec::new(),
    }
}

pub(crate) fn accounts(frontend: &Frontend) -> Accounts {
    if let Some(last) = frontend.last_accounts() {
        return last.clone();
    }
    sums(frontend)
}

/// The accounts of a container whose drain hangs and is left to itself: what is pending is lost to the deadline.
pub(crate) fn close(frontend: &Frontend) -> Accounts {
    let mut accounts = sums(frontend);
    accounts.lost.add_of(LossReason::ShutdownDeadline, std::mem::take(&mut accounts.pending));
    for sink in &mut accounts.sinks {
        sink.lost.add_of(LossReason::ShutdownDeadline, std::mem::take(&mut sink.pending));
    }
    accounts
}

fn sums(frontend: &Frontend) -> Accounts {
    // Held until all is read, so that a shard is abandoned, and another takes over, before it or behind it.
    let left = frontend.ports.iter().map(|port| port.hand_over.get().map(HandOver::accounts));
    let left: Vec<_> = left.collect();
    let totals = frontend.lane_registry.totals();
    let mut pending = totals.pending();
    let LaneTotals { submitted, mut lost, mut lost_by_level, mut cut, .. } = totals;
    let (mut own, mut unrouted) = (0, 0);
    let mut filtered: Vec<(String, u64)> = Vec::new();
    let mut sinks: Vec<SinkAccounts> = Vec::new();
    for (port, left) in frontend.ports.iter().zip(&left) {
        own += port.counters.internal.get();
        pending = port.counters.in_hand.subtract_from(pending);
        unrouted += port.counters.unrouted.get();
        cut += port.counters.cut.get();
        lost_by_level.add(&port.counters.lost_by_level.read());
        lost.add(&port.counters.lost.read());
        let plugins = lock(&port.plugins);
        // Enrichers should take out no event: an enricher is listed only if it did.
        let chooses = |view: &&PluginView| view.kind != PluginKind::Enricher || view.counters.filtered.get() > 0;
        for view in plugins.iter().filter(chooses) {
            let count = view.counters.filtered.get();
            match filtered.iter_mut().find(|(known, _)| *known == view.name) {
                Some((_, sum)) => *sum += count,
                None => filtered.push((view.name.clone(), count)),
            }
        }
        drop(plugins);
        for one in accounts_of_sinks(port, left.as_deref()) {
            match sinks.iter_mut().find(|known| known.name == one.name) {
                Some(sum) => add_sink(sum, &one),
                None => sinks.push(one),
            }
        }
    }
    Accounts { submitted: submitted + own, filtered, lost, lost_by_level, pending, cut, unrouted, sinks }
}

/// The accounts of a shard's sinks, with those of the sinks of shards that were abandoned before it.
fn accounts_of_sinks(port: &ShardPort, left: Option<&LeftAccounts>) -> Vec<SinkAccounts> {
    let of_views = || {
        let passed = port.counters.passed.get();
        lock(&port.sinks).iter().map(|view| sink_accounts(view, passed)).collect()
    };
    let Some(left) = left else { return of_views() };
    let mut sinks = match left.sinks() {
        // Between two shards, the figures of the last one's own are among those that no shard takes over.
        Some(sinks) => {
            let without_own =
                |sink: &LeftSink| SinkAccounts { retries: 0, counters: Vec::new(), ..sink.account.clone() };
            sinks.iter().map(without_own).collect()
        }
        None => of_views(),
    };
    for one in left.own() {
        if let Some(sum) = sinks.iter_mut().find(|known| known.name == one.name) {
            add_sink(sum, one);
        }
    }
    sinks
}

/// The accounts of the sinks of a shard that is abandoned: what is pending is lost with it.
pub(crate) fn left_sinks(port: &ShardPort) -> Vec<LeftSink> {
    let passed = port.counters.passed.get();
    let views = lock(&port.sinks);
    let close = |view: &SinkView| {
        let mut account = sink_accounts(view, passed);
        let hung = std::mem::take(&mut account.pending);
        account.lost.add_of(LossReason::PluginHung, hung);
        LeftSink { account, hung, supervisor: Arc::clone(&view.supervisor_counters) }
    };
    views.iter().map(close).collect()
}

/// `passed` is the number of events that came as far as the sinks: a sink that hangs keeps them from those behind it.
fn sink_accounts(view: &SinkView, passed: u64) -> SinkAccounts {
    let counters = &view.counters;
    let (offered, delivered, lost) = (counters.offered.get(), counters.delivered.get(), counters.lost.read());
    let filtered = counters.filtered.get();
    SinkAccounts {
        name: view.name.clone(),
        offered,
        delivered,
        filtered,
        lost,
        pending: passed.saturating_sub(delivered).saturating_sub(filtered).saturating_sub(lost.total()),
        bytes: counters.bytes.get(),
        errors: counters.errors.get(),
        retries: counters.retries.get(),
        writer: view.writer.get(),
        counters: view.own_counters.read(),
    }
}

pub(crate) fn add_sink(sum: &mut SinkAccounts, one: &SinkAccounts) {
    sum.offered += one.offered;
    sum.delivered += one.delivered;
    sum.filtered += one.filtered;
    sum.lost.add(&one.lost);
    sum.pending += one.pending;
    sum.bytes += one.bytes;
    sum.errors += one.errors;
    sum.retries += one.retries;
    for (name, count) in &one.counters {
        match sum.counters.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += count,
            None => sum.counters.push((name, *count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use fapilog_plugin::event::ProducerInfo;
    use fapilog_record::{directives::Directives, level::LevelFilter};
    use fapilog_ring::{Capacity, IdleRing, Storage};

    use super::*;
    use crate::{
        accounts::{LaneCounters, Losses},
        clock::StampSource,
        port::plan::PipelinePlan,
        producer::{Limits, overflow::Overflow},
    };

    /// The accounts of a sink in one shard: every figure is another one.
    fn in_a_shard(unit: u64) -> SinkAccounts {
        let mut lost = Losses::default();
        lost.add_of(LossReason::RingFull, 5 * unit);
        SinkAccounts {
            name: "sink".to_owned(),
            offered: 12 * unit,
            delivered: 4 * unit,
            filtered: 2 * unit,
            lost,
            pending: unit,
            bytes: 70 * unit,
            errors: 8 * unit,
            retries: 9 * unit,
            writer: "memory".to_owned(),
            counters: vec![("files", 11 * unit)],
        }
    }

    #[test]
    fn the_accounts_of_a_sink_are_the_sums_over_its_shards() {
        let mut sum = in_a_shard(1);
        add_sink(&mut sum, &in_a_shard(2));
        assert_eq!(sum, in_a_shard(3));
    }

    #[test]
    fn sums_that_are_read_while_a_shard_is_abandoned_have_its_events_once() {
        let ring = Capacity::new(Capacity::MIN_BYTES, 16).unwrap();
        let (port, counters) = (Arc::<ShardPort>::default(), Arc::<LaneCounters>::default());
        let (_producer, consumer) = IdleRing::new(Storage::heap(ring).unwrap()).split();
        let info = ProducerInfo::new(Frontend::nowhere().instance(), 1, 1, None);
        let hand_over = port.hand_over.get_or_init(|| HandOver::new(&PipelinePlan::default(), &[]));
        let walked = hand_over.add_ring(&consumer, &counters, &info);
        let limits = Limits { ring, rings_max: 0, overflow: Overflow::DropNewest };
        let directives = Directives::new(LevelFilter::Off);
        let frontend = Frontend::new(directives, vec![Arc::clone(&port)], limits, StampSource::best());
        frontend.lane_registry.enter(&counters, &port);
        const EVENTS: u64 = 20_000;
        counters.submitted.add(EVENTS);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for event in 1..=EVENTS {
                    walked.set(0, event);
                    assert_eq!(hand_over.close_accounts(&port), (1, 0));
                }
                is_over.store(true, Ordering::SeqCst);
            });
            while !is_over.load(Ordering::SeqCst) {
                let Accounts { lost, pending, .. } = sums(&frontend);
                assert_eq!(lost.total() + pending, EVENTS);
            }
        });
    }
}
