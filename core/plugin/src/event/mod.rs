//! Events: records as plugins see them, viewed in place.

mod batch;
#[allow(clippy::module_inception, reason = "the module's one main thing")]
mod event;
mod event_subject;
mod field_ref;
mod id;
#[doc(hidden)]
pub mod internal;
mod producer;
mod source;

pub use self::{
    batch::Batch,
    event::{Event, EventParts, RecordError},
    event_subject::EventSubject,
    field_ref::FieldRef,
    id::{EventId, InstanceId},
    producer::ProducerInfo,
    source::Source,
};
