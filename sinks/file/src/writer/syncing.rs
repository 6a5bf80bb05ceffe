//! Syncs of the file. The numbers are the rules of the [crate's page](crate).

use std::{
    io,
    time::{Duration, Instant},
};

use crate::{
    cursors::{ContiguousEnd, FillingEnd},
    engine::IoRequest,
    settings::FileSync,
    writer::{BatchWriter, WriterError},
};

/// The interval at which a sync in flight is polled when nothing else calls the writer.
const SYNC_POLL: Duration = Duration::from_millis(1);

/// The state of syncs.
#[derive(Debug)]
pub(super) struct Syncing {
    /// The contiguous end when the sync in flight was submitted.
    pub(super) in_flight: Option<ContiguousEnd>,
    pub(super) last: Instant,
    /// A flush waits for a sync of everything below the contiguous end.
    pub(super) is_requested: bool,
    /// The end of the last flush that was answered.
    pub(super) flushed: FillingEnd,
}

impl Syncing {
    /// The sync in flight has no result: it begins anew.
    pub(super) fn repeat(&mut self) {
        self.in_flight = None;
        self.is_requested = true;
    }
}

impl BatchWriter {
    /// Rule 6: the records below are written, and synced where the settings require that.
    pub(crate) fn delivered_end(&self) -> FillingEnd {
        match self.sync {
            FileSync::Batch => self.cursors.synced_end(),
            FileSync::Never | FileSync::Interval(_) => self.cursors.written_end(),
        }
    }

    /// Whether a sync has reached `end`, successful or not.
    pub(crate) fn is_synced(&self, end: FillingEnd) -> bool {
        end <= self.cursors.synced_end()
    }

    /// Whether the disk may have dropped bytes below `end`, by the result of a sync.
    pub(crate) fn is_doubtful(&self, end: FillingEnd) -> bool {
        self.cursors.is_doubtful(end)
    }

    /// Answers a flush up to `end`. Returns whether a sync that failed since the last flush has left bytes in doubt.
    pub(crate) fn answer_flush(&mut self, end: FillingEnd) -> bool {
        let has_doubt = self.cursors.has_doubt_behind(self.syncing.flushed);
        self.syncing.flushed = self.syncing.flushed.max(end);
        has_doubt
    }

    /// When the next sync of an interval is due; while a sync is in flight, when to poll it.
    pub(crate) fn sync_due(&self, now: Instant) -> Option<Instant> {
        let FileSync::Interval(interval) = self.sync else { return None };
        if self.syncing.in_flight.is_some() {
            return now.checked_add(SYNC_POLL);
        }
        self.cursors.has_unsynced().then(|| self.syncing.last.checked_add(interval)).flatten()
    }

    /// Requests a sync up to the contiguous end, if bytes are unsynced and the settings have syncs at all. Returns that end;
    /// `None` without syncs.
    pub(crate) fn request_sync(&mut self) -> Option<FillingEnd> {
        if self.sync == FileSync::Never {
            return None;
        }
        self.syncing.is_requested |= self.cursors.has_unsynced();
        Some(self.cursors.written_end())
    }

    pub(super) fn start_sync(&mut self, now: Instant) {
        let is_due = match self.sync {
            FileSync::Never => false,
            FileSync::Interval(interval) => {
                self.syncing.is_requested || now.saturating_duration_since(self.syncing.last) >= interval
            }
            FileSync::Batch => true,
        };
        if is_due && self.cursors.has_unsynced() && self.syncing.in_flight.is_none() {
            self.syncing.in_flight = Some(self.cursors.contiguous());
            self.syncing.last = now;
            self.syncing.is_requested = false;
            self.engine.submit(IoRequest::Sync);
        }
    }

    pub(super) fn sync_done(&mut self, result: io::Result<usize>) {
        let Some(end) = self.syncing.in_flight.take() else { return };
        match result {
            Ok(_) => self.cursors.sync_succeeded(end),
            Err(error) => {
                self.cursors.sync_failed(end);
                self.add_error(WriterError::Sync(error));
            }
        }
    }
}
