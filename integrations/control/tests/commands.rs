//! Each command, by the typed client.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod served;

use std::{
    os::unix::fs::MetadataExt,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use fapilog::{
    Container, Level, Settings,
    compliance::{PlannedContainer, RuleFinding, RuleInfo, Standard},
    event::Batch,
    format, info,
    level::Directives,
    plugin::{Metadata, PluginError, Registry},
    process::Processor,
    settings::ComplianceMode,
    sink,
};
use fapilog_control::{
    ControlError, ControlSocket,
    client::{Client, ClientError},
    protocol::LevelChange,
};
use served::{Served, TIMEOUT, answer_to, wait_until};

fn code(error: &ClientError) -> &str {
    match error {
        ClientError::Refused(refusal) => &refusal.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_change_of_levels_is_in_force_when_it_is_answered() {
    let served = Served::start();
    let changed = served.client().change_levels(LevelChange::add("my::db=debug")).unwrap();
    assert_eq!((changed.before.as_str(), changed.now.directives.as_str()), ("INFO", "INFO,my::db=DEBUG"));
    assert!(served.container.logger("app").is_enabled_for(Level::Debug, "my::db::pool"));
    assert_eq!(served.client().levels().unwrap(), changed.now);
    served.end();
}

#[test]
fn a_change_of_levels_is_a_diagnostic_and_an_event_with_the_process_and_the_user_of_the_peer() {
    let served = Served::start();
    served.client().change_levels(LevelChange::replace("warn")).unwrap();
    served.client().change_levels(LevelChange::replace("warn")).unwrap();
    let (pid, uid) = (std::process::id(), rustix::process::geteuid().as_raw());
    let diagnostics = served.client().diagnostics().unwrap();
    let texts: Vec<_> = diagnostics.iter().filter(|one| one.about == "control").map(|one| one.text.as_str()).collect();
    assert_eq!(texts.len(), 2);
    assert!(texts[0].contains("from INFO to WARNING"), "{texts:?}");
    assert!(texts.iter().all(|text| text.contains(&format!("by process {pid} of user {uid}"))), "{texts:?}");
    served.container.flush(TIMEOUT).unwrap();
    let event = served.events.lines().into_iter().find(|line| line.contains("fapilog::control")).unwrap();
    for part in [format!("\"peer_pid\":{pid}"), format!("\"peer_uid\":{uid}"), "AUDIT".to_owned()] {
        assert!(event.contains(&part), "{event}");
    }
    assert_eq!(served.end().submitted, 2);
}

#[test]
fn the_event_of_a_change_has_all_parts_of_an_audit_event_also_when_the_time_is_up() {
    let served = Served::start();
    let change = LevelChange::add("warn").lasting(Duration::from_millis(50));
    served.client().change_levels(change).unwrap();
    wait_until("both changes are logged", || {
        served.container.flush(TIMEOUT).unwrap();
        served.events.lines().iter().filter(|line| line.contains("fapilog::control")).count() == 2
    });
    let (pid, uid) = (std::process::id(), rustix::process::geteuid().as_raw());
    for line in served.events.lines().iter().filter(|line| line.contains("fapilog::control")) {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let context = &event["context"];
        // The test is a client of its own process.
        assert_eq!(context["who"], format!("process {pid} of user {uid}"));
        assert_eq!(
            (&context["outcome"], &context["origin"], &context["object"]),
            (&"success".into(), &"control socket".into(), &"levels".into())
        );
    }
    served.end();
}

#[test]
fn levels_with_a_limited_time_go_back_by_themselves() {
    let served = Served::start();
    let change = LevelChange::add("debug").lasting(Duration::from_millis(50));
    let changed = served.client().change_levels(change).unwrap();
    assert_eq!(changed.now.then.unwrap().directives, "INFO");
    wait_until("the levels come back", || served.container.directives().to_string() == "INFO");
    wait_until("it is reported", || {
        let diagnostics = served.container.diagnostics();
        diagnostics.iter().any(|one| one.text.contains("the time of the earlier change is up"))
    });
    assert_eq!(served.client().levels().unwrap().then, None);
    served.end();
}

#[test]
fn a_change_of_one_target_comes_back_without_that_of_another() {
    let served = Served::start();
    let mut client = served.client();
    client.change_levels(LevelChange::add("debug").lasting(TIMEOUT)).unwrap();
    let change = LevelChange::add("my::db=trace").lasting(Duration::from_millis(50));
    let changed = client.change_levels(change).unwrap();
    assert_eq!(changed.now.directives, "DEBUG,my::db=TRACE");
    wait_until("the level of the target comes back", || served.container.directives().to_string() == "DEBUG");
    assert_eq!(client.levels().unwrap().then.unwrap().directives, "INFO");
    served.end();
}

#[test]
fn levels_that_the_program_has_changed_meanwhile_stay() {
    let served = Served::start();
    let change = LevelChange::add("debug").lasting(Duration::from_millis(50));
    served.client().change_levels(change).unwrap();
    served.container.set_level(Level::Error);
    let mut client = served.client();
    wait_until("the time is up", || client.levels().unwrap().then.is_none());
    assert_eq!(served.container.directives(), Directives::new(Level::Error));
    served.end();
}

#[test]
fn a_socket_that_is_dropped_brings_levels_with_a_limited_time_back_at_once() {
    let served = Served::start();
    served.client().change_levels(LevelChange::add("debug").lasting(TIMEOUT)).unwrap();
    let Served { control, container, .. } = served;
    drop(control);
    assert_eq!(container.directives().to_string(), "INFO");
}

#[test]
fn levels_that_are_none_are_refused_with_those_that_are_allowed_and_nothing_changes() {
    let served = Served::start();
    for change in [LevelChange::add("my::db=loud"), LevelChange::replace(""), LevelChange::add("x=warn\u{1b}[31m")] {
        let error = served.client().change_levels(change).unwrap_err();
        assert_eq!(code(&error), "configuration.directives");
    }
    let error = served.client().change_levels(LevelChange::add("debug").lasting(Duration::ZERO)).unwrap_err();
    assert!(error.to_string().contains("for_ms is 0; allowed are 1 to"), "{error}");
    assert_eq!(served.container.directives().to_string(), "INFO");
    served.end();
}

#[test]
fn a_flush_is_answered_with_the_sums_once_everything_is_delivered() {
    let served = Served::start();
    let log = served.container.logger("app");
    (0..1000).for_each(|number| info!(log, "an event", number));
    let flushed = served.client().flush(TIMEOUT / 2).unwrap();
    assert_eq!((flushed.submitted, flushed.delivered, flushed.lost), (1000, 1000, 0));
    served.end();
}

/// A processor that does not return before its sender is gone.
struct Hangs(Arc<Mutex<Receiver<()>>>);

impl Processor for Hangs {
    fn name(&self) -> &'static str {
        "hangs"
    }

    fn process(&mut self, _batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).recv();
        Ok(())
    }
}

#[test]
fn levels_can_be_changed_and_figures_are_answered_while_the_drain_hangs() {
    let (release, is_released) = channel();
    let is_released = Arc::new(Mutex::new(is_released));
    let (sink, _events) = sink::Memory::new(format::Json::new);
    let builder = Container::builder().processor(move |_| Box::new(Hangs(Arc::clone(&is_released))));
    let container = Arc::new(builder.sink("memory", sink).start().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let control = ControlSocket::builder(&container).path(directory.path().join("x.sock")).start().unwrap();
    info!(container.logger("app"), "an event");

    let mut client = Client::connect(control.path()).unwrap();
    assert_eq!(code(&client.flush(Duration::from_millis(50)).unwrap_err()), "pipeline.deadline");
    client.change_levels(LevelChange::add("debug")).unwrap();
    assert_eq!(container.directives().to_string(), "DEBUG");
    assert_eq!(client.metrics().unwrap()["accounts"]["delivered_total"], 0);

    drop(release);
    drop(control);
    container.shutdown(TIMEOUT).unwrap().check().unwrap();
}

#[test]
fn metrics_are_those_of_the_container() {
    let served = Served::start();
    info!(served.container.logger("app"), "an event");
    served.container.flush(TIMEOUT).unwrap();
    let metrics = served.client().metrics().unwrap();
    assert_eq!(metrics["accounts"]["submitted"], 1, "{metrics}");
    served.end();
}

#[test]
fn plugins_are_listed_with_their_states() {
    let served = Served::start();
    served.container.add_enricher("region", |_| Ok(Box::new(Nothing))).unwrap();
    served.container.set_plugin_enabled("region", false).unwrap();
    let plugins = served.client().plugins().unwrap();
    let states: Vec<_> = plugins.iter().map(|one| (&*one.kind, &*one.name, &*one.state)).collect();
    assert_eq!(states, [("enricher", "region", "disabled"), ("sink", "memory", "active")]);
    served.end();
}

struct Nothing;

impl fapilog::enrich::Enricher for Nothing {
    fn name(&self) -> &'static str {
        "nothing"
    }

    fn enrich(&mut self, _batch: &mut fapilog::event::Batch<'_>) -> Result<(), fapilog::plugin::PluginError> {
        Ok(())
    }
}

#[test]
fn a_rotation_starts_a_new_file_and_one_of_an_unknown_sink_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    let container = Container::builder().sink("file", sink::File::new(&path, format::Json::new)).start().unwrap();
    let container = Arc::new(container);
    let control = ControlSocket::builder(&container).path(directory.path().join("x.sock")).start().unwrap();
    let mut client = Client::connect(control.path()).unwrap();
    let error = client.rotate(Some("fil"), TIMEOUT / 2).unwrap_err();
    assert_eq!(code(&error), "configuration.unknown_plugin");
    client.rotate(Some("file"), TIMEOUT / 2).unwrap();
    client.rotate(None, TIMEOUT / 2).unwrap();
    drop(control);
    container.shutdown(TIMEOUT).unwrap().check().unwrap();
}

#[test]
fn a_socket_that_only_reads_refuses_changes() {
    let served = Served::start_by(fapilog_control::ControlSocketBuilder::read_only);
    let mut client = served.client();
    let errors = [
        client.change_levels(LevelChange::add("debug")).unwrap_err(),
        client.flush(TIMEOUT / 2).unwrap_err(),
        client.rotate(None, TIMEOUT / 2).unwrap_err(),
    ];
    assert!(errors.iter().all(|error| code(error) == "control.read_only"));
    assert_eq!(client.levels().unwrap().directives, "INFO");
    served.end();
}

#[test]
fn a_container_that_is_shut_down_still_answers_and_refuses_changes() {
    let served = Served::start();
    served.container.shutdown(TIMEOUT).unwrap();
    let mut client = served.client();
    assert!(client.info().unwrap().closed);
    assert_eq!(client.metrics().unwrap()["accounts"]["submitted"], 0);
    let error = client.change_levels(LevelChange::add("debug")).unwrap_err();
    assert_eq!(code(&error), "pipeline.shut_down");
    assert_eq!(code(&client.flush(TIMEOUT / 2).unwrap_err()), "pipeline.shut_down");
}

#[test]
fn the_socket_does_not_keep_the_container_alive() {
    let Served { control, container, directory: _directory, .. } = Served::start();
    let mut client = Client::connect(control.path()).unwrap();
    client.levels().unwrap();
    let weak = Arc::downgrade(&container);
    drop(container);
    wait_until("the container is dropped", || weak.upgrade().is_none());
    assert_eq!(code(&client.levels().unwrap_err()), "control.dropped");
}

#[test]
fn the_socket_has_the_mode_of_its_user_alone_whatever_the_umask() {
    // In a process of its own, a umask would change the files of other tests: the mode is checked for the umask as it is, and
    // that of the socket itself for any.
    let served = Served::start();
    let found = std::fs::symlink_metadata(served.path()).unwrap();
    assert_eq!(found.mode() & 0o777, 0o600);
    served.end();
}

#[test]
fn a_dropped_socket_leaves_no_file_and_closes_its_connections() {
    let served = Served::start();
    let mut client = served.client();
    client.levels().unwrap();
    let path = served.path().to_owned();
    served.end();
    assert!(!path.exists());
    assert!(matches!(client.levels(), Err(ClientError::Closed)));
    assert!(matches!(Client::connect(&path), Err(ClientError::Connect { .. })));
}

#[test]
fn a_file_that_has_taken_the_place_of_the_socket_is_not_removed() {
    let served = Served::start();
    let path = served.path().to_owned();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "precious").unwrap();
    let Served { control, directory: _directory, .. } = served;
    drop(control);
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_path_where_something_else_is_or_that_is_too_long_is_refused() {
    let served = Served::start();
    let start = |path: &std::path::Path| ControlSocket::builder(&served.container).path(path).start();
    let error = start(served.path()).unwrap_err();
    assert!(matches!(error, ControlError::InUse { .. }), "{error}");
    assert!(
        error.to_string().ends_with("a process listens there; stop that process, or choose another path"),
        "{error}"
    );
    let file = served.directory.path().join("notes");
    std::fs::write(&file, "precious").unwrap();
    assert!(matches!(start(&file), Err(ControlError::Taken { .. })));
    let long = served.directory.path().join("x".repeat(120));
    assert!(matches!(start(&long), Err(ControlError::PathTooLong { max: 107, .. })));
    assert!(matches!(start(std::path::Path::new("")), Err(ControlError::EmptyPath)));
    assert!(matches!(start(&served.directory.path().join("no/x.sock")), Err(ControlError::Io { .. })));
    served.end();
}

#[test]
fn a_socket_of_an_ended_process_is_named_to_peers_and_replaced_by_the_next_start() {
    let served = Served::start();
    let path = served.directory.path().join("ended.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let error = Client::connect(&path).unwrap_err();
    assert!(matches!(error, ClientError::Stale { .. }), "{error}");
    let text = format!("no process listens at {path:?}: the program has ended without removing its socket");
    assert!(error.to_string().starts_with(&text), "{error}");
    let control = ControlSocket::builder(&served.container).path(&path).start().unwrap();
    Client::connect(&path).unwrap().levels().unwrap();
    drop(control);
    assert!(!path.exists());
    served.end();
}

#[test]
fn a_path_that_is_empty_is_no_socket() {
    assert!(matches!(Client::connect(""), Err(ClientError::Connect { .. })));
}

#[test]
fn a_program_that_only_reads_the_protocol_works_without_the_client() {
    let served = Served::start();
    let answer = served::answer_to(&served.stream(), br#"{"v":1,"command":"level.get"}"#);
    assert_eq!(answer, serde_json::json!({ "v": 1, "ok": true, "result": { "directives": "INFO" } }));
    served.end();
}

/// The audit events of the socket, as "command outcome code".
fn refusals(served: &Served) -> Vec<String> {
    served.container.flush(TIMEOUT).unwrap();
    let lines = served.events.lines();
    let events = lines.iter().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let refused = events.filter(|event| event["target"] == "fapilog::control" && event["context"]["code"].is_string());
    let text = |event: serde_json::Value| {
        let context = &event["context"];
        assert_eq!((&event["level"], &context["origin"]), (&"AUDIT".into(), &"control socket".into()));
        assert_eq!(context["peer_pid"], std::process::id());
        assert!(context["who"].as_str().unwrap().starts_with("process "), "{event}");
        assert!(context["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{event}");
        let [command, outcome, code, object] =
            ["command", "outcome", "code", "object"].map(|name| context[name].as_str().unwrap());
        format!("{command} {object} {outcome} {code}")
    };
    refused.map(text).collect()
}

#[test]
fn each_change_that_is_refused_is_a_diagnostic_and_an_audit_event_with_the_peer() {
    let served = Served::start();
    let mut client = served.client();
    client.change_levels(LevelChange::add("my::db=loud")).unwrap_err();
    client.change_levels(LevelChange::add("debug").lasting(Duration::ZERO)).unwrap_err();
    client.rotate(Some("no_such"), TIMEOUT / 2).unwrap_err();
    let answer = |line: &str| answer_to(&served.stream(), line.as_bytes()).to_string();
    assert!(answer(r#"{"v":1,"command":"level.set","directive":"debug"}"#).contains("control.invalid_request"));
    // A question that is refused changes nothing.
    assert!(answer(r#"{"v":1,"command":"level.st"}"#).contains("control.unknown_command"));
    let expected = [
        "level.set levels failure configuration.directives",
        "level.set levels failure control.invalid_request",
        "rotate sinks failure configuration.unknown_plugin",
        "level.set levels failure control.invalid_request",
    ];
    assert_eq!(refusals(&served), expected);
    let diagnostics = served.container.diagnostics();
    let is_reported =
        |one: &fapilog::diagnostics::Diagnostic| one.about == "control" && one.text.contains("is refused");
    assert!(diagnostics.iter().any(is_reported), "{diagnostics:?}");
    served.end();
}

#[test]
fn a_change_by_a_socket_for_reading_is_an_audit_event_that_it_was_denied() {
    let served = Served::start_by(fapilog_control::ControlSocketBuilder::read_only);
    served.client().change_levels(LevelChange::add("OFF")).unwrap_err();
    assert_eq!(refusals(&served), ["level.set levels denied control.read_only"]);
    served.end();
}

#[test]
fn new_files_on_request_are_an_audit_event() {
    let served = Served::start();
    served.client().rotate(None, TIMEOUT / 2).unwrap();
    served.container.flush(TIMEOUT).unwrap();
    let event =
        served.events.lines().into_iter().find(|line| line.contains("new files by the control socket")).unwrap();
    assert!(event.contains("\"object\":\"all sinks\"") && event.contains("\"outcome\":\"success\""), "{event}");
    served.end();
}

const KEPT: RuleInfo = RuleInfo::new("policy/1", "section 1", "audit events are logged");

/// Asks all targets to log AUDIT events.
struct Policy;

impl Standard for Policy {
    fn name(&self) -> &str {
        "policy"
    }

    fn title(&self) -> &str {
        "Log policy"
    }

    fn rules(&self) -> Vec<RuleInfo> {
        vec![KEPT]
    }

    fn check(&self, planned: &PlannedContainer) -> Vec<RuleFinding> {
        vec![match planned.logs_all(Level::Audit) {
            true => RuleFinding::pass(KEPT, "all targets log them"),
            false => RuleFinding::fail(KEPT, "a target has the level OFF").mended_by("level"),
        }]
    }
}

/// A container that is checked against the policy, with a control socket.
fn served_under_policy(mode: ComplianceMode) -> Served {
    let mut registry = Registry::linked();
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    registry.register_standard(Metadata::new("policy", "1.0.0"), |_| Ok(Arc::new(Policy))).unwrap();
    let builder = Settings::builder().sinks(["memory"]).formatter("json").compliance_standards(["policy"]);
    let settings = builder.compliance_mode(mode).build().unwrap();
    let container = Arc::new(settings.into_builder_with(&registry).unwrap().start().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let control = ControlSocket::builder(&container).path(directory.path().join("x.sock")).start().unwrap();
    Served { control, container, events, directory }
}

#[test]
fn a_change_that_misses_a_rule_of_a_standard_is_refused_in_strict_mode() {
    let served = served_under_policy(ComplianceMode::Strict);
    let mut client = served.client();
    for change in [LevelChange::add("OFF"), LevelChange::add("app=OFF").lasting(Duration::from_secs(60))] {
        let error = client.change_levels(change).unwrap_err();
        assert_eq!(code(&error), "control.not_compliant");
        let text = error.to_string();
        assert!(text.contains("policy/1 (section 1) asks: audit events are logged; a target has"), "{text}");
    }
    assert_eq!(served.container.directives(), Directives::new(Level::Info));
    client.change_levels(LevelChange::add("debug")).unwrap();
    assert_eq!(refusals(&served), ["level.set levels denied control.not_compliant"; 2]);
    served.end();
}

#[test]
fn a_change_that_misses_a_rule_is_an_audit_event_in_report_mode() {
    let served = served_under_policy(ComplianceMode::Report);
    served.client().change_levels(LevelChange::add("app=OFF")).unwrap();
    served.container.flush(TIMEOUT).unwrap();
    let lines = served.events.lines();
    let missed: Vec<_> = lines.iter().filter(|line| line.contains("compliance rule is not met")).collect();
    assert_eq!(missed.len(), 1, "{lines:?}");
    assert!(missed[0].contains("\"rule\":\"policy/1\"") && missed[0].contains("\"level\":\"AUDIT\""), "{missed:?}");
    served.end();
}
