//! Events a second that the sink delivers to a server on this machine, which reads requests and keeps nothing of them.
//!
//! `cargo run --release -p fapilog-otlp --example throughput -- [events] [http/protobuf|http/json]`
#![expect(clippy::print_stdout, reason = "it prints its result")]

use std::{
    error::Error,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    Container,
    container::{Executor, Overflow},
    info,
    sink::{OnFull, SinkOptions},
};
use fapilog_otlp::{Otlp, OtlpProtocol, OtlpSettings};

const TIMEOUT: Duration = Duration::from_secs(60);

/// Reads requests, and answers each with 200.
fn absorb(stream: TcpStream) -> std::io::Result<()> {
    let mut answers = stream.try_clone()?;
    let mut requests = BufReader::with_capacity(1 << 20, stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if requests.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
        }
        std::io::copy(&mut requests.by_ref().take(length), &mut std::io::sink())?;
        answers.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let events: u64 = arguments.next().map_or(Ok(2_000_000), |events| events.parse())?;
    let protocol = match arguments.next().as_deref() {
        Some("http/json") => OtlpProtocol::HttpJson,
        _ => OtlpProtocol::HttpProtobuf,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut settings = OtlpSettings::default();
    settings.url = format!("http://{}", listener.local_addr()?);
    settings.environment = false;
    settings.protocol = Some(protocol);
    thread::spawn(move || listener.incoming().flatten().for_each(|stream| drop(thread::spawn(|| absorb(stream)))));

    let container = Container::builder()
        .executor(Executor::Thread)
        .overflow(Overflow::Block { timeout: TIMEOUT })
        .sink_with("otlp", Otlp::new(&settings)?, SinkOptions::new().on_full(OnFull::Block))
        .start()?;
    let start = Instant::now();
    let log = container.logger("matching-engine");
    for number in 0..events {
        let (price, quantity) = ((number % 1_000_000) as f64 / 100.0, number % 10_000);
        info!(log, "order filled", order_id = number, price, quantity, client = "client-004711", tags.region = "eu-1");
    }
    let accounts = container.shutdown(TIMEOUT)?;
    let time = start.elapsed();
    accounts.check()?;
    let delivered = accounts.delivered_total();
    println!(
        "{delivered} of {events} events in {time:?}: {:.0} events/s by {protocol}",
        delivered as f64 / time.as_secs_f64()
    );
    Ok(())
}
