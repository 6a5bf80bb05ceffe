//! Loggers with fields of their own, calls that grade themselves, and levels by target.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use fapilog::{
    Container, Level, Scope, debug, error,
    event::{Category, DynamicEvent, FieldGroup, ValueRef},
    info,
    level::Directives,
    warn,
};
use law::{TIMEOUT, end, messages, only, parsed, shut_down, started, started_manual, thread_builder};
use serde_json::json;

#[test]
fn a_childs_events_have_its_fields_and_those_of_its_parents() {
    let (container, events) = started();
    let log = container.logger("loggers");
    let request = log.with([("user", "ada".into()), ("attempt", 1_u64.into())]);
    let step = request.with([("step", "parse".into())]);
    info!(log, "parent");
    info!(request, "child");
    info!(step, "grandchild", n = 1);
    shut_down(&container);
    let events = parsed(&events);
    assert_eq!(events[0].get("context"), None);
    assert_eq!(events[1]["context"], json!({"user": "ada", "attempt": 1}));
    assert_eq!(events[2]["context"], json!({"n": 1, "user": "ada", "attempt": 1, "step": "parse"}));
    assert!(events.iter().all(|event| event["source"] == "loggers"));
}

#[test]
fn a_calls_own_field_counts_before_the_loggers_and_that_before_the_scopes() {
    let (container, events) = started();
    let log = container.logger("loggers").with([("key", "logger".into())]);
    let _entered = Scope::new().field(FieldGroup::Context, "key", ValueRef::Text("scope")).enter();
    info!(log, "logger's");
    info!(log, "call's", key = "call");
    shut_down(&container);
    let events = parsed(&events);
    assert_eq!((&events[0]["context"]["key"], &events[1]["context"]["key"]), (&json!("logger"), &json!("call")));
}

#[test]
fn a_childs_fields_do_not_stay_on_the_thread() {
    let (container, events) = started();
    let log = container.logger("loggers");
    info!(log.with([("key", true.into())]), "child");
    info!(log, "parent");
    shut_down(&container);
    assert_eq!(parsed(&events)[1].get("context"), None);
}

#[test]
fn a_child_may_have_tags_and_a_correlation_id() {
    let (container, events) = started();
    let scope = Scope::new().correlation_id("7f3a").field(FieldGroup::Tags, "region", "eu".into());
    info!(container.logger("loggers").with_scope(&scope), "tagged");
    shut_down(&container);
    let event = only(&events);
    assert_eq!((&event["tags"]["region"], &event["correlation_id"]), (&json!("eu"), &json!("7f3a")));
}

#[test]
fn fields_beyond_65_535_bytes_are_cut_and_named_in_the_event() {
    let (container, events) = started();
    let long = "x".repeat(60_000);
    let log =
        container.logger("loggers").with([("first", long.as_str().into())]).with([("second", long.as_str().into())]);
    info!(log, "logged");
    shut_down(&container);
    let event = only(&events);
    let (first, second) = (&event["context"]["first"], &event["context"]["second"]);
    let bytes = [first, second].map(|text| text.as_str().unwrap().len());
    assert!(bytes.iter().all(|bytes| *bytes > 32_000) && bytes.iter().sum::<usize>() > 65_000, "{bytes:?}");
    assert_eq!(event["truncated_fields"], json!(["context.first", "context.second"]));
}

#[test]
fn a_call_names_its_own_category_and_severity() {
    let (container, events) = started();
    let log = container.logger("loggers");
    let category = Category::Business;
    info!(log, "order filled", category: category, severity: 6, order_id = 42);
    let beyond = 200;
    info!(log, "beyond", severity: beyond);
    info!(log, "by its level");
    shut_down(&container);
    let events = parsed(&events);
    assert_eq!((&events[0]["category"], &events[0]["severity"]), (&json!("BUSINESS"), &json!(6)));
    assert_eq!(events[0]["context"], json!({"order_id": 42}));
    assert_eq!(events[1]["severity"], 10);
    assert_eq!((&events[2]["category"], &events[2]["severity"]), (&json!("SYSTEM"), &json!(3)));
}

#[test]
fn a_dynamic_event_names_its_own_severity() {
    let (container, events) = started();
    let event = DynamicEvent::new(Level::Info, "adapter", "row").severity(9).category(Category::Performance);
    container.logger("loggers").log_dynamic(&event);
    shut_down(&container);
    let event = only(&events);
    assert_eq!((&event["severity"], &event["category"]), (&json!(9), &json!("PERFORMANCE")));
}

mod noisy {
    pub(super) fn emit(log: &fapilog::Logger) {
        fapilog::debug!(log, "noisy debug");
        fapilog::info!(log, "noisy info");
        fapilog::error!(log, "noisy error");
    }

    pub(super) mod inner {
        pub(in super::super) fn emit(log: &fapilog::Logger) {
            fapilog::debug!(log, "inner debug");
        }
    }
}

fn directives(text: &str) -> Directives {
    text.parse().unwrap()
}

#[test]
fn levels_go_by_target_and_the_longest_target_counts() {
    let rules = directives("info,loggers::noisy=error,loggers::noisy::inner=debug");
    let (container, mut drain, events) = started_manual(Container::builder().level(rules));
    let log = container.logger("loggers");
    debug!(log, "debug");
    info!(log, "info");
    noisy::emit(&log);
    noisy::inner::emit(&log);
    end(&container, &mut drain);
    assert_eq!(messages(&events), ["info", "noisy error", "inner debug"]);
}

#[test]
fn a_change_of_directives_reaches_call_sites_that_have_been_called() {
    let (container, events) = started();
    let log = container.logger("loggers");
    for rules in ["info", "info,loggers::noisy=off", "warn,loggers::noisy=debug", "error"] {
        container.set_level(directives(rules));
        info!(log, rules);
        noisy::emit(&log);
    }
    shut_down(&container);
    let expected = [
        "info",
        "noisy info",
        "noisy error",
        "info,loggers::noisy=off",
        "noisy debug",
        "noisy info",
        "noisy error",
        "noisy error",
    ];
    assert_eq!(messages(&events), expected);
}

#[test]
fn two_containers_have_directives_of_their_own_at_one_call_site() {
    let (first, of_first) = started();
    let (second, of_second) = started();
    first.set_level(directives("off,loggers::noisy=info"));
    second.set_level(directives("off,loggers::noisy=error"));
    for _ in 0..3 {
        noisy::emit(&first.logger("loggers"));
        noisy::emit(&second.logger("loggers"));
    }
    shut_down(&first);
    shut_down(&second);
    assert_eq!((messages(&of_first).len(), messages(&of_second).len()), (6, 3));
}

#[test]
fn whether_a_target_logs_can_be_asked() {
    let (container, _events) = started();
    container.set_level(directives("warn,app::net=debug"));
    let log = container.logger("loggers");
    assert!(log.is_enabled(Level::Debug) && !log.is_enabled(Level::Trace));
    assert!(log.is_enabled_for(Level::Debug, "app::net::tcp"));
    assert!(!log.is_enabled_for(Level::Debug, "app::db"));
    assert_eq!(container.directives().to_string(), "WARNING,app::net=DEBUG");
}

#[test]
fn directives_hold_for_events_whose_target_is_known_at_run_time_only() {
    let (container, events) = started();
    container.set_level(directives("off,adapter=info"));
    let log = container.logger("loggers");
    log.log_dynamic(&DynamicEvent::new(Level::Info, "adapter::sql", "kept"));
    log.log_dynamic(&DynamicEvent::new(Level::Info, "other", "left out"));
    shut_down(&container);
    assert_eq!(messages(&events), ["kept"]);
}

#[test]
fn a_call_on_a_closed_container_is_counted_by_the_directives_it_had() {
    let (container, _events) = started();
    container.set_level(directives("off,loggers::noisy=error"));
    shut_down(&container);
    let log = container.logger("loggers");
    noisy::emit(&log);
    error!(log, "of this target");
    assert_eq!(container.accounts().submitted, 1);
}

#[test]
fn a_scope_can_move_to_a_thread_and_a_task() {
    let (container, events) = started();
    let log = container.logger("loggers");
    {
        let _outer = Scope::new().correlation_id("7f3a").enter();
        let _inner = Scope::new().field(FieldGroup::Tags, "region", "eu".into()).enter();
        let on_thread = log.clone();
        std::thread::spawn(Scope::current().wrap(move || info!(on_thread, "thread"))).join().unwrap();
        let on_task = log.clone();
        let task = fapilog::scope::InScope::in_current_scope(async move { info!(on_task, "task") });
        std::thread::spawn(move || pollster::block_on(task)).join().unwrap();
    }
    warn!(log, "outside");
    shut_down(&container);
    let events = parsed(&events);
    for event in &events[..2] {
        assert_eq!((&event["correlation_id"], &event["tags"]["region"]), (&json!("7f3a"), &json!("eu")));
    }
    assert_eq!(events[2].get("correlation_id"), None);
}

#[test]
fn a_task_is_named_wherever_it_is_polled() {
    let (container, events) = started();
    let log = container.logger("loggers");
    let task = fapilog::scope::InScope::in_scope(async move { info!(log, "settled") }, Scope::new().task("settlement"));
    std::thread::spawn(move || pollster::block_on(task)).join().unwrap();
    shut_down(&container);
    assert_eq!(only(&events)["context"], json!({"task": "settlement"}));
}

#[test]
fn a_future_in_a_scope_binds_only_while_it_is_polled() {
    use fapilog::scope::InScope;
    let (container, events) = started();
    let log = container.logger("loggers");
    let inside = log.clone();
    let mut task = Box::pin(
        async move {
            info!(inside, "first");
            let mut is_second = false;
            std::future::poll_fn(|_| {
                if std::mem::replace(&mut is_second, true) {
                    std::task::Poll::Ready(())
                } else {
                    std::task::Poll::Pending
                }
            })
            .await;
            info!(inside, "second");
        }
        .in_scope(Scope::new().correlation_id("7f3a")),
    );
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(task.as_mut().poll(&mut context).is_pending());
    info!(log, "between");
    std::thread::scope(|threads| {
        threads.spawn(|| {
            assert!(task.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready())
        });
    });
    container.flush(TIMEOUT).unwrap();
    shut_down(&container);
    let mut ids: Vec<_> = parsed(&events)
        .iter()
        .map(|event| (event["message"].as_str().unwrap().to_owned(), event.get("correlation_id").is_some()))
        .collect();
    ids.sort();
    assert_eq!(ids, [("between".to_owned(), false), ("first".to_owned(), true), ("second".to_owned(), true)]);
}

#[test]
fn a_correlation_id_is_taken_or_made() {
    assert_eq!(Scope::new().correlation_id_or_new(Some("given")).correlation(), Some("given"));
    let made = Scope::new().correlation_id_or_new(None);
    let id = uuid::Uuid::parse_str(made.correlation().unwrap()).unwrap();
    assert_eq!(id.get_version_num(), 7);
    assert_ne!(Scope::new().correlation_id_or_new(None).correlation(), made.correlation());
}

use std::future::Future as _;

#[test]
fn a_container_on_threads_goes_by_target_too() {
    let (sink, events) = law::memory();
    let container = thread_builder().level(directives("loggers::noisy=off")).sink("memory", sink).start().unwrap();
    let log = container.logger("loggers");
    noisy::emit(&log);
    info!(log, "logged");
    shut_down(&container);
    assert_eq!(messages(&events), ["logged"]);
}

#[test]
fn a_calls_own_correlation_id_counts_before_the_scopes_whatever_plugins_rewrite() {
    use fapilog::{plugin::PluginError, process::Processor};

    struct Rewrites(bool);

    impl Processor for Rewrites {
        fn name(&self) -> &'static str {
            "rewrites"
        }

        fn process(&mut self, batch: &mut fapilog::event::Batch<'_>) -> Result<(), PluginError> {
            if self.0 {
                batch.events_mut().iter_mut().for_each(|event| event.rewrite_fields(Some));
            }
            Ok(())
        }
    }

    for rewrites in [false, true] {
        let builder = Container::builder().processor(move |_| Box::new(Rewrites(rewrites)));
        let (container, mut drain, events) = started_manual(builder);
        let _entered = Scope::new().correlation_id("scope").enter();
        let event = DynamicEvent::new(Level::Info, "t", "logged");
        container.logger("loggers").log_dynamic(&event.field(FieldGroup::CorrelationId, "", "own".into()));
        end(&container, &mut drain);
        assert_eq!(only(&events)["correlation_id"], "own", "{rewrites}");
    }
}

#[test]
fn event_ids_of_two_containers_have_no_instance_in_common() {
    let instances = [(); 2].map(|()| {
        let (container, mut drain, events) = started_manual(Container::builder());
        info!(container.logger("ids"), "one");
        info!(container.logger("ids"), "two");
        end(&container, &mut drain);
        let prefix = format!("{}-", container.instance());
        let ids: Vec<_> = parsed(&events).iter().map(|event| event["event_id"].as_str().unwrap().to_owned()).collect();
        assert!(ids.len() == 2 && ids.iter().all(|id| id.starts_with(&prefix)), "{ids:?} of {prefix}");
        container.instance()
    });
    assert_ne!(instances[0], instances[1]);
}

#[test]
fn a_logger_beyond_the_most_names_is_reported_once() {
    let (container, events) = started();
    // The drain's own name and `others` are two.
    (0..65_534).for_each(|number| drop(container.logger(&number.to_string())));
    let beyond = [container.logger("beyond"), container.logger("far beyond")];
    let reports = || container.diagnostics().into_iter().filter(|one| one.about == "loggers").count();
    law::until("the drain has looked", || {
        beyond.iter().for_each(|log| info!(log, "from a logger beyond the limit"));
        reports() > 0
    });
    shut_down(&container);
    assert_eq!(reports(), 1);
    assert!(parsed(&events).iter().all(|event| event["source"] == "others"));
}

#[test]
fn a_correlation_id_from_outside_is_cut_and_flagged() {
    let long = "x".repeat(129);
    let given = ["7f3a-0001", &long, "two\nlines", "\u{200b}", ""];
    let expected = [("7f3a-0001", None), (&long[..128], Some("too_long")), ("two\nlines", Some("characters"))];
    let expected = expected.into_iter().chain([("\u{200b}", Some("characters")), ("", Some("empty"))]);
    for (id, (kept, flaw)) in given.into_iter().zip(expected) {
        let (container, mut drain, events) = started_manual(Container::builder());
        let _scope = Scope::new().correlation_id(id).enter();
        info!(container.logger("ids"), "correlated");
        end(&container, &mut drain);
        let event = parsed(&events).remove(0);
        let flag = event.get("tags").and_then(|tags| tags["invalid_correlation_id"].as_str());
        assert_eq!((event["correlation_id"].as_str(), flag), (Some(kept), flaw), "{id:?}");
    }
}
