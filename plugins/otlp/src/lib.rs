//! The sink `otlp`: events as log records of OpenTelemetry, by OTLP over HTTP in protobuf or in JSON, and, with the feature `grpc`, by gRPC.
//!
//! # Variables
//!
//! A setting that is left out is read from the variables of the specification: `OTEL_EXPORTER_OTLP_LOGS_X`, or else `OTEL_EXPORTER_OTLP_X`,
//! where `X` is `ENDPOINT`, `PROTOCOL`, `HEADERS`, `TIMEOUT`, `COMPRESSION`, `CERTIFICATE`, `CLIENT_CERTIFICATE`, `CLIENT_KEY`; and
//! `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_SERVICE_NAME`. An empty variable counts as unset.
//!
//! # Scopes
//!
//! The name of the logger is the name of the instrumentation scope. Records of a request stand together by scope.

#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../../../docs/otlp-sink.md")]
struct OtlpSinkPage;

mod answer;
mod encode;
mod environment;
mod error;
mod frame;
#[cfg(feature = "grpc")]
mod grpc;
mod protocol;
mod registration;
mod request;
mod resource;
mod settings;
mod sink;

pub use error::OtlpError;
pub use registration::register;
pub use settings::{OtlpProtocol, OtlpSettings};
pub use sink::Otlp;
