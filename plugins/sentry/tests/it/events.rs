//! Parts of error events that need real log calls and threads.

use fapilog::{error, info};
use fapilog_test_servers::FakeHttp;
use serde_json::Value;

use super::envelope::{items, server, settings, shut_down, started};

/// The error events that a server has accepted.
fn errors(server: &FakeHttp) -> Vec<Value> {
    let items = server.accepted().iter().flat_map(|request| items(request)).collect::<Vec<_>>();
    items.into_iter().filter(|(kind, _)| kind == "event").map(|(_, event)| event).collect()
}

#[test]
fn events_of_a_call_site_have_one_fingerprint_and_those_of_others_have_another() {
    let server = server();
    let container = started(&settings(&server));
    let log = container.logger("shop");
    for item in 0..2 {
        error!(log, "no stock of {item}", item);
    }
    error!(log, "no room for {item}", item = 1);
    shut_down(&container);
    let events = errors(&server);
    let prints: Vec<_> = events.iter().map(|event| &event["fingerprint"]).collect();
    assert_eq!(prints.len(), 3);
    assert_eq!(prints[0], prints[1]);
    assert_ne!(prints[0], prints[2]);
    assert!(prints[0][0].as_str().unwrap().ends_with("events"), "{}", prints[0]);
    assert_ne!(events[0]["logentry"]["formatted"], events[1]["logentry"]["formatted"]);
}

#[test]
fn breadcrumbs_without_a_correlation_id_are_those_of_the_thread() {
    let server = server();
    let container = started(&settings(&server));
    // More threads than there are places.
    let threads: Vec<_> = (0..80)
        .map(|thread| {
            let log = container.logger("shop");
            std::thread::spawn(move || {
                for step in 0..3 {
                    info!(log, "step {step} of {thread}", step, thread);
                }
                error!(log, "end of {thread}", thread);
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(shut_down(&container).delivered_total(), 320);
    let events = errors(&server);
    assert_eq!(events.len(), 80);
    for event in &events {
        let end = event["logentry"]["formatted"].as_str().unwrap().strip_prefix("end").unwrap();
        let crumbs = event["breadcrumbs"]["values"].as_array().cloned().unwrap_or_default();
        // A later thread may have taken the place: fewer, and never those of another thread.
        assert!(crumbs.len() <= 3, "{crumbs:?}");
        assert!(crumbs.iter().all(|crumb| crumb["message"].as_str().unwrap().ends_with(end)), "{end}: {crumbs:?}");
    }
    assert!(events.iter().any(|event| event["breadcrumbs"]["values"].as_array().is_some_and(|all| all.len() == 3)));
}
