//! A server with a log: start, shutdown, and the accounts at its end.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

use std::{
    future::{IntoFuture, pending},
    net::SocketAddr,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use axum::{Router, extract::ConnectInfo, routing::get};
use fapilog::{
    Container, error::ShutdownError, event::Batch, format, info, plugin::PluginError, process::Processor, sink,
};
use fapilog_tower::{
    RequestLog, RequestLogLayer,
    axum::{ServeError, serve_with},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
};

/// A container, and its events as JSON.
fn container() -> (Arc<Container>, impl Fn() -> Vec<String>) {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let logs = Arc::new(Container::builder().sink("memory", sink).start().unwrap());
    (logs, move || events.lines())
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn send(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn read_all(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

fn messages(lines: &[String]) -> Vec<String> {
    let message = |line: &String| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["message"].as_str().unwrap().to_owned()
    };
    lines.iter().map(message).collect()
}

#[tokio::test]
async fn a_server_logs_its_life_waits_for_requests_in_flight_and_shuts_the_log_down() {
    let (logs, lines) = container();
    let log = logs.logger("gateway");
    let (listener, address) = listener().await;
    let (started, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (started, finish, log) = (Arc::clone(&started), Arc::clone(&finish), log.clone());
        move |ConnectInfo(client): ConnectInfo<SocketAddr>| async move {
            started.notify_one();
            finish.notified().await;
            info!(log, "served");
            client.ip().to_string()
        }
    };
    let router = Router::new().route("/", get(handler)).layer(RequestLogLayer::new(RequestLog::new(&log)));
    let (stop, stopped) = oneshot::channel::<()>();
    let server = serve_with(logs, listener, router).logger(&log).shutdown_on(async { stopped.await.unwrap() });
    let server = tokio::spawn(server.into_future());

    let stream = send(address, "/").await;
    started.notified().await;
    stop.send(()).unwrap();
    // The server accepts no more connections: the listener is closed.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    finish.notify_one();
    assert!(read_all(stream).await.ends_with("127.0.0.1"));
    let accounts = server.await.unwrap().unwrap();

    accounts.check().unwrap();
    assert_eq!((accounts.submitted, accounts.delivered_total(), accounts.pending_total()), (5, 5, 0));
    let lines = lines();
    let expected = ["server started", "server stopping", "served", "request finished", "server stopped"];
    assert_eq!(messages(&lines), expected);
    assert!(lines[0].contains(&format!(r#""address":"{address}""#)), "{}", lines[0]);
}

#[tokio::test]
async fn requests_that_are_not_done_in_time_do_not_block_the_shutdown() {
    let (logs, lines) = container();
    let (listener, address) = listener().await;
    let started = Arc::new(Notify::new());
    let starts = Arc::clone(&started);
    let handler = move || async move {
        starts.notify_one();
        pending::<()>().await;
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let server = serve_with(logs, listener, Router::new().route("/", get(handler)))
        .drain_timeout(Duration::from_millis(50))
        .flush_timeout(Duration::from_secs(10))
        .shutdown_on(async { stopped.await.unwrap() });
    let server = tokio::spawn(server.into_future());
    let _stream = send(address, "/").await;
    started.notified().await;
    stop.send(()).unwrap();
    server.await.unwrap().unwrap().check().unwrap();
    assert_eq!(messages(&lines()), ["server started", "server stopping", "server stopped with requests in flight"]);
}

#[tokio::test]
async fn a_future_of_the_program_that_panics_is_an_error_and_the_log_is_shut_down() {
    async fn panics() {
        panic!("no signal")
    }
    for setting in ["shutdown_on", "wait_for"] {
        let (logs, lines) = container();
        let (listener, _) = listener().await;
        // Another owner, as a router with the container's metrics is: the server's drop does not shut the log down.
        let server = serve_with(Arc::clone(&logs), listener, Router::new());
        let server = match setting {
            "shutdown_on" => server.shutdown_on(panics()),
            _ => server.shutdown_on(std::future::ready(())).wait_for(panics()),
        };
        let failed = tokio::spawn(server.into_future()).await.unwrap().unwrap_err();
        assert_eq!(failed.to_string(), format!("the future of `{setting}` panicked"));
        assert!(logs.metrics().is_closed);
        assert_eq!(messages(&lines()).last().map(String::as_str), Some("server failed"), "{setting}");
        let accounts = logs.metrics().accounts;
        accounts.check().unwrap();
        assert_eq!((accounts.submitted, accounts.pending_total()), (accounts.delivered_total(), 0));
    }
}

#[tokio::test]
async fn a_signal_that_panics_stops_the_server_as_another_signal_does() {
    let (logs, lines) = container();
    let log = logs.logger("gateway");
    let (listener, address) = listener().await;
    let (started, finish, panic) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (started, finish) = (Arc::clone(&started), Arc::clone(&finish));
        move || async move {
            started.notify_one();
            finish.notified().await;
            "served"
        }
    };
    let signal = {
        let panic = Arc::clone(&panic);
        async move {
            panic.notified().await;
            panic!("no signal")
        }
    };
    let background = async move {
        tokio::task::yield_now().await;
        info!(log, "background work is done");
    };
    let server = serve_with(Arc::clone(&logs), listener, Router::new().route("/", get(handler)));
    let server = tokio::spawn(server.shutdown_on(signal).wait_for(background).into_future());
    let stream = send(address, "/").await;
    started.notified().await;
    panic.notify_one();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    finish.notify_one();
    assert!(read_all(stream).await.ends_with("served"), "a request in flight is answered");
    let failed = server.await.unwrap().unwrap_err();
    assert_eq!(failed.to_string(), "the future of `shutdown_on` panicked");
    let expected = ["server started", "server stopping", "server stopped", "server failed", "background work is done"];
    assert_eq!(messages(&lines()), expected);
    let accounts = logs.metrics().accounts;
    accounts.check().unwrap();
    assert_eq!((accounts.submitted, accounts.delivered_total(), accounts.pending_total()), (5, 5, 0));
}

#[tokio::test]
async fn background_work_whose_drop_panics_does_not_keep_the_log_from_its_shutdown() {
    struct PanicsInItsDrop;
    impl Drop for PanicsInItsDrop {
        fn drop(&mut self) {
            panic!("in the drop")
        }
    }
    let (logs, lines) = container();
    let (listener, _) = listener().await;
    let held = PanicsInItsDrop;
    let background = async move {
        pending::<()>().await;
        drop(held);
    };
    let server = serve_with(Arc::clone(&logs), listener, Router::new()).shutdown_on(std::future::ready(()));
    let server = server.wait_for(background).drain_timeout(Duration::from_millis(20));
    let accounts = tokio::spawn(server.into_future()).await.unwrap().unwrap();
    accounts.check().unwrap();
    assert_eq!((accounts.submitted, accounts.delivered_total(), accounts.pending_total()), (4, 4, 0));
    assert_eq!(messages(&lines()).last().map(String::as_str), Some("server stopped before its background work"));
}

/// A processor that waits until a gate is open.
struct Waits(Arc<Gate>);

#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

impl Processor for Waits {
    fn name(&self) -> &'static str {
        "waits"
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        let is_open = self.0.is_open.lock().unwrap();
        drop(self.0.opened.wait_while(is_open, |is_open| !*is_open).unwrap());
        Ok(())
    }
}

#[tokio::test]
async fn a_log_that_is_not_delivered_in_time_is_an_error_with_the_accounts() {
    let gate = Arc::new(Gate::default());
    let (sink, _) = sink::Memory::new(format::Json::new);
    let of_processor = Arc::clone(&gate);
    let builder = Container::builder().processor(move |_| Box::new(Waits(Arc::clone(&of_processor))));
    let logs = Arc::new(builder.sink("memory", sink).start().unwrap());
    let (listener, _) = listener().await;
    // A clone, so that the container is dropped when the gate is open.
    let server = serve_with(Arc::clone(&logs), listener, Router::new())
        .flush_timeout(Duration::from_millis(20))
        .shutdown_on(std::future::ready(()));
    let failed = server.await.unwrap_err();
    gate.open();
    let ServeError::Shutdown { source: ShutdownError::Deadline { accounts, .. } } = failed else {
        panic!("{failed:?}")
    };
    accounts.check().unwrap();
    assert_eq!((accounts.submitted, accounts.delivered_total()), (3, 0));
}

#[tokio::test]
async fn sigterm_stops_a_server_without_another_signal() {
    let (logs, lines) = container();
    let (listener, address) = listener().await;
    let server =
        tokio::spawn(serve_with(logs, listener, Router::new().route("/", get(|| async { "hello" }))).into_future());
    // The server waits for the signal before it answers requests.
    assert!(read_all(send(address, "/").await).await.ends_with("hello"));
    let kill = std::process::Command::new("kill").args(["-TERM", &std::process::id().to_string()]).status();
    assert!(kill.unwrap().success());
    server.await.unwrap().unwrap().check().unwrap();
    assert_eq!(messages(&lines()), ["server started", "server stopping", "server stopped"]);
}
