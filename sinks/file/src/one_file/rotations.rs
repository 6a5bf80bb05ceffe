//! Rotations that shards have requested.
//!
//! A request of the container comes to each shard, and each shard's sink requests a rotation. All of them get one rotation: it
//! begins when each shard has requested it, or a moment after the first one has.

use std::time::Instant;

use fapilog_plugin::sink::SinkError;

use crate::{
    one_file::{answer::AnswerSender, queue::WriterQueue},
    stream::FileStream,
};

#[derive(Debug)]
struct RotationRequest {
    shard: usize,
    answer: AnswerSender,
}

/// A rotation that has begun.
#[derive(Debug)]
struct BegunRotation {
    /// Its number in the stream.
    number: u64,
    answers: Vec<AnswerSender>,
}

/// Requests that wait for the other shards, and those that wait for the next file.
#[derive(Debug, Default)]
pub(super) struct RequestedRotations {
    waiting: Vec<RotationRequest>,
    /// The time of the first request that waits.
    since: Option<Instant>,
    begun: Vec<BegunRotation>,
}

impl RequestedRotations {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.begun.is_empty()
    }

    pub(super) fn add(&mut self, shard: usize, answer: AnswerSender, now: Instant) {
        self.since.get_or_insert(now);
        self.waiting.push(RotationRequest { shard, answer });
    }

    /// Begins rotations, and answers for those that have ended.
    pub(super) fn answer(&mut self, stream: &mut FileStream, queue: &WriterQueue, now: Instant) {
        if self.is_begin_due(queue, now) {
            self.begin(stream, now);
        }
        let mut begun = std::mem::take(&mut self.begun);
        for BegunRotation { number, answers } in begun.drain(..) {
            match stream.rotation_result(number, now) {
                None => self.begun.push(BegunRotation { number, answers }),
                Some(result) => answer_all(answers, result),
            }
        }
    }

    fn is_begin_due(&self, queue: &WriterQueue, now: Instant) -> bool {
        let Some(since) = self.since else { return false };
        let has_requested = |shard: &usize| self.waiting.iter().any(|request| request.shard == *shard);
        now.saturating_duration_since(since) >= queue.waits().rotation_requests
            || queue.active_shards().iter().all(has_requested)
    }

    fn begin(&mut self, stream: &mut FileStream, now: Instant) {
        self.since = None;
        let answers = std::mem::take(&mut self.waiting).into_iter().map(|request| request.answer).collect();
        match stream.request_rotation(now) {
            Some(number) => self.begun.push(BegunRotation { number, answers }),
            None => answer_all(answers, Ok(())),
        }
    }
}

/// The first one gets the error with its sources.
fn answer_all(answers: Vec<AnswerSender>, result: Result<(), SinkError>) {
    let has_failed = result.is_err();
    let mut first = Some(result);
    for answer in answers {
        answer.give(|| match first.take() {
            Some(result) => result,
            None if has_failed => Err(SinkError::Other("the rotation failed".into())),
            None => Ok(()),
        });
    }
}
