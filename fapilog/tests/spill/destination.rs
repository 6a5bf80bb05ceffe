//! A destination that a test takes down, brings back, and asks what it has.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use fapilog::{
    event::Batch,
    plugin::PluginError,
    sink::{Delivery, DeliveryPolicy, Payload, PayloadId, Sink, SinkContext, SinkError, SinkFactory},
};

/// How the destination answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It takes every record.
    Takes,
    /// It is down.
    Down,
    /// It does not answer, until another answer is set.
    Hangs,
    /// It refuses payloads for good.
    Refuses,
    /// It refuses every record whose number is divisible by this one.
    RefusesMultiplesOf(u64),
    /// It takes so many records of the next payload, and is down then.
    TakesOnly(u64),
}

/// A payload that has reached the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) id: PayloadId,
    pub(crate) is_replayed: bool,
    pub(crate) numbers: Vec<u64>,
}

/// The destination. Its records are the values of the events' first fields.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    state: Arc<Mutex<State>>,
    policy: DeliveryPolicy,
}

#[derive(Debug)]
struct State {
    answer: Answer,
    taken: Vec<Taken>,
    attempts: u64,
}

impl Destination {
    pub(crate) fn new(answer: Answer) -> Self {
        let millisecond = Duration::from_millis(1);
        let policy = DeliveryPolicy::default()
            .queue(4, 1 << 20)
            .backoff(millisecond, 1.0, millisecond)
            .timeout(Duration::from_millis(20))
            .breaker(5, millisecond, 4 * millisecond);
        let state = State { answer, taken: Vec::new(), attempts: 0 };
        Self { state: Arc::new(Mutex::new(state)), policy }
    }

    /// The policy, with this number of attempts.
    pub(crate) fn attempting(&self, attempts: u32) -> DeliveryPolicy {
        self.policy.clone().attempts(attempts)
    }

    pub(crate) fn set(&self, answer: Answer) {
        self.lock().answer = answer;
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.lock().taken.clone()
    }

    /// The records in the order in which they came.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.lock().taken.iter().flat_map(|taken| taken.numbers.clone()).collect()
    }

    pub(crate) fn attempts(&self) -> u64 {
        self.lock().attempts
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliver(&self, payload: Payload) -> Delivery {
        self.lock().attempts += 1;
        let this = self.clone();
        Delivery::in_flight(poll_fn(move |_| this.answer(&payload)))
    }

    fn answer(&self, payload: &Payload) -> Poll<Result<(), SinkError>> {
        let mut state = self.lock();
        let numbers: Vec<u64> = (0..payload.marked_records()).map(|index| number(payload, index)).collect();
        let (taken, result) = match state.answer {
            Answer::Takes => (numbers, Ok(())),
            Answer::Down => (Vec::new(), Err(SinkError::retryable("down"))),
            Answer::Refuses => (Vec::new(), Err(SinkError::permanent("refused"))),
            Answer::Hangs => return Poll::Pending,
            Answer::RefusesMultiplesOf(divisor) => {
                let refused: Vec<usize> =
                    (0..numbers.len()).filter(|index| numbers[*index].is_multiple_of(divisor)).collect();
                let taken = numbers.into_iter().filter(|number| !number.is_multiple_of(divisor)).collect();
                let result = if refused.is_empty() { Ok(()) } else { Err(SinkError::rejected(refused, "unlucky")) };
                (taken, result)
            }
            Answer::TakesOnly(count) => {
                state.answer = Answer::Down;
                let bytes =
                    (0..count as usize).filter_map(|index| payload.record(index)).map(<[u8]>::len).sum::<usize>();
                let source = Box::new(SinkError::retryable("down"));
                let taken = numbers.into_iter().take(count as usize).collect();
                (taken, Err(SinkError::Partial { records: count, bytes: bytes as u64, source }))
            }
        };
        if !taken.is_empty() {
            state.taken.push(Taken { id: payload.id(), is_replayed: payload.is_replayed(), numbers: taken });
        }
        Poll::Ready(result)
    }
}

fn number(payload: &Payload, index: usize) -> u64 {
    std::str::from_utf8(payload.record(index).unwrap()).unwrap().trim().parse().unwrap()
}

impl SinkFactory for Destination {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(DestinationSink(self.clone())))
    }

    fn delivery(&self) -> DeliveryPolicy {
        self.policy.clone()
    }
}

struct DestinationSink(Destination);

impl Sink for DestinationSink {
    fn writer(&self) -> String {
        "a destination of a test".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        // Each batch is a payload.
        Some(Payload::new(1))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        use std::io::Write as _;
        for event in batch.events() {
            let number = event.fields().find_map(|field| match field.value {
                fapilog::event::ValueRef::U64(number) => Some(number),
                _ => None,
            });
            let number = number.filter(|_| event.source().name() != "fapilog");
            // A report of losses.
            writeln!(payload.buffer(), "{}", number.unwrap_or(u64::MAX)).unwrap();
            payload.end_record();
        }
        Ok(())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.0.deliver(payload)
    }
}
