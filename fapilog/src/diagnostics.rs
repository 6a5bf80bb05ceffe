//! Reports about the log itself: fallbacks and failures that an operator should know.

pub use fapilog_engine::diagnostics::{Diagnostic, ErrorCallback};
pub use fapilog_plugin::diagnostics::Diagnostics;
