//! The sink `redis`, and a real Redis with an append-only file: a kill drops nothing that it has acknowledged.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::TcpStream,
    sync::Arc,
};

use fapilog::format;
use fapilog_redis::{RedisSettings, RedisStream};
use fapilog_test_servers::servers::Redis;

use crate::{
    arrivals::EventArrivals,
    servers::{DeliveryPromise, KillableServer, SinkResult, SoakTarget},
};

/// The default of the sink.
const STREAM: &str = "fapilog";

/// The entries of a reply.
const PAGE: usize = 10_000;

pub(super) const TARGET: SoakTarget = SoakTarget {
    name: "redis",
    promise: DeliveryPromise::AtLeastOnce,
    start: |arrivals| {
        let arrivals = Arc::clone(arrivals);
        Redis::start().map(|server| Box::new(KilledRedis { server, arrivals }) as Box<dyn KillableServer>)
    },
    absorbing: None,
};

struct KilledRedis {
    server: Redis,
    arrivals: Arc<EventArrivals>,
}

impl KilledRedis {
    /// Counts the events of all entries, a page at a time.
    fn count_stream(&self) -> io::Result<()> {
        let mut commands = TcpStream::connect(self.server.address())?;
        let mut replies = BufReader::new(commands.try_clone()?);
        let mut start = "-".to_owned();
        loop {
            commands.write_all(format!("XRANGE {STREAM} {start} + COUNT {PAGE}\r\n").as_bytes())?;
            let entries = read_length(&mut replies, "*")?;
            for _ in 0..entries {
                // Those behind this one are the next page.
                start = format!("({}", self.count_entry(&mut replies)?);
            }
            if entries == 0 {
                return Ok(());
            }
        }
    }

    /// Counts the event of an entry: its id, and an array of names and values. Returns the id.
    fn count_entry(&self, replies: &mut impl BufRead) -> io::Result<String> {
        read_length(replies, "*")?;
        let id = read_text(replies)?;
        for _ in 0..read_length(replies, "*")? {
            self.arrivals.count_json(&read_text(replies)?);
        }
        String::from_utf8(id).map_err(io::Error::other)
    }
}

/// Reads the length of an array or a text (RESP2).
fn read_length(replies: &mut impl BufRead, kind: &str) -> io::Result<usize> {
    let mut line = String::new();
    replies.read_line(&mut line)?;
    let length = line.strip_prefix(kind).and_then(|length| length.trim_end().parse().ok());
    length.ok_or_else(|| io::Error::other(format!("no length of `{kind}`: {line}")))
}

fn read_text(replies: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut text = vec![0; read_length(replies, "$")? + 2];
    replies.read_exact(&mut text)?;
    text.truncate(text.len() - 2);
    Ok(text)
}

impl KillableServer for KilledRedis {
    fn sink(&self) -> SinkResult {
        let mut settings = RedisSettings::default();
        settings.url = format!("redis://{}", self.server.address());
        Ok(Arc::new(RedisStream::new(&settings, format::Json::new)?))
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
