//! Events become commands: on the drain, and without I/O.
//!
//! A record of a payload is a command as the protocol has it: `HPUB subject header-bytes total-bytes`, the header, and the formatter's line; without a
//! header, it is `PUB`. It has no reply subject: that belongs to a connection, and is [put in](PublishParts) when the record is sent. It is complete by
//! itself otherwise, so that a payload from disk is sent as it is.

use std::time::SystemTime;

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, EventId},
    formatter::Formatter,
    record_end::RecordEnd,
    sink::Payload,
    text::number::put_u64,
    timestamp::Timestamp,
    uuid_v7::{TEXT_BYTES, UuidV7, random_part},
};

use crate::{
    settings::NatsTarget,
    subject::{EventSubjects, is_subject},
};

const HEADER_VERSION: &[u8] = b"NATS/1.0\r\n";
const ID_KEY: &[u8] = b"Nats-Msg-Id: ";
const STREAM_KEY: &[u8] = b"Nats-Expected-Stream: ";

/// Encodes events as commands.
pub(crate) struct PublishEncoder {
    formatter: Box<dyn Formatter>,
    subjects: EventSubjects,
    header: HeaderParts,
    /// The lines of a batch.
    lines: Vec<u8>,
}

/// The parts of a header that are the same for all events.
struct HeaderParts {
    has_id: bool,
    /// The version, and the key of the id if there is one.
    front: Vec<u8>,
    /// Everything behind the id: the stream that is expected, and the empty line.
    back: Vec<u8>,
    id: Vec<u8>,
}

impl HeaderParts {
    fn new(target: &NatsTarget) -> Self {
        let settings = &target.settings;
        let mut front = HEADER_VERSION.to_vec();
        let mut back = Vec::new();
        if settings.message_id {
            front.extend_from_slice(ID_KEY);
            back.extend_from_slice(b"\r\n");
        }
        if let Some(stream) = &settings.expected_stream {
            back.extend_from_slice(STREAM_KEY);
            back.extend_from_slice(stream.as_bytes());
            back.extend_from_slice(b"\r\n");
        }
        if back.is_empty() {
            front.clear();
        } else {
            back.extend_from_slice(b"\r\n");
        }
        Self { has_id: settings.message_id, front, back, id: Vec::with_capacity(64) }
    }

    fn set_id(&mut self, id: EventId) {
        self.id.clear();
        if self.has_id {
            self.id.extend_from_slice(&id.instance.encode());
            self.id.push(b'-');
            put_u64(&mut self.id, id.producer.into());
            self.id.push(b'-');
            put_u64(&mut self.id, id.sequence);
        }
    }

    /// An id for a record whose event is unknown. It stays with the record from then on.
    fn set_new_id(&mut self) {
        self.id.clear();
        if self.has_id {
            let mut text = [0; TEXT_BYTES];
            let id = UuidV7::new(Timestamp::from(SystemTime::now()), random_part());
            self.id.extend_from_slice(id.encode(&mut text).as_bytes());
        }
    }

    fn put_command(&self, subject: &[u8], line: &[u8], out: &mut Vec<u8>) {
        let header = self.front.len() + self.id.len() + self.back.len();
        out.extend_from_slice(if header > 0 { b"HPUB " } else { b"PUB " });
        out.extend_from_slice(subject);
        out.push(b' ');
        if header > 0 {
            put_u64(out, header as u64);
            out.push(b' ');
        }
        put_u64(out, (header + line.len()) as u64);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.front);
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&self.back);
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
}

impl PublishEncoder {
    pub(crate) fn new(target: &NatsTarget, formatter: Box<dyn Formatter>) -> Self {
        let subjects = EventSubjects::new(target.subject.clone(), target.settings.subjects_max);
        Self { formatter, subjects, header: HeaderParts::new(target), lines: Vec::new() }
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
            self.header.set_id(event.id());
            self.header.put_command(self.subjects.of(event), line, payload.buffer());
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
            self.header.set_id(event.id());
            self.header.put_command(self.subjects.of(event), line, payload.buffer());
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
            if PublishParts::of(record).is_some() {
                payload.buffer().extend_from_slice(record);
            } else {
                let line = record.strip_suffix(b"\n").unwrap_or(record);
                self.header.set_new_id();
                self.header.put_command(self.subjects.missing(), line, payload.buffer());
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

/// Appends the lines of commands.
pub(crate) fn append_as_text(records: &Payload, text: &mut Payload) {
    for record in records.iter() {
        let line = PublishParts::of(record).map_or(record, |command| command.line);
        text.buffer().extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        text.buffer().push(b'\n');
        text.end_record();
    }
}

/// A record, divided at the place of the reply subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PublishParts<'a> {
    /// The command's name and the subject, with the space behind each.
    front: &'a [u8],
    /// Everything behind them: numbers, header and line.
    back: &'a [u8],
    pub(crate) subject: &'a [u8],
    /// The line, behind the header.
    line: &'a [u8],
    /// Length of header and line, which `max_payload` of the server is about.
    pub(crate) message_bytes: usize,
}

impl<'a> PublishParts<'a> {
    /// The parts of a record, if it is one whole `HPUB` or `PUB` without a reply subject, and nothing else.
    pub(crate) fn of(record: &'a [u8]) -> Option<Self> {
        let line_end = memchr::memchr(b'\r', record)?;
        let line = record.get(..line_end)?;
        let message = record.get(line_end..)?.strip_prefix(b"\r\n")?.strip_suffix(b"\r\n")?;
        let mut words = line.split(|byte| *byte == b' ');
        let (name, subject) = (words.next()?, words.next()?);
        let header = match name {
            b"HPUB" => Some(number(words.next()?)?),
            b"PUB" => None,
            _ => return None,
        };
        let total = number(words.next()?)?;
        let is_whole = words.next().is_none() && total == message.len() && is_subject(subject);
        let has_header = header.is_none_or(|bytes| is_header(message.get(..bytes)));
        let line = message.get(header.unwrap_or(0)..)?;
        let front_bytes = name.len() + 1 + subject.len() + 1;
        let (front, back) = record.split_at_checked(front_bytes)?;
        (is_whole && has_header).then_some(Self { front, back, subject, line, message_bytes: total })
    }

    /// Appends the command, with a reply subject or without.
    pub(crate) fn put(&self, put_reply: Option<impl FnOnce(&mut Vec<u8>)>, out: &mut Vec<u8>) {
        out.extend_from_slice(self.front);
        if let Some(put_reply) = put_reply {
            put_reply(out);
            out.push(b' ');
        }
        out.extend_from_slice(self.back);
    }
}

fn is_header(header: Option<&[u8]>) -> bool {
    header.is_some_and(|header| header.starts_with(HEADER_VERSION) && header.ends_with(b"\r\n\r\n"))
}

fn number(digits: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::NatsSettings;

    fn target(change: impl FnOnce(&mut NatsSettings)) -> NatsTarget {
        let mut settings = NatsSettings { servers: vec!["nats://127.0.0.1".to_owned()], ..NatsSettings::default() };
        change(&mut settings);
        NatsTarget::new(&settings).unwrap()
    }

    #[test]
    fn a_command_as_text_is_its_line() {
        let (mut records, mut text) = (Payload::new(100), Payload::new(100));
        records.push_record(b"HPUB logs 32 38\r\nNATS/1.0\r\nNats-Msg-Id: abcde\r\n\r\nfilled\r\n");
        records.push_record(b"PUB logs 6\r\nfilled\r\n");
        records.push_record(b"PUB logs 9\r\nfilled\r\n");
        append_as_text(&records, &mut text);
        assert_eq!(text.record(0), Some(&b"filled\n"[..]));
        assert_eq!(text.record(1), Some(&b"filled\n"[..]));
        assert_eq!(text.record(2), Some(&b"PUB logs 9\r\nfilled\r\n"[..]));
    }

    fn text(change: impl FnOnce(&mut NatsSettings), line: &str) -> String {
        let mut header = HeaderParts::new(&target(change));
        if header.has_id {
            header.id = b"x-1-2".to_vec();
        }
        let mut out = Vec::new();
        header.put_command(b"logs.a", line.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_command_has_its_lengths_and_the_id_of_the_event() {
        assert_eq!(text(|_| {}, "a\r\n"), "HPUB logs.a 32 35\r\nNATS/1.0\r\nNats-Msg-Id: x-1-2\r\n\r\na\r\n\r\n");
        let expected = |settings: &mut NatsSettings| settings.expected_stream = Some("LOGS".to_owned());
        let command = "HPUB logs.a 60 61\r\nNATS/1.0\r\nNats-Msg-Id: x-1-2\r\nNats-Expected-Stream: LOGS\r\n\r\na\r\n";
        assert_eq!(text(expected, "a"), command);
    }

    #[test]
    fn a_command_without_a_header_is_pub() {
        assert_eq!(text(|settings| settings.message_id = false, "ab"), "PUB logs.a 2\r\nab\r\n");
    }

    #[test]
    fn a_reply_subject_is_put_behind_the_subject() {
        for (change, expected) in [(true, "HPUB logs.a _I.7 32 33\r\n"), (false, "PUB logs.a _I.7 1\r\n")] {
            let command = text(|settings| settings.message_id = change, "a");
            let parts = PublishParts::of(command.as_bytes()).unwrap();
            let mut out = Vec::new();
            parts.put(Some(|out: &mut Vec<u8>| out.extend_from_slice(b"_I.7")), &mut out);
            assert!(out.starts_with(expected.as_bytes()), "{}", String::from_utf8_lossy(&out));
            assert_eq!((parts.subject, out.len()), (&b"logs.a"[..], command.len() + 5));
        }
    }

    #[test]
    fn only_one_whole_publish_is_a_command() {
        let command = text(|_| {}, "a");
        assert!(PublishParts::of(command.as_bytes()).is_some());
        for other in [
            format!("{command}PING\r\n"),
            command[..command.len() - 1].to_owned(),
            "PUB a b 1\r\na\r\n".to_owned(),
            "PUB a.> 1\r\na\r\n".to_owned(),
            "PUB a +1\r\na\r\n".to_owned(),
            "HPUB a 1 1\r\na\r\n".to_owned(),
            "HPUB a 9 1\r\na\r\n".to_owned(),
            "PUB a 99999999999999999999\r\na\r\n".to_owned(),
            "SUB a 1\r\n\r\n".to_owned(),
            "\r\n\r\n".to_owned(),
            String::new(),
            "{\"level\":\"INFO\"}\n".to_owned(),
        ] {
            assert_eq!(PublishParts::of(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn lines_of_another_sink_become_commands_and_commands_stay_as_they_are() {
        let mut encoder = PublishEncoder::new(&target(|_| {}), Box::new(fapilog::format::Json::new()));
        let command = text(|_| {}, "second");
        let mut records = Payload::new(100);
        for record in ["first\n", command.as_str()] {
            records.buffer().extend_from_slice(record.as_bytes());
            records.end_record();
        }
        let mut payload = Payload::new(100);
        encoder.append_records(&records, &mut payload);
        let first = payload.record(0).map(PublishParts::of).unwrap().unwrap();
        assert_eq!((first.subject, first.message_bytes), (&b"fapilog"[..], 10 + 13 + 36 + 4 + 5));
        assert_eq!(payload.record(1), Some(command.as_bytes()));
    }
}
