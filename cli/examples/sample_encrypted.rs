//! Writes an encrypted log with three frames, the second of them damaged, as `docs/command.md` shows it.
//!
//!     fapilog keys encryption DIRECTORY/keys
//!     cargo run -p fapilog-cli --example sample_encrypted -- DIRECTORY

use std::{env, error::Error, fs, path::PathBuf, time::Duration};

use fapilog::{
    Container, Level,
    container::{Executor, ManualClock},
    event::Timestamp,
    format, sink, warn,
};
use fapilog_encryption::Encryption;

/// 2026-01-02T12:00:00Z.
const NOON: Timestamp = Timestamp::from_unix_nanos((20_455 * 24 + 12) * 3600 * 1_000_000_000);
const TIMEOUT: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(env::args_os().nth(1).ok_or("usage: sample_encrypted DIRECTORY")?);
    let recipient = fs::read_to_string(directory.join("keys/recipient.key"))?.parse()?;
    let encryption = Encryption::builder().recipient(recipient).build()?;
    let path = directory.join("app.log");
    let file = sink::File::new(&path, move || encryption.around(format::Json::new()));
    let clock = ManualClock::new(NOON);
    let builder = Container::builder().executor(Executor::Thread).level(Level::Info).manual_clock(&clock);
    let logs = builder.sink("file", file).start()?;
    let log = logs.logger("shop");
    let mut ends = Vec::new();
    for order in 4200..4203 {
        warn!(log, "payment refused", order);
        logs.flush(TIMEOUT)?;
        ends.push(usize::try_from(fs::metadata(&path)?.len())?);
    }
    logs.shutdown(TIMEOUT)?.check()?;
    let mut bytes = fs::read(&path)?;
    let in_second = ends.get(1).and_then(|end| bytes.get_mut(end - 40)).ok_or("the log is too short")?;
    *in_second ^= 1;
    fs::write(&path, bytes)?;
    Ok(())
}
