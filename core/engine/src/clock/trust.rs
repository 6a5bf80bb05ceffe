//! The kernel's trust in the processor's time-stamp counter.

use std::{
    fs::File,
    io::Read,
    time::{Duration, Instant},
};

/// The file in which Linux names the source of its own time.
/// Source: `Documentation/ABI/testing/sysfs-devices-system-clocksource` of the kernel.
const CLOCK_SOURCE_FILE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

/// The name of the time-stamp counter there.
const COUNTER: &str = "tsc";

/// Room for the longest name and the newline behind it. Source: `CS_NAME_LEN`, 32, of the kernel.
const NAME_MAX_BYTES: usize = 64;

/// How often the name is read: the kernel gives the counter up once in the life of a machine, if ever.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// Whether the kernel keeps its time by the counter: it has checked that the counter runs at one speed and alike on all
/// cores.
#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(super) fn is_counter_trusted() -> bool {
    kernels_source(&mut [0; NAME_MAX_BYTES]) == Some(COUNTER)
}

/// The name of the kernel's source of time, where its file can be read. Allocates nothing: a drain calls it.
fn kernels_source(buffer: &mut [u8; NAME_MAX_BYTES]) -> Option<&str> {
    let used = File::open(CLOCK_SOURCE_FILE).and_then(|mut file| file.read(buffer)).ok()?;
    str::from_utf8(buffer.get(..used)?).ok().map(str::trim)
}

/// Watches whether the kernel gives the counter up.
#[derive(Debug)]
pub(super) struct TrustWatch {
    source: fn(&mut [u8; NAME_MAX_BYTES]) -> Option<&str>,
    last_look: Instant,
    is_given_up: bool,
}

impl TrustWatch {
    pub(super) fn new(now: Instant) -> Self {
        Self { source: kernels_source, last_look: now, is_given_up: false }
    }

    /// Looks, if it is time. Returns the name of the kernel's new source once, when it is no longer the counter. A file that
    /// can no longer be read (a sandbox that was entered later) changes nothing.
    pub(super) fn look(&mut self, now: Instant) -> Option<String> {
        if self.is_given_up || now.saturating_duration_since(self.last_look) < LOOK_INTERVAL {
            return None;
        }
        self.last_look = now;
        let mut buffer = [0; NAME_MAX_BYTES];
        let name = (self.source)(&mut buffer).filter(|name| *name != COUNTER)?;
        self.is_given_up = true;
        Some(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(source: fn(&mut [u8; NAME_MAX_BYTES]) -> Option<&str>, start: Instant) -> TrustWatch {
        TrustWatch { source, ..TrustWatch::new(start) }
    }

    #[test]
    fn a_counter_that_is_given_up_is_reported_once() {
        let start = Instant::now();
        let mut watch = watch(|_| Some(COUNTER), start);
        assert_eq!(watch.look(start + LOOK_INTERVAL), None);
        watch.source = |_| Some("hpet");
        assert_eq!(watch.look(start + 2 * LOOK_INTERVAL), Some("hpet".to_owned()));
        assert_eq!(watch.look(start + 3 * LOOK_INTERVAL), None);
    }

    #[test]
    fn the_name_is_read_once_in_an_interval() {
        let start = Instant::now();
        let mut watch = watch(|_| Some("hpet"), start);
        assert_eq!(watch.look(start + LOOK_INTERVAL / 2), None);
        assert_eq!(watch.look(start + LOOK_INTERVAL), Some("hpet".to_owned()));
    }

    #[test]
    fn a_name_that_cannot_be_read_changes_nothing() {
        let start = Instant::now();
        assert_eq!(watch(|_| None, start).look(start + LOOK_INTERVAL), None);
    }
}
