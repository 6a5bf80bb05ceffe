//! Lines of tracing-subscriber's JSON format, which has the message and the fields in an object `fields`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod program;

use program::run_with;

const LINES: &str = concat!(
    r#"{"timestamp":"2026-11-30T10:00:00.000000Z","level":"INFO","fields":{"message":"order filled","order_id":42,"latency_ms":3.5},"#,
    r#""target":"shop::db","span":{"name":"request","id":7},"spans":[{"name":"request","id":7}]}"#,
    "\n",
    r#"{"timestamp":"2026-11-30T10:00:01.000000Z","level":"WARN","fields":{"message":"slow, \"b\"","user.id":7,"level":"x","latency_ms":900},"#,
    r#""target":"shop::http"}"#,
    "\n",
    r#"{"timestamp":"2026-11-30T10:00:02.000000Z","level":"ERROR","fields":{"error":"refused"},"target":"shop::http"}"#,
    "\n",
);

fn out_of(input: &str, arguments: &[&str]) -> String {
    let ran = run_with(input.as_bytes(), arguments);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    ran.out
}

#[test]
fn people_see_the_message_and_the_fields() {
    let expected = concat!(
        "2026-11-30T10:00:00.000000Z INFO     [shop::db] order filled order_id=42 latency_ms=3.5 span={name: request, id: 7} \
         spans=[{name: request, id: 7}]\n",
        "2026-11-30T10:00:01.000000Z WARNING  [shop::http] \"slow, \\\"b\\\"\" user.id=7 field.level=x latency_ms=900\n",
        "2026-11-30T10:00:02.000000Z ERROR    [shop::http] error=refused\n",
    );
    assert_eq!(out_of(LINES, &["cat", "--utc"]), expected);
}

#[test]
fn logfmt_has_the_message_and_the_fields_as_pairs() {
    let first = out_of(LINES, &["cat", "-o", "logfmt", "--level", "info..info"]);
    let expected = "time=2026-11-30T10:00:00.000000Z level=INFO target=shop::db msg=\"order filled\" order_id=42 latency_ms=3.5 \
                    span={name:request,id:7} spans=[{name:request,id:7}]\n";
    assert_eq!(first, expected);
}

#[test]
fn csv_has_the_message_in_its_column_and_the_other_fields_as_context() {
    let expected = concat!(
        "timestamp,level,source,target,message,correlation_id,context\n",
        "2026-11-30T10:00:00.000000Z,INFO,,shop::db,order filled,,\"{\"\"order_id\"\":42,\"\"latency_ms\"\":3.5}\"\n",
        "2026-11-30T10:00:02.000000Z,ERROR,,shop::http,,,\"{\"\"error\"\":\"\"refused\"\"}\"\n",
    );
    assert_eq!(out_of(LINES, &["cat", "-o", "csv", "--where", "order_id or error"]), expected);
    let chosen = out_of(LINES, &["cat", "-o", "csv", "--fields", "message,latency_ms,user.id,span.name"]);
    assert_eq!(
        chosen,
        "message,latency_ms,user.id,span.name\norder filled,3.5,,request\n\"slow, \"\"b\"\"\",900,7,\n,,,\n"
    );
}

#[test]
fn json_is_the_line_itself_or_an_object_of_the_chosen_fields() {
    assert_eq!(out_of(LINES, &["cat", "--json"]), LINES);
    let chosen = out_of(LINES, &["cat", "--json", "--fields", "message,order_id", "--where", "order_id = 42"]);
    assert_eq!(chosen, "{\"message\":\"order filled\",\"order_id\":42}\n");
}

#[test]
fn conditions_find_the_message_and_the_fields_by_name() {
    for (condition, times) in [
        ("order_id = 42", "0"),
        ("fields.order_id = 42", "0"),
        ("message ~ '^order'", "0"),
        ("latency_ms > 3", "0 1"),
        ("latency_ms > 100 and message", "1"),
        ("user.id = 7", "1"),
        ("level >= warn", "1 2"),
        ("error = refused", "2"),
        ("not message", "2"),
        ("name = request", ""),
        ("span.name = request", "0"),
    ] {
        let out = out_of(LINES, &["cat", "-o", "csv", "--fields", "timestamp", "--where", condition]);
        let found: Vec<&str> = out.lines().skip(1).filter_map(|time| time.get(18..19)).collect();
        assert_eq!(found.join(" "), times, "{condition}");
    }
}

#[test]
fn numbers_of_the_fields_are_counted() {
    let report: serde_json::Value =
        serde_json::from_str(&out_of(LINES, &["stats", "--json", "--field", "latency_ms"])).unwrap();
    let field = report.pointer("/fields/0").unwrap();
    assert_eq!((field["count"].as_u64(), field["max"].as_f64()), (Some(2), Some(900.0)), "{report}");
}

#[test]
fn a_line_with_a_message_or_a_context_of_its_own_has_a_field_of_that_name() {
    let line = r#"{"level":"INFO","message":"m","fields":{"message":"x","a":1}}"#;
    assert_eq!(out_of(line, &["cat"]), "INFO     m fields={message: x, a: 1}\n");
    assert_eq!(out_of(line, &["cat", "--where", "a = 1"]), "");
    let line = r#"{"level":"INFO","context":{"b":2},"fields":{"message":"x"}}"#;
    assert_eq!(out_of(line, &["cat", "-o", "logfmt"]), "level=INFO b=2 fields={message:x}\n");
    let line = r#"{"level":"INFO","fields":["a"]}"#;
    assert_eq!(out_of(line, &["cat"]), "INFO     fields=[a]\n");
}
