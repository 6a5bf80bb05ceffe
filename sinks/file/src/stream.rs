//! The stream of a sink's records: its writer, and the files that the writer goes through.
//!
//! The state of the change to another file is in [`FileChange`]. Its steps that may wait for the disk are
//! [tasks](crate::rotate::file_tasks) of another thread; records wait in blocks meanwhile, or go to the file before.

use std::{
    io,
    path::{Path, PathBuf},
    rc::Rc,
    time::{Duration, Instant, SystemTime},
};

use fapilog_plugin::{
    record_end::{RecordEnd, WholeRecords},
    sink::{Reporter, SinkError},
    timestamp::Timestamp,
};

use crate::{
    cursors::FillingEnd,
    open::{LogFile, unlock},
    path_watch::{PathState, PathWatch, inode_of},
    rotate::{
        due::RotationDue,
        file_tasks::{FileTask, FileTaskOutcome, FileTasks},
    },
    writer::{BatchWriter, WriterError},
};

/// How often the end of a task is looked for when nothing else calls the sink.
const TASK_POLL: Duration = Duration::from_millis(1);

/// The wait after a file was given up because its sync had failed, until another one is. It doubles each time.
const GIVE_UP_WAIT_MIN: Duration = Duration::from_secs(1);
const GIVE_UP_WAIT_MAX: Duration = Duration::from_secs(60);

/// The wait between attempts to open a file anew.
const REOPEN_INTERVAL: Duration = Duration::from_secs(1);

/// A change to another file that is not complete.
#[derive(Debug)]
enum FileChange {
    None,
    /// The live file is being renamed, and a new one opened. Records wait for it.
    Rotating,
    /// The path is being opened anew. Records go to the file before, if it has a name.
    Reopening,
    /// The path is open anew. Bytes of an earlier file are written first.
    Reopened(Box<LogFile>),
}

impl FileChange {
    /// The file that is open anew; the change is complete then.
    fn take_reopened(&mut self) -> Option<Box<LogFile>> {
        match std::mem::replace(self, Self::None) {
            Self::Reopened(file) => Some(file),
            other => {
                *self = other;
                None
            }
        }
    }
}

/// Whether a rotation may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RotationReadiness {
    Ready,
    /// The next file is being opened.
    Changing,
    /// A rotation has failed a moment ago, or the file has no name: records go on into it.
    NotNow,
}

/// The writer of a sink, and its files.
pub(super) struct FileStream {
    path: PathBuf,
    pub(super) writer: BatchWriter,
    pub(super) due: RotationDue,
    tasks: FileTasks,
    change: FileChange,
    path_watch: PathWatch,
    /// The last attempt to open the path anew failed: the next one is not before this time.
    reopen_not_before: Option<Instant>,
    /// The time of the last turn.
    turned: Instant,
    /// A sync of the current file has failed.
    gives_up_file: bool,
    /// When a file was given up last because its sync had failed, and the wait until another one is.
    given_up: Option<(Instant, Duration)>,
    rotations: RotationCount,
    is_stopping: bool,
    reporter: Reporter,
}

/// Rotations that have ended, for those that wait for one.
#[derive(Debug, Default)]
struct RotationCount {
    ended: u64,
    /// The error of the last one, if it failed and no one has taken it.
    error: Option<SinkError>,
    has_failed: bool,
}

impl FileStream {
    pub(super) fn new(
        path: PathBuf,
        writer: BatchWriter,
        due: RotationDue,
        tasks: FileTasks,
        reporter: Reporter,
        now: Instant,
    ) -> Self {
        Self {
            path_watch: PathWatch::new(path.clone(), now),
            path,
            writer,
            due,
            tasks,
            change: FileChange::None,
            reopen_not_before: None,
            turned: now,
            gives_up_file: false,
            given_up: None,
            rotations: RotationCount::default(),
            is_stopping: false,
            reporter,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes what is completed, and submits every request that may start.
    pub(super) fn turn(&mut self, now: Instant) {
        self.turned = now;
        self.writer.turn(now);
        self.take_outcomes(now);
        self.report_errors();
        if self.gives_up_file {
            self.give_up_file(now);
        }
        if self.writer.is_current_removed() {
            self.reopen(now);
        }
        self.close_finished();
    }

    /// The work of a sink that nothing else calls.
    pub(super) fn work(&mut self, now: Instant) {
        self.turn(now);
        if self.path_watch.is_due(now) {
            self.writer.look_at_file();
            self.look_at_path(now);
            self.report_errors();
        }
        if self.due.is_idle_due(SystemTime::now) {
            self.begin_rotation(now);
        }
    }

    pub(super) fn next_work(&self, now: Instant) -> Option<Instant> {
        let task = (!matches!(self.change, FileChange::None)).then(|| self.turned + TASK_POLL);
        let reopen = self.reopen_not_before.filter(|_| self.writer.is_current_removed());
        let idle = self.due.idle_due(now, SystemTime::now).filter(|_| self.is_rotatable());
        let times = [self.writer.sync_due(self.turned), self.path_watch.due(), task, reopen, idle];
        times.into_iter().flatten().min()
    }

    /// The sink is asked to stop.
    pub(super) fn stop(&mut self, deadline: Instant) {
        self.is_stopping = true;
        self.reopen_not_before = None;
        self.writer.stop(deadline);
    }

    /// Whether records may go to another file now.
    pub(super) fn may_rotate(&self, now: Instant) -> bool {
        self.is_rotatable() && self.due.may_begin(now)
    }

    /// Whether a rotation may begin now.
    pub(super) fn rotation_readiness(&self, now: Instant) -> RotationReadiness {
        match self.change {
            FileChange::Rotating => RotationReadiness::Changing,
            _ if self.may_rotate(now) => RotationReadiness::Ready,
            _ => RotationReadiness::NotNow,
        }
    }

    /// The time from which on records begin the next file; `None` if they go to this one whatever their time.
    pub(super) fn boundary(&self, now: Instant) -> Option<Timestamp> {
        let boundary = self.due.boundary()?;
        (self.rotation_readiness(now) != RotationReadiness::NotNow).then_some(boundary)
    }

    /// Whether there is a file with a name, and no change to another one.
    fn is_rotatable(&self) -> bool {
        matches!(self.change, FileChange::None) && self.writer.is_open() && !self.writer.is_current_removed()
    }

    /// How many bytes the file may still get; `None` without a limit.
    pub(super) fn file_bytes_left(&self) -> Option<usize> {
        self.due.bytes_left(self.writer.current_bytes()).and_then(|left| usize::try_from(left).ok())
    }

    /// Rotates the file if it has its most bytes.
    pub(super) fn rotate_if_full(&mut self, now: Instant) {
        if self.due.is_full(self.writer.current_bytes()) {
            self.begin_rotation(now);
        }
    }

    /// Records go to another file from now on. An empty file is not rotated.
    pub(super) fn begin_rotation(&mut self, now: Instant) {
        if !self.may_rotate(now) || self.writer.current_bytes() == 0 {
            return;
        }
        if let Err(error) = self.try_begin_rotation() {
            self.rotation_failed(SinkError::Io { operation: "rotate", path: self.path.clone(), source: error }, now);
        }
    }

    fn try_begin_rotation(&mut self) -> io::Result<()> {
        let file = self.writer.file().ok_or(io::ErrorKind::NotFound)?;
        let live = inode_of(&file.metadata()?);
        self.tasks.start()?;
        self.writer.begin_file();
        let added = self.tasks.add(FileTask::Rotate { live, first_record: self.due.begin() });
        match added {
            Ok(()) => self.change = FileChange::Rotating,
            Err(_) => self.writer.file_not_opened(),
        }
        added
    }

    /// Has the path opened anew.
    fn reopen(&mut self, now: Instant) {
        let is_too_early = self.reopen_not_before.is_some_and(|time| now < time);
        if !matches!(self.change, FileChange::None) || is_too_early {
            return;
        }
        match self.tasks.add(FileTask::Reopen) {
            Ok(()) => self.change = FileChange::Reopening,
            Err(source) => {
                self.not_reopened(SinkError::Io { operation: "open", path: self.path.clone(), source }, now);
            }
        }
    }

    fn look_at_path(&mut self, now: Instant) {
        let Some(file) = self.writer.file().filter(|_| matches!(self.change, FileChange::None)) else { return };
        let state = self.path_watch.check(file, now);
        let path = self.path.display();
        match state {
            PathState::Same => {
                self.reopen_not_before = None;
                return;
            }
            // The writer reports a removal: it counts the records that are lost by it.
            PathState::Removed => {}
            PathState::Moved => self.reporter.report(format!("{path} was moved; the path is opened anew")),
            PathState::Replaced => {
                self.reporter.report(format!("{path} was replaced by another file; the path is opened anew"));
            }
        }
        self.reopen(now);
    }

    fn take_outcomes(&mut self, now: Instant) {
        while let Some(outcome) = self.tasks.take_outcome() {
            match outcome {
                FileTaskOutcome::Rotated(file) => {
                    self.change = FileChange::None;
                    self.report_refusal(&file);
                    self.writer.file_opened(file);
                    self.path_watch.reset();
                    self.due.succeeded();
                    self.rotations.ended += 1;
                    self.rotations.has_failed = false;
                }
                FileTaskOutcome::NotRotated(error) => {
                    self.change = FileChange::None;
                    self.writer.file_not_opened();
                    self.rotation_failed(error, now);
                }
                FileTaskOutcome::Opened(file) => {
                    self.report_refusal(&file);
                    self.change = FileChange::Reopened(Box::new(file));
                }
                FileTaskOutcome::NotOpened(error) => {
                    self.change = FileChange::None;
                    self.not_reopened(error, now);
                }
                FileTaskOutcome::ThreadEnded => self.thread_ended(now),
            }
        }
        self.use_reopened(now);
    }

    /// The thread has ended without the end of its task: the next task starts another one.
    fn thread_ended(&mut self, now: Instant) {
        let error = || SinkError::Other("the thread of the files has ended".into());
        match std::mem::replace(&mut self.change, FileChange::None) {
            FileChange::Rotating => {
                self.writer.file_not_opened();
                self.rotation_failed(error(), now);
            }
            FileChange::Reopening => self.not_reopened(error(), now),
            other => self.change = other,
        }
    }

    /// Lets records go to the file that was opened anew.
    fn use_reopened(&mut self, now: Instant) {
        let Some(file) = self.change.take_reopened() else { return };
        let first_record = (file.end > 0).then(|| Timestamp::from(SystemTime::now()));
        if !self.writer.is_current_removed() {
            self.writer.begin_file();
            self.writer.file_opened(*file);
        } else if let Err(file) = self.writer.go_on_in(*file) {
            // Bytes of an earlier file are not written yet.
            self.change = FileChange::Reopened(Box::new(file));
            return;
        }
        self.reopen_not_before = None;
        self.path_watch.reset();
        self.due.set_first_record(first_record);
        self.writer.turn(now);
    }

    fn not_reopened(&mut self, error: SinkError, now: Instant) {
        self.reporter.report_error(&error);
        self.reopen_not_before = now.checked_add(REOPEN_INTERVAL);
        if self.is_stopping {
            self.writer.go_on_without_name();
        }
    }

    fn rotation_failed(&mut self, error: SinkError, now: Instant) {
        let wait = self.due.failed(now);
        self.reporter.report_error(&error);
        self.reporter.report(format!("{} is not rotated; the next attempt is in {wait:?}", self.path.display()));
        self.rotations.ended += 1;
        self.rotations.has_failed = true;
        self.rotations.error = Some(error);
    }

    /// The number of the rotation that a request waits for: the one that is going on, or one that begins now. `None` if there
    /// is nothing to rotate.
    pub(super) fn request_rotation(&mut self, now: Instant) -> Option<u64> {
        let next = self.rotations.ended + 1;
        self.due.set_due_now();
        if matches!(self.change, FileChange::Rotating) {
            // Records that came since the present rotation began are in its new file.
            return Some(if self.writer.current_bytes() == 0 { next } else { next + 1 });
        }
        if self.writer.current_bytes() == 0 && self.writer.is_open() {
            return None;
        }
        self.begin_rotation(now);
        Some(next)
    }

    /// The result of a rotation; `None` until it has ended.
    pub(super) fn rotation_result(&mut self, number: u64, now: Instant) -> Option<Result<(), SinkError>> {
        if self.rotations.ended < number {
            let is_idle = matches!(self.change, FileChange::None) && self.writer.is_open();
            if is_idle && self.writer.current_bytes() == 0 {
                // The path was opened anew meanwhile.
                return Some(Ok(()));
            }
            // It could not begin before: the file was being rotated, or opened anew.
            self.begin_rotation(now);
            return None;
        }
        if !self.rotations.has_failed {
            return Some(Ok(()));
        }
        let error = self.rotations.error.take();
        Some(Err(error.unwrap_or_else(|| SinkError::Other("the rotation failed".into()))))
    }

    /// Closes files that are complete.
    fn close_finished(&mut self) {
        for file in self.writer.take_finished() {
            let Ok(inode) = file.buffered.metadata().map(|metadata| inode_of(&metadata)) else { continue };
            // A request of an engine that was given up may have the descriptors for ever. Its file is complete all the same.
            let file = Rc::try_unwrap(file).inspect_err(|file| unlock(&file.buffered)).ok();
            // Without a thread, it is closed at this place.
            let _ = self.tasks.add(FileTask::Close { inode, file });
        }
    }

    fn report_refusal(&self, file: &LogFile) {
        if let Some(text) = file.direct_diagnostic() {
            self.reporter.report(text);
        }
    }

    fn report_errors(&mut self) {
        let path = self.path.display();
        for error in self.writer.take_errors() {
            self.gives_up_file |= matches!(error, WriterError::Sync(_));
            self.reporter.report(match error {
                WriterError::Write(error) => format!("cannot write, will retry: {error}"),
                WriterError::Sync(error) => format!("cannot sync; written events may not be durable: {error}"),
                WriterError::EngineRefused(error) => format!("pwrite instead of io_uring from now on: {error}"),
                WriterError::DirectRefused(error) => format!("buffered instead of direct writes: {error}"),
                WriterError::Removed => {
                    format!("{path} was removed; events that were being written are lost, and the path is opened anew")
                }
                WriterError::EarlierRemoved => {
                    format!("a rotated file of {path} was removed before its last event was written")
                }
                WriterError::Truncated { from, to } => {
                    format!("another program truncated {path} from {from} to {to} bytes; writing goes on at its end")
                }
                WriterError::Grown { from, to } => {
                    format!(
                        "another program made {path} longer, from {from} to {to} bytes; writing goes on behind these bytes"
                    )
                }
            });
        }
    }

    /// A sync has failed. The kernel may have dropped pages of the file, and reports that once: no later sync shows that the
    /// file is whole. On a disk that has failed, the next file is no better.
    fn give_up_file(&mut self, now: Instant) {
        if !self.may_rotate(now) {
            return;
        }
        self.gives_up_file = false;
        let wait = match self.given_up {
            Some((last, wait)) if now.saturating_duration_since(last) < wait => return,
            Some((last, wait)) if now.saturating_duration_since(last) < 2 * wait => (wait * 2).min(GIVE_UP_WAIT_MAX),
            _ => GIVE_UP_WAIT_MIN,
        };
        self.given_up = Some((now, wait));
        self.begin_rotation(now);
    }
}

/// Acknowledges the records of these positions, which are delivered.
///
/// # Errors
/// When they went to a file that was removed, or a failed sync has left them in doubt.
pub(super) fn acknowledge(stream: &mut FileStream, start: FillingEnd, end: FillingEnd) -> Result<(), SinkError> {
    stream.writer.acknowledge(end);
    check_named(stream, start, end)?;
    check_durable(stream, start)
}

/// Whether the records of these positions went to a file that was removed.
fn check_named(stream: &FileStream, start: FillingEnd, end: FillingEnd) -> Result<(), SinkError> {
    if !stream.writer.is_removed(start, end) {
        return Ok(());
    }
    let source = io::Error::other("the file was removed while it was open");
    Err(SinkError::Io { operation: "keep events in", path: stream.path.clone(), source })
}

/// The error of a payload that was not written before the deadline.
pub(super) fn not_in_time(writer: &mut BatchWriter, record_end: RecordEnd) -> SinkError {
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

pub(super) fn not_durable(path: &Path) -> SinkError {
    let source = io::Error::other("the disk could not make the events durable");
    SinkError::Io { operation: "sync", path: path.to_owned(), source }
}
