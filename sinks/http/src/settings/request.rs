//! Time limits and compression of requests.

use std::time::Duration;

use fapilog_plugin::{
    named_enum,
    problem::Problem,
    settings::{duration, write_duration},
};
use serde::{Deserialize, Serialize};

named_enum! {
    /// How the body of a request is compressed.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum BodyCompression {
        /// Not at all.
        #[default]
        None = "none",
        /// By gzip (RFC 1952).
        Gzip = "gzip",
        /// By Zstandard (RFC 8878).
        Zstd = "zstd",
    }
}

impl BodyCompression {
    /// The levels that are allowed.
    pub(crate) fn levels(self) -> std::ops::RangeInclusive<u8> {
        match self {
            Self::None => 0..=0,
            Self::Gzip => 1..=9,
            Self::Zstd => 1..=22,
        }
    }

    /// The value of `content-encoding`; `None` without compression.
    #[must_use]
    pub fn token(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// The setting `request`: time limits and compression.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HttpRequestSettings {
    /// The time limit of a request, from the connection to the last byte of the answer.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// The time limit of a connection: resolving the name, connecting, and the TLS handshake.
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// A connection that was idle for so long is not used again.
    #[serde(with = "duration")]
    pub idle_timeout: Duration,
    /// The compression of the body.
    pub compression: BodyCompression,
    /// The level of the compression: 1 to 9 for gzip, 1 to 22 for zstd. If it is not given, a fast one: 3 for gzip, 1 for zstd.
    pub compression_level: Option<u8>,
    /// Whether errors show the front of an answer's body. Destinations repeat records in it, which would then be in reports.
    pub show_answers: bool,
}

impl Default for HttpRequestSettings {
    /// 20 s for a request, 5 s for a connection, 30 s idle, no compression.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            compression: BodyCompression::None,
            compression_level: None,
            show_answers: false,
        }
    }
}

impl HttpRequestSettings {
    /// The same with this compression.
    #[must_use]
    pub fn compressed(mut self, compression: BodyCompression) -> Self {
        self.compression = compression;
        self
    }

    /// The level of the compression.
    pub(crate) fn level(&self) -> u8 {
        self.compression_level.unwrap_or(match self.compression {
            BodyCompression::None => 0,
            BodyCompression::Gzip => 3,
            BodyCompression::Zstd => 1,
        })
    }

    /// Invalid settings, with paths relative to the setting `request`.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let hour = Duration::from_secs(3600);
        for (setting, limit) in [("timeout", self.timeout), ("connect_timeout", self.connect_timeout)] {
            if !(Duration::from_millis(1)..=hour).contains(&limit) {
                problems.push(Problem::new(setting, write_duration(limit), "allowed are 1ms to 1h"));
            }
        }
        if self.connect_timeout > self.timeout {
            let value = write_duration(self.connect_timeout);
            problems
                .push(Problem::new("connect_timeout", value, "it must be at most request.timeout").beside("timeout"));
        }
        if self.idle_timeout > hour {
            problems.push(Problem::new("idle_timeout", write_duration(self.idle_timeout), "it must be at most 1h"));
        }
        if let Some(level) = self.compression_level
            && !self.compression.levels().contains(&level)
        {
            let levels = self.compression.levels();
            let allowed = match self.compression {
                BodyCompression::None => "it needs a compression".to_owned(),
                other => format!("allowed are {} to {} for {other}", levels.start(), levels.end()),
            };
            problems.push(Problem::new("compression_level", level, allowed).beside("compression"));
        }
        problems
    }
}
