//! The cost of a record of `log` on its caller's thread, and the rate to a file: the bridge beside other loggers, which alternate.
//!
//!     cargo bench -p fapilog-log
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "a program that measures")]

mod alternating;

use std::{fs::File, hint::black_box, path::Path, sync::Arc};

use alternating::{DIRECTIVES, MeasuredCall, Subject, TIMEOUT, per_call};
use fapilog_log::LogBridge;
use log::Log;

type AnyLogger = Arc<dyn Log>;

const CALLS: &[MeasuredCall<AnyLogger>] = &[
    MeasuredCall {
        title: "a message",
        burst: |logger| {
            let (price, venue) = (black_box(101.25), black_box("XNAS"));
            per_call(|n| log::info!(logger: logger, "order {n} filled at {price} on {venue}"))
        },
    },
    MeasuredCall {
        title: "pairs",
        burst: |logger| {
            let (price, venue) = (black_box(101.25), black_box("XNAS"));
            per_call(|n| log::info!(logger: logger, order = n, price, venue; "order filled"))
        },
    },
    MeasuredCall {
        title: "disabled by target",
        burst: |logger| {
            let (price, venue) = (black_box(101.25), black_box("XNAS"));
            per_call(|n| log::debug!(logger: logger, "order {n} filled at {price} on {venue}"))
        },
    },
];

fn subject(name: &'static str, logger: impl Log + 'static) -> Subject<AnyLogger> {
    let logger: AnyLogger = Arc::new(logger);
    let flushed = Arc::clone(&logger);
    Subject::new(name, logger, move || flushed.flush())
}

fn env_logger(directory: &Path) -> env_logger::Logger {
    let file = File::create(directory.join("env_logger.log")).unwrap();
    let target = env_logger::Target::Pipe(Box::new(file));
    env_logger::Builder::new().parse_filters(DIRECTIVES).target(target).build()
}

fn ftlog(directory: &Path) -> ftlog::Logger {
    let file = ftlog::appender::FileAppender::builder().path(directory.join("ftlog.log")).build();
    let builder = ftlog::builder().root(file).max_log_level(log::LevelFilter::Info);
    builder.bounded(100_000, true).build().unwrap()
}

fn main() {
    if !alternating::is_asked_for() {
        return;
    }
    log::set_max_level(log::LevelFilter::Trace);
    let directory = tempfile::tempdir().unwrap();
    let container = alternating::container(directory.path());
    let bridge = LogBridge::builder(container.logger("bench")).flush_timeout(TIMEOUT).build();
    let subjects = [
        subject("fapilog-log, JSON", bridge),
        subject("env_logger", env_logger(directory.path())),
        subject("ftlog", ftlog(directory.path())),
    ];
    let record = |logger: &AnyLogger, n| log::info!(logger: logger, "order {n} filled at {} on {}", 101.25, "XNAS");
    alternating::measure(&subjects, CALLS, record);
    alternating::shut_down(&container);
}
