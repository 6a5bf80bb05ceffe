//! Events that a server has, counted by their numbers.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
    sync::atomic::{AtomicU8, Ordering},
};

/// How often each event has arrived: a byte for each.
#[derive(Debug)]
pub(crate) struct EventArrivals(Vec<AtomicU8>);

/// The sums of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ArrivalCounts {
    /// Events that the server has at least once.
    pub(crate) arrived: u64,
    /// Arrivals of an event behind its first.
    pub(crate) duplicated: u64,
}

/// The text in front of the number of an event.
const NUMBER: &[u8] = b"\"number\":";

impl EventArrivals {
    pub(crate) fn new(events: u64) -> Self {
        Self((0..events).map(|_| AtomicU8::new(0)).collect())
    }

    /// The number of events.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Counts the events in lines of JSON in a file.
    pub(crate) fn count_file(&self, path: &Path) -> io::Result<()> {
        let mut lines = BufReader::with_capacity(1 << 20, File::open(path)?);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            self.count_json(&line);
            line.clear();
        }
        Ok(())
    }

    /// Counts the events in JSON. Returns their number.
    pub(crate) fn count_json(&self, json: &[u8]) -> u64 {
        self.count_behind(NUMBER, json)
    }

    /// Counts the events whose numbers are behind this text. Returns their number.
    pub(crate) fn count_behind(&self, front: &[u8], bytes: &[u8]) -> u64 {
        let mut events = 0;
        for place in memchr::memmem::find_iter(bytes, front) {
            self.count(decimal(bytes.get(place + front.len()..).unwrap_or_default()));
            events += 1;
        }
        events
    }

    /// Counts the event with this number.
    pub(crate) fn count(&self, number: usize) {
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

/// The number of the event in an object of JSON.
pub(crate) fn number_in(json: &[u8]) -> Option<usize> {
    let place = memchr::memmem::find(json, NUMBER)?;
    json.get(place + NUMBER.len()..).map(decimal)
}

/// The number at the front of a text.
pub(crate) fn decimal(text: &[u8]) -> usize {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_by_their_numbers() {
        let arrivals = EventArrivals::new(5);
        let json = b"{\"context\":{\"number\":0}}\n{\"context\":{\"number\":3}}\n{\"number\":3,\"x\":1}\n";
        assert_eq!(arrivals.count_json(json), 3);
        assert_eq!(arrivals.counts(), ArrivalCounts { arrived: 2, duplicated: 1 });
    }
}
