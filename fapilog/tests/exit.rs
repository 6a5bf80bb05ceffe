//! The ends of a process: each kind, in a child.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

mod law;

use std::{
    io::Read,
    process::{ExitStatus, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use fapilog::{
    Container, Logger,
    enrich::Enricher,
    error,
    event::Batch,
    format, info, panic_hook,
    plugin::PluginError,
    sink::{self, MemoryEvents},
};

const ROLE: &str = "EXIT_TEST_ROLE";

/// The status of a child that ends as it should.
const STATUS: i32 = 42;

/// No test in itself: the work of children.
#[test]
fn the_child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.as_str() {
        "exits" => exits(),
        "forgets" => forgets(),
        "drops the owner at once" => drops_the_owner_at_once(),
        "keeps a container in a static" => keeps_a_container_in_a_static(),
        "exits on a drain" => exits_on_a_drain(),
        "exits in a forked child" => exits_in_a_forked_child(),
        "has a logger in a static" => has_a_logger_in_a_static(),
        "aborts" => aborts(),
        "logs behind the shutdown" => logs_behind_the_shutdown(),
        "aborts behind a flush" => ends_behind_a_flush(|| std::process::abort()),
        "exits without handlers" => ends_behind_a_flush(exits_without_handlers),
        "is killed" => ends_behind_a_flush(|| raise(libc::SIGKILL)),
        "is terminated" => ends_behind_a_flush(|| raise(libc::SIGTERM)),
        "panics where no panic may leave" => panics_where_no_panic_may_leave(),
        role => panic!("{role}"),
    }
    std::process::exit(STATUS);
}

/// Runs a child. Returns its status, its log lines, and how long it took.
fn run(role: &str) -> (ExitStatus, Vec<String>, Duration) {
    let mut command = law::child("the_child", ROLE, role);
    let start = Instant::now();
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().filter_map(|line| line.find('{').map(|start| line[start..].to_owned())).collect();
    (output.status, lines, start.elapsed())
}

#[track_caller]
fn assert_all_is_logged(role: &str, lines: usize) {
    let (status, found, _) = run(role);
    assert_eq!((status.code(), found.len()), (Some(STATUS), lines), "{role}: {found:?}");
}

fn log_hundred() {
    (0..100).for_each(|number| info!("numbered", number));
}

fn exits() {
    let _logs = fapilog::init().unwrap();
    log_hundred();
    error!("the end");
    std::process::exit(STATUS);
}

#[test]
fn a_program_that_exits_in_the_middle_has_logged_everything() {
    assert_all_is_logged("exits", 101);
}

fn forgets() {
    let _forgotten = std::mem::ManuallyDrop::new(fapilog::init().unwrap());
    log_hundred();
}

#[test]
fn a_program_that_forgets_the_global_container_has_logged_everything() {
    assert_all_is_logged("forgets", 100);
}

fn drops_the_owner_at_once() {
    let _ = fapilog::init();
    log_hundred();
}

#[test]
fn a_program_that_drops_the_owner_at_once_has_logged_everything() {
    assert_all_is_logged("drops the owner at once", 100);
}

fn logs_behind_the_shutdown() {
    let logs = fapilog::init().unwrap();
    log_hundred();
    logs.shutdown(Duration::from_secs(5)).unwrap();
    (0..3).for_each(|number| info!("behind the shutdown", number));
}

#[test]
fn events_behind_the_shutdown_of_the_global_container_are_reported_at_the_exit() {
    let mut command = law::child("the_child", ROLE, "logs behind the shutdown");
    let stderr = String::from_utf8_lossy(&command.output().unwrap().stderr).into_owned();
    let report = "3 events are lost: they were logged behind the shutdown of their container";
    assert!(stderr.contains(report), "{stderr}");
}

fn keeps_a_container_in_a_static() {
    static LOGS: OnceLock<Container> = OnceLock::new();
    let builder = Container::builder().sink("stdout", sink::Console::stdout(format::Json::new)).drain_at_exit(true);
    let logs = LOGS.get_or_init(|| builder.start().unwrap());
    let log = logs.logger("static");
    (0..100).for_each(|number| info!(log, "numbered", number));
}

#[test]
fn a_container_in_a_static_is_drained_at_the_exit_if_it_asks_for_it() {
    assert_all_is_logged("keeps a container in a static", 100);
}

fn exits_on_a_drain() {
    struct Exits;
    impl Enricher for Exits {
        fn name(&self) -> &'static str {
            "exits"
        }

        fn enrich(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
            std::process::exit(STATUS)
        }
    }
    let (memory, _events): (_, MemoryEvents) = sink::Memory::new(format::Json::new);
    let logs = Container::builder().enricher(|_| Box::new(Exits)).sink("memory", memory).start().unwrap();
    let _logs = fapilog::set_global(logs).unwrap();
    info!("ends the process");
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_plugin_that_exits_on_a_drain_does_not_wait_for_itself() {
    let (status, _, took) = run("exits on a drain");
    assert!(status.code() == Some(STATUS) && took < Duration::from_secs(4), "{status}, {took:?}");
}

fn exits_in_a_forked_child() {
    let _logs = fapilog::init().unwrap();
    info!("in the parent");
    // SAFETY: the child calls `exit` alone.
    let child = unsafe { libc::fork() };
    if child == 0 {
        std::process::exit(0);
    }
    let mut status = 0;
    // SAFETY: the pointer is to a local.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0);
    info!("in the parent");
}

#[test]
fn a_forked_child_that_exits_leaves_the_parents_log_alone() {
    assert_all_is_logged("exits in a forked child", 2);
}

fn has_a_logger_in_a_static() {
    static LOG: std::sync::LazyLock<Logger> = std::sync::LazyLock::new(|| fapilog::logger("static"));
    info!(LOG, "lost");
    let _logs = fapilog::init().unwrap();
    (0..100).for_each(|number| info!(LOG, "numbered", number));
}

#[test]
fn a_logger_in_a_static_that_is_made_before_the_container_logs_to_it() {
    // With the report of the one that was lost before.
    assert_all_is_logged("has a logger in a static", 101);
}

fn aborts() {
    let _logs = fapilog::init().unwrap();
    log_hundred();
    std::process::abort();
}

#[test]
fn a_program_that_aborts_ends_at_once() {
    let (status, _, _) = run("aborts");
    assert!(!status.success());
}

/// The flushed events, and a few more for which the drain has an hour.
fn ends_behind_a_flush(end: fn()) {
    let _logs = with_an_hour();
    end();
}

fn with_an_hour() -> fapilog::Global {
    let stdout = sink::Console::stdout(format::Json::new);
    let builder = Container::builder().flush_interval(Duration::from_secs(3600)).sink("stdout", stdout);
    let logs = fapilog::set_global(builder.start().unwrap()).unwrap();
    log_hundred();
    logs.flush(law::TIMEOUT).unwrap();
    (0..10).for_each(|number| info!("numbered", number));
    logs
}

fn exits_without_handlers() {
    // SAFETY: ends the process at once.
    unsafe { libc::_exit(STATUS) };
}

fn raise(signal: i32) {
    // SAFETY: sends a signal to this very thread.
    unsafe { libc::raise(signal) };
}

#[test]
fn a_program_that_ends_at_once_has_logged_what_was_flushed() {
    for role in ["aborts behind a flush", "exits without handlers", "is killed", "is terminated"] {
        let (status, found, _) = run(role);
        assert!(!status.success() && found.len() == 100, "{role}: {status}, {} lines", found.len());
    }
}

fn panics_where_no_panic_may_leave() {
    extern "C" fn no_panic_may_leave() {
        panic!("on purpose");
    }
    let _logs = with_an_hour();
    let _hook = panic_hook::install(&fapilog::logger("panics"), panic_hook::Options::new());
    no_panic_may_leave();
}

#[test]
fn a_panic_that_aborts_has_logged_everything_by_the_panic_hook() {
    let (status, found, _) = run("panics where no panic may leave");
    // The first panic, and the one that reports that it may not leave.
    let panics = found.iter().filter(|line| line.contains("panicked: ")).count();
    assert!(!status.success() && panics >= 1, "{status}: {found:?}");
    assert_eq!(found.len() - panics, 110, "{found:?}");
}

#[test]
fn an_exit_waits_for_a_reader_that_has_stopped_for_a_few_seconds_only() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = law::child("the_child", ROLE, "exits");
    // Less room than the child logs.
    // SAFETY: the descriptor is the pipe's.
    assert_eq!(unsafe { libc::fcntl(std::os::fd::AsRawFd::as_raw_fd(&writer), libc::F_SETPIPE_SZ, 4096) }, 4096);
    let start = Instant::now();
    let mut child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let status = child.wait().unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert!(status.code() == Some(STATUS) && start.elapsed() < Duration::from_secs(20), "{status}");
    assert!(stderr.contains("events are lost: the container ended before they were delivered"), "{stderr}");
    drop(command);
    let mut found = String::new();
    reader.read_to_string(&mut found).unwrap();
}
