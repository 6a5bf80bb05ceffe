//! Settings from code, files and the environment: the order of the layers, and the errors.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod settings_file;

use std::{fs, time::Duration};

use fapilog::{
    Level, Settings,
    container::EventOrder,
    info,
    level::LevelFilter,
    plugin::{PluginKind, Registry},
    settings::{
        DeliverySettings, OverflowStrategy, PluginConfig, Preset, Reload, ReloadError, SettingsBuilder, SinkEntry,
    },
    sink::{self, DeadLetterOptions, MemoryEvents, OnFull, Route, SpillOptions},
};
use settings_file::{problems, written};

const NONE: [(&str, &str); 0] = [];

fn with_memory() -> (Registry, MemoryEvents) {
    let mut registry = Registry::linked();
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    (registry, events)
}

/// Settings that start with what there is in every registry.
fn plain() -> SettingsBuilder {
    let nothing: [&str; 0] = [];
    Settings::builder().sinks(["memory"]).enrichers(nothing).processors(nothing)
}

#[track_caller]
fn refused(builder: SettingsBuilder) -> Vec<String> {
    let settings = builder.build().unwrap();
    match settings.into_builder_with(&with_memory().0) {
        Err(error) => error.problems.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_environment_covers_a_file_and_a_file_covers_code() {
    let file = written("fapilog.toml", "batch_events_max = 2\nshards = 2\n");
    let settings = Settings::builder()
        .batch_events_max(1)
        .shards(1)
        .threads_max(1)
        .file(&file.path)
        .variables([("FAPILOG_BATCH_EVENTS_MAX", "3")])
        .build()
        .unwrap();
    assert_eq!((settings.batch_events_max, settings.shards, settings.threads_max), (3, 2, 1));
}

#[test]
fn tables_of_several_layers_are_merged() {
    let file = written("fapilog.toml", "[plugin_config.file]\nsync = \"batch\"\ndirect = true\n");
    let settings = Settings::builder()
        .plugin_config("file", PluginConfig::new().with("path", "a.log").with("direct", false))
        .file(&file.path)
        .variables([("FAPILOG_PLUGIN_CONFIG__FILE__PATH", "b.log")])
        .build()
        .unwrap();
    let merged = PluginConfig::new().with("path", "b.log").with("sync", "batch").with("direct", true);
    assert_eq!(settings.plugin_config["file"], merged);
}

#[test]
fn a_variable_names_the_file_where_the_code_names_none() {
    let (ours, theirs) = (written("a.toml", "batch_size = 1"), written("b.toml", "batch_size = 2"));
    let variables = [("FAPILOG_SETTINGS_FILE", theirs.path.to_str().unwrap())];
    let with_none = Settings::builder().variables(variables).build().unwrap();
    let with_one = Settings::builder().file(&ours.path).variables(variables).build().unwrap();
    assert_eq!((with_none.batch_events_max, with_one.batch_events_max), (2, 1));
}

#[test]
fn every_format_gives_the_same_settings() {
    let toml = "level = \"warn,app=debug\"\nenrichers = [\"context\"]\noverflow_strategy = \"drop_newest\"\n\
        flush_interval = \"5ms\"\nring_capacity_bytes = \"1 MiB\"\n\
        [[sinks]]\nname = \"orders\"\ntype = \"file\"\non_full = \"drop\"\n\
        [routing.orders]\nlevel_min = \"error\"\n[plugin_config.orders]\npath = \"orders.log\"\n";
    let json = r#"{ "level": "warn,app=debug", "enrichers": ["context"], "overflow_strategy": "drop_newest",
        "flush_interval": "5ms", "ring_capacity_bytes": "1 MiB",
        "sinks": [{ "name": "orders", "type": "file", "on_full": "drop" }],
        "routing": { "orders": { "level_min": "error" } }, "plugin_config": { "orders": { "path": "orders.log" } } }"#;
    let yaml = "level: warn,app=debug\nenrichers: [context]\noverflow_strategy: drop_newest\nflush_interval: 5ms\n\
        ring_capacity_bytes: 1 MiB\nsinks:\n  - { name: orders, type: file, on_full: drop }\n\
        routing:\n  orders: { level_min: error }\nplugin_config:\n  orders:\n    path: orders.log\n";
    let from_code = Settings::builder()
        .level("warn,app=debug".parse::<fapilog::level::Directives>().unwrap())
        .enrichers(["context"])
        .overflow_strategy(OverflowStrategy::DropNewest)
        .flush_interval(Duration::from_millis(5))
        .ring_capacity_bytes(1 << 20)
        .sinks([SinkEntry::new("orders").kind("file").on_full(OnFull::Drop)])
        .routing("orders", Route::default().level_min(Level::Error))
        .plugin_config("orders", PluginConfig::new().with("path", "orders.log"))
        .build()
        .unwrap();
    for (name, text) in [("a.toml", toml), ("a.json", json), ("a.yaml", yaml), ("a.yml", yaml)] {
        assert_eq!(Settings::from_file(written(name, text).path).unwrap(), from_code, "{name}");
    }
}

#[test]
fn deliveries_are_set_by_code_and_by_every_format_and_variable_alike() {
    let delivery = DeliverySettings::new()
        .queue_payloads(8)
        .queue_bytes(1 << 20)
        .attempts(10)
        .backoff(Duration::from_millis(50))
        .backoff_factor(1.5)
        .timeout(Duration::from_secs(5));
    let agent = SinkEntry::new("agent")
        .kind("file")
        .delivery(delivery)
        .fallback("stdout")
        .on_full(OnFull::Spill)
        .spill(SpillOptions::new("/var/spool/app").bytes_max(2 << 30))
        .dead_letters(DeadLetterOptions::new("dead.jsonl").bytes_max(8 << 20));
    let toml = "[[sinks]]\nname = \"agent\"\ntype = \"file\"\nfallback = \"stdout\"\n\
        on_full = \"spill\"\nspill = { directory = \"/var/spool/app\", bytes = \"2 GiB\" }\n\
        dead_letters = { path = \"dead.jsonl\", bytes = \"8 MiB\" }\n[sinks.delivery]\nqueue_payloads = 8\n\
        queue_bytes = \"1 MiB\"\nattempts = 10\nbackoff = \"50ms\"\nbackoff_factor = 1.5\ntimeout = \"5s\"\n\
        [[sinks]]\nname = \"stdout\"\n";
    let list = r#"[{ "name": "agent", "type": "file", "fallback": "stdout", "on_full": "spill",
        "spill": { "directory": "/var/spool/app", "bytes": "2147483648" },
        "dead_letters": { "path": "dead.jsonl", "bytes": 8388608 }, "delivery": { "queue_payloads": "8",
        "queue_bytes": 1048576, "attempts": 10, "backoff": "50ms", "backoff_factor": "1.5", "timeout": "5s" } }, "stdout"]"#;
    let yaml = "sinks:\n  - name: agent\n    type: file\n    fallback: stdout\n    on_full: spill\n\
        \x20   spill: { directory: /var/spool/app, bytes: 2 GiB }\n    dead_letters: { path: dead.jsonl, bytes: 8 MiB }\n    delivery: { queue_payloads: 8, queue_bytes: 1 MiB, \
        attempts: 10, backoff: 50ms, backoff_factor: 1.5, timeout: 5s }\n  - stdout\n";
    let from_code = Settings::builder().sinks([agent.clone(), "stdout".into()]).build().unwrap();
    assert_eq!(from_code.sinks[0], agent);
    for (name, text) in [("a.toml", toml), ("a.json", &format!("{{ \"sinks\": {list} }}")), ("a.yaml", yaml)] {
        assert_eq!(Settings::from_file(written(name, text).path).unwrap(), from_code, "{name}");
    }
    let by_variable = Settings::builder().variables([("FAPILOG_SINKS", list)]).build().unwrap();
    assert_eq!(by_variable, from_code);
}

#[test]
fn lists_in_variables_are_csv_or_json() {
    let names = ["context", "hostname"];
    for text in ["context,hostname", " context , hostname ", r#"["context", "hostname"]"#] {
        let settings = Settings::builder().variables([("FAPILOG_ENRICHERS", text)]).build().unwrap();
        assert_eq!(settings.enrichers, names, "{text}");
    }
    let sinks = r#"["stdout", { "name": "orders", "type": "file" }]"#;
    let settings = Settings::builder().variables([("FAPILOG_SINKS", sinks)]).build().unwrap();
    assert_eq!(settings.sinks, [SinkEntry::new("stdout"), SinkEntry::new("orders").kind("file")]);
}

#[test]
fn a_table_in_a_variable_is_json() {
    let text = r#"{ "my-file": { "path": "a.log" } }"#;
    let settings = Settings::builder().variables([("FAPILOG_PLUGIN_CONFIG", text)]).build().unwrap();
    assert_eq!(settings.plugin_config["my-file"], PluginConfig::new().with("path", "a.log"));
}

#[test]
fn sizes_and_durations_have_units() {
    let variables = [
        ("FAPILOG_RECORD_MAX_BYTES", "10 kB"),
        ("FAPILOG_RING_CAPACITY_BYTES", "512KiB"),
        ("FAPILOG_FLUSH_INTERVAL", "250ms"),
        ("FAPILOG_IDLE_SPIN", "20us"),
    ];
    let settings = Settings::builder().variables(variables).build().unwrap();
    assert_eq!((settings.record_max_bytes, settings.ring_capacity_bytes), (Some(10_000), Some(512 << 10)));
    assert_eq!(settings.flush_interval, Duration::from_millis(250));
    assert_eq!(settings.idle_spin, Some(Duration::from_micros(20)));
}

#[test]
fn an_extension_that_is_unknown_is_answered_with_those_that_are_known() {
    let file = written("fapilog.tml", "");
    let [problem] = &problems(Settings::builder().file(&file.path))[..] else { panic!() };
    assert!(problem.contains("its extension must be one of toml, json, yaml, yml; did you mean toml?"), "{problem}");
}

#[test]
fn a_file_that_cannot_be_parsed_is_named_and_the_other_layers_are_checked_all_the_same() {
    let file = written("fapilog.toml", "level = = 5");
    let problems = problems(Settings::builder().file(&file.path).variables([("FAPILOG_BATCH_SIZE", "0")]));
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems[0].contains("fapilog.toml:1:9 is unreadable; extra `=`"), "{problems:#?}");
}

#[test]
fn every_invalid_value_of_every_layer_is_in_one_error() {
    let file = written(
        "fapilog.toml",
        "btach_size = 5\nmax_workers = 100\nlevel = \"inof\"\ncolors = \"allways\"\n\
         sinks = [\"std out\", { name = \"a\", formater = \"json\" }]\n\
         [routing.b]\nlevel_min = \"eror\"\n",
    );
    let path = file.path.display();
    let variables = [
        ("FAPILOG_QUEUE_MAX_SIZE", "5"),
        ("FAPILOG_FLUSH_INTERVAL", "soon"),
        ("FAPILOG_RING_CAPACITY_BYTES", "100 kB"),
        ("FAPILOG_DRAIN_CPUS", "1,x"),
        ("FAPILOG_COMPLIANCE_STANDARDS", "art. 17"),
        ("UNRELATED", "anything"),
    ];
    let found = problems(Settings::builder().threads_max(0).file(&file.path).variables(variables));
    let expected = [
        format!("btach_size is 5; there is no such setting; did you mean batch_size? (given by file {path}:1:14)"),
        format!("level is \"inof\"; is it the level INFO, or a target? A target of such a name needs its level: target=TRACE (given by file {path}:3:9)"),
        format!("sinks[0] is \"std out\"; a name is made of letters, digits, _ and - (given by file {path}:5:10)"),
        format!("sinks[1].formater is \"json\"; there is no such setting; did you mean formatter? (given by file {path}:5:46)"),
        format!("routing.b.level_min is \"eror\"; allowed are TRACE, DEBUG, INFO, WARNING (or WARN), ERROR, CRITICAL, AUDIT, SECURITY and OFF, in any case; did you mean ERROR? (given by file {path}:7:13)"),
        format!("routing.b is given; `sinks` names no sink of that name; did you mean a? (given by file {path}:6:1; sinks given by file {path}:5:9)"),
        format!("colors is \"allways\"; allowed are auto, always, never; did you mean always? (given by file {path}:4:10)"),
        "compliance_standards[0] is \"art. 17\"; a name is made of letters, digits, _ and - (given by FAPILOG_COMPLIANCE_STANDARDS)".to_owned(),
        format!("max_workers is 100; allowed are 1 to 64 (given by file {path}:2:15)"),
        "drain_cpus[1] is \"x\"; it must be a whole number from 0 (given by FAPILOG_DRAIN_CPUS)".to_owned(),
        "queue_max_size is 5; allowed are 100 to 1000000 (given by FAPILOG_QUEUE_MAX_SIZE)".to_owned(),
        "ring_capacity_bytes is 100000; allowed are 16 KiB to 1 GiB, a power of two (given by FAPILOG_RING_CAPACITY_BYTES)".to_owned(),
        "threads_max is 0; allowed are 1 to 65536 (given by code)".to_owned(),
        "flush_interval is \"soon\"; it must be a duration with its unit, such as \"250ms\" or \"1m 30s\"; allowed are 0s to 1h (given by FAPILOG_FLUSH_INTERVAL)".to_owned(),
    ];
    assert_eq!(found, expected, "{found:#?}");
}

#[test]
fn a_preset_lies_below_code_file_and_environment() {
    let file = written("fapilog.toml", "preset = \"dev\"\nflush_interval = \"9ms\"\n");
    let settings = Settings::builder().level(Level::Error).file(&file.path).variables(NONE).build().unwrap();
    assert_eq!(settings.preset, Some(Preset::Dev));
    assert_eq!(settings.level.level(), LevelFilter::AtLeast(Level::Error));
    assert_eq!(settings.flush_interval, Duration::from_millis(9));
    assert!(settings.enable_internal_logging);
}

#[test]
fn every_preset_is_valid_and_is_what_its_name_loads() {
    for name in Preset::NAMES {
        let settings = Settings::builder().variables([("FAPILOG_PRESET", *name)]).build().unwrap();
        let preset = settings.preset.unwrap();
        assert_eq!((preset.name(), &settings), (*name, &Settings::preset(preset)));
    }
}

#[test]
fn settings_are_a_part_of_a_programs_own_settings() {
    #[derive(serde::Deserialize)]
    struct Program {
        port: u16,
        log: Settings,
    }
    let program: Program = serde_json::from_str(r#"{ "port": 80, "log": { "batch_size": 9 } }"#).unwrap();
    assert_eq!((program.port, program.log.batch_events_max), (80, 9));
}

#[test]
fn what_is_written_reads_back_as_it_was() {
    for name in Preset::NAMES {
        let settings = Settings::builder().variables([("FAPILOG_PRESET", *name)]).build().unwrap();
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
    }
}

#[test]
fn invalid_settings_of_plugins_are_in_one_error_too() {
    let found = refused(
        plain()
            .sinks([SinkEntry::new("memory"), SinkEntry::new("orders").kind("fiel").formatter("jsno"), "file".into()])
            .enrichers(["contxt"])
            .processors(["throttle", "json"])
            .plugin_config("throttle", PluginConfig::new().with("events_per_secnd", 5).with("burst_events", "many"))
            .plugin_config(
                "file",
                PluginConfig::new().with("path", "/").with("mode", "999").with("block_bytes", "1 lot"),
            )
            .plugin_config("trottle", PluginConfig::new().with("burst_events", 5))
            .variables([("FAPILOG_PLUGIN_CONFIG__MEMORY__CAPACITY_BYTES", "[]")]),
    );
    // The registered names are allowed.
    let (registry, _events) = with_memory();
    let allowed = |kind| {
        let known = registry.plugins().filter(|plugin| plugin.kind == kind);
        known.map(|plugin| plugin.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let [sinks, formatters] = [PluginKind::Sink, PluginKind::Formatter].map(allowed);
    let [enrichers, processors] = [PluginKind::Enricher, PluginKind::Processor].map(allowed);
    let expected = [
        &*format!(
            "sinks[1].type is \"fiel\"; there is no such sink; allowed are {sinks}; did you mean file? (given by code)"
        ),
        &*format!(
            "sinks[1].formatter is \"jsno\"; there is no such formatter; allowed are {formatters}; did you mean json? (given by code)"
        ),
        &*format!(
            "enrichers[0] is \"contxt\"; there is no such enricher; allowed are {enrichers}; did you mean context? (given by code)"
        ),
        &*format!("processors[1] is \"json\"; it is the name of a formatter; allowed are {processors} (given by code)"),
        "plugin_config.throttle.burst_events is \"many\"; it must be a whole number from 0 (given by code)",
        "plugin_config.throttle.events_per_secnd is 5; there is no such setting; did you mean events_per_second? (given by code)",
        "plugin_config.memory.capacity_bytes is []; it must be a number of bytes, or a size with its unit, such as \"10 MB\" or \"512 KiB\" (given by FAPILOG_PLUGIN_CONFIG__MEMORY__CAPACITY_BYTES)",
        "plugin_config.file.block_bytes is \"1 lot\"; \"lot\" is no unit of size; units are B, kB, MB, GB, TB, KiB, MiB, GiB and TiB (given by code)",
        "plugin_config.file.mode is \"999\"; it must be permissions in octal, as chmod takes them, as text in quotes, such as \"640\" (given by code)",
        "plugin_config.file.path is \"/\"; it must name a file (given by code)",
        "plugin_config.trottle is given; there is no sink and no plugin of that name; did you mean throttle? (given by code)",
    ];
    assert_eq!(found, expected, "{found:#?}");
}

#[test]
fn what_the_program_changed_later_is_not_blamed_on_a_layer() {
    let mut settings = Settings::builder().variables([("FAPILOG_BATCH_SIZE", "5")]).build().unwrap();
    settings.batch_events_max = 0;
    assert_eq!(settings.check().unwrap_err().problems[0].given_by, None);
}

#[test]
fn a_file_sink_takes_all_its_settings() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("orders.log");
    let text = format!(
        "sinks = [{{ name = \"orders\", type = \"file\", formatter = \"json\" }}]\nenrichers = []\nprocessors = []\n\
         [plugin_config.orders]\npath = {path:?}\nengine = \"blocking\"\ndirect = false\nblock_bytes = \"64 KiB\"\n\
         blocks_in_flight = 2\none_file = true\nsync = {{ interval = \"1s\" }}\nmode = \"600\"\n"
    );
    let container =
        Settings::from_file(written("a.toml", &text).path).unwrap().into_builder().unwrap().start().unwrap();
    info!(container.logger("orders"), "filled");
    let accounts = container.shutdown(Duration::from_secs(10)).unwrap();
    assert_eq!((accounts.sinks[0].name.as_str(), accounts.sinks[0].writer.as_str()), ("orders", "pwrite, buffered"));
    assert!(fs::read_to_string(&path).unwrap().contains("filled"));
}

#[test]
fn a_reload_changes_the_level_of_a_running_container() {
    let (registry, _events) = with_memory();
    let container = plain().build().unwrap().into_builder_with(&registry).unwrap().start().unwrap();
    container.reload(plain().level(Level::Error).build().unwrap()).unwrap();
    assert_eq!(container.level(), LevelFilter::AtLeast(Level::Error));
}

#[test]
fn a_reload_that_cannot_be_whole_changes_nothing() {
    let (registry, _events) = with_memory();
    let container = plain().build().unwrap().into_builder_with(&registry).unwrap().start().unwrap();
    let new = plain().level(Level::Error).batch_events_max(5).shards(2).build().unwrap();
    let error = container.reload(new).unwrap_err();
    assert!(
        matches!(&error, ReloadError::NeedsRestart { settings } if *settings == ["shards", "batch_events_max"]),
        "{error}"
    );
    assert_eq!(container.level(), LevelFilter::AtLeast(Level::Info));
}

#[test]
fn a_file_can_be_reloaded() {
    let (registry, _events) = with_memory();
    let file = written("a.json", r#"{ "sinks": ["memory"], "enrichers": [], "processors": [] }"#);
    let settings = Settings::from_file(&file.path).unwrap();
    let container = settings.into_builder_with(&registry).unwrap().start().unwrap();
    fs::write(&file.path, r#"{ "sinks": ["memory"], "enrichers": [], "processors": [], "level": "trace" }"#).unwrap();
    container.reload_file(&file.path).unwrap();
    assert_eq!(container.level(), LevelFilter::AtLeast(Level::Trace));
    fs::write(&file.path, r#"{ "level": "tarce" }"#).unwrap();
    assert!(matches!(container.reload_file(&file.path), Err(ReloadError::Settings(_))));
    assert_eq!(container.level(), LevelFilter::AtLeast(Level::Trace));
}

#[test]
fn a_settings_file_that_cannot_be_read_keeps_the_error_of_the_system() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.toml");
    let error = Settings::builder().batch_events_max(0).file(&missing).build().unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(cause.kind(), std::io::ErrorKind::NotFound);
    let of_problem = |problem: &fapilog::error::Problem| problem.cause.as_ref().map(|cause| cause.error().kind());
    let causes: Vec<_> = error.problems.iter().map(of_problem).collect();
    assert_eq!(causes, [Some(std::io::ErrorKind::NotFound), None], "{error}");

    let (registry, _events) = with_memory();
    let container = plain().build().unwrap().into_builder_with(&registry).unwrap().start().unwrap();
    let error = container.reload_file(&missing).unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().is::<std::io::Error>());
    let error = fapilog::Error::from(error);
    assert_eq!(error.code(), "configuration.settings");
    assert!(error.to_string().contains("missing.toml"), "{error}");
}

#[test]
fn a_setting_can_be_given_by_its_alias_in_every_layer() {
    let file = written("fapilog.toml", "max_workers = 2\nordering = \"by_producer\"\n");
    let variables = [("FAPILOG_BATCH_SIZE", "3")];
    let settings = Settings::builder().shards(5).file(&file.path).variables(variables).build().unwrap();
    assert_eq!((settings.shards, settings.batch_events_max), (2, 3));
    assert_eq!(settings.order, EventOrder::ByProducer);
    // A later layer may use the other name.
    let settings = Settings::builder().file(&file.path).variables([("FAPILOG_SHARDS", "4")]).build().unwrap();
    assert_eq!(settings.shards, 4);
    let own: Settings = serde_json::from_str(r#"{ "max_workers": 3 }"#).unwrap();
    assert_eq!(own.shards, 3);
}

#[test]
fn an_error_names_a_setting_as_it_was_written() {
    let file = written("fapilog.toml", "max_workers = 100\nordering = \"by_tiem\"\n");
    let path = file.path.display();
    let found = problems(Settings::builder().file(&file.path).variables([("FAPILOG_BATCH_SIZE", "0")]));
    let expected = [
        format!("max_workers is 100; allowed are 1 to 64 (given by file {path}:1:15)"),
        format!(
            "ordering is \"by_tiem\"; allowed are by_time, by_producer; did you mean by_time? (given by file {path}:2:12)"
        ),
        "batch_size is 0; allowed are 1 to 10000 (given by FAPILOG_BATCH_SIZE)".to_owned(),
    ];
    assert_eq!(found, expected);

    let file = written("fapilog.toml", "shards = 100\n");
    let expected = format!("shards is 100; allowed are 1 to 64 (given by file {}:1:10)", file.path.display());
    assert_eq!(problems(Settings::builder().file(&file.path)), [expected]);
}

#[test]
fn a_setting_by_name_and_by_alias_in_one_layer_is_an_error() {
    let file = written("fapilog.toml", "shards = 1\nmax_workers = 2\n");
    let expected = format!(
        "max_workers is 2; shards is given too, and is the same setting: give only one of them (given by file {}:2:15)",
        file.path.display()
    );
    assert_eq!(problems(Settings::builder().file(&file.path)), [expected]);

    let variables = [("FAPILOG_MAX_WORKERS", "2"), ("FAPILOG_SHARDS", "2")];
    let expected = "max_workers is \"2\"; shards is given too, and is the same setting: give only one of them \
        (given by FAPILOG_MAX_WORKERS)";
    assert_eq!(problems(Settings::builder().variables(variables)), [expected]);
}

#[test]
fn a_reload_that_needs_a_restart_names_the_settings_as_they_were_written() {
    let (registry, _events) = with_memory();
    let container = plain().build().unwrap().into_builder_with(&registry).unwrap().start().unwrap();
    let new = plain().variables([("FAPILOG_MAX_WORKERS", "2")]).build().unwrap();
    let error = container.reload(new).unwrap_err();
    assert!(matches!(&error, ReloadError::NeedsRestart { settings } if *settings == ["max_workers"]), "{error}");
}
