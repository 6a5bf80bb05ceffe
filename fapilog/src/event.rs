//! Events and their values, as plugins see them.

pub use fapilog_engine::producer::DynamicEvent;
pub use fapilog_plugin::event::{Batch, Event, EventId, FieldRef, ProducerInfo, Source};
pub use fapilog_record::{
    bucket::Bucket,
    call_site::{CallSite, DescribedField, Descriptor, FieldName},
    level::Category,
    timestamp::Timestamp,
    value::{Kind, SequenceRef, Value, ValueRef},
};
