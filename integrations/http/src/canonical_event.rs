//! The events about a request.

use fapilog::{Level, Logger, event};

use crate::RequestSummary;

/// Logs that a request begins.
pub(crate) fn log_start(logger: &Logger, level: Level, method: &str, route: Option<&str>, protocol: &str) {
    match route {
        Some(route) => event!(level, logger, "request started", target: "fapilog::request", method, route, protocol),
        None => event!(level, logger, "request started", target: "fapilog::request", method, protocol),
    }
}

/// Logs the canonical event of a request: a single event with all that is known of it.
pub(crate) fn log_canonical(logger: &Logger, level: Level, request: &RequestSummary<'_>) {
    // A macro, because each set of fields is a call site of its own: a request without a route has no such field, and not an
    // empty one.
    macro_rules! finished {
        ($($route:tt)*) => {
            event!(
                level,
                logger,
                "request finished",
                target: "fapilog::request",
                method = request.method,
                $($route)*
                status = request.status,
                outcome = request.outcome.name(),
                protocol = request.protocol,
                metrics.latency = request.latency,
                metrics.request_bytes = request.request_bytes,
                metrics.response_bytes = request.response_bytes
            )
        };
    }
    match request.route {
        Some(route) => finished!(route,),
        None => finished!(),
    }
}
