//! Who logged.

/// The thread behind a ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerInfo {
    pub(crate) id: u32,
    pub(crate) thread_id: u64,
    pub(crate) thread_name: Option<String>,
}

impl ProducerInfo {
    /// The producer's number in its container, from 1.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The kernel's id of the thread (on Linux, what `ps -L` shows); zero for events of several threads.
    #[must_use]
    pub fn thread_id(&self) -> u64 {
        self.thread_id
    }

    /// The name of the thread, if it had one when it first logged.
    #[must_use]
    pub fn thread_name(&self) -> Option<&str> {
        self.thread_name.as_deref()
    }
}
