//! Tampering with a copy of a trail, and the damage that it is.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use fapilog_audit_trail::verify::DamageKind;

/// A sequence of numbers that is the same in each run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }

    pub(crate) fn in_range(&mut self, range: Range<usize>) -> usize {
        range.start + self.below(range.len())
    }
}

/// The damage that a verifier must find: one of these kinds, and its place.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) what: String,
    pub(crate) kinds: Vec<DamageKind>,
    pub(crate) file: PathBuf,
    pub(crate) offset: u64,
}

/// An entry of a trail file, as the test reads it: by the lengths alone.
#[derive(Debug, Clone)]
struct RawEntry {
    bytes: Range<usize>,
    tag: [u8; 4],
}

impl RawEntry {
    fn body(&self) -> Range<usize> {
        self.bytes.start + 32..self.bytes.end - 32
    }
}

/// A file of the trail.
struct RawSegment {
    data: PathBuf,
    trail: PathBuf,
    entries: Vec<RawEntry>,
    /// The blocks in the data file.
    blocks: Vec<Range<usize>>,
    is_last: bool,
}

fn number(bytes: &[u8]) -> usize {
    let mut all = [0; 8];
    all[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(all) as usize
}

/// The files of a trail, the oldest first.
fn segments(directory: &Path) -> Vec<RawSegment> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".trail"))
        .collect();
    // `audit.2...` sorts before `audit.jsonl`.
    names.sort();
    let count = names.len();
    names.iter().enumerate().map(|(index, name)| read_segment(&directory.join(name), index + 1 == count)).collect()
}

fn read_segment(trail: &Path, is_last: bool) -> RawSegment {
    let bytes = fs::read(trail).unwrap();
    let (mut entries, mut blocks, mut at) = (Vec::new(), Vec::new(), 0);
    while at < bytes.len() {
        let end = at + 64 + number(&bytes[at + 4..at + 8]);
        let tag: [u8; 4] = bytes[at..at + 4].try_into().unwrap();
        if &tag == b"BLCK" {
            let offset = number(&bytes[at + 32..at + 40]);
            blocks.push(offset..offset + number(&bytes[at + 40..at + 44]));
        }
        entries.push(RawEntry { bytes: at..end, tag });
        at = end;
    }
    RawSegment { data: trail.with_extension(""), trail: trail.to_owned(), entries, blocks, is_last }
}

/// The number of kinds of tampering.
pub(crate) const WAYS: usize = 18;

/// Tampers with the trail in this directory, in one of [`WAYS`]. `other` has another trail with other keys.
pub(crate) fn tamper(directory: &Path, other: &Path, way: usize, random: &mut Random) -> Expected {
    let mut segments = segments(directory);
    let segment = segments.swap_remove(random.below(segments.len()));
    match way {
        0 => flip_data_bit(&segment, random),
        1 => remove_block(&segment, random),
        2 => swap_blocks(&segment, random),
        3 => insert_bytes(&segment, random),
        4 => remove_bytes(&segment, random),
        5 => truncate_data(&segment, random),
        6 => replace_data(&segment, random),
        7 => remove_data(&segment),
        8 => flip_trail_bit(&segment, random),
        9 => remove_entry(&segment, random),
        10 => swap_entries(&segment, random),
        11 => insert_entry(&segment, random),
        12 => truncate_trail(&segment, random),
        13 => move_checkpoint(&segment, random),
        14 => repeat_checkpoint(&segment, random),
        15 => replace_trail(&segment, other),
        16 => forge_block(&segment, random),
        17 => remove_segment(directory, random),
        _ => unreachable!(),
    }
}

fn expected(what: String, kinds: &[DamageKind], file: &Path, offset: usize) -> Expected {
    Expected { what, kinds: kinds.to_vec(), file: file.to_owned(), offset: offset as u64 }
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn flip_data_bit(segment: &RawSegment, random: &mut Random) -> Expected {
    let block = segment.blocks[random.below(segment.blocks.len())].clone();
    let at = random.in_range(block.clone());
    let bit = random.below(8);
    change(&segment.data, |bytes| bytes[at] ^= 1 << bit);
    expected(format!("bit {bit} of byte {at}"), &[DamageKind::Altered], &segment.data, block.start)
}

fn remove_block(segment: &RawSegment, random: &mut Random) -> Expected {
    let index = random.below(segment.blocks.len());
    let block = segment.blocks[index].clone();
    change(&segment.data, |bytes| drop(bytes.drain(block.clone())));
    let is_last = index + 1 == segment.blocks.len();
    let kind = if is_last { DamageKind::Truncated } else { DamageKind::Removed };
    expected(format!("block {index} removed"), &[kind], &segment.data, block.start)
}

fn two_below(count: usize, random: &mut Random) -> (usize, usize) {
    let first = random.below(count - 1);
    (first, random.in_range(first + 1..count))
}

fn swap_ranges(bytes: &mut Vec<u8>, one: &Range<usize>, other: &Range<usize>) {
    let swapped = [
        &bytes[..one.start],
        &bytes[other.clone()],
        &bytes[one.end..other.start],
        &bytes[one.clone()],
        &bytes[other.end..],
    ];
    *bytes = swapped.concat();
}

fn swap_blocks(segment: &RawSegment, random: &mut Random) -> Expected {
    let (one, other) = two_below(segment.blocks.len(), random);
    change(&segment.data, |bytes| swap_ranges(bytes, &segment.blocks[one], &segment.blocks[other]));
    let at = segment.blocks[one].start;
    expected(format!("blocks {one} and {other} swapped"), &[DamageKind::Reordered], &segment.data, at)
}

fn insert_bytes(segment: &RawSegment, random: &mut Random) -> Expected {
    let index = random.below(segment.blocks.len() + 1);
    let line = format!("{{\"message\":\"forged {}\"}}\n", random.below(1000)).into_bytes();
    let end = segment.blocks.last().unwrap().end;
    let (block, at) = match segment.blocks.get(index) {
        Some(block) => (block.start, random.in_range(block.clone())),
        None => (end, end),
    };
    change(&segment.data, |bytes| drop(bytes.splice(at..at, line)));
    expected(format!("a line at byte {at}"), &[DamageKind::Inserted], &segment.data, block)
}

fn remove_bytes(segment: &RawSegment, random: &mut Random) -> Expected {
    let index = random.below(segment.blocks.len() - 1);
    let block = segment.blocks[index].clone();
    let start = random.in_range(block.start..block.end - 1);
    let end = random.in_range(start + 1..block.end);
    change(&segment.data, |bytes| drop(bytes.drain(start..end)));
    expected(format!("bytes {start} to {end} removed"), &[DamageKind::Removed], &segment.data, block.start)
}

fn truncate_data(segment: &RawSegment, random: &mut Random) -> Expected {
    let length = random.below(segment.blocks.last().unwrap().end);
    change(&segment.data, |bytes| bytes.truncate(length));
    expected(format!("truncated at {length}"), &[DamageKind::Truncated], &segment.data, length)
}

fn replace_data(segment: &RawSegment, random: &mut Random) -> Expected {
    let length = segment.blocks.last().unwrap().end;
    let length = random.in_range(segment.blocks[0].end..length + 4096);
    let bytes: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
    fs::write(&segment.data, bytes).unwrap();
    expected(format!("replaced by {length} bytes"), &[DamageKind::Replaced], &segment.data, 0)
}

fn remove_data(segment: &RawSegment) -> Expected {
    fs::remove_file(&segment.data).unwrap();
    expected("the data file removed".to_owned(), &[DamageKind::Removed], &segment.data, 0)
}

fn flip_trail_bit(segment: &RawSegment, random: &mut Random) -> Expected {
    let entry = &segment.entries[random.below(segment.entries.len())];
    let at = random.in_range(entry.bytes.clone());
    let bit = random.below(8);
    change(&segment.trail, |bytes| bytes[at] ^= 1 << bit);
    let kinds: &[DamageKind] = match &entry.tag {
        b"CKPT" if entry.body().contains(&at) => &[DamageKind::CheckpointInvalid, DamageKind::Altered],
        b"CKPT" => &[DamageKind::Altered, DamageKind::CheckpointInvalid],
        _ => &[DamageKind::Altered],
    };
    let tag = String::from_utf8_lossy(&entry.tag).into_owned();
    expected(format!("bit {bit} of byte {} of {tag}", at - entry.bytes.start), kinds, &segment.trail, entry.bytes.start)
}

fn leaves(segment: &RawSegment) -> Vec<usize> {
    let is_movable = |index: &usize| *index > 0 && segment.entries[*index].tag != *b"CKPT";
    (0..segment.entries.len()).filter(is_movable).collect()
}

fn remove_entry(segment: &RawSegment, random: &mut Random) -> Expected {
    // Without the last one: its removal is a truncation.
    let index = random.below(segment.entries.len() - 1);
    let entry = segment.entries[index].clone();
    let tag = String::from_utf8_lossy(&entry.tag).into_owned();
    change(&segment.trail, |bytes| drop(bytes.drain(entry.bytes.clone())));
    expected(format!("entry {index} {tag} removed"), &[DamageKind::Removed], &segment.trail, entry.bytes.start)
}

fn swap_entries(segment: &RawSegment, random: &mut Random) -> Expected {
    let leaves = leaves(segment);
    let (one, other) = two_below(leaves.len(), random);
    let (one, other) = (segment.entries[leaves[one]].bytes.clone(), segment.entries[leaves[other]].bytes.clone());
    change(&segment.trail, |bytes| swap_ranges(bytes, &one, &other));
    let what = format!("entries at {} and {} swapped", one.start, other.start);
    expected(what, &[DamageKind::Reordered], &segment.trail, one.start)
}

fn insert_entry(segment: &RawSegment, random: &mut Random) -> Expected {
    let leaves = leaves(segment);
    let copied = segment.entries[leaves[random.below(leaves.len())]].bytes.clone();
    let at = segment.entries[random.in_range(1..segment.entries.len())].bytes.start;
    change(&segment.trail, |bytes| {
        let copy = bytes[copied.clone()].to_vec();
        bytes.splice(at..at, copy);
    });
    // In front of itself, it is found where it stands the second time.
    let place = if at == copied.start { copied.end } else { at };
    expected(format!("entry at {} copied to {at}", copied.start), &[DamageKind::Inserted], &segment.trail, place)
}

fn truncate_trail(segment: &RawSegment, random: &mut Random) -> Expected {
    let entry = &segment.entries[random.in_range(1..segment.entries.len())];
    let at = random.in_range(entry.bytes.clone());
    change(&segment.trail, |bytes| bytes.truncate(at));
    let what = format!("the trail file truncated at {at}");
    if at > entry.bytes.start {
        return expected(what, &[DamageKind::Truncated], &segment.trail, entry.bytes.start);
    }
    // Between two entries; the last checkpoint of a rotated file is missing at the start of the next one.
    let is_last_checkpoint = entry.bytes.end == segment.entries.last().unwrap().bytes.end;
    if is_last_checkpoint && !segment.is_last {
        let next = next_trail(&segment.trail);
        return expected(what, &[DamageKind::Removed], &next, 0);
    }
    expected(what, &[DamageKind::Truncated], &segment.trail, at)
}

fn next_trail(trail: &Path) -> PathBuf {
    let all = segments(trail.parent().unwrap());
    let at = all.iter().position(|segment| segment.trail == trail).unwrap();
    all[at + 1].trail.clone()
}

fn checkpoints(segment: &RawSegment) -> Vec<Range<usize>> {
    let checkpoints = segment.entries.iter().filter(|entry| entry.tag == *b"CKPT");
    checkpoints.map(|entry| entry.bytes.clone()).collect()
}

fn move_checkpoint(segment: &RawSegment, random: &mut Random) -> Expected {
    let checkpoints = checkpoints(segment);
    if checkpoints.len() < 2 {
        return repeat_checkpoint(segment, random);
    }
    let (one, other) = two_below(checkpoints.len(), random);
    change(&segment.trail, |bytes| swap_ranges(bytes, &checkpoints[one], &checkpoints[other]));
    let what = format!("checkpoints {one} and {other} swapped");
    expected(what, &[DamageKind::CheckpointInconsistent], &segment.trail, checkpoints[one].start)
}

fn repeat_checkpoint(segment: &RawSegment, random: &mut Random) -> Expected {
    let checkpoints = checkpoints(segment);
    let copied = checkpoints[random.below(checkpoints.len())].clone();
    let at = segment.entries[random.in_range(1..segment.entries.len())].bytes.clone();
    let at = if random.below(4) == 0 { copied.end } else { at.start };
    change(&segment.trail, |bytes| {
        let copy = bytes[copied.clone()].to_vec();
        bytes.splice(at..at, copy);
    });
    let what = format!("the checkpoint at {} copied to {at}", copied.start);
    let is_beside = at == copied.start || at == copied.end;
    let kind = if is_beside { DamageKind::Inserted } else { DamageKind::CheckpointInconsistent };
    expected(what, &[kind], &segment.trail, if is_beside { copied.end } else { at })
}

fn replace_trail(segment: &RawSegment, other: &Path) -> Expected {
    fs::copy(other.join("audit.jsonl.trail"), &segment.trail).unwrap();
    expected("another trail's file".to_owned(), &[DamageKind::WrongKey], &segment.trail, 0)
}

/// Changes a block, and the hash in its entry, without the keys.
fn forge_block(segment: &RawSegment, random: &mut Random) -> Expected {
    let blocks: Vec<&RawEntry> = segment.entries.iter().filter(|entry| entry.tag == *b"BLCK").collect();
    let index = random.below(blocks.len());
    let (entry, block) = (blocks[index].bytes.clone(), segment.blocks[index].clone());
    let at = random.in_range(block.clone());
    change(&segment.data, |bytes| bytes[at] = bytes[at].wrapping_add(1));
    let digest = fapilog_audit_trail::format::block_digest(&fs::read(&segment.data).unwrap()[block]);
    change(&segment.trail, |bytes| bytes[entry.start + 48..entry.start + 80].copy_from_slice(&digest));
    expected(format!("block {index} forged"), &[DamageKind::Altered], &segment.trail, entry.start)
}

/// Removes both files of a segment that is neither the first nor the last.
fn remove_segment(directory: &Path, random: &mut Random) -> Expected {
    let all = segments(directory);
    let index = random.in_range(1..all.len() - 1);
    fs::remove_file(&all[index].data).unwrap();
    fs::remove_file(&all[index].trail).unwrap();
    expected(format!("file {index} removed"), &[DamageKind::Removed], &all[index + 1].trail, 0)
}
