//! The default pipeline.

use fapilog_builtin::{enrich, process};
use fapilog_engine::container::ContainerBuilder;

/// Adds what most programs want: the enrichers `timestamp`, `correlation` and `context` (thread and process), and the
/// processors `filter`, which keeps everything as it is, and `throttle`, which stops a loop that ran away.
///
/// ```
/// use fapilog::{Container, format, sink};
///
/// let builder = Container::builder().apply(fapilog::default_pipeline).sink("null", sink::Null::new(format::Json::new));
/// # drop(builder.start()?);
/// # Ok::<(), fapilog::Error>(())
/// ```
pub fn default_pipeline(builder: ContainerBuilder) -> ContainerBuilder {
    default_pipeline_with(process::Throttle::default())(builder)
}

/// As [`default_pipeline`], with a throttle of your own.
pub fn default_pipeline_with(throttle: process::Throttle) -> impl FnOnce(ContainerBuilder) -> ContainerBuilder {
    move |builder| {
        builder
            .enricher(|_| Box::new(enrich::Time::new()))
            .enricher(|_| Box::new(enrich::Correlation::new()))
            .enricher(|_| Box::new(enrich::Context::new()))
            .processor(|_| Box::new(process::Filter::new()))
            .processor(move |_| Box::new(throttle.clone()))
    }
}
