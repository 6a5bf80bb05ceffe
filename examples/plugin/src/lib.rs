//! A fapilog plugin of each kind, in a crate that depends on nothing but `fapilog-plugin`: a template.
//!
//! | plugin | kind | what it does |
//! |---|---|---|
//! | [`HostName`] | enricher | names the host in each event |
//! | [`OneIn`] | processor | lets one in so many events pass |
//! | [`MaskedKeys`] | redactor | masks the values of some keys |
//! | [`TabSeparated`] | formatter | lines of fields with tabs between |
//! | [`ChannelSink`] | sink | hands events to another thread of the program |

mod channel_sink;
mod host_name;
mod masked_keys;
mod one_in;
mod tab_separated;

pub use channel_sink::ChannelSink;
pub use host_name::HostName;
pub use masked_keys::MaskedKeys;
pub use one_in::OneIn;
pub use tab_separated::TabSeparated;
