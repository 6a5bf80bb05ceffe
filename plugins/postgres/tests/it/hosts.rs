//! Several hosts, and Unix sockets.

use fapilog::info;
use fapilog_test_servers::servers;

use crate::{settings_for, shut_down, start, start_once};

#[test]
fn the_first_host_that_takes_writes_gets_the_events() {
    let (Some(standby), Some(primary)) = (servers::Postgres::start(), servers::Postgres::start()) else { return };
    standby.sql("ALTER SYSTEM SET default_transaction_read_only = on");
    standby.sql("SELECT pg_reload_conf()");
    crate::until("it is read-only", || standby.sql("SHOW default_transaction_read_only") == "on\n");
    let closed = closed_port();
    let mut settings = settings_for(&standby);
    let alone = start_once(&settings);
    info!(alone.logger("orders"), "order");
    assert_eq!(shut_down(&alone), (0, 1));
    let found = format!("{:?}", alone.diagnostics());
    assert!(found.contains("takes no writes"), "{found}");
    settings.url = format!("postgres://postgres@127.0.0.1:{closed},{},{}", standby.address(), primary.address());
    let logs = start(&settings);
    info!(logs.logger("orders"), "order");
    assert_eq!(shut_down(&logs), (1, 0));
    assert_eq!(primary.sql("SELECT count(*) FROM fapilog"), "1\n");
}

/// A port where nobody listens.
fn closed_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_unix_socket_needs_no_host() {
    let Some(server) = servers::Postgres::start() else { return };
    let mut settings = settings_for(&server);
    settings.url = "postgres://postgres@/postgres".to_owned();
    let folder = server.sql("SHOW unix_socket_directories");
    settings.socket = Some(std::path::Path::new(folder.trim()).join(format!(".s.PGSQL.{}", server.address().port())));
    let logs = start(&settings);
    info!(logs.logger("orders"), "order");
    assert_eq!(shut_down(&logs), (1, 0));
    assert_eq!(server.sql("SELECT count(*) FROM fapilog"), "1\n");
}
