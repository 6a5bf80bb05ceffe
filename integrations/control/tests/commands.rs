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
    Container, Level, event::Batch, format, info, level::Directives, plugin::PluginError, process::Processor, sink,
};
use fapilog_control::{
    ControlError, ControlSocket,
    client::{Client, ClientError},
    protocol::LevelChange,
};
use served::{Served, TIMEOUT, wait_until};

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
