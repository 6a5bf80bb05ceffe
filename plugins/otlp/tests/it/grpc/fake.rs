//! A server of gRPC whose answers are scripted, by the library of HTTP/2.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io::Read,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    task::Poll,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use bytes::Bytes;
use fapilog_test_servers::{EventLedger, IssuedCertificate, TestCa};
use h2::{Reason, SendStream, server::SendResponse};
use http::{HeaderMap, Request, Response};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use prost::Message;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::WebPkiClientVerifier,
    },
};

use crate::received::numbers_of;

/// An answer to a call.
#[derive(Clone, Debug)]
pub(crate) enum GrpcReply {
    /// OK, with so many rejected records.
    Ok { rejected: i64 },
    /// A status, with other trailers.
    Status { code: u32, message: &'static str, details: Option<String> },
    /// A status in trailers behind an empty body.
    LateStatus(u32),
    /// A status of HTTP alone.
    Http(u16),
    /// 200 without a status of gRPC.
    NoStatus,
    /// No answer at all.
    Silence,
    /// A body of one byte now and then, without an end.
    Drip,
    /// A body without an end.
    Endless,
    /// A head that is longer than any limit.
    LongHead,
    /// The stream is reset.
    Reset(Reason),
    /// The connection is closed without an answer.
    Close,
    /// OK, and the connection takes no further call.
    OkThenGoAway,
    /// OK, and the connection is closed behind it.
    OkThenClose,
}

impl GrpcReply {
    pub(crate) fn status(code: u32) -> Self {
        Self::Status { code, message: "no", details: None }
    }

    fn is_ok(&self) -> bool {
        matches!(self, Self::Ok { .. } | Self::OkThenGoAway | Self::OkThenClose)
    }
}

/// A call that was received.
#[derive(Clone, Debug)]
pub(crate) struct GrpcCall {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) numbers: Vec<u64>,
    pub(crate) at: Instant,
    /// The number of its connection, from 1.
    pub(crate) connection: usize,
    pub(crate) is_accepted: bool,
}

#[derive(Default)]
struct Script {
    replies: VecDeque<GrpcReply>,
    calls: Vec<GrpcCall>,
    connections: usize,
    closed: usize,
    limit: Option<usize>,
}

/// The server, on a thread of its own.
pub(crate) struct FakeGrpc {
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    script: Arc<Mutex<Script>>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl FakeGrpc {
    pub(crate) fn start() -> Self {
        Self::with_tls(None)
    }

    pub(crate) fn with_tls(tls: Option<Arc<ServerConfig>>) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { address, tls, script: Arc::default(), running: None };
        server.restart();
        server
    }

    pub(crate) fn restart(&mut self) {
        let listener = TcpListener::bind(self.address).unwrap();
        self.address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let (tls, script) = (self.tls.clone(), Arc::clone(&self.script));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                listener.set_nonblocking(true).unwrap();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::spawn(accept(listener, tls, script));
                let _ = stopped.await;
            });
        });
        self.running = Some((stop, thread));
    }

    /// Closes all connections at once.
    pub(crate) fn stop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            thread.join().unwrap();
        }
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The next answers. Behind them, all are OK.
    pub(crate) fn queue(&self, replies: impl IntoIterator<Item = GrpcReply>) {
        self.script.lock().unwrap().replies.extend(replies);
    }

    /// Messages that are longer than so many bytes are refused, as grpc-go does.
    pub(crate) fn limit(&self, bytes: usize) {
        self.script.lock().unwrap().limit = Some(bytes);
    }

    pub(crate) fn calls(&self) -> Vec<GrpcCall> {
        self.script.lock().unwrap().calls.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.script.lock().unwrap().connections
    }

    /// Waits until the server has closed a connection.
    #[track_caller]
    pub(crate) fn wait_for_close(&self) {
        let deadline = Instant::now() + crate::TIMEOUT;
        while self.script.lock().unwrap().closed == 0 {
            assert!(Instant::now() < deadline, "no connection was closed");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The events with these numbers, and those in calls that were answered by OK.
    pub(crate) fn ledger(&self, submitted: std::ops::Range<u64>) -> EventLedger {
        let mut ledger = EventLedger::new();
        ledger.submit_all(submitted.map(|number| number.to_string()));
        for call in self.calls().iter().filter(|call| call.is_accepted) {
            ledger.receive_all(call.numbers.iter().map(u64::to_string));
        }
        ledger
    }
}

impl Drop for FakeGrpc {
    fn drop(&mut self) {
        self.stop();
    }
}

/// TLS with the name of HTTP/2, and with a certificate of the client if it is asked for.
pub(crate) fn server_config(ca: &TestCa, server: &IssuedCertificate, asks_client: bool) -> Arc<ServerConfig> {
    let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = match asks_client {
        false => builder.unwrap().with_no_client_auth(),
        true => {
            let mut roots = RootCertStore::empty();
            roots.add(certificate(ca.certificate_pem())).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.unwrap().with_client_cert_verifier(verifier.unwrap())
        }
    };
    let key = PrivateKeyDer::from_pem_slice(server.key_pem.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(vec![certificate(&server.certificate_pem)], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

async fn accept(listener: tokio::net::TcpListener, tls: Option<Arc<ServerConfig>>, script: Arc<Mutex<Script>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let script = Arc::clone(&script);
        let tls = tls.clone();
        tokio::spawn(async move {
            match tls {
                None => serve(stream, &script).await,
                Some(config) => {
                    if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
                        serve(stream, &script).await;
                    }
                }
            }
            script.lock().unwrap().closed += 1;
        });
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, script: &Arc<Mutex<Script>>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    let number = {
        let mut script = script.lock().unwrap();
        script.connections += 1;
        script.connections
    };
    let (close, mut closing) = tokio::sync::mpsc::unbounded_channel();
    loop {
        let step = poll_fn(|context| match closing.poll_recv(context) {
            Poll::Ready(Some(reply)) => Poll::Ready(Err(reply)),
            _ => connection.poll_accept(context).map(Ok),
        });
        match step.await {
            Err(GrpcReply::OkThenGoAway) => connection.graceful_shutdown(),
            Err(GrpcReply::OkThenClose) => {
                // Pending answers are written first.
                let flush = poll_fn(|context| connection.poll_closed(context));
                let _ = tokio::time::timeout(Duration::from_millis(50), flush).await;
                return;
            }
            Ok(Some(Ok((request, respond)))) => {
                tokio::spawn(handle(request, respond, Arc::clone(script), number, close.clone()));
            }
            _ => return,
        }
    }
}

async fn handle(
    request: Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
    script: Arc<Mutex<Script>>,
    connection: usize,
    close: tokio::sync::mpsc::UnboundedSender<GrpcReply>,
) {
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(Ok(data)) = stream.data().await {
        let _ = stream.flow_control().release_capacity(data.len());
        body.extend_from_slice(&data);
    }
    if !stream.is_end_stream() {
        return;
    }
    let reply = {
        let mut script = script.lock().unwrap();
        let is_too_long = script.limit.is_some_and(|limit| body.len() > limit);
        let reply = match is_too_long {
            true => GrpcReply::Status {
                code: 8,
                message: "grpc: received message larger than max (9 vs. 1)",
                details: None,
            },
            false => script.replies.pop_front().unwrap_or(GrpcReply::Ok { rejected: 0 }),
        };
        script.calls.push(GrpcCall {
            path: head.uri.path().to_owned(),
            numbers: numbers_of(message(&body, &head.headers)),
            headers: head.headers,
            at: Instant::now(),
            connection,
            is_accepted: reply.is_ok(),
        });
        reply
    };
    answer(&reply, &mut respond).await;
    if matches!(reply, GrpcReply::Close | GrpcReply::OkThenGoAway | GrpcReply::OkThenClose) {
        let _ = close.send(reply);
    }
}

/// The message of a body. Panics if it is none.
fn message(body: &[u8], headers: &HeaderMap) -> ExportLogsServiceRequest {
    let ([flag, a, b, c, d], message) = body.split_first_chunk().unwrap();
    assert_eq!(u32::from_be_bytes([*a, *b, *c, *d]) as usize, message.len());
    let encoding = headers.get("grpc-encoding").map(|encoding| encoding.to_str().unwrap());
    let message = match (flag, encoding) {
        (0, None) => message.to_vec(),
        (1, Some("gzip")) => {
            let mut read = Vec::new();
            flate2::read::GzDecoder::new(message).read_to_end(&mut read).unwrap();
            read
        }
        (1, Some("zstd")) => zstd::decode_all(message).unwrap(),
        other => panic!("the message has {other:?}"),
    };
    ExportLogsServiceRequest::decode(message.as_slice()).unwrap()
}

fn head() -> http::response::Builder {
    Response::builder().header("content-type", "application/grpc")
}

fn trailers(code: u32) -> HeaderMap {
    HeaderMap::from_iter([("grpc-status".parse().unwrap(), code.to_string().parse().unwrap())])
}

async fn answer(reply: &GrpcReply, respond: &mut SendResponse<Bytes>) {
    let mut send = |head: http::response::Builder, is_end| respond.send_response(head.body(()).unwrap(), is_end).ok();
    match reply {
        GrpcReply::Ok { rejected } => {
            let _ = send(head(), false).map(|stream| put_ok(stream, *rejected));
        }
        GrpcReply::OkThenGoAway | GrpcReply::OkThenClose => {
            let _ = send(head(), false).map(|stream| put_ok(stream, 0));
        }
        GrpcReply::Status { code, message, details } => {
            let head = head().header("grpc-status", *code).header("grpc-message", *message);
            let head = details.iter().fold(head, |head, text| head.header("grpc-status-details-bin", text));
            let _ = send(head, true);
        }
        GrpcReply::LateStatus(code) => {
            let _ = send(head(), false).map(|mut stream| stream.send_trailers(trailers(*code)));
        }
        GrpcReply::Http(status) => {
            let _ = send(Response::builder().status(*status), true);
        }
        GrpcReply::NoStatus => {
            let _ = send(head(), true);
        }
        GrpcReply::LongHead => {
            let _ = send(head().header("x-long", "x".repeat(100_000)).header("grpc-status", "0"), true);
        }
        GrpcReply::Silence => std::future::pending().await,
        GrpcReply::Drip => {
            let Some(mut stream) = send(head(), false) else { return };
            while stream.send_data(Bytes::from_static(b"\0"), false).is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        GrpcReply::Endless => {
            let Some(mut stream) = send(head(), false) else { return };
            while put_when_ready(&mut stream).await.is_some() {}
        }
        GrpcReply::Reset(reason) => respond.send_reset(*reason),
        GrpcReply::Close => {}
    }
}

fn put_ok(mut stream: SendStream<Bytes>, rejected: i64) -> Option<()> {
    let partial_success = (rejected != 0)
        .then(|| ExportLogsPartialSuccess { rejected_log_records: rejected, error_message: "too old".to_owned() });
    let message = ExportLogsServiceResponse { partial_success }.encode_to_vec();
    let len = u32::try_from(message.len()).unwrap().to_be_bytes();
    let frame = [&[0], &len[..], &message].concat();
    stream.send_data(frame.into(), false).ok()?;
    stream.send_trailers(trailers(0)).ok()
}

/// Sends as many bytes as the client has room for.
async fn put_when_ready(stream: &mut SendStream<Bytes>) -> Option<()> {
    stream.reserve_capacity(16 << 10);
    let capacity = poll_fn(|context| stream.poll_capacity(context)).await?.ok()?;
    stream.send_data(vec![0; capacity].into(), false).ok()
}
