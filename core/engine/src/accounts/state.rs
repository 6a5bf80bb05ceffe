//! The state of a plugin, and the health of the pipeline as a whole.

use std::{fmt, sync::atomic::Ordering};

/// Whether a plugin works.
#[doc(alias = "PluginExecutor")]
#[doc(alias = "circuit_breaker")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PluginState {
    /// It is called.
    #[default]
    Active,
    /// Its breaker is open after failures: it is not called until the cool-down is over.
    CoolDown,
    /// The program disabled it.
    Disabled,
    /// It has been removed.
    Removed,
    /// A call of it takes longer than the plugin timeout, and has not returned: the log waits for it.
    Hangs,
}

impl PluginState {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Active, Self::CoolDown, Self::Disabled, Self::Removed, Self::Hangs];

    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::CoolDown => "cool_down",
            Self::Disabled => "disabled",
            Self::Removed => "removed",
            Self::Hangs => "hangs",
        }
    }
}

impl fmt::Display for PluginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The state of the circuit breaker of a sink's destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
#[non_exhaustive]
pub enum BreakerState {
    /// Payloads are delivered.
    #[default]
    Closed,
    /// A single payload is in flight, which decides.
    HalfOpen,
    /// Too many attempts have failed in a row: payloads wait until the cool-down is over.
    Open,
}

impl BreakerState {
    /// All states, the best first.
    pub const ALL: [Self; 3] = [Self::Closed, Self::HalfOpen, Self::Open];

    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How much of a container's pipeline works, in the order in which failures reduce it.
#[doc(alias = "HealthMonitor")]
#[doc(alias = "graceful_degradation")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
#[non_exhaustive]
pub enum HealthLevel {
    /// Everything works.
    #[default]
    Full,
    /// Several plugins are left out for failing: of enrichers and processors, only the essential ones are called.
    EssentialPlugins,
    /// A sink fails; the others get everything.
    WorkingSinks,
    /// No sink works, or a plugin does not return: stderr gets a line, at most one a second.
    Emergency,
}

impl HealthLevel {
    /// All levels, the best first.
    pub const ALL: [Self; 4] = [Self::Full, Self::EssentialPlugins, Self::WorkingSinks, Self::Emergency];

    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::EssentialPlugins => "essential_plugins",
            Self::WorkingSinks => "working_sinks",
            Self::Emergency => "emergency",
        }
    }
}

impl fmt::Display for HealthLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The health of one shard. A figure for reports, on which nothing depends: no model need see it.
#[derive(Debug, Default)]
pub(crate) struct HealthGauge(std::sync::atomic::AtomicU8);

impl HealthGauge {
    pub(crate) fn set(&self, health: HealthLevel) {
        // Relaxed: see the type.
        self.0.store(health as u8, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> HealthLevel {
        // Relaxed: see the type.
        let byte = self.0.load(Ordering::Relaxed);
        HealthLevel::ALL.into_iter().find(|health| *health as u8 == byte).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_health_levels_are_shown_by_their_names() {
        assert_eq!(
            PluginState::ALL.map(|state| state.to_string()),
            ["active", "cool_down", "disabled", "removed", "hangs"]
        );
        let names = ["full", "essential_plugins", "working_sinks", "emergency"];
        assert_eq!(HealthLevel::ALL.map(|level| level.to_string()), names);
    }
}
