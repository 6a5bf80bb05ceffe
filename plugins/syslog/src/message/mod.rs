//! Messages: an event as bytes.

mod format;
mod formatter;
mod header_text;
mod local_time;
mod priority;
mod rfc3164;
mod rfc5424;
mod structured_data;
mod writer;

pub(crate) use self::writer::MessageWriter;
pub use self::{
    format::{MessageIdSource, StructuredData, SyslogFormat, SyslogProtocol, SyslogTime},
    formatter::SyslogFormatter,
    priority::{Facility, PrioritySource},
};
