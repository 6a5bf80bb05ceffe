//! Tests of a program's log. The feature `testing` switches this module on: `fapilog = { version = "0.1", features = ["testing"] }`
//! in `[dev-dependencies]`.
//!
//! A [`TestLog`] is a container of a test's own: it keeps each event as a [`LoggedEvent`], with values that a test can
//! compare, and stamps them by a clock that stands still until the test moves it. Two of them share nothing, so tests run
//! side by side.
//!
//! ```
//! use fapilog::{Logger, assert_logged, assert_not_logged, error, testing::TestLog};
//!
//! fn place(log: &Logger, order_id: u64, quantity: i64) {
//!     if quantity <= 0 {
//!         error!(log, "order rejected", order_id, quantity);
//!     }
//! }
//!
//! let test = TestLog::new();
//! place(test.log(), 42, -1);
//! place(test.log(), 43, 1);
//! assert_logged!(test, level: Error, message: "order rejected", order_id = 42);
//! assert_not_logged!(test, order_id = 43);
//! ```
//!
//! # Expectations
//!
//! [`assert_logged!`](crate::assert_logged), [`assert_not_logged!`](crate::assert_not_logged) and
//! [`assert_logged_times!`](crate::assert_logged_times) take any of these, and an event must meet all that are given:
//!
//! * `level: Error`, by the name of a [`Level`](crate::Level);
//! * `message: text` for the whole message, `message_contains: text` for a part of it;
//! * `source: text`, `target: text`, `correlation_id: text`;
//! * fields, as a log call has them: `key = value`, `tags.key = value`, `metrics.key = value`, a lone `name`; the value may
//!   stand behind `%`, `?` or `#`.
//!
//! A field is compared as the log shows it: the integer 42 is the same in each of its types. They wait until everything
//! that was logged so far has arrived. A test that logs in other threads joins them first.
//!
//! Every function of this module panics where a promise is broken: it is for tests only.

mod capture;
mod correlation;
mod event;
mod expectation;
mod macros;
mod test_log;
mod value;

pub use event::{LoggedEvent, Place};
pub use expectation::Expectation;
pub use test_log::TestLog;
pub use value::LoggedValue;

/// Ends the test.
#[track_caller]
#[allow(clippy::panic, reason = "it is how a test fails")]
fn fail(report: &str) -> ! {
    panic!("{report}")
}
