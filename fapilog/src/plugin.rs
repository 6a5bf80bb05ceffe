//! How plugins are made and registered; see [`enrich`](crate::enrich), [`process`](crate::process),
//! [`format`](mod@crate::format) and [`sink`](crate::sink) for the kinds of plugins.

pub use fapilog_plugin::{
    cache::Cache,
    error::PluginError,
    factory::{Factory, ShardInfo},
    kind::PluginKind,
    per_call_site::{PerCallSite, PerSource},
    registry::{API_VERSION, LinkedPlugin, Metadata, PluginInfo, PluginSettings, RegisterError, Registry},
    threads::{is_drain_thread, spawn_thread, spawn_waiting_thread, undivided, work_for_a_sink},
    uuid_v7::{RandomPart, UuidV7, random_part},
};
