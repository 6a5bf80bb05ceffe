//! Servers that can be killed and restarted.

use std::sync::Arc;

use fapilog::{format, sink::SinkFactory};
use fapilog_sink_http::{Http, HttpSinkSettings};
use fapilog_test_servers::{FakeAnswer, FakeHttp};

use crate::{arrivals::EventArrivals, options::SinkKind, soak::SoakError};

/// A server, and the sink that sends to it.
pub(crate) trait KillableServer {
    /// The sink.
    fn sink(&self) -> Result<Arc<dyn SinkFactory>, SoakError>;

    /// Whether the sink promises that no event arrives twice.
    fn is_exactly_once(&self) -> bool;

    /// Ends the server without a word.
    fn kill(&mut self);

    /// Starts it again at the same address.
    fn restart(&mut self);
}

/// The destination of a sink, which counts what arrives.
pub(crate) fn server_of(kind: SinkKind, arrivals: &Arc<EventArrivals>) -> Option<Box<dyn KillableServer>> {
    match kind {
        SinkKind::None => None,
        SinkKind::Http => Some(Box::new(HttpDestination::start(Arc::clone(arrivals)))),
    }
}

/// A server of HTTP that takes each request.
struct HttpDestination {
    server: FakeHttp,
}

impl HttpDestination {
    fn start(arrivals: Arc<EventArrivals>) -> Self {
        let server = FakeHttp::builder().keeps_no_requests().answer(move |request| {
            arrivals.count_lines(&request.body);
            FakeAnswer::ok()
        });
        Self { server: server.start() }
    }
}

impl KillableServer for HttpDestination {
    fn sink(&self) -> Result<Arc<dyn SinkFactory>, SoakError> {
        let mut settings = HttpSinkSettings::default();
        settings.url = self.server.url("/logs");
        Ok(Arc::new(Http::new(settings, format::Json::new)?))
    }

    fn is_exactly_once(&self) -> bool {
        false
    }

    fn kill(&mut self) {
        self.server.stop();
    }

    fn restart(&mut self) {
        self.server.restart();
    }
}
