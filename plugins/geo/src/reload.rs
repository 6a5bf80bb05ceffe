//! The database that shards share, and the thread that replaces it when the file changes.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    time::Duration,
};

use fapilog_plugin::threads::{lock, spawn_thread};

use crate::{
    GeoError,
    database::{Database, FileSignature, PlaceOptions},
};

/// A database that is replaced when its file changes. The last of its users ends the thread.
pub(crate) struct ReloadedDatabase {
    shared: Arc<SharedDatabase>,
    interval: Duration,
    /// A drop ends the thread. `None`: it could not be started.
    thread: OnceLock<Option<Sender<()>>>,
}

/// The part that the thread has as well.
struct SharedDatabase {
    path: PathBuf,
    options: PlaceOptions,
    /// The signature of the file that was read first.
    signature: FileSignature,
    current: Mutex<CurrentDatabase>,
}

struct CurrentDatabase {
    database: Arc<Database>,
    /// A failure that no batch has reported yet.
    failure: Option<GeoError>,
}

impl ReloadedDatabase {
    pub(crate) fn open(path: PathBuf, options: PlaceOptions, interval: Duration) -> Result<Self, GeoError> {
        let (database, signature) = Database::read(&path, &options)?;
        let current = Mutex::new(CurrentDatabase { database: Arc::new(database), failure: None });
        let shared = Arc::new(SharedDatabase { path, options, signature, current });
        Ok(Self { shared, interval, thread: OnceLock::new() })
    }

    pub(crate) fn options(&self) -> &PlaceOptions {
        &self.shared.options
    }

    /// The database as of now, and a failure to report once. The thread is started by the first call: in the process that logs, and not by a
    /// check of settings.
    pub(crate) fn current(&self) -> (Arc<Database>, Option<GeoError>) {
        self.thread.get_or_init(|| self.start());
        let mut current = lock(&self.shared.current);
        (Arc::clone(&current.database), current.failure.take())
    }

    fn start(&self) -> Option<Sender<()>> {
        let (sender, receiver) = mpsc::channel();
        let (shared, interval) = (Arc::clone(&self.shared), self.interval);
        let started = spawn_thread("fapilog-geo", move || shared.reload_until(&receiver, interval));
        match started {
            Ok(_detached) => Some(sender),
            Err(error) => {
                lock(&self.shared.current).failure = Some(GeoError::Thread(error));
                None
            }
        }
    }
}

impl fmt::Debug for ReloadedDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReloadedDatabase").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

impl SharedDatabase {
    /// Looks at the file in each interval, until the other end of the channel is dropped.
    fn reload_until(&self, end: &Receiver<()>, interval: Duration) {
        let mut seen = Some(self.signature);
        // Databases that a drain may still use. To free them takes milliseconds, which is no work for a drain.
        let mut retired: Vec<Arc<Database>> = Vec::new();
        while let Err(RecvTimeoutError::Timeout) = end.recv_timeout(interval) {
            retired.retain(|database| Arc::strong_count(database) > 1);
            match self.reload_if_changed(&mut seen) {
                Ok(former) => retired.extend(former),
                Err(failure) => lock(&self.current).failure = Some(failure),
            }
        }
    }

    /// The former database, if it was replaced. A file that cannot be used is not read again until it changes.
    fn reload_if_changed(&self, seen: &mut Option<FileSignature>) -> Result<Option<Arc<Database>>, GeoError> {
        let now = FileSignature::of(&self.path);
        let is_known = now.as_ref().ok() == seen.as_ref();
        if is_known {
            return Ok(None);
        }
        *seen = now.as_ref().ok().copied();
        now.map_err(|source| GeoError::Read { path: self.path.clone(), source })?;
        let (database, signature) = Database::read(&self.path, &self.options)?;
        *seen = Some(signature);
        let mut current = lock(&self.current);
        current.failure = None;
        Ok(Some(std::mem::replace(&mut current.database, Arc::new(database))))
    }
}
