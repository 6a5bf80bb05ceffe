//! Changes of a running pipeline, on their way from the program to a shard.
//!
//! A change is posted to every shard, and each shard makes it between two batches. The thread that posted it waits for the
//! answer of each shard. A shard that stops answers the changes that are left.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
    task::{Context, Poll, Waker},
    time::Instant,
};

use fapilog_plugin::{enricher::Enricher, processor::Processor};
use fapilog_record::user_code::{catch_panic, drop_catching_panics};
use fapilog_ring::sync::{AtomicBool, Condvar, Mutex, Ordering, lock};

use crate::{
    error::ChangeError,
    port::{
        plan::{PipelinePlan, PluginPlan, SinkPlan},
        rotate::RotateRequest,
    },
};

/// A change of the plugins or sinks of a shard.
#[derive(Clone)]
pub(crate) enum Change {
    AddEnricher(PluginPlan<dyn Enricher>),
    AddProcessor(PluginPlan<dyn Processor>),
    AddRedactor(PluginPlan<dyn Processor>),
    AddSink(Arc<SinkPlan>),
    /// Make another pipeline beside the one that works. It gets no events yet.
    PreparePipeline(PipelinePlan),
    /// Let the pipeline that was prepared work from now on. It cannot fail.
    ReplacePipeline,
    /// Drop the pipeline that was prepared, if there is one.
    DiscardPipeline,
    Remove(String),
    SetEnabled(String, bool),
    /// Have sinks start new files. The answer is that they are asked; theirs is in the request.
    Rotate(Arc<RotateRequest>),
}

impl Change {
    /// The kind of the plugin that it adds.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::AddEnricher(_) => "enricher",
            Self::AddProcessor(_) => "processor",
            Self::AddRedactor(_) => "redactor",
            Self::AddSink(_) => "sink",
            _ => "none",
        }
    }

    /// The name that it adds, if the container gives it one.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::AddEnricher(plan) => plan.name(),
            Self::AddProcessor(plan) | Self::AddRedactor(plan) => plan.name(),
            Self::AddSink(plan) => Some(&plan.name),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AddEnricher(_) => "AddEnricher",
            Self::AddProcessor(_) => "AddProcessor",
            Self::AddRedactor(_) => "AddRedactor",
            Self::AddSink(_) => "AddSink",
            Self::PreparePipeline(_) => "PreparePipeline",
            Self::ReplacePipeline => "ReplacePipeline",
            Self::DiscardPipeline => "DiscardPipeline",
            Self::Remove(_) => "Remove",
            Self::SetEnabled(..) => "SetEnabled",
            Self::Rotate(_) => "Rotate",
        })
    }
}

/// The place of one shard's answer to one change.
#[derive(Debug, Default)]
pub(crate) struct ChangeAnswer {
    result: Mutex<Option<Result<(), ChangeError>>>,
    is_there: Condvar,
    /// The task that waits.
    task: Mutex<Option<Waker>>,
}

impl ChangeAnswer {
    pub(crate) fn give(&self, result: Result<(), ChangeError>) {
        let before = lock(&self.result).replace(result);
        drop_catching_panics(before);
        self.is_there.notify_all();
        let task = lock(&self.task).take();
        // A waker is user code.
        let _ = catch_panic(|| task.map(Waker::wake));
    }

    /// As [`wait`](Self::wait), for a task that waits as long as it takes.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Result<(), ChangeError>> {
        let waker = context.waker().clone();
        let before = lock(&self.task).replace(waker);
        drop_catching_panics(before);
        // After the waker is there: an answer from now on finds it.
        lock(&self.result).take().map_or(Poll::Pending, Poll::Ready)
    }

    /// No task waits any more.
    pub(crate) fn forget_task(&self) {
        let task = lock(&self.task).take();
        drop_catching_panics(task);
    }

    pub(crate) fn wait(&self, deadline: Instant) -> Result<(), ChangeError> {
        let mut result = lock(&self.result);
        loop {
            if let Some(result) = result.take() {
                return result;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ChangeError::Deadline);
            }
            result = self.is_there.wait_timeout(result, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for ChangeAnswer {
    fn drop(&mut self) {
        // An answer that no thread has taken may hold a plugin's own error, whose drop is user code on the drain.
        drop_catching_panics(lock(&self.result).take());
        self.forget_task();
    }
}

/// The changes that are posted to a shard.
#[derive(Debug, Default)]
pub(crate) struct ChangeBox {
    posted: Mutex<Posted>,
    /// Read by the shard between two batches. It is a hint: the list under the lock decides.
    has_some: AtomicBool,
}

#[derive(Debug, Default)]
struct Posted {
    changes: VecDeque<(Change, Arc<ChangeAnswer>)>,
    is_closed: bool,
}

impl ChangeBox {
    /// Posts a change. The caller rings the doorbell afterwards.
    pub(crate) fn post(&self, change: Change) -> Arc<ChangeAnswer> {
        let answer = Arc::<ChangeAnswer>::default();
        let mut posted = lock(&self.posted);
        if posted.is_closed {
            answer.give(Err(ChangeError::ShutDown));
        } else {
            posted.changes.push_back((change, Arc::clone(&answer)));
            // Release: pairs with `has_some`.
            self.has_some.store(true, Ordering::Release);
        }
        answer
    }

    #[inline]
    pub(crate) fn has_some(&self) -> bool {
        // Acquire: pairs with `post`.
        self.has_some.load(Ordering::Acquire)
    }

    pub(crate) fn take(&self) -> Option<(Change, Arc<ChangeAnswer>)> {
        let mut posted = lock(&self.posted);
        let next = posted.changes.pop_front();
        // Release: pairs with `has_some`.
        self.has_some.store(!posted.changes.is_empty(), Ordering::Release);
        next
    }

    /// Answers all that is there and all that will ever come.
    pub(crate) fn close(&self) {
        let left = {
            let mut posted = lock(&self.posted);
            posted.is_closed = true;
            // Release: pairs with `has_some`.
            self.has_some.store(false, Ordering::Release);
            std::mem::take(&mut posted.changes)
        };
        // Not under the lock: the waker of a task that waits is user code.
        left.into_iter().for_each(|(_, answer)| answer.give(Err(ChangeError::ShutDown)));
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::{error::PluginError, kind::PluginKind};
    use thiserror::Error;

    use super::*;

    /// An error that panics when it is dropped.
    #[derive(Debug, Error)]
    #[error("it will not go")]
    struct Clings;

    impl Drop for Clings {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }

    #[test]
    fn an_answer_that_no_thread_waits_for_is_dropped_without_a_panic() {
        let answer = ChangeAnswer::default();
        for _ in 0..2 {
            let cause = PluginError::failed(Clings);
            answer.give(Err(ChangeError::Plugin { kind: PluginKind::Enricher, name: "clings".to_owned(), cause }));
        }
    }
}
