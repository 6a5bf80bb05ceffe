//! Hostname enricher: the machine.

pub(crate) mod settings;

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use fapilog_plugin::{enricher::Enricher, error::PluginError, event::Batch};

use crate::enrich::facts::Facts;

const HOSTNAME: &str = "hostname";

/// Default of the shortest time between two calls: a host may get its name after its programs have started.
const ASK_EVERY: Duration = Duration::from_secs(60);

/// Adds `hostname` to each event's context: the node name of `uname(2)`, read at the start and once a minute at most, or once
/// in a [refresh interval](Self::refresh_interval). In a container, it is the container's name.
#[doc(alias = "HostnameEnricher")]
#[derive(Debug, Clone)]
#[must_use]
pub struct Hostname {
    facts: Facts,
    ask: fn() -> Option<String>,
    refresh_interval: Duration,
    asked: Instant,
}

impl Hostname {
    /// The enricher with the system's name of now.
    pub fn new() -> Self {
        Self::asking(ask_system)
    }

    /// How often the system is asked at most. Default: 60 s.
    pub fn refresh_interval(mut self, interval: Duration) -> Self {
        self.refresh_interval = interval;
        self
    }

    fn asking(ask: fn() -> Option<String>) -> Self {
        let mut facts = Facts::new([Cow::Borrowed(HOSTNAME)]);
        facts.set_text(HOSTNAME, ask());
        Self { facts, ask, refresh_interval: ASK_EVERY, asked: Instant::now() }
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

impl Default for Hostname {
    fn default() -> Self {
        Self::new()
    }
}

impl Enricher for Hostname {
    fn name(&self) -> &'static str {
        "hostname"
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        if batch.instant().saturating_duration_since(self.asked) >= self.refresh_interval {
            self.ask_again(batch.instant());
        }
        self.facts.add(batch);
        Ok(())
    }
}

/// The name; bytes that are not UTF-8 are replaced by U+FFFD.
fn ask_system() -> Option<String> {
    Some(rustix::system::uname().nodename().to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use fapilog_plugin::testing::TestBatches;
    use fapilog_record::{field_group::FieldGroup, timestamp::Timestamp, value::ValueRef};

    use super::*;

    fn name_after(enricher: &mut Hostname, passed: Duration) -> Option<String> {
        let stage = TestBatches::new().taken(Timestamp::from_unix_nanos(0), enricher.asked + passed);
        stage.batch(&[0], |batch| {
            enricher.enrich(batch).unwrap();
            match batch.events()[0].field(FieldGroup::Context, HOSTNAME) {
                Some(ValueRef::Text(name)) => Some(name.to_owned()),
                _ => None,
            }
        })
    }

    #[test]
    fn the_kernels_name_of_the_host_is_added() {
        let kernels = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let name = name_after(&mut Hostname::new(), Duration::ZERO);
        assert_eq!(name.as_deref(), Some(kernels.trim_end()));
    }

    #[test]
    fn a_new_name_is_known_after_a_minute_and_not_before() {
        static ASKED: AtomicU32 = AtomicU32::new(0);
        let ask = || Some(format!("host-{}", ASKED.fetch_add(1, Ordering::Relaxed)));
        let mut enricher = Hostname::asking(ask);
        assert_eq!(name_after(&mut enricher, Duration::from_millis(59_999)).unwrap(), "host-0");
        assert_eq!(name_after(&mut enricher, Duration::from_secs(60)).unwrap(), "host-1");
        assert_eq!(name_after(&mut enricher, Duration::from_secs(1)).unwrap(), "host-1");
    }

    #[test]
    fn a_name_that_cannot_be_had_again_stays() {
        static ASKED: AtomicU32 = AtomicU32::new(0);
        let ask = || (ASKED.fetch_add(1, Ordering::Relaxed) == 0).then(|| "first".to_owned());
        let mut enricher = Hostname::asking(ask);
        assert_eq!(name_after(&mut enricher, ASK_EVERY).unwrap(), "first");
        assert_eq!(ASKED.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn without_a_name_nothing_is_added() {
        assert_eq!(name_after(&mut Hostname::asking(|| None), Duration::ZERO), None);
    }

    #[test]
    fn the_system_is_called_once_in_the_refresh_interval() {
        fn counted() -> Option<String> {
            static ASKED: AtomicU32 = AtomicU32::new(0);
            Some(format!("host-{}", ASKED.fetch_add(1, Ordering::Relaxed)))
        }
        let mut enricher = Hostname::asking(counted).refresh_interval(Duration::from_secs(5));
        assert_eq!(name_after(&mut enricher, Duration::from_millis(4_999)).unwrap(), "host-0");
        assert_eq!(name_after(&mut enricher, Duration::from_secs(5)).unwrap(), "host-1");
    }
}
