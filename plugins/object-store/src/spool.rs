//! The directory of segments, which the sinks of all shards share with the thread that uploads.
//!
//! At most one segment is open, and payloads are appended to it. Closed segments wait for their upload, in the order of their numbers. All
//! segments that are found at the start are closed: their process has ended.

use std::{
    collections::VecDeque,
    fmt,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use fapilog_plugin::{
    sink::{BlockingDelivery, Payload, PayloadId, Reporter, SinkError},
    threads::lock,
};

use crate::{
    compress::suffix,
    error::ObjectStoreError,
    files,
    segment::{FRAME_HEAD_BYTES, SegmentHead, SegmentReader, frame_head},
    settings::{ObjectCompression, SegmentSettings, SpoolSettings},
    template::NameTemplate,
};

/// The number of payloads whose ids are kept: an attempt that timed out, and has written the payload for all that, is found among them.
const RECENT_PAYLOADS: usize = 256;

/// The time between the last moment at which a shutdown waits for uploads, and its deadline.
const STOP_MARGIN: Duration = Duration::from_millis(250);

/// The settings of segments.
#[derive(Debug, Clone)]
pub(crate) struct SpoolOptions {
    pub(crate) spool: SpoolSettings,
    pub(crate) segment: SegmentSettings,
    pub(crate) template: NameTemplate,
    pub(crate) compression: ObjectCompression,
}

/// The spool.
pub(crate) struct Spool {
    options: SpoolOptions,
    reporter: Reporter,
    state: Mutex<SpoolState>,
    changed: Condvar,
    /// The deadline of the shutdown, once there is one. It has a lock of its own, because a drain sets it, and the other lock is held
    /// while the disk works.
    stop: Mutex<Option<Instant>>,
    _lock: File,
}

#[derive(Debug)]
struct SpoolState {
    open: Option<OpenSegment>,
    closed: VecDeque<ClosedSegment>,
    /// The bytes of all segments.
    bytes: u64,
    next_number: u64,
    /// The number of [writers](SpoolWriter).
    writers: usize,
    recent: VecDeque<PayloadId>,
    /// The number of uploads that have failed.
    failures: u64,
    /// The thread that uploads has ended.
    is_ended: bool,
}

#[derive(Debug)]
struct OpenSegment {
    path: PathBuf,
    file: File,
    /// The length of the file.
    length: u64,
    /// The length of its records.
    data: u64,
    records: u64,
    opened: Instant,
}

/// A segment that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClosedSegment {
    pub(crate) path: PathBuf,
    pub(crate) length: u64,
}

/// The next work of the thread that uploads.
#[derive(Debug)]
pub(crate) enum UploadTask {
    Upload(ClosedSegment),
    End,
}

impl Spool {
    /// Opens the directory. Segments that another process has left are cut behind their last whole frame.
    pub(crate) fn open(options: SpoolOptions, reporter: Reporter) -> Result<Arc<Self>, SinkError> {
        let directory = &options.spool.directory;
        let lock = files::lock_directory(directory)?;
        let mut state = SpoolState {
            open: None,
            closed: VecDeque::new(),
            bytes: 0,
            next_number: 1,
            writers: 0,
            recent: VecDeque::new(),
            failures: 0,
            is_ended: false,
        };
        for (number, path) in files::segments(directory)? {
            state.next_number = number.saturating_add(1);
            if let Some(segment) = recover(&path, &reporter)? {
                state.bytes += segment.length;
                state.closed.push_back(segment);
            }
        }
        let (state, changed, stop) = (Mutex::new(state), Condvar::new(), Mutex::new(None));
        Ok(Arc::new(Self { options, reporter, state, changed, stop, _lock: lock }))
    }

    /// A writer. `None`: the thread that uploads has ended.
    pub(crate) fn writer(self: &Arc<Self>) -> Option<SpoolWriter> {
        let mut state = lock(&self.state);
        if state.is_ended {
            return None;
        }
        state.writers += 1;
        // The deadline of a container that had the sink before.
        *lock(&self.stop) = None;
        Some(SpoolWriter(Arc::clone(self)))
    }

    /// Sets the deadline of the shutdown.
    pub(crate) fn stop(&self, deadline: Instant) {
        *lock(&self.stop) = Some(deadline);
    }

    fn stop_deadline(&self) -> Option<Instant> {
        *lock(&self.stop)
    }

    fn append(&self, payload: &Payload) -> Result<(), SinkError> {
        let bytes = payload.records();
        if bytes.is_empty() {
            return Ok(());
        }
        let mut state = lock(&self.state);
        if state.is_ended {
            return Err(SinkError::permanent(ObjectStoreError::Closed));
        }
        let is_repeated = payload.attempt() > 1 || payload.is_replayed();
        if is_repeated && state.recent.contains(&payload.id()) {
            return Ok(());
        }
        let added = bytes.len() as u64 + FRAME_HEAD_BYTES as u64;
        self.check_room(&mut state, added)?;
        self.open_segment(&mut state)?;
        let Some(open) = &mut state.open else { return Err(SinkError::permanent(ObjectStoreError::Closed)) };
        if let Err(error) = open.write(bytes, payload.marked_records(), self.options.spool.sync) {
            // The segment ends in front of the frame, whatever is there. A later payload goes to another file.
            self.close(&mut state);
            return Err(error);
        }
        state.bytes += added;
        if state.recent.len() >= RECENT_PAYLOADS {
            state.recent.pop_front();
        }
        state.recent.push_back(payload.id());
        let limits = &self.options.segment;
        let is_full = state.open.as_ref().is_some_and(|open| {
            open.data >= limits.max_bytes as u64 || limits.max_events.is_some_and(|max| open.records >= max)
        });
        if is_full {
            self.close(&mut state);
        } else {
            // The thread that uploads closes it when it is old enough.
            self.changed.notify_all();
        }
        Ok(())
    }

    fn check_room(&self, state: &mut SpoolState, added: u64) -> Result<(), SinkError> {
        let bytes_max = self.options.spool.max_bytes as u64;
        if added > bytes_max / 2 {
            return Err(SinkError::permanent(ObjectStoreError::PayloadTooLarge { bytes: added }));
        }
        if state.bytes + added <= bytes_max {
            return Ok(());
        }
        // Its upload makes room.
        self.close(state);
        Err(SinkError::retryable(ObjectStoreError::SpoolFull { bytes: state.bytes, bytes_max }))
    }

    fn open_segment(&self, state: &mut SpoolState) -> Result<(), SinkError> {
        if state.open.is_some() {
            return Ok(());
        }
        let options = &self.options;
        let compression = options.compression;
        let head = SegmentHead { name: options.template.name(SystemTime::now(), suffix(compression)), compression };
        let path = files::segment_path(&options.spool.directory, state.next_number);
        let mut file = files::create(&path)?;
        state.next_number = state.next_number.saturating_add(1);
        let head = head.encode();
        let made = file.write_all(&head).map_err(files::io_error("write", &path));
        if let Err(error) = made.and_then(|()| files::sync_directory(&options.spool.directory)) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        let length = head.len() as u64;
        state.bytes += length;
        state.open = Some(OpenSegment { path, file, length, data: 0, records: 0, opened: Instant::now() });
        Ok(())
    }

    /// Closes the open segment, if there is one.
    fn close(&self, state: &mut SpoolState) {
        let Some(open) = state.open.take() else { return };
        if open.data == 0 {
            let _ = fs::remove_file(&open.path);
            state.bytes = state.bytes.saturating_sub(open.length);
            return;
        }
        if !self.options.spool.sync
            && let Err(error) = open.file.sync_data()
        {
            self.reporter.report_error(&files::io_error("sync", &open.path)(error));
        }
        state.closed.push_back(ClosedSegment { path: open.path, length: open.length });
        self.changed.notify_all();
    }

    fn sync(&self) -> Result<(), SinkError> {
        let state = lock(&self.state);
        let Some(open) = state.open.as_ref().filter(|_| !self.options.spool.sync) else { return Ok(()) };
        open.file.sync_data().map_err(files::io_error("sync", &open.path))
    }

    /// Closes the open segment and waits for uploads: until all are done, one fails, or the time is over.
    fn finish(&self, deadline: Instant) {
        let last = deadline.checked_sub(STOP_MARGIN).unwrap_or(deadline);
        let mut state = lock(&self.state);
        self.close(&mut state);
        let failures = state.failures;
        while !state.closed.is_empty() && state.failures == failures && !state.is_ended {
            let left = last.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.wait(state, left);
        }
    }

    fn wait<'a>(&self, state: MutexGuard<'a, SpoolState>, limit: Duration) -> MutexGuard<'a, SpoolState> {
        self.changed.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits for the next segment to upload, until `not_before` at least. Closes the open segment when it is old enough.
    pub(crate) fn next_upload(&self, not_before: Option<Instant>) -> UploadTask {
        /// Nothing is due: the writers wake the thread.
        const IDLE: Duration = Duration::from_secs(60);
        let mut state = lock(&self.state);
        loop {
            let now = Instant::now();
            let due = state.open.as_ref().and_then(|open| open.opened.checked_add(self.options.segment.max_age));
            if due.is_some_and(|due| due <= now) {
                self.close(&mut state);
                continue;
            }
            let is_over = state.writers == 0;
            if is_over {
                self.close(&mut state);
            }
            let is_late = self.stop_deadline().is_some_and(|deadline| deadline <= now);
            let next = state.closed.front().cloned();
            let waits = not_before.filter(|time| *time > now);
            match (next, waits) {
                (Some(next), None) if !(is_over && is_late) => return UploadTask::Upload(next),
                // A process that ends makes no further attempt; the next one does.
                _ if is_over => {
                    state.is_ended = true;
                    self.changed.notify_all();
                    return UploadTask::End;
                }
                (next, waits) => {
                    let wake = [due, waits.filter(|_| next.is_some())].into_iter().flatten().min();
                    let limit = wake.map_or(IDLE, |wake| wake.saturating_duration_since(now)).min(IDLE);
                    state = self.wait(state, limit.max(Duration::from_millis(1)));
                }
            }
        }
    }

    /// The store has the segment, or it cannot be read: it is removed, or set aside.
    pub(crate) fn end_segment(&self, segment: &ClosedSegment, is_broken: bool) {
        let ended = if is_broken { files::set_aside(&segment.path) } else { fs::remove_file(&segment.path) };
        if let Err(error) = ended {
            self.reporter.report_error(&files::io_error("remove", &segment.path)(error));
        }
        let mut state = lock(&self.state);
        if state.closed.front() == Some(segment) {
            state.closed.pop_front();
            state.bytes = state.bytes.saturating_sub(segment.length);
        }
        self.changed.notify_all();
    }

    /// An upload has failed: a shutdown does not wait for the next attempt.
    pub(crate) fn count_failure(&self) {
        lock(&self.state).failures += 1;
        self.changed.notify_all();
    }

    /// The thread that uploads has ended, however it did.
    pub(crate) fn end(&self) {
        lock(&self.state).is_ended = true;
        self.changed.notify_all();
    }
}

impl OpenSegment {
    fn write(&mut self, bytes: &[u8], records: usize, sync: bool) -> Result<(), SinkError> {
        let written = self.file.write_all(&frame_head(bytes, records)).and_then(|()| self.file.write_all(bytes));
        let written = written.map_err(files::io_error("write", &self.path));
        let synced = written.and_then(|()| match sync {
            true => self.file.sync_data().map_err(files::io_error("sync", &self.path)),
            false => Ok(()),
        });
        if synced.is_err() {
            // A frame that counts as not delivered is not uploaded by a later process.
            let _ = self.file.set_len(self.length);
            return synced;
        }
        self.length += (FRAME_HEAD_BYTES + bytes.len()) as u64;
        self.data += bytes.len() as u64;
        self.records += records as u64;
        Ok(())
    }
}

/// Looks at a segment that another process has left. `None`: nothing is to be uploaded.
fn recover(path: &Path, reporter: &Reporter) -> Result<Option<ClosedSegment>, SinkError> {
    let file = files::open_to_cut(path)?;
    let failed = || files::io_error("read", path);
    let length = file.metadata().map_err(failed())?.len();
    let reader = SegmentReader::new(file.try_clone().map_err(failed())?, length).map_err(failed())?;
    let Some(mut reader) = reader else {
        // The process ended before the head was complete, and nothing was acknowledged; or the file was changed.
        reporter.report("a segment without a valid head is set aside");
        files::set_aside(path).map_err(files::io_error("rename", path))?;
        return Ok(None);
    };
    let (mut frame, first) = (Vec::new(), reader.end);
    while reader.next(&mut frame).map_err(failed())? {}
    if reader.end == first {
        fs::remove_file(path).map_err(files::io_error("remove", path))?;
        return Ok(None);
    }
    if !reader.is_at_end() {
        reporter.report("a segment is cut behind its last whole record");
        file.set_len(reader.end).and_then(|()| file.sync_data()).map_err(files::io_error("cut", path))?;
    }
    Ok(Some(ClosedSegment { path: path.to_owned(), length: reader.end }))
}

/// Appends payloads to the spool, for a shard. The last one that is dropped closes the spool.
pub(crate) struct SpoolWriter(Arc<Spool>);

impl SpoolWriter {
    pub(crate) fn spool(&self) -> Arc<Spool> {
        Arc::clone(&self.0)
    }
}

impl BlockingDelivery for SpoolWriter {
    fn deliver(&mut self, payload: Payload) -> Result<(), SinkError> {
        self.0.append(&payload)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.0.sync()?;
        if let Some(deadline) = self.0.stop_deadline() {
            self.0.finish(deadline);
        }
        Ok(())
    }
}

impl Drop for SpoolWriter {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.writers = state.writers.saturating_sub(1);
        self.0.changed.notify_all();
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool").field("directory", &self.options.spool.directory).finish_non_exhaustive()
    }
}
