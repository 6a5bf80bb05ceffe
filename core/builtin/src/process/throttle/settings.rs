//! Settings of the throttle.

use std::time::Duration;

use fapilog_plugin::{
    factory::Factory,
    registry::{RegisterError, Registry},
    settings::duration,
};
use serde::Deserialize;

use crate::{process::Throttle, registration::about};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_processor(about("throttle", "Takes out events that come too fast"), |settings| {
        let throttle = settings.read::<ThrottleSettings>()?.throttle();
        Ok(Factory::processor(move |_| throttle.clone()).keeping_audit_events(true))
    })
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ThrottleSettings {
    events_per_second: Option<u64>,
    burst_events: Option<u64>,
    /// A field whose value has a rate of its own, instead of source and level.
    key: Option<String>,
    keys_max: Option<usize>,
    #[serde(with = "duration::maybe")]
    quiet: Option<Duration>,
}

impl ThrottleSettings {
    fn throttle(self) -> Throttle {
        let mut throttle = self.events_per_second.map_or_else(Throttle::default, Throttle::per_second);
        if let Some(events) = self.burst_events {
            throttle = throttle.burst_events(events);
        }
        if let Some(key) = self.key {
            throttle = throttle.key(key);
        }
        if let Some(keys) = self.keys_max {
            throttle = throttle.keys_max(keys);
        }
        if let Some(quiet) = self.quiet {
            throttle = throttle.quiet(quiet);
        }
        throttle
    }
}
