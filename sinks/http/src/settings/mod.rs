//! Settings that all sinks have whose destination is reached by HTTP.
//!
//! A sink declares its settings by [`http_settings!`](crate::http_settings), which adds these:
//!
//! | setting | what | default |
//! |---|---|---|
//! | `url` | where the requests go; it has no secrets | required |
//! | `allow_plaintext_hosts` | hosts that are reached without TLS, by name | none; this machine always is |
//! | `allow_addresses` | addresses and networks that would be refused: see [`AddressPolicy`] | none |
//! | `tls` | [`TlsSettings`] | authorities of the system |
//! | `auth` | [`AuthSettings`] | none |
//! | `headers` | more headers, by name | none |
//! | `request` | [`HttpRequestSettings`] | |
//! | `batch` | [`BatchSettings`] | |

mod auth;
mod batch;
mod header_text;
mod request;
mod target;

pub use auth::{AuthSettings, BasicAuth, HeaderAuth};
pub use batch::BatchSettings;
pub use fapilog_plugin::settings::Endpoint;
pub use fapilog_sink_network::{
    address::{AddressPolicy, AddressRange},
    tls::TlsSettings,
};
pub(crate) use header_text::{HEADER_TEXT_RULE, header_value};
pub use request::{BodyCompression, HttpRequestSettings};
pub use target::{HttpSettings, HttpTarget};
pub(crate) use target::{OWN_HEADER_RULE, is_own_header};

/// Declares the settings of a sink: its own fields, and those that [all HTTP sinks](self) have. The macro adds a method `http`, which returns
/// the latter as [`HttpSettings`]. The struct has the attributes `#[serde(default, deny_unknown_fields)]`, so that `Default` must be implemented for it.
///
/// ```
/// use fapilog_sink_http::http_settings;
///
/// http_settings! {
///     /// The settings of the sink `shout`.
///     #[derive(Debug, Clone, Default)]
///     pub struct ShoutSettings {
///         /// How loud.
///         pub volume: u8,
///     }
/// }
///
/// let settings: ShoutSettings =
///     serde_json::from_str(r#"{ "url": "https://shout.example.com/", "volume": 11, "batch": { "max_records": 10 } }"#)?;
/// assert_eq!(settings.volume, 11);
/// assert_eq!(settings.http().batch.max_records, 10);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[macro_export]
macro_rules! http_settings {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident { $($(#[$field_meta:meta])* $field_visibility:vis $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive($crate::settings::macro_support::Deserialize)]
        #[serde(default, deny_unknown_fields, crate = "fapilog_sink_http::settings::macro_support::serde")]
        $visibility struct $name {
            $($(#[$field_meta])* $field_visibility $field: $type,)*
            /// Where the requests go.
            pub url: String,
            /// Hosts that are reached without TLS, by name.
            pub allow_plaintext_hosts: Vec<String>,
            /// Addresses and networks that would be refused.
            pub allow_addresses: Vec<$crate::settings::AddressRange>,
            /// TLS.
            pub tls: $crate::settings::TlsSettings,
            /// Credentials.
            pub auth: $crate::settings::AuthSettings,
            /// More headers.
            pub headers: std::collections::BTreeMap<String, String>,
            /// Time limits and compression.
            pub request: $crate::settings::HttpRequestSettings,
            /// The limits of a payload.
            pub batch: $crate::settings::BatchSettings,
        }

        impl $name {
            /// The settings that all HTTP sinks have.
            #[must_use]
            pub fn http(&self) -> $crate::settings::HttpSettings {
                $crate::settings::HttpSettings {
                    url: self.url.clone(),
                    allow_plaintext_hosts: self.allow_plaintext_hosts.clone(),
                    allow_addresses: self.allow_addresses.clone(),
                    tls: self.tls.clone(),
                    auth: self.auth.clone(),
                    headers: self.headers.clone(),
                    request: self.request.clone(),
                    batch: self.batch.clone(),
                }
            }
        }
    };
}

/// For the expansion of [`http_settings!`](crate::http_settings).
#[doc(hidden)]
pub mod macro_support {
    pub use serde::{self, Deserialize};
}
