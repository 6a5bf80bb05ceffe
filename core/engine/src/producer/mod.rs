//! The producer side of a container: loggers, lanes, scopes, and the overflow policy.
//!
//! A thread that logs to a container for the first time is given a *lane*: the producer of a ring that belongs to the
//! shard of the core it runs on. From then on a call touches nothing that another thread writes, but the ring's two
//! words and, once in a while, the doorbell. Threads for which there is no ring (the limit is reached, the thread's own
//! data are gone, or there is no memory) share the *shared lane*, under a lock.

mod bound_scope;
mod caller_fields;
mod current_lane;
mod lane;
mod lane_registry;
mod leader;
mod level_watch;
mod logger;
pub(crate) mod overflow;
mod ready;
mod scope;
mod shared_lane;
pub(crate) mod sources;
mod thread;
mod trace_parent;

use std::sync::{
    Arc, Mutex, OnceLock,
    atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

use crossbeam_utils::CachePadded;
use fapilog_plugin::threads::{fork, lock};
use fapilog_ring::{Capacity, IdleRing, Storage};

pub use crate::producer::{
    leader::Leader,
    level_watch::{LevelWatch, levels_changed, on_level_change},
    logger::{DynamicEvent, Logger},
    overflow::{Overflow, OverflowStrategy},
    scope::{InScope, Scope, ScopeGuard, Scoped, bind_adapter_scope},
    trace_parent::{TraceParent, TraceParentError},
};
use crate::{
    port::NewRing,
    producer::{
        level_watch::levels_set,
        shared_lane::{SharedLane, SharedLaneLog},
    },
};
pub(crate) use crate::{
    port::ShardPort,
    producer::{
        caller_fields::CallerFields,
        lane::{LogCall, ProducerLane},
        lane_registry::LaneRegistry,
    },
};
use fapilog_plugin::event::{InstanceId, ProducerInfo};
use fapilog_record::{
    call_site::{CallSite, Descriptor},
    directives::Directives,
    erased::ErasedArguments,
    level::{Level, LevelFilter},
};

use crate::{
    accounts::{Accounts, CountsByLevel, LaneCounters, LossReason},
    audit_notes::{AuditNote, AuditNotes},
    clock::{StampSource, anchor},
    producer::sources::SourceTable,
    text_redaction::TextRedaction,
    totals,
};

/// The threshold of a container that takes nothing more.
const CLOSED: u8 = u8::MAX;
/// The threshold of a container that wants nothing for now.
const OFF: u8 = Level::Security as u8 + 1;

/// The threshold as a byte, for a single comparison. AUDIT passes a filter of any level, so no level's threshold lies
/// above AUDIT.
const fn threshold_of(filter: LevelFilter) -> u8 {
    match filter {
        LevelFilter::AtLeast(Level::Security) => Level::Audit as u8,
        LevelFilter::AtLeast(level) => level as u8,
        LevelFilter::Off => OFF,
    }
}

/// Flag bit above every level, set where targets have levels of their own: the fast comparison fails, and the slow path
/// looks up the target's level. The other bits hold the least level of all targets.
const BY_TARGET: u8 = 0x40;

fn threshold_of_all(directives: &Directives) -> u8 {
    let default = threshold_of(directives.level());
    let targets = directives.targets().map(|(_, level)| threshold_of(level));
    match targets.min() {
        Some(least) => least.min(default) | BY_TARGET,
        None => default,
    }
}

/// The fields that every call reads, on cache lines that no thread writes while levels stay as they are.
#[derive(Debug)]
struct Gate {
    /// Never given out twice in a process.
    id: u64,
    /// The least level that is wanted, by any target where they differ; `OFF`, `CLOSED`.
    threshold: AtomicU8,
}

/// The side of a container that loggers hold.
#[derive(Debug)]
pub(crate) struct Frontend {
    gate: CachePadded<Gate>,
    /// The directives that the threshold was made of. They stay when the container is closed.
    directives: Mutex<Arc<Directives>>,
    /// The id of the directives in force, unique in the process: the caches of call sites are keyed by it.
    directives_id: AtomicU64,
    instance: InstanceId,
    /// The fork generation of the process that made the container.
    born: u32,
    /// The threshold that it had when it was left in a forked child, where calls on it are counted on.
    left_threshold: AtomicU8,
    pub(crate) ports: Box<[Arc<ShardPort>]>,
    pub(crate) sources: Arc<SourceTable>,
    pub(crate) lane_registry: LaneRegistry,
    shared_lane: SharedLane,
    limits: Limits,
    next_producer: AtomicU32,
    rings: AtomicUsize,
    stamps: StampSource,
    pub(crate) audit_notes: AuditNotes,
    caller_fields: CallerFields,
    /// The accounts of a container that has ended without a shard, which hangs: see `close_accounts`.
    last_accounts: OnceLock<Box<Accounts>>,
}

/// The limits of the frontend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) ring: Capacity,
    pub(crate) rings_max: usize,
    pub(crate) overflow: Overflow,
}

impl Frontend {
    pub(crate) fn new(directives: Directives, ports: Vec<Arc<ShardPort>>, limits: Limits, stamps: StampSource) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        fork::watch(thread::disown_lanes);
        fork::undivided(find_out_once);
        Self {
            gate: CachePadded::new(Gate {
                // Relaxed: a number that differs from all others, no more.
                id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
                threshold: AtomicU8::new(threshold_of_all(&directives)),
            }),
            directives: Mutex::new(Arc::new(directives)),
            directives_id: AtomicU64::new(new_directives_id()),
            instance: InstanceId::random(),
            born: fork::generation(),
            left_threshold: AtomicU8::new(CLOSED),
            ports: ports.into(),
            sources: Arc::new(SourceTable::new(TextRedaction::default())),
            lane_registry: LaneRegistry::default(),
            shared_lane: SharedLane::default(),
            limits,
            next_producer: AtomicU32::new(1),
            rings: AtomicUsize::new(0),
            stamps,
            caller_fields: CallerFields::default(),
            audit_notes: AuditNotes::new(false),
            last_accounts: OnceLock::new(),
        }
    }

    /// Sets functions that add fields to each event.
    pub(crate) fn set_caller_fields(&mut self, caller_fields: CallerFields) {
        self.caller_fields = caller_fields;
    }

    /// Sets the redaction of the names of loggers.
    pub(crate) fn set_text_redaction(&mut self, redaction: TextRedaction) {
        self.sources = Arc::new(SourceTable::new(redaction));
    }

    /// Sets whether there are audit events about the log itself.
    pub(crate) fn set_audit_events(&mut self, are_on: bool) {
        self.audit_notes = AuditNotes::new(are_on);
    }

    /// Leaves a note for an audit event, which the first shard makes of it.
    pub(crate) fn add_audit_note(&self, note: AuditNote) {
        if !self.audit_notes.is_on() || self.is_in_forked_child() {
            return;
        }
        self.audit_notes.add(note);
        if let Some(port) = self.ports.first() {
            port.doorbell.ring();
        }
    }

    /// The functions that add fields to each event.
    #[inline]
    fn caller_fields(&self) -> &CallerFields {
        &self.caller_fields
    }

    /// The source of its events' stamps.
    pub(crate) fn stamps(&self) -> StampSource {
        self.stamps
    }

    /// The size of each ring.
    pub(crate) fn ring_capacity_bytes(&self) -> usize {
        self.limits.ring.capacity_bytes()
    }

    /// The longest record.
    pub(crate) fn record_max_bytes(&self) -> usize {
        self.limits.ring.payload_max_bytes()
    }

    /// A frontend that wants no event and has no shard.
    pub(crate) fn nowhere() -> &'static Arc<Self> {
        static NOWHERE: OnceLock<Arc<Frontend>> = OnceLock::new();
        Self::once(&NOWHERE, |_| {})
    }

    /// A frontend that is closed and has no shard: of loggers whose container is still to come.
    pub(crate) fn to_come() -> &'static Arc<Self> {
        static TO_COME: OnceLock<Arc<Frontend>> = OnceLock::new();
        Self::once(&TO_COME, Self::close)
    }

    /// A frontend without a shard, made by the first call.
    fn once(cell: &'static OnceLock<Arc<Self>>, prepare: fn(&Self)) -> &'static Arc<Self> {
        #[allow(clippy::panic, reason = "when it is compiled, never when it runs")]
        const RING: Capacity = match Capacity::new(Capacity::MIN_BYTES, 1) {
            Ok(capacity) => capacity,
            Err(_) => panic!("the smallest ring holds a byte"),
        };
        if let Some(known) = cell.get() {
            return known;
        }
        let limits = Limits { ring: RING, rings_max: 0, overflow: Overflow::DropNewest };
        let made = Arc::new(Self::new(Directives::new(LevelFilter::Off), Vec::new(), limits, StampSource::best()));
        prepare(&made);
        fork::undivided(|| cell.get_or_init(|| made))
    }

    pub(crate) fn id(&self) -> u64 {
        self.gate.id
    }

    /// The container's part of the ids of its events.
    pub(crate) fn instance(&self) -> InstanceId {
        self.instance
    }

    /// Whether the level is wanted, whatever the target. If not, the slow path of [`wants_or`](Self::wants_or) may have another answer.
    #[inline(always)]
    pub(crate) fn wants(&self, level: Level) -> bool {
        // Relaxed: a call that races a change of the level may go by the old one.
        level as u8 >= self.gate.threshold.load(Ordering::Relaxed)
    }

    /// Whether the level is wanted, with `slowly` for where targets differ or the container is closed.
    #[inline(always)]
    pub(crate) fn wants_or(&self, level: Level, slowly: impl FnOnce() -> bool) -> bool {
        const { assert!(CLOSED & BY_TARGET != 0, "a closed container takes the slow path") };
        // Relaxed: see `wants`.
        let threshold = self.gate.threshold.load(Ordering::Relaxed);
        level as u8 >= threshold || (threshold & BY_TARGET != 0 && slowly())
    }

    /// Whether some target wants it. Only after [`wants`](Self::wants) was `false`: where targets no longer differ, the levels have changed
    /// since, and all targets may want it.
    pub(crate) fn wants_by_target(&self, level: Level) -> bool {
        // Relaxed: see `wants`.
        let threshold = self.gate.threshold.load(Ordering::Relaxed);
        threshold != CLOSED && level as u8 >= threshold & !BY_TARGET
    }

    /// Whether a call site's target wants it. Each site remembers the answer, until the directives change.
    #[cold]
    #[inline(never)]
    pub(crate) fn wants_at(&self, level: Level, site: &CallSite) -> bool {
        // Relaxed: see `wants`.
        let id = self.directives_id.load(Ordering::Relaxed);
        let threshold = site.threshold(id).unwrap_or_else(|| {
            let threshold = threshold_of(self.level_of(site.target()));
            site.remember_threshold(id, threshold);
            threshold
        });
        level as u8 >= threshold
    }

    /// The least level that this target logs.
    pub(crate) fn level_of(&self, target: &str) -> LevelFilter {
        // In a forked child nothing is logged, and a thread of the parent may hold the lock.
        if self.is_in_forked_child() {
            return LevelFilter::Off;
        }
        self.directives().level_of(target)
    }

    /// The levels in force.
    pub(crate) fn directives(&self) -> Arc<Directives> {
        Arc::clone(&lock(&self.directives))
    }

    pub(crate) fn is_closed(&self) -> bool {
        // Relaxed: see `wants`.
        self.gate.threshold.load(Ordering::Relaxed) == CLOSED
    }

    pub(crate) fn set_level(&self, directives: Directives) {
        // In a forked child nothing is logged, and a thread of the parent may hold the lock.
        if self.is_in_forked_child() {
            return;
        }
        let new = threshold_of_all(&directives);
        // Made before the lock and freed behind it: the program's allocator may log, and ask for a target's level.
        let mut directives = Arc::new(directives);
        let mut current = lock(&self.directives);
        let is_change = *current != directives;
        std::mem::swap(&mut *current, &mut directives);
        // Relaxed, all: see `wants`. A closed container stays closed. Under the lock, so that of two changes at once one
        // counts whole. The id comes before the threshold: a site that meets the new id finds the new directives, or waits
        // for them.
        self.directives_id.store(new_directives_id(), Ordering::Relaxed);
        let open = |now| (now != CLOSED).then_some(new);
        let _ = self.gate.threshold.fetch_update(Ordering::Relaxed, Ordering::Relaxed, open);
        drop(current);
        levels_set(is_change);
    }

    /// The least level of targets that have none of their own.
    pub(crate) fn level(&self) -> LevelFilter {
        if self.is_in_forked_child() { LevelFilter::Off } else { self.directives().level() }
    }

    /// The least level that any target logs.
    pub(crate) fn least_level(&self) -> LevelFilter {
        // Relaxed: see `wants`.
        match self.gate.threshold.load(Ordering::Relaxed) {
            CLOSED => LevelFilter::Off,
            threshold => Level::from_byte(threshold & !BY_TARGET).map_or(LevelFilter::Off, LevelFilter::AtLeast),
        }
    }

    /// Takes nothing more, from now on as soon as each thread sees it.
    pub(crate) fn close(&self) {
        // Relaxed: the shard's stop request, which follows, is a release store.
        self.gate.threshold.store(CLOSED, Ordering::Relaxed);
        self.shared_lane.close();
    }

    /// In a forked child that has a container of its own: loggers that follow a leader move on to that one.
    pub(crate) fn leave_in_forked_child(&self) {
        if self.is_in_forked_child() {
            // Relaxed: see `wants`. The lock of the shared lane may be a thread's of the parent, and is not touched.
            let before = self.gate.threshold.swap(CLOSED, Ordering::Relaxed);
            if before != CLOSED {
                // Relaxed: see `wants`.
                self.left_threshold.store(before & !BY_TARGET, Ordering::Relaxed);
            }
        }
    }

    /// Whether this process is a forked child of the one that made the container.
    pub(crate) fn is_in_forked_child(&self) -> bool {
        self.born != fork::generation()
    }

    /// Counts an event that never came as far as a lane.
    #[cold]
    pub(crate) fn refuse(&self, reason: LossReason, level: Level) {
        self.lane_registry.refused.submitted.add_shared(1);
        self.lane_registry.refused.refused.count_lost_shared(reason, level);
    }

    /// Closes the accounts, because a shard hangs: what it delivers later is counted nowhere. Its port is abandoned before.
    pub(crate) fn close_accounts(&self) {
        let _ = self.last_accounts.set(Box::new(totals::close(self)));
    }

    /// The accounts, if they are closed.
    pub(crate) fn last_accounts(&self) -> Option<&Accounts> {
        self.last_accounts.get().map(|last| &**last)
    }

    /// Counts events that were lost before the container was there.
    pub(crate) fn count_missed(&self, events: &CountsByLevel) {
        self.lane_registry.refused.submitted.add_shared(events.total());
        self.lane_registry.refused.refused.count_all_lost_shared(LossReason::NoContainer, events);
    }

    /// Counts a call on a closed container, if it would have been wanted before.
    #[cold]
    pub(crate) fn refuse_if_closed(&self, level: Level, target: &str) {
        if self.is_in_forked_child() {
            // Relaxed: see `wants`.
            if level as u8 >= self.left_threshold.load(Ordering::Relaxed) {
                self.refuse(LossReason::Forked, level);
            }
            return;
        }
        if self.is_closed() && self.level_of(target).passes(level) {
            self.refuse(LossReason::ContainerClosed, level);
        }
    }

    /// Makes the shared lane. Done before the first log call, so that no call allocates under its lock.
    pub(crate) fn open_shared_lane(&self) {
        self.shared_lane.open(self.new_shared_lane());
    }

    fn new_shared_lane(&self) -> Option<ProducerLane> {
        let ring = self.new_ring()?;
        let info = ProducerInfo::new(self.instance, self.new_producer_id(), 0, None);
        Some(self.register(ring, self.ports.first()?, info))
    }

    /// Logs for a thread that has no lane. Counts the event as lost if there is no shared lane either.
    pub(crate) fn log_shared(&self, call: LogCall, arguments: &dyn ErasedArguments, scope: &[u8]) {
        let Some(port) = self.ports.first() else { return self.refuse_shared(call.level) };
        loop {
            match self.shared_lane.log(call, arguments, scope, self.limits.overflow, port) {
                SharedLaneLog::Done => return,
                SharedLaneLog::Closed => return self.refuse_shared(call.level),
                SharedLaneLog::Interrupts => return self.refuse(LossReason::SignalHandler, call.level),
                SharedLaneLog::RingIsHeld => match self.new_shared_lane() {
                    Some(lane) => self.shared_lane.replace(lane),
                    None => return self.refuse(LossReason::RingFull, call.level),
                },
            }
        }
    }

    /// Counts a call for which there is no shared lane.
    fn refuse_shared(&self, level: Level) {
        self.refuse(if self.is_closed() { LossReason::ContainerClosed } else { LossReason::RingFull }, level);
    }

    /// A lane for this thread; `None` when it must use the shared lane.
    pub(crate) fn open_lane(&self) -> Option<ProducerLane> {
        self.open_lane_at(self.ports.get(current_cpu() % self.ports.len().max(1))?)
    }

    /// As [`open_lane`](Self::open_lane), at the shard of this port: of the lane before, whose events the shard takes first.
    fn open_lane_at(&self, port: &Arc<ShardPort>) -> Option<ProducerLane> {
        let ring = port.take_idle().or_else(|| self.new_ring())?;
        let thread = std::thread::current();
        let name = thread.name().map(str::to_owned);
        let info = ProducerInfo::new(self.instance, self.new_producer_id(), current_thread_id(), name);
        Some(self.register(ring, port, info))
    }

    fn new_producer_id(&self) -> u32 {
        // Relaxed: see `id` in `new`.
        self.next_producer.fetch_add(1, Ordering::Relaxed)
    }

    fn new_ring(&self) -> Option<IdleRing> {
        // Relaxed, both: a bound on memory; nothing is read on its strength.
        let below_limit = |rings| (rings < self.limits.rings_max).then_some(rings + 1);
        self.rings.fetch_update(Ordering::Relaxed, Ordering::Relaxed, below_limit).ok()?;
        match Storage::mapped(self.limits.ring) {
            Ok(storage) => Some(IdleRing::new(storage)),
            Err(_) => {
                self.forget_ring();
                None
            }
        }
    }

    /// Removes a ring from the count.
    pub(crate) fn forget_ring(&self) {
        // Relaxed: see `new_ring`.
        let before = self.rings.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before > 0, "a ring is forgotten that was not counted");
    }

    /// How many rings there are, in use or idle.
    pub(crate) fn rings(&self) -> usize {
        // Relaxed: a figure for reports.
        self.rings.load(Ordering::Relaxed)
    }

    fn register(&self, ring: IdleRing, port: &Arc<ShardPort>, info: ProducerInfo) -> ProducerLane {
        let (producer, consumer) = ring.split();
        let counters = Arc::new(LaneCounters::default());
        self.lane_registry.enter(&counters, port);
        // Rule 9 of the ring: on the registrations before the first frame.
        port.registrations.register(NewRing { consumer, counters: Arc::clone(&counters), info });
        ProducerLane::new(producer, self.id(), counters, Arc::clone(port), self.limits.overflow, self.stamps)
    }
}

/// A number that no directives have had.
fn new_directives_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // Relaxed: a number that differs from all others, no more.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Everything that is found out once in a process and then kept. Done before anything needs it: a call pays for none of it.
fn find_out_once() {
    // Until it is known, each call pays for a full fence.
    let _ = fapilog_ring::fence::is_asymmetric();
    anchor::measure();
    let _ = Descriptor::dynamic();
}

/// The core that this thread runs on just now.
fn current_cpu() -> usize {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        // SAFETY: takes nothing and touches no memory of ours.
        let cpu = unsafe { libc::sched_getcpu() };
        usize::try_from(cpu).unwrap_or(0)
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    {
        0
    }
}

fn current_thread_id() -> u64 {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        // SAFETY: takes nothing and touches no memory of ours.
        let id = unsafe { libc::gettid() };
        u64::try_from(id).unwrap_or(0)
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    {
        0
    }
}
