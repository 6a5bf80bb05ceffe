//! How do I log to a file?
//!
//! `cargo run -p fapilog --example log_to_a_file`

#![expect(clippy::print_stdout, reason = "an example shows what came out")]

use std::{error::Error, time::Duration};

use fapilog::{Container, error, format, info, sink};

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("orders.log");

    // A container is one log: loggers in front, sinks behind. A program has one, as a rule, and keeps it as long as it
    // lives.
    let logs = Container::builder()
        .apply(fapilog::default_pipeline) // thread and process in each event; a throttle against loops that ran away
        .sink("file", sink::File::new(&path, format::Json::new))
        .start()?;

    // A logger gives its events their `source`. It is cheap to clone, and may be sent to other threads.
    let log = logs.logger("matching-engine");
    info!(log, "order filled", order_id = 42, price = 101.25, tags.venue = "XNAS");
    let failure = std::io::Error::other("connection reset");
    error!(log, "feed lost", error = #failure, metrics.latency_ms = 3.2);

    // The end: takes no more events, delivers those that are there, and returns the accounts of all of them.
    let accounts = logs.shutdown(Duration::from_secs(5))?;
    accounts.check()?;
    println!("{accounts}");
    for sink in &accounts.sinks {
        println!("{}: {} bytes, by {}", sink.name, sink.bytes, sink.writer);
    }
    // Fallbacks, such as a file system without direct writes.
    for diagnostic in logs.diagnostics() {
        println!("diagnostic: {diagnostic}");
    }
    print!("{}", std::fs::read_to_string(&path)?);
    Ok(())
}
