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

/// Gives back all pages of a file that are clean.
pub(super) fn drop_all_pages(file: &File) {
    let _ = fadvise(file, 0, None, Advice::DontNeed);
}

/// Gives pages back that are clean. An advice that the file system refuses changes nothing.
fn drop_pages(file: &File, from: u64, to: u64) {
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

#[cfg(test)]
mod tests {
    use std::ptr;

    use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

    use super::*;

    const BYTES: usize = 20 << 20;
    const PAGE_BYTES: usize = 4096;

    /// A file beside the test program: the directory for temporary files may be in memory.
    fn file() -> File {
        let program = std::env::current_exe().unwrap();
        tempfile::tempfile_in(program.parent().unwrap()).unwrap()
    }

    /// The pages of a file that are in the page cache.
    fn cached_pages(file: &File) -> usize {
        let mut pages = vec![0; BYTES / PAGE_BYTES];
        // SAFETY: the file is as long, and nothing reads the mapping.
        let mapping = unsafe { mmap(ptr::null_mut(), BYTES, ProtFlags::READ, MapFlags::SHARED, file, 0) }.unwrap();
        // SAFETY: the mapping is as long, and the vector has a byte for each of its pages.
        let result = unsafe { libc::mincore(mapping, BYTES, pages.as_mut_ptr()) };
        // SAFETY: the mapping exists, and nothing refers to it.
        unsafe { munmap(mapping, BYTES) }.unwrap();
        assert_eq!(result, 0);
        pages.iter().filter(|page| *page & 1 == 1).count()
    }

    #[test]
    fn a_file_that_was_written_and_read_leaves_few_pages_in_the_page_cache() {
        let file = file();
        UncachedWriter::new(&file).write_all(&vec![7; BYTES]).unwrap();
        file.sync_all().unwrap();
        drop_all_pages(&file);
        assert!(cached_pages(&file) < BYTES / PAGE_BYTES / 4, "{} pages", cached_pages(&file));

        let mut reader = &file;
        io::Seek::seek(&mut reader, io::SeekFrom::Start(0)).unwrap();
        let mut content = Vec::new();
        UncachedReader::new(&file, BYTES as u64).read_to_end(&mut content).unwrap();
        assert!(content == vec![7; BYTES]);
        assert!(cached_pages(&file) < BYTES / PAGE_BYTES / 4, "{} pages", cached_pages(&file));
    }

    #[test]
    fn a_reader_ends_at_its_length() {
        let file = file();
        (&file).write_all(b"ten bytes.and others").unwrap();
        io::Seek::seek(&mut &file, io::SeekFrom::Start(0)).unwrap();
        let mut content = String::new();
        UncachedReader::new(&file, 10).read_to_string(&mut content).unwrap();
        assert_eq!(content, "ten bytes.");
    }
}
