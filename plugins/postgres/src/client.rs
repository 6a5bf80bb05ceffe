//! The delivery of a payload, which is divided where the server refuses a row.

use std::{
    future::Future,
    io,
    ops::Range,
    path::PathBuf,
    pin::pin,
    time::{Duration, Instant},
};

use bytes::{BufMut, Bytes, BytesMut};
use fapilog_plugin::{
    settings::SecretBytes,
    sink::{BlockingDelivery, Payload, SinkCounter, SinkError},
};
use fapilog_sink_network::{dial::Dialer, tls::Tls};
use futures_util::SinkExt;
use tokio::{net::UnixStream, runtime::Runtime, task::JoinHandle, time};
use tokio_postgres::{Client, Config, Error, NoTls, Statement, config::SslMode};

use crate::{
    connect::{BoundedStream, ReceiveBudget, RustlsConnect},
    error::PostgresError,
    outcome::{StatementOutcome, describe, describe_setup, outcome},
    schema::TableStatements,
};

/// The beginning of a binary copy: its signature, no flags, and no extension (the server's manual, page of COPY).
const COPY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// The end: a tuple of -1 fields.
const COPY_TRAILER: i16 = -1;

/// The bytes that are handed to the client library at once.
const CHUNK_BYTES: usize = 64 << 10;

/// The settings of a client.
pub(crate) struct PostgresClientOptions {
    pub(crate) destination: String,
    pub(crate) dialers: Vec<(Dialer, Option<Tls>)>,
    pub(crate) socket: Option<PathBuf>,
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) password: Option<SecretBytes>,
    pub(crate) application_name: String,
    pub(crate) statements: TableStatements,
    pub(crate) connect_timeout: Duration,
    pub(crate) statement_timeout: Duration,
}

/// A shard's client.
pub(crate) struct PostgresClient {
    options: PostgresClientOptions,
    runtime: Runtime,
    session: Option<Session>,
    opened: SinkCounter,
    /// The host that took writes last.
    host: usize,
}

/// A connection whose table is ready.
struct Session {
    client: Client,
    copy: Statement,
    insert: Option<Statement>,
    budget: ReceiveBudget,
    task: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The result of a payload so far.
#[derive(Default)]
struct Progress {
    delivered: usize,
    rejected: Vec<usize>,
    /// The first refusal.
    first: Option<String>,
}

impl PostgresClient {
    pub(crate) fn new(options: PostgresClientOptions, opened: SinkCounter) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        Ok(Self { options, runtime, session: None, opened, host: 0 })
    }

    /// Connects to the first host that takes writes, beginning with the last one that did.
    fn connect(&mut self) -> Result<Session, SinkError> {
        let deadline = Instant::now() + self.options.connect_timeout;
        let hosts = self.options.dialers.len().max(1);
        let mut last = None;
        for attempt in 0..hosts {
            let host = (self.host + attempt) % hosts;
            let left = deadline.saturating_duration_since(Instant::now());
            let until = if attempt + 1 == hosts { deadline } else { Instant::now() + left / 2 };
            match self.connect_to(host, until) {
                Ok(session) => {
                    self.host = host;
                    self.opened.add(1);
                    return Ok(session);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| SinkError::retryable("there is no host")))
    }

    fn connect_to(&mut self, host: usize, deadline: Instant) -> Result<Session, SinkError> {
        let budget = ReceiveBudget::default();
        budget.refill();
        let (limit, destination) = (self.options.connect_timeout, self.options.destination.clone());
        let broken = |source: io::Error| {
            SinkError::retryable(PostgresError::Connection {
                destination: destination.clone(),
                reason: source.to_string(),
            })
        };
        let (stream, tls) = match &self.options.socket {
            Some(path) => {
                let connected = within(deadline, &self.runtime, UnixStream::connect(path));
                let stream = connected.ok_or_else(|| timeout(&destination, limit))?.map_err(broken)?;
                (BoundedStream::unix(stream, budget.clone()), None)
            }
            None => {
                let Some((dialer, tls)) = self.options.dialers.get_mut(host) else {
                    return Err(SinkError::retryable("there is no host"));
                };
                let tcp = dialer.connect_tcp(deadline)?;
                let name = dialer.server_name()?;
                let tls = tls.as_ref().zip(name).map(|(tls, name)| RustlsConnect { config: tls.client_config(), name });
                let _entered = self.runtime.enter();
                (BoundedStream::tcp(tcp, budget.clone()).map_err(broken)?, tls)
            }
        };
        let options = &self.options;
        within(deadline, &self.runtime, open(options, stream, tls, budget))
            .ok_or_else(|| timeout(&destination, limit))?
            .map_err(SinkError::retryable)
    }

    /// Copies ranges of records, and divides those in which the server refuses a row. Each delivery has a time limit, so that the work is
    /// bounded; records that are not looked at by then are retried.
    fn copy_all(&mut self, session: &mut Session, payload: &Payload, progress: &mut Progress) -> CopyEnd {
        let deadline = Instant::now() + self.options.statement_timeout;
        let mut ranges: Vec<Range<usize>> = std::iter::once(0..payload.marked_records()).collect();
        while let Some(range) = ranges.pop() {
            if range.is_empty() {
                continue;
            }
            session.budget.refill();
            let copied = within(deadline, &self.runtime, session.copy_range(payload, range.clone()));
            let Some(copied) = copied else {
                ranges.push(range);
                let error = timeout(&self.options.destination, self.options.statement_timeout);
                return CopyEnd { left: ranges, error: Some(error), is_usable: false };
            };
            let Err(error) = copied else {
                progress.delivered += range.len();
                continue;
            };
            let kind = outcome(&error);
            if kind == StatementOutcome::Row {
                progress.first.get_or_insert_with(|| describe(&error));
                if range.len() == 1 {
                    progress.rejected.push(range.start);
                } else {
                    let middle = range.start + range.len() / 2;
                    // The first half is looked at first: rows stay in order.
                    ranges.extend([middle..range.end, range.start..middle]);
                }
                if within(deadline, &self.runtime, session.client.batch_execute("ROLLBACK"))
                    .is_some_and(|done| done.is_ok())
                {
                    continue;
                }
                let error = timeout(&self.options.destination, self.options.statement_timeout);
                return CopyEnd { left: ranges, error: Some(error), is_usable: false };
            }
            ranges.push(range);
            let error = match kind {
                StatementOutcome::Setup | StatementOutcome::ReadOnly | StatementOutcome::Broken => {
                    describe_setup(&self.options.destination, &error)
                }
                _ => PostgresError::Statement { destination: self.options.destination.clone(), code: describe(&error) },
            };
            return CopyEnd { left: ranges, error: Some(SinkError::retryable(error)), is_usable: false };
        }
        CopyEnd { left: ranges, error: None, is_usable: true }
    }

    fn result(&self, progress: Progress, end: CopyEnd) -> Result<(), SinkError> {
        let Progress { delivered, rejected, first } = progress;
        let mut retryable: Vec<usize> = end.left.into_iter().flatten().collect();
        retryable.sort_unstable();
        match end.error {
            Some(error) if delivered == 0 && rejected.is_empty() => Err(error),
            Some(error) => {
                Err(SinkError::PerRecord { rejected, retryable, retry_after: None, source: Box::new(error) })
            }
            None if rejected.is_empty() => Ok(()),
            None => {
                let (destination, rows) = (self.options.destination.clone(), rejected.len());
                let code = first.unwrap_or_default();
                Err(SinkError::rejected(rejected, PostgresError::Rows { destination, rows, code }))
            }
        }
    }
}

/// The end of a delivery.
struct CopyEnd {
    /// Records that are neither delivered nor refused.
    left: Vec<Range<usize>>,
    error: Option<SinkError>,
    /// Whether the connection may be used again.
    is_usable: bool,
}

impl Session {
    /// Copies records in a transaction.
    async fn copy_range(&self, payload: &Payload, range: Range<usize>) -> Result<(), Error> {
        self.client.batch_execute("BEGIN").await?;
        let mut sink = pin!(self.client.copy_in::<_, Bytes>(&self.copy).await?);
        let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
        chunk.extend_from_slice(COPY_HEADER);
        for record in range.filter_map(|index| payload.record(index)) {
            chunk.extend_from_slice(record);
            if chunk.len() >= CHUNK_BYTES {
                sink.send(chunk.split().freeze()).await?;
            }
        }
        chunk.put_i16(COPY_TRAILER);
        sink.send(chunk.freeze()).await?;
        sink.as_mut().finish().await?;
        if let Some(insert) = &self.insert {
            self.client.execute(insert, &[]).await?;
        }
        self.client.batch_execute("COMMIT").await
    }
}

/// Opens a session: the password, the check for writes, the table.
async fn open(
    options: &PostgresClientOptions,
    stream: BoundedStream,
    tls: Option<RustlsConnect>,
    budget: ReceiveBudget,
) -> Result<Session, PostgresError> {
    let destination = options.destination.as_str();
    let setup = |error: Error| describe_setup(destination, &error);
    let mut config = Config::new();
    config.user(&options.user).dbname(&options.database).application_name(&options.application_name);
    if let Some(password) = &options.password {
        config.password(password.expose());
    }
    let (mut client, task) = match tls {
        Some(tls) => {
            config.ssl_mode(SslMode::Require);
            let (client, connection) = config.connect_raw(stream, tls).await.map_err(setup)?;
            (client, tokio::spawn(async move { drop(connection.await) }))
        }
        None => {
            config.ssl_mode(SslMode::Disable);
            let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(setup)?;
            (client, tokio::spawn(async move { drop(connection.await) }))
        }
    };
    let millis = options.statement_timeout.as_millis().max(1);
    client.batch_execute(&format!("SET statement_timeout = {millis}")).await.map_err(setup)?;
    let row = client.query_one("SELECT current_setting('transaction_read_only')", &[]).await.map_err(setup)?;
    if row.try_get::<_, String>(0).map_err(setup)? == "on" {
        return Err(PostgresError::ReadOnly { destination: destination.to_owned() });
    }
    options.statements.prepare(&mut client, destination).await?;
    if let Some(create) = options.statements.create_rows() {
        client.batch_execute(&create).await.map_err(setup)?;
    }
    let copy = client.prepare(&options.statements.copy()).await.map_err(setup)?;
    let insert = match options.statements.insert() {
        Some(insert) => Some(client.prepare(&insert).await.map_err(setup)?),
        None => None,
    };
    Ok(Session { client, copy, insert, budget, task })
}

/// Runs until the deadline. `None`: it has not ended.
fn within<F: Future>(deadline: Instant, runtime: &Runtime, future: F) -> Option<F::Output> {
    runtime.block_on(async { time::timeout_at(deadline.into(), future).await.ok() })
}

fn timeout(destination: &str, limit: Duration) -> SinkError {
    SinkError::retryable(PostgresError::Timeout { destination: destination.to_owned(), limit })
}

impl BlockingDelivery for PostgresClient {
    fn deliver(&mut self, payload: Payload) -> Result<(), SinkError> {
        // The connection's task sees that the server has closed it meanwhile.
        self.runtime.block_on(tokio::task::yield_now());
        let kept = self.session.take().filter(|kept| !kept.client.is_closed());
        let mut session = match kept {
            Some(kept) => kept,
            None => self.connect()?,
        };
        let mut progress = Progress::default();
        let end = self.copy_all(&mut session, &payload, &mut progress);
        if end.is_usable {
            self.session = Some(session);
        }
        self.result(progress, end)
    }
}
