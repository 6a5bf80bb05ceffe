//! Buffers stay the kernel's until their write is completed, and each write has the bytes of its own block.

use std::{
    fs::{self, File},
    io::{PipeReader, Read, Write, pipe},
    ops::Range,
    os::{fd::OwnedFd, unix::fs::FileExt},
    sync::{Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use fapilog_plugin::threads::lock;
use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    process::{Pid, WaitOptions, waitpid},
};

use super::*;
use crate::{engine::WritePath, open::PAGE_BYTES};

/// Far longer than any step takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// More than `malloc` ever takes from its heap (its threshold is at most 32 MiB): a freed buffer is unmapped at once.
const UNMAPPED_WHEN_FREED: usize = 64 << 20;

/// The number of requests that an engine takes.
const DEPTH: usize = 4;

/// An engine that writes to this file; `None`, with a message, if the machine refuses io_uring.
fn engine(buffered: File) -> Option<UringEngine> {
    match UringEngine::new(FileHandles { buffered, direct: None }, DEPTH) {
        Ok(engine) => Some(engine),
        Err(error) => {
            eprintln!("NOT TESTED with io_uring: {error}");
            None
        }
    }
}

#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < TIMEOUT, "timeout: {what}");
        thread::sleep(Duration::from_micros(200));
    }
}

/// A write of the whole block to the start of the file.
fn write_of(block: Block) -> IoRequest {
    let range = 0..block.bytes.len();
    IoRequest { id: 1, work: IoWork::Write { path: WritePath::Buffered, block, range, offset: 0 } }
}

/// Held by a test from its large block to its end: another test's block would take the place of one that is freed.
fn take_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    lock(&TURN)
}

/// A block of a page, in memory that is unmapped as soon as it is freed, and the addresses of that memory.
fn large_block() -> (Block, Range<usize>) {
    let mut bytes = vec![0; UNMAPPED_WHEN_FREED];
    bytes.truncate(PAGE_BYTES);
    let start = bytes.as_ptr().addr();
    (Block { bytes, registered: None, is_pooled: true }, start..start + UNMAPPED_WHEN_FREED)
}

/// The mappings of this process whose line in `/proc/self/maps` has `text`.
fn mappings(text: &str) -> Vec<Range<usize>> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let addresses = maps.lines().filter(|line| line.contains(text)).map(|line| {
        let (range, _) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        usize::from_str_radix(start, 16).unwrap()..usize::from_str_radix(end, 16).unwrap()
    });
    addresses.collect()
}

/// Whether all of this memory is mapped. Other memory that takes a part of the place meanwhile does not count.
fn is_mapped(memory: &Range<usize>) -> bool {
    mappings("").iter().any(|mapping| mapping.start <= memory.start && memory.end <= mapping.end)
}

/// A pipe with room, and the descriptor to write to.
fn pipe_with_room() -> (PipeReader, File) {
    let (reader, writer) = pipe().unwrap();
    (reader, File::from(OwnedFd::from(writer)))
}

/// A pipe that takes no byte more: a write to it stays in flight.
fn full_pipe() -> (PipeReader, File) {
    let (reader, mut writer) = pipe_with_room();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while writer.write(&[0; PAGE_BYTES]).is_ok() {}
    fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

/// A block of a page.
fn small_block() -> Block {
    Block { bytes: vec![0; PAGE_BYTES], registered: None, is_pooled: true }
}

#[test]
fn an_engine_has_room_for_as_many_requests_as_it_was_made_for() {
    let (_reader, writer) = full_pipe();
    let Some(mut engine) = engine(writer) else { return };
    for _ in 0..DEPTH {
        assert!(engine.has_room());
        engine.submit(write_of(small_block()));
    }
    assert_eq!((engine.in_flight(), engine.has_room()), (DEPTH, false));
}

#[test]
fn an_engine_that_is_dropped_during_a_write_does_not_free_the_buffer_that_the_kernel_reads() {
    let _turn = take_turn();
    let (_reader, writer) = full_pipe();
    let Some(mut engine) = engine(writer) else { return };
    let (block, memory) = large_block();
    engine.submit(write_of(block));
    engine.reap(&mut drop);
    assert_eq!(engine.in_flight(), 1);
    drop(engine);
    assert!(is_mapped(&memory));
}

#[test]
fn an_engine_that_is_dropped_after_its_last_completion_frees_the_buffer_even_if_nobody_has_reaped_it() {
    let _turn = take_turn();
    let (mut reader, writer) = pipe_with_room();
    let Some(mut engine) = engine(writer) else { return };
    let (block, memory) = large_block();
    assert!(is_mapped(&memory));
    engine.submit(write_of(block));
    reader.read_exact(&mut [0; PAGE_BYTES]).unwrap();
    until("the write is completed", || !engine.ring.completion().is_empty() || engine.ring.submission().taskrun());
    assert_eq!(engine.in_flight(), 1);
    drop(engine);
    assert!(!is_mapped(&memory));
}

/// Forks, and has the child end by `is_well`.
#[track_caller]
fn assert_in_child(is_well: impl FnOnce() -> bool) {
    // SAFETY: the child runs `is_well`, which takes no lock of another thread but the allocator's, and then `_exit`.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let status = i32::from(!is_well());
        // SAFETY: the call ends the child at once.
        unsafe { libc::_exit(status) };
    }
    let pid = Pid::from_raw(pid).unwrap();
    let mut status = None;
    until("the child has ended", || {
        status = waitpid(Some(pid), WaitOptions::NOHANG).unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().1.exit_status(), Some(0), "{status:?}");
}

/// Takes a place in the address space that is free.
fn take_place(place: &Range<usize>) -> bool {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    let address = std::ptr::without_provenance_mut(place.start);
    // SAFETY: the flag has the call fail where the place is taken.
    let taken = unsafe { libc::mmap(address, place.len(), libc::PROT_NONE, flags, -1, 0) };
    taken.addr() == place.start
}

#[test]
fn a_forked_child_that_drops_the_engine_closes_the_ring_and_leaves_alone_what_has_taken_the_place_of_its_memory() {
    let _turn = take_turn();
    let (_reader, writer) = full_pipe();
    let Some(mut engine) = engine(writer) else { return };
    engine.submit(write_of(large_block().0));
    let descriptor = format!("/proc/self/fd/{}", engine.ring.as_raw_fd());
    let ring_memory = mappings("io_uring");
    assert!(!ring_memory.is_empty());
    let mut engine = Some(engine);
    assert_in_child(|| {
        let is_open = fs::read_link(&descriptor).is_ok();
        // The rings of other tests may be gone by now, and other memory in their places.
        let taken: Vec<_> = ring_memory.iter().filter(|place| take_place(place)).collect();
        drop(engine.take());
        let is_closed = fs::read_link(&descriptor).is_err();
        is_open && is_closed && !taken.is_empty() && taken.into_iter().all(is_mapped)
    });
}

/// Executes the write of the block, and returns what the file has then.
fn written(engine: &mut UringEngine, file: &File, block: Block) -> Vec<u8> {
    let mut content = vec![0; block.bytes.len()];
    engine.submit(write_of(block));
    let mut results = Vec::new();
    until("the write is completed", || {
        engine.reap(&mut |completion| results.push(completion.result));
        !results.is_empty()
    });
    assert!(matches!(results[..], [Ok(bytes)] if bytes == content.len()), "{results:?}");
    file.read_exact_at(&mut content, 0).unwrap();
    content
}

#[test]
fn a_registered_block_is_written_with_its_own_bytes_before_and_after_it_has_grown() {
    let file = tempfile::tempfile().unwrap();
    let Some(mut engine) = engine(file.try_clone().unwrap()) else { return };
    let mut blocks = [Block::new(2 * PAGE_BYTES), Block::new(2 * PAGE_BYTES)];
    engine.register(&mut blocks);
    let [mut fitting, mut grown] = blocks;
    fitting.bytes.resize(PAGE_BYTES, 1);
    assert_eq!(written(&mut engine, &file, fitting), [1; PAGE_BYTES]);
    let length = grown.bytes.capacity() + PAGE_BYTES;
    grown.bytes.resize(length, 2);
    assert_eq!(written(&mut engine, &file, grown), vec![2; length]);
}
