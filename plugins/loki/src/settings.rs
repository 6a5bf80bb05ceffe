//! The settings of the sink `loki`.

use std::collections::BTreeMap;

use fapilog_plugin::{
    named_enum,
    problem::Problem,
    settings::{size_bytes, write_size},
};
use fapilog_sink_http::{http_settings, settings::BodyCompression};

named_enum! {
    /// The encoding of a request.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
    #[non_exhaustive]
    pub enum LokiEncoding {
        /// Protobuf, compressed by snappy.
        #[default]
        Protobuf = "protobuf",
        /// JSON, compressed as the setting `request` has it.
        Json = "json",
    }
}

named_enum! {
    /// The line of an entry.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum LokiLine {
        /// The record of the sink's formatter.
        #[default]
        Formatter = "formatter",
        /// The message of the event alone: for events whose fields are structured metadata.
        Message = "message",
    }
}

named_enum! {
    /// The structured metadata of an entry.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum LokiMetadata {
        /// The `metadata_fields` alone.
        #[default]
        None = "none",
        /// All fields of the event, its `event_id` and its `correlation_id`.
        Fields = "fields",
    }
}

http_settings! {
    /// The settings of the sink `loki`: these, and those of [all HTTP sinks](fapilog_sink_http::settings).
    ///
    /// A URL without a path has the path `/loki/api/v1/push`.
    #[derive(Debug, Clone)]
    #[non_exhaustive]
    pub struct LokiSettings {
        /// Labels that all entries have, and their values.
        pub labels: BTreeMap<String, String>,
        /// Labels with the value of a field: `level`, `category`, `target`, `source`, or a field as in `tags.region`. If it is not given: `level`, and
        /// `service_name` with the name of the logger, unless `labels` has them.
        pub label_fields: Option<BTreeMap<String, String>>,
        /// The structured metadata.
        pub metadata: LokiMetadata,
        /// Structured metadata by name, and the field that has its value: those of `label_fields`, or `event_id`, `correlation_id`.
        pub metadata_fields: BTreeMap<String, String>,
        /// The line of an entry.
        pub line: LokiLine,
        /// The encoding of a request.
        pub encoding: LokiEncoding,
        /// The tenant: the header `X-Scope-OrgID`.
        pub tenant: Option<String>,
        /// The field that has the tenant of an event. `tenant` is that of events without it.
        pub tenant_field: Option<String>,
        /// The longest line, in bytes. A longer one is cut: Loki would refuse it.
        #[serde(with = "size_bytes")]
        pub max_line_bytes: usize,
        /// The most streams of a request.
        pub max_streams: usize,
    }
}

impl Default for LokiSettings {
    /// Protobuf, the line of the formatter, no structured metadata, 256 KiB a line, 1,000 streams a request.
    fn default() -> Self {
        Self {
            labels: BTreeMap::new(),
            label_fields: None,
            metadata: LokiMetadata::default(),
            metadata_fields: BTreeMap::new(),
            line: LokiLine::default(),
            encoding: LokiEncoding::default(),
            tenant: None,
            tenant_field: None,
            max_line_bytes: 256 << 10,
            max_streams: 1000,
            url: String::new(),
            allow_plaintext_hosts: Vec::new(),
            allow_addresses: Vec::new(),
            tls: Default::default(),
            auth: Default::default(),
            headers: Default::default(),
            request: Default::default(),
            batch: Default::default(),
        }
    }
}

impl LokiSettings {
    /// Invalid limits and combinations.
    pub(crate) fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !(256..=64 << 20).contains(&self.max_line_bytes) {
            problems.push(Problem::new(
                "max_line_bytes",
                write_size(self.max_line_bytes),
                "allowed are 256 bytes to 64 MiB",
            ));
        }
        if !(1..=100_000).contains(&self.max_streams) {
            problems.push(Problem::new("max_streams", self.max_streams, "allowed are 1 to 100000"));
        }
        if self.encoding == LokiEncoding::Protobuf && self.request.compression != BodyCompression::None {
            let allowed =
                "a request in protobuf is compressed by snappy; with encoding = \"json\" it may be none or gzip";
            problems.push(Problem::new("request.compression", self.request.compression, allowed).beside("encoding"));
        }
        if self.encoding == LokiEncoding::Json && self.request.compression == BodyCompression::Zstd {
            let allowed = "Loki reads JSON that is compressed by none or gzip";
            problems.push(Problem::new("request.compression", self.request.compression, allowed).beside("encoding"));
        }
        problems
    }
}
