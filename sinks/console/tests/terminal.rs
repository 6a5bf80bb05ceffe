//! The console sink with terminals: working, stopped and closed.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

mod console;
#[path = "../../testing/lines.rs"]
mod lines;

use std::{fs::File, io::Read};

use console::{assert_sleeps, flags, lost, shut_down_stuck, sink, wait_until_stuck};
use fapilog_engine::accounts::LossReason;
use fapilog_sink_memory::Memory;
use lines::{MessageLines, TIMEOUT, builder, diagnostics, log_bytes, log_line, of_program, shut_down, until};
use rustix::{
    pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{Action, OptionalActions, tcflow, tcgetattr, tcsetattr},
};

/// A terminal that changes no byte, and its other end.
struct Terminal {
    master: File,
    slave: File,
}

impl Terminal {
    fn new() -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        unlockpt(&master).unwrap();
        let slave = ioctl_tiocgptpeer(&master, flags).unwrap();
        let mut mode = tcgetattr(&slave).unwrap();
        mode.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &mode).unwrap();
        Self { master: master.into(), slave: slave.into() }
    }

    /// The effect of ctrl-S and ctrl-Q.
    fn flow(&self, action: Action) {
        tcflow(&self.slave, action).unwrap();
    }

    fn read(&self, bytes: usize) -> Vec<u8> {
        let mut found = vec![0; bytes];
        (&self.master).read_exact(&mut found).unwrap();
        found
    }
}

#[test]
fn a_terminal_is_recognized_and_gets_the_bytes_in_order() {
    let terminal = Terminal::new();
    let flags_before = flags(&terminal.slave);
    let console = sink(&terminal.slave, "terminal");
    assert!(console.is_terminal());
    let container = builder().sink("console", console).start().unwrap();
    let expected = log_bytes(&container.logger("test"), 300_001);
    assert!(terminal.read(expected.len()) == expected);
    let accounts = shut_down(&container);
    assert_eq!(accounts.sinks.iter().map(|sink| sink.writer.as_str()).collect::<Vec<_>>(), ["terminal, terminal"]);
    assert_eq!(flags(&terminal.slave), flags_before, "the shell's flags");
    assert_eq!(diagnostics(&container), "");
}

#[test]
fn a_pipe_is_no_terminal() {
    let (_reader, writer) = std::io::pipe().unwrap();
    assert!(!sink(&writer, "pipe").is_terminal());
}

#[test]
fn a_stopped_terminal_costs_the_events_it_does_not_take_and_no_others() {
    let terminal = Terminal::new();
    terminal.flow(Action::OOff);
    let (memory, events) = Memory::new(|| MessageLines);
    let container = builder().sink("console", sink(&terminal.slave, "stopped")).sink("memory", memory).start().unwrap();
    let expected = log_bytes(&container.logger("test"), 500_001);
    until("the other sink has everything", || of_program(&events.bytes()).len() == expected.len());
    wait_until_stuck("stopped");
    assert_sleeps("stopped");
    shut_down_stuck(&container, "console");
}

#[test]
fn a_terminal_without_reads_blocks_only_the_writing_thread() {
    let terminal = Terminal::new();
    let container = builder().sink("console", sink(&terminal.slave, "unread")).start().unwrap();
    log_bytes(&container.logger("test"), 500_001);
    wait_until_stuck("unread");
    assert_sleeps("unread");
    shut_down_stuck(&container, "console");
}

#[test]
fn a_terminal_that_goes_on_gets_everything() {
    let terminal = Terminal::new();
    terminal.flow(Action::OOff);
    let container = builder().sink("console", sink(&terminal.slave, "resumed")).start().unwrap();
    let expected = log_bytes(&container.logger("test"), 200_001);
    wait_until_stuck("resumed");
    terminal.flow(Action::OOn);
    assert!(terminal.read(expected.len()) == expected);
    shut_down(&container);
}

#[test]
fn a_terminal_that_has_hung_up_is_closed() {
    let Terminal { master, slave } = Terminal::new();
    let container = builder().sink("console", sink(&slave, "hung")).start().unwrap();
    drop(master);
    let log = container.logger("test");
    for _ in 0..2 {
        log_line(&log, "lost");
        assert!(container.flush(TIMEOUT).is_err());
    }
    assert_sleeps("hung");
    let accounts = shut_down(&container);
    assert_eq!(lost(&accounts, "console", LossReason::SinkFailed), 2);
    let diagnostics = diagnostics(&container);
    assert!(diagnostics.contains("writing to hung has ended: Input/output error"), "{diagnostics}");
}

#[test]
fn the_master_of_a_terminal_is_not_reopened_and_works() {
    let terminal = Terminal::new();
    let container = builder().sink("console", sink(&terminal.master, "master")).start().unwrap();
    log_line(&container.logger("test"), "typed");
    container.flush(TIMEOUT).unwrap();
    let mut found = [0; 6];
    (&terminal.slave).read_exact(&mut found).unwrap();
    assert_eq!(&found, b"typed\n");
    assert!(diagnostics(&container).contains("the terminal cannot be reopened"), "{}", diagnostics(&container));
    shut_down(&container);
}
