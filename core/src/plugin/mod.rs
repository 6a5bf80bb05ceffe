//! What plugins are: enrichers add to events, processors choose among them, formatters render them, sinks deliver them.
//!
//! A plugin belongs to one shard and is called from that shard's thread only, with a batch per call. It is made there,
//! by its factory, so it need not be `Send`. A panic in it is caught: the batch goes on without it, and whatever it alone
//! could have delivered is counted as lost.

mod cache;
mod common_fields;
mod guard;
mod sink;
mod threads;

use std::{fmt, time::Instant};

pub use cache::Cache;
pub use common_fields::{CommonFields, FieldList};
pub(crate) use guard::{Guard, GuardPolicy, Outcome, Panicked, Step, guarded, let_go, told};
pub use sink::{Delivery, Notifier, Payload, Sink, SinkContext, SinkError, SinkFactory, WhenBusy};
pub use threads::{is_drain_thread, spawn_thread, undivided};

use thiserror::Error;

use crate::{event::Batch, name::NAME_RULE};

/// Adds fields to events.
pub trait Enricher {
    /// Its name, for accounts and errors: letters, digits, `_` and `-`. The container puts a number behind it where another
    /// has it already, as in `throttle-2`.
    fn name(&self) -> &'static str;

    /// Adds to the events of a batch. See [`Event::add_field`](crate::Event::add_field): a user's own field stays. What
    /// many events have in common is added with less work by [`CommonFields`].
    ///
    /// # Errors
    /// When it could not do its work. The batch goes on as it is; the error is counted, and who fails again and again is
    /// left out for a while.
    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError>;

    /// Called once before it is dropped, when the container shuts down or the plugin is removed.
    ///
    /// # Errors
    /// Counted and told in a notice; the others are stopped all the same.
    fn stop(&mut self) -> Result<(), PluginError> {
        Ok(())
    }
}

/// Chooses among events, or changes them.
pub trait Processor {
    /// Its name, for accounts and errors: letters, digits, `_` and `-`. The container puts a number behind it where another
    /// has it already, as in `throttle-2`.
    fn name(&self) -> &'static str;

    /// Works on a batch. What it takes out (see [`Batch::retain`]) is counted as filtered, under its name.
    ///
    /// # Errors
    /// When it could not do its work. The batch goes on as it is then (behind a redactor it does not: its events are lost);
    /// the error is counted, and who fails again and again is left out for a while.
    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError>;

    /// Whether it works on when the pipeline is reduced to what is essential, because several plugins are left out for
    /// failing: for what protects the system behind it, as filters and throttles do.
    fn is_essential(&self) -> bool {
        false
    }

    /// When it wants to be called next, events or not: with an empty batch, if none came. For what has to be said after a
    /// while, by [`Batch::emit`]. Asked after each batch; it is called some milliseconds late at most. Real time, as
    /// [`Batch::instant`] is.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Called once after the last events of a container, or of a plugin that is removed, with a batch to
    /// [emit](Batch::emit) its last words into. It may hold events that processors before it have emitted.
    ///
    /// # Errors
    /// As for [`process`](Self::process).
    fn finish(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let _ = batch;
        Ok(())
    }

    /// Called once before it is dropped, after [`finish`](Self::finish).
    ///
    /// # Errors
    /// Counted and told in a notice; the others are stopped all the same.
    fn stop(&mut self) -> Result<(), PluginError> {
        Ok(())
    }
}

/// What a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PluginKind {
    /// An [`Enricher`].
    Enricher,
    /// A [`Processor`].
    Processor,
    /// A [`Processor`] that runs behind all others, and without which no event goes on.
    Redactor,
    /// A [`Formatter`].
    Formatter,
    /// A [`Sink`].
    Sink,
}

impl PluginKind {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enricher => "enricher",
            Self::Processor => "processor",
            Self::Redactor => "redactor",
            Self::Formatter => "formatter",
            Self::Sink => "sink",
        }
    }
}

impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a plugin could not do its work.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PluginError {
    /// It failed, for a reason of its own type.
    #[error("the plugin failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It panicked.
    #[error("the plugin panicked")]
    Panicked,
    /// What it calls itself cannot be a name.
    #[error("plugin name is {name:?}; {NAME_RULE}, and has at least one")]
    BadName {
        /// The name.
        name: String,
    },
}

impl PluginError {
    /// A plugin's own error, or a text.
    pub fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(source.into())
    }
}

/// Renders events.
pub trait Formatter {
    /// Its name, for errors.
    fn name(&self) -> &'static str;

    /// Appends every event of the batch to `out`, in order, each as a whole record (in text formats, a line with its end).
    ///
    /// It appends, and does nothing else: `out` holds other records already, which are not to be changed, and it is a buffer
    /// of the sink's, which may be known to the kernel by its address. Putting another vector in its place, even for a
    /// while, can have the sink write something else than was rendered.
    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>);
}

impl<F: Formatter + ?Sized> Formatter for Box<F> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) {
        (**self).format(batch, out);
    }
}

/// Where a plugin is being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardInfo {
    /// The shard's number, from 0.
    pub index: usize,
    /// How many shards the container has.
    pub count: usize,
}

impl ShardInfo {
    /// The shard `index` of `count`.
    #[must_use]
    pub fn new(index: usize, count: usize) -> Self {
        Self { index, count }
    }
}

/// Makes a plugin of kind `T` for a shard, on the shard's own thread.
pub struct Factory<T: ?Sized> {
    make: Box<dyn Fn(ShardInfo) -> Box<T> + Send + Sync>,
}

impl<T: ?Sized> Factory<T> {
    /// A factory that calls `make` once for each shard.
    pub fn new(make: impl Fn(ShardInfo) -> Box<T> + Send + Sync + 'static) -> Self {
        Self { make: Box::new(make) }
    }

    /// Makes the plugin for this shard.
    #[must_use]
    pub fn make(&self, shard: ShardInfo) -> Box<T> {
        (self.make)(shard)
    }
}

impl Factory<dyn Enricher> {
    /// A factory of enrichers.
    pub fn enricher<E: Enricher + 'static>(make: impl Fn(ShardInfo) -> E + Send + Sync + 'static) -> Self {
        Self::new(move |shard| Box::new(make(shard)))
    }
}

impl Factory<dyn Processor> {
    /// A factory of processors.
    pub fn processor<P: Processor + 'static>(make: impl Fn(ShardInfo) -> P + Send + Sync + 'static) -> Self {
        Self::new(move |shard| Box::new(make(shard)))
    }
}

impl Factory<dyn Formatter> {
    /// A factory of formatters.
    pub fn formatter<F: Formatter + 'static>(make: impl Fn(ShardInfo) -> F + Send + Sync + 'static) -> Self {
        Self::new(move |shard| Box::new(make(shard)))
    }
}

impl<T: ?Sized> fmt::Debug for Factory<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factory").finish_non_exhaustive()
    }
}
