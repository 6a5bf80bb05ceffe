//! Which Rust toolchains are here.

use std::process::{Command, Stdio};

use crate::error::Missing;

/// How to call cargo for a check by the given Rust version: `""`, `"+1.95"` or `"+1.95.0"`.
pub(crate) fn selector_for_version(version: &str) -> Result<String, Missing> {
    if output_of("rustc", &["--version"]).is_some_and(|said| is_release_of(&said, version)) {
        return Ok(String::new());
    }
    let installed = output_of("rustup", &["toolchain", "list"]).unwrap_or_default();
    let name = find_version(&installed, version).ok_or_else(|| Missing::Rust { version: version.to_owned() })?;
    Ok(format!("+{name}"))
}

/// Looks whether miri is here.
pub(crate) fn find_miri() -> Result<(), Missing> {
    output_of("cargo", &["+nightly", "--version"]).ok_or(Missing::Nightly)?;
    output_of("cargo", &["+nightly", "miri", "--version"]).ok_or(Missing::Miri)?;
    Ok(())
}

/// Whether `said`, such as `rustc 1.95.0 (...)`, is a release of `version`, such as `1.95`: not a later one, not a beta.
fn is_release_of(said: &str, version: &str) -> bool {
    let said = said.split_whitespace().nth(1);
    said.is_some_and(|said| said == version || said == format!("{version}.0"))
}

/// The name under which a list of toolchains, one a line and each with its host, has the version.
fn find_version(installed: &str, version: &str) -> Option<String> {
    [version.to_owned(), format!("{version}.0")]
        .into_iter()
        .find(|name| installed.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'))))
}

/// What the program prints, if it is there and succeeds.
fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTALLED: &str = "\
stable-x86_64-unknown-linux-gnu (active, default)
nightly-x86_64-unknown-linux-gnu
1.9-x86_64-unknown-linux-gnu
1.95.0-x86_64-unknown-linux-gnu
";

    #[test]
    fn a_version_is_found_under_its_name_or_as_its_first_release() {
        assert_eq!(find_version(INSTALLED, "1.9").as_deref(), Some("1.9"));
        assert_eq!(find_version(INSTALLED, "1.95").as_deref(), Some("1.95.0"));
        assert_eq!(find_version(INSTALLED, "1.94"), None);
    }

    #[test]
    fn the_compiler_in_use_serves_if_it_is_that_very_version() {
        assert!(is_release_of("rustc 1.95.0 (a1b2c3d4e 2026-03-21)", "1.95"));
        assert!(is_release_of("rustc 1.95.1 (a1b2c3d4e 2026-03-21)", "1.95.1"));
        for other in ["rustc 1.96.0 (a1b2c3d4e 2026-05-02)", "rustc 1.95.0-beta.3 (a1b2c3d4e 2026-03-01)", ""] {
            assert!(!is_release_of(other, "1.95"), "{other}");
        }
    }
}
