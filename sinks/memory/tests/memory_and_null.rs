//! The memory sink and the null sink.

#[path = "../../testing/lines.rs"]
mod lines;

use fapilog_engine::accounts::LossReason;
use fapilog_format::Json;
use fapilog_sink_memory::Memory;
use fapilog_sink_null::Null;
use lines::{MessageLines, TIMEOUT, builder, log_bytes, log_line, shut_down};

#[test]
fn a_memory_sink_keeps_the_formatted_bytes_in_order() {
    let (sink, events) = Memory::new(|| MessageLines);
    let container = builder().sink("memory", sink).start().unwrap();
    let expected = log_bytes(&container.logger("test"), 300_001);
    let accounts = shut_down(&container);
    assert!(events.bytes() == expected);
    assert_eq!(events.lines().len() as u64, accounts.delivered_total());
    assert_eq!((accounts.sinks[0].bytes, accounts.sinks[0].writer.as_str()), (300_001, "memory"));
}

#[test]
fn a_memory_sink_can_be_read_after_each_flush_and_is_empty_after_clear() {
    let (sink, events) = Memory::new(|| MessageLines);
    let container = builder().sink("memory", sink).start().unwrap();
    let log = container.logger("test");
    for text in ["first", "second"] {
        log_line(&log, text);
        container.flush(TIMEOUT).unwrap();
        assert_eq!(events.lines(), [text]);
        events.clear();
    }
    shut_down(&container);
    assert_eq!(events.bytes(), b"");
}

#[test]
fn the_shards_of_a_memory_sink_write_to_one_place() {
    let (sink, events) = Memory::new(Json::new);
    let container = builder().shards(2).sink("memory", sink).start().unwrap();
    let log = container.logger("test");
    std::thread::scope(|scope| {
        (0..4).for_each(|_| _ = scope.spawn(|| (0..100).for_each(|_| log_line(&log, "one of 400"))));
    });
    shut_down(&container);
    assert_eq!(events.lines().len(), 400);
}

#[test]
fn a_full_memory_sink_drops_whole_events_and_counts_them() {
    let (sink, events) = Memory::new(|| MessageLines);
    let container = builder().sink("memory", sink.capacity_bytes(100)).start().unwrap();
    let log = container.logger("test");
    for number in 0..30 {
        log_line(&log, "nine byte");
        assert_eq!(container.flush(TIMEOUT).is_ok(), number < 10, "flush {number}");
    }
    let accounts = shut_down(&container);
    assert_eq!(events.bytes(), b"nine byte\n".repeat(10));
    assert_eq!((accounts.delivered_total(), accounts.sinks[0].lost.of(LossReason::SinkFailed)), (10, 20));
    // A report of the losses is attempted as well, at the shutdown at least.
    let reports = accounts.sinks[0].filtered;
    assert_eq!((accounts.sinks[0].bytes, accounts.sinks[0].errors - reports), (100, 20));
    assert!(container.diagnostics().iter().any(|diagnostic| diagnostic.text.contains("the memory sink is full")));
}

#[test]
fn a_null_sink_counts_every_event_and_byte_as_delivered() {
    let container = builder().sink("null", Null::new(|| MessageLines)).start().unwrap();
    log_bytes(&container.logger("test"), 1_000_001);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (accounts.submitted, 0));
    assert_eq!((accounts.sinks[0].bytes, accounts.sinks[0].writer.as_str()), (1_000_001, "null"));
}
