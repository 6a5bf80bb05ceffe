//! A thread for a client that blocks.
//!
//! The shard and the thread share a [queue](RequestQueue) of requests, and each request has an [answer](PendingAnswer). The shard
//! never waits for the thread.

mod requests;

use std::{
    io,
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
};

use fapilog_record::user_code::{catch_panic, drop_catching_panics};
use thiserror::Error;

use crate::{
    sink::{
        Delivery, Payload, SinkError,
        delivery_thread::requests::{PendingAnswer, Request, RequestQueue, WAITING_MAX, Work},
    },
    threads::{process::OwnProcess, spawn_thread},
};

/// A client that blocks until the destination has answered. A [`DeliveryThread`] calls it.
///
/// It is made and dropped on the thread, so that it need not be `Send`.
pub trait BlockingDelivery: 'static {
    /// Delivers a payload, and returns when the destination has it.
    ///
    /// A client with a time limit of its own, below that of the [policy](crate::sink::DeliveryPolicy::timeout), frees the thread
    /// for the next attempt. After a panic, which is a permanent error of this payload, the client is called again with the next
    /// one.
    ///
    /// # Errors
    /// The [kind](SinkError::kind) of the error decides on the next attempt.
    fn deliver(&mut self, payload: Payload) -> Result<(), SinkError>;

    /// Makes delivered payloads durable, where the client has a buffer of its own.
    ///
    /// # Errors
    /// When that failed. The flush of the container fails then.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// The thread of a [`BlockingDelivery`]: a sink hands its payloads over, and the drain never waits for the client.
///
/// * Requests are executed one after the other, in their order. At most 16 wait; another is refused by a retryable error. The
///   engine's [policy](crate::sink::DeliveryPolicy) has one payload in flight, unless the sink or the operator sets more.
/// * A delivery that is dropped, because its time limit is over, is taken out of the queue. If the client works on it already, the
///   client goes on, and later payloads wait for it: the payload may reach the destination although it counts as timed out.
/// * The drop of this value ends the thread when the client returns. It does not wait: a client that hangs keeps its thread, and
///   the process ends without it.
/// * The thread takes no signals, and has the CPUs and the priority of an ordinary thread, as
///   [`spawn_thread`] has it. Log calls on it never wait for a drain.
/// * In a forked child, where the thread does not exist, every delivery fails at once, and the drop does nothing.
///
/// ```
/// use std::{io::Write, net::TcpStream};
/// use fapilog_plugin::sink::{BlockingDelivery, DeliveryThread, Payload, SinkError};
///
/// /// Connects when it has something to deliver, and again after an error.
/// #[derive(Default)]
/// struct Client {
///     connection: Option<TcpStream>,
/// }
///
/// impl BlockingDelivery for Client {
///     fn deliver(&mut self, payload: Payload) -> Result<(), SinkError> {
///         let mut connection = match self.connection.take() {
///             Some(connection) => connection,
///             None => TcpStream::connect("127.0.0.1:5170").map_err(SinkError::retryable)?,
///         };
///         connection.write_all(payload.records()).map_err(SinkError::retryable)?;
///         self.connection = Some(connection);
///         Ok(())
///     }
/// }
///
/// let thread = DeliveryThread::start("tcp-sink", || Ok(Client::default()))?;
/// // In `Sink::deliver`: `self.thread.deliver(payload)`.
/// # drop(thread);
/// # Ok::<(), SinkError>(())
/// ```
#[derive(Debug)]
pub struct DeliveryThread {
    queue: Arc<RequestQueue>,
    process: OwnProcess,
}

impl DeliveryThread {
    /// Starts the thread, and makes the client on it. Returns when the client is made: `make` should open nothing that may take
    /// long.
    ///
    /// # Errors
    /// The error of `make`, or that it panicked, or that the system has no thread to give.
    pub fn start<D: BlockingDelivery>(
        name: impl Into<String>,
        make: impl FnOnce() -> Result<D, SinkError> + Send + 'static,
    ) -> Result<Self, SinkError> {
        let queue = Arc::new(RequestQueue::default());
        let (made, is_made) = mpsc::channel();
        let served = Arc::clone(&queue);
        // The system's names of threads have no NUL.
        let name = name.into().replace('\0', "");
        spawn_thread(name, move || {
            if let Some(client) = make_client(make, &made) {
                serve(client, &served);
            }
        })
        .map_err(|error| permanent(DeliveryThreadError::NoThread(error)))?;
        is_made.recv().unwrap_or_else(|_| Err(permanent(DeliveryThreadError::Panicked)))?;
        Ok(Self { queue, process: OwnProcess::this() })
    }

    /// Delivers a payload by the client. The delivery wakes the shard when the client has returned.
    #[must_use]
    pub fn deliver(&self, payload: Payload) -> Delivery {
        self.submit(Work::Deliver(payload))
    }

    /// Flushes the client, behind all payloads that were submitted before.
    #[must_use]
    pub fn flush(&self) -> Delivery {
        self.submit(Work::Flush)
    }

    fn submit(&self, work: Work) -> Delivery {
        if !self.process.is_this() {
            return Delivery::done(Err(permanent(DeliveryThreadError::Forked)));
        }
        match PendingAnswer::submit(work, &self.queue, self.process) {
            Some(answer) => Delivery::waking(answer),
            None => Delivery::done(Err(SinkError::retryable(DeliveryThreadError::Busy))),
        }
    }
}

impl Drop for DeliveryThread {
    fn drop(&mut self) {
        if self.process.is_this() {
            self.queue.close();
        }
    }
}

/// Why the thread could not work.
#[derive(Debug, Error)]
enum DeliveryThreadError {
    #[error("the system has no thread to give")]
    NoThread(#[source] io::Error),
    #[error("the client panicked")]
    Panicked,
    #[error("{WAITING_MAX} requests wait for the client")]
    Busy,
    #[error("the thread of the client is in the parent process")]
    Forked,
}

fn permanent(error: DeliveryThreadError) -> SinkError {
    SinkError::permanent(error)
}

/// Makes the client on its thread, and reports whether that worked.
fn make_client<D>(make: impl FnOnce() -> Result<D, SinkError>, made: &Sender<Result<(), SinkError>>) -> Option<D> {
    let client = catch_panic(make).unwrap_or_else(|_| Err(permanent(DeliveryThreadError::Panicked)));
    let (client, result) = match client {
        Ok(client) => (Some(client), Ok(())),
        Err(error) => (None, Err(error)),
    };
    // The receiver waits for it.
    let _ = made.send(result);
    client
}

/// Executes requests until the queue is closed and empty.
fn serve(mut client: impl BlockingDelivery, queue: &RequestQueue) {
    while let Some(Request { work, answer }) = queue.next() {
        let result = catch_panic(|| match work {
            Work::Deliver(payload) => client.deliver(payload),
            Work::Flush => client.flush(),
        });
        answer.give(result.unwrap_or_else(|_| Err(permanent(DeliveryThreadError::Panicked))));
    }
    drop_catching_panics(client);
}

#[cfg(test)]
mod tests;
