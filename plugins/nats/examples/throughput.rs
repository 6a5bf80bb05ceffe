//! Events a second to a server of the tests: with the acknowledgements of a stream in memory, and without.
//!
//! `cargo run --release -p fapilog-nats --example throughput -- 1000000`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program to measure by")]

use std::time::{Duration, Instant};

use async_nats::jetstream::{self, stream};
use fapilog::{
    Container,
    container::{Executor, Overflow},
    format, info,
    sink::{OnFull, SinkOptions},
};
use fapilog_nats::{NatsAcknowledgement, NatsPublisher, NatsSettings};
use fapilog_test_servers::servers::Nats;

const TIMEOUT: Duration = Duration::from_secs(120);

fn main() {
    let events: u64 = std::env::args().nth(1).map_or(1_000_000, |count| count.parse().unwrap());
    for acknowledgement in [NatsAcknowledgement::Stream, NatsAcknowledgement::None] {
        let Some(server) = Nats::start() else { return };
        make_stream(&server);
        let mut settings = NatsSettings::default();
        settings.servers = vec![format!("nats://{}", server.address())];
        settings.acknowledgement = acknowledgement;
        // The subject differs, so that no stream takes the messages that are not acknowledged.
        settings.subject = format!("logs.{acknowledgement}");
        settings.payload_bytes = 1 << 20;
        let sink = NatsPublisher::new(&settings, format::Json::new).unwrap();
        let logs = Container::builder()
            .executor(Executor::Thread)
            .overflow(Overflow::Block { timeout: TIMEOUT })
            .sink_with("nats", sink, SinkOptions::new().on_full(OnFull::Block))
            .start()
            .unwrap();
        let log = logs.logger("orders");
        let start = Instant::now();
        for number in 0..events {
            info!(log, "order filled", order_id = number, price = 101.25, venue = "XNAS");
        }
        let accounts = logs.shutdown(TIMEOUT).unwrap();
        let rate = accounts.sinks.first().map_or(0, |sink| sink.delivered) as f64 / start.elapsed().as_secs_f64();
        println!("{acknowledgement}: {rate:.0} events/s, {} lost", accounts.lost_total());
    }
}

fn make_stream(server: &Nats) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = async_nats::connect(server.address().to_string()).await.unwrap();
        let config = stream::Config {
            name: "LOGS".to_owned(),
            subjects: vec!["logs.stream".to_owned()],
            storage: stream::StorageType::Memory,
            max_bytes: 1 << 30,
            ..stream::Config::default()
        };
        jetstream::new(client).create_stream(config).await.unwrap();
    });
}
