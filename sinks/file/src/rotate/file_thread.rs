//! The thread of a sink for its files.
//!
//! 1. **Rotation.** The live file gets its rotated name, and a new file is opened under the live name. Records wait in blocks
//!    meanwhile. If the new file cannot be opened, the live file gets its name back.
//! 2. **Reopening.** The live path is opened anew: another program has moved or removed the file.
//! 3. **Complete files** are closed, and compressed by another thread, which has a low priority: a rotation does not wait for it.
//! 4. **Retention.** Files are removed at the start, after each rotation, and once a minute. A file that is not complete yet is
//!    not removed.
//! 5. **Reserve.** The free bytes of the file system are looked at once a second.

use std::{
    fs::symlink_metadata,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::{Duration, Instant, SystemTime},
};

use fapilog_plugin::{
    sink::{Reporter, SinkCounter, SinkError},
    threads::standard_streams,
    timestamp::Timestamp,
};
use rustix::fs::fsync;

use crate::{
    compress::thread::{CompressPlan, CompressThread},
    engine::FileHandles,
    open::{LogFile, Opening, PAGE_BYTES, create, open, unlock},
    path_watch::{InodeId, inode_of},
    retain::{FileLifetime, Removal, Retention, free_bytes},
    rotate::{
        file_tasks::{FileTask, FileTaskOutcome},
        link::update_link,
        name::FileFamily,
        open_directory, rename_to_unused,
    },
};

/// How often files are removed that have become too old, and files of a file system that has become too full.
const RETENTION_INTERVAL: Duration = Duration::from_secs(60);

/// How often the free bytes of the file system are looked at, where some are kept.
const RESERVE_INTERVAL: Duration = Duration::from_secs(1);

/// The most attempts at a name for a rotated file, when other programs have made files of these names.
const NAMES_MAX: usize = 100;

/// The files that the thread works on, and the way.
#[derive(Debug, Clone)]
pub(crate) struct FilePlan {
    pub(crate) family: FileFamily,
    pub(crate) opening: Opening,
    /// The link that names the live file.
    pub(crate) link: Option<PathBuf>,
    pub(crate) retention: Retention,
    pub(crate) lifetime: FileLifetime,
    /// `None` without a reserve.
    pub(crate) reserve: Option<Reserve>,
    /// `None` if rotated files stay as they are.
    pub(crate) compress: Option<CompressPlan>,
    /// Whether a new name is made durable before records count as delivered.
    pub(crate) is_synced: bool,
    /// Whether the line that a reopened file ends in is ended.
    pub(crate) ends_torn_lines: bool,
    pub(crate) counters: FileCounters,
    pub(crate) reporter: Reporter,
}

impl FilePlan {
    /// Makes the names of the files durable, where records are, and has the link name the live file.
    pub(crate) fn settle_names(&self) -> Result<(), SinkError> {
        if self.is_synced {
            sync_directory(self.family.directory()).map_err(|source| self.error("sync the directory of", source))?;
        }
        if let Some(link) = &self.link
            && let Err(error) = update_link(link, self.family.live())
        {
            self.reporter.report(format!("cannot make the link {}: {error}", link.display()));
        }
        Ok(())
    }

    /// Renames a file of the family, where no file has the new name yet.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (Some(from), Some(to)) = (from.file_name(), to.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        rename_to_unused(open_directory(self.family.directory())?, from, to)
    }

    fn error(&self, operation: &'static str, source: io::Error) -> SinkError {
        SinkError::Io { operation, path: self.family.live().to_owned(), source }
    }
}

/// The free bytes of the file system that are kept for events of ERROR and above.
#[derive(Debug, Clone)]
pub(crate) struct Reserve {
    pub(crate) bytes: u64,
    /// Whether fewer are free.
    pub(crate) is_short: Arc<AtomicBool>,
}

/// Files since the start of the container.
#[derive(Debug, Clone)]
pub(crate) struct FileCounters {
    pub(crate) rotated: SinkCounter,
    pub(crate) removed: SinkCounter,
    pub(crate) removed_bytes: SinkCounter,
}

/// The state of the thread.
pub(crate) struct FileThread {
    plan: FilePlan,
    compress: Option<CompressThread>,
    /// Rotated files that still get records.
    incomplete: Vec<(InodeId, PathBuf)>,
    next_retention: Instant,
}

impl FileThread {
    pub(crate) fn new(plan: FilePlan) -> Self {
        Self { plan, compress: None, incomplete: Vec::new(), next_retention: Instant::now() }
    }

    pub(crate) fn run(mut self, tasks: &Receiver<FileTask>, outcomes: &Sender<FileTaskOutcome>) {
        if let Some(plan) = &self.plan.compress {
            match CompressThread::start(plan.clone()) {
                Ok(thread) => self.compress = Some(thread),
                Err(error) => self.report(format!("rotated files are not compressed: no thread: {error}")),
            }
        }
        loop {
            if self.plan.retention.has_limits() && self.next_retention <= Instant::now() {
                self.retain();
            }
            // Behind the retention, which may have made room.
            self.look_at_reserve();
            match self.next_task(tasks) {
                Ok(task) => self.execute(task, outcomes),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn next_task(&self, tasks: &Receiver<FileTask>) -> Result<FileTask, RecvTimeoutError> {
        let retention = self.next_retention.saturating_duration_since(Instant::now());
        let retention = self.plan.retention.has_limits().then_some(retention);
        let reserve = self.plan.reserve.is_some().then_some(RESERVE_INTERVAL);
        match retention.into_iter().chain(reserve).min() {
            Some(wait) => tasks.recv_timeout(wait),
            None => tasks.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn execute(&mut self, task: FileTask, outcomes: &Sender<FileTaskOutcome>) {
        // Nobody takes the outcome of a sink that is being dropped.
        let _ = match task {
            FileTask::Rotate { live, first_record } => {
                let _streams = standard_streams::reserve();
                let outcome = self.rotate(live, first_record);
                self.next_retention = Instant::now();
                outcomes.send(outcome.map_or_else(FileTaskOutcome::NotRotated, FileTaskOutcome::Rotated))
            }
            FileTask::Reopen => {
                let _streams = standard_streams::reserve();
                let outcome = self.reopen();
                outcomes.send(outcome.map_or_else(FileTaskOutcome::NotOpened, FileTaskOutcome::Opened))
            }
            FileTask::Close { inode, file } => {
                self.close(inode, file);
                Ok(())
            }
        };
    }

    /// Rule 1.
    fn rotate(&mut self, live: InodeId, first_record: Timestamp) -> Result<LogFile, SinkError> {
        let rotated = self.rename_live(live, first_record).map_err(|source| self.plan.error("rotate", source))?;
        match self.create_live() {
            Ok(file) => {
                self.incomplete.push((live, rotated));
                self.plan.counters.rotated.add(1);
                Ok(file)
            }
            Err(error) => {
                if let Err(error) = self.plan.rename(&rotated, self.plan.family.live()) {
                    self.report(format!("cannot give {} its old name back: {error}", rotated.display()));
                    self.incomplete.push((live, rotated));
                }
                Err(error)
            }
        }
    }

    /// Gives the live file its rotated name. Returns that name.
    fn rename_live(&self, live: InodeId, first_record: Timestamp) -> io::Result<PathBuf> {
        let family = &self.plan.family;
        if inode_of(&symlink_metadata(family.live())?) != live {
            return Err(io::Error::other("another file has its path"));
        }
        let mut name = family.next_name(first_record, &family.rotated()?);
        for _ in 0..NAMES_MAX {
            match self.plan.rename(family.live(), &name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    name = family.name_after(&name).ok_or(error)?;
                }
                renamed => return renamed.map(|()| name),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn create_live(&self) -> Result<LogFile, SinkError> {
        let file = create(self.plan.family.live(), self.plan.opening)?;
        self.plan.settle_names()?;
        Ok(file)
    }

    /// Rule 2.
    fn reopen(&self) -> Result<LogFile, SinkError> {
        let mut file = open(self.plan.family.live(), self.plan.opening)?;
        if file.has_torn_line && self.plan.ends_torn_lines {
            // Nobody else writes to it: it is locked.
            file.buffered
                .write_all_at(b"\n", file.end)
                .map_err(|source| self.plan.error("end the torn line of", source))?;
            file.end += 1;
            file.partial_page.push(b'\n');
            if file.end.is_multiple_of(PAGE_BYTES as u64) {
                file.partial_page.clear();
            }
        }
        self.plan.settle_names()?;
        Ok(file)
    }

    /// Rule 3.
    fn close(&mut self, inode: InodeId, file: Option<FileHandles>) {
        // A forked child may have the descriptors, too.
        file.iter().for_each(|file| unlock(&file.buffered));
        drop(file);
        let Some(place) = self.incomplete.iter().position(|(known, _)| *known == inode) else { return };
        let (_, path) = self.incomplete.swap_remove(place);
        self.next_retention = Instant::now();
        if let Some(compress) = &self.compress {
            compress.add(path);
        }
    }

    /// Rule 4.
    fn retain(&mut self) {
        self.next_retention = Instant::now() + RETENTION_INTERVAL;
        if let Err(error) = self.remove_files() {
            let directory = self.plan.family.directory().display();
            self.report(format!("cannot look for old files in {directory}: {error}"));
        }
    }

    /// Rule 5.
    fn look_at_reserve(&self) {
        let Some(Reserve { bytes, is_short }) = &self.plan.reserve else { return };
        let directory = self.plan.family.directory();
        // Without an answer, nothing is known to be short.
        let is_short_now = free_bytes(directory).is_ok_and(|free| free < *bytes);
        // Relaxed: nothing else is read by it; pairs with `is_short_of_room`.
        if !is_short.swap(is_short_now, Ordering::Relaxed) && is_short_now {
            let directory = directory.display();
            self.report(format!("fewer than {bytes} bytes are free in {directory}: events below ERROR are lost"));
        }
    }

    fn remove_files(&self) -> io::Result<()> {
        let FilePlan { family, retention, lifetime, counters, .. } = &self.plan;
        let mut rotated = family.rotated()?;
        // On a file system without locks, nothing else shows that a file still gets records.
        rotated.retain(|file| self.incomplete.iter().all(|(_, path)| *path != file.path));
        let surplus = retention.surplus(&rotated, SystemTime::now(), free_bytes(family.directory()).ok());
        let removal = Removal::of(surplus, family.directory());
        if let Some(last) = surplus.last() {
            lifetime.set(SystemTime::now().duration_since(last.modified).unwrap_or_default());
        }
        counters.removed.add(removal.removed.len() as u64);
        counters.removed_bytes.add(removal.removed.iter().map(|file| file.bytes).sum());
        for (path, error) in removal.errors {
            self.report(format!("cannot remove {}: {error}", path.display()));
        }
        Ok(())
    }

    fn report(&self, text: String) {
        self.plan.reporter.report(text);
    }
}

/// Makes the names in a directory durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    Ok(fsync(open_directory(path)?)?)
}
