//! The script of a server: its limits and its answers.

use std::{
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    time::Duration,
};

use rustls::ServerConfig;

use super::{answer::FakeAnswer, lock, request::FakeRequest};

pub(super) type AnswerFn = dyn Fn(&FakeRequest) -> FakeAnswer + Send + Sync;
pub(super) type HeadFn = dyn Fn(&FakeRequest) -> Option<FakeAnswer> + Send + Sync;

pub(super) struct HttpScript {
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) body_limit: usize,
    pub(super) requests_per_connection: usize,
    pub(super) announces_close: bool,
    pub(super) idle_limit: Option<Duration>,
    pub(super) ignores_expectations: bool,
    pub(super) keeps_no_requests: bool,
    pub(super) on_head: Option<Arc<HeadFn>>,
    pub(super) answers: Mutex<AnswerQueue>,
}

pub(super) struct AnswerQueue {
    /// These come first.
    pub(super) next: VecDeque<FakeAnswer>,
    pub(super) then: Arc<AnswerFn>,
}

impl HttpScript {
    /// The error is a panic of the script: an assertion in it failed.
    pub(super) fn answer(&self, request: &FakeRequest) -> Result<FakeAnswer, String> {
        let then = {
            let mut answers = lock(&self.answers);
            if let Some(answer) = answers.next.pop_front() {
                return Ok(answer);
            }
            Arc::clone(&answers.then)
        };
        caught(|| then(request))
    }

    pub(super) fn answer_to_head(&self, request: &FakeRequest) -> Result<Option<FakeAnswer>, String> {
        self.on_head.as_ref().map_or(Ok(None), |on_head| caught(|| on_head(request)))
    }
}

fn caught<R>(script: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(script)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
        format!("the script panicked: {text}")
    })
}

impl fmt::Debug for HttpScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpScript").field("body_limit", &self.body_limit).finish_non_exhaustive()
    }
}
