//! Sinks whose destination is reached by HTTP.

use std::{fmt, sync::Arc, time::Duration};

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    sink::{
        Assurances, BlockingDelivery, Delivery, DeliveryPolicy, DeliveryThread, Payload, Reporter, Sink, SinkContext,
        SinkError, SinkFactory,
    },
};
use http::StatusCode;

use crate::{
    client::HttpClient,
    encode::EventEncoder,
    exchange::{HttpExchange, PartError, Records, RecordsSender, RefusalScope, count_records},
    parts::{self, RequestLimits},
    settings::HttpTarget,
};

/// The time that a delivery has beside its requests.
const DELIVERY_MARGIN: Duration = Duration::from_secs(5);

/// Makes the encoder of a shard, on its thread.
type MakeEncoder = dyn Fn(&SinkContext<'_>) -> Result<Box<dyn EventEncoder>, SinkError> + Send + Sync;
/// Makes the sender of a shard, on its thread.
type MakeSender = dyn Fn(HttpTarget) -> Box<dyn RecordsSender> + Send + Sync;

/// A sink with a protocol over HTTP: an [encoder](EventEncoder) on the drain, and an [exchange](HttpExchange) on a thread of the sink's own. Each
/// shard has its own of both.
///
/// ```no_run
/// use fapilog_plugin::sink::SinkError;
/// use fapilog_sink_http::{
///     client::OutgoingRequest,
///     encode::{EventEncoder, FormattedRecords},
///     exchange::{HttpExchange, Records},
///     settings::HttpSettings,
///     sink::HttpSink,
/// };
///
/// struct Lines;
///
/// impl HttpExchange for Lines {
///     fn write(&mut self, records: &Records<'_>, request: &mut OutgoingRequest) -> Result<(), SinkError> {
///         records.iter().for_each(|record| request.body.extend_from_slice(record));
///         Ok(())
///     }
/// }
///
/// # fn formatter() -> Box<dyn fapilog_plugin::formatter::Formatter> { unimplemented!() }
/// let target = HttpSettings::new("https://logs.example.com/lines").target().map_err(|mut problems| problems.remove(0))?;
/// let sink = HttpSink::new("lines", target, || FormattedRecords::new(formatter()), || Lines);
/// # drop(sink);
/// # Ok::<(), fapilog_plugin::problem::Problem>(())
/// ```
pub struct HttpSink {
    kind: &'static str,
    target: HttpTarget,
    encoder: Box<MakeEncoder>,
    sender: Arc<MakeSender>,
}

impl HttpSink {
    /// A sink of this kind, such as `loki`, for this destination.
    pub fn new<N: EventEncoder + 'static, X: HttpExchange>(
        kind: &'static str,
        target: HttpTarget,
        encoder: impl Fn() -> N + Send + Sync + 'static,
        exchange: impl Fn() -> X + Send + Sync + 'static,
    ) -> Self {
        Self::with_sender(kind, target, encoder, move |target| {
            let exchange = exchange();
            ExchangeSender { client: HttpClient::new(target).answer_bytes_max(exchange.answer_bytes_max()), exchange }
        })
    }

    /// A sink of this kind whose requests another client sends, by the same settings: time limits, division and outcomes of a payload are those of all HTTP
    /// sinks.
    pub fn with_sender<N: EventEncoder + 'static, S: RecordsSender>(
        kind: &'static str,
        target: HttpTarget,
        encoder: impl Fn() -> N + Send + Sync + 'static,
        sender: impl Fn(HttpTarget) -> S + Send + Sync + 'static,
    ) -> Self {
        Self {
            kind,
            target,
            encoder: Box::new(move |_| Ok(Box::new(encoder()))),
            sender: Arc::new(move |target| Box::new(sender(target))),
        }
    }

    /// The destination.
    pub fn target(&self) -> &HttpTarget {
        &self.target
    }
}

impl fmt::Debug for HttpSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSink").field("kind", &self.kind).field("target", &self.target).finish_non_exhaustive()
    }
}

impl SinkFactory for HttpSink {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let encoder = (self.encoder)(context)?;
        let (target, sender, reporter) = (self.target.clone(), Arc::clone(&self.sender), context.reporter());
        let name = format!("fapilog-{}-{}", self.kind, context.shard.index);
        let thread = DeliveryThread::start(name, move || Ok(HttpDelivery::new(target, &*sender, reporter)))?;
        Ok(Box::new(ShardHttpSink { kind: self.kind, target: self.target.clone(), encoder, thread }))
    }

    /// The default, with a time limit above that of the requests of a payload: the last one is begun within `request.timeout`, and takes as long.
    fn delivery(&self) -> DeliveryPolicy {
        let default = DeliveryPolicy::default();
        let requests = self.target.request.timeout.saturating_mul(2) + DELIVERY_MARGIN;
        let timeout = default.timeout.max(requests);
        default.timeout(timeout)
    }

    fn assurances(&self) -> Assurances {
        self.target.assurances()
    }
}

/// The sink of a shard.
struct ShardHttpSink {
    kind: &'static str,
    target: HttpTarget,
    encoder: Box<dyn EventEncoder>,
    thread: DeliveryThread,
}

impl Sink for ShardHttpSink {
    fn writer(&self) -> String {
        format!("{}, {}", self.kind, self.target.endpoint())
    }

    fn payload(&mut self) -> Option<Payload> {
        // The buffer grows with the events: a log with few of them never needs all of it.
        Some(Payload::in_buffer(Vec::new(), self.target.batch().max_bytes))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.encoder.encode(batch, payload)?;
        if payload.marked_records() >= self.target.batch().max_records {
            payload.set_full();
        }
        Ok(())
    }

    fn record_form(&self) -> Option<&'static str> {
        self.encoder.record_form()
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

/// The sender of a shard's sink, on its thread.
struct HttpDelivery {
    sender: Box<dyn RecordsSender>,
    limits: RequestLimits,
    reporter: Reporter,
}

impl HttpDelivery {
    fn new(target: HttpTarget, sender: &MakeSender, reporter: Reporter) -> Self {
        let limits = RequestLimits::new(target.batch(), target.request.timeout);
        Self { sender: sender(target), limits, reporter }
    }
}

impl BlockingDelivery for HttpDelivery {
    fn deliver(&mut self, payload: Payload) -> Result<(), SinkError> {
        let Self { sender, limits, reporter } = self;
        let places: Vec<usize> = (0..count_records(&payload)).collect();
        let parts = sender.partition(&Records::new(&payload, &places));
        parts::deliver(
            &payload,
            &parts,
            limits,
            |records| sender.send(records),
            |bytes| {
                let text = "the destination refuses requests as too large; they are divided";
                reporter.report(format!("{text}, and batch.max_bytes should be below {bytes}"));
            },
        )
    }
}

/// Sends records by the client of this crate, as the exchange has it.
struct ExchangeSender<X> {
    client: HttpClient,
    exchange: X,
}

impl<X: HttpExchange> RecordsSender for ExchangeSender<X> {
    fn send(&mut self, records: &Records<'_>) -> Result<(), PartError> {
        let Self { client, exchange } = self;
        let mut request = client.request();
        // Without a request, nothing is known of the destination.
        let of_part = |error: SinkError| PartError { error: error.into(), scope: RefusalScope::Part };
        exchange.write(records, &mut request).map_err(of_part)?;
        let answer = client.send(&mut request, |body, headers| exchange.seal(body, headers));
        let answer = answer.map_err(|error| error.into_sink_error())?;
        let scope = scope_of(answer.status());
        exchange.outcome(&answer, records).map_err(|error| PartError { error, scope })?;
        Ok(exchange.confirm(client, &answer, records)?)
    }

    fn partition(&mut self, records: &Records<'_>) -> Vec<Vec<usize>> {
        self.exchange.partition(records)
    }
}

/// The status of credentials is that of all parts: they have the same.
fn scope_of(status: StatusCode) -> RefusalScope {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => RefusalScope::Destination,
        status if status.is_server_error() => RefusalScope::Destination,
        _ => RefusalScope::Part,
    }
}
