//! The disk space that builds take, and have left.

use std::{
    env, fs,
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::workspace::Workspace;

const GIGABYTE: f64 = 1e9;

/// A line on the target directory and the disk that it is on.
pub(crate) fn usage(target: &Path) -> String {
    let used = bytes_below(target) as f64 / GIGABYTE;
    match free_bytes(target) {
        Some(free) => format!("{used:.1} GB in {}, {:.1} GB free", target.display(), free as f64 / GIGABYTE),
        None => format!("{used:.1} GB in {}, free space unknown", target.display()),
    }
}

/// The target directory of this name, where this is a run on a machine that keeps nothing: `CI` is `true`.
pub(crate) fn spent_target_dir(workspace: &Workspace, name: &str) -> Option<PathBuf> {
    env::var_os("CI").filter(|ci| ci == "true").map(|_| workspace.target_dir(name))
}

/// Removes a folder, and reports its size. Space that cannot be given back fails no step.
pub(crate) fn remove(folder: &Path, screen: &mut dyn Write) -> io::Result<()> {
    let megabytes = bytes_below(folder) / 1_000_000;
    match fs::remove_dir_all(folder) {
        Ok(()) => writeln!(screen, "{} is removed ({megabytes} MB): no later step needs it", folder.display()),
        Err(error) => writeln!(screen, "{} cannot be removed: {error}", folder.display()),
    }
}

/// The space on the disk of a folder and all below it. A file with two names counts once for each: cargo links binaries so.
fn bytes_below(folder: &Path) -> u64 {
    const BLOCK_BYTES: u64 = 512;
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(entry_is) if entry_is.is_dir() => bytes_below(&entry.path()),
        Ok(entry_is) => entry_is.blocks() * BLOCK_BYTES / entry_is.nlink().max(1),
        Err(_) => 0,
    });
    bytes.sum()
}

fn free_bytes(path: &Path) -> Option<u64> {
    let output = Command::new("df").arg("-Pk").arg(path).output().ok().filter(|output| output.status.success())?;
    free_bytes_in(&String::from_utf8_lossy(&output.stdout))
}

/// The fourth column of the only line below the headings, in units of 1024 bytes.
fn free_bytes_in(table: &str) -> Option<u64> {
    let kilobytes: u64 = table.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_space_of_a_folder_is_that_of_all_files_below_it() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("one/two");
        fs::create_dir_all(&below).unwrap();
        let before = bytes_below(folder.path());
        fs::write(below.join("file"), vec![1; 1_000_000]).unwrap();
        assert!((1_000_000..1_100_000).contains(&(bytes_below(folder.path()) - before)));
    }

    #[test]
    fn a_file_with_two_names_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), vec![1; 1_000_000]).unwrap();
        let before = bytes_below(folder.path());
        fs::hard_link(folder.path().join("file"), folder.path().join("same")).unwrap();
        assert_eq!(bytes_below(folder.path()), before);
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_bytes_and_its_removal_is_no_failure() {
        let absent = Path::new("/fapilog-no-such-folder");
        assert_eq!(bytes_below(absent), 0);
        let mut screen = Vec::new();
        remove(absent, &mut screen).unwrap();
        assert!(String::from_utf8(screen).unwrap().starts_with("/fapilog-no-such-folder cannot be removed: "));
    }

    #[test]
    fn the_free_space_is_read_from_the_table_of_df() {
        let table = "Filesystem 1024-blocks     Used Available Capacity Mounted on\n\
                     /dev/vda     263840552 36700160  58720256      39% /\n";
        assert_eq!(free_bytes_in(table), Some(58_720_256 * 1024));
        assert_eq!(free_bytes_in(""), None);
        assert!(free_bytes(Path::new("/")).is_some());
    }

    #[test]
    fn the_line_has_both_figures() {
        let folder = tempfile::tempdir().unwrap();
        let line = usage(folder.path());
        assert!(line.starts_with("0.0 GB in ") && line.ends_with(" GB free"), "{line}");
    }
}
