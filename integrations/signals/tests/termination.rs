//! Signals that end a process, each in a child.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "all of this program is test code")]

mod children;

use std::{
    future::pending,
    io::Read,
    process::Stdio,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use children::{Ready, Scripted, TIMEOUT, at_once, end_in_time, own_handler, ready, set_handler, wait_to_be_ended};
use fapilog::{
    Container, format, info,
    sink::{self, Delivery},
};
use fapilog_signals::Termination;

/// No test in itself: the work of children.
#[test]
fn the_child() {
    let Some(role) = children::role() else { return };
    match role.as_str() {
        "waits" => {}
        "ignores SIGINT" => set_handler(libc::SIGINT, libc::SIG_IGN),
        "has a handler" => set_handler(libc::SIGTERM, own_handler()),
        "forks" => return forks(),
        "hangs for a moment" => return hangs(Duration::from_millis(200), || Delivery::in_flight(pending())),
        "hangs" => return hangs(2 * TIMEOUT, || Delivery::in_flight(pending())),
        "blocks for a moment" => return hangs(Duration::from_millis(200), blocks),
        "blocks" => return hangs(2 * TIMEOUT, blocks),
        "ends itself" => {
            let _logs = with_hundred_events();
            ready();
            let own = i32::try_from(std::process::id()).unwrap();
            // SAFETY: sends a signal to this process.
            assert_eq!(unsafe { libc::kill(own, libc::SIGTERM) }, 0);
            thread::sleep(2 * TIMEOUT);
            panic!("no signal came");
        }
        "names a signal twice" => {
            let _logs = global_with_hundred_events();
            Termination::new().signals([libc::SIGTERM, libc::SIGTERM]).install().unwrap();
            wait_to_be_ended();
        }
        "has two containers" => return has_two_containers(Termination::new()),
        "has two containers and leaves the first signal" => {
            set_handler(libc::SIGTERM, own_handler());
            return has_two_containers(Termination::new().on_second_signal());
        }
        "leaves the first signal" => {
            set_handler(libc::SIGTERM, own_handler());
            set_handler(libc::SIGINT, own_handler());
            let _logs = global_with_hundred_events();
            Termination::new().on_second_signal().install().unwrap();
            [libc::SIGTERM, libc::SIGINT].into_iter().for_each(children::report_when_counted);
            wait_to_be_ended();
        }
        "has a field that hangs" => return has_a_field_that_hangs(),
        "leaves the first signal and hangs" => {
            set_handler(libc::SIGTERM, own_handler());
            return hangs_under(Termination::new().on_second_signal().timeout(2 * TIMEOUT), blocks);
        }
        role => panic!("{role}"),
    }
    let _logs = with_hundred_events();
    wait_to_be_ended();
}

/// A global container that is drained on SIGTERM and SIGINT.
fn with_hundred_events() -> fapilog::Global {
    let logs = global_with_hundred_events();
    Termination::new().timeout(2 * TIMEOUT).install().unwrap();
    logs
}

/// A global container that has an hour for its events.
fn global_with_hundred_events() -> fapilog::Global {
    let stdout = sink::Console::stdout(format::Json::new);
    let builder = Container::builder().flush_interval(Duration::from_secs(3600)).sink("stdout", stdout);
    let logs = fapilog::set_global(builder.start().unwrap()).unwrap();
    let long = "x".repeat(1000);
    (0..100).for_each(|number| info!("numbered", number, long = long.as_str()));
    logs
}

fn events(stdout: &str) -> usize {
    stdout.matches("\"message\":\"numbered\"").count()
}

#[test]
fn each_signal_drains_the_log_and_then_ends_the_process() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let child = Ready::start("waits", Stdio::piped());
        child.send(signal);
        let (ended_by, stdout) = child.end();
        assert_eq!((ended_by, events(&stdout)), (Some(signal), 100));
    }
}

#[test]
fn a_signal_that_the_process_ignores_stays_ignored() {
    let child = Ready::start("ignores SIGINT", Stdio::piped());
    child.send(libc::SIGINT);
    child.send(libc::SIGTERM);
    let (ended_by, stdout) = child.end();
    assert_eq!((ended_by, events(&stdout)), (Some(libc::SIGTERM), 100));
}

#[test]
fn a_handler_of_the_program_is_called_and_the_log_is_drained() {
    let mut child = Ready::start("has a handler", Stdio::piped());
    child.send(libc::SIGTERM);
    child.expect("handled");
    let (ended_by, stdout) = child.end();
    assert_eq!((ended_by, events(&stdout)), (Some(libc::SIGTERM), 100));
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    // Nobody reads the pipe, which holds 64 KiB: the drain would take a minute.
    let (_reader, writer) = std::io::pipe().unwrap();
    let child = Ready::start("waits", writer.into());
    assert_eq!(child.end_by_repeating(libc::SIGTERM), Some(libc::SIGTERM));
}

/// The last line is the only event of the helpers, with this level, message and signal.
#[track_caller]
fn assert_last_event(stdout: &str, level: &str, message: &str, signal: &str) {
    assert_eq!(stdout.lines().filter(|line| line.contains(r#""source":"fapilog-signals""#)).count(), 1, "{stdout}");
    let last = stdout.lines().rfind(|line| line.starts_with('{')).unwrap();
    for (key, text) in [("source", "fapilog-signals"), ("level", level), ("message", message), ("signal", signal)] {
        assert!(last.contains(&format!(r#""{key}":"{text}""#)), "{key}={text}: {last}");
    }
}

#[test]
fn the_last_event_before_the_drain_names_the_signal() {
    for (signal, name) in [(libc::SIGTERM, "SIGTERM"), (libc::SIGINT, "SIGINT")] {
        let child = Ready::start("waits", Stdio::piped());
        child.send(signal);
        assert_last_event(&child.end().1, "INFO", "a signal drains the log and ends the process", name);
    }
}

#[test]
fn a_second_signal_that_has_the_log_drained_is_a_warning_and_the_first_has_no_event() {
    let mut child = Ready::start("leaves the first signal", Stdio::piped());
    child.send(libc::SIGTERM);
    child.expect("handled");
    child.expect("counted");
    child.send(libc::SIGINT);
    child.expect("handled");
    let message = "a second signal drains the log and ends the process amid its shutdown";
    assert_last_event(&child.end().1, "WARNING", message, "SIGINT");
}

/// A function of the program does not come back from the log call of the helper.
fn has_a_field_that_hangs() {
    let builder = Container::builder().flush_interval(Duration::from_secs(3600));
    let builder = builder.sink("stdout", sink::Console::stdout(format::Json::new));
    let hangs_for_helpers = |_: &mut _| {
        while thread::current().name() == Some("fapilog-signals") {
            thread::park();
        }
    };
    let _logs = fapilog::set_global(builder.caller_fields(hangs_for_helpers).start().unwrap()).unwrap();
    Termination::new().timeout(Duration::from_millis(200)).install().unwrap();
    info!("numbered");
    wait_to_be_ended();
}

#[test]
fn a_function_of_the_program_that_hangs_in_the_event_of_the_signal_does_not_stop_the_drain() {
    let child = Ready::start("has a field that hangs", Stdio::piped());
    child.send(libc::SIGTERM);
    let (ended_by, stdout) = child.end();
    assert_eq!((ended_by, events(&stdout)), (Some(libc::SIGTERM), 1));
}

/// A delivery that does not come back.
fn blocks() -> Delivery {
    loop {
        thread::park();
    }
}

/// The sink never delivers the event.
fn hangs(timeout: Duration, deliver: fn() -> Delivery) {
    hangs_under(Termination::new().timeout(timeout), deliver);
}

fn hangs_under(termination: Termination, deliver: fn() -> Delivery) {
    let builder = Container::builder().sink("hangs", Scripted { deliver, rotate: at_once });
    let _logs = fapilog::set_global(builder.start().unwrap()).unwrap();
    termination.install().unwrap();
    info!("numbered");
    wait_to_be_ended();
}

#[test]
fn a_sink_that_hangs_delays_the_end_until_the_deadline() {
    for role in ["hangs for a moment", "blocks for a moment"] {
        let child = Ready::start(role, Stdio::piped());
        let start = Instant::now();
        child.send(libc::SIGTERM);
        assert_eq!(child.end().0, Some(libc::SIGTERM), "{role}");
        assert!(start.elapsed() < TIMEOUT / 2, "{role}: {:?}", start.elapsed());
    }
}

#[test]
fn a_second_signal_ends_the_process_at_once_also_while_a_sink_hangs() {
    for role in ["hangs", "blocks"] {
        let child = Ready::start(role, Stdio::piped());
        assert_eq!(child.end_by_repeating(libc::SIGTERM), Some(libc::SIGTERM), "{role}");
    }
}

#[test]
fn a_signal_that_is_named_twice_drains_the_log() {
    let child = Ready::start("names a signal twice", Stdio::piped());
    child.send(libc::SIGTERM);
    let (ended_by, stdout) = child.end();
    assert_eq!((ended_by, events(&stdout)), (Some(libc::SIGTERM), 100));
}

/// The global container has nothing to deliver. The other one is slow.
fn has_two_containers(termination: Termination) {
    let slow = || {
        thread::sleep(Duration::from_millis(300));
        eprintln!("delivered");
        at_once()
    };
    let start = |deliver| {
        let builder = Container::builder().flush_interval(Duration::from_secs(3600));
        builder.sink("scripted", Scripted { deliver, rotate: at_once }).start().unwrap()
    };
    let _logs = fapilog::set_global(start(at_once)).unwrap();
    let other = Arc::new(start(slow));
    termination.clone().install().unwrap();
    termination.container(&other).install().unwrap();
    info!(other.logger("other"), "slow");
    wait_to_be_ended();
}

#[test]
fn the_process_ends_when_the_last_of_its_containers_is_drained() {
    let mut child = Ready::start("has two containers", Stdio::piped());
    child.send(libc::SIGTERM);
    child.expect("delivered");
    assert_eq!(child.end().0, Some(libc::SIGTERM));
}

#[test]
fn the_process_ends_when_the_last_of_its_containers_is_drained_on_the_second_signal_too() {
    let mut child = Ready::start("has two containers and leaves the first signal", Stdio::piped());
    child.send(libc::SIGTERM);
    child.expect("handled");
    child.send(libc::SIGTERM);
    child.expect("handled");
    child.expect("delivered");
    assert_eq!(child.end().0, Some(libc::SIGTERM));
}

#[test]
fn a_first_signal_that_is_the_programs_drains_nothing_and_the_second_drains_the_log() {
    for second in [libc::SIGTERM, libc::SIGINT] {
        let mut child = Ready::start("leaves the first signal", Stdio::piped());
        child.send(libc::SIGTERM);
        child.expect("handled");
        child.expect("counted");
        assert!(child.child.try_wait().unwrap().is_none());
        child.send(second);
        child.expect("handled");
        let (ended_by, stdout) = child.end();
        assert_eq!((ended_by, events(&stdout)), (Some(second), 100));
    }
}

#[test]
fn a_third_signal_ends_the_process_at_once_where_the_first_is_the_programs() {
    let child = Ready::start("leaves the first signal and hangs", Stdio::piped());
    assert_eq!(child.end_by_repeating(libc::SIGTERM), Some(libc::SIGTERM));
}

/// The child forks, and its own child has no thread that would wait for the signal.
fn forks() {
    let _logs = with_hundred_events();
    // SAFETY: the forked child only waits for a signal.
    let forked = unsafe { libc::fork() };
    if forked == 0 {
        end_in_time();
        loop {
            // SAFETY: waits for a signal, and touches no memory.
            unsafe { libc::sleep(3600) };
        }
    }
    // SAFETY: the number is that of a child that is not waited for yet.
    assert_eq!(unsafe { libc::kill(forked, libc::SIGTERM) }, 0);
    let mut status = 0;
    // SAFETY: waits for that child; the pointer is to a local.
    assert_eq!(unsafe { libc::waitpid(forked, &raw mut status, 0) }, forked);
    assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGTERM, "{status:#x}");
    info!("numbered");
    ready();
    thread::sleep(2 * TIMEOUT);
}

#[test]
fn a_signal_ends_a_forked_child_and_its_parent_goes_on() {
    let child = Ready::start("forks", Stdio::piped());
    child.send(libc::SIGTERM);
    let (ended_by, stdout) = child.end();
    assert_eq!((ended_by, events(&stdout)), (Some(libc::SIGTERM), 101));
}

/// As in a container without an init, where the kernel does not end the process by SIGTERM.
#[test]
fn the_first_process_of_a_container_is_drained_and_exits_with_the_status_of_the_signal() {
    if !children::can_be_first_process() {
        eprintln!("not tested: this machine has no `unshare`, or does not allow it");
        return;
    }
    let mut child = Ready::start_as_first_process("ends itself", Stdio::piped());
    let mut stdout = String::new();
    child.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!((child.child.wait().unwrap().code(), events(&stdout)), (Some(128 + libc::SIGTERM), 100));
}

#[test]
fn a_termination_does_not_hold_its_container() {
    let (memory, events) = sink::Memory::new(format::Json::new);
    let logs = Arc::new(Container::builder().sink("memory", memory).start().unwrap());
    Termination::new().signals([libc::SIGUSR2]).container(&logs).install().unwrap();
    info!(logs.logger("app"), "drained when the program drops it");
    let container = Arc::into_inner(logs).unwrap();
    container.shutdown(TIMEOUT).unwrap().check().unwrap();
    assert_eq!(events.lines().len(), 1);
}

#[test]
fn a_signal_that_cannot_be_handled_is_an_error() {
    for signal in [0, libc::SIGKILL, libc::SIGSEGV, 1000] {
        let error = Termination::new().signals([signal]).install().unwrap_err();
        assert!(error.to_string().starts_with(&format!("signal {signal} cannot be handled; allowed are")), "{error}");
    }
}
