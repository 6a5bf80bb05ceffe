//! The JSON form of accounts: names in snake case, counts as whole numbers, and lists of counts as objects by name. A reason or a
//! level without a count counts zero; sinks and plugins are all there.

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeStruct},
};

use crate::accounts::{
    Accounts, BreakerState, CountsByLevel, HealthLevel, LossReason, Losses, PluginState, SinkAccounts,
};

/// Serializes as the name.
macro_rules! by_name {
    ($($type:ty),+ $(,)?) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    )+};
}

by_name!(LossReason, PluginState, BreakerState, HealthLevel);

/// By reason, those that are not zero.
impl Serialize for Losses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// By level in lower case, those that are not zero.
impl Serialize for CountsByLevel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(level, count)| (level.name().to_ascii_lowercase(), count)))
    }
}

/// Counts by name, as an object.
struct ByName<'a, N>(&'a [(N, u64)]);

impl<N: AsRef<str>> Serialize for ByName<'_, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, count) in self.0 {
            map.serialize_entry(name.as_ref(), count)?;
        }
        map.end()
    }
}

/// Counts by name, as an object.
pub(crate) fn counts_by_name<S: Serializer>(counts: &[(String, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    ByName(counts).serialize(serializer)
}

impl Serialize for SinkAccounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut account = serializer.serialize_struct("SinkAccounts", 11)?;
        account.serialize_field("name", &self.name)?;
        account.serialize_field("offered", &self.offered)?;
        account.serialize_field("delivered", &self.delivered)?;
        account.serialize_field("filtered", &self.filtered)?;
        account.serialize_field("lost", &self.lost)?;
        account.serialize_field("pending", &self.pending)?;
        account.serialize_field("bytes", &self.bytes)?;
        account.serialize_field("errors", &self.errors)?;
        account.serialize_field("retries", &self.retries)?;
        account.serialize_field("writer", &self.writer)?;
        account.serialize_field("counters", &ByName(&self.counters))?;
        account.end()
    }
}

/// With the sums that the methods of [`Accounts`] have.
impl Serialize for Accounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut accounts = serializer.serialize_struct("Accounts", 13)?;
        accounts.serialize_field("submitted", &self.submitted)?;
        accounts.serialize_field("delivered_total", &self.delivered_total())?;
        accounts.serialize_field("filtered_total", &self.filtered_total())?;
        accounts.serialize_field("lost_total", &self.lost_total())?;
        accounts.serialize_field("pending_total", &self.pending_total())?;
        accounts.serialize_field("filtered", &ByName(&self.filtered))?;
        accounts.serialize_field("lost", &self.lost)?;
        accounts.serialize_field("lost_by_level", &self.lost_by_level)?;
        accounts.serialize_field("lost_of_unknown_level", &self.lost_of_unknown_level())?;
        accounts.serialize_field("pending", &self.pending)?;
        accounts.serialize_field("cut", &self.cut)?;
        accounts.serialize_field("unrouted", &self.unrouted)?;
        accounts.serialize_field("sinks", &self.sinks)?;
        accounts.end()
    }
}
