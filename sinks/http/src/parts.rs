//! Delivers a payload in parts: the rules are those of the [page of the crate](crate).

use std::time::{Duration, Instant};

use fapilog_plugin::sink::{Payload, SinkError, SinkErrorKind};

use crate::{
    error::HttpError,
    exchange::{ExchangeError, PartError, Records, RefusalScope},
    settings::BatchSettings,
};

/// The time for which a length that was too large is kept: the destination may have another limit by then.
const TOO_LARGE_KEPT: Duration = Duration::from_secs(600);

/// The limits of a request. The destination may have a lower one, which its answers show.
#[derive(Debug)]
pub(crate) struct RequestLimits {
    max_records: usize,
    max_bytes: usize,
    /// The time in which requests of a payload are begun.
    time: Duration,
    /// The shortest length of records that was too large of late, and when it was.
    too_large: Option<(usize, Instant)>,
}

impl RequestLimits {
    pub(crate) fn new(batch: &BatchSettings, time: Duration) -> Self {
        Self { max_records: batch.max_records.max(1), max_bytes: batch.max_bytes.max(1), time, too_large: None }
    }

    fn bytes(&self) -> usize {
        let known = self.too_large.filter(|(_, at)| at.elapsed() < TOO_LARGE_KEPT);
        known.map_or(self.max_bytes, |(too_large, _)| self.max_bytes.min(too_large.saturating_sub(1)))
    }

    /// Keeps a length that was too large. Returns whether the destination has not refused such a length before.
    fn keep_too_large(&mut self, bytes: usize) -> bool {
        let known = self.too_large.filter(|(_, at)| at.elapsed() < TOO_LARGE_KEPT);
        let is_new = known.is_none_or(|(known, _)| bytes < known);
        if is_new {
            self.too_large = Some((bytes, Instant::now()));
        }
        is_new
    }
}

/// The outcome of the parts so far.
#[derive(Debug, Default)]
struct PartOutcomes {
    delivered: usize,
    rejected: Vec<usize>,
    retryable: Vec<usize>,
    retry_after: Option<Duration>,
    /// The first error.
    error: Option<SinkError>,
    /// The last part whose other records are not sent in this attempt.
    closed_part: Option<usize>,
    /// The destination takes nothing now.
    is_over: bool,
}

/// Records that may become a request.
#[derive(Clone, Copy)]
struct WaitingPart<'a> {
    /// The part of the exchange that they are of.
    part: usize,
    /// Their places in the payload.
    places: &'a [usize],
}

/// Sends the records in parts, by `send`. `report` takes the length of a request that was too large for the destination, when there was none so short before.
pub(crate) fn deliver(
    payload: &Payload,
    parts: &[Vec<usize>],
    limits: &mut RequestLimits,
    mut send: impl FnMut(&Records<'_>) -> Result<(), PartError>,
    mut report: impl FnMut(usize),
) -> Result<(), SinkError> {
    let mut outcomes = PartOutcomes::default();
    let start = Instant::now();
    // The first part is on top. The remainder of a part lies above the next one.
    let mut waiting: Vec<_> =
        parts.iter().enumerate().map(|(part, places)| WaitingPart { part, places }).rev().collect();
    waiting.retain(|waiting| !waiting.places.is_empty());
    while let Some(next) = waiting.pop() {
        if outcomes.leaves_out(next.part) {
            outcomes.retryable.extend(next.places);
            continue;
        }
        if start.elapsed() >= limits.time {
            let error = SinkError::retryable(HttpError::Timeout { limit: limits.time });
            outcomes.take(next, error, RefusalScope::Destination);
            continue;
        }
        if let Some((front, tail)) = divided(payload, next.places, limits) {
            waiting.extend([WaitingPart { places: tail, ..next }, WaitingPart { places: front, ..next }]);
            continue;
        }
        let records = Records::new(payload, next.places);
        match send(&records) {
            Ok(()) => outcomes.delivered += next.places.len(),
            Err(PartError { error: ExchangeError::Failed(error), scope }) => outcomes.take(next, error, scope),
            Err(PartError { error: ExchangeError::TooLarge, scope }) => {
                let bytes = records.bytes();
                if next.places.len() == 1 {
                    outcomes.take(next, SinkError::permanent(HttpError::RecordTooLarge { bytes }), scope);
                } else {
                    if limits.keep_too_large(bytes) {
                        report(bytes);
                    }
                    let (first, second) = halves(next.places);
                    waiting.extend([WaitingPart { places: second, ..next }, WaitingPart { places: first, ..next }]);
                }
            }
        }
    }
    outcomes.into_result()
}

/// The front of a part that is within the limits, and what is behind it. `None`: all of it is.
fn divided<'a>(payload: &Payload, places: &'a [usize], limits: &RequestLimits) -> Option<(&'a [usize], &'a [usize])> {
    let mut bytes = 0;
    for (count, record) in Records::new(payload, places).iter().enumerate() {
        bytes += record.len();
        if count > 0 && (count == limits.max_records || bytes > limits.bytes()) {
            return places.split_at_checked(count);
        }
    }
    None
}

fn halves(places: &[usize]) -> (&[usize], &[usize]) {
    places.split_at_checked(places.len().div_ceil(2)).unwrap_or((places, &[]))
}

impl PartOutcomes {
    /// Whether records of this part are not sent in this attempt.
    fn leaves_out(&self, part: usize) -> bool {
        self.is_over || self.closed_part == Some(part)
    }

    /// Counts an error of a request.
    fn take(&mut self, request: WaitingPart<'_>, error: SinkError, scope: RefusalScope) {
        let WaitingPart { part, places: of_request } = request;
        match &error {
            SinkError::PerRecord { rejected, retryable, retry_after, .. } => {
                let retryable = places(of_request, retryable, &[]);
                let rejected = places(of_request, rejected, &retryable);
                self.delivered += of_request.len().saturating_sub(rejected.len() + retryable.len());
                self.rejected.extend(rejected);
                self.retryable.extend(retryable);
                if retry_after.is_some() {
                    self.close(part, *retry_after, scope);
                }
            }
            error => match error.kind() {
                SinkErrorKind::Retryable { retry_after } => {
                    self.retryable.extend(of_request);
                    self.close(part, retry_after, scope);
                }
                _ => self.rejected.extend(of_request),
            },
        }
        self.error.get_or_insert(error);
    }

    /// Requests of this part, or of all, come in another attempt.
    fn close(&mut self, part: usize, retry_after: Option<Duration>, scope: RefusalScope) {
        self.retry_after = self.retry_after.max(retry_after);
        self.closed_part = Some(part);
        self.is_over |= scope == RefusalScope::Destination;
    }

    /// The error of a payload whose records all have the same outcome is that error itself.
    fn into_result(mut self) -> Result<(), SinkError> {
        let Some(error) = self.error else { return Ok(()) };
        let is_whole = self.delivered == 0 && (self.rejected.is_empty() || self.retryable.is_empty());
        if is_whole && !matches!(error, SinkError::PerRecord { .. }) {
            return Err(with_wait(error, self.retry_after));
        }
        self.rejected.sort_unstable();
        self.retryable.sort_unstable();
        let source = match error {
            SinkError::PerRecord { source, .. } | SinkError::Retryable { source, .. } | SinkError::Other(source) => {
                source
            }
            other => other.into(),
        };
        Err(SinkError::PerRecord {
            rejected: self.rejected,
            retryable: self.retryable,
            retry_after: self.retry_after,
            source,
        })
    }
}

/// The error of the first part, with the longest time that a part asks for.
fn with_wait(error: SinkError, longest: Option<Duration>) -> SinkError {
    match error {
        SinkError::Retryable { retry_after, source } => {
            SinkError::Retryable { retry_after: retry_after.max(longest), source }
        }
        other => other,
    }
}

/// The places of records in the payload by their indices in a part, each once, without those that do not exist and those among `others`.
fn places(part: &[usize], indices: &[usize], others: &[usize]) -> Vec<usize> {
    let mut places: Vec<usize> = indices.iter().filter_map(|index| part.get(*index)).copied().collect();
    places.sort_unstable();
    places.dedup();
    places.retain(|place| others.binary_search(place).is_err());
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A payload of records with these lengths.
    fn payload(lengths: &[usize]) -> Payload {
        let mut payload = Payload::new(0);
        for length in lengths {
            payload.buffer().extend(std::iter::repeat_n(b'x', *length));
            payload.end_record();
        }
        payload
    }

    /// The requests that `deliver` makes for `parts`, as places of records, and the result.
    fn delivered(
        payload: &Payload,
        parts: Vec<Vec<usize>>,
        limits: &mut RequestLimits,
        mut answer: impl FnMut(&[usize], usize) -> Result<(), ExchangeError>,
    ) -> (Vec<Vec<usize>>, Result<(), SinkError>) {
        let answer =
            |places: &[usize], bytes| answer(places, bytes).map_err(|error| (error, RefusalScope::Destination));
        delivered_with_scopes(payload, parts, limits, answer)
    }

    fn delivered_with_scopes(
        payload: &Payload,
        parts: Vec<Vec<usize>>,
        limits: &mut RequestLimits,
        mut answer: impl FnMut(&[usize], usize) -> Result<(), (ExchangeError, RefusalScope)>,
    ) -> (Vec<Vec<usize>>, Result<(), SinkError>) {
        let mut requests = Vec::new();
        let result = deliver(
            payload,
            &parts,
            limits,
            |records| {
                requests.push(records.places().to_vec());
                answer(records.places(), records.bytes()).map_err(|(error, scope)| PartError { error, scope })
            },
            |_| {},
        );
        (requests, result)
    }

    fn limits(max_records: usize, max_bytes: usize) -> RequestLimits {
        RequestLimits::new(&BatchSettings::new(max_records, max_bytes), Duration::from_secs(60))
    }

    fn all(payload: &Payload) -> Vec<Vec<usize>> {
        vec![(0..payload.marked_records()).collect()]
    }

    fn per_record(result: Result<(), SinkError>) -> (Vec<usize>, Vec<usize>, Option<Duration>) {
        match result.unwrap_err() {
            SinkError::PerRecord { rejected, retryable, retry_after, .. } => (rejected, retryable, retry_after),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_payload_within_the_limits_is_one_request() {
        let payload = payload(&[10, 10, 10]);
        let (requests, result) = delivered(&payload, all(&payload), &mut limits(3, 30), |_, _| Ok(()));
        assert_eq!(requests, [[0, 1, 2]]);
        assert!(result.is_ok());
    }

    #[test]
    fn no_request_exceeds_a_limit_unless_a_single_record_does() {
        let payload = payload(&[10, 10, 50, 10, 10, 10]);
        let (requests, _) = delivered(&payload, all(&payload), &mut limits(2, 20), |_, _| Ok(()));
        assert_eq!(requests, [vec![0, 1], vec![2], vec![3, 4], vec![5]]);
    }

    #[test]
    fn a_part_that_is_too_large_is_sent_in_halves_in_order() {
        let payload = payload(&[10; 5]);
        let (requests, result) = delivered(&payload, all(&payload), &mut limits(100, 1000), |_, bytes| {
            if bytes > 20 { Err(ExchangeError::TooLarge) } else { Ok(()) }
        });
        assert_eq!(requests, [vec![0, 1, 2, 3, 4], vec![0, 1, 2], vec![0, 1], vec![2], vec![3, 4]]);
        assert!(result.is_ok());
    }

    #[test]
    fn a_length_that_was_too_large_is_not_sent_again() {
        let payload = payload(&[10; 4]);
        let mut limits = limits(100, 1000);
        let too_large = |_: &[usize], bytes| if bytes > 20 { Err(ExchangeError::TooLarge) } else { Ok(()) };
        let (first, _) = delivered(&payload, all(&payload), &mut limits, too_large);
        assert_eq!(first, [vec![0, 1, 2, 3], vec![0, 1], vec![2, 3]]);
        let (second, _) = delivered(&payload, all(&payload), &mut limits, too_large);
        assert_eq!(second, [vec![0, 1, 2], vec![0, 1], vec![2], vec![3]]);
        let (third, _) = delivered(&payload, all(&payload), &mut limits, too_large);
        assert_eq!(third, [vec![0, 1], vec![2, 3]]);
    }

    #[test]
    fn a_single_record_that_is_too_large_is_rejected_and_the_others_are_delivered() {
        let payload = payload(&[10, 90, 10]);
        let (_, result) = delivered(&payload, all(&payload), &mut limits(100, 1000), |_, bytes| {
            if bytes > 20 { Err(ExchangeError::TooLarge) } else { Ok(()) }
        });
        assert_eq!(per_record(result), (vec![1], vec![], None));
    }

    #[test]
    fn an_error_that_is_retryable_ends_the_attempt_and_leaves_what_was_not_delivered() {
        let payload = payload(&[10; 6]);
        let seven = Duration::from_secs(7);
        let (requests, result) = delivered(&payload, all(&payload), &mut limits(2, 1000), |places, _| match places {
            [2, ..] => Err(SinkError::retry_after(seven, "busy").into()),
            _ => Ok(()),
        });
        assert_eq!(requests, [[0, 1], [2, 3]]);
        assert_eq!(per_record(result), (vec![], vec![2, 3, 4, 5], Some(seven)));
    }

    #[test]
    fn a_refusal_of_a_part_leaves_the_tail_of_that_part_and_of_no_other() {
        let payload = payload(&[10; 6]);
        let parts = vec![vec![0, 1, 2, 3], vec![4, 5]];
        let seven = Duration::from_secs(7);
        let (requests, result) =
            delivered_with_scopes(&payload, parts, &mut limits(2, 1000), |places, _| match places {
                [0, ..] => Err((SinkError::retry_after(seven, "busy").into(), RefusalScope::Part)),
                _ => Ok(()),
            });
        assert_eq!(requests, [[0, 1], [4, 5]]);
        assert_eq!(per_record(result), (vec![], vec![0, 1, 2, 3], Some(seven)));
    }

    #[test]
    fn the_longest_time_that_a_part_asks_for_counts() {
        let payload = payload(&[10; 3]);
        let parts = vec![vec![0], vec![1], vec![2]];
        let (requests, result) = delivered_with_scopes(&payload, parts, &mut limits(2, 1000), |places, _| {
            let wait = Duration::from_secs([3, 9, 5][places[0]]);
            Err((SinkError::retry_after(wait, "busy").into(), RefusalScope::Part))
        });
        assert_eq!(requests.len(), 3);
        let kind = result.unwrap_err().kind();
        assert_eq!(kind, SinkErrorKind::Retryable { retry_after: Some(Duration::from_secs(9)) });
    }

    #[test]
    fn an_error_of_all_records_is_returned_as_it_is() {
        let payload = payload(&[10; 2]);
        let (_, result) =
            delivered(&payload, all(&payload), &mut limits(100, 1000), |_, _| Err(SinkError::retryable("away").into()));
        assert!(matches!(result, Err(SinkError::Retryable { .. })), "{result:?}");
        let (_, result) =
            delivered(&payload, all(&payload), &mut limits(100, 1000), |_, _| Err(SinkError::permanent("no").into()));
        assert!(matches!(result, Err(SinkError::Other(_))), "{result:?}");
    }

    #[test]
    fn indices_of_an_answer_become_places_in_the_payload() {
        let payload = payload(&[10; 6]);
        let parts = vec![vec![1, 3, 5], vec![0, 2, 4]];
        let (_, result) = delivered(&payload, parts, &mut limits(100, 1000), |places, _| match places {
            [1, ..] => Err(ExchangeError::Failed(SinkError::PerRecord {
                rejected: vec![1],
                retryable: vec![2],
                retry_after: None,
                source: "some".into(),
            })),
            _ => Err(ExchangeError::Failed(SinkError::rejected([0], "one"))),
        });
        assert_eq!(per_record(result), (vec![0, 3], vec![5], None));
    }

    #[test]
    fn a_record_that_an_answer_names_twice_counts_once() {
        let payload = payload(&[10; 4]);
        let (_, result) = delivered(&payload, all(&payload), &mut limits(2, 1000), |places, _| match places {
            [0, ..] => Err(SinkError::permanent("bad").into()),
            _ => Err(ExchangeError::Failed(SinkError::PerRecord {
                rejected: vec![0, 0, 9],
                retryable: Vec::new(),
                retry_after: None,
                source: "some".into(),
            })),
        });
        assert_eq!(per_record(result), (vec![0, 1, 2], vec![], None));
    }

    #[test]
    fn a_permanent_error_of_a_part_rejects_its_records_and_no_others() {
        let payload = payload(&[10; 4]);
        let (_, result) = delivered(&payload, all(&payload), &mut limits(2, 1000), |places, _| match places {
            [0, ..] => Err(SinkError::permanent("bad").into()),
            _ => Ok(()),
        });
        assert_eq!(per_record(result), (vec![0, 1], vec![], None));
    }

    #[test]
    fn no_request_is_begun_when_the_time_is_over() {
        let payload = payload(&[10; 4]);
        let mut limits = limits(1, 1000);
        limits.time = Duration::from_millis(20);
        let (requests, result) = delivered(&payload, all(&payload), &mut limits, |_, _| {
            std::thread::sleep(Duration::from_millis(20));
            Ok(())
        });
        assert_eq!(requests, [[0]]);
        assert_eq!(per_record(result), (vec![], vec![1, 2, 3], None));
    }

    #[test]
    fn a_payload_without_marks_is_one_record() {
        let mut payload = Payload::new(0);
        payload.buffer().extend_from_slice(b"abc");
        let part = vec![vec![0]];
        let (requests, result) = delivered(&payload, part, &mut limits(1, 1), |_, bytes| {
            assert_eq!(bytes, 3);
            Ok(())
        });
        assert_eq!(requests, [[0]]);
        assert!(result.is_ok());
    }
}
