//! Errors in settings: all of them at once, each with its place, and a way to mend it.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod settings_file;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog::{
    Level, Settings,
    level::LevelFilter,
    plugin::{Metadata, Registry},
    settings::{DeliverySettings, PluginConfig, Preset, SettingsBuilder, SinkEntry},
    sink::{self, DeliveryPolicy, Sink, SinkContext, SinkError, SinkFactory},
};
use settings_file::{problems, written};

const NOTHING: [&str; 0] = [];

/// All problems that the start of a log finds.
#[track_caller]
fn refused(builder: SettingsBuilder) -> Vec<String> {
    builder.into_builder().unwrap_err().problems.iter().map(ToString::to_string).collect()
}

/// The problems of a TOML file, with its places in place of its name.
#[track_caller]
fn refused_file(text: &str) -> Vec<String> {
    let file = written("log.toml", text);
    let name = file.path.display().to_string();
    refused(Settings::builder().file(&file.path))
        .into_iter()
        .map(|problem| problem.replace(&name, "log.toml"))
        .collect()
}

#[test]
fn a_sink_or_plugin_with_settings_that_nothing_uses_is_an_error() {
    let text = "sinks = [{ name = \"orders\", type = \"file\", formatter = \"json\" }]\n\
        [plugin_config]\norders.path = \"orders.log\"\nfile.path = \"a.log\"\nstderr.queue_capacity_bytes = 65536\n\
        dedupe.window = \"1s\"\nhostname.x = 1\nlogfmt.x = 1\ntrottle.burst_events = 1\n";
    let expected = [
        "plugin_config.dedupe is given; `processors` names no such processor (given by file log.toml:6:1)",
        "plugin_config.file is given; the settings of that sink are under its own name, plugin_config.orders (given by file log.toml:4:1; sinks given by file log.toml:1:9)",
        "plugin_config.hostname is given; `enrichers` names no such enricher (given by file log.toml:7:1)",
        "plugin_config.logfmt is given; no sink has that formatter (given by file log.toml:8:1)",
        "plugin_config.stderr is given; `sinks` names no such sink (given by file log.toml:5:1; sinks given by file log.toml:1:9)",
        "plugin_config.trottle is given; there is no sink and no plugin of that name; did you mean throttle? (given by file log.toml:9:1)",
    ];
    assert_eq!(refused_file(text), expected);
    assert_eq!(
        refused_file("\n[plugin_config.file]\n#path = \"a.log\"\n"),
        ["plugin_config.file is given; `sinks` names no such sink (given by file log.toml:2:1)"]
    );
}

#[test]
fn a_check_of_another_programs_settings_finds_all_but_the_names_of_its_plugins() {
    let text = "shards = 100\nsinks = [\"stdot\", \"kafka\"]\n[plugin_config.kafka]\ntopic = \"logs\"\n";
    let file = written("log.toml", text);
    let error = Settings::builder().file(&file.path).check().unwrap_err();
    let paths: Vec<_> = error.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["sinks[0]", "shards"]);
    let valid = written("log.toml", "sinks = [\"kafka\"]\n[plugin_config.kafka]\ntopic = \"logs\"\n");
    Settings::builder().file(&valid.path).check().unwrap();
    assert!(Settings::builder().file(&valid.path).into_builder().is_err());
}

#[test]
fn settings_of_a_sink_that_only_a_later_layer_takes_out_are_no_error() {
    let file = written(
        "log.toml",
        "sinks = [\"file\"]\nprocessors = \"dedupe\"\n[plugin_config]\nfile.path = \"a.log\"\ndedupe.window = \"1s\"\n",
    );
    let variables = [("FAPILOG_SINKS", "null"), ("FAPILOG_PROCESSORS", "[]")];
    drop(Settings::builder().file(&file.path).variables(variables).into_builder().unwrap());
    // The preset gives settings of `size_guard`.
    drop(Settings::builder().preset(Preset::Hardened).processors(NOTHING).into_builder().unwrap());
    let mut changed = Settings::preset(Preset::Hardened);
    changed.processors.clear();
    drop(changed.into_builder().unwrap());
}

#[test]
fn settings_of_the_formatters_that_auto_stands_for_are_used() {
    for formatter in ["json", "pretty"] {
        let own = || PluginConfig::new();
        drop(Settings::builder().plugin_config(formatter, own()).into_builder().unwrap());
        let others = Settings::builder().formatter("logfmt").plugin_config(formatter, own());
        assert!(refused(others)[0].contains("no sink has that formatter"));
    }
}

#[test]
fn a_number_that_is_not_whole_is_refused_as_such() {
    let file = written("log.yaml", "batch_size: 0512\nshards: 65\n");
    let error = Settings::from_file(&file.path).unwrap_err().to_string();
    assert!(error.contains("batch_size is 512.0; it must be a whole number; allowed are 1 to 10000"), "{error}");
    assert!(error.contains("shards is 65; allowed are 1 to 64"), "{error}");
}

#[test]
fn an_invalid_formatter_hides_no_error_of_its_sink_nor_of_the_other_formatter() {
    let text = "sinks = [\"file\"]\n[plugin_config]\nfile = { block_bytes = 100, jornal = true }\n\
        json = { callsite = true }\npretty = { tim = \"utc\" }\n";
    let file = written("log.toml", text);
    let error = Settings::builder().file(&file.path).into_builder().unwrap_err().to_string();
    for part in ["5 invalid settings", "file.block_bytes", "file.jornal", "file.path", "json.callsite", "pretty.tim"] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn all_errors_of_settings_and_of_plugins_are_in_one_error_one_a_line() {
    let text = "btach_size = 5\nshards = 100\nsinks = [\"stdot\", { name = \"orders\", type = \"file\" }]\n\
        processors = [\"filtr\", \"throttle\"]\n\
        [plugin_config.orders]\nmode = 644\nblock_bytes = 100\n[plugin_config.throttle]\nquiet = 5\n";
    let file = written("log.toml", text);
    // Also without a registry, and where only the file is read.
    let errors = [
        Settings::from_file(&file.path).unwrap_err(),
        Settings::load(Some(&file.path)).unwrap_err(),
        Settings::builder().file(&file.path).into_builder().unwrap_err(),
    ];
    for error in errors {
        let text = error.to_string();
        let lines: Vec<&str> = text.lines().collect();
        let expected = [
            "8 invalid settings:",
            "  btach_size is 5; there is no such setting; did you mean batch_size? ",
            "  sinks[0] is \"stdot\"; there is no such sink; allowed are ",
            "  processors[0] is \"filtr\"; there is no such processor; allowed are ",
            "  plugin_config.throttle.quiet is 5; it has no unit; write \"5ms\" or \"5s\" ",
            "  plugin_config.orders.mode is 644; it must be text in quotes, as chmod takes it; write \"644\" ",
            "  plugin_config.orders.path is missing; it must be given",
            "  plugin_config.orders.block_bytes is 100; it must be a multiple of 4096 ",
            "  shards is 100; allowed are 1 to 64 ",
        ];
        assert_eq!(lines.len(), 9, "{text}");
        for (line, start) in lines.iter().zip(expected) {
            assert!(line.starts_with(start), "{line}");
        }
    }
}

#[test]
fn a_plugin_that_may_be_registered_by_the_program_is_no_error_before_it_is_known() {
    let builder =
        || Settings::builder().shards(0).sinks(["memory", "our_own"]).plugin_config("our_own", PluginConfig::new());
    assert_eq!(problems(builder()), ["shards is 0; allowed are 1 to 64 (given by code)"]);
    let mut registry = Registry::linked();
    let _events = sink::Memory::register(&mut registry, "memory").unwrap();
    let error = builder().into_builder_with(&registry).unwrap_err();
    assert_eq!(error.problems.len(), 2, "{error}");
    assert_eq!(error.problems[0].path, "sinks[1]");
}

#[test]
fn an_error_that_follows_from_another_one_is_not_in_the_list() {
    // `routing.orders` may be right.
    assert_eq!(
        refused_file("sinks = 5\n[routing.orders]\nlevel_min = \"info\"\n[plugin_config.file]\npath = \"a\"\n"),
        ["sinks is 5; allowed are a list of names of sinks, or tables; at least one (given by file log.toml:1:9)"]
    );
    assert_eq!(
        refused_file("ring_capacity_bytes = 1\nrecord_max_bytes = \"1 MiB\"\n"),
        ["ring_capacity_bytes is 1; allowed are 16 KiB to 1 GiB, a power of two (given by file log.toml:1:23)"]
    );
    let misspelt = refused_file("sinks = [\"fiel\"]\n[plugin_config.file]\npath = \"a\"\n");
    assert!(misspelt.len() == 1 && misspelt[0].contains("did you mean file?"), "{misspelt:?}");
}

#[test]
fn a_value_that_does_not_fit_another_one_names_the_layers_of_both() {
    let file = written("log.toml", "record_max_bytes = \"1 MiB\"\n[routing.stdout]\nlevel_min = \"error\"\n");
    let variables = [("FAPILOG_RING_CAPACITY_BYTES", "64 KiB"), ("FAPILOG_ROUTING__STDOUT__LEVEL_MAX", "info")];
    let path = file.path.display();
    let expected = [
        format!(
            "routing.stdout.level_min is ERROR; it must not lie above level_max, which is INFO (given by file {path}:3:13; routing.stdout.level_max given by FAPILOG_ROUTING__STDOUT__LEVEL_MAX)"
        ),
        format!(
            "record_max_bytes is 1 MiB; with rings of 64 KiB it is 16368 at most (given by file {path}:1:20; ring_capacity_bytes given by FAPILOG_RING_CAPACITY_BYTES)"
        ),
    ];
    assert_eq!(refused(Settings::builder().file(&file.path).variables(variables)), expected);
}

#[test]
fn a_table_of_several_layers_names_them_all_and_a_missing_value_names_none() {
    let file = written("log.toml", "[plugin_config.nobody]\nx = 1\n");
    let variables = [("FAPILOG_PLUGIN_CONFIG__NOBODY__Y", "2"), ("FAPILOG_SINKS", "file")];
    let found = refused(Settings::builder().file(&file.path).variables(variables));
    let (path, both) = (file.path.display(), "FAPILOG_PLUGIN_CONFIG__NOBODY__Y");
    let expected = [
        "plugin_config.file.path is missing; it must be given".to_owned(),
        format!(
            "plugin_config.nobody is given; there is no sink and no plugin of that name (given by file {path}:1:1 and {both})"
        ),
    ];
    assert_eq!(found, expected);
}

#[test]
fn every_format_has_line_and_column_of_a_value() {
    for (name, text, place) in [
        ("log.toml", "level = \"info\"\n\n[overflow]\nstrategy = \"blok\"\n", "4:12"),
        ("log.json", "{ \"level\": \"info\",\n  \"overflow\": {\n    \"strategy\": \"blok\" } }", "3:17"),
        ("log.yaml", "level: info\noverflow:\n  strategy: blok\n", "3:13"),
        // A mark of the encoding is not a part of the text.
        ("log.json", "\u{feff}{ \"overflow\": { \"strategy\": \"blok\" } }", "1:29"),
    ] {
        let file = written(name, text);
        let [problem] = &problems(Settings::builder().file(&file.path))[..] else { panic!("{name}") };
        assert!(problem.starts_with("overflow.strategy is \"blok\"; "), "{problem}");
        assert!(problem.ends_with(&format!("(given by file {}:{place})", file.path.display())), "{problem}");
    }
}

#[test]
fn a_name_that_a_json_file_has_twice_is_an_error() {
    let file = written("log.json", "{ \"overflow\": { \"timeout\": \"1s\",\n \"timeout\": \"2s\" } }");
    let expected = format!("file {}:2:13 is unreadable; overflow.timeout is given twice", file.path.display());
    assert_eq!(problems(Settings::builder().file(&file.path)), [expected]);
    let variables = [("FAPILOG_OVERFLOW", r#"{ "timeout": "1s", "timeout": "2s" }"#)];
    assert_eq!(
        problems(Settings::builder().variables(variables)),
        ["FAPILOG_OVERFLOW is unreadable; timeout is given twice"]
    );
}

#[test]
fn a_settings_file_that_is_not_there_is_named_with_the_variable_that_names_it() {
    let variables = [("FAPILOG_SETTINGS_FILE", "/nowhere/log.toml")];
    let [problem] = &problems(Settings::builder().variables(variables))[..] else { panic!() };
    assert!(problem.starts_with("settings file is \"/nowhere/log.toml\"; it cannot be read: "), "{problem}");
    assert!(problem.ends_with("(given by FAPILOG_SETTINGS_FILE)"), "{problem}");
}

#[test]
fn a_wrong_name_has_a_suggestion() {
    for (text, expected) in [
        ("log_level = \"info\"\n", "did you mean level?"),
        ("strategy = \"block\"\n", "did you mean overflow_strategy?"),
        ("overflow.overflow_timeout = \"1s\"\n", "did you mean overflow.timeout?"),
        ("[file]\npath = \"a.log\"\n", "did you mean plugin_config.file?"),
        ("drain_at_exit = \"treu\"\n", "did you mean true?"),
        ("internal_log_level = \"fatal\"\n", "did you mean CRITICAL?"),
        ("level = \"*=debug\"\n", "did you mean debug?"),
        ("level = \"info,app=verbose\"\n", "the directive \"app=verbose\": it names no level; "),
        ("level = \"info,app=verbose\"\n", "did you mean app=trace?"),
        ("[routing.stdot]\n", "did you mean stdout?"),
        ("sinks = [\"file\"]\nplugin_config.file = { path = \"a\", engine = \"uring\" }\n", "did you mean io_uring?"),
        ("plugin_config.filter.rules = [{ action = \"drp\" }]\n", "did you mean drop?"),
    ] {
        let found = refused_file(text);
        assert!(found.iter().any(|problem| problem.contains(expected)), "{text}: {found:#?}");
    }
}

#[test]
fn numbers_that_no_setting_can_have_are_errors_of_every_layer() {
    let digits = "9".repeat(400);
    for number in ["1e999", "-1e999", digits.as_str(), "18446744073709551616", "-1"] {
        for (name, text) in [
            ("log.toml", format!("shards = {number}\n")),
            ("log.json", format!("{{ \"shards\": {number} }}")),
            ("log.yaml", format!("shards: {number}\n")),
        ] {
            let found = problems(Settings::builder().file(&written(name, &text).path));
            assert_eq!(found.len(), 1, "{name}: {found:?}");
            assert!(found[0].contains("shards is ") || found[0].contains(" is unreadable; "), "{found:?}");
        }
        let table = format!("{{ \"shards\": {number} }}");
        for variable in [("FAPILOG_SHARDS", number), ("FAPILOG_DRAIN", table.as_str())] {
            assert_eq!(problems(Settings::builder().variables([variable])).len(), 1);
        }
        let own: Result<Settings, _> = serde_json::from_str(&format!("{{ \"shards\": {number} }}"));
        assert!(own.is_err());
    }
    for text in ["shards = nan\n", "shards = inf\n", "shards = -inf\n"] {
        assert_eq!(refused_file(text).len(), 1, "{text}");
    }
    for rate in ["nan", "inf", "-inf"] {
        let text = format!("processors = [\"sampling\"]\nplugin_config.sampling.rate = {rate}\n");
        let found = refused_file(&text);
        assert!(found.len() == 1 && found[0].starts_with("plugin_config.sampling.rate is "), "{found:?}");
    }
}

#[test]
fn depth_and_aliases_cannot_exhaust_stack_or_time() {
    let started = Instant::now();
    let deep = "[".repeat(50_000);
    for (name, text) in [
        ("log.toml", format!("sinks = {deep}\n")),
        ("log.toml", format!("[plugin_config{}]\n", ".a".repeat(50_000))),
        ("log.json", format!("{{ \"sinks\": {deep} }}")),
        ("log.yaml", format!("sinks: {deep}\n")),
    ] {
        let found = problems(Settings::builder().file(&written(name, &text).path));
        assert!(found.len() == 1 && found[0].contains(" is unreadable; "), "{found:?}");
    }
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", format!("*a{}, ", level - 1).repeat(10)));
    }
    assert_eq!(problems(Settings::builder().file(&written("log.yaml", &bomb).path)).len(), 1);
    // The longest name of a variable that Linux passes to a program.
    let name = format!("FAPILOG_PLUGIN_CONFIG{}", "__A".repeat(43_000));
    let found = problems(Settings::builder().variables([(name, "x")]));
    assert!(found.len() == 1 && found[0].len() < 1000, "{found:?}");
    let unknown: String = (0..50_000).map(|number| format!("x{number} = 1\n")).collect();
    assert_eq!(problems(Settings::builder().file(&written("log.toml", &unknown).path)).len(), 101);
    // A table whose values have many places, and a list of many wrong names.
    let table: String = (0..50_000).map(|number| format!("[overflow.x{number}]\ny = 1\n")).collect();
    let list = format!("sinks = [{}]\n", "\"a b\", ".repeat(50_000));
    for text in [format!("[x]\n{unknown}"), table, list] {
        let found = problems(Settings::builder().file(&written("log.toml", &text).path));
        assert!(!found.is_empty() && found.len() <= 201, "{}", found.len());
    }
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_level_by_the_name_of_a_package_counts_for_its_crate() {
    let settings = Settings::builder().variables([("FAPILOG_LEVEL", "warn,my-crate=debug")]).build().unwrap();
    assert_eq!(settings.level.level_of("my_crate::net"), LevelFilter::AtLeast(Level::Debug));
}

#[test]
fn each_invalid_setting_of_a_delivery_is_an_error_with_its_place() {
    let text = "[[sinks]]\nname = \"stdout\"\nfallback = \"stderr\"\n[sinks.delivery]\nattempts = 0\nin_flight_payloads = -1\n\
        backoff = 5\nbackoff_factor = 0.5\nqueue_bytes = \"5 parsecs\"\ntimout = \"1s\"\n";
    assert_eq!(
        refused_file(text),
        [
            "sinks[0].delivery.backoff is 5; it has no unit; write \"5ms\" or \"5s\" (given by file log.toml:7:11)",
            "sinks[0].delivery.in_flight_payloads is -1; it must be a whole number from 0 (given by file log.toml:6:22)",
            "sinks[0].delivery.queue_bytes is \"5 parsecs\"; \"parsecs\" is no unit of size; units are B, kB, MB, GB, TB, KiB, MiB, GiB and TiB (given by file log.toml:9:15)",
            "sinks[0].delivery.timout is \"1s\"; there is no such setting; did you mean timeout? (given by file log.toml:10:10)",
            "sinks[0].delivery.attempts is 0; it must be at least 1 (given by file log.toml:5:12)",
            "sinks[0].delivery.backoff_factor is 0.5; it must be 1 to 100 (given by file log.toml:8:18)",
            "sinks[0].fallback is \"stderr\"; it must be the name of another sink, and there is none (given by file log.toml:3:12)",
        ]
    );
}

#[test]
fn settings_of_a_delivery_that_do_not_fit_each_other_or_the_sinks_own_are_errors() {
    let refused_delivery = |delivery: DeliverySettings| {
        let sink = SinkEntry::new("busy").delivery(delivery);
        let mut registry = Registry::linked();
        registry.register_sink(Metadata::new("busy", "1.0.0"), |_| Ok(Arc::new(Busy))).unwrap();
        let error = Settings::builder().sinks([sink]).into_builder_with(&registry).unwrap_err();
        error.problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let minute = Duration::from_secs(60);
    let allowed = "it must be at most backoff_max (given by code)";
    // The sink's own limit is 10 s.
    let expected = [format!("sinks[0].delivery.backoff is 1m; {allowed}")];
    assert_eq!(refused_delivery(DeliverySettings::new().backoff(minute)), expected);
    assert_eq!(refused_delivery(DeliverySettings::new().backoff(minute).backoff_max(minute / 2)), expected);
    let without_queue = DeliverySettings::new().attempts(5).queue_payloads(0);
    assert_eq!(
        refused_delivery(without_queue),
        [
            "sinks[0].delivery.attempts is 5; the sink has no queue, and does this itself: queue_payloads is 0 (given by code)"
        ]
    );
}

#[test]
fn a_fallback_that_is_no_other_sink_or_of_a_sink_without_a_queue_is_an_error() {
    let text =
        |fallback| format!("sinks = [{{ name = \"stderr\", fallback = \"{fallback}\" }}, \"stdout\", \"nul\"]\n");
    let fallback_problem = |fallback| {
        let problems = refused_file(&text(fallback));
        problems.into_iter().find(|problem| problem.starts_with("sinks[0].fallback")).unwrap()
    };
    let expected = "sinks[0].fallback is \"stdot\"; it must be the name of another sink; allowed are stdout, nul; \
        did you mean stdout? (given by file log.toml:1:40)";
    assert_eq!(fallback_problem("stdot"), expected);
    let expected = "sinks[0].fallback is \"stderr\"; it must be the name of another sink; allowed are stdout, nul";
    assert!(fallback_problem("stderr").starts_with(expected));
    let expected = "sinks[0].fallback is \"stdout\"; allowed are none: the sink delivers without a queue, and keeps its payloads itself";
    assert!(fallback_problem("stdout").starts_with(expected), "{}", fallback_problem("stdout"));
    // The fallback that is misspelt is the only problem.
    let problems = refused_file(&text("nul"));
    assert!(problems.len() == 1 && problems[0].starts_with("sinks[2] is \"nul\""), "{problems:?}");
}

#[test]
fn spilling_without_a_place_on_disk_is_an_error() {
    let problems = refused_file("sinks = [{ name = \"stdout\", on_full = \"spill\" }]\n");
    assert!(problems.len() == 1 && problems[0].starts_with("sinks[0].on_full is \"spill\"; it needs "), "{problems:?}");
    let problems = refused_file("sinks = [{ name = \"stdout\", on_full = \"drob\" }]\n");
    let expected =
        "sinks[0].on_full is \"drob\"; allowed are block, drop, drop_low_severity, spill; did you mean drop?";
    assert!(problems[0].starts_with(expected), "{problems:?}");
}

#[test]
fn each_invalid_place_on_disk_is_an_error_with_its_place() {
    let text = "[[sinks]]\nname = \"stdout\"\ndelivery.queue_payloads = 8\n[sinks.spill]\ndirectory = \"\"\nbytes = 100\n\
        segment_bytes = 1\n[sinks.dead_letters]\npath = \"letters/\"\nbytes = \"1 KiB\"\n";
    assert_eq!(
        refused_file(text),
        [
            "sinks[0].spill.directory is empty; allowed are the path of a directory (given by file log.toml:5:13)",
            "sinks[0].spill.segment_bytes is 1; allowed are 64 KiB to 1 GiB (given by file log.toml:7:17)",
            "sinks[0].dead_letters.path is letters/; allowed are the path of a file (given by file log.toml:9:8)",
            "sinks[0].dead_letters.bytes is 1024; allowed are at least 4 KiB (given by file log.toml:10:9)",
        ]
    );
    let text =
        "[[sinks]]\nname = \"stdout\"\ndelivery.queue_payloads = 8\nspill = { directory = \"a\", bytes = \"1 MiB\" }\n";
    let expected = "sinks[0].spill.bytes is 1048576; allowed are at least twice segment_bytes, which is 16777216 \
        (given by file log.toml:4:36)";
    assert_eq!(refused_file(text), [expected]);
    let text = "[[sinks]]\nname = \"stdout\"\nspill = { bytes = 1, byts = 2 }\ndead_letters = \"a\"\n";
    assert_eq!(
        refused_file(text),
        [
            "sinks[0].dead_letters is \"a\"; it must be a table (given by file log.toml:4:16)",
            "sinks[0].spill.byts is 2; there is no such setting; did you mean bytes? (given by file log.toml:3:29)",
            "sinks[0].spill.directory is missing; it must be given (given by file log.toml:3:9)",
        ]
    );
}

#[test]
fn a_place_on_disk_of_a_sink_without_a_queue_is_an_error() {
    let text = "[[sinks]]\nname = \"stdout\"\nspill.directory = \"a\"\ndead_letters.path = \"b\"\n";
    let allowed = "allowed are none: the sink delivers without a queue, and keeps its payloads itself";
    let problems = refused_file(text);
    assert!(problems.len() == 2, "{problems:?}");
    assert!(problems[0].starts_with(&format!("sinks[0].spill is set; {allowed}")), "{problems:?}");
    assert!(problems[1].starts_with(&format!("sinks[0].dead_letters is set; {allowed}")), "{problems:?}");
}

/// A sink with a policy of its own.
struct Busy;

impl SinkFactory for Busy {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        sink::Null::new(fapilog::format::Json::new).make(context)
    }

    fn delivery(&self) -> DeliveryPolicy {
        let second = Duration::from_secs(1);
        DeliveryPolicy::default().backoff(second, 2.0, 10 * second)
    }
}
