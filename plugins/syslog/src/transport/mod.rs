//! Transports: the way of a payload to a receiver.

mod client;
mod datagram;
mod destination;
mod error;
mod framing;
mod stream;

pub(crate) use self::{
    client::{ClientOptions, SyslogClient, dialer},
    destination::{Destination, UNIX},
};
pub use self::{error::SyslogError, framing::Framing};
