//! Streams, as `async-nats` makes and reads them.

use std::net::SocketAddr;

use async_nats::jetstream::{
    self,
    stream::{Config, StorageType},
};
use fapilog_test_servers::EventLedger;
use tokio::runtime::Runtime;

/// A message of a stream.
#[derive(Debug, Clone)]
pub(crate) struct StoredMessage {
    pub(crate) subject: String,
    pub(crate) id: Option<String>,
    pub(crate) line: String,
}

impl StoredMessage {
    /// The field `number` of the line.
    pub(crate) fn number(&self) -> u64 {
        let line = &self.line;
        let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let number = value.pointer("/context/number").or_else(|| value.get("number"));
        number.and_then(serde_json::Value::as_u64).unwrap_or_else(|| panic!("no number: {line}"))
    }
}

/// A client of the server, to make and read streams.
pub(crate) struct StreamReader {
    runtime: Runtime,
    context: jetstream::Context,
}

impl StreamReader {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self::with(address, async_nats::ConnectOptions::new())
    }

    pub(crate) fn with(address: SocketAddr, options: async_nats::ConnectOptions) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(options.connect(address.to_string())).unwrap();
        let context = runtime.block_on(async { jetstream::new(client) });
        Self { runtime, context }
    }

    /// Makes a stream in files.
    pub(crate) fn make(&self, name: &str, subject: &str, change: impl FnOnce(&mut Config)) {
        let mut config = Config {
            name: name.to_owned(),
            subjects: vec![subject.to_owned()],
            storage: StorageType::File,
            ..Config::default()
        };
        change(&mut config);
        self.runtime.block_on(self.context.create_stream(config)).unwrap();
    }

    pub(crate) fn update(&self, name: &str, change: impl FnOnce(&mut Config)) {
        self.runtime.block_on(async {
            let mut config = self.context.get_stream(name).await.unwrap().cached_info().config.clone();
            change(&mut config);
            self.context.update_stream(config).await.unwrap();
        });
    }

    pub(crate) fn count(&self, name: &str) -> u64 {
        self.runtime.block_on(async { self.context.get_stream(name).await.unwrap().cached_info().state.messages })
    }

    /// All messages of a stream.
    pub(crate) fn messages(&self, name: &str) -> Vec<StoredMessage> {
        self.runtime.block_on(async {
            let stream = self.context.get_stream(name).await.unwrap();
            let state = &stream.cached_info().state;
            let mut found = Vec::new();
            for sequence in state.first_sequence..=state.last_sequence {
                let message = stream.get_raw_message(sequence).await.unwrap();
                found.push(StoredMessage {
                    subject: message.subject.to_string(),
                    id: message.headers.get("Nats-Msg-Id").map(|id| id.as_str().to_owned()),
                    line: String::from_utf8(message.payload.to_vec()).unwrap(),
                });
            }
            found
        })
    }

    /// The numbers of the events of a stream, against those that were logged.
    pub(crate) fn ledger(&self, name: &str, logged: u64) -> EventLedger {
        let mut ledger = EventLedger::new();
        ledger.submit_all((0..logged).map(|number| number.to_string()));
        ledger.receive_all(self.messages(name).iter().map(|message| message.number().to_string()));
        ledger
    }

    /// Subscribes to subjects, runs `publish`, and returns the messages that came.
    pub(crate) fn received(&self, subject: &str, count: usize, publish: impl FnOnce()) -> Vec<StoredMessage> {
        use futures_util::StreamExt;
        let client = self.context.client();
        let mut subscription = self.runtime.block_on(client.subscribe(subject.to_owned())).unwrap();
        self.runtime.block_on(client.flush()).unwrap();
        publish();
        self.runtime.block_on(async {
            let mut found = Vec::new();
            while found.len() < count {
                let message = tokio::time::timeout(crate::TIMEOUT, subscription.next()).await.unwrap().unwrap();
                let id = message.headers.as_ref().and_then(|headers| headers.get("Nats-Msg-Id"));
                found.push(StoredMessage {
                    subject: message.subject.to_string(),
                    id: id.map(|id| id.as_str().to_owned()),
                    line: String::from_utf8(message.payload.to_vec()).unwrap(),
                });
            }
            found
        })
    }
}
