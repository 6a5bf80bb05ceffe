use fapilog_plugin::{error::PluginError, event::Batch};

use super::*;

struct NoLines;

impl Formatter for NoLines {
    fn name(&self) -> &'static str {
        "no_lines"
    }

    fn format(&mut self, _: &Batch<'_>, _: &mut Vec<u8>) -> Result<(), PluginError> {
        Ok(())
    }
}

fn file() -> File {
    File::new("/var/log/server.log", || NoLines)
}

fn problems(file: &File) -> Vec<String> {
    file.check().iter().map(Problem::to_string).collect()
}

#[track_caller]
fn assert_allowed(files: impl IntoIterator<Item = File>) {
    for file in files {
        assert_eq!(problems(&file), [""; 0], "{file:?}");
    }
}

#[test]
fn without_options_nothing_is_rotated_removed_or_created() {
    let options = file().options;
    assert!(!options.rotate.is_automatic() && !options.retain.has_limits());
    assert_eq!((options.compress, options.current_link.as_deref()), (Compression::None, None));
    assert!(!options.create_directories && !options.respect_umask);
    assert_eq!((options.mode, options.directory_mode()), (0o640, 0o750));
    assert_allowed([file()]);
}

#[test]
fn a_file_is_rotated_from_64_kib_to_1_tib() {
    assert_allowed([64 << 10, 1 << 40].map(|bytes| file().rotate_bytes(bytes)));
    assert_eq!(
        problems(&file().rotate_bytes((64 << 10) - 1)),
        ["rotate_bytes is 65535; allowed are 64 KiB to 1024 GiB"]
    );
    assert_eq!(
        problems(&file().rotate_bytes((1 << 40) + 1)),
        ["rotate_bytes is 1099511627777; allowed are 64 KiB to 1024 GiB"]
    );
}

#[test]
fn a_file_is_rotated_by_units_of_time_and_by_intervals_from_a_second_to_366_days() {
    let interval = |seconds| RotateEvery::Interval(Duration::from_secs(seconds));
    let day = 86_400;
    assert_allowed([RotateEvery::Minute, interval(1), interval(366 * day)].map(|every| file().rotate_every(every)));
    for (every, text) in [(interval(0), "0s"), (interval(366 * day + 1), "1year 18h 1s")] {
        let [problem] = &problems(&file().rotate_every(every))[..] else { unreachable!() };
        assert!(
            problem.starts_with(&format!("rotate_every is {text}; allowed are minute, hour, day, week, or")),
            "{problem}"
        );
    }
}

#[test]
fn a_zone_has_an_effect_on_units_of_the_calendar_only() {
    let local = || file().rotate_zone(RotateZone::Local);
    assert_allowed([local().rotate_every(RotateEvery::Day)]);
    assert_allowed([file().rotate_zone(RotateZone::Utc).rotate_every(RotateEvery::Interval(Duration::from_secs(1)))]);
    assert_eq!(problems(&local()), ["rotate_zone is local; it has no effect without rotate_every"]);
    let interval = local().rotate_every(RotateEvery::Interval(Duration::from_secs(1)));
    assert_eq!(problems(&interval), ["rotate_zone is local; an interval counts in UTC"]);
}

#[test]
fn limits_of_retention_are_allowed_without_rotation_and_from_one_on() {
    let second = Duration::from_secs(1);
    assert_allowed([
        file().retain_files(1),
        file().retain_age(second),
        file().retain_bytes(1),
        file().retain_free_bytes(1),
        file().reserve_bytes(1),
        file().retain_files(usize::MAX).retain_age(Duration::MAX).retain_bytes(u64::MAX),
    ]);
    let none = file().retain_files(0).retain_age(second / 2).retain_bytes(0).retain_free_bytes(0).reserve_bytes(0);
    assert_eq!(
        problems(&none),
        [
            "retain_files is 0; allowed are whole numbers from 1",
            "retain_age is 500ms; allowed are durations from 1s",
            "retain_bytes is 0; allowed are sizes from 1 byte",
            "retain_free_bytes is 0; allowed are sizes from 1 byte",
            "reserve_bytes is 0; allowed are sizes from 1 byte",
        ]
    );
}

#[test]
fn a_level_of_compression_has_bounds() {
    let problems = problems(&file().compress(Compression::Gzip { level: 10 }));
    assert!(problems.contains(&"compress.gzip.level is 10; allowed are 1 to 9".to_owned()), "{problems:?}");
}

#[test]
fn a_mode_of_directories_needs_directories() {
    assert_allowed([0o700, 0o777].map(|mode| file().create_directories(true).directory_mode(mode)));
    let mode = |mode| problems(&file().create_directories(true).directory_mode(mode));
    for refused in [0o600, 0o1700, 0] {
        let allowed = "allowed are 0o700 to 0o777, with all permissions for the owner";
        assert_eq!(mode(refused), [format!("directory_mode is {refused:#o}; {allowed}")]);
    }
    assert_eq!(
        problems(&file().directory_mode(0o700)),
        ["directory_mode is 0o700; it has no effect without create_directories"]
    );
}

#[test]
fn a_link_has_a_name_of_its_own() {
    assert_allowed([file().current_link("current.log")]);
    for link in ["server.log", "/current", "server.2026-11-30T02-13-06Z.0001.log"] {
        let [problem] = &problems(&file().current_link(link))[..] else { unreachable!() };
        assert!(problem.starts_with(&format!("current_link is {link:?}; it must")), "{problem}");
    }
}

#[test]
fn a_placeholder_of_the_path_is_known() {
    assert_allowed(["/tmp/a-{pid}-{host}-{shard}.log", "/tmp/{x}/a.log"].map(|path| File::new(path, || NoLines)));
    let [problem] = &problems(&File::new("/tmp/a-{uid}.log", || NoLines))[..] else { unreachable!() };
    assert!(problem.contains("{uid} is no placeholder; allowed are {pid}, {host} and {shard}"), "{problem}");
}

#[test]
fn only_a_file_that_is_rotated_needs_space_in_its_name() {
    let path = format!("/tmp/{}", "a".repeat(230));
    assert_allowed([File::new(&path, || NoLines)]);
    let [problem] = &problems(&File::new(&path, || NoLines).rotate_bytes(1 << 20))[..] else { unreachable!() };
    assert!(problem.contains("a file that is rotated has a name of 207 bytes at most"), "{problem}");
}

#[test]
fn shards_have_files_of_their_own_unless_the_program_wants_one() {
    assert!(!file().has_one_file() && file().one_file(true).has_one_file());
    assert_allowed([file().one_file(true), file().one_file(false)]);
}

#[test]
fn one_file_has_no_place_for_a_shard_in_its_name() {
    let of_shard = || File::new("/var/log/server-{shard}.log", || NoLines);
    assert_allowed([of_shard(), of_shard().one_file(false)]);
    assert_eq!(
        problems(&of_shard().one_file(true)),
        ["one_file is true; a file for all shards has no {shard} in its name"]
    );
}
