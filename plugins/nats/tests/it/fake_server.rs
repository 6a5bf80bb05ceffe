//! Servers that misbehave, and answers that a real server gives rarely.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use fapilog::{info, settings::SecretRef};
use fapilog_nats::{NatsAcknowledgement, NatsSettings};

use crate::{
    counter,
    peers::{FakeConnection, FakeServer, INFO},
    settings_of, shut_down, start, start_once, until,
};

/// Logs one event with a single attempt. Returns what was delivered and reported, and checks that it took no longer than the limits.
fn deliver_one(server: &FakeServer, change: impl FnOnce(&mut NatsSettings)) -> (u64, String) {
    let mut settings = settings_of(&server.url());
    (settings.connect_timeout, settings.reply_timeout) = (Duration::from_secs(2), Duration::from_millis(300));
    change(&mut settings);
    let began = Instant::now();
    let logs = start_once(&settings);
    info!(logs.logger("orders"), "order", number = 1_u64);
    let (delivered, lost) = shut_down(&logs);
    assert_eq!(delivered + lost, 1);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    (delivered, format!("{:?}", logs.diagnostics()))
}

fn serve(answers: impl Fn(&mut FakeConnection) + Send + Sync + 'static) -> FakeServer {
    FakeServer::start(move |_, connection| {
        connection.greet(INFO);
        answers(connection);
        connection.wait_for_close();
    })
}

#[test]
fn garbage_before_info_is_an_error() {
    let long = "x".repeat(1 << 20);
    for garbage in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "\0\u{1}\u{2}\r\n",
        "INFO {]\r\n",
        "PONG\r\n",
        &format!("INFO {long}\r\n"),
        &long,
    ] {
        let text = garbage.to_owned();
        let server = FakeServer::start(move |_, connection| {
            connection.send(&text);
            connection.wait_for_close();
        });
        let (delivered, found) = deliver_one(&server, |_| {});
        assert!(delivered == 0 && found.contains("none of the protocol"), "{found}");
    }
}

#[test]
fn garbage_in_place_of_acknowledgements_is_an_error() {
    for garbage in ["MSG\r\n", "MSG _INBOX.a 1 99999999\r\n", "FOO bar\r\n", "MSG _INBOX.a 1 2\r\nabc\r\n"] {
        let server = serve(move |connection| {
            connection.message();
            connection.send(garbage);
        });
        let (delivered, found) = deliver_one(&server, |_| {});
        assert!(delivered == 0 && found.contains("the connection to"), "{found}");
    }
}

#[test]
fn a_long_info_with_unknown_members_is_read() {
    let server = FakeServer::start(|_, connection| {
        connection.greet(&INFO.replace("\"x\"", &format!("\"{}\",\"new\":{{\"a\":[1.5,null]}}", "x".repeat(100_000))));
        while let Some(message) = connection.message() {
            connection.acknowledge(&message);
        }
    });
    assert_eq!(deliver_one(&server, |_| {}).0, 1);
}

#[test]
fn a_server_that_never_answers_is_given_up_after_the_time_limit() {
    let server = FakeServer::start(|_, connection| connection.wait_for_close());
    let (delivered, found) = deliver_one(&server, |settings| settings.connect_timeout = Duration::from_millis(80));
    assert!(delivered == 0 && (found.contains("within 80ms") || found.contains("within 79.")), "{found}");
    let server = serve(|connection| drop(connection.message()));
    let (delivered, found) = deliver_one(&server, |settings| settings.reply_timeout = Duration::from_millis(70));
    assert!(delivered == 0 && found.contains("within 70ms: 0 of 1"), "{found}");
    let none = |settings: &mut NatsSettings| settings.acknowledgement = NatsAcknowledgement::None;
    // PING is never answered.
    let server = serve(FakeConnection::wait_for_close);
    let (delivered, found) = deliver_one(&server, none);
    assert!(delivered == 0 && found.contains("within 300ms"), "{found}");
}

#[test]
fn a_server_that_sends_a_byte_now_and_then_is_given_up_after_the_time_limit() {
    for is_greeted in [false, true] {
        let server = FakeServer::start(move |_, connection| {
            if is_greeted {
                connection.greet(INFO);
                connection.message();
            }
            let mut drip = "INFO ".chars().chain(std::iter::repeat('x'));
            use std::io::Write;
            while connection.stream.write_all(drip.next().unwrap().to_string().as_bytes()).is_ok() {
                thread::sleep(Duration::from_millis(10));
            }
        });
        let (delivered, found) = deliver_one(&server, |settings| settings.connect_timeout = Duration::from_millis(300));
        assert!(delivered == 0 && found.contains("within"), "{found}");
    }
}

#[test]
fn a_server_that_sends_ping_without_end_is_given_up_after_the_time_limit() {
    let server = serve(|connection| {
        use std::io::Write;
        let pings = "PING\r\n".repeat(10_000);
        while connection.stream.write_all(pings.as_bytes()).is_ok() {}
    });
    assert_eq!(deliver_one(&server, |_| {}).0, 0);
}

#[test]
fn acknowledgements_are_matched_by_their_number_and_not_by_their_order() {
    let server = serve(|connection| {
        let mut messages: Vec<_> = (0..100).map_while(|_| connection.message()).collect();
        messages.reverse();
        let unanswered = messages.pop();
        for message in &messages {
            connection.send("PING\r\n");
            connection.acknowledge(message);
            // Twice, and of another inbox.
            connection.acknowledge(message);
            connection.send("MSG _INBOX.other.5 1 0\r\n\r\nMSG x 1 0\r\n\r\n");
        }
        drop(unanswered);
    });
    let mut settings = settings_of(&server.url());
    settings.reply_timeout = Duration::from_millis(500);
    let logs = start_once(&settings);
    // A single batch, so that all are in one payload.
    for number in 0..100_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    let (delivered, lost) = shut_down(&logs);
    assert_eq!((delivered, lost), (99, 1));
}

#[test]
fn only_events_without_an_acknowledgement_are_sent_again() {
    let answered = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&answered);
    let server = FakeServer::start(move |number, connection| {
        connection.greet(INFO);
        let mut count = 0;
        while let Some(message) = connection.message() {
            count += 1;
            // The first connection acknowledges every other message.
            if number > 0 || count % 2 == 0 {
                connection.acknowledge(&message);
                seen.lock().unwrap().push(number);
            }
        }
    });
    let mut settings = settings_of(&server.url());
    settings.reply_timeout = Duration::from_millis(500);
    let logs = start(&settings);
    for number in 0..100_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    assert_eq!(shut_down(&logs), (100, 0));
    // Each message was acknowledged once.
    assert_eq!(answered.lock().unwrap().len(), 100);
}

#[test]
fn a_reply_of_a_subscriber_that_is_no_stream_counts_as_none() {
    let server = serve(|connection| {
        let message = connection.message().unwrap();
        connection.send(&format!("MSG {} 1 5\r\nhello\r\n", message.reply.unwrap()));
    });
    let (delivered, found) = deliver_one(&server, |_| {});
    assert!(delivered == 0 && found.contains("no stream has replied"), "{found}");
}

#[test]
fn the_reason_that_a_server_closes_a_connection_for_is_reported() {
    let server = serve(|connection| {
        connection.message();
        connection.send("-ERR 'Stale Connection'\r\n");
        let _ = connection.stream.shutdown(std::net::Shutdown::Both);
    });
    let (delivered, found) = deliver_one(&server, |_| {});
    assert!(delivered == 0 && found.contains("no answer to its PING"), "{found}");
}

#[test]
fn a_server_without_headers_is_refused_unless_none_is_needed() {
    let server = FakeServer::start(|_, connection| {
        connection.greet("INFO {\"max_payload\":1000}");
        while let Some(line) = connection.line() {
            if line == "PING" {
                connection.send("PONG\r\n");
            }
        }
    });
    let (delivered, found) = deliver_one(&server, |_| {});
    assert!(delivered == 0 && found.contains("no headers"), "{found}");
    let change = |settings: &mut NatsSettings| {
        (settings.acknowledgement, settings.message_id) = (NatsAcknowledgement::None, false);
    };
    assert_eq!(deliver_one(&server, change).0, 1);
}

#[test]
fn a_server_in_lame_duck_mode_is_left_for_one_that_info_names() {
    let second = serve(|connection| {
        while let Some(message) = connection.message() {
            connection.acknowledge(&message);
        }
    });
    let is_lame = Arc::new(AtomicBool::new(false));
    let (lame, other) = (Arc::clone(&is_lame), second.address);
    let first = FakeServer::start(move |_, connection| {
        connection.greet(&INFO.replace('}', &format!(",\"connect_urls\":[\"{other}\"]}}")));
        let message = connection.message().unwrap();
        connection.acknowledge(&message);
        connection
            .send(&format!("{}\r\n", INFO.replace('}', &format!(",\"ldm\":true,\"connect_urls\":[\"{other}\"]}}"))));
        lame.store(true, Ordering::SeqCst);
        connection.wait_for_close();
    });
    let logs = start(&settings_of(&first.url()));
    info!(logs.logger("orders"), "order", number = 0_u64);
    until("the first event is delivered", || is_lame.load(Ordering::SeqCst) && logs.accounts().sinks[0].delivered == 1);
    info!(logs.logger("orders"), "order", number = 1_u64);
    assert_eq!(shut_down(&logs), (2, 0));
    assert_eq!(counter(&logs, "connections_opened"), 2);
    assert_eq!(second.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn credentials_have_a_jwt_and_a_signature_of_the_nonce() {
    const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    const PUBLIC_KEY: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
    let connects = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&connects);
    let server = FakeServer::start(move |_, connection| {
        connection.greet(INFO);
        seen.lock().unwrap().push(connection.connect.clone());
        while let Some(message) = connection.message() {
            connection.acknowledge(&message);
        }
    });
    let text = format!(
        "-----BEGIN NATS USER JWT-----\neyJ0.eyJq.abc_-\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{SEED}\n------END USER NKEY SEED------\n"
    );
    let credentials = SecretRef::bytes(text.into_bytes());
    let (delivered, found) = deliver_one(&server, |settings| settings.credentials = Some(credentials));
    assert_eq!(delivered, 1, "{found}");
    let connect = connects.lock().unwrap()[0].clone();
    let connect: serde_json::Value = serde_json::from_str(connect.strip_prefix("CONNECT ").unwrap()).unwrap();
    assert_eq!(connect["jwt"], "eyJ0.eyJq.abc_-");
    for (name, value) in [("verbose", false), ("pedantic", false), ("headers", true), ("no_responders", true)] {
        assert_eq!(connect[name], value, "{name}");
    }
    assert_eq!((&connect["lang"], &connect["name"]), (&"rust".into(), &"fapilog".into()));
    let raw = BASE32_NOPAD.decode(PUBLIC_KEY.as_bytes()).unwrap();
    let key = VerifyingKey::from_bytes(raw[1..33].try_into().unwrap()).unwrap();
    let signature = BASE64URL_NOPAD.decode(connect["sig"].as_str().unwrap().as_bytes()).unwrap();
    key.verify(b"n0nce", &Signature::from_slice(&signature).unwrap()).unwrap();
}
