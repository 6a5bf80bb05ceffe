//! Level 4 of 5: how do I use plugins of another crate, or my own?
//!
//! The plugins of this example come from a crate of their own, `example-plugin`, which depends on nothing but
//! `fapilog-plugin`. The examples `custom_enricher`, `custom_processor`, `custom_redactor`, `custom_formatter` and
//! `custom_sink` show how to write a plugin, and `docs/writing-a-plugin.md` describes it.
//!
//! `cargo run -p fapilog --example level_4_own_plugins`

#![expect(clippy::print_stdout, reason = "an example shows what came out")]

use std::{error::Error, num::NonZeroU64, time::Duration};

use example_plugin::{ChannelSink, HostName, MaskedKeys, OneIn, TabSeparated};
use fapilog::{Container, info, warn};

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    // The holder of the other end takes payloads as they come: as many as 16 may wait.
    let (sink, payloads) = ChannelSink::new(16, TabSeparated::new);
    let ten = NonZeroU64::new(10).ok_or("ten is not zero")?;
    let logs = Container::builder()
        .enricher(|_shard| Box::new(HostName::new("web-1")))
        .processor(move |_shard| Box::new(OneIn::new(ten)))
        // Behind all others, and nothing passes without it.
        .redactor(|_shard| Box::new(MaskedKeys::new(["password"])))
        .sink("channel", sink)
        .start()?;
    let log = logs.logger("login");
    (0..100).for_each(|attempt| info!(log, "attempted", attempt));
    warn!(log, "refused", user = "kim", password = "swordfish");

    let accounts = logs.shutdown(Duration::from_secs(5))?;
    accounts.check()?;
    assert_eq!(accounts.filtered_total(), 90);
    let records = String::from_utf8(payloads.try_iter().flatten().collect())?;
    print!("{records}");
    assert_eq!(records.lines().count(), 11);
    assert!(records.lines().all(|record| record.contains("host=web-1") && !record.contains("swordfish")));
    Ok(())
}
