//! Lost events, by reason.

use std::fmt;

/// Why an event was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LossReason {
    /// The thread's ring was full, and the overflow strategy gave up.
    RingFull,
    /// Not even the fixed part of the event fits a record.
    TooLong,
    /// The container was shut down before the call, or while it ran.
    ContainerClosed,
    /// There was no global container yet, or none any more.
    NoContainer,
    /// The call came from a forked child, and the container belongs to its parent.
    Forked,
    /// A signal handler logged, and had interrupted a log call of its thread.
    SignalHandler,
    /// A sink had no room, and its policy is to drop.
    SinkBusy,
    /// A sink was short of room, and kept it for events of ERROR and above.
    LowSeverity,
    /// A sink failed for good.
    SinkFailed,
    /// The destination refuses the event for good.
    Rejected,
    /// The event could not be delivered, and is in the sink's file for dead letters.
    DeadLettered,
    /// A plugin panicked while it held the event.
    PluginPanicked,
    /// A plugin or sink did not return, and its drain was abandoned with the batch and the payloads that it held.
    PluginHung,
    /// A redactor failed, and what it has not seen must not go on.
    RedactorFailed,
    /// The event was not delivered before the shutdown's deadline.
    ShutdownDeadline,
    /// The record could not be read back: a bug in the library, counted so that it is seen.
    Unreadable,
}

impl LossReason {
    /// All reasons.
    pub const ALL: [Self; 16] = [
        Self::RingFull,
        Self::TooLong,
        Self::ContainerClosed,
        Self::NoContainer,
        Self::Forked,
        Self::SignalHandler,
        Self::SinkBusy,
        Self::LowSeverity,
        Self::SinkFailed,
        Self::Rejected,
        Self::DeadLettered,
        Self::PluginPanicked,
        Self::PluginHung,
        Self::RedactorFailed,
        Self::ShutdownDeadline,
        Self::Unreadable,
    ];

    /// The reason's name in reports and in the log itself.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::TooLong => "too_long",
            Self::ContainerClosed => "container_closed",
            Self::NoContainer => "no_container",
            Self::Forked => "forked",
            Self::SignalHandler => "signal_handler",
            Self::SinkBusy => "sink_busy",
            Self::LowSeverity => "low_severity",
            Self::SinkFailed => "sink_failed",
            Self::Rejected => "rejected",
            Self::DeadLettered => "dead_lettered",
            Self::PluginPanicked => "plugin_panicked",
            Self::PluginHung => "plugin_hung",
            Self::RedactorFailed => "redactor_failed",
            Self::ShutdownDeadline => "shutdown_deadline",
            Self::Unreadable => "unreadable",
        }
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A count for each [`LossReason`].
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Losses(pub(super) [u64; LossReason::ALL.len()]);

/// The reasons for which something was lost, with the counts.
impl fmt::Debug for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Losses {
    /// How many were lost for this reason.
    #[must_use]
    pub fn of(&self, reason: LossReason) -> u64 {
        self.0.get(reason.index()).copied().unwrap_or(0)
    }

    /// How many were lost.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The reasons for which something was lost, with the counts.
    pub fn iter(&self) -> impl Iterator<Item = (LossReason, u64)> + '_ {
        LossReason::ALL.into_iter().map(|reason| (reason, self.of(reason))).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn add_of(&mut self, reason: LossReason, n: u64) {
        if let Some(count) = self.0.get_mut(reason.index()) {
            *count += n;
        }
    }

    pub(crate) fn subtract_of(&mut self, reason: LossReason, n: u64) {
        if let Some(count) = self.0.get_mut(reason.index()) {
            *count = count.saturating_sub(n);
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }

    /// Subtracts losses that were reported elsewhere, of which some may not be among these.
    pub(crate) fn subtract(&mut self, other: &Self) {
        for (count, less) in self.0.iter_mut().zip(other.0) {
            *count = count.saturating_sub(less);
        }
    }

    /// The losses since `earlier`, a reading of the same counters.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let mut since = *self;
        for (count, before) in since.0.iter_mut().zip(earlier.0) {
            debug_assert!(*count >= before, "a counter went down from {before} to {count}");
            *count = count.saturating_sub(before);
        }
        since
    }
}
