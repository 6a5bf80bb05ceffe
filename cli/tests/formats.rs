//! Formats of output, beside those of the library.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod program;

use std::time::Duration;

use fapilog::{
    Container, Level, critical, error,
    format::{self, LineTime},
    info, scope, sink, warn,
};
use program::{output, run_with};

/// The same events, as the library writes them in JSON, in logfmt and for people.
struct WrittenLog {
    json: String,
    logfmt: String,
    simple: String,
}

fn written() -> WrittenLog {
    let (json, json_lines) = sink::Memory::new(|| format::Json::new().call_site(true));
    let (logfmt, logfmt_lines) = sink::Memory::new(|| format::Logfmt::new().call_site(true));
    let (simple, simple_lines) = sink::Memory::new(|| format::Simple::new().call_site(true).time(LineTime::Utc));
    let logs = Container::builder().sink("json", json).sink("logfmt", logfmt).sink("simple", simple).start().unwrap();
    let log = logs.logger("matching engine");
    info!(log, "order filled", order_id = 42, price = 101.25, big = u128::MAX, none = None::<u8>, ok = true);
    warn!(
        log,
        "a = b",
        note = "late, again",
        empty = "",
        null = "null",
        level = 7,
        tags.region = "eu",
        metrics.ms = 3.5
    );
    error!(
        log,
        "two\nlines \"quoted\"",
        error = "connect: \x1b[31mrefused",
        path = "a\\b/c",
        "key with space" = 1,
        "a=b" = 2
    );
    let _request = scope!(correlation_id: "7f3a", "tags.x" = 1).enter();
    critical!(
        log,
        "lists",
        list = [1, 2],
        texts = ["a b", "c"],
        not_a_number = f64::NAN,
        "%" = "é",
        "" = "\u{202e}",
        html = "<b>"
    );
    error!(log, ["a", "b"], header = b"GET \\ \xff".as_slice(), target: "api::http");
    let accounts = logs.shutdown(Duration::from_secs(30)).unwrap();
    assert_eq!((accounts.submitted, accounts.delivered_total()), (5, 5));
    let text = |lines: Vec<String>| lines.join("\n") + "\n";
    WrittenLog {
        json: text(json_lines.lines()),
        logfmt: text(logfmt_lines.lines()),
        simple: text(simple_lines.lines()),
    }
}

#[test]
fn logfmt_of_json_is_the_library_s_logfmt() {
    let log = written();
    let ran = run_with(log.json.as_bytes(), &["cat", "-", "-o", "logfmt"]);
    assert_eq!(ran.out, log.logfmt);
}

#[test]
fn pretty_lines_are_the_library_s_lines_with_levels_of_one_width() {
    let log = written();
    let ran = run_with(log.json.as_bytes(), &["cat", "-", "--utc"]);
    for (line, expected) in ran.out.lines().zip(log.simple.lines()).filter(|(line, _)| !line.contains("not_utf8")) {
        let level = Level::ALL.iter().find(|level| expected[31..].starts_with(level.name())).unwrap().name();
        // The library's lines have nine decimals.
        let expected = format!("{}Z {level:<8}{}", &expected[..26], &expected[31 + level.len()..]);
        assert_eq!(line, expected);
    }
    assert_eq!(ran.out.lines().count(), 5);
}

#[test]
fn json_and_raw_are_the_lines_themselves() {
    let log = written();
    for format in ["json", "raw"] {
        assert_eq!(run_with(log.json.as_bytes(), &["cat", "-", "-o", format]).out, log.json);
    }
    assert_eq!(run_with(log.json.as_bytes(), &["--json", "cat"]).out, log.json);
}

#[test]
fn fields_choose_columns_and_keys() {
    let line = r#"{"level":"INFO","message":"a, \"b\"","context":{"status":503,"user":{"id":7},"http.method":"GET"},"tags":{"region":"eu"}}"#;
    let with = |format: &str| {
        run_with(
            line.as_bytes(),
            &["cat", "-o", format, "--fields", "status,user.id,http.method,tags.region,absent,message"],
        )
        .out
    };
    assert_eq!(with("csv"), "status,user.id,http.method,tags.region,absent,message\n503,7,GET,eu,,\"a, \"\"b\"\"\"\n");
    assert_eq!(
        with("json"),
        "{\"status\":503,\"user.id\":7,\"http.method\":\"GET\",\"tags.region\":\"eu\",\"message\":\"a, \\\"b\\\"\"}\n"
    );
    assert_eq!(with("logfmt"), "status=503 user.id=7 http.method=GET tags.region=eu message=\"a, \\\"b\\\"\"\n");
    assert_eq!(
        with("pretty"),
        "INFO     \"a, \\\"b\\\"\" status=503 user.id=7 http.method=GET tags.region=eu message=\"a, \\\"b\\\"\"\n"
    );
}

#[test]
fn chosen_fields_have_the_keys_that_were_asked_for() {
    let line = br#"{"level":"INFO","message":"m","context":{"a b":1}}"#;
    let ran = run_with(line, &["cat", "-o", "logfmt", "--fields", "level,message,a b"]);
    assert_eq!(ran.out, "level=INFO message=m a%20b=1\n");
}

#[test]
fn every_row_of_csv_is_a_row_and_the_header_is_there_without_any() {
    let csv = |input: &[u8], field: &str| run_with(input, &["cat", "-", "-o", "csv", "--fields", field]).out;
    assert_eq!(csv(b"{\"a\":1}\n{\"b\":2}\n{\"a\":3}\n", "b"), "b\n\"\"\n2\n\"\"\n");
    assert_eq!(csv(b"", "a,b"), "a,b\n");
    // Text is text: what a spreadsheet makes of it is up to its import.
    assert_eq!(csv(br#"{"a":"=1+1","b":"x\ny"}"#, "a,b"), "a,b\n=1+1,\"x\ny\"\n");
}

#[test]
fn groups_of_other_writers_that_are_no_objects_are_fields() {
    let line = br#"{"level":"INFO","message":"m","tags":["a","b"],"context":5,"metrics":null}"#;
    let with = |format: &str| run_with(line, &["cat", "-o", format]).out;
    assert_eq!(with("pretty"), "INFO     m tags=[a,b] context=5 metrics=null\n");
    assert_eq!(with("logfmt"), "level=INFO msg=m tags=[a,b] context=5 metrics=null\n");
}

#[test]
fn relative_times_of_a_request_stand_in_a_column() {
    let event = |time: &str| {
        format!("{{\"timestamp\":\"2026-11-30T10:{time}Z\",\"level\":\"INFO\",\"correlation_id\":\"r\"}}\n")
    };
    let ran = run_with((event("00:00") + &event("05:00")).as_bytes(), &["follow-request", "r", "-", "--utc"]);
    let columns: Vec<usize> = ran.out.lines().map(|line| line.find("2026").unwrap()).collect();
    assert_eq!(columns, [13, 13], "{}", ran.out);
}

#[test]
fn plain_text_stays_readable_in_every_format() {
    let with = |format: &str| run_with(b"plain \x1b[31m text\r\n", &["cat", "-", "-o", format]).out;
    assert_eq!(with("raw"), "plain \x1b[31m text\r\n");
    assert_eq!(with("pretty"), "plain \\u001b[31m text\n");
    assert_eq!(with("logfmt"), "msg=\"plain \\u001b[31m text\"\n");
    assert_eq!(with("json"), "{\"message\":\"plain \\u001b[31m text\"}\n");
    assert_eq!(
        with("csv"),
        "timestamp,level,source,target,message,correlation_id,context\n,,,,plain \x1b[31m text,,\n"
    );
}

#[test]
fn a_text_with_line_ends_stands_below_its_event() {
    let line = r#"{"level":"ERROR","message":"gave up","context":{"error":"a\n2026 forged\u001b[2J","attempt":3}}"#;
    let ran = run_with(line.as_bytes(), &["cat"]);
    assert_eq!(ran.out, "ERROR    gave up attempt=3\n    error:\n      a\n      2026 forged\\u001b[2J\n");
}

#[test]
fn colours_come_on_request_only() {
    let plain = output(&["cat", "gateway.log"]);
    assert!(!plain.contains('\x1b'));
    let painted = output(&["--color", "always", "cat", "gateway.log"]);
    assert!(painted.contains("\x1b[31mERROR\x1b[0m"), "{painted}");
    let mut bare = painted;
    for color in ["0", "1", "2", "31", "32", "33", "36", "1;37;41"] {
        bare = bare.replace(&format!("\x1b[{color}m"), "");
    }
    assert_eq!(bare, plain);
}
