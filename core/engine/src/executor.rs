//! The runtime of a drain.

use fapilog_plugin::named_enum;

named_enum! {
    /// The runtime of the drain shards.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum Executor {
        /// Glommio where io_uring and enough locked memory are available, a plain thread elsewhere. The diagnostics of the
        /// container report which of them, and why.
        #[default]
        Auto = "auto",
        /// A pinned glommio executor for each shard, or an error.
        Glommio = "glommio",
        /// A plain thread for each shard.
        Thread = "thread",
    }
}
