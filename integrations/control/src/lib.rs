//! Control socket: a program that opts in answers questions about its log, and takes changes of it, on a unix socket.
//!
//! ```
//! use std::sync::Arc;
//! use fapilog::{Container, format, sink};
//! use fapilog_control::{ControlSocket, client::Client};
//!
//! let (sink, _events) = sink::Memory::new(format::Json::new);
//! let logs = Arc::new(Container::builder().sink("memory", sink).start()?);
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("shop.sock");
//! # stringify!(
//! let path = "/run/shop/control.sock";
//! # );
//! let control = ControlSocket::builder(&logs).path(&path).start()?;
//!
//! // In another process: the command `fapilog`, or a program of yours.
//! let mut client = Client::connect(control.path())?;
//! assert_eq!(client.levels()?.directives, "INFO");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Access
//!
//! The socket has mode 0600 from its first moment. Its default place is a directory that belongs to the user and that no
//! other user may enter. The kernel reports the user of each peer: the user of the program and root are answered, others
//! get an error. Each change of a level, and each change that is refused, is a diagnostic and an event of level AUDIT, with the
//! process and the user of the peer.
//!
//! # Limits
//!
//! A thread of its own answers, never a thread of the program, and never a drain. There are at most 8 connections. A request
//! has at most 16 KiB, and 30 s to arrive. A peer that reads no answers is left after 5 s.
//!
//! # Forks
//!
//! A forked child does not answer for its parent, and its copy of a [`ControlSocket`] does nothing when it is dropped. The
//! child starts a socket of its own for a container of its own.
//!
//! # Protocol
//!
//! A request is a JSON object on a line, and so is the answer. [`protocol`] has the commands.

mod answer;
mod audit_events;
mod builder;
pub mod client;
mod connection;
mod connections;
mod directory;
mod directory_lock;
mod error;
mod levels;
mod lines;
mod listener;
mod peer;
pub mod protocol;
mod socket;
mod wake;

pub use crate::{builder::ControlSocketBuilder, directory::sockets_of, error::ControlError, socket::ControlSocket};

#[cfg(doctest)]
#[doc = include_str!("../../../docs/control-socket.md")]
mod book {}
