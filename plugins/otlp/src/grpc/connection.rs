//! Connections by HTTP/2, and calls on them.
//!
//! The library `h2` retries nothing. Its task of the connection runs while a call waits.

use std::{
    future::Future,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use fapilog_sink_http::{client::ANSWER_BYTES_MAX, settings::HttpTarget};
use fapilog_sink_network::{ConnectError, dial::Dialer, tls::Tls};
use h2::{
    Reason, RecvStream,
    client::{ResponseFuture, SendRequest},
};
use http::{HeaderMap, Request, StatusCode};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::Runtime,
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;

/// The port of a URL without one, by the specification of OTLP.
pub(super) const DEFAULT_PORT: u16 = 4317;

/// The longest head of an answer, and the longest trailers.
const HEAD_BYTES_MAX: u32 = 32 << 10;
/// The most bytes of a body, or of all bodies of a connection, that a server may send before they are read.
const WINDOW_BYTES: u32 = 64 << 10;
/// The name of HTTP/2 in ALPN (RFC 9113, section 3.1).
const ALPN: &[u8] = b"h2";

/// The answer to a call.
#[derive(Debug)]
pub(super) struct CallAnswer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) trailers: HeaderMap,
}

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum GrpcCallError {
    Connect(ConnectError),
    Timeout,
    Broken(io::Error),
    InvalidAnswer(&'static str),
}

/// An error of a step of a call.
#[derive(Debug)]
enum StepError {
    /// The server cannot have processed the call, or has closed the connection before it answered.
    Closed(h2::Error),
    Other(GrpcCallError),
}

/// The one connection of a shard's sink.
pub(super) struct GrpcConnections {
    dialer: Dialer,
    host: String,
    port: u16,
    tls: Option<Tls>,
    connect_timeout: Duration,
    idle_timeout: Duration,
    runtime: Option<Runtime>,
    current: Option<GrpcConnection>,
}

/// A connection that is open, as far as is known.
struct GrpcConnection {
    client: SendRequest<Bytes>,
    task: JoinHandle<()>,
    used_at: Instant,
}

impl Drop for GrpcConnection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl GrpcConnections {
    pub(super) fn new(target: &HttpTarget) -> Self {
        let settings = target.request();
        Self {
            dialer: target.dialer(DEFAULT_PORT),
            host: target.endpoint().host().to_owned(),
            port: target.endpoint().port().unwrap_or(DEFAULT_PORT),
            tls: target.tls().cloned(),
            connect_timeout: settings.connect_timeout,
            idle_timeout: settings.idle_timeout,
            runtime: None,
            current: None,
        }
    }

    /// Makes a call. If it is on a kept connection that the server has closed, it is made once more on a new one.
    pub(super) fn call(
        &mut self,
        request: &Request<()>,
        body: &Bytes,
        deadline: Instant,
    ) -> Result<CallAnswer, GrpcCallError> {
        self.current = self.current.take().filter(|open| open.used_at.elapsed() < self.idle_timeout);
        let is_reused = self.current.is_some();
        match self.attempt(request, body, deadline) {
            Err(StepError::Closed(_)) if is_reused => {
                self.attempt(request, body, deadline).map_err(StepError::into_call)
            }
            result => result.map_err(StepError::into_call),
        }
    }

    fn attempt(&mut self, request: &Request<()>, body: &Bytes, deadline: Instant) -> Result<CallAnswer, StepError> {
        let runtime = match self.runtime.take() {
            Some(runtime) => runtime,
            None => new_runtime().map_err(|error| StepError::Other(GrpcCallError::Broken(error)))?,
        };
        let result = self.attempt_on(&runtime, request, body, deadline);
        self.runtime = Some(runtime);
        result
    }

    /// After an error, the connection is not used again.
    fn attempt_on(
        &mut self,
        runtime: &Runtime,
        request: &Request<()>,
        body: &Bytes,
        deadline: Instant,
    ) -> Result<CallAnswer, StepError> {
        let mut open = match self.current.take() {
            Some(open) => open,
            None => self.connect(runtime, deadline).map_err(StepError::Other)?,
        };
        let call = exchange(open.client.clone(), request, body.clone());
        let answer =
            runtime.block_on(within(deadline, call)).unwrap_or(Err(StepError::Other(GrpcCallError::Timeout)))?;
        open.used_at = Instant::now();
        self.current = Some(open);
        Ok(answer)
    }

    fn connect(&mut self, runtime: &Runtime, deadline: Instant) -> Result<GrpcConnection, GrpcCallError> {
        let deadline = deadline.min(Instant::now() + self.connect_timeout);
        let stream = self.dialer.connect_tcp(deadline).map_err(GrpcCallError::Connect)?;
        let name = self.dialer.server_name().map_err(GrpcCallError::Connect)?;
        let tls = self.tls.as_ref().zip(name).map(|(tls, name)| {
            let mut config = (*tls.client_config()).clone();
            config.alpn_protocols = vec![ALPN.to_vec()];
            (TlsConnector::from(Arc::new(config)), name)
        });
        let (host, port, limit) = (self.host.clone(), self.port, self.connect_timeout);
        let failed = |source| GrpcCallError::Connect(ConnectError::Handshake { host: host.clone(), port, source });
        let timeout = || GrpcCallError::Connect(ConnectError::Timeout { host: host.clone(), port, limit });
        let opening = async {
            stream.set_nonblocking(true)?;
            let stream = TcpStream::from_std(stream)?;
            match tls {
                Some((tls, name)) => handshake(tls.connect(name, stream).await?).await,
                None => handshake(stream).await,
            }
        };
        runtime.block_on(within(deadline, opening)).ok_or_else(timeout)?.map_err(failed)
    }
}

/// All of the runtime is in the thread of the caller.
fn new_runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()
}

/// The output of the future, if it is there by the deadline.
async fn within<F: Future>(deadline: Instant, future: F) -> Option<F::Output> {
    tokio::time::timeout_at(deadline.into(), future).await.ok()
}

async fn handshake<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> io::Result<GrpcConnection> {
    let mut builder = h2::client::Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_header_list_size(HEAD_BYTES_MAX);
    let (client, connection) = builder.handshake(stream).await.map_err(io_error)?;
    let task = tokio::spawn(async move {
        // Its error comes out of the calls.
        let _ = connection.await;
    });
    Ok(GrpcConnection { client, task, used_at: Instant::now() })
}

/// A call: the request, and its answer up to the end of the trailers.
async fn exchange(client: SendRequest<Bytes>, request: &Request<()>, body: Bytes) -> Result<CallAnswer, StepError> {
    let mut client = client.ready().await.map_err(StepError::Closed)?;
    let (answer, mut sending) = client.send_request(request.clone(), false).map_err(before_answer)?;
    // The library sends it as the server's window allows. An answer may come before its end.
    sending.send_data(body, true).map_err(before_answer)?;
    read_answer(answer).await
}

async fn read_answer(answer: ResponseFuture) -> Result<CallAnswer, StepError> {
    let (head, mut stream) = answer.await.map_err(before_answer)?.into_parts();
    let body = read_body(&mut stream).await.map_err(StepError::Other)?;
    let trailers = stream.trailers().await.map_err(|error| StepError::Other(GrpcCallError::Broken(io_error(error))))?;
    Ok(CallAnswer { status: head.status, headers: head.headers, body, trailers: trailers.unwrap_or_default() })
}

async fn read_body(stream: &mut RecvStream) -> Result<Vec<u8>, GrpcCallError> {
    let broken = |error| GrpcCallError::Broken(io_error(error));
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data.map_err(broken)?;
        stream.flow_control().release_capacity(data.len()).map_err(broken)?;
        if body.len() + data.len() > ANSWER_BYTES_MAX {
            return Err(GrpcCallError::InvalidAnswer("the answer is longer than 64 KiB"));
        }
        body.extend_from_slice(&data);
    }
    Ok(body)
}

/// The meaning of an error in front of an answer.
fn before_answer(error: h2::Error) -> StepError {
    // RFC 9113, section 8.7: a stream that is refused was not processed.
    let is_refused = error.reason() == Some(Reason::REFUSED_STREAM);
    if error.is_io() || error.is_go_away() || is_refused {
        StepError::Closed(error)
    } else {
        StepError::Other(GrpcCallError::Broken(io_error(error)))
    }
}

fn io_error(error: h2::Error) -> io::Error {
    if error.is_io() {
        error.into_io().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into())
    } else {
        io::Error::other(error)
    }
}

impl StepError {
    fn into_call(self) -> GrpcCallError {
        match self {
            Self::Closed(error) => GrpcCallError::Broken(io_error(error)),
            Self::Other(error) => error,
        }
    }
}
