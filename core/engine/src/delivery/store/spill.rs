//! The payloads of one sink of one shard on disk. Used by the thread of the store alone.

use std::{collections::VecDeque, fs::File, iter, mem, path::Path, time::Duration};

use fapilog_plugin::{factory::ShardInfo, sink::Reporter};

use crate::delivery::store::{
    adoption::{adopt, directory_of},
    directory::{LOCK_WAIT, OpenedDirectory, SpillDirectory},
    error::StoreError,
    frame::{self, FrameError, FrameSummary},
    options::SpillOptions,
    segment::{HEADER_BYTES, WritingSegment},
    segment_queue::{RecoveredTotals, SegmentQueue, UnreadSegment},
    stored_payload::{PayloadCounts, StoredPayload},
};

/// The requests to read a payload that the disk does not give, before the payload is given up.
const FAILED_READS_MAX: u32 = 3;

/// The other directories that are attempted where an abandoned shard has the own one.
const OTHER_DIRECTORIES_MAX: usize = 16;
const ANOTHER_DIRECTORY: &str = "an abandoned drain has the spill directory still: payloads go to another one. Those in the first one, \
     and those that are left in the other one, are delivered by the next container";

/// A directory that is open and locked, and not looked at yet.
#[derive(Debug)]
pub(super) struct SpillPlan {
    options: SpillOptions,
    sink: String,
    shard: ShardInfo,
    /// The number in the directory's name.
    number: usize,
    directory: OpenedDirectory,
    reporter: Reporter,
}

/// The numbers of directories for a shard whose own is locked by one that was abandoned. They are behind those of all shards, so that
/// the next container's first shard delivers the payloads that are left there; and no other shard of this container has them.
fn numbers_behind(shard: ShardInfo) -> impl Iterator<Item = usize> {
    (1..=OTHER_DIRECTORIES_MAX).map(move |turn| shard.index + turn * shard.count.max(1))
}

impl SpillPlan {
    /// Makes and locks the directory of the shard. Where an abandoned shard has it still, another one takes its place.
    ///
    /// # Errors
    /// `Locked`, and those of the system.
    pub(super) fn open(
        options: SpillOptions,
        sink: &str,
        shard: ShardInfo,
        reporter: Reporter,
    ) -> Result<Self, StoreError> {
        let open = |number, wait| SpillDirectory::open(&directory_of(&options.directory, sink, number), wait);
        let (number, directory) = match open(shard.index, LOCK_WAIT) {
            Err(StoreError::Locked { path }) if shard.abandoned > 0 => {
                let others = numbers_behind(shard).map(|number| (number, open(number, Duration::ZERO)));
                let is_free = |other: &(usize, Result<_, _>)| !matches!(other.1, Err(StoreError::Locked { .. }));
                let (number, opened) = others.into_iter().find(is_free).ok_or(StoreError::Locked { path })?;
                reporter.report(ANOTHER_DIRECTORY.to_owned());
                (number, opened?)
            }
            opened => (shard.index, opened?),
        };
        Ok(Self { options, sink: sink.to_owned(), shard, number, directory, reporter })
    }

    /// Looks at all segments.
    pub(super) fn recover(self) -> (Spill, RecoveredTotals) {
        let Self { options, sink, shard, number, directory, reporter } = self;
        let (adopted, mut recovered) = adopt(&options.directory, &sink, shard, number, &reporter);
        let (own, totals) = SegmentQueue::recover(number, directory, &reporter);
        recovered.add(totals);
        let mut spill = Spill {
            options,
            adopted,
            own,
            writing: None,
            reading: None,
            unacknowledged: VecDeque::new(),
            failed_reads: 0,
            reporter,
        };
        spill.remove_empty();
        (spill, recovered)
    }
}

/// The result of a read.
#[derive(Debug, Default)]
pub(super) struct SpillRead {
    /// `None` behind the last payload.
    pub(super) payload: Option<StoredPayload>,
    /// Payloads in front of it that cannot be read.
    pub(super) unreadable: PayloadCounts,
}

/// The segments, and the cursors over them.
#[derive(Debug)]
pub(super) struct Spill {
    options: SpillOptions,
    /// Directories of former shards, which are read first.
    adopted: Vec<SegmentQueue>,
    own: SegmentQueue,
    /// The last segment of `own`; `None`: the next payload begins a segment.
    writing: Option<WritingSegment>,
    reading: Option<ReadingSegment>,
    /// The payloads that were read, from the oldest one on.
    unacknowledged: VecDeque<ReadPayload>,
    /// The reads in a row that have failed.
    failed_reads: u32,
    reporter: Reporter,
}

/// The segment that was read last.
#[derive(Debug)]
struct ReadingSegment {
    shard: usize,
    number: u64,
    file: File,
}

/// A payload that was read: its segment, and its end there.
#[derive(Debug, Clone, Copy)]
struct ReadPayload {
    shard: usize,
    segment: u64,
    end: u64,
    events: u64,
}

impl Spill {
    /// Appends a payload.
    ///
    /// # Errors
    /// See [`StoreError`]. Nothing of the payload is left.
    pub(super) fn append(&mut self, stored: &StoredPayload) -> Result<(), StoreError> {
        let frame = frame::encode(stored)?;
        self.find_directory()?;
        self.prepare_segment(frame.len() as u64)?;
        let (Some(writing), Some(segment)) = (&mut self.writing, self.own.segments.back_mut()) else {
            return Err(StoreError::Closed);
        };
        let path = self.own.directory.path_of(segment.number);
        writing.append(&frame, segment.end.offset).map_err(StoreError::io("write to", path))?;
        segment.end.advance(frame.len() as u64, stored.events);
        segment.file_bytes = segment.end.offset;
        self.own.file_bytes += frame.len() as u64;
        Ok(())
    }

    /// Makes the directory again if another program has removed it.
    fn find_directory(&mut self) -> Result<(), StoreError> {
        if !self.own.directory.is_there() {
            self.writing = None;
            let path = self.own.directory.path().to_owned();
            let opened = SpillDirectory::open(&path, Duration::ZERO)?;
            let newest = opened.segments.last().copied().unwrap_or(0);
            self.own.next_number = self.own.next_number.max(newest.saturating_add(1));
            mem::replace(&mut self.own.directory, opened.directory).unlock();
            let path = path.display();
            self.reporter
                .report(format!("{path}, or the lock in it, was removed by another program; it is made again"));
        }
        if self.writing.as_ref().is_some_and(|writing| !writing.is_there()) {
            self.writing = None;
            let path = self.own.directory.path().display();
            self.reporter
                .report(format!("a segment in {path} was removed by another program, with the payloads in it"));
        }
        Ok(())
    }

    /// Finds or begins a segment with room for a frame.
    fn prepare_segment(&mut self, frame_bytes: u64) -> Result<(), StoreError> {
        let last_end = self.own.segments.back().map_or(0, |segment| segment.end.offset);
        let is_complete = last_end > HEADER_BYTES && last_end + frame_bytes > self.options.segment_bytes;
        let begins = self.writing.is_none() || is_complete;
        let bytes = frame_bytes + if begins { HEADER_BYTES } else { 0 };
        let bytes_max = self.options.bytes_max;
        if self.file_bytes() + bytes > bytes_max {
            return Err(StoreError::Full { path: self.own.directory.path().to_owned(), bytes, bytes_max });
        }
        if begins {
            self.begin_segment()?;
        }
        Ok(())
    }

    fn begin_segment(&mut self) -> Result<(), StoreError> {
        self.complete_segment();
        let number = self.own.next_number;
        self.own.next_number = number.saturating_add(1);
        let path = self.own.directory.path_of(number);
        let created = WritingSegment::create(&self.own.directory, number);
        let (writing, segment) = created.map_err(StoreError::io("create", path))?;
        self.own.file_bytes += segment.file_bytes;
        self.own.segments.push_back(segment);
        self.writing = Some(writing);
        Ok(())
    }

    /// Makes the payloads of the last segment durable, which gets no others.
    fn complete_segment(&mut self) {
        let Some(writing) = self.writing.take() else { return };
        let path = self.own.directory.path_of(writing.number);
        if let Err(error) = writing.sync().and_then(|()| self.own.directory.sync()) {
            self.reporter.report_error(&StoreError::io("sync", path)(error));
        }
    }

    /// The bytes of all segments.
    fn file_bytes(&self) -> u64 {
        self.adopted.iter().chain(iter::once(&self.own)).map(|queue| queue.file_bytes).sum()
    }

    /// Reads the payload at the read position, which moves behind it. Segments that are damaged are skipped.
    pub(super) fn read_next(&mut self) -> SpillRead {
        let mut result = SpillRead::default();
        while let Some(unread) = self.adopted.iter_mut().chain(iter::once(&mut self.own)).find_map(SegmentQueue::unread)
        {
            match read(&mut self.reading, &unread) {
                Ok((payload, summary)) => {
                    unread.segment.read.advance(summary.bytes, summary.events);
                    self.unacknowledged.push_back(ReadPayload {
                        shard: unread.shard,
                        segment: unread.segment.number,
                        end: unread.segment.read.offset,
                        events: summary.events,
                    });
                    self.failed_reads = 0;
                    result.payload = Some(payload);
                    return result;
                }
                Err(error) => {
                    self.failed_reads += 1;
                    if is_passing(&error, self.failed_reads) {
                        let path = unread.directory.path_of(unread.segment.number);
                        self.reporter.report(format!("cannot read {} now: {}", path.display(), text_of(&error)));
                        return result;
                    }
                    self.failed_reads = 0;
                    let (shard, number) = (unread.shard, unread.segment.number);
                    let path = unread.directory.path_of(number);
                    let skipped = unread.segment.skip_unread();
                    result.unreadable.add(skipped);
                    self.report_skipped(&path, skipped, &error);
                    // Behind bytes that cannot be read, nothing is appended.
                    self.writing.take_if(|writing| (self.own.shard, writing.number) == (shard, number));
                    self.remove_acknowledged();
                }
            }
        }
        result
    }

    fn report_skipped(&self, path: &Path, skipped: PayloadCounts, error: &FrameError) {
        let PayloadCounts { payloads, events } = skipped;
        let (path, reason) = (path.display(), text_of(error));
        self.reporter.report(format!("cannot read {payloads} payloads of {events} events in {path}: {reason}"));
    }

    /// The oldest payload that was read and is not acknowledged yet is done.
    pub(super) fn acknowledge(&mut self) {
        let Some(read) = self.unacknowledged.pop_front() else { return };
        let queues = self.adopted.iter_mut().chain(iter::once(&mut self.own));
        if let Some(queue) = queues.into_iter().find(|queue| queue.shard == read.shard) {
            queue.acknowledge(read.segment, read.end, read.events);
        }
        self.remove_acknowledged();
    }

    /// Moves the read position back to the oldest payload that is not acknowledged.
    pub(super) fn rewind(&mut self) {
        self.unacknowledged.clear();
        for queue in self.adopted.iter_mut().chain(iter::once(&mut self.own)) {
            queue.segments.iter_mut().for_each(|segment| segment.rewind());
        }
    }

    fn remove_acknowledged(&mut self) {
        self.adopted.iter_mut().chain(iter::once(&mut self.own)).for_each(SegmentQueue::remove_acknowledged);
        let last = self.own.segments.back().map(|segment| segment.number);
        self.writing.take_if(|writing| Some(writing.number) != last);
        let queues = self.adopted.iter().chain(iter::once(&self.own));
        let is_known = |reading: &ReadingSegment| {
            queues.clone().any(|queue| {
                queue.shard == reading.shard && queue.segments.iter().any(|segment| segment.number == reading.number)
            })
        };
        if self.reading.as_ref().is_some_and(|reading| !is_known(reading)) {
            self.reading = None;
        }
        self.remove_empty();
    }

    /// Removes directories of former shards that have no payload.
    fn remove_empty(&mut self) {
        for queue in self.adopted.extract_if(.., |queue| queue.segments.is_empty()) {
            let path = queue.directory.path().to_owned();
            if let Err(error) = queue.directory.remove_all() {
                self.reporter.report_error(&StoreError::io("remove", path)(error));
            }
        }
    }

    /// Makes everything durable, and unlocks the directories.
    pub(super) fn close(mut self) {
        self.complete_segment();
        let queues = self.adopted.iter().chain(iter::once(&self.own));
        for queue in queues {
            if let Err(error) = queue.directory.position.sync() {
                let error = StoreError::io("sync the position in", queue.directory.path())(error);
                self.reporter.report_error(&error);
            }
            queue.directory.unlock();
        }
    }
}

/// Whether a later attempt may read the bytes. A disk that fails has [`FAILED_READS_MAX`] attempts.
fn is_passing(error: &FrameError, failed_reads: u32) -> bool {
    match error {
        FrameError::Invalid => false,
        // The file is gone, or another one has its name.
        FrameError::Io(error) => match error.raw_os_error() {
            None | Some(libc::ENOENT | libc::ELOOP | libc::EISDIR | libc::ENXIO) => false,
            Some(libc::EIO) => failed_reads < FAILED_READS_MAX,
            Some(_) => true,
        },
    }
}

fn text_of(error: &FrameError) -> String {
    match error {
        FrameError::Invalid => "it is damaged".to_owned(),
        FrameError::Io(error) => error.to_string(),
    }
}

/// Reads the next frame of a segment, whose file is opened if it is not the one that was read last.
fn read(
    reading: &mut Option<ReadingSegment>,
    unread: &UnreadSegment<'_>,
) -> Result<(StoredPayload, FrameSummary), FrameError> {
    let UnreadSegment { shard, directory, segment } = unread;
    if !matches!(reading, Some(known) if (known.shard, known.number) == (*shard, segment.number)) {
        let file = directory.open_segment(segment.number).map_err(FrameError::Io)?;
        *reading = Some(ReadingSegment { shard: *shard, number: segment.number, file });
    }
    match reading {
        Some(known) => frame::decode(&known.file, segment.read.offset, segment.end.offset),
        None => Err(FrameError::Invalid),
    }
}
