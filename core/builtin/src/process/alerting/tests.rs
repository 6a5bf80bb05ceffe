//! Alerting: the events that it emits.

use fapilog_plugin::testing::{TestBatches, TestEvent, test_event};
use fapilog_record::{field_group::FieldGroup, level::Level, value::ValueRef};

use super::*;
use crate::process::Comparison;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn alerting(rule: AlertRule) -> Alerting {
    Alerting::new([rule]).unwrap()
}

fn text(event: &Event<'_>, group: FieldGroup, name: &str) -> String {
    match event.field(group, name) {
        Some(ValueRef::Text(text)) => text.to_owned(),
        other => panic!("{name} is text, not {other:?}"),
    }
}

/// Name, state and number of each alert that is emitted at this time.
fn alerts(
    alerting: &mut Alerting,
    stage: &TestBatches,
    at: Duration,
    events: &[TestEvent<'_>],
) -> Vec<(String, String, u64)> {
    stage.at(at).events(events, |batch| {
        alerting.process(batch).unwrap();
        assert_eq!(batch.events().iter().filter(|event| !event.is_internal()).count(), events.len());
        let own = batch.events().iter().filter(|event| event.is_internal());
        own.map(|event| {
            assert_eq!((event.target(), event.source().name()), ("fapilog::alert", "fapilog"));
            let tag = |name| text(event, FieldGroup::Tags, name);
            match event.field(FieldGroup::Metrics, "alert.count") {
                Some(ValueRef::U64(count)) => (tag("alert.name"), tag("alert.state"), count),
                other => panic!("a count is a number, not {other:?}"),
            }
        })
        .collect()
    })
}

fn firing(name: &str, count: u64) -> (String, String, u64) {
    (name.to_owned(), "firing".to_owned(), count)
}

fn resolved(name: &str, count: u64) -> (String, String, u64) {
    (name.to_owned(), "resolved".to_owned(), count)
}

#[test]
fn any_fires_with_an_event_and_is_resolved_without_one_for_a_while() {
    let (mut alerting, stage) = (alerting(AlertRule::any("a").level(Level::Error)), TestBatches::new());
    let error = || test_event("failed").level(Level::Error);
    assert_eq!(alerts(&mut alerting, &stage, seconds(0), &[test_event("fine")]), []);
    assert_eq!(alerting.due(), None);
    assert_eq!(alerts(&mut alerting, &stage, seconds(1), &[error(), error()]), [firing("a", 2)]);
    assert_eq!(alerts(&mut alerting, &stage, seconds(10), &[error()]), []);
    assert_eq!(alerting.due(), Some(stage.instant(seconds(310))));
    assert_eq!(alerts(&mut alerting, &stage, seconds(309), &[]), []);
    assert_eq!(alerts(&mut alerting, &stage, seconds(310), &[]), [resolved("a", 3)]);
    assert_eq!(alerting.due(), None);
    assert_eq!(alerts(&mut alerting, &stage, seconds(311), &[error()]), [firing("a", 1)]);
}

#[test]
fn a_rate_fires_with_as_many_events_within_its_time() {
    let (mut alerting, stage) = (alerting(AlertRule::rate("r", 3, seconds(10))), TestBatches::new());
    let event = || test_event("event");
    for at in [0, 6, 12, 18, 24] {
        assert_eq!(alerts(&mut alerting, &stage, seconds(at), &[event()]), [], "{at}");
    }
    assert_eq!(alerts(&mut alerting, &stage, seconds(28), &[event()]), [firing("r", 3)]);
    // Too slow from now on: resolved when the rate was not reached for its time.
    assert_eq!(alerts(&mut alerting, &stage, seconds(37), &[event()]), []);
    assert_eq!(alerting.due(), Some(stage.instant(seconds(38))));
    assert_eq!(alerts(&mut alerting, &stage, seconds(38), &[]), [resolved("r", 4)]);
}

#[test]
fn an_absence_fires_without_events_and_is_resolved_with_the_next() {
    let (mut alerting, stage) = (alerting(AlertRule::absence("b", seconds(60)).target("beat")), TestBatches::new());
    assert!(alerting.due().is_some_and(|due| due <= Instant::now()), "it counts from the start on");
    let beat = || test_event("beat").target("beat");
    assert_eq!(alerts(&mut alerting, &stage, seconds(1), &[]), []);
    assert_eq!(alerting.due(), Some(stage.instant(seconds(61))));
    assert_eq!(alerts(&mut alerting, &stage, seconds(50), &[beat()]), []);
    assert_eq!(alerts(&mut alerting, &stage, seconds(109), &[test_event("other")]), []);
    assert_eq!(alerts(&mut alerting, &stage, seconds(110), &[]), [firing("b", 0)]);
    assert_eq!(alerts(&mut alerting, &stage, seconds(200), &[test_event("other")]), []);
    assert_eq!(alerts(&mut alerting, &stage, seconds(300), &[beat(), beat()]), [resolved("b", 0)]);
    assert_eq!(alerting.due(), Some(stage.instant(seconds(360))));
}

#[test]
fn an_alert_that_still_fires_is_reported_again_after_its_cool_down() {
    let rule = AlertRule::any("a").repeat_after(seconds(100)).resolve_after(seconds(1000));
    let (mut alerting, stage) = (alerting(rule), TestBatches::new());
    assert_eq!(alerts(&mut alerting, &stage, seconds(0), &[test_event("event")]), [firing("a", 1)]);
    assert_eq!(alerts(&mut alerting, &stage, seconds(99), &[test_event("event")]), []);
    assert_eq!(alerting.due(), Some(stage.instant(seconds(100))));
    assert_eq!(alerts(&mut alerting, &stage, seconds(100), &[]), [firing("a", 2)]);
    assert_eq!(alerts(&mut alerting, &stage, seconds(199), &[]), []);
    assert_eq!(alerts(&mut alerting, &stage, seconds(200), &[]), [firing("a", 2)]);
}

#[test]
fn the_times_of_resolution_are_settings() {
    let rule = AlertRule::rate("r", 2, seconds(10)).resolve_after(seconds(30));
    let (mut alerting, stage) = (alerting(rule), TestBatches::new());
    assert_eq!(alerts(&mut alerting, &stage, seconds(0), &vec![test_event("event"); 2]), [firing("r", 2)]);
    assert_eq!(alerts(&mut alerting, &stage, seconds(29), &[]), []);
    assert_eq!(alerts(&mut alerting, &stage, seconds(30), &[]), [resolved("r", 2)]);
}

#[test]
fn an_alert_has_severity_labels_annotations_and_its_cause() {
    let rule = AlertRule::any("logins fail")
        .when("user", Comparison::Exists)
        .severity(Level::Critical)
        .label("team", "identity")
        .annotation("runbook", "https://runbooks/logins");
    let (mut alerting, stage) = (alerting(rule), TestBatches::new());
    let cause = test_event("login refused").target("web").field(FieldGroup::Context, "user", 7);
    stage.at(seconds(5)).events(&[test_event("other"), cause], |batch| {
        alerting.process(batch).unwrap();
        let event = &batch.events()[2];
        assert_eq!(event.level(), Level::Critical);
        assert_eq!(event.message(), ValueRef::Text("alert logins fail is firing: 1 event"));
        for (group, name, value) in [
            (FieldGroup::Tags, "alert.severity", "CRITICAL"),
            (FieldGroup::Tags, "team", "identity"),
            (FieldGroup::Context, "runbook", "https://runbooks/logins"),
            (FieldGroup::Context, "alert.message", "login refused"),
            (FieldGroup::Context, "alert.target", "web"),
        ] {
            assert_eq!(text(event, group, name), value);
        }
        let started = event.field(FieldGroup::Context, "alert.started_at");
        assert_eq!(started, Some(ValueRef::Time { seconds: 5, nanos: 0 }));
    });
    stage.at(seconds(305)).events(&[], |batch| {
        alerting.process(batch).unwrap();
        let event = &batch.events()[0];
        assert_eq!((event.level(), event.target()), (Level::Info, "fapilog::alert"));
        let subject = batch.subject_of(event).unwrap();
        assert_eq!((subject.level, subject.target), (Some(Level::Critical), Some("fapilog::alert")));
        assert_eq!(text(event, FieldGroup::Tags, "team"), "identity");
    });
}

#[test]
fn the_values_of_a_messages_placeholders_are_not_in_the_alert() {
    let (mut alerting, stage) = (alerting(AlertRule::any("a")), TestBatches::new().message("card {n} refused"));
    stage.batch(&[4242], |batch| {
        alerting.process(batch).unwrap();
        assert_eq!(text(&batch.events()[1], FieldGroup::Context, "alert.message"), "card {n} refused");
    });
}

#[test]
fn shards_count_together_and_one_of_them_reports() {
    let (mut first, stage) = (alerting(AlertRule::rate("r", 4, seconds(10))), TestBatches::new());
    let mut second = first.clone();
    let two = || vec![test_event("event"); 2];
    assert_eq!(alerts(&mut first, &stage, seconds(1), &two()), []);
    assert_eq!(alerts(&mut second, &stage, seconds(2), &two()), [firing("r", 4)]);
    assert_eq!(alerts(&mut first, &stage, seconds(3), &two()), []);
    assert_eq!(alerts(&mut first, &stage, seconds(13), &[]), [resolved("r", 6)]);
    assert_eq!(alerts(&mut second, &stage, seconds(13), &[]), []);
    let counts = second.counts().unwrap();
    assert!(counts.is_same(&first.counts().unwrap()));
    assert_eq!(counts.read(), [("firing_reports".to_owned(), 1), ("resolved_reports".to_owned(), 1)]);
}

#[test]
fn a_backlog_is_judged_by_the_times_at_which_its_events_were_logged() {
    // Events at 0 s, 6 s and 12 s that are drained at once.
    let rule = AlertRule::rate("r", 2, seconds(5)).resolve_after(seconds(5));
    let (mut alerting, stage) = (alerting(rule), TestBatches::new().pace(1_000_000_000));
    let states = |alerting: &mut Alerting, times: &[u64]| {
        stage.at(seconds(20)).batch(times, |batch| {
            alerting.process(batch).unwrap();
            let own = batch.events().iter().filter(|event| event.is_internal());
            own.map(|event| text(event, FieldGroup::Tags, "alert.state")).collect::<Vec<_>>()
        })
    };
    assert!(states(&mut alerting, &[0, 6, 12]).is_empty());
    assert_eq!(states(&mut alerting, &[13, 13]), ["firing", "resolved"]);
}

#[test]
fn alerts_are_never_matched_and_other_internal_events_are() {
    let rules = [AlertRule::any("all"), AlertRule::any("throttled").target("fapilog::throttle")];
    let (mut alerting, stage) = (Alerting::new(rules).unwrap(), TestBatches::new());
    stage.at(seconds(0)).events(&[], |batch| {
        batch.emit(Level::Warning, "fapilog::alert", "alert of another processor", &[]);
        alerting.process(batch).unwrap();
        assert_eq!(batch.len(), 1);
        batch.emit(Level::Warning, "fapilog::throttle", "throttle began", &[]);
        alerting.process(batch).unwrap();
        assert_eq!(batch.len(), 4);
    });
}

/// Name and state of the alerts at this time of the clock that stamps events, and so long after the start.
fn alerts_after_a_step(alerting: &mut Alerting, clock: u64, passed: u64, events: usize) -> Vec<(String, String)> {
    let stage = TestBatches::new();
    let start = stage.instant(Duration::ZERO);
    let stage = stage.taken(Timestamp::from_unix_nanos(clock * 1_000_000_000), start + seconds(passed));
    stage.events(&vec![test_event("event"); events], |batch| {
        alerting.process(batch).unwrap();
        let own = batch.events().iter().filter(|event| event.is_internal());
        let tag = |event, name| text(event, FieldGroup::Tags, name);
        own.map(|event| (tag(event, "alert.name"), tag(event, "alert.state"))).collect()
    })
}

#[test]
fn a_clock_that_is_set_back_neither_fires_an_alert_nor_delays_its_end_by_the_step() {
    let is = |name: &str, state: &str| [(name.to_owned(), state.to_owned())];
    let mut rates = alerting(AlertRule::rate("r", 2, seconds(10)));
    assert_eq!(alerts_after_a_step(&mut rates, 3600, 0, 1), []);
    assert_eq!(alerts_after_a_step(&mut rates, 100, 1, 1), [], "the first one is forgotten");
    assert_eq!(alerts_after_a_step(&mut rates, 101, 2, 1), is("r", "firing"));
    assert_eq!(alerts_after_a_step(&mut rates, 20, 20, 0), []);
    assert_eq!(alerts_after_a_step(&mut rates, 30, 40, 0), is("r", "resolved"));

    let mut absence = alerting(AlertRule::absence("b", seconds(60)));
    assert_eq!(alerts_after_a_step(&mut absence, 3600, 1, 0), []);
    assert_eq!(alerts_after_a_step(&mut absence, 0, 70, 0), []);
    assert_eq!(alerts_after_a_step(&mut absence, 60, 140, 0), is("b", "firing"));
}

#[test]
fn events_of_several_threads_that_come_out_of_order_are_counted_by_their_times() {
    // Two threads have an event every 10 s each, and never 3 within 5 s.
    let (mut alerting, stage) = (alerting(AlertRule::rate("r", 3, seconds(5))), TestBatches::new());
    let alerts = |alerting: &mut Alerting, times: &[u64]| {
        let times: Vec<u64> = times.iter().map(|time| time * 1_000_000_000).collect();
        stage.at(seconds(100)).batch(&times, |batch| {
            alerting.process(batch).unwrap();
            batch.len() - times.len()
        })
    };
    assert_eq!(alerts(&mut alerting, &[10, 20, 30, 40, 11, 21, 31, 41]), 0);
    assert_eq!(alerts(&mut alerting, &[98, 99, 97]), 1);
}

#[test]
fn rules_that_cannot_be_used_are_named() {
    let refused = |rules: Vec<AlertRule>| Alerting::new(rules).unwrap_err().to_string();
    let rule = || AlertRule::any("a");
    for (rules, expected) in [
        (vec![], "there is no rule; at least one must be given"),
        (vec![rule(), AlertRule::any("")], "the name of rule 1 is empty; it must have a character at least"),
        (vec![rule(), rule()], "the name \"a\" is that of two rules; names must differ"),
        (vec![AlertRule::rate("a", 0, seconds(1))], "rule \"a\": events is 0; allowed are 1 to 100000"),
        (vec![AlertRule::rate("a", 100_001, seconds(1))], "rule \"a\": events is 100001; allowed are 1 to 100000"),
        (vec![AlertRule::absence("a", seconds(0))], "rule \"a\": within is 0s; it must be longer"),
        (vec![rule().repeat_after(seconds(0))], "rule \"a\": repeat_after is 0s; it must be longer"),
        (vec![rule().resolve_after(seconds(0))], "rule \"a\": resolve_after is 0s; it must be longer"),
        (
            vec![rule().severity(Level::Audit)],
            "rule \"a\": severity is AUDIT; allowed are INFO, WARNING, ERROR and CRITICAL",
        ),
        (
            vec![rule().label("alert.name", "b")],
            "rule \"a\": \"alert.name\" is no name of a label or an annotation; it must not be empty, nor begin with `alert.`",
        ),
    ] {
        assert_eq!(refused(rules), expected);
    }
}
