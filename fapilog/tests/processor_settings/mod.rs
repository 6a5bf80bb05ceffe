//! The settings of sampling, adaptive sampling and alerting: each changes what comes out.

use std::fs;

use fapilog::{Settings, error::StartError, event::Category, plugin::Registry, sink::MemoryEvents};

use super::*;

/// The settings in the first block of TOML on a page.
fn settings_on_page(page: &str) -> &str {
    let (_, behind) = page.split_once("```toml\n").unwrap();
    behind.split_once("```").unwrap().0
}

#[test]
fn the_settings_on_the_page_of_alerting_send_an_alert_to_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let [path, alerts] = ["settings.toml", "alerts.log"].map(|name| directory.path().join(name));
    let toml = settings_on_page(include_str!("../../../docs/alerting.md"));
    let toml = toml.replace("/var/log/app/alerts.log", alerts.to_str().unwrap()).replace("\"stdout\", ", "");
    fs::write(&path, format!("executor = \"thread\"\n{toml}")).unwrap();
    let container = Settings::from_file(&path).unwrap().into_builder().unwrap().start().unwrap();
    let log = container.logger("web");
    (0..20).for_each(|number| fapilog::warn!(log, "login refused", number, outcome = "denied"));
    shut_down(&container);
    let lines = fs::read_to_string(alerts).unwrap();
    assert!(lines.lines().count() == 1 && lines.contains("alert logins fail is firing: 20 events"), "{lines}");
}

/// A container of these settings, and the events of two sinks.
fn started(toml: &str) -> Result<(Container, MemoryEvents, MemoryEvents), StartError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("settings.toml");
    let base = "executor = \"thread\"\nenrichers = []\nsinks = [\"app\", \"pager\"]\n";
    fs::write(&path, format!("{base}{toml}")).unwrap();
    let mut registry = Registry::linked();
    let [app, pager] = ["app", "pager"].map(|name| fapilog::sink::Memory::register(&mut registry, name).unwrap());
    let settings = Settings::from_file(&path)?;
    Ok((settings.into_builder_with(&registry)?.start()?, app, pager))
}

#[track_caller]
fn refused(toml: &str, expected: &str) {
    let error = started(toml).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains(expected), "{error}");
}

fn alerting(rule: &str) -> String {
    format!("processors = [\"alerting\"]\n[[plugin_config.alerting.rules]]\n{rule}\n")
}

/// The events that come out of these settings.
fn logged(toml: &str, log: impl FnOnce(&Logger)) -> Vec<Value> {
    let (container, app, _) = started(toml).unwrap();
    log(&container.logger("web"));
    shut_down(&container);
    parsed(&app)
}

/// The number of alerts that this rule makes of these events.
fn alerts(rule: &str, log: impl FnOnce(&Logger)) -> usize {
    own_and_others(logged(&alerting(rule), log)).0.len()
}

#[test]
fn an_alert_is_routed_to_a_sink_of_its_own() {
    let toml = "processors = [\"alerting\"]\n\
        routing.pager = { targets = [\"fapilog::alert\"], level_min = \"ERROR\" }\n\
        [[plugin_config.alerting.rules]]\nname = \"slow\"\nwhen = [{ field = \"metrics.ms\", is = \"gt\", value = 100 }]\n\
        severity = \"error\"\nresolve_after = \"20ms\"\nlabels = { team = \"web\" }\nannotations = { runbook = \"r\" }\n";
    let (container, app, pager) = started(toml).unwrap();
    let log = container.logger("web");
    info!(log, "request", metrics.ms = 99);
    info!(log, "request", metrics.ms = 101);
    until("the alert is resolved", || pager.lines().len() == 2);
    shut_down(&container);
    let alerts = parsed(&pager);
    assert_eq!((&alerts[0]["level"], &alerts[1]["level"]), (&"ERROR".into(), &"INFO".into()));
    assert_eq!((&alerts[0]["tags"]["team"], &alerts[0]["context"]["runbook"]), (&"web".into(), &"r".into()));
    assert_eq!(parsed(&app).len(), 4);
}

#[test]
fn rules_match_levels_categories_targets_sources_and_fields() {
    let events = |log: &Logger| {
        error!(log, "failed", path = "/orders/42");
        info!(log, "sold", category: Category::Business);
    };
    for (rule, expected) in [
        ("name = \"a\"", 1),
        ("name = \"a\"\nlevel = \"critical\"", 0),
        ("name = \"a\"\nlevel = \"error\"", 1),
        ("name = \"a\"\nlevels = [\"DEBUG\"]", 0),
        ("name = \"a\"\ncategories = [\"business\"]", 1),
        ("name = \"a\"\ncategories = [\"security\"]", 0),
        ("name = \"a\"\ntargets = [\"processors\"]", 1),
        ("name = \"a\"\ntargets = [\"other\"]", 0),
        ("name = \"a\"\nsources = [\"web\"]", 1),
        ("name = \"a\"\nsources = [\"other\"]", 0),
        ("name = \"a\"\nwhen = [{ field = \"path\", is = \"matches\", value = \"^/orders/[0-9]+$\" }]", 1),
        ("name = \"a\"\nwhen = [{ field = \"path\", is = \"matches\", value = \"^/users/\" }]", 0),
        ("name = \"a\"\ncondition = \"rate\"\nevents = 2\nwithin = \"1h\"", 1),
        ("name = \"a\"\ncondition = \"rate\"\nevents = 3\nwithin = \"1h\"", 0),
    ] {
        assert_eq!(alerts(rule, events), expected, "{rule}");
    }
}

#[test]
fn an_alert_is_repeated_after_its_cool_down() {
    let toml = alerting("name = \"a\"\nrepeat_after = \"5ms\"\nresolve_after = \"1h\"");
    let (container, app, _) = started(&toml).unwrap();
    info!(container.logger("web"), "an event");
    until("it was reported three times", || app.lines().len() > 3);
    shut_down(&container);
    assert!(parsed(&app)[1..].iter().all(|event| event["tags"]["alert.state"] == "firing"));
}

#[test]
fn invalid_rules_are_reported_with_their_places() {
    let rule = |text: &str| alerting(&format!("name = \"a\"\n{text}"));
    for (toml, expected) in [
        (
            "processors = [\"alerting\"]\nplugin_config.alerting.rules = []\n".to_owned(),
            "plugin_config.alerting.rules is []; at least one",
        ),
        (alerting("name = \"\""), "rules[0].name is \"\"; it must have a character"),
        (
            rule("[[plugin_config.alerting.rules]]\nname = \"a\""),
            "rules[1].name is \"a\"; the names of two rules must differ",
        ),
        (rule("condition = \"rate\"\nwithin = \"1s\""), "rules[0].events is missing; it must be given for rate"),
        (rule("condition = \"rate\"\nevents = 0\nwithin = \"1s\""), "rules[0].events is 0; allowed are 1 to 100000"),
        (rule("condition = \"absence\""), "rules[0].within is missing; it must be given for absence"),
        (rule("condition = \"absence\"\nwithin = \"0s\""), "rules[0].within is 0s; it must be longer"),
        (rule("within = \"1s\""), "rules[0].within is 1s; it must be left out for any"),
        (rule("events = 2"), "rules[0].events is 2; it must be left out for any"),
        (
            rule("condition = \"absence\"\nwithin = \"1s\"\nresolve_after = \"1s\""),
            "rules[0].resolve_after is 1s; it must be left out for absence",
        ),
        (rule("condition = \"rates\""), "did you mean rate?"),
        (
            rule("severity = \"security\""),
            "rules[0].severity is SECURITY; allowed are INFO, WARNING, ERROR and CRITICAL",
        ),
        (rule("categories = [\"busines\"]"), "rules[0].categories[0] is busines; allowed are ERROR, PERFORMANCE"),
        (rule("labels = { \"alert.name\" = \"b\" }"), "rules[0].labels is \"alert.name\"; the name of a label"),
        (
            rule("when = [{ field = \"a\", is = \"matches\", value = \"a(b\" }]"),
            "rules[0].when[0].value is \"a(b\"; it is no regular expression",
        ),
        (rule("colour = \"red\""), "colour"),
    ] {
        refused(&toml, expected);
    }
}

#[test]
fn the_settings_of_sampling_by_trace_each_change_what_stays() {
    let kept = |own: &str| {
        let toml = format!("processors = [\"sampling\"]\nplugin_config.sampling = {{ {own} }}\n");
        let lines = logged(&toml, |log| {
            info!(log, "traced", trace_id = "ffffffffffffffffffffffffffffffff");
            info!(log, "traced", trace_id = "ffffffffffffffffff00000000000000");
            fapilog::warn!(log, "without");
        });
        let rate = |line: &Value| line["metrics"]["sample_rate"].as_f64();
        lines.iter().map(|line| (line["message"].as_str().unwrap().to_owned(), rate(line))).collect::<Vec<_>>()
    };
    let traced = |rate| ("traced".to_owned(), rate);
    let by_field = "rate = 0.5, trace_field = \"trace_id\", without_trace =";
    assert_eq!(kept(&format!("{by_field} \"drop\"")), [traced(Some(0.5))]);
    assert_eq!(kept(&format!("{by_field} \"keep\"")), [traced(Some(0.5)), ("without".to_owned(), None)]);
    assert_eq!(kept(&format!("{by_field} \"drop\", write_rate = false")), [traced(None)]);
    assert_eq!(kept("rate = 0, keep_level = \"warning\""), [("without".to_owned(), None)]);
    let sampling = |own| format!("processors = [\"sampling\"]\nplugin_config.sampling = {{ rate = 0.5, {own} }}\n");
    refused(&sampling("per_trace = false, trace_field = \"a\""), "sampling.trace_field is a; it must be left out");
    refused(&sampling("per_trace = false, without_trace = \"keep\""), "sampling.without_trace is keep; it must");
    refused(&sampling("without_trace = \"kept\""), "is \"kept\"; allowed are sample, keep, drop");
}

#[test]
fn the_settings_of_adaptive_sampling_each_change_what_stays() {
    let toml =
        |own: &str| format!("processors = [\"adaptive_sampling\"]\nplugin_config.adaptive_sampling = {{ {own} }}\n");
    let lines = |own: &str| {
        logged(&toml(own), |log| {
            for number in 0..2000 {
                let _entered = Scope::new().correlation_id("4bf92f3577b34da6a3ffffffffffffff").enter();
                info!(log, "a", number, kind = number % 100, trace = "00000000000000000000000000000001");
            }
            (0..2000).for_each(|number| fapilog::warn!(log, "b", number, kind = 7));
        })
    };
    let count = |own: &str| own_and_others(lines(own)).1.len();
    let by_site = count("events_per_second = 1, interval = \"1h\"");
    assert_eq!(by_site, 4000, "the target is 3,600 in an hour");
    let second = "events_per_second = 1, interval = \"1s\", first = 0";
    let by_site = count(second);
    assert!(by_site < 100, "{by_site}");
    assert!(count(&format!("{second}, key = \"kind\"")) > by_site);
    assert!(count("events_per_second = 1, interval = \"1s\", first = 500") > 900);
    assert!(count(&format!("{second}, key = \"kind\", keys_max = 2")) < 100);
    assert!(count(&format!("{second}, keep_level = \"warning\"")) >= 2000);
    let whole_trace = count(&format!("{second}, per_trace = true"));
    assert!(whole_trace > by_site, "{whole_trace}");
    let by_trace_field = count(&format!("{second}, per_trace = true, trace_field = \"trace\""));
    assert!(by_trace_field < whole_trace, "{by_trace_field}");
    let rates = |own: &str| lines(own).iter().filter(|line| line["metrics"]["sample_rate"].is_f64()).count();
    assert!(rates(second) > 0 && rates(&format!("{second}, write_rate = false")) == 0);
    let keys =
        |own: &str| own_and_others(lines(own)).0.iter().map(|event| event["tags"]["key"].clone()).collect::<Vec<_>>();
    assert_eq!(keys(second), ["call_site", "call_site"]);
    assert_eq!(keys(&format!("{second}, key = \"level\"")), ["level", "level"]);

    let (container, app, _) = started(&toml(&format!("{second}, report_every = \"1ms\""))).unwrap();
    (0..100).for_each(|number| info!(container.logger("web"), "a", number));
    until("a report came before the end", || {
        app.lines().iter().any(|line| line.contains("fapilog::adaptive_sampling"))
    });
    shut_down(&container);

    for (own, expected) in [
        ("events_per_second = 0", "adaptive_sampling.events_per_second is 0; allowed are 1 and more"),
        ("events_per_second = 1, interval = \"0s\"", "adaptive_sampling.interval is 0ns; allowed are 1ms and more"),
        ("events_per_second = 1, keys_max = 0", "adaptive_sampling.keys_max is 0; allowed are 1 and more"),
        (
            "events_per_second = 1, trace_field = \"a\"",
            "adaptive_sampling.trace_field is a; it must be left out unless per_trace is true",
        ),
        ("key = \"level\"", "events_per_second"),
    ] {
        refused(&toml(own), expected);
    }
}
