//! Events that a server has, counted by their numbers.

use std::sync::atomic::{AtomicU8, Ordering};

/// How often each event has arrived.
#[derive(Debug)]
pub(crate) struct EventArrivals(Vec<AtomicU8>);

/// The sums of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ArrivalCounts {
    /// Events that the server has at least once.
    pub(crate) arrived: u64,
    /// EventArrivals behind the first of an event.
    pub(crate) duplicated: u64,
}

/// The text in front of the number of an event.
const NUMBER: &[u8] = b"\"number\":";

impl EventArrivals {
    pub(crate) fn new(events: u64) -> Self {
        Self((0..events).map(|_| AtomicU8::new(0)).collect())
    }

    /// Counts the events in lines of JSON.
    pub(crate) fn count_lines(&self, lines: &[u8]) {
        for line in lines.split(|byte| *byte == b'\n') {
            if let Some(place) = memchr::memmem::find(line, NUMBER) {
                self.count(number(line.get(place + NUMBER.len()..).unwrap_or_default()));
            }
        }
    }

    fn count(&self, number: usize) {
        if let Some(counter) = self.0.get(number) {
            // Relaxed: the server is stopped before the sums are read; pairs with `counts`.
            let _ = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_add(1));
        }
    }

    pub(crate) fn counts(&self) -> ArrivalCounts {
        let mut counts = ArrivalCounts { arrived: 0, duplicated: 0 };
        for counter in &self.0 {
            // Relaxed: the server is stopped; pairs with `count`.
            let count = u64::from(counter.load(Ordering::Relaxed));
            counts.arrived += count.min(1);
            counts.duplicated += count.saturating_sub(1);
        }
        counts
    }
}

/// The number at the front of a text.
fn number(text: &[u8]) -> usize {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_by_their_numbers() {
        let arrivals = EventArrivals::new(5);
        arrivals.count_lines(b"{\"context\":{\"number\":0}}\n{\"context\":{\"number\":3}}\n{\"number\":3,\"x\":1}\n");
        assert_eq!(arrivals.counts(), ArrivalCounts { arrived: 2, duplicated: 1 });
    }
}
