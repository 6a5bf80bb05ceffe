//! The thread that uploads closed segments, one after the other, in the order in which they were closed.
//!
//! A segment whose upload fails is attempted again, until the store has it: later ones wait for it. A segment that cannot be read is set
//! aside.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    sink::{Reporter, SinkContext, SinkCounter, SinkError},
    threads::spawn_thread,
};

use crate::{
    error::ObjectStoreError,
    spool::{ClosedSegment, Spool, UploadTask},
    store::{FailedUpload, StoreClient, UploadedObject},
    target::StoreTarget,
};

/// The limit of the wait before the second attempt. It doubles with each attempt.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The counters of the sink.
#[derive(Debug)]
pub(crate) struct UploadCounters {
    uploaded: SinkCounter,
    bytes: SinkCounter,
    was_there: SinkCounter,
    failures: SinkCounter,
    broken: SinkCounter,
}

impl UploadCounters {
    pub(crate) fn new(context: &SinkContext<'_>) -> Self {
        Self {
            uploaded: context.counter("objects_uploaded"),
            bytes: context.counter("object_bytes"),
            was_there: context.counter("objects_already_stored"),
            failures: context.counter("uploads_failed"),
            broken: context.counter("segments_broken"),
        }
    }
}

/// Starts the thread.
pub(crate) fn start(
    spool: Arc<Spool>,
    target: Arc<StoreTarget>,
    counters: UploadCounters,
    reporter: Reporter,
) -> Result<(), SinkError> {
    let thread = EndOnDrop(spool);
    let client = StoreClient::new(Arc::clone(&target)).map_err(SinkError::permanent)?;
    let retry_max = target.settings.retry_max;
    let mut uploader = Uploader { client, counters, reporter, retry_max, failures: 0, not_before: None };
    let started = spawn_thread("fapilog-object-store-upload", move || {
        while let UploadTask::Upload(segment) = thread.0.next_upload(uploader.not_before) {
            uploader.upload(&thread.0, &segment);
        }
    });
    started.map(drop).map_err(SinkError::permanent)
}

/// Ends the spool with the thread, also when it panics.
struct EndOnDrop(Arc<Spool>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

struct Uploader {
    client: StoreClient,
    counters: UploadCounters,
    reporter: Reporter,
    retry_max: Duration,
    /// The attempts that have failed, in a row.
    failures: u32,
    not_before: Option<Instant>,
}

impl Uploader {
    fn upload(&mut self, spool: &Spool, segment: &ClosedSegment) {
        match self.client.upload(segment) {
            Ok(UploadedObject { bytes, was_there }) => {
                self.counters.uploaded.add(1);
                self.counters.bytes.add(bytes);
                self.counters.was_there.add(u64::from(was_there));
                (self.failures, self.not_before) = (0, None);
                spool.end_segment(segment, false);
            }
            Err(FailedUpload { error, .. }) if is_broken(&error) => {
                self.counters.broken.add(1);
                self.reporter.report_error(&error);
                spool.end_segment(segment, true);
            }
            Err(FailedUpload { error, retry_after }) => {
                self.counters.failures.add(1);
                self.reporter.report_error(&error);
                let limit = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(self.failures)).min(self.retry_max);
                self.failures = self.failures.saturating_add(1);
                let wait = limit.mul_f64(random_part_of_one()).max(retry_after.unwrap_or_default());
                self.not_before = Instant::now().checked_add(wait);
                spool.count_failure();
            }
        }
    }
}

/// Whether no attempt can upload the segment.
fn is_broken(error: &ObjectStoreError) -> bool {
    match error {
        ObjectStoreError::BrokenSegment { .. } => true,
        ObjectStoreError::Unreadable { source, .. } => !is_temporary(source),
        _ => false,
    }
}

/// Whether the process or the system is short of descriptors or memory: the file itself is whole.
fn is_temporary(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN | Errno::INTR))
}

/// From a half to 1: machines that failed together do not come back together.
fn random_part_of_one() -> f64 {
    let [byte, ..] = fapilog_plugin::uuid_v7::random_part();
    0.5 + f64::from(byte) / 510.0
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_segment_is_not_set_aside_for_want_of_descriptors_or_memory() {
        let error = |errno: Errno| ObjectStoreError::Unreadable { path: "a".into(), source: errno.into() };
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::INTR] {
            assert!(!is_broken(&error(errno)), "{errno}");
        }
        for errno in [Errno::NOENT, Errno::IO, Errno::LOOP] {
            assert!(is_broken(&error(errno)), "{errno}");
        }
    }
}
