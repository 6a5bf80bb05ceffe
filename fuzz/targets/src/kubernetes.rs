//! Files of labels and annotations that Kubernetes writes.

use std::fs;

use fapilog_plugin::{
    factory::ShardInfo,
    registry::{Entry, PluginSettings, Registry},
    settings::PluginConfig,
};

use crate::{lines::check_json, plugins::an_event, stage::Stage};

/// A file of any bytes makes no error, and fields that a line holds.
pub(crate) fn labels(input: &[u8]) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
    for file in ["labels", "annotations"] {
        let path = folder.path().join(file);
        fs::write(&path, input).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let config = PluginConfig::new()
        .with("directory", folder.path().to_string_lossy().into_owned())
        .with("labels", vec!["app", "tier"])
        .with("annotations", vec!["note"]);
    let registry = Registry::linked();
    let Some((_, Entry::Enricher(make))) = registry.entry("kubernetes") else { panic!("no enricher `kubernetes`") };
    let factory = make(&PluginSettings::new("kubernetes", &config)).unwrap_or_else(|problems| panic!("{problems:?}"));
    let (stage, records) = (Stage::new(1, "source", "thread"), [an_event()]);
    let mut batch = stage.batch(&records);
    let mut enricher = factory.make(ShardInfo::new(0, 1));
    enricher.enrich(&mut batch).unwrap_or_else(|error| panic!("{}: {error}", enricher.name()));
    check_json(&batch);
}
