//! The start: a new trail, or the head of an old one verified and continued.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt, FileExt},
    path::{Path, PathBuf},
    time::Instant,
};

use fapilog_plugin::{record_end::RecordEnd, sink::SinkError};

use crate::{
    files::{
        FileOpening, SegmentPaths, directory_of, io_error, lock_trail, name_of, open_locked, rotated_segments,
        segments_of, state_path, sync_directory, with_suffix,
    },
    format::{CloseReason, EntryBody, RestartBody, TrailEntry, block_digest},
    keys::{ChainKey, KeyError, SigningKey, write_new},
    reading::{EntryBytes, TORN_BYTES_MAX, open_without_links, read_entries, read_entries_of},
    verify::{
        DamageKind, VerifyError, data,
        walk::{TornTail, TrailFile, TrailWalk, WalkedSegment},
    },
    writer::{
        AnchorThread, OnBrokenHead, TrailError, TrailWriter, WriterOptions, WriterReports, chain_key_file,
        head::{SinceCheckpoint, TrailHead, unix_nanos},
        rotation::{open_segment, rename_segment},
        trail_writer::OpenFiles,
    },
};

/// A trail that is ready for the next entry.
struct Opened {
    files: OpenFiles,
    head: TrailHead,
    /// The last checkpoint, for anchors that a crash has kept from it.
    last_note: Option<String>,
    report: Option<String>,
}

/// A file of the trail, walked through.
struct Walked {
    segment: WalkedSegment,
    head: TrailHead,
    last_note: Option<String>,
}

pub(super) fn open(
    options: WriterOptions,
    signing: SigningKey,
    record_end: RecordEnd,
    reports: WriterReports,
    anchors: Option<AnchorThread>,
) -> Result<TrailWriter, TrailError> {
    // Before any file is read: another program may be in the midst of a start or a rotation.
    let lock = lock_trail(&options.path)?;
    let opened = match continue_trail(&options, &signing) {
        Err(TrailError::BrokenHead { reason, .. }) if options.on_broken_head == OnBrokenHead::NewTrail => {
            let directory = set_aside(&options)?;
            reports
                .reporter
                .report(format!("the trail did not verify and was moved to {}: {reason}", directory.display()));
            start_trail(&options, &signing, None, name_of(&directory), true)?
        }
        opened => opened?,
    };
    if let Some(report) = opened.report {
        reports.reporter.report(report);
    }
    if let (Some(anchors), Some(note)) = (&anchors, opened.last_note) {
        anchors.send(note);
    }
    chain_key_file::erase_other(&state_path(&options.path))?;
    Ok(TrailWriter {
        _lock: lock,
        options,
        signing,
        record_end,
        reports,
        files: opened.files,
        head: opened.head,
        anchors,
        rotation: None,
        is_dirty: false,
        next_look: Instant::now(),
        shards: HashMap::new(),
    })
}

fn continue_trail(options: &WriterOptions, signing: &SigningKey) -> Result<Opened, TrailError> {
    let live = SegmentPaths::of(&options.path);
    let key = match chain_key_file::read(&state_path(&options.path)) {
        Err(KeyError::Malformed { .. }) => return Err(broken(options, "the file of the chain key has no such key")),
        key => key?,
    };
    let has_data = fs::symlink_metadata(&live.data).is_ok_and(|metadata| metadata.len() > 0);
    if has_open_entry(&live.trail, has_data)? {
        let key = key.ok_or_else(|| broken(options, "the file of the current chain key is missing"))?;
        return continue_live(options, signing, key, live);
    }
    if has_data {
        return Err(broken(options, "the data file has records, and its trail file is missing"));
    }
    let rotated = rotated_segments(&options.path).map_err(io_error("read the directory of", &options.path))?;
    match (rotated.into_iter().last(), key) {
        (None, None) => start_trail(options, signing, None, String::new(), false),
        // A first start that was interrupted.
        (None, Some(key)) if key.epoch() == 0 => start_trail(options, signing, Some(key), String::new(), false),
        (None, Some(_)) => Err(broken(options, "there is a chain key, and all trail files are missing")),
        (Some(_), None) => Err(broken(options, "the file of the current chain key is missing")),
        (Some(last), Some(key)) => continue_rotated(options, signing, key, &last),
    }
}

fn broken(options: &WriterOptions, reason: impl Into<String>) -> TrailError {
    TrailError::BrokenHead { path: options.path.clone(), reason: reason.into() }
}

/// Whether there is a trail file with an entry: a start or a rotation that was interrupted has left a part of one, and no data.
fn has_open_entry(path: &Path, has_data: bool) -> Result<bool, SinkError> {
    let exists = chain_key_file::exists(path)?;
    if !exists || has_data {
        return Ok(exists);
    }
    let mut front = Vec::new();
    let read = open_without_links(path).and_then(|file| file.take(64 * 1024).read_to_end(&mut front));
    read.map_err(io_error("read", path))?;
    let is_blank = front.iter().all(|byte| *byte == 0);
    let is_half = front.len() < 64 * 1024 && TrailEntry::read(&front) == Err(crate::format::EntryError::Incomplete);
    Ok(!is_blank && !is_half)
}

fn start_trail(
    options: &WriterOptions,
    signing: &SigningKey,
    key: Option<ChainKey>,
    previous_name: String,
    replaces_broken: bool,
) -> Result<Opened, TrailError> {
    let mut trail_id = [0; 16];
    getrandom::fill(&mut trail_id).map_err(|error| KeyError::Random(error.into()))?;
    let key = match key {
        Some(key) => key,
        None => chain_key_file::make_first(&state_path(&options.path))?,
    };
    let for_auditor = chain_key_file::write_for_auditor(&key, options.first_key.as_deref(), &options.path)?;
    let report = format!(
        "a new trail begins; its first chain key is in {}: give it to the auditor, and remove it from this machine",
        for_auditor.display()
    );
    let head = TrailHead::new(trail_id, key, previous_name);
    let (files, head) = open_segment(options, signing, head, replaces_broken)?;
    Ok(Opened { files, head, last_note: None, report: Some(report) })
}

fn continue_rotated(
    options: &WriterOptions,
    signing: &SigningKey,
    key: ChainKey,
    last: &SegmentPaths,
) -> Result<Opened, TrailError> {
    let bytes = read_entries(&last.trail).map_err(io_error("read", &last.trail))?.bytes;
    let walked = walk(options, signing, key, &last.trail, &bytes)?;
    if !matches!(walked.segment.closed, Some((CloseReason::Rotated, _))) {
        return Err(broken(options, "the live trail file is missing"));
    }
    open_next(options, signing, walked, name_of(&last.data))
}

fn open_next(
    options: &WriterOptions,
    signing: &SigningKey,
    walked: Walked,
    previous_name: String,
) -> Result<Opened, TrailError> {
    let head = walked.head.next_file(previous_name);
    let (files, head) = open_segment(options, signing, head, false)?;
    Ok(Opened { files, head, last_note: walked.last_note, report: None })
}

fn continue_live(
    options: &WriterOptions,
    signing: &SigningKey,
    key: ChainKey,
    live: SegmentPaths,
) -> Result<Opened, TrailError> {
    let trail = open_locked(&live.trail, FileOpening::Existing)?;
    let EntryBytes { bytes, file_bytes } = read_entries_of(&trail).map_err(io_error("read", &live.trail))?;
    let walked = walk(options, signing, key, &live.trail, &bytes)?;
    let torn_trail = file_bytes.saturating_sub(walked.segment.trail_bytes);
    refuse_long_tail(options, torn_trail, "the trail file")?;
    if let Some((CloseReason::Rotated, next_name)) = &walked.segment.closed {
        let target = options.path.with_file_name(next_name);
        let is_plain = target.file_name().is_some_and(|name| name.as_encoded_bytes() == next_name.as_bytes());
        let is_signed = walked.head.since_checkpoint.leaves == 0;
        if (torn_trail > 0 && is_signed) || !is_plain {
            return Err(broken(options, "the trail file goes on behind the entry that closes it"));
        }
        let walked = if is_signed { walked } else { complete_checkpoint(signing, walked, &trail, &live)? };
        drop(trail);
        rename_segment(&options.path, &target)?;
        return open_next(options, signing, walked, name_of(&target));
    }
    let data = match open_locked(&live.data, FileOpening::Existing) {
        Err(SinkError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            // A crash of the machine can take the name of a file without records.
            if walked.segment.data_bytes > 0 {
                return Err(broken(options, "the data file is missing"));
            }
            open_locked(&live.data, FileOpening::New { mode: options.mode })?
        }
        data => data?,
    };
    check_data(options, &live, &walked.segment, walked.head.key.epoch())?;
    let files = OpenFiles { paths: live, data, trail };
    continue_files(options, files, walked, torn_trail)
}

/// Writes the checkpoint behind the entry that closes a file, of which a crash has left a part or nothing.
fn complete_checkpoint(
    signing: &SigningKey,
    walked: Walked,
    trail: &File,
    live: &SegmentPaths,
) -> Result<Walked, TrailError> {
    let Walked { segment, mut head, .. } = walked;
    let at = head.trail_bytes;
    let mut entries = Vec::new();
    let note = head.push_checkpoint(signing, &mut entries);
    trail.set_len(at).map_err(io_error("cut", &live.trail))?;
    trail.write_all_at(&entries, at).map_err(io_error("write", &live.trail))?;
    trail.sync_all().map_err(io_error("sync", &live.trail))?;
    chain_key_file::replace(&state_path(&live.data), &head.key)?;
    Ok(Walked { segment, head, last_note: Some(note) })
}

/// A tail that is longer than any that a crash leaves is not cut away.
fn refuse_long_tail(options: &WriterOptions, bytes: u64, of: &str) -> Result<(), TrailError> {
    match bytes > TORN_BYTES_MAX {
        true => Err(broken(options, format!("{of} has {bytes} bytes behind the last entry, more than a crash leaves"))),
        false => Ok(()),
    }
}

/// Walks through a trail file by the current chain key, which must be the newest that the file leads to.
fn walk(
    options: &WriterOptions,
    signing: &SigningKey,
    key: ChainKey,
    path: &Path,
    bytes: &[u8],
) -> Result<Walked, TrailError> {
    let mut walk = TrailWalk::new(signing.verifying_key(), Some(key));
    let file = TrailFile { path, bytes };
    let segment = walk.segment(file, TornTail::Leave).map_err(|damage| broken(options, damage.to_string()))?;
    let Some(key) = walk.current_key().cloned() else {
        return Err(broken(options, "the chain key is newer than the trail: checkpoints are missing from its end"));
    };
    let signed = walk.checkpoints.last().map_or(segment.open.tree.size(), |last| last.checkpoint.size);
    let leaves = walk.tree.size().saturating_sub(signed);
    let blocks = segment.blocks.iter().filter(|block| block.epoch == walk.epoch).count() as u64;
    let head = TrailHead {
        trail_id: segment.open.trail_id,
        segment: segment.open.segment,
        key,
        chain: walk.chain,
        tree: walk.tree.clone(),
        data_bytes: segment.data_bytes,
        trail_bytes: segment.trail_bytes,
        records: segment.records,
        is_closed: segment.closed.is_some(),
        opened_nanos: segment.opened_nanos,
        version: segment.open.version,
        previous_name: segment.open.previous_name.clone(),
        first_kept: walk.signed_removals().map(|removal| removal.body.first_kept).max().unwrap_or(0),
        since_checkpoint: SinceCheckpoint { leaves, blocks, first: (leaves > 0).then(Instant::now) },
    };
    let last_note = walk.checkpoints.pop().map(|last| last.note);
    Ok(Walked { segment, head, last_note })
}

/// Compares the blocks behind the last checkpoint with the data, and the last block in any case.
fn check_data(
    options: &WriterOptions,
    live: &SegmentPaths,
    segment: &WalkedSegment,
    epoch: u64,
) -> Result<(), TrailError> {
    let behind = segment.blocks.partition_point(|block| block.epoch < epoch);
    match data::check(&live.data, None, segment, behind.min(segment.blocks.len().saturating_sub(1))) {
        // The tail that a crash has left.
        Err(VerifyError::Damage(damage)) if damage.kind == DamageKind::Unrecorded => Ok(()),
        Err(VerifyError::Io { path, source }) => Err(io_error("read", &path)(source).into()),
        Err(error) => Err(broken(options, error.to_string())),
        Ok(()) => Ok(()),
    }
}

/// Cuts away what a crash has left, and records the restart.
fn continue_files(
    options: &WriterOptions,
    files: OpenFiles,
    walked: Walked,
    torn_trail: u64,
) -> Result<Opened, TrailError> {
    let Walked { mut head, last_note, .. } = walked;
    let OpenFiles { paths, data, trail } = &files;
    let length = data.metadata().map_err(io_error("read the length of", &paths.data))?.len();
    refuse_long_tail(options, length.saturating_sub(head.data_bytes), "the data file")?;
    let torn = read_tail(data, head.data_bytes, length).map_err(io_error("read the end of", &paths.data))?;
    let cut_path = with_suffix(&options.path, format!(".torn-{}-{}", head.tree.size(), unix_nanos() / 1_000_000));
    if !torn.is_empty() {
        write_new(&cut_path, &torn, options.mode)?;
    }
    let body = RestartBody {
        data_bytes: head.data_bytes,
        cut_data_bytes: torn.len() as u64,
        cut_trail_bytes: torn_trail,
        cut_digest: block_digest(&torn),
        cut_name: if torn.is_empty() { String::new() } else { name_of(&cut_path) },
    };
    let at = head.trail_bytes;
    let mut entries = Vec::new();
    head.push(EntryBody::Restart(body), &mut entries);
    trail.set_len(at).map_err(io_error("cut", &paths.trail))?;
    trail.write_all_at(&entries, at).map_err(io_error("write", &paths.trail))?;
    trail.sync_all().map_err(io_error("sync", &paths.trail))?;
    // Behind the entry: a crash between the two has the tail cut again.
    if !torn.is_empty() {
        data.set_len(head.data_bytes).map_err(io_error("cut", &paths.data))?;
        data.sync_all().map_err(io_error("sync", &paths.data))?;
    }
    let report = (!torn.is_empty() || torn_trail > 0).then(|| {
        let kept = if torn.is_empty() { String::new() } else { format!("; the data is in {}", cut_path.display()) };
        format!(
            "the tail of an interrupted write was cut: {} bytes of data, {torn_trail} of the trail{kept}",
            torn.len()
        )
    });
    Ok(Opened { files, head, last_note, report })
}

fn read_tail(data: &File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(to.saturating_sub(from)).map_err(io::Error::other)?;
    let mut tail = vec![0; length];
    data.read_exact_at(&mut tail, from)?;
    Ok(tail)
}

/// Moves all files of a trail to a new directory beside it.
fn set_aside(options: &WriterOptions) -> Result<PathBuf, TrailError> {
    let live = &options.path;
    let directory = with_suffix(live, format!(".broken-{}", unix_nanos() / 1_000_000));
    fs::DirBuilder::new().mode(0o750).create(&directory).map_err(io_error("create the directory", &directory))?;
    let segments = segments_of(live).map_err(io_error("read the directory of", live))?;
    let mut paths: Vec<PathBuf> = segments.into_iter().flat_map(|paths| [paths.data, paths.trail]).collect();
    paths.extend([live.clone(), state_path(live)]);
    paths.dedup();
    for path in paths {
        let Some(name) = path.file_name() else { continue };
        match fs::rename(&path, directory.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error("move", &path)(error).into()),
            _ => {}
        }
    }
    sync_directory(live)?;
    File::open(&directory).and_then(|file| file.sync_all()).map_err(io_error("sync", directory_of(&directory)))?;
    Ok(directory)
}
