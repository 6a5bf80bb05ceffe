//! Signals: the log is drained when a signal ends the process, and starts new files on SIGHUP. A program that calls neither
//! helper keeps its signals as they are.
//!
//! # SIGTERM and SIGINT
//!
//! The default action of SIGTERM and SIGINT ends a process on the spot, and the events that are not delivered yet are gone. With
//! [`drain_on_termination`], a thread waits for these signals, shuts the global container down, and then has the signal take
//! its default action: the parent of the process sees the usual status. The first process of a container, which the kernel ends by no
//! signal, exits with the status that stands for the signal: 143 for SIGTERM.
//!
//! ```no_run
//! fapilog::init()?;
//! fapilog_signals::drain_on_termination()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The last event before the drain names the signal: an INFO of the source `fapilog-signals`, with the field `signal`.
//! A second signal during the drain ends the process at once.
//!
//! A program that handles these signals by itself, such as a server with a graceful shutdown, needs no helper: it ends by
//! itself, and the exit drains the log. With both, the program's handler is called, and the drain ends the process before the
//! program's own shutdown does; with [`Termination::on_second_signal`], the drain waits for a second signal, by which an operator ends a
//! shutdown that takes too long.
//!
//! # SIGHUP
//!
//! With [`rotate_on_hangup`], the sinks of the global container start new files on SIGHUP, as
//! [`Container::rotate`](fapilog::Container::rotate) has them do.
//!
//! ```no_run
//! let _logs = fapilog::init()?;
//! let _rotation = fapilog_signals::rotate_on_hangup()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Handlers
//!
//! Handlers are installed by `signal-hook`. They write to a pipe and to atomics only, and call the handler that was there before.
//! The threads that wait block all signals: the program's handlers run on the program's threads. A program that installs a handler
//! of its own later, by other means than `signal-hook`, takes the signal away from the helper.

mod default_action;
mod end_event;
mod rotation;
mod termination;
mod watched;

pub use crate::{
    rotation::{RotationWatch, SignalledRotation, rotate_on_hangup},
    termination::{Termination, drain_on_termination},
};
