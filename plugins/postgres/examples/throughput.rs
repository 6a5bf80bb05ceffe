//! Events a second into a table of PostgreSQL of the tests: with duplicates suppressed, and without.
//!
//! `cargo run --release -p fapilog-postgres --example throughput -- 1000000`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program to measure by")]

use std::time::{Duration, Instant};

use fapilog::{
    Container,
    container::{Executor, Overflow},
    info,
    sink::{OnFull, SinkOptions},
};
use fapilog_postgres::{PostgresDuplicates, PostgresSettings, PostgresTable};
use fapilog_test_servers::servers;

const TIMEOUT: Duration = Duration::from_secs(300);

fn main() {
    let events: u64 = std::env::args().nth(1).map_or(1_000_000, |count| count.parse().unwrap());
    for duplicates in [PostgresDuplicates::Suppress, PostgresDuplicates::Allow] {
        let Some(server) = servers::Postgres::start() else { return };
        let mut settings = PostgresSettings::default();
        settings.url = format!("postgres://postgres@{}/postgres", server.address());
        settings.duplicates = duplicates;
        let sink = PostgresTable::new(&settings).unwrap();
        let logs = Container::builder()
            .executor(Executor::Thread)
            .overflow(Overflow::Block { timeout: TIMEOUT })
            .sink_with("postgres", sink, SinkOptions::new().on_full(OnFull::Block))
            .start()
            .unwrap();
        let log = logs.logger("orders");
        let start = Instant::now();
        for number in 0..events {
            info!(log, "order filled", order_id = number, price = 101.25, venue = "XNAS");
        }
        let accounts = logs.shutdown(TIMEOUT).unwrap();
        let rate = accounts.sinks.first().map_or(0, |sink| sink.delivered) as f64 / start.elapsed().as_secs_f64();
        println!("{duplicates}: {rate:.0} events/s, {} lost", accounts.lost_total());
    }
}
