//! `fapilog check`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

mod command;

use std::fs;

use command::{fapilog, json, run, stderr, stdout};

struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        files.iter().for_each(|(name, text)| fs::write(directory.path().join(name), text).unwrap());
        Self(directory)
    }

    fn check(&self, arguments: &[&str]) -> std::process::Output {
        fapilog().arg("check").args(arguments).current_dir(self.0.path()).output().unwrap()
    }
}

#[test]
fn every_invalid_value_is_shown_with_its_line_and_a_suggestion_and_the_code_is_1() {
    let text = "btach_size = 5\nshards = 100\nsinks = [\"stdot\", { name = \"orders\", type = \"file\" }]\n\n\
        [plugin_config.orders]\nblock_bytes = 100\npath = \"orders.log\"\n";
    let output = Files::new(&[("settings.toml", text)]).check(&["settings.toml"]);
    let expected = "\
error: btach_size is 5; there is no such setting
 --> settings.toml:1:14
  |
1 | btach_size = 5
  | ^^^^^^^^^^
  = did you mean batch_size?

error: shards is 100; allowed are 1 to 64
 --> settings.toml:2:10
  |
2 | shards = 100
  |          ^^^

error: sinks[0] is \"stdot\"; there is no such sink; allowed are alertmanager, audit_trail, datadog, elasticsearch, file, http, journald, loki, nats, null, otlp, redis, sentry, splunk, stderr, stdout, syslog, webhook
 --> settings.toml:3:10
  |
3 | sinks = [\"stdot\", { name = \"orders\", type = \"file\" }]
  |          ^^^^^^^
  = did you mean stdout?

error: plugin_config.orders.block_bytes is 100; it must be a multiple of 4096 from 65536 to 16777216
 --> settings.toml:6:15
  |
6 | block_bytes = 100
  |               ^^^

settings.toml: 4 invalid settings
";
    assert_eq!(stdout(&output), expected);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn places_are_those_of_json_and_yaml_files_too() {
    let files = Files::new(&[
        ("a.json", "{ \"level\": \"info\",\n  \"shards\": 0 }"),
        ("b.yaml", "level: info\ndelivery:\nshards: 0\n"),
    ]);
    assert!(stdout(&files.check(&["a.json"])).contains("a.json:2:13\n  |\n2 |   \"shards\": 0 }\n  |             ^\n"));
    assert!(stdout(&files.check(&["b.yaml"])).contains("b.yaml:3:9\n  |\n3 | shards: 0\n  |         ^\n"));
}

#[test]
fn valid_files_are_valid_one_above_the_other() {
    let files = Files::new(&[
        ("base.toml", "level = \"warn\"\nsinks = [\"file\"]\n[plugin_config.file]\npath = \"app.log\"\n"),
        ("own.yaml", "shards: 2\nrust_log: true\n"),
    ]);
    let output = files.check(&["base.toml", "own.yaml"]);
    assert_eq!((stdout(&output).as_str(), output.status.code()), ("base.toml, own.yaml: valid\n", Some(0)));
    // Nothing was made of it.
    assert!(!files.0.path().join("app.log").exists());
}

#[test]
fn a_problem_between_two_files_names_both() {
    let files = Files::new(&[
        ("base.toml", "sinks = [\"stdout\"]\n"),
        ("own.toml", "[routing.stderr]\nlevel_min = \"warn\"\n"),
    ]);
    let text = stdout(&files.check(&["base.toml", "own.toml"]));
    assert!(text.contains(" --> own.toml:1:1\n") && text.contains("sinks given by file base.toml:1:9"), "{text}");
}

#[test]
fn a_file_that_is_no_settings_file_is_shown_with_the_place_of_its_first_error() {
    let files = Files::new(&[("a.toml", "level = info\n"), ("b.ini", ""), ("c.json", "[]")]);
    let text = stdout(&files.check(&["a.toml"]));
    assert!(text.starts_with("error: the file cannot be read: ") && text.contains("a.toml:1:9\n"), "{text}");
    assert!(stdout(&files.check(&["b.ini"])).contains("its extension must be one of toml, json, yaml, yml"));
    assert!(stdout(&files.check(&["none.toml"])).contains("No such file"));
    assert!(stdout(&files.check(&["c.json"])).contains("must be a table of settings"));
    for file in ["a.toml", "b.ini", "none.toml", "c.json"] {
        assert_eq!(files.check(&[file]).status.code(), Some(1));
    }
}

#[test]
fn secrets_stand_neither_in_the_report_nor_in_the_lines_of_the_file() {
    let files = Files::new(&[
        ("a.toml", "sinks = [\"file\"]\n[plugin_config.file]\npath = \"a.log\"\npassword = \"hunter2\"\n"),
        ("b.toml", "plugin_config.file = { api_key = \"hunter2\", btach = 5 }\nsinks = [\"file\"]\n"),
        ("c.toml", "level = \"https://shop:hunter2@host/?token=hunter2\"\n"),
        ("d.toml", "password = hunter2\n"),
        ("e.yaml", "plugin_config:\n  stdout:\n    token: hunter 2, hunter2\n    pasword: hunter2\n"),
        ("f.json", "{ \"plugin_config\": { \"stdout\": { \"client_secret\": \"hunter2\", \"x\": 1 } } }"),
        ("g.json", "{ \"password\": \"hunter2\", }"),
    ]);
    for file in ["a.toml", "b.toml", "c.toml", "d.toml", "e.yaml", "f.json", "g.json"] {
        let output = files.check(&[file]);
        let all = format!("{}{}{}", stdout(&output), stderr(&output), json(&files.check(&["--json", file])));
        assert_eq!(output.status.code(), Some(1), "{file}: {all}");
        assert!(!all.contains("hunter"), "{file}: {all}");
    }
    let expected = "4 | password = [redacted]\n  | ^^^^^^^^\n";
    assert!(stdout(&files.check(&["a.toml"])).contains(expected), "{}", stdout(&files.check(&["a.toml"])));
}

#[test]
fn a_plugin_that_only_the_program_knows_is_an_error_only_on_request() {
    let files = Files::new(&[("a.toml", "sinks = [\"kafka\"]\n[plugin_config.kafka]\ntopic = \"logs\"\n")]);
    let output = files.check(&["a.toml"]);
    let text = stdout(&output);
    let unknown =
        "not checked: sinks[0] is \"kafka\"; this command knows no such sink, only alertmanager, audit_trail, ";
    assert!(text.contains(unknown), "{text}");
    assert_eq!(output.status.code(), Some(0));
    let output = files.check(&["--strict", "a.toml"]);
    assert!(stdout(&output).contains("error: sinks[0] is \"kafka\""));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_settings_of_a_sink_of_a_crate_of_its_own_are_checked() {
    let text = "sinks = [\"loki\"]\n[plugin_config.loki]\nurl = \"http://loki.example.com\"\n";
    let output = Files::new(&[("a.toml", text)]).check(&["a.toml"]);
    let expected = "error: plugin_config.loki.url is \"http://loki.example.com\"; it must be encrypted: https, unless";
    assert!(stdout(&output).contains(expected), "{}", stdout(&output));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_plugin_that_is_named_to_the_command_is_known() {
    let files = Files::new(&[("a.toml", "sinks = [\"log\", { name = \"t\", type = \"tracing\" }, \"stdot\"]\n")]);
    let output = files.check(&["a.toml", "--plugin", "log", "--plugin", "tracing", "--plugin", "stdot", "--strict"]);
    assert_eq!((stdout(&output).as_str(), output.status.code()), ("a.toml: valid\n", Some(0)));
    let report = json(&files.check(&["a.toml", "--plugin", "log", "--json"]));
    assert_eq!(report["unknown_plugins"][0]["value"], "\"tracing\"");
    assert_eq!(report["problems"][0]["suggestion"], "stdout");
}

#[test]
fn a_directory_that_is_not_there_is_a_warning_that_names_the_remedy() {
    let sinks = |settings: &str| {
        format!("sinks = [{{ name = \"orders\", type = \"file\" }}]\n[plugin_config.orders]\n{settings}\n")
    };
    let files = Files::new(&[
        ("a.toml", &sinks("path = \"none/orders.log\"")),
        ("b.toml", &sinks("path = \"none/orders.log\"\ncreate_directories = true")),
        ("c.toml", &sinks("path = \"orders.log\"")),
        (
            "trail.toml",
            "sinks = [\"audit_trail\"]\n[plugin_config.audit_trail]\npath = \"none/audit.log\"\n\
             signing_key = { file = \"signing.key\" }\n",
        ),
    ]);
    let trail = stdout(&files.check(&["trail.toml"]));
    assert!(
        trail.contains("there is no directory \"none\" on this machine: the program does not start without it\n"),
        "{trail}"
    );
    let output = files.check(&["a.toml"]);
    let expected = "warning: plugin_config.orders.path is \"none/orders.log\"; there is no directory \"none\" on this machine: the \
        program does not start without it, unless create_directories is true\n\na.toml: valid; 1 warning\n";
    assert_eq!((stdout(&output).as_str(), output.status.code()), (expected, Some(0)));
    for file in ["b.toml", "c.toml"] {
        assert_eq!(stdout(&files.check(&[file])), format!("{file}: valid\n"));
    }
    assert_eq!(json(&files.check(&["--json", "a.toml"]))["warnings"][0]["setting"], "plugin_config.orders.path");
}

#[test]
fn rules_of_compliance_that_stop_the_start_are_a_warning_that_names_them() {
    let settings = |mode: &str| {
        format!(
            "compliance_standards = [\"sox\"]\ncompliance_mode = \"{mode}\"\nsinks = [\"file\"]\n\
            [plugin_config.file]\npath = \"app.log\"\n"
        )
    };
    let met = "[plugin_config.sox.met_elsewhere]\n\"sox/802\" = \"a write-once volume; change 4711\"\n";
    let files = Files::new(&[
        ("strict.toml", &settings("strict")),
        ("report.toml", &settings("report")),
        ("met.toml", &format!("{}{met}", settings("strict"))),
    ]);
    let output = files.check(&["strict.toml"]);
    let expected = "warning: compliance_standards is [\"sox\"]; rules are not met on this machine: sox/802; the program does not \
        start: `fapilog compliance check` shows the evidence\n\nstrict.toml: valid; 1 warning\n";
    assert_eq!((stdout(&output).as_str(), output.status.code()), (expected, Some(0)));
    for file in ["report.toml", "met.toml"] {
        assert_eq!(stdout(&files.check(&[file])), format!("{file}: valid\n"));
    }
}

#[test]
fn a_variable_is_blamed_for_its_own_value_and_not_the_file() {
    let files = Files::new(&[("a.toml", "shards = 2\n")]);
    let check = |arguments: &[&str]| {
        let mut command = fapilog();
        command.args(["check", "--env", "a.toml"]).args(arguments).current_dir(files.0.path());
        command.env("FAPILOG_SHARDS", "many").output().unwrap()
    };
    let text = stdout(&check(&[]));
    assert!(
        text.ends_with("  = given by FAPILOG_SHARDS\n\na.toml, variables FAPILOG_*: 1 invalid setting\n"),
        "{text}"
    );
    let report = json(&check(&["--json"]));
    let problem = &report["problems"][0];
    assert_eq!((&problem["given_by"], &problem["file"]), (&"FAPILOG_SHARDS".into(), &serde_json::Value::Null));
    assert_eq!(report["variables"], "FAPILOG_*");
}

#[test]
fn a_file_that_is_not_there_is_named_once_and_is_no_setting() {
    let files = Files::new(&[]);
    let expected = "error: the file is \"none.toml\"; it cannot be read: No such file or directory (os error 2)\n\n\
        none.toml: 1 invalid setting\n";
    assert_eq!(stdout(&files.check(&["none.toml"])), expected);
    let problem = &json(&files.check(&["--json", "none.toml"]))["problems"][0];
    let reason = "it cannot be read: No such file or directory (os error 2)";
    assert_eq!(
        problem,
        &serde_json::json!({
            "setting": null, "value": null, "reason": reason, "suggestion": null, "given_by": null, "file": "none.toml",
            "line": null, "column": null,
        })
    );
}

#[test]
fn variables_are_checked_on_request_and_named() {
    let files = Files::new(&[("a.toml", "shards = 2\n")]);
    let check = |arguments: &[&str]| {
        let mut command = fapilog();
        command.arg("check").args(arguments).current_dir(files.0.path());
        command.env("FAPILOG_SHARDS", "many").env("SHOP_LOG_BATCH_SIZE", "many").output().unwrap()
    };
    assert_eq!(check(&["a.toml"]).status.code(), Some(0));
    let output = check(&["--env"]);
    assert!(stdout(&output).contains("= given by FAPILOG_SHARDS\n"), "{}", stdout(&output));
    assert_eq!(output.status.code(), Some(1));
    let output = check(&["--env-prefix", "SHOP_LOG_", "a.toml"]);
    assert!(stdout(&output).contains("= given by SHOP_LOG_BATCH_SIZE\n"), "{}", stdout(&output));
}

#[test]
fn the_file_that_the_environment_names_is_shown_as_any_other() {
    let files = Files::new(&[("a.toml", "shards = 100\n")]);
    let mut command = fapilog();
    command.args(["check", "--env"]).current_dir(files.0.path()).env("FAPILOG_SETTINGS_FILE", "a.toml");
    let output = command.output().unwrap();
    assert!(stdout(&output).contains(" --> a.toml:1:10\n"), "{}", stdout(&output));
    assert!(stdout(&output).ends_with("a.toml, variables FAPILOG_*: 1 invalid setting\n"));
}

#[test]
fn json_has_the_same_problems_with_lines_and_columns() {
    let files = Files::new(&[("a.toml", "shards = 100\nsinks = [\"kafka\"]\n")]);
    let report = json(&files.check(&["--json", "a.toml"]));
    assert_eq!(report["valid"], false);
    let problem = &report["problems"][0];
    assert_eq!((&problem["setting"], &problem["value"]), (&"shards".into(), &"100".into()));
    assert_eq!((&problem["file"], &problem["line"], &problem["column"]), (&"a.toml".into(), &1.into(), &10.into()));
    assert!(problem["reason"].as_str().unwrap().contains("1 to 64"), "{problem}");
    assert_eq!(report["unknown_plugins"][0]["setting"], "sinks[0]");
    assert_eq!((&report["files"], &report["variables"]), (&serde_json::json!(["a.toml"]), &serde_json::Value::Null));
}

#[test]
fn a_file_with_control_characters_does_not_reach_the_terminal() {
    let files = Files::new(&[("a.toml", "\"a\\u001b[31mb\" = 1 # \x7f\nlevel = \"\\u001b[31m\"\n")]);
    let text = stdout(&files.check(&["a.toml"]));
    assert!(!text.contains('\x1b') && !text.contains('\x7f'), "{text:?}");
}

#[test]
fn without_a_file_and_variables_the_arguments_are_invalid() {
    let output = run(&["check"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("<FILES>"));
}
