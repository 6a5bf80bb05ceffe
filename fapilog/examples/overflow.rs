//! How do I see that events come faster than they can be written?
//!
//! `cargo run -p fapilog --example overflow`

#![expect(clippy::print_stdout, reason = "an example shows what came out")]

use std::{
    error::Error,
    time::{Duration, Instant},
};

use fapilog::{
    Container,
    container::Overflow,
    error, format, info,
    metrics::{Accounts, LossReason},
    sink,
};

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let strategies = [
        ("wait 1 ms, then drop", Overflow::Block { timeout: Duration::from_millis(1) }),
        ("drop at once", Overflow::DropNewest),
        ("keep an eighth for ERROR and above", Overflow::DropLowSeverity),
    ];
    for (what, overflow) in strategies {
        println!("# {what}");
        let (accounts, lines) = overrun(overflow)?;
        // submitted = delivered + filtered + lost + pending
        accounts.check()?;
        println!("{accounts}");
        let errors = lines.iter().filter(|line| line.contains("\"ERROR\"")).count();
        println!(
            "{} lost because the ring was full; {errors} of 10 errors are in the log",
            accounts.lost.of(LossReason::RingFull)
        );
        // The log itself reports the losses as well.
        for line in lines.iter().filter(|line| line.contains("events lost")) {
            println!("{line}");
        }
    }
    Ok(())
}

/// Logs more than the smallest of rings holds, while nothing drains it.
fn overrun(overflow: Overflow) -> Result<(Accounts, Vec<String>), Box<dyn Error>> {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let (logs, mut drain) = Container::builder()
        .overflow(overflow)
        .ring_capacity_bytes(16 * 1024)
        .record_max_bytes(1024)
        .sink("memory", sink)
        .start_manual()?;
    let log = logs.logger("overrun");

    (0..550_u64).for_each(|number| info!(log, "tick", number));
    (0..10_u64).for_each(|number| error!(log, "failed", number));

    logs.request_shutdown(Instant::now() + Duration::from_secs(5));
    while !drain.has_ended() {
        drain.turn();
    }
    Ok((logs.accounts(), events.lines()))
}
