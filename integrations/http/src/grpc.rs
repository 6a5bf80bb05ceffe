//! The status of gRPC calls.

use std::fmt;

/// A status of a gRPC call, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GrpcStatus(u16);

impl GrpcStatus {
    /// The names of the numbers from 0 on, as the gRPC documentation has them.
    const NAMES: [&'static str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u16 {
        self.0
    }

    /// The name; `UNKNOWN` for a number without a name, as gRPC has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.get(usize::from(self.0)).copied().unwrap_or("UNKNOWN")
    }

    /// Whether the call succeeded.
    #[must_use]
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// Whether the server failed: the statuses that OpenTelemetry's conventions count as errors of a server.
    #[must_use]
    pub fn is_server_error(self) -> bool {
        let errors = ["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"];
        errors.contains(&self.name())
    }
}

impl fmt::Display for GrpcStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The status in a `grpc-status` header or trailer; `None` if it is no number.
#[must_use]
pub fn grpc_status_of(value: &[u8]) -> Option<GrpcStatus> {
    let text = std::str::from_utf8(value).ok()?;
    text.trim().parse().ok().map(GrpcStatus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_the_name_of_its_number() {
        let name = |text: &[u8]| grpc_status_of(text).map(GrpcStatus::name);
        assert_eq!(name(b"0"), Some("OK"));
        assert_eq!(name(b"16"), Some("UNAUTHENTICATED"));
        assert_eq!(name(b"99"), Some("UNKNOWN"));
        assert_eq!(name(b"ok"), None);
    }

    #[test]
    fn errors_of_the_server_differ_from_those_of_the_client() {
        let is_server_error = |code: u16| GrpcStatus(code).is_server_error();
        let of_the_server: Vec<u16> = (0..17).filter(|code| is_server_error(*code)).collect();
        assert_eq!(of_the_server, [2, 4, 12, 13, 14, 15]);
    }
}
