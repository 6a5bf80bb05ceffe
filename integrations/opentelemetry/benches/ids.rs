//! The cost of the ids of the current trace in each event, on the thread that logs: calls without ids, with those of a scope, and with
//! those of the current context, which alternate.
//!
//!     cargo bench -p fapilog-opentelemetry
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "a program that measures")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use fapilog::{Container, Logger, Scope, format, info, scope::TraceParent, sink};
use fapilog_opentelemetry::{FieldNames, context_of, trace_fields};

/// Calls that are timed together, each burst followed by a flush.
const BURST: u32 = 200;
const ROUNDS: usize = 400;
const WARM_UP_ROUNDS: usize = 40;
const TIMEOUT: Duration = Duration::from_secs(60);

/// The ids of the events of a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventIds {
    None,
    /// Those of a scope that is entered.
    Scope,
    /// Asked for in each call, where the thread has no context.
    NoContext,
    /// Those of the current context.
    Context(FieldNames),
}

struct Way {
    name: &'static str,
    ids: EventIds,
    container: Container,
    log: Logger,
    nanos: Vec<f64>,
}

impl Way {
    fn new(name: &'static str, ids: EventIds) -> Self {
        let builder = Container::builder().sink("null", sink::Null::new(format::Json::new));
        let builder = match ids {
            EventIds::None | EventIds::Scope => builder,
            EventIds::NoContext => builder.caller_fields(trace_fields(FieldNames::OpenTelemetry)),
            EventIds::Context(names) => builder.caller_fields(trace_fields(names)),
        };
        let container = builder.start().unwrap();
        Self { name, ids, log: container.logger("bench"), container, nanos: Vec::new() }
    }

    fn measure(&mut self, trace: &TraceParent) {
        let nanos = match self.ids {
            EventIds::None | EventIds::NoContext => burst(&self.log),
            EventIds::Scope => {
                let _entered = Scope::new().trace_parent(trace).enter();
                burst(&self.log)
            }
            EventIds::Context(_) => {
                let _attached = context_of(trace).attach();
                burst(&self.log)
            }
        };
        self.nanos.push(nanos);
        self.container.flush(TIMEOUT).unwrap();
    }
}

/// Nanoseconds a call.
fn burst(log: &Logger) -> f64 {
    let (price, venue) = (black_box(101.25), black_box("XNAS"));
    let start = Instant::now();
    (0..BURST).for_each(|n| info!(log, "order filled", order = n, price, venue));
    start.elapsed().as_nanos() as f64 / f64::from(BURST)
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn main() {
    // Tests of all targets run this program as well.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let mut ways = [
        Way::new("no ids", EventIds::None),
        Way::new("a scope with a traceparent", EventIds::Scope),
        Way::new("trace_fields, no context", EventIds::NoContext),
        Way::new("trace_fields, OpenTelemetry", EventIds::Context(FieldNames::OpenTelemetry)),
        Way::new("trace_fields, ElasticCommonSchema", EventIds::Context(FieldNames::ElasticCommonSchema)),
        Way::new("trace_fields, Datadog", EventIds::Context(FieldNames::Datadog)),
    ];
    let trace = TraceParent::start(true);
    for _ in 0..ROUNDS + WARM_UP_ROUNDS {
        ways.iter_mut().for_each(|way| way.measure(&trace));
    }
    println!("{:<34} {:>12} {:>22}", "ids of each event", "a call, ns", "more than no ids, ns");
    let mut plain = None;
    for way in &mut ways {
        let nanos = median(&mut way.nanos[WARM_UP_ROUNDS..]);
        let plain = *plain.get_or_insert(nanos);
        println!("{:<34} {nanos:>12.1} {:>22.1}", way.name, nanos - plain);
        let accounts = way.container.shutdown(TIMEOUT).unwrap();
        accounts.check().unwrap();
        assert_eq!(accounts.lost.total(), 0, "{accounts}");
    }
}
