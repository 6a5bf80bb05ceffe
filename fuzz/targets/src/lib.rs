//! A function of any bytes for each parser of user input and for each formatter.
//!
//! A function panics if the code under test does, or if it breaks a promise that holds for every input. The programs in `fuzz/`
//! call the functions with the inputs of libFuzzer; the test of this crate calls them with the seeds in `fuzz/seeds`, and
//! with every input that has found an error.

#![expect(clippy::panic, reason = "a panic is how a finding is reported")]

mod audit_trail;
mod directives;
mod encryption;
mod formatters;
mod kubernetes;
mod lines;
mod plugins;
mod records;
mod redaction;
mod requests;
mod settings;
mod stage;
mod units;

/// A function that must hold for any bytes.
#[derive(Debug, Clone, Copy)]
pub struct FuzzTarget {
    /// The name: of its program, and of the folder of its seeds.
    pub name: &'static str,
    /// Panics if the input breaks a promise.
    pub run: fn(&[u8]),
}

const fn target(name: &'static str, run: fn(&[u8])) -> FuzzTarget {
    FuzzTarget { name, run }
}

/// All targets.
pub const TARGETS: &[FuzzTarget] = &[
    target("settings_toml", settings::toml),
    target("settings_json", settings::json),
    target("settings_yaml", settings::yaml),
    target("settings_variables", settings::variables),
    target("plugin_settings", plugins::settings),
    target("kubernetes_labels", kubernetes::labels),
    target("directives", directives::directives),
    target("units", units::units),
    target("records", records::records),
    target("audit_trail", audit_trail::files),
    target("request_control", requests::control),
    target("request_scrape", requests::scrape),
    target("encrypted_frames", encryption::frames),
    target("sealed_values", encryption::values),
    target("formatter_json", formatters::json),
    target("formatter_lines", formatters::lines),
    target("formatter_pretty", formatters::pretty),
    target("formatter_products", formatters::products),
    target("redaction_content", redaction::content),
];

/// Runs the target of this name.
///
/// # Panics
/// If there is no such target, or the input breaks a promise.
pub fn run(name: &str, input: &[u8]) {
    match TARGETS.iter().find(|target| target.name == name) {
        Some(target) => (target.run)(input),
        None => panic!("there is no fuzz target {name:?}"),
    }
}
