//! The global container: a container for the whole program.

use std::{
    ops::Deref,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use fapilog_engine::{container::Container, producer::Logger};
use fapilog_settings::Settings;

use crate::error::{AlreadyInitialized, Error};

static GLOBAL: RwLock<GlobalState> = RwLock::new(GlobalState::None);

/// The lock is held for moments only, never while user code runs: a plugin that is made, or the error callback, may ask
/// for a logger.
#[derive(Debug)]
enum GlobalState {
    None,
    /// A thread is starting it.
    Starting,
    Running(Arc<Container>),
}

fn set(state: GlobalState) {
    let before = std::mem::replace(&mut *GLOBAL.write().unwrap_or_else(PoisonError::into_inner), state);
    // Outside of the lock: see `GlobalState`.
    drop(before);
}

/// A start in progress: its drop sets the result, also when the start fails or panics.
struct Starting(GlobalState);

impl Drop for Starting {
    fn drop(&mut self) {
        set(std::mem::replace(&mut self.0, GlobalState::None));
    }
}

/// The time that a global container has to drain when its `Global` is dropped.
const DROP_TIMEOUT: Duration = Duration::from_secs(5);

/// The program's container, until it is dropped: then it is shut down, with five seconds to drain.
///
/// `std::process::exit` drops nothing: call [`Container::shutdown`] before it.
#[doc(alias = "runtime")]
#[doc(alias = "runtime_async")]
#[derive(Debug)]
#[must_use = "the container is shut down when this is dropped"]
pub struct Global {
    container: Arc<Container>,
}

impl Deref for Global {
    type Target = Container;

    fn deref(&self) -> &Container {
        &self.container
    }
}

impl Drop for Global {
    fn drop(&mut self) {
        set(GlobalState::None);
        // Lost events are counted; there is no caller to report them to.
        let _ = self.container.shutdown(DROP_TIMEOUT);
    }
}

/// Starts the program's container, by the defaults and the environment (see [`Settings::load`]): to standard output,
/// from INFO, for people on a terminal and as JSON elsewhere.
///
/// ```
/// use fapilog::info;
///
/// let _logs = fapilog::init()?;
/// let log = fapilog::logger("app");
/// info!(log, "ready", port = 8080);
/// # Ok::<(), fapilog::Error>(())
/// ```
///
/// # Errors
/// When a setting is invalid, the container cannot start, or a global container exists already or is just starting.
#[doc(alias = "create")]
pub fn init() -> Result<Global, Error> {
    init_with(Settings::load(None)?)
}

/// As [`init`], with these settings.
///
/// # Errors
/// As [`init`].
pub fn init_with(settings: Settings) -> Result<Global, Error> {
    {
        let mut state = GLOBAL.write().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*state, GlobalState::None) {
            return Err(AlreadyInitialized.into());
        }
        *state = GlobalState::Starting;
    }
    let mut starting = Starting(GlobalState::None);
    let container = Arc::new(settings.into_builder()?.start()?);
    starting.0 = GlobalState::Running(Arc::clone(&container));
    drop(starting);
    Ok(Global { container })
}

/// A logger of the program's container. While there is none, it is [disabled](Logger::disabled): make it after [`init`],
/// and keep it.
#[doc(alias = "get_logger")]
#[doc(alias = "get_async_logger")]
#[must_use]
pub fn logger(source: &str) -> Logger {
    match &*GLOBAL.read().unwrap_or_else(PoisonError::into_inner) {
        GlobalState::Running(container) => container.logger(source),
        GlobalState::None | GlobalState::Starting => Logger::disabled(),
    }
}
