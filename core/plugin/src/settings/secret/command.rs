//! Runs a program that prints a secret.

use std::{
    io::{self, Read},
    os::{fd::AsFd, unix::process::CommandExt},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, Signal, kill_process_group},
};
use zeroize::Zeroizing;

use super::{SecretError, SecretRef, read::BYTES_MAX};

/// The time that a program has for its output and its end.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The first wait for the end of a program whose output is complete.
const FIRST_WAIT: Duration = Duration::from_micros(200);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_millis(20);

/// The output of a program. Its input is empty, and its stderr is discarded: it may have the secret.
pub(super) fn output_of(reference: &SecretRef, words: &[String]) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    output_within(reference, words, TIME_LIMIT)
}

fn output_within(reference: &SecretRef, words: &[String], limit: Duration) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let deadline = Instant::now() + limit;
    let not_run = |error| SecretError::NotRun { reference: reference.to_string(), error };
    let mut running = Running::start(words).map_err(not_run)?;
    let outcome = running.output(deadline).and_then(|output| Ok((output, running.status(deadline)?)));
    let (output, status) = outcome.map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => SecretError::TimedOut { reference: reference.to_string(), limit },
        io::ErrorKind::FileTooLarge => reference.too_long(),
        _ => not_run(error),
    })?;
    if status.success() {
        Ok(output)
    } else {
        Err(SecretError::Failed { reference: reference.to_string(), status: status.to_string() })
    }
}

/// A program that runs, in a process group of its own. It is killed with its own children unless it has ended.
struct Running {
    child: Child,
    has_ended: bool,
}

impl Running {
    fn start(words: &[String]) -> io::Result<Self> {
        let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        Ok(Self { child: command.spawn()?, has_ended: false })
    }

    /// All of the output, until the program and its children have closed it.
    fn output(&mut self, deadline: Instant) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut stdout = self.child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        // With room for all from the start: a vector that grows leaves its bytes behind, and these are not wiped. A line
        // feed at the end does not count, and a byte more shows that there is too much.
        let mut output = Zeroizing::new(vec![0; BYTES_MAX + 2]);
        let mut filled = 0;
        while let Some(free) = output.get_mut(filled..).filter(|free| !free.is_empty()) {
            wait_readable(&stdout, deadline)?;
            match stdout.read(free) {
                Ok(0) => {
                    output.truncate(filled);
                    return Ok(output);
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::FileTooLarge.into())
    }

    fn status(&mut self, deadline: Instant) -> io::Result<ExitStatus> {
        let mut wait = FIRST_WAIT;
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.has_ended = true;
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(wait);
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // An error means that nobody is left in the group.
            let _ = kill_process_group(group, Signal::KILL);
        }
        // A program may have left its group, and would be awaited for as long as it runs.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_readable(stdout: &ChildStdout, deadline: Instant) -> io::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
        let stdout = stdout.as_fd();
        match poll(&mut [PollFd::new(&stdout, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> SecretRef {
        SecretRef::command("sh", ["-c", script])
    }

    fn words(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_program_gives_its_output_without_one_line_feed() {
        assert_eq!(SecretRef::command("echo", ["hunter2"]).read().unwrap().expose(), b"hunter2");
        assert_eq!(SecretRef::command("printf", ["hunter2"]).read().unwrap().expose(), b"hunter2");
        assert_eq!(shell("echo hunter2; sleep 0.1; echo more").read().unwrap().expose(), b"hunter2\nmore");
    }

    #[test]
    fn no_shell_reads_the_arguments() {
        assert_eq!(SecretRef::command("echo", ["$HOME; ls"]).read().unwrap().expose(), b"$HOME; ls");
    }

    #[test]
    fn a_program_that_fails_is_an_error_that_shows_neither_output_nor_arguments() {
        let error = shell("echo hunter2; echo hunter2 >&2; exit 3").read().unwrap_err();
        assert_eq!(error.to_string(), "command sh failed with exit status: 3; its stderr is not shown");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        let error = shell("kill -9 $$").read().unwrap_err();
        assert!(error.to_string().contains("signal: 9"), "{error}");
    }

    #[test]
    fn a_program_that_does_not_exist_is_an_error() {
        let error = SecretRef::command("/none/such", ["hunter2"]).read().unwrap_err();
        assert!(matches!(&error, SecretError::NotRun { error, .. } if error.kind() == io::ErrorKind::NotFound));
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }

    #[test]
    fn an_output_without_end_is_too_long_and_the_program_is_killed() {
        let error = SecretRef::command("yes", ["hunter2"]).read().unwrap_err();
        assert!(matches!(error, SecretError::TooLong { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed_with_its_children() {
        let limit = Duration::from_millis(200);
        for script in ["sleep 600", "sleep 600 & echo hunter2", "exec >&-; sleep 600"] {
            let began = Instant::now();
            let error = output_within(&shell(script), &words(script), limit).unwrap_err();
            assert!(matches!(error, SecretError::TimedOut { .. }), "{script}: {error}");
            assert!(began.elapsed() < Duration::from_secs(60), "{script}");
        }
    }

    #[test]
    fn a_program_that_has_left_its_process_group_is_killed_too() {
        let child = Command::new("sleep").arg("600").spawn().unwrap();
        let began = Instant::now();
        drop(Running { child, has_ended: false });
        assert!(began.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn the_input_of_a_program_is_empty() {
        assert_eq!(shell("cat; echo end").read().unwrap().expose(), b"end");
    }
}
