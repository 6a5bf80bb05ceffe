//! A container's accounts, added up from those of its lanes, shards and sinks.

use fapilog_plugin::kind::PluginKind;
use fapilog_ring::sync::lock;

use crate::{
    accounts::{Accounts, LaneTotals, SinkAccounts},
    port::PluginView,
    producer::Frontend,
};

/// The accounts of refused events alone, without a lock, for a forked child: a thread of the parent may hold the locks.
pub(super) fn refused_accounts(frontend: &Frontend) -> Accounts {
    let LaneTotals { submitted, lost, .. } = frontend.lane_registry.refused.read();
    Accounts { submitted, filtered: Vec::new(), lost, pending: 0, cut: 0, sinks: Vec::new() }
}

pub(crate) fn accounts(frontend: &Frontend) -> Accounts {
    let totals = frontend.lane_registry.totals();
    let pending = totals.pending();
    let LaneTotals { submitted, mut lost, cut, .. } = totals;
    let mut own = 0;
    let mut filtered: Vec<(String, u64)> = Vec::new();
    let mut sinks: Vec<SinkAccounts> = Vec::new();
    for port in &frontend.ports {
        own += port.counters.internal.get();
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
        for view in lock(&port.sinks).iter() {
            let one = sink_accounts(view);
            match sinks.iter_mut().find(|known| known.name == one.name) {
                Some(sum) => add_sink(sum, &one),
                None => sinks.push(one),
            }
        }
    }
    Accounts { submitted: submitted + own, filtered, lost, pending, cut, sinks }
}

fn sink_accounts(view: &crate::port::SinkView) -> SinkAccounts {
    let counters = &view.counters;
    let (offered, delivered, lost) = (counters.offered.get(), counters.delivered.get(), counters.lost.read());
    let filtered = counters.filtered.get();
    SinkAccounts {
        name: view.name.clone(),
        offered,
        delivered,
        filtered,
        lost,
        pending: offered.saturating_sub(delivered).saturating_sub(filtered).saturating_sub(lost.total()),
        bytes: counters.bytes.get(),
        errors: counters.errors.get(),
        retries: counters.retries.get(),
        writer: view.writer.get(),
    }
}

fn add_sink(sum: &mut SinkAccounts, one: &SinkAccounts) {
    sum.offered += one.offered;
    sum.delivered += one.delivered;
    sum.filtered += one.filtered;
    sum.lost.add(&one.lost);
    sum.pending += one.pending;
    sum.bytes += one.bytes;
    sum.errors += one.errors;
    sum.retries += one.retries;
}
