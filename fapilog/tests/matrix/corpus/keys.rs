//! Keys that formats have for themselves, and keys that come more than once.

use fapilog::{
    Level, Logger, Scope,
    event::{DynamicEvent, FieldGroup, ValueRef},
    info,
};

use crate::logged::{Logged, integer, text};

/// The target of the events that the macros of this module log.
const MODULE: &str = module_path!();

/// Keys that formats have for themselves, or make by themselves.
const RESERVED: [&str; 23] = [
    "time",
    "timestamp",
    "level",
    "severity",
    "category",
    "source",
    "target",
    "event_id",
    "msg",
    "message",
    "correlation_id",
    "truncated",
    "truncated_fields",
    "not_utf8",
    "context",
    "tags",
    "metrics",
    "tags.x",
    "metrics.x",
    "field.x",
    "field.level",
    "field.",
    "tags.",
];

/// Keys of the formats' own, by the macros, by dynamic events, by scopes and by loggers.
pub(super) fn clashing_keys(log: &Logger, all: &mut Vec<Logged>) {
    info!(
        log,
        "reserved",
        "time" = 1,
        "timestamp" = 2,
        "level" = 3,
        "severity" = 4,
        "category" = 5,
        "source" = 6,
        "target" = 7,
        "event_id" = 8,
        "msg" = 9,
        "message" = 10,
        "correlation_id" = 11,
        "truncated" = 12,
        "truncated_fields" = 13,
        "not_utf8" = 14,
        "context" = 15,
        "tags" = 16,
        "metrics" = 17,
        "tags.x" = 18,
        "metrics.x" = 19,
        "field.x" = 20,
        "field.level" = 21,
        "field." = 22,
        "tags." = 23
    );
    let numbered = || RESERVED.into_iter().zip(1..);
    let with = |logged: Logged, group| numbered().fold(logged, |logged, (key, n)| logged.field(group, key, integer(n)));
    all.push(with(Logged::new(MODULE, text("reserved")), FieldGroup::Context));

    let keyed = [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics];
    let fields = || keyed.into_iter().flat_map(|group| numbered().map(move |(key, n)| (group, key, ValueRef::I64(n))));
    let event = DynamicEvent::new(Level::Info, MODULE, "dynamic");
    log.log_dynamic(&fields().fold(event, |event, (group, key, n)| event.field(group, key, n)));
    all.push(keyed.into_iter().fold(Logged::new(MODULE, text("dynamic")), with));

    let scope = fields().fold(Scope::new(), |scope, (group, key, n)| scope.field(group, key, n));
    {
        let _entered = scope.enter();
        info!(log, "scope");
    }
    all.push(keyed.into_iter().fold(Logged::new(MODULE, text("scope")), with));
    info!(log.with_scope(&scope), "logger");
    all.push(keyed.into_iter().fold(Logged::new(MODULE, text("logger")), with));
}

/// The call's own counts before the logger's, that before an inner scope's, and that before an outer one's.
pub(super) fn one_key_several_times(log: &Logger, all: &mut Vec<Logged>) {
    let outer = Scope::new().correlation_id("outer").field(FieldGroup::Context, "level", "outer".into());
    let inner = Scope::new().correlation_id("inner").field(FieldGroup::Context, "level", "inner".into()).field(
        FieldGroup::Tags,
        "",
        "inner".into(),
    );
    let child = log.with([("level", "logger".into())]);
    let _outer = outer.enter();
    info!(log, "outer");
    all.push(Logged::new(MODULE, text("outer")).correlation_id("outer").context("level", text("outer")));
    let _inner = inner.enter();
    let expected = |message: &str, level: &str| {
        Logged::new(MODULE, text(message)).correlation_id("inner").context("level", text(level)).field(
            FieldGroup::Tags,
            "",
            text("inner"),
        )
    };
    info!(log, "inner");
    all.push(expected("inner", "inner"));
    info!(child, "logger");
    all.push(expected("logger", "logger"));
    info!(child, "call", level = "call");
    all.push(expected("call", "call"));
    let event = DynamicEvent::new(Level::Info, MODULE, "dynamic").field(FieldGroup::Context, "level", "first".into());
    child.log_dynamic(&event.field(FieldGroup::Context, "level", "second".into()));
    all.push(expected("dynamic", "first"));
}
