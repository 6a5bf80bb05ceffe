//! Inputs, filters, exit codes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod program;

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    process::Stdio,
};

use program::{fapilog, fixtures, output, run, run_with};

fn messages(arguments: &[&str]) -> Vec<String> {
    let out = output(&[arguments, &["-o", "csv", "--fields", "message"]].concat());
    out.lines().skip(1).map(str::to_owned).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn several_files_are_merged_by_time() {
    let out = output(&["cat", "orders.log", "gateway.log", "-o", "csv", "--fields", "timestamp,source"]);
    let rows: Vec<&str> = out.lines().skip(1).collect();
    assert!(rows.is_sorted_by_key(|row| &row[..30]), "{rows:#?}");
    let of = |source: &str| rows.iter().filter(|row| row.ends_with(source)).count();
    assert_eq!((of("gateway"), of("orders")), (26, 9));
}

#[test]
fn files_with_the_same_time_are_in_the_order_of_the_arguments() {
    let directory = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| directory.path().join(name));
    let line =
        |name: &str| format!("{{\"timestamp\":\"2026-11-30T10:00:00Z\",\"message\":\"{name}\"}}\n{name} plain\n");
    fs::write(&one, line("1")).unwrap();
    fs::write(&other, line("2")).unwrap();
    let out = output(&["cat", other.to_str().unwrap(), one.to_str().unwrap(), "-o", "csv", "--fields", "message"]);
    assert_eq!(out, "message\n2\n2 plain\n1\n1 plain\n");
}

#[test]
fn compressed_input_is_known_by_its_bytes() {
    let plain = fs::read(fixtures().join("orders.log")).unwrap();
    let zstd = zstd::encode_all(plain.as_slice(), 3).unwrap();
    let two_parts = [gzip(&plain[..100]), gzip(&plain[100..])].concat();
    for compressed in [gzip(&plain), zstd, two_parts] {
        assert_eq!(run_with(&compressed, &["cat", "-o", "raw"]).out.as_bytes(), plain);
    }
}

#[test]
fn rotated_files_are_read_on_request() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let line = |n: u8| format!("{{\"timestamp\":\"2026-11-30T10:00:0{n}Z\",\"message\":\"{n}\"}}\n");
    fs::write(at("server.log"), line(3)).unwrap();
    fs::write(at("server.2026-11-30T10-00-02Z.0001.log"), line(2)).unwrap();
    fs::write(at("server.2026-11-30T10-00-01Z.0001.log.gz"), gzip(line(1).as_bytes())).unwrap();
    let live = at("server.log");
    let live = live.to_str().unwrap();
    assert_eq!(messages(&["cat", live]), ["3"]);
    assert_eq!(messages(&["cat", "--rotated", live]), ["1", "2", "3"]);
}

#[test]
fn a_pipe_with_a_name_is_read_once_and_whole() {
    let orders = fs::read(fixtures().join("orders.log")).unwrap();
    let rows = |arguments: &[&str]| run_with(&orders, arguments).out.lines().count();
    assert_eq!(rows(&["cat", "/dev/stdin", "gateway.log"]), 35);
    assert_eq!(rows(&["tail", "-n", "99", "/dev/stdin"]), 9);
}

#[test]
fn a_line_of_a_pipe_is_written_before_the_next_one_comes() {
    let mut child =
        fapilog(&["cat", "-o", "raw", "--grep", "a"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    for line in [b"a1\nb\n", b"a2\nb\n"] {
        stdin.write_all(line).unwrap();
        let mut written = [0; 3];
        stdout.read_exact(&mut written).unwrap();
        assert_eq!(written[..], line[..3]);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn filters_choose_events() {
    let gateway = |filters: &[&str]| messages(&[&["cat", "gateway.log"], filters].concat()).len();
    let all = gateway(&[]);
    assert_eq!(gateway(&["--level", "error"]), 2);
    assert_eq!(gateway(&["--level", "warn.."]) + gateway(&["--level", "..info"]), all);
    assert_eq!(gateway(&["--level", "..critical"]), all);
    assert_eq!(gateway(&["--source", "gateway"]), all);
    assert_eq!(gateway(&["--source", "gate"]), 0);
    assert_eq!(gateway(&["--target", "gateway"]), all);
    assert_eq!(gateway(&["--target", "gateway::server"]), 2);
    assert_eq!(gateway(&["--target", "gateway::ser"]), 0);
    assert_eq!(gateway(&["--correlation", "req-0004"]), 2);
    assert_eq!(gateway(&["--correlation", "req"]), 0);
    assert_eq!(gateway(&["--grep", "SIG[A-Z]+"]), 1);
    assert_eq!(gateway(&["--grep", "request", "--grep", "503"]), 1);
    assert_eq!(gateway(&["--where", "status >= 500 and path ~ '^/api'"]), 2);
    assert_eq!(
        gateway(&["--since", "2026-11-30T10:00:05Z"]) + gateway(&["--until", "2026-11-30T10:00:04.999999999Z"]),
        all
    );
    assert_eq!(gateway(&["--since", "2026-11-30 10:00", "--until", "2026-11-30T10:00:00.000Z"]), 2);
}

#[test]
fn relative_times_count_from_now() {
    let at = |minutes: i64| jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
    let event = |minutes| format!("{{\"timestamp\":\"{}\",\"message\":\"{minutes}\"}}\n", at(minutes));
    let input: String = [120, 45, 1].into_iter().map(event).collect();
    let lines = |arguments: &[&str]| {
        let output =
            run_with(input.as_bytes(), &[&["cat", "-o", "csv", "--fields", "message"], arguments].concat()).out;
        output.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&["--since", "-1h", "--until", "-30m"]), ["45"]);
    assert_eq!(lines(&["--since", "-1h"]), ["45", "1"]);
    assert_eq!(lines(&["--until", "-1h"]), ["120"]);
}

#[test]
fn plain_text_meets_no_filter_but_grep() {
    let input = b"plain text\n{\"level\":\"INFO\",\"message\":\"event\"}\n{\"level\":\"INFO\" broken\n";
    let lines = |arguments: &[&str]| run_with(input, &[&["cat", "-o", "raw"], arguments].concat()).out.lines().count();
    assert_eq!(lines(&[]), 3);
    assert_eq!(lines(&["--level", "info"]), 1);
    assert_eq!(lines(&["--grep", "plain|broken"]), 2);
    assert_eq!(lines(&["--where", "not absent"]), 1);
}

#[test]
fn tail_has_the_last_matching_lines_in_the_order_of_time() {
    assert_eq!(messages(&["tail", "-n", "2", "gateway.log"]), ["slow request", "shutting down"]);
    assert_eq!(messages(&["tail", "-n", "1", "gateway.log", "--level", "error"]), ["request failed"]);
    let merged = messages(&["tail", "-n", "4", "gateway.log", "orders.log"]);
    assert_eq!(merged, ["database is gone", "request received", "slow request", "shutting down"]);
    assert_eq!(run_with(b"1\n2\n3", &["tail", "-n", "2"]).out, "2\n3\n");
}

#[test]
fn follow_request_has_all_events_of_an_id_with_relative_times() {
    let out =
        output(&["follow-request", "req-0010", "gateway.log", "orders.log", "-o", "csv", "--fields", "source,level"]);
    assert_eq!(
        out,
        "elapsed_seconds,source,level\n0.000000000,gateway,DEBUG\n0.020000000,orders,INFO\n0.120000000,gateway,ERROR\n\
         0.120000000,orders,CRITICAL\n"
    );
    let json = output(&["--json", "follow-request", "req-0010", "orders.log"]);
    assert!(json.starts_with("{\"elapsed_seconds\":0.000000000,\"timestamp\":\"2026-11-30T"), "{json}");
    assert_eq!(output(&["follow-request", "nobody", "gateway.log"]), "");
}

#[test]
fn follow_request_reads_rotated_files_too_unless_it_is_asked_not_to() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let line =
        |n: u8| format!("{{\"timestamp\":\"2026-11-30T10:00:0{n}Z\",\"message\":\"{n}\",\"correlation_id\":\"r\"}}\n");
    fs::write(at("server.log"), line(3)).unwrap();
    fs::write(at("server.log.1"), line(2)).unwrap();
    fs::write(at("server.log.2.gz"), gzip(line(1).as_bytes())).unwrap();
    let live = at("server.log");
    let live = live.to_str().unwrap();
    assert_eq!(messages(&["follow-request", "r", live]), ["0.000000000,1", "1.000000000,2", "2.000000000,3"]);
    assert_eq!(messages(&["follow-request", "r", live, "--no-rotated"]), ["0.000000000,3"]);
    let rotated = at("server.log.1");
    assert_eq!(messages(&["follow-request", "r", live, rotated.to_str().unwrap()]).len(), 3);
    let from_pipe = run_with(line(5).as_bytes(), &["follow-request", "r", "-", "-o", "csv", "--fields", "message"]);
    assert_eq!(from_pipe.out, "elapsed_seconds,message\n0.000000000,5\n");
}

#[test]
fn a_cut_compressed_file_is_read_up_to_the_cut_among_others_too() {
    let plain = fs::read(fixtures().join("gateway.log")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    for (name, whole) in [("cut.gz", gzip(&plain)), ("cut.zst", zstd::encode_all(plain.as_slice(), 3).unwrap())] {
        let path = directory.path().join(name);
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let path = path.to_str().unwrap();
        let alone = run(&["cat", path, "-o", "raw"]);
        let merged = run(&["cat", path, "orders.log", "-o", "raw"]);
        assert_eq!(merged.out.lines().count(), alone.out.lines().count() + 9, "{name}");
        assert_eq!((merged.code, merged.err.lines().count()), (Some(1), 1), "{}", merged.err);
    }
}

#[test]
fn many_files_whose_times_overlap_are_merged() {
    let directory = tempfile::tempdir().unwrap();
    for number in 0..100 {
        let line = |second| format!("{{\"timestamp\":\"2026-11-30T10:00:{second}Z\",\"message\":\"{number}\"}}\n");
        fs::write(directory.path().join(format!("{number}.log")), line("00") + &line("59")).unwrap();
    }
    let line =
        format!("ulimit -Sn 40; exec {} cat {}/*.log", env!("CARGO_BIN_EXE_fapilog"), directory.path().display());
    let ran = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
    assert_eq!((ran.status.code(), String::from_utf8(ran.stderr).unwrap().as_str()), (Some(0), ""));
    assert_eq!(ran.stdout.iter().filter(|byte| **byte == b'\n').count(), 200);
}

#[test]
fn a_byte_order_mark_and_carriage_returns_belong_to_no_event() {
    let input = "\u{feff}{\"level\":\"INFO\",\"message\":\"one\"}\r\n{\"level\":\"INFO\",\"message\":\"two\"}\r\n";
    let out = |arguments: &[&str]| run_with(input.as_bytes(), &[&["cat"], arguments].concat()).out;
    assert_eq!(out(&["--level", "info"]), "INFO     one\nINFO     two\n");
    assert_eq!(out(&["-o", "json"]), input.replace(['\r', '\u{feff}'], ""));
    assert_eq!(out(&["-o", "raw"]), input);
}

#[test]
fn files_without_a_length_are_read() {
    let ran = run(&["tail", "/proc/version"]);
    assert!(ran.out.starts_with("Linux version"), "{ran:?}");
    assert_eq!(run(&["cat", "/dev/null"]).out, "");
}

#[test]
fn a_name_of_a_file_with_control_characters_does_not_reach_the_terminal() {
    let ran = run(&["cat", "a\x1b[31mb.log"]);
    assert_eq!(ran.err, "fapilog: a\\u001b[31mb.log: No such file or directory (os error 2)\n");
}

#[test]
fn numbers_without_bounds_are_counted() {
    let numbers = ["1e17", "2e17", "-1e308", "1e308", "18446744073709551615", "-0", "1e400", "\"NaN\""];
    let input: String = numbers.iter().map(|number| format!("{{\"n\":{number}}}\n")).collect();
    let ran = run_with(input.as_bytes(), &["stats", "--json", "--field", "n"]);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let field = &report["fields"][0];
    assert_eq!((&field["count"], &field["not_numbers"]), (&6.into(), &2.into()));
    assert!(
        field["histogram"].as_array().unwrap().iter().all(|bar| bar["from"].is_f64() && bar["to"].is_f64()),
        "{field}"
    );
    assert!((field["percentiles"][1]["value"].as_f64().unwrap() - 18446744073709551615.0).abs() < 1e16, "{field}");
}

#[test]
fn stats_count_events_and_find_gaps() {
    let report = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&output(&[&["--json", "stats"], arguments].concat())).unwrap()
    };
    let all = report(&["gateway.log", "orders.log", "--field", "metrics.latency_ms,path"]);
    assert_eq!((&all["events"], &all["levels"]["ERROR"]), (&35.into(), &2.into()));
    assert_eq!(all["event_ids"]["missing"], 0);
    assert_eq!((&all["fields"][0]["count"], &all["fields"][0]["max"]), (&12.into(), &430.25.into()));
    assert_eq!(all["fields"][1]["not_numbers"], 24);
    assert_eq!(all["sources"]["names"][0]["name"], "gateway");

    let gateway = fs::read_to_string(fixtures().join("gateway.log")).unwrap();
    let without: Vec<&str> =
        gateway.lines().enumerate().filter(|(n, _)| !(5..8).contains(n)).map(|(_, line)| line).collect();
    let ran = run_with(without.join("\n").as_bytes(), &["stats", "--json"]);
    let gaps: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(gaps["event_ids"]["missing"], 3);
    assert!(report(&["gateway.log", "--level", "info"])["event_ids"].is_null());
}

#[test]
fn stats_of_nothing_are_a_report_too() {
    assert_eq!(
        run_with(b"", &["stats"]).out,
        "events       0\nbytes        0 B\n\nevent ids\n  producers    0\n  missing      0\n"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_reported_and_the_others_are_read() {
    let ran = run(&["cat", "absent.log", ".", "orders.log", "-o", "raw"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.out.lines().count(), 9);
    assert_eq!(ran.err, "fapilog: absent.log: No such file or directory (os error 2)\nfapilog: .: is a directory\n");
    for command in ["tail", "stats"] {
        assert_eq!(run(&[command, "absent.log"]).code, Some(1), "{command}");
    }
}

#[test]
fn a_compressed_file_that_is_cut_is_read_up_to_the_cut() {
    let plain = fs::read(fixtures().join("gateway.log")).unwrap();
    let whole = gzip(&plain);
    let ran = run_with(&whole[..whole.len() - 20], &["cat", "-o", "raw"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.lines().count() > 0 && ran.err.starts_with("fapilog: standard input: "), "{ran:?}");
}

#[test]
fn invalid_arguments_are_errors_before_anything_is_read() {
    for (arguments, message) in [
        (&["cat", "x", "--level", "loud"][..], "fapilog: --level: \"loud\" is no level; allowed are trace"),
        (&["cat", "x", "--since", "soon"], "fapilog: --since: \"soon\" is no time; allowed are"),
        (&["cat", "x", "--since", "5m"], "fapilog: --since: \"5m\" is no time; allowed are a time before now (-1h"),
        (&["cat", "x", "--grep", "("], "fapilog: --grep: regex parse error"),
        (&["cat", "x", "--where", "a ="], "fapilog: --where: expected a value, found the end\n  a =\n     ^\n"),
        (&["cat", "x", "-o", "raw", "--fields", "a"], "fapilog: --fields: raw lines have no fields"),
        (&["cat", "x", "--since", "-1h", "--until", "-2h"], "fapilog: --since: no event is from 2"),
        (&["follow-request", "req-1"], "error: the following required arguments were not provided:\n  <FILE>"),
        (&["cat", "x", "-o", "xml"], "error: invalid value 'xml' for '--output <FORMAT>'"),
        (&["man", "nothing"], "fapilog: COMMAND: \"nothing\"; allowed are cat, tail, stats"),
    ] {
        let ran = run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ran.err.starts_with(message), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn the_help_of_a_command_has_its_own_options_in_front_of_those_of_every_command() {
    for (command, own) in [("verify", "--anchor"), ("shred", "--subject"), ("check", "--strict")] {
        let help = run(&[command, "--help"]).out;
        let (of_the_command, general) = help.split_once("Options of every command:").unwrap();
        assert!(of_the_command.contains(own) && !of_the_command.contains("--no-pager"), "{help}");
        assert!(general.contains("--json") && general.contains("--color") && general.contains("--no-pager"), "{help}");
    }
}

#[test]
fn errors_are_objects_with_json_and_name_what_they_are_about() {
    let error = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&run(&[&["--json"], arguments].concat()).err).unwrap()
    };
    assert_eq!(
        error(&["cat", "absent.log"]),
        serde_json::json!({
            "error": "absent.log: No such file or directory (os error 2)", "kind": "input", "file": "absent.log",
        })
    );
    let option = error(&["cat", "x", "--since", "soon"]);
    assert_eq!(
        (&option["kind"], &option["argument"], &option["value"]),
        (&"argument".into(), &"--since".into(), &"soon".into())
    );
    assert_eq!(option.get("suggestion"), None);
    assert_eq!(error(&["cat", "x", "--until", "5m"])["suggestion"], "-5m");
    assert_eq!(
        error(&["cat", "x", "--output", "jsn"]),
        serde_json::json!({
            "error": "invalid value 'jsn' for '--output <FORMAT>' [possible values: pretty, json, logfmt, csv, raw]",
            "kind": "argument", "argument": "--output <FORMAT>", "value": "jsn",
            "allowed": ["pretty", "json", "logfmt", "csv", "raw"], "suggestion": "json",
        })
    );
    let unknown = error(&["cat", "--nothing"]);
    assert_eq!(
        (&unknown["error"], &unknown["argument"]),
        (&"unexpected argument '--nothing' found".into(), &"--nothing".into())
    );
    assert!(unknown["usage"].as_str().unwrap().starts_with("fapilog cat"), "{unknown}");
    let command = error(&["docter"]);
    assert_eq!((&command["argument"], &command["suggestion"]), (&"docter".into(), &serde_json::json!(["doctor"])));
    let lasting = error(&["level", "set", "debug", "--pid", "1", "--for", "5"]);
    assert_eq!((&lasting["argument"], &lasting["value"]), (&"--for <TIME>".into(), &"5".into()));
    let process = error(&["level", "get", "--socket", "/no/such.sock"]);
    assert_eq!(process["kind"], "process");
    let pages = error(&["man", "--directory", "/no/such"]);
    assert_eq!((&pages["kind"], &pages["file"]), (&"output".into(), &"/no/such".into()));
}

#[test]
fn a_broken_pipe_ends_the_command_without_a_word() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("long.log");
    fs::write(&path, "line\n".repeat(200_000)).unwrap();
    let mut child =
        fapilog(&["cat", path.to_str().unwrap()]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 5];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let ran = child.wait_with_output().unwrap();
    assert_eq!((ran.status.code(), ran.stderr.as_slice(), &first), (Some(141), &[][..], b"line\n"));
}

#[test]
fn every_command_ends_without_a_word_when_nobody_reads_its_output() {
    for arguments in [
        &["cat", "gateway.log"][..],
        &["tail", "gateway.log"],
        &["stats", "gateway.log"],
        &["follow-request", "req-0010", "gateway.log"],
        &["check", "settings.toml"],
        &["doctor", "/tmp"],
        &["verify", "audit.jsonl", "--key", "verifying.key"],
        &["prove", "audit.jsonl", "--key", "verifying.key", "--record", "0"],
        &["compliance", "check", "shop.toml", "--profile", "sox"],
        &["compliance", "list"],
        &["completions", "bash"],
        &["man"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = fapilog(arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((ran.status.code(), ran.stderr.as_slice()), (Some(141), &[][..]), "{arguments:?}");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ran = fapilog(&["cat", "gateway.log"]).stdout(full).output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    let message = String::from_utf8(ran.stderr).unwrap();
    assert!(message.starts_with("fapilog: the output could not be written: No space left"), "{message}");
}

const COMMANDS: [&str; 20] = [
    "cat",
    "tail",
    "stats",
    "follow-request",
    "check",
    "doctor",
    "level",
    "flush",
    "rotate",
    "top",
    "verify",
    "prove",
    "verify-proof",
    "decrypt",
    "unseal",
    "shred",
    "keys",
    "compliance",
    "completions",
    "man",
];

#[test]
fn completions_and_man_pages_name_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = output(&["completions", shell]);
        assert!(COMMANDS.iter().all(|command| script.contains(command)), "{shell}");
    }
    let page = output(&["man"]);
    assert!(page.contains(".TH fapilog 1"), "{page}");
    assert!(COMMANDS.iter().all(|command| page.contains(&command.replace('-', "\\-"))), "{page}");
    assert!(output(&["man", "tail"]).contains("fapilog\\-tail"));
    let directory = tempfile::tempdir().unwrap();
    output(&["man", "--directory", directory.path().to_str().unwrap()]);
    for command in COMMANDS {
        assert!(directory.path().join(format!("fapilog-{command}.1")).exists(), "{command}");
    }
}

#[test]
fn any_bytes_are_read_without_a_panic() {
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.extend(b"\n{\"level\":\"\\ud800\"}\n{\"timestamp\":5}\n\0\n{\"context\":3,\"tags\":[],\"message\":{}}\n\n");
    for arguments in
        [&["cat"][..], &["cat", "-o", "csv"], &["cat", "-o", "logfmt"], &["cat", "--json"], &["stats"], &["tail"]]
    {
        let ran = fapilog(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = ran.unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let ran = child.wait_with_output().unwrap();
        assert_eq!((ran.status.code(), ran.stderr.as_slice()), (Some(0), &[][..]), "{arguments:?}");
    }
}
