//! The directory of control sockets, and the sockets in it.

use std::{
    env, fs, io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with},
    process::{Pid, geteuid, test_kill_process},
};

use crate::error::ControlError;

/// The longest path of a socket. Source: `sun_path`, 108 bytes with a zero at its end, of `unix(7)`.
pub(crate) const PATH_MAX_BYTES: usize = 107;

/// The name of our directory in a directory of the user.
const NAME: &str = "fapilog";

/// Bits of a mode.
const OF_OTHERS: u32 = 0o077;
const WRITE_OF_OTHERS: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// The directories in which a process of this user may have its socket, the best first.
fn candidates(uid: u32) -> Vec<PathBuf> {
    let by_variable = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let by_user = PathBuf::from(format!("/run/user/{uid}"));
    let in_tmp = PathBuf::from(format!("/tmp/{NAME}-{uid}"));
    let mut candidates: Vec<PathBuf> = by_variable.into_iter().chain([by_user]).map(|path| path.join(NAME)).collect();
    candidates.dedup();
    candidates.push(in_tmp);
    candidates
}

/// Makes the directory for this process's sockets, if it does not exist.
pub(crate) fn make() -> Result<PathBuf, ControlError> {
    let uid = geteuid().as_raw();
    let candidates = candidates(uid);
    let (in_tmp, in_directories) =
        candidates.split_last().map_or((None, [].as_slice()), |(last, first)| (Some(last), first));
    let own = in_directories.iter().find(|path| path.parent().is_some_and(|parent| is_directory_of(parent, uid)));
    let path = own.or(in_tmp).cloned().unwrap_or_default();
    make_at(&path, uid)?;
    Ok(path)
}

/// Whether the path is a directory of this user that no other user may write to.
fn is_directory_of(path: &Path, uid: u32) -> bool {
    let fits = |found: fs::Metadata| found.is_dir() && found.uid() == uid && found.mode() & WRITE_OF_OTHERS == 0;
    fs::symlink_metadata(path).is_ok_and(fits)
}

fn make_at(path: &Path, uid: u32) -> Result<(), ControlError> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(ControlError::io("make the directory", path)(error)),
    }
    check(path, uid)
}

/// Checks that no other user may enter the directory or put another in its place.
fn check(path: &Path, uid: u32) -> Result<(), ControlError> {
    let unsafe_for = |reason| Err(ControlError::Directory { path: path.to_owned(), reason });
    // Without following a link.
    let found = fs::symlink_metadata(path).map_err(ControlError::io("look at the directory", path))?;
    if found.file_type().is_symlink() {
        return unsafe_for("it is a link");
    }
    if !found.is_dir() {
        return unsafe_for("it is no directory");
    }
    if found.uid() != uid {
        return unsafe_for("it belongs to another user");
    }
    if found.mode() & OF_OTHERS != 0 {
        return unsafe_for("other users have rights in it; allowed is mode 0700");
    }
    let parent = path.parent().unwrap_or(path);
    let around = fs::symlink_metadata(parent).map_err(ControlError::io("look at the directory", parent))?;
    let is_writable = around.mode() & WRITE_OF_OTHERS != 0;
    if is_writable && around.mode() & STICKY == 0 {
        return unsafe_for("other users may rename it: the directory around it is not sticky");
    }
    if around.uid() != uid && around.uid() != 0 {
        return unsafe_for("another user may rename it: the directory around it belongs to that user");
    }
    Ok(())
}

/// Checks that only its user may connect to the socket, and has it so where the kernel has not taken the mode of the socket.
pub(crate) fn check_mode(path: &Path) -> Result<(), ControlError> {
    let mode = || fs::symlink_metadata(path).map(|found| found.mode()).map_err(ControlError::io("look at", path));
    if mode()? & OF_OTHERS != 0 {
        let owners = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(path, owners).map_err(ControlError::io("set the mode of", path))?;
    }
    Ok(())
}

/// The sockets of a process, in the directories that its user may have them in. There is one for each container that has opted
/// in.
#[must_use]
pub fn sockets_of(pid: u32) -> Vec<PathBuf> {
    let Ok(process) = fs::metadata(format!("/proc/{pid}")) else { return Vec::new() };
    let found = |directory: &PathBuf| sockets_in(directory).filter(|socket| socket.pid == pid).collect::<Vec<_>>();
    // The files of a process that may not be dumped belong to root, whoever its user is: this user's directories, too.
    let mut directories = candidates(process.uid());
    directories.extend(
        candidates(geteuid().as_raw()).into_iter().filter(|own| !directories.contains(own)).collect::<Vec<_>>(),
    );
    let mut sockets: Vec<SocketName> = directories.iter().flat_map(found).collect();
    sockets.sort_by_key(|socket| socket.container);
    sockets.into_iter().map(|socket| socket.path).collect()
}

/// Removes the sockets of ended processes from our directory.
pub(crate) fn remove_stale_below(directory: &Path) {
    for socket in sockets_in(directory) {
        if !is_alive(socket.pid) {
            // It is the matter of another process; an error is that of its owner.
            let _ = remove_if_stale(&socket.path);
        }
    }
}

/// A socket by its name.
struct SocketName {
    path: PathBuf,
    pid: u32,
    /// `None`: the first of its process.
    container: Option<u64>,
}

/// The entries of a directory that have the name of a socket.
fn sockets_in(directory: &Path) -> impl Iterator<Item = SocketName> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| SocketName::of(entry.path()))
}

impl SocketName {
    /// `PID.sock` or `PID-CONTAINER.sock`.
    fn of(path: PathBuf) -> Option<Self> {
        let stem = path.file_name()?.to_str()?.strip_suffix(".sock")?;
        let (pid, container) = match stem.split_once('-') {
            Some((pid, container)) => (pid.parse().ok()?, Some(container.parse().ok()?)),
            None => (stem.parse().ok()?, None),
        };
        Some(Self { path, pid, container })
    }
}

/// Whether there is such a process, of whatever user.
fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

/// The directory that a socket of this path is in.
pub(crate) fn around(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The address of a socket.
///
/// # Errors
/// When the path is none of a socket.
pub(crate) fn address(path: &Path) -> Result<SocketAddrUnix, ControlError> {
    let bytes = path.as_os_str().as_bytes().len();
    if bytes == 0 {
        // The kernel would choose a name that is no file, and has no mode.
        return Err(ControlError::EmptyPath);
    }
    if bytes > PATH_MAX_BYTES {
        return Err(ControlError::PathTooLong { path: path.to_owned(), bytes, max: PATH_MAX_BYTES });
    }
    SocketAddrUnix::new(path).map_err(|error| ControlError::io("make a socket for", path)(error.into()))
}

/// Makes room for a socket: removes one that no process listens at any more. The [lock](crate::directory_lock) of the directory is held.
///
/// # Errors
/// When there is something else at the path.
pub(crate) fn remove_if_stale(path: &Path) -> Result<(), ControlError> {
    let taken = |reason| Err(ControlError::Taken { path: path.to_owned(), reason });
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(ControlError::io("look at", path)(error)),
    };
    if !found.file_type().is_socket() {
        return taken("there is something else, which is no socket");
    }
    if found.uid() != geteuid().as_raw() {
        return taken("there is a socket of another user");
    }
    if is_served(path)? {
        return Err(ControlError::InUse { path: path.to_owned() });
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ControlError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Whether a process listens at the socket. A process of another namespace is not seen, but answers.
fn is_served(path: &Path) -> Result<bool, ControlError> {
    let failed = |error: Errno| ControlError::io("ask for a listener at", path)(error.into());
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (address, kind) = (address(path)?, SocketType::STREAM);
    let socket = socket_with(AddressFamily::UNIX, kind, flags, None).map_err(failed)?;
    match connect(&socket, &address) {
        // A process that takes no connections, because it hangs, does not block this one. A socket of another type is not ours.
        Ok(()) | Err(Errno::AGAIN | Errno::PROTOTYPE) => Ok(true),
        // It may be gone meanwhile.
        Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::PermissionsExt, net::UnixListener};

    use super::*;

    fn own_uid() -> u32 {
        geteuid().as_raw()
    }

    fn reason(path: &Path) -> &'static str {
        match make_at(path, own_uid()) {
            Err(ControlError::Directory { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_directory_is_made_for_its_user_alone() {
        let around = tempfile::tempdir().unwrap();
        let path = around.path().join("own");
        make_at(&path, own_uid()).unwrap();
        make_at(&path, own_uid()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_directory_that_others_may_enter_is_refused() {
        let around = tempfile::tempdir().unwrap();
        let path = around.path().join("open");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        assert_eq!(reason(&path), "other users have rights in it; allowed is mode 0700");
    }

    #[test]
    fn a_link_to_a_directory_is_refused() {
        let around = tempfile::tempdir().unwrap();
        let (real, link) = (around.path().join("real"), around.path().join("link"));
        make_at(&real, own_uid()).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(reason(&link), "it is a link");
    }

    #[test]
    fn a_file_in_place_of_the_directory_is_refused() {
        let around = tempfile::tempdir().unwrap();
        let path = around.path().join("file");
        fs::write(&path, "").unwrap();
        assert_eq!(reason(&path), "it is no directory");
    }

    #[test]
    fn a_directory_of_another_user_is_refused() {
        let around = tempfile::tempdir().unwrap();
        let path = around.path().join("own");
        make_at(&path, own_uid()).unwrap();
        let checked = check(&path, own_uid() + 1);
        assert!(matches!(checked, Err(ControlError::Directory { reason: "it belongs to another user", .. })));
    }

    #[test]
    fn a_directory_that_others_may_rename_is_refused() {
        let around = tempfile::tempdir().unwrap();
        fs::set_permissions(around.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let path = around.path().join("own");
        assert!(reason(&path).contains("not sticky"));
        fs::set_permissions(around.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        make_at(&path, own_uid()).unwrap();
    }

    #[test]
    fn the_socket_of_an_ended_process_is_removed_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        // No process has so high a number: `pid_max` is at most 2^22.
        let [dead, other, living] =
            ["2147483646.sock", "2147483646-7.sock", "2147483645.sock"].map(|name| directory.path().join(name));
        drop(UnixListener::bind(&dead).unwrap());
        drop(UnixListener::bind(&other).unwrap());
        let _listener = UnixListener::bind(&living).unwrap();
        let unrelated = directory.path().join("notes.txt");
        fs::write(&unrelated, "").unwrap();
        remove_stale_below(directory.path());
        assert_eq!([dead, other, living, unrelated].map(|path| path.exists()), [false, false, true, true]);
    }

    #[test]
    fn a_file_or_a_link_at_the_path_stays() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("1.sock"), directory.path().join("2.sock"));
        fs::write(&file, "precious").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for path in [&file, &link] {
            assert!(matches!(remove_if_stale(path), Err(ControlError::Taken { .. })));
        }
        assert_eq!(fs::read(&file).unwrap(), b"precious");
    }

    #[test]
    fn a_socket_of_another_type_at_the_path_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("1.sock");
        let _other = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        assert!(matches!(remove_if_stale(&path), Err(ControlError::InUse { .. })));
        assert!(path.exists());
    }

    #[test]
    fn a_path_has_an_address_up_to_the_longest_and_beyond_it_an_error_with_the_limit() {
        let path = |bytes: usize| PathBuf::from("x".repeat(bytes));
        address(&path(1)).unwrap();
        address(&path(PATH_MAX_BYTES)).unwrap();
        for bytes in [PATH_MAX_BYTES + 1, 1000] {
            assert!(
                matches!(address(&path(bytes)), Err(ControlError::PathTooLong { bytes: found, .. }) if found == bytes)
            );
        }
        assert!(matches!(address(&path(0)), Err(ControlError::EmptyPath)));
    }

    #[test]
    fn names_of_sockets_have_the_process_and_the_container() {
        let read = |name: &str| SocketName::of(name.into()).map(|socket| (socket.pid, socket.container));
        assert_eq!(["17.sock", "17-2.sock"].map(read), [Some((17, None)), Some((17, Some(2)))]);
        assert_eq!(["x.sock", "17.txt", "17-x.sock", "-1.sock"].map(read), [None; 4]);
    }
}
