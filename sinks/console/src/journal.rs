//! Lines for the journal of systemd.
//!
//! systemd connects standard output and standard error of a service with the journal, which takes each line for an entry. A
//! line that begins with `<N>` is an entry of priority N (sd-daemon(3)); others have the priority INFO. The variable
//! `JOURNAL_STREAM` is the number of the stream's device, a colon, and the number of its inode (systemd.exec(5)): so a
//! descriptor that was redirected is recognized, also where the variable was inherited from a service.

use std::ffi::OsStr;

use fapilog_plugin::{error::PluginError, event::Batch, formatter::Formatter, level::Level, record_end::RecordEnd};

use super::destination::FileId;

/// The variable with the stream of the journal.
pub(super) const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// Whether a file is the stream that the variable names. A value of another form names none.
pub(super) fn is_stream(id: FileId, stream: &OsStr) -> bool {
    let numbers = stream.to_str().and_then(|stream| stream.split_once(':'));
    let is_it = |(device, inode): (&str, &str)| Some(id.is(device.parse().ok()?, inode.parse().ok()?));
    numbers.and_then(is_it).unwrap_or(false)
}

/// The beginning of a line with the priority of a level (syslog(3)).
const fn priority(level: Level) -> &'static [u8] {
    match level {
        Level::Trace | Level::Debug => b"<7>",
        Level::Info => b"<6>",
        // Normal, but significant.
        Level::Audit => b"<5>",
        Level::Warning => b"<4>",
        Level::Error => b"<3>",
        Level::Critical => b"<2>",
        // Action must be taken at once.
        Level::Security => b"<1>",
    }
}

/// The ends of records whose lines have priorities: no line begins with a space.
pub(super) fn record_end(formatter: &dyn Formatter) -> RecordEnd {
    match formatter.record_end() {
        RecordEnd::LineFeed => RecordEnd::LineFeed,
        _ => RecordEnd::Unknown,
    }
}

/// Puts the priority of its event in front of each line.
#[derive(Debug, Default)]
pub(super) struct JournalLines {
    /// The lines of a run of events of one priority.
    lines: Vec<u8>,
}

impl JournalLines {
    /// Appends the lines of a batch. An event may have several; each has its priority.
    pub(super) fn put(
        &mut self,
        formatter: &mut dyn Formatter,
        batch: &Batch<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), PluginError> {
        let mut start = 0;
        for run in batch.events().chunk_by(|a, b| priority(a.level()) == priority(b.level())) {
            let end = start + run.len();
            // A formatter that failed may have left some.
            self.lines.clear();
            formatter.format(&batch.range(start..end), &mut self.lines)?;
            let priority = run.first().map_or(b"".as_slice(), |event| priority(event.level()));
            for line in self.lines.split_inclusive(|byte| *byte == b'\n') {
                out.extend_from_slice(priority);
                out.extend_from_slice(line);
            }
            start = end;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn lines_with_priorities_end_records_only_where_each_record_is_a_line() {
        struct Ends(RecordEnd);
        impl Formatter for Ends {
            fn name(&self) -> &'static str {
                "ends"
            }

            fn format(&mut self, _: &Batch<'_>, _: &mut Vec<u8>) -> Result<(), PluginError> {
                Ok(())
            }

            fn record_end(&self) -> RecordEnd {
                self.0
            }
        }
        assert_eq!(record_end(&Ends(RecordEnd::LineFeed)), RecordEnd::LineFeed);
        assert_eq!(record_end(&Ends(RecordEnd::IndentedLines)), RecordEnd::Unknown);
    }

    #[test]
    fn a_stream_is_recognized_by_device_and_inode_and_other_values_name_none() {
        use std::os::unix::fs::MetadataExt;
        let metadata = File::open("/dev/null").unwrap().metadata().unwrap();
        let (id, device, inode) = (FileId::of(&metadata), metadata.dev(), metadata.ino());
        assert!(is_stream(id, OsStr::new(&format!("{device}:{inode}"))));
        let others = [
            format!("{device}:{}", inode + 1),
            format!("{}:{inode}", device + 1),
            format!("{inode}"),
            format!("{device}:{inode}:"),
        ];
        for other in others.iter().map(String::as_str).chain(["", ":", "-1:7", "a:b"]) {
            assert!(!is_stream(id, OsStr::new(other)), "{other:?}");
        }
    }
}
