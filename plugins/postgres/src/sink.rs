//! The sink.

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    problem::SettingsError,
    settings::Endpoint,
    sink::{Assurances, Delivery, DeliveryThread, Payload, Sink, SinkContext, SinkError, SinkFactory, SinkPlace},
};

use crate::{
    client::{PostgresClient, PostgresClientOptions},
    encode::RowEncoder,
    schema::TableStatements,
    settings::{PostgresSettings, PostgresTarget},
};

/// Name of the counter of connections.
const OPENED: &str = "connections_opened";
/// Name of the counter of values that had a NUL.
const REPLACED: &str = "values_with_nul";
/// Name of the counter of rows that were cut.
const CUT: &str = "rows_cut";

/// Writes events to a table of PostgreSQL. The [settings](PostgresSettings) have all that it does.
///
/// An event is delivered when the transaction with its row is committed.
#[derive(Debug, Clone)]
pub struct PostgresTable {
    target: PostgresTarget,
}

impl PostgresTable {
    /// A sink with these settings.
    ///
    /// # Errors
    /// All invalid settings; and certificates that cannot be read.
    pub fn new(settings: &PostgresSettings) -> Result<Self, SettingsError> {
        let target = PostgresTarget::new(settings).map_err(|problems| SettingsError { problems })?;
        Ok(Self { target })
    }
}

impl SinkFactory for PostgresTable {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let settings = &self.target.settings;
        let dialers = self.target.dialers().map_err(|problems| SinkError::permanent(SettingsError { problems }))?;
        let password = settings.password.as_ref().map(|password| password.read()).transpose();
        let options = PostgresClientOptions {
            destination: self.target.destination(),
            dialers,
            socket: settings.socket.clone(),
            user: self.target.user.clone(),
            database: self.target.database.clone(),
            password: password.map_err(SinkError::permanent)?,
            application_name: settings.application_name.clone(),
            statements: TableStatements::new(settings),
            connect_timeout: settings.connect_timeout,
            statement_timeout: settings.statement_timeout,
        };
        let opened = context.counter(OPENED);
        let thread = DeliveryThread::start("fapilog-postgres", move || {
            PostgresClient::new(options, opened).map_err(SinkError::permanent)
        })?;
        let (replaced, cut) = (context.counter(REPLACED), context.counter(CUT));
        let encoder = RowEncoder::new(&settings.columns, settings.row_bytes_max, replaced, cut);
        let (destination, payload_bytes) = (self.target.destination(), settings.payload_bytes);
        Ok(Box::new(PostgresSink { destination, payload_bytes, encoder, thread }))
    }

    fn assurances(&self) -> Assurances {
        let endpoints = &self.target.endpoints;
        let place = match endpoints.first() {
            None => SinkPlace::Local,
            Some(first) => {
                let is_encrypted = endpoints.iter().all(Endpoint::is_tls);
                SinkPlace::Network { host: first.host().to_owned(), is_encrypted }
            }
        };
        Assurances::unknown().place(place)
    }
}

/// A shard's end.
struct PostgresSink {
    destination: String,
    payload_bytes: usize,
    encoder: RowEncoder,
    thread: DeliveryThread,
}

impl Sink for PostgresSink {
    fn writer(&self) -> String {
        format!("COPY to {}", self.destination)
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(self.payload_bytes))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.encoder.encode(batch, payload)
    }

    fn record_form(&self) -> Option<&'static str> {
        Some("postgres")
    }

    fn append_as_text(&mut self, records: &Payload, text: &mut Payload) {
        self.encoder.append_as_text(records, text);
    }

    fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        self.encoder.append_records(records, payload);
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.thread.deliver(payload)
    }
}
