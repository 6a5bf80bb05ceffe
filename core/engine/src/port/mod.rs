//! The shared end of a shard: all that producing threads and the program share with it.

pub(crate) mod changes;
pub(crate) mod flush;
pub(crate) mod hand_over;
pub(crate) mod latency;
pub(crate) mod plan;
pub(crate) mod rotate;
pub(crate) mod throughput;
mod turn_watch;

use std::{
    sync::{Arc, OnceLock},
    task::Waker,
};

use fapilog_plugin::{event::ProducerInfo, kind::PluginKind, sink::SinkCounterList, threads};
use fapilog_record::{text::quoted::escaped_text, user_code::catch_panic};
use fapilog_ring::{
    Consumer, Doorbell, IdleRing, Registrations, SpaceWaiters, seeded,
    sync::{AtomicBool, Mutex, Ordering, lock},
};

use crate::{
    accounts::{HealthGauge, LaneCounters, PluginCounters, ShardCounters, SinkCounters},
    port::{
        changes::ChangeBox, flush::FlushGate, hand_over::HandOver, latency::Latencies, throughput::EventsBySecond,
        turn_watch::TurnWatch,
    },
    producer::overflow::SpaceSignal,
    watchdog::call_word::CallWord,
};

/// A ring on its way to its shard.
#[derive(Debug)]
pub(crate) struct NewRing {
    pub(crate) consumer: Consumer,
    pub(crate) counters: Arc<LaneCounters>,
    pub(crate) info: ProducerInfo,
}

/// The most idle rings that one shard keeps.
const IDLE_RINGS_MAX: usize = 32;

/// The part of a shard that producers and the program share with it.
#[derive(Debug, Default)]
pub(crate) struct ShardPort {
    pub(crate) registrations: Registrations<NewRing>,
    pub(crate) doorbell: Doorbell,
    pub(crate) space: SpaceSignal,
    /// The tasks that wait for space.
    pub(crate) waiters: SpaceWaiters,
    pub(crate) flush: FlushGate,
    idle_rings: Mutex<Vec<IdleRing>>,
    /// The shard has looked at its rings for the last time.
    stopped: AtomicBool,
    /// The container has ended without the shard, which hangs: it takes and delivers nothing more. Nothing is read on its
    /// strength: no model need see it.
    abandoned: std::sync::atomic::AtomicBool,
    pub(crate) counters: ShardCounters,
    pub(crate) changes: ChangeBox,
    pub(crate) latencies: Latencies,
    pub(crate) ring_fill: RingFill,
    pub(crate) throughput: EventsBySecond,
    pub(crate) health: HealthGauge,
    pub(crate) turn_watch: TurnWatch,
    /// The calls of user code, where a watchdog watches the shard.
    pub(crate) calls: OnceLock<Arc<CallWord>>,
    /// The things that the shard leaves to another one, where it may be abandoned.
    pub(crate) hand_over: OnceLock<HandOver>,
    /// By plugin, in the order they were added; those that are removed stay, for their counts.
    pub(crate) plugins: Mutex<Vec<PluginView>>,
    /// By sink, in order.
    pub(crate) sinks: Mutex<Vec<SinkView>>,
}

/// How full the fullest ring is, in bytes. These are figures for reports, on which nothing depends: no model need see them.
#[derive(Debug, Default)]
pub(crate) struct RingFill {
    now: std::sync::atomic::AtomicU64,
    most: std::sync::atomic::AtomicU64,
}

impl RingFill {
    /// Only the shard may call this.
    #[inline]
    pub(crate) fn record(&self, bytes: u64) {
        // Relaxed, all: one writer, and readers want a figure only.
        self.now.store(bytes, Ordering::Relaxed);
        if bytes > self.most.load(Ordering::Relaxed) {
            self.most.store(bytes, Ordering::Relaxed);
        }
    }

    /// As of the last look, and the most ever.
    pub(crate) fn read(&self) -> (u64, u64) {
        // Relaxed: see `record`.
        (self.now.load(Ordering::Relaxed), self.most.load(Ordering::Relaxed))
    }
}

/// A plugin of a shard, as the program sees it.
#[derive(Debug, Clone)]
pub(crate) struct PluginView {
    pub(crate) name: String,
    pub(crate) kind: PluginKind,
    pub(crate) counters: Arc<PluginCounters>,
}

/// A sink of a shard, as the program sees it.
#[derive(Debug, Clone)]
pub(crate) struct SinkView {
    pub(crate) name: String,
    pub(crate) writer: Arc<WriterText>,
    pub(crate) counters: Arc<SinkCounters>,
    /// Counters of the sink's own.
    pub(crate) own_counters: SinkCounterList,
    /// The counters of its supervisor.
    pub(crate) supervisor_counters: Arc<PluginCounters>,
}

/// How a sink writes, as the sink describes it. A text for reports, on which nothing depends: no model need see it.
#[derive(Debug)]
pub(crate) struct WriterText(std::sync::Mutex<String>);

impl WriterText {
    pub(crate) fn new(text: String) -> Self {
        Self(std::sync::Mutex::new(escaped_text(text)))
    }

    pub(crate) fn set(&self, text: String) {
        *threads::lock(&self.0) = escaped_text(text);
    }

    pub(crate) fn get(&self) -> String {
        threads::lock(&self.0).clone()
    }
}

#[cold]
fn wake(tasks: Vec<Waker>) {
    for task in tasks {
        let _ = catch_panic(|| task.wake());
    }
}

impl ShardPort {
    pub(crate) fn take_idle(&self) -> Option<IdleRing> {
        lock(&self.idle_rings).pop()
    }

    /// Keeps an idle ring for the next thread. `false` if there are enough: it is gone then.
    pub(crate) fn keep_idle(&self, ring: IdleRing) -> bool {
        let mut rings = lock(&self.idle_rings);
        let is_kept = rings.len() < IDLE_RINGS_MAX;
        if is_kept {
            rings.push(ring);
        }
        is_kept
    }

    /// The end of the shard: it takes no frame any more.
    pub(crate) fn stop(&self) {
        // Release: the counts of what was drained come before it; pairs with `is_stopped`.
        self.stopped.store(true, Ordering::Release);
        lock(&self.idle_rings).clear();
        if let Some(hand_over) = self.hand_over.get() {
            hand_over.forget();
        }
        self.wake_all_waiters();
    }

    /// Wakes the tasks that wait for space which is made by now. Wakers are user code.
    #[inline]
    pub(crate) fn wake_due_waiters(&self) {
        if self.waiters.is_due() {
            wake(self.waiters.take_due());
        }
    }

    /// Wakes all tasks that wait for space: the shard makes none for a while, or for ever.
    pub(crate) fn wake_all_waiters(&self) {
        wake(self.waiters.take_all());
    }

    /// Ends the shard as soon as it comes back from the call in which it hangs.
    pub(crate) fn abandon(&self) {
        // Relaxed: see the field.
        self.abandoned.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_abandoned(&self) -> bool {
        // Relaxed: see the field.
        self.abandoned.load(Ordering::Relaxed)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        // Acquire: pairs with `stop`.
        self.stopped.load(seeded::ordering(Ordering::Acquire, "stopped_relaxed"))
    }
}
