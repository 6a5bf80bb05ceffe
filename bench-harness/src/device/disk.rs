//! How fast the disk takes blocks: the file sink's way of writing, with nothing but blocks to write.
//!
//! A new file is written from its front to its end for [`TIME`], past the page cache, with so many blocks on their way at
//! once. Nothing is allocated ahead, so the file grows as a log does.

use std::{
    fs::{File, OpenOptions},
    io,
    mem::ManuallyDrop,
    os::{
        fd::AsRawFd,
        unix::fs::{FileExt, OpenOptionsExt},
    },
    time::{Duration, Instant},
};

use io_uring::{IoUring, opcode, types};

use crate::{
    cli::BlockArgs,
    error::BenchError,
    machine::free_bytes,
    output::{OutputDirectory, OutputFile, RESERVE_BYTES},
};

/// The duration of the measurement.
const TIME: Duration = Duration::from_secs(2);

const PAGE_BYTES: usize = 4096;

/// The disk's figures.
#[derive(Debug, Clone)]
pub(crate) struct DiskFigures {
    pub(crate) bytes_per_second: f64,
    /// The way of writing.
    pub(crate) writer: String,
}

/// Measures the disk that the directory is on. The file is removed.
pub(crate) fn measure(directory: &OutputDirectory, blocks: BlockArgs) -> Result<DiskFigures, BenchError> {
    let error = |source| BenchError::Device { path: directory.path().to_owned(), source };
    let depth = usize::from(blocks.blocks_in_flight);
    directory.check_space(RESERVE_BYTES + (blocks.block_bytes * depth) as u64)?;
    let limit_bytes = free_bytes(directory.path())?.saturating_sub(RESERVE_BYTES);
    let output = directory.file("device", false);
    let (file, is_direct) = open(&output).map_err(error)?;
    let (written, engine) = match uring(depth) {
        Ok(ring) => (write_by_uring(ring, &file, blocks.block_bytes, depth, limit_bytes), "io_uring"),
        Err(_refused) => (write_by_pwrite(&file, blocks.block_bytes, limit_bytes), "pwrite"),
    };
    let DiskWrites { bytes, time } = written.map_err(error)?;
    let writer = format!("{engine}, {}", if is_direct { "direct" } else { "buffered" });
    Ok(DiskFigures { bytes_per_second: bytes as f64 / time.as_secs_f64().max(1e-9), writer })
}

/// Past the page cache, where the file system can do that.
fn open(output: &OutputFile) -> io::Result<(File, bool)> {
    let options = |flags| {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600).custom_flags(flags | libc::O_NOFOLLOW);
        options
    };
    let direct = options(libc::O_DIRECT).open(output.path()).and_then(|file| {
        // Some file systems take the flag, and refuse the write.
        let page = AlignedBlock::new(PAGE_BYTES);
        file.write_all_at(page.bytes(), 0)?;
        Ok(file)
    });
    match direct {
        Ok(file) => Ok((file, true)),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok((options(0).open(output.path())?, false)),
        Err(error) => Err(error),
    }
}

/// A block that begins on a page.
struct AlignedBlock {
    memory: Vec<u8>,
    start: usize,
    block_bytes: usize,
}

impl AlignedBlock {
    /// Filled with something that does not compress to nothing.
    fn new(block_bytes: usize) -> Self {
        let mut memory = vec![0; block_bytes + PAGE_BYTES];
        let start = memory.as_ptr().align_offset(PAGE_BYTES).min(PAGE_BYTES);
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for byte in memory.iter_mut().skip(start) {
            // Marsaglia's xorshift: good enough to be no pattern.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state as u8;
        }
        Self { memory, start, block_bytes }
    }

    fn bytes(&self) -> &[u8] {
        self.memory.get(self.start..self.start + self.block_bytes).unwrap_or_default()
    }

    fn vector(&self) -> libc::iovec {
        libc::iovec { iov_base: self.bytes().as_ptr().cast_mut().cast(), iov_len: self.block_bytes }
    }
}

struct DiskWrites {
    bytes: u64,
    time: Duration,
}

/// A ring with the flags that suit a single thread, as many of them as the kernel has.
fn uring(depth: usize) -> io::Result<IoUring> {
    let entries = u32::try_from(depth).unwrap_or(64);
    (IoUring::builder().setup_single_issuer().setup_defer_taskrun().build(entries))
        .or_else(|_| IoUring::builder().setup_coop_taskrun().build(entries))
        .or_else(|_| IoUring::builder().build(entries))
}

fn write_by_uring(
    ring: IoUring,
    file: &File,
    block_bytes: usize,
    depth: usize,
    limit_bytes: u64,
) -> io::Result<DiskWrites> {
    let blocks = (0..depth).map(|_| AlignedBlock::new(block_bytes)).collect();
    UringWriter::new(ring, file, blocks).write_for_a_while(limit_bytes)
}

struct UringWriter<'f> {
    ring: IoUring,
    file: &'f File,
    /// Not freed while the kernel may read them.
    blocks: ManuallyDrop<Vec<AlignedBlock>>,
    are_registered: bool,
    in_flight: usize,
    offset: u64,
    written: u64,
}

impl<'f> UringWriter<'f> {
    fn new(ring: IoUring, file: &'f File, blocks: Vec<AlignedBlock>) -> Self {
        let vectors: Vec<libc::iovec> = blocks.iter().map(AlignedBlock::vector).collect();
        // SAFETY: each vector is a live allocation, which is kept until nothing is in flight.
        let are_registered = unsafe { ring.submitter().register_buffers(&vectors) }.is_ok();
        let blocks = ManuallyDrop::new(blocks);
        Self { ring, file, blocks, are_registered, in_flight: 0, offset: 0, written: 0 }
    }

    fn write_for_a_while(mut self, limit_bytes: u64) -> io::Result<DiskWrites> {
        let started = Instant::now();
        let mut idle: Vec<usize> = (0..self.blocks.len()).collect();
        let mut outcome = Ok(());
        loop {
            let goes_on = outcome.is_ok() && started.elapsed() < TIME && self.offset < limit_bytes;
            if goes_on {
                idle.drain(..).for_each(|block| self.submit(block));
            }
            if self.in_flight == 0 {
                break;
            }
            self.wait()?;
            outcome = outcome.and(self.reap(&mut idle));
        }
        let time = started.elapsed();
        // SAFETY: dropped at this point and nowhere else; nothing is in flight.
        unsafe { ManuallyDrop::drop(&mut self.blocks) };
        outcome.map(|()| DiskWrites { bytes: self.written, time })
    }

    fn submit(&mut self, block: usize) {
        let Some(bytes) = self.blocks.get(block).map(AlignedBlock::bytes) else { return };
        let fd = types::Fd(self.file.as_raw_fd());
        // A block is 16 MiB at most.
        let len = bytes.len() as u32;
        let entry = match u16::try_from(block) {
            Ok(index) if self.are_registered => {
                opcode::WriteFixed::new(fd, bytes.as_ptr(), len, index).offset(self.offset).build()
            }
            _ => opcode::Write::new(fd, bytes.as_ptr(), len).offset(self.offset).build(),
        };
        // SAFETY: the bytes are kept until the write's completion has come, and are not written to meanwhile.
        let pushed = unsafe { self.ring.submission().push(&entry.user_data(block as u64)) };
        if pushed.is_ok() {
            self.in_flight += 1;
            self.offset += u64::from(len);
        }
    }

    fn wait(&mut self) -> io::Result<()> {
        loop {
            match self.ring.submit_and_wait(1) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map(|_| ()),
            }
        }
    }

    /// Takes what is done. The first error counts.
    fn reap(&mut self, idle: &mut Vec<usize>) -> io::Result<()> {
        let mut outcome = Ok(());
        while let Some(entry) = self.ring.completion().next() {
            self.in_flight -= 1;
            idle.push(entry.user_data() as usize);
            match u64::try_from(entry.result()) {
                Ok(bytes) => self.written += bytes,
                Err(_) => outcome = outcome.and(Err(io::Error::from_raw_os_error(-entry.result()))),
            }
        }
        outcome
    }
}

fn write_by_pwrite(file: &File, block_bytes: usize, limit_bytes: u64) -> io::Result<DiskWrites> {
    let block = AlignedBlock::new(block_bytes);
    let started = Instant::now();
    let mut offset = 0;
    while started.elapsed() < TIME && offset < limit_bytes {
        file.write_all_at(block.bytes(), offset)?;
        offset += block_bytes as u64;
    }
    Ok(DiskWrites { bytes: offset, time: started.elapsed() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_begins_on_a_page() {
        for block_bytes in [PAGE_BYTES, 65_536] {
            let block = AlignedBlock::new(block_bytes);
            assert_eq!(block.bytes().len(), block_bytes);
            assert!(block.bytes().as_ptr().addr().is_multiple_of(PAGE_BYTES));
        }
    }

    #[test]
    fn both_ways_of_writing_fill_the_file_from_its_front() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("blocks");
        let limit = 1 << 20;
        for by_uring in [true, false] {
            let file = File::create(&path).unwrap();
            let written = match uring(4) {
                Ok(ring) if by_uring => write_by_uring(ring, &file, 65_536, 4, limit),
                _ => write_by_pwrite(&file, 65_536, limit),
            };
            let bytes = written.unwrap().bytes;
            assert!((limit..limit + 4 * 65_536).contains(&bytes), "{bytes}");
            assert_eq!(path.metadata().unwrap().len(), bytes);
            let text = std::fs::read(&path).unwrap();
            assert!(text[..65_536] == text[text.len() - 65_536..], "another block at the end than at the front");
        }
    }
}
