//! The console sink and terminals: stopped, gone, and in order.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

mod console;
#[path = "../../testing/lines.rs"]
mod lines;

use std::{
    fs::File,
    io::Read,
    os::fd::{AsRawFd, FromRawFd},
};

use console::{assert_rests, flags, lost, shut_down_stuck, sink, wait_until_stuck};
use fapilog_engine::accounts::LossReason;
use fapilog_sink_memory::MemorySink;
use lines::{Lines, PATIENCE, builder, log_bytes, log_line, notices, shut_down, until};

/// A terminal that changes no byte, and its other end.
struct Terminal {
    master: File,
    slave: File,
}

impl Terminal {
    fn new() -> Self {
        let (mut master, mut slave) = (-1, -1);
        // SAFETY: plain numbers, for which zeros are a value.
        let mut mode: libc::termios = unsafe { std::mem::zeroed() };
        // SAFETY: changes the mode alone.
        unsafe { libc::cfmakeraw(&raw mut mode) };
        let (no_name, no_size) = (std::ptr::null_mut(), std::ptr::null());
        // SAFETY: writes both descriptors, and reads the mode.
        let opened = unsafe { libc::openpty(&raw mut master, &raw mut slave, no_name, &raw const mode, no_size) };
        assert_eq!(opened, 0, "{}", std::io::Error::last_os_error());
        // SAFETY: a new descriptor, which is nobody else's.
        let master = unsafe { File::from_raw_fd(master) };
        // SAFETY: as above.
        let slave = unsafe { File::from_raw_fd(slave) };
        Self { master, slave }
    }

    /// As ctrl-S and ctrl-Q do.
    fn flow(&self, action: libc::c_int) {
        // SAFETY: the descriptor is a terminal.
        assert_eq!(unsafe { libc::tcflow(self.slave.as_raw_fd(), action) }, 0);
    }

    fn read(&self, bytes: usize) -> Vec<u8> {
        let mut found = vec![0; bytes];
        (&self.master).read_exact(&mut found).unwrap();
        found
    }
}

#[test]
fn a_terminal_is_known_as_one_and_gets_the_bytes_in_order() {
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
    assert_eq!(notices(&container), "");
}

#[test]
fn a_pipe_is_no_terminal() {
    let (_reader, writer) = std::io::pipe().unwrap();
    assert!(!sink(&writer, "pipe").is_terminal());
}

#[test]
fn a_stopped_terminal_costs_what_it_does_not_take_and_nothing_else() {
    let terminal = Terminal::new();
    terminal.flow(libc::TCOOFF);
    let (memory, events) = MemorySink::new(|| Lines);
    let container = builder().sink("console", sink(&terminal.slave, "stopped")).sink("memory", memory).start().unwrap();
    let expected = log_bytes(&container.logger("test"), 500_001);
    until("the other sink has everything", || events.bytes().len() == expected.len());
    wait_until_stuck("stopped");
    assert_rests("stopped");
    shut_down_stuck(&container, "console");
}

#[test]
fn a_terminal_that_nobody_reads_holds_only_the_writing_thread_up() {
    let terminal = Terminal::new();
    let container = builder().sink("console", sink(&terminal.slave, "unread")).start().unwrap();
    log_bytes(&container.logger("test"), 500_001);
    wait_until_stuck("unread");
    assert_rests("unread");
    shut_down_stuck(&container, "console");
}

#[test]
fn a_terminal_that_goes_on_gets_everything() {
    let terminal = Terminal::new();
    terminal.flow(libc::TCOOFF);
    let container = builder().sink("console", sink(&terminal.slave, "resumed")).start().unwrap();
    let expected = log_bytes(&container.logger("test"), 200_001);
    wait_until_stuck("resumed");
    terminal.flow(libc::TCOON);
    assert!(terminal.read(expected.len()) == expected);
    shut_down(&container);
}

#[test]
fn a_terminal_that_has_hung_up_is_gone() {
    let Terminal { master, slave } = Terminal::new();
    let container = builder().sink("console", sink(&slave, "hung")).start().unwrap();
    drop(master);
    let log = container.logger("test");
    for _ in 0..2 {
        log_line(&log, "lost");
        assert!(container.flush(PATIENCE).is_err());
    }
    assert_rests("hung");
    let accounts = shut_down(&container);
    assert_eq!(lost(&accounts, "console", LossReason::SinkFailed), 2);
    let notices = notices(&container);
    assert!(notices.contains("nothing more is written to hung: Input/output error"), "{notices}");
}

#[test]
fn the_master_of_a_terminal_is_not_opened_anew_and_works_all_the_same() {
    let terminal = Terminal::new();
    let container = builder().sink("console", sink(&terminal.master, "master")).start().unwrap();
    log_line(&container.logger("test"), "typed");
    container.flush(PATIENCE).unwrap();
    let mut found = [0; 6];
    (&terminal.slave).read_exact(&mut found).unwrap();
    assert_eq!(&found, b"typed\n");
    assert!(notices(&container).contains("the terminal cannot be opened anew"), "{}", notices(&container));
    shut_down(&container);
}
