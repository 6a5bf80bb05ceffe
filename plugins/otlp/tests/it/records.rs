//! Records, as an independent reader finds them.

use std::time::{Duration, SystemTime};

use fapilog::{Container, Scope, error, info, warn};
use fapilog_otlp::{Otlp, OtlpProtocol, OtlpSettings};
use fapilog_test_servers::{FakeHttp, FakeRequest};
use opentelemetry_proto::tonic::{common::v1::any_value::Value, logs::v1::LogRecord};

use super::{
    TIMEOUT, builder, patient,
    received::{attribute, body, read, records, text},
    settings, shut_down,
};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID: &str = "00f067aa0ba902b7";

/// The records of what `log` logs, in protobuf and in JSON.
pub(crate) fn in_both_forms(
    change: impl Fn(&mut OtlpSettings),
    log: impl Fn(&Container),
) -> [Vec<(String, LogRecord)>; 2] {
    let servers = [FakeHttp::start(), FakeHttp::start()];
    let sink = |server: &FakeHttp, protocol| {
        let mut settings = settings(server);
        settings.protocol = Some(protocol);
        change(&mut settings);
        Otlp::new(&settings).unwrap()
    };
    let container = builder()
        .sink_with("protobuf", sink(&servers[0], OtlpProtocol::HttpProtobuf), patient())
        .sink_with("json", sink(&servers[1], OtlpProtocol::HttpJson), patient())
        .start()
        .unwrap();
    log(&container);
    shut_down(&container);
    // The order of attributes has no meaning.
    let sorted = |(scope, mut record): (String, LogRecord)| {
        record.attributes.sort_by(|one, other| one.key.cmp(&other.key));
        (scope, record)
    };
    servers.map(|server| server.requests().iter().flat_map(|request| records(request)).map(sorted).collect())
}

/// The only record of what `log` logs. Both forms have the same.
fn record(log: impl Fn(&Container)) -> LogRecord {
    let [protobuf, json] = in_both_forms(|_| {}, log);
    assert_eq!(protobuf, json);
    let [(_, record)] = <[_; 1]>::try_from(protobuf).unwrap();
    record
}

fn one_request(settings: &OtlpSettings, server: &FakeHttp, log: impl Fn(&Container)) -> std::sync::Arc<FakeRequest> {
    let container = super::started(settings);
    log(&container);
    shut_down(&container);
    server.wait_for(1, TIMEOUT)[0].clone()
}

#[test]
fn an_event_is_a_record_with_severity_body_and_attributes() {
    let before = SystemTime::now();
    let record = record(|container| warn!(container.logger("shop"), "order filled", order_id = 42, tags.region = "eu"));
    let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(record.time_unix_nano);
    assert!(time >= before - Duration::from_secs(1) && time <= SystemTime::now() + Duration::from_secs(1));
    assert_eq!(record.observed_time_unix_nano, record.time_unix_nano);
    assert_eq!((record.severity_number, record.severity_text.as_str(), body(&record)), (13, "WARNING", "order filled"));
    let names: Vec<_> = record.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert_eq!(names, ["fapilog.category", "fapilog.target", "log.record.uid", "order_id", "region"]);
    assert_eq!(attribute(&record.attributes, "order_id"), Some(&Value::IntValue(42)));
    assert_eq!(text(attribute(&record.attributes, "region")), "eu");
    assert_eq!((record.flags, record.trace_id.len(), record.event_name.as_str()), (0, 0, ""));
}

#[test]
fn both_forms_have_the_same_records_in_scopes_with_repeated_names_and_with_every_value() {
    let [protobuf, json] = in_both_forms(
        |settings| settings.call_site = true,
        |container| {
            let log = container.logger("quo\"ted \u{e9}");
            let long = "x".repeat(20_000);
            for round in 0..3_i64 {
                let _scope = Scope::new()
                    .correlation_id("7f3a")
                    .bind(fapilog_plugin::field_group::FieldGroup::Context, "tenant", "a")
                    .enter();
                info!(log, "plain", round, negative = -round, half = 0.5, is_on = true, nothing = None::<u8>);
                error!(log, "the number {round} is filled in", round, tenant = "own", region = "a", tags.region = "b");
                info!(log, "long", long = long.as_str(), big = u64::MAX, huge = u128::MAX, tiny = i128::MIN);
                let addresses: [std::net::IpAddr; 2] = ["::1".parse().unwrap(), [127, 0, 0, 1].into()];
                info!(
                    log,
                    "others",
                    letter = 'x',
                    list = ["a", "b"],
                    wait = Duration::from_millis(1500),
                    ip = addresses[0]
                );
                info!(
                    log,
                    "known",
                    hostname = "h",
                    pid = 7,
                    process_id = 8,
                    "code.file.path" = "mine",
                    "log.record.uid" = "mine"
                );
            }
            info!(
                container.logger("other"),
                "unscoped",
                trace_id = TRACE_ID,
                span_id = SPAN_ID,
                event_name = "order.filled"
            );
            info!(container.logger("other"), "not an id", trace_id = &TRACE_ID[1..]);
        },
    );
    assert_eq!(protobuf.len(), 17);
    for (protobuf, json) in protobuf.iter().zip(&json) {
        assert_eq!(protobuf, json);
    }
    let names: Vec<_> = protobuf.iter().map(|(scope, _)| scope.as_str()).collect();
    assert!(
        names[..15].iter().all(|name| *name == "quo\"ted \u{e9}") && names[15..] == ["other", "other"],
        "{names:?}"
    );
    let filled = &protobuf[1].1;
    assert_eq!(body(filled), "the number 0 is filled in");
    assert_eq!(text(attribute(&filled.attributes, "tenant")), "own");
    assert_eq!(text(attribute(&filled.attributes, "region_2")), "b");
    assert_eq!(text(attribute(&filled.attributes, "correlation_id")), "7f3a");
}

#[test]
fn the_ids_of_a_trace_and_the_name_of_an_event_are_members_of_the_record() {
    let record = record(|container| {
        let trace: fapilog::scope::TraceParent = format!("00-{TRACE_ID}-{SPAN_ID}-01").parse().unwrap();
        let _entered = Scope::new().trace_parent(&trace).enter();
        info!(container.logger("shop"), "filled", event_name = "order.filled", trace_flags = "01");
    });
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!((hex(&record.trace_id), hex(&record.span_id)), (TRACE_ID.to_owned(), SPAN_ID.to_owned()));
    assert_eq!((record.flags, record.event_name.as_str()), (1, "order.filled"));
    for name in ["trace_id", "span_id", "trace_flags", "event_name"] {
        assert_eq!(attribute(&record.attributes, name), None);
    }
}

#[test]
fn the_place_of_the_call_is_an_attribute_where_it_is_wanted() {
    let [records, _] =
        in_both_forms(|settings| settings.call_site = true, |container| info!(container.logger("shop"), "ready"));
    let attributes = &records[0].1.attributes;
    assert!(text(attribute(attributes, "code.file.path")).ends_with("records.rs"));
    assert!(matches!(attribute(attributes, "code.line.number"), Some(Value::IntValue(1..))));
}

#[test]
fn records_stand_together_by_the_name_of_their_logger() {
    let server = FakeHttp::start();
    let request = one_request(&settings(&server), &server, |container| {
        let (a, b) = (container.logger("a"), container.logger("b"));
        for number in 0..3 {
            info!(a, "of a", number);
            info!(b, "of b", number);
        }
    });
    let read = read(&request);
    let [logs] = &read.resource_logs[..] else { panic!("one resource") };
    let scopes: Vec<_> = logs.scope_logs.iter().map(|scope| scope.scope.as_ref().unwrap().name.as_str()).collect();
    assert_eq!(scopes, ["a", "b"]);
    for scope in &logs.scope_logs {
        let numbers: Vec<_> =
            scope.log_records.iter().map(|record| attribute(&record.attributes, "number").unwrap().clone()).collect();
        assert_eq!(numbers, [0, 1, 2].map(Value::IntValue));
    }
}

#[test]
fn a_request_has_the_resource_of_the_program() {
    for protocol in [OtlpProtocol::HttpProtobuf, OtlpProtocol::HttpJson] {
        let server = FakeHttp::start();
        let mut settings = settings(&server);
        settings.protocol = Some(protocol);
        settings.resource.insert("service.version".to_owned(), "1.4.2".to_owned());
        let request = one_request(&settings, &server, |container| info!(container.logger("shop"), "ready"));
        let read = read(&request);
        let resource = read.resource_logs[0].resource.as_ref().unwrap();
        let names: Vec<_> = resource.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
        let expected = [
            "host.name",
            "process.pid",
            "service.instance.id",
            "service.name",
            "service.version",
            "telemetry.sdk.language",
            "telemetry.sdk.name",
            "telemetry.sdk.version",
        ];
        assert_eq!(names, expected);
        let pid = i64::from(std::process::id());
        assert_eq!(attribute(&resource.attributes, "process.pid"), Some(&Value::IntValue(pid)));
        assert_eq!(text(attribute(&resource.attributes, "service.version")), "1.4.2");
        assert!(text(attribute(&resource.attributes, "service.name")).starts_with("unknown_service:"));
    }
}

#[test]
fn an_event_that_was_cut_names_its_fields() {
    let log = |container: &Container| {
        info!(
            container.logger("shop"),
            "long",
            note = "x".repeat(200_000).as_str(),
            tags.note = "y".repeat(200_000).as_str()
        );
    };
    let record = record(log);
    assert_eq!(attribute(&record.attributes, "fapilog.truncated"), Some(&Value::BoolValue(true)));
    let Some(Value::ArrayValue(fields)) = attribute(&record.attributes, "fapilog.truncated_fields") else {
        panic!("no list of fields: {:?}", record.attributes.iter().map(|attribute| &attribute.key).collect::<Vec<_>>())
    };
    let names: Vec<_> = fields.values.iter().map(|name| text(name.value.as_ref())).collect();
    assert!(names.contains(&"tags.note"), "{names:?}");
}

#[test]
fn records_of_another_sink_become_bodies() {
    use fapilog::sink::SinkOptions;
    use fapilog_sink_http::{Http, HttpSinkSettings};

    for protocol in [OtlpProtocol::HttpProtobuf, OtlpProtocol::HttpJson] {
        let (broken, server) = (FakeHttp::start(), FakeHttp::start());
        broken.answer(|_| fapilog_test_servers::FakeAnswer::new(400));
        let mut settings = settings(&server);
        settings.protocol = Some(protocol);
        let mut http = HttpSinkSettings::default();
        http.url = broken.url("/");
        let first = Http::new(http, fapilog::format::Json::new).unwrap();
        let options = SinkOptions::new().fallback("otlp");
        let container = builder()
            .sink_with("http", first, options)
            .sink_with("otlp", Otlp::new(&settings).unwrap(), patient())
            .start()
            .unwrap();
        info!(container.logger("shop"), "only", number = 7);
        shut_down(&container);
        let records: Vec<_> = server.requests().iter().flat_map(|request| records(request)).collect();
        let [(own_scope, own), (scope, other)] = &records[..] else { panic!("two records: {records:?}") };
        assert_eq!((own_scope.as_str(), body(own), scope.as_str()), ("shop", "only", ""));
        let json: serde_json::Value = serde_json::from_str(body(other)).unwrap();
        assert_eq!(json["context"]["number"], 7);
    }
}
