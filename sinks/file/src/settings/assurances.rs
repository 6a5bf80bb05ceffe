//! Assurances of the file sink about its events.

use std::{path::Path, time::Duration};

use fapilog_plugin::sink::{Assurances, SinkPlace};

use super::{FileOptions, FileSync};
use crate::{retain::Retention, rotate::RotateEvery};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Rotated files are looked at once a minute.
const REMOVAL_DELAY: Duration = Duration::from_secs(60);

impl FileOptions {
    /// A file that is there already keeps its permissions.
    pub(super) fn assurances(&self, path: &Path) -> Assurances {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let assurances = Assurances::unknown()
            .place(SinkPlace::File { directory: directory.to_owned() })
            .durable(self.sync == FileSync::Batch)
            .mode(self.mode)
            .kept_at_least(self.retain.age_of_removal());
        match self.removed_at() {
            Some(age) => assurances.kept_at_most(age),
            None => assurances,
        }
    }

    /// The age at which each event is removed. The live file is never removed: without a rotation by time, its events stay.
    fn removed_at(&self) -> Option<Duration> {
        let span = longest_span(self.rotate.every?);
        Some(self.retain.age?.saturating_add(span).saturating_add(REMOVAL_DELAY))
    }
}

/// The longest time between two rotations.
fn longest_span(every: RotateEvery) -> Duration {
    match every {
        RotateEvery::Minute => HOUR / 60,
        RotateEvery::Hour => HOUR,
        // Where summer time ends, a day has 25 hours.
        RotateEvery::Day => DAY + HOUR,
        RotateEvery::Week => 7 * DAY + HOUR,
        RotateEvery::Interval(interval) => interval,
    }
}

impl Retention {
    /// The age that each event reaches. A limit of files or bytes can remove a file of any age.
    fn age_of_removal(&self) -> Duration {
        match (*self, self.age) {
            (Self { files: None, bytes: None, free_bytes: None, .. }, age) => age.unwrap_or(Duration::MAX),
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::{error::PluginError, event::Batch, formatter::Formatter, sink::SinkFactory};

    use super::*;
    use crate::settings::File;

    struct NoText;

    impl Formatter for NoText {
        fn name(&self) -> &'static str {
            "no_text"
        }

        fn format(&mut self, _: &Batch<'_>, _: &mut Vec<u8>) -> Result<(), PluginError> {
            Ok(())
        }
    }

    fn file() -> File {
        File::new("/var/log/shop/server.log", || NoText)
    }

    #[test]
    fn a_file_is_in_its_directory_with_the_sinks_permissions() {
        let assurances = file().mode(0o600).assurances();
        assert_eq!(assurances.place, SinkPlace::File { directory: "/var/log/shop".into() });
        assert_eq!(assurances.mode, Some(0o600));
        let bare = File::new("server.log", || NoText).assurances();
        assert_eq!(bare.place, SinkPlace::File { directory: ".".into() });
    }

    #[test]
    fn only_a_sync_before_each_delivery_makes_events_durable() {
        let is_durable = |sync| file().sync(sync).assurances().is_durable;
        assert!(is_durable(FileSync::Batch));
        assert!(!is_durable(FileSync::Never) && !is_durable(FileSync::Interval(DAY)));
    }

    #[test]
    fn events_are_kept_for_the_age_unless_files_or_bytes_are_limited() {
        let least = |file: File| file.assurances().kept_at_least;
        assert_eq!(least(file()), Duration::MAX);
        assert_eq!(least(file().retain_age(400 * DAY)), 400 * DAY);
        for limited in [file().retain_files(5), file().retain_bytes(1 << 40), file().retain_free_bytes(1 << 30)] {
            assert_eq!(least(limited.retain_age(400 * DAY)), Duration::ZERO);
        }
    }

    #[test]
    fn events_are_removed_by_age_only_with_a_rotation_by_time() {
        let most = |file: File| file.retain_age(90 * DAY).assurances().kept_at_most;
        assert_eq!(most(file()), None);
        assert_eq!(most(file().rotate_bytes(64 << 20)), None);
        assert_eq!(most(file().rotate_every(RotateEvery::Day)), Some(91 * DAY + HOUR + REMOVAL_DELAY));
        let every = RotateEvery::Interval(2 * DAY);
        assert_eq!(most(file().rotate_every(every)), Some(92 * DAY + REMOVAL_DELAY));
        assert_eq!(file().rotate_every(every).assurances().kept_at_most, None);
    }
}
