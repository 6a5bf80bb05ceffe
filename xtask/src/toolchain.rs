//! The toolchains and tools on this machine.

use std::{
    env,
    path::Path,
    process::{Command, Stdio},
};

use crate::error::Unavailable;

/// How to call cargo for a check by the given Rust version: `""`, `"+1.95"` or `"+1.95.0"`.
pub(crate) fn selector_for_version(version: &str) -> Result<String, Unavailable> {
    if output_of("rustc", &["--version"]).is_some_and(|output| is_release_of(&output, version)) {
        return Ok(String::new());
    }
    let installed = output_of("rustup", &["toolchain", "list"]).unwrap_or_default();
    let name = find_version(&installed, version).ok_or_else(|| Unavailable::Rust { version: version.to_owned() })?;
    Ok(format!("+{name}"))
}

/// Looks whether a nightly toolchain is installed.
pub(crate) fn find_nightly() -> Result<(), Unavailable> {
    output_of("cargo", &["+nightly", "--version"]).map(|_| ()).ok_or(Unavailable::Nightly)
}

/// Looks whether there is a compiler of C++: the one that `CXX` names, or else `c++`.
pub(crate) fn find_cpp_compiler() -> Result<(), Unavailable> {
    let name = env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    output_of(&name, &["--version"]).map(|_| ()).ok_or(Unavailable::CppCompiler { name })
}

/// The target that programs of this machine are built for, such as `x86_64-unknown-linux-gnu`.
pub(crate) fn host_tuple() -> Result<String, Unavailable> {
    let output = output_of("rustc", &["--print", "host-tuple"]).ok_or(Unavailable::HostTuple)?;
    Ok(output.trim_end().to_owned())
}

/// Looks whether miri is installed.
pub(crate) fn find_miri() -> Result<(), Unavailable> {
    find_nightly()?;
    output_of("cargo", &["+nightly", "miri", "--version"]).ok_or(Unavailable::Miri)?;
    Ok(())
}

/// Looks whether a sub-command of cargo is installed, such as `deny`.
pub(crate) fn find_subcommand(name: &'static str) -> Result<(), Unavailable> {
    output_of("cargo", &[name, "--version"]).map(|_| ()).ok_or(Unavailable::Subcommand { name })
}

/// Looks whether a program is installed that cargo can install under its own name, such as `mdbook`.
pub(crate) fn find_program(name: &'static str) -> Result<(), Unavailable> {
    output_of(name, &["--version"]).map(|_| ()).ok_or(Unavailable::Program { name })
}

/// Looks whether `llvm-cov` and `llvm-profdata` are in the toolchain, or are named by the environment.
pub(crate) fn find_llvm_tools() -> Result<(), Unavailable> {
    if ["LLVM_COV", "LLVM_PROFDATA"].iter().all(|name| env::var_os(name).is_some()) {
        return Ok(());
    }
    let libraries = output_of("rustc", &["--print", "target-libdir"]).ok_or(Unavailable::LlvmTools)?;
    let programs = Path::new(libraries.trim_end()).with_file_name("bin");
    let has = |name: &str| programs.join(name).exists();
    if has("llvm-cov") && has("llvm-profdata") { Ok(()) } else { Err(Unavailable::LlvmTools) }
}

/// The tag of the newest release before this commit, such as `v0.2.0`. `None` before the first release.
pub(crate) fn newest_release() -> Option<String> {
    let tag = output_of("git", &["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^"])?;
    Some(tag.trim_end().to_owned())
}

/// The output of `cargo metadata --no-deps`.
pub(crate) fn metadata() -> Result<String, Unavailable> {
    let failed = || Unavailable::Metadata { reason: "failed".to_owned() };
    output_of("cargo", &["metadata", "--format-version", "1", "--no-deps"]).ok_or_else(failed)
}

/// Whether `output`, such as `rustc 1.95.0 (...)`, is a release of `version`, such as `1.95`. Later ones and betas are not.
fn is_release_of(output: &str, version: &str) -> bool {
    let output = output.split_whitespace().nth(1);
    output.is_some_and(|output| output == version || output == format!("{version}.0"))
}

/// The name under which a list of toolchains, one a line and each with its host, has the version.
fn find_version(installed: &str, version: &str) -> Option<String> {
    [version.to_owned(), format!("{version}.0")]
        .into_iter()
        .find(|name| installed.lines().any(|line| line.strip_prefix(name).is_some_and(|host| host.starts_with('-'))))
}

/// The output of a program, if it is there and succeeds.
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
    fn a_sub_command_that_is_not_installed_is_named_with_the_way_to_get_it() {
        let missing = find_subcommand("fapilog-no-such-tool").unwrap_err();
        let expected = "`cargo fapilog-no-such-tool` is not installed; \
                        get it with `cargo install cargo-fapilog-no-such-tool --locked`";
        assert_eq!(missing.to_string(), expected);
    }

    #[test]
    fn a_program_that_is_not_installed_is_named_with_the_way_to_get_it() {
        let missing = find_program("fapilog-no-such-program").unwrap_err();
        let expected = "`fapilog-no-such-program` is not installed; \
                        get it with `cargo install fapilog-no-such-program --locked`";
        assert_eq!(missing.to_string(), expected);
    }

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
