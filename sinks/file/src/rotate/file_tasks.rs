//! Work on files that may wait for the disk, for a thread of the sink's own: never on the drain.

use std::{
    io,
    sync::mpsc::{self, Receiver, Sender, TryRecvError},
    time::{Duration, Instant},
};

use fapilog_plugin::{
    sink::SinkError,
    threads::{process::OwnProcess, spawn_thread},
    timestamp::Timestamp,
};

use crate::{
    engine::FileHandles,
    open::LogFile,
    path_watch::InodeId,
    rotate::file_thread::{FilePlan, FileThread},
};

/// How long a dropped sink waits for its thread.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Work for the thread.
#[derive(Debug)]
pub(crate) enum FileTask {
    /// The live file, which is this one, is renamed, and a new one is opened.
    Rotate { live: InodeId, first_record: Timestamp },
    /// The live path is opened anew.
    Reopen,
    /// A file that is complete is closed, and compressed if it was rotated. `None` if it stays open.
    Close { inode: InodeId, file: Option<FileHandles> },
}

/// The end of a task.
#[derive(Debug)]
pub(crate) enum FileTaskOutcome {
    Rotated(LogFile),
    NotRotated(SinkError),
    Opened(LogFile),
    NotOpened(SinkError),
    /// The thread has ended, and will end no task any more.
    ThreadEnded,
}

/// The drain's end of the thread, which is started for its first task.
#[derive(Debug)]
pub(crate) struct FileTasks {
    plan: FilePlan,
    channels: Option<Channels>,
    process: OwnProcess,
}

#[derive(Debug)]
struct Channels {
    tasks: Sender<FileTask>,
    outcomes: Receiver<FileTaskOutcome>,
}

impl FileTasks {
    pub(crate) fn new(plan: FilePlan) -> Self {
        Self { plan, channels: None, process: OwnProcess::this() }
    }

    /// Starts the thread, if it is not started. It begins with files that an earlier process has left.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        if self.channels.is_some() {
            return Ok(());
        }
        let (tasks, received) = mpsc::channel();
        let (answers, outcomes) = mpsc::channel();
        let thread = FileThread::new(self.plan.clone());
        drop(spawn_thread("fapilog-files", move || thread.run(&received, &answers))?);
        self.channels = Some(Channels { tasks, outcomes });
        Ok(())
    }

    /// Gives the thread a task.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(crate) fn add(&mut self, task: FileTask) -> io::Result<()> {
        self.start()?;
        let channels = self.channels.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        channels.tasks.send(task).map_err(|_| io::Error::other("the thread has ended"))
    }

    /// The end of a task, if there is one that was not taken yet.
    pub(crate) fn take_outcome(&mut self) -> Option<FileTaskOutcome> {
        match self.channels.as_ref()?.outcomes.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                self.channels = None;
                Some(FileTaskOutcome::ThreadEnded)
            }
        }
    }
}

impl Drop for FileTasks {
    fn drop(&mut self) {
        let Some(Channels { tasks, outcomes }) = self.channels.take() else { return };
        if !self.process.is_this() {
            // A forked child has no such thread, and the memory of the channels may be in any state.
            let _not_dropped = std::mem::ManuallyDrop::new((tasks, outcomes));
            return;
        }
        drop(tasks);
        let deadline = Instant::now() + LAST_WAIT;
        // The thread drops its end when it has done all tasks.
        while outcomes.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok() {}
    }
}
