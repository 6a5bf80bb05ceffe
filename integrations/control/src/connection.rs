//! The conversation with one peer, on a thread of its own.

use std::{os::unix::net::UnixStream, sync::Arc, time::Duration};

use crate::{
    answer::ControlledContainer,
    connections::{CONNECTIONS_MAX, OpenConnection},
    lines::{LineError, LineSocket},
    peer::PeerProcess,
    protocol::{REQUEST_MAX_BYTES, Refusal, answer_line},
    wake::ListenerWake,
};

/// How long a request may take to arrive, from the answer before it on.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a peer may take to read an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a peer that is refused may take to read the reason. The thread that listens waits for it; the socket has room for the
/// line.
const REFUSAL_TIMEOUT: Duration = Duration::from_millis(100);

/// A connection to a peer that may control this process.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: UnixStream,
    pub(crate) peer: PeerProcess,
    pub(crate) container: Arc<ControlledContainer>,
    /// Wakes the thread that listens: a request may have changed the time when levels come back.
    pub(crate) wake: Arc<ListenerWake>,
    pub(crate) open: OpenConnection,
}

impl Connection {
    /// Answers requests until the peer or the stop closes the connection, or the peer is too slow.
    pub(crate) fn serve(self) {
        let Self { stream, peer, container, wake, open } = self;
        let mut lines = LineSocket::new(stream, REQUEST_MAX_BYTES);
        loop {
            let answer = match lines.read_line(REQUEST_TIMEOUT) {
                Ok(Some(line)) => container.answer(&line, peer),
                Ok(None) | Err(LineError::Cut | LineError::Io(_)) => break,
                Err(error @ (LineError::TooLong { .. } | LineError::TimedOut { .. })) => {
                    refuse(&mut lines, unreadable(&error), ANSWER_TIMEOUT);
                    break;
                }
            };
            wake.wake();
            if lines.write_line(&answer_line(answer), ANSWER_TIMEOUT).is_err() {
                break;
            }
        }
        // The container first: the stop waits for this connection, and then drops the last handle of the container itself.
        drop(container);
        drop(open);
    }
}

fn unreadable(error: &LineError) -> Refusal {
    let code = if matches!(error, LineError::TooLong { .. }) { "control.too_long" } else { "control.timeout" };
    Refusal::new(code, error.to_string())
}

/// Answers a peer that is not served, and leaves it.
pub(crate) fn refuse_peer(stream: UnixStream, peer: Option<PeerProcess>) {
    let refusal = match peer {
        Some(peer) if peer.may_control_this_process() => {
            let text = format!("there are {CONNECTIONS_MAX} connections already, which is the most");
            Refusal::new("control.busy", text)
        }
        Some(peer) => {
            let text = format!("{peer} may not control this process; its user and root may");
            Refusal::new("control.forbidden", text)
        }
        None => Refusal::new("control.forbidden", "the system does not report the user of the peer"),
    };
    refuse(&mut LineSocket::new(stream, REQUEST_MAX_BYTES), refusal, REFUSAL_TIMEOUT);
}

/// The peer may be gone, or read nothing: then it does not get the reason.
fn refuse(lines: &mut LineSocket, refusal: Refusal, timeout: Duration) {
    let _ = lines.write_line(&answer_line(Err(refusal)), timeout);
}
