//! The system no longer lets an engine work, while a write is in flight.

use std::os::unix::fs::FileExt;

use super::*;
use crate::engine::{EngineRefusal, IoRequest, WritePlace};

/// A writer whose write of 100 bytes is in flight. The engine is gone, and this is its request.
fn refused(bench: &mut Bench) -> EngineRefusal {
    bench.write_overdue(100);
    let request = bench.disk.take_pending();
    EngineRefusal { error: io::ErrorKind::PermissionDenied.into(), requests: vec![request], may_execute: true }
}

#[test]
fn a_write_that_the_kernel_executes_later_is_not_repeated() {
    let mut bench = Bench::new();
    let refusal = refused(&mut bench);
    let now = bench.clock.now();
    bench.writer.replace_engine(refusal, now);
    bench.turn();
    assert_eq!(bench.delivered_end().offset(), 0);
    bench.disk.file().write_all_at(&bench.expected, 0).unwrap();
    bench.turn();
    assert_eq!(bench.delivered_end().offset(), 100);
    bench.write_overdue(50);
    assert_eq!(bench.disk.content(), bench.expected);
}

#[test]
fn a_write_that_the_kernel_does_not_execute_is_repeated_at_its_place() {
    let mut bench = Bench::new();
    let refusal = refused(&mut bench);
    let now = bench.clock.now();
    bench.writer.replace_engine(refusal, now);
    bench.after(Duration::from_millis(999));
    assert_eq!(bench.disk.content(), b"");
    bench.after(Duration::from_millis(1));
    assert_eq!((bench.disk.content(), bench.delivered_end().offset()), (bench.expected.clone(), 100));
}

#[test]
fn a_write_that_the_kernel_has_not_seen_is_repeated_at_once() {
    let mut bench = Bench::new();
    let refusal = EngineRefusal { may_execute: false, ..refused(&mut bench) };
    let now = bench.clock.now();
    bench.writer.replace_engine(refusal, now);
    bench.turn();
    assert_eq!(bench.disk.content(), bench.expected);
}

#[test]
fn a_write_at_an_offset_is_repeated_at_once() {
    let mut bench = Bench::new();
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Error(libc::EIO));
    bench.after(RETRY_MIN);
    let request = bench.disk.take_pending();
    assert!(matches!(request, IoRequest::Write { place: WritePlace::Offset, .. }));
    let error = io::ErrorKind::PermissionDenied.into();
    let now = bench.clock.now();
    bench.writer.replace_engine(EngineRefusal { error, requests: vec![request], may_execute: true }, now);
    bench.turn();
    assert_eq!(bench.disk.content(), bench.expected);
}

#[test]
fn a_sync_is_repeated() {
    let mut bench = Bench::syncing(FileSync::Batch);
    let end = bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    let requests = vec![bench.disk.take_pending()];
    assert!(matches!(requests[..], [IoRequest::Sync { .. }]));
    let now = bench.clock.now();
    let error = io::ErrorKind::PermissionDenied.into();
    bench.writer.replace_engine(EngineRefusal { error, requests, may_execute: true }, now);
    bench.turn();
    assert_eq!(bench.delivered_end(), end);
}
