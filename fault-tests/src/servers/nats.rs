//! The sink `nats`, and a real NATS with a stream in files. The stream is made, and read at the end, by the protocol of clients.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use fapilog::format;
use fapilog_nats::{NatsPublisher, NatsSettings};
use fapilog_test_servers::servers::Nats;

use crate::{
    arrivals::{EventArrivals, decimal},
    servers::{DeliveryPromise, KillableServer, SinkResult, SoakTarget},
};

/// It takes the subject that is the default of the sink, and drops an id that it has had in the last 10 minutes: longer than a run.
const STREAM: &str =
    r#"{"name":"LOGS","subjects":["fapilog"],"storage":"file","num_replicas":1,"duplicate_window":600000000000}"#;

const CONSUMER: &str =
    r#"{"stream_name":"LOGS","config":{"durable_name":"COUNTER","ack_policy":"none","deliver_policy":"all"}}"#;

/// The messages of a request.
const PAGE: usize = 5_000;

/// The subject of replies.
const INBOX: &str = "fault-tests";

const REPLY_TIME: Duration = Duration::from_secs(30);

pub(super) const TARGET: SoakTarget = SoakTarget {
    name: "nats",
    promise: DeliveryPromise::Idempotent,
    start: |arrivals| {
        let server = Nats::start()?;
        let made = make_stream(server.address());
        assert!(made.is_ok(), "the stream cannot be made: {made:?}");
        Some(Box::new(KilledNats { server, arrivals: Arc::clone(arrivals) }))
    },
    absorbing: None,
};

fn make_stream(address: SocketAddr) -> io::Result<()> {
    StreamClient::connect(address)?.request("$JS.API.STREAM.CREATE.LOGS", STREAM).map(drop)
}

struct KilledNats {
    server: Nats,
    arrivals: Arc<EventArrivals>,
}

impl KilledNats {
    /// Counts the events of all messages, a page at a time.
    fn count_stream(&self) -> io::Result<()> {
        let mut client = StreamClient::connect(self.server.address())?;
        let information = client.request("$JS.API.STREAM.INFO.LOGS", "")?;
        let mut left = count_in(&information, b"\"messages\":")?;
        client.request("$JS.API.CONSUMER.DURABLE.CREATE.LOGS.COUNTER", CONSUMER)?;
        while left > 0 {
            let page = left.min(PAGE);
            client.publish("$JS.API.CONSUMER.MSG.NEXT.LOGS.COUNTER", &format!("{{\"batch\":{page}}}"))?;
            for _ in 0..page {
                self.arrivals.count_json(&client.next_message()?);
            }
            left -= page;
        }
        Ok(())
    }
}

/// The number behind this text.
fn count_in(json: &[u8], front: &[u8]) -> io::Result<usize> {
    let place = memchr::memmem::find(json, front).ok_or_else(|| unexpected(json))?;
    Ok(decimal(json.get(place + front.len()..).unwrap_or_default()))
}

fn unexpected(text: &[u8]) -> io::Error {
    io::Error::other(format!("an answer that is unexpected: {}", String::from_utf8_lossy(text)))
}

/// A client of the protocol, with a subscription to its replies.
struct StreamClient {
    commands: TcpStream,
    messages: BufReader<TcpStream>,
}

impl StreamClient {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let mut commands = TcpStream::connect(address)?;
        commands.set_read_timeout(Some(REPLY_TIME))?;
        let messages = BufReader::with_capacity(1 << 20, commands.try_clone()?);
        let connect = format!("CONNECT {{\"verbose\":false,\"headers\":true}}\r\nSUB {INBOX} 1\r\n");
        commands.write_all(connect.as_bytes())?;
        Ok(Self { commands, messages })
    }

    fn publish(&mut self, subject: &str, body: &str) -> io::Result<()> {
        self.commands.write_all(format!("PUB {subject} {INBOX} {}\r\n{body}\r\n", body.len()).as_bytes())
    }

    /// The answer of the server's API.
    fn request(&mut self, subject: &str, body: &str) -> io::Result<Vec<u8>> {
        self.publish(subject, body)?;
        let answer = self.next_message()?;
        match memchr::memmem::find(&answer, b"\"error\":") {
            Some(_) => Err(unexpected(&answer)),
            None => Ok(answer),
        }
    }

    /// The headers and the text of the next message.
    fn next_message(&mut self) -> io::Result<Vec<u8>> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.messages.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                // The last word is the length of all.
                Some("MSG" | "HMSG") => break,
                Some("PING") => self.commands.write_all(b"PONG\r\n")?,
                Some("-ERR") => return Err(unexpected(line.as_bytes())),
                _ => {}
            }
        }
        let length: usize =
            line.split_ascii_whitespace().next_back().unwrap_or_default().parse().map_err(io::Error::other)?;
        let mut message = vec![0; length + 2];
        self.messages.read_exact(&mut message)?;
        Ok(message)
    }
}

impl KillableServer for KilledNats {
    fn sink(&self) -> SinkResult {
        let mut settings = NatsSettings::default();
        settings.servers = vec![format!("nats://{}", self.server.address())];
        Ok(Arc::new(NatsPublisher::new(&settings, format::Json::new)?))
    }

    fn kill(&mut self) {
        self.server.server.kill();
    }

    fn restart(&mut self) {
        self.server.server.restart();
    }

    fn count_kept(&mut self) {
        let counted = self.count_stream();
        assert!(counted.is_ok(), "the stream cannot be read: {counted:?}");
    }
}
