//! Settings: each changes messages or the transport, and invalid ones are named.

use std::{fs, net::TcpListener, time::Duration};

use fapilog::{Settings, error::SettingsError, info};
use fapilog_plugin::sink::SinkFactory;
use fapilog_syslog::{Syslog, SyslogFormat};

use crate::{
    TIMEOUT,
    message::{Message, parse},
    receiver::{LogSocket, accept, next_counted, next_line},
};

fn read(text: &str) -> Result<Settings, SettingsError> {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    fs::write(file.path(), text).unwrap();
    Settings::from_file(file.path())
}

/// Logs an event by these settings.
fn log(toml: &str) {
    let logs = read(toml).unwrap().into_builder().unwrap().start().unwrap();
    info!(logs.logger("orders"), "order filled", order = 42);
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.lost_total(), 0, "{accounts}");
}

/// The message of an event by these settings of the sink.
fn sent(settings: &str) -> String {
    let receiver = LogSocket::bind();
    log(&format!(
        "sinks = [\"syslog\"]\nformatter = \"minimal\"\n[plugin_config.syslog]\nurl = \"{}\"\n{settings}",
        receiver.url()
    ));
    receiver.next()
}

fn sent_by_rfc5424(settings: &str) -> Message {
    parse(sent(&format!("format = \"rfc5424\"\n{settings}")).as_bytes())
}

/// The line of an event in a file, by a formatter with these settings.
fn line(formatter: &str, settings: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    let file =
        format!("sinks = [\"file\"]\nformatter = \"{formatter}\"\n[plugin_config.file]\npath = \"{}\"", path.display());
    log(&format!("{file}\n[plugin_config.{formatter}]\n{settings}"));
    fs::read_to_string(path).unwrap().lines().next().unwrap().to_owned()
}

/// The problems of settings of the sink.
fn problems(settings: &str) -> String {
    problems_of(&format!("sinks = [\"syslog\"]\n[plugin_config.syslog]\n{settings}"))
}

fn problems_of(toml: &str) -> String {
    let error = read(toml).and_then(|settings| settings.into_builder().map(drop)).unwrap_err();
    // Without the place in the file, whose name is a random one.
    let problems = error.problems.iter().map(ToString::to_string);
    problems.map(|problem| format!("{}\n", problem.split(" (given by").next().unwrap_or_default())).collect()
}

#[test]
fn the_header_is_that_of_the_settings() {
    let message = sent_by_rfc5424("facility = \"local3\"\nhostname = \"h\"\napp_name = \"a\"\nmessage_id = \"target\"");
    assert_eq!((message.facility(), message.severity()), (19, 6));
    assert_eq!((message.hostname.as_deref(), message.app_name.as_deref()), (Some("h"), Some("a")));
    assert!(message.message_id.unwrap().starts_with("it::settings"));
    let message = sent_by_rfc5424("priority_from = \"severity\"\nmessage_id_text = \"ORDER\"");
    assert_eq!((message.facility(), message.message_id.as_deref()), (1, Some("ORDER")));
    // Those of the machine and of the program.
    assert!(message.hostname.is_some() && message.app_name.unwrap().starts_with("it-"));
}

#[test]
fn the_structured_data_is_that_of_the_settings() {
    let data = "sd_id = \"shop@1\"\ntime_quality = true\norigin = true\nsoftware_version = \"1.2\"\nsequence_id = true";
    let message = sent_by_rfc5424(data);
    assert_eq!(message.param("shop@1", "order"), Some("42"));
    assert_eq!(message.param("shop@1", "source"), Some("orders"));
    assert_eq!(message.param("timeQuality", "tzKnown"), Some("1"));
    assert_eq!(message.param("origin", "swVersion"), Some("1.2"));
    assert_eq!(message.param("meta", "sequenceId"), Some("1"));
    let fields = sent_by_rfc5424("structured_data = \"fields\"");
    assert_eq!((fields.param("fapilog@32473", "order"), fields.param("fapilog@32473", "level")), (Some("42"), None));
    assert!(sent_by_rfc5424("structured_data = \"none\"").elements.is_empty());
}

#[test]
fn the_text_is_that_of_the_settings() {
    let message = sent_by_rfc5424("byte_order_mark = true");
    assert!(message.has_byte_order_mark && message.text.as_deref() == Some("order filled"));
    let message = sent_by_rfc5424("message = \"formatter\"");
    assert!(!message.has_byte_order_mark);
    assert_eq!(message.text.as_deref().and_then(|text| text.split(' ').next()), Some("INFO"));
    assert!(sent("format = \"rfc5424\"\nmax_message_bytes = 700\nhostname = \"h\"").len() <= 700);
}

#[test]
fn a_unix_socket_has_rfc_3164_unless_the_settings_name_another() {
    let message = sent("time = \"utc\"\napp_name = \"shop\"");
    assert!(message.contains(" shop[") && message.ends_with("]: order filled"), "{message}");
}

#[test]
fn a_transport_has_the_framing_and_the_payloads_of_the_settings() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let sink =
        format!("sinks = [\"syslog\"]\n[plugin_config.syslog]\nurl = \"tcp://{}\"", listener.local_addr().unwrap());
    log(&sink);
    assert!(next_counted(&mut accept(&listener)).unwrap().ends_with("order filled"));
    log(&format!(
        "{sink}\nframing = \"line_feed\"\npayload_bytes = \"1 KiB\"\nconnect_timeout = \"2s\"\nwrite_timeout = \"2s\""
    ));
    assert!(next_line(&mut accept(&listener)).unwrap().ends_with("order filled"));
}

/// The diagnostics of a sink with these settings that cannot deliver all of its events.
fn failed(settings: &str) -> String {
    let sinks = "sinks = [{ name = \"syslog\", delivery = { attempts = 1 } }]";
    let logs =
        read(&format!("{sinks}\n[plugin_config.syslog]\n{settings}")).unwrap().into_builder().unwrap().start().unwrap();
    let text = "x".repeat(60_000);
    for _ in 0..5 {
        info!(logs.logger("orders"), "order filled", text = text.as_str());
    }
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert!(accounts.lost_total() > 0, "{accounts}");
    format!("{:?}", logs.diagnostics())
}

#[test]
fn time_limits_are_those_of_the_settings() {
    // It accepts connections and does nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("url = \"tls://{}\"", silent.local_addr().unwrap());
    let found = failed(&format!("{url}\nconnect_timeout = \"70ms\""));
    assert!(found.contains("within 70ms") || found.contains("within 69."), "{found}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let _full = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let url = format!("url = \"unix://{}\"", path.display());
    let found =
        failed(&format!("{url}\nmessage = \"formatter\"\nmax_message_bytes = \"1 MiB\"\nwrite_timeout = \"80ms\""));
    assert!(found.contains("within 80ms"), "{found}");
}

#[test]
fn formatters_have_settings_of_their_own() {
    let by_rfc5424 = line("syslog_rfc5424", "app_name = \"shop\"\nmessage = \"logfmt\"\nstructured_data = \"none\"");
    let message = parse(by_rfc5424.as_bytes());
    assert!(message.text.unwrap().contains(" order=42"));
    let text = parse(line("syslog_rfc5424", "message = \"text\"").as_bytes()).text;
    assert_eq!(text.as_deref(), Some("order filled"));
    let by_rfc3164 = line("syslog_rfc3164", "hostname = \"h\"\ntime = \"utc\"\nmessage = \"minimal\"");
    assert!(by_rfc3164.contains(" h it-") && by_rfc3164.contains("]: INFO"), "{by_rfc3164}");
}

#[test]
fn invalid_values_are_named_all_at_once() {
    let found = problems(
        "url = \"tcp://logs.example.com\"\nfacility = \"local8\"\nhostname = \"two words\"\napp_name = \"ä\"\nsd_id = \"shop\"\n\
         max_message_bytes = 100\nconnect_timeout = \"0s\"\npayload_bytes = 1\nmessage_id = \"text\"",
    );
    for path in [
        "url is \"tcp://logs.example.com\"; it must be encrypted",
        "facility is \"local8\"",
        "hostname is \"two words\"; it must be printable ASCII without spaces, of 1 to 255 bytes",
        "app_name is \"ä\"",
        "sd_id is \"shop\"; it must be NAME@NUMBER",
        "max_message_bytes is 100; it must be from ",
        "connect_timeout is 0s",
        "payload_bytes is 1; it must be from 1 KiB to 16 MiB",
        "message_id_text is \"\"",
    ] {
        assert!(found.contains(&format!("plugin_config.syslog.{path}")), "{path}\n{found}");
    }
}

#[test]
fn a_url_must_be_given() {
    assert!(problems("").contains("plugin_config.syslog.url is missing"), "{}", problems(""));
}

#[test]
fn settings_that_nothing_reads_are_refused() {
    let udp = problems("url = \"udp://127.0.0.1\"\nframing = \"line_feed\"\ntls = {}\nmax_message_bytes = 65508");
    for path in ["framing is line_feed", "tls is given", "max_message_bytes is 65508; a UDP datagram has at most 65507"]
    {
        assert!(udp.contains(path), "{path}\n{udp}");
    }
    let bsd = problems("url = \"tcp://127.0.0.1\"\nformat = \"rfc3164\"\nbyte_order_mark = true\nsd_id = \"a@1\"");
    assert!(bsd.contains("sd_id is given; rfc5424 alone") && bsd.contains("byte_order_mark is given"), "{bsd}");
    let ours = problems(
        "url = \"tcp://127.0.0.1\"\ntime = \"utc\"\nsoftware_version = \"1\"\nmessage_id = \"none\"\nmessage_id_text = \"a\"",
    );
    for path in ["time is utc; rfc3164 alone", "software_version is \"1\"; it needs origin", "message_id_text is \"a\""]
    {
        assert!(ours.contains(path), "{path}\n{ours}");
    }
}

#[test]
fn hosts_and_addresses_are_allowed_by_settings() {
    let allowed = "url = \"udp://logs.example.com\"\nallow_plaintext_hosts = [\"logs.example.com\"]";
    let toml =
        format!("sinks = [\"syslog\"]\n[plugin_config.syslog]\n{allowed}\nallow_addresses = [\"169.254.0.0/16\"]");
    assert!(read(&toml).and_then(|settings| settings.into_builder().map(drop)).is_ok());
    let found = problems(&format!("{allowed}\nallow_addresses = [\"169.254\"]"));
    assert!(found.contains("allow_addresses"), "{found}");
}

#[test]
fn a_formatter_that_there_is_not_is_a_problem_of_the_setting() {
    let found = problems_of(
        "sinks = [\"stdout\"]\nformatter = \"syslog_rfc5424\"\n[plugin_config.syslog_rfc5424]\nmessage = \"jsonn\"",
    );
    assert!(found.contains("plugin_config.syslog_rfc5424.message") && found.contains("json"), "{found}");
}

#[test]
fn a_time_limit_beyond_the_clock_is_refused() {
    let sink = Syslog::new("tcp://127.0.0.1", SyslogFormat::rfc5424());
    let day = Duration::from_secs(24 * 3600);
    assert_eq!(sink.clone().connect_timeout(day).write_timeout(day).check(), []);
    let problems = sink.connect_timeout(Duration::MAX).write_timeout(2 * day).check();
    let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["connect_timeout", "write_timeout"]);
}
