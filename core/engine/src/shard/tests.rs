//! Tests of a shard that is run turn by turn.

use std::{
    cell::Cell,
    future::poll_fn,
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event},
    sink::{Delivery, DeliveryPolicy, Payload, Sink, SinkContext, SinkError, SinkFactory},
    threads::lock,
};
use fapilog_record::{arguments::End, call_site::CallSite, level::Level, value::ValueRef};

use crate::{
    accounts::{LossReason, SinkAccounts},
    container::Container,
    diagnostics::Diagnostic,
    error::ChangeError,
    host::ManualDrain,
    port::changes::{Change, ChangeAnswer},
    producer::{LogCall, ProducerLane},
};

fn log(lane: &mut ProducerLane) {
    static SITE: CallSite = CallSite::new(Level::Info, "", "test", "", 0, &[]);
    lane.log(LogCall::new(Level::Info, SITE.descriptor_id::<End>(), 0), &End, &[]);
}

/// A sink that is flushed as the last call of a thread publishes its event: the call had passed the level check before the
/// container was closed.
#[derive(Clone, Default)]
struct FlushedDuringACall {
    /// Empty once the thread has made its call.
    lane: Arc<Mutex<Option<ProducerLane>>>,
}

impl SinkFactory for FlushedDuringACall {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

impl Sink for FlushedDuringACall {
    fn writer(&self) -> String {
        "nothing".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(64))
    }

    fn encode(&mut self, _: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        payload.buffer().push(b'e');
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        Delivery::done(Ok(()))
    }

    fn flush(&mut self) -> Delivery {
        if let Some(mut lane) = lock(&self.lane).take() {
            log(&mut lane);
        }
        Delivery::done(Ok(()))
    }
}

#[test]
fn an_event_published_during_the_last_flush_is_delivered() {
    let sink = FlushedDuringACall::default();
    let hour = Duration::from_secs(3600);
    let builder = Container::builder().sink("flushed", sink.clone()).flush_interval(hour);
    let (container, mut drain) = builder.start_manual().unwrap();
    *lock(&sink.lane) = container.frontend().open_lane();
    let deadline = Instant::now() + Duration::from_secs(60);
    container.request_shutdown(deadline);
    while !drain.has_ended() {
        drain.turn();
        assert!(Instant::now() < deadline, "the drain does not end");
    }
    let accounts = container.accounts();
    assert_eq!((accounts.submitted, accounts.delivered_total(), accounts.lost_total()), (1, 1, 0), "{accounts}");
    accounts.check().unwrap();
}

/// A sink that has a payload in flight and room for no other, as on a disk that is full: it reports that, and what it had written
/// when it was stopped.
struct FullDisk {
    written: SharedPart,
    is_filled: bool,
    has_stopped: Rc<Cell<bool>>,
}

/// The records of a payload that are written when it ends, and their length.
type SharedPart = Option<(u64, u64)>;

#[derive(Clone, Copy)]
struct FullDiskFactory(SharedPart);

impl SinkFactory for FullDiskFactory {
    fn delivery(&self) -> DeliveryPolicy {
        DeliveryPolicy::direct()
    }

    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        context.report("cannot write, will retry: no space");
        Ok(Box::new(FullDisk { written: self.0, is_filled: false, has_stopped: Rc::default() }))
    }
}

impl Sink for FullDisk {
    fn writer(&self) -> String {
        "full".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        // A batch fills it.
        (!std::mem::replace(&mut self.is_filled, true)).then(|| Payload::new(1))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        payload.buffer().extend(std::iter::repeat_n(b'e', 10 * batch.len()));
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        let (has_stopped, written) = (Rc::clone(&self.has_stopped), self.written);
        Delivery::in_flight(poll_fn(move |_| {
            if !has_stopped.get() {
                return Poll::Pending;
            }
            let source = SinkError::Deadline;
            Poll::Ready(Err(match written {
                Some((records, bytes)) => SinkError::Partial { records, bytes, source: Box::new(source) },
                None => source,
            }))
        }))
    }

    fn stop(&mut self, _: Instant) {
        self.has_stopped.set(true);
    }
}

/// A sink that delivers everything at once.
#[derive(Clone, Copy)]
struct Works;

impl SinkFactory for Works {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(FlushedDuringACall::default()))
    }
}

#[test]
fn a_disk_that_stays_full_for_minutes_is_reported_at_once_and_then_each_minute_and_delays_no_other_sink() {
    const MINUTES: u64 = 5;
    let lines = Arc::<Mutex<Vec<String>>>::default();
    let heard = Arc::clone(&lines);
    let callback = move |diagnostic: &Diagnostic| {
        if diagnostic.about == "emergency" {
            lock(&heard).push(diagnostic.text.clone());
        }
    };
    let builder = Container::builder().sink("full", FullDiskFactory(None)).sink("works", Works);
    // The line on stderr is the same text.
    let builder = builder.emergency_lines(false).error_callback(callback);
    let (container, mut drain) = builder.start_manual().unwrap();
    let mut lane = container.frontend().open_lane().unwrap();
    let start = Instant::now();
    let mut lines_by_second = Vec::new();
    for second in 0..60 * MINUTES {
        log(&mut lane);
        let now = start + Duration::from_secs(second);
        // A batch, its delivery, and a report of losses.
        (0..4).for_each(|_| drain.turn_at(now));
        let mut new = std::mem::take(&mut *lock(&lines));
        lines_by_second.extend(new.drain(..).map(|line| (second, line)));
        let accounts = container.accounts();
        let works = &accounts.sinks[1];
        let passed = works.delivered + works.filtered + works.pending;
        assert!(second < 3 || passed > second, "{second} s: {accounts}");
    }
    let seconds: Vec<u64> = lines_by_second.iter().map(|(second, _)| *second).collect();
    let first = seconds[0];
    assert!((1..=3).contains(&first), "{seconds:?}");
    assert_eq!(seconds, (0..MINUTES).map(|minute| first + 60 * minute).collect::<Vec<_>>());
    let expected = "a sink takes no events: full: \"cannot write, will retry: no space\"";
    assert!(lines_by_second.iter().all(|(_, line)| line == expected), "{lines_by_second:?}");
    drop(drain);
    container.accounts().check().unwrap();
}

/// The accounts of the only sink, after a batch of five events of which so much is written at the end.
fn ended_with(written: SharedPart, ends: impl FnOnce(&Container, ManualDrain)) -> SinkAccounts {
    let (container, mut drain) = Container::builder().sink("full", FullDiskFactory(written)).start_manual().unwrap();
    let mut lane = container.frontend().open_lane().unwrap();
    (0..5).for_each(|_| log(&mut lane));
    drain.run_until_idle();
    ends(&container, drain);
    let accounts = container.accounts();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    accounts.sinks[0].clone()
}

fn shut_down_at_once(container: &Container, mut drain: ManualDrain) {
    container.request_shutdown(Instant::now());
    while !drain.has_ended() {
        drain.turn();
    }
}

#[test]
fn the_records_of_a_payload_in_part_are_delivered_and_its_others_are_lost() {
    for ends in [shut_down_at_once as fn(&Container, ManualDrain), |_, drain| drop(drain)] {
        let SinkAccounts { delivered, lost, bytes, .. } = ended_with(Some((3, 30)), ends);
        assert_eq!((delivered, lost.of(LossReason::ShutdownDeadline), lost.total(), bytes), (3, 2, 2, 30));
    }
}

#[test]
fn a_payload_of_which_nothing_is_known_is_lost() {
    let SinkAccounts { delivered, lost, bytes, .. } = ended_with(None, shut_down_at_once);
    assert_eq!((delivered, lost.of(LossReason::ShutdownDeadline), bytes), (0, 5, 0));
}

#[test]
fn a_sink_delivers_no_more_records_than_its_payload_has() {
    let SinkAccounts { delivered, lost, bytes, .. } = ended_with(Some((9, 90)), shut_down_at_once);
    assert_eq!((delivered, lost.total(), bytes), (5, 0, 50));
}

/// A sink that keeps the messages of its events. Its deliveries fail while a test wants it, or never end.
#[derive(Clone, Default)]
struct Messages {
    encoded: Arc<Mutex<Vec<String>>>,
    delivered: Arc<Mutex<Vec<String>>>,
    deliveries: Arc<AtomicUsize>,
    fails: Arc<AtomicBool>,
    hangs: bool,
}

impl Messages {
    fn delivered(&self) -> Vec<String> {
        lock(&self.delivered).clone()
    }
}

impl SinkFactory for Messages {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

impl Sink for Messages {
    fn writer(&self) -> String {
        "messages".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(1))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        let text = |event: &Event<'_>| match event.message() {
            ValueRef::Text(text) => text.to_owned(),
            _ => String::new(),
        };
        lock(&self.encoded).extend(batch.events().iter().map(text));
        payload.buffer().push(b'e');
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        self.deliveries.fetch_add(1, Ordering::Relaxed);
        let mut encoded = std::mem::take(&mut *lock(&self.encoded));
        if self.hangs {
            return Delivery::in_flight(std::future::pending());
        }
        if self.fails.load(Ordering::Relaxed) {
            return Delivery::done(Err(SinkError::Other("planted".into())));
        }
        encoded.retain(|message| !message.is_empty());
        lock(&self.delivered).append(&mut encoded);
        Delivery::done(Ok(()))
    }
}

#[test]
fn a_sink_that_fails_for_ten_minutes_has_one_attempt_a_minute_and_no_attempt_makes_a_report() {
    let (dead, works) = (Messages::default(), Messages::default());
    dead.fails.store(true, Ordering::Relaxed);
    let builder = Container::builder().sink("dead", dead.clone()).sink("works", works.clone()).emergency_lines(false);
    let (container, mut drain) = builder.start_manual().unwrap();
    log(&mut container.frontend().open_lane().unwrap());
    let start = Instant::now();
    let mut run = |seconds: std::ops::Range<u64>| {
        for second in seconds {
            (0..4).for_each(|_| drain.turn_at(start + Duration::from_secs(second)));
        }
    };
    run(0..600);
    let expected = "1 events lost at sink dead: sink_failed";
    assert_eq!((works.delivered(), dead.delivered()), (vec![expected.to_owned()], Vec::new()));
    let deliveries = dead.deliveries.load(Ordering::Relaxed);
    // The event; attempts after 1, 2, 4, 8, 16 and 32 s; and then one attempt a minute.
    assert!((12..=16).contains(&deliveries), "{deliveries}");
    assert_eq!(container.accounts().lost_total(), 1);
    dead.fails.store(false, Ordering::Relaxed);
    run(600..670);
    assert_eq!((works.delivered().len(), dead.delivered()), (1, vec![expected.to_owned()]));
    container.accounts().check().unwrap();
}

#[test]
fn audit_events_that_a_failing_sink_drops_make_one_other_a_minute() {
    let (dead, works) = (Messages::default(), Messages::default());
    dead.fails.store(true, Ordering::Relaxed);
    let builder = Container::builder().audit_events(true).sink("dead", dead).sink("works", works.clone());
    let (container, mut drain) = builder.emergency_lines(false).start_manual().unwrap();
    let start = Instant::now();
    for second in 0..600 {
        (0..4).for_each(|_| drain.turn_at(start + Duration::from_secs(second)));
    }
    let events = works.delivered();
    let audited = events.iter().filter(|message| *message == "events lost").count();
    assert!((2..=11).contains(&audited), "{audited} of {}", events.len());
    container.accounts().check().unwrap();
}

/// Posts the removal of a sink, as `Container::remove_plugin` does, without its wait.
fn remove(container: &Container, sink: &str) -> Arc<ChangeAnswer> {
    container.frontend().ports[0].changes.post(Change::Remove(sink.to_owned()))
}

#[test]
fn events_that_a_removed_sink_does_not_deliver_in_time_are_reported_in_the_others() {
    let hangs = Messages { hangs: true, ..Messages::default() };
    let works = Messages::default();
    let (container, mut drain) =
        Container::builder().sink("hangs", hangs).sink("works", works.clone()).start_manual().unwrap();
    let mut lane = container.frontend().open_lane().unwrap();
    (0..3).for_each(|_| log(&mut lane));
    drain.run_until_idle();
    let answer = remove(&container, "hangs");
    let start = Instant::now();
    for second in 0..8 {
        (0..4).for_each(|_| drain.turn_at(start + Duration::from_secs(second)));
        assert_eq!(works.delivered().is_empty(), second < 5, "{second} s: {:?}", works.delivered());
    }
    assert!(matches!(answer.wait(Instant::now()), Err(ChangeError::Deadline)));
    assert_eq!(works.delivered(), ["3 events lost at sink hangs: shutdown_deadline"]);
    let diagnostics: Vec<String> = container.diagnostics().iter().map(ToString::to_string).collect();
    assert!(diagnostics.iter().any(|text| text.contains("events lost at sink hangs")), "{diagnostics:?}");
    let accounts = container.accounts();
    accounts.check().unwrap();
    assert_eq!(accounts.sinks.len(), 1);
}

#[test]
fn losses_at_the_deadline_of_a_shutdown_are_in_the_diagnostics() {
    let hangs = Messages { hangs: true, ..Messages::default() };
    let (container, mut drain) = Container::builder().sink("hangs", hangs).start_manual().unwrap();
    log(&mut container.frontend().open_lane().unwrap());
    drain.run_until_idle();
    shut_down_at_once(&container, drain);
    let diagnostics: Vec<String> = container.diagnostics().iter().map(ToString::to_string).collect();
    let expected = "losses: events lost at sink hangs: shutdown_deadline; the accounts have the counts";
    assert!(diagnostics.iter().any(|text| text == expected), "{diagnostics:?}");
}
