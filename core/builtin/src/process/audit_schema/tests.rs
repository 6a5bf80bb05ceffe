//! Each rule names what is wrong, and no event is taken out.

use std::time::Duration;

use fapilog_plugin::{
    event::{Batch, Event},
    processor::Processor,
    testing::{TestBatches, TestEvent, test_event},
};
use fapilog_record::{
    field_group::FieldGroup,
    level::Level,
    value::{OwnedValue, REDACTED, ValueRef},
};
use proptest::prelude::*;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// An audit event of these fields.
fn audit<'a>(message: &'a str, fields: &[(&'a str, ValueRef<'a>)]) -> TestEvent<'a> {
    let event = test_event(message).level(Level::Audit);
    fields.iter().fold(event, |event, (name, value)| event.field(FieldGroup::Context, name, *value))
}

fn whole() -> TestEvent<'static> {
    let text = ValueRef::Text;
    let fields =
        [("who", text("ada")), ("outcome", text("success")), ("origin", text("192.0.2.1")), ("object", text("42"))];
    audit("limit raised", &fields)
}

/// `whole` with another value of a field.
fn with<'a>(name: &'a str, value: ValueRef<'a>) -> TestEvent<'a> {
    let mut event: TestEvent<'a> = whole();
    event.fields.iter_mut().filter(|(_, known, _)| *known == name).for_each(|field| field.2 = value);
    event
}

fn without(name: &str) -> TestEvent<'static> {
    let mut event = whole();
    event.fields.retain(|(_, known, _)| *known != name);
    event
}

fn violations_in(event: &Event<'_>) -> Option<String> {
    event.field(FieldGroup::Context, "audit_violations").map(|value| value.to_string())
}

/// The rules that the event violates, as it has them.
fn violated_by(schema: &AuditSchema, event: TestEvent<'_>) -> String {
    TestBatches::new().events(&[event], |batch| {
        schema.clone().process(batch).unwrap();
        violations_in(&batch.events()[0]).unwrap_or_default()
    })
}

fn violated(event: TestEvent<'_>) -> String {
    violated_by(&AuditSchema::new(), event)
}

/// The reports in a batch: number of events, and rules.
fn reports(batch: &Batch<'_>) -> Vec<(u64, String)> {
    let own = batch.events().iter().filter(|event| event.is_internal());
    own.map(|event| {
        assert_eq!((event.level(), event.target()), (Level::Security, "fapilog::audit_schema"));
        assert_eq!(event.message(), ValueRef::Text("audit events violate their schema"));
        let Some(ValueRef::U64(events)) = event.field(FieldGroup::Metrics, "events") else { panic!("no number") };
        (events, event.field(FieldGroup::Context, "rules").unwrap().to_string())
    })
    .collect()
}

#[test]
fn a_whole_event_passes_as_it_is() {
    assert_eq!(violated(whole()), "");
    // A number, an address and a pseudonym are values.
    assert_eq!(violated(with("who", ValueRef::U64(7))), "");
    assert_eq!(violated(with("who", ValueRef::Text("hmac:k1:6d7878dfff2f485635d39013278ae14f"))), "");
    for outcome in ["failure", "denied", "unknown"] {
        assert_eq!(violated(with("outcome", ValueRef::Text(outcome))), "");
    }
}

#[test]
fn a_field_that_is_missing_empty_or_redacted_is_named() {
    for name in ["who", "outcome", "origin", "object"] {
        assert_eq!(violated(without(name)), format!("[{name}_missing]"));
        assert_eq!(violated(with(name, ValueRef::None)), format!("[{name}_missing]"));
        assert_eq!(violated(with(name, ValueRef::Text(" "))), format!("[{name}_empty]"));
        assert_eq!(violated(with(name, ValueRef::Bytes(&[]))), format!("[{name}_empty]"));
        assert_eq!(violated(with(name, OwnedValue::of(&[0_u16; 0]).view())), format!("[{name}_empty]"));
        assert_eq!(violated(with(name, ValueRef::Text(REDACTED))), format!("[{name}_redacted]"));
    }
    assert_eq!(violated(audit("m", &[])), "[who_missing, outcome_missing, origin_missing, object_missing]");
}

#[test]
fn an_outcome_is_one_of_those_that_are_allowed() {
    for outcome in [ValueRef::Text("Success"), ValueRef::Text("ok"), ValueRef::Bool(true), ValueRef::U64(0)] {
        assert_eq!(violated(with("outcome", outcome)), "[outcome_not_allowed]");
    }
    let own = AuditSchema::new().outcomes(["ok", "partial"]);
    assert_eq!(violated_by(&own, with("outcome", ValueRef::Text("partial"))), "");
    assert_eq!(violated_by(&own, whole()), "[outcome_not_allowed]");
}

#[test]
fn the_message_is_the_action_and_a_field_stands_in_for_it() {
    let of = |message, what: Option<ValueRef<'static>>| {
        let mut event = TestEvent { message, ..whole() };
        event.fields.extend(what.map(|what| (FieldGroup::Context, "what", what)));
        violated(event)
    };
    assert_eq!(of("", None), "[what_missing]");
    assert_eq!(of(" ", None), "[what_empty]");
    assert_eq!(of("", Some(ValueRef::Text("raise"))), "");
    assert_eq!(of("", Some(ValueRef::Text(""))), "[what_empty]");
    assert_eq!(of("raised", Some(ValueRef::Text(""))), "");
    assert_eq!(of(REDACTED, None), "[what_redacted]");
}

#[test]
fn a_message_of_placeholders_alone_is_what_they_are_filled_with() {
    let what = AuditSchema::new().required([AuditField::What]);
    let violations = |message: &'static str| {
        let stage = TestBatches::new().level(Level::Audit).message(message).argument("n");
        stage.batch(&[1], |batch| {
            what.clone().process(batch).unwrap();
            violations_in(&batch.events()[0]).unwrap_or_default()
        })
    };
    assert_eq!(["order {n}", "{n}"].map(violations), ["", ""]);
    // Nothing is filled in.
    assert_eq!(violations(" "), "[what_empty]");
}

#[test]
fn only_required_fields_of_chosen_levels_and_targets_are_checked() {
    let event = || audit("m", &[("who", ValueRef::Text("ada"))]);
    assert_eq!(violated_by(&AuditSchema::new().required([AuditField::Who]), event()), "");
    assert_eq!(violated_by(&AuditSchema::new().required([AuditField::Object]), event()), "[object_missing]");
    let security = || event().level(Level::Security);
    assert_eq!(violated_by(&AuditSchema::new().required([AuditField::Object]), security()), "");
    let both = AuditSchema::new().required([AuditField::Object]).levels([Level::Audit, Level::Security]);
    assert_eq!(violated_by(&both, security()), "[object_missing]");
    let app = AuditSchema::new().required([AuditField::Object]).include(["app"]).exclude(["app::old"]);
    for (target, expected) in [("app::db", "[object_missing]"), ("app::old::x", ""), ("apple", ""), ("stage", "")] {
        assert_eq!(violated_by(&app, event().target(target)), expected, "{target}");
    }
}

#[test]
fn a_field_may_have_another_name() {
    let schema = AuditSchema::new().required([AuditField::Who, AuditField::Origin]);
    let schema = schema.field(AuditField::Who, "tags.user").field(AuditField::Origin, "peer");
    let event = audit("m", &[("peer", ValueRef::Text("192.0.2.1"))]);
    assert_eq!(violated_by(&schema, event.clone()), "[who_missing]");
    assert_eq!(violated_by(&schema, event.field(FieldGroup::Tags, "user", "ada")), "");
}

#[test]
fn no_event_is_taken_out_and_a_field_of_the_programs_does_not_hide_the_violations() {
    let mut event = without("who");
    event.fields.push((FieldGroup::Context, "audit_violations", ValueRef::Text("none")));
    TestBatches::new().events(&[event, whole(), test_event("m")], |batch| {
        AuditSchema::new().process(batch).unwrap();
        assert_eq!(batch.events().iter().filter(|event| !event.is_internal()).count(), 3);
        assert_eq!(violations_in(&batch.events()[0]).as_deref(), Some("[who_missing]"));
        assert_eq!((violations_in(&batch.events()[1]), violations_in(&batch.events()[2])), (None, None));
    });
}

#[test]
fn a_call_site_is_asked_for_its_target_once_and_for_its_fields_each_time() {
    let stage = TestBatches::new().level(Level::Audit).argument("who");
    let mut schema = AuditSchema::new().required([AuditField::Who, AuditField::What]);
    stage.batch(&[1, 2], |batch| {
        schema.process(batch).unwrap();
        assert_eq!(reports(batch), []);
        assert!(schema.sites.get(batch.events()[0].descriptor()).unwrap().is_checked);
    });
    let other = TestBatches::new().level(Level::Audit).argument("n");
    other.batch(&[1, 2], |batch| {
        schema.process(batch).unwrap();
        assert!(batch.events()[..2].iter().all(|event| violations_in(event).as_deref() == Some("[who_missing]")));
        assert_eq!(reports(batch), [(2, "[who_missing]".to_owned())]);
        let report = &batch.events()[2];
        assert_eq!(report.field(FieldGroup::Context, "message"), Some(ValueRef::Text("staged")));
        assert_eq!(report.field(FieldGroup::Context, "line"), Some(ValueRef::U64(1)));
        assert_eq!(report.field(FieldGroup::Metrics, "who_missing"), Some(ValueRef::U64(2)));
        assert_eq!(report.field(FieldGroup::Tags, "source"), Some(ValueRef::Text("source-0")));
    });
}

#[test]
fn a_call_site_is_reported_at_most_once_a_minute_with_the_number_since() {
    let (stage, mut schema) = (TestBatches::new(), AuditSchema::new());
    let mut at = |passed: Duration, events: &[TestEvent<'_>]| {
        stage.at(passed);
        let found = stage.events(events, |batch| {
            schema.process(batch).unwrap();
            reports(batch)
        });
        (found, schema.due())
    };
    let second = Duration::from_secs(1);
    assert_eq!(at(second, &[without("who")]), (vec![(1, "[who_missing]".to_owned())], None));
    let due = Some(stage.instant(second + MINUTE));
    assert_eq!(at(2 * second, &[without("who"), without("object")]), (vec![], due));
    assert_eq!(at(second + MINUTE - Duration::from_millis(1), &[without("who")]), (vec![], due));
    // Without an event, when it is due.
    assert_eq!(at(second + MINUTE, &[]), (vec![(3, "[who_missing, object_missing]".to_owned())], None));
    assert_eq!(at(10 * MINUTE, &[]), (vec![], None));
}

#[test]
fn whatever_is_not_reported_is_reported_at_the_end() {
    let (stage, mut schema) = (TestBatches::new(), AuditSchema::new());
    stage.events(&[without("who")], |batch| schema.process(batch).unwrap());
    stage.events(&[without("who"), without("who")], |batch| schema.process(batch).unwrap());
    let mut finish = || {
        stage.events(&[], |batch| {
            schema.finish(batch).unwrap();
            reports(batch)
        })
    };
    assert_eq!(finish(), [(2, "[who_missing]".to_owned())]);
    assert_eq!(finish(), []);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_reports_add_up_to_the_events_that_violate_the_schema(
        batches in proptest::collection::vec((0..90_u64, proptest::collection::vec(any::<bool>(), 0..6)), 0..20),
    ) {
        let (stage, mut schema) = (TestBatches::new(), AuditSchema::new());
        let (mut seconds, mut wrong, mut reported) = (0, 0, 0);
        for (passed, are_wrong) in batches {
            seconds += passed;
            stage.at(Duration::from_secs(seconds));
            let events: Vec<_> = are_wrong.iter().map(|wrong| if *wrong { without("who") } else { whole() }).collect();
            wrong += are_wrong.iter().filter(|wrong| **wrong).count() as u64;
            stage.events(&events, |batch| {
                schema.process(batch).unwrap();
                reported += reports(batch).iter().map(|(events, _)| events).sum::<u64>();
            });
        }
        stage.events(&[], |batch| {
            schema.finish(batch).unwrap();
            reported += reports(batch).iter().map(|(events, _)| events).sum::<u64>();
        });
        prop_assert_eq!(reported, wrong);
    }
}
