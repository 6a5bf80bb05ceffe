//! Events become records of a payload: the bytes of the formatter.

use fapilog_plugin::{error::PluginError, event::Batch, formatter::Formatter, record_end::RecordEnd, sink::Payload};

/// Encodes events.
pub(crate) struct RecordEncoder {
    formatter: Box<dyn Formatter>,
    /// The lines of a batch.
    lines: Vec<u8>,
}

impl RecordEncoder {
    pub(crate) fn new(formatter: Box<dyn Formatter>) -> Self {
        Self { formatter, lines: Vec::new() }
    }

    /// Appends a record for each event, and marks its end.
    pub(crate) fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        if self.formatter.record_end() != RecordEnd::LineFeed {
            for index in 0..batch.events().len() {
                self.formatter.format(&batch.range(index..index + 1), payload.buffer())?;
                payload.end_record();
            }
            return Ok(());
        }
        self.lines.clear();
        self.formatter.format(batch, &mut self.lines)?;
        let mut start = 0;
        let mut events = 0;
        for end in memchr::memchr_iter(b'\n', &self.lines) {
            payload.buffer().extend_from_slice(self.lines.get(start..=end).unwrap_or_default());
            payload.end_record();
            (start, events) = (end + 1, events + 1);
        }
        if events != batch.events().len() || start != self.lines.len() {
            let name = self.formatter.name();
            return Err(PluginError::failed(format!(
                "the formatter {name} wrote another number of lines than of events"
            )));
        }
        Ok(())
    }
}
