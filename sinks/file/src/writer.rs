//! The place of each write in the file, and the contiguous end. The numbers are the rules of the [module's page](super).

mod changes;
mod files;
mod last_records;
mod queued_write;
mod refused;
mod retry_backoff;
mod stream_file;
mod syncing;

use std::{
    collections::VecDeque,
    fs::File,
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use fapilog_plugin::{sink::SinkCounter, threads::process::OwnProcess};

use self::{
    files::FileSpan,
    last_records::LastRecords,
    queued_write::QueuedWrite,
    refused::RefusedWrite,
    retry_backoff::RetryBackoff,
    stream_file::{OpenFile, StreamFile, StreamFileId},
    syncing::Syncing,
};
use super::{
    block::{Block, BlockRange},
    cursors::{FileCursors, FillingEnd, ScheduledEnd},
    engine::{IoCompletion, IoRequest, WriteEngine, WritePath},
    open::{LogFile, PAGE_BYTES, cut_behind, unlock},
    settings::FileSync,
};

/// How long a partial page waits for the next full block.
pub(super) const TAIL_WAIT: Duration = Duration::from_millis(5);

/// How long a dropped writer waits for requests in flight.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Most bytes of a request of several blocks (rule 5).
const MERGED_BYTES_MAX: usize = 8 << 20;

/// Most blocks of a request (rule 5).
const MERGED_BLOCKS_MAX: usize = 64;

/// Writes blocks in order, through an engine that executes one write at a time.
pub(super) struct BatchWriter {
    engine: Box<dyn WriteEngine>,
    sync: FileSync,
    free: Vec<Block>,
    /// The length of a new block.
    block_bytes: usize,
    /// The layout of the block that is being filled.
    filling: Option<FillingBlock>,
    /// Positions in the files: rules 6 and 7.
    cursors: FileCursors,
    /// The file that records go to.
    current: StreamFile,
    /// The files before it that are not complete yet, in the order of their records.
    earlier: VecDeque<StreamFile>,
    /// The current file cannot be opened: its records go to the one before it.
    goes_back: bool,
    /// Records go on into a file without a name: they are lost.
    goes_on_without_name: bool,
    /// The filled part of the file's last page.
    partial_page: Vec<u8>,
    /// The time of the last addition to the partial page.
    partial_page_since: Instant,
    /// Writes in the order of the file, until they are below the contiguous end.
    writes: VecDeque<QueuedWrite>,
    /// The number of the first writes that are part of the request in flight (rule 5).
    writes_in_flight: usize,
    /// The request in flight, if the engine that had it is gone.
    refused: Option<RefusedWrite>,
    syncing: Syncing,
    /// Rule 7.
    last_records: LastRecords,
    retry: RetryBackoff,
    /// Number of writes that were repeated.
    retries: u64,
    errors: Vec<WriterError>,
    /// The process that opened the file.
    process: OwnProcess,
}

/// An error of the disk, or a change of the file by another program, for the diagnostics.
#[derive(Debug)]
pub(super) enum WriterError {
    Write(io::Error),
    Sync(io::Error),
    DirectRefused(io::Error),
    EngineRefused(io::Error),
    Removed,
    EarlierRemoved,
    Truncated { from: u64, to: u64 },
    Grown { from: u64, to: u64 },
}

#[derive(Debug)]
struct FillingBlock {
    /// Where its bytes start, partial page included.
    start: usize,
    /// The length of the partial page that it starts with.
    partial_bytes: usize,
    /// Whether the file has another partial page by now (rule 9).
    is_stale: bool,
}

impl BatchWriter {
    pub(super) fn new(
        engine: Box<dyn WriteEngine>,
        blocks: Vec<Block>,
        block_bytes: usize,
        file: LogFile,
        sync: FileSync,
    ) -> Self {
        let mut partial_page = file.partial_page.clone();
        // It never grows: a write allocates the same whatever the length of the file.
        partial_page.reserve_exact(PAGE_BYTES.saturating_sub(partial_page.len()));
        let now = Instant::now();
        let cursors = FileCursors::new(file.end);
        let start = cursors.filling();
        Self {
            engine,
            sync,
            free: blocks,
            block_bytes,
            filling: None,
            current: StreamFile { id: StreamFileId::FIRST, start, open: Some(OpenFile::new(file, start)) },
            earlier: VecDeque::new(),
            goes_back: false,
            goes_on_without_name: false,
            partial_page,
            partial_page_since: now,
            writes: VecDeque::new(),
            writes_in_flight: 0,
            refused: None,
            syncing: Syncing {
                in_flight: None,
                last: now,
                requested: start,
                flushed: start,
                durable: SinkCounter::default(),
            },
            last_records: LastRecords::new(start),
            cursors,
            retry: RetryBackoff::new(),
            retries: 0,
            errors: Vec::new(),
            process: OwnProcess::this(),
        }
    }

    pub(super) fn retries(&self) -> u64 {
        self.retries
    }

    /// The engine and the write path, for the accounts.
    pub(super) fn describe(&self) -> String {
        format!("{}, {}", self.engine.name(), if self.is_direct() { "direct" } else { "buffered" })
    }

    /// Whether full blocks bypass the page cache. A file that is not open yet will have what the one before it had.
    fn is_direct(&self) -> bool {
        let mut open = self.spans().filter_map(|span| span.file.open.as_ref()).map(|open| open.is_direct);
        // The last one, as far as they are open.
        open.by_ref().last().unwrap_or(false)
    }

    /// Whether there is a block to fill.
    pub(super) fn has_free_block(&self) -> bool {
        !self.free.is_empty()
    }

    /// A block to fill, which starts with the partial page (rule 2); `None` while all are in use.
    pub(super) fn take_block(&mut self) -> Option<Vec<u8>> {
        let mut block = self.free.pop()?;
        let start = block.reset();
        block.bytes.extend_from_slice(&self.partial_page);
        self.filling = Some(FillingBlock { start, partial_bytes: self.partial_page.len(), is_stale: false });
        Some(block.bytes)
    }

    /// Where the bytes of the block that is being filled start, partial page included.
    pub(super) fn filling_start(&self) -> usize {
        self.filling.as_ref().map_or(0, |filling| filling.start)
    }

    /// Takes the filled block back and queues its write. Returns where its records end in the file: they are delivered when
    /// [`delivered_end`](Self::delivered_end) reaches that end. `None` if the block no longer begins with its old content.
    pub(super) fn write(&mut self, bytes: Vec<u8>, is_full: bool, now: Instant) -> Option<FillingEnd> {
        let FillingBlock { start, partial_bytes, is_stale } = self.filling.take()?;
        let block = Block { bytes, is_pooled: true };
        self.write_block(block, FillingBlock { start, partial_bytes, is_stale }, is_full, now)
    }

    /// Queues the write of records that are in no block of the pool.
    pub(super) fn write_records(&mut self, records: &[u8], now: Instant) -> Option<FillingEnd> {
        let mut block = Block { bytes: records.to_vec(), is_pooled: false };
        let start = block.realign(&self.partial_page, 0);
        self.write_block(
            block,
            FillingBlock { start, partial_bytes: self.partial_page.len(), is_stale: false },
            false,
            now,
        )
    }

    fn write_block(
        &mut self,
        mut block: Block,
        FillingBlock { start, partial_bytes, is_stale }: FillingBlock,
        is_full: bool,
        now: Instant,
    ) -> Option<FillingEnd> {
        if block.bytes.len() < start + partial_bytes {
            self.free_block(block);
            return None;
        }
        let start = if is_stale {
            block.realign(&self.partial_page, start + partial_bytes)
        } else if block.is_aligned(start) {
            start
        } else {
            block.realign(&[], start)
        };

        let data_bytes = block.bytes.len().saturating_sub(start);
        let partial_bytes = self.partial_page.len();
        let offset = self.cursors.scheduled().offset();
        // Positions lag behind the offsets of a file that another program has made longer: a page may begin before position 0.
        let scheduled = partial_bytes.saturating_sub(self.cursors.unscheduled_bytes());
        let records_start = self.cursors.filling().offset();
        self.cursors.fill(data_bytes.saturating_sub(partial_bytes));
        let end = self.cursors.filling();

        let tail_bytes = data_bytes % PAGE_BYTES;
        let whole_pages = data_bytes - tail_bytes;
        self.partial_page.clear();
        self.partial_page.extend_from_slice(block.bytes.get(start + whole_pages..).unwrap_or_default());
        self.partial_page_since = now;

        // Rule 5. A page that a buffered write has begun is completed by a buffered write: nothing, or one page.
        let begun_page_bytes = scheduled.next_multiple_of(PAGE_BYTES);
        if self.is_direct() && is_full && whole_pages > begun_page_bytes {
            if scheduled < begun_page_bytes {
                let remaining = block.bytes.get(start + scheduled..start + begun_page_bytes).unwrap_or_default();
                self.enqueue_copy(remaining.to_vec(), offset, end.scheduled_but_for(data_bytes - begun_page_bytes));
            }
            // Rule 2. The partial page is scheduled by a later write.
            let range = start + begun_page_bytes..start + whole_pages;
            let position = (records_start + begun_page_bytes as u64).saturating_sub(partial_bytes as u64);
            let bytes = BlockRange { block, range, offset: position };
            self.enqueue(WritePath::Direct, bytes, end.scheduled_but_for(tail_bytes));
        } else {
            // Rule 4.
            let range = start + scheduled..start + data_bytes;
            if range.is_empty() {
                // The block has no record, and all before them is part of a write.
                self.free_block(block);
            } else {
                self.enqueue(WritePath::Buffered, BlockRange { block, range, offset }, end.scheduled_but_for(0));
            }
        }
        self.turn(now);
        Some(end)
    }

    /// Ends the line that the file ends in: a line feed is written before the first record.
    pub(super) fn end_torn_line(&mut self, now: Instant) {
        let offset = self.cursors.filling().offset();
        self.partial_page.push(b'\n');
        self.cursors.fill(1);
        if self.partial_page.len() == PAGE_BYTES {
            self.partial_page.clear();
        }
        self.enqueue_copy(vec![b'\n'], offset, self.cursors.filling().scheduled_but_for(0));
        self.last_records = LastRecords::new(self.cursors.filling());
        self.turn(now);
    }

    /// The records below `end` were reported to the container: they stay in the file (rule 7).
    pub(super) fn acknowledge(&mut self, end: FillingEnd) {
        debug_assert!(end <= self.delivered_end(), "acknowledged {end:?} before its delivery: {:?}", self.cursors);
        self.cursors.acknowledge(end);
    }

    /// The file that records go to, through the page cache; `None` while it is not open.
    pub(super) fn file(&self) -> Option<&File> {
        self.current.open.as_ref().map(OpenFile::buffered)
    }

    /// Errors since the last call, at most one of each kind.
    pub(super) fn take_errors(&mut self) -> Vec<WriterError> {
        std::mem::take(&mut self.errors)
    }

    pub(super) fn add_error(&mut self, error: WriterError) {
        let kind = std::mem::discriminant(&error);
        if self.errors.iter().all(|known| std::mem::discriminant(known) != kind) {
            self.errors.push(error);
        }
    }

    /// Takes completions from the engine, and submits every request that may start.
    pub(super) fn turn(&mut self, now: Instant) {
        if self.last_records.has_ended() {
            return;
        }
        self.reap(now);
        self.go_back();
        self.write_overdue_partial_page(now);
        while self.start_write(now) {
            // A blocking engine has the completion by now.
            self.reap(now);
        }
        self.start_sync(now);
        self.reap(now);
    }

    /// Rule 3.
    fn write_overdue_partial_page(&mut self, now: Instant) {
        if !self.cursors.has_unscheduled() || now.saturating_duration_since(self.partial_page_since) < TAIL_WAIT {
            return;
        }
        // The write would wait for the direct ones (rule 5), and the next full block would wait for the write.
        if self.writes.iter().any(|write| write.path == WritePath::Direct) {
            return;
        }
        // Only a direct write leaves bytes unscheduled, and it ends where the partial page begins.
        let offset = self.cursors.scheduled().offset();
        let unscheduled = self.cursors.unscheduled_bytes();
        debug_assert_eq!(
            unscheduled,
            self.partial_page.len(),
            "a write has a part of the partial page: {:?}",
            self.cursors
        );
        self.enqueue_copy(self.partial_page.clone(), offset, self.cursors.filling().scheduled_but_for(0));
    }

    /// Queues a buffered write of bytes that stay in their block or in the partial page.
    fn enqueue_copy(&mut self, bytes: Vec<u8>, offset: u64, end: ScheduledEnd) {
        let range = 0..bytes.len();
        let block = Block { bytes, is_pooled: false };
        self.enqueue(WritePath::Buffered, BlockRange { block, range, offset }, end);
    }

    /// Queues a write behind the others. It moves the scheduled end to `end`. The offset of the bytes is that of the cursors.
    fn enqueue(&mut self, path: WritePath, mut bytes: BlockRange, end: ScheduledEnd) {
        bytes.offset = match &self.current.open {
            Some(open) => open.changes.offset_in_file(bytes.offset),
            None => bytes.offset.saturating_sub(self.current.start.offset()),
        };
        self.writes.push_back(QueuedWrite { file: self.current.id, path, end, waiting: Some(bytes) });
        self.cursors.schedule(end);
    }

    /// Rule 5: starts the next request, unless one is in flight. Returns whether it did.
    fn start_write(&mut self, now: Instant) -> bool {
        if self.writes_in_flight > 0 || self.retry.not_before.is_some_and(|time| now < time) {
            return false;
        }
        if self.writes.is_empty() {
            return false;
        }
        self.look_at_file();
        let Some((id, path)) = self.writes.front().map(|write| (write.file, write.path)) else { return false };
        if id == self.current.id && self.is_current_removed() && !self.goes_on_without_name {
            return false;
        }
        let Some(file) = self.open_file(id).map(|open| Rc::clone(&open.handles)) else { return false };
        let ranges = self.take_ranges(id, path);
        self.writes_in_flight = ranges.len();
        let place = self.place_of_next_write(id);
        self.engine.submit(IoRequest::Write { file, path, place, ranges });
        true
    }

    /// Takes the bytes of the first writes, all of this file and path: the ranges of a request.
    fn take_ranges(&mut self, file: StreamFileId, path: WritePath) -> Vec<BlockRange> {
        // Rule 7: after a failure, the first write in order shows whether the disk works again.
        let blocks_max = if self.retry.not_before.is_some() { 1 } else { MERGED_BLOCKS_MAX };
        let mut ranges = Vec::new();
        let mut merged_bytes = 0;
        for write in
            self.writes.iter_mut().take(blocks_max).take_while(|write| (write.file, write.path) == (file, path))
        {
            merged_bytes += write.waiting.as_ref().map_or(0, |range| range.range.len());
            if merged_bytes > MERGED_BYTES_MAX && !ranges.is_empty() {
                break;
            }
            ranges.extend(write.waiting.take());
        }
        ranges
    }

    fn reap(&mut self, now: Instant) {
        let mut done = Vec::new();
        self.engine.reap(&mut |completion| done.push(completion));
        for IoCompletion { request, result } in done {
            match request {
                IoRequest::Sync { .. } => self.sync_done(result),
                IoRequest::Write { path, ranges, .. } => self.write_done(path, ranges, result, now),
            }
        }
        if let Some(refusal) = self.engine.take_refusal() {
            self.replace_engine(refusal, now);
        }
        self.look_at_refused_write(now);
    }

    pub(super) fn write_done(
        &mut self,
        path: WritePath,
        ranges: Vec<BlockRange>,
        result: io::Result<usize>,
        now: Instant,
    ) {
        self.writes_in_flight = 0;
        let file = self.id_of_next_write();
        let written_before = self.cursors.written_end();
        let wanted: usize = ranges.iter().map(|range| range.range.len()).sum();
        let offset = ranges.first().map_or(0, |first| first.offset);
        let is_refused = path == WritePath::Direct && result.as_ref().is_err_and(is_refusal);
        // A write that is refused has written nothing.
        if let Some(open) = self.open_file(file).filter(|_| !is_refused) {
            open.changes.write_ended(offset + *result.as_ref().unwrap_or(&wanted) as u64);
        }
        let written = match (result, path) {
            // A direct write continues at a page.
            (Ok(written), WritePath::Direct) if written < wanted => written - written % PAGE_BYTES,
            (Ok(written), _) => written,
            (Err(error), _) => {
                self.return_ranges(ranges, 0);
                return self.write_failed(file, path, error, now);
            }
        };
        self.return_ranges(ranges, written);
        self.look_at_name(file, written_before);
        if written >= wanted {
            self.retry = RetryBackoff::new();
        } else if written == 0 {
            self.wait(io::ErrorKind::WriteZero.into(), now);
        }
    }

    /// Completes the first writes as far as their bytes are among the `written` ones. The others wait again.
    pub(super) fn return_ranges(&mut self, ranges: Vec<BlockRange>, mut written: usize) {
        let mut remaining = Vec::new();
        for range in ranges {
            let bytes = range.range.len();
            if written < bytes {
                // Nothing behind the first of them is written.
                self.cursors.complete_part(written);
                remaining.push(range.remaining_after(written));
            } else if let Some(write) = self.writes.pop_front() {
                self.cursors.complete(write.end);
                self.free_block(range.block);
            }
            written = written.saturating_sub(bytes);
        }
        for (write, range) in self.writes.iter_mut().zip(remaining) {
            write.waiting = Some(range);
        }
    }

    fn write_failed(&mut self, file: StreamFileId, path: WritePath, error: io::Error, now: Instant) {
        if path == WritePath::Direct && is_refusal(&error) {
            if self.has_another_end(file) {
                // Rule 9: the end is within a page, where no direct write begins. The next look finds it.
                return;
            }
            // Rule 8.
            if let Some(open) = self.open_file(file) {
                open.is_direct = false;
            }
            let writes = self.writes.iter_mut().filter(|write| write.file == file);
            writes.for_each(|write| write.path = WritePath::Buffered);
            self.retries += 1;
            self.add_error(WriterError::DirectRefused(error));
        } else if error.raw_os_error() == Some(libc::ESTALE) {
            self.set_stale(file);
            self.wait(error, now);
        } else if error.kind() != io::ErrorKind::Interrupted {
            self.wait(error, now);
        }
    }

    /// Rule 7.
    fn wait(&mut self, error: io::Error, now: Instant) {
        self.retry.failed(now);
        self.retries += 1;
        self.add_error(WriterError::Write(error));
    }

    /// Keeps a block for the next records, or a new block in its place. The copy of a partial page is freed.
    pub(super) fn free_block(&mut self, block: Block) {
        if !block.is_pooled {
            return;
        }
        let is_replaced = block.has_outgrown(self.block_bytes) || block.has_shrunk(self.block_bytes);
        // Without memory for another, it is kept.
        let new = if is_replaced { Block::new(self.block_bytes) } else { None };
        self.free.push(new.unwrap_or(block));
    }
}

/// Whether a file system reports by this error that it has no direct writes.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EOPNOTSUPP))
}

impl Drop for BatchWriter {
    /// Rule 7: the last file ends at the acknowledged end.
    fn drop(&mut self) {
        if !self.process.is_this() {
            // A forked child: file and lock belong to its parent, which continues to write.
            return;
        }
        // A request in flight would write behind the end.
        let start = Instant::now();
        while self.engine.in_flight() > 0 && start.elapsed() < LAST_WAIT {
            // The end of each write decides on the cut.
            self.reap(Instant::now());
            if self.engine.in_flight() > 0 {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        if self.engine.in_flight() > 0 {
            // The disk does not answer. A truncation would wait for the disk; the kernel releases the lock later.
            return;
        }
        let acknowledged = self.cursors.acknowledged().offset();
        for FileSpan { file, end } in self.spans() {
            let Some(open) = &file.open else { continue };
            let end = end.map_or(acknowledged, |end| end.offset().min(acknowledged));
            // After an error, the file keeps its present end.
            let cut_at = open.changes.cut_at(open.buffered(), end);
            let _ = cut_at.map_or(Ok(()), |at| cut_behind(open.buffered(), at));
            unlock(open.buffered());
        }
    }
}

#[cfg(test)]
mod tests;
