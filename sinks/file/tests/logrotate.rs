//! `logrotate` itself, in its two ways, beside a program that logs.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use lines::{
    content_of_all, diagnostics, directory, each_way_at_once, log_bytes, shut_down, sink, started, until, ways,
};

/// The rounds of `logrotate`, for each way of writing.
const ROUNDS: usize = 4;

/// Whether this machine has `logrotate`. It is in `/usr/sbin`, which may be outside of `PATH`.
fn program() -> Option<PathBuf> {
    let found = ["/usr/sbin/logrotate", "/usr/bin/logrotate"].map(PathBuf::from).into_iter().find(|path| path.exists());
    if found.is_none() {
        eprintln!("NOT TESTED: there is no logrotate");
    }
    found
}

/// Rotates the file once.
fn rotate(program: &Path, path: &Path, way: &str) {
    let directory = path.parent().unwrap();
    let config = directory.join("logrotate.conf");
    let text = format!("{} {{\n rotate 100\n nocompress\n missingok\n su root root\n {way}\n}}\n", path.display());
    fs::write(&config, text).unwrap();
    fs::set_permissions(&config, PermissionsExt::from_mode(0o644)).unwrap();
    let output = Command::new(program).arg("--force").arg("--state").arg(directory.join("state")).arg(&config).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::remove_file(config).unwrap();
}

/// The content of `name.log.N`, from the oldest on, and of `name.log`.
fn content(path: &Path) -> Vec<u8> {
    let old = |number: &usize| PathBuf::from(format!("{}.{number}", path.display()));
    let files: Vec<PathBuf> =
        (1..=ROUNDS).rev().filter(|number| old(number).exists()).map(|number| old(&number)).collect();
    files.iter().map(PathBuf::as_path).chain([path]).flat_map(|file| fs::read(file).unwrap()).collect()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn with_create_every_record_is_in_one_of_the_files() {
    let Some(program) = program().filter(|_| is_root()) else { return };
    each_way_at_once(|way| {
        let directory = directory();
        let path = directory.path().join("created.log");
        let container = started(sink(&path, way));
        let log = container.logger("test");
        let mut expected = log_bytes(&log, 200_000);
        container.flush(lines::TIMEOUT).unwrap();
        for _ in 0..ROUNDS {
            rotate(&program, &path, "create 0640 root root");
            // Records come before the sink sees the move, and behind that.
            until("records go to the new file", || {
                expected.extend(log_bytes(&log, 20_000));
                container.flush(lines::TIMEOUT).unwrap();
                fs::metadata(&path).unwrap().len() > 0
            });
        }
        let accounts = shut_down(&container);
        assert_eq!((accounts.lost_total(), accounts.pending_total()), (0, 0), "{}", diagnostics(&container));
        assert!(content(&path) == expected, "{way:?}");
        assert!(fs::metadata(format!("{}.{ROUNDS}", path.display())).is_ok());
    });
}

#[test]
fn with_copytruncate_there_is_no_hole_and_each_record_outside_of_the_copy_is_there() {
    let Some(program) = program().filter(|_| is_root()) else { return };
    for way in ways() {
        let directory = directory();
        let path = directory.path().join("copied.log");
        let container = started(sink(&path, way));
        let log = container.logger("test");
        let mut expected = Vec::new();
        for _ in 0..ROUNDS {
            expected.extend(log_bytes(&log, 200_000));
            container.flush(lines::TIMEOUT).unwrap();
            // No record comes between the copy and the truncation: such a record is lost to any writer.
            rotate(&program, &path, "copytruncate");
            assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        }
        expected.extend(log_bytes(&log, 100));
        let accounts = shut_down(&container);
        assert_eq!(accounts.lost_total(), 0, "{}", diagnostics(&container));
        let content = content(&path);
        assert!(!content.contains(&0), "a hole");
        assert!(content == expected, "{way:?}");
    }
}

#[test]
fn with_copytruncate_at_full_speed_there_is_no_hole_and_every_line_is_whole() {
    let Some(program) = program().filter(|_| is_root()) else { return };
    let directory = directory();
    let path = directory.path().join("busy.log");
    let container = started(sink(&path, ways()[0]));
    let log = container.logger("test");
    let is_over = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Relaxed: the join orders what follows.
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                log_bytes(&log, 50_000);
                thread::sleep(Duration::from_millis(1));
            }
        });
        (0..ROUNDS).for_each(|_| rotate(&program, &path, "copytruncate"));
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(shut_down(&container).lost_total(), 0);
    assert!(!content_of_all(&path).contains(&0), "a hole");
}
