//! Findings: the errors of a log.

use std::io;

use thiserror::Error;

/// The first thing that is wrong with a log. Lines are counted from 1.
#[derive(Debug, Error)]
pub(crate) enum Finding {
    #[error("the log cannot be read")]
    Unreadable(#[source] io::Error),
    #[error("line {line} has no end")]
    Unfinished { line: u64 },
    #[error("line {line} is no event in strict JSON ({reason}): {found}")]
    NotJson { line: u64, reason: String, found: String },
    #[error("line {line} is an event that no producer logged: {found}")]
    NotLogged { line: u64, found: String },
    #[error("line {line} differs from the logged event: expected {expected}, found {found}")]
    Wrong { line: u64, expected: String, found: String },
    #[error("line {line}: of producer {producer}, event {expected} was to come, and event {found} is there")]
    OutOfOrder { line: u64, producer: u32, expected: u64, found: u64 },
    #[error("line {line}: the event_id of producer {producer} does not follow that of its last event")]
    IdOutOfOrder { line: u64, producer: u32 },
    #[error("two producers have the number {id} in their event_ids")]
    SharedId { id: u64 },
    #[error("producer {producer} logged {logged} events, and {found} are there")]
    Missing { producer: usize, logged: u64, found: u64 },
    #[error("{file}: {finding}")]
    InFile { file: String, finding: Box<Self> },
    #[error("{name} is none of the log's files, and was left behind")]
    UnknownFile { name: String },
    #[error("{name} was left beside its compressed twin")]
    TwinFile { name: String },
    #[error("the log's accounts count {counted} {what}, and {found} are there")]
    Count { what: &'static str, counted: u64, found: u64 },
}
