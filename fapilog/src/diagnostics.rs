//! Reports about the log itself: fallbacks and failures, for the operator.

pub use fapilog_engine::diagnostics::{Diagnostic, ErrorCallback};
pub use fapilog_plugin::diagnostics::Diagnostics;
