//! Level 1 of 5: which is the shortest program that logs? It has three lines: a log, a logger, an event.
//!
//! `cargo run -p fapilog --example quickstart`, and again with `| cat`, with `FAPILOG_LEVEL=debug`, with
//! `FAPILOG_FORMATTER=logfmt`

use fapilog::info;

#[cfg_attr(test, test)]
fn main() -> Result<(), fapilog::Error> {
    let logs = fapilog::init()?;
    let log = logs.logger("example");
    info!(log, "order filled", order_id = 42, price = 101.25);
    // At its drop, the container delivers the remaining events.
    Ok(())
}
