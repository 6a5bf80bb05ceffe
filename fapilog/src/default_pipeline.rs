//! The default pipeline.

use fapilog_builtin::{
    enrich::{ContextEnricher, CorrelationEnricher, TimestampEnricher},
    process::{FilterProcessor, Throttle},
};
use fapilog_engine::container::ContainerBuilder;

/// Adds what most programs want: the enrichers `timestamp`, `correlation` and `context` (thread and process), and the
/// processors `filter`, which keeps everything as it is, and `throttle`, which stops a loop that ran away.
///
/// ```
/// use fapilog::{Container, format::JsonFormatter, sink::NullSink};
///
/// let builder = Container::builder().apply(fapilog::default_pipeline).sink("null", NullSink::new(JsonFormatter::new));
/// # drop(builder.start()?);
/// # Ok::<(), fapilog::Error>(())
/// ```
pub fn default_pipeline(builder: ContainerBuilder) -> ContainerBuilder {
    default_pipeline_with(Throttle::default())(builder)
}

/// As [`default_pipeline`], with a throttle of your own.
pub fn default_pipeline_with(throttle: Throttle) -> impl FnOnce(ContainerBuilder) -> ContainerBuilder {
    move |builder| {
        builder
            .enricher(|_| Box::new(TimestampEnricher::new()))
            .enricher(|_| Box::new(CorrelationEnricher::new()))
            .enricher(|_| Box::new(ContextEnricher::new()))
            .processor(|_| Box::new(FilterProcessor::new()))
            .processor(move |_| Box::new(throttle.clone()))
    }
}
