//! Models of the protocols in `fapilog-ring`: one file a model, each with the bugs that it must find.
#![cfg(fapilog_loom)]
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

mod close_with_frames_left;
mod doorbell;
mod frames_in_order;
mod full_and_free_again;
mod gauge;
mod recycling;
mod registration;
mod shrunk_and_abandoned;
mod space_waiters;
mod wrap_and_slack;
