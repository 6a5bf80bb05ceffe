//! Events by id: submitted by a test, and received by a server.

use std::collections::BTreeMap;

/// Counts events by their ids.
///
/// ```
/// use fapilog_test_servers::EventLedger;
///
/// let mut ledger = EventLedger::new();
/// ledger.submit_all(["a", "b", "c"]);
/// ledger.receive_all(["a", "b", "b"]);
/// let counts = ledger.counts();
/// assert_eq!((counts.delivered, counts.duplicated, counts.lost), (2, 1, 1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct EventLedger {
    /// How often each submitted event was received.
    received: BTreeMap<String, usize>,
    /// Events that were received, and not submitted so far.
    unknown: BTreeMap<String, usize>,
}

/// The counts of an [`EventLedger`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventCounts {
    /// Submitted events: delivered and lost ones.
    pub submitted: usize,
    /// Submitted events that were received at least once.
    pub delivered: usize,
    /// Receipts of an event after its first one.
    pub duplicated: usize,
    /// Submitted events that were not received.
    pub lost: usize,
}

impl EventLedger {
    /// A ledger without events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Enters an event that the test submits. Panics if its id was submitted before.
    pub fn submit(&mut self, id: impl Into<String>) {
        let id = id.into();
        let received = self.unknown.remove(&id).unwrap_or(0);
        if let Some(earlier) = self.received.insert(id, received) {
            panic!("an event was submitted twice; it was received {earlier} times before the second");
        }
    }

    /// Enters events that the test submits.
    pub fn submit_all<I: Into<String>>(&mut self, ids: impl IntoIterator<Item = I>) {
        ids.into_iter().for_each(|id| self.submit(id));
    }

    /// Enters an event that the server received. It may come before the entry of its submission.
    pub fn receive(&mut self, id: impl AsRef<str>) {
        match self.received.get_mut(id.as_ref()) {
            Some(count) => *count += 1,
            None => *self.unknown.entry(id.as_ref().to_owned()).or_default() += 1,
        }
    }

    /// Enters events that the server received.
    pub fn receive_all<I: AsRef<str>>(&mut self, ids: impl IntoIterator<Item = I>) {
        ids.into_iter().for_each(|id| self.receive(id));
    }

    /// The counts. Panics if an event was received that was not submitted.
    #[must_use]
    pub fn counts(&self) -> EventCounts {
        let unknown: Vec<&String> = self.unknown.keys().take(5).collect();
        assert!(unknown.is_empty(), "{} received events were not submitted, such as {unknown:?}", self.unknown.len());
        let submitted = self.received.len();
        let delivered = self.received.values().filter(|count| **count > 0).count();
        let receipts: usize = self.received.values().sum();
        EventCounts { submitted, delivered, duplicated: receipts - delivered, lost: submitted - delivered }
    }

    /// The ids of submitted events that were not received, in their order as text.
    #[must_use]
    pub fn lost(&self) -> Vec<&str> {
        self.received.iter().filter(|(_, count)| **count == 0).map(|(id, _)| id.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_delivered_duplicated_or_lost_by_their_ids() {
        let mut ledger = EventLedger::new();
        ledger.receive("early");
        ledger.submit_all(["early", "twice", "never"]);
        ledger.receive_all(["twice", "twice", "twice"]);
        let expected = EventCounts { submitted: 3, delivered: 2, duplicated: 2, lost: 1 };
        assert_eq!((ledger.counts(), ledger.lost()), (expected, vec!["never"]));
    }

    #[test]
    #[should_panic(expected = "1 received events were not submitted, such as [\"stranger\"]")]
    fn an_event_that_was_not_submitted_has_no_place_in_the_counts() {
        let mut ledger = EventLedger::new();
        ledger.receive("stranger");
        let _ = ledger.counts();
    }

    #[test]
    #[should_panic(expected = "an event was submitted twice")]
    fn an_id_is_submitted_only_once() {
        EventLedger::new().submit_all(["a", "a"]);
    }
}
