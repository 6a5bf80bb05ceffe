//! A forked child of a program with a console sink. A separate test program: a child has no thread of its parent.

mod console;
#[path = "../../testing/lines.rs"]
mod lines;

use std::{
    io, thread,
    time::{Duration, Instant},
};

use console::{TAKES_AT_MOST, read_all, shut_down_stuck, sink, wait_until_stuck};
use fapilog_engine::container::Container;
use lines::{TIMEOUT, builder, forked, log_bytes, log_line, shut_down};

#[test]
fn a_child_does_not_wait_for_its_parents_sink_and_can_have_its_own() {
    let (reader, writer) = io::pipe().unwrap();
    // A sink on a shard that the child can drop; its thread holds the line lock of the pipe, and is stuck.
    let (container, mut drain) = Container::builder().sink("console", sink(&writer, "parent")).start_manual().unwrap();
    let log = container.logger("test");
    log_bytes(&log, 200_001);
    container.request_flush();
    drain.run_until_idle();
    wait_until_stuck("parent");

    let mut parents = Some((container, drain));
    forked(|| {
        let start = Instant::now();
        drop(parents.take());
        let own = builder().sink("console", sink(&writer, "child")).start().unwrap();
        // Longer than the free part of the pipe's last page.
        log_line(&own.logger("test"), &"x".repeat(10_000));
        shut_down_stuck(&own, "console");
        start.elapsed() < TAKES_AT_MOST
    });

    let (container, mut drain) = parents.take().unwrap();
    drop(writer);
    let reader = read_all(reader);
    container.request_shutdown(Instant::now() + TIMEOUT);
    while !drain.has_ended() {
        drain.turn();
        thread::sleep(Duration::from_micros(100));
    }
    let accounts = container.accounts();
    accounts.check().unwrap();
    assert_eq!(accounts.delivered_total(), accounts.submitted);
    drop((container, drain));
    assert_eq!(reader.join().unwrap().len(), 200_001);
}

#[test]
fn a_child_can_write_to_the_pipe_that_its_parent_writes_to() {
    let (reader, writer) = io::pipe().unwrap();
    let container = builder().sink("console", sink(&writer, "family")).start().unwrap();
    log_line(&container.logger("test"), "parent");
    container.flush(TIMEOUT).unwrap();
    forked(|| {
        let own = builder().sink("console", sink(&writer, "child")).start().unwrap();
        log_line(&own.logger("test"), "child");
        shut_down(&own).delivered_total() == 1
    });
    log_line(&container.logger("test"), "parent");
    shut_down(&container);
    drop((container, writer));
    assert_eq!(read_all(reader).join().unwrap(), b"parent\nchild\nparent\n");
}
