//! The client: it writes a payload's commands, and reads a reply for each.

use std::{
    io::{self, BufReader, Read, Write},
    time::{Duration, Instant},
};

use fapilog_plugin::sink::{BlockingDelivery, Payload, SinkCounter, SinkError};
use fapilog_sink_network::{connection::NetworkConnection, dial::Dialer};
use zeroize::Zeroizing;

use crate::{
    error::RedisError,
    password::RedisPassword,
    reply::{ReplyKind, describe, read_reply},
};

/// The commands that are written before the replies are waited for, in bytes. A write of all of a long payload could meet a server that waits
/// for its replies to be read.
const WINDOW_BYTES: usize = 64 << 10;

/// The settings of a client.
pub(crate) struct RedisClientOptions {
    pub(crate) destination: String,
    pub(crate) dialer: Dialer,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<RedisPassword>,
    pub(crate) database: u32,
    pub(crate) connect_timeout: Duration,
    pub(crate) reply_timeout: Duration,
}

/// A shard's client.
pub(crate) struct RedisClient {
    options: RedisClientOptions,
    connection: Option<RedisConnection>,
    opened: SinkCounter,
    /// The line of a reply.
    line: Vec<u8>,
}

/// A connection whose reads and writes end at a deadline.
struct RedisConnection {
    reader: BufReader<TimedStream>,
}

struct TimedStream {
    stream: NetworkConnection,
    deadline: Instant,
}

impl TimedStream {
    fn time_left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for TimedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.time_left()?))?;
        self.stream.read(buffer)
    }
}

impl RedisConnection {
    fn new(stream: NetworkConnection, deadline: Instant) -> Self {
        Self { reader: BufReader::new(TimedStream { stream, deadline }) }
    }

    /// Whether the server has the connection still open, and has sent nothing.
    fn is_idle(&mut self) -> bool {
        self.reader.buffer().is_empty() && self.reader.get_mut().stream.is_open()
    }

    fn set_deadline(&mut self, deadline: Instant) {
        self.reader.get_mut().deadline = deadline;
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let timed = self.reader.get_mut();
        while !bytes.is_empty() {
            timed.stream.set_write_timeout(Some(timed.time_left()?))?;
            match timed.stream.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        timed.stream.flush()
    }
}

/// The replies to a payload's commands so far.
#[derive(Default)]
struct PayloadReplies {
    answered: usize,
    rejected: Vec<usize>,
    retryable: Vec<usize>,
    /// The first error.
    first: Option<String>,
    is_elsewhere: bool,
}

impl PayloadReplies {
    fn add(&mut self, kind: ReplyKind, line: &[u8]) {
        match kind {
            ReplyKind::Done => {}
            ReplyKind::Rejected => self.rejected.push(self.answered),
            ReplyKind::Retryable => self.retryable.push(self.answered),
            ReplyKind::RetryableElsewhere => {
                self.retryable.push(self.answered);
                self.is_elsewhere = true;
            }
        }
        if kind != ReplyKind::Done && self.first.is_none() {
            self.first = Some(describe(line));
        }
        self.answered += 1;
    }
}

impl RedisClient {
    pub(crate) fn new(options: RedisClientOptions, opened: SinkCounter) -> Self {
        Self { options, connection: None, opened, line: Vec::new() }
    }

    fn connect(&mut self) -> Result<RedisConnection, SinkError> {
        let deadline = Instant::now() + self.options.connect_timeout;
        let stream = self.options.dialer.dial(deadline)?;
        let mut connection = RedisConnection::new(stream, deadline);
        self.options.password.iter_mut().for_each(RedisPassword::renew);
        let (commands, greeting) = self.greeting();
        let limit = self.options.connect_timeout;
        let broken = |answered, source| broken(&self.options.destination, limit, answered, commands, source);
        connection.write(&greeting).map_err(|error| SinkError::retryable(broken(0, error)))?;
        for answered in 0..commands {
            let kind = read_reply(&mut connection.reader, &mut self.line);
            let kind = kind.map_err(|error| SinkError::retryable(broken(answered, error)))?;
            if kind != ReplyKind::Done {
                self.options.password.iter_mut().for_each(RedisPassword::suspect);
                let (destination, reply) = (self.options.destination.clone(), describe(&self.line));
                return Err(SinkError::retryable(RedisError::Refused { destination, reply }));
            }
        }
        self.opened.add(1);
        Ok(connection)
    }

    /// The commands that a connection begins with, and their number.
    fn greeting(&self) -> (usize, Zeroizing<Vec<u8>>) {
        let mut commands = 0;
        // With room for all, so that no copy of the password stays behind in memory that was given back.
        let secret = self.options.password.as_ref().map_or(0, |password| password.expose().len());
        let user = self.options.username.as_ref().map_or(0, String::len);
        let mut greeting = Zeroizing::new(Vec::with_capacity(secret + user + 256));
        if let Some(password) = &self.options.password {
            let user = self.options.username.as_ref().map(|user| user.as_bytes());
            put_command(&mut greeting, [Some(&b"AUTH"[..]), user, Some(password.expose())].into_iter().flatten());
            commands += 1;
        }
        if self.options.database != 0 {
            let database = self.options.database.to_string();
            put_command(&mut greeting, [&b"SELECT"[..], database.as_bytes()].into_iter());
            commands += 1;
        }
        (commands, greeting)
    }

    /// Writes commands and reads their replies, in windows.
    fn exchange(
        &mut self,
        connection: &mut RedisConnection,
        payload: &Payload,
        replies: &mut PayloadReplies,
    ) -> io::Result<()> {
        let count = payload.marked_records();
        let mut written = 0;
        let mut window = Vec::with_capacity(WINDOW_BYTES);
        while replies.answered < count {
            window.clear();
            while let Some(record) = payload.record(written).filter(|_| window.len() < WINDOW_BYTES) {
                window.extend_from_slice(record);
                written += 1;
            }
            let sent = connection.write(&window);
            // A server that refuses a command and closes the connection may have answered it.
            while replies.answered < written {
                match read_reply(&mut connection.reader, &mut self.line) {
                    Ok(kind) => replies.add(kind, &self.line),
                    Err(error) => return Err(sent.err().unwrap_or(error)),
                }
            }
        }
        Ok(())
    }

    /// The result of a payload: some records are delivered, some are not.
    fn result(&self, count: usize, replies: PayloadReplies, exchange: io::Result<()>) -> Result<(), SinkError> {
        let PayloadReplies { answered, rejected, mut retryable, first, .. } = replies;
        let errors = rejected.len() + retryable.len();
        let destination = &self.options.destination;
        let source = match (exchange, first) {
            (Err(error), _) => broken(destination, self.options.reply_timeout, answered, count, error),
            (Ok(()), Some(reply)) => {
                RedisError::Replies { destination: destination.clone(), errors, commands: count, reply }
            }
            (Ok(()), None) => return Ok(()),
        };
        retryable.extend(answered..count);
        Err(match retryable.len() {
            retryable if retryable == count => SinkError::retryable(source),
            _ => SinkError::PerRecord { rejected, retryable, retry_after: None, source: source.into() },
        })
    }
}

fn broken(destination: &str, limit: Duration, answered: usize, commands: usize, source: io::Error) -> RedisError {
    let destination = destination.to_owned();
    match source.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            RedisError::Timeout { destination, answered, commands, limit }
        }
        _ => RedisError::Connection { destination, answered, commands, source },
    }
}

fn put_command<'a>(out: &mut Vec<u8>, words: impl Iterator<Item = &'a [u8]> + Clone) {
    // A write to a vector does not fail.
    let _ = write!(out, "*{}\r\n", words.clone().count());
    for word in words {
        let _ = write!(out, "${}\r\n", word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

impl BlockingDelivery for RedisClient {
    fn deliver(&mut self, payload: Payload) -> Result<(), SinkError> {
        let kept = self.connection.take().and_then(|mut kept| kept.is_idle().then_some(kept));
        let mut connection = match kept {
            Some(kept) => kept,
            None => self.connect()?,
        };
        connection.set_deadline(Instant::now() + self.options.reply_timeout);
        let mut replies = PayloadReplies::default();
        let exchange = self.exchange(&mut connection, &payload, &mut replies);
        if exchange.is_ok() && !replies.is_elsewhere {
            self.connection = Some(connection);
        }
        self.result(payload.marked_records(), replies, exchange)
    }
}
