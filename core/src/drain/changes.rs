//! Changes of a running pipeline, on their way from the program to a shard.
//!
//! A change is posted to every shard, and each takes it up between two batches; whoever posted it waits for the answer of
//! each. A shard that stops answers what is left.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use thiserror::Error;

use super::{
    outlet::SinkPlan,
    pipeline::{NotMade, PluginPlan},
};
use crate::plugin::{Enricher, PluginError, PluginKind, Processor, SinkError, let_go};

/// What is to change.
#[derive(Clone)]
pub(crate) enum Change {
    AddEnricher(PluginPlan<dyn Enricher>),
    AddProcessor(PluginPlan<dyn Processor>),
    AddRedactor(PluginPlan<dyn Processor>),
    AddSink(SinkPlan),
    /// Make another pipeline beside the one that works. It gets no events yet.
    #[cfg(feature = "settings")]
    PreparePipeline(super::PipelinePlan),
    /// Let the pipeline that was prepared work from now on. It cannot fail.
    #[cfg(feature = "settings")]
    ReplacePipeline,
    /// Let go of the pipeline that was prepared, if there is one.
    #[cfg(feature = "settings")]
    DiscardPipeline,
    Remove(String),
    SetEnabled(String, bool),
}

impl Change {
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
            #[cfg(feature = "settings")]
            Self::PreparePipeline(_) => "PreparePipeline",
            #[cfg(feature = "settings")]
            Self::ReplacePipeline => "ReplacePipeline",
            #[cfg(feature = "settings")]
            Self::DiscardPipeline => "DiscardPipeline",
            Self::Remove(_) => "Remove",
            Self::SetEnabled(..) => "SetEnabled",
        })
    }
}

/// Why a running container could not be changed. It goes on as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The name cannot be one.
    #[error("plugin name is {name:?}; a name has letters, digits, `_` and `-`, and at least one")]
    BadName {
        /// The name.
        name: String,
    },
    /// There is no plugin of that name.
    #[error("there is no plugin {name:?}; there are {known:?}")]
    Unknown {
        /// The name that was given.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// There is one of that name already.
    #[error("there is a plugin {name:?} already; each needs a name of its own")]
    Taken {
        /// The name.
        name: String,
    },
    /// The last sink cannot be removed: events would have nowhere to go.
    #[error("sink {name:?} is the last one; add another before it is removed")]
    LastSink {
        /// Its name.
        name: String,
    },
    /// A plugin could not be made.
    #[error("cannot start {kind} {name:?}")]
    Plugin {
        /// What it is.
        kind: PluginKind,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: PluginError,
    },
    /// A sink could not be opened.
    #[error("cannot start sink {name:?}")]
    Sink {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: SinkError,
    },
    /// The drain did not come to it in time, and may still do so; or a sink that was removed did not deliver in time what
    /// it held.
    #[error("it was not done in time; the drain may still do it")]
    Deadline,
    /// The container is shut down.
    #[error("the container is shut down")]
    ShutDown,
    /// The container belongs to the parent of this forked process.
    #[error("the container belongs to the parent process")]
    Forked,
}

impl From<NotMade> for ChangeError {
    fn from(NotMade { kind, name, source }: NotMade) -> Self {
        Self::Plugin { kind, name, source }
    }
}

/// Where one shard's answer to one change appears.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    result: Mutex<Option<Result<(), ChangeError>>>,
    is_there: Condvar,
}

impl Answer {
    fn lock(&self) -> MutexGuard<'_, Option<Result<(), ChangeError>>> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn give(&self, result: Result<(), ChangeError>) {
        let before = self.lock().replace(result);
        let_go(before);
        self.is_there.notify_all();
    }

    pub(crate) fn wait(&self, deadline: Instant) -> Result<(), ChangeError> {
        let mut result = self.lock();
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

impl Drop for Answer {
    fn drop(&mut self) {
        // Nobody has waited for it, and it may hold a plugin's own error: on the drain, whose affair its drop is not.
        let_go(self.lock().take());
    }
}

/// A shard's letter box.
#[derive(Debug, Default)]
pub(crate) struct ChangeBox {
    posted: Mutex<Posted>,
    /// What the shard looks at between two batches. It is a hint: what counts is what the lock guards.
    has_some: AtomicBool,
}

#[derive(Debug, Default)]
struct Posted {
    changes: VecDeque<(Change, Arc<Answer>)>,
    is_closed: bool,
}

impl ChangeBox {
    fn lock(&self) -> MutexGuard<'_, Posted> {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Posts a change. The doorbell has to be rung after it.
    pub(crate) fn post(&self, change: Change) -> Arc<Answer> {
        let answer = Arc::<Answer>::default();
        let mut posted = self.lock();
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

    pub(crate) fn take(&self) -> Option<(Change, Arc<Answer>)> {
        let mut posted = self.lock();
        let next = posted.changes.pop_front();
        self.has_some.store(!posted.changes.is_empty(), Ordering::Release);
        next
    }

    /// Answers all that is there and all that will ever come.
    pub(crate) fn close(&self) {
        let mut posted = self.lock();
        posted.is_closed = true;
        for (_, answer) in posted.changes.drain(..) {
            answer.give(Err(ChangeError::ShutDown));
        }
        self.has_some.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
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
    fn an_answer_that_nobody_waits_for_goes_quietly() {
        let answer = Answer::default();
        for _ in 0..2 {
            let source = PluginError::failed(Clings);
            answer.give(Err(ChangeError::Plugin { kind: PluginKind::Enricher, name: "clings".to_owned(), source }));
        }
    }
}
