//! Errors of settings.

use thiserror::Error;

/// A setting of a request log is invalid.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum RequestLogError {
    /// A header cannot have this name.
    #[error("{setting}: {value:?} is no name of a header: letters, digits and any of !#$%&'*+-.^_`|~ are allowed")]
    HeaderName {
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: String,
    },
    /// The header of the id has a meaning in responses already, which an id would break; or it holds secrets, which would be logged and
    /// sent back.
    #[error("id_header: {value:?} has a meaning in HTTP, or holds secrets: names such as `x-request-id` are allowed")]
    IdHeader {
        /// The value.
        value: String,
    },
    /// The sample rate is no share.
    #[error("sample: {value} is no share of requests: numbers from 0 to 1 are allowed")]
    SampleRate {
        /// The value.
        value: f64,
    },
    /// A path to skip does not begin with a slash.
    #[error("skip_path: {value:?} is no path: a path begins with `/`, and may end with `/*`")]
    SkipPath {
        /// The value.
        value: String,
    },
}
