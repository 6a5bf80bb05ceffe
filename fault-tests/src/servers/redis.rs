//! The sink `redis`, and a real Redis with an append-only file: a kill drops nothing that it has acknowledged.

use std::sync::Arc;

use fapilog::format;
use fapilog_redis::{RedisSettings, RedisStream};
use fapilog_test_servers::servers::Redis;
use redis::{Commands, RedisResult, streams::StreamRangeReply};

use crate::{
    arrivals::EventArrivals,
    servers::{DeliveryPromise, KillableServer, SinkResult, SoakTarget},
};

/// The default of the sink.
const STREAM: &str = "fapilog";
const EVENT_FIELD: &str = "event";

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
    fn url(&self) -> String {
        format!("redis://{}", self.server.address())
    }

    fn count_stream(&self) -> RedisResult<()> {
        let mut connection = redis::Client::open(self.url())?.get_connection()?;
        let mut start = "-".to_owned();
        loop {
            let page: StreamRangeReply = connection.xrange_count(STREAM, &start, "+", PAGE)?;
            let Some(last) = page.ids.last() else { return Ok(()) };
            // The entries behind this one.
            start = format!("({}", last.id);
            let lines = page.ids.iter().filter_map(|entry| entry.get::<Vec<u8>>(EVENT_FIELD));
            lines.for_each(|line| {
                self.arrivals.count_json(&line);
            });
        }
    }
}

impl KillableServer for KilledRedis {
    fn sink(&self) -> SinkResult {
        let mut settings = RedisSettings::default();
        settings.url = self.url();
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
