//! The cost of a request's log: a bare application, the same under `RequestLogTransform`, and the same under actix-web's own
//! `middleware::Logger` with `env_logger`. Both log an event a request to a file.
//!
//! `cargo bench -p fapilog-actix`. The three run in turn, a block of requests each, so that all meet the same machine. A request is timed
//! from the call of the application to the end of the response body, without a network.

#![expect(clippy::print_stdout, reason = "the figures are its output")]

use std::{
    error::Error,
    fs::File,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use actix_web::{
    App,
    body::{MessageBody, to_bytes},
    dev::{Service, ServiceResponse},
    middleware::Logger as RequestLines,
    test::{TestRequest, init_service},
    web,
};
use fapilog::{Container, format, sink};
use fapilog_actix::{RequestLog, RequestLogTransform};

const BLOCK: usize = 500;
const BLOCKS: usize = 400;
const WARM_UP_BLOCKS: usize = 20;

/// The time between two blocks, in which both logs write their events.
const IDLE: Duration = Duration::from_millis(2);

/// The time of each request, in nanoseconds.
#[derive(Default)]
struct Times(Vec<u64>);

impl Times {
    fn percentile(&mut self, percent: usize) -> u64 {
        self.0.sort_unstable();
        self.0.get(self.0.len() * percent / 100).copied().unwrap_or(0)
    }
}

fn request() -> TestRequest {
    let request = TestRequest::get().uri("/orders/42?page=2").insert_header(("user-agent", "bench"));
    request.insert_header(("x-request-id", "0198c0de-0000-7000-8000-000000000000"))
}

async fn time_block<S, R, B>(app: &S, make_request: impl Fn() -> R, times: Option<&mut Times>)
where
    S: Service<R, Response = ServiceResponse<B>>,
    B: MessageBody,
{
    let mut of_block = Vec::with_capacity(BLOCK);
    for _ in 0..BLOCK {
        let request = make_request();
        let start = Instant::now();
        if let Ok(response) = app.call(request).await {
            black_box(to_bytes(response.into_body()).await.unwrap_or_default());
        }
        of_block.push(start.elapsed().as_nanos() as u64);
    }
    if let Some(times) = times {
        times.0.extend(of_block);
    }
    std::thread::sleep(IDLE);
}

fn write_lines_of_log_to(path: &Path) -> Result<(), Box<dyn Error>> {
    let file = File::create(path)?;
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Info)
        .target(env_logger::Target::Pipe(Box::new(file)))
        .try_init()?;
    Ok(())
}

async fn handler() -> &'static str {
    "an order"
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("fapilog.log");
    let path_of_lines = directory.path().join("lines.log");
    write_lines_of_log_to(&path_of_lines)?;
    let logs = Container::builder().sink("file", sink::File::new(&path, format::Json::new)).start()?;
    let log = logs.logger("bench");

    let route = || web::get().to(handler);
    let bare = init_service(App::new().route("/orders/{id}", route())).await;
    let ours = RequestLogTransform::new(RequestLog::new(&log));
    let ours = init_service(App::new().wrap(ours).route("/orders/{id}", route())).await;
    let lines = init_service(App::new().wrap(RequestLines::default()).route("/orders/{id}", route())).await;

    let make_request = || request().to_request();
    let [mut of_bare, mut of_ours, mut of_lines] = [Times::default(), Times::default(), Times::default()];
    for block in 0..WARM_UP_BLOCKS + BLOCKS {
        let is_timed = block >= WARM_UP_BLOCKS;
        time_block(&bare, make_request, is_timed.then_some(&mut of_bare)).await;
        time_block(&ours, make_request, is_timed.then_some(&mut of_ours)).await;
        time_block(&lines, make_request, is_timed.then_some(&mut of_lines)).await;
    }
    let base = of_bare.percentile(50);
    for (name, times) in [
        ("bare application", &mut of_bare),
        ("RequestLogTransform", &mut of_ours),
        ("Logger, env_logger", &mut of_lines),
    ] {
        let (p50, p99) = (times.percentile(50), times.percentile(99));
        println!("{name:22} p50 {p50:>6} ns   p99 {p99:>6} ns   over bare {:>6} ns", p50.saturating_sub(base));
    }

    let accounts = logs.shutdown(Duration::from_secs(30))?;
    accounts.check()?;
    let expected = (WARM_UP_BLOCKS + BLOCKS) * BLOCK;
    println!("events of fapilog: {expected} expected, {} delivered", accounts.delivered_total());
    println!("lines of Logger: {} in the file", std::fs::read_to_string(path_of_lines)?.lines().count());
    Ok(())
}
