//! Shared by tests of a container: it ends, and the law holds.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "all of this is test code"
)]

pub(crate) mod sinks;

use std::{
    fmt,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    Container, Logger,
    container::{ContainerBuilder, Executor, ManualDrain},
    error::StartError,
    format,
    metrics::Accounts,
    sink::{self, MemoryEvents},
};
use serde_json::Value;

/// Far longer than any step of these tests takes: an event that is absent by then was lost.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// A memory sink that writes JSON, and its events.
pub(crate) fn memory() -> (sink::Memory, MemoryEvents) {
    sink::Memory::new(format::Json::new)
}

/// A container on a plain thread whose events can be read.
pub(crate) fn started() -> (Container, MemoryEvents) {
    let (sink, events) = memory();
    (thread_builder().sink("memory", sink).start().unwrap(), events)
}

/// A container that the test drains itself.
pub(crate) fn started_manual(builder: ContainerBuilder) -> (Container, ManualDrain, MemoryEvents) {
    let (sink, events) = memory();
    let (container, drain) = builder.sink("memory", sink).start_manual().unwrap();
    (container, drain, events)
}

/// The one event that `log` logs, as it was delivered.
pub(crate) fn delivered(log: impl FnOnce(&Logger)) -> Value {
    delivered_by(Container::builder(), log)
}

/// As [`delivered`], by a container of this builder.
pub(crate) fn delivered_by(builder: ContainerBuilder, log: impl FnOnce(&Logger)) -> Value {
    let (container, mut drain, events) = started_manual(builder);
    log(&container.logger("values"));
    end(&container, &mut drain);
    only(&events)
}

pub(crate) fn thread_builder() -> ContainerBuilder {
    Container::builder().executor(Executor::Thread)
}

/// The executors that this machine has.
pub(crate) fn executors() -> Vec<Executor> {
    let glommio = Container::builder().executor(Executor::Glommio).sink("null", sink::Null::new(format::Json::new));
    match glommio.start() {
        Ok(_) => vec![Executor::Thread, Executor::Glommio],
        Err(StartError::Glommio { reason }) => {
            eprintln!("not tested on glommio: {reason}");
            vec![Executor::Thread]
        }
        Err(error) => panic!("{error}"),
    }
}

/// Shuts the container down, with nothing left over, and checks the law.
#[track_caller]
pub(crate) fn shut_down(container: &Container) -> Accounts {
    balanced(container.shutdown(TIMEOUT).unwrap())
}

/// Ends a container that the test drains itself, and checks the law.
#[track_caller]
pub(crate) fn end(container: &Container, drain: &mut ManualDrain) -> Accounts {
    container.request_shutdown(Instant::now() + TIMEOUT);
    until("the drain has ended", || {
        drain.turn();
        drain.has_ended()
    });
    balanced(container.accounts())
}

/// Checks the law, and that nothing is pending.
#[track_caller]
pub(crate) fn balanced(accounts: Accounts) -> Accounts {
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    let by_level = accounts.lost_by_level.total() + accounts.lost_of_unknown_level();
    assert_eq!(by_level, accounts.lost.total(), "{accounts}");
    accounts
}

/// Everything that was delivered, as JSON.
#[track_caller]
pub(crate) fn parsed(events: &MemoryEvents) -> Vec<Value> {
    let bytes = events.bytes();
    bytes.split_inclusive(|&byte| byte == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// The events of the program that were delivered: without reports of losses.
#[track_caller]
pub(crate) fn of_program(events: &MemoryEvents) -> Vec<Value> {
    parsed(events).into_iter().filter(|event| event["source"] != "fapilog").collect()
}

/// The messages of everything that was delivered.
#[track_caller]
pub(crate) fn messages(events: &MemoryEvents) -> Vec<String> {
    parsed(events).iter().map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The one event that was delivered.
#[track_caller]
pub(crate) fn only(events: &MemoryEvents) -> Value {
    let mut all = parsed(events);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

/// Runs a test of this program in a process of its own, which knows by the variable that it is one.
pub(crate) fn child(test: &str, variable: &str, value: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(variable, value);
    command
}

/// Waits for a condition.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    loop {
        let looked = Instant::now();
        if is_so() {
            break;
        }
        assert!(start.elapsed() < TIMEOUT, "waited in vain until {what}");
        // A look that takes long, as it reads all events, leaves a core to the threads that it waits for.
        thread::sleep(looked.elapsed().max(Duration::from_micros(200)));
    }
}

/// Its text is 100 MB, in pieces of a kilobyte.
pub(crate) struct Huge;

impl fmt::Display for Huge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let piece = "ü".repeat(512);
        // It ignores the errors of its writer.
        (0..100_000).for_each(|_| _ = f.write_str(&piece));
        Ok(())
    }
}
