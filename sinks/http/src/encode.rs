//! Events become records of a payload. It happens on the drain: it does no I/O.

use fapilog_plugin::{error::PluginError, event::Batch, formatter::Formatter, record_end::RecordEnd, sink::Payload};

/// Encodes events as records.
pub trait EventEncoder {
    /// Appends a record for each event of the batch, in order, and [ends](Payload::end_record) each: the answer of a destination names records by
    /// their index, and the engine counts events by it.
    ///
    /// # Errors
    /// When the batch cannot be encoded. The bytes that were appended are taken back then.
    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError>;

    /// The [form](fapilog_plugin::sink::Sink::record_form) of the records, if they are not those of a formatter. Default: `None`.
    fn record_form(&self) -> Option<&'static str> {
        None
    }

    /// Appends records of this encoder [as text](fapilog_plugin::sink::Sink::append_as_text), one for one. Default: as they are.
    fn append_as_text(&mut self, records: &Payload, text: &mut Payload) {
        text.append(records);
    }

    /// Appends records that another sink has encoded and could not deliver. Default: as they are.
    fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        payload.append(records);
    }
}

/// Records that a formatter renders: a line for each event, with its line feed, or whatever bytes the formatter writes.
pub struct FormattedRecords {
    formatter: Box<dyn Formatter>,
    /// The lines of a batch.
    lines: Vec<u8>,
}

impl FormattedRecords {
    /// Records by this formatter.
    #[must_use]
    pub fn new(formatter: Box<dyn Formatter>) -> Self {
        Self { formatter, lines: Vec::new() }
    }

    /// Renders the events, and hands each event's bytes to `take`.
    ///
    /// # Errors
    /// When the formatter fails, or does not write a line for each event although it states that it does.
    pub fn each(
        &mut self,
        batch: &Batch<'_>,
        mut take: impl FnMut(usize, &[u8]) -> Result<(), PluginError>,
    ) -> Result<(), PluginError> {
        self.lines.clear();
        if self.formatter.record_end() != RecordEnd::LineFeed {
            return self.one_by_one(batch, take);
        }
        self.formatter.format(batch, &mut self.lines)?;
        let mut start = 0;
        let mut events = 0;
        for end in memchr::memchr_iter(b'\n', &self.lines) {
            take(events, self.lines.get(start..=end).unwrap_or_default())?;
            start = end + 1;
            events += 1;
        }
        if events != batch.len() || start != self.lines.len() {
            let formatter = self.formatter.name();
            let error = format!("the formatter {formatter} wrote {events} lines for {} events", batch.len());
            return Err(PluginError::failed(error));
        }
        Ok(())
    }

    fn one_by_one(
        &mut self,
        batch: &Batch<'_>,
        mut take: impl FnMut(usize, &[u8]) -> Result<(), PluginError>,
    ) -> Result<(), PluginError> {
        for event in 0..batch.len() {
            self.lines.clear();
            self.formatter.format(&batch.range(event..event + 1), &mut self.lines)?;
            take(event, &self.lines)?;
        }
        Ok(())
    }
}

impl EventEncoder for FormattedRecords {
    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.each(batch, |_, record| {
            payload.buffer().extend_from_slice(record);
            payload.end_record();
            Ok(())
        })
    }
}

impl std::fmt::Debug for FormattedRecords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FormattedRecords").field("formatter", &self.formatter.name()).finish_non_exhaustive()
    }
}
