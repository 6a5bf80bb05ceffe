//! Events become commands: on the drain, and without I/O.
//!
//! A record of a payload is a command as the protocol has it: `XADD key [MAXLEN ~ n] * [id <id>] event <line>`, as an array of byte strings. It is
//! complete by itself, so that a payload from disk is sent as it is.

use std::io::Write;

use fapilog_plugin::{
    error::PluginError, event::Batch, event::EventId, formatter::Formatter, record_end::RecordEnd, sink::Payload,
};

use crate::{settings::RedisTarget, template::StreamKeys};

/// Encodes events as commands.
pub(crate) struct CommandEncoder {
    formatter: Box<dyn Formatter>,
    keys: StreamKeys,
    parts: CommandParts,
    /// The lines of a batch.
    lines: Vec<u8>,
}

/// The parts of commands that are the same for all events.
struct CommandParts {
    /// The array's head and the command's name, with a field for the event's id.
    head: Vec<u8>,
    /// The same without that field.
    head_without_id: Vec<u8>,
    /// Everything between the key and the fields: the limit of the stream, and `*`, the id that the server makes.
    options: Vec<u8>,
    /// The name of the field with the event's id, if there is one.
    id_field: Option<Vec<u8>>,
    event_field: Vec<u8>,
}

impl CommandParts {
    fn new(target: &RedisTarget) -> Self {
        let settings = &target.settings;
        let mut options = Vec::new();
        let mut strings = 5;
        if let Some(max) = settings.max_events {
            strings += 3;
            for word in ["MAXLEN", "~", &max.to_string()] {
                put_string(&mut options, word.as_bytes());
            }
        }
        put_string(&mut options, b"*");
        let string = |text: &str| {
            let mut out = Vec::new();
            put_string(&mut out, text.as_bytes());
            out
        };
        let head = |strings: usize| format!("*{strings}\r\n$4\r\nXADD\r\n").into_bytes();
        let id_field = Some(settings.id_field.as_str()).filter(|name| !name.is_empty());
        let strings_of_id = if id_field.is_some() { 2 } else { 0 };
        Self {
            head: head(strings + strings_of_id),
            head_without_id: head(strings),
            options,
            id_field: id_field.map(string),
            event_field: string(&settings.event_field),
        }
    }

    fn put(&self, key: &[u8], id: Option<EventId>, line: &[u8], out: &mut Vec<u8>) {
        let id = id.zip(self.id_field.as_deref());
        out.extend_from_slice(if id.is_some() { &self.head } else { &self.head_without_id });
        put_string(out, key);
        out.extend_from_slice(&self.options);
        if let Some((id, field)) = id {
            out.extend_from_slice(field);
            put_id(out, id);
        }
        out.extend_from_slice(&self.event_field);
        put_string(out, line);
    }
}

impl CommandEncoder {
    pub(crate) fn new(target: &RedisTarget, formatter: Box<dyn Formatter>) -> Self {
        let keys = StreamKeys::new(target.stream.clone(), target.settings.streams_max);
        Self { formatter, keys, parts: CommandParts::new(target), lines: Vec::new() }
    }

    /// Appends a command for each event.
    pub(crate) fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        if self.formatter.record_end() != RecordEnd::LineFeed {
            return self.one_by_one(batch, payload);
        }
        self.lines.clear();
        self.formatter.format(batch, &mut self.lines)?;
        let mut events = batch.events().iter();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &self.lines) {
            let line = self.lines.get(start..end).unwrap_or_default();
            start = end + 1;
            let Some(event) = events.next() else { return Err(self.other_number()) };
            self.parts.put(self.keys.of(event), Some(event.id()), line, payload.buffer());
            payload.end_record();
        }
        if events.len() > 0 || start != self.lines.len() {
            return Err(self.other_number());
        }
        Ok(())
    }

    fn one_by_one(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        for (index, event) in batch.events().iter().enumerate() {
            self.lines.clear();
            self.formatter.format(&batch.range(index..index + 1), &mut self.lines)?;
            let line = self.lines.strip_suffix(b"\n").unwrap_or(&self.lines);
            self.parts.put(self.keys.of(event), Some(event.id()), line, payload.buffer());
            payload.end_record();
        }
        Ok(())
    }

    fn other_number(&self) -> PluginError {
        PluginError::failed(format!(
            "the formatter {} wrote another number of lines than of events",
            self.formatter.name()
        ))
    }

    /// Appends records of another sink: commands as they are, and all others as lines.
    pub(crate) fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        let mut append = |record: &[u8]| {
            if is_command(record) {
                payload.buffer().extend_from_slice(record);
            } else {
                let line = record.strip_suffix(b"\n").unwrap_or(record);
                self.parts.put(self.keys.missing(), None, line, payload.buffer());
            }
            payload.end_record();
        };
        if records.marked_records() > 0 {
            (0..records.marked_records()).filter_map(|index| records.record(index)).for_each(&mut append);
        } else {
            records.records().split_inclusive(|byte| *byte == b'\n').for_each(&mut append);
        }
    }
}

fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'$');
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Appends an id, without an allocation. It has at most 12 + 1 + 10 + 1 + 20 bytes, so its length has two digits.
fn put_id(out: &mut Vec<u8>, id: EventId) {
    let head = out.len();
    out.extend_from_slice(b"$00\r\n");
    let start = out.len();
    // A write to a vector does not fail.
    let _ = write!(out, "{}-", id.instance);
    put_number(out, id.producer.into());
    out.push(b'-');
    put_number(out, id.sequence);
    let length = out.len() - start;
    if let Some(digits) = out.get_mut(head + 1..head + 3) {
        digits.copy_from_slice(&[digit(length / 10), digit(length)]);
    }
    out.extend_from_slice(b"\r\n");
}

fn digit(number: usize) -> u8 {
    b'0' + u8::try_from(number % 10).unwrap_or(0)
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0_u8; 20];
    let mut start = digits.len();
    for place in digits.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        start -= 1;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// Whether a record is one whole `XADD`, and nothing else: the text of an event is never a command.
fn is_command(record: &[u8]) -> bool {
    whole_command(record).is_some_and(|(_, behind)| behind.is_empty())
}

/// Appends the lines of commands.
pub(crate) fn append_as_text(records: &Payload, text: &mut Payload) {
    for record in records.iter() {
        let line = whole_command(record).map_or(record, |(line, _)| line);
        text.buffer().extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        text.buffer().push(b'\n');
        text.end_record();
    }
}

/// The last string of an `XADD` at the beginning, which is the line, and the bytes behind the command.
fn whole_command(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (strings, bytes) = number_line(bytes.strip_prefix(b"*")?)?;
    let mut bytes = bytes.strip_prefix(b"$4\r\nXADD\r\n")?;
    let mut last: &[u8] = b"";
    for _ in 1..strings {
        let (length, behind) = number_line(bytes.strip_prefix(b"$")?)?;
        let (string, behind) = behind.split_at_checked(length)?;
        (last, bytes) = (string, behind.strip_prefix(b"\r\n")?);
    }
    Some((last, bytes))
}

fn number_line(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = memchr::memchr(b'\r', bytes)?;
    let digits = std::str::from_utf8(bytes.get(..end)?).ok()?;
    Some((digits.parse().ok()?, bytes.get(end..)?.strip_prefix(b"\r\n")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::RedisSettings;

    fn parts(change: impl FnOnce(&mut RedisSettings)) -> CommandParts {
        let mut settings = RedisSettings { url: "redis://127.0.0.1".to_owned(), ..RedisSettings::default() };
        change(&mut settings);
        CommandParts::new(&RedisTarget::new(&settings).unwrap())
    }

    fn text(parts: &CommandParts, line: &str) -> String {
        let mut out = Vec::new();
        parts.put(b"logs", None, line.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_command_is_an_array_of_strings_with_their_lengths() {
        let expected = "*5\r\n$4\r\nXADD\r\n$4\r\nlogs\r\n$1\r\n*\r\n$5\r\nevent\r\n$3\r\na\r\n\r\n";
        assert_eq!(text(&parts(|_| {}), "a\r\n"), expected);
    }

    #[test]
    fn a_limit_of_the_stream_is_an_approximate_one() {
        let command = text(&parts(|settings| settings.max_events = Some(1000)), "a");
        assert!(command.starts_with("*8\r\n$4\r\nXADD\r\n$4\r\nlogs\r\n$6\r\nMAXLEN\r\n$1\r\n~\r\n$4\r\n1000\r\n"));
    }

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 9, 10, 1234, u64::MAX] {
            let mut out = Vec::new();
            put_number(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }

    #[test]
    fn only_one_whole_xadd_is_a_command() {
        let command = text(&parts(|_| {}), "a");
        assert!(is_command(command.as_bytes()));
        for other in [
            format!("{command}*1\r\n$8\r\nFLUSHALL\r\n"),
            command[..command.len() - 1].to_owned(),
            "*1\r\n$8\r\nFLUSHALL\r\n".to_owned(),
            "*99999999999999999999\r\n$4\r\nXADD\r\n".to_owned(),
            "*2\r\n$4\r\nXADD\r\n$18446744073709551615\r\n".to_owned(),
            "{\"level\":\"INFO\"}\n".to_owned(),
        ] {
            assert!(!is_command(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn a_command_as_text_is_its_line() {
        let (mut records, mut text) = (Payload::new(100), Payload::new(100));
        records.push_record(b"*5\r\n$4\r\nXADD\r\n$1\r\nk\r\n$1\r\n*\r\n$5\r\nevent\r\n$8\r\nfil\r\nled\r\n");
        records.push_record(b"a line\n");
        append_as_text(&records, &mut text);
        assert_eq!(text.iter().collect::<Vec<_>>(), [&b"fil\r\nled\n"[..], b"a line\n"]);
    }

    #[test]
    fn lines_of_another_sink_become_commands_and_commands_stay_as_they_are() {
        let settings = RedisSettings { url: "redis://127.0.0.1".to_owned(), ..RedisSettings::default() };
        let target = RedisTarget::new(&settings).unwrap();
        let mut encoder = CommandEncoder::new(&target, Box::new(fapilog::format::Json::new()));
        let command = text(&parts(|_| {}), "second");
        let mut records = Payload::new(100);
        for record in ["first\n", command.as_str()] {
            records.buffer().extend_from_slice(record.as_bytes());
            records.end_record();
        }
        let mut payload = Payload::new(100);
        encoder.append_records(&records, &mut payload);
        let first = "*5\r\n$4\r\nXADD\r\n$7\r\nfapilog\r\n$1\r\n*\r\n$5\r\nevent\r\n$5\r\nfirst\r\n";
        assert_eq!(payload.record(0), Some(first.as_bytes()));
        assert_eq!(payload.record(1), Some(command.as_bytes()));
    }
}
