//! The settings of built-in plugins: each changes what comes out.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{fs, process::Stdio, time::Duration};

use fapilog::{
    Container, Scope, Settings, debug, error,
    error::StartError,
    info,
    metrics::LossReason,
    plugin::Registry,
    settings::{PluginConfig, SinkEntry},
    sink,
};
use law::{TIMEOUT, balanced};
use serde_json::Value;

/// Logs a few events into a container with these settings, and returns what came out, with the library's internal events.
fn logged(toml: &str) -> Vec<Value> {
    let container = started(toml).unwrap();
    let log = container.0.logger("web");
    {
        let _request = Scope::new().correlation_id("7f3a").enter();
        info!(log, "request {path}", path = "/orders", user_id = 42, tags.region = "eu");
    }
    info!(log, "request {path}", path = "/health", user_id = 7, note = "x".repeat(3000).as_str());
    info!(log, "request {path}", path = "/health", user_id = 7, note = "x".repeat(3000).as_str());
    debug!(log, "detail");
    error!(log, "failed", path = "/orders");
    balanced(container.0.shutdown(TIMEOUT).unwrap());
    law::parsed(&container.1)
}

fn started(toml: &str) -> Result<(Container, fapilog::sink::MemoryEvents), StartError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("settings.toml");
    let base = "level = \"debug\"\nexecutor = \"thread\"\n";
    let sinks = if toml.contains("sinks") { "" } else { "sinks = [\"memory\"]\n" };
    let pipeline = if toml.contains("enrichers") { "" } else { "enrichers = []\n" };
    let processors = if toml.contains("processors") { "" } else { "processors = []\n" };
    fs::write(&path, format!("{base}{sinks}{pipeline}{processors}{toml}")).unwrap();
    let mut registry = Registry::linked();
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    let settings = Settings::from_file(&path)?;
    Ok((settings.into_builder_with(&registry)?.start()?, events))
}

#[track_caller]
fn refused(toml: &str, expected: &str) {
    let error = started(toml).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains(expected), "{error}");
}

fn own(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["source"] == "web").collect()
}

#[test]
fn a_timestamp_may_be_the_time_of_the_drain() {
    let all = logged("enrichers = [\"timestamp\"]\nplugin_config.timestamp.drained_at = true\n");
    assert!(all.iter().all(|event| event["context"]["drained_at"].is_string()));
}

#[test]
fn correlation_gives_ids_to_events_that_have_none() {
    let all = logged("enrichers = [\"correlation\"]\nplugin_config.correlation.when_missing = \"per_event\"\n");
    assert_eq!(all[0]["correlation_id"], "7f3a");
    assert_eq!(all[1]["correlation_id"].as_str().unwrap().len(), 36);
    assert_eq!(logged("enrichers = [\"correlation\"]\n")[1].get("correlation_id"), None);
}

#[test]
fn context_leaves_out_what_is_not_wanted() {
    let all = logged("enrichers = [\"context\"]\nplugin_config.context = { thread_id = false, thread_name = false }\n");
    assert!(all[0]["context"].get("thread_id").is_none() && all[0]["context"]["process_id"].is_u64());
}

#[test]
fn runtime_info_adds_its_settings() {
    let all =
        logged("enrichers = [\"runtime_info\"]\nplugin_config.runtime_info = { service = \"web\", pid = false }\n");
    assert_eq!(all[3]["context"]["service"], "web");
    assert!(all[3]["context"].get("pid").is_none());
}

#[test]
fn a_filter_goes_by_level_and_by_rules_on_fields() {
    let all = logged("processors = [\"filter\"]\nplugin_config.filter.level = \"error\"\n");
    assert_eq!(own(&all).len(), 1);
    let rules = "processors = [\"filter\"]\n[[plugin_config.filter.rules]]\naction = \"drop\"\nlevels = [\"INFO\"]\n\
                 when = [{ field = \"path\", is = \"eq\", value = \"/health\" }]\n";
    assert!(logged(rules).iter().all(|event| event["context"]["path"] != "/health"));
    let keep = "processors = [\"filter\"]\nplugin_config.filter.exclude = [\"plugin_settings\"]\n\
                [[plugin_config.filter.rules]]\naction = \"keep\"\nwhen = [{ field = \"user_id\", is = \"ge\", value = 42 }]\n";
    assert_eq!(logged(keep).len(), 1);
}

#[test]
fn a_filters_invalid_values_are_reported_with_their_places() {
    refused(
        "processors = [\"filter\"]\n[[plugin_config.filter.rules]]\naction = \"drop\"\nwhen = [{ field = \"a\", is = \"eq\" }]\n",
        "plugin_config.filter.rules[0].when[0].value is missing; it must be true, false, a number or text",
    );
    refused(
        "processors = [\"filter\"]\n[[plugin_config.filter.rules]]\naction = \"drop\"\n\
         when = [{ field = \"a\", is = \"exists\", value = 1 }]\n",
        "this comparison has none",
    );
}

#[test]
fn a_throttle_goes_by_its_rate_and_by_its_key() {
    let rate = "processors = [\"throttle\"]\nplugin_config.throttle = { events_per_second = 1, burst_events = 1 }\n";
    // Each level has one event left of three INFO, one DEBUG and one ERROR event.
    assert_eq!(own(&logged(rate)).len(), 3);
    let key = "processors = [\"throttle\"]\n\
               plugin_config.throttle = { events_per_second = 1, burst_events = 1, key = \"path\" }\n";
    let kept: Vec<_> = logged(key);
    assert_eq!(own(&kept).iter().filter(|event| event["context"]["path"] == "/health").count(), 1);
}

#[test]
fn dedupe_takes_out_what_came_before() {
    let all = logged("processors = [\"dedupe\"]\nplugin_config.dedupe.window = \"1h\"\n");
    assert_eq!(own(&all).iter().filter(|event| event["context"]["path"] == "/health").count(), 1);
    let by_message = logged("processors = [\"dedupe\"]\nplugin_config.dedupe = { window = \"1h\", fields = [] }\n");
    assert_eq!(own(&by_message).len(), 3);
}

#[test]
fn sampling_keeps_errors_whatever_the_rate() {
    let all = logged("processors = [\"sampling\"]\nplugin_config.sampling.rate = 0\n");
    assert_eq!(own(&all).iter().map(|event| event["level"].as_str().unwrap()).collect::<Vec<_>>(), ["ERROR"]);
    refused(
        "processors = [\"sampling\"]\nplugin_config.sampling.rate = 1.5\n",
        "plugin_config.sampling.rate is 1.5; allowed are 0 to 1",
    );
}

#[test]
fn sampling_keeps_the_events_of_a_trace_together_unless_its_settings_forbid_it() {
    let kept = |own: &str| {
        let (container, events) =
            started(&format!("processors = [\"sampling\"]\nplugin_config.sampling = {{ {own} }}\n")).unwrap();
        let log = container.logger("web");
        let _request = Scope::new().correlation_id("7f3a").enter();
        (0..64).for_each(|number| info!(log, "of one trace", number));
        balanced(container.shutdown(TIMEOUT).unwrap());
        events.lines().len()
    };
    assert!([0, 64].contains(&kept("rate = 0.5")));
    assert!([0, 64].contains(&kept("rate = 0.5, per_trace = true")));
    let apart = kept("rate = 0.5, per_trace = false");
    assert!((1..64).contains(&apart), "{apart}");
}

#[test]
fn a_projection_keeps_some_fields() {
    let all = logged("processors = [\"project\"]\nplugin_config.project.keep = [\"user_id\", \"tags.*\"]\n");
    assert_eq!(all[0]["context"], serde_json::json!({"user_id": 42}));
    assert_eq!(all[0]["tags"]["region"], "eu");
}

#[test]
fn messages_are_written_from_their_own_placeholders_or_from_a_template() {
    let own_placeholders = logged("processors = [\"format\"]\n");
    assert_eq!(own_placeholders[0]["message"], "request /orders");
    let template = logged(
        "processors = [\"format\"]\nplugin_config.format = { template = \"{level}: {user_id}\", missing = \"nobody\" }\n",
    );
    assert_eq!((&template[0]["message"], &template[4]["message"]), (&"INFO: 42".into(), &"ERROR: nobody".into()));
    refused(
        "processors = [\"format\"]\nplugin_config.format.template = \"{oops\"\n",
        "plugin_config.format.template is \"{oops\"",
    );
}

#[test]
fn a_size_guard_bounds_events() {
    let all = logged("processors = [\"size_guard\"]\nplugin_config.size_guard.event_max_bytes = \"1 KiB\"\n");
    let bounded = &all[1];
    assert!(bounded.to_string().len() < 1500, "{bounded}");
    assert_eq!(bounded["truncated"], true);
}

#[test]
fn kubernetes_reads_the_directory_of_its_settings_and_the_labels_and_annotations_that_are_wanted() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("name"), "orders-7").unwrap();
    fs::write(directory.path().join("labels"), "app=\"orders\"\ntier=\"back\"\n").unwrap();
    fs::write(directory.path().join("annotations"), "commit=\"7f3a\"\nowner=\"kim\"\n").unwrap();
    let context = |own: &str| {
        let path = directory.path().display();
        let own = format!("plugin_config.kubernetes = {{ directory = \"{path}\"{own} }}\n");
        logged(&format!("enrichers = [\"kubernetes\"]\n{own}"))[0]["context"].clone()
    };
    let plain = context("");
    assert_eq!(plain["k8s.pod.name"], "orders-7");
    assert!(!plain.to_string().contains("label") && !plain.to_string().contains("annotation"), "{plain}");
    let chosen = context(", labels = [\"app\"], annotations = [\"owner\"]");
    assert_eq!((&chosen["k8s.pod.label.app"], &chosen["k8s.pod.annotation.owner"]), (&"orders".into(), &"kim".into()));
    assert!(
        chosen.get("k8s.pod.label.tier").is_none() && chosen.get("k8s.pod.annotation.commit").is_none(),
        "{chosen}"
    );
}

/// Logs each number at one call site, list by list, and returns what came out.
fn numbered(toml: &str, lists: &[&[u64]]) -> Vec<Value> {
    let (container, events) = started(toml).unwrap();
    let log = container.logger("web");
    for numbers in lists {
        numbers.iter().for_each(|number| info!(log, "numbered", number));
        container.flush(TIMEOUT).unwrap();
    }
    balanced(container.shutdown(TIMEOUT).unwrap());
    law::parsed(&events)
}

#[test]
fn a_throttle_keeps_as_many_keys_as_its_settings_allow() {
    let passed = |keys_max: u64| {
        let own = format!("{{ events_per_second = 1, burst_events = 1, key = \"number\", keys_max = {keys_max} }}");
        let numbers: Vec<u64> = (0..10).collect();
        let toml = format!("processors = [\"throttle\"]\nplugin_config.throttle = {own}\n");
        own_count(&numbered(&toml, &[&numbers]))
    };
    assert_eq!(passed(10), 10);
    // The others share one.
    assert_eq!(passed(2), 3);
}

fn own_count(events: &[Value]) -> usize {
    own(events).len()
}

#[test]
fn a_throttle_reports_the_end_after_the_quiet_time_of_its_settings() {
    let throttled = |quiet: &str| {
        let own = format!("{{ events_per_second = 1, burst_events = 1, quiet = \"{quiet}\" }}");
        let (container, events) =
            started(&format!("processors = [\"throttle\"]\nplugin_config.throttle = {own}\n")).unwrap();
        let log = container.logger("web");
        (0..10).for_each(|number| info!(log, "numbered", number));
        container.flush(TIMEOUT).unwrap();
        (container, events)
    };
    let has_ended = |events| law::parsed(events).iter().any(|event| event["metrics"]["dropped"].is_u64());
    let (_container, soon) = throttled("1ms");
    law::until("the end is reported", || has_ended(&soon));
    let (container, late) = throttled("1h");
    assert!(!has_ended(&late));
    balanced(container.shutdown(TIMEOUT).unwrap());
    assert!(has_ended(&late));
}

#[test]
fn dedupe_keeps_as_many_events_as_its_settings_allow() {
    let passed = |entries_max: u64| {
        let own = format!("{{ window = \"1h\", entries_max = {entries_max} }}");
        let toml = format!("processors = [\"dedupe\"]\nplugin_config.dedupe = {own}\n");
        own_count(&numbered(&toml, &[&[1], &[2], &[1], &[2]]))
    };
    assert_eq!((passed(2), passed(1)), (2, 4));
}

#[test]
fn sampling_lets_the_first_of_each_window_pass() {
    let toml = |window: &str| {
        let own = format!("{{ rate = 0, first = 2, window = \"{window}\" }}");
        format!("processors = [\"sampling\"]\nplugin_config.sampling = {own}\n")
    };
    assert_eq!(own_count(&numbered(&toml("1h"), &[&[1, 2, 3, 4, 5]])), 2);
    let (container, events) = started(&toml("1ms")).unwrap();
    let log = container.logger("web");
    law::until("a third window has begun", || {
        info!(log, "of some window");
        container.flush(TIMEOUT).unwrap();
        events.lines().len() > 4
    });
}

#[test]
fn a_format_has_templates_by_target() {
    let own = "plugin_config.format = { targets = { plugin_settings = \"mine: {number}\", elsewhere = \"no\" } }\n";
    assert_eq!(numbered(&format!("processors = [\"format\"]\n{own}"), &[&[7]])[0]["message"], "mine: 7");
}

#[test]
fn a_projection_drops_some_fields() {
    let all = logged("processors = [\"project\"]\nplugin_config.project.drop = [\"user_id\", \"tags.*\"]\n");
    assert_eq!((&all[0]["context"], all[0].get("tags")), (&serde_json::json!({"path": "/orders"}), None));
}

#[test]
fn a_filter_includes_targets() {
    let passed = |target: &str| {
        let own = format!("plugin_config.filter.include = [\"{target}\"]\n");
        own_count(&logged(&format!("processors = [\"filter\"]\n{own}")))
    };
    assert_eq!((passed("plugin_settings"), passed("elsewhere")), (5, 0));
}

#[test]
fn a_consoles_queue_is_bounded_by_its_settings() {
    refused(
        "sinks = [\"memory\", \"stdout\"]\nplugin_config.stdout.queue_capacity_bytes = 5\n",
        "plugin_config.stdout.queue_capacity_bytes is 5; allowed are ",
    );
    assert!(is_lost_at_an_unread_stdout("64 KiB"));
    assert!(!is_lost_at_an_unread_stdout("64 MiB"));
}

/// Runs the child below with a standard output that nobody reads.
fn is_lost_at_an_unread_stdout(queue: &str) -> bool {
    let (_reader, writer) = std::io::pipe().unwrap();
    let mut command = law::child("child_logs_to_stdout", "QUEUE", queue);
    let output = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    match output.status.code() {
        Some(LOST) => true,
        Some(NOT_LOST) => false,
        _ => panic!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)),
    }
}

/// Other statuses than the harness' own.
const LOST: i32 = 42;
const NOT_LOST: i32 = 43;

/// Not a test of its own: logs more than a pipe holds. Its exit status shows whether an event was lost.
#[test]
fn child_logs_to_stdout() {
    let Ok(queue) = std::env::var("QUEUE") else { return };
    let mut registry = Registry::linked();
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    let nothing: [&str; 0] = [];
    let own = PluginConfig::new().with("queue_capacity_bytes", queue.as_str());
    let stdout = SinkEntry::new("stdout").on_full(sink::OnFull::Drop);
    let settings = Settings::builder().sinks([stdout, SinkEntry::new("memory")]);
    let settings = settings
        .enrichers(nothing)
        .processors(nothing)
        .plugin_config("stdout", own)
        .overflow_timeout(Duration::from_secs(30))
        .build()
        .unwrap();
    let container = settings.into_builder_with(&registry).unwrap().start().unwrap();
    let long = "x".repeat(1000);
    (0..1000).for_each(|_| info!(container.logger("web"), "long", long = long.as_str()));
    law::until("the other sink has everything", || law::of_program(&events).len() == 1000);
    let stdout = container.accounts().sinks.into_iter().find(|sink| sink.name == "stdout").unwrap();
    std::process::exit(if stdout.lost.of(LossReason::SinkBusy) > 0 { LOST } else { NOT_LOST });
}

/// The file behind two containers, one after the other, that each log an event.
fn file_of_two_runs(formatter: &str) -> Vec<u8> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("web.log");
    for number in 1..=2 {
        let file =
            format!("sinks = [\"file\"]\nplugin_config.file.path = {path:?}\nplugin_config.file.one_file = true\n");
        let (container, _) = started(&format!("{file}{formatter}")).unwrap();
        info!(container.logger("web"), "=filled", number, note = "two\nlines");
        balanced(container.shutdown(TIMEOUT).unwrap());
    }
    fs::read(&path).unwrap()
}

#[test]
fn a_file_has_rows_of_csv_by_its_settings() {
    let settings =
        "formatter = \"csv\"\nplugin_config.csv.columns = [\"level\", \"message\", \"context.number\", \"fields\"]\n";
    let rows = String::from_utf8(file_of_two_runs(settings)).unwrap();
    let row = |number| format!(r#"INFO,"'=filled",{number},"{{""context.note"":""two\nlines""}}""#);
    assert_eq!(rows.lines().filter(|row| row.contains("filled")).collect::<Vec<_>>(), [row(1), row(2)]);
}

#[test]
fn a_file_has_elements_of_xml() {
    let lines = String::from_utf8(file_of_two_runs("formatter = \"xml\"\n")).unwrap();
    assert!(lines.lines().all(|line| line.starts_with("<event ") && line.ends_with("</event>")), "{lines}");
    let field =
        |number| format!(r#"<field name="number" type="integer">{number}</field><field name="note">two&#xa;lines<"#);
    assert!([1, 2].iter().all(|number| lines.contains(&field(*number))), "{lines}");
}

#[test]
fn a_file_has_messages_of_protobuf_and_nothing_between_them() {
    let bytes = file_of_two_runs("formatter = \"protobuf\"\n");
    let (mut tail, mut messages) = (&bytes[..], Vec::new());
    while let Some((low, behind)) = tail.split_first() {
        // A length of one byte, or of two: seven bits each, the lowest first.
        let (high, behind) = if *low < 0x80 { (0, behind) } else { (behind[0], &behind[1..]) };
        let (message, next) = behind.split_at(usize::from(low & 0x7f) | usize::from(high) << 7);
        messages.push(message);
        tail = next;
    }
    assert!(tail.is_empty() && messages.iter().all(|message| message[0] == 0x09), "{bytes:?}");
    let filled = messages.iter().filter(|message| message.windows(7).any(|bytes| bytes == b"=filled"));
    assert_eq!(filled.count(), 2);
}
