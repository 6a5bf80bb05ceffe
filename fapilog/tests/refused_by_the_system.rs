//! Systems that refuse what an executor asks for: the container starts on a plain thread, or goes on on one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "all of this program is test code"
)]

mod law;

use std::{ffi::CString, process::Stdio, time::Duration};

use fapilog::{Container, container::Executor, info, sink::MemoryEvents};
use law::{TIMEOUT, memory, until};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

const ROLE: &str = "REFUSED_TEST_ROLE";

/// The status of a child whose test ran, and of a child that may not set the scene.
const DONE: i32 = 42;
const NOT_TESTED: i32 = 43;

/// No test in itself: the work of children.
#[test]
fn the_child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.as_str() {
        "register" => starts_without(libc::SYS_io_uring_register),
        "enter" => starts_without(libc::SYS_io_uring_enter),
        "setup" => starts_without(libc::SYS_io_uring_setup),
        "no topology" => starts_without_the_topology(),
        "later" => goes_on_without_io_uring(),
        "closed" => logs_after_all_descriptors_were_closed(),
        role => panic!("{role}"),
    }
    std::process::exit(DONE);
}

/// From now on the call fails with EPERM, on all threads of the process.
fn refuse(call: libc::c_long) {
    let rules = [(call, Vec::new())].into_iter().collect();
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let target = std::env::consts::ARCH.try_into().unwrap();
    let filter: BpfProgram =
        SeccompFilter::new(rules, SeccompAction::Allow, refused, target).unwrap().try_into().unwrap();
    seccompiler::apply_filter_all_threads(&filter).unwrap();
}

/// Runs a child in this role, and returns what it wrote to its standard error; `None` where it may not set the scene.
fn run(role: &str) -> Option<String> {
    let mut command = law::child("the_child", ROLE, role);
    let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(DONE) => Some(stderr),
        Some(NOT_TESTED) => None,
        _ => panic!("{role}: {}: {stderr}", output.status),
    }
}

fn log_one(container: &Container) {
    info!(container.logger("refused"), "logged");
    container.flush(TIMEOUT).unwrap();
}

fn starts_without(call: libc::c_long) {
    refuse(call);
    let (sink, events) = memory();
    let container = Container::builder().sink("memory", sink).start().unwrap();
    assert_eq!(container.executor(), Some(Executor::Thread));
    let diagnostics = container.diagnostics();
    let reason = if cfg!(feature = "glommio") { "io_uring is not available" } else { "the library was built without" };
    assert!(diagnostics[0].text.starts_with(&format!("thread instead of glommio: {reason}")), "{diagnostics:?}");
    log_one(&container);
    assert_eq!(events.lines().len(), 1);
}

#[test]
fn a_container_starts_where_any_call_of_io_uring_is_refused() {
    for role in ["setup", "register", "enter"] {
        assert!(!run(role).unwrap().contains("panicked"), "{role}");
    }
}

/// Hides `/sys` from this process, which needs the rights of root.
fn hide_sys() -> bool {
    let (tmpfs, sys, root) =
        (CString::new("tmpfs").unwrap(), CString::new("/sys").unwrap(), CString::new("/").unwrap());
    let private = libc::MS_REC | libc::MS_PRIVATE;
    let null = std::ptr::null();
    // SAFETY: takes a number and touches no memory of ours.
    let is_apart = unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0;
    // SAFETY: the text ends with zero and outlives the call; null stands for no text and no data.
    let is_private =
        is_apart && unsafe { libc::mount(std::ptr::null(), root.as_ptr(), std::ptr::null(), private, null) } == 0;
    // SAFETY: the texts end with zero and outlive the call; null stands for no data.
    is_private && unsafe { libc::mount(tmpfs.as_ptr(), sys.as_ptr(), tmpfs.as_ptr(), 0, null) } == 0
}

fn starts_without_the_topology() {
    if !hide_sys() {
        std::process::exit(NOT_TESTED);
    }
    let (sink, events) = memory();
    let container = Container::builder().sink("memory", sink).start().unwrap();
    log_one(&container);
    assert_eq!(events.lines().len(), 1);
}

#[test]
fn a_container_starts_where_the_topology_of_the_machine_is_hidden() {
    match run("no topology") {
        Some(stderr) => assert!(!stderr.contains("panicked"), "{stderr}"),
        None => eprintln!("NOT TESTED: this user may not mount"),
    }
}

/// A container whose drain runs on glommio, and has delivered an event.
fn on_glommio() -> (Container, MemoryEvents) {
    let (sink, events) = memory();
    let container = Container::builder().sink("memory", sink).start().unwrap();
    if container.executor() != Some(Executor::Glommio) {
        std::process::exit(NOT_TESTED);
    }
    log_one(&container);
    (container, events)
}

fn goes_on_without_io_uring() {
    let (container, events) = on_glommio();
    refuse(libc::SYS_io_uring_enter);
    let log = container.logger("refused");
    for number in 0..100 {
        info!(log, "still logged", number);
        std::thread::sleep(Duration::from_millis(1));
    }
    until("all is delivered", || events.lines().len() == 101);
    container.flush(TIMEOUT).unwrap();
    law::shut_down(&container);
}

fn logs_after_all_descriptors_were_closed() {
    let (container, events) = on_glommio();
    // Long enough for the drain to be parked: the next call wakes it.
    std::thread::sleep(Duration::from_millis(300));
    for descriptor in 3..1024 {
        // SAFETY: takes a number and touches no memory of ours; nothing of this test uses a descriptor from now on.
        unsafe { libc::close(descriptor) };
    }
    let log = container.logger("refused");
    for number in 0..100 {
        info!(log, "still logged", number);
    }
    until("all is delivered", || events.lines().len() == 101);
    let diagnostics = container.diagnostics();
    assert!(diagnostics.iter().any(|known| known.about == "executor"), "{diagnostics:?}");
    // Its descriptors are not its own any more.
    let _left = std::mem::ManuallyDrop::new(container);
}

#[test]
fn a_log_call_does_not_panic_where_the_descriptors_of_glommio_are_gone() {
    if run("closed").is_none() {
        eprintln!("NOT TESTED: glommio is not available");
    }
}

#[test]
fn a_drain_whose_executor_panics_goes_on_without_it_and_reports_that() {
    match run("later") {
        Some(stderr) => {
            let expected = "fapilog: emergency: glommio panicked: the drain goes on without it, on a plain thread";
            assert!(stderr.contains(expected), "{stderr}");
        }
        None => eprintln!("NOT TESTED: glommio is not available"),
    }
}
