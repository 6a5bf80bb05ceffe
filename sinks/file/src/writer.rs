//! What is written where, and when it is solid. The numbers are the rules of the [module's page](super).

use std::{
    collections::VecDeque,
    io,
    ops::Range,
    time::{Duration, Instant},
};

use fapilog_plugin::threads::process::OwnProcess;

use super::{
    block::Block,
    engine::{Completion, Engine, Path, Request, Work},
    open::{PAGE_BYTES, cut_behind, unlock},
    settings::FileSync,
};

/// How long a carry waits for the next full block.
pub(super) const TAIL_WAIT: Duration = Duration::from_millis(5);

const RETRY_MIN: Duration = Duration::from_millis(10);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// How soon a sync that is under way is looked after, when nothing else calls.
const SYNC_LOOK: Duration = Duration::from_millis(1);

/// How long a writer that is dropped waits for what is under way.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Writes blocks in order, through an engine that may carry them out in any.
pub(super) struct BatchWriter {
    engine: Box<dyn Engine>,
    is_direct: bool,
    sync: FileSync,
    free: Vec<Block>,
    /// The length of a new block.
    block_bytes: usize,
    /// The block that is being filled is out; what it was like.
    filling: Option<Filling>,
    /// Bytes that belong to the file, those of the last block included.
    end: u64,
    /// Bytes below are in some write, done or not.
    covered: u64,
    /// The last page of the file, as far as it is filled.
    carry: Vec<u8>,
    /// When the carry was last added to.
    carried_at: Instant,
    /// Writes in the order of the file, until they are solid.
    writes: VecDeque<Write>,
    next_id: u64,
    /// Rule 6.
    solid: u64,
    /// What became of the records below is told.
    told: u64,
    syncing: Syncing,
    retry: Retry,
    /// How often a write has been tried again.
    retries: u64,
    troubles: Vec<Trouble>,
    /// The process whose file it is.
    process: OwnProcess,
}

/// What went wrong, for the notices.
#[derive(Debug)]
pub(super) enum Trouble {
    Write(io::Error),
    Sync(io::Error),
    DirectRefused(io::Error),
}

#[derive(Debug)]
struct Filling {
    registered: Option<super::block::Registered>,
    start: usize,
}

/// One write, in the order of the file.
#[derive(Debug)]
struct Write {
    id: u64,
    path: Path,
    /// Where its bytes end in the file.
    end: u64,
    state: WriteState,
}

#[derive(Debug)]
enum WriteState {
    /// Not yet given to the engine: it must wait for others (rule 5), for room, or for better times (rule 7).
    Waiting(Piece),
    UnderWay,
    Done,
}

/// The bytes of `block` in `range`, which belong at `offset` of the file.
#[derive(Debug)]
struct Piece {
    block: Block,
    range: Range<usize>,
    offset: u64,
}

impl Piece {
    /// What is left of it.
    fn behind(mut self, written: usize) -> Self {
        self.range.start += written;
        self.offset += written as u64;
        self
    }
}

/// How far the disk has made things stable.
#[derive(Debug)]
struct Syncing {
    stable: u64,
    /// Bytes below cannot be vouched for: a sync that was to cover them has failed.
    doubtful: u64,
    under_way: Option<u64>,
    last: Instant,
    /// A flush wants a sync of everything solid.
    wanted: bool,
}

/// Rule 7: how long writes wait after one has failed.
#[derive(Debug)]
struct Retry {
    wait: Duration,
    not_before: Option<Instant>,
}

impl Retry {
    fn new() -> Self {
        Self { wait: RETRY_MIN, not_before: None }
    }

    /// Several writes that fail together count as one.
    fn failed(&mut self, now: Instant) {
        if self.not_before.is_none_or(|time| now >= time) {
            self.not_before = Some(now + self.wait);
            self.wait = (self.wait * 2).min(RETRY_MAX);
        }
    }
}

const SYNC_ID: u64 = u64::MAX;

impl BatchWriter {
    pub(super) fn new(
        engine: Box<dyn Engine>,
        blocks: Vec<Block>,
        block_bytes: usize,
        end: u64,
        carry: Vec<u8>,
        is_direct: bool,
        sync: FileSync,
    ) -> Self {
        let now = Instant::now();
        Self {
            engine,
            is_direct,
            sync,
            free: blocks,
            block_bytes,
            filling: None,
            end,
            covered: end,
            carry,
            carried_at: now,
            writes: VecDeque::new(),
            next_id: 0,
            solid: end,
            told: end,
            syncing: Syncing { stable: end, doubtful: 0, under_way: None, last: now, wanted: false },
            retry: Retry::new(),
            retries: 0,
            troubles: Vec::new(),
            process: OwnProcess::this(),
        }
    }

    pub(super) fn retries(&self) -> u64 {
        self.retries
    }

    /// How it writes, in words.
    pub(super) fn describe(&self) -> String {
        format!("{}, {}", self.engine.name(), if self.is_direct { "direct" } else { "buffered" })
    }

    /// A block to fill, which starts with the carry (rule 2); `None` while all are in use.
    pub(super) fn take_block(&mut self) -> Option<Vec<u8>> {
        let mut block = self.free.pop()?;
        let start = block.reset();
        block.bytes.extend_from_slice(&self.carry);
        self.filling = Some(Filling { registered: block.registered, start });
        Some(block.bytes)
    }

    /// Where the bytes of the block that is being filled start, carry included.
    pub(super) fn filling_start(&self) -> usize {
        self.filling.as_ref().map_or(0, |filling| filling.start)
    }

    /// Looks at the block that is being filled, after each time that somebody else could move it: once it has moved, the kernel
    /// does not know it any more, even if it comes back to where it was.
    pub(super) fn look_at_filling(&mut self, bytes: &Vec<u8>) {
        if let Some(filling) = &mut self.filling {
            filling.registered = filling.registered.filter(|registered| registered.is_of(bytes));
        }
    }

    /// Takes the filled block back and has it written. Returns where its records end in the file: they are delivered when
    /// [`delivered_up_to`](Self::delivered_up_to) is there. `None` if the block no longer holds what it began with.
    pub(super) fn write(&mut self, bytes: Vec<u8>, is_full: bool, now: Instant) -> Option<u64> {
        let Filling { registered, start } = self.filling.take()?;
        let mut block = Block { bytes, registered, is_pooled: true };
        block.forget_stale_registration();
        if block.bytes.len() < start + self.carry.len() {
            self.free_block(block);
            return None;
        }
        let start = if block.is_aligned(start) { start } else { block.realign(start) };

        let page_start = self.end - self.carry.len() as u64;
        let data_bytes = block.bytes.len().saturating_sub(start);
        self.end = page_start + data_bytes as u64;

        let whole_pages = data_bytes - data_bytes % PAGE_BYTES;
        self.carry.clear();
        self.carry.extend_from_slice(block.bytes.get(start + whole_pages..).unwrap_or_default());
        self.carried_at = now;

        if self.is_direct && is_full && whole_pages > 0 {
            // Rule 2. The carry is covered by a later write.
            let end = page_start + whole_pages as u64;
            self.enqueue(Path::Direct, Piece { block, range: start..start + whole_pages, offset: page_start }, end);
        } else {
            // Rule 4.
            let done = usize::try_from(self.covered.saturating_sub(page_start)).unwrap_or(0);
            let range = start + done..start + data_bytes;
            self.enqueue(Path::Buffered, Piece { block, range, offset: self.covered }, self.end);
        }
        self.turn(now);
        Some(self.end)
    }

    /// Everything below is delivered: solid, and stable where that is asked for.
    pub(super) fn delivered_up_to(&self) -> u64 {
        match self.sync {
            FileSync::Batch => self.syncing.stable,
            FileSync::Never | FileSync::Interval(_) => self.solid,
        }
    }

    /// Everything below was to be made stable, and the disk has said that it could not.
    pub(super) fn doubtful_up_to(&self) -> u64 {
        self.syncing.doubtful
    }

    /// When a sync is due that nothing else asks for; while one is under way, when to look after it.
    pub(super) fn sync_due(&self, now: Instant) -> Option<Instant> {
        let FileSync::Interval(interval) = self.sync else { return None };
        if self.syncing.under_way.is_some() {
            return now.checked_add(SYNC_LOOK);
        }
        let has_news = self.solid > self.syncing.stable;
        has_news.then(|| self.syncing.last.checked_add(interval)).flatten()
    }

    /// Asks for a sync of everything solid, if the settings have syncs at all. Returns how far it reaches.
    pub(super) fn request_sync(&mut self) -> Option<u64> {
        if self.sync == FileSync::Never || self.syncing.stable >= self.solid {
            return None;
        }
        self.syncing.wanted = true;
        Some(self.solid)
    }

    /// Everything below is stable.
    pub(super) fn stable_up_to(&self) -> u64 {
        self.syncing.stable
    }

    /// What became of the records below `end` has been told: they stay in the file (rule 7).
    pub(super) fn tell(&mut self, end: u64) {
        self.told = self.told.max(end);
    }

    /// What went wrong since the last time it was asked, one of each kind.
    pub(super) fn take_troubles(&mut self) -> Vec<Trouble> {
        std::mem::take(&mut self.troubles)
    }

    fn add_trouble(&mut self, trouble: Trouble) {
        let kind = std::mem::discriminant(&trouble);
        if self.troubles.iter().all(|known| std::mem::discriminant(known) != kind) {
            self.troubles.push(trouble);
        }
    }

    /// Sees what is done, and starts what can be started.
    pub(super) fn turn(&mut self, now: Instant) {
        self.reap(now);
        self.write_carry_if_overdue(now);
        self.start_writes(now);
        self.start_sync(now);
        // What an engine does at once is done by now.
        self.reap(now);
    }

    /// Rule 3.
    fn write_carry_if_overdue(&mut self, now: Instant) {
        let is_covered = self.covered >= self.end;
        if is_covered || now.saturating_duration_since(self.carried_at) < TAIL_WAIT {
            return;
        }
        // It would wait for the direct ones (rule 5), and have the next full block wait for it.
        if self.writes.iter().any(|write| write.path == Path::Direct && !write.is_done()) {
            return;
        }
        let page_start = self.end - self.carry.len() as u64;
        let from = usize::try_from(self.covered.saturating_sub(page_start)).unwrap_or(0);
        let block = Block { bytes: self.carry.clone(), registered: None, is_pooled: false };
        let range = from..self.carry.len();
        self.enqueue(Path::Buffered, Piece { block, range, offset: self.covered }, self.end);
    }

    /// Puts a write behind the others. It covers the file up to `end`.
    fn enqueue(&mut self, path: Path, piece: Piece, end: u64) {
        let id = self.next_id;
        self.next_id += 1;
        self.writes.push_back(Write { id, path, end, state: WriteState::Waiting(piece) });
        self.covered = end;
    }

    fn start_writes(&mut self, now: Instant) {
        let may_start = match self.retry.not_before {
            Some(time) if now < time => 0,
            // Rule 7: the first one finds out whether times are better.
            Some(_) => 1,
            None => self.writes.len(),
        };
        for index in 0..may_start.min(self.writes.len()) {
            if !self.engine.has_room() {
                return;
            }
            match self.writes.get(index) {
                Some(Write { state: WriteState::Waiting(_), .. }) if !self.is_clear(index) => return,
                Some(Write { state: WriteState::Waiting(_), .. }) => self.start_write(index),
                _ => {}
            }
        }
    }

    /// Rule 5.
    fn is_clear(&self, index: usize) -> bool {
        let Some(Write { path, state: WriteState::Waiting(piece), .. }) = self.writes.get(index) else { return false };
        let mut unfinished = self.writes.iter().take(index).filter(|earlier| !earlier.is_done());
        match path {
            Path::Direct => unfinished.all(|earlier| earlier.end <= piece.offset),
            Path::Buffered => unfinished.all(|earlier| earlier.path == Path::Buffered),
        }
    }

    fn start_write(&mut self, index: usize) {
        let Some(write) = self.writes.get_mut(index) else { return };
        let state = std::mem::replace(&mut write.state, WriteState::UnderWay);
        if let WriteState::Waiting(Piece { block, range, offset }) = state {
            let work = Work::Write { path: write.path, block, range, offset };
            self.engine.submit(Request { id: write.id, work });
        }
    }

    fn start_sync(&mut self, now: Instant) {
        let is_due = match self.sync {
            FileSync::Never => false,
            FileSync::Interval(interval) => {
                self.syncing.wanted || now.saturating_duration_since(self.syncing.last) >= interval
            }
            FileSync::Batch => true,
        };
        let has_news = self.solid > self.syncing.stable;
        if is_due && has_news && self.syncing.under_way.is_none() && self.engine.has_room() {
            self.syncing.under_way = Some(self.solid);
            self.syncing.last = now;
            self.syncing.wanted = false;
            self.engine.submit(Request { id: SYNC_ID, work: Work::Sync });
        }
    }

    fn reap(&mut self, now: Instant) {
        let mut done = Vec::new();
        self.engine.reap(&mut |completion| done.push(completion));
        for completion in done {
            match completion.work {
                Work::Sync => self.sync_done(completion.result),
                Work::Write { .. } => self.write_done(completion, now),
            }
        }
        while let Some(write) = self.writes.pop_front_if(|write| write.is_done()) {
            self.solid = self.solid.max(write.end);
        }
    }

    fn sync_done(&mut self, result: io::Result<usize>) {
        let Some(covered) = self.syncing.under_way.take() else { return };
        match result {
            Ok(_) => self.syncing.stable = covered,
            Err(error) => {
                // The kernel may have dropped what it could not write, and a later sync would not say so. That goes for
                // what was written while this one ran, too: nothing that has a write by now is vouched for, ever.
                self.syncing.doubtful = self.covered;
                self.syncing.stable = covered;
                self.add_trouble(Trouble::Sync(error));
            }
        }
    }

    fn write_done(&mut self, completion: Completion, now: Instant) {
        let Completion { id, work, result } = completion;
        let Work::Write { path, block, range, offset } = work else { return };
        let Some(index) = self.writes.iter().position(|write| write.id == id) else { return };
        let piece = Piece { block, range, offset };
        let state = match result {
            Ok(written) if written >= piece.range.len() => {
                self.retry = Retry::new();
                self.free_block(piece.block);
                WriteState::Done
            }
            // A direct write goes on at a page.
            Ok(written) => match if path == Path::Direct { written - written % PAGE_BYTES } else { written } {
                0 => self.wait(piece, now, io::ErrorKind::WriteZero.into()),
                written => WriteState::Waiting(piece.behind(written)),
            },
            Err(error) if path == Path::Direct && is_refusal(&error) => {
                // Rule 8.
                self.is_direct = false;
                self.retries += 1;
                self.add_trouble(Trouble::DirectRefused(error));
                WriteState::Waiting(piece)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => WriteState::Waiting(piece),
            Err(error) => self.wait(piece, now, error),
        };
        let is_direct = self.is_direct;
        if let Some(write) = self.writes.get_mut(index) {
            write.path = if is_direct { path } else { Path::Buffered };
            write.state = state;
        }
    }

    /// Rule 7.
    fn wait(&mut self, piece: Piece, now: Instant, error: io::Error) -> WriteState {
        self.retry.failed(now);
        self.retries += 1;
        self.add_trouble(Trouble::Write(error));
        WriteState::Waiting(piece)
    }

    /// Keeps a block for the next records, or a new one in its place. A carry's own memory is none.
    fn free_block(&mut self, block: Block) {
        if !block.is_pooled {
            return;
        }
        let has_outgrown = block.has_outgrown(self.block_bytes);
        self.free.push(if has_outgrown { Block::new(self.block_bytes) } else { block });
    }
}

impl Write {
    fn is_done(&self) -> bool {
        matches!(self.state, WriteState::Done)
    }
}

/// Whether a file system says by this that it has no direct writes.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EOPNOTSUPP))
}

impl Drop for BatchWriter {
    /// Rule 7: the file ends with the last record of which it was told that it is delivered.
    fn drop(&mut self) {
        if !self.process.is_this() {
            // A forked child: file and lock are its parent's, who goes on writing.
            return;
        }
        // What is under way would land behind the end.
        let start = Instant::now();
        while self.engine.under_way() > 0 && start.elapsed() < LAST_WAIT {
            self.engine.reap(&mut drop);
            if self.engine.under_way() > 0 {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        if self.engine.under_way() > 0 {
            // The disk does not answer. Whoever cuts the file would wait for it, and the lock is the kernel's to give up.
            return;
        }
        let file = &self.engine.files().buffered;
        // If that fails too, the file ends with what it ends with.
        let _ = cut_behind(file, self.told);
        unlock(file);
    }
}

#[cfg(test)]
mod tests;
