//! A disk that no longer answers: the program ends without it.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;
mod mounted;

use std::{
    fs::{self, File},
    os::fd::AsRawFd,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use fapilog_engine::error::ShutdownError;
use fapilog_sink_file::FileEngine;
use lines::{Way, builder, log_bytes, sink, until, ways};
use mounted::{Mounted, on_disk};

/// From `linux/fs.h`.
const FIFREEZE: libc::Ioctl = 0xC004_5877_u32 as libc::Ioctl;
const FITHAW: libc::Ioctl = 0xC004_5878_u32 as libc::Ioctl;

/// The timeout of a shutdown, and the most time that it may take: the timeout, the stop of the sinks, and the delay of a
/// busy machine.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(300);
const TAKES_AT_MOST: Duration = Duration::from_secs(8);

/// A file system on which every write waits, until this is dropped, or for twice the time of any test.
struct Frozen {
    _thaw: mpsc::Sender<()>,
    thawed: Option<thread::JoinHandle<()>>,
}

impl Frozen {
    fn at(path: &Path) -> Self {
        let root = File::open(path).unwrap();
        assert_eq!(control(&root, FIFREEZE), 0, "{}", std::io::Error::last_os_error());
        let (thaw, is_over) = mpsc::channel::<()>();
        let thawed = thread::spawn(move || {
            let _ = is_over.recv_timeout(2 * TAKES_AT_MOST);
            control(&root, FITHAW);
        });
        Self { _thaw: thaw, thawed: Some(thawed) }
    }

    fn thaw(mut self) {
        let thawed = self.thawed.take();
        drop(self);
        thawed.unwrap().join().unwrap();
    }
}

fn control(file: &File, request: libc::Ioctl) -> libc::c_int {
    // SAFETY: the descriptor is open; neither request looks at its argument.
    unsafe { libc::ioctl(file.as_raw_fd(), request, 0) }
}

fn ends_in_time(mounted: &Mounted, way: Way, shards: usize) {
    let path = mounted.path.join("blocked.log");
    let file = sink(&path, way).one_file(true);
    let container = builder().shards(shards).ring_capacity_bytes(4 << 20).sink("file", file).start().unwrap();
    let frozen = Frozen::at(&mounted.path);
    let log = container.logger("test");
    log_bytes(&log, 500_001);
    let start = Instant::now();
    let ended = container.shutdown(SHUTDOWN_TIMEOUT);
    let took = start.elapsed();
    frozen.thaw();
    assert!(matches!(ended, Err(ShutdownError::Deadline { .. })), "{ended:?}");
    assert!(took < TAKES_AT_MOST, "{took:?}, {way:?}");
    drop(container);
    // The abandoned drain ends when the disk answers.
    until("the file can be removed", || fs::remove_file(&path).is_ok());
}

#[test]
fn a_shutdown_ends_at_its_timeout_while_pwrite_waits_for_the_disk() {
    let Some(mounted) = on_disk(16 << 20) else { return };
    ways().into_iter().filter(|way| way.engine == FileEngine::Blocking).for_each(|way| ends_in_time(&mounted, way, 1));
}

#[test]
fn a_shutdown_ends_at_its_timeout_while_io_uring_waits_for_the_disk() {
    let Some(mounted) = on_disk(16 << 20) else { return };
    ways().into_iter().filter(|way| way.engine == FileEngine::IoUring).for_each(|way| ends_in_time(&mounted, way, 1));
}

#[test]
fn a_shutdown_of_two_shards_with_one_file_ends_at_its_timeout_while_the_disk_does_not_answer() {
    let Some(mounted) = on_disk(16 << 20) else { return };
    ways().into_iter().for_each(|way| ends_in_time(&mounted, way, 2));
}
