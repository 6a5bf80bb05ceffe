//! Scopes: fields that are bound to a thread or a future.

pub use fapilog_engine::producer::{InScope, ScopeGuard, Scoped, TraceParent, TraceParentError};
