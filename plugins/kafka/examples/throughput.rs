//! Throughput to a broker, or to librdkafka's mock brokers: acknowledged events a second.
//!
//! `cargo run --release -p fapilog-kafka --example throughput -- [EVENTS] [BROKER URL] [COMPRESSION]`
#![expect(clippy::print_stdout, reason = "the program prints what it has measured")]

use std::{
    error::Error,
    time::{Duration, Instant},
};

use fapilog::{
    Container,
    container::Overflow,
    format::Json,
    info,
    sink::{OnFull, SinkOptions},
};
use fapilog_kafka::{Kafka, KafkaCompression, KafkaSettings};
use rdkafka::mocking::MockCluster;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let events: u64 = arguments.next().map_or(Ok(2_000_000), |text| text.parse())?;
    let broker = arguments.next();
    let compression: KafkaCompression = arguments.next().map_or(Ok(KafkaCompression::Zstd), |text| text.parse())?;
    // Kept for as long as the program runs.
    let mock = if broker.is_none() { Some(MockCluster::new(1)?) } else { None };
    let url = broker.or_else(|| mock.as_ref().map(|mock| format!("kafka://{}", mock.bootstrap_servers())));

    let mut settings = KafkaSettings::default();
    settings.brokers = url.clone().into_iter().collect();
    settings.compression = compression;
    let kafka = Kafka::new(&settings, Json::new)?;
    let options = SinkOptions::new().on_full(OnFull::Block);
    let builder = Container::builder().overflow(Overflow::Block { timeout: Duration::from_secs(60) });
    let logs = builder.sink_with("kafka", kafka, options).start()?;
    let log = logs.logger("matching-engine");
    let path = "/api/v1/accounts/0123456789/orders?state=open&page=2";
    let started = Instant::now();
    for number in 0..events {
        info!(log, "order filled", order_id = number, price = 101.25, quantity = 7_u32, venue = "XNAS", path);
    }
    let accounts = logs.shutdown(Duration::from_secs(120))?;
    let seconds = started.elapsed().as_secs_f64();
    let delivered = accounts.sinks.first().map_or(0, |sink| sink.delivered);
    println!(
        "{} with {}: {delivered} of {events} events in {seconds:.2} s, {:.0} events/s",
        url.unwrap_or_default(),
        compression.name(),
        delivered as f64 / seconds
    );
    println!("{accounts}");
    Ok(())
}
