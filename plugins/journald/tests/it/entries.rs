//! Entries of log calls, in a container.

use fapilog::{Level, Scope, event::DynamicEvent, info, security, warn};
use fapilog_plugin::field_group::FieldGroup;

use crate::support::{entries_of, entry_of};

const CONTEXT: FieldGroup = FieldGroup::Context;

#[test]
fn a_log_call_is_an_entry_with_its_place_and_all_its_fields() {
    let mut line = 0;
    let entry = entry_of(
        |sink| sink,
        |container| {
            let (log, price) = (container.logger("orders"), 101.25);
            line = line!() + 1;
            warn!(log, "order {order_id} filled", order_id = 42, price, tags.region = "eu");
        },
    );
    assert_eq!((entry.text("PRIORITY"), entry.text("LEVEL"), entry.text("LOGGER")), ("4", "WARNING", "orders"));
    assert_eq!(entry.text("MESSAGE"), "order 42 filled");
    assert_eq!((entry.text("ORDER_ID"), entry.text("PRICE"), entry.text("TAGS_REGION")), ("42", "101.25", "eu"));
    assert!(entry.text("CODE_FILE").ends_with("journald/tests/it/entries.rs"));
    assert_eq!(entry.text("CODE_LINE"), line.to_string());
    assert_eq!((entry.text("CODE_FUNC"), entry.text("TARGET")), (module_path!(), module_path!()));
    assert!(entry.text("SYSLOG_IDENTIFIER").starts_with("it-"), "{entry:?}");
    assert_eq!(entry.text("EVENT_ID").split('-').count(), 3);
    assert!(entry.text("EVENT_TIME").starts_with("20") && entry.text("EVENT_TIME").ends_with('Z'));
}

#[test]
fn the_fields_of_a_scope_and_its_ids_are_in_each_entry() {
    let entries = entries_of(
        |sink| sink.field_prefix("SHOP_"),
        |container| {
            let log = container.logger("orders");
            let scope =
                Scope::new().correlation_id("7f3a").bind(CONTEXT, "user", "eve").bind(CONTEXT, "trace_id", "ab");
            let _entered = scope.enter();
            info!(log, "plain", number = 1);
            info!(log, "plain", number = 2);
            info!(log, "own", user = "adam");
            let _inner = Scope::new().correlation_id("inner").bind(CONTEXT, "user", "cain").enter();
            info!(log, "inner", number = 3);
        },
    );
    let users: Vec<_> = entries.iter().map(|entry| entry.text("SHOP_USER")).collect();
    assert_eq!(users, ["eve", "eve", "adam", "cain"]);
    let ids: Vec<_> = entries.iter().map(|entry| entry.text("CORRELATION_ID")).collect();
    assert_eq!(ids, ["7f3a", "7f3a", "7f3a", "inner"]);
    assert!(entries.iter().all(|entry| entry.text("TRACE_ID") == "ab"));
    assert_eq!(entries[3].text("SHOP_NUMBER"), "3");
}

#[test]
fn two_fields_of_one_name_are_both_in_the_entry() {
    let entry = entry_of(
        |sink| sink,
        |container| info!(container.logger("orders"), "order", "user.id" = 1, "user-id" = 2, USER_ID = 3),
    );
    assert_eq!(entry.all("USER_ID"), [b"1", b"2", b"3"]);
}

#[test]
fn a_field_of_a_name_that_the_sink_writes_has_an_escape_in_front() {
    let entry = entry_of(
        |sink| sink,
        |container| info!(container.logger("orders"), "order", message = "forged", priority = 0, "event-id" = "forged"),
    );
    assert_eq!((entry.text("MESSAGE"), entry.text("PRIORITY")), ("order", "6"));
    assert_eq!((entry.text("FIELD_MESSAGE"), entry.text("FIELD_PRIORITY")), ("forged", "0"));
    assert_eq!(entry.text("FIELD_EVENT_ID"), "forged");
}

#[test]
fn a_value_cannot_forge_a_field() {
    let user = "eve\nPRIORITY=0\n_UID=0\n";
    let entry = entry_of(|sink| sink, |container| security!(container.logger("orders"), %user, user));
    assert_eq!((entry.text("MESSAGE"), entry.text("USER")), (user, user));
    assert_eq!((entry.text("PRIORITY"), entry.has("_UID")), ("1", false));
}

#[test]
fn lists_and_maps_are_json_on_one_line() {
    let lines = vec!["a", "b\n\"c\""];
    let map = std::collections::BTreeMap::from([("k\n", 1.5), ("n", f64::NAN)]);
    let entry = entry_of(|sink| sink, |container| info!(container.logger("orders"), "order", lines, map));
    assert_eq!(entry.text("LINES"), r#"["a","b\n\"c\""]"#);
    assert_eq!(entry.text("MAP"), r#"{"k\n":1.5,"n":"NaN"}"#);
    for name in ["LINES", "MAP"] {
        serde_json::from_str::<serde_json::Value>(entry.text(name)).unwrap();
    }
}

#[test]
fn an_event_that_was_cut_is_marked_and_names_its_fields() {
    let long = "x".repeat(200_000);
    let entry = entry_of(|sink| sink, |container| info!(container.logger("orders"), "order", long));
    assert!(entry.text("LONG").len() > 10_000);
    assert_eq!((entry.text("TRUNCATED"), entry.text("TRUNCATED_FIELDS")), ("true", "long"));
}

#[test]
fn the_id_of_a_message_is_that_of_its_field_and_another_value_stays_a_field() {
    const ID: &str = "f77379a8490b408bbe5f6940505a777b";
    let entries = entries_of(
        |sink| sink.message_id("00000000-0000-0000-0000-00000000000a"),
        |container| {
            let log = container.logger("orders");
            info!(log, "own", message_id = ID);
            info!(log, "none");
            info!(log, "other", message_id = "started");
        },
    );
    let ids: Vec<_> = entries.iter().map(|entry| entry.text("MESSAGE_ID")).collect();
    let fixed = "0000000000000000000000000000000a";
    assert_eq!(ids, [ID, fixed, fixed]);
    let fields: Vec<_> = entries.iter().map(|entry| entry.all("FIELD_MESSAGE_ID")).collect();
    assert_eq!(fields, [vec![], vec![], vec![b"started".as_slice()]]);
}

#[test]
fn an_entry_has_no_more_fields_than_journald_takes() {
    let entry = entry_of(
        |sink| sink,
        |container| {
            let mut event = DynamicEvent::new(Level::Info, "import", "row");
            for number in 0..1100_u64 {
                event = event.field(CONTEXT, &format!("column_{number}"), number.into());
            }
            container.logger("orders").log_dynamic(&event);
        },
    );
    assert!(entry.fields.len() <= 1024 && entry.has("COLUMN_0") && entry.has("COLUMN_900"));
    assert_eq!(entry.text("TRUNCATED"), "true");
}
