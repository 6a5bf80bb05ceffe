//! Entries in the journal of systemd-journald, read back by `journalctl`.
//!
//! journald runs as a plain process in a mount namespace of its own, whose `/run` is a directory of the test: it reads no other
//! messages, and the system's journal gets none. Without root, systemd-journald or journalctl the test does nothing, unless
//! `NO_SKIPPED_TESTS` is set.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use fapilog::{Scope, error, info};
use fapilog_journald::{Facility, Journald};
use fapilog_plugin::field_group::FieldGroup;
use fapilog_test_servers::{Conformance, EventLedger, Scenario, wait_until};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{TIMEOUT, builder, shut_down};

const DAEMON: &str = "/lib/systemd/systemd-journald";

/// Mounts the test's directory as `/run`, its files in the place of the system's, and becomes journald.
const SCRIPT: &str = r#"set -e
mount --make-rprivate /
mount --bind "$1/machine-id" /etc/machine-id
mount --bind "$1/journald.conf" /etc/systemd/journald.conf
mount --bind "$1/run" /run
exec "$2"
"#;

const CONFIG: &str = "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nRateLimitIntervalSec=0\nForwardToWall=no\nForwardToConsole=no\nForwardToSyslog=no\nForwardToKMsg=no\n";

/// systemd-journald, for a directory of the test.
struct Systemd {
    directory: TempDir,
    child: Child,
}

impl Systemd {
    /// Starts it. `None` if it cannot run on this machine.
    fn start() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("run/systemd/journal")).unwrap();
        fs::create_dir_all(directory.path().join("run/log/journal")).unwrap();
        fs::write(directory.path().join("machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
        fs::write(directory.path().join("journald.conf"), CONFIG).unwrap();
        let child = match run(directory.path()) {
            Ok(child) => child,
            Err(reason) => return skip(&reason),
        };
        Some(Self { directory, child })
    }

    fn socket(&self) -> PathBuf {
        socket(self.directory.path())
    }

    /// Starts another one for the same journal.
    fn start_again(&mut self) {
        self.child = run(self.directory.path()).unwrap();
    }

    /// Ends it. It reads its queue to the end before.
    fn stop(&mut self) {
        let pid = rustix_pid(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap();
        let _ = fs::remove_file(self.socket());
    }

    /// The entries that match, as `journalctl` writes them.
    fn entries(&self, matches: &[&str]) -> Vec<Value> {
        let journal = self.directory.path().join("run/log/journal");
        let output = Command::new("journalctl")
            .args(["--quiet", "--no-pager", "--all", "-o", "json", "-D"])
            .arg(journal)
            .args(matches)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rustix_pid(child: &Child) -> rustix::process::Pid {
    rustix::process::Pid::from_child(child)
}

fn socket(directory: &Path) -> PathBuf {
    directory.join("run/systemd/journal/socket")
}

/// Runs journald until its socket is there.
fn run(directory: &Path) -> Result<Child, String> {
    for program in [DAEMON, "/usr/bin/journalctl"] {
        if !Path::new(program).exists() {
            return Err(format!("there is no {program}"));
        }
    }
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", SCRIPT, "sh"]).arg(directory).arg(DAEMON);
    let log = fs::File::create(directory.join("log")).unwrap();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().map_err(|error| error.to_string())?;
    let mut has_ended = false;
    wait_until("the socket of journald is there, or journald has ended", || {
        has_ended = child.try_wait().unwrap().is_some();
        has_ended || socket(directory).exists()
    });
    match has_ended {
        false => Ok(child),
        true => Err(fs::read_to_string(directory.join("log")).unwrap()),
    }
}

/// Reports why the test does nothing.
fn skip(reason: &str) -> Option<Systemd> {
    assert!(std::env::var_os("NO_SKIPPED_TESTS").is_none(), "systemd-journald does not run: {reason}");
    #[expect(clippy::print_stderr, reason = "the only report of a test that does nothing")]
    {
        eprintln!("NOT TESTED: systemd-journald does not run: {reason}");
    }
    None
}

#[test]
fn entries_are_in_the_journal_with_all_their_fields() {
    let Some(systemd) = Systemd::start() else { return };
    let journald = Journald::new().socket(systemd.socket()).identifier("shop").facility(Facility::Daemon);
    let container = builder().record_max_bytes(8 << 20).ring_capacity_bytes(64 << 20);
    let container = container.sink("journald", journald).start().unwrap();
    let log = container.logger("orders");
    let (binary, long) = ([0xff_u8, b'\n', 0], "y".repeat(1 << 20));
    {
        let _scope = Scope::new().correlation_id("7f3a").bind(FieldGroup::Context, "trace_id", "ab12").enter();
        error!(log, "order failed", order_id = 42, text = "two\nlines", binary = binary.as_slice());
    }
    info!(log, "long", message_id = "f77379a8490b408bbe5f6940505a777b", long = long.as_str());
    info!(log, "two values", "user.id" = 1, "user-id" = 2);
    let accounts = shut_down(&container);
    assert_eq!(accounts.delivered_total(), 3, "{accounts}");
    wait_until("three entries are in the journal", || systemd.entries(&["-t", "shop"]).len() == 3);

    let [failed] = &systemd.entries(&["-t", "shop", "-p", "err", "ORDER_ID=42"])[..] else { panic!("not one") };
    assert_eq!(failed["MESSAGE"], "order failed");
    assert_eq!(
        (&failed["TEXT"], &failed["TRACE_ID"], &failed["CORRELATION_ID"]),
        (&"two\nlines".into(), &"ab12".into(), &"7f3a".into())
    );
    assert_eq!(failed["BINARY"], serde_json::json!(binary));
    assert_eq!(
        (&failed["SYSLOG_FACILITY"], &failed["LOGGER"], &failed["LEVEL"]),
        (&"3".into(), &"orders".into(), &"ERROR".into())
    );
    assert_eq!(failed["_PID"], std::process::id().to_string());
    assert_eq!(failed["CODE_FUNC"], module_path!());

    let [found] = &systemd.entries(&["MESSAGE_ID=f77379a8490b408bbe5f6940505a777b", "-t", "shop"])[..] else {
        panic!("not one")
    };
    assert_eq!(found["LONG"], long.as_str());
    for number in ["USER_ID=1", "USER_ID=2"] {
        let [found] = &systemd.entries(&[number])[..] else { panic!("not one of {number}") };
        assert_eq!(found["MESSAGE"], "two values");
    }
}

#[test]
fn entries_that_are_logged_while_journald_is_down_are_in_the_journal_once() {
    const EVENTS: u64 = 2000;
    let Some(mut systemd) = Systemd::start() else { return };
    let container = builder().sink("journald", Journald::new().socket(systemd.socket()).identifier("shop"));
    let container = container.start().unwrap();
    let log = container.logger("orders");
    for number in 0..EVENTS {
        info!(log, "order", number);
        if number == EVENTS / 2 {
            // An entry that comes behind the last look at the queue would be lost: in this test, systemd does not keep the socket.
            container.flush(TIMEOUT).unwrap();
            systemd.stop();
        }
        if number == EVENTS / 4 * 3 {
            wait_until("an attempt has failed", || container.accounts().sinks.iter().any(|sink| sink.retries > 0));
            systemd.start_again();
        }
    }
    let accounts = shut_down(&container);
    assert_eq!(accounts.delivered_total(), EVENTS, "{accounts}");
    wait_until("all entries are in the journal", || systemd.entries(&["-t", "shop"]).len() as u64 >= EVENTS);
    let mut numbers: Vec<u64> = systemd
        .entries(&["-t", "shop"])
        .iter()
        .map(|entry| entry["NUMBER"].as_str().unwrap().parse().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..EVENTS).collect::<Vec<_>>());
    record(Scenario::RestartedInFlight, EVENTS, &systemd.entries(&["-t", "shop"]));
}

/// Records the entries of the journal, by their numbers.
fn record(scenario: Scenario, logged: u64, entries: &[Value]) {
    let mut ledger = EventLedger::new();
    ledger.submit_all((0..logged).map(|number| number.to_string()));
    ledger.receive_all(entries.iter().map(|entry| entry["NUMBER"].as_str().unwrap()));
    let counts = ledger.counts();
    assert_eq!((counts.duplicated, counts.lost), (0, 0), "{counts:?}");
    Conformance::record("journald", "journald", scenario, counts.delivered, counts.duplicated, counts.lost);
}

#[test]
fn each_event_is_an_entry_of_the_journal() {
    const EVENTS: u64 = 1000;
    let Some(systemd) = Systemd::start() else { return };
    let container = builder().sink("journald", Journald::new().socket(systemd.socket()).identifier("shop"));
    let container = container.start().unwrap();
    let log = container.logger("orders");
    (0..EVENTS).for_each(|number| info!(log, "order", number));
    let accounts = shut_down(&container);
    assert_eq!(accounts.delivered_total(), EVENTS, "{accounts}");
    wait_until("all entries are in the journal", || systemd.entries(&["-t", "shop"]).len() as u64 >= EVENTS);
    record(Scenario::Happy, EVENTS, &systemd.entries(&["-t", "shop"]));
}

#[test]
fn entries_that_no_datagram_holds_are_in_the_journal() {
    const EVENTS: u64 = 10;
    let Some(systemd) = Systemd::start() else { return };
    let container = builder().record_max_bytes(8 << 20).ring_capacity_bytes(64 << 20);
    let container =
        container.sink("journald", Journald::new().socket(systemd.socket()).identifier("shop")).start().unwrap();
    let (log, long) = (container.logger("orders"), "x".repeat(1 << 20));
    (0..EVENTS).for_each(|number| info!(log, "order", number, long = long.as_str()));
    let accounts = shut_down(&container);
    assert_eq!(accounts.delivered_total(), EVENTS, "{accounts}");
    wait_until("all entries are in the journal", || systemd.entries(&["-t", "shop"]).len() as u64 >= EVENTS);
    let entries = systemd.entries(&["-t", "shop"]);
    assert!(entries.iter().all(|entry| entry["LONG"] == long.as_str()));
    record(Scenario::OverTheLimit, EVENTS, &entries);
}
