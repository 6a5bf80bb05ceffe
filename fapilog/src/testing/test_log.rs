//! A container of a test's own.

use std::{fmt, time::Duration};

use fapilog_engine::{
    clock::ManualClock,
    container::{Container, ContainerBuilder},
    executor::Executor,
    producer::{Logger, Overflow, Scope},
};
use fapilog_record::{level::Level, timestamp::Timestamp};

use super::{Expectation, LoggedEvent, capture::Captured, correlation::report_strays, expectation::list, fail};

/// Far longer than a flush of memory takes: an event that is absent by then is lost.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A container that keeps all logged events, for a test to look at.
///
/// It takes all levels, and stamps events by a clock that stands at [`START`](Self::START) until the test moves it. Two of
/// them share nothing. When it is dropped it shuts down, and panics if an event is unaccounted for (unless the test has
/// failed already).
#[doc(alias = "fapilog_test_fixture")]
#[must_use]
pub struct TestLog {
    container: Container,
    log: Logger,
    clock: ManualClock,
    captured: Captured,
}

impl TestLog {
    /// The time of its clock at first: 2026-01-01T00:00:00Z.
    pub const START: Timestamp = Timestamp::from_unix_nanos(1_767_225_600_000_000_000);

    /// A test log.
    ///
    /// # Panics
    /// When the system has no thread to give.
    #[track_caller]
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// A test log with settings and plugins of the test's own.
    ///
    /// # Panics
    /// When the container does not start.
    #[track_caller]
    pub fn with(configure: impl FnOnce(ContainerBuilder) -> ContainerBuilder) -> Self {
        let clock = ManualClock::new(Self::START);
        let captured = Captured::default();
        // Many run side by side: a thread that parks at once costs the others nothing. A test that logs faster than its
        // thread is given time waits for it, and a plugin that is given none is not slow.
        let builder = Container::builder()
            .level(Level::Trace)
            .executor(Executor::Thread)
            .idle_spin(Duration::ZERO)
            .idle_sleep(Duration::ZERO)
            .overflow(Overflow::Block { timeout: TIMEOUT })
            .plugin_timeout(Duration::ZERO)
            .manual_clock(&clock);
        let container = match configure(builder).sink("captured", captured.clone()).start() {
            Ok(container) => container,
            Err(error) => fail(&format!("the test log does not start: {error}")),
        };
        let log = container.logger("test");
        Self { container, log, clock, captured }
    }

    /// A logger of source `test`.
    #[must_use]
    pub fn log(&self) -> &Logger {
        &self.log
    }

    /// A logger of this source.
    #[must_use]
    pub fn logger(&self, source: &str) -> Logger {
        self.container.logger(source)
    }

    /// The container, for its other methods.
    #[must_use]
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// The clock that stamps events.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Everything that was logged so far, in the order it arrived: of one thread, in the order it was logged.
    ///
    /// # Panics
    /// When the events do not arrive.
    #[must_use]
    #[track_caller]
    pub fn events(&self) -> Vec<LoggedEvent> {
        self.flush();
        self.captured.all()
    }

    /// Removes the events logged so far.
    ///
    /// # Panics
    /// When the events do not arrive.
    #[track_caller]
    pub fn clear(&self) {
        self.flush();
        self.captured.forget();
    }

    /// Waits until everything that was logged so far has arrived.
    #[track_caller]
    fn flush(&self) {
        if let Err(error) = self.container.flush(TIMEOUT) {
            fail(&format!("what was logged did not arrive: {error}"));
        }
    }

    /// Expects that it was logged, once at least. Returns the first event that meets it.
    ///
    /// # Panics
    /// When no event meets it.
    #[track_caller]
    pub fn assert_logged(&self, expected: &Expectation) -> LoggedEvent {
        let events = self.events();
        match events.iter().find(|event| expected.is_met_by(event)) {
            Some(event) => event.clone(),
            None => fail(&expected.report("expected, and not logged:", &events)),
        }
    }

    /// Expects that it was not logged.
    ///
    /// # Panics
    /// When an event meets it.
    #[track_caller]
    pub fn assert_not_logged(&self, unexpected: &Expectation) {
        let mut events = self.events();
        events.retain(|event| unexpected.is_met_by(event));
        if !events.is_empty() {
            let mut report = format!("not expected, and logged:\n    {unexpected}\n");
            list(&mut report, "it is met by", &events);
            fail(&report);
        }
    }

    /// Expects that it was logged so many times. Returns the events that meet it.
    ///
    /// # Panics
    /// When another number of events meets it.
    #[track_caller]
    pub fn assert_logged_times(&self, times: usize, expected: &Expectation) -> Vec<LoggedEvent> {
        let events = self.events();
        let met = events.iter().filter(|event| expected.is_met_by(event)).count();
        if met != times {
            fail(&expected.report(&format!("expected {times} times, and logged {met} times:"), &events));
        }
        events.into_iter().filter(|event| expected.is_met_by(event)).collect()
    }

    /// Expects that all events so far have this correlation id, and that there is one at least. Events of the library
    /// itself do not count.
    ///
    /// # Panics
    /// When an event does not: it is named with the place that logged it.
    #[track_caller]
    pub fn assert_all_correlated(&self, id: &str) {
        if let Some(report) = report_strays(id, &self.events()) {
            fail(&report);
        }
    }

    /// Runs `work` in a scope with a new correlation id, and expects that everything it logs has it, on whatever
    /// thread: see [`assert_all_correlated`](Self::assert_all_correlated). `work` waits for the threads and tasks that it
    /// spawns. Returns what it returns.
    ///
    /// # Panics
    /// When an event does not have the id, or nothing was logged.
    #[track_caller]
    pub fn assert_correlated<R>(&self, work: impl FnOnce() -> R) -> R {
        self.flush();
        let before = self.captured.count();
        let scope = Scope::new().correlation_id_or_new(None);
        let id = scope.correlation().unwrap_or_default().to_owned();
        let result = scope.wrap(work)();
        self.flush();
        if let Some(report) = report_strays(&id, &self.captured.behind(before)) {
            fail(&report);
        }
        result
    }
}

impl Default for TestLog {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TestLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestLog").field("accounts", &self.container.accounts()).finish_non_exhaustive()
    }
}

impl Drop for TestLog {
    fn drop(&mut self) {
        // A panic more would end the whole process; the container shuts itself down.
        if std::thread::panicking() {
            return;
        }
        let accounts = match self.container.shutdown(TIMEOUT) {
            Ok(accounts) => accounts,
            Err(error) => fail(&format!("the test log does not shut down: {error}")),
        };
        if let Err(error) = accounts.check() {
            fail(&format!("the test log's accounts are wrong: {error}"));
        }
        if accounts.pending_total() != 0 {
            fail(&format!("the test log has shut down with events pending: {accounts}"));
        }
    }
}
