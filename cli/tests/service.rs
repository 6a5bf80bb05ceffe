//! A request of the example service, read back by the command: the events of all its parts, in order, under an id.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    sync::mpsc::channel,
    thread,
    time::Duration,
};

use serde_json::Value;
use tokio::sync::oneshot;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends a request with this id, and returns the response.
fn request(address: SocketAddr, id: &str, path: &str, coupon: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let length = coupon.len();
    let head = format!("POST {path} HTTP/1.1\r\nhost: shop\r\nx-request-id: {id}\r\ncontent-length: {length}\r\n");
    write!(stream, "{head}connection: close\r\n\r\n{coupon}").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// Runs the shop, sends requests to it, and ends it.
fn run_shop(log_file: &Path, requests: impl FnOnce(SocketAddr)) {
    let (ready, is_ready) = channel();
    let (end, ended) = oneshot::channel::<()>();
    let log_file = log_file.to_owned();
    let shop = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let report = |address, _: &fapilog::Logger| ready.send(address).unwrap();
        let end = async {
            let _ = ended.await;
        };
        runtime.block_on(example_service::serve(&log_file, any_port, report, end)).unwrap()
    });
    requests(is_ready.recv_timeout(TIMEOUT).unwrap());
    end.send(()).unwrap();
    let accounts = shop.join().unwrap();
    accounts.check().unwrap();
    assert_eq!((accounts.pending_total(), accounts.lost_total()), (0, 0), "{accounts}");
}

/// The output of the command.
fn fapilog(arguments: &[&str], file: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_fapilog")).args(arguments).arg(file).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The events of a request, in order.
fn events_of(id: &str, file: &Path) -> Vec<Value> {
    let output = fapilog(&["--json", "follow-request", id], file);
    output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn messages(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["message"].as_str().unwrap()).collect()
}

#[test]
fn the_events_of_a_request_have_its_id_and_stand_in_order_whatever_they_are_logged_through() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop.log");
    run_shop(&file, |address| {
        let response = request(address, "order-one", "/orders/42", "SPRING");
        assert!(response.starts_with("HTTP/1.1 200") && response.contains("x-request-id: order-one"), "{response}");
        request(address, "order-none", "/orders/0", "");
        thread::scope(|scope| {
            for n in 0..20 {
                scope.spawn(move || request(address, &format!("crowd-{n}"), &format!("/orders/{}", n + 100), ""));
            }
        });
    });

    let events = events_of("order-one", &file);
    assert!(events.iter().all(|event| event["correlation_id"] == "order-one"), "{events:#?}");
    let messages_of_one = messages(&events);
    let in_handler = ["order accepted", "coupon checked", "price is reduced", "price is known"];
    assert_eq!(messages_of_one[..4], in_handler);
    for message in ["order packed", "receipt sent", "request finished"] {
        assert_eq!(
            messages_of_one.iter().filter(|known| **known == message).count(),
            1,
            "{message}: {messages_of_one:?}"
        );
    }
    assert_eq!(events.len(), 7);

    // Each through another library, with typed fields.
    assert_eq!((&events[1]["source"], &events[1]["context"]["percent"]), (&"log".into(), &10.into()));
    assert_eq!((&events[3]["source"], &events[3]["context"]["cents"]), (&"tracing".into(), &937.into()));
    assert_eq!((&events[3]["context"]["currency"], &events[3]["context"]["order_id"]), (&"EUR".into(), &42.into()));

    let refused = events_of("order-none", &file);
    assert_eq!(messages(&refused), ["order accepted", "request finished"]);
    assert_eq!(refused[1]["context"]["status"], 404);
    assert_eq!(refused[1]["context"]["error"], "there is no order 0");

    // Requests at once do not mix.
    for n in 0..20 {
        let events = events_of(&format!("crowd-{n}"), &file);
        assert_eq!(events.len(), 6, "{events:#?}");
        let orders = events.iter().filter_map(|event| event["context"]["order_id"].as_u64());
        assert!(orders.into_iter().all(|order| order == n + 100));
    }
}
