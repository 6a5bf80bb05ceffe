//! A container's builder, and what runs its drain.

pub use fapilog_engine::{
    clock::ManualClock,
    container::ContainerBuilder,
    executor::Executor,
    host::{ManualDrain, probe::GlommioUnavailable},
    order::EventOrder,
    producer::Overflow,
};
