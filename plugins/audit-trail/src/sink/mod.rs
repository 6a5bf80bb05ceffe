//! The sink, and its settings in code.

mod client;
mod settings;
mod shared;

pub use self::settings::AuditTrail;
pub use crate::writer::OnBrokenHead;
