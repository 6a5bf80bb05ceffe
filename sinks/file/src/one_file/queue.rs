//! The requests of all shards to the writer's thread.
//!
//! A shard's requests are taken in their order. Among the shards, those records are next whose first record is the oldest one.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, PoisonError, atomic::AtomicBool},
    time::{Duration, Instant},
};

use fapilog_plugin::{
    threads::{lock, process::OwnProcess},
    timestamp::Timestamp,
};

use crate::{
    block::Block,
    one_file::{
        answer::{AnswerSender, ShardWaker},
        records::ShardRecords,
    },
};

/// How long the last shard waits for the thread to close the file.
const LAST_WAIT: Duration = Duration::from_secs(3);

/// How long one shard waits for another.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShardWaits {
    /// Records behind a boundary of time, for older ones that another shard is encoding. A payload of few records is delivered
    /// after 50 ms.
    pub(super) older_records: Duration,
    /// A requested rotation, for the same request to the other shards.
    pub(super) rotation_requests: Duration,
}

impl Default for ShardWaits {
    fn default() -> Self {
        Self { older_records: Duration::from_millis(100), rotation_requests: Duration::from_millis(100) }
    }
}

/// A request of a shard.
#[derive(Debug)]
pub(super) enum ShardRequest {
    Write(ShardRecords),
    Flush(AnswerSender),
    Rotate(AnswerSender),
}

/// The next request.
#[derive(Debug)]
pub(super) struct NextRequest {
    /// The number of the shard.
    pub(super) shard: usize,
    pub(super) request: ShardRequest,
}

/// A shard's place in the queue.
#[derive(Debug)]
struct ShardQueue {
    shard: usize,
    requests: VecDeque<ShardRequest>,
    /// Empty blocks of the shard.
    blocks: Vec<Block>,
    waker: Arc<ShardWaker>,
    /// The time of the first record of the payload that is being filled, if files are rotated by time.
    filling_since: Option<Timestamp>,
    /// The shard's sink is to stop by then.
    deadline: Option<Instant>,
}

impl ShardQueue {
    fn next_records(&self) -> Option<&ShardRecords> {
        match self.requests.front() {
            Some(ShardRequest::Write(records)) => Some(records),
            _ => None,
        }
    }

    /// The time of its oldest record that it has not handed over, or that waits.
    fn oldest(&self) -> Option<Timestamp> {
        let queued = self.requests.iter().find_map(|request| match request {
            ShardRequest::Write(records) => Some(records.first()),
            _ => None,
        });
        queued.into_iter().chain(self.filling_since).min()
    }
}

#[derive(Debug, Default)]
struct QueueState {
    shards: Vec<ShardQueue>,
    /// Whether a shard has changed something since the thread looked last.
    is_changed: bool,
    /// Whether the last shard has left: no other one may join.
    is_closed: bool,
    /// Whether the thread has ended, and the file is closed.
    has_ended: bool,
}

/// Facts for the accounts.
#[derive(Debug, Default)]
struct WriterFacts {
    /// The engine and the write path.
    writer: String,
    /// Whether the first shard has still to see that it is another one: a container asks it when its retries have become more.
    is_new_to_first: bool,
    /// Repeated writes so far.
    retries: u64,
    /// Those among them that no shard has in its accounts.
    unclaimed: u64,
}

/// The queue, which shards and thread share.
#[derive(Debug)]
pub(super) struct WriterQueue {
    state: Mutex<QueueState>,
    changed: Condvar,
    ended: Condvar,
    /// The length of a shard's block.
    block_bytes: usize,
    facts: Mutex<WriterFacts>,
    waits: ShardWaits,
    /// Whether the file system is short of free bytes; `None` without a reserve.
    is_short_of_room: Option<Arc<AtomicBool>>,
    /// The process that has the thread.
    process: OwnProcess,
}

impl WriterQueue {
    pub(super) fn new(block_bytes: usize, is_short_of_room: Option<Arc<AtomicBool>>) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            ended: Condvar::new(),
            block_bytes,
            facts: Mutex::default(),
            waits: ShardWaits::default(),
            is_short_of_room,
            process: OwnProcess::this(),
        }
    }

    #[cfg(test)]
    pub(super) fn with_waits(self, waits: ShardWaits) -> Self {
        Self { waits, ..self }
    }

    pub(super) fn waits(&self) -> ShardWaits {
        self.waits
    }

    /// The process that has the thread: in a forked child, nothing else of the queue may be used.
    pub(super) fn process(&self) -> OwnProcess {
        self.process
    }
}

/// # The shards' side
impl WriterQueue {
    /// Gives a shard a place, with these blocks.
    ///
    /// # Errors
    /// The blocks, if a shard of its number has a place already, or if the writer is about to stop.
    pub(super) fn join(&self, shard: usize, blocks: Vec<Block>, waker: &Arc<ShardWaker>) -> Result<(), Vec<Block>> {
        let mut state = lock(&self.state);
        let is_stopping = state.is_closed || state.has_ended || state.shards.iter().any(|one| one.deadline.is_some());
        if is_stopping || state.shards.iter().any(|one| one.shard == shard) {
            return Err(blocks);
        }
        let waker = Arc::clone(waker);
        let requests = VecDeque::new();
        state.shards.push(ShardQueue { shard, requests, blocks, waker, filling_since: None, deadline: None });
        Ok(())
    }

    /// An empty block. Once the thread has ended, there always is one: its payload fails.
    pub(super) fn take_block(&self, shard: usize) -> Option<Block> {
        let mut state = lock(&self.state);
        let has_ended = state.has_ended;
        let block = state.shards.iter_mut().find(|one| one.shard == shard)?.blocks.pop();
        drop(state);
        block.or_else(|| if has_ended { Block::new(self.block_bytes) } else { None })
    }

    /// The shard fills a payload whose first record has this time.
    pub(super) fn set_filling(&self, shard: usize, first: Timestamp) {
        if let Some(queue) = lock(&self.state).shards.iter_mut().find(|one| one.shard == shard) {
            queue.filling_since = Some(first);
        }
    }

    /// Hands requests over. Once the thread has ended, they are dropped, and so answered.
    pub(super) fn add(&self, shard: usize, requests: impl IntoIterator<Item = ShardRequest>) {
        self.change(|state| {
            let has_ended = state.has_ended;
            let queue = state.shards.iter_mut().find(|one| one.shard == shard).filter(|_| !has_ended);
            let Some(queue) = queue else { return requests.into_iter().collect() };
            for request in requests {
                if matches!(request, ShardRequest::Write(_)) {
                    queue.filling_since = None;
                }
                queue.requests.push_back(request);
            }
            Vec::new()
        });
    }

    /// The shard's sink is to stop by then.
    pub(super) fn stop(&self, shard: usize, deadline: Instant) {
        self.change(|state| {
            let queue = state.shards.iter_mut().find(|one| one.shard == shard);
            queue.into_iter().for_each(|queue| queue.deadline = Some(deadline));
            Vec::new()
        });
    }

    /// The shard has no sink any more. The last one waits until the file is closed.
    pub(super) fn leave(&self, shard: usize) {
        self.change(|state| {
            let place = state.shards.iter().position(|one| one.shard == shard);
            let left = place.map(|place| state.shards.swap_remove(place));
            state.is_closed |= state.shards.is_empty();
            left.into_iter().flat_map(|queue| queue.requests).collect()
        });
        self.wait_for_end();
    }

    fn wait_for_end(&self) {
        let deadline = Instant::now() + LAST_WAIT;
        let mut state = lock(&self.state);
        while state.is_closed && !state.has_ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Changes the state, and wakes the thread. Requests that `change` returns are dropped behind it: their drop takes locks.
    fn change(&self, change: impl FnOnce(&mut QueueState) -> Vec<ShardRequest>) {
        let dropped = {
            let mut state = lock(&self.state);
            let dropped = change(&mut state);
            state.is_changed = true;
            self.changed.notify_one();
            dropped
        };
        drop(dropped);
    }

    /// Repeated writes that no shard has in its accounts so far, for those of this one. A single one may be left to the
    /// first shard.
    pub(super) fn claim_retries(&self, shard: usize) -> u64 {
        let mut facts = lock(&self.facts);
        facts.is_new_to_first &= shard != 0;
        let left = u64::from(facts.is_new_to_first).min(facts.unclaimed);
        let claimed = facts.unclaimed - left;
        facts.unclaimed = left;
        claimed
    }

    pub(super) fn writer(&self) -> String {
        lock(&self.facts).writer.clone()
    }

    /// Whether the file system is short of free bytes; `None` without a reserve.
    pub(super) fn is_short_of_room(&self) -> Option<Arc<AtomicBool>> {
        self.is_short_of_room.clone()
    }
}

/// # The thread's side
impl WriterQueue {
    /// Takes the next request. `boundary`: the time from which on records belong to the next file.
    pub(super) fn next(&self, takes_records: bool, boundary: Option<Timestamp>, now: Instant) -> Option<NextRequest> {
        let mut state = lock(&self.state);
        let place = state.place_of_next(takes_records, boundary, self.waits, now)?;
        let queue = state.shards.get_mut(place)?;
        let request = queue.requests.pop_front()?;
        Some(NextRequest { shard: queue.shard, request })
    }

    /// Takes all requests of shards whose deadline has passed; of all shards if `all` is set.
    pub(super) fn take_late(&self, all: bool, now: Instant) -> Vec<ShardRequest> {
        let mut state = lock(&self.state);
        let late = state.shards.iter_mut().filter(|one| all || one.deadline.is_some_and(|deadline| deadline <= now));
        late.flat_map(|queue| queue.requests.drain(..)).collect()
    }

    /// Gives a shard a block back.
    pub(super) fn return_block(&self, shard: usize, block: Block) {
        if !block.is_pooled {
            return;
        }
        let is_replaced = block.has_outgrown(self.block_bytes) || block.has_shrunk(self.block_bytes);
        // Without memory for another, it is kept.
        let new = if is_replaced { Block::new(self.block_bytes) } else { None };
        let mut state = lock(&self.state);
        let Some(queue) = state.shards.iter_mut().find(|one| one.shard == shard) else { return };
        queue.blocks.push(new.unwrap_or(block));
        // A shard with other blocks does not wait for this one.
        let waiting = (queue.blocks.len() == 1).then(|| Arc::clone(&queue.waker));
        drop(state);
        waiting.iter().for_each(|waker| waker.wake());
    }

    /// The last deadline, once all shards have one.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let state = lock(&self.state);
        let all_stop = state.shards.iter().all(|one| one.deadline.is_some());
        state.shards.iter().filter_map(|one| one.deadline).max().filter(|_| all_stop)
    }

    /// The numbers of the shards that take part, and do not stop.
    pub(super) fn active_shards(&self) -> Vec<usize> {
        lock(&self.state).shards.iter().filter(|one| one.deadline.is_none()).map(|one| one.shard).collect()
    }

    /// Whether the last shard has left.
    pub(super) fn is_closed(&self) -> bool {
        lock(&self.state).is_closed
    }

    /// Waits until a shard has changed something, or for this time: `step` while requests wait that could not be taken, and no
    /// longer than until the next deadline.
    pub(super) fn wait(&self, step: Duration, idle: Duration, now: Instant) {
        let mut state = lock(&self.state);
        if !state.is_changed {
            let is_waiting = state.shards.iter().any(|one| !one.requests.is_empty());
            let deadlines = state.shards.iter().filter_map(|one| one.deadline).filter(|deadline| now < *deadline);
            let times = deadlines.map(|deadline| deadline - now).chain(is_waiting.then_some(step));
            let time = times.min().map_or(idle, |time| time.min(idle));
            state = self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.is_changed = false;
    }

    pub(super) fn report_writer(&self, retries: u64, writer: String) {
        let mut facts = lock(&self.facts);
        facts.unclaimed += retries.saturating_sub(facts.retries);
        facts.retries = retries;
        facts.is_new_to_first |= !facts.writer.is_empty() && facts.writer != writer;
        facts.writer = writer;
    }

    /// The thread has ended, and closed the file. Requests that wait have failed.
    pub(super) fn end(&self) {
        self.change(|state| {
            state.has_ended = true;
            self.ended.notify_all();
            state.shards.iter_mut().flat_map(|queue| queue.requests.drain(..)).collect()
        });
    }
}

impl QueueState {
    /// The place of the shard whose request is next.
    fn place_of_next(
        &self,
        takes_records: bool,
        boundary: Option<Timestamp>,
        waits: ShardWaits,
        now: Instant,
    ) -> Option<usize> {
        let is_other = |one: &ShardQueue| !one.requests.is_empty() && one.next_records().is_none();
        if let Some(place) = self.shards.iter().position(is_other) {
            return Some(place);
        }
        let waiting = self.shards.iter().enumerate().filter_map(|(place, one)| Some((place, one.next_records()?)));
        let is_late = |records: &ShardRecords| now.saturating_duration_since(records.queued) >= waits.older_records;
        let next =
            waiting.filter(|(place, records)| is_late(records) || !self.waits_for_older(*place, records, boundary));
        next.filter(|_| takes_records).min_by_key(|(_, records)| records.first()).map(|(place, _)| place)
    }

    /// Whether records that would begin the next file wait for older ones of another shard. They do not if that would block
    /// their own shard.
    fn waits_for_older(&self, place: usize, records: &ShardRecords, boundary: Option<Timestamp>) -> bool {
        let Some(boundary) = boundary.filter(|boundary| *boundary <= records.first()) else { return false };
        let blocks_shard = self.shards.get(place).is_none_or(|one| one.blocks.is_empty() || one.deadline.is_some());
        if blocks_shard {
            return false;
        }
        let mut others = self.shards.iter().enumerate().filter(|(other, _)| *other != place);
        others.any(|(_, one)| one.oldest().is_some_and(|oldest| oldest < boundary))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_retry_is_in_the_accounts_of_one_shard_and_the_first_one_has_one_with_another_way_of_writing() {
        let queue = WriterQueue::new(64 << 10, None);
        queue.report_writer(0, "io_uring, direct".to_owned());
        queue.report_writer(3, "io_uring, direct".to_owned());
        assert_eq!((queue.claim_retries(1), queue.claim_retries(0)), (3, 0));
        queue.report_writer(5, "pwrite, direct".to_owned());
        assert_eq!((queue.claim_retries(1), queue.claim_retries(1), queue.claim_retries(0)), (1, 0, 1));
        queue.report_writer(7, "pwrite, direct".to_owned());
        assert_eq!((queue.claim_retries(1), queue.claim_retries(0)), (2, 0));
    }

    #[test]
    fn a_shard_joins_once_and_never_a_writer_that_stops() {
        let queue = WriterQueue::new(64 << 10, None);
        let join = |shard| queue.join(shard, Vec::new(), &Arc::default()).is_ok();
        assert!(join(0) && !join(0) && join(1));
        queue.stop(0, Instant::now());
        assert!(!join(2));
    }
}
