//! Rotation: a file is closed and renamed, and the next one opens.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fapilog_plugin::sink::SinkError;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::{
    files::{
        FileOpening, SegmentPaths, io_error, name_of, next_rotated, open_locked, rotated_segments, sync_directory,
    },
    format::{CloseReason, FORMAT_VERSION, OLDEST_FORMAT_VERSION},
    keys::SigningKey,
    writer::{
        WriterOptions,
        head::{OpenFacts, TrailHead, unix_nanos},
        trail_writer::{OpenFiles, TrailWriter},
    },
};

/// The next step of a rotation.
#[derive(Debug, Clone)]
pub(super) enum RotationStep {
    /// The closed files get the name of this data file.
    Rename(PathBuf),
    /// The next file opens. The data file before it has this name.
    Open(String),
}

impl TrailWriter {
    /// Whether the file is to be rotated before so many bytes.
    pub(super) fn is_rotation_due(&self, bytes: u64) -> bool {
        if self.head.data_bytes == 0 {
            return false;
        }
        let is_full = self.options.rotate_bytes.is_some_and(|max| self.head.data_bytes.saturating_add(bytes) > max);
        let second = unix_nanos() / 1_000_000_000;
        let is_of_another_period = self
            .options
            .rotate_every
            .is_some_and(|every| is_of_another_period(every, self.head.opened_second(), second));
        is_full || is_of_another_period
    }

    pub(crate) fn rotate_or_report(&mut self) {
        let rotated = self.prepare().and_then(|()| match self.head.data_bytes {
            0 => Ok(()),
            _ => self.rotate(),
        });
        if let Err(error) = rotated {
            self.reports.reporter.report_error(&error);
        }
    }

    /// Closes the file, and opens the next one.
    pub(crate) fn rotate(&mut self) -> Result<(), SinkError> {
        let live = &self.options.path;
        let known = rotated_segments(live).map_err(io_error("read the directory of", live))?;
        let second = i64::try_from(self.head.opened_second()).unwrap_or(i64::MAX);
        let target = next_rotated(live, second, &known, &self.head.previous_name);
        let mut head = self.head.clone();
        let mut entries = Vec::new();
        head.push_close(CloseReason::Rotated, name_of(&target), &mut entries);
        self.write_checkpoint(head, entries)?;
        self.rotation = Some(RotationStep::Rename(target));
        self.complete_rotation()
    }

    /// Executes the steps of a rotation that are left, if there is one.
    pub(super) fn complete_rotation(&mut self) -> Result<(), SinkError> {
        if let Some(RotationStep::Rename(target)) = &self.rotation {
            rename_segment(&self.options.path, target)?;
            self.rotation = Some(RotationStep::Open(name_of(target)));
        }
        if let Some(RotationStep::Open(previous)) = &self.rotation {
            let head = self.head.clone().next_file(previous.clone());
            let (files, head) = open_segment(&self.options, &self.signing, head, false)?;
            (self.files, self.head, self.rotation) = (files, head, None);
            self.reports.files_rotated.add(1);
            self.next_look = Instant::now();
        }
        Ok(())
    }
}

/// Whether a file that was opened in one second is to be rotated in another. A clock that was set back by more than a period counts, too:
/// else a file of a wrong clock would stay until that time. A smaller step does not, lest a file is rotated twice for one period.
fn is_of_another_period(every: Duration, opened: u64, now: u64) -> bool {
    let period = |second: u64| second / every.as_secs().max(1);
    period(now) > period(opened) || period(opened) > period(now).saturating_add(1)
}

/// The time until the next multiple of the period since 1970.
pub(super) fn time_of_period_left(every: Duration) -> Duration {
    let period = every.as_secs().max(1).saturating_mul(1_000_000_000);
    Duration::from_nanos(period - unix_nanos() % period)
}

/// Renames both files. A step that is done already is left out.
pub(super) fn rename_segment(live: &Path, target: &Path) -> Result<(), SinkError> {
    let (from, to) = (SegmentPaths::of(live), SegmentPaths::of(target));
    // The trail file last: as long as it has its old name, a restart completes the rotation by it.
    rename(&from.data, &to.data)?;
    rename(&from.trail, &to.trail)?;
    sync_directory(live)
}

fn rename(from: &Path, to: &Path) -> Result<(), SinkError> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(io::Error::from) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && to.exists() => Ok(()),
        // The file system cannot do that in a single call: the name was free a moment ago, and the directory is the trail's.
        Err(error) if [Some(libc::EINVAL), Some(libc::ENOSYS)].contains(&error.raw_os_error()) && !to.exists() => {
            fs::rename(from, to).map_err(io_error("rename", from))
        }
        Err(error) => Err(io_error("rename", from)(error)),
    }
}

/// Makes the live files, with the entry `OPEN`. Files of an attempt that was interrupted are removed first.
pub(super) fn open_segment(
    options: &WriterOptions,
    signing: &SigningKey,
    mut head: TrailHead,
    replaces_broken: bool,
) -> Result<(OpenFiles, TrailHead), SinkError> {
    use std::os::unix::fs::FileExt;

    let paths = SegmentPaths::of(&options.path);
    refuse_records(&paths.data)?;
    for path in [&paths.trail, &paths.data] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error("remove", path)(error)),
            _ => {}
        }
    }
    let data = open_locked(&paths.data, FileOpening::New { mode: options.mode })?;
    let trail = open_locked(&paths.trail, FileOpening::New { mode: options.mode })?;
    let facts = OpenFacts {
        // Without retention, a reader of the first version reads the trail.
        version: if options.retain_age.is_some() { FORMAT_VERSION } else { OLDEST_FORMAT_VERSION },
        replaces_broken,
        block_bytes_max: options.block_bytes_max,
        signing,
        data_name: name_of(&paths.data),
    };
    let mut entries = Vec::new();
    head.push_open(facts, &mut entries);
    trail.write_all_at(&entries, 0).map_err(io_error("write", &paths.trail))?;
    trail.sync_all().map_err(io_error("sync", &paths.trail))?;
    sync_directory(&paths.trail)?;
    Ok((OpenFiles { paths, data, trail }, head))
}

/// An interrupted attempt leaves no records: a file that has some is another program's, and is not removed.
fn refuse_records(data: &Path) -> Result<(), SinkError> {
    match fs::symlink_metadata(data) {
        Ok(metadata) if metadata.len() > 0 => {
            let source = io::Error::new(io::ErrorKind::AlreadyExists, "another program has made a file of this name");
            Err(SinkError::Io { operation: "create", path: data.to_owned(), source })
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("look at", data)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_program_in_the_place_of_the_next_one_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("audit.jsonl");
        refuse_records(&data).unwrap();
        fs::write(&data, "").unwrap();
        refuse_records(&data).unwrap();
        fs::write(&data, "a record of another program").unwrap();
        let error = refuse_records(&data).unwrap_err();
        assert!(matches!(error, SinkError::Io { path, .. } if path == data));
    }

    #[test]
    fn a_file_is_rotated_in_another_period_also_if_the_clock_was_set_back() {
        let due = |opened, now| is_of_another_period(Duration::from_secs(60), opened, now);
        assert_eq!([due(60, 119), due(60, 120), due(120, 119)], [false, true, false]);
        assert!(due(4_102_444_800, 1_796_005_986), "the clock was in the year 2100");
    }
}
