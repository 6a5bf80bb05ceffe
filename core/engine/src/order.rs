//! The order of events of several threads.

use std::fmt;

/// In which order a drain takes events of several threads. Those of one thread always stay in theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventOrder {
    /// By the time of their log calls, among what the drain finds in up to 16 rings at a look. For what people read.
    #[default]
    ByTime,
    /// Ring by ring, each as far as it was filled when the drain looked: no frame is compared with another. For archives,
    /// whose readers sort.
    ByProducer,
}

impl fmt::Display for EventOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ByTime => "by_time",
            Self::ByProducer => "by_producer",
        })
    }
}
