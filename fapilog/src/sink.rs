//! Sinks: where events go.

pub use fapilog_engine::{
    container::{DeadLetterOptions, SinkOptions, SpillOptions},
    route::Route,
};
pub use fapilog_plugin::sink::{
    Assurances, BlockingDelivery, Delivery, DeliveryPolicy, DeliveryThread, OnFull, Payload, PayloadId, Reporter, Sink,
    SinkContext, SinkCounter, SinkError, SinkErrorKind, SinkFactory, SinkPlace,
};
pub use fapilog_sink_console::Console;
pub use fapilog_sink_file::{Compression, File, FileEngine, FileSync, RotateEvery, RotateZone};
#[cfg(feature = "http")]
pub use fapilog_sink_http::{BodyForm, Http, HttpMethod, HttpSinkSettings, WrapperSettings};
pub use fapilog_sink_memory::{Memory, MemoryEvents};
pub use fapilog_sink_null::Null;
