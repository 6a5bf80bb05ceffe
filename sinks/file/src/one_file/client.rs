//! A shard's sink, where one file has the events of all shards.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    formatter::Formatter,
    sink::{Delivery, Payload, Sink, SinkError},
    timestamp::Timestamp,
};

use crate::{
    block::Block,
    one_file::{
        answer::{AnswerSender, ShardWaker, answer},
        queue::{ShardRequest, WriterQueue},
        records::{BatchMark, RecordsAnswer, ShardRecords},
    },
    rotate::due::RotationDue,
};

/// Encodes the events of a shard, and hands them to the writer's thread.
pub(super) struct OneFileClient {
    pub(super) shard: usize,
    pub(super) formatter: Box<dyn Formatter>,
    /// Shared with the thread; not dropped in a forked child.
    pub(super) queue: Option<Arc<WriterQueue>>,
    pub(super) waker: Arc<ShardWaker>,
    /// The length of a full payload.
    pub(super) payload_bytes: usize,
    /// Whether the file system is short of free bytes; `None` without a reserve.
    pub(super) is_short_of_room: Option<Arc<AtomicBool>>,
    /// The repeated writes that this shard has in its accounts.
    pub(super) retries: Cell<u64>,
    /// The boundaries of time that part payloads.
    pub(super) period: RotationDue,
    pub(super) filling: FillingLayout,
    /// The deadline of a stop, for answers to payloads.
    pub(super) deadline: Rc<Cell<Option<Instant>>>,
}

/// The layout of the payload that is being filled.
#[derive(Debug, Default)]
pub(super) struct FillingLayout {
    /// The place of its first record.
    start: usize,
    marks: Vec<BatchMark>,
    count: u64,
    /// Where records of the next period begin, and the number of those before them.
    split: Option<(usize, u64)>,
}

impl Sink for OneFileClient {
    fn writer(&self) -> String {
        self.living_queue().map(WriterQueue::writer).unwrap_or_default()
    }

    fn payload(&mut self) -> Option<Payload> {
        let mut block = self.living_queue()?.take_block(self.shard)?;
        let start = block.reset();
        self.filling = FillingLayout { start, ..FillingLayout::default() };
        Some(Payload::in_buffer(block.bytes, start + self.payload_bytes))
    }

    fn is_short_of_room(&self) -> bool {
        // Relaxed: nothing else is read by it; pairs with `look_at_reserve`.
        self.is_short_of_room.as_ref().is_some_and(|is_short| is_short.load(Ordering::Relaxed))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        let Some(first) = batch.events().first().map(|event| event.timestamp()) else { return Ok(()) };
        match self.boundary_in(batch, first) {
            None => self.encode_events(batch, first, payload),
            Some(boundary) => self.encode_split(batch, payload, boundary),
        }
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        let is_full = payload.is_full();
        let bytes = payload.into_buffer();
        let layout = std::mem::take(&mut self.filling);
        if bytes.len() < layout.start {
            return Delivery::done(Err(SinkError::Other("the formatter removed bytes that it must append to".into())));
        }
        self.request(Rc::clone(&self.deadline), |sender, client| client.write_requests(bytes, layout, is_full, sender))
    }

    /// The retries are those of all shards: each one is in the accounts of one of them.
    fn retries(&self) -> u64 {
        let new = self.living_queue().map_or(0, |queue| queue.claim_retries(self.shard));
        self.retries.set(self.retries.get() + new);
        self.retries.get()
    }

    fn flush(&mut self) -> Delivery {
        self.request(Rc::default(), |sender, _| vec![ShardRequest::Flush(sender)])
    }

    fn rotate(&mut self) -> Delivery {
        self.request(Rc::default(), |sender, _| vec![ShardRequest::Rotate(sender)])
    }

    fn stop(&mut self, deadline: Instant) {
        self.deadline.set(Some(deadline));
        self.living_queue().into_iter().for_each(|queue| queue.stop(self.shard, deadline));
    }
}

impl OneFileClient {
    /// `None` in a forked child, which must not touch its locks.
    fn living_queue(&self) -> Option<&WriterQueue> {
        self.queue.as_deref().filter(|queue| queue.process().is_this())
    }

    /// Makes requests with one answer, which is waited for a moment behind this deadline.
    fn request(
        &self,
        deadline: Rc<Cell<Option<Instant>>>,
        requests: impl FnOnce(AnswerSender, &Self) -> Vec<ShardRequest>,
    ) -> Delivery {
        let Some(queue) = self.living_queue() else {
            return Delivery::done(Err(SinkError::Other("the file belongs to the parent process".into())));
        };
        let (sender, receiver) = answer(&self.waker, deadline, queue.process());
        queue.add(self.shard, requests(sender, self));
        Delivery::waking(receiver)
    }

    /// A payload as one part, or as two on both sides of a boundary of time.
    fn write_requests(
        &self,
        mut bytes: Vec<u8>,
        layout: FillingLayout,
        is_full: bool,
        sender: AnswerSender,
    ) -> Vec<ShardRequest> {
        let FillingLayout { start, mut marks, count, split } = layout;
        let Some((at, count_before)) = split.filter(|(at, _)| *at <= bytes.len()) else {
            let block = Block { bytes, is_pooled: true };
            return vec![self.write_request(block, start, marks, count, is_full, RecordsAnswer::Last(sender))];
        };
        let behind = Block { bytes: bytes.split_off(at), is_pooled: false };
        let marks_behind = marks.split_off(marks.partition_point(|mark| mark.at < at));
        let marks_behind = marks_behind.into_iter().map(|mark| BatchMark { at: mark.at.saturating_sub(at), ..mark });
        let before = Block { bytes, is_pooled: true };
        let first = RecordsAnswer::First(sender.of_part());
        let last = RecordsAnswer::Last(sender);
        vec![
            self.write_request(before, start, marks, count_before, false, first),
            self.write_request(behind, 0, marks_behind.collect(), count - count_before, false, last),
        ]
    }

    fn write_request(
        &self,
        block: Block,
        start: usize,
        marks: Vec<BatchMark>,
        count: u64,
        is_full: bool,
        answer: RecordsAnswer,
    ) -> ShardRequest {
        let record_end = self.formatter.record_end();
        let queued = Instant::now();
        ShardRequest::Write(ShardRecords { block, start, marks, count, is_full, record_end, answer, queued })
    }

    /// The time that parts the payload, if it would have records of two periods.
    fn boundary_in(&mut self, batch: &Batch<'_>, first: Timestamp) -> Option<Timestamp> {
        if self.filling.marks.is_empty() {
            self.begin_filling(first);
        }
        let boundary = self.period.boundary_in(batch)?;
        self.filling.split.is_none().then_some(boundary)
    }

    /// The payload gets its first record.
    fn begin_filling(&mut self, first: Timestamp) {
        if self.period.is_reached_by(first) || self.period.boundary().is_none() {
            self.period.set_first_record(Some(first));
        }
        if self.period.boundary().is_some() {
            self.living_queue().into_iter().for_each(|queue| queue.set_filling(self.shard, first));
        }
    }

    fn encode_events(&mut self, batch: &Batch<'_>, first: Timestamp, payload: &mut Payload) -> Result<(), PluginError> {
        let at = payload.buffer().len();
        self.formatter.format(batch, payload.buffer())?;
        self.filling.add(BatchMark { at, first }, batch.len());
        Ok(())
    }

    /// Encodes the events before the boundary, and those behind it: the latter are handed over as a part of their own.
    #[cold]
    fn encode_split(
        &mut self,
        batch: &Batch<'_>,
        payload: &mut Payload,
        boundary: Timestamp,
    ) -> Result<(), PluginError> {
        let before = batch.subset(|event| event.timestamp() < boundary);
        let behind = batch.subset(|event| event.timestamp() >= boundary);
        let at_before = payload.buffer().len();
        if !before.is_empty() {
            self.formatter.format(&before, payload.buffer())?;
        }
        let at = payload.buffer().len();
        self.formatter.format(&behind, payload.buffer())?;

        // Behind the formatter, which may fail.
        if let Some(first) = before.events().first().map(|event| event.timestamp()) {
            self.filling.add(BatchMark { at: at_before, first }, before.len());
        }
        if self.filling.count > 0 {
            self.filling.split = Some((at, self.filling.count));
        }
        let first = behind.events().first().map_or(boundary, |event| event.timestamp());
        self.filling.add(BatchMark { at, first }, behind.len());
        self.period.set_first_record(Some(first));
        payload.set_full();
        Ok(())
    }
}

impl FillingLayout {
    fn add(&mut self, mark: BatchMark, events: usize) {
        self.marks.push(mark);
        self.count += events as u64;
    }
}

impl Drop for OneFileClient {
    fn drop(&mut self) {
        let Some(queue) = self.queue.take() else { return };
        if !queue.process().is_this() {
            // A forked child: the requests in it are the parent's, and so are the locks that their drop would take.
            let _not_dropped = std::mem::ManuallyDrop::new(queue);
            return;
        }
        queue.leave(self.shard);
        self.waker.clear();
    }
}
