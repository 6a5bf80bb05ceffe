//! Settings of the built-in plugins.

use std::sync::Arc;

use fapilog_format::Json;
use fapilog_plugin::{
    factory::{Factory, ShardInfo},
    formatter::Formatter,
    problem::Problem,
    processor::Processor,
    registry::{Entry, Formatters, PluginSettings, Registry},
    settings::{PluginConfig, without_reading_secrets},
};
use fapilog_record::{
    call_site::Descriptor, dynamic::put_field, field_group::FieldGroup, head::Head, level::Level, value::ValueRef,
};

use crate::{
    lines::{check_json, check_lines},
    stage::{Stage, StagedRecord},
};

/// The first line names a plugin, and the lines below are its settings in JSON. Settings that are accepted make a plugin that
/// works; every error has the allowed values.
pub(crate) fn settings(input: &[u8]) {
    // A secret may be the output of a program that the settings name: none is run.
    without_reading_secrets(|| {
        made_by(input);
        Vec::new()
    });
}

fn made_by(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Some((name, table)) = text.split_once('\n') else { return };
    let Ok(config) = serde_json::from_str::<PluginConfig>(table) else { return };
    let registry = Registry::linked();
    let Some((_, entry)) = registry.entry(name) else { return };
    let settings = PluginSettings::new(name, &config);
    match entry {
        Entry::Enricher(make) => check(make(&settings), |_| ()),
        Entry::Processor(make) | Entry::Redactor(make) => check(make(&settings), |factory| check_processor(&factory)),
        Entry::Formatter(make) => check(make(&settings), |factory| check_formatter(&factory)),
        // Without its start: a sink that starts has a file.
        Entry::Sink(make) => check(make(&settings.formatters(json_everywhere())), |_| ()),
        Entry::Substitute(make) => check(make(&settings), |_| ()),
        Entry::Standard(make) => check(make(&settings), |_| ()),
    }
}

fn check<T>(made: Result<T, Vec<Problem>>, works: impl FnOnce(T)) {
    match made {
        Ok(plugin) => works(plugin),
        Err(problems) => {
            assert!(!problems.is_empty(), "an error without a problem");
            assert!(problems.iter().all(|problem| !problem.allowed.is_empty()), "{problems:?}");
        }
    }
}

fn check_processor(factory: &Factory<dyn Processor>) {
    let (stage, records) = (Stage::new(1, "source", "thread"), [an_event(), an_event()]);
    let mut batch = stage.batch(&records);
    let mut processor = factory.make(ShardInfo::new(0, 1));
    processor.process(&mut batch).unwrap_or_else(|error| panic!("{}: {error}", processor.name()));
    check_json(&batch);
    check_lines(&batch);
}

fn check_formatter(factory: &Factory<dyn Formatter>) {
    let (stage, records) = (Stage::new(1, "source", "thread"), [an_event(), an_event()]);
    let mut out = Vec::new();
    let mut formatter = factory.make(ShardInfo::new(0, 1));
    if let Err(error) = formatter.format(&stage.batch(&records), &mut out) {
        panic!("{}: {error}", formatter.name());
    }
    assert!(out.ends_with(b"\n"), "{}: a line without its end", formatter.name());
}

fn json_everywhere() -> Formatters {
    let json = || Arc::new(Factory::formatter(|_| Json::new()));
    Formatters { on_terminal: json(), elsewhere: json() }
}

/// An event with a field in each group.
pub(crate) fn an_event() -> StagedRecord {
    let mut bytes = Head { source: 0, is_cut: false, scope_bytes: 0 }.to_bytes().to_vec();
    bytes.extend([Level::Warning as u8, 0]);
    let fields = [
        (FieldGroup::Target, "", ValueRef::Text("app::net")),
        (FieldGroup::Message, "", ValueRef::Text("request\nfailed")),
        (FieldGroup::Context, "status", ValueRef::U64(503)),
        (FieldGroup::Context, "path", ValueRef::Text("/a?b=\"c\"")),
        (FieldGroup::Tags, "region", ValueRef::Text("eu")),
        (FieldGroup::Metrics, "took", ValueRef::F64(0.25)),
        (FieldGroup::CorrelationId, "", ValueRef::Text("id-1")),
    ];
    fields.into_iter().for_each(|(group, key, value)| put_field(&mut bytes, group, key, value));
    StagedRecord { descriptor: Descriptor::dynamic(), bytes }
}
