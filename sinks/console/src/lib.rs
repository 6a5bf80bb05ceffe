//! Standard output and standard error, or any other pipe, socket or terminal that the program has.
//!
//! # How it is written
//!
//! 1. **A thread** of the sink's own writes, one for each shard. The drain hands payloads over and goes on. It takes no
//!    signals, so a closed pipe is an error (`EPIPE`) and no SIGPIPE.
//! 2. **The queue** in front of it is bounded by
//!    [`queue_capacity_bytes`](ConsoleSink::queue_capacity_bytes). When it is used up, the sink is busy, and loses what
//!    comes rather than hold the drain back.
//! 3. **No write waits.** What a write would have to wait for may never come: a pipe that nobody reads, a terminal that
//!    is stopped by ctrl-S. So the thread waits by `poll`, where it can be woken, and writes in a way that does not wait:
//!    see [`Destination`](destination::Destination) for what that is for which kind of descriptor. It never changes the
//!    flags of a descriptor, which the program, and whoever else has it, would feel.
//! 4. **Pieces.** But for regular files, a write has at most [`PIECE_BYTES_MAX`](destination::PIECE_BYTES_MAX) bytes, and
//!    ends at the end of a line where a line fits. So what the program itself prints lands between lines, as a rule.
//! 5. **Turns.** Two writers of one destination (two shards, two containers, standard output and standard error on one
//!    terminal) take turns, by the line: see [`LineTurns`](turns::LineTurns). What the program prints takes none.
//! 6. **Delivered** is a payload of which the last byte is written. One that is written in part and then fails counts as
//!    lost, whole. What is written next, by any sink that is there already, begins on a new line then.
//! 7. **Gone.** A destination whose other end is closed (`EPIPE`, a terminal that has hung up) does not come back. It is
//!    said once; nothing more is written, and later payloads fail at once. After other errors (a full disk behind a
//!    redirection) the payload is lost, and the next one tried.
//! 8. **The deadline** of a shutdown ends every wait, a moment earlier so that the drain hears of it in time.
//! 9. **Fork.** The child has a copy of the sink, but not the thread: it waits for nothing and gives nothing back.

mod bell;
mod destination;
mod outcome;
mod queue;
mod registration;
mod settings;
mod sink;
mod turns;
mod writer;

pub use registration::register;
pub use settings::ConsoleSink;
