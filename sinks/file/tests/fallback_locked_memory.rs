//! Without memory to lock there is no glommio, and the file is written as before. In a program of its own, because the
//! limit is the process's.

#[path = "../../testing/lines.rs"]
mod lines;

use fapilog_engine::executor::Executor;
use fapilog_sink_file::FileEngine;
use lines::{Way, assert_holds, builder, directory, log_bytes, notices, shut_down, sink};

#[test]
fn where_no_memory_may_be_locked_a_thread_drains_and_the_file_is_the_same() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call reads the structure that it is given.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const none) }, 0);
    let directory = directory();
    let path = directory.path().join("unlocked.log");
    let way = Way { engine: FileEngine::Auto, direct: true };
    let container = builder().executor(Executor::Auto).sink("file", sink(&path, way)).start().unwrap();
    assert_eq!(container.executor(), Some(Executor::Thread));
    let expected = log_bytes(&container.logger("test"), 500_001);
    assert_eq!(shut_down(&container).sinks[0].bytes, expected.len() as u64);
    assert_holds(&path, &expected);
    let notices = notices(&container);
    assert_eq!(
        notices.matches("thread instead of glommio: the locked-memory limit is 0 bytes").count(),
        1,
        "{notices}"
    );
}
