//! Standard output and standard error, or any other pipe, socket or terminal of the program.
//!
//! # How it is written
//!
//! 1. **A thread** of the sink writes, one thread for each shard. The drain passes payloads to the thread and goes on. All
//!    signals are blocked in the thread, so a closed pipe is an error (`EPIPE`) and no SIGPIPE.
//! 2. **The queue** in front of the thread is bounded by
//!    [`queue_capacity_bytes`](Console::queue_capacity_bytes). When it is full, the sink has no room. Each write frees the
//!    room of its bytes, so a slow reader takes events in small steps and not a payload at a time.
//! 3. **No write waits.** A write could wait forever: for a pipe without a reading process, for a terminal that is stopped by
//!    ctrl-S. So the thread waits in `poll`, where another thread can wake it, and writes with a method that does not wait:
//!    `ConsoleDestination` has the method for each kind of descriptor. The flags of a
//!    descriptor never change, because the program and other processes share them.
//! 4. **Short writes.** Except to regular files, a write has at most
//!    `WRITE_BYTES_MAX` bytes, and ends at the end of a line where a line fits. So output of
//!    the program itself is placed between lines, as a rule.
//! 5. **The line lock.** Two writers of one destination (two shards, two containers, standard output and standard error on
//!    one terminal) write alternately, some whole lines at a time: see `LineLock`. Output of the
//!    program itself does not take this lock.
//! 6. **Delivered** is a payload whose last byte is written. A payload that fails after a part of it was written counts as
//!    lost, whole. The next bytes of any sink that already exists then begin on a new line. So do the first bytes of a sink
//!    whose regular file ends in the middle of a line.
//! 7. **Closed destinations.** A destination whose other end is closed (`EPIPE`, a terminal that has hung up) does not come
//!    back. A diagnostic reports it once; no more bytes are written, and later payloads fail at once. After other errors (a
//!    full disk behind a redirection) the payload is lost, and the next payload is attempted.
//! 8. **The deadline** of a shutdown ends every wait, 5 ms earlier, so that the drain gets the result in time.
//! 9. **Fork.** The child has a copy of the sink, but not the thread: it waits for nothing and frees no shared state.
//! 10. **The journal.** Where the descriptor is the stream that systemd names in `JOURNAL_STREAM`, each line begins with the
//!     priority of its event, as sd-daemon(3) has it: see `JournalLines`.

mod destination;
mod journal;
mod line_lock;
mod queue;
mod registration;
mod settings;
mod sink;
mod wake_event;
mod write_outcome;
mod writer;

pub use registration::register;
pub use settings::Console;
