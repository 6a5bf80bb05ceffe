//! Files that leave the page cache to others: a large file that is compressed would displace their pages.

use std::{
    fs::File,
    io::{self, Read, Write},
    num::NonZeroU64,
    os::fd::AsRawFd,
};

use rustix::fs::{Advice, fadvise};

/// The bytes behind which pages are given back.
const WINDOW_BYTES: u64 = 8 << 20;

/// Reads a file from its start, up to a length.
pub(super) struct UncachedReader<'a> {
    file: &'a File,
    end: u64,
    read: u64,
    dropped: u64,
}

impl<'a> UncachedReader<'a> {
    pub(super) fn new(file: &'a File, end: u64) -> Self {
        let _ = fadvise(file, 0, None, Advice::Sequential);
        Self { file, end, read: 0, dropped: 0 }
    }
}

impl Read for UncachedReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = (&mut self.file).take(self.end - self.read).read(buffer)?;
        self.read += bytes as u64;
        if self.read - self.dropped >= WINDOW_BYTES || bytes == 0 {
            drop_pages(self.file, self.dropped, self.read);
            self.dropped = self.read;
        }
        Ok(bytes)
    }
}

/// Writes a file from its start.
pub(super) struct UncachedWriter<'a> {
    file: &'a File,
    written: u64,
    submitted: u64,
    dropped: u64,
}

impl<'a> UncachedWriter<'a> {
    pub(super) fn new(file: &'a File) -> Self {
        Self { file, written: 0, submitted: 0, dropped: 0 }
    }

    /// The disk gets the pages of a window, and the page cache drops those of the window before it: most are clean by then.
    /// Otherwise the sync of the whole file would be long, and the log's own writes would wait for it.
    fn submit_window(&mut self) {
        start_writeback(self.file, self.submitted, self.written);
        drop_pages(self.file, self.dropped, self.submitted);
        self.dropped = self.submitted;
        self.submitted = self.written;
    }
}

impl Write for UncachedWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = self.file.write(bytes)?;
        self.written += bytes as u64;
        if self.written - self.submitted >= WINDOW_BYTES {
            self.submit_window();
        }
        Ok(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gives pages back that are clean. An advice that the file system refuses changes nothing.
pub(super) fn drop_pages(file: &File, from: u64, to: u64) {
    if let Some(bytes) = NonZeroU64::new(to.saturating_sub(from)) {
        let _ = fadvise(file, from, Some(bytes), Advice::DontNeed);
    }
}

/// Has the kernel write pages, without waiting. The sync at the end reports an error of that.
fn start_writeback(file: &File, from: u64, to: u64) {
    let (Ok(start), Ok(bytes)) = (i64::try_from(from), i64::try_from(to.saturating_sub(from))) else { return };
    // SAFETY: a system call on an open descriptor, which takes numbers only.
    unsafe { libc::sync_file_range(file.as_raw_fd(), start, bytes, libc::SYNC_FILE_RANGE_WRITE) };
}
