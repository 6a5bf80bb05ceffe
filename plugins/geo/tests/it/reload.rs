use std::{
    fs,
    time::{Duration, Instant},
};

use fapilog_geo::Geo;
use fapilog_test_servers::wait_until;

use super::*;

const INTERVAL: Duration = Duration::from_millis(10);

fn geo(databases: &Databases) -> Geo {
    Geo::builder(databases.path()).outputs([fapilog_geo::GeoField::City]).reload_interval(INTERVAL).build().unwrap()
}

/// The error of a batch with an event of an address.
fn failure(geo: &mut Geo) -> Option<String> {
    TestBatches::new().events(&[from_client("203.0.113.7")], |batch| {
        let error = geo.enrich(batch).err()?;
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert_eq!(fields_of(&batch.events()[0])["geo.city"], "Berlin");
        source
    })
}

#[test]
fn a_file_that_is_replaced_is_used_by_all_clones() {
    let databases = Databases::new();
    let mut geo = geo(&databases);
    let mut other = geo.clone();
    assert_eq!(places(&mut geo, "203.0.113.7"), ["Berlin"]);
    databases.replace(&mmdb::file("GeoLite2-City", 6, &networks("Potsdam")));
    wait_until("the new database", || places(&mut geo, "203.0.113.7") == ["Potsdam"]);
    assert_eq!(places(&mut other, "203.0.113.7"), ["Potsdam"]);
}

#[test]
fn a_file_that_is_written_in_place_is_used_once_it_is_whole() {
    let databases = Databases::new();
    let mut geo = geo(&databases);
    let whole = mmdb::file("GeoLite2-City", 6, &networks("Potsdam"));
    assert_eq!(places(&mut geo, "203.0.113.7"), ["Berlin"]);
    databases.write(&whole[..whole.len() / 2]);
    wait_until("the report of a half", || failure(&mut geo).is_some());
    databases.write(&whole);
    wait_until("the new database", || {
        TestBatches::new().events(&[from_client("203.0.113.7")], |batch| {
            // A look between two writes may report once more.
            let _ = geo.enrich(batch);
            fields_of(&batch.events()[0])["geo.city"] == "Potsdam"
        })
    });
}

#[test]
fn a_file_that_cannot_be_used_is_reported_once_and_the_former_database_stays() {
    let databases = Databases::new();
    let mut geo = geo(&databases);
    assert_eq!(failure(&mut geo), None);
    databases.replace(b"not a database");
    let mut reported = None;
    wait_until("the report", || {
        reported = failure(&mut geo);
        reported.is_some()
    });
    assert!(reported.unwrap().contains("city.mmdb is no valid MaxMind DB"));
    fs::remove_file(databases.path()).unwrap();
    wait_until("the report of the missing file", || {
        failure(&mut geo).is_some_and(|error| error.contains("cannot be read"))
    });
    // The thread has looked again meanwhile.
    let start = Instant::now();
    while start.elapsed() < INTERVAL * 5 {
        assert_eq!(failure(&mut geo), None);
    }
    databases.replace(&mmdb::file("GeoLite2-City", 6, &networks("Potsdam")));
    wait_until("the new database", || places(&mut geo, "203.0.113.7") == ["Potsdam"]);
}

/// The threads of this process that look at this database's file: only a test by itself can count them.
fn threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks.filter(|task| fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name == "fapilog-geo\n")).count()
}

#[test]
fn the_thread_starts_with_the_first_event_and_ends_with_the_last_clone() {
    // In a process of its own, where no other test has such threads.
    const ALONE: &str = "GEO_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let test = "reload::the_thread_starts_with_the_first_event_and_ends_with_the_last_clone";
        let program = std::env::current_exe().unwrap();
        let status = std::process::Command::new(program).args(["--exact", test]).env(ALONE, "1").output().unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
        return;
    }
    let databases = Databases::new();
    let mut geo = geo(&databases);
    let other = geo.clone();
    assert_eq!(threads(), 0);
    places(&mut geo, "203.0.113.7");
    wait_until("the thread", || threads() == 1);
    drop(geo);
    let mut last = other;
    places(&mut last, "203.0.113.7");
    assert_eq!(threads(), 1);
    drop(last);
    wait_until("the end of the thread", || threads() == 0);
}
