//! The place of the log call in the lines of every formatter.

use fapilog_engine::producer::{DynamicEvent, Logger, Scope};
use fapilog_plugin::{factory::Factory, formatter::Formatter, registry::Entry, settings::PluginConfig};
use fapilog_plugin::{
    factory::ShardInfo,
    registry::{PluginSettings, Registry},
};
use fapilog_record::{
    arguments::{Arg, End},
    call_site::{CallSite, FieldName},
    field_group::FieldGroup,
    level::Level,
    value::ValueRef,
};

use crate::{Json, LineTime, Logfmt, Minimal, Pretty, Simple, staged_log::StagedLog};

fn order(log: &Logger) {
    const FIELDS: &[FieldName] = &[FieldName::new(FieldGroup::Context, "order")];
    static SITE: CallSite = CallSite::new(Level::Info, "filled", "engine::orders", "src/orders.rs", 42, FIELDS);
    log.log(Level::Info, &SITE, (Arg(&7), End));
}

/// A file whose path would end the target's brackets.
fn odd_file(log: &Logger) {
    static SITE: CallSite = CallSite::new(Level::Info, "filled", "engine", "a b]\n.rs", 1, &[]);
    log.log(Level::Info, &SITE, End);
}

fn dynamic(log: &Logger) {
    log.log_dynamic(&DynamicEvent::new(Level::Info, "adapter", "came in"));
}

fn in_a_scope(log: &Logger) {
    let scope = Scope::new().field(FieldGroup::Context, "task", ValueRef::Text("settle"));
    let _entered = scope.enter();
    order(log);
}

fn line<F: Formatter + 'static>(formatter: fn() -> F, write: fn(&Logger)) -> String {
    let mut log = StagedLog::new(false, formatter);
    write(&log.container.logger("engine"));
    let [line] = &log.lines()[..] else { panic!("one event") };
    line.clone()
}

#[test]
fn every_format_has_the_module_the_file_and_the_line_where_they_are_wanted() {
    let json = line(|| Json::new().call_site(true), order);
    assert!(json.contains(r#","target":"engine::orders","call_site":"src/orders.rs:42","source":"#), "{json}");
    let logfmt = line(|| Logfmt::new().call_site(true), order);
    assert!(logfmt.contains(" target=engine::orders call_site=src/orders.rs:42 event_id="), "{logfmt}");
    let expected = "INFO engine [engine::orders src/orders.rs:42] filled order=7";
    assert_eq!(line(|| Simple::new().call_site(true).time(LineTime::None), order), expected);
    let expected = "INFO     engine [engine::orders src/orders.rs:42] filled order=7";
    assert_eq!(line(|| Pretty::new().call_site(true).time(LineTime::None), order), expected);
    assert_eq!(line(|| Minimal::new().call_site(true), order), "INFO [engine::orders src/orders.rs:42] filled");
}

#[test]
fn an_event_in_a_scope_has_the_place_too() {
    let line = line(|| Simple::new().call_site(true).time(LineTime::None), in_a_scope);
    assert_eq!(line, "INFO engine [engine::orders src/orders.rs:42] filled order=7 task=settle");
}

#[test]
fn an_event_without_a_call_site_has_its_target() {
    let json = line(|| Json::new().call_site(true), dynamic);
    assert!(json.contains(r#","target":"adapter","source":"#), "{json}");
    let logfmt = line(|| Logfmt::new().call_site(true), dynamic);
    assert!(logfmt.contains(" target=adapter event_id="), "{logfmt}");
    let simple = line(|| Simple::new().call_site(true).time(LineTime::None), dynamic);
    assert_eq!(simple, r#"INFO engine [adapter] came in"#);
    assert_eq!(line(|| Minimal::new().call_site(true), dynamic), "INFO [adapter] came in");
}

#[test]
fn a_file_whose_name_is_no_atom_is_quoted() {
    assert_eq!(line(|| Minimal::new().call_site(true), odd_file), r#"INFO [engine "a b]\n.rs:1"] filled"#);
    assert!(line(|| Logfmt::new().call_site(true), odd_file).contains(r#" call_site="a b]\n.rs:1" "#));
    assert!(line(|| Json::new().call_site(true), odd_file).contains(r#""call_site":"a b]\n.rs:1""#));
}

#[test]
fn no_format_has_the_place_unless_it_is_wanted() {
    let lines = [
        line(Json::new, order),
        line(Logfmt::new, order),
        line(Simple::new, order),
        line(Pretty::new, order),
        line(Minimal::new, order),
    ];
    for line in lines {
        assert!(!line.contains("orders.rs"), "{line}");
    }
    assert_eq!(line(Minimal::new, order), "INFO filled");
}

/// The line that the formatter `name` of the registry writes with these settings, on a terminal or elsewhere.
fn by_settings(name: &str, config: &PluginConfig, is_terminal: bool) -> Result<String, String> {
    let mut registry = Registry::empty();
    crate::register(&mut registry).unwrap();
    let Some((_, Entry::Formatter(constructor))) = registry.entry(name) else { panic!("no formatter {name}") };
    let settings = PluginSettings::new(name, config).colors(fapilog_plugin::colors::Colors::Never, is_terminal);
    let factory: Factory<dyn Formatter> =
        constructor(&settings).map_err(|problems| problems.iter().map(ToString::to_string).collect::<String>())?;
    let mut formatter = factory.make(ShardInfo::new(0, 1));
    Ok(fapilog_plugin::testing::TestBatches::new().batch(&[1_000_000_000], |batch| {
        let mut out = Vec::new();
        formatter.format(batch, &mut out).unwrap();
        // A message of protobuf is not UTF-8.
        String::from_utf8_lossy(&out).into_owned()
    }))
}

#[test]
fn settings_name_the_options_of_every_format() {
    let with_place = PluginConfig::new().with("call_site", true);
    for name in ["json", "simple", "logfmt", "minimal", "pretty", "xml"] {
        let line = by_settings(name, &with_place, false).unwrap();
        assert!(line.contains("staged.rs:1") && line.contains("stage"), "{name}: {line}");
    }
    let [with, without] =
        [with_place, PluginConfig::new()].map(|config| by_settings("protobuf", &config, false).unwrap());
    assert!(with.contains("staged.rs") && !without.contains("staged.rs"));
    let without_time = PluginConfig::new().with("time", "none");
    assert_eq!(by_settings("simple", &without_time, false).unwrap(), "INFO source-0 [stage] staged n=1000000000\n");
    assert_eq!(by_settings("pretty", &without_time, false).unwrap(), "INFO     source-0 [stage] staged n=1000000000\n");
    assert!(by_settings("logfmt", &without_time, false).unwrap().starts_with("level=INFO "));
}

#[test]
fn pretty_has_local_time_on_a_terminal_and_utc_elsewhere_unless_a_setting_names_another() {
    let none = PluginConfig::new();
    let utc = PluginConfig::new().with("time", "utc");
    let of_day = "00:00:01.000000Z INFO";
    assert!(by_settings("pretty", &none, false).unwrap().starts_with(of_day));
    assert!(by_settings("pretty", &utc, true).unwrap().starts_with(of_day));
    let local = Pretty::new().time(LineTime::Local);
    let expected = fapilog_plugin::testing::TestBatches::new().batch(&[1_000_000_000], |batch| {
        let (mut local, mut out) = (local, Vec::new());
        local.format(batch, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    });
    assert_eq!(by_settings("pretty", &none, true).unwrap(), expected);
    let error = by_settings("simple", &PluginConfig::new().with("time", "lokal"), false).unwrap_err();
    assert_eq!(error, "time is \"lokal\"; allowed are utc, local, none; did you mean local?");
    let error = by_settings("json", &utc, false).unwrap_err();
    assert!(error.contains("time"), "{error}");
}
