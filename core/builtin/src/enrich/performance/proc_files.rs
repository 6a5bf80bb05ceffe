//! Files of `/proc`, read into memory on the stack.

use std::{
    fs::{self, File},
    io::Read,
};

/// The longest part of a file that is read. `/proc/self/status` has about 1.5 KB, and the lines that are wanted in its first half.
const READ_MAX_BYTES: usize = 4096;

/// The most open files that are counted one by one, where the kernel does not know the number. That takes a few milliseconds.
const COUNTED_MAX: usize = 4096;

/// A part of `/proc/self/status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProcessStatus {
    pub(super) resident_bytes: Option<u64>,
    pub(super) threads: Option<u64>,
}

pub(super) fn process_status() -> Option<ProcessStatus> {
    with_file("/proc/self/status", |text| Some(parse_status(text)))
}

/// The load of the host over a minute.
pub(super) fn load_average() -> Option<f64> {
    with_file("/proc/loadavg", parse_load)
}

/// The number of open file descriptors.
pub(super) fn open_files() -> Option<u64> {
    const DIRECTORY: &str = "/proc/self/fd";
    // The size of the directory is the number, from Linux 6.2 on, and zero before.
    match fs::metadata(DIRECTORY).ok()?.len() {
        0 => count_entries(DIRECTORY),
        count => Some(count),
    }
}

/// `None` if there are too many.
fn count_entries(directory: &str) -> Option<u64> {
    let count = fs::read_dir(directory).ok()?.take(COUNTED_MAX + 1).count();
    // The directory itself is open meanwhile.
    (count <= COUNTED_MAX).then(|| count.saturating_sub(1) as u64)
}

fn with_file<R>(path: &str, parse: impl FnOnce(&[u8]) -> Option<R>) -> Option<R> {
    let mut bytes = [0; READ_MAX_BYTES];
    let mut file = File::open(path).ok()?;
    let mut length = 0;
    while let Some(room) = bytes.get_mut(length..).filter(|room| !room.is_empty()) {
        match file.read(room).ok()? {
            0 => break,
            read => length += read,
        }
    }
    parse(bytes.get(..length)?)
}

/// The name of the process in it may be no UTF-8.
fn parse_status(text: &[u8]) -> ProcessStatus {
    let value = |key: &[u8]| {
        let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(key))?;
        let number = line.trim_ascii().split(u8::is_ascii_whitespace).next()?;
        std::str::from_utf8(number).ok()?.parse::<u64>().ok()
    };
    ProcessStatus {
        resident_bytes: value(b"VmRSS:").and_then(|kib| kib.checked_mul(1024)),
        threads: value(b"Threads:"),
    }
}

fn parse_load(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_status_are_found_whatever_the_name_of_the_process() {
        let text = b"Name:\t\xff Threads:\t9\nVmHWM:\t  9000 kB\nVmRSS:\t  1234 kB\nThreads:\t12\n";
        assert_eq!(parse_status(text), ProcessStatus { resident_bytes: Some(1234 * 1024), threads: Some(12) });
    }

    #[test]
    fn a_status_without_the_lines_has_no_values() {
        for text in [&b""[..], b"VmRSS:", b"VmRSS:\t-1 kB\nThreads:\tmany", b"Threads:\t99999999999999999999999"] {
            assert_eq!(parse_status(text), ProcessStatus { resident_bytes: None, threads: None });
        }
        let large = format!("VmRSS:\t{} kB", u64::MAX);
        assert_eq!(parse_status(large.as_bytes()).resident_bytes, None);
    }

    #[test]
    fn the_load_is_the_first_number() {
        assert_eq!(parse_load(b"0.52 0.58 0.59 1/523 7\n"), Some(0.52));
        assert_eq!((parse_load(b""), parse_load(b"high")), (None, None));
    }

    #[test]
    fn both_ways_to_count_open_files_agree() {
        let files: Vec<File> = (0..30).map(|_| File::open("/dev/null").unwrap()).collect();
        assert!(open_files().unwrap() > 30 && count_entries("/proc/self/fd").unwrap() > 30);
        drop(files);
    }

    #[test]
    fn too_many_files_are_not_counted_one_by_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().unwrap();
        (0..=COUNTED_MAX).for_each(|number| drop(File::create(directory.path().join(number.to_string())).unwrap()));
        assert_eq!(count_entries(path), None);
    }

    #[test]
    fn a_file_that_is_not_there_has_no_values() {
        assert_eq!(with_file("/proc/self/no_such_file", |_| Some(())), None);
    }
}
