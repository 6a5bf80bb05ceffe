//! A reader of a trail: its entries are verified when it opens, and each block when it is read.

use std::{
    fmt,
    fs::{self, File, Metadata},
    io,
    ops::Range,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{
    files::{SegmentPaths, segments_of},
    format::block_digest,
    reading::{open_plain, read_entries},
    tree::{TreeFrontier, TreeHash},
    verify::{
        VerifiedTrail, Verifier, VerifyError,
        damage::{DamageKind, TrailDamage},
        data,
        verifier::WalkedTrail,
        walk::{BlockPlace, WalkedSegment},
    },
};

/// How often a trail is read anew that its program changes at the same time.
const ATTEMPTS: u32 = 10;
/// How long a change is waited for, by which a trail that does not verify is known to be in the middle of a rotation.
const CHANGE_WAIT: Duration = Duration::from_millis(250);
const CHANGE_POLL: Duration = Duration::from_millis(5);

/// A trail whose entries and checkpoints were verified. Its blocks are verified when they are read, so that a reader of few records need
/// not read all of the data.
pub struct TrailReader<'v> {
    walked: WalkedTrail<'v>,
    /// The tree before the first file.
    before: TreeFrontier,
    summary: VerifiedTrail,
    /// The live data file: its program may rename it.
    live: Option<(PathBuf, File)>,
    /// The data file that was read last, and its index among the files.
    opened: Option<(usize, File)>,
}

/// A block of a data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrailBlock {
    /// The number of its entry in the trail.
    pub entry: u64,
    /// The number of its data file, from 0.
    pub segment: u64,
    /// Its place in the data file, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u32,
    /// The number of records that end in it.
    pub records: u32,
    /// The number of records in the blocks of the data file before it.
    pub first_record: u64,
    /// The BLAKE3 hash of its bytes.
    pub digest: [u8; 32],
}

impl TrailBlock {
    fn of(segment: &WalkedSegment, place: &BlockPlace) -> Self {
        let BlockPlace { sequence, body, first_record, .. } = *place;
        Self {
            entry: sequence,
            segment: segment.open.segment,
            offset: body.offset,
            length: body.length,
            records: body.records,
            first_record,
            digest: body.digest,
        }
    }

    /// The place behind it in the data file, in bytes.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.length))
    }
}

impl Verifier {
    /// Opens the trail whose live data file has this path, for a reader of its records. All entries, checkpoints and anchors are verified,
    /// and the lengths of the data files. The data is verified block by block, when it is read.
    ///
    /// # Errors
    /// The first damage, or that a file cannot be read.
    pub fn reader(&self, live: &Path) -> Result<TrailReader<'_>, VerifyError> {
        for _ in 1..ATTEMPTS {
            let files = TrailFiles::of(live).map_err(io_error(live))?;
            let state = files.state;
            match self.read_files(files) {
                Err(_) if self.is_running && state.changes_within(live, CHANGE_WAIT) => {}
                reader => return reader,
            }
        }
        self.read_files(TrailFiles::of(live).map_err(io_error(live))?)
    }

    fn read_files(&self, files: TrailFiles) -> Result<TrailReader<'_>, VerifyError> {
        let TrailFiles { segments, live, live_data, live_trail, .. } = files;
        if segments.is_empty() {
            return Err(VerifyError::NoTrail { path: live });
        }
        let mut live_trail = live_trail;
        let trail_of_live = SegmentPaths::of(&live).trail;
        let mut walked = self.walk_with(segments, |path| match live_trail.take_if(|_| path == trail_of_live) {
            Some(bytes) => Ok(bytes),
            None => Ok(read_entries(path)?.bytes),
        })?;
        self.check_anchors(&walked)?;
        let before = walked.segments.first().map(|(_, first)| first.open.tree.clone()).unwrap_or_default();
        walked.leave_out_removed_files();
        let summary = walked.summary();
        let live = live_data.map(|file| (live, file));
        let mut reader = TrailReader { walked, before, summary, live, opened: None };
        reader.check_lengths(self.is_running)?;
        Ok(reader)
    }
}

/// The files of a trail at one moment. Rotated files stay as they are, and the live ones are opened and read before they can be renamed.
struct TrailFiles {
    segments: Vec<SegmentPaths>,
    live: PathBuf,
    live_data: Option<File>,
    live_trail: Option<Vec<u8>>,
    state: LiveFiles,
}

impl TrailFiles {
    fn of(live: &Path) -> io::Result<Self> {
        let mut files = Self::look_up(live)?;
        for _ in 1..ATTEMPTS {
            if LiveFiles::of(live).has_files_of(&files.state) {
                break;
            }
            files = Self::look_up(live)?;
        }
        Ok(files)
    }

    fn look_up(live: &Path) -> io::Result<Self> {
        let state = LiveFiles::of(live);
        // The trail first: data is written before its entry.
        let live_trail = read_entries(&SegmentPaths::of(live).trail).ok().map(|read| read.bytes);
        let live_data = open_plain(live).ok();
        Ok(Self { segments: segments_of(live)?, live: live.to_owned(), live_data, live_trail, state })
    }
}

/// The live data file and its trail file, as far as a rotation changes them: device, number and length.
#[derive(Clone, Copy, PartialEq, Eq)]
struct LiveFiles([Option<(u64, u64, u64)>; 2]);

impl LiveFiles {
    fn of(live: &Path) -> Self {
        let SegmentPaths { data, trail } = SegmentPaths::of(live);
        let facts = |metadata: Metadata| (metadata.dev(), metadata.ino(), metadata.len());
        Self([data, trail].map(|path| fs::metadata(path).ok().map(facts)))
    }

    /// Whether the files are the same ones, of whatever length.
    fn has_files_of(&self, other: &Self) -> bool {
        let file = |facts: &Option<(u64, u64, u64)>| facts.map(|(device, number, _)| (device, number));
        self.0.iter().map(file).eq(other.0.iter().map(file))
    }

    /// Waits for a change of the files.
    fn changes_within(&self, live: &Path, time: Duration) -> bool {
        let start = Instant::now();
        while Self::of(live) == *self {
            if start.elapsed() >= time {
                return false;
            }
            thread::sleep(CHANGE_POLL);
        }
        true
    }
}

impl WalkedTrail<'_> {
    /// The first files may be gone whose removal is signed: the sink removes each data file, and then its trail file.
    fn leave_out_removed_files(&mut self) {
        let kept = self.first_kept();
        let is_gone = |(paths, segment): &(SegmentPaths, WalkedSegment)| {
            let data = fs::symlink_metadata(&paths.data);
            segment.open.segment < kept && data.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        let gone = self.segments.iter().take_while(|file| is_gone(file)).count();
        self.segments.drain(..gone);
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> VerifyError {
    move |source| VerifyError::Io { path: path.to_owned(), source }
}

impl TrailReader<'_> {
    /// The summary of the entries. [`VerifiedTrail::unrecorded_bytes`] is that of the live file of a [running](Verifier::running) program.
    #[must_use]
    pub fn summary(&self) -> &VerifiedTrail {
        &self.summary
    }

    /// The number of entries that checkpoints have signed: the block of the entry `n` is signed if `n` is below it.
    #[must_use]
    pub fn signed_entries(&self) -> u64 {
        self.summary.entries.saturating_sub(self.summary.entries_behind_checkpoint)
    }

    /// The number of the first entry in these files: above 0 if older files are gone.
    #[must_use]
    pub fn first_entry(&self) -> u64 {
        self.walked.walk.leaves_start
    }

    /// The root of the tree of the first `entries` entries, if these files have all that it needs.
    #[must_use]
    pub fn root_at(&self, entries: u64) -> Option<TreeHash> {
        let mut tree = self.before.clone();
        let count = usize::try_from(entries.checked_sub(tree.size())?).ok()?;
        self.walked.walk.leaves.get(..count)?.iter().for_each(|leaf| tree.push(*leaf));
        Some(tree.root())
    }

    /// The data file of this number, if it is there.
    #[must_use]
    pub fn data_file(&self, segment: u64) -> Option<&Path> {
        self.index_of(segment).and_then(|index| self.walked.segments.get(index)).map(|(paths, _)| paths.data.as_path())
    }

    /// The blocks from this entry on, in their order.
    pub fn blocks_from(&self, entry: u64) -> impl Iterator<Item = TrailBlock> + '_ {
        self.walked.segments.iter().flat_map(move |(_, segment)| {
            let start = segment.blocks.partition_point(|block| block.sequence < entry);
            segment.blocks.iter().skip(start).map(|block| TrailBlock::of(segment, block))
        })
    }

    /// The blocks of a data file that have these bytes, in their order.
    pub fn blocks_within(&self, segment: u64, bytes: Range<u64>) -> impl Iterator<Item = TrailBlock> + '_ {
        let found = self.index_of(segment).and_then(|index| self.walked.segments.get(index));
        found.into_iter().flat_map(move |(_, segment)| {
            let start = segment.blocks.partition_point(|block| block.body.end() <= bytes.start);
            let within = segment.blocks.iter().skip(start).take_while(move |block| block.body.offset < bytes.end);
            within.map(|block| TrailBlock::of(segment, block))
        })
    }

    /// The number of records in the files before this one, if all files from the first on are there.
    #[must_use]
    pub fn records_before(&self, segment: u64) -> Option<u64> {
        let first = self.walked.segments.first()?;
        let index = self.index_of(segment).filter(|_| first.1.open.segment == 0)?;
        Some(self.walked.segments.iter().take(index).map(|(_, segment)| segment.records).sum())
    }

    /// Reads a block, and verifies its bytes.
    ///
    /// # Errors
    /// The damage, or that the data file cannot be read.
    pub fn read_block(&mut self, block: &TrailBlock) -> Result<Vec<u8>, VerifyError> {
        let Some(index) = self.index_of(block.segment) else {
            let last = self.walked.segments.last().map(|(paths, _)| paths.data.clone()).unwrap_or_default();
            let detail = format!("the data file {} is no part of the trail", block.segment);
            return Err(TrailDamage::new(DamageKind::Removed, last, 0, block.entry, detail).into());
        };
        let mut bytes = vec![0; block.length as usize];
        let read = self.file(index)?.read_exact_at(&mut bytes, block.offset);
        match read {
            Ok(()) if block_digest(&bytes) == block.digest => Ok(bytes),
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(self.unreadable(index, error)),
            _ => Err(self.damage_of(index, block)),
        }
    }

    fn index_of(&self, segment: u64) -> Option<usize> {
        let first = self.walked.segments.first()?.1.open.segment;
        let index = usize::try_from(segment.checked_sub(first)?).ok()?;
        (index < self.walked.segments.len()).then_some(index)
    }

    fn file(&mut self, index: usize) -> Result<&File, VerifyError> {
        let path = self.walked.segments.get(index).map(|(paths, _)| paths.data.clone()).unwrap_or_default();
        if let Some((live, file)) = &self.live
            && *live == path
        {
            return Ok(file);
        }
        let opened = match self.opened.take() {
            Some((of, file)) if of == index => file,
            _ => open_plain(&path).map_err(io_error(&path))?,
        };
        Ok(&self.opened.insert((index, opened)).1)
    }

    fn unreadable(&self, index: usize, source: io::Error) -> VerifyError {
        let path = self.walked.segments.get(index).map(|(paths, _)| paths.data.clone()).unwrap_or_default();
        VerifyError::Io { path, source }
    }

    /// The kind of damage of a block with other bytes, as the verifier classifies it.
    fn damage_of(&mut self, index: usize, block: &TrailBlock) -> VerifyError {
        let opened = self.file(index).and_then(|file| file.try_clone().map_err(io_error(Path::new("")))).ok();
        let Some((paths, segment)) = self.walked.segments.get(index) else {
            return VerifyError::NoTrail { path: PathBuf::new() };
        };
        let from = segment.blocks.partition_point(|place| place.sequence < block.entry);
        match data::check(&paths.data, opened, segment, from) {
            Err(error) => error,
            // The file has changed again, or its program has renamed it.
            Ok(()) => {
                let detail = "the block has other bytes";
                TrailDamage::new(DamageKind::Altered, &*paths.data, block.offset, block.entry, detail).into()
            }
        }
    }

    /// Each data file has the length that its entries have.
    fn check_lengths(&mut self, is_running: bool) -> Result<(), VerifyError> {
        let count = self.walked.segments.len();
        for index in 0..count {
            let found = self.length(index)?;
            let Some((paths, segment)) = self.walked.segments.get(index) else { continue };
            let is_live = is_running && index + 1 == count;
            match found {
                Some(found) if found == segment.data_bytes => {}
                Some(found) if is_live && found > segment.data_bytes => {
                    self.summary.unrecorded_bytes = found - segment.data_bytes;
                }
                // It reads the file, and finds the place.
                _ => data::check(&paths.data, None, segment, 0)?,
            }
        }
        Ok(())
    }

    /// The length of a data file; `None` if it is missing.
    fn length(&mut self, index: usize) -> Result<Option<u64>, VerifyError> {
        match self.file(index).and_then(|file| file.metadata().map_err(io_error(Path::new("")))) {
            Ok(metadata) => Ok(Some(Metadata::len(&metadata))),
            Err(VerifyError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(VerifyError::Io { source, .. }) => Err(self.unreadable(index, source)),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for TrailReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrailReader").field("summary", &self.summary).finish_non_exhaustive()
    }
}
