//! Level 1 of 5: which is the shortest program that logs? It has two lines: a log, an event.
//!
//! `cargo run -p fapilog --example quickstart`, and again with `| cat`, with `FAPILOG_LEVEL=debug`, with
//! `FAPILOG_FORMATTER=logfmt`

use fapilog::info;

#[cfg_attr(test, test)]
fn main() -> Result<(), fapilog::Error> {
    let _logs = fapilog::init()?;
    info!("order filled", order_id = 42, price = 101.25);
    // At its drop, the container delivers the remaining events.
    Ok(())
}
