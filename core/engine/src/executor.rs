//! What runs the drain.

use std::fmt;

/// What runs the drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Executor {
    /// Glommio where io_uring and enough locked memory are to be had, a plain thread elsewhere. Which of them, and why,
    /// shows in the container's notices.
    #[default]
    Auto,
    /// A pinned glommio executor for each shard, or an error.
    Glommio,
    /// A plain thread for each shard.
    Thread,
}

impl fmt::Display for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Glommio => "glommio",
            Self::Thread => "thread",
        })
    }
}
