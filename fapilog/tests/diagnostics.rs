//! What the log says of itself never holds it up.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "all of this program is test code")]

mod law;

use std::{
    io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read, Write},
    iter,
    os::fd::AsRawFd,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
};

use fapilog::{
    Container, Level,
    error::FlushError,
    event::Batch,
    info,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};
use law::{TIMEOUT, thread_builder};

/// What a child is to do. Nothing, where it is not set.
const ROLE: &str = "FAPILOG_NOTICES_TEST_ROLE";
const READY: &str = "-- ready --";
/// Another exit status than the harness' own.
const ALL_WELL: i32 = 42;

/// Delivers nothing, for another reason each time.
#[derive(Default)]
struct Undelivered(u32);

impl SinkFactory for Undelivered {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(Self::default()))
    }
}

impl Sink for Undelivered {
    fn writer(&self) -> String {
        "none".to_owned()
    }
    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(1024))
    }
    fn encode(&mut self, _: &Batch<'_>, _: &mut Payload) {}
    fn deliver(&mut self, _: Payload) -> Delivery {
        self.0 += 1;
        Delivery::done(Err(SinkError::Other(format!("reason {}", self.0).into())))
    }
}

fn lose_one(container: &Container) {
    info!(container.logger("diagnostics"), "lost");
    let result = container.flush(TIMEOUT);
    assert!(matches!(result, Err(FlushError::Failed { .. })), "{result:?}");
}

/// Not a test of its own: what a child does, whose stderr nobody reads before it is ready.
#[test]
fn the_child() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let container = thread_builder()
        .diagnostics_to_stderr(Level::Trace)
        .sink("undelivered", Undelivered::default())
        .start()
        .unwrap();
    (0..3).for_each(|_| lose_one(&container));
    assert_eq!(container.diagnostics().len(), 3);
    println!("\n{READY}");
    io::stdin().lock().read_line(&mut String::new()).unwrap();
    lose_one(&container);
    // The harness has no more to say.
    std::process::exit(ALL_WELL);
}

fn child(stderr: PipeWriter) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_child", "--nocapture", "--test-threads=1"])
        .env(ROLE, "child")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .unwrap()
}

/// A pipe that takes nothing more, and how many bytes are in it.
fn full_pipe() -> (PipeReader, PipeWriter, usize) {
    let (reader, mut writer) = io::pipe().unwrap();
    set_flags(&writer, libc::O_NONBLOCK);
    let bytes = iter::from_fn(|| writer.write(&[b'.'; 4096]).ok()).sum();
    // It blocks again, as stderr does as a rule.
    set_flags(&writer, 0);
    (reader, writer, bytes)
}

fn set_flags(pipe: &PipeWriter, flags: libc::c_int) {
    // SAFETY: the descriptor is open, and setting its flags touches no memory.
    let status = unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, flags) };
    assert_eq!(status, 0);
}

/// What `wait` waits for. A child that hangs for too long is killed.
#[track_caller]
fn in_time<T: Send + 'static>(child: &mut Child, what: &str, wait: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(wait()));
    told.recv_timeout(TIMEOUT).unwrap_or_else(|_| {
        let _ = child.kill();
        panic!("waited in vain for {what}")
    })
}

#[test]
fn a_stderr_that_nobody_reads_holds_nothing_up_and_is_told_what_it_missed() {
    let (mut reader, writer, bytes) = full_pipe();
    let mut child = child(writer);
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    in_time(&mut child, "the child to go on", move || {
        said.find(|line| line.as_ref().unwrap() == READY).unwrap().unwrap()
    });
    // All that is in the pipe is what was in it before.
    reader.read_exact(&mut vec![0; bytes]).unwrap();
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let text = in_time(&mut child, "the child's last words", move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text).unwrap()
    });
    assert_eq!(child.wait().unwrap().code(), Some(ALL_WELL));
    // Each failure is a diagnostic; of emergencies there is one a second at most.
    let dropped =
        text.strip_prefix("fapilog: ").and_then(|text| text.split_once(" lines before this one were dropped"));
    let dropped: u32 = dropped.unwrap_or_else(|| panic!("{text}")).0.parse().unwrap();
    assert!(dropped >= 4, "{text}");
    assert!(text.contains("fapilog: undelivered: the sink failed: reason 4\n"), "{text}");
}
