//! A client that obeys its payloads.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use super::{requests::WAITING_MAX, *};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A client that does what each payload demands.
struct Client {
    delivered: Sender<String>,
    is_released: Receiver<()>,
}

impl BlockingDelivery for Client {
    fn deliver(&mut self, payload: Payload) -> Result<(), SinkError> {
        let text = String::from_utf8_lossy(payload.records()).into_owned();
        self.delivered.send(text.clone()).unwrap();
        match text.as_str() {
            "refuse" => Err(SinkError::retry_after(Duration::from_secs(7), "busy")),
            "panic" => panic!("planted"),
            "hang" => self.is_released.recv_timeout(TIMEOUT).map_err(SinkError::permanent),
            _ => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.delivered.send("flush".to_owned()).map_err(SinkError::permanent)
    }
}

/// The thread, the payloads that the client has got, and the end of a hang.
fn started() -> (DeliveryThread, Receiver<String>, Sender<()>) {
    let ((delivered, got), (release, is_released)) = (mpsc::channel(), mpsc::channel());
    let thread = DeliveryThread::start("client", || Ok(Client { delivered, is_released })).unwrap();
    (thread, got, release)
}

fn deliver(thread: &DeliveryThread, text: &str) -> Delivery {
    let mut payload = Payload::new(text.len());
    payload.buffer().extend_from_slice(text.as_bytes());
    thread.deliver(payload)
}

/// Wakes a thread of the test.
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The result, as the kind of its error and the text of its source. Polls again when it is woken, and never otherwise.
fn result(mut delivery: Delivery) -> Result<(), String> {
    assert!(delivery.wakes());
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let start = std::time::Instant::now();
    loop {
        match delivery.poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => {
                return result.map_err(|error| {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    format!("{:?}: {}", error.kind(), source.unwrap_or_default())
                });
            }
            Poll::Pending => thread::park_timeout(TIMEOUT),
        }
        assert!(start.elapsed() < TIMEOUT, "never woken");
    }
}

fn is_pending(delivery: &mut Delivery) -> bool {
    delivery.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[test]
fn payloads_and_flushes_come_to_the_client_in_order() {
    let (thread, got, _release) = started();
    let deliveries = [deliver(&thread, "one"), deliver(&thread, "two"), thread.flush(), deliver(&thread, "three")];
    assert_eq!(deliveries.map(result), [Ok(()), Ok(()), Ok(()), Ok(())]);
    drop(thread);
    assert_eq!(got.iter().collect::<Vec<_>>(), ["one", "two", "flush", "three"]);
}

#[test]
fn the_clients_error_is_the_deliverys() {
    let (thread, _got, _release) = started();
    let expected = "Retryable { retry_after: Some(7s) }: busy";
    assert_eq!(result(deliver(&thread, "refuse")), Err(expected.to_owned()));
}

#[test]
fn a_panic_of_the_client_fails_its_payload_for_good_and_the_next_one_is_delivered() {
    let (thread, _got, _release) = started();
    assert_eq!(result(deliver(&thread, "panic")), Err("Permanent: the client panicked".to_owned()));
    assert_eq!(result(deliver(&thread, "one")), Ok(()));
}

#[test]
fn a_client_that_cannot_be_made_is_an_error_of_the_start() {
    let start = |make: fn() -> Result<Client, SinkError>| DeliveryThread::start("client", make).unwrap_err().kind();
    let busy = start(|| Err(SinkError::retryable("busy")));
    assert_eq!(busy, crate::sink::SinkErrorKind::Retryable { retry_after: None });
    assert_eq!(start(|| panic!("planted")), crate::sink::SinkErrorKind::Permanent);
}

#[test]
fn a_name_with_a_nul_names_the_thread_without_it() {
    let name = || thread::current().name().map(str::to_owned);
    let (delivered, got) = mpsc::channel();
    let (_release, is_released) = mpsc::channel();
    let make = move || {
        delivered.send(name().unwrap_or_default()).map_err(SinkError::permanent)?;
        Ok(Client { delivered, is_released })
    };
    let _thread = DeliveryThread::start("a\0b", make).unwrap();
    assert_eq!(got.recv_timeout(TIMEOUT).as_deref(), Ok("ab"));
}

#[test]
fn a_delivery_that_is_dropped_before_its_turn_never_comes_to_the_client() {
    let (thread, got, release) = started();
    let hanging = deliver(&thread, "hang");
    assert_eq!(got.recv_timeout(TIMEOUT).as_deref(), Ok("hang"));
    drop(deliver(&thread, "dropped"));
    let kept = deliver(&thread, "kept");
    release.send(()).unwrap();
    assert_eq!((result(hanging), result(kept)), (Ok(()), Ok(())));
    drop(thread);
    assert_eq!(got.iter().collect::<Vec<_>>(), ["kept"]);
}

#[test]
fn later_payloads_wait_for_a_client_that_hangs_in_a_dropped_delivery() {
    let (thread, got, release) = started();
    drop(deliver(&thread, "hang"));
    // The drop may have come before the client.
    let hanging = deliver(&thread, "hang");
    assert_eq!(got.recv_timeout(TIMEOUT).as_deref(), Ok("hang"));
    drop(hanging);
    let mut later = deliver(&thread, "later");
    assert!(is_pending(&mut later));
    release.send(()).unwrap();
    release.send(()).unwrap();
    assert_eq!(result(later), Ok(()));
}

#[test]
fn requests_beyond_the_bound_are_refused_and_retryable() {
    let (thread, got, release) = started();
    let hanging = deliver(&thread, "hang");
    assert_eq!(got.recv_timeout(TIMEOUT).as_deref(), Ok("hang"));
    let waiting: Vec<_> = (0..WAITING_MAX).map(|_| deliver(&thread, "one")).collect();
    let refused = "Retryable { retry_after: None }: 16 requests wait for the client";
    assert_eq!(result(deliver(&thread, "one more")), Err(refused.to_owned()));
    release.send(()).unwrap();
    assert!(result(hanging).is_ok() && waiting.into_iter().map(result).all(|result| result.is_ok()));
}

#[test]
fn the_drop_does_not_wait_and_ends_the_thread_when_the_client_returns() {
    let (thread, got, release) = started();
    let hanging = deliver(&thread, "hang");
    assert_eq!(got.recv_timeout(TIMEOUT).as_deref(), Ok("hang"));
    drop((hanging, thread));
    assert_eq!(got.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout), "the client is still there");
    release.send(()).unwrap();
    assert_eq!(got.recv_timeout(TIMEOUT), Err(RecvTimeoutError::Disconnected), "the client is dropped");
}

#[test]
fn the_thread_counts_as_a_sinks() {
    struct Asks(Sender<bool>);
    impl BlockingDelivery for Asks {
        fn deliver(&mut self, _: Payload) -> Result<(), SinkError> {
            self.0.send(crate::threads::is_drain_thread()).map_err(SinkError::permanent)
        }
    }
    let (answers, answer) = mpsc::channel();
    let thread = DeliveryThread::start("client", || Ok(Asks(answers))).unwrap();
    assert_eq!((result(deliver(&thread, "")), answer.recv_timeout(TIMEOUT)), (Ok(()), Ok(true)));
}
