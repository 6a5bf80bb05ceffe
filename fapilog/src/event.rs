//! Events and their values, as plugins see them.

pub use fapilog_engine::producer::DynamicEvent;
pub use fapilog_plugin::event::{
    Batch, Event, EventId, EventSubject, FieldRef, InstanceId, Location, ProducerInfo, Source, TextOrigin,
};
pub use fapilog_record::{
    call_site::{CallSite, DescribedField, Descriptor, FieldName},
    field_group::FieldGroup,
    level::Category,
    timestamp::Timestamp,
    value::{ErrorChain, Kind, SequenceRef, Value, ValueRef},
};
