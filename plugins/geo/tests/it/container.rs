use std::{fs, time::Duration};

use fapilog::{Scope, Settings, info, plugin::Registry, scope, sink};
use serde_json::Value;

use super::*;

#[test]
fn settings_name_the_enricher_and_events_of_all_shards_have_places() {
    let databases = Databases::new();
    let path = databases.directory.path().join("settings.toml");
    let own =
        format!("plugin_config.geo = {{ database = \"{}\", replace_address = true }}", text_of(&databases.path()));
    fs::write(
        &path,
        format!("executor = \"thread\"\nshards = 2\nsinks = [\"memory\"]\nenrichers = [\"geo\"]\n{own}\n"),
    )
    .unwrap();
    let mut registry = Registry::linked();
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    let container = Settings::from_file(&path).unwrap().into_builder_with(&registry).unwrap().start().unwrap();
    let log = container.logger("web");
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                info!(log, "request from {client_ip}", client_ip = "203.0.113.7", order = 1);
                let _request = scope!(client_ip = "2001:db8:1::7").enter();
                info!(log, "in a scope", order = 2);
                let _another = Scope::new().correlation_id("7f3a").enter();
                info!(log, "in a scope within");
            });
        }
    });
    info!(log, "without an address", order = 3);

    let accounts = container.shutdown(Duration::from_secs(30)).unwrap();
    let (lost, filtered) = (accounts.lost.total(), accounts.filtered_total());
    assert_eq!(accounts.submitted, accounts.delivered_total() + filtered + lost + accounts.pending);
    assert_eq!((accounts.delivered_total(), lost, filtered), (13, 0, 0));

    let all: Vec<Value> = events.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |message: &str| all.iter().filter(|event| event["message"] == message).collect::<Vec<_>>();
    let direct = of("request from 203.0.113.0");
    assert_eq!((direct.len(), of("in a scope").len(), of("in a scope within").len()), (4, 4, 4));
    for event in direct {
        let expected = serde_json::json!({
            "client_ip": "203.0.113.0", "order": 1, "geo.country": "DE", "geo.city": "Berlin", "geo.continent": "EU"
        });
        assert_eq!(event["context"], expected);
    }
    for event in of("in a scope").into_iter().chain(of("in a scope within")) {
        assert_eq!(
            (&event["context"]["client_ip"], &event["context"]["geo.city"]),
            (&"2001:db8:1::".into(), &"Tokyo".into())
        );
    }
    assert_eq!(of("without an address")[0]["context"], serde_json::json!({ "order": 3 }));
}
