//! The file of an abandoned shard: its sink may hold the file, and the lock, for as long as the process lives. The sink of the
//! shard that takes over leaves it the file, under the name of a rotated one, and begins a new file.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use fapilog_plugin::timestamp::Timestamp;

use crate::rotate::{name::FileFamily, open_directory, rename_to_unused};

/// How many names are attempted, of which other programs' files may have some.
const NAMES_MAX: usize = 100;

/// Renames the file that is written to, if this process has it open. Returns its new name; `None` if the process has not: the lock is
/// another program's.
pub(crate) fn leave(family: &FileFamily) -> io::Result<Option<PathBuf>> {
    let metadata = fs::symlink_metadata(family.live())?;
    if !is_open_in_this_process((metadata.dev(), metadata.ino()))? {
        return Ok(None);
    }
    let first_record = Timestamp::from(metadata.created().unwrap_or_else(|_| SystemTime::now()));
    let mut name = family.next_name(first_record, &family.rotated()?);
    let directory = open_directory(family.directory())?;
    for _ in 0..NAMES_MAX {
        match rename_to_unused(&directory, file_name(family.live())?, file_name(&name)?) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            renamed => return renamed.map(|()| Some(name)),
        }
        name = family.name_after(&name).ok_or(io::ErrorKind::AlreadyExists)?;
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn file_name(path: &Path) -> io::Result<&std::ffi::OsStr> {
    path.file_name().ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Whether a descriptor of this process refers to the file of this device and inode.
fn is_open_in_this_process(file: (u64, u64)) -> io::Result<bool> {
    for descriptor in fs::read_dir("/proc/self/fd")? {
        // A descriptor that is closed meanwhile, or refers to no file.
        let Ok(metadata) = fs::metadata(descriptor?.path()) else { continue };
        if (metadata.dev(), metadata.ino()) == file {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::factory::ShardInfo;

    use super::*;

    fn family(directory: &Path) -> FileFamily {
        FileFamily::new(&directory.join("app.log"), ShardInfo::new(0, 1)).unwrap()
    }

    #[test]
    fn a_file_that_this_process_has_open_is_renamed() {
        let directory = tempfile::tempdir().unwrap();
        let family = family(directory.path());
        fs::write(family.live(), "left").unwrap();
        let _held = fs::File::open(family.live()).unwrap();
        let name = leave(&family).unwrap().unwrap();
        assert_eq!((fs::read(&name).unwrap(), family.live().exists()), (b"left".to_vec(), false));
        assert_eq!(family.rotated().unwrap().len(), 1);
    }

    #[test]
    fn a_file_of_another_program_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let family = family(directory.path());
        fs::write(family.live(), "other").unwrap();
        assert_eq!(leave(&family).unwrap(), None);
        assert!(family.live().exists());
    }
}
