//! A container is changed while it runs.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use fapilog::{
    Container, Level, debug,
    enrich::Enricher,
    error,
    error::{ChangeError, FlushError, StartError},
    event::{Batch, FieldGroup, ValueRef},
    info,
    metrics::PluginState,
    plugin::PluginError,
    process::Processor,
    sink::{Delivery, Payload, Route, Sink, SinkContext, SinkError, SinkFactory, SinkOptions},
    warn,
};
use law::{TIMEOUT, balanced, memory, messages, of_program, shut_down, started, thread_builder};

/// Adds a field, and records when it is stopped.
struct Marks(&'static str, Arc<Mutex<Vec<&'static str>>>);

impl Enricher for Marks {
    fn name(&self) -> &'static str {
        self.0
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        batch
            .events_mut()
            .iter_mut()
            .for_each(|event| event.add_field(FieldGroup::Context, self.0, ValueRef::Bool(true)));
        Ok(())
    }

    fn stop(&mut self) -> Result<(), PluginError> {
        self.1.lock().unwrap().push(self.0);
        if self.0 == "second" { Err(PluginError::failed("will not")) } else { Ok(()) }
    }
}

/// Takes everything out, and reports the number when it is stopped.
#[derive(Default)]
struct Counts(u64);

impl Processor for Counts {
    fn name(&self) -> &'static str {
        "counts"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        self.0 += batch.len() as u64;
        batch.retain(|_| false);
        Ok(())
    }

    fn finish(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        batch.emit(Level::Warning, "counts", &format!("{} taken out", self.0), &[]);
        Ok(())
    }
}

#[test]
fn a_plugin_that_is_added_sees_what_is_logged_from_then_on() {
    let (container, events) = started();
    let log = container.logger("changes");
    info!(log, "before");
    container.flush(TIMEOUT).unwrap();
    container.add_enricher("mark", |_| Ok(Box::new(Marks("mark", Arc::default())))).unwrap();
    info!(log, "after");
    shut_down(&container);
    let events = law::parsed(&events);
    assert_eq!(
        (&events[0]["context"]["mark"], &events[1]["context"]["mark"]),
        (&serde_json::Value::Null, &true.into())
    );
}

#[test]
fn a_plugin_that_is_removed_is_stopped_and_sees_nothing_more() {
    let (container, events) = started();
    let log = container.logger("changes");
    container.add_processor("counts", |_| Ok(Box::<Counts>::default())).unwrap();
    info!(log, "one");
    info!(log, "two");
    container.flush(TIMEOUT).unwrap();
    container.remove_plugin("counts").unwrap();
    info!(log, "three");
    let accounts = shut_down(&container);
    assert_eq!(messages(&events), ["2 taken out", "three"]);
    assert_eq!(accounts.filtered, [("counts".to_owned(), 2)]);
}

#[test]
fn plugins_are_stopped_at_a_shutdown_too() {
    let (sink, events) = memory();
    let container = thread_builder().processor(|_| Box::<Counts>::default()).sink("memory", sink).start().unwrap();
    info!(container.logger("changes"), "one");
    shut_down(&container);
    assert_eq!(messages(&events), ["1 taken out"]);
}

#[test]
fn a_disabled_plugin_is_left_out_until_it_is_enabled() {
    let (container, events) = started();
    let log = container.logger("changes");
    container.add_enricher("mark", |_| Ok(Box::new(Marks("mark", Arc::default())))).unwrap();
    container.set_plugin_enabled("mark", false).unwrap();
    info!(log, "without");
    container.flush(TIMEOUT).unwrap();
    assert_eq!(state_of(&container, "mark"), PluginState::Disabled);
    container.set_plugin_enabled("mark", true).unwrap();
    info!(log, "with");
    shut_down(&container);
    let events = law::parsed(&events);
    assert_eq!((events[0].get("context"), &events[1]["context"]["mark"]), (None, &true.into()));
}

fn state_of(container: &Container, name: &str) -> PluginState {
    container.metrics().plugins.iter().find(|plugin| plugin.name == name).unwrap().state
}

#[test]
fn plugins_are_stopped_in_reverse_and_one_that_fails_stops_nobody_else() {
    let stopped = Arc::<Mutex<Vec<&'static str>>>::default();
    let (sink, _events) = memory();
    let mut builder = thread_builder();
    for name in ["first", "second", "third"] {
        let stopped = Arc::clone(&stopped);
        builder = builder.enricher(move |_| Box::new(Marks(name, Arc::clone(&stopped))));
    }
    let container = builder.sink("memory", sink).start().unwrap();
    shut_down(&container);
    assert_eq!(*stopped.lock().unwrap(), ["third", "second", "first"]);
    assert!(
        container
            .diagnostics()
            .iter()
            .any(|diagnostic| diagnostic.about == "second" && diagnostic.text.contains("will not"))
    );
}

#[test]
fn a_sink_that_is_added_gets_what_is_logged_from_then_on_and_the_law_holds_there() {
    let (container, first) = started();
    let log = container.logger("changes");
    info!(log, "before");
    container.flush(TIMEOUT).unwrap();
    let (sink, second) = memory();
    container.add_sink("second", sink, SinkOptions::new()).unwrap();
    info!(log, "after");
    let accounts = shut_down(&container);
    assert_eq!(
        (messages(&first), messages(&second)),
        (vec!["before".into(), "after".into()], vec!["after".to_owned()])
    );
    assert_eq!(accounts.sinks[1].filtered, 1);
}

#[test]
fn a_sink_that_is_removed_delivers_what_it_holds_and_leaves_the_accounts() {
    let (first, one) = memory();
    let (second, two) = memory();
    let container = thread_builder().sink("one", first).sink("two", second).start().unwrap();
    let log = container.logger("changes");
    info!(log, "before");
    container.remove_plugin("one").unwrap();
    info!(log, "after");
    let accounts = shut_down(&container);
    assert_eq!(messages(&two), ["before", "after"]);
    // The event may be drained before or after the change is applied; flushed events are drained.
    assert!(messages(&one).len() <= 1);
    assert_eq!(accounts.sinks.iter().map(|sink| sink.name.as_str()).collect::<Vec<_>>(), ["two"]);
}

#[test]
fn a_disabled_sink_takes_nothing_and_counts_it_as_filtered() {
    let (first, one) = memory();
    let (second, two) = memory();
    let container = thread_builder().sink("one", first).sink("two", second).start().unwrap();
    container.set_plugin_enabled("one", false).unwrap();
    info!(container.logger("changes"), "logged");
    let accounts = shut_down(&container);
    assert_eq!((messages(&one).len(), messages(&two).len(), accounts.sinks[0].filtered), (0, 1, 1));
}

#[test]
fn the_last_sink_stays() {
    let (container, _events) = started();
    let error = container.remove_plugin("memory").unwrap_err();
    assert!(matches!(&error, ChangeError::LastSink { name } if name == "memory"), "{error}");
    assert_eq!(error.code(), "configuration.last_sink");
}

#[test]
fn a_name_that_is_wrong_taken_or_unknown_is_refused_and_nothing_changes() {
    let (container, _events) = started();
    let mark = |_| Ok::<Box<dyn Enricher>, _>(Box::new(Marks("mark", Arc::default())));
    assert!(matches!(container.add_enricher("no spaces", mark), Err(ChangeError::BadName { .. })));
    assert!(matches!(container.add_enricher("memory", mark), Err(ChangeError::Taken { .. })));
    let unknown = container.remove_plugin("memroy").unwrap_err();
    assert_eq!(unknown.to_string(), r#"there is no plugin "memroy"; there are ["memory"]"#);
    assert!(container.metrics().plugins.iter().all(|plugin| plugin.name == "memory"));
}

#[test]
fn a_plugin_whose_own_name_cannot_be_one_stops_the_start() {
    let (sink, _events) = memory();
    let builder = thread_builder().enricher(|_| Box::new(Marks("mark", Arc::default())));
    let builder = builder.enricher(|_| Box::new(Marks("no spaces", Arc::default())));
    let error = builder.sink("memory", sink).start().unwrap_err();
    assert!(
        error.to_string().starts_with(r#"cannot start enricher "enricher 1": plugin name is "no spaces""#),
        "{error}"
    );
    let StartError::Plugin { cause, .. } = error else { panic!("{error:?}") };
    let expected = r#"plugin name is "no spaces"; a name is made of letters, digits, _ and -, and has at least one"#;
    assert_eq!((cause.to_string().as_str(), cause.code()), (expected, "configuration.bad_name"));
}

#[test]
fn namesakes_get_numbers_and_each_is_meant_by_its_own() {
    let (sink, events) = memory();
    let mut builder = thread_builder().sink("mark", sink);
    for _ in 0..2 {
        builder = builder.enricher(|_| Box::new(Marks("mark", Arc::default())));
    }
    let container = builder.processor(|_| Box::<Counts>::default()).processor(|_| Box::<Counts>::default()).start();
    let container = container.unwrap();
    let mut names: Vec<_> = container.metrics().plugins.into_iter().map(|plugin| plugin.name).collect();
    names.sort();
    assert_eq!(names, ["counts", "counts-2", "mark", "mark-2", "mark-3"]);
    container.remove_plugin("counts").unwrap();
    assert_eq!(state_of(&container, "counts-2"), PluginState::Active);
    info!(container.logger("changes"), "taken out by the second");
    let accounts = shut_down(&container);
    assert_eq!(accounts.filtered, [("counts".to_owned(), 0), ("counts-2".to_owned(), 1)]);
    assert_eq!(messages(&events), ["0 taken out", "1 taken out"]);
}

#[test]
fn a_plugin_that_one_shard_cannot_make_is_made_by_none() {
    let (sink, events) = memory();
    let container = thread_builder().shards(2).sink("memory", sink).start().unwrap();
    let is_second = AtomicBool::new(false);
    let result = container.add_enricher("mark", move |_| {
        if is_second.swap(true, Ordering::Relaxed) {
            return Err(PluginError::failed("one is enough"));
        }
        Ok(Box::new(Marks("mark", Arc::default())))
    });
    assert!(matches!(result, Err(ChangeError::Plugin { .. })), "{result:?}");
    for _ in 0..4 {
        let log = container.logger("changes");
        std::thread::spawn(move || info!(log, "unmarked")).join().unwrap();
    }
    shut_down(&container);
    assert!(law::parsed(&events).iter().all(|event| event.get("context").is_none()));
}

#[test]
fn a_change_after_the_shutdown_is_an_error() {
    let (container, _events) = started();
    shut_down(&container);
    let result = container.add_enricher("mark", |_| Ok(Box::new(Marks("mark", Arc::default()))));
    assert!(matches!(result, Err(ChangeError::ShutDown)), "{result:?}");
}

#[test]
fn a_manual_drain_takes_a_change_up_with_its_next_turn() {
    let (container, mut drain, events) = law::started_manual(Container::builder());
    container.add_enricher("mark", |_| Ok(Box::new(Marks("mark", Arc::default())))).unwrap();
    info!(container.logger("changes"), "logged");
    law::end(&container, &mut drain);
    assert_eq!(law::only(&events)["context"]["mark"], true);
}

#[test]
fn a_sink_gets_the_levels_targets_and_sources_that_its_route_names() {
    let (errors, of_errors) = memory();
    let (engine, of_engine) = memory();
    let (low, of_low) = memory();
    let container = thread_builder()
        .level(Level::Debug)
        .sink_with("errors", errors, SinkOptions::new().route(Route::default().level_min(Level::Error)))
        .sink_with("engine", engine, SinkOptions::new().route(Route::default().sources(["engine"])))
        .sink_with("low", low, SinkOptions::new().route(Route::default().level_max(Level::Info).targets(["changes"])))
        .start()
        .unwrap();
    let (engine, api) = (container.logger("engine"), container.logger("api"));
    debug!(engine, "tick");
    error!(engine, "broken");
    warn!(api, "slow");
    error!(api, "down");
    let accounts = shut_down(&container);
    assert_eq!(messages(&of_errors), ["broken", "down"]);
    assert_eq!(messages(&of_engine), ["tick", "broken"]);
    assert_eq!(messages(&of_low), ["tick"]);
    assert_eq!(accounts.sinks.iter().map(|sink| sink.filtered).collect::<Vec<_>>(), [2, 2, 3]);
}

#[test]
fn a_redactor_that_fails_lets_nothing_through_and_it_is_counted() {
    struct Broken;
    impl Processor for Broken {
        fn name(&self) -> &'static str {
            "redactor"
        }

        fn process(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
            Err(PluginError::failed("no rules"))
        }
    }
    let (sink, events) = memory();
    let container = thread_builder().redactor(|_| Box::new(Broken)).sink("memory", sink).start().unwrap();
    let log = container.logger("changes");
    (0..10).for_each(|n| {
        info!(log, "secret", n);
        assert!(matches!(container.flush(TIMEOUT), Err(FlushError::Lost { events: 1.., .. })));
    });
    let accounts = balanced(container.shutdown(TIMEOUT).unwrap());
    // The reports of the losses are all that is delivered.
    let reports = accounts.submitted - 10;
    assert_eq!(accounts.lost.of(fapilog::metrics::LossReason::RedactorFailed), 10, "{accounts}");
    assert_eq!(accounts.lost_by_level.of(Level::Info), 10);
    assert!(of_program(&events).is_empty() && (1..=2).contains(&reports), "{accounts}");
    assert_eq!(accounts.delivered_total(), reports);
    assert_eq!(state_of(&container, "redactor"), PluginState::CoolDown);
}

/// Makes sinks that deliver nothing before they are released.
#[derive(Clone, Default)]
struct Held {
    is_released: Arc<AtomicBool>,
    panics_at_drop: bool,
}

struct HeldSink(Held);

impl SinkFactory for Held {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(HeldSink(self.clone())))
    }
}

impl Sink for HeldSink {
    fn writer(&self) -> String {
        "held".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(1024))
    }

    fn encode(&mut self, _: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        payload.buffer().push(b'.');
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        let is_released = Arc::clone(&self.0.is_released);
        Delivery::in_flight(std::future::poll_fn(move |_| {
            if is_released.load(Ordering::Relaxed) { std::task::Poll::Ready(Ok(())) } else { std::task::Poll::Pending }
        }))
    }
}

impl Drop for HeldSink {
    fn drop(&mut self) {
        assert!(!self.0.panics_at_drop, "on purpose");
    }
}

#[test]
fn a_sink_whose_drop_panics_is_removed_and_the_others_go_on() {
    let (sink, events) = memory();
    let container = thread_builder().sink("memory", sink).start().unwrap();
    let bad = Held { is_released: Arc::new(true.into()), panics_at_drop: true };
    container.add_sink("bad", bad, SinkOptions::new()).unwrap();
    container.remove_plugin("bad").unwrap();
    info!(container.logger("changes"), "after");
    shut_down(&container);
    assert_eq!(messages(&events), ["after"]);
}

#[test]
fn the_law_holds_at_a_sink_on_its_way_out() {
    let held = Held::default();
    let (container, mut drain, _events) = law::started_manual(Container::builder().sink("held", held.clone()));
    let log = container.logger("changes");
    info!(log, "before");
    drain.run_until_idle();
    container.remove_plugin("held").unwrap();
    drain.run_until_idle();
    info!(log, "after");
    container.request_flush();
    drain.run_until_idle();
    container.accounts().check().unwrap();
    held.is_released.store(true, Ordering::Relaxed);
    law::end(&container, &mut drain);
}

#[test]
fn a_shutdown_waits_for_a_sink_on_its_way_out() {
    let held = Held::default();
    let (container, mut drain, _events) = law::started_manual(Container::builder().sink("held", held.clone()));
    info!(container.logger("changes"), "before");
    drain.run_until_idle();
    container.remove_plugin("held").unwrap();
    drain.run_until_idle();
    container.request_shutdown(std::time::Instant::now() + TIMEOUT);
    for _ in 0..100 {
        drain.turn();
    }
    assert!(!drain.has_ended());
    held.is_released.store(true, Ordering::Relaxed);
    law::end(&container, &mut drain);
}

#[test]
fn the_law_holds_where_a_shutdown_gives_up_a_sink_on_its_way_out() {
    let (container, mut drain, _events) = law::started_manual(Container::builder().sink("held", Held::default()));
    let log = container.logger("changes");
    info!(log, "before");
    drain.run_until_idle();
    container.remove_plugin("held").unwrap();
    drain.run_until_idle();
    info!(log, "after");
    drain.run_until_idle();
    container.request_flush();
    drain.run_until_idle();
    container.request_shutdown(std::time::Instant::now());
    drain.turn();
    assert!(drain.has_ended());
    balanced(container.accounts());
}

#[test]
fn a_sink_that_does_not_stop_in_time_is_dropped() {
    let (sink, _events) = memory();
    let container = thread_builder().sink("memory", sink).sink("held", Held::default()).start().unwrap();
    info!(container.logger("changes"), "logged");
    law::until("the sink holds it", || container.accounts().sinks[1].offered == 1);
    let result = container.remove_plugin("held");
    assert!(matches!(result, Err(ChangeError::Deadline)), "{result:?}");
    assert_eq!(container.accounts().sinks.len(), 1);
    shut_down(&container);
}

#[test]
fn of_two_sinks_of_one_name_that_wait_for_the_drain_one_is_added() {
    let (container, mut drain, _events) = law::started_manual(Container::builder());
    let (first, second) = (memory(), memory());
    container.add_sink("twin", first.0, SinkOptions::new()).unwrap();
    container.add_sink("twin", second.0, SinkOptions::new()).unwrap();
    info!(container.logger("changes"), "logged");
    law::end(&container, &mut drain);
    assert_eq!((messages(&first.1), messages(&second.1)), (vec!["logged".to_owned()], vec![]));
}

#[test]
fn of_two_sinks_whose_removal_waits_for_the_drain_the_last_stays() {
    let (sink, _events) = memory();
    let (container, mut drain, events) = law::started_manual(Container::builder().sink("other", sink));
    container.remove_plugin("other").unwrap();
    container.remove_plugin("memory").unwrap();
    info!(container.logger("changes"), "logged");
    law::end(&container, &mut drain);
    assert_eq!(messages(&events), ["logged"]);
}

#[test]
fn a_disabled_plugin_is_stopped_all_the_same() {
    let (container, events) = started();
    let log = container.logger("changes");
    container.add_processor("counts", |_| Ok(Box::<Counts>::default())).unwrap();
    info!(log, "one");
    container.flush(TIMEOUT).unwrap();
    container.set_plugin_enabled("counts", false).unwrap();
    shut_down(&container);
    assert_eq!(messages(&events), ["1 taken out"]);
}

#[test]
fn of_two_sinks_of_one_name_that_are_added_at_once_one_is_added_in_every_shard() {
    let (sink, _events) = memory();
    let container = thread_builder().shards(4).sink("memory", sink).start().unwrap();
    for _ in 0..200 {
        let add = || container.add_sink("twin", memory().0, SinkOptions::new()).is_ok();
        let added = std::thread::scope(|scope| {
            let other = scope.spawn(add);
            usize::from(add()) + usize::from(other.join().unwrap())
        });
        assert_eq!(added, 1);
        container.remove_plugin("twin").unwrap();
    }
    shut_down(&container);
}
