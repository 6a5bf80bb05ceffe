//! A container's builder, and what runs its drain.

pub use crate::global::global;
pub use fapilog_engine::{
    clock::ManualClock,
    container::ContainerBuilder,
    executor::Executor,
    host::{ManualDrain, probe::GlommioUnavailable},
    on_hang::OnHang,
    order::EventOrder,
    producer::Overflow,
};
