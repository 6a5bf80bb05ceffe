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
    let bytes = marked_bytes(&payload, events).unwrap_or(bytes).min(payload.contents.bytes);
    let mut delivered = PayloadContents { events, bytes, ..PayloadContents::default() };
    payload.contents.events -= events;
    if payload.contents.events == 0 && payload.payload.is_some() {
        // Nothing is left to attempt again.
        delivered.reports = payload.contents.reports;
        return PayloadParts { delivered, refused: None, remainder: None };
    }
    payload.contents.bytes -= bytes;
    if let Some(whole) = &mut payload.payload {
        let first_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        payload.payload = Some(whole.without_first(first_bytes));
    }
    if events > 0 {
        payload.begin_next_part();
    }
    PayloadParts { delivered, refused: None, remainder: Some(payload) }
}

/// The length of the first records, where their ends are marked. A fallback may have written them in another form, so that its
/// length is not theirs.
fn marked_bytes(payload: &PendingPayload, records: u64) -> Option<u64> {
    let whole = payload.payload.as_ref().filter(|whole| whole.marked_records() as u64 == payload.contents.events)?;
    let records = usize::try_from(records).ok()?;
    Some((0..records).filter_map(|index| whole.record(index)).map(|record| record.len() as u64).sum())
}

/// Without marks, and with one record for several events, no record can be found: all that are not delivered are refused.
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
        is_probe: false,
        has_failed_at_fallback: payload.has_failed_at_fallback,
        is_part: true,
        last_error: payload.last_error.clone(),
        given_up: payload.given_up,
    })
}

fn parts(
    whole: PayloadContents,
    mut refused: Option<PendingPayload>,
    mut remainder: Option<PendingPayload>,
) -> PayloadParts {
    if let (Some(refused), Some(remainder)) = (&mut refused, &mut remainder) {
        refused.contents.reports = remainder.contents.reports.split_attempts(refused.contents.events);
    }
    let contents = |part: &Option<PendingPayload>| {
        part.as_ref().map_or((0, 0), |part| (part.contents.events, part.contents.bytes))
    };
    let ((refused_events, refused_bytes), (left_events, left_bytes)) = (contents(&refused), contents(&remainder));
    let has_all = refused.is_none() && remainder.is_none();
    let delivered = PayloadContents {
        events: whole.events - refused_events - left_events,
        bytes: whole.bytes.saturating_sub(refused_bytes + left_bytes),
        reports: if has_all { whole.reports } else { Default::default() },
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
