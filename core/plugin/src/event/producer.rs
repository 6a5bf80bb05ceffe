//! Producers: the threads that log.

use crate::event::InstanceId;

/// The thread behind a ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerInfo {
    instance: InstanceId,
    id: u32,
    thread_id: u64,
    thread_name: Option<String>,
}

impl ProducerInfo {
    /// The producer with this number in its container, of the thread with this kernel id and name. Hidden, because only the
    /// engine and the test kit make producers.
    #[doc(hidden)]
    #[must_use]
    pub fn new(instance: InstanceId, id: u32, thread_id: u64, thread_name: Option<String>) -> Self {
        Self { instance, id, thread_id, thread_name }
    }

    /// The producer's container.
    #[must_use]
    pub fn instance(&self) -> InstanceId {
        self.instance
    }

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
