//! Signed webhooks: the sink `webhook`.
//!
//! It sends what the sink [`http`](fapilog_sink_http::Http) sends, and adds a signature over the exact bytes of the body, so that the receiver knows who has sent
//! it, and that nobody has changed it.
//!
//! | `signature` | headers | signed |
//! |---|---|---|
//! | `standard` | `webhook-id`, `webhook-timestamp`, `webhook-signature: v1,<base64>` | `id.timestamp.body`, by HMAC-SHA256 ([Standard Webhooks](https://www.standardwebhooks.com)) |
//! | `github` | `x-hub-signature-256: sha256=<hex>`, `x-github-delivery` | the body, by HMAC-SHA256, as GitHub documents it |

#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../../../docs/webhook-sink.md")]
struct WebhookSinkPage;

mod registration;
mod settings;
mod signature;
mod sink;

pub use registration::register;
pub use settings::{SignatureKind, WebhookSettings};
pub use sink::Webhook;
