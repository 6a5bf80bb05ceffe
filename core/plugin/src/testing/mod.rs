//! Batches without a container, for the unit tests of plugins.
//!
//! ```
//! use fapilog_plugin::testing::{TestBatches, test_event};
//!
//! TestBatches::new().events(&[test_event("first"), test_event("second")], |batch| {
//!     batch.retain(|event| event.id().sequence > 1);
//!     assert_eq!(batch.len(), 1);
//! });
//! ```

#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as it should be"
)]
mod batches;

pub use batches::{TestBatches, TestEvent, test_event};
