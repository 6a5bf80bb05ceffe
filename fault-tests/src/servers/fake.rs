//! A fake of an HTTP destination, in this process. Its counts survive its end.

use fapilog_test_servers::{FakeAnswer, FakeHttp, FakeRequest};

use crate::servers::{KillableServer, SinkResult};

/// A server of HTTP.
struct FakeDestination {
    server: FakeHttp,
    /// Makes the sink by the URL of the server, without a path.
    make_sink: fn(&str) -> SinkResult,
}

/// Starts a server that answers by this function, which also counts the events of a request.
pub(super) fn start(
    make_sink: fn(&str) -> SinkResult,
    answer: impl Fn(&FakeRequest) -> FakeAnswer + Send + Sync + 'static,
) -> Option<Box<dyn KillableServer>> {
    let server = FakeHttp::builder().keeps_no_requests().answer(answer).start();
    Some(Box::new(FakeDestination { server, make_sink }))
}

impl KillableServer for FakeDestination {
    fn sink(&self) -> SinkResult {
        (self.make_sink)(&self.server.url(""))
    }

    fn kill(&mut self) {
        self.server.stop();
    }

    fn restart(&mut self) {
        self.server.restart();
    }
}
