//! The thread of a store, which does all work on the disk.

use std::sync::Arc;

use fapilog_plugin::sink::Reporter;
use fapilog_record::user_code::{Panicked, catch_panic};

use crate::delivery::store::{
    dead_letter_file::DeadLetterFile,
    error::StoreError,
    request_queue::{RequestQueue, StoreRequest},
    segment_queue::RecoveredTotals,
    spill::{Spill, SpillPlan},
    stored_payload::{DeadLetter, DeliveryStoreAnswer, PayloadCounts, StoredPayload},
};

/// The work of the thread.
pub(super) struct StoreThread {
    spill: StorePart<Spill>,
    letters: StorePart<DeadLetterFile>,
    queue: Arc<RequestQueue>,
    reporter: Reporter,
}

/// A part of the store.
pub(super) enum StorePart<T> {
    Absent,
    Works(T),
    /// A panic has left it in an unknown state.
    Panicked,
}

impl<T> StorePart<T> {
    pub(super) fn new(part: Option<T>) -> Self {
        part.map_or(Self::Absent, Self::Works)
    }

    /// Executes work of the part, which is not used any more after a panic.
    pub(super) fn execute<R>(
        &mut self,
        store: &'static str,
        work: impl FnOnce(&mut T) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let result = match self {
            Self::Absent => return Err(StoreError::NotConfigured { store }),
            Self::Panicked => return Err(StoreError::Panicked),
            Self::Works(part) => catch_panic(|| work(part)),
        };
        result.unwrap_or_else(|Panicked| {
            *self = Self::Panicked;
            Err(StoreError::Panicked)
        })
    }
}

const SPILL: &str = "spill directory";
const LETTERS: &str = "file for dead letters";

impl StoreThread {
    pub(super) fn new(letters: Option<DeadLetterFile>, queue: Arc<RequestQueue>, reporter: Reporter) -> Self {
        Self { spill: StorePart::Absent, letters: StorePart::new(letters), queue, reporter }
    }

    /// Runs until the end of the store.
    pub(super) fn run(mut self, spill: Option<SpillPlan>) {
        let queue = Arc::clone(&self.queue);
        self.recover(spill);
        while let Some(request) = queue.next() {
            let answer = self.execute(request);
            queue.complete(answer);
        }
        self.close();
        queue.note_thread_end();
    }

    fn recover(&mut self, plan: Option<SpillPlan>) {
        let mut totals = RecoveredTotals::default();
        if let Some(plan) = plan {
            match catch_panic(|| plan.recover()) {
                Ok((spill, recovered)) => {
                    self.spill = StorePart::Works(spill);
                    totals = recovered;
                }
                Err(Panicked) => {
                    self.spill = StorePart::Panicked;
                    self.reporter.report_error(&StoreError::Panicked);
                }
            }
        }
        let RecoveredTotals { counts: PayloadCounts { payloads, events }, bytes } = totals;
        self.queue.report(DeliveryStoreAnswer::Recovered { payloads, events, bytes });
    }

    fn execute(&mut self, request: StoreRequest) -> Option<DeliveryStoreAnswer> {
        match request {
            StoreRequest::Append(payload) => Some(self.append(payload)),
            StoreRequest::Read { .. } => Some(DeliveryStoreAnswer::Read(self.read_next())),
            StoreRequest::Acknowledge => {
                self.move_cursors(Spill::acknowledge);
                None
            }
            StoreRequest::Rewind => {
                self.move_cursors(Spill::rewind);
                None
            }
            StoreRequest::Bury(letter) => Some(self.bury(letter)),
            #[cfg(test)]
            StoreRequest::Work(work) => {
                (work.0)();
                None
            }
        }
    }

    fn append(&mut self, payload: StoredPayload) -> DeliveryStoreAnswer {
        match self.spill.execute(SPILL, |spill| spill.append(&payload)) {
            Ok(()) => DeliveryStoreAnswer::Appended,
            Err(error) => {
                self.report(&error);
                DeliveryStoreAnswer::Refused { payload, error }
            }
        }
    }

    fn read_next(&mut self) -> Option<StoredPayload> {
        let read = self.spill.execute(SPILL, |spill| Ok(spill.read_next()));
        let read = read.inspect_err(|error| self.report(error)).unwrap_or_default();
        if read.unreadable != PayloadCounts::default() {
            let PayloadCounts { payloads, events } = read.unreadable;
            self.queue.report(DeliveryStoreAnswer::Unreadable { payloads, events });
        }
        read.payload
    }

    fn move_cursors(&mut self, work: impl FnOnce(&mut Spill)) {
        let moved = self.spill.execute(SPILL, |spill| {
            work(spill);
            Ok(())
        });
        if let Err(error) = moved {
            self.report(&error);
        }
    }

    fn bury(&mut self, letter: DeadLetter) -> DeliveryStoreAnswer {
        let buried = self.letters.execute(LETTERS, |letters| letters.append(&letter));
        DeliveryStoreAnswer::Buried(buried.map_err(|error| {
            self.report(&error);
            (letter, error)
        }))
    }

    /// A store that is full is no news for its operator: the caller counts the payloads.
    fn report(&self, error: &StoreError) {
        if !matches!(error, StoreError::Full { .. } | StoreError::NotConfigured { .. }) {
            self.reporter.report_error(error);
        }
    }

    fn close(self) {
        #[cfg(test)]
        if self.queue.is_crashing() {
            return;
        }
        let Self { spill, letters, reporter, .. } = self;
        let closed = catch_panic(|| {
            if let StorePart::Works(spill) = spill {
                spill.close();
            }
            if let StorePart::Works(letters) = letters
                && let Err(error) = letters.sync()
            {
                reporter.report_error(&error);
            }
        });
        if closed.is_err() {
            reporter.report_error(&StoreError::Panicked);
        }
    }
}
