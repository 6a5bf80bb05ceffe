//! The servers for tests do what their documentation promises.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod http_answers;
mod http_client;
mod http_requests;
mod real_servers;
mod servers;
mod tls;
