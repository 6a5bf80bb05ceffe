//! Requests and their answers.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog::{info, settings::SecretRef, sink::SinkOptions};
use fapilog_plugin::{
    error::PluginError, event::Batch, formatter::Formatter, sink::SinkFactory, text::plain::put_plain,
};
use fapilog_sink_http::settings::BodyCompression;
use fapilog_splunk::{HecEndpoint, Splunk};
use fapilog_test_servers::{Conformance, FakeAnswer, FakeHttp, Scenario, TestCa};

use super::collector::{
    AckPlan, Collector, TIMEOUT, builder, counts, log_numbers, record_each_once, refusal, serve, server, settings,
    shut_down, started,
};

/// Writes the message alone, in a line.
struct MessageOnly;

impl Formatter for MessageOnly {
    fn name(&self) -> &'static str {
        "message_only"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        for event in batch.events() {
            put_plain(out, event.message());
            out.push(b'\n');
        }
        Ok(())
    }

    fn writes_lines(&self) -> bool {
        true
    }
}

#[test]
fn events_arrive_once_and_in_order_compressed_by_gzip() {
    let (server, collector) = server(AckPlan::Disabled);
    let container = started(&settings(&server));
    log_numbers(&container, 0..2500);
    assert_eq!(shut_down(&container).delivered_total(), 2500);
    assert_eq!(collector.numbers(), (0..2500).collect::<Vec<_>>());
    let ids: BTreeSet<_> =
        collector.taken().iter().map(|object| object["event"]["event_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 2500);
    for request in server.requests() {
        assert_eq!(request.header("content-encoding"), Some("gzip"));
        assert!(request.raw_body.len() < request.body.len());
    }
    record_each_once(Scenario::Happy, counts(0..2500, collector.numbers()));
    record_each_once(Scenario::Compressed, counts(0..2500, collector.numbers()));
}

#[test]
fn compression_can_be_none() {
    let (server, _) = server(AckPlan::Disabled);
    let mut settings = settings(&server);
    settings.compression = BodyCompression::None;
    let container = started(&settings);
    log_numbers(&container, 0..3);
    assert_eq!(shut_down(&container).delivered_total(), 3);
    assert_eq!(server.requests()[0].header("content-encoding"), None);
}

#[test]
fn lines_go_to_the_endpoint_raw_with_their_metadata_in_the_query() {
    let (server, collector) = server(AckPlan::AtQuery(1));
    let mut settings = settings(&server);
    settings.endpoint = HecEndpoint::Raw;
    settings.acks = true;
    (settings.source, settings.index) = (Some("a&b=c d".to_owned()), Some("main".to_owned()));
    settings.sourcetype = "shop:log".to_owned();
    let sink = Splunk::new(&settings, || MessageOnly).unwrap();
    let container = builder().sink("splunk", sink).start().unwrap();
    let log = container.logger("shop");
    for text in ["one", "two"] {
        info!(log, %text);
    }
    assert_eq!(shut_down(&container).delivered_total(), 2);
    assert_eq!(collector.lines(), ["one", "two"]);
    let query = "host=web-1&source=a%26b%3Dc%20d&sourcetype=shop%3Alog&index=main";
    assert_eq!(server.requests()[0].query(), query);
}

#[test]
fn no_request_is_longer_than_the_collector_takes() {
    let (server, collector) = server(AckPlan::Disabled);
    let mut settings = settings(&server);
    settings.max_content_length = 5000;
    let container = started(&settings);
    log_numbers(&container, 0..200);
    assert_eq!(shut_down(&container).delivered_total(), 200);
    assert!(server.requests().iter().all(|request| request.body.len() <= 5000));
    assert_eq!(collector.numbers().len(), 200);
}

#[test]
fn a_request_that_is_too_long_is_divided_and_each_event_arrives_once() {
    let mut collector = Collector::new(AckPlan::Disabled);
    collector.content_max = 20_000;
    let collector = Arc::new(collector);
    let server = serve(&collector, FakeHttp::builder());
    let container = started(&settings(&server));
    log_numbers(&container, 0..300);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (300, 0), "{accounts}");
    record_each_once(Scenario::OverTheLimit, counts(0..300, collector.numbers()));
}

#[test]
fn each_answer_that_is_about_the_destination_leads_to_another_attempt() {
    let (server, collector) = server(AckPlan::Disabled);
    for (status, code) in [
        (403, 1),
        (401, 2),
        (401, 3),
        (403, 4),
        (400, 7),
        (500, 8),
        (503, 9),
        (400, 10),
        (400, 11),
        (503, 18),
        (503, 23),
        (429, 26),
        (429, 27),
    ] {
        server.queue([refusal(status, code, "")]);
    }
    server.queue([FakeAnswer::new(502), FakeAnswer::new(429)]);
    let container = started(&settings(&server));
    log_numbers(&container, 0..3);
    let accounts = shut_down(&container);
    let statuses: Vec<_> = server.requests().iter().map(|request| request.status()).collect();
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (3, 0), "{accounts} {statuses:?}");
    let mut numbers = collector.numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2]);
}

#[test]
fn a_collector_whose_queue_is_nearly_full_has_taken_the_events() {
    for code in [24, 25] {
        let (server, _) = server(AckPlan::Disabled);
        server.queue([refusal(200, code, "")]);
        let container = started(&settings(&server));
        log_numbers(&container, 0..1);
        assert_eq!(shut_down(&container).delivered_total(), 1);
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_request_that_is_refused_for_good_is_lost_and_counted() {
    for code in [5, 6] {
        let (server, collector) = server(AckPlan::Disabled);
        server.answer(move |_| refusal(400, code, ""));
        let container = started(&settings(&server));
        log_numbers(&container, 0..3);
        let accounts = shut_down(&container);
        assert_eq!((accounts.delivered_total(), accounts.lost_total()), (0, 3), "{accounts}");
        assert_eq!(collector.numbers(), Vec::<u64>::new());
    }
}

#[test]
fn an_event_that_is_refused_is_lost_and_all_others_arrive() {
    let (server, collector) = server(AckPlan::AtQuery(1));
    let mut settings = settings(&server);
    settings.acks = true;
    // An event without text is blank: code 13, with its number.
    let sink = Splunk::new(&settings, || MessageOnly).unwrap();
    let options = SinkOptions::new().delivery(sink.delivery().attempts(1));
    let container = builder().sink_with("splunk", sink, options).start().unwrap();
    let log = container.logger("shop");
    let is_blank = |number: u64| matches!(number, 1 | 4 | 5 | 18 | 19);
    for number in 0..20_u64 {
        let text = if is_blank(number) { String::new() } else { number.to_string() };
        info!(log, %text);
    }
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (15, 5), "{accounts}");
    let number = |object: &serde_json::Value| object["event"].as_str().unwrap().parse().unwrap();
    let numbers: Vec<u64> = collector.taken().iter().map(number).collect();
    assert_eq!(numbers, (0..20).filter(|number| !is_blank(*number)).collect::<Vec<_>>());
    let found = counts(0..20, numbers);
    Conformance::record("splunk", "fake", Scenario::Partial, found.delivered, found.duplicated, found.lost);
}

#[test]
fn an_index_of_events_that_is_not_allowed_refuses_these_events_alone() {
    let (server, collector) = server(AckPlan::Disabled);
    let mut settings = settings(&server);
    settings.index = Some("main".to_owned());
    settings.index_field = Some("tags.tenant".to_owned());
    let container = started(&settings);
    let log = container.logger("shop");
    for number in 0..30_u64 {
        match number % 3 {
            0 => info!(log, "main", number),
            1 => info!(log, "web", number, tags.tenant = "web"),
            _ => info!(log, "none", number, tags.tenant = "secret"),
        }
    }
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (20, 10), "{accounts}");
    let mut numbers = collector.numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..30).filter(|number| number % 3 != 2).collect::<Vec<_>>());
    for request in server.accepted() {
        let text = request.text();
        assert!(!(text.contains("\"index\":\"main\"") && text.contains("\"index\":\"web\"")));
    }
}

#[test]
fn a_collector_that_is_busy_gets_the_same_records_again_after_the_wait_it_asks_for() {
    let (server, collector) = server(AckPlan::Disabled);
    server.queue([refusal(503, 9, "Server is busy").retry_after_seconds(1)]);
    let container = started(&settings(&server));
    let start = Instant::now();
    log_numbers(&container, 0..100);
    assert_eq!(shut_down(&container).delivered_total(), 100);
    assert!(start.elapsed() >= Duration::from_secs(1));
    let requests = server.requests();
    assert_eq!((requests[0].status(), &requests[0].body), (Some(503), &requests[1].body));
    record_each_once(Scenario::Throttled, counts(0..100, collector.numbers()));
}

#[test]
fn a_wrong_token_delivers_nothing_and_each_event_is_counted() {
    let (server, collector) = server(AckPlan::Disabled);
    let mut settings = settings(&server);
    settings.token = Some(SecretRef::bytes(b"wrong".to_vec()));
    let container = started(&settings);
    log_numbers(&container, 0..10);
    server.wait_for(1, TIMEOUT);
    // Whether the deadline is over first depends on the time.
    let _ = container.shutdown(Duration::from_millis(100));
    let accounts = container.accounts();
    accounts.check().unwrap();
    assert_eq!((accounts.delivered_total(), collector.numbers()), (0, vec![]), "{accounts}");
}

#[test]
fn a_collector_that_is_restarted_in_flight_gets_every_event() {
    let (server, collector) = server(AckPlan::AtQuery(1));
    let mut settings = settings(&server);
    settings.acks = true;
    settings.batch.max_records = 50;
    // The collector forgets an acknowledgement that it has given: one whose answer breaks never comes, and its events are sent again.
    settings.ack_timeout = Duration::from_secs(1);
    let container = started(&settings);
    for round in 0..3 {
        log_numbers(&container, round * 200..round * 200 + 100);
        server.stop();
        log_numbers(&container, round * 200 + 100..round * 200 + 200);
        let before = server.accepted().len();
        server.restart();
        // At a shutdown with an open breaker, a payload has a single attempt: the sink must have seen that the collector is there again.
        server.wait_until("request behind the restart", TIMEOUT, |all| {
            all.iter().filter(|request| request.is_whole && request.status() == Some(200)).count() > before
        });
    }
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (600, 0), "{accounts}");
    let found = counts(0..600, collector.numbers());
    Conformance::record_at_least_once("splunk", "fake", Scenario::RestartedInFlight, found);
}

#[test]
fn a_collector_with_tls_is_reached_by_its_authority() {
    let ca = TestCa::new();
    let collector = Arc::new(Collector::new(AckPlan::AtQuery(1)));
    let server = serve(&collector, FakeHttp::builder().tls(&ca));
    let mut settings = settings(&server);
    settings.acks = true;
    settings.tls.ca_file = Some(ca.certificate_path());
    let container = started(&settings);
    log_numbers(&container, 0..100);
    assert_eq!(shut_down(&container).delivered_total(), 100);
    record_each_once(Scenario::Tls, counts(0..100, collector.numbers()));
}
