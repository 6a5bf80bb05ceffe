//! A server with a log: both start, serve and stop together.

use std::{
    fmt,
    future::{Future, IntoFuture, poll_fn},
    io,
    net::SocketAddr,
    ops::Deref,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::Router;
use fapilog::{Container, Logger, error, error::ShutdownError, info, metrics::Accounts, warn};
use fapilog_http::{call_catching_panics, drop_catching_panics};
use thiserror::Error;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    task::{JoinError, JoinHandle},
};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Serves a router until the process gets SIGTERM or SIGINT, then shuts the log down.
///
/// 1. It logs `server started`, with the address.
/// 2. Upon the signal, it logs `server stopping` and accepts no more connections. Requests in flight have
///    [`drain_timeout`](Serve::drain_timeout) to end.
/// 3. It logs `server stopped`, or `server stopped with requests in flight`.
/// 4. It waits for the future of [`wait_for`](Serve::wait_for), for the time that is left.
/// 5. It shuts the container down: all events are delivered, within [`flush_timeout`](Serve::flush_timeout).
///
/// A server that fails, or cannot start, logs `server failed`, and goes on with step 4. A future of
/// [`shutdown_on`](Serve::shutdown_on) that panics stops the server as a signal does, and is the error at the end.
///
/// `logs` is an `Arc<Container>`, or the [`Global`](fapilog::Global) of `fapilog::init`. Handlers can ask for the client's address by
/// axum's `ConnectInfo<SocketAddr>`. Connections whose requests are not done in time are cut when the runtime ends; their events
/// are counted as lost.
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use fapilog_tower::{RequestLog, RequestLogLayer, axum::serve_with};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// # let logs = std::sync::Arc::new(fapilog::Container::builder().start()?);
/// let log = logs.logger("gateway");
/// let router = Router::new()
///     .route("/", get(|| async { "hello" }))
///     .layer(RequestLogLayer::new(RequestLog::new(&log)));
/// let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
/// let accounts = serve_with(logs, listener, router).await?;
/// assert_eq!(accounts.lost_total(), 0);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "register_fapilog_lifecycle")]
pub fn serve_with<L>(logs: L, listener: TcpListener, router: Router) -> Serve<L>
where
    L: Deref<Target = Container> + Send + 'static,
{
    let log = logs.logger("server");
    Serve {
        logs,
        log,
        listener,
        router,
        signal: None,
        background: None,
        drain_timeout: Duration::from_secs(30),
        flush_timeout: Duration::from_secs(5),
    }
}

/// A server with a log, which runs when it is awaited: see [`serve_with`].
#[must_use = "a server does nothing until it is awaited"]
pub struct Serve<L> {
    logs: L,
    log: Logger,
    listener: TcpListener,
    router: Router,
    signal: Option<BoxFuture<()>>,
    background: Option<BoxFuture<()>>,
    drain_timeout: Duration,
    flush_timeout: Duration,
}

impl<L> fmt::Debug for Serve<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("log", &self.log)
            .field("listener", &self.listener)
            .field("drain_timeout", &self.drain_timeout)
            .field("flush_timeout", &self.flush_timeout)
            .finish_non_exhaustive()
    }
}

/// A server did not run, or did not stop as it should.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address of the listener is unknown, or the signals cannot be waited for.
    #[error("the server cannot {operation}")]
    Start {
        /// The operation that failed.
        operation: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// The server ended by itself.
    #[error("the server ended before it was asked to")]
    Serve {
        /// The reason.
        source: io::Error,
    },
    /// The server's task panicked or was cancelled.
    #[error("the server's task ended")]
    Task {
        /// The reason.
        source: JoinError,
    },
    /// A future of the program panicked. The server is stopped, and the log is shut down.
    #[error("the future of `{setting}` panicked")]
    Panicked {
        /// The setting: `shutdown_on` or `wait_for`.
        setting: &'static str,
    },
    /// The log is not shut down in time. The error has the accounts.
    #[error("the log of the server is not shut down")]
    Shutdown {
        /// The reason.
        source: ShutdownError,
    },
}

impl<L> Serve<L>
where
    L: Deref<Target = Container> + Send + 'static,
{
    /// Stops the server when this future is ready, instead of on SIGTERM and SIGINT.
    pub fn shutdown_on(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        self.signal = Some(Box::pin(signal));
        self
    }

    /// The logger that the server logs to. Default: the container's, with the source `server`.
    pub fn logger(mut self, log: &Logger) -> Self {
        self.log = log.clone();
        self
    }

    /// Waits for this future behind the last request, before the container shuts down: for tasks and threads that work on after a
    /// request has been answered. Events that they log later are lost. It has what is left of the [drain timeout](Self::drain_timeout).
    /// It is awaited where the server fails, too.
    pub fn wait_for(mut self, background: impl Future<Output = ()> + Send + 'static) -> Self {
        self.background = Some(Box::pin(background));
        self
    }

    /// The longest time for requests in flight when the server stops. Default: 30 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// The longest time for events that are not delivered yet when the container shuts down. Default: 5 s.
    pub fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.flush_timeout = timeout;
        self
    }

    async fn run(self) -> Result<Accounts, ServeError> {
        let Self { logs, log, listener, router, signal, background, drain_timeout, flush_timeout } = self;
        let mut drain = DrainTime::new(drain_timeout);
        let served = serve_until(&log, listener, router, signal, &mut drain).await;
        log_failure(&log, &served);
        let waited = wait_for(&log, background, drain.left()).await;
        log_failure(&log, &waited);
        let accounts = shut_down(logs, flush_timeout).await;
        served.and(waited).and(accounts)
    }
}

fn log_failure(log: &Logger, result: &Result<(), ServeError>) {
    if let Err(failure) = result {
        error!(log, "server failed", target: "fapilog::server", error = #failure);
    }
}

/// The time for requests in flight and background work, which begins when the server stops.
struct DrainTime {
    timeout: Duration,
    begun: Option<Instant>,
}

impl DrainTime {
    fn new(timeout: Duration) -> Self {
        Self { timeout, begun: None }
    }

    fn took(&mut self) -> Duration {
        self.begun.get_or_insert_with(Instant::now).elapsed()
    }

    fn left(&mut self) -> Duration {
        self.timeout.saturating_sub(self.took())
    }
}

impl<L> IntoFuture for Serve<L>
where
    L: Deref<Target = Container> + Send + 'static,
{
    type Output = Result<Accounts, ServeError>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// Serves until the signal, and then until the requests in flight are done or the time is over.
async fn serve_until(
    log: &Logger,
    listener: TcpListener,
    router: Router,
    signal: Option<BoxFuture<()>>,
    drain: &mut DrainTime,
) -> Result<(), ServeError> {
    let start = |operation| move |source| ServeError::Start { operation, source };
    let address = listener.local_addr().map_err(start("find the address of its listener"))?;
    let signal = match signal {
        Some(signal) => signal,
        None => termination().map_err(start("wait for SIGTERM and SIGINT"))?,
    };
    info!(log, "server started", target: "fapilog::server", address);
    let mut server = Server::start(listener, router);
    let signalled = match server.until(CaughtFuture::new(signal, "shutdown_on")).await {
        ServerWait::Ended(ended) => return ended,
        ServerWait::Signalled(signalled) => signalled,
    };
    info!(log, "server stopping", target: "fapilog::server");
    let is_drained = server.stop(drain.left()).await?;
    let took = drain.took();
    if is_drained {
        info!(log, "server stopped", target: "fapilog::server", metrics.took);
    } else {
        warn!(log, "server stopped with requests in flight", target: "fapilog::server", metrics.took);
    }
    signalled
}

/// Waits for background work, if there is any.
async fn wait_for(log: &Logger, background: Option<BoxFuture<()>>, timeout: Duration) -> Result<(), ServeError> {
    let Some(background) = background else { return Ok(()) };
    let background = CaughtFuture::new(background, "wait_for");
    tokio::time::timeout(timeout, background).await.unwrap_or_else(|_| {
        warn!(log, "server stopped before its background work", target: "fapilog::server");
        Ok(())
    })
}

/// A future of the program. A panic of it is an error, and one of its drop is caught, so that the log is shut down behind it.
struct CaughtFuture {
    future: Option<BoxFuture<()>>,
    setting: &'static str,
}

impl CaughtFuture {
    fn new(future: BoxFuture<()>, setting: &'static str) -> Self {
        Self { future: Some(future), setting }
    }
}

impl Future for CaughtFuture {
    type Output = Result<(), ServeError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.future else { return Poll::Pending };
        match call_catching_panics(|| future.as_mut().poll(context)) {
            Some(polled) => polled.map(Ok),
            None => Poll::Ready(Err(ServeError::Panicked { setting: self.setting })),
        }
    }
}

impl Drop for CaughtFuture {
    fn drop(&mut self) {
        drop_catching_panics(self.future.take());
    }
}

/// SIGTERM or SIGINT.
fn termination() -> io::Result<BoxFuture<()>> {
    let mut signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    Ok(Box::pin(async move {
        poll_fn(|context| {
            let is_there = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
            if is_there { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }))
}

/// The end of the time in which a server accepts connections.
enum ServerWait {
    /// The server ended by itself.
    Ended(Result<(), ServeError>),
    /// The signal is there, or its future panicked.
    Signalled(Result<(), ServeError>),
}

/// The task that accepts connections. It ends when this is dropped.
struct Server {
    task: JoinHandle<io::Result<()>>,
    stop: Option<oneshot::Sender<()>>,
}

impl Server {
    fn start(listener: TcpListener, router: Router) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
            // An error means that the sender is dropped, and the server with it.
            let _ = stopped.await;
        });
        Self { task: tokio::spawn(serving.into_future()), stop: Some(stop) }
    }

    /// Waits for the signal, or the end of the task if that comes first.
    async fn until(&mut self, signal: CaughtFuture) -> ServerWait {
        let mut signal = pin!(signal);
        poll_fn(|context| {
            if let Poll::Ready(signalled) = signal.as_mut().poll(context) {
                return Poll::Ready(ServerWait::Signalled(signalled));
            }
            Pin::new(&mut self.task).poll(context).map(|ended| ServerWait::Ended(result_of(ended)))
        })
        .await
    }

    /// Accepts no more connections, and waits until the requests in flight are done. Returns whether they are.
    async fn stop(&mut self, timeout: Duration) -> Result<bool, ServeError> {
        if let Some(stop) = self.stop.take() {
            // An error means that the task has ended.
            let _ = stop.send(());
        }
        match tokio::time::timeout(timeout, &mut self.task).await {
            Ok(ended) => result_of(ended).map(|()| true),
            Err(_) => Ok(false),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn result_of(ended: Result<io::Result<()>, JoinError>) -> Result<(), ServeError> {
    let served = ended.map_err(|source| ServeError::Task { source })?;
    served.map_err(|source| ServeError::Serve { source })
}

/// Shuts the container down on a thread for work that blocks.
async fn shut_down<L>(logs: L, timeout: Duration) -> Result<Accounts, ServeError>
where
    L: Deref<Target = Container> + Send + 'static,
{
    let shutdown = tokio::task::spawn_blocking(move || logs.shutdown(timeout)).await;
    let shutdown = shutdown.map_err(|source| ServeError::Task { source })?;
    shutdown.map_err(|source| ServeError::Shutdown { source })
}
