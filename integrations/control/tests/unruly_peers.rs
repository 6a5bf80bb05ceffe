//! Peers that break the protocol, hang, or are too many: the program and the other peers are served as before.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod served;

use std::{
    io::{Read, Write},
    net::Shutdown,
    thread,
    time::{Duration, Instant},
};

use fapilog::info;
use fapilog_control::protocol::{LevelChange, REQUEST_MAX_BYTES};
use served::{Served, TIMEOUT, answer, answer_to, wait_until};

fn code(answer: &serde_json::Value) -> &str {
    answer["error"]["code"].as_str().unwrap()
}

#[test]
fn any_bytes_on_a_line_are_refused_and_the_next_request_is_answered() {
    let served = Served::start();
    let stream = served.stream();
    for line in [&b"\xff\xfe\x00"[..], b"", b"{", b"null", b"GET / HTTP/1.1\r"] {
        assert_eq!(code(&answer_to(&stream, line)), "control.invalid_request", "{line:?}");
    }
    assert_eq!(answer_to(&stream, br#"{"v":1,"command":"level.get"}"#)["ok"], true);
    served.end();
}

#[test]
fn a_request_without_an_end_is_refused_and_its_connection_is_closed() {
    let served = Served::start();
    let mut stream = served.stream();
    // The program may close the connection before it has taken all of it.
    let _ = stream.write_all(&vec![b'x'; REQUEST_MAX_BYTES + 1]);
    assert_eq!(code(&answer(&stream)), "control.too_long");
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    served.client().levels().unwrap();
    served.end();
}

#[test]
fn peers_that_hang_do_not_block_others_up_to_the_limit_and_those_beyond_it_get_the_reason() {
    let served = Served::start();
    let hanging: Vec<_> = (0..7)
        .map(|_| {
            let mut stream = served.stream();
            stream.write_all(b"{\"v\":1,").unwrap();
            stream
        })
        .collect();
    let mut last = served.client();
    last.levels().unwrap();
    assert_eq!(code(&answer(&served.stream())), "control.busy");
    last.levels().unwrap();
    drop(hanging);
    wait_until("there is room again", || {
        fapilog_control::client::Client::connect(served.path()).unwrap().levels().is_ok()
    });
    served.end();
}

#[test]
fn a_peer_that_reads_no_answers_does_no_harm() {
    let served = Served::start();
    let mut deaf = served.stream();
    deaf.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    // Until the answers fill the socket, and then the requests.
    while deaf.write_all(b"{\"v\":1,\"command\":\"metrics\"}\n").is_ok() {}
    info!(served.container.logger("app"), "an event");
    let flushed = served.client().flush(TIMEOUT / 2).unwrap();
    assert_eq!(flushed.delivered, 1);
    served.end();
}

#[test]
fn a_peer_that_is_gone_in_the_middle_of_a_request_or_before_the_answer_does_no_harm() {
    let served = Served::start();
    for _ in 0..50 {
        // While there are 8 of them, the next is refused, and may not get as far as a write.
        let _ = served.stream().write_all(b"{\"v\":1,\"comm");
        let _ = served.stream().write_all(b"{\"v\":1,\"command\":\"metrics\"}\n");
        let _ = served.stream().shutdown(Shutdown::Both);
    }
    wait_until("all of them are gone", || {
        fapilog_control::client::Client::connect(served.path()).unwrap().levels().is_ok()
    });
    served.end();
}

#[test]
fn peers_and_log_calls_at_once_are_all_served() {
    let served = Served::start();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = served.client();
                for _ in 0..20 {
                    client.change_levels(LevelChange::replace("debug")).unwrap();
                    client.metrics().unwrap();
                    client.change_levels(LevelChange::replace("info")).unwrap();
                }
            });
        }
        let log = served.container.logger("app");
        (0..10_000).for_each(|number| info!(log, "an event", number));
    });
    // 160 changes are events, too.
    assert_eq!(served.end().submitted, 10_160);
}

#[test]
fn a_stop_does_not_wait_for_a_peer_that_hangs() {
    let served = Served::start();
    let mut hanging = served.stream();
    hanging.write_all(b"{").unwrap();
    served.client().levels().unwrap();
    let start = Instant::now();
    served.end();
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}
