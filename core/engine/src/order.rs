//! The order of events of several threads.

use fapilog_plugin::named_enum;

named_enum! {
    /// The order in which a drain takes events of several threads. Those of a single thread always keep their order.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum EventOrder {
        /// By the time of their log calls, among the events that the drain finds in up to 16 rings at a look. For logs that
        /// people read.
        #[default]
        ByTime = "by_time",
        /// Ring by ring, each as far as it was filled when the drain looked: no frame is compared with another. For
        /// archives, whose readers sort.
        ByProducer = "by_producer",
    }
}
