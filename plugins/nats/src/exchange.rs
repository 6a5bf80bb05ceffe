//! A payload's messages, and the answers to them.

use std::io;

use fapilog_plugin::{
    sink::{Payload, SinkCounter},
    text::number::put_u64,
};

use crate::{
    ack::{AckKind, AckReason},
    connection::{ConnectionEvent, NatsConnection},
    encode::PublishParts,
};

/// The commands that are put into the output at a time, in bytes.
const WINDOW_BYTES: usize = 64 << 10;

/// The most reads between two writes. A server that sends more than 8 MiB in between keeps the client busy.
const READS_MAX: usize = 256;

/// Counters of the sink.
#[derive(Clone)]
pub(crate) struct NatsCounters {
    pub(crate) opened: SinkCounter,
    pub(crate) too_large: SinkCounter,
    pub(crate) duplicates: SinkCounter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MessageState {
    Unsent,
    Sent,
    Delivered,
    Rejected,
    Retryable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PongState {
    NotAsked,
    Asked,
    Answered,
}

/// The limits and the mode of an exchange.
pub(crate) struct ExchangePlan {
    /// Whether a stream acknowledges each message. If not, the server answers a `PING` behind the last one.
    pub(crate) has_acknowledgements: bool,
    pub(crate) in_flight_max: usize,
    /// The number of the payload's first message: numbers of a connection are never used again.
    pub(crate) first_number: u64,
}

/// A payload on its way.
pub(crate) struct MessageExchange<'a> {
    payload: &'a Payload,
    plan: ExchangePlan,
    counters: NatsCounters,
    states: Vec<MessageState>,
    next: usize,
    in_flight: usize,
    pong: PongState,
    first: Option<AckReason>,
    has_unrelated: bool,
}

/// The fates of a payload's records.
pub(crate) struct ExchangeResult {
    pub(crate) delivered: usize,
    pub(crate) rejected: Vec<usize>,
    pub(crate) retryable: Vec<usize>,
    /// The first error that the server has answered with.
    pub(crate) first: Option<AckReason>,
    /// Whether another subscriber has replied to messages.
    pub(crate) has_unrelated: bool,
}

impl<'a> MessageExchange<'a> {
    pub(crate) fn new(payload: &'a Payload, plan: ExchangePlan, counters: NatsCounters) -> Self {
        let states = vec![MessageState::Unsent; payload.marked_records()];
        Self {
            payload,
            plan,
            counters,
            states,
            next: 0,
            in_flight: 0,
            pong: PongState::NotAsked,
            first: None,
            has_unrelated: false,
        }
    }

    /// Writes the messages and reads the answers, both at the same time.
    pub(crate) fn run(&mut self, connection: &mut NatsConnection) -> io::Result<()> {
        loop {
            self.fill(connection);
            if connection.has_output() {
                if let Err(error) = connection.write_step() {
                    // The server may have answered before it closed the connection, and have named the reason.
                    return self.read_all(connection).and(Err(error));
                }
                self.read_all(connection)?;
            } else if self.is_done() {
                return Ok(());
            } else {
                connection.read_wait()?;
            }
            self.take_events(connection)?;
        }
    }

    /// Reads all that has come, so that a server which waits for that reads on.
    fn read_all(&mut self, connection: &mut NatsConnection) -> io::Result<()> {
        for _ in 0..READS_MAX {
            let has_more = connection.read_available();
            self.take_events(connection)?;
            if !has_more? {
                break;
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let is_answered = self.plan.has_acknowledgements || self.pong == PongState::Answered;
        self.next >= self.states.len() && self.in_flight == 0 && is_answered
    }

    fn fill(&mut self, connection: &mut NatsConnection) {
        let max_payload = connection.info.max_payload;
        let inbox = self.plan.has_acknowledgements.then(|| connection.inbox.clone());
        let Some(output) = connection.free_output() else { return };
        while output.len() < WINDOW_BYTES && self.in_flight < self.plan.in_flight_max {
            let Some(record) = self.payload.record(self.next) else { break };
            let index = self.next;
            self.next += 1;
            let Some(parts) = PublishParts::of(record) else {
                self.reject(index, "it is no message");
                continue;
            };
            if max_payload > 0 && parts.message_bytes as u64 > max_payload {
                self.counters.too_large.add(1);
                self.reject(index, "it is longer than the server's max_payload");
                continue;
            }
            let number = self.plan.first_number + index as u64;
            parts.put(
                inbox.as_deref().map(|inbox| {
                    move |out: &mut Vec<u8>| {
                        out.extend_from_slice(inbox);
                        put_u64(out, number);
                    }
                }),
                output,
            );
            self.set(index, MessageState::Sent);
            self.in_flight += usize::from(self.plan.has_acknowledgements);
        }
        let is_last = self.next >= self.states.len() && self.pong == PongState::NotAsked;
        if is_last && !self.plan.has_acknowledgements {
            output.extend_from_slice(b"PING\r\n");
            self.pong = PongState::Asked;
        }
    }

    fn set(&mut self, index: usize, state: MessageState) {
        if let Some(place) = self.states.get_mut(index) {
            *place = state;
        }
    }

    fn reject(&mut self, index: usize, meaning: &'static str) {
        self.set(index, MessageState::Rejected);
        self.first.get_or_insert(AckReason { code: 0, meaning });
    }

    fn take_events(&mut self, connection: &mut NatsConnection) -> io::Result<()> {
        while let Some(event) = connection.take_event()? {
            match event {
                ConnectionEvent::Ack { number, kind } => self.acknowledge(number, kind),
                ConnectionEvent::Pong if self.pong == PongState::Asked => self.answer_all(),
                ConnectionEvent::PublishDenied(subject) => self.deny(&subject),
                ConnectionEvent::Fatal(reason) => return Err(io::Error::other(reason)),
                ConnectionEvent::Info | ConnectionEvent::Pong | ConnectionEvent::Other => {}
            }
        }
        Ok(())
    }

    fn acknowledge(&mut self, number: u64, kind: AckKind) {
        let index = number.checked_sub(self.plan.first_number).and_then(|index| usize::try_from(index).ok());
        let Some((index, MessageState::Sent)) = index.and_then(|index| Some((index, *self.states.get(index)?))) else {
            return;
        };
        let state = match kind {
            AckKind::Unrelated => {
                self.has_unrelated = true;
                return;
            }
            AckKind::Stored => MessageState::Delivered,
            AckKind::Duplicate => {
                self.counters.duplicates.add(1);
                MessageState::Delivered
            }
            AckKind::Retryable(reason) => {
                self.first.get_or_insert(reason);
                MessageState::Retryable
            }
            AckKind::Rejected(reason) => {
                self.first.get_or_insert(reason);
                MessageState::Rejected
            }
        };
        self.set(index, state);
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// The server has read all messages, and has reported those that it refuses before.
    fn answer_all(&mut self) {
        self.pong = PongState::Answered;
        for state in self.states.iter_mut().filter(|state| **state == MessageState::Sent) {
            *state = MessageState::Delivered;
        }
    }

    /// The server refuses the messages to this subject that it has read so far. An operator may allow them.
    fn deny(&mut self, subject: &[u8]) {
        self.first.get_or_insert(AckReason { code: 0, meaning: "the user may not publish to the subject" });
        for index in 0..self.next {
            let is_sent = self.states.get(index) == Some(&MessageState::Sent);
            let parts = self.payload.record(index).filter(|_| is_sent).and_then(PublishParts::of);
            if parts.is_some_and(|parts| parts.subject == subject) {
                self.set(index, MessageState::Retryable);
                self.in_flight = self.in_flight.saturating_sub(usize::from(self.plan.has_acknowledgements));
            }
        }
    }

    /// The fates of the records. Those without an answer are retryable.
    pub(crate) fn into_result(self) -> ExchangeResult {
        let indices = |is: fn(MessageState) -> bool| {
            let states = self.states.iter().enumerate();
            states.filter(|(_, state)| is(**state)).map(|(index, _)| index).collect::<Vec<_>>()
        };
        let rejected = indices(|state| state == MessageState::Rejected);
        let retryable = indices(|state| !matches!(state, MessageState::Rejected | MessageState::Delivered));
        let delivered = self.states.len() - rejected.len() - retryable.len();
        ExchangeResult { delivered, rejected, retryable, first: self.first, has_unrelated: self.has_unrelated }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Read, Write},
        net::{TcpListener, TcpStream},
        time::{Duration, Instant},
    };

    use super::*;

    /// A server that reads a message, and then writes its acknowledgement of 1 KiB, for as long as the client reads.
    fn acknowledge_in_turn(stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let (mut reader, mut writer) = (BufReader::new(stream.try_clone().unwrap()), stream);
        let (mut line, mut content) = (String::new(), vec![0; 502]);
        while matches!(reader.read_line(&mut line), Ok(1..)) {
            reader.read_exact(&mut content).unwrap();
            let reply = line.split(' ').nth(2).unwrap().to_owned();
            let ack = format!("{{\"stream\":\"LOGS\",\"seq\":7,\"domain\":\"{}\"}}", "x".repeat(1000));
            if write!(writer, "MSG {reply} 1 {}\r\n{ack}\r\n", ack.len()).is_err() {
                return;
            }
            line.clear();
        }
    }

    #[test]
    fn acknowledgements_are_read_while_a_long_payload_is_written() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let server = listener.accept().unwrap().0;
        let server = std::thread::spawn(move || acknowledge_in_turn(server));
        let count = 40_000;
        let mut payload = Payload::new(0);
        for _ in 0..count {
            payload.buffer().extend_from_slice(format!("PUB a 500\r\n{}\r\n", "x".repeat(500)).as_bytes());
            payload.end_record();
        }
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut connection = NatsConnection::new(client.into(), deadline, b"_INBOX.a.".to_vec());
        let plan = ExchangePlan { has_acknowledgements: true, in_flight_max: count, first_number: 7 };
        let counters = NatsCounters {
            opened: SinkCounter::default(),
            too_large: SinkCounter::default(),
            duplicates: SinkCounter::default(),
        };
        let mut exchange = MessageExchange::new(&payload, plan, counters);
        exchange.run(&mut connection).unwrap();
        assert_eq!(exchange.into_result().delivered, count);
        drop(connection);
        server.join().unwrap();
    }
}
