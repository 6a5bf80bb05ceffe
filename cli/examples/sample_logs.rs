//! Writes the logs of two services, as `docs/command.md` shows them, or a long log for measurements.
//!
//!     cargo run -p fapilog-cli --example sample_logs -- DIRECTORY
//!     cargo run --release -p fapilog-cli --example sample_logs -- DIRECTORY 3000000
//!
//! The times are those of a manual clock, so two runs differ in the ids of the containers only.

use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
    time::Duration,
};

use fapilog::{
    Container, Level, Logger, Scope, container::ManualClock, critical, debug, error, event::Timestamp, format, info,
    sink, warn,
};

/// 2026-11-30T10:00:00Z.
const START: Timestamp = Timestamp::from_unix_nanos(1_796_032_800_000_000_000);
const TIMEOUT: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("usage: sample_logs DIRECTORY [EVENTS]")?);
    match arguments.next() {
        Some(count) => write_long_log(&directory, count.to_str().ok_or("EVENTS is a number")?.parse()?),
        None => write_services(&directory),
    }
}

fn container(path: &Path, clock: &ManualClock) -> Result<Container, Box<dyn Error>> {
    let file = sink::File::new(path, || format::Json::new().call_site(true));
    // Events wait for room, also on a busy machine.
    let builder = Container::builder().level(Level::Debug).overflow_timeout(TIMEOUT).manual_clock(clock);
    Ok(builder.sink("file", file).start()?)
}

/// A gateway and the service behind it: 12 requests in 6 seconds.
fn write_services(directory: &Path) -> Result<(), Box<dyn Error>> {
    let clock = ManualClock::new(START);
    let gateway = container(&directory.join("gateway.log"), &clock)?;
    let orders = container(&directory.join("orders.log"), &clock)?;
    let (gateway_log, orders_log) = (gateway.logger("gateway"), orders.logger("orders"));
    info!(gateway_log, "listening", port = 8080_u16, target: "gateway::server");
    for number in 0..12 {
        serve(&gateway_log, &orders_log, &clock, number);
    }
    warn!(gateway_log, "shutting down", reason = "SIGTERM", target: "gateway::server");
    gateway.shutdown(TIMEOUT)?;
    orders.shutdown(TIMEOUT)?;
    Ok(())
}

fn serve(gateway: &Logger, orders: &Logger, clock: &ManualClock, number: u64) {
    let pass = |millis: u64| clock.advance(Duration::from_millis(millis));
    let _request = Scope::new().correlation_id(&format!("req-{number:04}")).enter();
    let path = match number % 3 {
        0 => "/api/orders",
        1 => "/api/orders/42",
        _ => "/health",
    };
    debug!(gateway, "request received", path, method = "GET", target: "gateway::http");
    pass(20);
    if number % 3 != 2 {
        info!(orders, "order loaded", order_id = 4200 + number, metrics.rows = number % 5, tags.region = "eu", target: "orders::store");
        pass(30 + 7 * number);
    }
    let (status, latency) = (status_of(number), 20.5 + 37.25 * number as f64);
    match status {
        500.. if number == 10 => {
            critical!(orders, "database is gone", error = "connect to db-1:5432: connection refused", target: "orders::store");
            error!(gateway, "request failed", path, status, metrics.latency_ms = latency, target: "gateway::http");
        }
        500.. => error!(gateway, "request failed", path, status, metrics.latency_ms = latency, target: "gateway::http"),
        _ if latency > 200.0 => {
            warn!(gateway, "slow request", path, status, metrics.latency_ms = latency, target: "gateway::http")
        }
        _ => info!(gateway, "request done", path, status, metrics.latency_ms = latency, target: "gateway::http"),
    }
    pass(400);
}

const fn status_of(number: u64) -> u16 {
    match number {
        4 => 503,
        10 => 500,
        7 => 404,
        _ => 200,
    }
}

/// A log of a busy service, about 350 bytes an event.
fn write_long_log(directory: &Path, count: u64) -> Result<(), Box<dyn Error>> {
    let clock = ManualClock::new(START);
    let logs = container(&directory.join("long.log"), &clock)?;
    let log = logs.logger("gateway");
    for number in 0..count {
        let _request = Scope::new().correlation_id(&format!("req-{number:012}")).enter();
        let (status, path) = (200 + u16::try_from(number % 4).unwrap_or_default(), format!("/api/orders/{number}"));
        match number % 50 {
            0 => {
                warn!(log, "slow request", path = path.as_str(), status, metrics.latency_ms = 250.5, target: "gateway::http")
            }
            1..10 => debug!(log, "request received", path = path.as_str(), method = "GET", target: "gateway::http"),
            _ => {
                info!(log, "request done", path = path.as_str(), status, metrics.latency_ms = 20.25, tags.region = "eu", target: "gateway::http")
            }
        }
        clock.advance(Duration::from_micros(150));
    }
    logs.shutdown(TIMEOUT)?;
    Ok(())
}
