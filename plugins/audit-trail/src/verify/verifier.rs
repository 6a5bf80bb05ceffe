//! The verifier.

mod reader;

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    files::{SegmentPaths, segments_of},
    format::{Checkpoint, CloseReason},
    keys::{ChainKey, VerifyingKey},
    tree::root_of,
    verify::{
        damage::{DamageKind, TrailDamage, VerifyError},
        data,
        walk::{CheckpointPlace, TornTail, TrailFile, TrailWalk, WalkedSegment},
    },
};

pub use self::reader::{TrailBlock, TrailReader};

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
    /// Whether the chain was verified.
    pub has_verified_chain: bool,
    /// Bytes of data behind the last entry: a write in flight of a [running](Verifier::running) program.
    pub unrecorded_bytes: u64,
    /// Payloads that the trail has recorded as missing.
    pub gaps: u64,
    /// Restarts that have cut away what a crash had left.
    pub cuts: u64,
    /// The end of the last file.
    pub end: TrailEnd,
    /// The time of the last entry, in nanoseconds since 1970-01-01T00:00:00Z.
    pub last_nanos: u64,
    /// The last checkpoint, a signed note.
    pub last_checkpoint: Option<String>,
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
        let segments = segments_of(live).map_err(|source| VerifyError::Io { path: live.to_owned(), source })?;
        if segments.is_empty() {
            return Err(VerifyError::NoTrail { path: live.to_owned() });
        }
        self.verify_segments(segments)
    }

    /// Verifies these files, the oldest first.
    ///
    /// # Errors
    /// The first damage, or that a file cannot be read.
    pub fn verify_segments(&self, segments: Vec<SegmentPaths>) -> Result<VerifiedTrail, VerifyError> {
        let walked = self.walk(segments)?;
        self.check_anchors(&walked)?;
        let mut unrecorded_bytes = 0;
        for (index, (paths, segment)) in walked.segments.iter().enumerate() {
            let is_live = self.is_running && index + 1 == walked.segments.len();
            match data::check(&paths.data, segment, 0) {
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
        self.walk_with(paths, |path| std::fs::read(path))
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
        Ok(WalkedTrail { walk, segments })
    }

    /// Each checkpoint of the anchors is one of this trail.
    fn check_anchors(&self, walked: &WalkedTrail<'_>) -> Result<(), TrailDamage> {
        for AnchoredNote { note, from } in &self.anchors {
            let checkpoint = Checkpoint::verify(note, &self.verifying).map_err(|error| {
                let detail = format!("the anchor's checkpoint is invalid: {error}");
                TrailDamage::new(DamageKind::CheckpointInvalid, from.as_path(), 0, 0, detail)
            })?;
            walked.check_anchored(&checkpoint, from)?;
        }
        Ok(())
    }
}

impl WalkedTrail<'_> {
    /// The root of the first `size` leaves, if the files have all leaves that it needs.
    pub(crate) fn root_at(&self, size: u64) -> Option<[u8; 32]> {
        if self.walk.leaves_start == 0 {
            let count = usize::try_from(size).ok()?;
            return self.walk.leaves.get(..count).map(root_of);
        }
        let (_, first) = self.segments.first()?;
        let mut tree = first.open.tree.clone();
        let count = usize::try_from(size.checked_sub(tree.size())?).ok()?;
        self.walk.leaves.get(..count)?.iter().for_each(|leaf| tree.push(*leaf));
        Some(tree.root())
    }

    fn check_anchored(&self, anchored: &Checkpoint, from: &Path) -> Result<(), TrailDamage> {
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
        if self.root_at(anchored.size) != Some(anchored.root) {
            let detail = format!("{} has a checkpoint with another tree", from.display());
            let kind = DamageKind::CheckpointInconsistent;
            return Err(TrailDamage::new(kind, &*paths.trail, 0, anchored.size, detail));
        }
        Ok(())
    }

    fn summary(&self) -> VerifiedTrail {
        let (first, last) = (self.segments.first(), self.segments.last());
        let sum = |of: fn(&WalkedSegment) -> u64| self.segments.iter().map(|(_, segment)| of(segment)).sum();
        let checkpoint = self.walk.checkpoints.last();
        let signed = checkpoint.map_or(self.walk.leaves_start, |CheckpointPlace { checkpoint, .. }| checkpoint.size);
        VerifiedTrail {
            trail_id: last.map(|(_, last)| last.open.trail_id).unwrap_or_default(),
            first_segment: first.map(|(_, first)| first.open.segment).unwrap_or_default(),
            segments: self.segments.len() as u64,
            entries: self.walk.tree.size(),
            blocks: sum(|segment| segment.blocks.len() as u64),
            records: sum(|segment| segment.records),
            data_bytes: sum(|segment| segment.data_bytes),
            checkpoints: self.walk.checkpoints.len() as u64,
            entries_behind_checkpoint: self.walk.tree.size().saturating_sub(signed),
            unrecorded_bytes: 0,
            has_verified_chain: self.walk.current_key().is_some(),
            gaps: sum(|segment| segment.gaps),
            cuts: sum(|segment| segment.cuts),
            end: match last.and_then(|(_, last)| last.closed.as_ref()) {
                Some((CloseReason::Rotated, _)) => TrailEnd::Rotated,
                Some((CloseReason::Stopped, _)) => TrailEnd::Stopped,
                None => TrailEnd::Open,
            },
            last_nanos: last.map(|(_, last)| last.last_nanos).unwrap_or_default(),
            last_checkpoint: checkpoint.map(|place| place.note.clone()),
        }
    }
}
