//! Registration of the file sink, and its settings.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use fapilog_plugin::{
    problem::Problem,
    register_plugin,
    registry::{Metadata, PluginSettings, RegisterError, Registry},
    settings::{duration, size_bytes},
    sink::SinkFactory,
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};

use crate::{
    compress::Compression,
    rotate::{RotateEvery, RotateZone},
    settings::{File, FileEngine, FileSync},
};

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
    one_file: Option<bool>,
    sync: FileSync,
    mode: Option<Mode>,
    respect_umask: Option<bool>,
    #[serde(with = "size_bytes::maybe", alias = "max_bytes")]
    rotate_bytes: Option<usize>,
    rotate_every: Option<RotateEvery>,
    rotate_zone: Option<RotateZone>,
    #[serde(alias = "max_files")]
    retain_files: Option<usize>,
    #[serde(with = "duration::maybe")]
    retain_age: Option<Duration>,
    #[serde(with = "size_bytes::maybe", alias = "max_total_bytes")]
    retain_bytes: Option<usize>,
    #[serde(with = "size_bytes::maybe")]
    retain_free_bytes: Option<usize>,
    #[serde(with = "size_bytes::maybe")]
    reserve_bytes: Option<usize>,
    compress: Compression,
    current_link: Option<PathBuf>,
    create_directories: Option<bool>,
    directory_mode: Option<Mode>,
}

impl FileSettings {
    fn sink(self, settings: &PluginSettings<'_>) -> Result<File, Vec<Problem>> {
        let path = self.path.unwrap_or_default();
        let sink = File::new(path, settings.formatter(false)?)
            .engine(self.engine)
            .sync(self.sync)
            .compress(self.compress)
            .with(self.direct, File::direct)
            .with(self.block_bytes, File::block_bytes)
            .with(self.blocks_in_flight, File::blocks_in_flight)
            .with(self.one_file, File::one_file)
            .with(self.mode.map(|mode| mode.0), File::mode)
            .with(self.respect_umask, File::respect_umask)
            .with(self.rotate_bytes.map(|bytes| bytes as u64), File::rotate_bytes)
            .with(self.rotate_every, File::rotate_every)
            .with(self.rotate_zone, File::rotate_zone)
            .with(self.retain_files, File::retain_files)
            .with(self.retain_age, File::retain_age)
            .with(self.retain_bytes.map(|bytes| bytes as u64), File::retain_bytes)
            .with(self.retain_free_bytes.map(|bytes| bytes as u64), File::retain_free_bytes)
            .with(self.reserve_bytes.map(|bytes| bytes as u64), File::reserve_bytes)
            .with(self.current_link, File::current_link)
            .with(self.create_directories, File::create_directories)
            .with(self.directory_mode.map(|mode| mode.0), File::directory_mode);
        Ok(sink)
    }
}

impl File {
    /// With an option, if its setting is given.
    fn with<T>(self, value: Option<T>, set: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => set(self, value),
            None => self,
        }
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
    use fapilog_plugin::{
        error::PluginError,
        event::Batch,
        factory::Factory,
        formatter::Formatter,
        registry::Formatters,
        settings::{PluginConfig, read},
    };
    use serde_json::{Value, json};

    use super::*;

    struct NoLines;

    impl Formatter for NoLines {
        fn name(&self) -> &'static str {
            "no_lines"
        }

        fn format(&mut self, _: &Batch<'_>, _: &mut Vec<u8>) -> Result<(), PluginError> {
            Ok(())
        }
    }

    fn formatter() -> Arc<Factory<dyn Formatter>> {
        Arc::new(Factory::formatter(|_| NoLines))
    }

    /// A sink of these settings, with a path.
    fn sink(settings: Value) -> Result<File, Vec<Problem>> {
        let config = PluginConfig::of(&settings).unwrap().with("path", "/var/log/server.log");
        let formatters = Formatters { on_terminal: formatter(), elsewhere: formatter() };
        let settings = PluginSettings::new("file", &config).formatters(formatters);
        file(&settings)?;
        settings.read::<FileSettings>()?.sink(&settings)
    }

    fn from_code() -> File {
        File::new("/var/log/server.log", || NoLines)
    }

    #[track_caller]
    fn assert_same(settings: Value, code: File) {
        let options = sink(settings.clone()).unwrap().options;
        assert_eq!(format!("{options:?}"), format!("{:?}", code.options), "{settings}");
        assert_ne!(format!("{options:?}"), format!("{:?}", from_code().options), "the default");
    }

    #[test]
    fn each_setting_is_an_option_of_the_code() {
        let hour = Duration::from_secs(3600);
        let every = RotateEvery::Hour;
        assert_same(json!({ "engine": "blocking" }), from_code().engine(FileEngine::Blocking));
        assert_same(json!({ "direct": false }), from_code().direct(false));
        assert_same(json!({ "block_bytes": "64 KiB" }), from_code().block_bytes(64 << 10));
        assert_same(json!({ "blocks_in_flight": 2 }), from_code().blocks_in_flight(2));
        assert_same(json!({ "one_file": true }), from_code().one_file(true));
        assert_same(json!({ "sync": "batch" }), from_code().sync(FileSync::Batch));
        assert_same(json!({ "mode": "600" }), from_code().mode(0o600));
        assert_same(json!({ "respect_umask": true }), from_code().respect_umask(true));
        assert_same(json!({ "rotate_bytes": "64 MiB" }), from_code().rotate_bytes(64 << 20));
        assert_same(json!({ "rotate_every": "hour" }), from_code().rotate_every(every));
        assert_same(json!({ "rotate_every": "1h" }), from_code().rotate_every(RotateEvery::Interval(hour)));
        assert_same(
            json!({ "rotate_every": "hour", "rotate_zone": "local" }),
            from_code().rotate_every(every).rotate_zone(RotateZone::Local),
        );
        assert_same(json!({ "retain_files": 5 }), from_code().retain_files(5));
        assert_same(json!({ "retain_age": "1h" }), from_code().retain_age(hour));
        assert_same(json!({ "retain_bytes": "1 GiB" }), from_code().retain_bytes(1 << 30));
        assert_same(json!({ "retain_free_bytes": "1 GiB" }), from_code().retain_free_bytes(1 << 30));
        assert_same(json!({ "reserve_bytes": "1 GiB" }), from_code().reserve_bytes(1 << 30));
        assert_same(json!({ "current_link": "current.log" }), from_code().current_link("current.log"));
        assert_same(json!({ "create_directories": true }), from_code().create_directories(true));
        assert_same(
            json!({ "create_directories": true, "directory_mode": "700" }),
            from_code().create_directories(true).directory_mode(0o700),
        );
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn compression_is_an_option_of_the_code() {
        let nine = Compression::Zstd { level: 9 };
        assert_same(json!({ "compress": { "zstd": { "level": 9 } } }), from_code().compress(nine));
        assert_same(json!({ "compress": "zstd" }), from_code().compress(Compression::zstd()));
    }

    #[test]
    fn names_of_the_python_library_are_aliases() {
        assert_same(json!({ "max_bytes": "64 MiB" }), from_code().rotate_bytes(64 << 20));
        assert_same(json!({ "max_files": 5 }), from_code().retain_files(5));
        assert_same(json!({ "max_total_bytes": "1 GiB" }), from_code().retain_bytes(1 << 30));
    }

    #[test]
    fn all_invalid_settings_are_reported_at_once() {
        let settings = json!({
            "rotate_every": "daily", "rotate_bytes": 5, "retain_files": 0, "compress": "lz4", "directory_mode": 700,
            "retain_age": "x", "current_link": "/a",
        });
        let mut paths: Vec<String> = sink(settings).unwrap_err().into_iter().map(|problem| problem.path).collect();
        paths.sort();
        let expected = [
            "compress",
            "current_link",
            "directory_mode",
            "retain_age",
            "retain_files",
            "rotate_bytes",
            "rotate_every",
        ];
        assert_eq!(paths, expected);
    }

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
