//! One file for two shards: each event is in it once, in the order of its producer, whatever the files go through.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;
#[path = "two_shards/mod.rs"]
mod two_shards;

use std::{fs, path::Path, time::Duration};

use fapilog_engine::{
    container::SinkOptions,
    error::{ChangeError, StartError},
};
use fapilog_plugin::{sink::SinkError, threads::lock};
use fapilog_sink_file::{FileSync, RotateEvery};
use lines::{TIMEOUT, assert_holds, balanced, builder, content_of_all, diagnostics, directory, rotated, sink, until, ways};
use two_shards::{PRODUCERS, assert_each_once, lines_of, log_numbered, run_producers, started_shards};

/// The least that a file may be rotated at.
const FILE_BYTES: u64 = 64 << 10;

#[test]
fn each_event_of_four_producers_is_in_the_file_once_and_in_order() {
    for way in ways() {
        for sync in [FileSync::Never, FileSync::Interval(Duration::from_millis(5)), FileSync::Batch] {
            let directory = directory();
            let path = directory.path().join("once.log");
            let container = started_shards(sink(&path, way).one_file(true).sync(sync));
            let events = run_producers(&container, 3000);
            let accounts = balanced(container.shutdown(TIMEOUT).unwrap());
            assert_eq!((accounts.delivered_total(), accounts.lost_total()), (events, 0), "{}", diagnostics(&container));
            assert_eq!(accounts.sinks[0].bytes, fs::metadata(&path).unwrap().len());
            assert_each_once(&fs::read_to_string(&path).unwrap(), 3000);
            assert_eq!(rotated(&path), [""; 0].map(std::path::PathBuf::from), "{way:?}");
        }
    }
}
