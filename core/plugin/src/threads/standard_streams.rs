//! Standard streams that are closed.
//!
//! A program may run without standard input, output or error: Rust's runtime opens them when it starts, and a C program has
//! none. The next descriptor that anything opens then gets their numbers, and is what the program prints to: it would print
//! into the log file. So the library opens its descriptors while [`ReservedStreams`] holds the numbers of closed streams.

use std::{
    fs::{File, OpenOptions},
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
};

/// The number of the first descriptor that is no standard stream.
const FIRST_OTHER: i32 = 3;

/// Holds the numbers of the standard streams that are closed, until it is dropped. Other threads find them as they were: a
/// descriptor that can be neither read nor written.
#[derive(Debug)]
#[must_use = "the numbers are free again when it is dropped"]
pub struct ReservedStreams {
    _streams: Vec<File>,
}

/// Holds the numbers of the standard streams that are closed. Where the system refuses that, it holds none.
pub fn reserve() -> ReservedStreams {
    let mut streams = Vec::new();
    while let Some(file) = placeholder().filter(|file| file.as_raw_fd() < FIRST_OTHER) {
        streams.push(file);
    }
    ReservedStreams { _streams: streams }
}

/// A descriptor of the root directory without any right.
fn placeholder() -> Option<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC).open("/").ok()
}
