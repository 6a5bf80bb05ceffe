//! The console sink with pipes, sockets and files, with a reader and without.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

mod console;
#[path = "../../testing/lines.rs"]
mod lines;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::net::UnixStream,
    thread,
    time::Duration,
};

use console::{
    QUEUE_BYTES_MIN, assert_sleeps, flags, lost, read_all, set_nonblocking, shrink, shut_down_stuck, sink,
    wait_until_stuck,
};
use fapilog_engine::{
    accounts::LossReason,
    container::{Container, SinkOptions},
    error::StartError,
    executor::Executor,
};
use fapilog_plugin::sink::OnFull;
use fapilog_sink_console::Console;
use fapilog_sink_memory::Memory;
use lines::{
    MessageLines, TIMEOUT, assert_holds, builder, diagnostics, directory, log_bytes, log_line, of_program, shut_down,
    until,
};
use rustix::io::ioctl_fionread;

#[track_caller]
fn assert_same(found: &[u8], expected: &[u8]) {
    let differs = found.iter().zip(expected).position(|(one, other)| one != other);
    assert!(found == expected, "lengths {} and {}, first difference at {differs:?}", found.len(), expected.len());
}

#[test]
fn bytes_arrive_whole_and_in_order() {
    let (reader, writer) = io::pipe().unwrap();
    let reader = read_all(reader);
    let container = builder().sink("console", sink(&writer, "whole")).start().unwrap();
    drop(writer);
    let expected = log_bytes(&container.logger("test"), 3_000_001);
    let accounts = shut_down(&container);
    assert_same(&reader.join().unwrap(), &expected);
    assert_eq!((accounts.sinks[0].bytes, accounts.sinks[0].writer.as_str()), (3_000_001, "whole, pipe"));
}

/// The content of a file with `before` in it, once a line is logged to this descriptor of it.
fn logged_to_file(before: &str, open: &mut OpenOptions) -> String {
    let directory = directory();
    let path = directory.path().join("redirected");
    fs::write(&path, before).unwrap();
    let file = open.open(&path).unwrap();
    let container = builder().sink("console", sink(&file, "file")).start().unwrap();
    log_line(&container.logger("test"), "line");
    shut_down(&container);
    fs::read_to_string(&path).unwrap()
}

#[test]
fn a_line_that_the_file_ends_in_without_an_end_is_ended_first() {
    assert_eq!(logged_to_file("torn", OpenOptions::new().append(true)), "torn\nline\n");
    assert_eq!(logged_to_file("whole\n", OpenOptions::new().append(true)), "whole\nline\n");
    assert_eq!(logged_to_file("", OpenOptions::new().append(true)), "line\n");
}

#[test]
fn the_place_of_the_descriptor_decides_whether_a_line_is_continued() {
    assert_eq!(logged_to_file("overwritten", OpenOptions::new().write(true)), "line\nritten");
}

#[test]
fn a_glommio_executor_is_woken_when_a_payload_is_written() {
    let (reader, writer) = io::pipe().unwrap();
    let reader = read_all(reader);
    let console = sink(&writer, "glommio").queue_capacity_bytes(QUEUE_BYTES_MIN);
    // A full queue blocks the drain: every payload is waited for.
    let builder =
        builder().executor(Executor::Glommio).sink_with("console", console, SinkOptions::new().on_full(OnFull::Block));
    let container = match builder.start() {
        Err(error @ StartError::Glommio { .. }) => return eprintln!("NOT TESTED on glommio: {error:?}"),
        started => started.unwrap(),
    };
    drop(writer);
    let expected = log_bytes(&container.logger("test"), 3_000_001);
    container.flush(TIMEOUT).unwrap();
    shut_down(&container);
    assert_same(&reader.join().unwrap(), &expected);
}

#[test]
fn a_flush_returns_when_everything_is_in_the_pipe() {
    let (mut reader, writer) = io::pipe().unwrap();
    let container = builder().sink("console", sink(&writer, "flushed")).start().unwrap();
    let log = container.logger("test");
    for text in ["first\n", "second\n"] {
        log_line(&log, text.trim_end());
        container.flush(TIMEOUT).unwrap();
        let mut found = vec![0; text.len()];
        reader.read_exact(&mut found).unwrap();
        assert_eq!(found, text.as_bytes());
    }
    shut_down(&container);
}

#[test]
fn a_reader_that_takes_a_byte_at_a_time_and_then_everything_gets_every_event() {
    let (mut reader, writer) = io::pipe().unwrap();
    let container = builder().sink("console", sink(&writer, "slow")).start().unwrap();
    drop(writer);
    let expected = log_bytes(&container.logger("test"), 2_000_001);
    let mut found = Vec::new();
    for _ in 0..10_000 {
        let mut byte = [0];
        reader.read_exact(&mut byte).unwrap();
        found.extend(byte);
    }
    let reader = read_all(reader);
    shut_down(&container);
    found.extend(reader.join().unwrap());
    assert_same(&found, &expected);
}

#[test]
fn a_pipe_without_reads_costs_the_events_it_does_not_take_and_no_others() {
    let (_reader, writer) = io::pipe().unwrap();
    let (memory, events) = Memory::new(|| MessageLines);
    let stuck = sink(&writer, "stuck").queue_capacity_bytes(2 * QUEUE_BYTES_MIN);
    let container = builder().sink("console", stuck).sink("memory", memory).start().unwrap();
    // The threads wait until the stuck sink has held the other back for a second.
    let expected = log_bytes(&container.logger("test"), 2_000_001);
    until("the other sink has everything", || of_program(&events.bytes()).len() == expected.len());
    wait_until_stuck("stuck");
    assert_sleeps("stuck");
    until("the other sink has a report", || events.lines().iter().any(|line| line.contains("lost at sink console")));
    let accounts = shut_down_stuck(&container, "console");
    assert!(of_program(&events.bytes()) == expected);
    assert!(lost(&accounts, "console", LossReason::SinkBusy) > 0, "{accounts}");
}

#[test]
fn a_reader_that_is_slow_gets_every_event() {
    // A page each 2 ms: a wait of a thread for space ends after 50 ms, on a busy machine, too.
    let (mut reader, writer) = io::pipe().unwrap();
    shrink(&writer);
    let console = sink(&writer, "slow-reader").queue_capacity_bytes(QUEUE_BYTES_MIN);
    let builder = Container::builder().executor(Executor::Thread).ring_capacity_bytes(64 << 10);
    let container = builder.sink("console", console).start().unwrap();
    drop(writer);
    let reader = thread::spawn(move || {
        let (mut all, mut page) = (Vec::new(), [0; 4096]);
        loop {
            match reader.read(&mut page).unwrap() {
                0 => return all,
                bytes => all.extend_from_slice(&page[..bytes]),
            }
            thread::sleep(Duration::from_millis(2));
        }
    });
    let expected = log_bytes(&container.logger("test"), 500_001);
    let accounts = shut_down(&container);
    assert_eq!(accounts.lost_total(), 0, "{accounts}");
    assert_same(&reader.join().unwrap(), &expected);
}

#[test]
fn a_shutdown_waits_for_a_reader_that_comes_late() {
    let (reader, writer) = io::pipe().unwrap();
    let container = builder().sink("console", sink(&writer, "late")).start().unwrap();
    drop(writer);
    let expected = log_bytes(&container.logger("test"), 1_000_001);
    let found = thread::scope(|scope| {
        let shutdown = scope.spawn(|| shut_down(&container));
        wait_until_stuck("late");
        let reader = read_all(reader);
        shutdown.join().unwrap();
        reader.join().unwrap()
    });
    assert_same(&found, &expected);
}

#[test]
fn a_reader_that_closes_is_an_error_and_the_thread_sleeps() {
    let (reader, writer) = io::pipe().unwrap();
    let container = builder().sink("console", sink(&writer, "closed")).start().unwrap();
    let log = container.logger("test");
    log_line(&log, "read");
    container.flush(TIMEOUT).unwrap();
    drop(reader);
    for _ in 0..3 {
        log_line(&log, "not read");
        assert!(container.flush(TIMEOUT).is_err());
    }
    assert_sleeps("closed");
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), lost(&accounts, "console", LossReason::SinkFailed)), (1, 3));
    let diagnostics = diagnostics(&container);
    assert!(diagnostics.contains("writing to closed has ended: Broken pipe"), "{diagnostics}");
    // The two errors, and the losses.
    assert_eq!(diagnostics.lines().count(), 3, "{diagnostics}");
}

#[test]
fn a_reader_that_closes_while_the_pipe_is_full_ends_the_wait() {
    let (reader, writer) = io::pipe().unwrap();
    let container = builder().sink("console", sink(&writer, "full-closed")).start().unwrap();
    log_bytes(&container.logger("test"), 1_000_001);
    wait_until_stuck("full-closed");
    drop(reader);
    let accounts = shut_down(&container);
    assert!(lost(&accounts, "console", LossReason::SinkFailed) > 0, "{accounts}");
}

#[test]
fn a_nonblocking_descriptor_is_polled_and_keeps_its_flags() {
    let (mut reader, writer) = io::pipe().unwrap();
    set_nonblocking(&writer);
    let flags_before = flags(&writer);
    let container = builder().sink("console", sink(&writer, "nonblock")).start().unwrap();
    let expected = log_bytes(&container.logger("test"), 1_000_001);
    wait_until_stuck("nonblock");
    assert_sleeps("nonblock");
    assert_eq!(flags(&writer), flags_before);
    drop(writer);
    let mut found = vec![0; 1];
    reader.read_exact(&mut found).unwrap();
    let reader = read_all(reader);
    shut_down(&container);
    found.extend(reader.join().unwrap());
    assert_same(&found, &expected);
}

#[test]
fn a_redirection_to_a_file_continues_at_the_offset_of_the_program() {
    let directory = directory();
    let path = directory.path().join("redirected.log");
    fs::write(&path, "before\nlonger than what the program has written\n").unwrap();
    let mut file = File::options().write(true).open(&path).unwrap();
    file.write_all(b"before\n").unwrap();
    let container = builder().sink("console", sink(&file, "redirected")).start().unwrap();
    let mut expected = b"before\n".to_vec();
    expected.extend(log_bytes(&container.logger("test"), 1_000_001));
    let accounts = shut_down(&container);
    assert_holds(&path, &expected);
    assert_eq!(accounts.sinks[0].writer, "redirected, file");
    assert_eq!(file.stream_position().unwrap(), expected.len() as u64);
}

#[test]
fn a_redirection_that_appends_appends() {
    let directory = directory();
    let path = directory.path().join("appended.log");
    fs::write(&path, "before\n").unwrap();
    let file = OpenOptions::new().append(true).open(&path).unwrap();
    let container = builder().sink("console", sink(&file, "appended")).start().unwrap();
    let mut expected = b"before\n".to_vec();
    expected.extend(log_bytes(&container.logger("test"), 100_001));
    shut_down(&container);
    assert_holds(&path, &expected);
}

#[test]
fn a_full_device_gets_every_payload_and_its_losses_are_counted() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let container = builder().sink("console", sink(&full, "full")).start().unwrap();
    let log = container.logger("test");
    for _ in 0..3 {
        log_line(&log, "lost");
        assert!(container.flush(TIMEOUT).is_err());
    }
    let accounts = shut_down(&container);
    assert_eq!(lost(&accounts, "console", LossReason::SinkFailed), 3);
    let diagnostics = diagnostics(&container);
    assert!(diagnostics.contains("cannot write to full: No space left on device"), "{diagnostics}");
    assert!(!diagnostics.contains("has ended"), "{diagnostics}");
}

#[test]
fn a_socket_is_written_to_and_may_be_stuck_as_well() {
    let (peer, socket) = UnixStream::pair().unwrap();
    let (memory, events) = Memory::new(|| MessageLines);
    let container = builder().sink("console", sink(&socket, "socket")).sink("memory", memory).start().unwrap();
    let expected = log_bytes(&container.logger("test"), 1_000_001);
    until("the other sink has everything", || of_program(&events.bytes()).len() == expected.len());
    wait_until_stuck("socket");
    assert_sleeps("socket");
    drop(socket);
    let reader = read_all(peer);
    shut_down(&container);
    assert_same(&reader.join().unwrap(), &expected);
}

/// Logs lines of many lengths, shorter and longer than a page and than the pipe, of the character of their writer.
fn log_patterns(container: &Container, who: char) -> usize {
    let log = container.logger("test");
    let lengths = [1, 10, 4095, 4096, 4097, 100, 9000, 30_000];
    let lines = 40 * lengths.len();
    for (length, _) in lengths.iter().cycle().zip(0..lines) {
        log_line(&log, &who.to_string().repeat(*length));
    }
    lines
}

#[track_caller]
fn assert_lines_are_whole(found: &[u8], expected_lines: usize) {
    let found = std::str::from_utf8(found).unwrap();
    let torn = found.lines().find(|line| line.chars().any(|character| !line.starts_with(character)));
    assert!(torn.is_none(), "{torn:?}");
    assert_eq!(found.lines().count(), expected_lines);
}

#[test]
fn two_containers_on_one_pipe_never_interleave_within_a_line() {
    let (reader, writer) = io::pipe().unwrap();
    shrink(&writer);
    let reader = read_all(reader);
    let containers = ['a', 'b'].map(|who| {
        let console = sink(&writer, &format!("both-{who}")).queue_capacity_bytes(64 << 20);
        (builder().sink("console", console).start().unwrap(), who)
    });
    drop(writer);
    let lines: usize = thread::scope(|scope| {
        let logging = containers.each_ref().map(|(container, who)| scope.spawn(|| log_patterns(container, *who)));
        logging.map(|thread| thread.join().unwrap()).iter().sum()
    });
    containers.iter().for_each(|(container, _)| _ = shut_down(container));
    assert_lines_are_whole(&reader.join().unwrap(), lines);
}

#[test]
fn two_shards_on_one_socket_never_interleave_within_a_line() {
    let (peer, socket) = UnixStream::pair().unwrap();
    let reader = read_all(peer);
    let console = sink(&socket, "shards").queue_capacity_bytes(64 << 20);
    let container = builder().shards(2).sink("console", console).start().unwrap();
    drop(socket);
    let lines: usize = thread::scope(|scope| {
        let container = &container;
        let logging = ['a', 'b', 'c', 'd'].map(|who| scope.spawn(move || log_patterns(container, who)));
        logging.map(|thread| thread.join().unwrap()).iter().sum()
    });
    shut_down(&container);
    assert_lines_are_whole(&reader.join().unwrap(), lines);
}

#[test]
fn two_containers_on_one_stuck_pipe_both_end_in_time() {
    let (_reader, writer) = io::pipe().unwrap();
    let containers = ["one", "other"].map(|name| builder().sink("console", sink(&writer, name)).start().unwrap());
    containers.iter().for_each(|container| _ = log_bytes(&container.logger("test"), 200_001));
    containers.iter().for_each(|container| _ = shut_down_stuck(container, "console"));
}

#[test]
fn bytes_after_an_abandoned_line_begin_on_a_new_line() {
    let (reader, writer) = io::pipe().unwrap();
    shrink(&writer);
    let first = builder().sink("console", sink(&writer, "first")).start().unwrap();
    let second = builder().sink("console", sink(&writer, "second")).start().unwrap();
    drop(writer);
    log_line(&first.logger("test"), &"x".repeat(10_000));
    shut_down_stuck(&first, "console");
    log_line(&second.logger("test"), "whole");
    let reader = read_all(reader);
    shut_down(&second);
    assert_same(&reader.join().unwrap(), format!("{}\nwhole\n", "x".repeat(4096)).as_bytes());
}

#[test]
fn lines_that_a_pipe_has_taken_are_delivered_though_their_payload_is_not() {
    let (reader, writer) = io::pipe().unwrap();
    shrink(&writer);
    let container = builder().sink("console", sink(&writer, "partly")).start().unwrap();
    drop(writer);
    let expected = log_bytes(&container.logger("test"), 50_001);
    // It may hold the front of a fifth line, too.
    until("the pipe has no room for a line", || ioctl_fionread(&reader).unwrap() >= 4 * 997);
    let accounts = shut_down_stuck(&container, "console");
    drop(container);
    let found = read_all(reader).join().unwrap();
    assert!(expected.starts_with(&found));
    let lines = found.iter().filter(|byte| **byte == b'\n').count();
    let sink = &accounts.sinks[0];
    assert_eq!((lines, sink.delivered, sink.bytes), (4, 4, 4 * 997));
}

#[test]
fn all_invalid_settings_are_reported() {
    let null = File::options().write(true).open("/dev/null").unwrap();
    let wrong = Console::descriptor(null, "no good", || MessageLines).queue_capacity_bytes(1);
    let Err(StartError::Settings(error)) = builder().sink("console", wrong).start() else { unreachable!() };
    let text = error.to_string();
    assert!(text.contains("name") && text.contains("no good"), "{text}");
    assert!(text.contains("queue_capacity_bytes") && text.contains("65536 to 1073741824"), "{text}");
}
