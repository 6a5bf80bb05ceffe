//! The sink `syslog` over TCP, and rsyslog, which acknowledges nothing: a kill drops the messages that it has not written.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader},
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use fapilog_syslog::{Syslog, SyslogFormat};
use fapilog_test_servers::servers::Rsyslog;
use memchr::memmem;

use crate::{
    arrivals::{EventArrivals, decimal},
    servers::{DeliveryPromise, KillableServer, SinkResult, SoakTarget},
};

/// The file of the server, with a JSON object for each message. A kill may leave a part of a line.
const OUTPUT: &str = "messages.json";

/// The front of a line.
const FRONT: &[u8] = b"{\"rawmsg\":";

/// The front of the structured data in a line, and that of the event's number within it.
const DATA: &[u8] = b"\"structured-data\":\"";
const NUMBER: &[u8] = b" number=\\\"";

/// The server has written all when its file stays the same for so long.
const QUIET: Duration = Duration::from_secs(1);
const QUIET_DEADLINE: Duration = Duration::from_secs(60);

pub(super) const TARGET: SoakTarget = SoakTarget {
    name: "syslog",
    promise: DeliveryPromise::Unacknowledged,
    start: |arrivals| {
        let arrivals = Arc::clone(arrivals);
        Rsyslog::start().map(|server| Box::new(KilledRsyslog { server, arrivals }) as Box<dyn KillableServer>)
    },
    absorbing: None,
};

struct KilledRsyslog {
    server: Rsyslog,
    arrivals: Arc<EventArrivals>,
}

impl KilledRsyslog {
    fn output(&self) -> PathBuf {
        self.server.server.directory().join(OUTPUT)
    }

    fn length(&self) -> u64 {
        fs::metadata(self.output()).map_or(0, |metadata| metadata.len())
    }

    fn wait_until_quiet(&self) {
        let end = Instant::now() + QUIET_DEADLINE;
        let mut length = self.length();
        while Instant::now() < end {
            thread::sleep(QUIET);
            let now = self.length();
            if now == length {
                return;
            }
            length = now;
        }
    }

    fn count_output(&self) -> io::Result<()> {
        let mut lines = BufReader::with_capacity(1 << 20, File::open(self.output())?);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            numbers(&line).for_each(|number| self.arrivals.count(number));
            line.clear();
        }
        Ok(())
    }
}

/// The numbers of the events in a line: of one, or of two where a kill has left the front of the line.
fn numbers(line: &[u8]) -> impl Iterator<Item = usize> {
    memmem::find_iter(line, DATA).filter_map(|place| {
        let data = line.get(place..)?;
        // The next message, where this one is cut.
        let data = data.get(..memmem::find(data, FRONT).unwrap_or(data.len()))?;
        let number = data.get(memmem::find(data, NUMBER)? + NUMBER.len()..)?;
        let digits = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // A part of a number is none.
        number.get(digits..)?.starts_with(b"\\\"").then(|| decimal(number))
    })
}

impl KillableServer for KilledRsyslog {
    fn sink(&self) -> SinkResult {
        let url = format!("tcp://{}", self.server.tcp());
        Ok(Arc::new(Syslog::new(url, SyslogFormat::rfc5424())))
    }

    fn kill(&mut self) {
        self.server.server.kill();
    }

    fn restart(&mut self) {
        self.server.server.restart();
    }

    fn count_kept(&mut self) {
        self.wait_until_quiet();
        let counted = self.count_output();
        assert!(counted.is_ok(), "the messages cannot be read: {counted:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_a_kill_has_left_hides_no_event_behind_it() {
        let whole = br#"{"rawmsg":"[x number=\"9\"]","structured-data":"[x number=\"9\"]"}"#;
        for front in [r#"{"rawmsg":"[x num"#, r#"{"structured-data":"[x "#, r#"{"structured-data":"[x number=\"8"#] {
            let line = [front.as_bytes(), whole].concat();
            assert_eq!(numbers(&line).collect::<Vec<_>>(), [9]);
        }
        assert_eq!(numbers(whole).collect::<Vec<_>>(), [9]);
    }
}
