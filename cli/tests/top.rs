//! `fapilog top`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod command;
mod served;

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use command::{fapilog, json, run, stderr, stdout};
use fapilog::info;
use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};
use served::ServedContainer;

const TIMEOUT: Duration = Duration::from_secs(30);

#[test]
fn the_figures_of_an_interval_are_shown_once() {
    let served = ServedContainer::start();
    (0..100).for_each(|number| info!(served.container.logger("app"), "an event", number));
    served.container.flush(TIMEOUT).unwrap();
    let output = run(&["top", "--once", "--interval", "100ms", "--socket", served.socket()]);
    let text = stdout(&output);
    for part in [
        "100 submitted = 100 delivered + 0 filtered + 0 lost + 0 pending",
        "losses     none",
        "memory  closed",
        "timestamp    enricher   active",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains('\x1b'), "{text:?}");
    assert_eq!(output.status.code(), Some(0));
    served.end();
}

#[test]
fn json_has_the_metrics_the_levels_and_the_process() {
    let served = ServedContainer::start();
    let look = json(&run(&["top", "--once", "--json", "--socket", served.socket()]));
    assert_eq!(look["info"]["pid"], std::process::id());
    assert_eq!(look["levels"]["directives"], "INFO");
    assert_eq!(look["metrics"]["accounts"]["submitted"], 0);
    served.end();
}

#[test]
fn frames_follow_one_another_in_a_pipe_until_the_reader_is_gone() {
    let served = ServedContainer::start();
    let mut command = fapilog();
    command.args(["top", "--interval", "100ms", "--socket", served.socket()]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while text.matches("events/s").count() < 2 {
        let count = out.read(&mut buffer).unwrap();
        assert!(count > 0, "{text}");
        text += std::str::from_utf8(&buffer[..count]).unwrap_or_default();
    }
    drop(out);
    let status = ended(&mut child);
    assert_eq!(status, Some(141));
    served.end();
}

#[test]
fn a_program_that_ends_ends_it_with_the_reason() {
    let served = ServedContainer::start();
    let mut command = fapilog();
    command.args(["top", "--interval", "100ms", "--socket", served.socket()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The first frame.
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 10]).unwrap();
    served.end();
    let output = child.wait_with_output().unwrap();
    assert!(stderr(&output).contains("the process has ended, or stopped its control socket"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_interval_that_is_too_short_is_refused() {
    let output = run(&["top", "--interval", "1ms", "--pid", "1"]);
    assert!(stderr(&output).contains("such as 90s, 10m or 1h30m, and at least 100ms"));
    assert_eq!(output.status.code(), Some(2));
}

/// The exit code, once it has ended.
#[track_caller]
fn ended(child: &mut Child) -> Option<i32> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(start.elapsed() < TIMEOUT, "it does not end");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The command on a terminal, of which this holds the other end.
struct OnTerminal {
    terminal: File,
    /// Kept open: the modes of the terminal are read from it.
    own_end: OwnedFd,
    child: Child,
    seen: String,
}

impl OnTerminal {
    fn start(socket: &str) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
        let own_end = File::options().read(true).write(true).open(name).unwrap();
        tcsetwinsize(&own_end, Winsize { ws_row: 40, ws_col: 60, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let [stdin, out] = [(); 2].map(|()| own_end.try_clone().unwrap());
        let mut command = fapilog();
        command.args(["top", "--interval", "100ms", "--socket", socket]);
        let child = command.stdin(stdin).stdout(out).spawn().unwrap();
        Self { terminal: terminal.into(), own_end: own_end.into(), child, seen: String::new() }
    }

    /// Reads until the output has this text.
    #[track_caller]
    fn wait_for(&mut self, text: &str) {
        let mut buffer = [0; 4096];
        while !self.seen.contains(text) {
            let count = self.terminal.read(&mut buffer).unwrap();
            self.seen += &String::from_utf8_lossy(&buffer[..count]);
        }
    }

    fn has_echo(&self) -> bool {
        tcgetattr(&self.own_end).unwrap().local_modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }

    /// The command has ended well, and the terminal is as it was.
    #[track_caller]
    fn assert_given_back(mut self) {
        assert_eq!(ended(&mut self.child), Some(0));
        self.wait_for("\x1b[?1049l");
        assert!(self.seen.contains("\x1b[?25h") && self.has_echo());
    }
}

#[test]
fn the_key_q_ends_it_and_the_terminal_is_as_before() {
    let served = ServedContainer::start();
    let mut top = OnTerminal::start(served.socket());
    top.wait_for("q quits");
    assert!(top.seen.starts_with("\x1b[?1049h") && !top.has_echo());
    top.terminal.write_all(b"xq").unwrap();
    top.assert_given_back();
    served.end();
}

#[test]
fn a_signal_ends_it_and_the_terminal_is_as_before() {
    let served = ServedContainer::start();
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
        let mut top = OnTerminal::start(served.socket());
        top.wait_for("q quits");
        let pid = rustix::process::Pid::from_child(&top.child);
        rustix::process::kill_process(pid, rustix::process::Signal::from_named_raw(signal).unwrap()).unwrap();
        top.assert_given_back();
    }
    served.end();
}

#[test]
fn a_program_that_ends_gives_the_terminal_back() {
    let served = ServedContainer::start();
    let mut top = OnTerminal::start(served.socket());
    top.wait_for("q quits");
    served.end();
    assert_eq!(ended(&mut top.child), Some(1));
    top.wait_for("\x1b[?1049l");
    assert!(top.has_echo());
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let served = ServedContainer::start();
    let mut top = OnTerminal::start(served.socket());
    top.wait_for("q quits");
    let frame = top.seen.split("\x1b[H").nth(1).unwrap().to_owned();
    for line in frame.split("\r\n") {
        let mut text = line.trim_end_matches('\r').replace("\x1b[K", "").replace("\x1b[J", "").replace("\x1b[0m", "");
        while let Some(start) = text.find("\x1b[") {
            let end = text[start..].find('m').unwrap() + start;
            text.replace_range(start..=end, "");
        }
        assert!(text.chars().count() <= 60, "{text:?}");
    }
    top.terminal.write_all(b"q").unwrap();
    top.assert_given_back();
    served.end();
}
