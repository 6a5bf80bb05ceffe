use std::net::{IpAddr, SocketAddr};

use fapilog_geo::{Geo, GeoError, GeoField};

use super::*;

fn geo(databases: &Databases) -> Geo {
    Geo::builder(databases.path()).build().unwrap()
}

#[test]
fn country_city_and_continent_of_an_address_are_added() {
    let databases = Databases::new();
    let fields = enriched(&mut geo(&databases), &from_client("203.0.113.7"));
    let expected =
        [("client_ip", "203.0.113.7"), ("geo.city", "Berlin"), ("geo.continent", "EU"), ("geo.country", "DE")];
    assert_eq!(fields, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[test]
fn addresses_of_all_forms_have_places() {
    let databases = Databases::new();
    let mut geo = geo(&databases);
    let city = |event: &TestEvent<'_>, geo: &mut Geo| enriched(geo, event).get("geo.city").cloned();
    let berlin: IpAddr = "203.0.113.7".parse().unwrap();
    let berlin_port: SocketAddr = "203.0.113.7:443".parse().unwrap();
    for event in
        [from_client(berlin), from_client(berlin_port), from_client("::ffff:203.0.113.7"), from_client("203.0.113.7:1")]
    {
        assert_eq!(city(&event, &mut geo).as_deref(), Some("Berlin"), "{event:?}");
    }
    assert_eq!(city(&from_client("[2001:db8:1:2::3]:443"), &mut geo).as_deref(), Some("Tokyo"));
}

#[test]
fn an_address_without_a_place_and_a_value_without_an_address_add_nothing() {
    let databases = Databases::new();
    for value in ["8.8.8.8", "2001:db8:2::1", "10.1.2.3", "127.0.0.1", "::1", "fe80::1", "unknown", "[redacted]", ""] {
        assert_eq!(places(&mut geo(&databases), value), [""; 0], "{value}");
    }
}

#[test]
fn a_private_address_has_no_place_even_if_the_database_has_one() {
    let databases = Databases::new();
    databases.write(&mmdb::file("GeoLite2-City", 6, &[("10.0.0.0/8", place("DE", "EU", &[("en", "Berlin")], None))]));
    assert_eq!(places(&mut geo(&databases), "10.1.2.3"), [""; 0]);
    assert_eq!(places(&mut geo(&databases), "11.1.2.3"), [""; 0]);
}

#[test]
fn a_place_has_the_fields_that_the_database_knows() {
    let databases = Databases::new();
    assert_eq!(places(&mut geo(&databases), "192.0.2.1"), ["NA"]);
}

#[test]
fn the_lookup_is_by_the_network_unless_the_whole_address_is_wanted() {
    let databases = Databases::new();
    let builder = || Geo::builder(databases.path()).outputs([GeoField::City]);
    assert_eq!(places(&mut builder().build().unwrap(), "198.51.100.200"), ["London"]);
    assert_eq!(places(&mut builder().truncate(false).build().unwrap(), "198.51.100.200"), ["Paris"]);
}

#[test]
fn the_address_of_the_event_is_replaced_by_its_network_if_wanted() {
    let databases = Databases::new();
    let mut geo = Geo::builder(databases.path()).replace_address(true).build().unwrap();
    let mut address = |event: &TestEvent<'_>| enriched(&mut geo, event)["client_ip"].clone();
    let whole: IpAddr = "203.0.113.7".parse().unwrap();
    assert_eq!(address(&from_client("203.0.113.7:443")), "203.0.113.0");
    assert_eq!(address(&from_client(whole)), "203.0.113.0");
    assert_eq!(address(&from_client("2001:db8:1:2::3")), "2001:db8:1::");
    // Private ones too: a reader relies on it.
    assert_eq!(address(&from_client("10.1.2.3")), "10.1.2.0");
    assert_eq!(address(&from_client("unknown")), "unknown");
}

#[test]
fn an_event_whose_argument_is_no_address_stays_plain() {
    let databases = Databases::new();
    let mut geo = Geo::builder(databases.path()).replace_address(true).address_fields(["n"]).build().unwrap();
    TestBatches::new().batch(&[7], |batch| {
        geo.enrich(batch).unwrap();
        assert!(batch.events()[0].is_plain());
    });
}

#[test]
fn the_first_field_with_an_address_counts() {
    let databases = Databases::new();
    let with = |client: &'static str, remote: &'static str| {
        test_event("m").field(FieldGroup::Context, "remote_addr", remote).field(
            FieldGroup::Context,
            "client_ip",
            client,
        )
    };
    let city = |event: &TestEvent<'_>| enriched(&mut geo(&databases), event).get("geo.city").cloned();
    assert_eq!(city(&with("203.0.113.7", "198.51.100.1")).as_deref(), Some("Berlin"));
    assert_eq!(city(&with("unknown", "198.51.100.1")).as_deref(), Some("London"));
}

#[test]
fn other_fields_may_have_the_address() {
    let databases = Databases::new();
    let mut geo = Geo::builder(databases.path()).address_fields(["peer"]).build().unwrap();
    let event = test_event("m").field(FieldGroup::Context, "peer", "203.0.113.7");
    assert_eq!(enriched(&mut geo, &event)["geo.country"], "DE");
    assert_eq!(places(&mut geo, "203.0.113.7"), [""; 0]);
}

#[test]
fn the_location_is_added_where_it_is_asked_for() {
    let databases = Databases::new();
    let mut geo = Geo::builder(databases.path()).outputs([GeoField::Location]).build().unwrap();
    assert_eq!(places(&mut geo, "203.0.113.7"), ["52.5196,13.4069"]);
    assert_eq!(places(&mut geo, "198.51.100.1"), [""; 0]);
}

#[test]
fn a_name_is_in_the_language_or_else_in_english() {
    let databases = Databases::new();
    let mut geo = Geo::builder(databases.path()).outputs([GeoField::City]).language("de").build().unwrap();
    assert_eq!(places(&mut geo, "203.0.113.7"), ["Berlin (de)"]);
    assert_eq!(places(&mut geo, "198.51.100.1"), ["London"]);
}

#[test]
fn a_users_own_field_stays() {
    let databases = Databases::new();
    let event = from_client("203.0.113.7").field(FieldGroup::Context, "geo.country", "mine");
    let fields = enriched(&mut geo(&databases), &event);
    assert_eq!((fields["geo.country"].as_str(), fields["geo.city"].as_str()), ("mine", "Berlin"));
}

#[test]
fn a_cache_of_one_place_gives_each_address_its_own() {
    let databases = Databases::new();
    let mut geo = Geo::builder(databases.path()).outputs([GeoField::Country]).cache_entries(1).build().unwrap();
    for _ in 0..100 {
        assert_eq!(places(&mut geo, "203.0.113.7"), ["DE"]);
        assert_eq!(places(&mut geo, "198.51.100.1"), ["GB"]);
        assert_eq!(places(&mut geo, "2001:db8:1::1"), ["JP"]);
    }
}

#[test]
fn a_database_of_version_4_has_no_addresses_of_version_6() {
    let databases = Databases::new();
    databases.write(&mmdb::file(
        "GeoLite2-City",
        4,
        &[("203.0.113.0/24", place("DE", "EU", &[("en", "Berlin")], None))],
    ));
    assert_eq!(places(&mut geo(&databases), "203.0.113.7"), ["Berlin", "EU", "DE"]);
    assert_eq!(places(&mut geo(&databases), "2001:db8:1::1"), [""; 0]);
}

#[test]
fn a_database_of_countries_has_no_cities() {
    let databases = Databases::new();
    let country = map([("country", map([("iso_code", text("DE"))]))]);
    databases.write(&mmdb::file("GeoLite2-Country", 6, &[("203.0.113.0/24", country)]));
    assert_eq!(places(&mut geo(&databases), "203.0.113.7"), ["DE"]);
    let error = Geo::builder(databases.path()).outputs([GeoField::Country, GeoField::City]).build().unwrap_err();
    assert!(matches!(error, GeoError::NoSuchField { field: GeoField::City, .. }), "{error}");
}

#[test]
fn a_database_without_places_is_refused() {
    let databases = Databases::new();
    databases.write(&mmdb::file("GeoLite2-ASN", 6, &networks("Berlin")));
    let error = Geo::builder(databases.path()).build().unwrap_err();
    assert!(error.to_string().contains("\"GeoLite2-ASN\", which has no places"), "{error}");
}

#[test]
fn files_that_are_no_databases_are_refused() {
    let databases = Databases::new();
    let open = |path: PathBuf| Geo::builder(path).build().unwrap_err();
    assert!(matches!(open("/nonexistent/city.mmdb".into()), GeoError::Read { .. }));
    assert!(matches!(open(databases.directory.path().to_owned()), GeoError::NoFile { .. }));
    let whole = mmdb::file("GeoLite2-City", 6, &networks("Berlin"));
    for bytes in [&b""[..], b"not a database", &whole[..whole.len() / 2], &whole[..whole.len() - 20]] {
        databases.write(bytes);
        let error = open(databases.path());
        assert!(matches!(error, GeoError::Invalid { .. }), "{error}");
        assert!(error.to_string().contains("city.mmdb"), "{error}");
    }
}

#[test]
fn a_place_that_is_damaged_is_an_error_and_others_are_found() {
    let databases = Databases::new();
    let damaged = map([("country", map([("iso_code", MmdbValue::U32(7))]))]);
    let networks = [("203.0.113.0/24", damaged), ("198.51.100.0/24", place("GB", "EU", &[("en", "London")], None))];
    databases.write(&mmdb::file("GeoLite2-City", 6, &networks));
    let mut geo = geo(&databases);
    TestBatches::new().events(&[from_client("203.0.113.7"), from_client("198.51.100.1")], |batch| {
        geo.enrich(batch).unwrap_err();
        assert_eq!(fields_of(&batch.events()[1])["geo.city"], "London");
    });
}

#[test]
fn no_damaged_byte_of_a_database_leads_to_a_panic() {
    let databases = Databases::new();
    let whole = mmdb::file("GeoLite2-City", 6, &networks("Berlin"));
    for place in 0..whole.len() {
        for change in [0x20, 0xff] {
            let mut damaged = whole.clone();
            damaged[place] ^= change;
            databases.write(&damaged);
            let Ok(mut geo) = Geo::builder(databases.path()).cache_entries(1).build() else { continue };
            let events = ["203.0.113.7", "198.51.100.200", "2001:db8:1::7", "192.0.2.1", "8.8.8.8"].map(from_client);
            // The place is another one, or there is an error.
            TestBatches::new().events(&events, |batch| drop(geo.enrich(batch)));
        }
    }
}

#[test]
fn a_file_that_is_longer_than_any_database_is_refused_before_it_is_read() {
    let databases = Databases::new();
    // It has no blocks on disk.
    std::fs::File::create(databases.path()).unwrap().set_len(1 << 40).unwrap();
    let start = std::time::Instant::now();
    let error = Geo::builder(databases.path()).build().unwrap_err();
    assert!(matches!(error, GeoError::TooLong { .. }) && error.to_string().contains("2147483648 bytes"), "{error}");
    assert!(start.elapsed() < std::time::Duration::from_secs(5));
}
