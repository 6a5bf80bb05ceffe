//! A forked child inherits the listener's value, and not its thread.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod support;

use fapilog_prometheus::Exporter;
use support::{get, shut_down, started, until};

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
