//! Events: records as plugins see them, viewed in place.

mod batch;
#[allow(clippy::module_inception, reason = "the module's one main thing")]
mod event;
mod event_scope;
mod event_subject;
mod field_path;
mod field_ref;
mod id;
#[doc(hidden)]
pub mod internal;
mod location;
mod producer;
mod source;
mod template;
mod text_origin;

pub use self::{
    batch::Batch,
    event::{Event, EventParts, FILLED_MAX_BYTES, MISSING_FIELD, RecordError},
    event_scope::EventScope,
    event_subject::EventSubject,
    field_path::FieldPath,
    field_ref::FieldRef,
    id::{EventId, InstanceId},
    location::Location,
    producer::ProducerInfo,
    source::Source,
    template::EventTemplate,
    text_origin::TextOrigin,
};
