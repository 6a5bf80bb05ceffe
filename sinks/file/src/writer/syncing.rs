//! Syncs of the file. The numbers are the rules of the [crate's page](crate).

use std::{
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use fapilog_plugin::sink::SinkCounter;

use crate::{
    cursors::{ContiguousEnd, FillingEnd},
    engine::IoRequest,
    settings::FileSync,
    writer::{BatchWriter, WriterError, files::FileSpan},
};

/// The interval at which a sync in flight is polled when nothing else calls the writer.
const SYNC_POLL: Duration = Duration::from_millis(1);

/// A sync in flight.
#[derive(Debug, Clone, Copy)]
pub(super) struct SyncInFlight {
    /// The contiguous end when it was submitted, as far as it is in the file of the sync.
    end: ContiguousEnd,
    /// The end of that file, if it had one.
    file_end: Option<FillingEnd>,
}

/// The state of syncs.
#[derive(Debug)]
pub(super) struct Syncing {
    pub(super) in_flight: Option<SyncInFlight>,
    pub(super) last: Instant,
    /// A flush, or a sync to be repeated, waits for a sync up to this position.
    pub(super) requested: FillingEnd,
    /// The end of the last flush that was answered.
    pub(super) flushed: FillingEnd,
    /// The bytes that syncs have made durable.
    pub(super) durable: SinkCounter,
}

impl BatchWriter {
    /// Sets the counter of the bytes that syncs make durable.
    pub(crate) fn count_durable(&mut self, counter: SinkCounter) {
        self.syncing.durable = counter;
    }

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

    /// Whether the disk may have dropped bytes behind `start`, by the result of a sync.
    pub(crate) fn has_doubt_behind(&self, start: FillingEnd) -> bool {
        self.cursors.has_doubt_behind(start)
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

    /// Requests a sync up to the contiguous end, if the settings have syncs at all. Returns that end; `None` without syncs.
    pub(crate) fn request_sync(&mut self) -> Option<FillingEnd> {
        if self.sync == FileSync::Never {
            return None;
        }
        self.syncing.requested = self.cursors.written_end();
        Some(self.syncing.requested)
    }

    /// The sync in flight has no result: it begins anew.
    pub(super) fn repeat_sync(&mut self) {
        self.syncing.in_flight = None;
        self.syncing.requested = self.cursors.written_end();
    }

    pub(super) fn start_sync(&mut self, now: Instant) {
        let is_due = match self.sync {
            FileSync::Never => false,
            FileSync::Interval(interval) => {
                let is_over = now.saturating_duration_since(self.syncing.last) >= interval;
                // A file that records no longer go to is synced at once.
                is_over || !self.earlier.is_empty() || self.cursors.synced_end() < self.syncing.requested
            }
            FileSync::Batch => true,
        };
        if !is_due || !self.cursors.has_unsynced() || self.syncing.in_flight.is_some() {
            return;
        }
        let synced = self.cursors.synced_end();
        // The first file with bytes that no sync has reached.
        let Some(FileSpan { file, end }) = self.spans().find(|span| span.end.is_none_or(|end| synced < end)) else {
            return;
        };
        let Some(file) = file.open.as_ref().map(|open| Rc::clone(&open.handles)) else { return };
        let sync = SyncInFlight { end: self.cursors.contiguous_up_to(end), file_end: end };
        self.syncing.in_flight = Some(sync);
        self.syncing.last = now;
        self.engine.submit(IoRequest::Sync { file });
    }

    pub(super) fn sync_done(&mut self, result: io::Result<usize>) {
        let Some(SyncInFlight { end, file_end }) = self.syncing.in_flight.take() else { return };
        match result {
            Ok(_) => {
                let bytes = self.cursors.sync_succeeded(end);
                self.syncing.durable.add(bytes);
            }
            Err(error) => {
                // The file of the sync may have got another one behind it meanwhile.
                let file_end =
                    file_end.or_else(|| self.spans().find_map(|span| span.end.filter(|next| end.is_below(*next))));
                self.cursors.sync_failed(end, file_end);
                self.add_error(WriterError::Sync(error));
            }
        }
    }
}
