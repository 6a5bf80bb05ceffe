//! A forked child inherits the listener's value, and not its thread.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod support;

use std::net::{TcpListener, TcpStream};

use fapilog_prometheus::Exporter;
use support::{TIMEOUT, get, shut_down, started, until};

#[test]
fn a_forked_child_drops_the_listener_and_the_parent_goes_on_serving() {
    let (container, _events) = started();
    let exporter = Exporter::builder().container("app", &container).build().unwrap();
    let listener = exporter.listen("127.0.0.1:0").unwrap();
    let address = listener.address();
    // SAFETY: the child drops a value and exits, and runs no destructor of the test program.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        drop(listener);
        // Reading the figures takes no lock that a thread of the parent may hold.
        let has_figures = exporter.render(None).body().contains("fapilog_shards");
        // SAFETY: ends the process, and touches nothing.
        unsafe { libc::_exit(if has_figures { 7 } else { 1 }) };
    }
    let mut status = 0;
    until("the child has ended", || {
        // SAFETY: `status` is a valid place for the status.
        let ended = unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) };
        ended == child
    });
    assert_eq!((libc::WIFEXITED(status), libc::WEXITSTATUS(status)), (true, 7));
    assert_eq!(get(address, "/metrics", "").status(), "200");
    shut_down(&container);
}

/// The child has a copy of the socket that listens.
#[test]
fn a_listener_that_is_dropped_frees_its_port_also_while_a_forked_child_lives() {
    let (container, _events) = started();
    let listener = Exporter::builder().container("app", &container).build().unwrap().listen("127.0.0.1:0").unwrap();
    let address = listener.address();
    // SAFETY: the child waits for its end, and uses nothing.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        std::thread::sleep(TIMEOUT);
        // SAFETY: ends the process, and touches nothing.
        unsafe { libc::_exit(0) };
    }
    assert_eq!(get(address, "/metrics", "").status(), "200");
    drop(listener);
    let (is_open, bound) = (TcpStream::connect(address).is_ok(), TcpListener::bind(address));
    // SAFETY: the child made above, which has not been waited for.
    unsafe { libc::kill(child, libc::SIGKILL) };
    // SAFETY: waits for the child made above, and wants no status.
    assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
    assert!(!is_open, "peers connect to a socket that nobody serves");
    bound.unwrap();
    shut_down(&container);
}
