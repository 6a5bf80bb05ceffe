//! The default formatter by the kind of standard output: through settings, in a process of its own.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

use std::{
    fs::File,
    io::Read,
    os::fd::FromRawFd,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use fapilog::{Settings, info};

const ROLE: &str = "FORMATTER_TEST_ROLE";

/// Not a test of its own: what children do.
#[test]
fn the_child() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let container = Settings::default().into_builder().unwrap().start().unwrap();
    info!(container.logger("orders"), "order filled", order_id = 42);
    container.shutdown(Duration::from_secs(30)).unwrap();
}

/// Runs the child with this standard output, and returns the line that it logged.
fn logged(stdout: impl Into<Stdio>, variables: &[(&str, &str)], mut output: impl Read + Send + 'static) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "the_child", "--nocapture", "--test-threads=1"]).env(ROLE, "child");
    for deciding in ["NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(deciding);
    }
    command.env("TERM", "xterm-256color").envs(variables.iter().copied());
    let mut child = command.stdin(Stdio::null()).stdout(stdout).spawn().unwrap();
    // The last descriptor on this side that keeps the output open.
    drop(command);
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        // A terminal whose other end is gone ends with an error.
        let _ = output.read_to_end(&mut all);
        String::from_utf8(all).unwrap()
    });
    assert!(child.wait().unwrap().success());
    let all = reader.join().unwrap();
    let line = all.lines().find(|line| line.contains("order filled"));
    line.unwrap_or_else(|| panic!("nothing is logged: {all}")).trim_end().to_owned()
}

fn logged_on_a_terminal(variables: &[(&str, &str)]) -> String {
    let (mut master, mut slave) = (-1, -1);
    let (no_name, no_mode, no_size) = (std::ptr::null_mut(), std::ptr::null(), std::ptr::null());
    // SAFETY: writes both descriptors, and reads nothing.
    let opened = unsafe { libc::openpty(&raw mut master, &raw mut slave, no_name, no_mode, no_size) };
    assert_eq!(opened, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: a new descriptor, which is nobody else's.
    let master = unsafe { File::from_raw_fd(master) };
    // SAFETY: a new descriptor, which nothing else owns.
    let slave = unsafe { File::from_raw_fd(slave) };
    logged(slave, variables, master)
}

#[test]
fn on_a_terminal_it_is_pretty_with_colours() {
    let line = logged_on_a_terminal(&[]);
    assert!(line.contains("\x1b[32mINFO\x1b[0m") && line.contains("\x1b[1morder filled\x1b[0m"), "{line:?}");
}

#[test]
fn on_a_terminal_of_a_user_who_wants_no_colours_it_is_pretty_without_them() {
    let line = logged_on_a_terminal(&[("NO_COLOR", "1")]);
    assert!(line.contains(" INFO     orders [settings_terminal] order filled order_id=42"), "{line:?}");
    assert!(!line.contains('\x1b'), "{line:?}");
    assert!(!logged_on_a_terminal(&[("TERM", "dumb")]).contains('\x1b'));
}

#[test]
fn in_a_pipe_it_is_json() {
    let (reader, writer) = std::io::pipe().unwrap();
    let line = logged(writer, &[], reader);
    let start = line.find('{').unwrap();
    let event: serde_json::Value = serde_json::from_str(line.get(start..).unwrap()).unwrap();
    assert_eq!((&event["message"], &event["context"]["order_id"]), (&"order filled".into(), &42.into()));
}
