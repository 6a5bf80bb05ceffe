//! A server between its start and its stop: the listener and the open connections.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{connection, lock, record::HttpRecord, script::HttpScript};

/// A port that a stopped server had may still be in use for a moment.
const BIND_DEADLINE: Duration = Duration::from_secs(5);
const BIND_WAIT: Duration = Duration::from_millis(10);

/// A server that runs.
#[derive(Debug)]
pub(super) struct HttpRun {
    signal: Arc<StopSignal>,
    listener: JoinHandle<()>,
    address: SocketAddr,
}

/// The end of a run, and the connections that it ends.
#[derive(Debug, Default)]
pub(super) struct StopSignal {
    state: Mutex<StopState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct StopState {
    is_stopped: bool,
    open: HashMap<usize, TcpStream>,
}

impl HttpRun {
    pub(super) fn start(port: u16, script: &Arc<HttpScript>, record: &Arc<HttpRecord>) -> Self {
        let listener = bind(port);
        let address = listener.local_addr().expect("an address of the listener");
        let signal = Arc::new(StopSignal::default());
        let (script, record) = (Arc::clone(script), Arc::clone(record));
        let accept = {
            let signal = Arc::clone(&signal);
            move || accept_all(&listener, &signal, &script, &record)
        };
        let listener = thread::Builder::new().name("fake-http".to_owned()).spawn(accept).expect("a thread");
        Self { signal, listener, address }
    }

    /// Closes the port and all connections, and waits for their threads.
    pub(super) fn stop(self) {
        self.signal.stop();
        // Wakes the thread that accepts connections.
        drop(TcpStream::connect(self.address));
        let _ = self.listener.join();
    }
}

impl StopSignal {
    pub(super) fn is_stopped(&self) -> bool {
        lock(&self.state).is_stopped
    }

    /// `false`: the server was stopped in the meantime.
    pub(super) fn sleep(&self, duration: Duration) -> bool {
        let state = lock(&self.state);
        let slept = self.changed.wait_timeout_while(state, duration, |state| !state.is_stopped);
        !slept.unwrap_or_else(std::sync::PoisonError::into_inner).0.is_stopped
    }

    fn stop(&self) {
        let mut state = lock(&self.state);
        state.is_stopped = true;
        for stream in state.open.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// `false`: the server was stopped before.
    fn open(&self, number: usize, stream: &TcpStream) -> bool {
        let mut state = lock(&self.state);
        if let (false, Ok(copy)) = (state.is_stopped, stream.try_clone()) {
            state.open.insert(number, copy);
            return true;
        }
        false
    }

    /// A connection is closed only when its copy is closed too.
    pub(super) fn forget(&self, number: usize) {
        lock(&self.state).open.remove(&number);
    }
}

fn bind(port: u16) -> TcpListener {
    let start = Instant::now();
    loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return listener,
            Err(error) if start.elapsed() > BIND_DEADLINE => panic!("port {port}: {error}"),
            Err(_) => thread::sleep(BIND_WAIT),
        }
    }
}

fn accept_all(listener: &TcpListener, signal: &Arc<StopSignal>, script: &Arc<HttpScript>, record: &Arc<HttpRecord>) {
    let mut threads = Vec::new();
    for stream in listener.incoming() {
        if signal.is_stopped() {
            break;
        }
        let Ok(stream) = stream else { continue };
        let number = record.count_connection();
        if !signal.open(number, &stream) {
            break;
        }
        let (signal, script, record) = (Arc::clone(signal), Arc::clone(script), Arc::clone(record));
        threads.push(thread::spawn(move || {
            connection::serve(stream, number, &signal, &script, &record);
            signal.forget(number);
        }));
    }
    for thread in threads {
        let _ = thread.join();
    }
}
