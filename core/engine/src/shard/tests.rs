//! Tests of a shard that is run turn by turn.

use std::{
    cell::Cell,
    future::poll_fn,
    rc::Rc,
    sync::{Arc, Mutex},
    task::Poll,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    event::Batch,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
    threads::lock,
};
use fapilog_record::{arguments::End, call_site::CallSite, level::Level};

use crate::{
    accounts::{LossReason, SinkAccounts},
    container::Container,
    diagnostics::Diagnostic,
    host::ManualDrain,
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

    fn encode(&mut self, _: &Batch<'_>, payload: &mut Payload) {
        payload.buffer().push(b'e');
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

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) {
        payload.buffer().extend(std::iter::repeat_n(b'e', 10 * batch.len()));
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
