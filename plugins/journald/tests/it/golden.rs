//! The bytes of entries.

use std::time::Instant;

use fapilog_journald::{Facility, Journald};
use fapilog_plugin::{
    event::{Batch, FieldRef},
    field_group::FieldGroup,
    level::Level,
    testing::{TestBatches, test_event},
    timestamp::Timestamp,
    value::ValueRef,
};

use crate::support::{encoded, named, sink};

fn text(journald: &Journald, batch: &Batch<'_>) -> Vec<String> {
    let records = encoded(&mut *sink(journald), batch);
    records.into_iter().map(|record| record.escape_ascii().to_string().replace("\\n", "\n")).collect()
}

#[test]
fn an_event_of_a_call_site() {
    let journald = named().facility(Facility::Daemon);
    let batches =
        TestBatches::new().argument("order_id").message("order filled").level(Level::Warning).source("orders");
    let entries = batches.thread(77, Some("worker")).pace(1_000_000_001).batch(&[1, 2], |batch| text(&journald, batch));
    let expected = "\
PRIORITY=4
SYSLOG_IDENTIFIER=shop
SYSLOG_FACILITY=3
LEVEL=WARNING
SEVERITY=5
CATEGORY=SYSTEM
TARGET=stage
CODE_FILE=staged.rs
CODE_LINE=1
CODE_FUNC=stage
LOGGER=orders
TID=77
EVENT_ID=000000000000-1-1
EVENT_TIME=1970-01-01T00:00:01.000000001Z
MESSAGE=order filled
ORDER_ID=1
";
    assert_eq!(entries[0], expected);
    let second = expected.replace("000-1-1", "000-1-2").replace("01.000000001Z", "02.000000002Z");
    assert_eq!(entries[1], second.replace("ORDER_ID=1", "ORDER_ID=2"));
}

#[test]
fn an_event_without_a_call_site_that_a_plugin_has_changed() {
    let event = test_event("two\nlines")
        .level(Level::Security)
        .field(FieldGroup::Context, "user", "eve")
        .field(FieldGroup::Context, "message", "x")
        .field(FieldGroup::Tags, "region", "eu")
        .field(FieldGroup::Metrics, "bytes", 5_u64)
        .field(FieldGroup::Context, "raw", &b"\xff"[..])
        .field(FieldGroup::Context, "message_id", "F77379A8-490B-408B-BE5F-6940505A777B");
    let taken = Timestamp::from_unix_nanos(0);
    let entries = TestBatches::new().taken(taken, Instant::now()).events(&[event], |batch| {
        let event = &mut batch.events_mut()[0];
        event.set_correlation_id("7f3a");
        event.set_severity(9);
        event.mark_field_cut(FieldGroup::Context, "user");
        text(&named().field_prefix("SHOP_"), batch)
    });
    let expected = "\
PRIORITY=1
SYSLOG_IDENTIFIER=shop
LEVEL=SECURITY
SEVERITY=9
CATEGORY=SECURITY
TARGET=stage
MESSAGE_ID=f77379a8490b408bbe5f6940505a777b
LOGGER=source-0
TID=1
EVENT_ID=000000000000-1-1
EVENT_TIME=1970-01-01T00:00:00.000000000Z
CORRELATION_ID=7f3a
MESSAGE
\\t\\x00\\x00\\x00\\x00\\x00\\x00\\x00two
lines
SHOP_USER=eve
SHOP_MESSAGE=x
SHOP_RAW
\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\xff
SHOP_TAGS_REGION=eu
SHOP_METRICS_BYTES=5
TRUNCATED=true
TRUNCATED_FIELDS=user
";
    assert_eq!(entries, [expected]);
}

#[test]
fn context_that_events_share_stands_behind_their_arguments() {
    let entries = TestBatches::new().batch(&[7, 8], |batch| {
        let shared = [
            FieldRef { group: FieldGroup::Context, name: "host.name", value: ValueRef::Text("web-1") },
            FieldRef { group: FieldGroup::Context, name: "pid", value: ValueRef::U64(5) },
        ];
        let shared = &*batch.arena().alloc_slice_copy(&shared);
        batch.events_mut().iter_mut().for_each(|event| event.share_context(shared));
        text(&named(), batch)
    });
    assert!(entries[0].ends_with("MESSAGE=staged\nN=7\nHOST_NAME=web-1\nPID=5\n"), "{}", entries[0]);
    assert!(entries[1].ends_with("MESSAGE=staged\nN=8\nHOST_NAME=web-1\nPID=5\n"), "{}", entries[1]);
}
