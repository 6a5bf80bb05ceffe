//! Syncs of batches, of intervals and of flushes.

use super::*;

#[test]
fn with_a_sync_for_each_batch_nothing_is_delivered_before_its_sync() {
    let mut bench = Bench::syncing(FileSync::Batch);
    let end = bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    assert!(bench.disk.is_syncing());
    assert_eq!(bench.delivered_end().offset(), 0);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.delivered_end(), end);
}

#[test]
fn a_sync_delivers_nothing_that_was_written_during_it() {
    let mut bench = Bench::syncing(FileSync::Batch);
    let first = bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    bench.write_overdue(100);
    bench.finish(1, RequestOutcome::Done);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.delivered_end(), first);
    assert!(bench.disk.is_syncing(), "the next sync is in flight");
}

#[test]
fn bytes_written_during_a_failed_sync_are_in_doubt_even_if_the_next_sync_succeeds() {
    let mut bench = Bench::syncing(FileSync::Batch);
    let start = bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    let meanwhile = bench.write_overdue(100);
    bench.finish(1, RequestOutcome::Done);
    bench.finish(0, RequestOutcome::Error(libc::EIO));
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.delivered_end(), meanwhile);
    assert!(bench.writer.has_doubt_behind(start));
    bench.write_overdue(100);
    bench.assert_all_written();
    assert!(!bench.writer.has_doubt_behind(meanwhile));
}

#[test]
fn a_payload_whose_first_part_is_in_doubt_is_in_doubt() {
    let mut bench = Bench::syncing(FileSync::Batch);
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    let start = bench.writer.filling_end();
    // Its last bytes are part of no write when the sync fails.
    bench.write_full(2 * PAGE_BYTES);
    bench.finish(0, RequestOutcome::Error(libc::EIO));
    bench.assert_all_written();
    assert!(bench.writer.has_doubt_behind(start));
}

#[test]
fn a_failed_sync_is_reported() {
    let mut bench = Bench::syncing(FileSync::Batch);
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    bench.finish(0, RequestOutcome::Error(libc::EIO));
    let errors = bench.writer.take_errors();
    assert!(matches!(errors[..], [WriterError::Sync(_)]), "{errors:?}");
}

#[test]
fn a_sync_is_due_an_interval_after_the_one_before_it_if_there_is_anything_to_sync() {
    const INTERVAL: Duration = Duration::from_secs(1);
    let mut bench = Bench::syncing(FileSync::Interval(INTERVAL));
    assert_eq!(bench.writer.sync_due(bench.clock.now()), None);
    bench.after(INTERVAL);
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    let synced_at = bench.clock.now();
    bench.finish(0, RequestOutcome::Done);
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.writer.sync_due(bench.clock.now()), Some(synced_at + INTERVAL));
}

#[test]
fn a_sync_of_an_interval_is_polled_while_it_is_in_flight() {
    const INTERVAL: Duration = Duration::from_secs(1);
    let mut bench = Bench::syncing(FileSync::Interval(INTERVAL));
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    bench.after(INTERVAL);
    assert!(bench.disk.is_syncing());
    let due = bench.writer.sync_due(bench.clock.now()).unwrap();
    assert!(due <= bench.clock.now() + Duration::from_millis(1));
}

#[test]
fn without_an_interval_no_sync_is_due_at_any_time() {
    for sync in [FileSync::Never, FileSync::Batch] {
        let mut bench = Bench::syncing(sync);
        bench.write_overdue(100);
        bench.finish(0, RequestOutcome::Done);
        assert_eq!(bench.writer.sync_due(bench.clock.now()), None);
    }
}

#[test]
fn with_an_interval_a_sync_starts_after_it_and_no_delivery_waits_for_the_sync() {
    let mut bench = Bench::syncing(FileSync::Interval(Duration::from_secs(1)));
    let end = bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!((bench.delivered_end(), bench.disk.is_syncing()), (end, false));
    bench.after(Duration::from_secs(2));
    assert!(bench.disk.is_syncing());
}

#[test]
fn an_interval_begins_with_the_sync_before_it() {
    let mut bench = Bench::syncing(FileSync::Interval(Duration::from_secs(1)));
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    bench.after(Duration::from_secs(2));
    bench.finish(0, RequestOutcome::Done);
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    bench.after(Duration::from_secs(1) - Duration::from_micros(1));
    assert!(!bench.disk.is_syncing());
    bench.after(Duration::from_micros(1));
    assert!(bench.disk.is_syncing());
}

#[test]
fn a_flush_has_one_sync_and_the_interval_holds_for_the_next() {
    let mut bench = Bench::syncing(FileSync::Interval(Duration::from_secs(3600)));
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    bench.writer.request_sync().unwrap();
    bench.turn();
    bench.finish(0, RequestOutcome::Done);
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    assert!(!bench.disk.is_syncing());
}

#[test]
fn a_flush_syncs_up_to_the_contiguous_end_where_the_settings_have_syncs() {
    let mut bench = Bench::syncing(FileSync::Interval(Duration::from_secs(3600)));
    let end = bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.writer.request_sync(), Some(end));
    bench.turn();
    bench.finish(0, RequestOutcome::Done);
    assert!(bench.writer.is_synced(end));
    // Nothing is left to sync.
    assert_eq!(bench.writer.request_sync(), Some(end));
    bench.turn();
    assert!(!bench.disk.is_syncing());

    let mut bench = Bench::new();
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.writer.request_sync(), None);
}
