//! Filters of layers: the container's levels for one or all of them, and those of tracing-subscriber.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use fapilog_tracing::{Bridge, Levels};
use law::{
    levels::{alone, assert_messages, set_level},
    parsed, shut_down, started,
};
use serde_json::json;
use tracing::{Dispatch, debug, dispatcher::with_default, error, info, info_span, trace, warn};
use tracing_subscriber::{
    EnvFilter,
    filter::{FilterExt, LevelFilter, filter_fn},
    layer::Context,
    prelude::*,
    reload,
};

#[test]
fn the_levels_of_a_container_are_no_other_layers() {
    let _alone = alone();
    let (container, events) = started();
    set_level(&container, "error");
    let seen = Arc::new(AtomicUsize::new(0));
    let subscriber = tracing_subscriber::registry()
        .with(CountingLayer(Arc::clone(&seen)))
        .with(fapilog_tracing::layer(container.logger("t")));
    with_default(&Dispatch::new(subscriber), || {
        info!("for the other layer alone");
        error!("for both");
    });
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    assert_messages(&container, &events, &["for both"]);
}

struct CountingLayer(Arc<AtomicUsize>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for CountingLayer {
    fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn levels_as_a_layer_are_for_all_layers() {
    let _alone = alone();
    let (container, events) = started();
    set_level(&container, "error");
    let seen = Arc::new(AtomicUsize::new(0));
    let log = container.logger("t");
    let subscriber = tracing_subscriber::registry()
        .with(Levels::new(log.clone()))
        .with(CountingLayer(Arc::clone(&seen)))
        .with(Bridge::new(log).layer());
    with_default(&Dispatch::new(subscriber), || {
        info!("for none");
        error!("for both");
        set_level(&container, "info");
        info!("for both by now");
    });
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    assert_messages(&container, &events, &["for both", "for both by now"]);
}

#[test]
fn levels_are_a_filter_for_another_layer() {
    let _alone = alone();
    let (container, _events) = started();
    set_level(&container, "error");
    let seen = Arc::new(AtomicUsize::new(0));
    let counting = CountingLayer(Arc::clone(&seen)).with_filter(Levels::new(container.logger("t")));
    with_default(&Dispatch::new(tracing_subscriber::registry().with(counting)), || {
        info!("disabled");
        set_level(&container, "info");
        info!("enabled");
        std::thread::scope(|scope| {
            // Has no subscriber: the old levels count on.
            scope.spawn(|| set_level(&container, "error"));
        });
        error!("enabled");
    });
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    shut_down(&container);
}

#[test]
fn a_span_that_the_layers_own_filter_disables_is_no_scope_of_the_layer() {
    let _alone = alone();
    let (container, events) = started();
    let (other, other_events) = started();
    let filtered = Bridge::new(container.logger("t")).layer().with_filter(EnvFilter::new("trace,hidden=error"));
    let all = Bridge::new(other.logger("t")).layer();
    let program = || {
        let _outer = info_span!("outer", a = 1).entered();
        let hidden = info_span!(target: "hidden", "hidden", b = 2);
        hidden.in_scope(|| info!("inside"));
        info!(target: "hidden", "hidden itself");
        info_span!(parent: &hidden, "child", c = 3).in_scope(|| info!("in its child"));
    };
    with_default(&Dispatch::new(tracing_subscriber::registry().with(filtered).with(all)), program);
    shut_down(&container);
    shut_down(&other);
    let events = parsed(&events);
    let expected =
        [("inside", json!({"a": 1, "span": "outer"})), ("in its child", json!({"a": 1, "c": 3, "span": "child"}))];
    assert_eq!(law::contexts(&events), expected.iter().map(|(m, c)| (*m, c)).collect::<Vec<_>>());
    let events = parsed(&other_events);
    let expected = [
        ("inside", json!({"a": 1, "b": 2, "span": "hidden"})),
        ("hidden itself", json!({"a": 1, "span": "outer"})),
        ("in its child", json!({"a": 1, "b": 2, "c": 3, "span": "child"})),
    ];
    assert_eq!(law::contexts(&events), expected.iter().map(|(m, c)| (*m, c)).collect::<Vec<_>>());
}

#[test]
fn a_filter_that_is_reloaded_counts_at_once() {
    let _alone = alone();
    let (container, events) = started();
    let (filter, handle) = reload::Layer::new(LevelFilter::WARN);
    let subscriber =
        tracing_subscriber::registry().with(Bridge::new(container.logger("t")).layer().with_filter(filter));
    with_default(&Dispatch::new(subscriber), || {
        info!("before");
        handle.reload(LevelFilter::INFO).unwrap();
        info!("after");
        handle.modify(|filter| *filter = LevelFilter::ERROR).unwrap();
        info!("at last");
    });
    assert_messages(&container, &events, &["after"]);
}

/// Keeps what it sees: the messages of events, and the names of spans.
#[derive(Clone, Default)]
struct SeeingLayer(Arc<Mutex<Vec<String>>>);

impl SeeingLayer {
    fn see(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

struct MessageVisitor(String);

impl tracing::field::Visit for MessageVisitor {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for SeeingLayer {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut message = MessageVisitor(String::new());
        event.record(&mut message);
        self.see(message.0);
    }

    fn on_new_span(&self, attributes: &tracing::span::Attributes<'_>, _: &tracing::span::Id, _: Context<'_, S>) {
        self.see(attributes.metadata().name().to_owned());
    }
}

#[test]
fn layers_with_filters_of_their_own_see_what_each_lets_through() {
    let _alone = alone();
    let (container, events) = started();
    set_level(&container, "warn,ours=debug");
    let other = SeeingLayer::default();
    let subscriber = tracing_subscriber::registry()
        .with(other.clone().with_filter(LevelFilter::INFO))
        .with(fapilog_tracing::layer(container.logger("t")));
    with_default(&Dispatch::new(subscriber), || {
        let program = || {
            let _theirs = info_span!("theirs", a = 1).entered();
            let _ours = tracing::debug_span!(target: "ours", "ours", b = 2).entered();
            trace!("trace");
            debug!(target: "ours", "debug");
            info!("info");
            warn!("warn");
        };
        program();
        assert_eq!(other.take(), ["theirs", "info", "warn"]);
        set_level(&container, "info");
        program();
        assert_eq!(other.take(), ["theirs", "info", "warn"]);
    });
    shut_down(&container);
    let events = parsed(&events);
    let (of_ours, of_both) = (json!({"b": 2, "span": "ours"}), json!({"a": 1, "span": "theirs"}));
    let expected = [("debug", &of_ours), ("warn", &of_ours), ("info", &of_both), ("warn", &of_both)];
    assert_eq!(law::contexts(&events), expected);
}

#[test]
fn levels_are_combined_with_another_filter() {
    let _alone = alone();
    let (container, events) = started();
    set_level(&container, "info");
    let log = container.logger("t");
    let is_wanted = filter_fn(|metadata| metadata.target() != "talkative");
    let layer = Bridge::new(log.clone()).layer().with_filter(Levels::new(log).and(is_wanted));
    with_default(&Dispatch::new(tracing_subscriber::registry().with(layer)), || {
        debug!("below the level");
        info!(target: "talkative", "left out");
        info!("both let it through");
        set_level(&container, "debug");
        debug!("by now");
    });
    assert_messages(&container, &events, &["both let it through", "by now"]);
}

#[test]
fn the_levels_of_one_container_filter_the_layer_of_another() {
    let _alone = alone();
    let ((one, one_events), (other, other_events)) = (started(), started());
    set_level(&one, "error");
    set_level(&other, "info");
    let subscriber = tracing_subscriber::registry()
        .with(Bridge::new(one.logger("t")).layer().with_filter(Levels::new(other.logger("t"))))
        .with(Bridge::new(other.logger("t")).layer().with_filter(Levels::new(one.logger("t"))));
    with_default(&Dispatch::new(subscriber), || {
        info!("let through by one level each");
        error!("let through by both");
    });
    assert_messages(&one, &one_events, &["let through by both"]);
    assert_messages(&other, &other_events, &["let through by both"]);
}
