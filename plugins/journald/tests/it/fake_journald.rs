//! A socket that reads entries as journald does.

use std::{
    fs::{self, File},
    io::{ErrorKind, IoSliceMut, Write},
    mem::MaybeUninit,
    os::{
        fd::OwnedFd,
        unix::{fs::FileExt, net::UnixDatagram},
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use fapilog_test_servers::wait_until;
use rustix::{
    fs::{SealFlags, fcntl_get_seals},
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
};

use crate::strict_parser::ReadEntry;

/// An entry as it came.
#[derive(Debug, Clone)]
pub(crate) struct GotEntry {
    pub(crate) entry: ReadEntry,
    /// Whether it came as a sealed file.
    pub(crate) is_file: bool,
}

/// Entries of all lives of a socket.
#[derive(Debug, Clone, Default)]
pub(crate) struct GotEntries(Arc<Mutex<Vec<GotEntry>>>);

impl GotEntries {
    pub(crate) fn all(&self) -> Vec<GotEntry> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Waits for so many entries, and returns them.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) -> Vec<ReadEntry> {
        wait_until("all entries have come", || self.count() >= count);
        self.all().into_iter().map(|got| got.entry).collect()
    }
}

/// Reads from the socket until it is dropped.
#[derive(Debug)]
pub(crate) struct FakeJournald {
    path: PathBuf,
    is_stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FakeJournald {
    pub(crate) fn start(path: &Path, got: &GotEntries) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let is_stopping = Arc::new(AtomicBool::new(false));
        let (stopping, got) = (Arc::clone(&is_stopping), got.clone());
        let thread = std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            loop {
                match receive(&socket, &mut buffer) {
                    Some(entry) => got.0.lock().unwrap().push(entry),
                    // The queue is empty, and the path is gone.
                    None if stopping.load(Ordering::SeqCst) => return,
                    None => {}
                }
            }
        });
        Self { path: path.to_owned(), is_stopping, thread: Some(thread) }
    }
}

/// Removes the path first: what the kernel took before is still read.
impl Drop for FakeJournald {
    fn drop(&mut self) {
        fs::remove_file(&self.path).unwrap();
        self.is_stopping.store(true, Ordering::SeqCst);
        let result = self.thread.take().unwrap().join();
        assert!(result.is_ok() || std::thread::panicking(), "an entry broke a rule of the protocol");
    }
}

/// The next entry; `None` if there is none for a while.
fn receive(socket: &UnixDatagram, buffer: &mut [u8]) -> Option<GotEntry> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = match recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, RecvFlags::CMSG_CLOEXEC) {
        Ok(received) => received,
        Err(errno) => {
            let kind = std::io::Error::from(errno).kind();
            assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted), "{errno}");
            return None;
        }
    };
    let files: Vec<OwnedFd> = control
        .drain()
        .flat_map(|message| match message {
            RecvAncillaryMessage::ScmRights(files) => files.collect::<Vec<_>>(),
            _ => panic!("credentials, which nobody sends"),
        })
        .collect();
    let content = match (&files[..], received.bytes) {
        ([], 1..) => buffer[..received.bytes].to_vec(),
        ([file], 0) => read_sealed(file),
        (files, bytes) => panic!("journald ignores a datagram of {bytes} bytes with {} files", files.len()),
    };
    Some(GotEntry { entry: ReadEntry::parse(&content), is_file: !files.is_empty() })
}

/// The content of a file that journald accepts: in memory, with these seals and no others.
fn read_sealed(file: &OwnedFd) -> Vec<u8> {
    let wanted = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    assert_eq!(fcntl_get_seals(file).unwrap(), wanted);
    let file = File::from(file.try_clone().unwrap());
    assert_eq!((&file).write(b"x").unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert!(file.set_len(0).is_err());
    let mut content = vec![0; file.metadata().unwrap().len() as usize];
    file.read_exact_at(&mut content, 0).unwrap();
    content
}
