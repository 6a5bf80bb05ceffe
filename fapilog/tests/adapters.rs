//! Calls of adapters: sites that are described at run time, fields that are collected, and watches of levels.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use fapilog::{
    Container, Level, Logger, Scope,
    adapter::{AdapterSite, Fields, LevelWatch, bind_adapter_scope, on_level_change},
    event::{DynamicEvent, FieldGroup, ValueRef},
    info,
    level::{Directives, LevelFilter},
};
use law::{only, parsed, shut_down, started};
use serde_json::json;

fn site() -> &'static AdapterSite {
    AdapterSite::leak(Level::Warning, "adapter::sql", "src/sql.rs", 12)
}

fn message(text: &str) -> Fields {
    let mut fields = Fields::new();
    fields.put(FieldGroup::Message, "", ValueRef::Text(text));
    fields
}

fn named(text: &str, names: &[&str]) -> Fields {
    let mut fields = message(text);
    names.iter().for_each(|name| fields.put(FieldGroup::Context, name, ValueRef::U64(1)));
    fields
}

#[test]
fn an_event_has_the_place_of_its_site_and_typed_fields() {
    let (container, events) = started();
    let mut fields = message("rows came in");
    fields.put(FieldGroup::Context, "rows", ValueRef::U64(3));
    fields.put(FieldGroup::Tags, "table", ValueRef::Text("orders"));
    fields.put(FieldGroup::Metrics, "latency_ms", ValueRef::F64(0.5));
    fields.put_debug(FieldGroup::Context, "debug", &Some("x"));
    container.logger("adapters").log_fields(site(), &fields);
    shut_down(&container);
    let event = only(&events);
    assert_eq!(
        (&event["message"], &event["level"], &event["target"], &event["source"]),
        (&json!("rows came in"), &json!("WARNING"), &json!("adapter::sql"), &json!("adapters"))
    );
    assert_eq!(event["context"], json!({"rows": 3, "debug": "Some(\"x\")"}));
    assert_eq!((&event["tags"], &event["metrics"]), (&json!({"table": "orders"}), &json!({"latency_ms": 0.5})));
}

#[test]
fn events_of_one_site_may_have_other_fields_each_time() {
    let (container, events) = started();
    let (log, site) = (container.logger("adapters"), site());
    for names in [&["a"][..], &["a", "b"], &[], &["b"], &["a"]] {
        log.log_fields(site, &named("varies", names));
    }
    shut_down(&container);
    let contexts: Vec<_> = parsed(&events).into_iter().map(|event| event.get("context").cloned()).collect();
    let expected =
        [Some(json!({"a": 1})), Some(json!({"a": 1, "b": 1})), None, Some(json!({"b": 1})), Some(json!({"a": 1}))];
    assert_eq!(contexts, expected);
}

#[test]
fn an_event_beyond_the_lists_that_a_site_remembers_is_logged_whole() {
    let (container, events) = started();
    let (log, site) = (container.logger("adapters"), site());
    for n in 0..70 {
        log.log_fields(site, &named(&format!("event {n}"), &[&format!("field_{n}")]));
    }
    shut_down(&container);
    for (n, event) in parsed(&events).into_iter().enumerate() {
        let key = format!("field_{n}");
        assert_eq!((&event["message"], &event["target"]), (&json!(format!("event {n}")), &json!("adapter::sql")));
        assert_eq!((&event["context"], &event["level"]), (&json!({key: 1}), &json!("WARNING")));
    }
}

#[test]
fn an_event_is_within_the_threads_scope_and_its_own_fields_win() {
    let (container, events) = started();
    let log = container.logger("adapters").with([("key", "logger".into()), ("child", true.into())]);
    let _entered = Scope::new().correlation_id("7f3a").field(FieldGroup::Context, "key", "scope".into()).enter();
    let mut fields = message("m");
    fields.put(FieldGroup::Context, "key", "own".into());
    log.log_fields(site(), &fields);
    shut_down(&container);
    let event = only(&events);
    assert_eq!((&event["context"], &event["correlation_id"]), (&json!({"key": "own", "child": true}), &json!("7f3a")));
}

#[test]
fn an_event_may_have_a_scope_of_its_own_in_place_of_the_threads() {
    let (container, events) = started();
    let log = container.logger("adapters");
    let _entered = Scope::new().correlation_id("thread").field(FieldGroup::Context, "outer", true.into()).enter();
    let scope = Scope::new().fields(&named("", &["inner"])).correlation_id("own");
    log.log_fields_in(site(), &message("of its own scope"), &scope);
    log.log_fields_in(site(), &message("of no scope"), &Scope::new());
    log.log_fields(site(), &message("of the thread's scope"));
    shut_down(&container);
    let events = parsed(&events);
    assert_eq!((&events[0]["context"], &events[0]["correlation_id"]), (&json!({"inner": 1}), &json!("own")));
    assert_eq!((events[1].get("context"), &events[1]["message"]), (None, &json!("of no scope")));
    assert_eq!((&events[2]["context"], &events[2]["correlation_id"]), (&json!({"outer": true}), &json!("thread")));
}

#[test]
fn a_scope_around_another_has_the_bindings_of_both_and_the_inner_one_counts() {
    let (container, events) = started();
    let of = |name: &str, value: u64| Scope::new().field(FieldGroup::Context, name, value.into());
    let scope = of("key", 1).around(&of("key", 2)).around(&of("other", 3));
    container.logger("adapters").log_fields_in(site(), &message("m"), &scope);
    shut_down(&container);
    assert_eq!(only(&events)["context"], json!({"key": 2, "other": 3}));
}

#[test]
fn fields_without_a_site_are_a_dynamic_event() {
    let (container, events) = started();
    let event = DynamicEvent::of_fields(Level::Error, "adapter::unplaced", &named("m", &["key"]));
    container.logger("adapters").log_dynamic(&event);
    shut_down(&container);
    let event = only(&events);
    assert_eq!(
        (&event["message"], &event["level"], &event["target"], &event["context"]),
        (&json!("m"), &json!("ERROR"), &json!("adapter::unplaced"), &json!({"key": 1}))
    );
}

#[test]
fn the_scope_of_an_adapter_is_replaced_and_scopes_around_it_and_inside_it_stay() {
    let (container, events) = started();
    let log = container.logger("adapters");
    let of = |name: &str| Scope::new().field(FieldGroup::Context, name, true.into());
    let outer = of("outer").enter();
    assert!(bind_adapter_scope(Some(&of("first"))));
    let inner = of("inner").enter();
    assert!(bind_adapter_scope(Some(&of("second").correlation_id("7f3a"))));
    fapilog::info!(log, "in all");
    drop(inner);
    log.log_fields(site(), &message("inner is left"));
    drop(outer);
    fapilog::info!(log, "outer is left");
    assert!(bind_adapter_scope(None));
    fapilog::info!(log, "none");
    shut_down(&container);
    let contexts: Vec<_> = parsed(&events).into_iter().map(|event| event.get("context").cloned()).collect();
    let expected = [
        Some(json!({"outer": true, "second": true, "inner": true})),
        Some(json!({"outer": true, "second": true})),
        Some(json!({"second": true})),
        None,
    ];
    assert_eq!(contexts, expected);
    assert_eq!(parsed(&events)[0]["correlation_id"], json!("7f3a"));
}

#[test]
fn a_value_that_is_written_piece_by_piece_is_a_map_or_a_sequence() {
    let (container, events) = started();
    let mut fields = message("pieces");
    fields.put_with(FieldGroup::Context, "order", |value| {
        value.map(|entries| {
            entries.entry_with("id", |value| value.value(ValueRef::U64(42)));
            entries.entry_with("legs", |value| {
                value.sequence(|elements| {
                    elements.element_with(|value| value.display(&format_args!("{}-{}", "a", 1)));
                    elements.element_with(|value| value.error(&std::io::Error::other("closed")));
                });
            });
        });
    });
    fields.put_with(FieldGroup::Context, "nothing", |_| {});
    container.logger("adapters").log_fields(site(), &fields);
    shut_down(&container);
    assert_eq!(only(&events)["context"], json!({"order": {"id": 42, "legs": ["a-1", "closed"]}, "nothing": null}));
}

#[test]
fn a_site_is_enabled_by_the_level_of_its_target() {
    let _alone = LEVEL_CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let (container, _events) = started();
    let (log, site) = (container.logger("adapters"), site());
    let is_enabled = |directives: &str| {
        container.set_level(directives.parse::<Directives>().unwrap());
        log.is_enabled_at_site(site)
    };
    assert!(is_enabled("info"));
    assert!(!is_enabled("error"));
    assert!(is_enabled("error,adapter=debug"));
    assert!(!is_enabled("debug,adapter::sql=error"));
    shut_down(&container);
}

#[test]
fn an_event_that_all_levels_enable_is_enabled_while_they_change() {
    let _alone = LEVEL_CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let (container, _events) = started();
    let (log, site, is_done) = (container.logger("adapters"), site(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let levels = ["trace", "error,adapter=debug", "warn,adapter::sql=info"];
            let levels = levels.map(|level| level.parse::<Directives>().unwrap());
            for level in levels.iter().cycle().take_while(|_| !is_done.load(Ordering::SeqCst)) {
                container.set_level(level.clone());
            }
        });
        let disabled = (0..300_000).filter(|_| !log.is_enabled_at_site(site)).count();
        is_done.store(true, Ordering::SeqCst);
        assert_eq!(disabled, 0);
    });
    shut_down(&container);
}

#[test]
fn a_long_field_is_cut_and_the_others_are_whole() {
    let (container, events) = started();
    let mut fields = message("long");
    fields.put(FieldGroup::Context, "long", ValueRef::Text(&"x".repeat(2 << 20)));
    fields.put(FieldGroup::Context, "short", ValueRef::U64(7));
    container.logger("adapters").log_fields(site(), &fields);
    shut_down(&container);
    let event = only(&events);
    assert_eq!((&event["message"], &event["context"]["short"]), (&json!("long"), &json!(7)));
    assert_eq!(container.accounts().cut, 1);
}

#[test]
fn an_event_beyond_the_lists_that_a_site_remembers_names_the_fields_that_are_cut() {
    let (sink, events) = law::memory();
    let builder = Container::builder().ring_capacity_bytes(1 << 20).record_max_bytes(200 << 10);
    let container = builder.sink("memory", sink).start().unwrap();
    let (log, site) = (container.logger("adapters"), site());
    (0..64).for_each(|n| log.log_fields(site, &named("short", &[&format!("field_{n}")])));
    let mut fields = named("long", &["another_field"]);
    fields.put_display(FieldGroup::Context, "long", &"x".repeat(70_000));
    log.log_fields(site, &fields);
    assert_eq!(shut_down(&container).cut, 1);
    let event = parsed(&events).pop().unwrap();
    assert_eq!((&event["truncated"], &event["truncated_fields"]), (&json!(true), &json!(["context.long"])));
}

#[test]
fn an_event_whose_numbers_alone_do_not_fit_a_record_is_cut_and_has_its_message() {
    let (sink, events) = law::memory();
    let container = Container::builder().record_max_bytes(1 << 10).sink("memory", sink).start().unwrap();
    let mut fields = message("many numbers");
    (0..200).for_each(|n| fields.put(FieldGroup::Metrics, &format!("number_{n}"), ValueRef::U64(n)));
    container.logger("adapters").log_fields(site(), &fields);
    let accounts = shut_down(&container);
    assert_eq!((accounts.lost_total(), accounts.cut), (0, 1));
    let event = only(&events);
    assert_eq!((&event["message"], &event["target"]), (&json!("many numbers"), &json!("adapter::sql")));
}

/// An event of so many numbers, a message, and so many empty texts.
fn numbers_and_texts(numbers: u64, texts: u64) -> Fields {
    let mut fields = Fields::new();
    (0..numbers).for_each(|n| fields.put(FieldGroup::Metrics, &format!("number_{n}"), ValueRef::U64(n)));
    fields.put(FieldGroup::Message, "", ValueRef::Text("many numbers"));
    (0..texts).for_each(|n| fields.put(FieldGroup::Tags, &format!("text_{n}"), ValueRef::Text("")));
    fields
}

fn started_with_short_records() -> (Container, fapilog::sink::MemoryEvents) {
    let (sink, events) = law::memory();
    (Container::builder().record_max_bytes(1 << 10).sink("memory", sink).start().unwrap(), events)
}

#[test]
fn an_event_of_many_numbers_that_fits_a_record_is_whole() {
    let (container, events) = started_with_short_records();
    container.logger("adapters").log_fields(site(), &numbers_and_texts(80, 0));
    assert_eq!(shut_down(&container).cut, 0);
    let event = only(&events);
    assert_eq!((&event["message"], &event["metrics"]["number_79"]), (&json!("many numbers"), &json!(79)));
}

#[test]
fn a_message_behind_more_numbers_than_fit_a_record_stays() {
    let (container, events) = started_with_short_records();
    container.logger("adapters").log_fields(site(), &numbers_and_texts(140, 0));
    assert_eq!(shut_down(&container).cut, 1);
    assert_eq!(only(&events)["message"], json!("many numbers"));
}

#[test]
fn numbers_beside_a_long_scope_are_never_lost() {
    let (container, _events) = started_with_short_records();
    let log = container.logger("adapters");
    let _scope = Scope::new().field(FieldGroup::Context, "long", ValueRef::Text(&"x".repeat(600))).enter();
    for numbers in 40..130 {
        [0, 1, 9].into_iter().for_each(|texts| log.log_fields(site(), &numbers_and_texts(numbers, texts)));
    }
    let accounts = shut_down(&container);
    assert_eq!((accounts.lost_total(), accounts.delivered_total()), (0, 90 * 3));
}

#[test]
fn a_dynamic_event_with_a_name_that_is_too_long_is_cut_and_not_lost_in_a_record_with_room() {
    let (sink, events) = law::memory();
    let builder = Container::builder().ring_capacity_bytes(1 << 20).record_max_bytes(200 << 10);
    let container = builder.sink("memory", sink).start().unwrap();
    let event = DynamicEvent::new(Level::Info, "target", "long name");
    let event = event.field(FieldGroup::Context, &"k".repeat(70_000), ValueRef::U64(1));
    container.logger("adapters").log_dynamic(&event);
    let accounts = shut_down(&container);
    assert_eq!((accounts.lost_total(), accounts.cut), (0, 1));
    assert_eq!(only(&events)["truncated"], json!(true));
}

#[test]
fn of_two_changes_of_levels_at_once_a_callback_sees_the_later_one_last() {
    let _alone = LEVEL_CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let (container, _events) = started();
    let container = Arc::new(container);
    let (log, seen) = (container.logger("adapters"), Arc::new(Mutex::new(None)));
    let (changing, is_first) = (Arc::clone(&container), AtomicUsize::new(0));
    let last = Arc::clone(&seen);
    let _watch = on_level_change(move || {
        let level = log.least_level();
        if is_first.fetch_add(1, Ordering::SeqCst) == 0 {
            // Another thread changes the level in the midst of this call, and all its callbacks run.
            std::thread::scope(|scope| {
                scope.spawn(|| changing.set_level(Level::Error));
            });
        }
        *last.lock().unwrap() = Some(level);
    });
    container.set_level(Level::Debug);
    assert_eq!(*seen.lock().unwrap(), Some(LevelFilter::AtLeast(Level::Error)));
    shut_down(&container);
}

#[test]
fn an_event_on_a_closed_container_is_counted_as_lost() {
    let _alone = LEVEL_CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let (container, _events) = started();
    let (log, site) = (container.logger("adapters"), site());
    shut_down(&container);
    assert!(!log.is_enabled_at_site(site));
    assert_eq!((container.accounts().submitted, container.accounts().lost.total()), (1, 1));
}

/// Held by each test that changes levels: a change by another test calls the callbacks of this one, too.
static LEVEL_CHANGES: Mutex<()> = Mutex::new(());

/// Counts the calls of this thread's changes.
fn watched(on_call: impl Fn() + Send + Sync + 'static) -> (Arc<AtomicUsize>, LevelWatch) {
    let calls = Arc::new(AtomicUsize::new(0));
    let (counter, thread) = (Arc::clone(&calls), std::thread::current().id());
    let watch = on_level_change(move || {
        if std::thread::current().id() == thread {
            counter.fetch_add(1, Ordering::SeqCst);
            on_call();
        }
    });
    (calls, watch)
}

#[test]
fn a_change_of_levels_calls_and_the_logger_has_the_new_one_by_then() {
    let _alone = LEVEL_CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let (container, _events) = started();
    let (log, seen) = (container.logger("adapters"), Arc::new(Mutex::new(Vec::new())));
    let levels = Arc::clone(&seen);
    let (_, _watch) = watched(move || levels.lock().unwrap().push(log.least_level()));
    container.set_level(Level::Error);
    container.set_level("warn,db=debug".parse::<Directives>().unwrap());
    container.set_level(LevelFilter::Off);
    let expected = [LevelFilter::AtLeast(Level::Error), LevelFilter::AtLeast(Level::Debug), LevelFilter::Off];
    assert_eq!(*seen.lock().unwrap(), expected);
    shut_down(&container);
}

#[test]
fn a_watch_that_is_dropped_calls_no_more() {
    let _alone = LEVEL_CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let (container, _events) = started();
    let (calls, watch) = watched(|| {});
    container.set_level(Level::Error);
    drop(watch);
    container.set_level(Level::Info);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    shut_down(&container);
}

#[test]
fn a_callback_that_panics_or_changes_levels_itself_does_no_harm() {
    let _alone = LEVEL_CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let (container, _events) = started();
    let container: Arc<Container> = Arc::new(container);
    let inner = Arc::clone(&container);
    let (calls, _watch) = watched(move || {
        inner.set_level(Level::Debug);
        panic!("on purpose");
    });
    container.set_level(Level::Error);
    container.set_level(Level::Error);
    // Once more behind its own change, each time; the second time it changes nothing.
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    assert_eq!(container.level(), LevelFilter::AtLeast(Level::Debug));
    shut_down(&container);
}

#[test]
fn a_callback_that_changes_levels_each_time_comes_to_an_end() {
    let _alone = LEVEL_CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let (container, _events) = started();
    let container: Arc<Container> = Arc::new(container);
    let inner = Arc::clone(&container);
    let (calls, _watch) = watched(move || {
        let is_debug = inner.level() == LevelFilter::AtLeast(Level::Debug);
        inner.set_level(if is_debug { Level::Error } else { Level::Debug });
    });
    container.set_level(Level::Error);
    assert_eq!(calls.load(Ordering::SeqCst), 8);
    shut_down(&container);
}

#[test]
fn a_change_of_levels_by_a_callback_is_seen_by_the_others() {
    let _alone = LEVEL_CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let [(one, _), (other, _)] = [started(), started()];
    let other = Arc::new(other);
    let log = other.logger("adapters");
    let last = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&last);
    let _first = on_level_change(move || *seen.lock().unwrap() = Some(log.least_level()));
    let changed = Arc::clone(&other);
    let _second = on_level_change(move || changed.set_level(Level::Debug));
    one.set_level(Level::Error);
    assert_eq!(*last.lock().unwrap(), Some(LevelFilter::AtLeast(Level::Debug)));
    shut_down(&one);
    shut_down(&other);
}

#[test]
fn a_closed_container_has_no_least_level() {
    let (container, _events) = started();
    let log = container.logger("adapters");
    assert_eq!(log.least_level(), LevelFilter::AtLeast(Level::Info));
    shut_down(&container);
    assert_eq!(log.least_level(), LevelFilter::Off);
    assert_eq!(Logger::disabled().least_level(), LevelFilter::Off);
}

thread_local!(static TENANT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) });

fn with_tenant(fields: &mut Fields) {
    fields.put(FieldGroup::Context, "tenant", ValueRef::U64(TENANT.get()));
}

fn started_with(fill: impl Fn(&mut Fields) + Send + Sync + 'static) -> (Container, fapilog::sink::MemoryEvents) {
    let (sink, events) = law::memory();
    (law::thread_builder().caller_fields(fill).sink("memory", sink).start().unwrap(), events)
}

fn contexts(events: &fapilog::sink::MemoryEvents) -> Vec<serde_json::Value> {
    parsed(events).into_iter().map(|event| event["context"].clone()).collect()
}

#[test]
fn fields_of_the_calling_thread_are_in_each_event_of_any_kind_of_call() {
    let (container, events) = started_with(with_tenant);
    let log = container.logger("adapters");
    for tenant in 1..=3 {
        TENANT.set(tenant);
        info!(log, "by a macro", n = 1);
        log.log_fields(site(), &named("by a site", &["n"]));
        log.log_dynamic(&DynamicEvent::new(Level::Info, "t", "dynamic").field(FieldGroup::Context, "n", 1.into()));
    }
    shut_down(&container);
    let expected: Vec<_> = (1..=3).flat_map(|tenant| vec![json!({"n": 1, "tenant": tenant}); 3]).collect();
    assert_eq!(contexts(&events), expected);
}

#[test]
fn fields_of_the_calling_thread_count_before_the_scopes_and_behind_the_loggers_and_the_calls() {
    let (container, events) = started_with(|fields| {
        ["scope", "logger", "call"].iter().for_each(|key| fields.put(FieldGroup::Context, key, "caller".into()));
    });
    let of = |key: &str| Scope::new().field(FieldGroup::Context, key, "own".into());
    let log = container.logger("adapters").with_scope(&of("logger"));
    let _entered = of("scope").enter();
    info!(log, "m", call = "own");
    shut_down(&container);
    assert_eq!(only(&events)["context"], json!({"call": "own", "scope": "caller", "logger": "own"}));
}

#[test]
fn a_call_that_a_function_of_caller_fields_makes_itself_has_none_of_them() {
    let logger = Arc::new(std::sync::OnceLock::<Logger>::new());
    let inner = Arc::clone(&logger);
    let (container, events) = started_with(move |fields| {
        if let Some(log) = inner.get() {
            info!(log, "inner");
        }
        with_tenant(fields);
    });
    logger.set(container.logger("adapters")).unwrap();
    TENANT.set(7);
    info!(container.logger("adapters"), "outer");
    shut_down(&container);
    let events = parsed(&events);
    assert_eq!((&events[0]["message"], events[0].get("context")), (&json!("inner"), None));
    assert_eq!((&events[1]["message"], &events[1]["context"]), (&json!("outer"), &json!({"tenant": 7})));
}

#[test]
fn a_function_of_caller_fields_that_panics_leaves_out_its_own_fields_alone() {
    let (sink, events) = law::memory();
    let builder = law::thread_builder().caller_fields(with_tenant).caller_fields(|fields| {
        fields.put(FieldGroup::Context, "half", ValueRef::None);
        panic!("on purpose");
    });
    let container = builder.sink("memory", sink).start().unwrap();
    TENANT.set(1);
    info!(container.logger("adapters"), "m");
    shut_down(&container);
    assert_eq!(only(&events)["context"], json!({"tenant": 1}));
}

#[test]
fn the_fields_of_the_calling_thread_are_added_where_a_scope_takes_the_place_of_the_threads() {
    let (container, events) = started_with(with_tenant);
    TENANT.set(5);
    container.logger("adapters").log_fields_in(site(), &message("m"), &Scope::new());
    shut_down(&container);
    assert_eq!(only(&events)["context"], json!({"tenant": 5}));
}

#[test]
fn a_function_of_caller_fields_whose_drop_panics_does_no_harm() {
    struct PanicsOnDrop;
    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let held = PanicsOnDrop;
    let (container, events) = started_with(move |fields| {
        let _held = &held;
        with_tenant(fields);
    });
    info!(container.logger("adapters"), "m");
    shut_down(&container);
    drop(container);
    assert_eq!(events.lines().len(), 1);
}

#[test]
fn a_change_to_levels_that_another_thread_has_just_set_returns_behind_the_callbacks() {
    let _alone = LEVEL_CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let (container, _events) = started();
    let container = Arc::new(container);
    let log = container.logger("adapters");
    let max = Arc::new(Mutex::new(None));
    let put = Arc::clone(&max);
    let (entered, is_entered) = std::sync::mpsc::channel();
    let (go, may_go) = std::sync::mpsc::channel::<()>();
    let may_go = Mutex::new(may_go);
    let slow = std::thread::current().id();
    let _watch = on_level_change(move || {
        // The slow thread is in its callback.
        if std::thread::current().id() != slow {
            entered.send(()).unwrap();
            let _ = may_go.lock().unwrap().recv();
        }
        *put.lock().unwrap() = Some(log.least_level());
    });
    let seen = std::thread::scope(|scope| {
        scope.spawn(|| container.set_level(Level::Debug));
        is_entered.recv().unwrap();
        container.set_level(Level::Debug);
        let seen = *max.lock().unwrap();
        drop(go);
        seen
    });
    assert_eq!(seen, Some(LevelFilter::AtLeast(Level::Debug)));
    shut_down(&container);
}
