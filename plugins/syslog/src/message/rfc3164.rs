//! RFC 3164, of BSD: `<PRI>Mmm dd hh:mm:ss HOSTNAME TAG[PID]: MSG`. To a socket of this machine without the host, as `syslog(3)` writes it.

use fapilog_plugin::{
    event::Event,
    text::{bounded::front, number::put_u64},
    timestamp::Timestamp,
};

use crate::message::{
    Facility, PrioritySource, SyslogFormat, SyslogTime,
    format::process_id,
    header_text::{HOSTNAME_MAX, put_header_text, put_tag},
    local_time::BsdClock,
    priority::{WARNING, put_priority},
    writer::WriterLimits,
};

/// Writes messages by RFC 3164.
#[derive(Debug)]
pub(super) struct Rfc3164Writer {
    facility: Facility,
    priority_from: PrioritySource,
    clock: BsdClock,
    /// ` HOSTNAME TAG[`, or ` TAG[`.
    names: Vec<u8>,
    process_id: u64,
    bytes_max: usize,
}

impl Rfc3164Writer {
    pub(super) fn new(format: &SyslogFormat, limits: WriterLimits) -> Self {
        let mut names = vec![b' '];
        if !limits.is_local {
            put_header_text(&format.hostname_or_default(), HOSTNAME_MAX, &mut names);
            names.push(b' ');
        }
        put_tag(&format.app_name_or_default(), &mut names);
        names.push(b'[');
        let clock = match format.time {
            SyslogTime::Local => BsdClock::of_system(),
            SyslogTime::Utc => BsdClock::utc(),
        };
        let (facility, priority_from) = (format.facility, format.priority_from);
        Self { facility, priority_from, clock, names, process_id: process_id(), bytes_max: limits.bytes_max }
    }

    pub(super) fn begin_batch(&mut self) {
        self.process_id = process_id();
    }

    /// Appends the message of an event with this text. Returns whether some of it was cut.
    pub(super) fn put(&mut self, event: &Event<'_>, text: &str, out: &mut Vec<u8>) -> bool {
        self.put_all(self.priority_from.severity_of(event), event.timestamp(), text, out)
    }

    /// Appends a message that another sink has rendered and could not deliver.
    pub(super) fn put_rendered(&mut self, now: Timestamp, text: &str, out: &mut Vec<u8>) -> bool {
        self.put_all(WARNING, now, text, out)
    }

    fn put_all(&mut self, severity: u8, timestamp: Timestamp, text: &str, out: &mut Vec<u8>) -> bool {
        let end_max = out.len() + self.bytes_max;
        put_priority(self.facility, severity, out);
        self.clock.put(timestamp, out);
        out.extend_from_slice(&self.names);
        put_u64(out, self.process_id);
        out.extend_from_slice(b"]: ");
        let fitting = front(text, end_max.saturating_sub(out.len()));
        out.extend_from_slice(fitting.as_bytes());
        fitting.len() < text.len()
    }
}
