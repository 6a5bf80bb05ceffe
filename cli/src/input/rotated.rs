//! Files that a live file was before its rotations.
//!
//! The file sink renames `server.log` to `server.2026-11-30T02-13-06Z.0001.log`, and a compressed file has `.zst` or `.gz` behind
//! that: `docs/file-sink.md`. logrotate renames it to `server.log.1`, then `server.log.2.gz`.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use crate::input::InputName;

/// A rotated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RotatedPath {
    pub(super) path: PathBuf,
    /// Its name without the extension of a compression.
    pub(super) plain_name: String,
    rank: RotationRank,
}

/// The place in the order of rotations. Files of logrotate come first, the highest number is the oldest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum RotationRank {
    Numbered(std::cmp::Reverse<u32>),
    Timed(String, u32),
}

impl RotatedPath {
    /// Whether its name is another one after the next rotation.
    pub(super) fn is_numbered(&self) -> bool {
        matches!(self.rank, RotationRank::Numbered(_))
    }
}

/// Inputs, each file with the rotated files that it was before, the oldest first. A file that is named itself, or is there already,
/// is not added again.
pub(crate) fn with_rotated(names: Vec<InputName>) -> Vec<InputName> {
    let mut known: HashSet<PathBuf> = names.iter().filter_map(real_path).collect();
    let family = |name: InputName| {
        let named = name.clone();
        family_of(name)
            .into_iter()
            .filter(|one| *one == named || real_path(one).is_none_or(|path| known.insert(path)))
            .collect::<Vec<_>>()
    };
    names.into_iter().flat_map(family).collect()
}

fn real_path(name: &InputName) -> Option<PathBuf> {
    match name {
        InputName::File(path) => fs::canonicalize(path).ok(),
        InputName::StandardInput => None,
    }
}

/// A directory that cannot be read has no rotated files: the file itself then has the error.
fn family_of(name: InputName) -> Vec<InputName> {
    let InputName::File(path) = &name else { return vec![name] };
    let rotated = rotated_files(&live_path(path)).unwrap_or_default();
    rotated.into_iter().map(|file| InputName::File(file.path)).chain([name]).collect()
}

/// The file behind a link, which is the live file if the sink made the link.
pub(super) fn live_path(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The rotated files of a live file, the oldest first. If a compressed file is there beside the plain one, the plain one counts.
pub(super) fn rotated_files(live: &Path) -> io::Result<Vec<RotatedPath>> {
    let Some(live_name) = live.file_name().and_then(|name| name.to_str()) else { return Ok(Vec::new()) };
    let directory = live.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if let Some((plain_name, rank)) = name.to_str().filter(|_| is_file).and_then(|name| parse(name, live_name)) {
            files.push(RotatedPath { path: entry.path(), plain_name: plain_name.to_owned(), rank });
        }
    }
    // The plain name is the shorter path.
    files.sort_by(|one, other| (&one.rank, &one.path).cmp(&(&other.rank, &other.path)));
    files.dedup_by(|later, earlier| later.plain_name == earlier.plain_name);
    Ok(files)
}

fn parse<'a>(name: &'a str, live: &str) -> Option<(&'a str, RotationRank)> {
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    let rank = numbered(plain, live).or_else(|| timed(plain, live))?;
    Some((plain, rank))
}

/// `server.log.1`
fn numbered(plain: &str, live: &str) -> Option<RotationRank> {
    let number = plain.strip_prefix(live)?.strip_prefix('.')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.parse().ok().map(|number| RotationRank::Numbered(std::cmp::Reverse(number))))?
}

/// `server.2026-11-30T02-13-06Z.0001.log`
fn timed(plain: &str, live: &str) -> Option<RotationRank> {
    let (stem, extension) = match live.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => (stem, live.get(stem.len()..)?),
        _ => (live, ""),
    };
    let middle = plain.strip_prefix(stem)?.strip_prefix('.')?.strip_suffix(extension)?;
    let (time, counter) = middle.split_once('.')?;
    let has_form = time.len() == "2026-11-30T02-13-06Z".len()
        && time.bytes().zip("0000-00-00T00-00-00Z".bytes()).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == form,
        });
    let is_counter = counter.len() >= 4 && counter.bytes().all(|byte| byte.is_ascii_digit());
    (has_form && is_counter)
        .then(|| counter.parse().ok().map(|counter| RotationRank::Timed(time.to_owned(), counter)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_file_that_is_named_itself_is_there_once() {
        let directory = tempfile::tempdir().unwrap();
        let name = |name: &str| InputName::File(directory.path().join(name));
        for file in ["server.log", "server.log.1", "server.log.2.gz"] {
            fs::write(directory.path().join(file), "").unwrap();
        }
        let all = with_rotated(vec![name("server.log"), name("server.log.1")]);
        assert_eq!(all, [name("server.log.2.gz"), name("server.log"), name("server.log.1")]);
        assert_eq!(with_rotated(vec![name("server.log"), name("server.log")]).len(), 4);
    }

    #[test]
    fn rotated_files_are_in_the_order_of_their_rotations() {
        let directory = tempfile::tempdir().unwrap();
        let live = directory.path().join("server.log");
        for name in [
            "server.log",
            "server.2026-11-30T02-13-06Z.0002.log",
            "server.2026-11-30T02-13-06Z.0001.log.zst",
            "server.2026-11-30T02-13-06Z.0002.log.gz",
            "server.2026-11-29T02-13-06Z.0001.log.gz",
            "server.log.1",
            "server.log.10.gz",
            "server.1.log",
            "server.1.2026-11-30T02-13-06Z.0002.log",
            "server.2026-11-30T02-13-06Z.log",
            "server.log.old",
            "other.2026-11-30T02-13-06Z.0002.log",
        ] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let names: Vec<_> =
            rotated_files(&live).unwrap().into_iter().map(|file| file.path.file_name().unwrap().to_owned()).collect();
        assert_eq!(
            names,
            [
                "server.log.10.gz",
                "server.log.1",
                "server.2026-11-29T02-13-06Z.0001.log.gz",
                "server.2026-11-30T02-13-06Z.0001.log.zst",
                "server.2026-11-30T02-13-06Z.0002.log",
            ]
        );
    }
}
