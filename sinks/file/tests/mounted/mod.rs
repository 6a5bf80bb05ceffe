//! A file system of a test's own, seen by its thread, and by those that it starts, alone.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "all of this is test code")]

use std::{
    ffi::CString,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// It goes with the last thread that sees it.
pub(crate) struct Mounted {
    _directory: TempDir,
    pub(crate) path: PathBuf,
}

/// In memory, of so many bytes. `None`, and a word of it, where mounting is not permitted.
pub(crate) fn in_memory(bytes: usize) -> Option<Mounted> {
    mounted(|path| {
        let (options, target) = (c_string(format!("size={bytes}")), c_string(path.display().to_string()));
        // SAFETY: all of them end with NUL.
        let failed =
            unsafe { libc::mount(c"tmpfs".as_ptr(), target.as_ptr(), c"tmpfs".as_ptr(), 0, options.as_ptr().cast()) }
                != 0;
        if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
    })
}

/// On a disk of so many bytes, which is a file. `None`, and a word of it, where that is not permitted.
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

/// What this thread mounts from now on, others do not see.
fn see_alone() -> io::Result<()> {
    // SAFETY: touches no memory; concerns this thread alone.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let (none, private) = (std::ptr::null(), libc::MS_REC | libc::MS_PRIVATE);
    // SAFETY: the path ends with NUL; the others are not looked at.
    if unsafe { libc::mount(none, c"/".as_ptr(), none, private, none.cast()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn c_string(text: String) -> CString {
    CString::new(text).unwrap()
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let target = c_string(self.path.display().to_string());
        // SAFETY: the path ends with NUL. If it fails, the file system goes with the thread.
        unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) };
    }
}
