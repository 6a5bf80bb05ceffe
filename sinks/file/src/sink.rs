//! The file sink: an encoder in front of a [`FileStream`].

use std::{
    cell::RefCell,
    future::poll_fn,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::{Instant, SystemTime},
};

use fapilog_plugin::{
    event::Batch,
    formatter::Formatter,
    record_end::{RecordEnd, WholeRecords},
    sink::{Delivery, Payload, Sink, SinkContext, SinkError},
    timestamp::Timestamp,
};

use super::{
    block::{Block, OVERSHOOT_BYTES},
    compress::{Compression, thread::CompressPlan},
    cursors::FillingEnd,
    engine::{PwriteEngine, UringEngine, WriteEngine},
    open::{LogFile, Opening, open},
    retain::FileLifetime,
    rotate::{
        due::RotationDue,
        file_tasks::FileTasks,
        file_thread::{FileCounters, FilePlan, Reserve},
        name::{FileFamily, link_path},
    },
    settings::{FileEngine, FileOptions, FileSync},
    stream::{FileStream, check_named},
    writer::BatchWriter,
};

/// Blocks beside those in flight: the block being filled, and the next one.
const BLOCKS_SPARE: usize = 2;

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
        let family =
            FileFamily::new(path, context.shard).map_err(|problem| SinkError::Other(problem.to_string().into()))?;
        let link = options.current_link.as_ref().map(|link| link_path(path, link, context.shard.index));
        let live = family.live().to_owned();
        let now = Instant::now();

        let opening = opening(options);
        let file = open(&live, opening)?;
        report_opened(&file, &live, formatter.writes_lines(), context);
        let plan = file_plan(family, opening, link, options, formatter.writes_lines(), context);
        plan.settle_names()?;
        let due = rotation_due(options, &file, &plan.family, context);
        let has_torn_line = file.has_torn_line && formatter.writes_lines();
        let mut writer = writer(file, &live, options, context)?;
        if has_torn_line {
            writer.end_torn_line(now);
        }
        let is_short_of_room = plan.reserve.as_ref().map(|reserve| Arc::clone(&reserve.is_short));
        let mut tasks = FileTasks::new(plan);
        if has_file_tasks(options) {
            tasks.start().map_err(|source| SinkError::Io {
                operation: "start a thread for",
                path: live.clone(),
                source,
            })?;
        }
        let stream = FileStream::new(live, writer, due, tasks, context.reporter(), now);
        Ok(Self {
            record_end: formatter.record_end(),
            formatter,
            block_bytes: options.block_bytes,
            stream: Rc::new(RefCell::new(stream)),
            is_short_of_room,
            split: None,
        })
    }
}

/// Whether files that an earlier process has left are to be looked at.
fn has_file_tasks(options: &FileOptions) -> bool {
    let has_rotated_files = options.retain.has_limits() || options.compress != Compression::None;
    options.rotate.is_automatic() || has_rotated_files || options.reserve_bytes.is_some()
}

fn opening(options: &FileOptions) -> Opening {
    Opening {
        is_direct: options.direct,
        mode: options.mode,
        respects_umask: options.respect_umask,
        directory_mode: options.create_directories.then(|| options.directory_mode()),
    }
}

fn report_opened(file: &LogFile, path: &Path, ends_torn_lines: bool, context: &SinkContext<'_>) {
    if let Some(diagnostic) = file.direct_diagnostic() {
        context.report(diagnostic);
    }
    if file.has_torn_line && ends_torn_lines {
        context.report(format!("{} ended in a torn line, which was ended at byte {}", path.display(), file.end));
    }
}

fn file_plan(
    family: FileFamily,
    opening: Opening,
    link: Option<PathBuf>,
    options: &FileOptions,
    ends_torn_lines: bool,
    context: &SinkContext<'_>,
) -> FilePlan {
    let lifetime = FileLifetime::unknown();
    let compress = (options.compress != Compression::None).then(|| CompressPlan {
        family: family.clone(),
        compression: options.compress,
        lifetime: lifetime.clone(),
        compressed: context.counter("files_compressed"),
        reporter: context.reporter(),
    });
    FilePlan {
        family,
        opening,
        link,
        retention: options.retain,
        lifetime,
        reserve: options.reserve_bytes.map(|bytes| Reserve { bytes, is_short: Arc::default() }),
        compress,
        is_synced: options.sync != FileSync::Never,
        ends_torn_lines,
        counters: FileCounters {
            rotated: context.counter("files_rotated"),
            removed: context.counter("files_removed"),
            removed_bytes: context.counter("bytes_removed"),
        },
        reporter: context.reporter(),
    }
}

fn rotation_due(options: &FileOptions, file: &LogFile, family: &FileFamily, context: &SinkContext<'_>) -> RotationDue {
    let schedule = options.rotate.schedule();
    if let Some(unknown) = schedule.as_ref().and_then(|schedule| schedule.unknown_zone()) {
        context.report(unknown);
    }
    let first_record = (file.end > 0).then(|| first_record_about(file, family));
    RotationDue::new(options.rotate.bytes, schedule, first_record)
}

/// The time of the first record of a file that an earlier process has written, about: no earlier than its creation, and no
/// earlier than the last change of the newest rotated file.
fn first_record_about(file: &LogFile, family: &FileFamily) -> Timestamp {
    let rotated = family.rotated().unwrap_or_default();
    let newest = rotated.iter().map(|file| file.modified).max();
    let times = file.created.into_iter().chain(newest).map(Timestamp::from);
    times.max().unwrap_or_else(|| SystemTime::now().into())
}

fn writer(
    file: LogFile,
    path: &Path,
    options: &FileOptions,
    context: &SinkContext<'_>,
) -> Result<BatchWriter, SinkError> {
    let blocks = (0..options.blocks_in_flight + BLOCKS_SPARE).map(|_| Block::new(options.block_bytes));
    let blocks = blocks.collect::<Option<Vec<Block>>>().ok_or_else(|| SinkError::Io {
        operation: "allocate the blocks of",
        path: path.to_owned(),
        source: std::io::ErrorKind::OutOfMemory.into(),
    })?;
    let engine = engine(path, options.engine, context)?;
    Ok(BatchWriter::new(engine, blocks, options.block_bytes, file, options.sync))
}

fn engine(path: &Path, wanted: FileEngine, context: &SinkContext<'_>) -> Result<Box<dyn WriteEngine>, SinkError> {
    if wanted == FileEngine::Blocking {
        return Ok(Box::new(PwriteEngine::default()));
    }
    let error = match UringEngine::new() {
        Ok(engine) => return Ok(Box::new(engine)),
        Err(error) => error,
    };
    if wanted == FileEngine::IoUring {
        return Err(SinkError::Io { operation: "use io_uring for", path: path.to_owned(), source: error });
    }
    context.report(format!("pwrite instead of io_uring: {error}"));
    Ok(Box::new(PwriteEngine::default()))
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

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) {
        match self.boundary(batch, payload) {
            None => {
                self.formatter.format(batch, payload.buffer());
                self.split_behind_last_fitting(batch, payload);
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
                stream.writer.acknowledge(end);
                check_named(&stream, start, end).and_then(|()| check_durable(&stream, start))
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
    fn encode_split(&mut self, batch: &Batch<'_>, payload: &mut Payload, boundary: Timestamp) {
        let before = batch.subset(|event| event.timestamp() < boundary);
        let behind = batch.subset(|event| event.timestamp() >= boundary);
        if !before.is_empty() {
            self.formatter.format(&before, payload.buffer());
        }
        let at = payload.buffer().len();
        self.formatter.format(&behind, payload.buffer());
        let first_record = behind.events().first().map_or(boundary, |event| event.timestamp());
        self.split = Some(PayloadSplit { at, first_record });
        payload.set_full();
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

/// The error of a payload that was not written before the deadline.
fn not_in_time(writer: &mut BatchWriter, record_end: RecordEnd) -> SinkError {
    let WholeRecords { records, bytes } = writer.deliver_part(record_end);
    let source = SinkError::Deadline;
    if records == 0 { source } else { SinkError::Partial { records, bytes: bytes as u64, source: Box::new(source) } }
}

/// An error if a failed sync has left bytes behind `start` in doubt.
fn check_durable(stream: &FileStream, start: FillingEnd) -> Result<(), SinkError> {
    if !stream.writer.has_doubt_behind(start) {
        return Ok(());
    }
    Err(not_durable(stream.path()))
}

fn not_durable(path: &Path) -> SinkError {
    let source = std::io::Error::other("the disk could not make the events durable");
    SinkError::Io { operation: "sync", path: path.to_owned(), source }
}
