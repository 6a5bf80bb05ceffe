//! Reading a log back, and checking that every event is there: once, whole, and in its producer's order.
//!
//! Each line is put together again from its workload, without the library, and compared byte for byte. A line that
//! differs may still mean the same (JSON does not care for the order of keys): it and the expected line are then parsed
//! and compared as JSON. A line in [`PARSE_EVERY`] that does not differ is parsed too, so that lines taken for right
//! are also strict JSON.

mod finding;
mod lines;
mod record;

use std::io::Read;

pub(crate) use self::{
    finding::Finding,
    lines::{LineReader, read_lines},
    record::{GroupFields, Record, excerpt},
};
use crate::{
    workload::{EventIdText, Expect, ExpectedLine},
    written::WrittenFiles,
};

/// The number of lines for each one that is parsed though it is right byte for byte.
const PARSE_EVERY: u64 = 1000;

/// Length of a timestamp with what stands in front of it: `{"timestamp":"2026-01-31T23:59:59.123456789Z`.
const STAMP_BYTES: usize = 44;

/// The contents that a log must have.
#[derive(Debug)]
pub(crate) struct LogClaim {
    pub(crate) expect: Expect,
    /// The container's part of the ids of its events.
    pub(crate) instance: String,
    /// By producer.
    pub(crate) producers: Vec<ProducerClaim>,
    /// Events in the log, without the library's own.
    pub(crate) delivered: u64,
    /// Internal events in the log.
    pub(crate) own: u64,
    /// Events that are not in the log, and are accounted for.
    pub(crate) missing: u64,
    /// Whether the first files of the log were removed.
    pub(crate) is_beginning_removed: bool,
}

/// A producer's log calls.
#[derive(Debug, Clone)]
pub(crate) struct ProducerClaim {
    /// Numbered from 0.
    pub(crate) logged: u64,
    /// The fields that an enricher adds to its events' context, as JSON with a comma in front.
    pub(crate) added: String,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    /// Events that were removed with the first files.
    pub(crate) removed: u64,
    /// Lines that were right, but not byte for byte.
    pub(crate) differently_written: u64,
}

/// Checks a log. `progress` gets the number of bytes read, once in a while.
pub(crate) fn verify(log: impl Read + Send, claim: &LogClaim, progress: impl FnMut(u64)) -> Result<Checked, Finding> {
    let mut checker = Checker::new(claim);
    let bytes = read_lines(log, &mut checker, progress)?;
    checker.finish(bytes)
}

/// Checks a log in files.
pub(crate) fn verify_files(
    files: &WrittenFiles,
    claim: &LogClaim,
    mut progress: impl FnMut(u64),
) -> Result<Checked, Finding> {
    let mut checker = Checker::new(claim);
    let mut bytes = 0;
    for file in files.iter() {
        let log = file.open().map_err(Finding::Unreadable);
        let read = log.and_then(|log| read_lines(log, &mut checker, |read| progress(bytes + read)));
        bytes += read.map_err(|finding| Finding::InFile { file: file.name(), finding: Box::new(finding) })?;
    }
    checker.finish(bytes)
}

struct Checker<'a> {
    claim: &'a LogClaim,
    seen: Vec<ProducerProgress>,
    expected: ExpectedLine,
    own: u64,
    differently_written: u64,
}

/// The progress of a producer's events.
#[derive(Debug, Clone, Copy, Default)]
struct ProducerProgress {
    events: u64,
    /// The number of the first event.
    first: u64,
    /// The least number that may come.
    next: u64,
    /// The id of the last event.
    last: Option<EventIdText>,
}

/// The numbers by which an event names itself.
#[derive(Debug, Clone, Copy)]
struct EventNumbers {
    producer: u32,
    n: u64,
    id: EventIdText,
}

impl LineReader for Checker<'_> {
    fn line(&mut self, number: u64, line: &[u8]) -> Result<(), Finding> {
        match locate(line) {
            Some(place) if self.is_as_expected(line, place) => {
                if number.is_multiple_of(PARSE_EVERY) {
                    self.compare_parsed(number, line)?;
                }
                self.take(number, place)
            }
            _ => self.differing(number, line),
        }
    }
}

impl<'a> Checker<'a> {
    fn new(claim: &'a LogClaim) -> Self {
        Self {
            claim,
            seen: vec![ProducerProgress::default(); claim.producers.len()],
            expected: ExpectedLine::new(&claim.instance),
            own: 0,
            differently_written: 0,
        }
    }

    /// Byte for byte.
    fn is_as_expected(&mut self, line: &[u8], place: EventNumbers) -> bool {
        self.expect(place)
            && line
                .split_at_checked(STAMP_BYTES)
                .is_some_and(|(stamp, tail)| is_stamp(stamp) && tail == self.expected.bytes())
    }

    /// Puts the expected line together. `false` if there is no such producer.
    fn expect(&mut self, place: EventNumbers) -> bool {
        let Some(producer) = self.claim.producers.get(place.producer as usize) else { return false };
        self.expected.begin(place.producer, place.id, &producer.added);
        (self.claim.expect)(&mut self.expected, place.n);
        true
    }

    /// A line that is an internal event, or has the same meaning in another form, or is wrong.
    #[cold]
    fn differing(&mut self, number: u64, line: &[u8]) -> Result<(), Finding> {
        let record = Record::parse(number, line)?;
        if record.is_internal() {
            self.own += 1;
            return Ok(());
        }
        let place = place_of(&record)
            .filter(|place| self.expect(*place))
            .ok_or_else(|| Finding::NotLogged { line: number, found: excerpt(line) })?;
        self.compare_parsed(number, line)?;
        self.differently_written += 1;
        self.take(number, place)
    }

    /// Compares with the expected line, which has been put together, as JSON.
    #[cold]
    fn compare_parsed(&self, number: u64, line: &[u8]) -> Result<(), Finding> {
        let found = Record::parse(number, line)?;
        let stamp = format!("{{\"timestamp\":\"{}", found.timestamp);
        let expected = [stamp.as_bytes(), self.expected.bytes()].concat();
        let is_right = is_stamp(stamp.as_bytes()) && Record::parse(number, &expected)? == found;
        if is_right {
            return Ok(());
        }
        Err(Finding::Wrong { line: number, expected: excerpt(&expected), found: excerpt(line) })
    }

    /// Counts an event, and checks that it comes in order.
    fn take(&mut self, number: u64, place: EventNumbers) -> Result<(), Finding> {
        let index = place.producer as usize;
        let is_complete = self.claim.missing == 0;
        let (Some(seen), Some(claim)) = (self.seen.get_mut(index), self.claim.producers.get(index)) else {
            return Ok(());
        };
        let may_begin = self.claim.is_beginning_removed && seen.events == 0;
        let is_in_order = if is_complete && !may_begin { place.n == seen.next } else { place.n >= seen.next };
        let is_in_order = is_in_order && place.n < claim.logged;
        if !is_in_order {
            let EventNumbers { producer, n, .. } = place;
            return Err(Finding::OutOfOrder { line: number, producer, expected: seen.next, found: n });
        }
        let is_new =
            seen.last.is_none_or(|last| last.producer == place.id.producer && last.sequence < place.id.sequence);
        if !is_new {
            return Err(Finding::IdOutOfOrder { line: number, producer: place.producer });
        }
        let first = if seen.events == 0 { place.n } else { seen.first };
        *seen = ProducerProgress { events: seen.events + 1, first, next: place.n + 1, last: Some(place.id) };
        Ok(())
    }

    fn finish(self, bytes: u64) -> Result<Checked, Finding> {
        self.ids_differ()?;
        let LogClaim { missing, delivered, own, is_beginning_removed, .. } = *self.claim;
        let mut behind_first = 0;
        for (producer, (seen, claim)) in self.seen.iter().zip(&self.claim.producers).enumerate() {
            let absent = claim.logged - self.removed_at_most(seen, claim) - seen.events;
            if missing == 0 && absent > 0 {
                return Err(Finding::Missing { producer, logged: claim.logged, found: seen.events });
            }
            behind_first += absent;
        }
        let events: u64 = self.seen.iter().map(|seen| seen.events).sum();
        // Lost events may also have been in front of the first one.
        let is_right =
            if is_beginning_removed { events <= delivered && behind_first <= missing } else { events == delivered };
        if !is_right {
            return Err(Finding::Count { what: "events", counted: delivered, found: events });
        }
        let is_right = if is_beginning_removed { self.own <= own } else { self.own == own };
        if !is_right {
            return Err(Finding::Count { what: "internal events", counted: own, found: self.own });
        }
        let differently_written = self.differently_written;
        Ok(Checked { events, bytes, removed: delivered - events, differently_written })
    }

    /// The events in front of a producer's first one, which removed files may have had.
    fn removed_at_most(&self, seen: &ProducerProgress, claim: &ProducerClaim) -> u64 {
        match seen.events {
            _ if !self.claim.is_beginning_removed => 0,
            0 => claim.logged,
            _ => seen.first,
        }
    }

    /// Two producers never share a number.
    fn ids_differ(&self) -> Result<(), Finding> {
        let mut ids: Vec<u64> = self.seen.iter().filter_map(|seen| Some(seen.last?.producer)).collect();
        ids.sort_unstable();
        match ids.windows(2).find_map(|pair| match pair {
            [one, other] if one == other => Some(*one),
            _ => None,
        }) {
            Some(id) => Err(Finding::SharedId { id }),
            None => Ok(()),
        }
    }
}

/// Finds in a line the event's own numbers, without parsing it.
#[inline]
fn locate(line: &[u8]) -> Option<EventNumbers> {
    let (_, id) = split_behind(line, b"\"event_id\":\"")?;
    let (_, id) = split_behind(id, b"-")?;
    let (id_producer, id) = number(id)?;
    let (sequence, tail) = number(id.strip_prefix(b"-")?)?;
    let (_, context) = split_behind(tail, b",\"context\":{\"producer\":")?;
    let (producer, tail) = number(context)?;
    let (n, _) = number(tail.strip_prefix(b",\"n\":")?)?;
    let id = EventIdText { producer: id_producer, sequence };
    Some(EventNumbers { producer: u32::try_from(producer).ok()?, n, id })
}

/// The numbers of a parsed event.
fn place_of(record: &Record<'_>) -> Option<EventNumbers> {
    let context: &GroupFields = record.context.as_ref()?;
    let (_, id) = record.event_id.split_once('-')?;
    let (producer, sequence) = id.split_once('-')?;
    let id = EventIdText { producer: producer.parse().ok()?, sequence: sequence.parse().ok()? };
    let producer = u32::try_from(context.get("producer")?.as_u64()?).ok()?;
    Some(EventNumbers { producer, n: context.get("n")?.as_u64()?, id })
}

#[inline]
fn split_behind<'l>(line: &'l [u8], needle: &[u8]) -> Option<(&'l [u8], &'l [u8])> {
    let at = memchr::memmem::find(line, needle)?;
    line.split_at_checked(at + needle.len())
}

/// The decimal number at the front, and what is behind it.
#[inline]
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, tail) = text.split_at_checked(digits)?;
    let value = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    if digits.is_empty() {
        return None;
    }
    Some((digits.iter().try_fold(0, value)?, tail))
}

/// Whether a line starts with a timestamp as it should.
#[inline]
fn is_stamp(text: &[u8]) -> bool {
    const PATTERN: &[u8; STAMP_BYTES] = b"{\"timestamp\":\"dddd-dd-ddTdd:dd:dd.dddddddddZ";
    let fits = |(byte, wanted): (&u8, &u8)| match wanted {
        // No other letter of the pattern is a `d`.
        b'd' => byte.is_ascii_digit(),
        _ => byte == wanted,
    };
    // No early exit: this becomes vector code.
    text.len() == STAMP_BYTES && text.iter().zip(PATTERN).fold(true, |all, pair| all & fits(pair))
}

#[cfg(test)]
mod tests;
