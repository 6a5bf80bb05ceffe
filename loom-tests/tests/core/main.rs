//! Models of the protocols in `fapilog-engine`: one file a model, each with the bugs that it must find.
#![cfg(fapilog_loom)]
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

mod accounts;
mod flush;
mod shared_lane;
mod shutdown;
mod sleep;
mod take_over;
mod watchdog;
