use fapilog_plugin::{
    factory::ShardInfo,
    registry::{Entry, PluginSettings, Registry},
    settings::PluginConfig,
};

use fapilog_test_servers::wait_until;

use super::*;

fn made(config: &PluginConfig) -> Result<Box<dyn Enricher>, Vec<String>> {
    let mut registry = Registry::empty();
    fapilog_geo::register(&mut registry).unwrap();
    let Some((_, Entry::Enricher(make))) = registry.entry("geo") else { panic!("it is registered") };
    let factory = make(&PluginSettings::new("geo", config));
    let factory = factory.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    Ok(factory.make(ShardInfo::new(0, 1)))
}

fn config(databases: &Databases) -> PluginConfig {
    PluginConfig::new().with("database", text_of(&databases.path()))
}

#[test]
fn each_setting_changes_the_places() {
    let databases = Databases::new();
    let config = || config(&databases);
    let by = |config: PluginConfig, address| places(&mut *made(&config).unwrap(), address);
    assert_eq!(by(config(), "203.0.113.7"), ["Berlin", "EU", "DE"]);
    assert_eq!(by(config().with("outputs", vec!["country"]), "203.0.113.7"), ["DE"]);
    assert_eq!(by(config().with("language", "de"), "203.0.113.7"), ["Berlin (de)", "EU", "DE"]);
    assert_eq!(by(config(), "198.51.100.200"), ["London", "EU", "GB"]);
    assert_eq!(by(config().with("truncate", false), "198.51.100.200"), ["Paris", "EU", "FR"]);
    assert_eq!(by(config().with("field", "peer"), "203.0.113.7"), [""; 0]);
    assert_eq!(by(config().with("cache_entries", 1), "203.0.113.7"), ["Berlin", "EU", "DE"]);

    let peer = test_event("m").field(FieldGroup::Context, "peer", "203.0.113.7");
    let mut enricher = made(&config().with("field", vec!["client_ip", "peer"])).unwrap();
    assert_eq!(enriched(&mut *enricher, &peer)["geo.country"], "DE");
    let mut enricher = made(&config().with("replace_address", true)).unwrap();
    assert_eq!(enriched(&mut *enricher, &from_client("203.0.113.7"))["client_ip"], "203.0.113.0");
}

#[test]
fn the_interval_decides_when_a_new_file_is_seen() {
    let databases = Databases::new();
    let quick = config(&databases).with("reload_interval", "10ms").with("outputs", vec!["city"]);
    let (mut quick, mut slow) =
        (made(&quick).unwrap(), made(&config(&databases).with("outputs", vec!["city"])).unwrap());
    assert_eq!(
        (places(&mut *quick, "203.0.113.7"), places(&mut *slow, "203.0.113.7")),
        (vec!["Berlin".into()], vec!["Berlin".into()])
    );
    databases.replace(&mmdb::file("GeoLite2-City", 6, &networks("Potsdam")));
    wait_until("the new database", || places(&mut *quick, "203.0.113.7") == ["Potsdam"]);
    assert_eq!(places(&mut *slow, "203.0.113.7"), ["Berlin"]);
}

#[test]
fn invalid_settings_are_refused_with_the_allowed_values() {
    let databases = Databases::new();
    let config = || config(&databases);
    let cases = [
        (PluginConfig::new(), "database is missing; it must be the path of a database"),
        (
            PluginConfig::new().with("database", "/nonexistent/city.mmdb"),
            "database is /nonexistent/city.mmdb; it cannot be read: No such file",
        ),
        (PluginConfig::new().with("database", "/"), "database is /; it must be a file"),
        (PluginConfig::new().with("database", "/proc/self/comm"), "it is no valid MaxMind DB"),
        (config().with("field", Vec::<String>::new()), "field is []; it must be the name of the field"),
        (
            config().with("outputs", Vec::<String>::new()),
            "outputs is empty; it must list a field; allowed are country, city",
        ),
        (config().with("outputs", vec!["contry"]), "did you mean country?"),
        (config().with("cache_entries", 0), "cache_entries is 0; it must be 1 or more"),
        (config().with("reload_interval", "1ms"), "reload_interval is 1ms; it must be 10ms or more"),
        (config().with("databse", "x"), "did you mean database?"),
    ];
    for (config, expected) in cases {
        let problems = made(&config).err().unwrap();
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:?}");
    }
}

#[test]
fn a_database_of_another_type_is_refused_with_the_allowed_types() {
    let databases = Databases::new();
    databases.write(&mmdb::file("GeoLite2-Country", 6, &networks("Berlin")));
    let problems = made(&config(&databases).with("outputs", vec!["location"])).err().unwrap();
    assert!(
        problems[0].contains("outputs is location; a database of the type \"GeoLite2-Country\" does not have it"),
        "{problems:?}"
    );
    databases.write(&mmdb::file("GeoLite2-ASN", 6, &networks("Berlin")));
    let problems = made(&config(&databases)).err().unwrap();
    assert!(problems[0].contains("has no places; allowed are those of City, Country and Enterprise"), "{problems:?}");
}
