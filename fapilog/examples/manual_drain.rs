//! How do I run the drain in a loop of my own, without a thread of the library's?
//!
//! `cargo run -p fapilog --example manual_drain`

#![expect(clippy::print_stdout, reason = "an example shows what came out")]

use std::{
    error::Error,
    thread,
    time::{Duration, Instant},
};

use fapilog::{Container, format, info, sink};

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let (sink, events) = sink::Memory::new(format::Json::new);
    // The drain stays on this thread. Loggers may be used from any.
    let (logs, mut drain) = Container::builder().sink("memory", sink).start_manual()?;

    let worker = {
        let log = logs.logger("worker");
        thread::spawn(move || (0..1000_u64).for_each(|number| info!(log, "worked", number)))
    };

    // The program's own loop. A turn takes a batch at most, and never waits.
    while !worker.is_finished() {
        let had_work = drain.turn();
        if !had_work {
            thread::sleep(Duration::from_micros(100)); // a real program does its own work at this point
        }
    }

    // Events that are encoded wait for company, 50 ms at most. A flush does not wait for that. (`Container::flush` and
    // `Container::shutdown` would wait for a drain that this very thread is to run.)
    logs.request_flush();
    drain.run_until_idle();
    println!("{} events delivered", events.lines().len());

    logs.request_shutdown(Instant::now() + Duration::from_secs(5));
    while !drain.has_ended() {
        drain.turn();
    }
    let accounts = logs.accounts();
    accounts.check()?;
    println!("{accounts}");
    Ok(())
}
