//! Events: records as plugins see them, viewed in place.

mod batch;
#[allow(clippy::module_inception, reason = "the module's one main thing")]
mod event;
mod field_ref;
mod id;
#[doc(hidden)]
pub mod internal;
mod producer;
mod source;
mod subject;

pub use self::{
    batch::Batch,
    event::{Event, EventParts, RecordError},
    field_ref::FieldRef,
    id::EventId,
    producer::ProducerInfo,
    source::Source,
    subject::Subject,
};
