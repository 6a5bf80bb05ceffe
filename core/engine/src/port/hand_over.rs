//! The hand-over from a shard to another one, which takes over when the first is abandoned: its rings, the plans of its plugins
//! and sinks as they are by now, and the accounts of its sinks. The rules are on the [page of the take-over](crate::watchdog::take_over).

use std::sync::{
    Arc, Mutex, Weak,
    atomic::{AtomicU64, Ordering},
};

use fapilog_plugin::{event::ProducerInfo, threads::lock};
use fapilog_record::user_code::drop_catching_panics;
use fapilog_ring::{Consumer, RingHeir};

use crate::{
    accounts::{LaneCounters, LossReason, Losses, PluginCounters, PluginState, SinkAccounts},
    port::{
        ShardPort,
        changes::Change,
        plan::{PipelinePlan, PluginPlan, SinkPlan},
        rotate::OpenTicket,
    },
    totals,
};

/// The things that a shard leaves.
#[derive(Debug, Default)]
pub(crate) struct HandOver {
    rings: Mutex<Vec<RingRecord>>,
    plan: Mutex<LivePlan>,
    accounts: Mutex<LeftAccounts>,
    /// Requests for new files that its sinks have not answered.
    tickets: Mutex<Vec<Weak<OpenTicket>>>,
}

/// How far a shard has walked in a ring: written before each call of user code that may refer to the ring.
#[derive(Debug, Default)]
pub(crate) struct WalkedMark {
    position: AtomicU64,
    events: AtomicU64,
}

impl WalkedMark {
    /// Only the shard may call this.
    #[inline]
    pub(crate) fn set(&self, position: u64, events: u64) {
        // Relaxed, both: the call word publishes them; rule 4, pairs with the loads in `RingRecord::take_over` and `hold`.
        self.position.store(position, Ordering::Relaxed);
        self.events.store(events, Ordering::Relaxed);
    }
}

/// A ring that a shard has adopted and not given back.
#[derive(Debug, Clone)]
pub(crate) struct RingRecord {
    heir: RingHeir,
    pub(crate) counters: Arc<LaneCounters>,
    pub(crate) info: ProducerInfo,
    pub(crate) walked: Arc<WalkedMark>,
}

impl RingRecord {
    /// Rule 5: the events that the shard has in hand count as drained. Returns their number.
    fn hold(&self) -> u64 {
        // Relaxed: the exchange in `CallWord::abandon` comes before it; pairs with `WalkedMark::set`.
        let walked = self.walked.events.load(Ordering::Relaxed);
        let held = walked.saturating_sub(self.counters.drained.get());
        self.counters.drained.add(held);
        self.counters.hold();
        held
    }

    /// A consumer behind the frames that the abandoned shard has walked.
    ///
    /// # Safety
    /// The shard that walked the ring, and each that has taken it over, never calls its consumer again, and was abandoned by the
    /// exchange in the call word before this call: see [`RingHeir::take_over`].
    pub(crate) unsafe fn take_over(&self) -> Consumer {
        // Relaxed: see `hold`; pairs with `WalkedMark::set`.
        let position = self.walked.position.load(Ordering::Relaxed);
        // SAFETY: the caller promises that no consumer before this one is called again; and the position was written before the
        // call of user code in which the shard was abandoned, and no frame was walked since.
        unsafe { self.heir.take_over(position) }
    }
}

/// The plans of a shard's plugins and sinks, with the changes that were made at run time.
#[derive(Default)]
struct LivePlan {
    pipeline: PipelinePlan,
    prepared: Option<PipelinePlan>,
    sinks: Vec<SinkPlan>,
    /// Plugins whose names are their own were removed: only once they are made, they are known by name.
    removed: Vec<String>,
    disabled: Vec<String>,
}

impl std::fmt::Debug for LivePlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LivePlan")
            .field("removed", &self.removed)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

/// The plans for a shard that takes over.
pub(crate) struct SuccessorPlan {
    pub(crate) pipeline: PipelinePlan,
    pub(crate) sinks: Vec<SinkPlan>,
}

/// The names of plugins and sinks that the program has removed or disabled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NamesAtRunTime {
    pub(crate) removed: Vec<String>,
    pub(crate) disabled: Vec<String>,
}

impl LivePlan {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::AddEnricher(plan) => self.pipeline.enrichers.push(plan.clone()),
            Change::AddProcessor(plan) => self.pipeline.processors.push(plan.clone()),
            Change::AddRedactor(plan) => self.pipeline.redactors.push(plan.clone()),
            Change::AddSink(plan) => self.sinks.push(SinkPlan::clone(plan)),
            Change::PreparePipeline(plan) => self.prepared = Some(plan.clone()),
            Change::DiscardPipeline => self.prepared = None,
            Change::ReplacePipeline => self.replace_pipeline(),
            Change::Remove(name) => self.remove(name),
            Change::SetEnabled(name, is_enabled) => {
                self.disabled.retain(|known| known != name);
                if !is_enabled {
                    self.disabled.push(name.clone());
                }
            }
            Change::Rotate(_) => {}
        }
        if let Some(name) = change.name() {
            self.removed.retain(|known| known != name);
        }
    }

    /// Plugins that were added at run time stay, behind the others.
    fn replace_pipeline(&mut self) {
        fn take_over<P: ?Sized>(new: &mut Vec<PluginPlan<P>>, old: Vec<PluginPlan<P>>) {
            new.extend(old.into_iter().filter(|plan| plan.is_at_run_time));
        }
        let Some(mut new) = self.prepared.take() else { return };
        let old = std::mem::take(&mut self.pipeline);
        take_over(&mut new.enrichers, old.enrichers);
        take_over(&mut new.processors, old.processors);
        take_over(&mut new.redactors, old.redactors);
        self.pipeline = new;
        self.removed.clear();
    }

    fn remove(&mut self, name: &str) {
        let is_other = |known: Option<&str>| known != Some(name);
        let is_known =
            self.pipeline.names().any(|known| known == name) || self.sinks.iter().any(|sink| sink.name == name);
        self.pipeline.enrichers.retain(|plan| is_other(plan.name()));
        self.pipeline.processors.retain(|plan| is_other(plan.name()));
        self.pipeline.redactors.retain(|plan| is_other(plan.name()));
        self.sinks.retain(|sink| sink.name != name);
        self.disabled.retain(|known| known != name);
        if !is_known {
            self.removed.push(name.to_owned());
        }
    }
}

/// The accounts of the shards that were abandoned.
#[derive(Debug, Default)]
pub(crate) struct LeftAccounts {
    /// The accounts of the sinks of the last one, until another shard has taken them over.
    sinks: Option<Vec<LeftSink>>,
    /// Figures that no shard takes over, because a sink counts them itself from zero on: retries, and counters of its own.
    own: Vec<SinkAccounts>,
    /// The losses before any sink that were there before the shard was abandoned: they are reported.
    pub(crate) known: KnownLosses,
}

/// The account of a sink of a shard that was abandoned.
#[derive(Debug)]
pub(crate) struct LeftSink {
    pub(crate) account: SinkAccounts,
    /// The events among its losses that are lost with the shard.
    pub(crate) hung: u64,
    /// The figures of its supervisor.
    pub(crate) supervisor: Arc<PluginCounters>,
}

/// Losses before any sink.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownLosses {
    pub(crate) pipeline: Losses,
    pub(crate) plugins: Vec<Losses>,
}

impl HandOver {
    pub(crate) fn new(pipeline: &PipelinePlan, sinks: &[SinkPlan]) -> Self {
        let plan = LivePlan { pipeline: pipeline.clone(), sinks: sinks.to_vec(), ..LivePlan::default() };
        Self { plan: Mutex::new(plan), ..Self::default() }
    }

    /// The shard has made this change.
    pub(crate) fn record(&self, change: &Change) {
        let before = {
            let mut plan = lock(&self.plan);
            let before = (plan.pipeline.clone(), plan.prepared.clone(), plan.sinks.clone());
            plan.apply(change);
            before
        };
        // Not under the lock, and one by one: the closures that make plugins are user code, and so is their drop.
        let (pipeline, prepared, sinks) = before;
        for PipelinePlan { enrichers, processors, redactors, .. } in prepared.into_iter().chain([pipeline]) {
            enrichers.into_iter().for_each(drop_catching_panics);
            processors.into_iter().chain(redactors).for_each(drop_catching_panics);
        }
        sinks.into_iter().for_each(drop_catching_panics);
    }

    /// How to make the plugins and sinks of the shard that takes over.
    pub(crate) fn plan(&self) -> SuccessorPlan {
        let plan = lock(&self.plan);
        SuccessorPlan { pipeline: plan.pipeline.clone(), sinks: plan.sinks.clone() }
    }

    /// The pipeline that a reload has made and not put in the place of the other yet.
    pub(crate) fn prepared(&self) -> Option<PipelinePlan> {
        lock(&self.plan).prepared.clone()
    }

    pub(crate) fn names_at_run_time(&self) -> NamesAtRunTime {
        let plan = lock(&self.plan);
        NamesAtRunTime { removed: plan.removed.clone(), disabled: plan.disabled.clone() }
    }

    /// No shard comes any more. The rings are large, and the plans may refer to the container itself.
    pub(crate) fn forget(&self) {
        drop(std::mem::take(&mut *lock(&self.rings)));
        let plan = std::mem::take(&mut *lock(&self.plan));
        // The closures that make plugins are user code, and so is their drop.
        drop_catching_panics(plan);
    }

    /// A sink of the shard has this ticket.
    pub(crate) fn add_ticket(&self, ticket: Weak<OpenTicket>) {
        let mut tickets = lock(&self.tickets);
        tickets.retain(|known| known.strong_count() > 0);
        tickets.push(ticket);
    }

    /// Answers the requests whose sinks were abandoned. The wakers of tasks that wait are user code.
    pub(crate) fn end_tickets(tickets: Vec<Weak<OpenTicket>>) {
        tickets.iter().filter_map(Weak::upgrade).for_each(|ticket| ticket.end_with_shard());
    }

    /// The tickets of the shard that is abandoned. The next one's are others.
    pub(crate) fn take_tickets(&self) -> Vec<Weak<OpenTicket>> {
        std::mem::take(&mut *lock(&self.tickets))
    }

    /// The shard has adopted this ring.
    pub(crate) fn add_ring(
        &self,
        consumer: &Consumer,
        counters: &Arc<LaneCounters>,
        info: &ProducerInfo,
    ) -> Arc<WalkedMark> {
        let walked = Arc::<WalkedMark>::default();
        walked.set(consumer.position(), counters.drained.get());
        let (counters, info) = (Arc::clone(counters), info.clone());
        lock(&self.rings).push(RingRecord { heir: consumer.heir(), counters, info, walked: Arc::clone(&walked) });
        walked
    }

    /// The shard has given this ring back.
    pub(crate) fn remove_ring(&self, counters: &Arc<LaneCounters>) {
        lock(&self.rings).retain(|ring| !Arc::ptr_eq(&ring.counters, counters));
    }

    pub(crate) fn rings(&self) -> Vec<RingRecord> {
        lock(&self.rings).clone()
    }

    pub(crate) fn accounts(&self) -> std::sync::MutexGuard<'_, LeftAccounts> {
        lock(&self.accounts)
    }

    /// Closes the accounts of the shard, which is abandoned (rule 5). Returns the number of events that are lost with it before any
    /// sink, and the greatest number at a sink.
    pub(crate) fn close_accounts(&self, port: &ShardPort) -> (u64, u64) {
        let mut left = lock(&self.accounts);
        let counters = &port.counters;
        let plugins = fapilog_ring::sync::lock(&port.plugins).clone();
        left.known = KnownLosses {
            pipeline: counters.lost.read(),
            plugins: plugins.iter().map(|view| view.counters.lost.read()).collect(),
        };
        let held = lock(&self.rings).iter().map(RingRecord::hold).sum();
        let lost = counters.in_hand.subtract_from(held);
        counters.in_hand.set(0, 0);
        counters.lost.add(LossReason::PluginHung, lost);
        for view in plugins {
            if view.counters.is_running() {
                view.counters.lost.add(LossReason::PluginHung, lost);
            }
            view.counters.set_running(false);
            // The plugin that takes its place has its counters.
            view.counters.set_state(PluginState::Removed);
        }
        let sinks = totals::left_sinks(port);
        let lost_at_sinks = sinks.iter().map(|sink| sink.hung).max().unwrap_or(0);
        for LeftSink { account, .. } in &sinks {
            let own = SinkAccounts {
                name: account.name.clone(),
                retries: account.retries,
                counters: account.counters.clone(),
                ..SinkAccounts::empty()
            };
            match left.own.iter_mut().find(|known| known.name == own.name) {
                Some(sum) => totals::add_sink(sum, &own),
                None => left.own.push(own),
            }
        }
        left.sinks = Some(sinks);
        (lost, lost_at_sinks)
    }
}

impl LeftAccounts {
    /// The accounts of the sinks, while no shard has taken them over.
    pub(crate) fn sinks(&self) -> Option<&[LeftSink]> {
        self.sinks.as_deref()
    }

    /// Another shard takes the accounts over.
    pub(crate) fn take_sinks(&mut self) -> Vec<LeftSink> {
        self.sinks.take().unwrap_or_default()
    }

    /// Figures that no shard takes over.
    pub(crate) fn own(&self) -> &[SinkAccounts] {
        &self.own
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::{error::PluginError, processor::Processor};

    use super::*;

    fn processor(name: &str) -> PluginPlan<dyn Processor> {
        PluginPlan::named(name, |_| Err::<Box<dyn Processor>, _>(PluginError::Panicked))
    }

    fn names(plan: &SuccessorPlan) -> Vec<String> {
        plan.pipeline.names().map(str::to_owned).collect()
    }

    #[test]
    fn a_shard_that_takes_over_has_the_plugins_that_were_added_and_not_those_that_were_removed() {
        let pipeline = PipelinePlan { processors: vec![processor("first"), processor("second")], ..Default::default() };
        let hand_over = HandOver::new(&pipeline, &[]);
        hand_over.record(&Change::AddProcessor(processor("third").at_run_time()));
        hand_over.record(&Change::Remove("first".to_owned()));
        hand_over.record(&Change::SetEnabled("second".to_owned(), false));
        assert_eq!(names(&hand_over.plan()), ["second", "third"]);
        let disabled = vec!["second".to_owned()];
        assert_eq!(hand_over.names_at_run_time(), NamesAtRunTime { removed: Vec::new(), disabled });
        hand_over.record(&Change::SetEnabled("second".to_owned(), true));
        hand_over.record(&Change::Remove("of_its_own".to_owned()));
        let removed = vec!["of_its_own".to_owned()];
        assert_eq!(hand_over.names_at_run_time(), NamesAtRunTime { removed, disabled: Vec::new() });
    }

    #[test]
    fn a_pipeline_that_replaces_another_keeps_the_plugins_of_run_time() {
        let pipeline = PipelinePlan { processors: vec![processor("first")], ..Default::default() };
        let hand_over = HandOver::new(&pipeline, &[]);
        hand_over.record(&Change::AddProcessor(processor("added").at_run_time()));
        let new = || PipelinePlan { processors: vec![processor("new")], ..Default::default() };
        hand_over.record(&Change::PreparePipeline(new()));
        hand_over.record(&Change::DiscardPipeline);
        hand_over.record(&Change::ReplacePipeline);
        assert_eq!(names(&hand_over.plan()), ["first", "added"]);
        hand_over.record(&Change::PreparePipeline(new()));
        hand_over.record(&Change::ReplacePipeline);
        assert_eq!(names(&hand_over.plan()), ["new", "added"]);
    }

    /// Panics when it is dropped.
    struct Sticks;

    impl Drop for Sticks {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }

    #[test]
    fn a_change_whose_plans_panic_when_they_are_dropped_is_made_whole() {
        let sticks = |name| {
            let sticks = Sticks;
            PluginPlan::named(name, move |_| {
                let _ = &sticks;
                Err::<Box<dyn Processor>, _>(PluginError::Panicked)
            })
        };
        let processors = vec![sticks("first"), processor("second"), sticks("first")];
        let hand_over = HandOver::new(&PipelinePlan { processors, ..Default::default() }, &[]);
        hand_over.record(&Change::SetEnabled("first".to_owned(), false));
        hand_over.record(&Change::Remove("first".to_owned()));
        assert_eq!(
            (names(&hand_over.plan()), hand_over.names_at_run_time()),
            (vec!["second".to_owned()], NamesAtRunTime::default())
        );
    }
}
