use std::os::unix::fs::symlink;

use proptest::prelude::*;

use std::os::unix::ffi::OsStringExt;

use super::*;

fn family(path: &Path, shard: usize) -> FileFamily {
    FileFamily::new(path, ShardInfo::new(shard, 4)).unwrap()
}

fn names(files: &[RotatedFile]) -> Vec<&str> {
    files.iter().map(|file| file.path.file_name().unwrap().to_str().unwrap()).collect()
}

/// 2026-11-30T02:13:06Z.
const SECOND: u64 = 1_796_004_786;

fn at(second: u64) -> Timestamp {
    Timestamp::from_unix_nanos(second * 1_000_000_000 + 999_999_999)
}

/// A rotated file as the directory would have it.
fn rotated(family: &FileFamily, path: PathBuf) -> RotatedFile {
    let (mark, codec) = family.parse(path.file_name().unwrap()).unwrap();
    let RotationMark { second: first_second, counter } = mark;
    RotatedFile { path, first_second, counter, codec, bytes: 0, modified: SystemTime::UNIX_EPOCH }
}

#[test]
fn each_shard_has_its_own_file() {
    assert_eq!(path_of_shard(Path::new("/var/log/server.log"), 0), Path::new("/var/log/server.log"));
    assert_eq!(path_of_shard(Path::new("/var/log/server.log"), 2), Path::new("/var/log/server.2.log"));
    assert_eq!(path_of_shard(Path::new("server"), 1), Path::new("server.1"));
    assert_eq!(family(Path::new("/var/log/server.log"), 2).live(), Path::new("/var/log/server.2.log"));
    assert_eq!(family(Path::new("server.log"), 0).live(), Path::new("server.log"));
    assert_eq!(family(Path::new("server.log"), 0).directory(), Path::new("."));
}

#[test]
fn a_rotated_file_has_the_time_of_its_first_record_and_a_counter() {
    let family = family(Path::new("/var/log/server.log"), 0);
    let first = family.next_name(at(SECOND), &[]);
    assert_eq!(first, Path::new("/var/log/server.2026-11-30T02-13-06Z.0001.log"));
    let known = [rotated(&family, first.clone())];
    assert_eq!(family.next_name(at(SECOND + 1), &known), Path::new("/var/log/server.2026-11-30T02-13-07Z.0001.log"));
    for earlier in [SECOND, SECOND - 1, 0] {
        let next = family.next_name(at(earlier), &known);
        assert_eq!(next, Path::new("/var/log/server.2026-11-30T02-13-06Z.0002.log"));
    }
    assert_eq!(family.name_after(&first).unwrap(), Path::new("/var/log/server.2026-11-30T02-13-06Z.0002.log"));
    assert_eq!(family.name_after(Path::new("/var/log/server.log")), None);
}

#[test]
fn the_counter_9999_is_followed_by_the_next_second() {
    let family = family(Path::new("a.log"), 0);
    let full = rotated(&family, "a.2026-11-30T02-13-06Z.9999.log".into());
    assert_eq!(family.next_name(at(SECOND), &[full]), Path::new("a.2026-11-30T02-13-07Z.0001.log"));
    let wide = rotated(&family, "a.2026-11-30T02-13-06Z.10000.log".into());
    assert_eq!(wide.counter, 10_000);
    // No second follows the last one that names can have.
    let last = rotated(&family, "a.9999-12-30T22-00-00Z.9999.log".into());
    assert_eq!(family.next_name(at(SECOND), &[last]), Path::new("a.9999-12-30T22-00-00Z.10000.log"));
}

#[test]
fn only_files_of_the_family_are_found_from_the_oldest_to_the_newest() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let family = family(&path("server.log"), 0);
    let own = [
        "server.2025-01-01T00-00-00Z.0002.log.gz",
        "server.2026-11-30T02-13-06Z.0001.log",
        "server.2026-11-30T02-13-06Z.0001.log.zst",
        "server.2026-11-30T02-13-06Z.0002.log",
        "server.2026-11-30T02-13-06Z.10000.log",
    ];
    let others = [
        "server.log",
        "server.log.1",
        "server.1.2026-11-30T02-13-06Z.0001.log",
        "aserver.2026-11-30T02-13-06Z.0001.log",
        "server.2026-11-30T02-13-06Z.001.log",
        "server.2026-11-30T02-13-06Z.00001.log",
        "server.2026-11-30T02-13-06Z.+001.log",
        "server.2026-11-30T02-13-06Z..log",
        "server.2026-11-30T02-13-60Z.0001.log",
        "server.2026-02-29T02-13-06Z.0001.log",
        "server.2026_11-30T02-13-06Z.0001.log",
        "server.2026-11-30T+2-13-06Z.0001.log",
        "server.2026-11-30T02-13-06+.0001.log",
        "server.+026-11-30T02-13-06Z.0001.log",
        "server.1969-12-31T23-59-59Z.0001.log",
        "server.2026-11-30T02-13-06Z.99999999999.log",
        "server.2026-11-30T02-13-06Z.0001.log.bz2",
        "server.2026-11-30T02-13-06Z.0001.log.gz.zst",
        ".server.2026-11-30T02-13-06Z.0001.log.zst.part",
        "server.2026-11-30T02-13-06Z.0001.txt",
        "server.2026-11-30T02-13-06Z.0001",
    ];
    for name in own.iter().chain(&others) {
        fs::write(path(name), "x").unwrap();
    }
    fs::create_dir(path("server.2026-11-30T02-13-06Z.0003.log")).unwrap();
    symlink(path("server.log"), path("server.2026-11-30T02-13-06Z.0004.log")).unwrap();
    let found = family.rotated().unwrap();
    assert_eq!(names(&found), own);
    assert_eq!(found.iter().map(|file| file.bytes).sum::<u64>(), 5);
    let plain: Vec<PathBuf> = found.iter().map(RotatedFile::plain_path).collect();
    assert_eq!((&plain[0], &plain[2]), (&path("server.2025-01-01T00-00-00Z.0002.log"), &found[1].path));
    let codecs: Vec<_> = found.iter().map(|file| file.codec).collect();
    assert_eq!(codecs, [Some(Codec::Gzip), None, Some(Codec::Zstd), None, None]);
}

#[test]
fn a_part_file_is_one_of_the_family() {
    let family = family(Path::new("server.log"), 0);
    assert!(family.is_part(".server.2026-11-30T02-13-06Z.0001.log.zst.part".as_ref()));
    for other in [".server.2026-11-30T02-13-06Z.0001.log.part", ".other.log.zst.part", "server.log", ".server.log.part"]
    {
        assert!(!family.is_part(other.as_ref()), "{other}");
    }
}

#[test]
fn files_of_earlier_processes_are_of_the_family() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let family = family(&path("a-{pid}.log"), 1);
    assert_eq!(family.live(), path(&format!("a-{}.1.log", std::process::id())));
    let own = ["a-7.1.2026-11-30T02-13-06Z.0001.log", "a-12.1.2026-11-30T02-13-07Z.0001.log"];
    let others = ["a-.1.2026-11-30T02-13-06Z.0001.log", "a-x.1.2026-11-30T02-13-06Z.0001.log"];
    for name in own.iter().chain(&others).chain(&["a-7.2026-11-30T02-13-06Z.0001.log"]) {
        fs::write(path(name), "").unwrap();
    }
    assert_eq!(names(&family.rotated().unwrap()), own);
}

#[test]
fn names_that_are_no_text_are_names() {
    let name = OsString::from_vec(b"a\xff.log".to_vec());
    let family = family(&Path::new("/tmp").join(name), 1);
    assert_eq!(family.live().as_os_str().as_bytes(), b"/tmp/a\xff.1.log");
    let next = family.next_name(at(SECOND), &[]);
    assert_eq!(next.as_os_str().as_bytes(), b"/tmp/a\xff.1.2026-11-30T02-13-06Z.0001.log");
    assert!(family.parse(next.file_name().unwrap()).is_some());
}

#[test]
fn a_path_that_cannot_be_rotated_is_a_problem() {
    let problem = |path: &str, is_rotated| -> Vec<String> {
        FileFamily::problems(Path::new(path), is_rotated, None).iter().map(Problem::to_string).collect()
    };
    assert_eq!(problem("/", false), ["path is \"/\"; it must name a file"]);
    assert_eq!(
        problem("a{date}.log", false),
        ["path is \"a{date}.log\"; {date} is no placeholder; allowed are {pid}, {host} and {shard}"]
    );
    assert_eq!(problem("{date}/a.log", true), [""; 0]);
    assert_eq!(problem("a.gz", false), ["path is \"a.gz\"; a name that ends in .gz is that of a compressed file"]);
    // Three bytes are for the number of a shard.
    assert_eq!([problem(&"a".repeat(204), true), problem(&"a".repeat(255), false)], [[""; 0]; 2]);
    assert!(problem(&"a".repeat(205), true)[0].ends_with("has a name of 207 bytes at most; this has 208"));
}

#[test]
fn the_longest_name_leaves_space_for_a_part_file() {
    let part = ".".len() + ".2026-11-30T02-13-06Z.4294967295".len() + ".zst.part".len();
    assert!(part <= ADDED_BYTES_MAX);
}

#[test]
fn a_link_has_a_name_that_no_other_file_has() {
    let problem = |path: &str, link: &str| {
        let problems = FileFamily::problems(Path::new(path), true, Some(Path::new(link)));
        problems.first().map(Problem::to_string).unwrap_or_default()
    };
    assert_eq!(problem("/var/log/server.log", "current.log"), "");
    assert_eq!(problem("/var/log/server.log", "server"), "");
    for link in ["", ".", "..", "/a", "a/b", "a/"] {
        assert!(problem("server.log", link).ends_with("it must be a file name without a directory"), "{link}");
    }
    for (path, link) in
        [("server.log", "server.log"), ("server.log", "server.5.log"), ("a{pid}", "a17"), ("{shard}.log", "5.log")]
    {
        assert!(problem(path, link).ends_with("names of the files that are written to"), "{path} {link}");
    }
    for link in ["a.2026-11-30T02-13-06Z.0001.log", "a.3.2026-11-30T02-13-06Z.0001.log.zst"] {
        assert!(problem("a.log", link).ends_with("it must differ from the names of rotated files"), "{link}");
    }
    let path = Path::new("/var/log/server.log");
    assert_eq!(link_path(path, Path::new("current"), 0), Path::new("/var/log/current"));
    assert_eq!(link_path(path, Path::new("current"), 3), Path::new("/var/log/current.3"));
}

proptest! {
    #[test]
    fn names_are_read_as_they_are_written(second in 0..200_000_000_000_u64, counter in 1..u32::MAX, codec in 0..3_usize) {
        let family = family(Path::new("a b.log"), 0);
        let mark = RotationMark { second, counter };
        let mut name = family.path_of(mark).into_os_string();
        let codec = Codec::ALL.get(codec).copied();
        name.push(codec.map_or(OsStr::new(""), |codec| OsStr::from_bytes(codec.suffix())));
        prop_assert_eq!(family.parse(&name), Some((mark, codec)));
    }

    #[test]
    fn no_name_panics(name in "[a.0-9TZ-]{0,60}") {
        family(Path::new("a.log"), 0).parse(name.as_ref());
    }

    #[test]
    fn names_sort_in_the_order_of_the_rotations(
        steps in prop::collection::vec(-3..5_i64, 1..40),
        counter in prop::sample::select(vec![1_u32, 9_990, 9_998, 9_999]),
    ) {
        let family = family(Path::new("a.log"), 0);
        let first = family.path_of(RotationMark { second: SECOND, counter });
        let mut known = vec![rotated(&family, first)];
        let mut second = SECOND;
        for step in steps {
            second = second.saturating_add_signed(step);
            let next = family.next_name(at(second), &known);
            prop_assert!(next > known[known.len() - 1].path);
            let file = rotated(&family, next);
            prop_assert!(file.mark() > known[known.len() - 1].mark());
            known.push(file);
        }
    }
}
