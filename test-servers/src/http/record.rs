//! The record of a server: requests, violations, connections.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use super::{lock, request::FakeRequest};

#[derive(Debug, Default)]
pub(super) struct HttpRecord {
    state: Mutex<RecordState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct RecordState {
    requests: Vec<Arc<FakeRequest>>,
    violations: Vec<String>,
    connections: usize,
    aborted: usize,
}

impl HttpRecord {
    pub(super) fn count_connection(&self) -> usize {
        self.change(|state| {
            state.connections += 1;
            state.connections
        })
    }

    pub(super) fn count_aborted(&self) {
        self.change(|state| state.aborted += 1);
    }

    pub(super) fn add_request(&self, request: Arc<FakeRequest>) {
        self.change(|state| state.requests.push(request));
    }

    pub(super) fn add_violation(&self, violation: String) {
        self.change(|state| state.violations.push(violation));
    }

    pub(super) fn connections(&self) -> usize {
        lock(&self.state).connections
    }

    pub(super) fn aborted(&self) -> usize {
        lock(&self.state).aborted
    }

    pub(super) fn requests(&self) -> Vec<Arc<FakeRequest>> {
        lock(&self.state).requests.clone()
    }

    pub(super) fn take_violations(&self) -> Vec<String> {
        self.change(|state| std::mem::take(&mut state.violations))
    }

    /// The requests as soon as they satisfy the condition, or `None` at the deadline.
    pub(super) fn wait_until(
        &self,
        deadline: Duration,
        mut is_met: impl FnMut(&[Arc<FakeRequest>]) -> bool,
    ) -> Option<Vec<Arc<FakeRequest>>> {
        let end = Instant::now() + deadline;
        let mut state = lock(&self.state);
        loop {
            if is_met(&state.requests) {
                return Some(state.requests.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    fn change<R>(&self, change: impl FnOnce(&mut RecordState) -> R) -> R {
        let result = change(&mut lock(&self.state));
        self.changed.notify_all();
        result
    }
}
