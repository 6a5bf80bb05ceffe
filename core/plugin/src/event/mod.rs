//! Events: records as plugins see them, viewed in place.

mod batch;
#[allow(clippy::module_inception, reason = "the module's one main thing")]
mod event;
#[doc(hidden)]
pub mod internal;
mod producer;
mod source;

pub use self::{
    batch::Batch,
    event::{Event, EventId, EventParts, FieldRef, RecordError},
    producer::ProducerInfo,
    source::Source,
};
