//! The writer: appends payloads, checkpoints, and closes.

use std::{
    collections::HashMap,
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    event::InstanceId,
    record_end::RecordEnd,
    sink::{Payload, PayloadId, SinkError},
};

use crate::{
    files::{SegmentPaths, io_error, is_file_at, state_path},
    format::{BlockBody, CloseReason, EntryBody, GapBody, block_digest},
    keys::SigningKey,
    writer::{
        AnchorThread, TrailError, WriterOptions, WriterReports, blocks, chain_key_file,
        head::TrailHead,
        rotation::{RotationStep, time_of_period_left},
    },
};

/// How often old files are looked for, and the clock for a rotation.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// Writes a trail for all shards.
pub(crate) struct TrailWriter {
    pub(super) options: WriterOptions,
    pub(super) signing: SigningKey,
    pub(super) record_end: RecordEnd,
    pub(super) reports: WriterReports,
    pub(super) files: OpenFiles,
    pub(super) head: TrailHead,
    pub(super) anchors: Option<AnchorThread>,
    /// The step of a rotation that is to be executed before the next entry.
    pub(super) rotation: Option<RotationStep>,
    /// An attempt has failed: the files may have more than `head` has.
    pub(super) is_dirty: bool,
    pub(super) shards: HashMap<(InstanceId, u32), ShardProgress>,
    /// When old files are looked for.
    pub(super) next_look: Instant,
    /// The lock of the trail, as long as the writer lives.
    pub(super) _lock: File,
}

pub(super) struct OpenFiles {
    pub(super) paths: SegmentPaths,
    pub(super) data: File,
    pub(super) trail: File,
}

/// The payloads of a shard.
#[derive(Debug, Default)]
pub(super) struct ShardProgress {
    delivered: Option<PayloadId>,
    /// The last payload whose attempts have failed so far, and its length.
    refused: Option<(PayloadId, u64)>,
    /// Payloads that failed and were given up.
    gap: Gap,
}

#[derive(Debug, Default, Clone, Copy)]
struct Gap {
    payloads: u64,
    bytes: u64,
}

impl TrailWriter {
    /// Appends a payload: its records and their entries are durable when it returns.
    pub(crate) fn append(&mut self, payload: &Payload) -> Result<(), SinkError> {
        if self.is_delivered(payload) {
            return Ok(());
        }
        self.note_given_up(payload.id());
        let result = self.append_durably(payload);
        self.note_result(payload, result.is_ok());
        result?;
        // The payload is delivered, whatever becomes of the checkpoint: it comes again with the next payload.
        if self.head.since_checkpoint.blocks >= self.options.checkpoint_blocks {
            self.checkpoint_or_report();
        }
        Ok(())
    }

    /// Does what is due. Returns the time until it wants to be called again; `None` if nothing is due at any time.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<Duration> {
        if self.is_rotation_due(0) {
            self.rotate_or_report();
        }
        if self.is_look_due(now) {
            self.next_look = now + LOOK_INTERVAL;
            self.remove_old_files_or_report();
        }
        if self.head.since_checkpoint.first.is_some_and(|first| first + self.options.checkpoint_interval <= now) {
            self.checkpoint_or_report();
        }
        self.next_tick(now)
    }

    /// Whether old files are to be looked for.
    pub(crate) fn is_look_due(&self, now: Instant) -> bool {
        self.options.retain_age.is_some() && self.next_look <= now
    }

    fn next_tick(&self, now: Instant) -> Option<Duration> {
        let WriterOptions { checkpoint_interval, retain_age, rotate_every, .. } = self.options;
        let checkpoint = self.head.since_checkpoint.first.map(|first| {
            let left = (first + checkpoint_interval).saturating_duration_since(now);
            // After an error, the checkpoint is attempted again.
            if left.is_zero() { checkpoint_interval } else { left }
        });
        // Also of an empty file: a payload that comes meanwhile does not wake the timer.
        let rotation = rotate_every.map(time_of_period_left);
        let look = retain_age.map(|_| self.next_look.saturating_duration_since(now).max(Duration::from_millis(100)));
        // At least once a minute: the clock may be set.
        [checkpoint, rotation.map(|left| left.min(LOOK_INTERVAL)), look].into_iter().flatten().min()
    }

    /// Closes the file, with a checkpoint, and waits for the anchors. A restart may continue the file.
    pub(crate) fn close(&mut self) {
        let closed = self.prepare().and_then(|()| {
            if self.head.is_closed {
                return Ok(());
            }
            let mut head = self.head.clone();
            let mut entries = Vec::new();
            self.shards.values_mut().for_each(ShardProgress::give_up);
            self.push_gap(&mut head, &mut entries);
            head.push_close(CloseReason::Stopped, String::new(), &mut entries);
            self.write_checkpoint(head, entries)
        });
        if let Err(error) = closed {
            self.reports.reporter.report_error(&error);
        }
        drop(self.anchors.take());
    }

    /// The files have what `head` has, and the next entry belongs to them.
    pub(super) fn prepare(&mut self) -> Result<(), SinkError> {
        if self.is_dirty {
            self.cut_back()?;
        }
        if self.rotation.is_none() {
            self.refuse_other_files()?;
        }
        self.complete_rotation()
    }

    /// A file that has lost its name is gone when the program ends: nothing that is written to it is delivered.
    fn refuse_other_files(&self) -> Result<(), SinkError> {
        let OpenFiles { paths, data, trail } = &self.files;
        for (file, path) in [(data, &paths.data), (trail, &paths.trail)] {
            if !is_file_at(file, path).map_err(io_error("look at", path))? {
                let text = "it was moved, removed or replaced while the trail was written; put it back";
                let source = io::Error::new(io::ErrorKind::NotFound, text);
                return Err(SinkError::Io { operation: "write", path: path.clone(), source });
            }
        }
        Ok(())
    }

    fn append_durably(&mut self, payload: &Payload) -> Result<(), SinkError> {
        self.prepare()?;
        if self.is_rotation_due(payload.len() as u64) {
            self.rotate()?;
        }
        let mut head = self.head.clone();
        let mut entries = Vec::new();
        self.push_gap(&mut head, &mut entries);
        let blocks = self.push_blocks(payload, &mut head, &mut entries);

        self.is_dirty = true;
        let OpenFiles { paths, data, .. } = &self.files;
        data.write_all_at(payload.records(), self.head.data_bytes).map_err(io_error("write", &paths.data))?;
        data.sync_data().map_err(io_error("sync", &paths.data))?;
        self.write_entries(head, &entries)?;
        self.forget_gaps();
        self.reports.blocks.add(blocks);
        Ok(())
    }

    fn push_blocks(&self, payload: &Payload, head: &mut TrailHead, entries: &mut Vec<u8>) -> u64 {
        let blocks = blocks::split(payload, self.record_end, self.options.block_bytes_max as usize);
        let mut bytes = payload.records();
        for block in &blocks {
            let (own, behind) = bytes.split_at_checked(block.bytes).unwrap_or((bytes, &[]));
            let length = u32::try_from(own.len()).unwrap_or(u32::MAX);
            let body = BlockBody { offset: head.data_bytes, length, records: block.records, digest: block_digest(own) };
            head.push_block(body, entries);
            bytes = behind;
        }
        blocks.len() as u64
    }

    /// Writes entries behind those of `self.head`, makes them durable, and takes `head`.
    pub(super) fn write_entries(&mut self, head: TrailHead, entries: &[u8]) -> Result<(), SinkError> {
        self.is_dirty = true;
        let OpenFiles { paths, trail, .. } = &self.files;
        trail.write_all_at(entries, self.head.trail_bytes).map_err(io_error("write", &paths.trail))?;
        trail.sync_data().map_err(io_error("sync", &paths.trail))?;
        self.head = head;
        self.is_dirty = false;
        Ok(())
    }

    /// Writes a checkpoint behind the entries of `head`, and replaces the chain key.
    pub(super) fn write_checkpoint(&mut self, mut head: TrailHead, mut entries: Vec<u8>) -> Result<(), SinkError> {
        let note = head.push_checkpoint(&self.signing, &mut entries);
        self.write_entries(head, &entries)?;
        self.reports.checkpoints.add(1);
        if let Some(anchors) = &self.anchors {
            anchors.send(note);
        }
        // The old key on disk still leads to the new one: the next checkpoint replaces it, if this attempt fails.
        if let Err(error) = chain_key_file::replace(&state_path(&self.options.path), &self.head.key) {
            self.reports.reporter.report_error(&error);
        }
        Ok(())
    }

    fn checkpoint_or_report(&mut self) {
        let written = self.prepare().and_then(|()| {
            if self.head.since_checkpoint.leaves == 0 {
                return Ok(());
            }
            self.write_checkpoint(self.head.clone(), Vec::new())
        });
        if let Err(error) = written {
            self.reports.reporter.report_error(&error);
        }
    }

    /// Cuts away what an attempt that failed has written.
    fn cut_back(&mut self) -> Result<(), SinkError> {
        let OpenFiles { paths, data, trail } = &self.files;
        // The entries first: none may stand for data that is gone.
        cut(trail, &paths.trail, self.head.trail_bytes)?;
        cut(data, &paths.data, self.head.data_bytes)?;
        self.is_dirty = false;
        Ok(())
    }

    /// Whether an attempt whose answer came too late has written the payload.
    fn is_delivered(&self, payload: &Payload) -> bool {
        let id = payload.id();
        let shard = self.shards.get(&(id.instance, id.shard));
        id != PayloadId::default() && shard.is_some_and(|shard| shard.delivered == Some(id))
    }

    /// Another payload in the place of one that was refused: that one was given up.
    fn note_given_up(&mut self, next: PayloadId) {
        if let Some(shard) = self.shards.get_mut(&(next.instance, next.shard))
            && shard.refused.is_some_and(|(refused, _)| refused != next)
        {
            shard.give_up();
        }
    }

    fn note_result(&mut self, payload: &Payload, is_delivered: bool) {
        let id = payload.id();
        let shard = self.shards.entry((id.instance, id.shard)).or_default();
        match is_delivered {
            true => (shard.delivered, shard.refused) = (Some(id), None),
            false => shard.refused = Some((id, payload.len() as u64)),
        }
    }

    /// Appends the payloads that were given up.
    fn push_gap(&self, head: &mut TrailHead, entries: &mut Vec<u8>) {
        let Gap { payloads, bytes } = self.gap();
        if payloads > 0 {
            head.push(EntryBody::Gap(GapBody { payloads, bytes }), entries);
        }
    }

    /// The gaps are recorded.
    fn forget_gaps(&mut self) {
        self.shards.values_mut().for_each(|shard| shard.gap = Gap::default());
    }

    /// The payloads of all shards that were given up.
    fn gap(&self) -> Gap {
        let gaps = self.shards.values().map(|shard| shard.gap);
        gaps.fold(Gap::default(), |all, gap| Gap {
            payloads: all.payloads + gap.payloads,
            bytes: all.bytes + gap.bytes,
        })
    }
}

impl ShardProgress {
    /// The payload that was refused does not come again.
    fn give_up(&mut self) {
        if let Some((_, bytes)) = self.refused.take() {
            self.gap = Gap { payloads: self.gap.payloads + 1, bytes: self.gap.bytes.saturating_add(bytes) };
        }
    }
}

fn cut(file: &File, path: &Path, end: u64) -> Result<(), SinkError> {
    let cut = || -> io::Result<()> {
        if file.metadata()?.len() > end {
            file.set_len(end)?;
        }
        file.sync_data()
    };
    cut().map_err(io_error("cut", path))
}

impl std::fmt::Debug for TrailWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrailWriter").field("path", &self.options.path).finish_non_exhaustive()
    }
}

/// Opens are in `restart`.
impl TrailWriter {
    pub(crate) fn open(
        options: WriterOptions,
        signing: SigningKey,
        record_end: RecordEnd,
        reports: WriterReports,
        anchors: Option<AnchorThread>,
    ) -> Result<Self, TrailError> {
        super::restart::open(options, signing, record_end, reports, anchors)
    }
}
