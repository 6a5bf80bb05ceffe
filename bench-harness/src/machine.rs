//! The machine of the measurement.

use std::{
    ffi::CString,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::error::BenchError;

/// The machine of the measurement. No field names the machine.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    /// The processor's model.
    pub(crate) cpu: String,
    /// CPUs that this process may use.
    pub(crate) cores: usize,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// The type of the file system that was written to.
    pub(crate) filesystem: Option<String>,
}

impl Machine {
    /// `written_to`: the directory, if anything was written.
    pub(crate) fn look(written_to: Option<&Path>) -> Self {
        Self {
            cpu: cpu_model().unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            kernel: kernel_release().unwrap_or_else(|| "unknown".to_owned()),
            filesystem: written_to.and_then(filesystem_of),
        }
    }
}

fn cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let (_, model) = text.lines().find(|line| line.starts_with("model name"))?.split_once(':')?;
    Some(model.trim().to_owned())
}

fn kernel_release() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/osrelease").ok()?.trim().to_owned())
}

/// The type of the file system that holds the directory: that of the longest mount point above it. The last one counts
/// where several are mounted on one another.
fn filesystem_of(directory: &Path) -> Option<String> {
    let directory = directory.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts
        .lines()
        .filter_map(mount_of)
        .filter(|(point, _)| directory.starts_with(point))
        .max_by_key(|(point, _)| point.components().count())
        .map(|(_, kind)| kind.to_owned())
}

/// Mount point and type of a line of `/proc/self/mounts`.
fn mount_of(line: &str) -> Option<(PathBuf, &str)> {
    let mut words = line.split(' ');
    let point = words.nth(1)?;
    let kind = words.next()?;
    // Spaces and the like are written as octal numbers; others do not matter to us.
    Some((PathBuf::from(point.replace("\\040", " ")), kind))
}

/// The bytes that may still be written to the file system.
pub(crate) fn free_bytes(directory: &Path) -> Result<u64, BenchError> {
    let error = |source| BenchError::Io { operation: "ask for the free space of", path: directory.to_owned(), source };
    let path = CString::new(directory.as_os_str().as_bytes()).map_err(|nul| error(nul.into()))?;
    // SAFETY: `statvfs` is plain numbers, for which zeros are a value.
    let mut answer: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends with NUL, and the answer is ours.
    let failed = unsafe { libc::statvfs(path.as_ptr(), &raw mut answer) } != 0;
    if failed {
        return Err(error(io::Error::last_os_error()));
    }
    Ok(answer.f_bavail.saturating_mul(answer.f_frsize))
}

/// The CPUs that are left to threads that log: all that the process may use but the last, which the drain is pinned to.
/// Empty where that would leave none.
pub(crate) fn producer_cpus() -> Vec<core_affinity::CoreId> {
    let mut cpus = core_affinity::get_core_ids().unwrap_or_default();
    cpus.pop();
    cpus
}

/// The CPU that the drain is pinned to, where there are others.
pub(crate) fn drain_cpu() -> Option<core_affinity::CoreId> {
    core_affinity::get_core_ids().filter(|cpus| cpus.len() > 1)?.pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_proc_is_on_a_file_system_of_type_proc() {
        assert_eq!(filesystem_of(Path::new("/proc/self")).as_deref(), Some("proc"));
    }

    #[test]
    fn a_mount_point_with_a_space_is_understood() {
        assert_eq!(mount_of("/dev/sdb1 /mnt/my\\040disk ext4 rw 0 0"), Some((PathBuf::from("/mnt/my disk"), "ext4")));
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let error = free_bytes(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }
}
