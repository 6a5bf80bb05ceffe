//! Buffers stay the kernel's until their write is completed, and each write has the bytes of its own block.

use std::{
    fs::{self, File},
    io::{PipeReader, Read, Write, pipe},
    ops::Range,
    os::{fd::OwnedFd, unix::fs::FileExt},
    rc::Rc,
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
use crate::{
    block::{Block, BlockRange},
    engine::{FileHandles, WritePath, WritePlace},
    open::PAGE_BYTES,
};

/// Far longer than any step takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// More than `malloc` ever takes from its heap (its threshold is at most 32 MiB): a freed buffer is unmapped at once.
const UNMAPPED_WHEN_FREED: usize = 64 << 20;

/// An engine, and this file for its requests; `None`, with a message, if the machine refuses io_uring.
fn engine(buffered: File) -> Option<(UringEngine, Rc<FileHandles>)> {
    match UringEngine::new() {
        Ok(engine) => Some((engine, Rc::new(FileHandles { buffered, direct: None }))),
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
fn write_of(file: &Rc<FileHandles>, block: Block) -> IoRequest {
    write_of_all(file, [block])
}

/// A write of whole blocks, one behind the other, to the start of the file.
fn write_of_all(file: &Rc<FileHandles>, blocks: impl IntoIterator<Item = Block>) -> IoRequest {
    let mut end = 0;
    let ranges = blocks.into_iter().map(|block| {
        let (offset, range) = (end, 0..block.bytes.len());
        end += range.len() as u64;
        BlockRange { block, range, offset }
    });
    IoRequest::Write {
        file: Rc::clone(file),
        path: WritePath::Buffered,
        place: WritePlace::Offset,
        ranges: ranges.collect(),
    }
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
    (Block { bytes, is_pooled: true }, start..start + UNMAPPED_WHEN_FREED)
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
    Block { bytes: vec![0; PAGE_BYTES], is_pooled: true }
}

#[test]
fn an_engine_takes_the_requests_that_may_be_in_flight_at_once() {
    let (_reader, writer) = full_pipe();
    let Some((mut engine, handles)) = engine(writer) else { return };
    (0..REQUESTS_MAX).for_each(|_| engine.submit(write_of(&handles, small_block())));
    engine.reap(&mut drop);
    assert_eq!(engine.in_flight(), REQUESTS_MAX);
}

#[test]
fn an_engine_that_is_dropped_during_a_write_does_not_free_the_buffer_that_the_kernel_reads() {
    let _turn = take_turn();
    let (_reader, writer) = full_pipe();
    let Some((mut engine, handles)) = engine(writer) else { return };
    let (block, memory) = large_block();
    engine.submit(write_of(&handles, block));
    engine.reap(&mut drop);
    assert_eq!(engine.in_flight(), 1);
    drop(engine);
    assert!(is_mapped(&memory));
}

#[test]
fn an_engine_that_is_dropped_after_its_last_completion_frees_the_buffer_even_if_nobody_has_reaped_it() {
    let _turn = take_turn();
    let (mut reader, writer) = pipe_with_room();
    let Some((mut engine, handles)) = engine(writer) else { return };
    let (block, memory) = large_block();
    assert!(is_mapped(&memory));
    engine.submit(write_of(&handles, block));
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
    let Some((mut engine, handles)) = engine(writer) else { return };
    engine.submit(write_of(&handles, large_block().0));
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

#[test]
fn the_blocks_of_a_request_are_written_one_behind_the_other() {
    let file = tempfile::tempfile().unwrap();
    let Some((mut engine, handles)) = engine(file.try_clone().unwrap()) else { return };
    let blocks = (1..=5_u8).map(|number| Block { bytes: vec![number; 1000 * usize::from(number)], is_pooled: true });
    let expected: Vec<u8> = blocks.clone().flat_map(|block| block.bytes).collect();
    engine.submit(write_of_all(&handles, blocks));
    let mut results = Vec::new();
    until("the write is completed", || {
        engine.reap(&mut |completion| results.push(completion.result));
        !results.is_empty()
    });
    assert!(matches!(results[..], [Ok(bytes)] if bytes == expected.len()), "{results:?}");
    let mut content = vec![0; expected.len()];
    file.read_exact_at(&mut content, 0).unwrap();
    assert!(content == expected);
}

#[test]
fn an_engine_that_is_dropped_during_a_write_of_several_blocks_frees_none_of_them() {
    let _turn = take_turn();
    let (_reader, writer) = full_pipe();
    let Some((mut engine, handles)) = engine(writer) else { return };
    let (first, first_memory) = large_block();
    let (second, second_memory) = large_block();
    engine.submit(write_of_all(&handles, [first, second]));
    engine.reap(&mut drop);
    drop(engine);
    assert!(is_mapped(&first_memory) && is_mapped(&second_memory));
}

/// As the kernel answers a system call of a thread that has entered a sandbox.
fn refused() -> io::Result<usize> {
    Err(io::Error::from_raw_os_error(libc::EPERM))
}

#[test]
fn the_requests_of_a_ring_that_is_refused_are_copied_where_the_kernel_may_have_them() {
    let _turn = take_turn();
    let (_reader, writer) = full_pipe();
    let Some((mut engine, handles)) = engine(writer) else { return };
    let (mut block, memory) = large_block();
    block.bytes.fill(7);
    engine.submit(write_of(&handles, block));
    assert!(engine.take_refusal().is_none());
    engine.take_error(refused());
    let EngineRefusal { error, requests, may_execute } = engine.take_refusal().unwrap();
    assert_eq!((error.raw_os_error(), may_execute), (Some(libc::EPERM), true));
    let [IoRequest::Write { ranges, .. }] = &requests[..] else { unreachable!("{requests:?}") };
    assert_eq!((ranges[0].bytes(), ranges[0].offset), ([7; PAGE_BYTES].as_slice(), 0));
    assert!(ranges[0].block.is_aligned(ranges[0].range.start), "direct writes need it");
    drop(engine);
    assert!(is_mapped(&memory), "the kernel may still read it");
}

#[test]
fn an_error_that_passes_leaves_the_ring_in_use() {
    let file = tempfile::tempfile().unwrap();
    let Some((mut engine, _)) = engine(file) else { return };
    for errno in [libc::EINTR, libc::EAGAIN, libc::EBUSY, libc::ENOMEM] {
        engine.take_error(Err(io::Error::from_raw_os_error(errno)));
        assert!(engine.take_refusal().is_none(), "{errno}");
    }
}
