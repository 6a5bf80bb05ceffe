//! The cost of a record of slog on its caller's thread, and the rate to a file: the drain alternates with `slog-json` behind
//! `slog-async`.
//!
//!     cargo bench -p fapilog-slog
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "a program that measures")]

#[path = "../../log/benches/alternating/mod.rs"]
mod alternating;

use std::{
    fs::File,
    hint::black_box,
    io::BufWriter,
    path::Path,
    sync::{Arc, Mutex},
};

use alternating::{MeasuredCall, Subject, TIMEOUT, per_call};
use fapilog_slog::SlogDrain;
use slog::{Drain, Logger, debug, info, o};

const CALLS: &[MeasuredCall<Logger>] = &[
    MeasuredCall {
        title: "three pairs",
        burst: |log| {
            let (price, venue) = (black_box(101.25), black_box("XNAS"));
            per_call(|n| info!(log, "order filled"; "order" => n, "price" => price, "venue" => venue))
        },
    },
    MeasuredCall {
        title: "two more of the logger",
        burst: |log| {
            let (price, venue) = (black_box(101.25), black_box("XNAS"));
            let child = log.new(o!("session" => 7, "user" => "u-42"));
            per_call(|n| info!(child, "order filled"; "order" => n, "price" => price, "venue" => venue))
        },
    },
    MeasuredCall {
        title: "disabled by target",
        burst: |log| {
            let (price, venue) = (black_box(101.25), black_box("XNAS"));
            per_call(|n| debug!(log, "order filled"; "order" => n, "price" => price, "venue" => venue))
        },
    },
];

/// A flush waits until the channel is empty, and the writer has no bytes left.
fn slog_json(directory: &Path) -> Subject<Logger> {
    let file = BufWriter::new(File::create(directory.join("slog.log")).unwrap());
    let json = Arc::new(Mutex::new(slog_json::Json::default(file)));
    let drain = slog_async::Async::new(json.fuse())
        .chan_size(100_000)
        .overflow_strategy(slog_async::OverflowStrategy::Block)
        .build();
    let drain = Arc::new(drain.fuse());
    let flushed = Arc::clone(&drain);
    let log = Logger::root(slog::LevelFilter::new(drain, slog::Level::Info).fuse(), o!());
    Subject::new("slog-json, slog-async", log, move || {
        let _ = flushed.flush();
    })
}

fn main() {
    if !alternating::is_asked_for() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let container = alternating::container(directory.path());
    let drain = SlogDrain::new(container.logger("bench")).flush_timeout(TIMEOUT);
    let flushed = drain.clone();
    let subjects = [
        Subject::new("fapilog-slog, JSON", Logger::root(drain, o!()), move || flushed.flush().unwrap()),
        slog_json(directory.path()),
    ];
    let record = |log: &Logger, n| info!(log, "order filled"; "order" => n, "price" => 101.25, "venue" => "XNAS");
    alternating::measure(&subjects, CALLS, record);
    alternating::shut_down(&container);
}
