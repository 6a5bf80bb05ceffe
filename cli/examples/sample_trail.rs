//! Writes the audit trails that `docs/command.md` shows: one without damage, and one of which a record was changed.
//!
//!     cargo run -p fapilog-cli --example sample_trail -- DIRECTORY
//!
//! The keys are new in each run, and the secret ones are removed again.

use std::{env, error::Error, fs, path::PathBuf, time::Duration};

use fapilog::{Container, Level, audit, container::Executor, format, settings::SecretRef};
use fapilog_audit_trail::{anchor::FileAnchor, keys::generate_keys, sink::AuditTrail};

const TIMEOUT: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(env::args_os().nth(1).ok_or("usage: sample_trail DIRECTORY")?);
    let at = |name: &str| directory.join(name);
    let keys = generate_keys(&directory, "example.com/shop/audit")?;
    let trail = AuditTrail::new(at("audit.jsonl"), format::Json::new, SecretRef::file(&keys.signing))
        .checkpoint_blocks(2)
        .first_key(at("first-chain.key"))
        .anchor(FileAnchor::new(at("audit.notes")));
    let logs = Container::builder().executor(Executor::Thread).level(Level::Info).sink("audit", trail).start()?;
    let log = logs.logger("shop");
    for (user, order) in [("kim", 4200), ("lee", 4201), ("kim", 4202), ("ada", 4203), ("lee", 4204)] {
        audit!(log, "refund approved", user, order);
        logs.flush(TIMEOUT)?;
    }
    logs.shutdown(TIMEOUT)?.check()?;
    let changed = fs::read_to_string(at("audit.jsonl"))?.replace("4202", "9999");
    fs::write(at("changed.jsonl"), changed)?;
    fs::copy(at("audit.jsonl.trail"), at("changed.jsonl.trail"))?;
    for secret in [keys.signing, at("first-chain.key"), at("audit.jsonl.chain-key")] {
        fs::remove_file(secret)?;
    }
    Ok(())
}
