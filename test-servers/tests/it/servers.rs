//! Real servers: started, killed and restarted, with the same ports and directory.

use std::{
    fs,
    io::Write,
    net::{TcpStream, UdpSocket},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use fapilog_test_servers::{DetachedServer, ReadySign, TestCa, TestServer, servers::Rsyslog};

const DEADLINE: Duration = Duration::from_secs(20);

/// A server that appends a line to a file at each start, and prints it.
fn shell_server() -> TestServer {
    let script = "echo start >> starts; sleep 1000 & echo $! > child; echo ready; wait";
    TestServer::builder("shell", "/bin/sh").args(["-c", script]).ready(ReadySign::Log("ready".to_owned())).start()
}

fn is_alive(process: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.trim()));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// A killed process needs a moment to end.
fn wait_for_end_of(process: &str) {
    let end = Instant::now() + DEADLINE;
    while is_alive(process) {
        assert!(Instant::now() < end, "process {process} outlives its server");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_server_that_is_killed_ends_with_its_children_and_restarts_in_its_directory() {
    let mut server = shell_server();
    let child = fs::read_to_string(server.directory().join("child")).unwrap();
    assert!(server.is_running() && is_alive(&child));
    server.kill();
    assert!(!server.is_running());
    wait_for_end_of(&child);
    server.restart();
    assert_eq!(fs::read_to_string(server.directory().join("starts")).unwrap(), "start\nstart\n");
    server.stop();
    let directory = server.directory().to_owned();
    drop(server);
    assert!(!directory.exists());
}

#[test]
fn a_server_that_ends_before_it_is_ready_is_reported_with_its_log() {
    let start = || {
        TestServer::builder("broken", "/bin/sh")
            .args(["-c", "echo no such setting; exit 1"])
            .ready(ReadySign::Port(1))
            .start()
    };
    let panic = std::panic::catch_unwind(start).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("broken ended before it was ready") && message.contains("no such setting"), "{message}");
}

#[test]
fn a_server_ends_with_the_process_of_the_test() {
    // This very test, in a process of its own that ends without a drop.
    if std::env::var_os("FAPILOG_ABANDON").is_some() {
        let server = shell_server();
        println!("child={}", fs::read_to_string(server.directory().join("child")).unwrap());
        std::io::stdout().flush().unwrap();
        std::process::abort();
    }
    let mut this = Command::new(std::env::current_exe().unwrap());
    this.args(["--exact", "--nocapture", "servers::a_server_ends_with_the_process_of_the_test"]);
    let output = this.env("FAPILOG_ABANDON", "1").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let child = printed.lines().find_map(|line| line.strip_prefix("child=")).unwrap();
    wait_for_end_of(child);
}

#[test]
fn a_detached_server_runs_on_until_it_is_stopped_by_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("running/shell.json");
    assert_eq!(DetachedServer::find(&file), None);
    let detached = DetachedServer::detach(shell_server(), &file).unwrap();
    assert_eq!(DetachedServer::find(&file).as_ref(), Some(&detached));
    let child = fs::read_to_string(detached.directory.join("child")).unwrap();
    assert!(is_alive(&child));
    detached.stop(&file).unwrap();
    wait_for_end_of(&child);
    assert!(!file.exists() && !detached.directory.exists());
    assert_eq!(DetachedServer::find(&file), None);
}

#[test]
fn rsyslog_takes_messages_by_udp_tcp_and_tls_and_restarts() {
    let ca = TestCa::new();
    let Some(rsyslog) = Rsyslog::builder() else { return };
    let mut rsyslog = rsyslog.tls(&ca).start();
    let message = |text: &str| format!("<14>1 2026-01-02T03:04:05.678Z host app 7 id [a@1 k=\"v\"] {text}");
    let counted = |text: &str| format!("{} {}", message(text).len(), message(text));
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.send_to(message("by udp").as_bytes(), rsyslog.udp()).unwrap();
    TcpStream::connect(rsyslog.tcp()).unwrap().write_all(counted("by tcp").as_bytes()).unwrap();
    rsyslog.wait_for(2, DEADLINE);
    crate::tls::send(rsyslog.tls(), &ca, counted("by tls").as_bytes());
    rsyslog.wait_for(3, DEADLINE);
    rsyslog.server.kill();
    rsyslog.server.restart();
    TcpStream::connect(rsyslog.tcp()).unwrap().write_all(counted("restarted").as_bytes()).unwrap();
    let messages = rsyslog.wait_for(4, DEADLINE);
    let mut inputs: Vec<_> = messages.iter().map(|message| message["inputname"].as_str().unwrap()).collect();
    inputs.sort_unstable();
    assert_eq!(inputs, ["tcp", "tcp", "tls", "udp"]);
    let last = messages.last().unwrap();
    let parts = ["app-name", "procid", "msgid", "structured-data", "msg"].map(|name| last[name].as_str().unwrap());
    assert_eq!(parts, ["app", "7", "id", "[a@1 k=\"v\"]", "restarted"]);
}
