//! The failures that drop events at a sink, and the loss reason of each.

use fapilog_plugin::sink::{SinkError, SinkErrorKind};

use crate::accounts::LossReason;

/// A failure that drops events at a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeliveryFailure {
    /// The sink has no room, and drops events then.
    NoRoom,
    /// The sink is short of room, and the event is below ERROR.
    LittleRoom,
    /// The sink's breaker is open.
    BreakerOpen,
    /// The sink panicked over a batch.
    EncodePanicked,
    /// The formatter refused a batch.
    NotEncoded,
    /// The delivery failed, and another attempt would fail again.
    NotDelivered,
    /// The attempts at the delivery are used up.
    AttemptsUsedUp,
    /// The payload was on disk, and cannot be read back.
    Unreadable,
    /// The events are in the file for dead letters.
    DeadLettered,
    /// The destination refuses the events for good.
    Refused,
    /// The delivery ended at the deadline of the shutdown.
    Deadline,
    /// The shutdown ended before the delivery did.
    GivenUp,
}

impl DeliveryFailure {
    /// The failure of a delivery that ended with this error.
    pub(super) fn of(error: &SinkError, is_stopping: bool) -> Self {
        match error {
            SinkError::Partial { source, .. } => Self::of(source, is_stopping),
            SinkError::Deadline if is_stopping => Self::Deadline,
            SinkError::PerRecord { retryable, .. } if retryable.is_empty() => Self::Refused,
            error if matches!(error.kind(), SinkErrorKind::Retryable { .. }) => Self::AttemptsUsedUp,
            _ => Self::NotDelivered,
        }
    }

    /// Whether the sink counts as failing until a delivery succeeds. A destination that refuses records works, and the breaker
    /// shows the state of the one that a dead letter was for.
    pub(super) const fn is_of_destination(self) -> bool {
        !matches!(self, Self::Refused | Self::DeadLettered)
    }

    /// Whether a payload may wait on disk: another attempt may succeed.
    pub(super) const fn may_be_spilled(self) -> bool {
        matches!(self, Self::AttemptsUsedUp | Self::NoRoom | Self::Deadline | Self::GivenUp)
    }

    /// The reason under which its events are counted.
    pub(super) const fn loss_reason(self) -> LossReason {
        match self {
            Self::NoRoom => LossReason::SinkBusy,
            Self::LittleRoom => LossReason::LowSeverity,
            Self::Refused => LossReason::Rejected,
            Self::DeadLettered => LossReason::DeadLettered,
            Self::BreakerOpen | Self::NotEncoded | Self::NotDelivered | Self::AttemptsUsedUp | Self::Unreadable => {
                LossReason::SinkFailed
            }
            Self::EncodePanicked => LossReason::PluginPanicked,
            Self::Deadline | Self::GivenUp => LossReason::ShutdownDeadline,
        }
    }

    /// Whether the failure is an error of the sink, so that the next flush fails. Lack of room and a shutdown that is over
    /// are none.
    pub(super) const fn is_of_sink(self) -> bool {
        !matches!(self, Self::NoRoom | Self::LittleRoom | Self::GivenUp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_in_part_has_the_failure_of_the_other_part() {
        let partial = |source| SinkError::Partial { records: 1, bytes: 10, source: Box::new(source) };
        assert_eq!(DeliveryFailure::of(&partial(SinkError::Deadline), true), DeliveryFailure::Deadline);
        let broken = SinkError::Other("broken".into());
        assert_eq!(DeliveryFailure::of(&partial(broken), true), DeliveryFailure::NotDelivered);
    }

    #[test]
    fn a_deadline_is_the_shutdowns_only_while_the_sink_stops() {
        assert_eq!(DeliveryFailure::of(&SinkError::Deadline, true), DeliveryFailure::Deadline);
        assert_eq!(DeliveryFailure::of(&SinkError::Deadline, false), DeliveryFailure::NotDelivered);
    }
}
