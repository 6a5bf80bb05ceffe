//! The drain.

use std::{
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use fapilog::{
    Level, Logger,
    adapter::{AdapterCalls, AdapterSite, Fields, SuppressedCalls},
    event::{DynamicEvent, FieldGroup, ValueRef},
    level::LevelFilter,
    plugin::is_drain_thread,
};
use slog::{Drain, FlushError, KV, Never, OwnedKVList, Record};

use crate::pairs::PairSerializer;

const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The field of an event whose pairs are not all there.
const PAIRS_ERROR: &str = "pairs_error";

/// A drain of slog whose records are events of a container. It needs no `slog-async`: a record is copied into a ring, and delivered by the
/// container's drain.
///
/// Clones share the numbers of suppressed records.
#[derive(Debug, Clone)]
pub struct SlogDrain {
    logger: Logger,
    calls: Arc<AdapterCalls>,
    flush_timeout: Duration,
}

// A panic leaves a logger whole: threads share it, and it has no state that a call leaves half done. slog's loggers ask for it.
impl UnwindSafe for SlogDrain {}
impl RefUnwindSafe for SlogDrain {}

impl SlogDrain {
    /// A drain to this logger's container.
    #[must_use]
    pub fn new(logger: Logger) -> Self {
        Self { logger, calls: Arc::default(), flush_timeout: FLUSH_TIMEOUT }
    }

    /// How long a flush waits for the container. Default: 5 s.
    #[must_use]
    pub fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.flush_timeout = timeout;
        self
    }

    /// The records that were suppressed, so that no record leads to another without end.
    #[must_use]
    pub fn suppressed(&self) -> SuppressedCalls {
        self.calls.suppressed()
    }

    /// Logs a record, if its level and target are enabled.
    fn log_at(&self, site: &'static AdapterSite, record: &Record<'_>, values: &OwnedKVList) {
        if !self.logger.is_enabled_at_site(site) {
            return;
        }
        let Some(call) = self.calls.begin() else { return };
        call.with_fields(|fields| {
            put_fields(record, values, fields);
            self.logger.log_fields(site, fields);
        });
    }

    /// Logs a record whose place has no site.
    fn log_dynamic(&self, level: Level, record: &Record<'_>, values: &OwnedKVList) {
        if !self.logger.is_enabled_of(level, record.module()) {
            return;
        }
        let Some(call) = self.calls.begin() else { return };
        call.with_fields(|fields| {
            put_fields(record, values, fields);
            self.logger.log_dynamic(&DynamicEvent::of_fields(level, record.module(), fields));
        });
    }

    /// Counts a record as lost if the container is closed, and this thread does not work for a container.
    #[cold]
    fn count_if_closed(&self, level: Level, record: &Record<'_>) {
        if !is_drain_thread() {
            let _ = self.logger.is_enabled_of(level, record.module());
        }
    }
}

impl Drain for SlogDrain {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        let level = level_of(record.level());
        let least = self.logger.least_level();
        if !least.passes(level) {
            if least == LevelFilter::Off {
                self.count_if_closed(level, record);
            }
            return Ok(());
        }
        match AdapterSite::at_place(level, record.module(), record.file(), record.line()) {
            Some(site) => self.log_at(site, record, values),
            None => self.log_dynamic(level, record, values),
        }
        Ok(())
    }

    /// Waits until all events are delivered, 5 s at most unless the drain has another timeout. On a thread of a container's drain, it
    /// requests the flush and does not wait.
    fn flush(&self) -> Result<(), FlushError> {
        let flushed = self.logger.flush(self.flush_timeout);
        flushed.map(drop).map_err(|error| FlushError::Custom(Box::new(error)))
    }

    /// Whether some target logs this level.
    fn is_enabled(&self, level: slog::Level) -> bool {
        self.logger.is_enabled(level_of(level))
    }
}

/// The level of a record's event.
fn level_of(level: slog::Level) -> Level {
    match level {
        slog::Level::Critical => Level::Critical,
        slog::Level::Error => Level::Error,
        slog::Level::Warning => Level::Warning,
        slog::Level::Info => Level::Info,
        slog::Level::Debug => Level::Debug,
        slog::Level::Trace => Level::Trace,
    }
}

fn put_fields(record: &Record<'_>, values: &OwnedKVList, fields: &mut Fields) {
    match record.msg().as_str() {
        Some(text) => fields.put(FieldGroup::Message, "", ValueRef::Text(text)),
        None => fields.put_display(FieldGroup::Message, "", record.msg()),
    }
    put_pairs(&record.kv(), record, fields);
    put_pairs(values, record, fields);
    if !record.tag().is_empty() {
        fields.put(FieldGroup::Context, "tag", ValueRef::Text(record.tag()));
    }
}

/// Puts pairs. Values that fail or panic are left out, with the pairs behind them in their list, and a field states so.
fn put_pairs(pairs: &dyn KV, record: &Record<'_>, fields: &mut Fields) {
    let put = catch_unwind(AssertUnwindSafe(|| pairs.serialize(record, &mut PairSerializer { fields })));
    match put {
        Ok(Ok(())) => {}
        Ok(Err(error)) => fields.put_error(FieldGroup::Context, PAIRS_ERROR, &error),
        Err(panic) => {
            // Its drop may panic in turn.
            let _ = ManuallyDrop::new(panic);
            fields.put(FieldGroup::Context, PAIRS_ERROR, ValueRef::Text("<panicked>"));
        }
    }
}
