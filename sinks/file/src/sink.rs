//! The file sink: an encoder in front of a [`BatchWriter`].

use std::{
    cell::RefCell,
    future::poll_fn,
    path::{Path, PathBuf},
    rc::Rc,
    task::Poll,
    time::Instant,
};

use fapilog_plugin::{
    event::Batch,
    formatter::Formatter,
    record_end::{RecordEnd, WholeRecords},
    sink::{Delivery, Payload, Reporter, Sink, SinkContext, SinkError},
};

use super::{
    block::Block,
    cursors::FillingEnd,
    engine::{PwriteEngine, UringEngine, WriteEngine},
    open::{Opening, open},
    path_watch::PathWatch,
    settings::{FileEngine, FileOptions},
    writer::{BatchWriter, WriterError},
};

/// Blocks beside those in flight: the block being filled, and the next one.
const BLOCKS_SPARE: usize = 2;

pub(super) struct FileWriterSink {
    path: PathBuf,
    formatter: Box<dyn Formatter>,
    record_end: RecordEnd,
    block_bytes: usize,
    writer: Rc<RefCell<BatchWriter>>,
    path_watch: PathWatch,
    reporter: Reporter,
}

impl FileWriterSink {
    pub(super) fn open(
        path: PathBuf,
        formatter: Box<dyn Formatter>,
        options: FileOptions,
        context: &SinkContext<'_>,
    ) -> Result<Self, SinkError> {
        let opening =
            Opening { is_direct: options.direct, mode: options.mode, respects_umask: false, directory_mode: None };
        let file = open(&path, opening)?;
        let (end, has_torn_line) = (file.end, file.has_torn_line);
        if let Some(diagnostic) = file.direct.as_ref().err().and_then(|reason| reason.diagnostic()) {
            context.report(diagnostic);
        }
        let blocks = (0..options.blocks_in_flight + BLOCKS_SPARE).map(|_| Block::new(options.block_bytes));
        let blocks = blocks.collect::<Option<Vec<Block>>>().ok_or_else(|| SinkError::Io {
            operation: "allocate the blocks of",
            path: path.clone(),
            source: std::io::ErrorKind::OutOfMemory.into(),
        })?;
        let engine = engine(&path, options.engine, context)?;
        let mut writer = BatchWriter::new(engine, blocks, options.block_bytes, file, options.sync);
        if has_torn_line && formatter.writes_lines() {
            context.report(format!("{} ended in a torn line, which was ended at byte {end}", path.display()));
            writer.end_torn_line(Instant::now());
        }
        Ok(Self {
            path_watch: PathWatch::new(path.clone(), Instant::now()),
            path,
            record_end: formatter.record_end(),
            formatter,
            block_bytes: options.block_bytes,
            writer: Rc::new(RefCell::new(writer)),
            reporter: context.reporter(),
        })
    }
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
        self.writer.borrow().describe()
    }

    fn due(&self, now: Instant) -> Option<Instant> {
        self.writer.borrow().sync_due(now).into_iter().chain(self.path_watch.due()).min()
    }

    fn work(&mut self, now: Instant) {
        let mut writer = self.writer.borrow_mut();
        writer.turn(now);
        if self.path_watch.is_due(now) {
            writer.look_at_file();
            let change = writer.file().and_then(|file| self.path_watch.check(file, now));
            change.into_iter().for_each(|text| self.reporter.report(text));
        }
        report_errors(&mut writer, &self.reporter, &self.path);
    }

    fn retries(&self) -> u64 {
        self.writer.borrow().retries()
    }

    fn payload(&mut self) -> Option<Payload> {
        let mut writer = self.writer.borrow_mut();
        writer.turn(Instant::now());
        let bytes = writer.take_block()?;
        let full_at = writer.filling_start() + self.block_bytes;
        Some(Payload::in_buffer(bytes, full_at))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) {
        self.formatter.format(batch, payload.buffer());
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        let is_full = payload.is_full();
        let start = self.writer.borrow().filling_end();
        let Some(end) = self.writer.borrow_mut().write(payload.into_buffer(), is_full, Instant::now()) else {
            return Delivery::done(Err(SinkError::Other("the formatter removed bytes that it must append to".into())));
        };
        let (writer, reporter, path) = (Rc::clone(&self.writer), self.reporter.clone(), self.path.clone());
        let record_end = self.record_end;
        Delivery::in_flight(poll_fn(move |_| {
            let mut writer = writer.borrow_mut();
            writer.turn(Instant::now());
            report_errors(&mut writer, &reporter, &path);
            let ends = writer.ends();
            if !writer.is_first(start) {
                return Poll::Pending;
            }
            let result = if writer.is_delivered(end) {
                writer.acknowledge(end);
                check_named(&writer, start, end, &path).and_then(|()| check_durable(&writer, end, &path))
            } else if ends {
                Err(not_in_time(&mut writer, record_end))
            } else {
                return Poll::Pending;
            };
            writer.report(end);
            Poll::Ready(result)
        }))
    }

    fn stop(&mut self, deadline: Instant) {
        self.writer.borrow_mut().stop(deadline);
    }

    fn flush(&mut self) -> Delivery {
        let Some(end) = self.writer.borrow_mut().request_sync() else { return Delivery::done(Ok(())) };
        let (writer, reporter, path) = (Rc::clone(&self.writer), self.reporter.clone(), self.path.clone());
        Delivery::in_flight(poll_fn(move |_| {
            let mut writer = writer.borrow_mut();
            writer.turn(Instant::now());
            report_errors(&mut writer, &reporter, &path);
            if !writer.is_synced(end) {
                return Poll::Pending;
            }
            let is_durable = !writer.answer_flush(end);
            Poll::Ready(if is_durable { Ok(()) } else { Err(not_durable(&path)) })
        }))
    }
}

/// The error of a payload that was not written before the deadline.
fn not_in_time(writer: &mut BatchWriter, record_end: RecordEnd) -> SinkError {
    let WholeRecords { records, bytes } = writer.deliver_part(record_end);
    let source = SinkError::Deadline;
    if records == 0 { source } else { SinkError::Partial { records, bytes: bytes as u64, source: Box::new(source) } }
}

/// An error if the bytes below `end` went to a file that was removed.
fn check_named(writer: &BatchWriter, start: FillingEnd, end: FillingEnd, path: &Path) -> Result<(), SinkError> {
    if !writer.is_removed(start, end) {
        return Ok(());
    }
    let source = std::io::Error::other("the file was removed while it was open");
    Err(SinkError::Io { operation: "keep events in", path: path.to_owned(), source })
}

/// An error if a failed sync has left bytes below `end` in doubt.
fn check_durable(writer: &BatchWriter, end: FillingEnd, path: &Path) -> Result<(), SinkError> {
    if !writer.is_doubtful(end) {
        return Ok(());
    }
    Err(not_durable(path))
}

fn not_durable(path: &Path) -> SinkError {
    let source = std::io::Error::other("the disk could not make the events durable");
    SinkError::Io { operation: "sync", path: path.to_owned(), source }
}

fn report_errors(writer: &mut BatchWriter, reporter: &Reporter, path: &Path) {
    let path = path.display();
    for error in writer.take_errors() {
        reporter.report(match error {
            WriterError::Write(error) => format!("cannot write, will retry: {error}"),
            WriterError::Sync(error) => format!("cannot sync; written events may not be durable: {error}"),
            WriterError::EngineRefused(error) => format!("pwrite instead of io_uring from now on: {error}"),
            WriterError::DirectRefused(error) => format!("buffered instead of direct writes: {error}"),
            WriterError::Removed => format!("{path} was removed; events are lost until the file is opened anew"),
            WriterError::EarlierRemoved => format!("a rotated file of {path} was removed before it was complete"),
            WriterError::Truncated { from, to } => {
                format!("another program truncated {path} from {from} to {to} bytes; writing goes on at its end")
            }
            WriterError::Grown { from, to } => {
                format!("another program made {path} longer, from {from} to {to} bytes; these bytes are overwritten")
            }
        });
    }
}
