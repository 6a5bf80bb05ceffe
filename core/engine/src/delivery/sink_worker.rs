//! A sink, as its shard sees it.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use fapilog_plugin::{
    diagnostics::Diagnostics,
    event::{Batch, Event},
    factory::ShardInfo,
    sink::{Delivery, OnFull, Payload, Sink, SinkContext, SinkError},
};
use fapilog_record::{
    timestamp::Timestamp,
    user_code::{Panicked, catch_panic, drop_catching_panics, error_text},
};

use crate::{
    accounts::{LossReason, PluginCounters, SinkCounters},
    diagnostics::DiagnosticLog,
    guard::{Guard, GuardPolicy, Outcome, Step},
    port::{
        SinkView, WriterText,
        plan::{SinkOptions, SinkPlan},
    },
    route::Route,
};

/// How long an urgent event waits for company.
const URGENT_WAIT: Duration = Duration::from_millis(1);

/// A sink with the payload that is being filled, and those that are on their way.
pub(crate) struct SinkWorker {
    name: String,
    sink: Box<dyn Sink>,
    on_full: OnFull,
    /// `None` where it takes all.
    route: Option<Route>,
    guard: Guard,
    is_enabled: bool,
    counters: Arc<SinkCounters>,
    writer: Arc<WriterText>,
    diagnostics: DiagnosticLog,
    filling: Option<Filling>,
    flush_interval: Duration,
    under_way: VecDeque<UnderWay>,
    shipped: u64,
    landed: u64,
    flush: Flush,
    /// The last payload that landed was not delivered.
    is_failing: bool,
    /// It has been told to come to its end.
    is_stopping: bool,
    /// Something has failed since the last flush was answered.
    has_failed: bool,
}

struct Filling {
    payload: Payload,
    events: u64,
    /// When the first of them was logged.
    oldest: Option<Timestamp>,
    /// When it is to be delivered, full or not. `None` while it is empty.
    due: Option<Instant>,
}

struct UnderWay {
    delivery: Delivery,
    events: u64,
    oldest: Option<Timestamp>,
    bytes: u64,
    has_landed: bool,
}

enum Flush {
    None,
    /// Until this many payloads have landed.
    Landing(u64),
    Flushing(Delivery),
}

impl SinkWorker {
    pub(crate) fn new(
        plan: &SinkPlan,
        shard: ShardInfo,
        flush_interval: Duration,
        diagnostics: &DiagnosticLog,
        policy: GuardPolicy,
    ) -> Result<(Self, SinkView), SinkError> {
        let reports: Arc<dyn Diagnostics> = Arc::new(diagnostics.clone());
        let made = catch_panic(|| plan.factory.make(&SinkContext::new(shard, &plan.name, &reports)));
        let sink = made.unwrap_or_else(|_| Err(panicked()))?;
        let SinkOptions { on_full, route } = plan.options.clone();
        let asked = catch_panic(|| (sink.writer(), on_full.unwrap_or_else(|| plan.factory.on_full())));
        let Ok((writer, on_full)) = asked else {
            // Not while the panic unwinds: its drop may panic too.
            drop_catching_panics(sink);
            return Err(panicked());
        };
        let writer = Arc::new(WriterText::new(writer));
        let counters = Arc::<SinkCounters>::default();
        let guarding = Arc::<PluginCounters>::default();
        let view = SinkView {
            name: plan.name.clone(),
            writer: Arc::clone(&writer),
            counters: Arc::clone(&counters),
            guarding: Arc::clone(&guarding),
        };
        let worker = Self {
            name: plan.name.clone(),
            sink,
            on_full,
            route: (route != Route::default()).then_some(route),
            guard: Guard::new(&plan.name, policy, guarding, diagnostics.clone()),
            is_enabled: true,
            counters,
            writer,
            diagnostics: diagnostics.clone(),
            filling: None,
            flush_interval,
            under_way: VecDeque::new(),
            shipped: 0,
            landed: 0,
            flush: Flush::None,
            is_failing: false,
            is_stopping: false,
            has_failed: false,
        };
        Ok((worker, view))
    }

    /// Whether a batch may come.
    #[inline]
    pub(crate) fn is_ready(&mut self) -> bool {
        // What is offered to one that is off is lost there: it holds up nobody.
        !self.is_enabled || self.guard.is_paused() || self.has_room() || self.on_full == OnFull::Drop
    }

    /// Whether the last that was heard of it is that it could not deliver.
    pub(crate) fn is_failing(&self) -> bool {
        self.is_failing
    }

    /// Events that it could not deliver.
    pub(crate) fn failed_events(&self) -> u64 {
        self.counters.lost.read().of(LossReason::SinkFailed)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Holds it to something else from now on.
    pub(crate) fn set_policy(&mut self, policy: GuardPolicy) {
        self.guard.set_policy(policy);
    }

    /// Leaves the sink out, or lets it work again.
    pub(crate) fn set_enabled(&mut self, is_enabled: bool) {
        self.is_enabled = is_enabled;
        self.guard.set_enabled(is_enabled);
    }

    /// Counts events that came before the sink did, or after it was removed, as filtered here.
    pub(crate) fn passed_by(&self, events: u64) {
        self.counters.offered.add(events);
        self.counters.filtered.add(events);
    }

    fn has_room(&mut self) -> bool {
        self.take_payload() == Ok(true)
    }

    /// Returns whether there is a payload to encode into.
    fn take_payload(&mut self) -> Result<bool, Panicked> {
        if self.filling.is_none() {
            let payload = self.guard.ask(Step::Payload, || self.sink.payload()).ok_or(Panicked)?;
            self.filling = payload.map(|payload| Filling { payload, events: 0, oldest: None, due: None });
        }
        Ok(self.filling.is_some())
    }

    /// Encodes a batch, and ships the payload if it is full.
    #[inline]
    pub(crate) fn encode(&mut self, batch: &Batch<'_>, now: Instant) {
        self.counters.offered.add(batch.len() as u64);
        if !self.is_enabled {
            return self.counters.filtered.add(batch.len() as u64);
        }
        let Some(route) = &self.route else { return self.encode_all(batch, now) };
        let routed = batch.subset(|event| route.takes(event.level(), event.target(), event.source().name()));
        self.counters.filtered.add((batch.len() - routed.len()) as u64);
        if !routed.is_empty() {
            self.encode_all(&routed, now);
        }
    }

    #[inline]
    fn encode_all(&mut self, batch: &Batch<'_>, now: Instant) {
        let events = batch.len() as u64;
        if self.guard.is_paused() {
            return self.fail(LossReason::SinkFailed, events);
        }
        match self.take_payload() {
            Ok(true) => {}
            Ok(false) => return self.counters.lost.add(LossReason::SinkBusy, events),
            Err(Panicked) => return self.fail(LossReason::PluginPanicked, events),
        }
        let Some(filling) = &mut self.filling else { return };
        let length_before = filling.payload.buffer().len();
        let sink = &mut self.sink;
        let outcome = self.guard.call(|| {
            sink.encode(batch, &mut filling.payload);
            Ok(())
        });
        if outcome != Outcome::Done {
            // Half a batch may be half a record.
            filling.payload.buffer().truncate(length_before);
            return self.fail(LossReason::PluginPanicked, events);
        }
        let first = batch.events().first().map(Event::timestamp);
        filling.oldest = filling.oldest.or(first);
        filling.events += events;
        let is_urgent = batch.events().iter().any(|event| event.level().is_urgent());
        let wait = if is_urgent { URGENT_WAIT.min(self.flush_interval) } else { self.flush_interval };
        let due = now + wait;
        filling.due = Some(filling.due.map_or(due, |earlier| earlier.min(due)));
        if filling.payload.is_full() {
            self.ship();
        }
    }

    #[cold]
    fn fail(&mut self, reason: LossReason, events: u64) {
        self.has_failed = true;
        self.is_failing = true;
        self.counters.errors.add(1);
        self.counters.lost.add(reason, events);
    }

    /// Lets the sink do what is due.
    pub(crate) fn tend(&mut self, now: Instant) {
        if self.paused_in_its_own_time(now).is_some() || self.sink_due(now).is_none_or(|due| now < due) {
            return;
        }
        if self.guard.ask_in_time(Step::Work, "what was due", || self.sink.work(now)).is_none() {
            self.counters.errors.add(1);
        }
    }

    /// When the sink wants to work by itself.
    pub(crate) fn sink_due(&mut self, now: Instant) -> Option<Instant> {
        let paused = self.paused_in_its_own_time(now);
        paused.or_else(|| self.guard.ask(Step::Due, || self.sink.due(now)).flatten())
    }

    /// Until when it is left alone. One that is off for another reason goes on with what it has to do in its own time: it
    /// may hold what is delivered and not yet stable.
    fn paused_in_its_own_time(&self, now: Instant) -> Option<Instant> {
        self.guard.paused_for(&[Step::Due, Step::Work], now)
    }

    /// Ships the payload if its time has come.
    pub(crate) fn ship_if_due(&mut self, now: Instant) {
        if self.due().is_some_and(|due| due <= now) {
            self.ship();
        }
    }

    /// When the payload is to be shipped.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.filling.as_ref().and_then(|filling| filling.due)
    }

    /// Whether everything that was encoded is on its way.
    pub(crate) fn is_shipped(&self) -> bool {
        self.due().is_none()
    }

    fn ship(&mut self) {
        // An empty payload is kept for what comes.
        let Some(Filling { payload, events, oldest, .. }) = self.filling.take_if(|filling| filling.due.is_some())
        else {
            return;
        };
        let bytes = payload.len() as u64;
        // Also when it is off: what it has taken, it is to bring to its end.
        let delivery = self.guard.ask_in_time(Step::Deliver, "a delivery", || self.sink.deliver(payload));
        let delivery = delivery.unwrap_or_else(|| Delivery::done(Err(panicked())));
        self.under_way.push_back(UnderWay { delivery, events, oldest, bytes, has_landed: false });
        self.shipped += 1;
    }

    /// Sees what has landed. Returns whether anything has.
    ///
    /// `latency` is told when the oldest event of each payload that is delivered was logged.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, mut latency: impl FnMut(Timestamp)) -> bool {
        let landed_before = self.landed;
        for under_way in self.under_way.iter_mut().filter(|under_way| !under_way.has_landed) {
            let polled =
                catch_panic(|| under_way.delivery.poll(context)).unwrap_or_else(|_| Poll::Ready(Err(panicked())));
            let Poll::Ready(result) = polled else { continue };
            under_way.has_landed = true;
            match result {
                Ok(()) => {
                    self.is_failing = false;
                    self.counters.delivered.add(under_way.events);
                    self.counters.bytes.add(under_way.bytes);
                    under_way.oldest.into_iter().for_each(&mut latency);
                }
                Err(error) => {
                    let reason = match &error {
                        SinkError::Deadline if self.is_stopping => LossReason::ShutdownDeadline,
                        _ => LossReason::SinkFailed,
                    };
                    self.is_failing = true;
                    self.counters.lost.add(reason, under_way.events);
                    self.counters.errors.add(1);
                    self.has_failed = true;
                    self.diagnostics.add(&self.name, error_text(error));
                }
            }
        }
        while let Some(landed) = self.under_way.pop_front_if(|under_way| under_way.has_landed) {
            self.landed += 1;
            // A future that panicked is still there.
            drop_catching_panics(landed);
        }
        let has_landed = self.landed != landed_before;
        if has_landed && !self.guard.is_paused() {
            self.note_retries();
        }
        has_landed
    }

    /// A sink that has tried again may have found another way to write.
    fn note_retries(&mut self) {
        let retries = self.guard.ask(Step::Aside, || self.sink.retries()).unwrap_or(0);
        let new = retries.saturating_sub(self.counters.retries.get());
        self.counters.retries.add(new);
        if new > 0
            && let Some(text) = self.guard.ask(Step::Aside, || self.sink.writer())
        {
            self.writer.set(text);
        }
    }

    /// Whether anything is on its way.
    pub(crate) fn is_delivering(&self) -> bool {
        !self.under_way.is_empty() || matches!(self.flush, Flush::Flushing(_))
    }

    /// Whether anything is on its way that must be looked at again and again, because it does not wake.
    pub(crate) fn is_to_be_looked_at(&self) -> bool {
        let is_payload = self.under_way.iter().any(|under_way| !under_way.has_landed && !under_way.delivery.wakes());
        is_payload || matches!(&self.flush, Flush::Flushing(delivery) if !delivery.wakes())
    }

    /// Starts a flush of all that was encoded so far.
    pub(crate) fn begin_flush(&mut self) {
        self.ship();
        self.set_flush(Flush::Landing(self.shipped));
    }

    /// One that was under way is foreign code to its end.
    fn set_flush(&mut self, flush: Flush) {
        drop_catching_panics(std::mem::replace(&mut self.flush, flush));
    }

    /// Whether the flush that was begun is over.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> bool {
        if let Flush::Landing(until) = self.flush {
            if self.landed < until {
                return false;
            }
            let delivery = self.guard.ask(Step::Aside, || self.sink.flush());
            let delivery = delivery.unwrap_or_else(|| Delivery::done(Err(panicked())));
            self.set_flush(Flush::Flushing(delivery));
        }
        let Flush::Flushing(delivery) = &mut self.flush else { return true };
        let polled = catch_panic(|| delivery.poll(context)).unwrap_or_else(|_| Poll::Ready(Err(panicked())));
        let Poll::Ready(result) = polled else { return false };
        if let Err(error) = result {
            self.counters.errors.add(1);
            self.has_failed = true;
            self.diagnostics.add(&self.name, error_text(error));
        }
        self.set_flush(Flush::None);
        true
    }

    /// Whether something has failed since this was last asked.
    pub(crate) fn take_failure(&mut self) -> bool {
        std::mem::take(&mut self.has_failed)
    }

    pub(crate) fn stop(&mut self, deadline: Instant) {
        self.is_stopping = true;
        let stop = || {
            self.sink.stop(deadline);
            Ok(())
        };
        if self.guard.call_last(stop) != Outcome::Done {
            self.counters.errors.add(1);
        }
    }

    /// Counts everything that is not delivered as lost to the deadline.
    pub(crate) fn give_up(&mut self) {
        let encoded = self.filling.take().map_or(0, |filling| filling.events);
        let under_way = self.under_way.iter().filter(|under_way| !under_way.has_landed);
        let events = under_way.map(|under_way| under_way.events).sum::<u64>() + encoded;
        self.counters.lost.add(LossReason::ShutdownDeadline, events);
        self.let_deliveries_go();
    }

    /// What they drop is foreign code. One by one: of two panics in one unwinding, the second ends the program.
    fn let_deliveries_go(&mut self) {
        self.under_way.drain(..).for_each(drop_catching_panics);
        self.set_flush(Flush::None);
    }
}

impl Drop for SinkWorker {
    fn drop(&mut self) {
        self.let_deliveries_go();
        drop_catching_panics(std::mem::replace(&mut self.sink, Box::new(Gone)));
    }
}

/// Stands where a sink was.
struct Gone;

impl Sink for Gone {
    fn writer(&self) -> String {
        String::new()
    }

    fn payload(&mut self) -> Option<Payload> {
        None
    }

    fn encode(&mut self, _: &Batch<'_>, _: &mut Payload) {}

    fn deliver(&mut self, _: Payload) -> Delivery {
        Delivery::done(Err(panicked()))
    }
}

fn panicked() -> SinkError {
    SinkError::Other("the sink panicked".into())
}
