//! How do I find a panic in the log, with everything that was logged before it?
//!
//! More is in `docs/panics.md`.
//!
//! `cargo run -p fapilog --example panic_hook`

#![expect(clippy::panic, reason = "it is what the example is about")]

use std::{error::Error, thread, time::Duration};

use fapilog::{Container, format, info, panic_hook, sink};

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let logs = Container::builder().sink("memory", sink).start()?;
    // The hook from before runs too, behind this one: it is the standard library's, which writes to stderr.
    let options = panic_hook::Options::new().flush_timeout(Duration::from_secs(5)).backtrace(false);
    let hook = panic_hook::install(&logs.logger("service"), options);

    let log = logs.logger("matcher");
    let worker = thread::Builder::new().name("matcher".to_owned()).spawn(move || {
        info!(log, "order taken", order_id = 42);
        panic!("out of orders");
    })?;
    assert!(worker.join().is_err());

    // No flush before: a panic waits until everything is delivered, because it may end the process.
    let lines = events.lines();
    let [taken, panicked] = &lines[..] else { return Err(format!("{lines:?}").into()) };
    assert!(taken.contains(r#""message":"order taken""#), "{taken}");
    assert!(panicked.contains(r#""level":"CRITICAL""#), "{panicked}");
    assert!(panicked.contains(r#""message":"panicked: out of orders""#), "{panicked}");
    assert!(panicked.contains(r#""thread_name":"matcher""#), "{panicked}");

    // And the hook from before is back.
    drop(hook);
    logs.shutdown(Duration::from_secs(5))?.check()?;
    Ok(())
}
