//! Registration of the file sink, and its settings.

use std::{fmt, path::PathBuf, sync::Arc};

use fapilog_plugin::{
    problem::Problem,
    register_plugin,
    registry::{Metadata, PluginSettings, RegisterError, Registry},
    settings::size_bytes,
    sink::SinkFactory,
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};

use crate::settings::{File, FileEngine, FileSync};

register_plugin!(register);

/// Registers `file`. A program that links the crate need not call it: see [`Registry::linked`].
///
/// # Errors
/// When another plugin has the name.
pub fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_sink(about("file", "Appends to a file"), file)
}

fn about(name: &str, description: &str) -> Metadata {
    Metadata::new(name, env!("CARGO_PKG_VERSION")).author("fapilog").description(description)
}

/// All errors at once: also of the values that can be read, where others cannot.
fn file(settings: &PluginSettings<'_>) -> Result<Arc<dyn SinkFactory>, Vec<Problem>> {
    let (own, mut problems) = settings.read_with_problems::<FileSettings>();
    let Some(own) = own else { return Err(problems) };
    if own.path.is_none() && !problems.iter().any(|problem| problem.path == "path") {
        problems.push(Problem::new("path", "missing", "it must be given"));
    }
    let sink = own.sink(settings)?;
    if problems.is_empty() {
        return Ok(Arc::new(sink));
    }
    for problem in sink.check() {
        if !problems.iter().any(|known| known.path == problem.path) {
            problems.push(problem);
        }
    }
    Err(problems)
}

/// Settings of a file sink. An absent setting has the default of [`File`].
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FileSettings {
    path: Option<PathBuf>,
    engine: FileEngine,
    direct: Option<bool>,
    #[serde(with = "size_bytes::maybe")]
    block_bytes: Option<usize>,
    blocks_in_flight: Option<usize>,
    sync: FileSync,
    mode: Option<Mode>,
}

impl FileSettings {
    fn sink(self, settings: &PluginSettings<'_>) -> Result<File, Vec<Problem>> {
        let path = self.path.unwrap_or_default();
        let mut sink = File::new(path, settings.formatter(false)?).engine(self.engine).sync(self.sync);
        if let Some(direct) = self.direct {
            sink = sink.direct(direct);
        }
        if let Some(bytes) = self.block_bytes {
            sink = sink.block_bytes(bytes);
        }
        if let Some(blocks) = self.blocks_in_flight {
            sink = sink.blocks_in_flight(blocks);
        }
        if let Some(mode) = self.mode {
            sink = sink.mode(mode.0);
        }
        Ok(sink)
    }
}

/// Permissions, as text in octal, as `chmod` takes them. A number would be another one to TOML, to YAML and to `chmod`.
#[derive(Debug, PartialEq)]
struct Mode(u32);

impl Mode {
    /// The permissions that a file of the sink can have.
    fn is_allowed(mode: u32) -> bool {
        mode & !0o777 == 0 && mode & 0o600 == 0o600
    }

    fn of_text(text: &str) -> Option<u32> {
        let digits = text.strip_prefix("0o").unwrap_or(text);
        let is_octal = !digits.is_empty() && digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
        u32::from_str_radix(digits, 8).ok().filter(|_| is_octal)
    }

    /// The permissions that a number stands for: 644 has the digits, and 420 is 0o644. No number is both.
    fn meant_by(number: u64) -> Option<u32> {
        let by_digits = Self::of_text(&number.to_string());
        let by_value = u32::try_from(number).ok();
        by_digits.into_iter().chain(by_value).find(|mode| Self::is_allowed(*mode))
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ModeVisitor)
    }
}

struct ModeVisitor;

impl Visitor<'_> for ModeVisitor {
    type Value = Mode;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("permissions in octal, as chmod takes them, as text in quotes, such as \"640\"")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Mode, E> {
        match Mode::meant_by(number) {
            Some(mode) => {
                Err(E::custom(format_args!("it must be text in quotes, as chmod takes it; write \"{mode:o}\"")))
            }
            None => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
        }
    }

    /// A YAML number with a `0` in front.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Mode, E> {
        let is_whole = (0.0..=f64::from(u32::MAX)).contains(&number) && number.fract() == 0.0;
        if is_whole { self.visit_u64(number as u64) } else { Err(E::invalid_value(Unexpected::Float(number), &self)) }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Mode, E> {
        Mode::of_text(text.trim()).map(Mode).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::settings::read;
    use serde_json::{Value, json};

    use super::*;

    fn problem(mode: Value) -> String {
        read::<Mode>(&mode).unwrap_err().remove(0).below("mode").to_string()
    }

    #[test]
    fn permissions_are_octal_text() {
        for (text, mode) in [("640", 0o640), ("0644", 0o644), ("0o600", 0o600), (" 777 ", 0o777)] {
            assert_eq!(read::<Mode>(&json!(text)), Ok(Mode(mode)), "{text}");
        }
        for text in ["", "999", "+640", "0o0o640", "rw-r--r--", "-1"] {
            let problem = problem(json!(text));
            assert!(
                problem.ends_with(
                    "it must be permissions in octal, as chmod takes them, as text in quotes, such as \"640\""
                )
            );
        }
    }

    #[test]
    fn a_number_is_answered_with_its_text() {
        for (number, text) in [(json!(644), "644"), (json!(0o644), "644"), (json!(644.0), "644"), (json!(0o600), "600")]
        {
            let expected = format!("mode is {number}; it must be text in quotes, as chmod takes it; write \"{text}\"");
            assert_eq!(problem(number), expected);
        }
        assert!(problem(json!(8)).ends_with("such as \"640\""));
        assert!(problem(json!(-1)).ends_with("such as \"640\""));
        assert!(problem(json!(6.5)).ends_with("such as \"640\""));
    }

    #[test]
    fn no_number_stands_for_two_permissions() {
        let both = (0..=777_u64).filter(|number| {
            let digits = Mode::of_text(&number.to_string()).is_some_and(Mode::is_allowed);
            digits && u32::try_from(*number).is_ok_and(Mode::is_allowed)
        });
        assert_eq!(both.count(), 0);
    }
}
