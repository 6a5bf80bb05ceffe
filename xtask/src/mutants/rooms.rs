//! The crates whose mutants are run, and the tests that see them.

/// A crate with the code that mutants are made of; `.cargo/mutants.toml` has its files.
#[derive(Debug)]
pub(super) struct MutatedRoom {
    pub(super) package: &'static str,
    /// The folder of the crate, below the workspace's root.
    pub(super) folder: &'static str,
    /// Arguments of `cargo test`: the users whose tests see a mutant that the crate's own tests miss.
    pub(super) users: &'static [&'static str],
}

/// Quick rooms first.
pub(super) const ROOMS: &[MutatedRoom] = &[
    MutatedRoom { package: "fapilog-ring", folder: "ring", users: &["--package=fapilog-engine"] },
    MutatedRoom {
        package: "fapilog-record",
        folder: "core/record",
        users: &["--package=fapilog-format", "--package=fapilog-engine", "--package=fapilog"],
    },
    MutatedRoom { package: "fapilog-engine", folder: "core/engine", users: &["--package=fapilog"] },
    MutatedRoom { package: "fapilog-sink-file", folder: "sinks/file", users: &["--package=fapilog"] },
];
