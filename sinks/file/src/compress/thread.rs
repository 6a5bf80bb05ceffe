//! The thread that compresses rotated files, at a low priority.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
};

use fapilog_plugin::{
    sink::{Reporter, SinkCounter},
    threads::spawn_thread,
};

use crate::{
    compress::{Compressed, Compression, compress, lower_priority},
    rotate::name::FileFamily,
};

/// The files that the thread works on, and the way.
#[derive(Debug, Clone)]
pub(crate) struct CompressPlan {
    pub(crate) family: FileFamily,
    pub(crate) compression: Compression,
    pub(crate) compressed: SinkCounter,
    pub(crate) reporter: Reporter,
}

/// The other end of the thread. Dropped, it stops the thread: the next start compresses files that are left.
#[derive(Debug)]
pub(crate) struct CompressThread {
    files: Sender<PathBuf>,
    is_stopping: Arc<AtomicBool>,
}

impl CompressThread {
    /// Starts the thread, which begins with files that an earlier process has left.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(crate) fn start(plan: CompressPlan) -> io::Result<Self> {
        let (files, received) = mpsc::channel();
        let is_stopping = Arc::<AtomicBool>::default();
        let stop = Arc::clone(&is_stopping);
        drop(spawn_thread("fapilog-zip", move || plan.run(&received, &stop))?);
        Ok(Self { files, is_stopping })
    }

    /// Compresses this file, which is complete.
    pub(crate) fn add(&self, file: PathBuf) {
        // The thread ends when this end is dropped, and not before.
        let _ = self.files.send(file);
    }
}

impl Drop for CompressThread {
    fn drop(&mut self) {
        // Relaxed: nothing else is read by it; the thread ends a buffer later at the latest.
        self.is_stopping.store(true, Ordering::Relaxed);
    }
}

impl CompressPlan {
    fn run(&self, files: &Receiver<PathBuf>, is_stopping: &AtomicBool) {
        lower_priority();
        // Relaxed: see the store.
        let stop = || is_stopping.load(Ordering::Relaxed);
        let mut waiting = self.clean_up(&stop);
        while !stop() {
            if waiting.is_empty() {
                let Ok(file) = files.recv() else { return };
                waiting.push(file);
            }
            waiting.extend(files.try_iter());
            // The newest one first: where files come faster than they are compressed, the oldest one is removed the next moment.
            if let Some(file) = waiting.pop() {
                self.compress(&file, &stop);
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

    fn compress(&self, file: &Path, stop: &dyn Fn() -> bool) {
        match compress(file, self.compression, stop) {
            Ok(Compressed::Whole { .. }) => self.compressed.add(1),
            // A file that a sink still writes to comes again when it is complete.
            Ok(Compressed::Stopped | Compressed::Gone | Compressed::InUse) => {}
            Err(error) => self.reporter.report_error(&error),
        }
    }
}
