//! How do I set up the log of a production service: a settings file, several sinks with routes, an audit file that is
//! stable on disk, masked secrets, a change of level without a restart, metrics, and a report at the end?
//!
//! `cargo run -p fapilog --example enterprise_setup`

#![expect(clippy::print_stdout, reason = "an example shows what came out")]
#![expect(clippy::indexing_slicing, reason = "a JSON value without the key is null")]

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use example_plugin::MaskedKeys;
use fapilog::{
    Container, Scope, Settings, audit, debug, error,
    error::ShutdownError,
    info,
    metrics::Accounts,
    plugin::{Factory, Metadata, RegisterError, Registry},
    security,
    settings::Reload,
};
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(5);

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let files = Files::new(directory.path());
    fs::write(&files.settings, files.toml("info"))?;

    let mut registry = Registry::linked();
    register_redactor(&mut registry)?;
    // `load` covers the file by the environment: operators set `FAPILOG_LEVEL=debug` for one run.
    let settings = Settings::builder()
        // A function is given by code alone: an alert would go out at this point.
        .error_callback(|diagnostic| println!("alert: {diagnostic}"))
        .load(Some(&files.settings))?;
    let logs = settings.into_builder_with(&registry)?.start()?;

    serve(&logs);
    change_level(&logs, &files)?;
    watch(&logs)?;
    report(logs.shutdown(TIMEOUT))?;
    check(&files)
}

/// Where everything is.
struct Files {
    settings: PathBuf,
    app: PathBuf,
    errors: PathBuf,
    audit: PathBuf,
}

impl Files {
    fn new(directory: &Path) -> Self {
        let file = |name: &str| directory.join(name);
        Self {
            settings: file("fapilog.toml"),
            app: file("app.log"),
            errors: file("errors.log"),
            audit: file("audit.log"),
        }
    }

    /// `production`: JSON, host and service in each event, diagnostics on stderr.
    fn toml(&self, level: &str) -> String {
        let (app, errors, audit) = (self.app.display(), self.errors.display(), self.audit.display());
        format!(
            r#"
            preset = "production"
            level = "{level}"
            heartbeat = "1m"
            processors = ["filter", "throttle", "size_guard"]
            redactors = ["masked_keys"]
            sinks = [
                {{ name = "app", type = "file" }},
                {{ name = "errors", type = "file", formatter = "logfmt" }},
                {{ name = "audit", type = "file" }},
            ]

            [overflow]
            timeout = "200ms"

            [routing.app]
            level_max = "CRITICAL"

            [routing.errors]
            level_min = "ERROR"
            level_max = "CRITICAL"

            # AUDIT and SECURITY, and nothing else. An event counts as delivered once it is stable on the disk.
            [routing.audit]
            level_min = "AUDIT"

            [plugin_config.app]
            path = '{app}'
            sync = {{ interval = "1s" }}

            [plugin_config.errors]
            path = '{errors}'

            [plugin_config.audit]
            path = '{audit}'
            sync = "batch"
            mode = "600"

            [plugin_config.runtime_info]
            service = "matching-engine"
            version = "2.7.1"
            environment = "production"

            [plugin_config.size_guard]
            event_max_bytes = "64 KiB"
            "#
        )
    }
}

/// Secrets are masked behind all other plugins: nothing can be added behind its back.
fn register_redactor(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_redactor(Metadata::new("masked_keys", "1.0.0").description("Masks secrets"), |settings| {
        settings.none()?;
        Ok(Factory::processor(|_shard| MaskedKeys::new(["password", "card"])))
    })
}

fn serve(logs: &Container) {
    let log = logs.logger("orders");
    let _request = Scope::new().correlation_id_or_new(Some("4711")).enter();
    info!(log, "order filled", order_id = 42, card = "4111111111111111", metrics.latency_ms = 0.8);
    debug!(log, "not logged: the level is INFO");
    error!(log, "feed lost", error = #std::io::Error::other("connection reset"), tags.venue = "XNAS");
    audit!(log, "limit raised", by = "kim", from = 1000, to = 5000);
    security!(log, "login refused", user = "root", password = "swordfish");
}

/// The file is edited, and the program reads it again, for example at a signal. Settings apply as a whole or not at
/// all.
fn change_level(logs: &Container, files: &Files) -> Result<(), Box<dyn Error>> {
    let log = logs.logger("orders");
    fs::write(&files.settings, files.toml("info,orders=loud"))?;
    match logs.reload_file(&files.settings) {
        Ok(()) => return Err("a level that does not exist was taken".into()),
        Err(error) => println!("refused, and nothing has changed: {error}"),
    }
    fs::write(&files.settings, files.toml("debug"))?;
    logs.reload_file(&files.settings)?;
    debug!(log, "logged: the level is DEBUG now");
    Ok(())
}

/// The figures that a monitoring system scrapes.
fn watch(logs: &Container) -> Result<(), Box<dyn Error>> {
    logs.flush(TIMEOUT)?;
    let metrics = logs.metrics();
    println!("health {}, executor {:?}, {} shards", metrics.health, metrics.executor, metrics.shards);
    println!("drain lag 99 %: {:?}; call to delivery 99 %: {:?}", metrics.drain_lag.p99, metrics.end_to_end.p99);
    println!("rings: {} of {} bytes, {:.1} % full at most", metrics.rings.count, metrics.rings.capacity_bytes, {
        metrics.rings.fill_max * 100.0
    });
    for plugin in &metrics.plugins {
        let (kind, name, state) = (plugin.kind, &plugin.name, plugin.state);
        println!("{kind} {name}: {state}, {} batches, {:?}, {} errors", plugin.batches, plugin.time, plugin.errors);
    }
    assert_eq!(metrics.accounts.lost_total(), 0);
    Ok(())
}

/// The end of the program: each event is delivered, or counted with a reason.
fn report(end: Result<Accounts, ShutdownError>) -> Result<(), fapilog::Error> {
    // An error at this point is for the exit status: with the events that are not delivered, and a stable code.
    let accounts = end.inspect_err(|error| println!("the log did not end well: {error}"))?;
    println!("{accounts}");
    for sink in &accounts.sinks {
        let (name, writer) = (&sink.name, &sink.writer);
        println!("{name}: {} events, {} bytes, {} errors, by {writer}", sink.delivered, sink.bytes, sink.errors);
    }
    if let Err(error) = accounts.check() {
        println!("a bug in fapilog: {error}");
    }
    Ok(())
}

fn check(files: &Files) -> Result<(), Box<dyn Error>> {
    let read = |path: &PathBuf| fs::read_to_string(path);
    let (app, errors, audit) = (read(&files.app)?, read(&files.errors)?, read(&files.audit)?);
    let messages = |text: &str| -> Result<Vec<Value>, serde_json::Error> {
        text.lines().map(|line| serde_json::from_str::<Value>(line).map(|event| event["message"].clone())).collect()
    };
    assert_eq!(messages(&app)?, ["order filled", "feed lost", "logged: the level is DEBUG now"]);
    assert_eq!(messages(&audit)?, ["limit raised", "login refused"]);
    assert!(errors.lines().count() == 1 && errors.contains(r#"msg="feed lost""#), "{errors}");
    assert!(app.contains(r#""service":"matching-engine""#) && app.contains(r#""correlation_id":"4711""#));
    let all = [app, errors, audit].concat();
    assert!(!all.contains("swordfish") && !all.contains("4111111111111111"), "{all}");
    Ok(())
}
