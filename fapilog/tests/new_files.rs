//! New files on request: each sink of each shard is asked, and the answer has the reasons.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    future::{pending, poll_fn},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    Container, Logger,
    container::{Executor, Overflow},
    enrich::Enricher,
    error::RotateError,
    event::Batch,
    info,
    metrics::SinkAccounts,
    plugin::PluginError,
    sink::{self, Delivery, MemoryEvents, Payload, Sink, SinkContext, SinkError, SinkFactory},
};
use law::{TIMEOUT, executors, memory, shut_down, started_manual, thread_builder, until};

/// A wait that is to end without an answer of one sink. A busy machine has the time for the answer of another.
const SHORT: Duration = Duration::from_millis(200);

/// A memory sink whose rotations a function answers.
struct Scripted<F> {
    memory: sink::Memory,
    rotate: F,
    /// The calls of all shards: `'d'` for a delivery, `'r'` for a rotation.
    calls: Calls,
}

type Calls = Arc<Mutex<String>>;

/// The sink, its events, and its calls.
fn scripted<F: Fn() -> Delivery>(rotate: F) -> (Scripted<F>, MemoryEvents, Calls) {
    let (memory, events) = memory();
    let calls = Calls::default();
    (Scripted { memory, rotate, calls: Arc::clone(&calls) }, events, calls)
}

fn rotations(calls: &Calls) -> usize {
    calls.lock().unwrap().matches('r').count()
}

impl<F: Fn() -> Delivery + Clone + Send + Sync + 'static> SinkFactory for Scripted<F> {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let sink = self.memory.make(context)?;
        Ok(Box::new(ScriptedSink { sink, rotate: self.rotate.clone(), calls: Arc::clone(&self.calls) }))
    }
}

struct ScriptedSink<F> {
    sink: Box<dyn Sink>,
    rotate: F,
    calls: Calls,
}

impl<F: Fn() -> Delivery> Sink for ScriptedSink<F> {
    fn writer(&self) -> String {
        self.sink.writer()
    }

    fn payload(&mut self) -> Option<Payload> {
        self.sink.payload()
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.sink.encode(batch, payload)
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.calls.lock().unwrap().push('d');
        self.sink.deliver(payload)
    }

    fn rotate(&mut self) -> Delivery {
        self.calls.lock().unwrap().push('r');
        (self.rotate)()
    }
}

fn at_once() -> Delivery {
    Delivery::done(Ok(()))
}

fn never() -> Delivery {
    Delivery::in_flight(pending())
}

fn never_waking() -> Delivery {
    Delivery::waking(pending())
}

fn fails() -> Delivery {
    Delivery::done(Err(SinkError::Other("the disk is full".into())))
}

/// Rotations that go on until the switch is set.
fn switched() -> (impl Fn() -> Delivery + Clone + Send + Sync + 'static, Arc<AtomicBool>) {
    let is_done = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&is_done);
    let rotate = move || {
        let is_done = Arc::clone(&is_done);
        Delivery::in_flight(poll_fn(move |_| match is_done.load(Ordering::SeqCst) {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }))
    };
    (rotate, switch)
}

/// Events from threads of both shards.
fn log_by_threads(log: &Logger) {
    thread::scope(|scope| {
        (0..4).for_each(|_| _ = scope.spawn(|| (0..100).for_each(|number| info!(log, "numbered", number))));
    });
}

/// Shuts down; every event is delivered to each sink.
fn shut_down_with_nothing_lost(container: &Container, logged: u64) {
    let accounts = shut_down(container);
    assert_eq!((accounts.submitted, accounts.lost_total()), (logged, 0), "{accounts}");
    assert!(accounts.sinks.iter().all(|sink: &SinkAccounts| sink.lost.total() == 0), "{accounts}");
}

/// A container of two shards with a sink "other" that answers at once, behind a sink "tested".
fn with_two_sinks<F>(rotate: F) -> (Container, Calls, Calls)
where
    F: Fn() -> Delivery + Clone + Send + Sync + 'static,
{
    let (tested, _, tested_calls) = scripted(rotate);
    let (other, _, other_calls) = scripted(at_once);
    let builder = thread_builder().shards(2).overflow(Overflow::Block { timeout: TIMEOUT });
    let container = builder.sink("tested", tested).sink("other", other).start().unwrap();
    log_by_threads(&container.logger("rotate"));
    (container, tested_calls, other_calls)
}

#[test]
fn each_sink_of_each_shard_starts_a_new_file() {
    for executor in executors() {
        let ((first, _, first_calls), (second, _, second_calls)) = (scripted(at_once), scripted(at_once));
        let builder = Container::builder().executor(executor).shards(2);
        let container = builder.sink("first", first).sink("second", second).start().unwrap();
        log_by_threads(&container.logger("rotate"));
        container.rotate(TIMEOUT).unwrap();
        assert_eq!((rotations(&first_calls), rotations(&second_calls)), (2, 2), "{executor}");
        shut_down_with_nothing_lost(&container, 400);
    }
}

#[test]
fn events_that_were_encoded_before_are_delivered_before_the_new_file() {
    let (sink, _, calls) = scripted(at_once);
    let builder = Container::builder().flush_interval(Duration::from_secs(3600)).sink("tested", sink);
    let (container, mut drain, _events) = started_manual(builder);
    let log = container.logger("rotate");
    info!(log, "for the old file");
    drain.run_until_idle();
    assert_eq!(*calls.lock().unwrap(), "");
    let requested = container.rotate(Duration::ZERO);
    assert!(matches!(requested, Err(RotateError::Deadline { .. })), "{requested:?}");
    drain.run_until_idle();
    assert_eq!(*calls.lock().unwrap(), "dr");
    info!(log, "for the new file");
    law::end(&container, &mut drain);
    assert_eq!(*calls.lock().unwrap(), "drd");
}

#[test]
fn events_are_delivered_while_a_new_file_is_being_started() {
    let (rotate, switch) = switched();
    let (sink, events, calls) = scripted(rotate);
    let container = thread_builder().sink("tested", sink).start().unwrap();
    thread::scope(|scope| {
        let rotated = scope.spawn(|| container.rotate(TIMEOUT));
        until("the sink is asked", || rotations(&calls) == 1);
        info!(container.logger("rotate"), "meanwhile");
        container.flush(TIMEOUT).unwrap();
        assert_eq!(events.lines().len(), 1);
        assert!(!rotated.is_finished());
        switch.store(true, Ordering::SeqCst);
        rotated.join().unwrap().unwrap();
    });
    shut_down_with_nothing_lost(&container, 1);
}

#[test]
fn a_new_file_that_wakes_no_drain_is_looked_at_again_and_again() {
    let rotate = || {
        let mut looks = 0;
        Delivery::in_flight(poll_fn(move |_| {
            looks += 1;
            if looks > 1000 { Poll::Ready(Ok(())) } else { Poll::Pending }
        }))
    };
    let (sink, ..) = scripted(rotate);
    let container = thread_builder().sink("tested", sink).start().unwrap();
    container.rotate(TIMEOUT).unwrap();
    shut_down_with_nothing_lost(&container, 0);
}

#[test]
fn a_new_file_wakes_the_drain() {
    for executor in executors() {
        let wakers = Arc::<Mutex<Vec<Waker>>>::default();
        let kept = Arc::clone(&wakers);
        let is_done = Arc::<AtomicBool>::default();
        let done = Arc::clone(&is_done);
        let (sink, _, calls) = scripted(move || {
            let (kept, done) = (Arc::clone(&kept), Arc::clone(&done));
            Delivery::waking(poll_fn(move |context| {
                kept.lock().unwrap().push(context.waker().clone());
                if done.load(Ordering::SeqCst) { Poll::Ready(Ok(())) } else { Poll::Pending }
            }))
        });
        let container = Container::builder().executor(executor).sink("tested", sink).start().unwrap();
        thread::scope(|scope| {
            let rotated = scope.spawn(|| container.rotate(TIMEOUT));
            until("the sink is asked", || rotations(&calls) == 1);
            is_done.store(true, Ordering::SeqCst);
            until("the rotation has ended", || {
                // A waker of an earlier look may come before the drain has slept.
                wakers.lock().unwrap().drain(..).for_each(Waker::wake);
                rotated.is_finished()
            });
            rotated.join().unwrap().unwrap();
        });
        shut_down_with_nothing_lost(&container, 0);
    }
}

/// A rotation that never ends, and panics when it is dropped.
struct ClingingRotation;

impl Future for ClingingRotation {
    type Output = Result<(), SinkError>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Pending
    }
}

impl Drop for ClingingRotation {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[test]
fn a_rotation_that_panics_when_it_is_dropped_harms_nothing_else() {
    let (container, calls, _) = with_two_sinks(|| Delivery::in_flight(ClingingRotation));
    assert!(container.rotate(SHORT).is_err());
    until("the sink is asked", || rotations(&calls) == 2);
    shut_down_with_nothing_lost(&container, 400);
}

#[track_caller]
fn assert_failed(rotated: &Result<(), RotateError>, text: &str) {
    let Err(error @ RotateError::Failed { failures }) = rotated else { panic!("{rotated:?}") };
    assert_eq!(failures.len(), 2, "of each shard: {error}");
    assert_eq!(error.to_string(), text);
    assert_eq!(error.code(), "sink.not_rotated");
}

#[test]
fn a_sink_that_fails_is_named_with_the_reason_and_the_others_have_their_new_files() {
    let (container, _, other_calls) = with_two_sinks(fails);
    let of_one = "sink \"tested\": the sink failed: the disk is full";
    assert_failed(&container.rotate(TIMEOUT), &format!("no new file by {of_one}; {of_one}"));
    assert_eq!(rotations(&other_calls), 2);
    let metrics = container.metrics();
    assert!(metrics.accounts.sinks.iter().any(|sink| sink.name == "tested" && sink.errors == 2), "{metrics:?}");
    assert!(container.diagnostics().iter().any(|diagnostic| diagnostic.text.contains("the disk is full")));
    shut_down_with_nothing_lost(&container, 400);
}

#[test]
fn a_panic_is_an_error_of_the_sink() {
    for rotate in
        [|| panic!("planted"), || Delivery::in_flight(poll_fn(|_| panic!("planted")))] as [fn() -> Delivery; 2]
    {
        let (container, _, _) = with_two_sinks(rotate);
        let of_one = "sink \"tested\": the sink failed: the sink panicked";
        assert_failed(&container.rotate(TIMEOUT), &format!("no new file by {of_one}; {of_one}"));
        shut_down_with_nothing_lost(&container, 400);
    }
}

#[test]
fn a_sink_that_never_answers_is_named_and_delays_nothing_else() {
    for rotate in [never, never_waking] as [fn() -> Delivery; 2] {
        let (container, calls, other_calls) = with_two_sinks(rotate);
        for count in 1..=3 {
            let Err(RotateError::Deadline { timeout, sinks }) = container.rotate(SHORT) else { panic!("in time") };
            assert_eq!((timeout, sinks), (SHORT, vec!["tested".to_owned()]));
            until("the other sink has its new files", || rotations(&other_calls) == 2 * count);
        }
        assert_eq!(rotations(&calls), 2, "a sink starts one new file at a time");
        log_by_threads(&container.logger("rotate"));
        container.flush(TIMEOUT).unwrap();
        let start = Instant::now();
        shut_down_with_nothing_lost(&container, 800);
        assert!(start.elapsed() < TIMEOUT / 2, "the shutdown has waited for a new file");
    }
}

#[test]
fn an_error_has_failures_and_late_sinks() {
    let ((fails, ..), (never, ..)) = (scripted(fails), scripted(never));
    let container = thread_builder().sink("fails", fails).sink("never", never).start().unwrap();
    let Err(RotateError::Failed { failures }) = container.rotate(SHORT * 4) else { panic!("not failed") };
    let names: Vec<_> = failures.iter().map(|failure| failure.sink.as_str()).collect();
    assert_eq!(names, ["fails", "never"]);
    assert!(matches!(&*failures[1].cause, SinkError::Deadline));
}

#[test]
fn requests_that_come_during_another_are_answered_too() {
    let (rotate, switch) = switched();
    let (sink, _, calls) = scripted(rotate);
    let container = thread_builder().sink("tested", sink).start().unwrap();
    thread::scope(|scope| {
        let first = scope.spawn(|| container.rotate(TIMEOUT));
        until("the sink is asked", || rotations(&calls) == 1);
        let second = scope.spawn(|| container.rotate(TIMEOUT));
        switch.store(true, Ordering::SeqCst);
        first.join().unwrap().unwrap();
        second.join().unwrap().unwrap();
    });
    assert_eq!(rotations(&calls), 2, "events between the two requests have a file of their own");
    shut_down_with_nothing_lost(&container, 0);
}

#[test]
fn a_sink_is_asked_by_its_name() {
    let (container, calls, other_calls) = with_two_sinks(at_once);
    container.rotate_sink("other", TIMEOUT).unwrap();
    assert_eq!((rotations(&calls), rotations(&other_calls)), (0, 2));
    let error = container.rotate_sink("othr", TIMEOUT).unwrap_err();
    assert_eq!(error.to_string(), r#"there is no sink "othr"; there are ["tested", "other"]"#);
    shut_down_with_nothing_lost(&container, 400);
    assert!(matches!(container.rotate_sink("other", TIMEOUT), Err(RotateError::ShutDown)));
}

#[test]
fn a_container_that_is_shut_down_starts_no_new_file() {
    let (container, calls, _) = with_two_sinks(at_once);
    shut_down(&container);
    assert!(matches!(container.rotate(TIMEOUT), Err(RotateError::ShutDown)));
    assert_eq!(rotations(&calls), 0);
}

#[test]
fn a_request_ends_with_the_container() {
    let (container, calls, _) = with_two_sinks(never);
    thread::scope(|scope| {
        let rotated = scope.spawn(|| container.rotate(TIMEOUT * 2));
        until("the sink is asked", || rotations(&calls) == 2);
        shut_down(&container);
        let rotated = rotated.join().unwrap();
        assert!(matches!(rotated, Err(RotateError::ShutDown)), "{rotated:?}");
    });
}

#[test]
fn a_sink_that_is_removed_is_not_waited_for() {
    let (container, calls, _) = with_two_sinks(never);
    thread::scope(|scope| {
        let rotated = scope.spawn(|| container.rotate(TIMEOUT * 2));
        until("the sink is asked", || rotations(&calls) == 2);
        container.remove_plugin("tested").unwrap();
        rotated.join().unwrap().unwrap();
    });
    shut_down_with_nothing_lost(&container, 400);
}

/// Asks for new files on the drain's thread, and sends the answer away.
struct Asks(Arc<Container>, mpsc::Sender<Result<(), RotateError>>);

impl Enricher for Asks {
    fn name(&self) -> &'static str {
        "asks"
    }

    fn enrich(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        self.1.send(self.0.rotate(TIMEOUT)).map_err(PluginError::failed)
    }
}

#[test]
fn a_plugin_requests_new_files_and_does_not_wait() {
    let (sink, _, calls) = scripted(at_once);
    let container = Arc::new(thread_builder().sink("tested", sink).start().unwrap());
    let (answers, answer) = mpsc::channel();
    let asked = Arc::clone(&container);
    container.add_enricher("asks", move |_| Ok(Box::new(Asks(Arc::clone(&asked), answers.clone())))).unwrap();
    info!(container.logger("rotate"), "asks");
    let answer = answer.recv_timeout(TIMEOUT / 2).unwrap();
    assert!(matches!(answer, Err(RotateError::Deadline { .. })), "{answer:?}");
    until("the sink is asked", || rotations(&calls) == 1);
    container.remove_plugin("asks").unwrap();
    shut_down_with_nothing_lost(&container, 1);
}

#[test]
fn an_async_program_waits_for_new_files_without_a_runtime() {
    let (container, calls, other_calls) = with_two_sinks(at_once);
    pollster::block_on(container.rotate_async(TIMEOUT)).unwrap();
    assert_eq!((rotations(&calls), rotations(&other_calls)), (2, 2));
    pollster::block_on(container.rotate_sink_async("other", TIMEOUT)).unwrap();
    assert_eq!((rotations(&calls), rotations(&other_calls)), (2, 4));
    let unknown = pollster::block_on(container.rotate_sink_async("othr", TIMEOUT));
    assert!(matches!(unknown, Err(RotateError::Unknown { .. })), "{unknown:?}");
    shut_down_with_nothing_lost(&container, 400);
    let over = pollster::block_on(container.rotate_async(TIMEOUT));
    assert!(matches!(over, Err(RotateError::ShutDown)), "{over:?}");
}

#[test]
fn the_drain_keeps_the_time_of_an_async_program() {
    for executor in executors() {
        for rotate in [never, never_waking] as [fn() -> Delivery; 2] {
            let (sink, _, calls) = scripted(rotate);
            let builder = Container::builder().executor(executor).sink("tested", sink);
            let container = Arc::new(builder.start().unwrap());
            // The second request waits for the first.
            for _ in 0..2 {
                let (asking, (answers, answer)) = (Arc::clone(&container), mpsc::channel());
                thread::spawn(move || answers.send(pollster::block_on(asking.rotate_async(SHORT))));
                let late = answer.recv_timeout(TIMEOUT / 2).unwrap();
                let Err(RotateError::Deadline { sinks, .. }) = late else { panic!("{late:?}") };
                assert_eq!(sinks, ["tested"]);
            }
            assert_eq!(rotations(&calls), 1);
            shut_down_with_nothing_lost(&container, 0);
        }
    }
}

#[test]
fn a_future_that_is_dropped_leaves_its_request_to_the_drain() {
    let (container, calls, _) = with_two_sinks(at_once);
    drop(container.rotate_async(TIMEOUT));
    until("the sink is asked", || rotations(&calls) == 2);
    container.rotate(TIMEOUT).unwrap();
    shut_down_with_nothing_lost(&container, 400);
}

#[test]
fn sinks_without_files_have_nothing_to_do() {
    let (sink, _events) = memory();
    let container = Container::builder().executor(Executor::Auto).sink("memory", sink).start().unwrap();
    container.rotate(TIMEOUT).unwrap();
    shut_down_with_nothing_lost(&container, 0);
}

#[test]
fn no_event_is_lost_while_files_are_rotated_under_load() {
    let (later, switch) = switched();
    switch.store(true, Ordering::SeqCst);
    let asked = Arc::new(AtomicU64::new(0));
    // No panics: three in a row disable the sink for a while, as those of any other call do.
    let script = move || match asked.fetch_add(1, Ordering::SeqCst) % 3 {
        0 => at_once(),
        1 => later(),
        _ => fails(),
    };
    let (container, calls, _) = with_two_sinks(script);
    let log = container.logger("rotate");
    thread::scope(|scope| {
        let loads = scope.spawn(|| (0..20).for_each(|_| log_by_threads(&log)));
        while !loads.is_finished() {
            let _ = container.rotate(TIMEOUT);
        }
    });
    assert!(rotations(&calls) >= 2);
    shut_down_with_nothing_lost(&container, 400 * 21);
}
