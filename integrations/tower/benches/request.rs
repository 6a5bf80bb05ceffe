//! The cost of a request's log: a bare service, the same under `RequestLogLayer`, and the same under tower-http's `TraceLayer`
//! with tracing-subscriber's JSON formatter and tracing-appender's non-blocking writer. Both log an event a request to a file.
//!
//! `cargo bench -p fapilog-tower`. The three run in turn, a block of requests each, so that all meet the same machine. A request
//! is timed from the call of the service to the end of the response body, without a runtime: all futures are ready at once.
//!
//! It fails where `RequestLogLayer` adds more than 2 us at p50, or `TraceLayer` costs less than three times as much.

#![expect(clippy::print_stdout, reason = "the figures are its output")]

use std::{
    convert::Infallible,
    fs::File,
    future::{Future, poll_fn},
    hint::black_box,
    path::Path,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use axum::{Router, body::Body, routing::get};
use fapilog::{Container, format, sink};
use fapilog_tower::{RequestLog, RequestLogLayer};
use http::{Request, Response};
use http_body::Body as _;
use tower::{Layer, Service, service_fn};
use tower_http::trace::{DefaultMakeSpan, DefaultOnResponse, TraceLayer};

const BLOCK: usize = 500;
const BLOCKS: usize = 400;
const WARM_UP_BLOCKS: usize = 20;

/// The time between two blocks, in which both logs write their events.
const IDLE: Duration = Duration::from_millis(2);

/// The budget: nanoseconds over the bare service at p50, and how much more `TraceLayer` costs.
const OVERHEAD_MAX_NANOS: u64 = 2000;
const RATIO_MIN: f64 = 3.0;

/// The time of each request, in nanoseconds.
#[derive(Default)]
struct Times(Vec<u64>);

impl Times {
    fn percentile(&mut self, percent: usize) -> u64 {
        self.0.sort_unstable();
        self.0.get(self.0.len() * percent / 100).copied().unwrap_or(0)
    }
}

/// Runs a future that never waits.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("no future of the benchmark waits"),
    }
}

async fn run<S, B>(service: &mut S, request: Request<Body>) -> usize
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Data = bytes::Bytes>,
{
    let Ok(()) = poll_fn(|context| service.poll_ready(context)).await;
    let Ok(response) = service.call(request).await;
    let mut body = pin!(response.into_body());
    let mut bytes = 0;
    // As a server does: no more polls behind the end that the body states.
    while !body.is_end_stream() {
        let Some(Ok(frame)) = poll_fn(|context| body.as_mut().poll_frame(context)).await else { break };
        bytes += frame.into_data().map_or(0, |data| data.len());
    }
    bytes
}

fn request(with_id: bool) -> Request<Body> {
    let request = Request::get("/orders/42?page=2").header("user-agent", "bench").header("accept", "*/*");
    let request =
        if with_id { request.header("x-request-id", "0198c0de-0000-7000-8000-000000000000") } else { request };
    request.body(Body::empty()).unwrap_or_default()
}

fn time_block<S, B>(service: &mut S, with_id: bool, times: Option<&mut Times>)
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Data = bytes::Bytes>,
{
    let mut of_block = Vec::with_capacity(BLOCK);
    for _ in 0..BLOCK {
        let request = request(with_id);
        let start = Instant::now();
        black_box(ready(run(service, request)));
        of_block.push(start.elapsed().as_nanos() as u64);
    }
    if let Some(times) = times {
        times.0.extend(of_block);
    }
    std::thread::sleep(IDLE);
}

/// Times the three in turn, and prints their figures. Returns whether they are within the budget.
fn compare<B, F, T, BB, FB, TB>(name: &str, with_id: bool, mut bare: B, mut fapilog: F, mut trace: T) -> bool
where
    B: Service<Request<Body>, Response = Response<BB>, Error = Infallible>,
    F: Service<Request<Body>, Response = Response<FB>, Error = Infallible>,
    T: Service<Request<Body>, Response = Response<TB>, Error = Infallible>,
    BB: http_body::Body<Data = bytes::Bytes>,
    FB: http_body::Body<Data = bytes::Bytes>,
    TB: http_body::Body<Data = bytes::Bytes>,
{
    let [mut of_bare, mut of_fapilog, mut of_trace] = [Times::default(), Times::default(), Times::default()];
    for block in 0..WARM_UP_BLOCKS + BLOCKS {
        let is_timed = block >= WARM_UP_BLOCKS;
        time_block(&mut bare, with_id, is_timed.then_some(&mut of_bare));
        time_block(&mut fapilog, with_id, is_timed.then_some(&mut of_fapilog));
        time_block(&mut trace, with_id, is_timed.then_some(&mut of_trace));
    }
    let base = of_bare.percentile(50);
    let [of_ours, of_theirs] = [of_fapilog.percentile(50), of_trace.percentile(50)];
    let [ours, theirs] = [of_ours, of_theirs].map(|p50| p50.saturating_sub(base));
    println!("{name}");
    println!("  bare service       p50 {base:>6} ns   p99 {:>6} ns", of_bare.percentile(99));
    println!(
        "  RequestLogLayer    p50 {of_ours:>6} ns   p99 {:>6} ns   over bare {ours:>6} ns",
        of_fapilog.percentile(99)
    );
    println!(
        "  TraceLayer, JSON   p50 {of_theirs:>6} ns   p99 {:>6} ns   over bare {theirs:>6} ns",
        of_trace.percentile(99)
    );
    let ratio = theirs as f64 / ours.max(1) as f64;
    println!("  TraceLayer costs {ratio:.1} times as much");
    ours <= OVERHEAD_MAX_NANOS && ratio >= RATIO_MIN
}

/// Returns a value that writes the last events when it is dropped.
fn start_tracing(directory: &Path) -> Result<Box<dyn std::any::Any>, Box<dyn std::error::Error>> {
    let file = File::create(directory.join("tracing.log"))?;
    let (writer, worker) = tracing_appender::non_blocking(file);
    let subscriber = tracing_subscriber::fmt().json().with_max_level(tracing::Level::INFO).with_writer(writer).finish();
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(Box::new(worker))
}

async fn handler(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::from("an order")))
}

async fn handler_below<B>(_: Request<B>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::from("an order")))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let worker = start_tracing(directory.path())?;
    let path = directory.path().join("fapilog.log");
    let logs = Container::builder().sink("file", sink::File::new(&path, format::Json::new)).start()?;
    let log = logs.logger("bench");

    let ours = || RequestLogLayer::new(RequestLog::new(&log));
    let theirs = || {
        TraceLayer::new_for_http()
            .make_span_with(DefaultMakeSpan::new().level(tracing::Level::INFO))
            .on_request(())
            .on_response(DefaultOnResponse::new().level(tracing::Level::INFO))
            .on_body_chunk(())
            .on_eos(())
            .on_failure(())
    };
    let by_route = || ours().route(|_| Some("/orders/{id}".into()));
    let mut is_within = true;
    for (name, with_id) in [("service, id of the client", true), ("service, new id", false)] {
        let fapilog = by_route().layer(service_fn(handler_below));
        is_within &= compare(name, with_id, service_fn(handler), fapilog, theirs().layer(service_fn(handler)));
    }
    let router = || Router::<()>::new().route("/orders/{id}", get(|| async { "an order" }));
    is_within &=
        compare("axum router, id of the client", true, router(), router().layer(ours()), router().layer(theirs()));

    drop(worker);
    let accounts = logs.shutdown(Duration::from_secs(30))?;
    accounts.check()?;
    let expected = (3 * (WARM_UP_BLOCKS + BLOCKS) * BLOCK) as u64;
    println!("events of fapilog: {expected} expected, {} delivered", accounts.delivered_total());
    println!(
        "events of tracing: {} in the file",
        std::fs::read_to_string(directory.path().join("tracing.log"))?.lines().count()
    );
    if !is_within {
        return Err("the budget is missed".into());
    }
    Ok(())
}
