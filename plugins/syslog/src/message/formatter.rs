//! The formatter: messages as lines.

use fapilog_plugin::{error::PluginError, event::Batch, formatter::Formatter, record_end::RecordEnd};

use crate::message::{MessageWriter, SyslogProtocol};

/// Writes a message of syslog in a line for each event. Made by [`SyslogFormat::formatter`](crate::SyslogFormat::formatter).
#[derive(Debug)]
pub struct SyslogFormatter {
    protocol: SyslogProtocol,
    writer: MessageWriter,
}

impl SyslogFormatter {
    pub(super) fn new(protocol: SyslogProtocol, writer: MessageWriter) -> Self {
        Self { protocol, writer }
    }
}

impl Formatter for SyslogFormatter {
    fn name(&self) -> &'static str {
        match self.protocol {
            SyslogProtocol::Rfc5424 => "syslog_rfc5424",
            SyslogProtocol::Rfc3164 => "syslog_rfc3164",
        }
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        self.writer.begin_batch();
        for index in 0..batch.len() {
            self.writer.put_event(batch, index, out)?;
            out.push(b'\n');
        }
        Ok(())
    }

    fn record_end(&self) -> RecordEnd {
        RecordEnd::LineFeed
    }
}
