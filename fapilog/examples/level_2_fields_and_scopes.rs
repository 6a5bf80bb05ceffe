//! Level 2 of 5: how do I bind fields, and a correlation id, to everything that a request logs?
//!
//! The types of fields are shown by `fields_and_types`.
//!
//! `cargo run -p fapilog --example level_2_fields_and_scopes`

#![expect(clippy::print_stdout, reason = "an example shows what came out")]

use std::{error::Error, thread, time::Duration};

use fapilog::{
    Container, Logger, Scope,
    event::{FieldGroup, ValueRef},
    format, info,
    scope::InScope,
    sink,
};

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let logs = Container::builder().sink("memory", sink).start()?;
    let log = logs.logger("gateway");

    // A bare key is the event's context. Tags are to search by, metrics to add up.
    info!(log, "order filled", order_id = 42, tags.venue = "XNAS", metrics.latency_ms = 3.2);
    // A child has the logger's source, and fields of its own.
    let of_kim = log.with([("user", ValueRef::Text("kim"))]);
    info!(of_kim, "logged in");
    serve(&log, "7f3a", "eu")?;
    pollster::block_on(serve_async(&log, "9c1e"));
    info!(log, "no scope any more");

    logs.shutdown(Duration::from_secs(5))?.check()?;
    let lines = events.lines();
    lines.iter().for_each(|line| println!("{line}"));
    assert_eq!(lines.iter().filter(|line| line.contains(r#""correlation_id":"7f3a""#)).count(), 5);
    assert_eq!(lines.iter().filter(|line| line.contains(r#""correlation_id":"9c1e""#)).count(), 2);
    Ok(())
}

fn serve(log: &Logger, request_id: &str, region: &str) -> Result<(), Box<dyn Error>> {
    // Archived once, at this point, and copied as bytes behind each event that this thread logs.
    let request = Scope::new().correlation_id(request_id).field(FieldGroup::Tags, "region", ValueRef::Text(region));
    let _entered = request.enter();

    info!(log, "request accepted");
    look_up(log);
    // A spawned thread gets the fields that are bound at its start.
    let worker = log.clone();
    let work = Scope::current().wrap(move || info!(worker, "archived"));
    thread::spawn(work).join().map_err(|_| "the worker panicked")?;
    info!(log, "request answered", status = 200);
    // A call's own argument counts before the scope's.
    info!(log, "replicated", tags.region = "us");
    Ok(())
}

fn look_up(log: &Logger) {
    // Scopes nest: the inner one's value of a key counts.
    let query = Scope::new().field(FieldGroup::Context, "table", ValueRef::Text("orders"));
    let _entered = query.enter();
    info!(log, "looked up", rows = 3);
}

/// A future takes its scope to whatever thread polls it. A `ScopeGuard` that is held over an `await` would not.
async fn serve_async(log: &Logger, request_id: &str) {
    let handle = async {
        info!(log, "request accepted");
        std::future::ready(()).await;
        info!(log, "request answered", status = 204);
    };
    handle.in_scope(Scope::new().correlation_id(request_id)).await;
}
