//! Where fapilog's events go.
//!
//! | sink | what it is for |
//! |---|---|
//! | [`ConsoleSink`] | standard output and standard error |
//! | [`FileSink`] | files on Linux hosts |
//! | [`MemorySink`] | tests: events can be read from a handle |
//! | [`NullSink`] | measuring everything but the destination |

mod console;
mod file;
mod memory;
mod null;
mod process;
#[cfg(feature = "settings")]
mod registration;

pub use console::ConsoleSink;
pub use file::{FileEngine, FileSink, FileSync};
pub use memory::{MemoryEvents, MemorySink};
pub use null::NullSink;
