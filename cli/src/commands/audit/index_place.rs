//! The place of an index that no option names.

use std::{
    env, fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

use crate::{commands::trail_inputs::invalid, error::CommandError, output::escaped};

/// Beside the trail, if there is an index or the directory can be written to; else in the user's cache, by the id of the trail.
pub(super) fn of_trail(trail: &Path, trail_id: &[u8; 16]) -> Result<PathBuf, CommandError> {
    let mut beside = trail.to_owned().into_os_string();
    beside.push(".index");
    let beside = PathBuf::from(beside);
    let can = |path: &Path| access(path, Access::READ_OK | Access::WRITE_OK).is_ok();
    if can(&beside) || (!beside.exists() && can(directory_of(trail))) {
        return Ok(beside);
    }
    let Some(cache) = cache_directory() else {
        let message = "the directory of the trail cannot be written to, and neither XDG_CACHE_HOME nor HOME is set: name a file by --index";
        return Err(invalid("--index", &beside, message.to_owned()));
    };
    let directory = cache.join("fapilog").join("audit-index");
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory);
    made.map_err(|error| not_made(&directory, &error))?;
    let id: String = trail_id.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(directory.join(format!("{id}.sqlite")))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The base directory of caches; a path that is not absolute is passed over, as the XDG specification has it.
fn cache_directory() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))
}

fn not_made(directory: &Path, error: &io::Error) -> CommandError {
    invalid(
        "--index",
        directory,
        format!("{}: the directory cannot be made: {error}", escaped(&directory.to_string_lossy())),
    )
}
