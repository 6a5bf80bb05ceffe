//! Which machine.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use super::facts::Facts;
use crate::{
    event::Batch,
    plugin::{Enricher, PluginError},
};

const HOSTNAME: &str = "hostname";

/// How often the system is asked at most: a host may get its name after its programs have started.
const ASK_EVERY: Duration = Duration::from_secs(60);

/// The longest name that Linux keeps, `__NEW_UTS_LEN` in `linux/utsname.h`, and the NUL behind it.
const NAME_MAX_BYTES: usize = 65;

/// Adds `hostname` to each event's context: what `gethostname(2)` says, asked at the start and once a minute at most. In a
/// container, that is the container's name.
#[derive(Debug, Clone)]
#[must_use]
pub struct HostnameEnricher {
    facts: Facts,
    ask: fn() -> Option<String>,
    asked: Instant,
}

impl HostnameEnricher {
    /// One that asks the system now.
    pub fn new() -> Self {
        Self::asking(ask_system)
    }

    fn asking(ask: fn() -> Option<String>) -> Self {
        let mut facts = Facts::new([Cow::Borrowed(HOSTNAME)]);
        facts.set_text(HOSTNAME, ask());
        Self { facts, ask, asked: Instant::now() }
    }

    #[cold]
    fn ask_again(&mut self, now: Instant) {
        self.asked = now;
        // A name that could not be had is still the last one known.
        if let Some(name) = (self.ask)() {
            self.facts.set_text(HOSTNAME, Some(name));
        }
    }
}

impl Default for HostnameEnricher {
    fn default() -> Self {
        Self::new()
    }
}

impl Enricher for HostnameEnricher {
    fn name(&self) -> &'static str {
        "hostname"
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        if batch.instant().saturating_duration_since(self.asked) >= ASK_EVERY {
            self.ask_again(batch.instant());
        }
        self.facts.add(batch);
        Ok(())
    }
}

/// The name; bytes that are not UTF-8 are replaced by U+FFFD.
fn ask_system() -> Option<String> {
    let mut name = [0_u8; NAME_MAX_BYTES];
    // SAFETY: the pointer is to `name`, which is writable for as many bytes as the call is told.
    let result = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) };
    if result != 0 {
        return None;
    }
    let name = name.split(|&byte| byte == 0).next()?;
    Some(String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::{
        event::{Bucket, Timestamp, staged::Stage},
        value::ValueRef,
    };

    fn name_after(enricher: &mut HostnameEnricher, passed: Duration) -> Option<String> {
        let stage = Stage::new().taken(Timestamp::from_unix_nanos(0), enricher.asked + passed);
        stage.batch(&[0], |batch| {
            enricher.enrich(batch).unwrap();
            match batch.events()[0].field(Bucket::Context, HOSTNAME) {
                Some(ValueRef::Text(name)) => Some(name.to_owned()),
                _ => None,
            }
        })
    }

    #[test]
    fn an_event_learns_the_name_that_the_kernel_knows() {
        let kernels = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let name = name_after(&mut HostnameEnricher::new(), Duration::ZERO);
        assert_eq!(name.as_deref(), Some(kernels.trim_end()));
    }

    #[test]
    fn a_new_name_is_known_after_a_minute_and_not_before() {
        static ASKED: AtomicU32 = AtomicU32::new(0);
        let ask = || Some(format!("host-{}", ASKED.fetch_add(1, Ordering::Relaxed)));
        let mut enricher = HostnameEnricher::asking(ask);
        assert_eq!(name_after(&mut enricher, Duration::from_millis(59_999)).unwrap(), "host-0");
        assert_eq!(name_after(&mut enricher, Duration::from_secs(60)).unwrap(), "host-1");
        assert_eq!(name_after(&mut enricher, Duration::from_secs(1)).unwrap(), "host-1");
    }

    #[test]
    fn a_name_that_cannot_be_had_again_stays() {
        static ASKED: AtomicU32 = AtomicU32::new(0);
        let ask = || (ASKED.fetch_add(1, Ordering::Relaxed) == 0).then(|| "first".to_owned());
        let mut enricher = HostnameEnricher::asking(ask);
        assert_eq!(name_after(&mut enricher, ASK_EVERY).unwrap(), "first");
        assert_eq!(ASKED.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn without_a_name_nothing_is_added() {
        assert_eq!(name_after(&mut HostnameEnricher::asking(|| None), Duration::ZERO), None);
    }
}
