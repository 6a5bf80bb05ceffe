//! The exporter: the containers whose figures go out.

use std::{
    collections::HashSet,
    fmt, process,
    sync::{Arc, Mutex, PoisonError},
};

use fapilog::{Container, container::global, metrics::Metrics};
use thiserror::Error;

use crate::{
    exposition::{Exposition, ExpositionFormat},
    figures::{self, FigureFamily, LabelLimit},
    listener::{ListenError, MetricsListener, MetricsListenerBuilder},
    user_code::catch_panic,
};

/// The default of [`ExporterBuilder::label_values_max`].
const LABEL_VALUES_MAX: usize = 100;

type ReadMetrics = Box<dyn Fn() -> Option<Metrics> + Send + Sync>;

/// Renders the figures of containers. Cheap to clone; clones share their state. It owns no container: a container that is dropped
/// keeps its last figures.
#[derive(Clone)]
pub struct Exporter {
    shared: Arc<ExporterState>,
}

struct ExporterState {
    sources: Vec<(String, ReadMetrics)>,
    label_values_max: usize,
    limit: Mutex<LabelLimit>,
    /// The process that made it.
    process: u32,
}

impl Exporter {
    /// An exporter to be configured.
    #[must_use]
    pub fn builder() -> ExporterBuilder {
        ExporterBuilder { sources: Vec::new(), label_values_max: LABEL_VALUES_MAX }
    }

    /// An exporter of the [global container](fapilog::container::global), under the name `app`.
    #[must_use]
    pub fn global() -> Self {
        Self::of(vec![("app".to_owned(), Box::new(global_metrics))], LABEL_VALUES_MAX)
    }

    fn of(sources: Vec<(String, ReadMetrics)>, label_values_max: usize) -> Self {
        let limit = Mutex::new(LabelLimit::new(label_values_max));
        let process = process::id();
        Self { shared: Arc::new(ExporterState { sources, label_values_max, limit, process }) }
    }

    /// The figures as of now, in the format that the header `Accept` of a request asks for. Without a header, in the text format.
    #[must_use]
    pub fn render(&self, accept: Option<&str>) -> Exposition {
        self.render_as(ExpositionFormat::accepted_by(accept))
    }

    /// The figures as of now, in this format.
    #[must_use]
    pub fn render_as(&self, format: ExpositionFormat) -> Exposition {
        Exposition::of(&self.families(), format)
    }

    /// Serves the figures at `/metrics` of this address, such as `127.0.0.1:9184`. Port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn listen(&self, address: &str) -> Result<MetricsListener, ListenError> {
        self.listener().start(address)
    }

    /// A listener to be configured.
    #[must_use]
    pub fn listener(&self) -> MetricsListenerBuilder {
        MetricsListenerBuilder::new(self.clone())
    }

    /// The families of all containers as of now.
    pub(crate) fn families(&self) -> Vec<FigureFamily> {
        let sources = self.shared.sources.iter();
        let read = sources.filter_map(|(name, read)| Some((name.clone(), read_figures(read)?)));
        let containers: Vec<_> = read.collect();
        if self.shared.process != process::id() {
            // In a forked child, a thread of the parent may hold the lock.
            return figures::families(&containers, &mut LabelLimit::new(self.shared.label_values_max));
        }
        let mut limit = self.shared.limit.lock().unwrap_or_else(PoisonError::into_inner);
        figures::families(&containers, &mut limit)
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.shared.sources.iter().map(|(name, _)| name).collect();
        f.debug_struct("Exporter").field("containers", &names).finish_non_exhaustive()
    }
}

fn global_metrics() -> Option<Metrics> {
    Some(global()?.metrics_reader().read())
}

/// A source is the program's code: where it panics, its container is left out of this output.
fn read_figures(read: &ReadMetrics) -> Option<Metrics> {
    catch_panic(read).flatten()
}

/// Configures an [`Exporter`].
pub struct ExporterBuilder {
    sources: Vec<(String, ReadMetrics)>,
    label_values_max: usize,
}

impl ExporterBuilder {
    /// Adds a container. `name` is the value of the label `container`; it should stay the same from one run of the program to the
    /// next.
    #[must_use]
    pub fn container(self, name: &str, container: &Container) -> Self {
        let reader = container.metrics_reader();
        self.source(name, move || Some(reader.read()))
    }

    /// Adds the [global container](fapilog::container::global) as it is at the time of each request. Without one, it is left out.
    #[must_use]
    pub fn global_container(self, name: &str) -> Self {
        self.source(name, global_metrics)
    }

    /// Adds a container by a function that reads its figures. `None` leaves it out.
    #[must_use]
    pub fn source(mut self, name: &str, read: impl Fn() -> Option<Metrics> + Send + Sync + 'static) -> Self {
        self.sources.push((name.to_owned(), Box::new(read)));
        self
    }

    /// The most sinks of a container with series of their own, and likewise plugins and names of a sink's own counters: 100 by
    /// default. The first that come keep their names for as long as the exporter lives; all others are summed up as `other`.
    #[must_use]
    pub fn label_values_max(mut self, label_values_max: usize) -> Self {
        self.label_values_max = label_values_max;
        self
    }

    /// The exporter.
    ///
    /// # Errors
    /// When there is no container, or a name is empty or given twice.
    pub fn build(self) -> Result<Exporter, ExporterError> {
        if self.sources.is_empty() {
            return Err(ExporterError::NoContainer);
        }
        let mut names = HashSet::new();
        for (name, _) in &self.sources {
            if name.is_empty() {
                return Err(ExporterError::EmptyName);
            }
            if !names.insert(name) {
                return Err(ExporterError::SameName { name: name.clone() });
            }
        }
        Ok(Exporter::of(self.sources, self.label_values_max))
    }
}

impl fmt::Debug for ExporterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.sources.iter().map(|(name, _)| name).collect();
        let mut text = f.debug_struct("ExporterBuilder");
        text.field("containers", &names).field("label_values_max", &self.label_values_max).finish()
    }
}

/// An exporter that cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExporterError {
    /// It has no container.
    #[error("the exporter has no container: add one with `container`, `global_container` or `source`")]
    NoContainer,
    /// A container has an empty name.
    #[error("a container's name is empty: it is the value of the label `container`, such as \"app\"")]
    EmptyName,
    /// Two containers have the same name: their series would be the same.
    #[error("two containers have the name {name:?}: each needs a name of its own")]
    SameName {
        /// The name.
        name: String,
    },
}
