//! The thread that compresses rotated files, at a low priority.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    sink::{Reporter, SinkCounter},
    threads::spawn_thread,
};

use crate::{
    compress::{Compressed, Compression, compress, lower_priority},
    retain::FileLifetime,
    rotate::name::FileFamily,
};

/// The files that the thread works on, and the way.
#[derive(Debug, Clone)]
pub(crate) struct CompressPlan {
    pub(crate) family: FileFamily,
    pub(crate) compression: Compression,
    pub(crate) lifetime: FileLifetime,
    pub(crate) compressed: SinkCounter,
    pub(crate) reporter: Reporter,
}

/// The other end of the thread. Dropped, it stops the thread: the next start compresses files that are left.
#[derive(Debug)]
pub(crate) struct CompressThread {
    files: Option<Sender<PathBuf>>,
    is_stopping: Arc<AtomicBool>,
    /// Closed when the thread ends.
    end: Receiver<()>,
}

/// Compression is worth its while if files live so many times as long as it takes. Where they do not, they are removed as soon as they
/// are compressed, and the disk reads them for nothing.
const LIFETIME_MIN: u32 = 10;

/// The wait behind each file where files live for too short a time.
const SHORT_LIVED_WAIT: Duration = Duration::from_secs(1);

/// How long a file that is in use waits for its next attempt.
const IN_USE_WAIT: Duration = Duration::from_secs(1);

/// How long the other end waits for the thread to stop: it removes its part file.
const STOP_WAIT: Duration = Duration::from_millis(200);

impl CompressThread {
    /// Starts the thread, which begins with files that an earlier process has left.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(crate) fn start(plan: CompressPlan) -> io::Result<Self> {
        let (files, received) = mpsc::channel();
        let is_stopping = Arc::<AtomicBool>::default();
        let stop = Arc::clone(&is_stopping);
        let (not_ended, end) = mpsc::channel();
        let work = move || {
            plan.run(&received, &stop);
            drop(not_ended);
        };
        drop(spawn_thread("fapilog-zip", work)?);
        Ok(Self { files: Some(files), is_stopping, end })
    }

    /// Compresses this file, which is complete.
    pub(crate) fn add(&self, file: PathBuf) {
        // The thread ends when this end is dropped, and not before.
        let _ = self.files.as_ref().map(|files| files.send(file));
    }
}

impl Drop for CompressThread {
    fn drop(&mut self) {
        // Relaxed: nothing else is read by it; the thread ends a buffer later at the latest.
        self.is_stopping.store(true, Ordering::Relaxed);
        drop(self.files.take());
        let _ = self.end.recv_timeout(STOP_WAIT);
    }
}

impl CompressPlan {
    fn run(&self, files: &Receiver<PathBuf>, is_stopping: &AtomicBool) {
        lower_priority();
        // Relaxed: see the store.
        let stop = || is_stopping.load(Ordering::Relaxed);
        let mut waiting = self.clean_up(&stop);
        let mut in_use = Vec::new();
        while !stop() {
            if waiting.is_empty() {
                match next_file(files, !in_use.is_empty()) {
                    Ok(file) => waiting.push(file),
                    Err(RecvTimeoutError::Timeout) => waiting.append(&mut in_use),
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            waiting.extend(files.try_iter());
            // The newest one first: where files come faster than they are compressed, the oldest one is removed the next moment.
            let Some(file) = waiting.pop() else { continue };
            let start = Instant::now();
            if self.compress(&file, &stop) == Some(Compressed::InUse) {
                in_use.push(file);
            }
            if self.lifetime.get() < start.elapsed() * LIFETIME_MIN {
                wait(SHORT_LIVED_WAIT, &stop);
            }
        }
    }

    /// Cleans up after an earlier process. Returns the files that it has not compressed.
    fn clean_up(&self, stop: &dyn Fn() -> bool) -> Vec<PathBuf> {
        match super::clean_up(&self.family, stop) {
            Ok(cleaned) => {
                for (path, error) in cleaned.errors {
                    self.reporter.report(format!("cannot clean up {}: {error}", path.display()));
                }
                cleaned.waiting.into_iter().map(|file| file.path).collect()
            }
            Err(error) => {
                self.reporter.report(format!("cannot look for rotated files: {error}"));
                Vec::new()
            }
        }
    }

    /// Returns the result, if there was no error.
    fn compress(&self, file: &Path, stop: &dyn Fn() -> bool) -> Option<Compressed> {
        // Retention may remove the file meanwhile: then there is nothing to be had from it.
        let stop_or_gone = || stop() || !file.exists();
        match compress(file, self.compression, &stop_or_gone) {
            Ok(compressed) => {
                if matches!(compressed, Compressed::Whole { .. }) {
                    self.compressed.add(1);
                }
                Some(compressed)
            }
            Err(error) => {
                self.reporter.report_error(&error);
                None
            }
        }
    }
}

/// Waits for this time, or until the thread is to stop.
fn wait(time: Duration, stop: &dyn Fn() -> bool) {
    const STEP: Duration = Duration::from_millis(20);
    let start = Instant::now();
    while start.elapsed() < time && !stop() {
        thread::sleep(STEP);
    }
}

/// The next file to compress. `Timeout` if there is none for a while, and files are in use that may be free by then: a process
/// that was killed keeps its locks until its last request of io_uring has ended.
fn next_file(files: &Receiver<PathBuf>, are_in_use: bool) -> Result<PathBuf, RecvTimeoutError> {
    if are_in_use { files.recv_timeout(IN_USE_WAIT) } else { files.recv().map_err(|_| RecvTimeoutError::Disconnected) }
}
