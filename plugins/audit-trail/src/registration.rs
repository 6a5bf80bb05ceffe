//! Registration of the sink, and its settings.

use std::{path::PathBuf, sync::Arc, time::Duration};

use fapilog_plugin::{
    factory::Factory,
    problem::Problem,
    register_plugin,
    registry::{Metadata, PluginSettings, RegisterError, Registry},
    settings::{SecretRef, duration, size_bytes},
    sink::SinkFactory,
};
use serde::{Deserialize, Deserializer, de::Error};

use crate::{
    anchor::{CommandAnchor, FileAnchor},
    sink::{AuditTrail, OnBrokenHead},
};

register_plugin!(register);

/// Registers `audit_trail`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has the name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = Metadata::new("audit_trail", env!("CARGO_PKG_VERSION"))
        .author("fapilog")
        .description("Appends to a file, with a trail that an outsider can verify");
    registry.register_sink(about, audit_trail)
}

/// All errors at once: also of the values that can be read, where others cannot.
fn audit_trail(settings: &PluginSettings<'_>) -> Result<Arc<dyn SinkFactory>, Vec<Problem>> {
    let (own, mut problems) = settings.read_with_problems::<AuditTrailSettings>();
    let Some(own) = own else { return Err(problems) };
    let mut demand = |is_given: bool, path: &str| {
        if !is_given && !problems.iter().any(|problem| problem.path == path) {
            problems.push(Problem::new(path, "missing", "it must be given"));
        }
    };
    demand(own.path.is_some(), "path");
    demand(own.signing_key.is_some(), "signing_key");
    problems.extend(own.anchors.iter().enumerate().filter_map(|(index, anchor)| anchor.problem(index)));
    let sink = own.sink(settings)?;
    for problem in sink.check() {
        if !problems.iter().any(|known| known.path == problem.path) {
            problems.push(problem);
        }
    }
    if problems.is_empty() { Ok(Arc::new(sink)) } else { Err(problems) }
}

/// Settings of an audit trail. An absent setting has the default of [`AuditTrail`].
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AuditTrailSettings {
    path: Option<PathBuf>,
    signing_key: Option<SecretRef>,
    #[serde(with = "size_bytes::maybe")]
    block_bytes: Option<usize>,
    #[serde(with = "duration::maybe")]
    checkpoint_interval: Option<Duration>,
    checkpoint_blocks: Option<u64>,
    #[serde(with = "size_bytes::maybe")]
    rotate_bytes: Option<usize>,
    #[serde(with = "duration::maybe")]
    rotate_every: Option<Duration>,
    #[serde(with = "duration::maybe")]
    retain_age: Option<Duration>,
    mode: Option<OctalMode>,
    first_key: Option<PathBuf>,
    on_broken_head: OnBrokenHead,
    anchors: Vec<AnchorSettings>,
}

/// An anchor: either a file, or a command.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AnchorSettings {
    file: Option<PathBuf>,
    command: Option<Vec<String>>,
    #[serde(with = "duration::maybe")]
    timeout: Option<Duration>,
}

impl AuditTrailSettings {
    fn sink(self, settings: &PluginSettings<'_>) -> Result<AuditTrail, Vec<Problem>> {
        let formatter = settings.formatter(false)?;
        let formatter = Factory::formatter(move |_| formatter());
        // Both are demanded before; the sink of an absent one is not used.
        let signing = self.signing_key.unwrap_or_else(|| SecretRef::file(""));
        let sink = AuditTrail::with_formatter(self.path.unwrap_or_default(), formatter, signing)
            .on_broken_head(self.on_broken_head)
            .with(self.block_bytes, AuditTrail::block_bytes)
            .with(self.checkpoint_interval, AuditTrail::checkpoint_interval)
            .with(self.checkpoint_blocks, AuditTrail::checkpoint_blocks)
            .with(self.rotate_bytes.map(|bytes| bytes as u64), AuditTrail::rotate_bytes)
            .with(self.rotate_every, AuditTrail::rotate_every)
            .with(self.retain_age, AuditTrail::retain_age)
            .with(self.mode.map(|mode| mode.0), AuditTrail::mode)
            .with(self.first_key, AuditTrail::first_key);
        Ok(self.anchors.into_iter().fold(sink, |sink, anchor| anchor.add_to(sink)))
    }
}

impl AuditTrail {
    /// With an option, if its setting is given.
    fn with<T>(self, value: Option<T>, set: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => set(self, value),
            None => self,
        }
    }
}

impl AnchorSettings {
    fn problem(&self, index: usize) -> Option<Problem> {
        let problem = |value: &str, allowed: &str| Some(Problem::new(format!("anchors[{index}]"), value, allowed));
        let allowed = "it must have either file = \"PATH\" or command = [\"PROGRAM\", \"ARGUMENT\"]";
        match (&self.file, &self.command) {
            (Some(_), Some(_)) => problem("a file and a command", allowed),
            (None, None) => problem("empty", allowed),
            (None, Some(words)) if words.is_empty() => problem("an empty command", allowed),
            (Some(_), None) if self.timeout.is_some() => {
                problem("a file with a timeout", "a command alone has a timeout")
            }
            _ => None,
        }
    }

    fn add_to(self, sink: AuditTrail) -> AuditTrail {
        if let Some(file) = self.file {
            return sink.anchor(FileAnchor::new(file));
        }
        let mut words = self.command.unwrap_or_default().into_iter();
        let Some(program) = words.next() else { return sink };
        let anchor = CommandAnchor::new(program, words);
        sink.anchor(match self.timeout {
            Some(timeout) => anchor.timeout(timeout),
            None => anchor,
        })
    }
}

/// Permissions, as text in octal, as `chmod` takes them: a number would be another one to TOML and to YAML.
struct OctalMode(u32);

impl<'de> Deserialize<'de> for OctalMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0o").unwrap_or(&text);
        let is_octal = !digits.is_empty() && digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
        let mode = u32::from_str_radix(digits, 8).ok().filter(|_| is_octal);
        mode.map(OctalMode)
            .ok_or_else(|| D::Error::custom("it must be permissions in octal, as chmod takes them, such as \"640\""))
    }
}
