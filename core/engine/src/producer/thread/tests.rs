//! Tests of the use and the end of a thread's lanes. Miri runs these: the lanes are reached by raw pointers from two places.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Wake, Waker},
};

use fapilog_record::{
    arguments::End,
    directives::Directives,
    field_group::FieldGroup,
    level::{Level, LevelFilter},
    value::ValueRef,
    writer::record_bytes,
};
use fapilog_ring::{Capacity, Sleep};

use crate::{
    accounts::LossReason,
    clock::StampSource,
    port::{NewRing, ShardPort},
    producer::{
        Frontend, Limits, LogCall, Overflow, Scope,
        thread::{self, CURRENT},
    },
};

/// The first ring is shared, and the second is a thread's own.
const RINGS_MAX: usize = 2;
const RING_BYTES: usize = 512;
/// How many events without a scope fill a ring: their frames take 24 bytes each.
const EVENTS_MAX: usize = RING_BYTES / 24;

/// The side of a container that threads log to, without a drain.
struct Log {
    frontend: Arc<Frontend>,
    port: Arc<ShardPort>,
    rings: Vec<NewRing>,
    taken: u64,
}

impl Log {
    fn new() -> Self {
        static STANDS_STILL: AtomicU64 = AtomicU64::new(0);
        let port = Arc::new(ShardPort::default());
        let ring = Capacity::new(RING_BYTES, Capacity::payload_limit(RING_BYTES)).unwrap();
        let limits = Limits { ring, rings_max: RINGS_MAX, overflow: Overflow::DropNewest };
        let levels = Directives::new(LevelFilter::AtLeast(Level::Info));
        let frontend = Frontend::new(levels, vec![Arc::clone(&port)], limits, StampSource::Manual(&STANDS_STILL));
        frontend.open_shared_lane();
        let mut log = Self { frontend: Arc::new(frontend), port, rings: Vec::new(), taken: 0 };
        log.adopt();
        log
    }

    /// The rings handed over so far. The first is the one of threads without.
    fn adopt(&mut self) -> &mut [NewRing] {
        self.port.registrations.take_new(&mut self.taken, |ring| self.rings.push(ring));
        &mut self.rings
    }

    /// How long the scopes are that the events since the last look have: one list for each ring.
    fn scopes(&mut self) -> Vec<Vec<usize>> {
        self.adopt().iter_mut().map(scopes_in).collect()
    }

    fn lost(&self, reason: LossReason) -> u64 {
        self.rings.iter().map(|ring| ring.counters.read().lost.of(reason)).sum()
    }
}

fn scopes_in(ring: &mut NewRing) -> Vec<usize> {
    ring.consumer.refresh();
    let frames = std::iter::from_fn(|| ring.consumer.next_frame());
    let scopes = frames.map(|frame| frame.payload().len() - record_bytes(&End, 0)).collect();
    ring.consumer.release();
    scopes
}

fn event(frontend: &Frontend) {
    thread::log(frontend, LogCall::new(Level::Info, 0, 0), End, &None);
}

fn urgent_event(frontend: &Frontend) {
    thread::log(frontend, LogCall::new(Level::Error, 0, 0), End, &None);
}

#[test]
fn a_thread_logs_to_one_ring_from_its_first_call_on() {
    let mut log = Log::new();
    (0..3).for_each(|_| event(&log.frontend));
    assert_eq!(log.scopes(), [vec![], vec![0; 3]]);
}

#[test]
fn a_thread_that_alternates_between_two_containers_has_a_lane_in_each() {
    let (mut one, mut other) = (Log::new(), Log::new());
    for _ in 0..3 {
        event(&one.frontend);
        event(&other.frontend);
    }
    assert_eq!((one.scopes(), other.scopes()), (vec![vec![], vec![0; 3]], vec![vec![], vec![0; 3]]));
}

#[test]
fn a_full_ring_takes_events_again_once_it_is_drained() {
    let mut log = Log::new();
    (0..=EVENTS_MAX).for_each(|_| event(&log.frontend));
    assert_eq!(log.scopes(), [vec![], vec![0; EVENTS_MAX]]);
    assert_eq!(log.lost(LossReason::RingFull), 1);
    event(&log.frontend);
    assert_eq!(log.scopes(), [vec![], vec![0]]);
}

#[test]
fn a_thread_that_ends_closes_its_lanes() {
    let (mut one, mut other) = (Log::new(), Log::new());
    let (first, second) = (Arc::clone(&one.frontend), Arc::clone(&other.frontend));
    std::thread::spawn(move || [&first, &second, &first].map(|frontend| event(frontend))).join().unwrap();
    assert_eq!((one.scopes(), other.scopes()), (vec![vec![], vec![0; 2]], vec![vec![], vec![0]]));
    for log in [&mut one, &mut other] {
        let closed: Vec<bool> = log.rings.iter_mut().map(|ring| ring.consumer.is_finished()).collect();
        assert_eq!(closed, [false, true]);
    }
}

#[test]
fn a_lane_whose_shard_has_stopped_is_dropped_when_another_is_opened() {
    let (mut stopped, other) = (Log::new(), Log::new());
    event(&stopped.frontend);
    stopped.port.stop();
    assert_eq!(stopped.scopes(), [vec![], vec![0]]);
    // It is the lane used last, until this call.
    event(&other.frontend);
    assert!(stopped.rings[1].consumer.is_finished());
    event(&stopped.frontend);
    assert!(stopped.rings[0].consumer.refresh() > 0);
}

#[test]
fn nested_scopes_are_of_the_calls_inside_them_alone() {
    let mut log = Log::new();
    let scope = Scope::new().field(FieldGroup::Tags, "a", ValueRef::U64(1));
    let bytes = scope.bytes().len();
    // The first call of the thread is inside a scope, and `CURRENT` stays empty: a call through it would log without the scope.
    let outer = scope.enter();
    event(&log.frontend);
    assert_eq!(log.scopes(), [vec![], vec![bytes]]);
    drop(outer);
    event(&log.frontend);
    thread::log(&log.frontend, LogCall::new(Level::Info, 0, 0), End, &Some(scope.bytes().into()));
    event(&log.frontend);
    assert_eq!(log.scopes(), [vec![], vec![0, bytes, 0]]);
    let _outer = scope.enter();
    let inner = scope.enter();
    event(&log.frontend);
    drop(inner);
    event(&log.frontend);
    assert_eq!(log.scopes(), [vec![], vec![2 * bytes, bytes]]);
}

#[test]
fn a_call_while_the_threads_data_are_in_use_takes_the_shared_lane() {
    let mut log = Log::new();
    event(&log.frontend);
    let outer = super::enter_scope(|_| event(&log.frontend)).unwrap();
    super::leave_scope(outer);
    event(&log.frontend);
    assert_eq!(log.scopes(), [vec![0], vec![0; 2]]);
}

/// A waker that logs once, and leaves the lane that rang it.
struct LogsWhenCalled {
    frontend: Arc<Frontend>,
    other: Arc<Frontend>,
    is_called: AtomicBool,
}

impl Wake for LogsWhenCalled {
    fn wake(self: Arc<Self>) {
        if !self.is_called.swap(true, Ordering::Relaxed) {
            event(&self.frontend);
            event(&self.other);
        }
    }
}

#[test]
fn a_waker_may_log_with_the_lane_that_rings_it() {
    let (mut log, mut other) = (Log::new(), Log::new());
    event(&log.frontend);
    let waker = LogsWhenCalled {
        frontend: Arc::clone(&log.frontend),
        other: Arc::clone(&other.frontend),
        is_called: AtomicBool::new(false),
    };
    log.port.doorbell.register(&Waker::from(Arc::new(waker)));
    assert!(log.port.doorbell.fall_asleep(Sleep::Timed));
    urgent_event(&log.frontend);
    log.port.doorbell.deregister();
    assert_eq!((log.scopes(), other.scopes()), (vec![vec![], vec![0; 3]], vec![vec![], vec![0]]));
}

/// A waker that logs to the container whose doorbell it is.
struct LogsAgain(Arc<Frontend>);

impl Wake for LogsAgain {
    fn wake(self: Arc<Self>) {
        event(&self.0);
    }
}

#[test]
fn a_waker_that_logs_while_a_lane_is_in_use_takes_the_shared_lane() {
    let mut log = Log::new();
    let fields = Scope::new().field(FieldGroup::Tags, "a", ValueRef::U64(1));
    // The lane is the one used last after this call. A call with fields of its own uses it the slow way.
    event(&log.frontend);
    log.port.doorbell.register(&Waker::from(Arc::new(LogsAgain(Arc::clone(&log.frontend)))));
    assert!(log.port.doorbell.fall_asleep(Sleep::Timed));
    thread::log(&log.frontend, LogCall::new(Level::Error, 0, 0), End, &Some(fields.bytes().into()));
    log.port.doorbell.deregister();
    assert_eq!(log.scopes(), [vec![0], vec![0, fields.bytes().len()]]);
}

/// A waker that counts its calls.
#[derive(Default)]
struct CountsCalls(AtomicU64);

impl Wake for CountsCalls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn the_end_of_a_thread_wakes_a_parked_drain_once_its_ring_is_closed() {
    let mut log = Log::new();
    let (frontend, (is_over, wait)) = (Arc::clone(&log.frontend), std::sync::mpsc::channel::<()>());
    let (has_logged, logged) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        event(&frontend);
        has_logged.send(()).unwrap();
        wait.recv().unwrap();
    });
    logged.recv().unwrap();
    let calls = Arc::new(CountsCalls::default());
    log.port.doorbell.register(&Waker::from(Arc::clone(&calls)));
    assert!(log.port.doorbell.fall_asleep(Sleep::Park));
    assert!(!log.adopt()[1].consumer.is_closed());
    is_over.send(()).unwrap();
    thread.join().unwrap();
    assert_eq!(calls.0.load(Ordering::Relaxed), 1);
    assert!(log.rings[1].consumer.is_closed());
}

/// Logs while a thread exits.
struct LogsWhenDropped(Arc<Frontend>);

impl Drop for LogsWhenDropped {
    fn drop(&mut self) {
        event(&self.0);
    }
}

thread_local! {
    static LAST_BREATH: RefCell<Option<LogsWhenDropped>> = const { RefCell::new(None) };
}

#[test]
fn a_thread_may_log_while_its_data_go() {
    // Whichever of the two goes first: the thread's lanes or what logs when it is dropped.
    for is_lane_first in [false, true] {
        let mut log = Log::new();
        let frontend = Arc::clone(&log.frontend);
        let thread = std::thread::spawn(move || {
            if is_lane_first {
                event(&frontend);
            }
            LAST_BREATH.with(|last| last.replace(Some(LogsWhenDropped(Arc::clone(&frontend)))));
            if !is_lane_first {
                event(&frontend);
            }
        });
        thread.join().unwrap();
        assert_eq!(log.scopes().iter().map(Vec::len).sum::<usize>(), 2);
        assert!(log.rings[1].consumer.is_finished());
    }
}

#[test]
fn a_call_that_interrupts_another_of_its_thread_touches_no_ring_and_is_counted() {
    let (mut log, other) = (Log::new(), Log::new());
    event(&log.frontend);
    let lane = CURRENT.with(|current| current.begin_call(log.frontend.id()));
    assert!(lane.is_some());
    // As a signal handler does, to the same container and to another.
    event(&log.frontend);
    thread::log(&log.frontend, LogCall::new(Level::Info, 0, 0), End, &Some(Arc::default()));
    event(&other.frontend);
    CURRENT.with(|current| current.end_call(log.frontend.id()));
    event(&log.frontend);
    assert_eq!(log.scopes(), [vec![], vec![0; 2]]);
    let refused = |log: &Log| log.frontend.lane_registry.refused.read().lost.of(LossReason::SignalHandler);
    assert_eq!((refused(&log), refused(&other)), (2, 1));
}
