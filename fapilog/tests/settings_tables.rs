//! Settings in tables: the same settings as by their own names.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

mod settings_file;

use std::{collections::BTreeSet, fs, time::Duration};

use fapilog::{
    Level, Settings,
    container::Executor,
    level::LevelFilter,
    settings::{OverflowStrategy, Reload, ReloadError},
};
use serde_json::{Value, json};
use settings_file::{problems, written};

/// Each setting that has a table, with a value that is not its default.
const VALUES: [(&str, &str); 15] = [
    ("compliance.mode", "report"),
    ("compliance.standards", "pci-dss"),
    ("diagnostics.emergency_lines", "false"),
    ("diagnostics.error_handling", "loud"),
    ("diagnostics.level", "INFO"),
    ("diagnostics.to_stderr", "true"),
    ("drain.at_exit", "true"),
    ("drain.cpus", "0,1"),
    ("drain.executor", "thread"),
    ("drain.on_hang", "abandon"),
    ("drain.shards", "2"),
    ("idle.sleep", "1ms"),
    ("idle.spin", "5us"),
    ("overflow.strategy", "drop_newest"),
    ("overflow.timeout", "10ms"),
];

/// A setting by its own name, and by its place in a table.
struct Forms {
    flat: &'static str,
    table: &'static str,
    key: &'static str,
    value: &'static str,
}

fn forms() -> impl Iterator<Item = Forms> {
    VALUES.iter().map(|(path, value)| {
        let (_, flat) = Settings::IN_TABLES.iter().find(|(known, _)| known == path).unwrap();
        let (table, key) = path.split_once('.').unwrap();
        Forms { flat, table, key, value }
    })
}

fn from_file(name: &str, text: &str) -> Settings {
    Settings::from_file(written(name, text).path).unwrap()
}

/// The problems of a TOML file, without the layer.
#[track_caller]
fn problems_of_file(text: &str) -> Vec<String> {
    let file = written("fapilog.toml", text);
    let given_by = format!(" (given by file {}:", file.path.display());
    let found = problems(Settings::builder().file(&file.path));
    found.iter().map(|problem| problem.split_once(&given_by).unwrap().0.to_owned()).collect()
}

#[track_caller]
fn problem_by_serde(table: Value) -> String {
    serde_json::from_value::<Settings>(table).unwrap_err().to_string()
}

#[test]
fn every_setting_with_a_table_has_a_value_in_this_test() {
    let known: BTreeSet<&str> = Settings::IN_TABLES.iter().map(|(path, _)| *path).collect();
    assert_eq!(known, VALUES.iter().map(|(path, _)| *path).collect());
    let listed: BTreeSet<&str> = Settings::reference().iter().filter_map(|info| info.in_table).collect();
    assert_eq!(known, listed);
}

#[test]
fn no_table_has_the_name_of_a_setting_or_an_alias() {
    let aliases = Settings::ALIASES.iter().map(|(alias, _)| *alias);
    let names: BTreeSet<&str> = Settings::NAMES.iter().copied().chain(aliases).collect();
    for Forms { table, .. } in forms() {
        assert!(!names.contains(table), "{table}");
    }
}

#[test]
fn the_table_form_equals_the_flat_form_in_every_layer() {
    for Forms { flat, table, key, value } in forms() {
        let expected = from_file("flat.toml", &format!("{flat} = \"{value}\"\n"));
        assert_ne!(expected, Settings::default(), "{flat}");
        let toml = from_file("table.toml", &format!("[{table}]\n{key} = \"{value}\"\n"));
        let yaml = from_file("table.yaml", &format!("{table}:\n  {key}: \"{value}\"\n"));
        let json = from_file("table.json", &format!(r#"{{ "{table}": {{ "{key}": "{value}" }} }}"#));
        let name = format!("FAPILOG_{table}__{key}").to_ascii_uppercase();
        let variable = Settings::builder().variables([(name, value)]).build().unwrap();
        let own: Settings = serde_json::from_value(json!({ table: { key: value } })).unwrap();
        for (layer, settings) in
            [("toml", toml), ("yaml", yaml), ("json", json), ("variable", variable), ("serde", own)]
        {
            assert_eq!(settings, expected, "{flat} by {layer}");
        }
    }
}

#[test]
fn a_layer_may_use_the_table_and_another_the_flat_name() {
    let file = written("fapilog.toml", "[overflow]\nstrategy = \"drop_newest\"\ntimeout = \"10ms\"\n");
    let both = Settings::builder()
        .overflow_strategy(OverflowStrategy::Block)
        .overflow_timeout(Duration::from_secs(1))
        .file(&file.path);
    let settings = both.clone().build().unwrap();
    assert_eq!(settings.overflow_strategy, OverflowStrategy::DropNewest);
    assert_eq!(settings.overflow_timeout, Duration::from_millis(10));

    let settings = both.variables([("FAPILOG_OVERFLOW_STRATEGY", "block")]).build().unwrap();
    assert_eq!(settings.overflow_strategy, OverflowStrategy::Block);
    assert_eq!(settings.overflow_timeout, Duration::from_millis(10));

    let flat = written("fapilog.toml", "overflow_strategy = \"drop_newest\"\n");
    let variables = [("FAPILOG_OVERFLOW__STRATEGY", "block")];
    let settings = Settings::builder().file(&flat.path).variables(variables).build().unwrap();
    assert_eq!(settings.overflow_strategy, OverflowStrategy::Block);
}

#[test]
fn a_table_may_be_written_as_json_in_a_variable() {
    let variables = [("FAPILOG_DRAIN", r#"{ "shards": 2, "cpus": [0, 1] }"#), ("FAPILOG_DRAIN__EXECUTOR", "thread")];
    let settings = Settings::builder().variables(variables).build().unwrap();
    assert_eq!((settings.shards, settings.drain_cpus, settings.executor), (2, vec![0, 1], Executor::Thread));
}

#[test]
fn a_table_lies_above_a_preset() {
    let settings = from_file("fapilog.toml", "preset = \"hardened\"\n[overflow]\nstrategy = \"drop_newest\"\n");
    assert_eq!(settings.overflow_strategy, OverflowStrategy::DropNewest);
    assert_eq!(settings.overflow_timeout, Duration::from_secs(5));
}

/// The TOML examples on the page about settings.
fn examples_on_the_page() -> Vec<String> {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/settings.md")).unwrap();
    let blocks = page.split("```toml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_examples_on_the_page_are_valid_and_one_has_every_table() {
    let examples = examples_on_the_page();
    examples.iter().for_each(|example| drop(from_file("fapilog.toml", example)));
    let missing = |example: &String| forms().find(|form| !example.contains(&format!("\n{} = ", form.key)));
    assert!(examples.iter().any(|example| missing(example).is_none()));
}

#[test]
fn an_empty_table_gives_nothing() {
    assert_eq!(from_file("fapilog.toml", "[overflow]\n"), Settings::default());
}

#[test]
fn an_error_names_the_table_as_it_was_written() {
    let text = "[diagnostics]\nlevel = \"wanring\"\n[drain]\nshards = 65\ncpus = [0, \"x\"]\n\
        [overflow]\nstrategy = \"blok\"\n[idle.sleep]\nseconds = 1\n";
    let expected = [
        "drain.shards is 65; allowed are 1 to 64",
        "drain.cpus[1] is \"x\"; it must be a whole number from 0",
        "overflow.strategy is \"blok\"; allowed are block, drop_newest, drop_low_severity; did you mean block?",
        "idle.sleep is a table; it must be a duration with its unit, such as \"250ms\" or \"1m 30s\"; allowed are 0s to 1m",
        "diagnostics.level is \"wanring\"; allowed are TRACE, DEBUG, INFO, WARNING (or WARN), ERROR, CRITICAL, AUDIT, SECURITY \
         and OFF, in any case; did you mean WARNING?",
    ];
    assert_eq!(problems_of_file(text), expected);

    let found = problems(Settings::builder().variables([("FAPILOG_OVERFLOW__TIMEOUT", "2h")]));
    assert_eq!(found, ["overflow.timeout is 2h; allowed are 0s to 1h (given by FAPILOG_OVERFLOW__TIMEOUT)"]);
}

#[test]
fn a_setting_by_its_table_and_by_another_name_in_one_layer_is_an_error() {
    for Forms { flat, table, key, value } in forms() {
        let text = format!("{flat} = \"{value}\"\n[{table}]\n{key} = \"{value}\"\n");
        let expected = format!(
            "{table}.{key} is \"{value}\"; {flat} is given too, and is the same setting: give only one of them"
        );
        assert_eq!(problems_of_file(&text), [expected]);
    }
    let expected = "drain.shards is 2; max_workers is given too, and is the same setting: give only one of them";
    assert_eq!(problems_of_file("max_workers = 2\ndrain.shards = 2\n"), [expected]);

    let variables = [("FAPILOG_OVERFLOW_TIMEOUT", "1s"), ("FAPILOG_OVERFLOW__TIMEOUT", "2s")];
    let expected = "overflow.timeout is \"2s\"; overflow_timeout is given too, and is the same setting: give only one of \
        them (given by FAPILOG_OVERFLOW__TIMEOUT)";
    assert_eq!(problems(Settings::builder().variables(variables)), [expected]);
}

#[test]
fn an_unknown_key_in_a_table_has_a_suggestion() {
    let text = "[overflow]\nstratgy = \"block\"\n[drain]\ncolour = \"red\"\n";
    let expected = [
        "drain.colour is \"red\"; there is no such setting; allowed are drain.shards, drain.executor, \
         drain.on_hang, drain.cpus, drain.at_exit",
        "overflow.stratgy is \"block\"; there is no such setting; did you mean overflow.strategy?",
    ];
    assert_eq!(problems_of_file(text), expected);

    let found = problems(Settings::builder().variables([("FAPILOG_IDLE__SLEP", "1ms")]));
    let expected =
        "idle.slep is \"1ms\"; there is no such setting; did you mean idle.sleep? (given by FAPILOG_IDLE__SLEP)";
    assert_eq!(found, [expected]);
}

#[test]
fn a_secret_in_a_table_is_not_shown() {
    let expected = "diagnostics.api_key is [redacted]; there is no such setting; allowed are diagnostics.to_stderr, \
        diagnostics.error_handling, diagnostics.level, diagnostics.emergency_lines";
    assert_eq!(problems_of_file("[diagnostics]\napi_key = \"abc\"\n"), [expected]);
}

#[test]
fn an_unknown_table_has_a_suggestion() {
    let expected = "overflw is a table; there is no such setting; did you mean overflow?";
    assert_eq!(problems_of_file("[overflw]\nstrategy = \"block\"\n"), [expected]);
}

#[test]
fn a_table_that_is_no_table_is_an_error() {
    let text = "overflow = \"block\"\nidle = 5\ndrain = [1]\n";
    let expected = [
        "drain is [1]; it must be a table of shards, executor, on_hang, cpus, at_exit",
        "idle is 5; it must be a table of spin, sleep",
        "overflow is \"block\"; it must be a table of strategy, timeout",
    ];
    assert_eq!(problems_of_file(text), expected);

    let found = problems(Settings::builder().variables([("FAPILOG_OVERFLOW", "block")]));
    let expected = "overflow is \"block\"; it must be a table of strategy, timeout (given by FAPILOG_OVERFLOW)";
    assert_eq!(found, [expected]);
}

#[test]
fn a_variable_for_a_table_and_another_for_a_key_in_it_is_an_error_unless_the_first_is_a_table() {
    let with = |text| Settings::builder().variables([("FAPILOG_OVERFLOW", text), ("FAPILOG_OVERFLOW__TIMEOUT", "1s")]);
    let expected = "overflow is \"block\"; FAPILOG_OVERFLOW__TIMEOUT gives a part of it: give only one of them \
        (given by FAPILOG_OVERFLOW)";
    assert_eq!(problems(with("block")), [expected]);
    let settings = with(r#"{ "strategy": "drop_newest" }"#).build().unwrap();
    assert_eq!(settings.overflow_strategy, OverflowStrategy::DropNewest);
    assert_eq!(settings.overflow_timeout, Duration::from_secs(1));
}

#[test]
fn a_reload_that_needs_a_restart_names_the_table() {
    let nothing: [&str; 0] = [];
    let plain = || Settings::builder().sinks(["null"]).enrichers(nothing).processors(nothing);
    let container = plain().build().unwrap().into_builder().unwrap().start().unwrap();
    let new = plain().variables([("FAPILOG_IDLE__SLEEP", "1ms")]).build().unwrap();
    let error = container.reload(new).unwrap_err();
    assert!(matches!(&error, ReloadError::NeedsRestart { settings } if *settings == ["idle.sleep"]), "{error}");
}

#[test]
fn a_programs_own_settings_may_have_aliases_tables_and_a_preset() {
    let text = r#"{ "preset": "dev", "max_workers": 2, "flush_interval": "9ms", "diagnostics": { "level": "info" } }"#;
    let log: Settings = serde_json::from_str(text).unwrap();
    assert_eq!((log.shards, log.flush_interval), (2, Duration::from_millis(9)));
    assert_eq!(log.internal_log_level, LevelFilter::AtLeast(Level::Info));
    // The preset gives these.
    assert_eq!((log.executor, log.enable_internal_logging), (Executor::Thread, true));
}

#[test]
fn a_programs_own_settings_have_the_same_errors() {
    let found = problem_by_serde(json!({ "btach_size": 5, "overflow": { "strategy": "blok" } }));
    let expected = "2 invalid settings:\n  btach_size is 5; there is no such setting; did you mean batch_size? \
        (given by the program's own settings)\n  overflow.strategy is \"blok\"; allowed are block, drop_newest, \
        drop_low_severity; did you mean block? (given by the program's own settings)";
    assert_eq!(found, expected);

    let found = problem_by_serde(json!({ "shards": 1, "drain": { "shards": 2 } }));
    assert!(found.contains("shards is given too, and is the same setting"), "{found}");

    // The program may still change a value that can be read, so it is checked later.
    let settings: Settings = serde_json::from_value(json!({ "overflow": { "timeout": "2h" } })).unwrap();
    let found = settings.check().unwrap_err().problems[0].to_string();
    assert_eq!(found, "overflow.timeout is 2h; allowed are 0s to 1h (given by the program's own settings)");
}
