//! Transports: the way of a payload to a receiver.

mod address;
mod client;
mod datagram;
mod error;
mod framing;
mod stream;

pub(crate) use self::{
    address::{SyslogAddress, UNIX},
    client::{ClientOptions, SyslogClient, dialer},
};
pub use self::{error::SyslogError, framing::Framing};
