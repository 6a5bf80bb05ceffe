//! The cost of a scrape: time, bytes and allocations of the snapshot alone, of both formats, of the registry of `prometheus-client`, and
//! of a request to the listener. The ways alternate.
//!
//!     cargo bench -p fapilog-prometheus
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "a program that measures")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use fapilog::{Container, format, info, sink};
use fapilog_prometheus::{Exporter, ExpositionFormat};
use prometheus_client::{encoding::text::encode, registry::Registry};

const ROUNDS: usize = 400;
const WARM_UP_ROUNDS: usize = 40;
const EVENTS: u64 = 10_000;
const TIMEOUT: Duration = Duration::from_secs(60);
/// The sinks of the two containers that are measured.
const SINKS: [usize; 2] = [2, 20];

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts the allocations of each thread.
struct Counting;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A way to the figures: its name, and a function that returns the number of bytes.
struct ScrapeWay<'a> {
    name: &'static str,
    scrape: Box<dyn FnMut() -> usize + 'a>,
    micros: Vec<f64>,
    bytes: usize,
    allocations: u64,
}

impl<'a> ScrapeWay<'a> {
    fn new(name: &'static str, scrape: impl FnMut() -> usize + 'a) -> Self {
        Self { name, scrape: Box::new(scrape), micros: Vec::new(), bytes: 0, allocations: 0 }
    }

    fn measure(&mut self) {
        let (before, start) = (ALLOCATIONS.get(), Instant::now());
        self.bytes = black_box((self.scrape)());
        self.micros.push(start.elapsed().as_nanos() as f64 / 1000.0);
        self.allocations = ALLOCATIONS.get() - before;
    }
}

/// The length of the body that the listener sends.
fn request(address: SocketAddr) -> usize {
    let mut stream = TcpStream::connect(address).unwrap();
    let accept = "application/openmetrics-text;version=1.0.0";
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response.split_once("\r\n\r\n").unwrap().1.len()
}

fn encoded(registry: &Registry) -> usize {
    let mut text = String::new();
    encode(&mut text, registry).unwrap();
    text.len()
}

/// A container with the default pipeline and this number of sinks, which has delivered events.
fn container(sinks: usize) -> Container {
    let builder = Container::builder().apply(fapilog::default_pipeline);
    let with_sink = |builder: fapilog::container::ContainerBuilder, number: usize| {
        builder.sink(&format!("sink-{number}"), sink::Null::new(format::Json::new))
    };
    let container = (0..sinks).fold(builder, with_sink).start().unwrap();
    let log = container.logger("bench");
    (0..EVENTS).for_each(|n| info!(log, "order filled", order = n));
    container.flush(TIMEOUT).unwrap();
    container
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn measure(sinks: usize) {
    let container = container(sinks);
    let exporter = Exporter::builder().container("app", &container).build().unwrap();
    let listener = exporter.listen("127.0.0.1:0").unwrap();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(exporter.clone()));
    let render = |format| exporter.render_as(format).into_body().len();
    let mut ways = [
        ScrapeWay::new("Container::metrics()", || size_of_val(&container.metrics())),
        ScrapeWay::new("OpenMetrics", || render(ExpositionFormat::OpenMetrics)),
        ScrapeWay::new("text", || render(ExpositionFormat::Text)),
        ScrapeWay::new("prometheus-client's registry", || encoded(&registry)),
        ScrapeWay::new("listener, OpenMetrics", || request(listener.address())),
    ];
    for _ in 0..ROUNDS + WARM_UP_ROUNDS {
        ways.iter_mut().for_each(ScrapeWay::measure);
    }
    for way in &mut ways {
        let micros = median(&mut way.micros[WARM_UP_ROUNDS..]);
        println!("{sinks:>5}   {:<30} {micros:>8.1} {:>9} {:>13}", way.name, way.bytes, way.allocations);
    }
    drop(ways);
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.lost_total(), 0, "{accounts}");
}

fn main() {
    // Tests of all targets run this program as well.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("sinks   figures as                           us     bytes   allocations");
    SINKS.iter().for_each(|sinks| measure(*sinks));
}
