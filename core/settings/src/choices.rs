//! Settings that are one of a few names.

use fapilog_plugin::named_enum;

named_enum! {
    /// A set of settings for a kind of program. Code, files and the environment lie above it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum Preset {
        /// For a developer's terminal: DEBUG, shown at once, with failures of the log on stderr.
        #[default]
        Dev = "dev",
        /// For a server: JSON, names of host and service in each event.
        Production = "production",
        /// For functions that come and go: small, and quick to deliver their events.
        Serverless = "serverless",
        /// For programs that rather wait than drop an event: a long timeout, and a bound on the size of an event.
        Hardened = "hardened",
        /// The least memory and the least work: no enrichers, no processors.
        Minimal = "minimal",
    }
}

named_enum! {
    /// How the log behaves when a part of it fails.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum ErrorHandling {
        /// It goes on, counts, and keeps a diagnostic.
        #[default]
        Silent = "silent",
        /// It goes on, counts, keeps a diagnostic, and writes it to stderr, also without `enable_internal_logging`.
        Loud = "loud",
    }
}
