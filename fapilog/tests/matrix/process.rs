//! The real standard output and standard error, of processes of their own.

use std::{
    io::{self, Read, Write},
    process::{Command, Stdio},
};

use fapilog::sink;

use crate::cell::{Format, builder, run, waiting};

const ROLE: &str = "FAPILOG_MATRIX_TEST_ROLE";

/// The test harness prints only before this line.
const BEGIN: &[u8] = b"-- begin --\n";

/// A child's exit status when all went well; different from the harness' own.
const ALL_WELL: i32 = 42;

/// Not a test of its own: what children do.
#[test]
fn the_child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let (output, format) = role.split_once(' ').unwrap();
    let format = Format::ALL.into_iter().find(|known| format!("{known:?}") == format).unwrap();
    let sink = if output == "stdout" {
        io::stdout().write_all(BEGIN).unwrap();
        io::stdout().flush().unwrap();
        sink::Console::stdout(move || format.formatter())
    } else {
        io::stderr().write_all(BEGIN).unwrap();
        sink::Console::stderr(move || format.formatter())
    };
    run(waiting(builder(), output, sink).start().unwrap());
    // No more words of the harness.
    std::process::exit(ALL_WELL);
}

/// The output of this program, run again as `role`.
fn written_by_a_child(output: &str, format: Format) -> Vec<u8> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "process::the_child", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, format!("{output} {format:?}")).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::inherit());
    let mut found = Vec::new();
    let mut child = if output == "stdout" {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        child.stdout.take().unwrap().read_to_end(&mut found).unwrap();
        child
    } else {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        child.stderr.take().unwrap().read_to_end(&mut found).unwrap();
        child
    };
    assert_eq!(
        child.wait().unwrap().code(),
        Some(ALL_WELL),
        "{}",
        String::from_utf8_lossy(&found[..found.len().min(4096)])
    );
    let begin = found.windows(BEGIN.len()).position(|window| window == BEGIN).unwrap();
    found.split_off(begin + BEGIN.len())
}

fn through_a_child(output: &str) {
    let expected = run(builder().sink("null", sink::Null::new(|| Format::Minimal.formatter())).start().unwrap());
    for format in Format::ALL {
        format.check(&written_by_a_child(output, format), &expected);
    }
}

#[test]
fn everything_reads_back_from_standard_output() {
    through_a_child("stdout");
}

#[test]
fn everything_reads_back_from_standard_error() {
    through_a_child("stderr");
}
