//! The parts of a payload whose delivery failed: what is delivered, what is refused, and what is left.

use fapilog_plugin::sink::SinkError;

use crate::delivery::pending::{PayloadContents, PendingPayload};

/// The parts of a payload.
pub(super) struct PayloadParts {
    pub(super) delivered: PayloadContents,
    /// Records that the destination refuses for good.
    pub(super) refused: Option<PendingPayload>,
    /// Records that may be attempted again.
    pub(super) remainder: Option<PendingPayload>,
}

/// Splits a payload by the answer of its destination.
pub(super) fn split(payload: PendingPayload, error: &SinkError) -> PayloadParts {
    match error {
        SinkError::Partial { records, bytes, .. } => split_behind(payload, *records, *bytes),
        SinkError::PerRecord { rejected, retryable, .. } => split_by_record(payload, rejected, retryable),
        _ => PayloadParts { delivered: PayloadContents::default(), refused: None, remainder: Some(payload) },
    }
}

/// The first records are delivered.
fn split_behind(mut payload: PendingPayload, records: u64, bytes: u64) -> PayloadParts {
    let events = records.min(payload.contents.events);
    let bytes = bytes.min(payload.contents.bytes);
    let delivered = PayloadContents { events, bytes, ..PayloadContents::default() };
    payload.contents.events -= events;
    payload.contents.bytes -= bytes;
    if let Some(whole) = &mut payload.payload {
        let first_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        payload.payload = Some(whole.without_first(first_bytes));
    }
    if events > 0 {
        payload.begin_next_part();
    }
    let remainder = (payload.contents.events > 0 || events == 0).then_some(payload);
    PayloadParts { delivered, refused: None, remainder }
}

/// Without marks, and with one record for several events, records cannot be told apart: all that are not delivered are refused.
fn split_by_record(payload: PendingPayload, rejected: &[usize], retryable: &[usize]) -> PayloadParts {
    let events = payload.contents.events;
    let is_marked = |whole: &fapilog_plugin::sink::Payload| whole.marked_records() as u64 == events;
    match payload.payload.as_ref().filter(|whole| is_marked(whole)) {
        Some(whole) => {
            let count = whole.marked_records();
            let retryable = valid(retryable, count, &[]);
            let rejected = valid(rejected, count, &retryable);
            let refused = part(&payload, &rejected);
            let mut remainder = part(&payload, &retryable);
            remainder.iter_mut().for_each(PendingPayload::begin_next_part);
            parts(payload.contents, refused, remainder)
        }
        None => {
            let failed = events.min((rejected.len() + retryable.len()) as u64);
            let refused = (failed > 0).then(|| without_records(payload, failed));
            let delivered = PayloadContents { events: events - failed, ..PayloadContents::default() };
            PayloadParts { delivered, refused, remainder: None }
        }
    }
}

/// Indices of records that exist, each once, and not among `others`.
fn valid(indices: &[usize], count: usize, others: &[usize]) -> Vec<usize> {
    let mut valid: Vec<usize> = indices.iter().copied().filter(|index| *index < count).collect();
    valid.sort_unstable();
    valid.dedup();
    valid.retain(|index| others.binary_search(index).is_err());
    valid
}

/// A payload of these records; `None` if there are none.
fn part(payload: &PendingPayload, indices: &[usize]) -> Option<PendingPayload> {
    let records = payload.payload.as_ref().filter(|_| !indices.is_empty())?.of_records(indices.iter().copied());
    let contents = PayloadContents { events: indices.len() as u64, bytes: records.len() as u64, ..payload.contents };
    Some(PendingPayload {
        payload: Some(records),
        contents,
        origin: payload.origin.clone(),
        order: payload.order,
        attempts: payload.attempts,
        first_attempt: payload.first_attempt,
        not_before: None,
        has_failed_at_fallback: payload.has_failed_at_fallback,
        is_part: true,
        last_error: payload.last_error.clone(),
    })
}

fn parts(
    whole: PayloadContents,
    mut refused: Option<PendingPayload>,
    mut remainder: Option<PendingPayload>,
) -> PayloadParts {
    // The reports go with one part: they are given back once.
    if let (Some(refused), Some(_)) = (&mut refused, &mut remainder) {
        refused.contents.reports = Default::default();
    }
    let contents = |part: &Option<PendingPayload>| {
        part.as_ref().map_or((0, 0), |part| (part.contents.events, part.contents.bytes))
    };
    let ((refused_events, refused_bytes), (left_events, left_bytes)) = (contents(&refused), contents(&remainder));
    let delivered = PayloadContents {
        events: whole.events - refused_events - left_events,
        bytes: whole.bytes.saturating_sub(refused_bytes + left_bytes),
        ..PayloadContents::default()
    };
    PayloadParts { delivered, refused, remainder }
}

/// The payload as so many events that are not delivered. Its bytes are all of it, because nothing is known of its records.
fn without_records(mut payload: PendingPayload, failed: u64) -> PendingPayload {
    payload.is_part |= failed < payload.contents.events;
    payload.contents.events = failed;
    payload
}
