//! The way from `log` to a container.

use std::{
    fmt,
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use fapilog::{
    Logger,
    adapter::{AdapterCalls, AdapterSite, Fields, LevelWatch, SuppressedCalls, on_level_change},
    event::{DynamicEvent, FieldGroup, ValueRef},
    level::LevelFilter,
    plugin::is_drain_thread,
};
use log::{Log, Metadata, Record};
use thiserror::Error;

use crate::{key_values::PairVisitor, level, level_cache};

const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The field of an event whose pairs are not all there.
const PAIRS_ERROR: &str = "pairs_error";

/// Makes this logger the one of `log`, as [`LogBridge::builder`] does with its defaults.
///
/// # Errors
/// When `log` has a logger already.
pub fn init(logger: Logger) -> Result<LogBridge, InitError> {
    LogBridge::builder(logger).init()
}

/// `log` has a logger already, and keeps it for the life of the program.
#[derive(Debug, Error)]
#[error(
    "fapilog is not the logger of `log`, because another one was set before, and a program has one: a second call of `init`, another \
     logging crate, or tracing-subscriber, whose `init` sets one with its feature `tracing-log`; \
     `tracing::subscriber::set_global_default` sets none"
)]
#[non_exhaustive]
pub struct InitError {
    #[from]
    source: log::SetLoggerError,
}

/// A logger of `log` whose records are events of a container.
///
/// Clones share their state. A clone that [`init`] has set lives as long as the program.
#[derive(Debug, Clone)]
pub struct LogBridge {
    state: Arc<LogBridgeState>,
    /// Ends with the last clone.
    _watch: Arc<LevelWatch>,
}

struct LogBridgeState {
    logger: Logger,
    /// Replaced when levels change: see [`level_cache`].
    generation: AtomicU64,
    /// Whether `log::max_level()` follows the container's levels.
    sets_max_level: AtomicBool,
    flush_timeout: Duration,
    calls: AdapterCalls,
}

/// Settings of a [`LogBridge`].
#[derive(Debug)]
#[must_use]
pub struct BridgeBuilder {
    logger: Logger,
    follows_max_level: bool,
    flush_timeout: Duration,
}

impl BridgeBuilder {
    /// Whether the bridge sets `log::max_level()` to the least level that the container logs, now and after each change of levels.
    /// Default: yes. Without it, records below `log::max_level()` are never made, whatever the container's levels.
    pub fn follow_max_level(mut self, follows: bool) -> Self {
        self.follows_max_level = follows;
        self
    }

    /// How long `log::logger().flush()` waits for the drain. Default: 5 s.
    pub fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.flush_timeout = timeout;
        self
    }

    /// Makes a bridge, for a program that has a logger of its own around it. It does not set `log::max_level()`:
    /// [`LogBridge::max_level`] is the level to set.
    pub fn build(self) -> LogBridge {
        let state = Arc::new(LogBridgeState {
            logger: self.logger,
            generation: AtomicU64::new(level_cache::new_generation()),
            sets_max_level: AtomicBool::new(false),
            flush_timeout: self.flush_timeout,
            calls: AdapterCalls::new(),
        });
        let watched = Arc::clone(&state);
        let watch = on_level_change(move || watched.levels_changed());
        LogBridge { state, _watch: Arc::new(watch) }
    }

    /// Makes a bridge, and has it be the logger of `log`.
    ///
    /// # Errors
    /// When `log` has a logger already.
    pub fn init(self) -> Result<LogBridge, InitError> {
        let follows = self.follows_max_level;
        let bridge = self.build();
        log::set_boxed_logger(Box::new(bridge.clone()))?;
        if follows {
            // SeqCst: a change of levels from now on finds the flag, and one before it is seen by the level that is set now; pairs
            // with `levels_changed`.
            bridge.state.sets_max_level.store(true, Ordering::SeqCst);
            bridge.state.set_max_level();
        }
        Ok(bridge)
    }
}

impl LogBridge {
    /// A bridge to this logger's container.
    pub fn builder(logger: Logger) -> BridgeBuilder {
        BridgeBuilder { logger, follows_max_level: true, flush_timeout: FLUSH_TIMEOUT }
    }

    /// The filter that lets through all records that the container logs.
    #[must_use]
    pub fn max_level(&self) -> log::LevelFilter {
        level::filter_to_log(self.state.logger.least_level())
    }

    /// The records that were suppressed, so that no record leads to another without end.
    #[must_use]
    pub fn suppressed(&self) -> SuppressedCalls {
        self.state.calls.suppressed()
    }
}

/// Whether a record is logged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RecordVerdict {
    Enabled,
    Disabled,
    /// The container logs nothing at all: it may be closed, which is to be counted.
    AllDisabled,
}

impl LogBridgeState {
    #[inline]
    fn verdict(&self, metadata: &Metadata<'_>) -> RecordVerdict {
        // Acquire: an answer under this number was made of levels that the number's change has left behind; pairs with
        // `levels_changed`.
        let generation = self.generation.load(Ordering::Acquire);
        match level_cache::get(generation, metadata.level(), metadata.target()) {
            Some(true) => RecordVerdict::Enabled,
            Some(false) => RecordVerdict::Disabled,
            None => self.new_verdict(generation, metadata),
        }
    }

    /// As [`verdict`](Self::verdict), quicker where the target is a literal.
    #[inline]
    fn verdict_of_record(&self, record: &Record<'_>) -> RecordVerdict {
        let Some(target) = literal_target(record) else { return self.verdict(record.metadata()) };
        // Acquire: pairs with `levels_changed`.
        let generation = self.generation.load(Ordering::Acquire);
        match level_cache::get_of_literal(generation, record.level(), target) {
            Some(true) => RecordVerdict::Enabled,
            Some(false) => RecordVerdict::Disabled,
            None => self.new_verdict_of_literal(generation, record, target),
        }
    }

    #[cold]
    fn new_verdict_of_literal(&self, generation: u64, record: &Record<'_>, target: &'static str) -> RecordVerdict {
        let verdict = self.verdict(record.metadata());
        if verdict != RecordVerdict::AllDisabled {
            level_cache::put_of_literal(generation, record.level(), target, verdict == RecordVerdict::Enabled);
        }
        verdict
    }

    #[cold]
    fn new_verdict(&self, generation: u64, metadata: &Metadata<'_>) -> RecordVerdict {
        let is_enabled = self.logger.is_enabled_for(level::from_log(metadata.level()), metadata.target());
        // A closed container changes no levels, and another may take its place: nothing to remember.
        if !is_enabled && self.logger.least_level() == LevelFilter::Off {
            return RecordVerdict::AllDisabled;
        }
        level_cache::put(generation, metadata.level(), metadata.target(), is_enabled);
        if is_enabled { RecordVerdict::Enabled } else { RecordVerdict::Disabled }
    }

    fn levels_changed(&self) {
        // Release: pairs with `verdict`.
        self.generation.store(level_cache::new_generation(), Ordering::Release);
        // SeqCst: pairs with `init`.
        if self.sets_max_level.load(Ordering::SeqCst) {
            self.set_max_level();
        }
    }

    /// Sets the level of `log`. The later one of two changes at once counts: each looks again behind its own.
    fn set_max_level(&self) {
        loop {
            let level = self.logger.least_level();
            log::set_max_level(level::filter_to_log(level));
            if level == self.logger.least_level() {
                return;
            }
        }
    }

    /// Logs a record whose level and target are enabled. Out of line, so that a record that is not saves no registers.
    #[inline(never)]
    fn log(&self, record: &Record<'_>) {
        let Some(call) = self.calls.begin() else { return };
        match site_of(record) {
            Some(site) if self.logger.is_enabled_at_site(site) => {
                call.with_fields(|fields| {
                    put_fields(record, fields);
                    self.logger.log_fields(site, fields);
                });
            }
            Some(_) => {}
            None => call.with_fields(|fields| {
                put_fields(record, fields);
                self.logger.log_dynamic(&DynamicEvent::of_fields(
                    level::from_log(record.level()),
                    record.target(),
                    fields,
                ));
            }),
        }
    }

    /// Counts a record as lost if the container is closed.
    #[cold]
    fn count_if_closed(&self, record: &Record<'_>) {
        if !is_drain_thread() {
            let _ = self.logger.is_enabled_of(level::from_log(record.level()), record.target());
        }
    }
}

/// The target, if it is the very literal that names the module, as it is unless a call names another.
#[inline]
fn literal_target(record: &Record<'_>) -> Option<&'static str> {
    record.module_path_static().filter(|module| std::ptr::eq(*module, record.target()))
}

fn site_of(record: &Record<'_>) -> Option<&'static AdapterSite> {
    let (file, line) = (record.file().unwrap_or_default(), record.line().unwrap_or_default());
    AdapterSite::at_place(level::from_log(record.level()), record.target(), file, line)
}

fn put_fields(record: &Record<'_>, fields: &mut Fields) {
    match record.args().as_str() {
        Some(text) => fields.put(FieldGroup::Message, "", ValueRef::Text(text)),
        None => fields.put_display(FieldGroup::Message, "", record.args()),
    }
    put_pairs(record, fields);
    if let Some(module) = record.module_path().filter(|module| *module != record.target()) {
        fields.put(FieldGroup::Context, "module_path", ValueRef::Text(module));
    }
}

/// Puts the pairs. The visitor fails at nothing: a source of pairs that fails or panics has put those before, and a field states so.
fn put_pairs(record: &Record<'_>, fields: &mut Fields) {
    let visited = catch_unwind(AssertUnwindSafe(|| record.key_values().visit(&mut PairVisitor { fields })));
    match visited {
        Ok(Ok(())) => {}
        Ok(Err(error)) => fields.put_error(FieldGroup::Context, PAIRS_ERROR, &error),
        Err(panic) => {
            // Its drop may panic in turn.
            let _ = ManuallyDrop::new(panic);
            fields.put(FieldGroup::Context, PAIRS_ERROR, ValueRef::Text("<panicked>"));
        }
    }
}

impl Log for LogBridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.state.verdict(metadata) == RecordVerdict::Enabled
    }

    fn log(&self, record: &Record<'_>) {
        match self.state.verdict_of_record(record) {
            RecordVerdict::Enabled => self.state.log(record),
            RecordVerdict::Disabled => {}
            RecordVerdict::AllDisabled => self.state.count_if_closed(record),
        }
    }

    /// Waits until all events are delivered, 5 s at most unless the bridge has another timeout. On a drain's thread it does not wait.
    /// `log` has no place for an error: events that are lost are in the container's accounts.
    fn flush(&self) {
        if !is_drain_thread() {
            let _ = self.state.logger.flush(self.state.flush_timeout);
        }
    }
}

impl fmt::Debug for LogBridgeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogBridgeState").field("logger", &self.logger).finish_non_exhaustive()
    }
}
