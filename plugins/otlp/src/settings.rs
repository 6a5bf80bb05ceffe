//! The settings of the sink `otlp`.

use std::collections::BTreeMap;

use fapilog_plugin::named_enum;
use fapilog_sink_http::http_settings;

named_enum! {
    /// The form of requests.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum OtlpProtocol {
        /// Protobuf over HTTP.
        #[default]
        HttpProtobuf = "http/protobuf",
        /// JSON over HTTP.
        HttpJson = "http/json",
        /// Protobuf by gRPC. It needs the feature `grpc` of this crate.
        Grpc = "grpc",
    }
}

http_settings! {
    /// The settings of the sink `otlp`: these, and those of [all HTTP sinks](fapilog_sink_http::settings).
    ///
    /// A setting that is left out is read from the [variables](crate) of OpenTelemetry, and a `url` without a path gets `/v1/logs`, but not
    /// for gRPC.
    #[derive(Debug, Clone)]
    #[non_exhaustive]
    pub struct OtlpSettings {
        /// The form of requests. If it is not given, that of the variables, and else protobuf.
        pub protocol: Option<OtlpProtocol>,
        /// Attributes of the resource, by name. They replace those of the variables, and those of the sink. An empty value removes one.
        pub resource: BTreeMap<String, String>,
        /// Whether records have the place of the log call, as attributes `code.file.path` and `code.line.number`.
        pub call_site: bool,
        /// Whether variables of OpenTelemetry are read.
        pub environment: bool,
    }
}

impl Default for OtlpSettings {
    /// Protobuf to a Collector on this machine, unless the variables have other values.
    fn default() -> Self {
        Self {
            protocol: None,
            resource: BTreeMap::new(),
            call_site: false,
            environment: true,
            url: String::new(),
            allow_plaintext_hosts: Vec::new(),
            allow_addresses: Vec::new(),
            tls: Default::default(),
            auth: Default::default(),
            headers: BTreeMap::new(),
            request: Default::default(),
            batch: Default::default(),
        }
    }
}
