//! A strict HTTP/1.1 server with scripted answers.

mod answer;
mod connection;
mod date;
mod decode;
mod record;
mod reply;
mod request;
mod run;
mod script;
mod tls;
mod wire;

use std::{
    net::{Ipv4Addr, SocketAddr},
    panic::{RefUnwindSafe, UnwindSafe},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

pub use self::{answer::FakeAnswer, request::FakeRequest};
use self::{
    record::HttpRecord,
    run::HttpRun,
    script::{AnswerQueue, HttpScript},
    tls::ClientCertificate,
};
use crate::{
    ca::{IssuedCertificate, TestCa},
    ports,
};

/// A value behind a lock is whole also after a panic: each change is a single one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An HTTP/1.1 server on loopback, with threads of its own.
///
/// It answers by a script, records each request, and checks it by the standard: a request that breaks it is a violation, and the
/// server panics when it is dropped, unless the test has taken its violations.
///
/// ```
/// use fapilog_test_servers::{FakeAnswer, FakeHttp};
///
/// let server = FakeHttp::start();
/// server.queue([FakeAnswer::new(503).retry_after_seconds(1), FakeAnswer::ok()]);
/// let url = server.url("/logs"); // http://127.0.0.1:PORT/logs
/// ```
#[derive(Debug)]
pub struct FakeHttp {
    port: u16,
    script: Arc<HttpScript>,
    record: Arc<HttpRecord>,
    run: Mutex<Option<HttpRun>>,
}

/// The settings of a [`FakeHttp`].
#[derive(Debug)]
#[must_use]
pub struct FakeHttpBuilder {
    script: HttpScript,
}

impl FakeHttp {
    /// A server without TLS that answers each request with 200 and an empty body, until its script is changed.
    #[must_use]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A server with settings.
    pub fn builder() -> FakeHttpBuilder {
        let answers = AnswerQueue { next: std::collections::VecDeque::new(), then: Arc::new(|_| FakeAnswer::ok()) };
        FakeHttpBuilder {
            script: HttpScript {
                tls: None,
                body_limit: usize::MAX,
                requests_per_connection: usize::MAX,
                announces_close: false,
                idle_limit: None,
                ignores_expectations: false,
                keeps_no_requests: false,
                on_head: None,
                answers: Mutex::new(answers),
            },
        }
    }

    /// The address: always `127.0.0.1`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// A URL with `http` or `https`, `127.0.0.1`, the port and this path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.script.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address())
    }

    /// Sets the function that answers requests, once the queue is empty. A panic in it, such as a failed assertion, is a violation.
    pub fn answer(&self, answer: impl Fn(&FakeRequest) -> FakeAnswer + Send + Sync + 'static) {
        lock(&self.script.answers).then = Arc::new(answer);
    }

    /// Adds answers for the next requests, one each.
    pub fn queue(&self, answers: impl IntoIterator<Item = FakeAnswer>) {
        lock(&self.script.answers).next.extend(answers);
    }

    /// The requests so far, in the order in which they were read.
    #[must_use]
    pub fn requests(&self) -> Vec<Arc<FakeRequest>> {
        self.record.requests()
    }

    /// The requests so far that were read whole and have a status of 2xx in the script: those that the server took.
    #[must_use]
    pub fn accepted(&self) -> Vec<Arc<FakeRequest>> {
        let is_accepted = |request: &Arc<FakeRequest>| {
            request.is_whole && request.status().is_some_and(|status| (200..300).contains(&status))
        };
        self.requests().into_iter().filter(is_accepted).collect()
    }

    /// Waits for so many requests. Panics at the deadline.
    ///
    /// A request is recorded before its answer goes out.
    pub fn wait_for(&self, requests: usize, deadline: Duration) -> Vec<Arc<FakeRequest>> {
        let met = self.record.wait_until(deadline, |all| all.len() >= requests);
        met.unwrap_or_else(|| panic!("{requests} requests did not come in {deadline:?}: {}", self.summary()))
    }

    /// Waits until the requests satisfy a condition. Panics at the deadline, with `wanted` as the text.
    pub fn wait_until(
        &self,
        wanted: &str,
        deadline: Duration,
        is_met: impl FnMut(&[Arc<FakeRequest>]) -> bool,
    ) -> Vec<Arc<FakeRequest>> {
        let met = self.record.wait_until(deadline, is_met);
        met.unwrap_or_else(|| panic!("no {wanted} in {deadline:?}: {}", self.summary()))
    }

    fn summary(&self) -> String {
        let line = |request: Arc<FakeRequest>| {
            let status = request.status().unwrap_or_default();
            format!("\n  {} {} ({} bytes) -> {status}", request.method, request.target, request.raw_body.len())
        };
        let lines: String = self.requests().into_iter().map(line).collect();
        format!("{} connections, {} aborted requests{lines}", self.connections(), self.aborted())
    }

    /// The number of connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.record.connections()
    }

    /// The number of requests that the client did not send to their end. They are no violations: a client may reach its time limit.
    #[must_use]
    pub fn aborted(&self) -> usize {
        self.record.aborted()
    }

    /// Takes the violations so far: they no longer fail the test.
    #[must_use]
    pub fn take_violations(&self) -> Vec<String> {
        self.record.take_violations()
    }

    /// Closes the port and all connections, also those with an answer in flight. The record is kept.
    pub fn stop(&self) {
        if let Some(run) = lock(&self.run).take() {
            run.stop();
        }
    }

    /// Opens the same port again, with the same script and record.
    pub fn restart(&self) {
        self.stop();
        *lock(&self.run) = Some(HttpRun::start(self.port, &self.script, &self.record));
    }
}

// Its state is behind locks, and a panic of the script is caught.
impl UnwindSafe for FakeHttp {}
impl RefUnwindSafe for FakeHttp {}

impl Drop for FakeHttp {
    fn drop(&mut self) {
        self.stop();
        let violations = self.take_violations();
        if !violations.is_empty() && !thread::panicking() {
            panic!("requests at {} broke the standard:\n  {}", self.address(), violations.join("\n  "));
        }
    }
}

impl FakeHttpBuilder {
    /// TLS with a certificate of this authority for `localhost`, `127.0.0.1` and `::1`.
    pub fn tls(self, ca: &TestCa) -> Self {
        self.tls_with(ca, &ca.server())
    }

    /// TLS with this certificate.
    pub fn tls_with(mut self, ca: &TestCa, server: &IssuedCertificate) -> Self {
        self.script.tls = Some(tls::server_config(ca, server, ClientCertificate::NotAsked));
        self
    }

    /// TLS, and a client must have a certificate of this authority.
    pub fn mutual_tls(mut self, ca: &TestCa) -> Self {
        self.script.tls = Some(tls::server_config(ca, &ca.server(), ClientCertificate::Required));
        self
    }

    /// Bodies of more bytes are refused with 413, before they are read where their length is known.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.script.body_limit = bytes;
        self
    }

    /// Connections are closed after so many requests, and the last answer announces it.
    pub fn requests_per_connection(mut self, requests: usize) -> Self {
        self.script.requests_per_connection = requests.max(1);
        self.script.announces_close = true;
        self
    }

    /// Connections are closed after so many requests, without a word.
    pub fn requests_per_connection_unannounced(mut self, requests: usize) -> Self {
        self.script.requests_per_connection = requests.max(1);
        self
    }

    /// Connections are closed when the client sends nothing for so long.
    pub fn idle_limit(mut self, limit: Duration) -> Self {
        self.script.idle_limit = Some(limit);
        self
    }

    /// `Expect: 100-continue` gets no interim answer.
    pub fn ignores_expectations(mut self) -> Self {
        self.script.ignores_expectations = true;
        self
    }

    /// Sets a function that may answer a request by its head, before the body is read. The connection is closed behind the answer.
    pub fn on_head(mut self, answer: impl Fn(&FakeRequest) -> Option<FakeAnswer> + Send + Sync + 'static) -> Self {
        self.script.on_head = Some(Arc::new(answer));
        self
    }

    /// Sets the function that answers requests, as [`FakeHttp::answer`].
    pub fn answer(self, answer: impl Fn(&FakeRequest) -> FakeAnswer + Send + Sync + 'static) -> Self {
        lock(&self.script.answers).then = Arc::new(answer);
        self
    }

    /// Requests are not kept: for long runs, in which the function that answers counts what it sees.
    pub fn keeps_no_requests(mut self) -> Self {
        self.script.keeps_no_requests = true;
        self
    }

    /// Starts the server on a free port.
    #[must_use]
    pub fn start(self) -> FakeHttp {
        let (script, record) = (Arc::new(self.script), Arc::new(HttpRecord::default()));
        let port = ports::free();
        let run = HttpRun::start(port, &script, &record);
        FakeHttp { port, script, record, run: Mutex::new(Some(run)) }
    }
}
