//! Settings that are one of a few names.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares an enum whose variants are written as names.
macro_rules! choice {
    (
        $(#[$doc:meta])*
        $type:ident { $( $(#[$variant_doc:meta])* $variant:ident = $name:literal, )* }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum $type {
            $( $(#[$variant_doc])* #[serde(rename = $name)] $variant, )*
        }

        impl $type {
            /// The names of all, as settings write them.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// Its name, as settings write it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

choice! {
    /// A set of settings for a kind of program. What code, file and environment say covers it.
    Preset {
        /// For a developer's terminal: DEBUG, shown at once, and loud about mistakes.
        #[default]
        Dev = "dev",
        /// For a server: JSON, names of host and service in each event.
        Production = "production",
        /// For functions that come and go: small, and quick to hand over what they have.
        Serverless = "serverless",
        /// For those who would rather wait than lose an event, and bound what an event may hold.
        Hardened = "hardened",
        /// The least memory and the least work: no enrichers, no processors.
        Minimal = "minimal",
    }
}

impl Preset {
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Dev, Self::Production, Self::Serverless, Self::Hardened, Self::Minimal]
            .into_iter()
            .find(|preset| preset.name() == name)
    }
}

choice! {
    /// What a log call does when its thread's ring is full; see [`Overflow`](fapilog_engine::producer::Overflow).
    OverflowStrategy {
        /// Waits for space, for `overflow_timeout` at most; then the event is lost and counted.
        #[default]
        Block = "block",
        /// Loses and counts the event at once.
        DropNewest = "drop_newest",
        /// Keeps the last eighth of the ring for ERROR and above.
        DropLowSeverity = "drop_low_severity",
    }
}

choice! {
    /// How the log behaves when a part of it fails.
    ErrorHandling {
        /// It goes on, counts, and keeps a notice.
        #[default]
        Silent = "silent",
        /// It goes on, counts, keeps a notice, and says it on stderr, also without `enable_internal_logging`.
        Loud = "loud",
    }
}
