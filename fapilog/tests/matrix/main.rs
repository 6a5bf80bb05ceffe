//! Every formatter with every sink, on values with control characters: what comes out is read back by parsers that share
//! nothing with the library, and is what went in.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "all of this program is test code"
)]

mod cell;
mod corpus;
mod json;
#[path = "../law/mod.rs"]
mod law;
mod logged;
mod process;
mod text;

use std::{
    fs::File,
    io::{self, Read},
    thread,
};

use cell::{Format, builder, run, scratch};
use fapilog::{
    error::StartError,
    sink::{self, FileEngine},
};

/// A time in RFC 3339, UTC, with nine decimals.
#[track_caller]
pub(crate) fn assert_is_time(text: &str) {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000000000Z");
}

/// The number of an event at its producer: one thread's, and not the library itself, which is 0.
#[track_caller]
pub(crate) fn number_of(event_id: &str) -> u64 {
    let [instance, producer, number] = event_id.split('-').collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(instance.len(), 12, "{event_id}");
    assert!(producer.parse::<u32>().unwrap() > 0, "{event_id}");
    number.parse().unwrap()
}

/// Writes everything to a file by this engine, in every format.
fn through_a_file(engine: FileEngine, direct: bool) {
    let directory = scratch();
    for format in Format::ALL {
        let path = directory.path().join(format!("{format:?}.log"));
        let sink = sink::File::new(&path, move || format.formatter()).engine(engine).direct(direct);
        // The longest values fill several blocks.
        let sink = sink.block_bytes(64 << 10);
        match builder().sink("file", sink).start() {
            Ok(container) => {
                let logged = run(container);
                format.check(&std::fs::read(&path).unwrap(), &logged);
            }
            Err(StartError::Sink { cause, .. }) if engine == FileEngine::IoUring => {
                return eprintln!("NOT TESTED, for want of io_uring: {cause}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn everything_reads_back_from_a_file_written_by_io_uring_past_the_page_cache() {
    through_a_file(FileEngine::IoUring, true);
}

#[test]
fn everything_reads_back_from_a_file_written_by_io_uring_through_the_page_cache() {
    through_a_file(FileEngine::IoUring, false);
}

#[test]
fn everything_reads_back_from_a_file_written_by_pwrite_past_the_page_cache() {
    through_a_file(FileEngine::Blocking, true);
}

#[test]
fn everything_reads_back_from_a_file_written_by_pwrite_through_the_page_cache() {
    through_a_file(FileEngine::Blocking, false);
}

#[test]
fn everything_reads_back_from_memory() {
    for format in Format::ALL {
        let (sink, events) = sink::Memory::new(move || format.formatter());
        let logged = run(builder().sink("memory", sink).start().unwrap());
        format.check(&events.bytes(), &logged);
    }
}

#[test]
fn the_null_sink_accounts_for_everything() {
    for format in Format::ALL {
        run(builder().sink("null", sink::Null::new(move || format.formatter())).start().unwrap());
    }
}

#[test]
fn everything_reads_back_from_a_pipe() {
    for format in Format::ALL {
        let (mut reader, writer) = io::pipe().unwrap();
        let found = thread::spawn(move || {
            let mut found = Vec::new();
            reader.read_to_end(&mut found).map(|_| found)
        });
        let sink = sink::Console::descriptor(writer, "pipe", move || format.formatter());
        let logged = run(cell::waiting(builder(), "pipe", sink).start().unwrap());
        format.check(&found.join().unwrap().unwrap(), &logged);
    }
}

#[test]
fn everything_reads_back_from_a_regular_file_behind_a_descriptor() {
    let directory = scratch();
    for format in Format::ALL {
        let path = directory.path().join(format!("{format:?}.log"));
        let sink = sink::Console::descriptor(File::create(&path).unwrap(), "file", move || format.formatter());
        let logged = run(cell::waiting(builder(), "file", sink).start().unwrap());
        format.check(&std::fs::read(&path).unwrap(), &logged);
    }
}
