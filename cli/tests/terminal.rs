//! Colours and the pager, on a terminal that `script` (bsdutils, a part of each Debian) makes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod program;

use std::process::{Command, Stdio};

use program::fixtures;

/// The screen after a command. The variables are all that the command has, besides those of a bare terminal.
fn screen(variables: &[(&str, &str)], arguments: &str) -> String {
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_fapilog"));
    let ran = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .current_dir(fixtures())
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("TERM", "xterm"), ("TZ", "UTC"), ("SHELL", "/bin/sh")])
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).unwrap().replace('\r', "")
}

const RED: &str = "\x1b[31m";

#[test]
fn a_terminal_has_colours_unless_it_is_asked_not_to() {
    let error = |variables: &[(&str, &str)], options: &str| {
        screen(variables, &format!("cat gateway.log --level error --no-pager {options}")).contains(RED)
    };
    assert!(error(&[], ""));
    assert!(error(&[("NO_COLOR", "")], ""), "an empty variable counts for nothing");
    assert!(!error(&[("NO_COLOR", "1")], ""));
    assert!(!error(&[("TERM", "dumb")], ""));
    assert!(!error(&[], "--color never"));
    assert!(error(&[("NO_COLOR", "1")], "--color always"));
}

#[test]
fn the_pager_of_the_user_gets_the_output() {
    let orders = |variables: &[(&str, &str)], options: &str| {
        screen(variables, &format!("cat orders.log --color never --level critical {options}"))
    };
    let plain = orders(&[("PAGER", "cat")], "");
    assert!(plain.starts_with("2026-11-30T10:00:04.740000Z CRITICAL"), "{plain}");
    let paged = format!("paged {plain}");
    assert_eq!(orders(&[("FAPILOG_PAGER", "sed 's/^/paged /'"), ("PAGER", "false")], ""), paged);
    assert_eq!(orders(&[("PAGER", "sed 's/^/paged /'")], ""), paged);
    assert_eq!(orders(&[("FAPILOG_PAGER", ""), ("PAGER", "false")], ""), plain);
    assert_eq!(orders(&[("PAGER", "false")], "--no-pager"), plain);
    assert_eq!(orders(&[("PAGER", "echo $LESS")], ""), "FRSXMK\n");
    assert_eq!(orders(&[("PAGER", "echo $LESS"), ("LESS", "i")], ""), "i\n");
}

#[test]
fn no_control_character_of_a_log_reaches_a_terminal_in_any_format() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.log");
    let line = "{\"message\":\"\u{9b}31m\u{202e}\",\"a\":\"x\\u001b[2J\"}\nplain \x1b[2J\x07\ttab\r\n";
    std::fs::write(&path, line).unwrap();
    for format in ["pretty", "json", "logfmt", "csv", "raw"] {
        for options in ["cat --no-pager", "cat", "tail"] {
            let text =
                screen(&[("PAGER", "sed s/x/x/")], &format!("{options} {} --color never -o {format}", path.display()));
            let is_harmless = |c: char| c == '\n' || c == '\t' || !fapilog::format::is_control(c);
            assert!(text.chars().all(is_harmless) && text.contains("\\u001b[2J"), "{format}: {text:?}");
        }
    }
}

#[test]
fn a_pager_that_ends_early_is_no_error() {
    assert_eq!(screen(&[("PAGER", "true")], "cat gateway.log"), "");
}

#[test]
fn a_terminal_as_standard_input_is_not_read() {
    let line = format!("{} cat; echo \"exit code $?\"", env!("CARGO_BIN_EXE_fapilog"));
    let ran = Command::new("script").args(["--quiet", "--command", &line, "/dev/null"]).stdin(Stdio::null()).output();
    let screen = String::from_utf8(ran.unwrap().stdout).unwrap();
    assert!(screen.contains("fapilog: no file is named, and standard input is a terminal"), "{screen}");
    assert!(screen.contains("exit code 2"), "{screen}");
}
