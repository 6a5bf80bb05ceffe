//! Children of tests: processes that a signal may end.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "all of this is test code")]

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::ExitStatusExt,
    process::{Child, ChildStderr, Command, Stdio},
    time::{Duration, Instant},
};

use fapilog::{
    event::Batch,
    plugin::PluginError,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};

const ROLE: &str = "SIGNALS_TEST_ROLE";

/// Far longer than any step of these tests takes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// The role of this process, if it is a child.
pub(crate) fn role() -> Option<String> {
    let role = std::env::var(ROLE).ok()?;
    end_in_time();
    // A program that runs the tests under `nohup` or in the background ignores some, and so would this one.
    [libc::SIGHUP, libc::SIGINT, libc::SIGTERM].into_iter().for_each(|signal| set_handler(signal, libc::SIG_DFL));
    Some(role)
}

/// Has SIGALRM end this process when its test waits in vain. A forked child does not inherit that.
pub(crate) fn end_in_time() {
    // SAFETY: the call sets a timer of this process, and touches no memory.
    unsafe { libc::alarm(2 * TIMEOUT.as_secs() as u32) };
}

/// Has the parent go on, and waits for a signal that ends this process.
pub(crate) fn wait_to_be_ended() -> ! {
    ready();
    std::thread::sleep(2 * TIMEOUT);
    panic!("no signal came");
}

/// Has the parent go on.
pub(crate) fn ready() {
    eprintln!("ready");
}

/// A child that was started, and is ready.
pub(crate) struct Ready {
    pub(crate) child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Ready {
    /// Runs `the_child` in a process of its own, and waits until it is ready.
    #[track_caller]
    pub(crate) fn start(role: &str, stdout: Stdio) -> Self {
        Self::spawn(Command::new(std::env::current_exe().unwrap()), role, stdout)
    }

    /// As [`start`](Self::start), as the first process of a container.
    #[track_caller]
    pub(crate) fn start_as_first_process(role: &str, stdout: Stdio) -> Self {
        let mut command = in_a_container();
        command.arg(std::env::current_exe().unwrap());
        Self::spawn(command, role, stdout)
    }

    #[track_caller]
    fn spawn(mut command: Command, role: &str, stdout: Stdio) -> Self {
        command.args(["--exact", "the_child", "--nocapture", "--test-threads=1"]).env(ROLE, role);
        let mut child = command.stdout(stdout).stderr(Stdio::piped()).stdin(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut ready = Self { child, stderr };
        ready.expect("ready");
        ready
    }

    /// Waits for this line on its stderr.
    #[track_caller]
    pub(crate) fn expect(&mut self, expected: &str) {
        let mut line = String::new();
        self.stderr.read_line(&mut line).unwrap();
        assert_eq!(line, format!("{expected}\n"));
    }

    pub(crate) fn send(&self, signal: i32) {
        // SAFETY: the child is not waited for yet, so the number is its own.
        assert_eq!(unsafe { libc::kill(self.child.id().try_into().unwrap(), signal) }, 0);
    }

    /// The signal that ended the child, and its stdout.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        (self.child.wait().unwrap().signal(), text)
    }

    /// The signal that ends the child, to which this one is sent again and again.
    #[track_caller]
    pub(crate) fn end_by_repeating(mut self, signal: i32) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.signal();
            }
            assert!(start.elapsed() < TIMEOUT, "the signals have no effect");
            std::thread::sleep(Duration::from_millis(10));
            self.send(signal);
        }
    }
}

/// Whether this machine lets a program start a container.
pub(crate) fn can_be_first_process() -> bool {
    in_a_container().arg("true").status().is_ok_and(|status| status.success())
}

/// The command that the next argument is the first process of.
fn in_a_container() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--"]);
    command
}

impl Drop for Ready {
    fn drop(&mut self) {
        // A test that fails leaves no process behind. A child that has ended is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sets the handler of a signal, as a program does that knows nothing of the helpers.
pub(crate) fn set_handler(signal: i32, handler: libc::sighandler_t) {
    // SAFETY: the handler is a disposition, or a function of the right signature that only writes.
    assert_ne!(unsafe { libc::signal(signal, handler) }, libc::SIG_ERR);
}

/// A handler of the program.
pub(crate) fn own_handler() -> libc::sighandler_t {
    extern "C" fn handle(_: libc::c_int) {
        // SAFETY: the text is a static, and `write` is async-signal-safe.
        unsafe { libc::write(libc::STDERR_FILENO, c"handled\n".as_ptr().cast(), 8) };
    }
    handle as extern "C" fn(libc::c_int) as libc::sighandler_t
}

/// Writes a line when the helpers that are installed by now have counted the signal: `signal-hook` calls actions in the order in which
/// they came, behind the program's handler.
pub(crate) fn report_when_counted(signal: i32) {
    let report = || {
        // SAFETY: the text is a static, and `write` is async-signal-safe.
        unsafe { libc::write(libc::STDERR_FILENO, c"counted\n".as_ptr().cast(), 8) };
    };
    // SAFETY: the action only writes.
    unsafe { signal_hook::low_level::register(signal, report) }.unwrap();
}

/// A sink that is nothing but its answers.
#[derive(Debug, Clone)]
pub(crate) struct Scripted {
    pub(crate) deliver: fn() -> Delivery,
    pub(crate) rotate: fn() -> Delivery,
}

impl SinkFactory for Scripted {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

impl Sink for Scripted {
    fn writer(&self) -> String {
        "none".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(0))
    }

    fn encode(&mut self, _: &Batch<'_>, _: &mut Payload) -> Result<(), PluginError> {
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        (self.deliver)()
    }

    fn rotate(&mut self) -> Delivery {
        (self.rotate)()
    }
}

pub(crate) fn at_once() -> Delivery {
    Delivery::done(Ok(()))
}
