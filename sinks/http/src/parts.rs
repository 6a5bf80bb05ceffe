//! Delivers a payload in parts: the rules are those of the [page of the crate](crate).

use std::time::{Duration, Instant};

use fapilog_plugin::sink::{Payload, SinkError, SinkErrorKind};

use crate::{
    error::HttpError,
    exchange::{ExchangeError, Records},
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
    /// The destination takes nothing now.
    is_over: bool,
}

/// Sends the records in parts, by `send`. `report` takes the length of a request that was too large for the destination, when there was none so short before.
pub(crate) fn deliver(
    payload: &Payload,
    parts: Vec<Vec<usize>>,
    limits: &mut RequestLimits,
    mut send: impl FnMut(&Records<'_>) -> Result<(), ExchangeError>,
    mut report: impl FnMut(usize),
) -> Result<(), SinkError> {
    let mut outcomes = PartOutcomes::default();
    let start = Instant::now();
    // The first part is on top.
    let mut waiting: Vec<Vec<usize>> = parts.into_iter().filter(|part| !part.is_empty()).rev().collect();
    while let Some(part) = waiting.pop() {
        if outcomes.is_over {
            outcomes.retryable.extend(part);
            continue;
        }
        if start.elapsed() >= limits.time {
            outcomes.take(&part, SinkError::retryable(HttpError::Timeout { limit: limits.time }));
            continue;
        }
        if let Some((front, tail)) = divided(payload, &part, limits) {
            waiting.extend([tail, front]);
            continue;
        }
        let records = Records::new(payload, &part);
        match send(&records) {
            Ok(()) => outcomes.delivered += part.len(),
            Err(ExchangeError::Failed(error)) => outcomes.take(&part, error),
            Err(ExchangeError::TooLarge) => {
                let bytes = records.bytes();
                if part.len() == 1 {
                    outcomes.take(&part, SinkError::permanent(HttpError::RecordTooLarge { bytes }));
                } else {
                    if limits.keep_too_large(bytes) {
                        report(bytes);
                    }
                    waiting.extend(halves(part));
                }
            }
        }
    }
    outcomes.into_result()
}

/// The front of a part that is within the limits, and what is behind it. `None`: all of it is.
fn divided(payload: &Payload, part: &[usize], limits: &RequestLimits) -> Option<(Vec<usize>, Vec<usize>)> {
    let mut bytes = 0;
    for (count, record) in Records::new(payload, part).iter().enumerate() {
        bytes += record.len();
        if count > 0 && (count == limits.max_records || bytes > limits.bytes()) {
            return part.split_at_checked(count).map(|(front, tail)| (front.to_vec(), tail.to_vec()));
        }
    }
    None
}

/// The second half and the first: the latter is taken first.
fn halves(mut part: Vec<usize>) -> [Vec<usize>; 2] {
    let second = part.split_off(part.len().div_ceil(2));
    [second, part]
}

impl PartOutcomes {
    /// Counts an error of a part, whose records are at these places in the payload.
    fn take(&mut self, part: &[usize], error: SinkError) {
        match &error {
            SinkError::PerRecord { rejected, retryable, retry_after, .. } => {
                let retryable = places(part, retryable, &[]);
                let rejected = places(part, rejected, &retryable);
                self.delivered += part.len().saturating_sub(rejected.len() + retryable.len());
                self.rejected.extend(rejected);
                self.retryable.extend(retryable);
                self.wait(*retry_after);
                self.is_over = retry_after.is_some();
            }
            error => match error.kind() {
                SinkErrorKind::Retryable { retry_after } => {
                    self.retryable.extend(part);
                    self.wait(retry_after);
                    self.is_over = true;
                }
                _ => self.rejected.extend(part),
            },
        }
        self.error.get_or_insert(error);
    }

    fn wait(&mut self, retry_after: Option<Duration>) {
        self.retry_after = self.retry_after.max(retry_after);
    }

    /// The error of a payload whose records all have the same outcome is that error itself.
    fn into_result(mut self) -> Result<(), SinkError> {
        let Some(error) = self.error else { return Ok(()) };
        let is_whole = self.delivered == 0 && (self.rejected.is_empty() || self.retryable.is_empty());
        if is_whole && !matches!(error, SinkError::PerRecord { .. }) {
            return Err(error);
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
        let mut requests = Vec::new();
        let result = deliver(
            payload,
            parts,
            limits,
            |records| {
                requests.push(records.places().to_vec());
                answer(records.places(), records.bytes())
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
