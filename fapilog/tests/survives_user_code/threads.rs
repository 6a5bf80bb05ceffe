//! Threads that end, panic, or get signals.

use std::{cell::OnceCell, thread};

use fapilog::{Container, Logger, container::Executor, error, info};

use crate::law::{executors, memory, only, parsed, shut_down, started};

/// Logs when its thread ends.
struct LogsAtExit(OnceCell<Logger>);

impl Drop for LogsAtExit {
    fn drop(&mut self) {
        if let Some(log) = self.0.get() {
            info!(log, "at exit", number = 1, shown = %"text");
        }
    }
}

thread_local! {
    static LOGS_AT_EXIT: LogsAtExit = const { LogsAtExit(OnceCell::new()) };
}

#[test]
fn a_call_in_a_destructor_of_thread_locals_is_delivered_whichever_goes_first() {
    for registered_first in [true, false] {
        let (container, events) = started();
        let log = container.logger("survives");
        let thread = thread::spawn(move || {
            if registered_first {
                LOGS_AT_EXIT.with(|at_exit| at_exit.0.set(log.clone()).unwrap());
            }
            info!(log, "at start", shown = %"text");
            if !registered_first {
                LOGS_AT_EXIT.with(|at_exit| at_exit.0.set(log.clone()).unwrap());
            }
        });
        thread.join().unwrap();
        shut_down(&container);
        let messages: Vec<_> = parsed(&events).iter().map(|event| event["message"].clone()).collect();
        assert_eq!(messages, ["at start", "at exit"]);
    }
}

#[test]
fn a_thread_that_panics_has_logged_what_it_logged() {
    let (container, events) = started();
    let log = container.logger("survives");
    let outcome = thread::spawn(move || {
        info!(log, "before");
        panic!("on purpose");
    })
    .join();
    assert!(outcome.is_err());
    shut_down(&container);
    assert_eq!(only(&events)["message"], "before");
}

#[test]
fn a_call_while_a_thread_unwinds_is_delivered() {
    struct LogsWhenDropped(Logger);
    impl Drop for LogsWhenDropped {
        fn drop(&mut self) {
            error!(self.0, "unwinding", %true);
        }
    }
    let (container, events) = started();
    let logs_when_dropped = LogsWhenDropped(container.logger("survives"));
    let outcome = thread::spawn(move || {
        let _logs_when_dropped = logs_when_dropped;
        panic!("on purpose");
    })
    .join();
    assert!(outcome.is_err());
    shut_down(&container);
    assert_eq!(only(&events)["message"], "unwinding");
}

#[test]
fn signals_never_arrive_on_a_drain_thread() {
    for executor in executors() {
        let (sink, _events) = memory();
        let container = Container::builder().executor(executor).sink("memory", sink).start().unwrap();
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let statuses = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok());
        let drains: Vec<String> = statuses.filter(|status| status.contains("Name:\tfapilog-0")).collect();
        assert!(!drains.is_empty());
        for status in drains {
            let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:\t")).unwrap();
            let blocked = u64::from_str_radix(blocked, 16).unwrap();
            for signal in [libc::SIGTERM, libc::SIGPIPE, libc::SIGXFSZ, libc::SIGUSR1] {
                assert!(blocked & 1 << (signal - 1) != 0, "{executor}: signal {signal}");
            }
        }
        shut_down(&container);
    }
}

#[test]
fn the_thread_that_starts_a_container_keeps_its_signal_mask() {
    let mask = || {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        status.lines().find(|line| line.starts_with("SigBlk")).unwrap().to_owned()
    };
    let before = mask();
    for executor in [Executor::Thread, Executor::Auto] {
        let container = Container::builder().executor(executor).sink("memory", memory().0).start().unwrap();
        assert_eq!(mask(), before);
        shut_down(&container);
    }
}
