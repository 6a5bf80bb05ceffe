//! Without memory to lock there is no glommio, and the file is written as before. A separate test program, because the limit
//! applies to the process.

#[path = "../../testing/lines.rs"]
mod lines;

use fapilog_engine::executor::Executor;
use fapilog_sink_file::FileEngine;
use lines::{Way, assert_holds, builder, diagnostics, directory, log_bytes, shut_down, sink};
use rustix::process::{Resource, Rlimit, setrlimit};

#[test]
fn where_no_memory_may_be_locked_a_thread_drains_and_the_file_is_the_same() {
    setrlimit(Resource::Memlock, Rlimit { current: Some(0), maximum: Some(0) }).unwrap();
    let directory = directory();
    let path = directory.path().join("unlocked.log");
    let way = Way { engine: FileEngine::Auto, direct: true };
    let container = builder().executor(Executor::Auto).sink("file", sink(&path, way)).start().unwrap();
    assert_eq!(container.executor(), Some(Executor::Thread));
    let expected = log_bytes(&container.logger("test"), 500_001);
    assert_eq!(shut_down(&container).sinks[0].bytes, expected.len() as u64);
    assert_holds(&path, &expected);
    let diagnostics = diagnostics(&container);
    assert_eq!(
        diagnostics.matches("thread instead of glommio: the locked-memory limit is 0 bytes").count(),
        1,
        "{diagnostics}"
    );
}
