//! Fallback: payloads that a sink could not deliver go to another sink of the shard.
//!
//! 1. A sink *hands* a payload *over*, and keeps it. Its events are pending at the sink that encoded them, and at no other.
//! 2. The shard gives the payload to the fallback, if that works, as soon as it has room. The fallback delivers it behind all
//!    that it has encoded, and counts its bytes only.
//! 3. The result goes back. Events that the fallback has delivered count as delivered at the sink that encoded them.
//! 4. A payload that the fallback could not deliver goes the sink's own way on. A fallback hands no payload of another sink over.

use fapilog_plugin::sink::{Payload, SinkError};

/// A payload of another sink: the name of that sink, and a number that no other hand-over of the shard has. The parts of a
/// payload may be at the fallback at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FallbackTicket {
    pub(crate) sink: String,
    pub(super) number: u64,
}

/// A payload on its way to the fallback.
#[derive(Debug)]
pub(crate) struct HandedOver {
    pub(crate) fallback: String,
    pub(crate) payload: Payload,
    pub(crate) ticket: FallbackTicket,
}

/// The answer of a fallback to a payload of another sink.
#[derive(Debug)]
pub(crate) enum FallbackAnswer {
    /// It delivers the payload, and has the result later.
    Taken,
    /// It has no room now.
    NoRoom(HandedOver),
    /// It fails, is disabled, or has had no room for long.
    Fails(FallbackTicket),
}

/// A payload's way back.
#[derive(Debug)]
pub(crate) struct FallbackResult {
    pub(crate) ticket: FallbackTicket,
    pub(crate) result: Result<(), SinkError>,
}
