//! A whole log whose lines are kept, for tests of formatters.

use std::sync::{Arc, Mutex};

use fapilog_builtin::enrich::Context;
use fapilog_engine::{container::Container, host::ManualDrain};
use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    formatter::Formatter,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};

type Lines = Arc<Mutex<Vec<u8>>>;

/// Keeps all lines.
struct Keep<F> {
    formatter: F,
    lines: Lines,
}

impl<F: Formatter> Sink for Keep<F> {
    fn writer(&self) -> String {
        "memory".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(4096))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.formatter.format(batch, payload.buffer())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.lines.lock().unwrap().extend_from_slice(payload.records());
        Delivery::done(Ok(()))
    }
}

struct KeepFactory<F> {
    formatter: fn() -> F,
    lines: Lines,
}

impl<F: Formatter + 'static> SinkFactory for KeepFactory<F> {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(Keep { formatter: (self.formatter)(), lines: Arc::clone(&self.lines) }))
    }
}

pub(super) struct StagedLog {
    pub(super) container: Container,
    drain: ManualDrain,
    lines: Lines,
}

impl StagedLog {
    /// A log of records of 1024 bytes at most, whose events get context from the enricher if wanted.
    pub(super) fn new<F: Formatter + 'static>(has_context: bool, formatter: fn() -> F) -> Self {
        let lines = Lines::default();
        let builder = Container::builder().sink("lines", KeepFactory { formatter, lines: Arc::clone(&lines) });
        let builder = builder.record_max_bytes(1024);
        let builder = if has_context { builder.enricher(|_| Box::new(Context::new())) } else { builder };
        let (container, drain) = builder.start_manual().unwrap();
        Self { container, drain, lines }
    }

    /// The lines of everything logged since the last time.
    pub(super) fn lines(&mut self) -> Vec<String> {
        self.container.request_flush();
        self.drain.run_until_idle();
        let text = String::from_utf8(std::mem::take(&mut *self.lines.lock().unwrap())).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        text.lines().map(str::to_owned).collect()
    }
}
