//! Needs of a step that this machine or workspace does not meet.

use std::{error, fmt, io, path::PathBuf};

/// The reason why a step cannot run, with the remedy where there is one.
#[derive(Debug)]
pub(crate) enum Unavailable {
    /// The root manifest cannot be read.
    Manifest { path: PathBuf, source: io::Error },
    /// The root manifest does not name the Rust that the workspace builds with.
    RustVersion { path: PathBuf },
    /// This Rust is not installed.
    Rust { version: String },
    /// There is no nightly toolchain, which miri belongs to, and the counters of fuzz targets.
    Nightly,
    /// There is no compiler of C++, which libFuzzer is built with.
    CppCompiler { name: String },
    /// The compiler does not name the target of this machine.
    HostTuple,
    /// The nightly toolchain has no miri.
    Miri,
    /// This sub-command of cargo is not installed.
    Subcommand { name: &'static str },
    /// This program is not installed; cargo can install it under the same name.
    Program { name: &'static str },
    /// The toolchain in use has no `llvm-cov` and `llvm-profdata`.
    LlvmTools,
    /// The workspace's crates cannot be listed.
    Metadata { reason: String },
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const GET_MIRI: &str = "get it with `rustup toolchain install nightly --component miri,rust-src`";
        match self {
            Self::Manifest { path, source } => write!(f, "{}: {source}", path.display()),
            Self::RustVersion { path } => write!(f, "{}: no line `rust-version = \"...\"`", path.display()),
            Self::Rust { version } => {
                let get = format_args!("rustup toolchain install {version} --profile minimal");
                write!(f, "Rust {version} is not installed; get it with `{get}`")
            }
            Self::Nightly => write!(f, "the nightly toolchain is not installed; {GET_MIRI}"),
            Self::CppCompiler { name } => {
                write!(f, "`{name}` is not installed, which libFuzzer is built with; get it with `apt-get install g++`")
            }
            Self::HostTuple => write!(f, "`rustc --print host-tuple` failed; get a newer one with `rustup update`"),
            Self::Subcommand { name } => {
                write!(f, "`cargo {name}` is not installed; get it with `cargo install cargo-{name} --locked`")
            }
            Self::Program { name } => {
                write!(f, "`{name}` is not installed; get it with `cargo install {name} --locked`")
            }
            Self::LlvmTools => {
                write!(f, "the toolchain has no llvm-tools; get them with `rustup component add llvm-tools`")
            }
            Self::Metadata { reason } => write!(f, "`cargo metadata`: {reason}"),
            Self::Miri => write!(f, "the nightly toolchain has no miri component; {GET_MIRI}"),
        }
    }
}

impl error::Error for Unavailable {}
