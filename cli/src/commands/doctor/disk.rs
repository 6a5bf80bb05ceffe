//! The disk: the file system of a directory, its room, direct writes, and the time of `fdatasync`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fapilog::{machine::FileProbe, sink::FileEngine};
use rustix::fs::{AtFlags, CWD, StatxFlags, fdatasync, major, minor, statvfs, statx};
use serde_json::json;

use super::{
    WantedEngine,
    finding::{DoctorFinding, bytes},
    mount::Mount,
};

/// How often a write and an `fdatasync` are measured.
const SYNCS: usize = 20;

/// The bytes of each write.
const SYNC_BYTES: usize = 4096;

/// A disk that takes longer than this holds a program up that syncs each batch.
const SYNC_SLOW: Duration = Duration::from_millis(20);

/// Less room than this is soon used up.
const ROOM_LOW_BYTES: u64 = 1 << 30;

/// The share of free room or files below which it is soon used up.
const SHARE_LOW: f64 = 0.05;

/// A directory for log files, as it was found.
#[derive(Debug)]
pub(super) struct Disk {
    directory: PathBuf,
    file_system: Option<FileSystem>,
    room: Option<FreeSpace>,
    scratch: Result<ScratchResults, String>,
}

#[derive(Debug, PartialEq, Eq)]
struct FileSystem {
    kind: String,
    mounted_at: String,
    is_read_only: bool,
}

#[derive(Debug, Clone, Copy)]
struct FreeSpace {
    free_bytes: u64,
    total_bytes: u64,
    free_files: u64,
    total_files: u64,
}

/// The results of the scratch file.
#[derive(Debug)]
struct ScratchResults {
    probe: FileProbe,
    /// The alignments in memory and in the file, in bytes; `None` where the kernel or the file system does not report them.
    alignment: Option<(u32, u32)>,
    /// The times of a write with its `fdatasync`, in order.
    syncs: Vec<Duration>,
}

/// A file that is removed when it is dropped.
#[derive(Debug)]
struct ScratchFile {
    path: PathBuf,
    file: File,
}

impl Disk {
    pub(super) fn measure(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            file_system: FileSystem::of(directory),
            room: FreeSpace::of(directory),
            scratch: ScratchFile::new(directory)
                .map_err(|error| error.to_string())
                .and_then(|scratch| scratch.measure()),
        }
    }

    pub(super) fn findings(&self) -> Vec<DoctorFinding> {
        let found = [Some(self.place()), self.room(), self.direct(), self.sync()];
        found.into_iter().flatten().collect()
    }

    /// The directory, its file system, and whether files can be written.
    fn place(&self) -> DoctorFinding {
        let directory = self.directory.display().to_string();
        let system = self.file_system.as_ref();
        let (kind, mounted_at) = (system.map(|system| &system.kind), system.map(|system| &system.mounted_at));
        let read_only = if system.is_some_and(|system| system.is_read_only) { "read-only " } else { "" };
        let found = match (kind, mounted_at) {
            (Some(kind), Some(mounted_at)) => format!("{directory}: {kind}, mounted {read_only}at {mounted_at}"),
            _ => directory.clone(),
        };
        let finding = DoctorFinding::good(
            "directory",
            found,
            json!({ "path": directory, "file_system": kind, "mounted_at": mounted_at, "writable": self.scratch.is_ok() }),
        );
        match &self.scratch {
            Err(error) => finding.fails(format!("a file cannot be written there: {error}")),
            Ok(_) if kind.is_some_and(|kind| is_of_a_network(kind)) => {
                finding.warns("a file system of a network: locks and durability are those of its server")
            }
            Ok(_) if kind.is_some_and(|kind| kind == "tmpfs") => {
                finding.warns("a file system in memory: its files are gone after a restart of the machine")
            }
            Ok(_) => finding,
        }
    }

    /// Nothing for a directory that is not there, which fails for itself.
    fn room(&self) -> Option<DoctorFinding> {
        Some(self.room?.finding())
    }

    fn direct(&self) -> Option<DoctorFinding> {
        let ScratchResults { probe, alignment, .. } = self.scratch.as_ref().ok()?;
        let figures = json!({
            "direct": probe.is_direct,
            "memory_alignment_bytes": alignment.map(|(memory, _)| memory),
            "offset_alignment_bytes": alignment.map(|(_, offset)| offset),
        });
        let aligned = match alignment {
            Some((memory, offset)) if *offset > 0 => {
                format!("; alignment {memory} bytes in memory, {offset} in the file")
            }
            _ => String::new(),
        };
        let finding = |found: String| DoctorFinding::good("direct writes", found, figures.clone());
        Some(match &probe.direct_reason {
            None => finding(format!("full blocks bypass the page cache{aligned}")),
            Some(reason) => finding(format!("all writes go through the page cache{aligned}")).because(reason.as_str()),
        })
    }

    fn sync(&self) -> Option<DoctorFinding> {
        let ScratchResults { syncs, .. } = self.scratch.as_ref().ok()?;
        let (median, longest) = (syncs.get(syncs.len() / 2)?, syncs.last()?);
        let figures = json!({
            "writes": syncs.len(),
            "median_ns": nanos(*median),
            "max_ns": nanos(*longest),
        });
        let found =
            format!("{median:.1?} for 4 KiB and an fdatasync (median of {}; longest {longest:.1?})", syncs.len());
        let finding = DoctorFinding::good("durability", found, figures);
        Some(if *median > SYNC_SLOW {
            finding.warns("with `sync = \"batch\"`, each batch waits for that; `interval` syncs less often")
        } else {
            finding
        })
    }

    /// The engine that a file sink gets, and why.
    pub(super) fn engine(&self, wanted: WantedEngine) -> DoctorFinding {
        let name = match wanted {
            WantedEngine::Auto => "auto",
            WantedEngine::IoUring => "io_uring",
            WantedEngine::Blocking => "blocking",
        };
        let Ok(ScratchResults { probe, .. }) = &self.scratch else {
            let finding = DoctorFinding::good("file engine", format!("{name}: not known"), json!({ "wanted": name }));
            return finding.warns("the directory cannot be written to");
        };
        let chosen = match (wanted, probe.engine) {
            (WantedEngine::Blocking, _) => "pwrite",
            (_, FileEngine::IoUring) => "io_uring",
            _ => "pwrite",
        };
        let figures = json!({ "wanted": name, "chosen": chosen, "reason": probe.engine_reason });
        let finding = DoctorFinding::good("file engine", format!("{name}: {chosen}"), figures);
        match (wanted, &probe.engine_reason) {
            (WantedEngine::Blocking, _) | (_, None) => finding,
            (WantedEngine::Auto, Some(reason)) => finding.because(reason.as_str()),
            (WantedEngine::IoUring, Some(reason)) => {
                let found = format!("{name}: not available, and the program does not start");
                DoctorFinding { found, ..finding }.fails(reason.as_str())
            }
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn is_of_a_network(kind: &str) -> bool {
    ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "glusterfs", "afs"].contains(&kind)
}

impl FileSystem {
    fn of(directory: &Path) -> Option<Self> {
        let device = fs::metadata(directory).ok()?.dev();
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let real = fs::canonicalize(directory).ok()?;
        Self::in_mounts(&mounts, &format!("{}:{}", major(device), minor(device)), &real)
    }

    /// The mount of this device with the longest path that leads to the directory; where no mount has the device, as on btrfs, that of
    /// any device.
    fn in_mounts(mounts: &str, device: &str, directory: &Path) -> Option<Self> {
        let around = || mounts.lines().filter_map(Mount::of).filter(|mount| directory.starts_with(&mount.at));
        let of_device = around().filter(|mount| mount.device == device).max_by_key(|mount| mount.at.len());
        let Mount { at, kind, options, .. } = of_device.or_else(|| around().max_by_key(|mount| mount.at.len()))?;
        let is_read_only = options.split(',').any(|option| option == "ro");
        Some(Self { kind: kind.to_owned(), mounted_at: at, is_read_only })
    }
}

impl FreeSpace {
    fn of(directory: &Path) -> Option<Self> {
        let found = statvfs(directory).ok()?;
        Some(Self {
            free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
            free_files: found.f_favail,
            total_files: found.f_files,
        })
    }

    fn finding(self) -> DoctorFinding {
        let Self { free_bytes, total_bytes, free_files, total_files } = self;
        let found = format!("{} free of {}", bytes(free_bytes), bytes(total_bytes));
        let figures = json!({
            "free_bytes": free_bytes,
            "total_bytes": total_bytes,
            "free_files": free_files,
            "total_files": total_files,
        });
        let finding = DoctorFinding::good("room", found, figures);
        let share = |free: u64, total: u64| free as f64 / total.max(1) as f64;
        if free_bytes == 0 {
            return finding.fails("the file system is full");
        }
        // A file system without a limit of files reports none.
        if total_files > 0 && free_files == 0 {
            return finding.fails("the file system has no room for another file (inodes)");
        }
        if free_bytes < ROOM_LOW_BYTES && share(free_bytes, total_bytes) < SHARE_LOW {
            return finding.warns(
                "the file system is nearly full; the file sink's `retain_total_bytes` keeps logs within a limit",
            );
        }
        if total_files > 0 && share(free_files, total_files) < SHARE_LOW {
            return finding.warns(format!("{free_files} files (inodes) are left of {total_files}"));
        }
        finding
    }
}

impl ScratchFile {
    /// A new file of a name that no other process takes.
    fn new(directory: &Path) -> io::Result<Self> {
        let path = directory.join(format!(".fapilog-doctor-{}", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path, file })
    }

    fn measure(mut self) -> Result<ScratchResults, String> {
        let probe = FileProbe::of(&self.path).map_err(|error| error.to_string())?;
        let alignment = self.alignment();
        let syncs = self.syncs().map_err(|error| error.to_string())?;
        Ok(ScratchResults { probe, alignment, syncs })
    }

    fn alignment(&self) -> Option<(u32, u32)> {
        let found = statx(CWD, &self.path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::DIOALIGN).ok()?;
        let is_reported = found.stx_mask & StatxFlags::DIOALIGN.bits() != 0;
        is_reported.then_some((found.stx_dio_mem_align, found.stx_dio_offset_align))
    }

    fn syncs(&mut self) -> io::Result<Vec<Duration>> {
        let block = [b'x'; SYNC_BYTES];
        let sync = |_| {
            let start = Instant::now();
            self.file.write_all(&block)?;
            fdatasync(&self.file)?;
            Ok(start.elapsed())
        };
        let mut syncs = (0..SYNCS).map(sync).collect::<io::Result<Vec<_>>>()?;
        syncs.sort_unstable();
        Ok(syncs)
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::finding::FindingStatus, *};

    #[test]
    fn a_directory_is_measured_and_left_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::measure(directory.path());
        let measured = disk.scratch.as_ref().unwrap();
        assert_eq!(measured.syncs.len(), SYNCS);
        assert!(measured.syncs.is_sorted() && measured.syncs.iter().all(|time| !time.is_zero()));
        assert!(disk.file_system.is_some() && disk.room.is_some());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        assert!(disk.findings().iter().all(|finding| finding.status != FindingStatus::Fails));
    }

    #[test]
    fn a_directory_that_is_not_there_fails_and_its_engine_is_not_known() {
        let disk = Disk::measure(Path::new("/no/such"));
        let findings = disk.findings();
        assert_eq!(findings[0].status, FindingStatus::Fails);
        assert!(findings[0].advice.as_ref().unwrap().contains("No such file"), "{findings:?}");
        assert_eq!(disk.engine(WantedEngine::Auto).status, FindingStatus::Warns);
    }

    #[test]
    fn the_innermost_mount_of_the_device_counts() {
        let mounts = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n\
            30 22 0:30 / /var/log\\040x ro,nosuid - tmpfs tmpfs rw\n\
            31 22 8:2 / /var rw - xfs /dev/sdb rw\n";
        let found = |device, path| FileSystem::in_mounts(mounts, device, Path::new(path)).unwrap();
        let system = found("0:30", "/var/log x/app");
        assert_eq!(
            (system.kind.as_str(), system.mounted_at.as_str(), system.is_read_only),
            ("tmpfs", "/var/log x", true)
        );
        assert_eq!(found("8:2", "/var/lib").kind, "xfs");
        assert_eq!(found("0:99", "/home").kind, "ext4");
    }
}
