#![cfg(all(feature = "gzip", feature = "zstd"))]

use std::{
    cell::Cell,
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    time::{Duration, SystemTime},
};

use fapilog_plugin::factory::ShardInfo;
use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use super::*;
use crate::rotate::name::FileFamily;

const NAME: &str = "a.2026-11-30T02-13-06Z.0001.log";
const BOTH: [Compression; 2] = [Compression::gzip(), Compression::zstd()];

fn never() -> bool {
    false
}

/// A directory with a rotated file.
fn directory_with(content: &[u8]) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let plain = directory.path().join(NAME);
    fs::write(&plain, content).unwrap();
    (directory, plain)
}

fn family(directory: &TempDir) -> FileFamily {
    FileFamily::new(&directory.path().join("a.log"), ShardInfo::new(0, 1)).unwrap()
}

fn names(directory: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn compressed_name(compression: Compression) -> String {
    format!("{NAME}{}", String::from_utf8_lossy(compression.codec().unwrap().suffix()))
}

fn content(path: &Path, compression: Compression) -> Vec<u8> {
    let file = File::open(path).unwrap();
    let mut content = Vec::new();
    match compression.codec().unwrap() {
        Codec::Gzip => flate2::read::GzDecoder::new(file).read_to_end(&mut content).unwrap(),
        Codec::Zstd => zstd::Decoder::new(file).unwrap().read_to_end(&mut content).unwrap(),
    };
    content
}

/// Bytes that no format makes short: a generator of Marsaglia's.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn a_compressed_file_has_the_bytes_of_its_plain_file() {
    let lines = b"{\"message\":\"order filled\",\"quantity\":100}\n".repeat(250_000);
    for compression in BOTH {
        for plain in [Vec::new(), b"x".to_vec(), lines.clone(), noise(10 << 20)] {
            let (directory, path) = directory_with(&plain);
            let result = compress(&path, compression, &never).unwrap();
            let Compressed::Whole { path, plain_bytes, bytes } = result else { unreachable!("{result:?}") };
            assert_eq!(path, directory.path().join(compressed_name(compression)));
            assert_eq!(names(&directory), [compressed_name(compression)]);
            assert_eq!((plain_bytes, bytes), (plain.len() as u64, fs::metadata(&path).unwrap().len()));
            assert!(content(&path, compression) == plain);
        }
    }
}

#[test]
fn a_frame_of_zstd_has_the_length_of_its_content_and_a_checksum() {
    let (_directory, path) = directory_with(&[7; 1000]);
    let Compressed::Whole { path, .. } = compress(&path, Compression::zstd(), &never).unwrap() else { unreachable!() };
    let frame = fs::read(path).unwrap();
    assert_eq!(zstd::zstd_safe::get_frame_content_size(&frame).unwrap(), Some(1000));
    // The third bit of the frame's descriptor, behind the magic number: RFC 8878, 3.1.1.1.1.
    assert_eq!(frame[4] & 0b100, 0b100);
}

#[test]
fn a_higher_level_makes_a_smaller_file() {
    let words = [&b"order "[..], b"filled ", b"cancelled ", b"price ", b"quantity ", b"7 ", b"1234 ", b"\n"];
    let text: Vec<u8> = noise(200_000).iter().flat_map(|byte| words[usize::from(byte % 8)]).copied().collect();
    let length = |compression| {
        let (_directory, path) = directory_with(&text);
        let result = compress(&path, compression, &never).unwrap();
        let Compressed::Whole { bytes, .. } = result else { unreachable!("{result:?}") };
        bytes
    };
    assert!(length(Compression::Gzip { level: 9 }) < length(Compression::Gzip { level: 1 }));
    assert!(length(Compression::Zstd { level: 19 }) < length(Compression::Zstd { level: 1 }));
}

#[test]
fn a_compressed_file_has_the_mode_the_owner_and_the_time_of_its_plain_file() {
    for compression in BOTH {
        let (_directory, path) = directory_with(b"content");
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o604)).unwrap();
        let plain = fs::metadata(&path).unwrap();
        let Compressed::Whole { path, .. } = compress(&path, compression, &never).unwrap() else { unreachable!() };
        let compressed = fs::metadata(path).unwrap();
        assert_eq!(compressed.modified().unwrap(), modified);
        assert_eq!(compressed.mode(), plain.mode());
        assert_eq!((compressed.uid(), compressed.gid()), (plain.uid(), plain.gid()));
    }
}

#[test]
fn a_compression_that_is_stopped_leaves_the_plain_file_alone() {
    let plain = noise(1 << 20);
    for compression in BOTH {
        for buffers in 0..4 {
            let (directory, path) = directory_with(&plain);
            let left = Cell::new(buffers);
            let stop = || left.replace(left.get() - 1) == 0;
            assert_eq!(compress(&path, compression, &stop).unwrap(), Compressed::Stopped);
            assert_eq!(names(&directory), [NAME]);
            assert!(fs::read(&path).unwrap() == plain);
        }
    }
}

#[test]
fn a_plain_file_that_is_removed_meanwhile_leaves_nothing() {
    for compression in BOTH {
        let (directory, path) = directory_with(b"content");
        let remove = || {
            let _ = fs::remove_file(&path);
            false
        };
        assert_eq!(compress(&path, compression, &remove).unwrap(), Compressed::Gone);
        assert_eq!(names(&directory), [""; 0]);
        assert_eq!(compress(&path, compression, &never).unwrap(), Compressed::Gone);
    }
}

#[test]
fn a_file_that_grows_or_shrinks_meanwhile_stays_plain() {
    for compression in BOTH {
        for bytes in [0, 100, 2 << 20] {
            let (directory, path) = directory_with(&noise(1 << 20));
            let change = || {
                let file = File::options().write(true).open(&path).unwrap();
                file.set_len(bytes).unwrap();
                false
            };
            let error = compress(&path, compression, &change).unwrap_err();
            assert!(matches!(&error, CompressError::Changed { .. }), "{error}");
            assert_eq!(names(&directory), [NAME]);
        }
    }
}

#[test]
fn a_file_that_a_sink_writes_to_is_in_use() {
    let (directory, path) = directory_with(b"content");
    let sink = File::open(&path).unwrap();
    flock(&sink, FlockOperation::NonBlockingLockExclusive).unwrap();
    assert_eq!(compress(&path, Compression::zstd(), &never).unwrap(), Compressed::InUse);
    assert_eq!(names(&directory), [NAME]);
    drop(sink);
    assert!(matches!(compress(&path, Compression::zstd(), &never).unwrap(), Compressed::Whole { .. }));
}

#[test]
fn a_file_that_another_process_compresses_is_in_use() {
    let (directory, path) = directory_with(b"content");
    let other = PartFile::create(&path, Codec::Gzip).unwrap().unwrap();
    assert_eq!(compress(&path, Compression::gzip(), &never).unwrap(), Compressed::InUse);
    assert_eq!(names(&directory).len(), 2, "the other's part file stays");
    let cleaned = clean_up(&family(&directory), &never).unwrap();
    assert_eq!((names(&directory).len(), cleaned.errors.len()), (2, 0));
    drop(other);
    assert!(matches!(compress(&path, Compression::gzip(), &never).unwrap(), Compressed::Whole { .. }));
}

#[test]
fn other_than_a_regular_file_is_refused() {
    let (directory, path) = directory_with(b"content");
    let other = directory.path().join("other");
    fs::rename(&path, &other).unwrap();
    symlink(&other, &path).unwrap();
    assert!(matches!(compress(&path, Compression::zstd(), &never), Err(CompressError::NotAPlainFile { .. })));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(compress(&path, Compression::zstd(), &never), Err(CompressError::NotAPlainFile { .. })));
    assert_eq!(names(&directory), [NAME, "other"]);
}

#[test]
fn a_link_in_the_place_of_the_part_file_is_not_followed() {
    let (directory, path) = directory_with(b"content");
    let victim = directory.path().join("victim");
    fs::write(&victim, "victim").unwrap();
    symlink(&victim, directory.path().join(format!(".{NAME}.zst.part"))).unwrap();
    assert!(matches!(compress(&path, Compression::zstd(), &never).unwrap(), Compressed::Whole { .. }));
    assert_eq!(fs::read(&victim).unwrap(), b"victim");
}

#[test]
fn a_compressed_file_of_another_content_is_never_replaced() {
    let (directory, path) = directory_with(b"content");
    let target = directory.path().join(compressed_name(Compression::gzip()));
    fs::write(&target, "another").unwrap();
    let error = compress(&path, Compression::gzip(), &never).unwrap_err();
    assert!(matches!(&error, CompressError::Exists { path } if *path == target), "{error}");
    assert_eq!(fs::read(&target).unwrap(), b"another");
    assert_eq!(names(&directory), [NAME.to_owned(), compressed_name(Compression::gzip())]);
}

#[test]
fn no_compression_compresses_nothing() {
    let (directory, path) = directory_with(b"content");
    assert_eq!(compress(&path, Compression::None, &never).unwrap(), Compressed::Stopped);
    assert_eq!(names(&directory), [NAME]);
}

/// The steps of a compression.
const STEPS: [fn(&mut PartFile, Compression); 5] = [
    |part, compression| {
        // In the middle: a part of the bytes.
        let buffers = Cell::new(2);
        let stop = || buffers.replace(buffers.get() - 1) == 0;
        assert!(part.fill(compression, &stop).is_err());
    },
    |part, compression| {
        part.remove();
        *part = PartFile::create(&part_plain(part), compression.codec().unwrap()).unwrap().unwrap();
        part.fill(compression, &never).unwrap();
    },
    |part, _| part.seal().unwrap(),
    |part, _| part.publish().unwrap(),
    |part, _| assert!(matches!(part.remove_plain().unwrap(), Compressed::Whole { .. })),
];

fn part_plain(part: &PartFile) -> PathBuf {
    part.plain_path().to_owned()
}

#[test]
fn a_crash_behind_any_step_leaves_the_plain_file_or_the_whole_compressed_one() {
    let plain = noise(1 << 20);
    for compression in BOTH {
        for crash_behind in 0..=STEPS.len() {
            let (directory, path) = directory_with(&plain);
            let mut part = PartFile::create(&path, compression.codec().unwrap()).unwrap().unwrap();
            STEPS.iter().take(crash_behind).for_each(|step| step(&mut part, compression));
            // The descriptors of a process that ends are closed.
            drop(part);
            let cleaned = clean_up(&family(&directory), &never).unwrap();
            assert!(cleaned.errors.is_empty(), "{cleaned:?}");
            if crash_behind < 4 {
                assert_eq!(names(&directory), [NAME], "step {crash_behind}");
                assert!(fs::read(&path).unwrap() == plain);
                assert_eq!(cleaned.waiting.iter().map(|file| &file.path).collect::<Vec<_>>(), [&path]);
            } else {
                assert_eq!(names(&directory), [compressed_name(compression)], "step {crash_behind}");
                assert!(content(&directory.path().join(compressed_name(compression)), compression) == plain);
                assert!(cleaned.waiting.is_empty());
            }
        }
    }
}

#[test]
fn a_compression_goes_on_where_a_crash_has_left_both_files() {
    let (directory, path) = directory_with(b"content");
    let part = PartFile::create(&path, Codec::Zstd).unwrap().unwrap();
    part.fill(Compression::zstd(), &never).unwrap();
    part.publish().unwrap();
    drop(part);
    assert!(matches!(compress(&path, Compression::zstd(), &never).unwrap(), Compressed::Whole { .. }));
    assert_eq!(names(&directory), [compressed_name(Compression::zstd())]);
}

/// A disk that is full after some bytes.
struct FullDisk(usize);

impl Write for FullDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::Error::from_raw_os_error(libc::ENOSPC))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_that_leaves_the_plain_file_and_no_part() {
    for compression in BOTH {
        for bytes in [0, 500_000] {
            let (directory, path) = directory_with(&noise(1 << 20));
            let codec = compression.codec().unwrap();
            let part = PartFile::create(&path, codec).unwrap().unwrap();
            let filled = part.fill_through(FullDisk(bytes), compression, &never);
            let error = part.finish(filled).unwrap_err();
            let CompressError::Io { operation: "write", source, .. } = &error else { unreachable!("{error}") };
            assert_eq!(source.raw_os_error(), Some(libc::ENOSPC));
            assert_eq!(names(&directory), [NAME]);
        }
    }
}

#[test]
fn a_clean_up_keeps_both_files_where_the_compressed_one_is_not_whole() {
    for compression in BOTH {
        let (directory, path) = directory_with(&noise(100_000));
        let Compressed::Whole { path: twin, bytes, .. } = compress(&path, compression, &never).unwrap() else {
            unreachable!()
        };
        fs::write(&path, noise(100_000)).unwrap();
        for (length, plain_bytes) in [(bytes - 1, 100_000), (bytes / 2, 100_000), (0, 100_000), (bytes, 99_999)] {
            let whole = fs::read(&twin).unwrap();
            File::options().write(true).open(&twin).unwrap().set_len(length).unwrap();
            File::options().write(true).open(&path).unwrap().set_len(plain_bytes).unwrap();
            let cleaned = clean_up(&family(&directory), &never).unwrap();
            assert_eq!(names(&directory).len(), 2);
            assert_eq!((cleaned.waiting.len(), cleaned.errors.len()), (0, 1), "{length} {cleaned:?}");
            fs::write(&twin, whole).unwrap();
            fs::write(&path, noise(100_000)).unwrap();
        }
        clean_up(&family(&directory), &never).unwrap();
        assert_eq!(names(&directory), [compressed_name(compression)]);
    }
}

#[test]
fn a_clean_up_touches_no_file_of_others() {
    let (directory, _) = directory_with(b"content");
    let others = [".b.2026-11-30T02-13-06Z.0001.log.zst.part", ".a.log.zst.part", "a.log", "a.log.gz"];
    others.iter().for_each(|name| fs::write(directory.path().join(name), "x").unwrap());
    let cleaned = clean_up(&family(&directory), &never).unwrap();
    assert_eq!((names(&directory).len(), cleaned.waiting.len()), (5, 1));
    assert!(cleaned.errors.is_empty());
}
