//! Comparing the output with the input.

use std::{borrow::Cow, io::Read};

use fapilog::format::decode_marked_text;

use super::corpus::Corpus;
use crate::{
    subject::Counts,
    verify::{Checked, Finding, GroupFields, LineReader, Record, excerpt, read_lines},
};

/// A line of the input, and where it is from.
type InputLine<'a> = (&'a str, u64, &'a [u8]);

/// Goes through output and input side by side. Events that were lost are skipped, and must be as many as were counted.
pub(super) fn check(
    log: impl Read + Send,
    corpus: &Corpus,
    repeat: u64,
    logged: u64,
    counts: &Counts,
    progress: impl FnMut(u64),
) -> Result<Checked, Finding> {
    let lines = (0..repeat).flat_map(|_| corpus.files()).flat_map(|file| {
        let name = file.name();
        file.lines().map(move |(number, line)| (name, number, line))
    });
    let mut comparison = LineComparison {
        input: lines.take(usize::try_from(logged).unwrap_or(usize::MAX)),
        may_skip: counts.lost + counts.filtered,
        events: 0,
        own: 0,
        sequence: 0,
    };
    let bytes = read_lines(log, &mut comparison, progress)?;
    let left = comparison.input.by_ref().count() as u64;
    if left != comparison.may_skip {
        let found = comparison.events;
        return Err(Finding::Missing { producer: 0, logged: found + left - comparison.may_skip, found });
    }
    if comparison.events != counts.delivered {
        return Err(Finding::Count { what: "events", counted: counts.delivered, found: comparison.events });
    }
    if comparison.own != counts.own {
        return Err(Finding::Count { what: "events of the log's own", counted: counts.own, found: comparison.own });
    }
    Ok(Checked { events: comparison.events, bytes, removed: 0, differently_written: 0 })
}

struct LineComparison<I> {
    input: I,
    /// Lines that may still be missing.
    may_skip: u64,
    events: u64,
    own: u64,
    /// The last event's number.
    sequence: u64,
}

impl<'a, I: Iterator<Item = InputLine<'a>>> LineReader for LineComparison<I> {
    fn line(&mut self, number: u64, line: &[u8]) -> Result<(), Finding> {
        let record = Record::parse(number, line)?;
        if record.is_internal() {
            self.own += 1;
            return Ok(());
        }
        self.follow_sequence(number, &record)?;
        let message = message_of(number, line, &record)?;
        self.events += 1;
        loop {
            let Some(input) = self.input.next() else {
                return Err(Finding::NotLogged { line: number, found: excerpt(line) });
            };
            if is_same(&record, &message, input) {
                return Ok(());
            }
            if self.may_skip == 0 {
                let (name, input_line, bytes) = input;
                let expected = format!("line {input_line} of {name}, {}", excerpt(bytes));
                return Err(Finding::Wrong { line: number, expected, found: excerpt(line) });
            }
            self.may_skip -= 1;
        }
    }
}

impl<I> LineComparison<I> {
    /// A single thread has logged all of it: the numbers of its events only grow.
    fn follow_sequence(&mut self, number: u64, record: &Record<'_>) -> Result<(), Finding> {
        let sequence = record.event_id.rsplit_once('-').and_then(|(_, sequence)| sequence.parse().ok());
        match sequence {
            Some(sequence) if sequence > self.sequence => {
                self.sequence = sequence;
                Ok(())
            }
            _ => Err(Finding::IdOutOfOrder { line: number, producer: 0 }),
        }
    }
}

/// The bytes that were logged.
fn message_of<'r>(number: u64, line: &[u8], record: &'r Record<'_>) -> Result<Cow<'r, [u8]>, Finding> {
    let is_marked = record.not_utf8.iter().flatten().any(|field| field == "message");
    if !is_marked {
        return Ok(Cow::Borrowed(record.message.as_bytes()));
    }
    let decoded = decode_marked_text(&record.message).filter(|bytes| std::str::from_utf8(bytes).is_err());
    decoded.map(Cow::Owned).ok_or_else(|| Finding::NotLogged { line: number, found: excerpt(line) })
}

fn is_same(record: &Record<'_>, message: &[u8], (name, number, bytes): InputLine<'_>) -> bool {
    let field = |group: &Option<GroupFields>, key: &str| group.as_ref()?.get(key).cloned();
    message == bytes
        && record.truncated.is_none()
        && field(&record.tags, "file").is_some_and(|value| value.as_str() == Some(name))
        && field(&record.context, "line").is_some_and(|value| value.as_u64() == Some(number))
}
