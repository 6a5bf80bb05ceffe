//! The last free bytes of the file system are kept for events of ERROR and above.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;
mod mounted;

use std::fs;

use fapilog_engine::{accounts::LossReason, producer::DynamicEvent};
use fapilog_record::level::Level;
use lines::{TIMEOUT, balanced, diagnostics, sink, started, until, ways};

#[test]
fn the_reserve_of_the_file_system_is_kept_for_events_of_error_and_above() {
    let Some(mounted) = mounted::in_memory(4 << 20) else { return };
    let path = mounted.path.join("reserve.log");
    let filler = mounted.path.join("filler");
    let container = started(sink(&path, ways()[0]).reserve_bytes(2 << 20));
    let log = container.logger("test");
    let log_at = |level, text: &str| log.log_dynamic(&DynamicEvent::new(level, "test", text));
    log_at(Level::Info, "there is room");
    container.flush(TIMEOUT).unwrap();

    fs::write(&filler, vec![0; 3 << 20]).unwrap();
    until("the sink sees it", || diagnostics(&container).contains("fewer than 2097152 bytes are free"));
    log_at(Level::Warning, "a warning");
    log_at(Level::Error, "an error");
    let _ = container.flush(TIMEOUT);
    let lost = &container.accounts().sinks[0].lost;
    assert_eq!((lost.of(LossReason::LowSeverity), lost.total()), (1, 1));

    fs::remove_file(&filler).unwrap();
    until("the sink sees that, too", || {
        log_at(Level::Info, "again");
        let _ = container.flush(TIMEOUT);
        fs::read_to_string(&path).unwrap().ends_with("again\n")
    });
    balanced(container.shutdown(TIMEOUT).unwrap());
    let content = fs::read_to_string(&path).unwrap();
    assert!(content.starts_with("there is room\nan error\n"), "{content}");
    assert!(content.contains(" events lost"), "the loss is reported when there is room: {content}");
}
