//! The figures of sinks.

use fapilog::metrics::BreakerState;

use crate::figures::tables::{
    FigureRow,
    FigureSource::{Breakers, Delivery, Sink, SinkCounters, SinkLost},
};

#[rustfmt::skip]
pub(super) const FIGURES: &[FigureRow] = &[
    FigureRow::counter("fapilog_sink_events_offered", "Events that came as far as the sink.",
        Sink(|sink| sink.offered.into())),
    FigureRow::counter("fapilog_sink_events_delivered", "Events that the sink has delivered.",
        Sink(|sink| sink.delivered.into())),
    FigureRow::counter("fapilog_sink_events_filtered", "Events that were not for the sink.",
        Sink(|sink| sink.filtered.into())),
    FigureRow::counter("fapilog_sink_events_lost", "Events lost at the sink, by reason.",
        SinkLost),
    FigureRow::gauge("fapilog_sink_events_pending", "Events in payloads that are being filled or delivered.",
        Sink(|sink| sink.pending.into())),
    FigureRow::counter("fapilog_sink_delivered_bytes", "Bytes that the sink has delivered.",
        Sink(|sink| sink.bytes.into())).bytes(),
    FigureRow::counter("fapilog_sink_errors", "Deliveries that failed.",
        Sink(|sink| sink.errors.into())),
    FigureRow::counter("fapilog_sink_retries", "Deliveries that were repeated.",
        Sink(|sink| sink.retries.into())),
    FigureRow::counter("fapilog_sink_timeouts", "Attempts whose time was up.",
        Delivery(|delivery| delivery.timeouts.into())),
    FigureRow::counter("fapilog_sink_own", "Counters of the sink's own, by name, such as files_rotated.",
        SinkCounters),
    FigureRow::gauge("fapilog_sink_queued_payloads", "Payloads that wait for an attempt or are in flight.",
        Delivery(|delivery| delivery.queued_payloads.into())),
    FigureRow::gauge("fapilog_sink_queued_bytes", "Bytes of the payloads that wait for an attempt or are in flight.",
        Delivery(|delivery| delivery.queued_bytes.into())).bytes(),
    FigureRow::gauge("fapilog_sink_oldest_event_age_seconds", "Age of the oldest event in memory that is not delivered yet; 0 if there is none.",
        Delivery(|delivery| delivery.oldest.into())).seconds(),
    FigureRow::states("fapilog_sink_breaker", "The circuit breaker of the destination.",
        Breakers),
    FigureRow::counter("fapilog_sink_events_fell_back", "Events that the fallback has delivered; they are among the delivered ones.",
        Delivery(|delivery| delivery.fell_back.into())),
    FigureRow::counter("fapilog_sink_events_dead_lettered", "Events in the file for dead letters; they are among the lost ones.",
        Delivery(|delivery| delivery.dead_lettered.into())),
    FigureRow::gauge("fapilog_sink_spill_payloads", "Payloads on disk that are not delivered.",
        Delivery(|delivery| delivery.spill.payloads.into())),
    FigureRow::gauge("fapilog_sink_spill_events", "Events on disk that are not delivered.",
        Delivery(|delivery| delivery.spill.events.into())),
    FigureRow::gauge("fapilog_sink_spill_bytes", "Bytes of payloads on disk that are not delivered.",
        Delivery(|delivery| delivery.spill.bytes.into())).bytes(),
    FigureRow::counter("fapilog_sink_events_spilled", "Events that went to disk.",
        Delivery(|delivery| delivery.spill.stored.into())),
    FigureRow::counter("fapilog_sink_events_replayed", "Events from disk that are delivered.",
        Delivery(|delivery| delivery.spill.replayed.into())),
    FigureRow::counter("fapilog_sink_events_recovered", "Events of an earlier container that were found on disk.",
        Delivery(|delivery| delivery.recovered.found.into())),
    FigureRow::counter("fapilog_sink_recovered_events_delivered", "Events of an earlier container that are delivered.",
        Delivery(|delivery| delivery.recovered.delivered.into())),
    FigureRow::counter("fapilog_sink_recovered_events_lost", "Events of an earlier container that are lost.",
        Delivery(|delivery| delivery.recovered.lost.into())),
];

pub(super) fn breaker_states() -> Vec<&'static str> {
    BreakerState::ALL.map(BreakerState::name).to_vec()
}
