//! Events: records as plugins see them, viewed in place.

mod batch;
mod bucket;
#[allow(clippy::module_inception, reason = "the module's one main thing")]
mod event;
pub(crate) mod own;
mod producer;
mod source;
#[cfg(test)]
pub(crate) mod staged;
mod timestamp;

pub use batch::Batch;
pub use bucket::Bucket;
pub use event::{Event, EventId, FieldRef};
pub(crate) use event::{EventParts, RecordError};
pub use producer::ProducerInfo;
pub use source::Source;
pub(crate) use source::{SourceCache, SourceTable};
pub use timestamp::Timestamp;
