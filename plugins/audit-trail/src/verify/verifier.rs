//! The verifier.

mod reader;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::{
    files::{SegmentPaths, segments_of},
    format::{Checkpoint, CloseReason, FORMAT_VERSION},
    keys::{ChainKey, VerifyingKey},
    reading::{open_plain, read_entries_of},
    tree::TreeHash,
    verify::{
        damage::{DamageKind, TrailDamage, VerifyError},
        data,
        walk::{CheckpointPlace, TornTail, TrailFile, TrailWalk, WalkedSegment},
    },
};

pub use self::reader::{TrailBlock, TrailReader};

/// How often a running trail is read anew because its files have other names.
const RUNNING_ATTEMPTS: u32 = 10;

/// How long an attempt waits for a live file that is being made.
const RUNNING_WAIT: Duration = Duration::from_millis(10);

/// Verifies trails by a verifying key, and where there is one, by the first chain key.
///
/// Without the chain key, a change of an entry is found at the next checkpoint; with it, at the entry itself, and also behind the last
/// checkpoint.
#[derive(Debug, Clone)]
#[must_use]
pub struct Verifier {
    verifying: VerifyingKey,
    chain_key: Option<ChainKey>,
    anchors: Vec<AnchoredNote>,
    is_running: bool,
}

#[derive(Debug, Clone)]
struct AnchoredNote {
    note: String,
    from: PathBuf,
}

/// A trail without damage.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedTrail {
    /// The trail's id.
    pub trail_id: [u8; 16],
    /// The number of the first file that was there: above 0 if older files are gone.
    pub first_segment: u64,
    /// The removal by which files before the first one are gone. `None` if none is missing, or if they were moved away: a trail whose sink
    /// removes old files is damaged then.
    pub removed: Option<RemovedFiles>,
    /// The number of files.
    pub segments: u64,
    /// The number of entries of the whole trail: the size of the tree.
    pub entries: u64,
    /// The number of blocks in these files.
    pub blocks: u64,
    /// The number of records in these files.
    pub records: u64,
    /// The bytes of data in these files.
    pub data_bytes: u64,
    /// The number of checkpoints in these files.
    pub checkpoints: u64,
    /// The entries behind the last checkpoint. The chain key alone proves them.
    pub entries_behind_checkpoint: u64,
    /// Whether the chain was verified. Without a chain key, it is not.
    pub has_verified_chain: bool,
    /// The checkpoints that the first of these files claims to have before it, if the chain was not verified because of them: more than
    /// 1,000,000, and no checkpoint of this file proves it.
    pub unproven_epoch: Option<u64>,
    /// Bytes of data behind the last entry: a write in flight of a [running](Verifier::running) program.
    pub unrecorded_bytes: u64,
    /// Payloads that the trail has recorded as missing.
    pub gaps: u64,
    /// Restarts that have cut away what a crash had left.
    pub cuts: u64,
    /// The end of the last file.
    pub end: TrailEnd,
    /// The time of the first entry, in nanoseconds since 1970-01-01T00:00:00Z: that at which the oldest of these files was opened.
    pub first_nanos: u64,
    /// The time of the first block, in nanoseconds since 1970-01-01T00:00:00Z; `None` if no file has a record.
    pub first_block_nanos: Option<u64>,
    /// The time of the last entry, in nanoseconds since 1970-01-01T00:00:00Z. A checkpoint has that of its note, which is signed.
    pub last_nanos: u64,
    /// The last checkpoint, a signed note.
    pub last_checkpoint: Option<String>,
}

/// A removal of old files by the sink's retention, as the trail has recorded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemovedFiles {
    /// The number of the first file that stayed: all before it were removed.
    pub first_kept: u64,
    /// The time of the removal, in nanoseconds since 1970-01-01T00:00:00Z.
    pub unix_nanos: u64,
    /// The sink's setting `retain_age` at that time.
    pub retain_age: Duration,
    /// The number of the entry that records it.
    pub entry: u64,
}

/// The end of a trail's last file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrailEnd {
    /// It is not closed: its program runs, or was killed.
    Open,
    /// Its program has stopped.
    Stopped,
    /// It was rotated: the file that continues the trail is not there.
    Rotated,
}

/// All that a walk has found.
pub(crate) struct WalkedTrail<'k> {
    pub(crate) walk: TrailWalk<'k>,
    pub(crate) segments: Vec<(SegmentPaths, WalkedSegment)>,
    /// The data file of the last one.
    last_data: Option<File>,
}

impl Verifier {
    /// A verifier of the trails of this key.
    pub fn new(verifying: VerifyingKey) -> Self {
        Self { verifying, chain_key: None, anchors: Vec::new(), is_running: false }
    }

    /// With the first chain key, which the auditor keeps.
    pub fn chain_key(mut self, key: ChainKey) -> Self {
        self.chain_key = Some(key);
        self
    }

    /// With the checkpoints of an anchor: signed notes, one behind the other. `from` is the place that has them, for reports.
    pub fn anchor(mut self, notes: &str, from: impl Into<PathBuf>) -> Self {
        let from = from.into();
        let notes = crate::format::split_notes(notes);
        self.anchors.extend(notes.into_iter().map(|note| AnchoredNote { note: note.to_owned(), from: from.clone() }));
        self
    }

    /// For a trail that its program is writing: data behind the last entry, and a part of an entry at the end, are writes in flight and no
    /// damage. [`VerifiedTrail::unrecorded_bytes`] has their length.
    pub fn running(mut self) -> Self {
        self.is_running = true;
        self
    }

    /// Verifies the trail whose live data file has this path, with all rotated files beside it.
    ///
    /// # Errors
    /// The first damage, or that a file cannot be read.
    pub fn verify(&self, live: &Path) -> Result<VerifiedTrail, VerifyError> {
        let list = || segments_of(live).map_err(|source| VerifyError::Io { path: live.to_owned(), source });
        let mut segments = list()?;
        let mut attempts = RUNNING_ATTEMPTS;
        loop {
            if segments.is_empty() {
                return Err(VerifyError::NoTrail { path: live.to_owned() });
            }
            let verified = self.verify_segments(segments.clone());
            attempts -= 1;
            if verified.is_ok() || !self.is_running || attempts == 0 {
                return verified;
            }
            // A rotation gives the files other names while they are read, and makes a live file that has no entry for a moment.
            let again = list()?;
            if again == segments {
                if !is_about_live_file(&verified, &segments) {
                    return verified;
                }
                thread::sleep(RUNNING_WAIT);
            }
            segments = again;
        }
    }

    /// Verifies these files, the oldest first.
    ///
    /// # Errors
    /// The first damage, or that a file cannot be read.
    pub fn verify_segments(&self, segments: Vec<SegmentPaths>) -> Result<VerifiedTrail, VerifyError> {
        let mut walked = self.walk(segments)?;
        self.check_anchors(&walked)?;
        let mut last_data = walked.last_data.take();
        let mut unrecorded_bytes = 0;
        for (index, (paths, segment)) in walked.segments.iter().enumerate() {
            let is_last = index + 1 == walked.segments.len();
            let is_live = self.is_running && is_last;
            let may_be_gone = segment.open.segment < walked.first_kept();
            if may_be_gone
                && std::fs::symlink_metadata(&paths.data).is_err_and(|error| error.kind() == ErrorKind::NotFound)
            {
                continue;
            }
            let opened = last_data.take_if(|_| is_last);
            match data::check(&paths.data, opened, segment, 0) {
                Err(VerifyError::Damage(damage)) if is_live && damage.kind == DamageKind::Unrecorded => {
                    let found = std::fs::metadata(&paths.data).map_or(0, |metadata| metadata.len());
                    unrecorded_bytes = found.saturating_sub(segment.data_bytes);
                }
                checked => checked?,
            }
        }
        Ok(VerifiedTrail { unrecorded_bytes, ..walked.summary() })
    }

    /// Verifies the entries of a single trail file, without its data file. `path` is the file's, for reports.
    ///
    /// # Errors
    /// The first damage.
    pub fn verify_entries(&self, path: &Path, bytes: &[u8]) -> Result<(), TrailDamage> {
        let mut walk = TrailWalk::new(&self.verifying, self.chain_key.clone());
        walk.segment(TrailFile { path, bytes }, TornTail::Damage).map(|_| ())
    }

    /// Walks through the entries of all files.
    pub(crate) fn walk(&self, paths: Vec<SegmentPaths>) -> Result<WalkedTrail<'_>, VerifyError> {
        // Before the others are read: meanwhile, a rotation can give it another name.
        let mut last = paths.last().map(|last| (last.trail.clone(), open_plain(&last.trail)));
        self.walk_with(paths, |path| {
            let opened =
                last.take_if(|(trail, _)| trail == path).map_or_else(|| open_plain(path), |(_, opened)| opened);
            Ok(read_entries_of(&opened?)?.bytes)
        })
    }

    /// Walks through the entries of all files, whose bytes `read` returns.
    fn walk_with(
        &self,
        paths: Vec<SegmentPaths>,
        mut read: impl FnMut(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<WalkedTrail<'_>, VerifyError> {
        let mut walk = TrailWalk::new(&self.verifying, self.chain_key.clone());
        let mut segments = Vec::new();
        let count = paths.len();
        // Before the trail files are read: meanwhile, a rotation can give it another name.
        let last_data = paths.last().and_then(|last| open_plain(&last.data).ok());
        for (index, paths) in paths.into_iter().enumerate() {
            let io_error = |source| VerifyError::Io { path: paths.trail.clone(), source };
            let bytes = read(&paths.trail).map_err(io_error)?;
            let is_live = self.is_running && index + 1 == count;
            let tail = if is_live { TornTail::Leave } else { TornTail::Damage };
            let segment = walk.segment(TrailFile { path: &paths.trail, bytes: &bytes }, tail)?;
            let is_rotated = matches!(segment.closed, Some((CloseReason::Rotated, _)));
            if index + 1 < count && !is_rotated {
                let (at, size) = (segment.trail_bytes, walk.tree.size());
                let detail = "the trail file ends before the entry that closes it";
                return Err(TrailDamage::new(DamageKind::Truncated, paths.trail, at, size, detail).into());
            }
            segments.push((paths, segment));
        }
        let walked = WalkedTrail { walk, segments, last_data };
        walked.check_first_file()?;
        Ok(walked)
    }

    /// Each checkpoint of the anchors is one of this trail.
    fn check_anchors(&self, walked: &WalkedTrail<'_>) -> Result<(), TrailDamage> {
        let verified = |AnchoredNote { note, .. }: &AnchoredNote| Checkpoint::verify_own(note, &self.verifying);
        let checkpoints: Vec<_> = self.anchors.iter().map(verified).collect();
        let roots = walked.roots_at(checkpoints.iter().flatten().map(|checkpoint| checkpoint.size));
        for (AnchoredNote { from, .. }, checkpoint) in self.anchors.iter().zip(checkpoints) {
            let checkpoint = checkpoint.map_err(|error| {
                let detail = format!("the anchor's checkpoint is invalid: {error}");
                TrailDamage::new(DamageKind::CheckpointInvalid, from.as_path(), 0, 0, detail)
            })?;
            walked.check_anchored(&checkpoint, &roots, from)?;
        }
        Ok(())
    }
}

/// Whether the last one of these files is damaged.
fn is_about_live_file(verified: &Result<VerifiedTrail, VerifyError>, segments: &[SegmentPaths]) -> bool {
    let Err(VerifyError::Damage(damage)) = verified else { return false };
    segments.last().is_some_and(|live| [&live.trail, &live.data].contains(&&damage.file))
}

impl WalkedTrail<'_> {
    /// The first file that must be there.
    fn first_kept(&self) -> u64 {
        self.walk.signed_removals().map(|removal| removal.body.first_kept).max().unwrap_or(0)
    }

    /// Where the sink removes files, no others are missing at the front. In version 1, moving them away is the operator's.
    fn check_first_file(&self) -> Result<(), TrailDamage> {
        let Some((paths, first)) = self.segments.first() else { return Ok(()) };
        let (number, kept) = (first.open.segment, self.first_kept());
        if first.open.version < FORMAT_VERSION || number <= kept {
            return Ok(());
        }
        let detail = format!("the files {kept} to {} are missing, and the trail has not removed them", number - 1);
        Err(TrailDamage::new(DamageKind::Removed, &*paths.trail, 0, first.open.tree.size(), detail))
    }

    /// The removal by which the files before the first one are gone.
    fn removed(&self) -> Option<RemovedFiles> {
        let (_, first) = self.segments.first()?;
        let number = first.open.segment;
        let removal = self.walk.signed_removals().find(|removal| number > 0 && removal.body.first_kept >= number)?;
        Some(RemovedFiles {
            first_kept: removal.body.first_kept,
            unix_nanos: removal.unix_nanos,
            retain_age: Duration::from_nanos(removal.body.retain_nanos),
            entry: removal.sequence,
        })
    }

    /// The roots of the trees of these sizes, as far as the files have the leaves: all of them in a single pass.
    fn roots_at(&self, sizes: impl Iterator<Item = u64>) -> BTreeMap<u64, TreeHash> {
        let Some((_, first)) = self.segments.first() else { return BTreeMap::new() };
        let sizes: BTreeSet<u64> = sizes.collect();
        let mut tree = first.open.tree.clone();
        let mut leaves = self.walk.leaves.iter();
        let mut roots = BTreeMap::new();
        for &size in sizes.range(tree.size()..) {
            let missing = size.saturating_sub(tree.size());
            if usize::try_from(missing).map_or(true, |missing| missing > leaves.len()) {
                break;
            }
            while tree.size() < size
                && let Some(leaf) = leaves.next()
            {
                tree.push(*leaf);
            }
            roots.insert(size, tree.root());
        }
        roots
    }

    fn check_anchored(
        &self,
        anchored: &Checkpoint,
        roots: &BTreeMap<u64, TreeHash>,
        from: &Path,
    ) -> Result<(), TrailDamage> {
        let Some((paths, last)) = self.segments.last() else { return Ok(()) };
        let size = self.walk.tree.size();
        if anchored.extension.trail_id != last.open.trail_id {
            let detail = format!("{} has a checkpoint of another trail", from.display());
            return Err(TrailDamage::new(DamageKind::Replaced, &*paths.trail, 0, size, detail));
        }
        if anchored.size > size {
            let detail = format!("{} has a checkpoint of {} entries", from.display(), anchored.size);
            return Err(TrailDamage::new(DamageKind::Truncated, &*paths.trail, last.trail_bytes, size, detail));
        }
        if anchored.extension.epoch >= self.walk.epoch {
            let detail = format!("{} has the checkpoint {}", from.display(), anchored.extension.epoch);
            return Err(TrailDamage::new(DamageKind::Truncated, &*paths.trail, last.trail_bytes, size, detail));
        }
        // A checkpoint of files that are gone cannot be compared.
        if anchored.size < self.walk.leaves_start {
            return Ok(());
        }
        if roots.get(&anchored.size) != Some(&anchored.root) {
            let detail = format!("{} has a checkpoint with another tree", from.display());
            let kind = DamageKind::CheckpointInconsistent;
            return Err(TrailDamage::new(kind, &*paths.trail, 0, anchored.size, detail));
        }
        Ok(())
    }

    fn summary(&self) -> VerifiedTrail {
        let (first, last) = (self.segments.first(), self.segments.last());
        // Saturating: nothing proves the numbers behind the last checkpoint.
        let sum = |of: fn(&WalkedSegment) -> u64| {
            self.segments.iter().map(|(_, segment)| of(segment)).fold(0, u64::saturating_add)
        };
        let checkpoint = self.walk.checkpoints.last();
        let signed = checkpoint.map_or(self.walk.leaves_start, |CheckpointPlace { checkpoint, .. }| checkpoint.size);
        VerifiedTrail {
            trail_id: last.map(|(_, last)| last.open.trail_id).unwrap_or_default(),
            first_segment: first.map(|(_, first)| first.open.segment).unwrap_or_default(),
            removed: self.removed(),
            segments: self.segments.len() as u64,
            entries: self.walk.tree.size(),
            blocks: sum(|segment| segment.blocks.len() as u64),
            records: sum(|segment| segment.records),
            data_bytes: sum(|segment| segment.data_bytes),
            checkpoints: self.walk.checkpoints.len() as u64,
            entries_behind_checkpoint: self.walk.tree.size().saturating_sub(signed),
            unrecorded_bytes: 0,
            has_verified_chain: self.walk.current_key().is_some(),
            unproven_epoch: self.walk.unproven_epoch,
            gaps: sum(|segment| segment.gaps),
            cuts: sum(|segment| segment.cuts),
            end: match last.and_then(|(_, last)| last.closed.as_ref()) {
                Some((CloseReason::Rotated, _)) => TrailEnd::Rotated,
                Some((CloseReason::Stopped, _)) => TrailEnd::Stopped,
                None => TrailEnd::Open,
            },
            first_nanos: first.map(|(_, first)| first.opened_nanos).unwrap_or_default(),
            first_block_nanos: self
                .segments
                .iter()
                .find_map(|(_, segment)| segment.blocks.first().map(|block| block.unix_nanos)),
            last_nanos: last.map(|(_, last)| last.last_nanos).unwrap_or_default(),
            last_checkpoint: checkpoint.map(|place| place.note.clone()),
        }
    }
}
