//! Free ports of loopback.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    net::{Ipv4Addr, TcpListener, UdpSocket},
};

/// Below the range that Linux takes ports of outgoing connections from: no client takes the port of a server that restarts, and no
/// connection to a stopped server ends up at itself.
const FIRST: u16 = 12_000;
const COUNT: u64 = 20_000;
const ATTEMPTS: u64 = 1_000;

/// A port of loopback that is free for TCP and UDP.
///
/// Ports are taken at random, so that test programs that run at the same time rarely choose the same.
#[must_use]
pub fn free() -> u16 {
    let random = RandomState::new();
    let candidates = (0..ATTEMPTS).map(|attempt| FIRST + u16::try_from(random.hash_one(attempt) % COUNT).unwrap_or(0));
    candidates.into_iter().find(|port| is_free(*port)).expect("there is no free port")
}

fn is_free(port: u16) -> bool {
    let address = (Ipv4Addr::LOCALHOST, port);
    TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
}
