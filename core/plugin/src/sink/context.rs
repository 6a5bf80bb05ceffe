//! The place of a sink in the container.

use std::sync::Arc;

use fapilog_record::user_code::write_error_chain;

use crate::{
    diagnostics::Diagnostics,
    factory::ShardInfo,
    sink::{SinkCounter, SinkCounterList},
};

/// The place of a sink that is being made.
#[derive(Debug)]
#[non_exhaustive]
pub struct SinkContext<'a> {
    /// The shard.
    pub shard: ShardInfo,
    /// The sink's name in the container.
    pub name: &'a str,
    diagnostics: &'a Arc<dyn Diagnostics>,
    counters: SinkCounterList,
}

impl<'a> SinkContext<'a> {
    /// The place of the sink `name` on a shard. Its reports go to `diagnostics`.
    #[must_use]
    pub fn new(shard: ShardInfo, name: &'a str, diagnostics: &'a Arc<dyn Diagnostics>) -> Self {
        Self { shard, name, diagnostics, counters: SinkCounterList::default() }
    }

    /// A counter of the sink's own, for its accounts, such as `files_rotated`. The counters of one name are added up over all
    /// shards. A name that was given before gives the same counter.
    #[must_use]
    pub fn counter(&self, name: &'static str) -> SinkCounter {
        self.counters.get(name)
    }

    /// The counters that the sink has made. Hidden, because only the engine reads them.
    #[doc(hidden)]
    #[must_use]
    pub fn counters(&self) -> SinkCounterList {
        self.counters.clone()
    }

    /// Reports something that an operator should know: the sink works, but not in the best way. The text must hold
    /// nothing that a user logged.
    pub fn report(&self, text: impl Into<String>) {
        self.diagnostics.report(self.name, text.into());
    }

    /// Reports such things later on.
    #[must_use]
    pub fn reporter(&self) -> Reporter {
        Reporter { name: self.name.to_owned(), diagnostics: Arc::clone(self.diagnostics) }
    }
}

/// Reports in a sink's name what an operator should know. A text that was reported once is only counted from then on.
#[derive(Debug, Clone)]
pub struct Reporter {
    name: String,
    diagnostics: Arc<dyn Diagnostics>,
}

impl Reporter {
    /// Reports an error with its sources. The texts must hold nothing that a user logged.
    pub fn report_error(&self, error: &dyn std::error::Error) {
        let mut text = String::new();
        let _ = write_error_chain(error, &mut text, |_| {});
        self.report(text);
    }

    /// Reports a text, which must hold nothing that a user logged.
    pub fn report(&self, text: impl Into<String>) {
        self.diagnostics.report(&self.name, text.into());
    }
}
