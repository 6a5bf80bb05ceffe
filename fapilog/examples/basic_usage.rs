//! How does a service log: levels, fields, a request's id, errors with their causes, and a log file to read afterwards?
//!
//! `cargo run -p fapilog --example basic_usage`

#![expect(clippy::print_stdout, reason = "an example shows what came out")]
#![expect(clippy::indexing_slicing, reason = "a JSON value without the key is null")]

use std::{error::Error, fmt, fs, path::Path, time::Duration};

use fapilog::{Container, Level, Logger, Scope, debug, error, event::Category, format, info, sink, warn};
use serde_json::Value;

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("gateway.log");

    // Start the container first, and keep it as long as the program runs.
    let logs = Container::builder()
        .level(Level::Info)
        .apply(fapilog::default_pipeline)
        .sink("file", sink::File::new(&path, format::Json::new))
        .start()?;

    // A logger names the part of the program that logs. Hand it to the code that needs it.
    let gateway = Gateway { log: logs.logger("gateway").with([("instance", 3.into())]) };
    for request in [Request::new("r-1", 10), Request::new("r-2", 90), Request::new("r-3", 0)] {
        gateway.serve(&request);
    }

    // The shutdown delivers the events that are left, and returns the accounts.
    let accounts = logs.shutdown(Duration::from_secs(5))?;
    accounts.check()?;
    println!("{accounts}");
    check(&path)
}

struct Request {
    id: &'static str,
    quantity: u32,
}

impl Request {
    fn new(id: &'static str, quantity: u32) -> Self {
        Self { id, quantity }
    }
}

struct Gateway {
    log: Logger,
}

impl Gateway {
    /// Each event within the scope has the request's id, also those of functions without a request at hand.
    fn serve(&self, request: &Request) {
        let _request = Scope::new().correlation_id(request.id).enter();
        debug!(self.log, "not logged: the level is INFO", quantity = request.quantity);
        info!(self.log, "request accepted", quantity = request.quantity, tags.region = "eu");
        match self.place(request.quantity) {
            // `tags` are what you search by, `metrics` what you add up; a bare name is context.
            Ok(price) => info!(self.log, "order filled", category: Category::Business, price, metrics.latency_ms = 3.2),
            // `#` logs an error with the chain of its sources.
            Err(failure) => error!(self.log, "order refused", error = #failure, quantity = request.quantity),
        }
    }

    fn place(&self, quantity: u32) -> Result<f64, Refused> {
        if quantity > 50 {
            warn!(self.log, "large order", quantity);
        }
        let units = std::num::NonZeroU32::try_from(quantity).map_err(Refused)?;
        Ok(101.25 * f64::from(units.get()))
    }
}

#[derive(Debug)]
struct Refused(std::num::TryFromIntError);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such quantity")
    }
}

impl Error for Refused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// Reads the file as a log shipper does: one JSON object a line.
fn check(path: &Path) -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    print!("{text}");
    let events: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let of_request = |id: &str| events.iter().filter(|event| event["correlation_id"] == id).collect::<Vec<_>>();
    let messages = |id: &str| of_request(id).iter().map(|event| event["message"].clone()).collect::<Vec<_>>();
    assert_eq!(messages("r-1"), ["request accepted", "order filled"]);
    assert_eq!(messages("r-2"), ["request accepted", "large order", "order filled"]);
    assert_eq!(messages("r-3"), ["request accepted", "order refused"]);
    assert!(events.iter().all(|event| event["context"]["instance"] == 3 && event["source"] == "gateway"));
    let refused = of_request("r-3").into_iter().find(|event| event["level"] == "ERROR").ok_or("an error")?;
    let error = refused["context"]["error"].as_str().ok_or("a text")?;
    assert!(error.starts_with("no such quantity: "), "{error}");
    Ok(())
}
