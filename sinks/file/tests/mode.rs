//! A file has the mode of the settings. A separate test program, because the umask applies to the process.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use fapilog_sink_file::File;
use lines::{MessageLines, directory, shut_down, started};
use rustix::fs::Mode;

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_file_that_the_sink_creates_has_the_mode_of_the_settings_with_any_umask() {
    let directory = directory();
    for umask in [0o000, 0o022, 0o077, 0o777] {
        rustix::process::umask(Mode::from_raw_mode(umask));
        let path = directory.path().join(format!("{umask:o}.log"));
        shut_down(&started(File::new(&path, || MessageLines)));
        assert_eq!(mode_of(&path), 0o640, "umask {umask:#o}");

        let path = directory.path().join(format!("{umask:o}.open.log"));
        shut_down(&started(File::new(&path, || MessageLines).mode(0o666)));
        assert_eq!(mode_of(&path), 0o666, "umask {umask:#o}");
    }
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let existing = directory.path().join("existing.log");
    fs::write(&existing, "").unwrap();
    fs::set_permissions(&existing, PermissionsExt::from_mode(0o600)).unwrap();
    shut_down(&started(File::new(&existing, || MessageLines)));
    assert_eq!(mode_of(&existing), 0o600, "an existing file keeps its mode");
}
