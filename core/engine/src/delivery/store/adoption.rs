//! Directories of shards that the container no longer has: its first shard delivers their payloads.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use fapilog_plugin::{factory::ShardInfo, sink::Reporter};

use crate::delivery::store::{
    directory::{LOCK_WAIT, SpillDirectory, has_spill_files},
    error::StoreError,
    segment_queue::{RecoveredTotals, SegmentQueue},
};

/// The directory of a sink's shard.
pub(super) fn directory_of(root: &Path, sink: &str, shard: usize) -> PathBuf {
    root.join(format!("{sink}-{shard}"))
}

/// The segments of a sink's shards that the container no longer has, in the order of the shards. `own`: the number of the
/// directory that the shard has itself.
pub(super) fn adopt(
    root: &Path,
    sink: &str,
    shard: ShardInfo,
    own: usize,
    reporter: &Reporter,
) -> (Vec<SegmentQueue>, RecoveredTotals) {
    let mut recovered = RecoveredTotals::default();
    let mut queues = Vec::new();
    if shard.index != 0 {
        return (queues, recovered);
    }
    let former = former_shards(root, sink, shard.count).unwrap_or_else(|error| {
        reporter.report_error(&StoreError::io("list", root)(error));
        Vec::new()
    });
    for former in former.into_iter().filter(|former| *former != own) {
        // A lock is another container's, which has more shards.
        match SpillDirectory::open(&directory_of(root, sink, former), LOCK_WAIT) {
            Ok(directory) => {
                let (queue, totals) = SegmentQueue::recover(former, directory, reporter);
                recovered.add(totals);
                queues.push(queue);
            }
            Err(error) => reporter.report_error(&error),
        }
    }
    (queues, recovered)
}

/// The numbers of shards from `count` on that have a directory with files of a store, in order.
fn former_shards(root: &Path, sink: &str, count: usize) -> io::Result<Vec<usize>> {
    let mut shards = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(number) = name.to_str().and_then(|name| shard_of(name, sink)) else { continue };
        if number >= count && entry.file_type()?.is_dir() && has_spill_files(&entry.path()).unwrap_or(false) {
            shards.push(number);
        }
    }
    shards.sort_unstable();
    Ok(shards)
}

/// The shard of a directory's name, if it is one of the sink.
fn shard_of(name: &str, sink: &str) -> Option<usize> {
    let digits = name.strip_prefix(sink)?.strip_prefix('-')?;
    let number: usize = digits.parse().ok()?;
    // No sign, and no zeros in front.
    (number.to_string() == digits).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_belongs_to_a_sink_by_its_whole_name() {
        assert_eq!(shard_of("loki-12", "loki"), Some(12));
        for other in ["loki", "loki-", "loki-x", "loki-+1", "loki-01", "loki-eu-1", "lokis-1", "oki-1"] {
            assert_eq!(shard_of(other, "loki"), None, "{other}");
        }
        assert_eq!(shard_of("loki-1-0", "loki-1"), Some(0));
    }
}
