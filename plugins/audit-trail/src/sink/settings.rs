//! The sink's settings in code.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use fapilog_plugin::{
    factory::Factory,
    formatter::Formatter,
    problem::Problem,
    settings::{SecretRef, write_duration, write_size},
    sink::{Assurances, DeliveryPolicy, OnFull, Sink, SinkContext, SinkError, SinkFactory, SinkPlace},
    threads::lock,
};

use crate::{
    anchor::Anchor,
    keys::{KeyError, SigningKey},
    sink::{
        client::{PAYLOAD_BYTES, TrailSink},
        shared::TrailSlot,
    },
    writer::{AnchorThread, LOOK_INTERVAL, OnBrokenHead, SharedAnchors, TrailWriter, WriterOptions, WriterReports},
};

/// The most bytes of a block.
const BLOCK_BYTES: std::ops::RangeInclusive<usize> = 4096..=65536;

/// A sink that writes an audit trail. All shards write one file.
///
/// An event counts as delivered when its record and its entry in the trail are on the disk.
///
/// ```no_run
/// use std::time::Duration;
/// use fapilog::{Container, format, settings::SecretRef};
/// use fapilog_audit_trail::{anchor::FileAnchor, sink::AuditTrail};
///
/// let key = SecretRef::file("/etc/shop/signing.key");
/// let trail = AuditTrail::new("/var/log/shop/audit.jsonl", format::Json::new, key)
///     .checkpoint_interval(Duration::from_secs(10))
///     .anchor(FileAnchor::new("/mnt/auditor/shop.checkpoints"));
/// let logs = Container::builder().sink("audit", trail).start()?;
/// # Ok::<(), fapilog::Error>(())
/// ```
#[must_use]
pub struct AuditTrail {
    formatter: Factory<dyn Formatter>,
    signing: SecretRef,
    options: WriterOptions,
    anchors: SharedAnchors,
    has_anchors: bool,
    slot: Arc<TrailSlot>,
}

impl AuditTrail {
    /// A trail whose data file has this path. Its checkpoints are signed by the key, whose name is the trail's origin; see
    /// [`generate_keys`](crate::keys::generate_keys). The key is read when the trail opens, and no setting holds it.
    pub fn new<F: Formatter + 'static>(
        path: impl Into<PathBuf>,
        formatter: impl Fn() -> F + Send + Sync + 'static,
        signing: SecretRef,
    ) -> Self {
        Self::with_formatter(path.into(), Factory::formatter(move |_| formatter()), signing)
    }

    pub(crate) fn with_formatter(path: PathBuf, formatter: Factory<dyn Formatter>, signing: SecretRef) -> Self {
        let options = WriterOptions {
            path,
            block_bytes_max: 65536,
            checkpoint_interval: Duration::from_secs(60),
            checkpoint_blocks: 4096,
            rotate_bytes: None,
            rotate_every: None,
            retain_age: None,
            mode: 0o640,
            first_key: None,
            on_broken_head: OnBrokenHead::Refuse,
        };
        Self { formatter, signing, options, anchors: Arc::default(), has_anchors: false, slot: Arc::default() }
    }

    /// The path of the data file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.options.path
    }

    /// Sets the most bytes of a block: 4 KiB to 64 KiB, which is the default. A proof about a record holds its whole block.
    pub fn block_bytes(mut self, bytes: usize) -> Self {
        self.options.block_bytes_max = u32::try_from(bytes).unwrap_or(u32::MAX);
        self
    }

    /// Sets the time within which a new entry is followed by a checkpoint: 100 ms to 1 day, by default 60 s.
    pub fn checkpoint_interval(mut self, interval: Duration) -> Self {
        self.options.checkpoint_interval = interval;
        self
    }

    /// Sets the number of blocks that are followed by a checkpoint: 1 to 1,000,000, by default 4096, which is 256 MiB of full blocks.
    pub fn checkpoint_blocks(mut self, blocks: u64) -> Self {
        self.options.checkpoint_blocks = blocks;
        self
    }

    /// Sets the length at which the file is rotated, in bytes: from 4 KiB. By default it is not.
    pub fn rotate_bytes(mut self, bytes: u64) -> Self {
        self.options.rotate_bytes = Some(bytes);
        self
    }

    /// Sets the period after which a file with records is rotated: at each multiple of it since 1970-01-01T00:00:00Z; 1 s to 366 days. By
    /// default it is not.
    pub fn rotate_every(mut self, period: Duration) -> Self {
        self.options.rotate_every = Some(period);
        self
    }

    /// Removes rotated files of which all records are older than this: 1 s to 100 years. A file is that old when the file behind it was
    /// opened that long ago, after the trail. An entry records the removal before, and a checkpoint signs it; a verifier distinguishes it from
    /// a removal by others. By default all files stay.
    pub fn retain_age(mut self, age: Duration) -> Self {
        self.options.retain_age = Some(age);
        self
    }

    /// Sets the permissions of the data and trail files; by default 0o640. The file of the chain key has 0o600.
    pub fn mode(mut self, mode: u32) -> Self {
        self.options.mode = mode;
        self
    }

    /// Sets the file that gets the first chain key of a new trail, for the auditor. By default it stands beside the data file, and has the
    /// key's id in its name.
    pub fn first_key(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.first_key = Some(path.into());
        self
    }

    /// Sets the treatment of a trail whose head does not verify at the start; by default the sink is not made.
    pub fn on_broken_head(mut self, treatment: OnBrokenHead) -> Self {
        self.options.on_broken_head = treatment;
        self
    }

    /// Adds an anchor, which gets each checkpoint.
    pub fn anchor(mut self, anchor: impl Anchor) -> Self {
        lock(&self.anchors).push(Box::new(anchor));
        self.has_anchors = true;
        self
    }

    /// The age at which each record is removed. The live file is never removed: without a rotation by time, its records stay. So do the
    /// files of a broken trail, which are moved aside.
    fn removed_at(&self) -> Option<Duration> {
        let WriterOptions { rotate_every, retain_age, on_broken_head, .. } = self.options;
        let period = rotate_every.filter(|_| on_broken_head == OnBrokenHead::Refuse)?;
        // The clock is looked at once a minute for the rotation, and once for the removal.
        Some(retain_age?.saturating_add(period).saturating_add(2 * LOOK_INTERVAL))
    }

    fn range_problems(&self) -> Vec<Problem> {
        let WriterOptions { block_bytes_max, checkpoint_interval, checkpoint_blocks, .. } = self.options;
        let mut problems = Vec::new();
        let block_bytes = block_bytes_max as usize;
        if !BLOCK_BYTES.contains(&block_bytes) {
            problems.push(Problem::new("block_bytes", write_size(block_bytes), "allowed are 4 KiB to 64 KiB"));
        }
        if !(Duration::from_millis(100)..=Duration::from_secs(86_400)).contains(&checkpoint_interval) {
            let value = write_duration(checkpoint_interval);
            problems.push(Problem::new("checkpoint_interval", value, "allowed are 100ms to 1 day"));
        }
        if !(1..=1_000_000).contains(&checkpoint_blocks) {
            problems.push(Problem::new("checkpoint_blocks", checkpoint_blocks, "allowed are 1 to 1000000"));
        }
        problems
    }

    fn file_problems(&self) -> Vec<Problem> {
        let WriterOptions { path, rotate_bytes, rotate_every, retain_age, mode, first_key, .. } = &self.options;
        let mut problems = Vec::new();
        if let Some(allowed) = name_problem(path) {
            problems.push(Problem::new("path", path.display(), allowed));
        }
        if let Some(bytes) = rotate_bytes.filter(|bytes| *bytes < 4096) {
            problems.push(Problem::new("rotate_bytes", bytes, "allowed are sizes from 4 KiB"));
        }
        let periods = Duration::from_secs(1)..=Duration::from_secs(366 * 86_400);
        if let Some(period) = rotate_every.filter(|period| !periods.contains(period)) {
            problems.push(Problem::new("rotate_every", write_duration(period), "allowed are 1s to 366 days"));
        }
        let ages = Duration::from_secs(1)..=Duration::from_secs(36_525 * 86_400);
        if let Some(age) = retain_age.filter(|age| !ages.contains(age)) {
            problems.push(Problem::new("retain_age", write_duration(age), "allowed are 1s to 36525 days"));
        }
        if mode & !0o777 != 0 || mode & 0o600 != 0o600 {
            let allowed = "allowed are 0o600 to 0o777, with reading and writing for the owner";
            problems.push(Problem::new("mode", format!("{mode:#o}"), allowed));
        }
        if let Some(first) = first_key.as_ref().filter(|first| first.file_name().is_none()) {
            problems.push(Problem::new("first_key", first.display(), "it must name a file"));
        }
        problems
    }
}

impl fmt::Debug for AuditTrail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditTrail").field("options", &self.options).finish_non_exhaustive()
    }
}

impl SinkFactory for AuditTrail {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let formatter = self.formatter.make(context.shard);
        let reports = WriterReports {
            reporter: context.reporter(),
            blocks: context.counter("blocks"),
            checkpoints: context.counter("checkpoints"),
            files_rotated: context.counter("files_rotated"),
            files_removed: context.counter("files_removed"),
            anchor_errors: context.counter("anchor_errors"),
        };
        let (options, signing) = (self.options.clone(), self.signing.clone());
        let (anchors, slot) = (Arc::clone(&self.anchors), Arc::clone(&self.slot));
        let has_anchors = self.has_anchors;
        let record_end = formatter.record_end();
        let join = move || {
            slot.join(|| {
                let key = signing_key(&signing)?;
                // Not by a look at the anchors: the thread of a trail that has closed may still wait for one.
                let thread = match has_anchors {
                    false => None,
                    true => Some(AnchorThread::start(anchors, reports.clone()).map_err(SinkError::permanent)?),
                };
                TrailWriter::open(options, key, record_end, reports, thread)
            })
        };
        let file_bytes = self.options.rotate_bytes.and_then(|bytes| usize::try_from(bytes).ok());
        let payload_bytes = file_bytes.unwrap_or(PAYLOAD_BYTES).min(PAYLOAD_BYTES);
        Ok(Box::new(TrailSink::start(formatter, context.shard.index == 0, payload_bytes, join)?))
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = self.file_problems();
        problems.extend(self.range_problems());
        problems
    }

    fn assurances(&self) -> Assurances {
        let directory = self.options.path.parent().unwrap_or(Path::new("")).to_owned();
        let place = SinkPlace::File { directory };
        let local = Assurances::unknown().place(place).durable(true).tamper_evident(true);
        let local = local.mode(self.options.mode).kept_at_least(self.options.retain_age.unwrap_or(Duration::MAX));
        match self.removed_at() {
            Some(age) => local.kept_at_most(age),
            None => local,
        }
    }

    fn delivery(&self) -> DeliveryPolicy {
        DeliveryPolicy::default()
    }

    /// Audit records are not dropped while the disk is slow: the pipeline waits.
    fn on_full(&self) -> OnFull {
        OnFull::Block
    }
}

/// The most bytes in the name of the data file: rotated files, and those of a torn end, have up to 45 bytes more, of 255.
const NAME_BYTES_MAX: usize = 200;

/// Why a trail cannot have its data file at this path.
fn name_problem(path: &Path) -> Option<&'static str> {
    let Some(name) = path.file_name() else { return Some("it must name a file") };
    match name.to_str() {
        None => Some("the name of the file must be UTF-8: entries have it"),
        Some(name) if name.len() > NAME_BYTES_MAX => Some("the name of the file has 200 bytes at most"),
        Some(_) => None,
    }
}

/// The key behind the reference. Its text is wiped when the key is made.
fn signing_key(reference: &SecretRef) -> Result<SigningKey, KeyError> {
    let text = reference.read().map_err(|error| KeyError::Reference(error.into()))?;
    let text = text.expose_text().map_err(|error| KeyError::Reference(error.into()))?;
    SigningKey::from_text(text)
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::{error::PluginError, event::Batch, record_end::RecordEnd};

    use super::*;

    struct NoFormatter;

    impl Formatter for NoFormatter {
        fn name(&self) -> &'static str {
            "none"
        }

        fn format(&mut self, _: &Batch<'_>, _: &mut Vec<u8>) -> Result<(), PluginError> {
            Ok(())
        }

        fn record_end(&self) -> RecordEnd {
            RecordEnd::LineFeed
        }
    }

    #[test]
    fn a_name_that_a_rotation_could_not_lengthen_or_an_entry_not_hold_is_refused() {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

        let long = "x".repeat(201);
        assert_eq!(name_problem(Path::new(&long[1..])), None);
        for name in [long.as_bytes(), b"/", b"audit\xff.jsonl"] {
            assert!(name_problem(Path::new(OsStr::from_bytes(name))).is_some(), "{name:?}");
        }
    }

    #[test]
    fn a_trail_is_durable_shows_changes_and_is_kept() {
        let trail = AuditTrail::new("/var/log/shop/audit.log", || NoFormatter, SecretRef::file("/etc/shop/key"));
        let assurances = trail.mode(0o600).assurances();
        let place = SinkPlace::File { directory: "/var/log/shop".into() };
        assert_eq!((assurances.place, assurances.mode), (place, Some(0o600)));
        assert!(assurances.is_durable && assurances.is_tamper_evident);
        assert_eq!((assurances.kept_at_least, assurances.kept_at_most), (Duration::MAX, None));
    }

    #[test]
    fn the_age_of_removal_is_assured_with_a_rotation_by_time() {
        let day = Duration::from_secs(86_400);
        let trail = || AuditTrail::new("audit.log", || NoFormatter, SecretRef::file("key")).retain_age(400 * day);
        let ages = |trail: AuditTrail| (trail.assurances().kept_at_least, trail.assurances().kept_at_most);
        assert_eq!(ages(trail()), (400 * day, None));
        let most = 401 * day + Duration::from_secs(120);
        assert_eq!(ages(trail().rotate_every(day)), (400 * day, Some(most)));
        assert_eq!(ages(trail().rotate_every(day).on_broken_head(OnBrokenHead::NewTrail)), (400 * day, None));
    }
}
