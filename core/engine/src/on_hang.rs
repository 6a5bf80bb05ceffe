//! The answer to a plugin or sink that does not return.

use fapilog_plugin::named_enum;

named_enum! {
    /// The answer to a plugin or sink that does not return within its limit: `plugin_timeout`, or a minute where that is `0s`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum OnHang {
        /// Its shard waits for it, and so do the events in the rings of its threads.
        #[default]
        Wait = "wait",
        /// Its shard is abandoned: another takes over on a new thread, with fresh plugins and sinks. The batch and the payloads that the
        /// abandoned one holds are lost as `plugin_hung`, and its thread is left to itself. A container abandons 8 shards at most,
        /// and then waits. A container that the program drains itself waits in any case.
        Abandon = "abandon",
    }
}
