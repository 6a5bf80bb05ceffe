//! A file system of a test, which only its thread and the threads that it starts see.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "all of this is test code")]

use std::{
    ffi::CString,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::{
    mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount},
    thread::{UnshareFlags, unshare_unsafe},
};
use tempfile::TempDir;

/// The mount ends with the last thread that sees it.
pub(crate) struct Mounted {
    _directory: TempDir,
    pub(crate) path: PathBuf,
}

/// In memory, of that many bytes. `None`, and a line on stderr, where mounting is not permitted.
pub(crate) fn in_memory(bytes: usize) -> Option<Mounted> {
    mounted(|path| {
        let options = CString::new(format!("size={bytes}"))?;
        Ok(mount("tmpfs", path, "tmpfs", MountFlags::empty(), options.as_c_str())?)
    })
}

/// In memory, with that many inodes, of which the root directory has one. `None`, and a line on stderr, where mounting is not
/// permitted.
pub(crate) fn with_inodes(inodes: usize) -> Option<Mounted> {
    mounted(|path| {
        let options = CString::new(format!("nr_inodes={inodes}"))?;
        Ok(mount("tmpfs", path, "tmpfs", MountFlags::empty(), options.as_c_str())?)
    })
}

/// On a disk of that many bytes, which is a file. `None`, and a line on stderr, where that is not permitted.
pub(crate) fn on_disk(bytes: u64) -> Option<Mounted> {
    mounted(|path| {
        let image = path.with_extension("image");
        fs::File::create(&image)?.set_len(bytes)?;
        run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&image))?;
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(path))
    })
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(io::Error::other(text)) }
}

fn mounted(mount: impl FnOnce(&Path) -> io::Result<()>) -> Option<Mounted> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("mounted");
    fs::create_dir(&path).unwrap();
    match see_alone().and_then(|()| mount(&path)) {
        Ok(()) => Some(Mounted { _directory: directory, path }),
        Err(error) => {
            eprintln!("NOT TESTED: cannot mount a file system: {error}");
            None
        }
    }
}

/// Mounts of this thread are invisible to others from now on.
fn see_alone() -> io::Result<()> {
    // SAFETY: a new mount namespace changes no memory and no descriptor.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS)? };
    Ok(mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?)
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // After an error, the file system ends with the thread.
        let _ = unmount(&self.path, UnmountFlags::DETACH);
    }
}
