//! Sinks that panic at an event, in their own time, or at their end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fapilog::{
    Container,
    error::FlushError,
    info,
    metrics::{LossReason, PluginState},
    sink::{OnFull, SinkOptions},
};

use crate::{
    law::{TIMEOUT, balanced, end, memory, of_program, shut_down, thread_builder, until},
    panicking_sink::PanickingSink,
    panics::{log_twice, seen_of},
};

#[test]
fn a_sink_that_panics_in_any_step_keeps_the_law() {
    for step in ["encode", "deliver", "future", "flush"] {
        let now = Arc::<AtomicBool>::default();
        let sink = PanickingSink(step, Arc::clone(&now));
        let (other, other_events) = memory();
        let accounts = log_twice(thread_builder().sink("panicking", sink).sink("other", other), &now);
        assert_eq!(accounts.sinks[0].lost.total(), if step == "flush" { 0 } else { 10 }, "{step}");
        assert!(accounts.sinks[0].errors > 0, "{step}");
        assert_eq!(of_program(&other_events).len(), 20, "{step}");
    }
}

#[test]
fn a_sink_that_panics_when_it_is_stopped_is_stopped() {
    let now = Arc::new(AtomicBool::new(true));
    let container = thread_builder().sink("panicking", PanickingSink("stop", now)).start().unwrap();
    info!(container.logger("survives"), "delivered");
    assert_eq!(shut_down(&container).delivered_total(), 1);
}

#[test]
fn a_sink_that_panics_for_every_payload_is_left_out_and_holds_up_nobody() {
    let now = Arc::new(AtomicBool::new(true));
    let (other, other_events) = memory();
    let panicking = PanickingSink("payload", now);
    let container = thread_builder().sink("panicking", panicking).sink("other", other).start().unwrap();
    info!(container.logger("survives"), "lost at one");
    until("the other has it", || of_program(&other_events).len() == 1);
    assert_eq!(seen_of(&container, "panicking"), (3, 1));
    assert_eq!(shut_down(&container).sinks[0].lost.of(LossReason::SinkFailed), 1);
}

#[test]
fn events_that_a_busy_sink_would_drop_are_lost_to_its_panic() {
    let now = Arc::new(AtomicBool::new(true));
    let options = SinkOptions::new().on_full(OnFull::Drop);
    let (container, mut drain) =
        Container::builder().sink_with("panicking", PanickingSink("payload", now), options).start_manual().unwrap();
    info!(container.logger("survives"), "lost");
    assert_eq!(end(&container, &mut drain).sinks[0].lost.of(LossReason::PluginPanicked), 1);
}

#[test]
fn a_sink_that_encodes_well_and_panics_at_every_delivery_is_left_out() {
    let now = Arc::new(AtomicBool::new(true));
    let container = thread_builder().sink("panicking", PanickingSink("deliver", now)).start().unwrap();
    let log = container.logger("survives");
    for _ in 0..4 {
        info!(log, "lost");
        assert!(container.flush(TIMEOUT).is_err());
    }
    // The fourth was lost before it came to a delivery, unless a second has passed in between.
    let (panics, cool_downs) = seen_of(&container, "panicking");
    assert!((3..=4).contains(&panics) && cool_downs == panics - 2, "{panics} panics, {cool_downs} cool-downs");
    assert_eq!(shut_down(&container).sinks[0].lost.of(LossReason::SinkFailed), 4);
}

#[test]
fn a_sink_that_panics_in_its_own_time_is_left_alone_and_delivers_what_it_has() {
    for step in ["due", "work"] {
        let now = Arc::new(AtomicBool::new(false));
        let container = thread_builder().sink("panicking", PanickingSink(step, Arc::clone(&now))).start().unwrap();
        let log = container.logger("survives");
        let delivered = || container.accounts().sinks[0].delivered;
        info!(log, "taken before the panic");
        until("the sink has an event", || container.accounts().sinks[0].offered > 0);
        now.store(true, Ordering::Relaxed);
        info!(log, "wakes it");
        until("it is left out", || seen_of(&container, "panicking").1 > 0);
        // The sink gets no call until a second has passed.
        let (panics, cool_downs) = seen_of(&container, "panicking");
        assert!(panics <= cool_downs + 3, "{step}: {panics} panics, {cool_downs} cool-downs");
        until("it delivers what it has", || delivered() > 0);
        now.store(false, Ordering::Relaxed);
        until("it is retried", || {
            info!(log, "an attempt");
            let _ = container.flush(TIMEOUT);
            container.metrics().plugins[0].state == PluginState::Active
        });
        // The retry may have been a call without an event.
        let delivered = delivered();
        info!(log, "taken again");
        assert!(shut_down(&container).sinks[0].delivered > delivered, "{step}");
    }
}

#[test]
fn a_panic_at_a_sinks_end_or_in_a_flush_is_counted_and_reported() {
    for step in ["flush", "stop", "retries"] {
        let now = Arc::new(AtomicBool::new(true));
        let container = thread_builder().sink("panicking", PanickingSink(step, now)).start().unwrap();
        info!(container.logger("survives"), "delivered");
        shut_down(&container);
        assert!(seen_of(&container, "panicking").0 > 0, "{step}");
        assert!(container.diagnostics().iter().any(|diagnostic| diagnostic.text.ends_with("panicked")), "{step}");
    }
}

#[test]
fn a_flush_reports_a_sink_that_has_panicked_over_an_event() {
    for step in ["encode", "deliver", "future"] {
        let sink = PanickingSink(step, Arc::new(AtomicBool::new(true)));
        let container = thread_builder().sink("panicking", sink).start().unwrap();
        info!(container.logger("survives"), "lost");
        let result = container.flush(TIMEOUT);
        assert!(matches!(result, Err(FlushError::Failed { .. })), "{step}: {result:?}");
        shut_down(&container);
    }
}

#[test]
fn deliveries_whose_drop_panics_are_counted_when_they_are_given_up() {
    let sink = PanickingSink("future's drop", Arc::default());
    let container = thread_builder().sink("panicking", sink).start().unwrap();
    let log = container.logger("survives");
    for _ in 0..3 {
        info!(log, "never delivered");
        assert!(container.flush(Duration::from_millis(20)).is_err());
    }
    assert!(container.shutdown(Duration::from_millis(50)).is_err());
    assert_eq!(balanced(container.accounts()).sinks[0].lost.of(LossReason::ShutdownDeadline), 3);
}

#[test]
fn a_delivery_that_panics_and_whose_drop_panics_too_harms_no_other_sink() {
    let (other, other_events) = memory();
    let sink = PanickingSink("future and its drop", Arc::default());
    let container = thread_builder().sink("panicking", sink).sink("other", other).start().unwrap();
    let log = container.logger("survives");
    for _ in 0..2 {
        info!(log, "lost at one");
        let _ = container.flush(TIMEOUT);
    }
    assert_eq!(shut_down(&container).sinks[0].lost.of(LossReason::SinkFailed), 2);
    assert_eq!(of_program(&other_events).len(), 2);
}

#[test]
fn a_flush_that_panics_and_whose_drop_panics_too_is_over() {
    let container = thread_builder().sink("panicking", PanickingSink("flush's future and its drop", Arc::default()));
    let container = container.start().unwrap();
    info!(container.logger("survives"), "delivered");
    let result = container.flush(TIMEOUT);
    assert!(matches!(result, Err(FlushError::Failed { .. })), "{result:?}");
    assert_eq!(shut_down(&container).sinks[0].delivered, 1);
}

#[test]
fn a_flush_whose_drop_panics_can_be_given_up_for_another() {
    let (other, other_events) = memory();
    let is_over = Arc::<AtomicBool>::default();
    let sink = PanickingSink("flush's drop", Arc::clone(&is_over));
    let container = thread_builder().sink("panicking", sink).sink("other", other).start().unwrap();
    let log = container.logger("survives");
    info!(log, "flushed for ever");
    assert!(container.flush(Duration::from_millis(20)).is_err());
    // A sink on its way out is flushed anew.
    is_over.store(true, Ordering::Relaxed);
    container.remove_plugin("panicking").unwrap();
    info!(log, "behind it");
    shut_down(&container);
    assert_eq!(other_events.lines().len(), 2);
}
