//! The file sink: an encoder in front of a [`FileStream`].

use std::{
    cell::RefCell,
    future::poll_fn,
    path::Path,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Instant,
};

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    formatter::Formatter,
    record_end::RecordEnd,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError},
    timestamp::Timestamp,
};

use super::{
    block::OVERSHOOT_BYTES,
    cursors::FillingEnd,
    settings::FileOptions,
    stream::{FileStream, acknowledge, not_durable, not_in_time},
    stream_plan::StreamPlan,
};

pub(super) struct FileWriterSink {
    formatter: Box<dyn Formatter>,
    record_end: RecordEnd,
    block_bytes: usize,
    stream: Rc<RefCell<FileStream>>,
    /// Whether the file system is short of free bytes; `None` without a reserve.
    is_short_of_room: Option<Arc<AtomicBool>>,
    /// Where the payload that is being filled is parted: records behind belong to the next file.
    split: Option<PayloadSplit>,
}

/// A boundary between two records of a payload.
#[derive(Debug, Clone, Copy)]
struct PayloadSplit {
    /// An index in the buffer.
    at: usize,
    /// The time of the first record behind it.
    first_record: Timestamp,
}

impl FileWriterSink {
    pub(super) fn open(
        path: &Path,
        formatter: Box<dyn Formatter>,
        options: &FileOptions,
        context: &SinkContext<'_>,
    ) -> Result<Self, SinkError> {
        let plan = StreamPlan::new(path, context.shard, options, formatter.writes_lines(), context)?;
        let is_short_of_room = plan.is_short_of_room();
        Ok(Self {
            record_end: formatter.record_end(),
            formatter,
            block_bytes: options.block_bytes,
            stream: Rc::new(RefCell::new(plan.open()?)),
            is_short_of_room,
            split: None,
        })
    }
}

impl Sink for FileWriterSink {
    fn writer(&self) -> String {
        self.stream.borrow().writer.describe()
    }

    fn due(&self, now: Instant) -> Option<Instant> {
        self.stream.borrow().next_work(now)
    }

    fn work(&mut self, now: Instant) {
        self.stream.borrow_mut().work(now);
    }

    fn retries(&self) -> u64 {
        self.stream.borrow().writer.retries()
    }

    fn payload(&mut self) -> Option<Payload> {
        let mut stream = self.stream.borrow_mut();
        let now = Instant::now();
        stream.turn(now);
        stream.rotate_if_full(now);
        let file_bytes = stream.file_bytes_left();
        // A payload may be parted at the end of a file, but for one that is still to be opened.
        if !stream.writer.is_open() && file_bytes.is_some_and(|left| left < self.block_bytes + OVERSHOOT_BYTES) {
            return None;
        }
        let bytes = stream.writer.take_block()?;
        let start = stream.writer.filling_start();
        // A file that could not be rotated goes on beyond its most bytes.
        let file_bytes = file_bytes.filter(|left| *left > 0);
        let full_at = file_bytes.map_or(usize::MAX, |left| bytes.len().saturating_add(left));
        Some(Payload::in_buffer(bytes, full_at.min(start + self.block_bytes)))
    }

    fn is_short_of_room(&self) -> bool {
        // Relaxed: nothing else is read by it; pairs with `look_at_reserve`.
        self.is_short_of_room.as_ref().is_some_and(|is_short| is_short.load(Ordering::Relaxed))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        match self.boundary(batch, payload) {
            None => {
                self.formatter.format(batch, payload.buffer())?;
                self.split_behind_last_fitting(batch, payload);
                Ok(())
            }
            Some(boundary) => self.encode_split(batch, payload, boundary),
        }
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        let is_full = payload.is_full();
        let split = self.split.take();
        let mut stream = self.stream.borrow_mut();
        let start = stream.writer.filling_end();
        let Some(end) = write(&mut stream, payload.into_buffer(), split, is_full) else {
            return Delivery::done(Err(SinkError::Other("the formatter removed bytes that it must append to".into())));
        };
        drop(stream);
        let report = PayloadReport { stream: Rc::clone(&self.stream), end };
        let record_end = self.record_end;
        Delivery::in_flight(poll_fn(move |_| {
            let mut stream = report.stream.borrow_mut();
            stream.turn(Instant::now());
            let ends = stream.writer.ends();
            if !stream.writer.is_first(start) {
                return Poll::Pending;
            }
            let result = if stream.writer.is_delivered(end) {
                acknowledge(&mut stream, start, end)
            } else if ends {
                Err(not_in_time(&mut stream.writer, record_end))
            } else {
                return Poll::Pending;
            };
            stream.writer.report(end);
            Poll::Ready(result)
        }))
    }

    fn rotate(&mut self) -> Delivery {
        let mut stream = self.stream.borrow_mut();
        stream.turn(Instant::now());
        let Some(number) = stream.request_rotation(Instant::now()) else { return Delivery::done(Ok(())) };
        drop(stream);
        let stream = Rc::clone(&self.stream);
        Delivery::in_flight(poll_fn(move |_| {
            let mut stream = stream.borrow_mut();
            let now = Instant::now();
            stream.turn(now);
            stream.rotation_result(number, now).map_or(Poll::Pending, Poll::Ready)
        }))
    }

    fn stop(&mut self, deadline: Instant) {
        self.stream.borrow_mut().stop(deadline);
    }

    fn flush(&mut self) -> Delivery {
        let Some(end) = self.stream.borrow_mut().writer.request_sync() else { return Delivery::done(Ok(())) };
        let stream = Rc::clone(&self.stream);
        Delivery::in_flight(poll_fn(move |_| {
            let mut stream = stream.borrow_mut();
            stream.turn(Instant::now());
            if !stream.writer.is_synced(end) {
                return Poll::Pending;
            }
            let is_durable = !stream.writer.answer_flush(end);
            Poll::Ready(if is_durable { Ok(()) } else { Err(not_durable(stream.path())) })
        }))
    }
}

impl FileWriterSink {
    /// The time that parts these events, if the file is to be rotated between them.
    fn boundary(&self, batch: &Batch<'_>, payload: &Payload) -> Option<Timestamp> {
        let mut stream = self.stream.borrow_mut();
        if payload.is_empty() && stream.writer.current_bytes() == 0 {
            let first = batch.events().first().map(|event| event.timestamp());
            stream.due.set_first_record(first);
        }
        let boundary = stream.due.boundary_in(batch)?;
        (self.split.is_none() && stream.may_rotate(Instant::now())).then_some(boundary)
    }

    /// Encodes the events before the boundary, and those behind it: the latter belong to the next file.
    #[cold]
    fn encode_split(
        &mut self,
        batch: &Batch<'_>,
        payload: &mut Payload,
        boundary: Timestamp,
    ) -> Result<(), PluginError> {
        let before = batch.subset(|event| event.timestamp() < boundary);
        let behind = batch.subset(|event| event.timestamp() >= boundary);
        if !before.is_empty() {
            self.formatter.format(&before, payload.buffer())?;
        }
        let at = payload.buffer().len();
        self.formatter.format(&behind, payload.buffer())?;
        let first_record = behind.events().first().map_or(boundary, |event| event.timestamp());
        self.split = Some(PayloadSplit { at, first_record });
        payload.set_full();
        Ok(())
    }

    /// Parts the payload behind the last record that the file has room for.
    fn split_behind_last_fitting(&mut self, batch: &Batch<'_>, payload: &mut Payload) {
        let stream = self.stream.borrow();
        let Some(left) = stream.file_bytes_left() else { return };
        if payload.len() <= left || self.split.is_some() || !stream.may_rotate(Instant::now()) {
            return;
        }
        let fitting = payload.records().get(..left).unwrap_or_default();
        let whole = self.record_end.whole_records(fitting, None).bytes;
        // A single record that is too long has a file of its own.
        if whole == 0 && stream.writer.current_bytes() == 0 {
            return;
        }
        let at = payload.buffer().len() - payload.len() + whole;
        let first_record = batch.events().first().map(|event| event.timestamp());
        self.split = first_record.map(|first_record| PayloadSplit { at, first_record });
        payload.set_full();
    }
}

/// Hands records to the writer, parted if they belong to two files. Returns their end.
fn write(
    stream: &mut FileStream,
    mut bytes: Vec<u8>,
    split: Option<PayloadSplit>,
    is_full: bool,
) -> Option<FillingEnd> {
    let now = Instant::now();
    let Some(PayloadSplit { at, first_record }) = split.filter(|split| split.at <= bytes.len()) else {
        return stream.writer.write(bytes, is_full, now);
    };
    let behind = bytes.split_off(at);
    stream.writer.write(bytes, false, now)?;
    stream.begin_rotation(now);
    if stream.writer.current_bytes() == 0 {
        stream.due.set_first_record(Some(first_record));
    }
    stream.writer.write_records(&behind, now)
}

/// Reports a payload when its delivery is dropped, at the latest: those behind it wait for that.
struct PayloadReport {
    stream: Rc<RefCell<FileStream>>,
    end: FillingEnd,
}

impl Drop for PayloadReport {
    fn drop(&mut self) {
        // A panic in the middle of a turn may hold the stream.
        if let Ok(mut stream) = self.stream.try_borrow_mut() {
            stream.writer.report(self.end);
        }
    }
}
