//! The client: it connects to one of the servers, and delivers payloads.

use std::{
    io,
    time::{Duration, Instant},
};

use fapilog_plugin::sink::{BlockingDelivery, Payload, SinkError};

use crate::{
    connection::{ConnectionEvent, NatsConnection},
    error::NatsError,
    exchange::{ExchangePlan, ExchangeResult, MessageExchange, NatsCounters},
    greeting::Greeting,
    servers::NatsServers,
};

/// The settings of a client.
pub(crate) struct NatsClientOptions {
    pub(crate) greeting: Greeting,
    pub(crate) servers: NatsServers,
    pub(crate) has_acknowledgements: bool,
    pub(crate) in_flight_max: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) reply_timeout: Duration,
}

/// A shard's client.
pub(crate) struct NatsClient {
    options: NatsClientOptions,
    counters: NatsCounters,
    connection: Option<NatsSession>,
    /// The number of the next message.
    next_number: u64,
}

struct NatsSession {
    connection: NatsConnection,
    url: String,
    is_tls: bool,
}

impl NatsClient {
    pub(crate) fn new(options: NatsClientOptions, counters: NatsCounters) -> Self {
        Self { options, counters, connection: None, next_number: 1 }
    }

    /// The connection of the former payload, if the server has it still open; or a new one.
    fn connection(&mut self) -> Result<NatsSession, SinkError> {
        if let Some(mut open) = self.connection.take() {
            open.connection.set_deadline(Instant::now() + self.options.connect_timeout);
            let is_usable = catch_up(&mut open.connection).is_ok();
            if is_usable {
                self.discover(&open, open.connection.is_tls());
            }
            match (is_usable, open.connection.info.ldm) {
                (true, false) => return Ok(open),
                (_, true) => self.options.servers.advance(),
                (false, false) => {}
            }
        }
        self.connect()
    }

    /// Tries the servers in turn. Each has half of the time that is left, and the last one has all of it.
    fn connect(&mut self) -> Result<NatsSession, SinkError> {
        let deadline = Instant::now() + self.options.connect_timeout;
        let mut last = SinkError::retryable(NatsError::NoServer);
        let count = self.options.servers.count();
        for left in (1..=count).rev() {
            let now = Instant::now();
            let time = deadline.saturating_duration_since(now);
            let Some(server) = self.options.servers.current().filter(|_| !time.is_zero()) else { break };
            let limit = if left == 1 { time } else { time / 2 };
            match self.options.greeting.connect(server, now + limit) {
                Ok(connection) => {
                    let open = NatsSession { connection, url: server.url.clone(), is_tls: server.is_tls };
                    self.counters.opened.add(1);
                    let came_by_tls = self.options.greeting.is_tls_first() && open.is_tls;
                    self.discover(&open, came_by_tls);
                    return Ok(open);
                }
                Err(error) => last = error,
            }
            self.options.servers.advance();
        }
        Err(last)
    }

    fn discover(&mut self, open: &NatsSession, came_by_tls: bool) {
        self.options.servers.discover(&open.connection.info.connect_urls, open.is_tls, came_by_tls);
    }

    fn result(&self, server: &str, count: usize, result: ExchangeResult, end: io::Result<()>) -> Result<(), SinkError> {
        let ExchangeResult { delivered, rejected, retryable, first, has_unrelated } = result;
        if rejected.is_empty() && retryable.is_empty() {
            return Ok(());
        }
        let server = server.to_owned();
        let answers = first.map(|reason| NatsError::Answers {
            server: server.clone(),
            errors: rejected.len() + retryable.len(),
            messages: count,
            reason: reason.meaning,
            code: reason.code,
        });
        let source = match (end, answers) {
            (Err(source), _) => broken(server, delivered, count, self.options.reply_timeout, has_unrelated, source),
            (Ok(()), Some(answers)) => answers,
            (Ok(()), None) => NatsError::NoServer,
        };
        Err(match retryable.len() {
            retryable if retryable == count => SinkError::retryable(source),
            _ => SinkError::PerRecord { rejected, retryable, retry_after: None, source: source.into() },
        })
    }
}

fn broken(
    server: String,
    answered: usize,
    messages: usize,
    limit: Duration,
    has_unrelated: bool,
    source: io::Error,
) -> NatsError {
    let hint = if has_unrelated { "; a subscriber that is no stream has replied" } else { "" };
    match source.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            NatsError::Timeout { server, answered, messages, limit, hint }
        }
        _ => NatsError::Connection { server, answered, messages, source },
    }
}

/// Reads what the server has sent since the former payload: its `PING` and `INFO`, and late acknowledgements.
fn catch_up(connection: &mut NatsConnection) -> io::Result<()> {
    loop {
        connection.read_available()?;
        let mut is_empty = true;
        while let Some(event) = connection.take_event()? {
            is_empty = false;
            if let ConnectionEvent::Fatal(reason) = event {
                return Err(io::Error::other(reason));
            }
        }
        if connection.is_closed() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if is_empty {
            return Ok(());
        }
    }
}

impl BlockingDelivery for NatsClient {
    fn deliver(&mut self, payload: Payload) -> Result<(), SinkError> {
        let mut open = self.connection()?;
        open.connection.set_deadline(Instant::now() + self.options.reply_timeout);
        let count = payload.marked_records();
        let plan = ExchangePlan {
            has_acknowledgements: self.options.has_acknowledgements,
            in_flight_max: self.options.in_flight_max,
            first_number: self.next_number,
        };
        self.next_number = self.next_number.wrapping_add(count as u64);
        let mut exchange = MessageExchange::new(&payload, plan, self.counters.clone());
        let end = exchange.run(&mut open.connection);
        let url = open.url.clone();
        if end.is_ok() {
            self.discover(&open, open.connection.is_tls());
        }
        if end.is_ok() && !open.connection.info.ldm {
            self.connection = Some(open);
        } else {
            self.options.servers.advance();
        }
        self.result(&url, count, exchange.into_result(), end)
    }
}
