//! The page about settings, made of the settings themselves.

use std::fmt::Write;

use fapilog_plugin::settings::invalid::show;
use serde_json::Value;

use crate::{DeliverySettings, Preset, Settings, dead_letters, reload, spill};

/// The texts above the tables in an entry of `sinks`.
const DELIVERY_DOC: &str = "How the payloads of a sink are delivered; see [delivery](delivery.md#queue-retries-time-limit-breaker). \
    Settings that are not given are the sink's own. A sink without a queue takes every payload at once; of these settings, it has \
    `queue_payloads` only. The defaults are those of a sink that chooses none.";
const SPILL_DOC: &str = "Where payloads of a sink wait on disk that its destination does not take now; see [spill](spill.md). Without it, \
    none goes to disk.";
const DEAD_LETTERS_DOC: &str = "The file for payloads that a sink gives up; see [dead letters](spill.md#how-does-a-dead-letter-look). Their \
    events count as lost, as `dead_lettered`.";

/// The description of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingInfo {
    /// Its name.
    pub name: &'static str,
    /// Its purpose.
    pub doc: String,
    /// Its default, as JSON; `none` lets the container choose.
    pub default: String,
    /// The allowed values.
    pub allowed: String,
    /// Its other names, for files and variables.
    pub aliases: Vec<&'static str>,
    /// Its place in a table, for files and variables: `overflow.strategy`.
    pub in_table: Option<&'static str>,
    /// Whether it can change while the container runs.
    pub changes_at_run_time: bool,
}

impl SettingInfo {
    pub(super) fn new(name: &'static str, doc: &str, defaults: &Value, allowed: String) -> Self {
        let default = match defaults.get(name) {
            None | Some(Value::Null) => "none".to_owned(),
            Some(Value::Object(entries)) if entries.is_empty() => "{}".to_owned(),
            Some(value) => show(value),
        };
        let doc = doc.split_whitespace().collect::<Vec<_>>().join(" ");
        let changes_at_run_time = reload::AT_RUN_TIME.contains(&name);
        let aliases = Settings::ALIASES.iter().filter(|(_, of)| *of == name).map(|(alias, _)| *alias).collect();
        let in_table = Settings::IN_TABLES.iter().find(|(_, of)| *of == name).map(|(path, _)| *path);
        Self { name, doc, default, allowed, aliases, in_table, changes_at_run_time }
    }

    /// The variable that gives it.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("FAPILOG_{}", self.name.to_ascii_uppercase())
    }
}

impl Settings {
    /// The reference as Markdown: a section for each setting, and the settings of each preset.
    #[must_use]
    pub fn reference_markdown() -> String {
        let mut page = String::new();
        for info in Self::reference() {
            let _ = write!(page, "### `{}`\n\n{}\n\n", info.name, wrapped(&info.doc));
            let _ = write!(page, "* Default: `{}`\n* Allowed: {}\n", info.default, info.allowed);
            let _ = writeln!(page, "* Variable: `{}`", info.variable());
            for alias in &info.aliases {
                let _ = writeln!(page, "* Alias: `{alias}`");
            }
            if let Some((table, key)) = info.in_table.and_then(|path| path.split_once('.')) {
                let _ = writeln!(page, "* In a table: `[{table}]` `{key}`");
            }
            if info.changes_at_run_time {
                page.push_str("* Can change while the container runs\n");
            }
            page.push('\n');
            if info.name == "sinks" {
                push_sink_tables(&mut page);
            }
        }
        page.push_str("## Presets\n\nThe settings of each preset that differ from the defaults:\n\n");
        for name in Preset::NAMES {
            let _ = writeln!(page, "### `{name}`\n\n```json\n{}\n```\n", Self::preset_json(name));
        }
        page.trim_end().to_owned() + "\n"
    }

    /// The settings of a preset that differ from the defaults.
    fn preset_json(name: &str) -> String {
        let preset = name.parse().map(Self::preset).unwrap_or_default();
        let (all, defaults) = (preset.to_value().unwrap_or_default(), Self::default().to_value().unwrap_or_default());
        let own =
            |(name, value): &(&String, &Value)| name.as_str() != "preset" && defaults.get(name.as_str()) != Some(value);
        let lines = all.as_object().into_iter().flatten().filter(own);
        let lines: Vec<String> = lines.map(|(name, value)| format!("  \"{name}\": {value}")).collect();
        format!("{{\n{}\n}}", lines.join(",\n"))
    }
}

/// The tables in an entry of `sinks`.
fn push_sink_tables(page: &mut String) {
    let tables = [
        ("delivery", DELIVERY_DOC, DeliverySettings::reference_markdown()),
        ("spill", SPILL_DOC, spill::reference_markdown()),
        ("dead_letters", DEAD_LETTERS_DOC, dead_letters::reference_markdown()),
    ];
    for (name, doc, settings) in tables {
        let _ = writeln!(page, "### `sinks[].{name}`\n\n{}\n\n{settings}", wrapped(doc));
    }
}

/// In lines of 120 characters at most.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= 120 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}
