//! The sink by settings: each setting changes an entry, and invalid values are errors.

use std::{os::unix::net::UnixDatagram, time::Instant};

use fapilog::{Container, Settings, info, plugin::Registry, warn};
use fapilog_test_servers::wait_until;

use crate::{
    fake_journald::{FakeJournald, GotEntries},
    strict_parser::ReadEntry,
    support::{TIMEOUT, directory, shut_down},
};

/// A container with these settings of the sink.
fn started(settings: &str) -> Result<Container, fapilog::Error> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("settings.toml");
    let overflow = "overflow = { strategy = \"block\", timeout = \"30s\" }";
    let text = format!("sinks = [\"journald\"]\n{overflow}\n[plugin_config.journald]\n{settings}\n");
    std::fs::write(&path, text).unwrap();
    Ok(Settings::from_file(&path)?.into_builder_with(&Registry::linked())?.start()?)
}

/// The entries of a few events, with these settings of the sink besides its socket.
fn entries(settings: &str) -> Vec<ReadEntry> {
    let ((_directory, socket), got) = (directory(), GotEntries::default());
    let server = FakeJournald::start(&socket, &got);
    let container = started(&format!("socket = {socket:?}\n{settings}")).unwrap();
    let log = container.logger("orders");
    info!(log, "order", order_id = 42, kind = "f77379a8490b408bbe5f6940505a777b", long = "x".repeat(3000));
    warn!(log, "late");
    shut_down(&container);
    drop(server);
    got.all().into_iter().map(|got| got.entry).collect()
}

#[test]
fn each_setting_of_entries_changes_them() {
    let default = &entries("")[0];
    assert_eq!((default.text("PRIORITY"), default.text("ORDER_ID")), ("6", "42"));
    assert_eq!(
        (default.has("SYSLOG_FACILITY"), default.has("MESSAGE_ID"), default.has("TRUNCATED")),
        (false, false, false)
    );
    assert_eq!(entries("identifier = \"shop\"")[0].text("SYSLOG_IDENTIFIER"), "shop");
    assert_eq!(entries("facility = \"local3\"")[0].text("SYSLOG_FACILITY"), "19");
    assert_eq!(entries("field_prefix = \"SHOP_\"")[0].text("SHOP_ORDER_ID"), "42");
    let id = "0123456789abcdef0123456789abcdef";
    assert_eq!(entries(&format!("message_id = {id:?}"))[0].text("MESSAGE_ID"), id);
    let own = &entries("message_id_field = \"kind\"")[0];
    assert_eq!((own.text("MESSAGE_ID"), own.has("KIND")), ("f77379a8490b408bbe5f6940505a777b", false));
    let priorities = entries("priorities = { info = \"crit\" }");
    assert_eq!((priorities[0].text("PRIORITY"), priorities[1].text("PRIORITY")), ("2", "4"));
    assert_eq!(entries("entry_bytes_max = \"2 KiB\"")[0].text("TRUNCATED"), "true");
}

#[test]
fn a_payload_is_as_long_as_its_setting_and_ends_at_its_timeout() {
    let queued = |settings: &str| {
        let (_directory, socket) = directory();
        let idle = UnixDatagram::bind(&socket).unwrap();
        let container = started(&format!("socket = {socket:?}\n{settings}")).unwrap();
        let start = Instant::now();
        (0..4000).for_each(|number| info!(container.logger("orders"), "order", number));
        wait_until("an attempt has failed", || {
            container.accounts().sinks.iter().any(|sink| sink.errors + sink.retries > 0)
        });
        let took = start.elapsed();
        let waiting = container.metrics().deliveries[0].queued_payloads;
        drop(idle);
        let _ = container.shutdown(std::time::Duration::ZERO);
        (took.as_millis(), waiting)
    };
    let (took, many) = queued("timeout = \"10ms\"\npayload_bytes = \"16 KiB\"");
    let (took_longer, few) = queued("timeout = \"700ms\"\npayload_bytes = \"1 MiB\"");
    assert!(took_longer >= 700 && took < took_longer, "{took} ms, {took_longer} ms");
    assert!(many > few, "{many} {few}");
}

#[test]
fn the_settings_on_the_page_of_the_book_are_valid() {
    let page = include_str!("../../../../docs/journald-sink.md");
    let (_, settings) = page.split_once("[plugin_config.journald]\n").unwrap();
    let (settings, _) = settings.split_once("```").unwrap();
    let entry = &entries(settings)[0];
    assert_eq!((entry.text("SYSLOG_IDENTIFIER"), entry.text("SHOP_ORDER_ID")), ("shop", "42"));
}

#[test]
fn invalid_values_are_errors_with_what_is_allowed() {
    let settings = r#"
        socket = "run/socket"
        identifier = "a\nb"
        facility = "kernel"
        field_prefix = "shop_"
        message_id = "started"
        priorities = { info = "loud", fatal = "crit" }
        entry_bytes_max = "1 GiB"
        payload_bytes = 1
        timeout = "1ms"
        sockets = "x"
    "#;
    let error = started(settings).unwrap_err();
    let text =
        std::error::Error::source(&error).map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    for expected in [
        "plugin_config.journald.socket is run/socket; allowed is an absolute path of 108 bytes at most",
        "plugin_config.journald.identifier is a\\nb; allowed is a text on one line that is not empty",
        "plugin_config.journald.facility is \"kernel\"; allowed are kern, user, mail",
        "plugin_config.journald.field_prefix is shop_; allowed are A to Z, digits and _, first a letter",
        "plugin_config.journald.message_id is started; allowed are 32 hexadecimal digits, or a UUID",
        "plugin_config.journald.priorities.info is \"loud\"; allowed are emerg",
        "plugin_config.journald.priorities.fatal is ",
        "plugin_config.journald.entry_bytes_max is 1 GiB; allowed are 1 KiB to 768 MiB",
        "plugin_config.journald.payload_bytes is 1; allowed are 4 KiB to 16 MiB",
        "plugin_config.journald.timeout is 1ms; allowed are 10ms to 5m",
        "plugin_config.journald.sockets is \"x\"; there is no such setting; did you mean socket?",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn a_level_has_the_priority_of_its_setting() {
    let ((_directory, socket), got) = (directory(), GotEntries::default());
    let server = FakeJournald::start(&socket, &got);
    let names = ["trace", "debug", "info", "warning", "error", "critical", "audit", "security"];
    let given = names.map(|name| format!("{name} = \"emerg\"")).join(", ");
    let container = started(&format!("socket = {socket:?}\npriorities = {{ {given} }}")).unwrap();
    let log = container.logger("orders");
    info!(log, "order");
    fapilog::error!(log, "order");
    fapilog::critical!(log, "order");
    fapilog::security!(log, "order");
    fapilog::audit!(log, "order cancelled", object = 42, outcome = "success", who = "eve");
    shut_down(&container);
    drop(server);
    let got = got.wait_for(5);
    assert!(got.iter().all(|entry| entry.text("PRIORITY") == "0"), "{got:?} {TIMEOUT:?}");
}
