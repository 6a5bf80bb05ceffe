//! Panics in the log.
//!
//! [`install`] has each panic of the process logged, once and as CRITICAL, and everything that was logged before it
//! delivered, before the hook that was there runs: it may be the one that ends the process.
//!
//! ```
//! use fapilog::{Container, format, panic_hook, sink};
//!
//! # let quiet = std::panic::take_hook();
//! # std::panic::set_hook(Box::new(|_| {}));
//! let (sink, events) = sink::Memory::new(format::Json::new);
//! let logs = Container::builder().sink("memory", sink).start()?;
//! let hook = panic_hook::install(&logs.logger("service"), panic_hook::Options::new());
//!
//! let worker = std::thread::spawn(|| panic!("out of orders"));
//! assert!(worker.join().is_err());
//! assert!(events.lines()[0].contains(r#""message":"panicked: out of orders""#));
//! drop(hook); // and the hook from before is back
//! # std::panic::set_hook(quiet);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # On a drain's thread
//!
//! A plugin that panics is logged too, but nothing waits for its delivery: the thread would wait for itself. A sink
//! that panics at each event must not be given a new event each time, so at most one such panic a second is logged. The
//! next event contains the number of those left out.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::{self, PanicHookInfo},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use fapilog_engine::producer::{DynamicEvent, Logger};
use fapilog_plugin::threads;
use fapilog_record::{field_group::FieldGroup, level::Level, text::cut::front_of_words, value::ValueRef};

/// The target of the events.
const TARGET: &str = "fapilog::panic_hook";

/// The longest payload that is logged, in bytes; longer ones are cut behind a word, as half of a secret is not recognized. A record drops whole fields from its end, and the fields
/// behind the message are worth more than the end of a long message.
const PAYLOAD_MAX_BYTES: usize = 4096;

/// The longest backtrace that is logged, in bytes: half of the default record.
const BACKTRACE_MAX_BYTES: usize = 32 * 1024;

/// The time after a panic on a drain's thread until the next one is logged.
const DRAIN_INTERVAL: Duration = Duration::from_secs(1);

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// The options of a panic hook.
#[derive(Debug, Clone)]
#[must_use]
pub struct Options {
    flush_timeout: Duration,
    backtrace: bool,
}

impl Options {
    /// The defaults of the methods.
    pub fn new() -> Self {
        Self { flush_timeout: Duration::from_secs(1), backtrace: true }
    }

    /// The longest time that a panic waits until everything is delivered; zero not to wait. It takes no longer than the
    /// work.
    /// Default: a second.
    pub fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.flush_timeout = timeout;
        self
    }

    /// Whether the backtrace is logged where `RUST_BACKTRACE` or `RUST_LIB_BACKTRACE` asks for one. Default: yes.
    pub fn backtrace(mut self, is_wanted: bool) -> Self {
        self.backtrace = is_wanted;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

/// Logs the panics of the process through this logger, until the returned value is dropped; then the previous hook is
/// back.
///
/// The hook installed last logs alone: each panic is logged once. The [`PanicHookGuard`] of a replaced hook does
/// nothing when it is dropped. If the program has set a hook of its own on top meanwhile, that one stays, and the hook
/// below it logs nothing.
///
/// A thread that is panicking cannot change hooks: there it can only take the place of one that is installed already, and
/// does nothing if there is none.
pub fn install(logger: &Logger, options: Options) -> PanicHookGuard {
    // Relaxed: a number that differs from all others, no more.
    static NEXT_ID: AtomicU64 = AtomicU64::new(1);
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let panic_log = PanicLog { id, logger: logger.clone(), options, on_drains: OnDrains::new() };
    let replaced = threads::undivided(|| {
        let mut top = threads::lock(&TOP);
        place(&mut top);
        top.as_ref().and_then(|top| top.placed.exchange(Some(Arc::new(panic_log))))
    });
    // User code may run when the last of a container is dropped: not under our locks.
    drop(replaced);
    PanicHookGuard { id }
}

/// Takes the panic hook back when it is dropped.
#[derive(Debug)]
#[must_use = "the panic hook is taken back when its guard is dropped"]
pub struct PanicHookGuard {
    id: u64,
}

impl Drop for PanicHookGuard {
    fn drop(&mut self) {
        let panic_log = threads::undivided(|| {
            let mut top = threads::lock(&TOP);
            let panic_log = top.as_ref().and_then(|top| top.placed.disarm(self.id));
            // A panicking thread may not change hooks; ours does nothing any more but to call the one before it.
            if panic_log.is_some() && !thread::panicking() {
                take_back(&mut top);
            }
            panic_log
        });
        drop(panic_log);
    }
}

/// The hook of ours that was set last: there is one in a process at most, as there is one hook. Locked inside of
/// [`threads::undivided`], so that no child inherits it locked.
static TOP: Mutex<Option<Top>> = Mutex::new(None);

struct Top {
    placed: Arc<Placed>,
    /// The address of the closure in the box that we gave away: it identifies the box when we take it.
    address: usize,
}

/// Our hook.
struct Placed {
    /// The logger of panics; `None` while none is installed.
    panic_log: Mutex<Option<Arc<PanicLog>>>,
    /// The hook from before.
    previous: Hook,
}

/// Makes sure that the process's hook is ours. Not in the middle of a panic: the standard library forbids it.
fn place(top: &mut Option<Top>) {
    if thread::panicking() {
        return;
    }
    let current = panic::take_hook();
    if top.as_ref().is_some_and(|top| top.address == address_of(&current)) {
        return panic::set_hook(current);
    }
    // The hook that the program set on top may still call one of ours.
    if let Some(buried) = top.take() {
        drop(buried.placed.exchange(None));
    }
    let placed = Arc::new(Placed { panic_log: Mutex::new(None), previous: current });
    let hook = Arc::clone(&placed);
    let hook: Hook = Box::new(move |info| hook.run(info));
    *top = Some(Top { placed, address: address_of(&hook) });
    panic::set_hook(hook);
}

/// Puts the hook from before back, if ours is the process's.
fn take_back(top: &mut Option<Top>) {
    let current = panic::take_hook();
    match top.take_if(|top| top.address == address_of(&current)) {
        Some(Top { placed, .. }) => {
            drop(current);
            panic::set_hook(match Arc::try_unwrap(placed) {
                Ok(placed) => placed.previous,
                Err(shared) => Box::new(move |info| (shared.previous)(info)),
            });
        }
        None => panic::set_hook(current),
    }
}

/// Ours holds something, so no other box has its address.
fn address_of(hook: &Hook) -> usize {
    std::ptr::from_ref(&**hook).cast::<()>().addr()
}

impl Placed {
    fn run(&self, info: &PanicHookInfo<'_>) {
        let panic_log = threads::lock(&self.panic_log).clone();
        if let Some(panic_log) = panic_log {
            panic_log.log(info);
        }
        (self.previous)(info);
    }

    fn exchange(&self, panic_log: Option<Arc<PanicLog>>) -> Option<Arc<PanicLog>> {
        std::mem::replace(&mut *threads::lock(&self.panic_log), panic_log)
    }

    /// Removes it, if it is this one.
    fn disarm(&self, id: u64) -> Option<Arc<PanicLog>> {
        threads::lock(&self.panic_log).take_if(|panic_log| panic_log.id == id)
    }
}

/// Logs panics. A panic inside it would end the process: it calls no user code.
struct PanicLog {
    id: u64,
    logger: Logger,
    options: Options,
    on_drains: OnDrains,
}

impl PanicLog {
    fn log(&self, info: &PanicHookInfo<'_>) {
        if !threads::is_drain_thread() {
            self.logger.log_dynamic(&self.event(info, 0));
            if !self.options.flush_timeout.is_zero() {
                // The accounts contain the events that are not delivered in time.
                let _ = self.logger.flush(self.options.flush_timeout);
            }
        } else if let Some(left_out) = self.on_drains.log_one() {
            self.logger.log_dynamic(&self.event(info, left_out));
        }
    }

    /// The most valuable fields come first: a record that is too long drops fields from its end.
    fn event(&self, info: &PanicHookInfo<'_>, left_out: u64) -> DynamicEvent {
        let payload = info.payload_as_str().unwrap_or("a payload that is not text");
        let message = format!("panicked: {}", front_of_words(payload, PAYLOAD_MAX_BYTES));
        let mut event = DynamicEvent::new(Level::Critical, TARGET, &message);
        if let Some(location) = info.location() {
            event = event.field(FieldGroup::Context, "location", ValueRef::Text(&location.to_string()));
        }
        if let Some(name) = thread::current().name() {
            event = event.field(FieldGroup::Context, "thread_name", ValueRef::Text(name));
        }
        if left_out > 0 {
            event = event.field(FieldGroup::Context, "panics_left_out", ValueRef::U64(left_out));
        }
        if self.options.backtrace {
            let backtrace = Backtrace::capture();
            if backtrace.status() == BacktraceStatus::Captured {
                let text = backtrace.to_string();
                event = event.field(
                    FieldGroup::Context,
                    "backtrace",
                    ValueRef::Text(front_of_words(&text, BACKTRACE_MAX_BYTES)),
                );
            }
        }
        event
    }
}

/// Panics on drains' threads: one in an interval.
struct OnDrains {
    start: Instant,
    /// Nanoseconds from the start after which the next panic may be logged.
    next: AtomicU64,
    left_out: AtomicU64,
}

impl OnDrains {
    fn new() -> Self {
        Self { start: Instant::now(), next: AtomicU64::new(0), left_out: AtomicU64::new(0) }
    }

    /// The number left out since the last logged panic, if this one may be logged.
    fn log_one(&self) -> Option<u64> {
        // Relaxed, all: of several at once one gets through, and the others are counted, now or with the next.
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let interval = DRAIN_INTERVAL.as_nanos() as u64; // a constant that fits
        let due = |next| (next <= now).then(|| now.saturating_add(interval));
        if self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok() {
            // Relaxed: a counter, exact by the exchange.
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        // Relaxed: a counter.
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}
