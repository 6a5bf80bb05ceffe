//! The global container: a container for the whole program.

#[cfg(feature = "settings")]
mod by_settings;

use std::{
    cell::Cell,
    env,
    mem::ManuallyDrop,
    ops::Deref,
    path::Path,
    process,
    sync::{Arc, Mutex},
    time::Duration,
};

use fapilog_engine::{
    container::Container,
    producer::{Leader, Logger, levels_changed},
};
use fapilog_plugin::threads::{lock, undivided};
use fapilog_record::{arguments::Arguments, call_site::CallSite, level::Level};

#[cfg(feature = "settings")]
pub use self::by_settings::{init, init_with};
use crate::error::{AlreadyInitialized, Error};

/// The source of events that name no logger, if the program has no name.
const UNNAMED: &str = "program";

static GLOBAL: Mutex<GlobalState> = Mutex::new(GlobalState::None);

/// The lock is held for moments only, never while user code runs: a plugin that is made, or the error callback, may ask
/// for a logger. Nothing is allocated or freed under it: the program's allocator may log.
#[derive(Debug, Clone)]
enum GlobalState {
    None,
    /// A thread of this process is starting it. A forked child does not have that thread.
    Starting {
        process: u32,
    },
    Running {
        container: Arc<Container>,
        /// The logger of calls that name none.
        logger: Logger,
        /// Its `Global` is dropped: another container may take its place.
        is_released: bool,
    },
}

/// Loggers that were made before the container, or by its predecessor, find it by this. The threads' copies of the logger are
/// keyed by its generation.
static LEADER: Leader = Leader::new(|source| match GlobalState::now() {
    GlobalState::Running { container, .. } if !container.is_closed() => Some(container.logger(source)),
    _ => None,
});

impl GlobalState {
    fn running(container: &Arc<Container>) -> Self {
        let logger = container.logger(&program_name());
        Self::Running { container: Arc::clone(container), logger, is_released: false }
    }

    /// Whether another container may take its place.
    fn is_free(&self) -> bool {
        match self {
            Self::None => true,
            Self::Starting { process } => *process != process::id(),
            // The `Global` of a parent process may be on a thread that a forked child does not have.
            Self::Running { container, is_released, .. } => *is_released || container.is_in_forked_child(),
        }
    }

    /// The state now.
    fn now() -> Self {
        // A forked child finds the lock released.
        undivided(|| lock(&GLOBAL).clone())
    }

    /// The logger of calls that name none.
    fn into_logger(self) -> Option<Logger> {
        match self {
            Self::Running { logger, .. } => Some(logger),
            Self::None | Self::Starting { .. } => None,
        }
    }

    /// Replaces the state.
    fn set(self) {
        let before = undivided(|| {
            let before = std::mem::replace(&mut *lock(&GLOBAL), self);
            LEADER.changed();
            before
        });
        // Outside of the lock: see `GlobalState`.
        drop(before);
        levels_changed();
    }

    /// Lets another container take the place of this one.
    fn release(released: &Arc<Container>) {
        undivided(|| match &mut *lock(&GLOBAL) {
            Self::Running { container, is_released, .. } if Arc::ptr_eq(container, released) => *is_released = true,
            _ => {}
        });
    }
}

/// The name of the program's file, as it was started.
fn program_name() -> String {
    let path = env::args_os().next().unwrap_or_default();
    let name = Path::new(&path).file_name().map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| UNNAMED.to_owned())
}

/// The right to make the global container, taken by one thread. Its drop sets the result, also when the start fails or
/// panics.
struct Claim(GlobalState);

impl Claim {
    fn take() -> Result<Self, AlreadyInitialized> {
        let before = undivided(|| {
            let mut state = lock(&GLOBAL);
            let starting = GlobalState::Starting { process: process::id() };
            state.is_free().then(|| std::mem::replace(&mut *state, starting))
        });
        let Some(before) = before else { return Err(AlreadyInitialized) };
        let claim = Self(GlobalState::None);
        if let GlobalState::Running { container, .. } = before {
            container.leave_in_forked_child();
            // Lost events are counted and reported by the container. Its files are closed before another opens them.
            let _ = container.shutdown(DROP_TIMEOUT);
        }
        Ok(claim)
    }

    fn complete(mut self, container: Container) -> Global {
        container.drain_at_exit();
        container.count_missed(&LEADER.take_missed());
        let container = Arc::new(container);
        self.0 = GlobalState::running(&container);
        Global { container }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        std::mem::replace(&mut self.0, GlobalState::None).set();
    }
}

/// The time that a global container has to drain when its `Global` is dropped.
const DROP_TIMEOUT: Duration = Duration::from_secs(5);

/// The program's container.
///
/// Dropping this delivers what was logged so far, with five seconds for it. The container goes on until the process exits, which
/// drains it again, or until another global container takes its place. [`Container::shutdown`] ends it before.
#[doc(alias = "runtime")]
#[doc(alias = "runtime_async")]
#[derive(Debug)]
pub struct Global {
    container: Arc<Container>,
}

impl Global {
    /// Starts a container, and makes it the program's.
    pub(crate) fn start(container: impl FnOnce() -> Result<Container, Error>) -> Result<Self, Error> {
        let claim = Claim::take()?;
        Ok(claim.complete(container()?))
    }
}

impl Deref for Global {
    type Target = Container;

    fn deref(&self) -> &Container {
        &self.container
    }
}

impl Drop for Global {
    fn drop(&mut self) {
        // Lost events are counted, and reported by the container.
        let _ = self.container.flush(DROP_TIMEOUT);
        GlobalState::release(&self.container);
    }
}

/// Makes a container that was built in code the program's.
///
/// ```
/// use fapilog::{Container, format, info, sink};
///
/// let (sink, events) = sink::Memory::new(format::Json::new);
/// let logs = fapilog::set_global(Container::builder().sink("memory", sink).start()?)?;
/// info!("ready", port = 8080);
/// # logs.flush(std::time::Duration::from_secs(5))?;
/// # assert_eq!(events.lines().len(), 1);
/// # Ok::<(), fapilog::Error>(())
/// ```
///
/// # Errors
/// When a global container exists already or is just starting. The container is dropped then, which shuts it down.
pub fn set_global(container: Container) -> Result<Global, Error> {
    Global::start(|| Ok(container))
}

/// The global container, if there is one.
#[must_use]
pub fn global() -> Option<Arc<Container>> {
    match GlobalState::now() {
        GlobalState::Running { container, .. } => Some(container),
        GlobalState::None | GlobalState::Starting { .. } => None,
    }
}

/// A logger of the program's container. It may be made before the container, such as in a `static`: it logs to the container
/// from the moment there is one, and to its successor. Calls before that are counted, and the container reports their
/// number.
///
/// Log calls that name no logger need none: their `source` is the program's name.
#[doc(alias = "get_logger")]
#[doc(alias = "get_async_logger")]
#[must_use]
pub fn logger(source: &str) -> Logger {
    Logger::following(&LEADER, source)
}

thread_local! {
    // Without a destructor, so that a call need not ask whether it has run: `CLEARING` has it.
    static CACHED: ManuallyDrop<Cell<Option<Box<CachedLogger>>>> = const { ManuallyDrop::new(Cell::new(None)) };
    static CLEARING: Clearing = const { Clearing };
}

/// A thread's copy of the logger of calls that name none: a call takes no lock, and writes nothing that another thread reads.
///
/// A call takes it out of its cell while it uses it. A call inside that call, by user code, finds none and makes one.
#[derive(Debug)]
struct CachedLogger {
    /// The generation that `logger` is of.
    generation: u64,
    logger: Logger,
    /// Whether it goes back to the cell.
    is_kept: bool,
}

impl CachedLogger {
    /// This thread's copy, brought up to date. Out of line: it is the same code for each call site.
    #[inline(never)]
    fn take() -> Box<Self> {
        match CACHED.with(|cached| cached.take()) {
            Some(cached) if cached.is_current() => cached,
            old => Self::renew(old),
        }
    }

    #[inline(never)]
    fn put_back(self: Box<Self>) {
        if self.is_kept {
            CACHED.with(|cached| cached.set(Some(self)));
        }
    }

    #[inline(always)]
    fn is_current(&self) -> bool {
        self.generation == LEADER.generation()
    }

    #[cold]
    #[inline(never)]
    fn renew(old: Option<Box<Self>>) -> Box<Self> {
        // The last logger of a container frees it.
        drop(old);
        // Before the state: if that changes meanwhile, the next call looks again.
        let generation = LEADER.generation();
        let logger = GlobalState::now().into_logger();
        let logger = logger.unwrap_or_else(|| Logger::following(&LEADER, UNNAMED));
        // A thread that ends has nothing more that would clear the cell.
        let is_kept = CLEARING.try_with(|_| ()).is_ok();
        Box::new(Self { generation, logger, is_kept })
    }
}

/// Clears a thread's cell when the thread ends.
struct Clearing;

impl Drop for Clearing {
    fn drop(&mut self) {
        drop(CACHED.with(|cached| cached.take()));
    }
}

/// The logger of calls that name none, for the macros. It has the methods of [`Logger`] that they call, and holds nothing,
/// so that a call may `await` among its values.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct GlobalLogger;

impl GlobalLogger {
    /// Out of line: it is the same code for each call site.
    #[inline(never)]
    pub fn is_enabled_at(&self, level: Level, site: &'static CallSite) -> bool {
        let cached = CachedLogger::take();
        let is_enabled = cached.logger.is_enabled_at(level, site);
        cached.put_back();
        is_enabled
    }

    /// As [`is_enabled_at`](Self::is_enabled_at), of an event whose target is known at run time.
    #[inline(never)]
    pub fn is_enabled_of(&self, level: Level, target: &str) -> bool {
        let cached = CachedLogger::take();
        let is_enabled = cached.logger.is_enabled_of(level, target);
        cached.put_back();
        is_enabled
    }

    #[inline(always)]
    pub fn log<A: Arguments>(&self, level: Level, site: &'static CallSite, arguments: A) {
        let cached = CachedLogger::take();
        cached.logger.log(level, site, arguments);
        cached.put_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_current() -> bool {
        let cached = CACHED.with(|cached| cached.take());
        let is_current = cached.as_ref().is_some_and(|cached| cached.is_current());
        CACHED.with(|cell| cell.set(cached));
        is_current
    }

    #[test]
    fn a_call_keeps_a_copy_of_the_logger_that_a_change_makes_old() {
        GlobalState::None.set();
        assert!(!is_current());
        CachedLogger::take().put_back();
        assert!(is_current());
        GlobalState::None.set();
        assert!(!is_current());
    }
}
