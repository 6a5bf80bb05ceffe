//! Rows of plugins: their names, their settings, and their place.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use fapilog::{
    Level,
    event::Batch,
    format::{Colors, Formatter},
    plugin::{Factory, Metadata, PluginError, Registry},
    process::Processor,
    settings::PluginConfig,
    sink::Route,
};

use crate::log::{plain, start, start_with};

pub(super) fn sinks() {
    let started = start(plain().sinks(["null", "memory"]));
    started.log("to both").text();
    let names: Vec<_> = started.container.accounts().sinks.into_iter().map(|sink| sink.name).collect();
    assert_eq!(names, ["null", "memory"]);
}

pub(super) fn enrichers() {
    assert!(!start(plain()).log("bare").text().contains("process_id"));
    assert!(start(plain().enrichers(["context"])).log("rich").text().contains("process_id"));
}

pub(super) fn processors() {
    let only_errors =
        plain().processors(["filter"]).plugin_config("filter", PluginConfig::new().with("level", "error"));
    assert_eq!(start(only_errors).log("taken out").text(), "");
}

/// Takes everything out.
struct Silence;

impl Processor for Silence {
    fn name(&self) -> &'static str {
        "silence"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        batch.retain(|_| false);
        Ok(())
    }
}

pub(super) fn redactors() {
    let mut registry = Registry::linked();
    registry.register_redactor(Metadata::new("silence", "1.0.0"), |_| Ok(Factory::processor(|_| Silence))).unwrap();
    let started = start_with(plain().redactors(["silence"]), registry);
    assert_eq!(started.log("secret").text(), "");
    assert_eq!(started.container.accounts().filtered, [("silence".to_owned(), 1)]);
}

/// Writes a line of one word.
struct Dots;

impl Formatter for Dots {
    fn name(&self) -> &'static str {
        "dots"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        batch.events().iter().for_each(|_| out.extend_from_slice(b".\n"));
        Ok(())
    }
}

pub(super) fn formatter() {
    let mut registry = Registry::linked();
    registry.register_formatter(Metadata::new("dots", "1.0.0"), |_| Ok(Factory::formatter(|_| Dots))).unwrap();
    assert_eq!(start_with(plain().formatter("dots"), registry).log("anything").text(), ".");
    assert!(start(plain()).log("anything").text().starts_with('{'));
}

pub(super) fn plugin_config() {
    let slow = PluginConfig::new().with("events_per_second", 1).with("burst_events", 1);
    let started = start(plain().processors(["throttle"]).plugin_config("throttle", slow));
    for _ in 0..100 {
        started.log("again");
    }
    started.text();
    let filtered = started.container.accounts().filtered;
    assert!(filtered.iter().any(|(name, count)| name == "throttle" && *count > 0), "{filtered:?}");
}

pub(super) fn routing() {
    let routed = start(plain().routing("memory", Route::default().level_min(Level::Error)));
    assert_eq!(routed.log("below").text(), "");
    assert_eq!(routed.container.accounts().sinks.first().unwrap().filtered, 1);
}

pub(super) fn colors() {
    let seen = Arc::<Mutex<Vec<bool>>>::default();
    let eye = Arc::clone(&seen);
    let mut registry = Registry::linked();
    registry
        .register_formatter(Metadata::new("painter", "1.0.0"), move |settings| {
            eye.lock().unwrap().push(settings.has_colors());
            Ok(Factory::formatter(|_| Dots))
        })
        .unwrap();
    start_with(plain().formatter("painter").colors(Colors::Never), registry.clone());
    start_with(plain().formatter("painter").colors(Colors::Always), registry);
    // For a terminal and for elsewhere.
    assert_eq!(*seen.lock().unwrap(), [false, false, true, true]);
}

/// Takes its time.
struct Slow;

impl Processor for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        thread::sleep(Duration::from_millis(2));
        Ok(())
    }
}

pub(super) fn plugin_timeout() {
    let slow_batches = |timeout| {
        let mut registry = Registry::linked();
        registry.register_processor(Metadata::new("slow", "1.0.0"), |_| Ok(Factory::processor(|_| Slow))).unwrap();
        let started = start_with(plain().processors(["slow"]).plugin_timeout(timeout), registry);
        started.log("logged").text();
        started.container.metrics().plugins.iter().map(|plugin| plugin.slow).sum::<u64>()
    };
    assert_eq!(slow_batches(Duration::from_millis(1)), 1);
    assert_eq!(slow_batches(Duration::ZERO), 0);
}
