//! Names of hosts.
//!
//! The system's resolver has no time limit of ours: it may take half a minute. A thread calls it. While it is busy, no second thread is
//! started: the next attempt waits for the same answer.

use std::{
    io,
    net::{IpAddr, ToSocketAddrs},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::Instant,
};

use fapilog_plugin::threads::spawn_thread;

use crate::error::ConnectError;

/// The addresses of a name, or the error.
type Addresses = io::Result<Vec<IpAddr>>;

/// Resolves the name of one host.
#[derive(Debug)]
pub(crate) struct Resolver {
    host: String,
    /// The answer that a thread still waits for.
    pending: Option<Receiver<Addresses>>,
}

impl Resolver {
    pub(crate) fn new(host: &str) -> Self {
        Self { host: host.to_owned(), pending: None }
    }

    /// The addresses of the host, at least one.
    pub(crate) fn resolve(&mut self, deadline: Instant) -> Result<Vec<IpAddr>, ConnectError> {
        if let Ok(address) = self.host.parse() {
            return Ok(vec![address]);
        }
        let answer = self.ask(deadline)?;
        let addresses = answer.map_err(|source| self.failed(source))?;
        if addresses.is_empty() { Err(self.failed(io::ErrorKind::NotFound.into())) } else { Ok(addresses) }
    }

    fn ask(&mut self, deadline: Instant) -> Result<Addresses, ConnectError> {
        let pending = match self.pending.take() {
            Some(pending) => pending,
            None => start(&self.host).map_err(|source| self.failed(source))?,
        };
        let limit = deadline.saturating_duration_since(Instant::now());
        match pending.recv_timeout(limit) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => {
                self.pending = Some(pending);
                Err(ConnectError::ResolveTimeout { host: self.host.clone(), limit })
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(self.failed(io::Error::other("the thread of the resolver has ended")))
            }
        }
    }

    fn failed(&self, source: io::Error) -> ConnectError {
        ConnectError::Resolve { host: self.host.clone(), source }
    }
}

fn start(host: &str) -> io::Result<Receiver<Addresses>> {
    let (answer, pending) = mpsc::channel();
    let host = host.to_owned();
    spawn_thread("fapilog-resolver", move || {
        let addresses = (host.as_str(), 0).to_socket_addrs();
        // Nobody waits for it any more if the sink is gone.
        let _ = answer.send(addresses.map(|found| found.map(|address| address.ip()).collect()));
    })?;
    Ok(pending)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_address_needs_no_resolver() {
        let mut resolver = Resolver::new("::1");
        assert_eq!(resolver.resolve(Instant::now()).unwrap(), ["::1".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn localhost_is_this_machine() {
        let addresses = Resolver::new("localhost").resolve(Instant::now() + Duration::from_secs(20)).unwrap();
        assert!(addresses.iter().all(IpAddr::is_loopback), "{addresses:?}");
    }

    #[test]
    fn an_attempt_after_a_timeout_waits_for_the_answer_that_is_pending() {
        let (answer, pending) = mpsc::channel();
        let mut resolver = Resolver { host: "logs.example.com".to_owned(), pending: Some(pending) };
        let error = resolver.resolve(Instant::now() + Duration::from_millis(1)).unwrap_err();
        assert!(matches!(error, ConnectError::ResolveTimeout { .. }), "{error:?}");
        answer.send(Ok(vec!["10.0.0.1".parse().unwrap()])).unwrap();
        let addresses = resolver.resolve(Instant::now() + Duration::from_secs(20)).unwrap();
        assert_eq!(addresses, ["10.0.0.1".parse::<IpAddr>().unwrap()]);
    }
}
