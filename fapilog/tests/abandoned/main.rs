//! Plugins and sinks that do not return, where the settings have their drain abandoned: another takes over, what the first one held is
//! lost as `plugin_hung`, and nothing else is.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod events;
#[path = "../law/mod.rs"]
mod law;
mod next_shard;
mod reload;
mod rings;
mod starts;
mod trap;

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    Container,
    container::{ContainerBuilder, OnHang},
    info,
    metrics::{Accounts, LossReason},
    sink::MemoryEvents,
};

use crate::{
    law::{memory, of_program, thread_builder, until},
    trap::Trap,
};

pub(crate) fn builder(trap: &Trap) -> ContainerBuilder {
    // A busy machine may give a thread no time for some hundred milliseconds.
    let builder = thread_builder().on_hang(OnHang::Abandon).plugin_timeout(Duration::from_secs(1));
    with(builder.emergency_lines(false), trap)
}

/// Adds the trap as what its step belongs to.
pub(crate) fn with(builder: ContainerBuilder, trap: &Trap) -> ContainerBuilder {
    let trap = trap.clone();
    match trap.step {
        "process" => builder.processor(move |_| Box::new(trap.clone())),
        "enrich" => builder.enricher(move |_| Box::new(trap.clone())),
        _ => builder.sink("trap", trap),
    }
}

pub(crate) fn log(container: &Container, numbers: std::ops::Range<u64>) {
    let log = container.logger("abandoned");
    numbers.for_each(|number| info!(log, "numbered", number));
}

/// The numbers that were delivered, in order.
pub(crate) fn numbers(events: &MemoryEvents) -> Vec<u64> {
    of_program(events).iter().map(|event| event["context"]["number"].as_u64().unwrap()).collect()
}

/// Logs an event that the trap hangs on, and waits until it does.
pub(crate) fn hang(container: &Container, trap: &Trap, number: u64) {
    let before = trap.hung();
    trap.arm();
    log(container, number..number + 1);
    until("it hangs", || trap.hung() > before);
}

/// Events lost because of a hang, before any sink and at each sink.
pub(crate) fn hung(accounts: &Accounts) -> (u64, BTreeMap<String, u64>) {
    let of = |losses: &fapilog::metrics::Losses| losses.of(LossReason::PluginHung);
    (of(&accounts.lost), accounts.sinks.iter().map(|sink| (sink.name.clone(), of(&sink.lost))).collect())
}

pub(crate) fn is_abandoned(container: &Container) -> bool {
    times_abandoned(container) > 0
}

pub(crate) fn times_abandoned(container: &Container) -> u64 {
    let diagnostics = container.diagnostics();
    let about = diagnostics.iter().filter(|one| one.text.contains("its drain is abandoned, and another takes over"));
    about.map(|one| one.times).sum()
}

/// Shuts the container down while the trap hangs still: in time, and with nothing left over.
#[track_caller]
pub(crate) fn shut_down(container: &Container) -> Accounts {
    let start = Instant::now();
    let accounts = law::shut_down(container);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    accounts
}

#[test]
fn without_the_setting_a_drain_waits() {
    let trap = Trap::new("process");
    let (sink, events) = memory();
    let container = builder(&trap).on_hang(OnHang::Wait).sink("memory", sink).start().unwrap();
    hang(&container, &trap, 0);
    log(&container, 1..10);
    until("it is reported", || container.diagnostics().iter().any(|one| one.text.contains("does not return")));
    thread::sleep(Duration::from_millis(600));
    assert_eq!((numbers(&events).len(), is_abandoned(&container)), (0, false));
    trap.release();
    shut_down(&container);
    assert_eq!(numbers(&events).len(), 10);
}
