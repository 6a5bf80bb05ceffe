//! The options of rotation, compression and retention.

use std::{ops::RangeInclusive, time::Duration};

use clap::{ArgGroup, Args, ValueEnum};
use fapilog::sink::Compression;

/// The lengths that the file sink allows.
const ROTATE_BYTES: RangeInclusive<u64> = 65_536..=1 << 40;
const ROTATE_SECONDS: RangeInclusive<f64> = 1.0..=3600.0;

/// The files that a log goes through.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(group = ArgGroup::new("rotation").args(["rotate_bytes", "rotate_interval"]).multiple(true))]
pub(crate) struct RotationArgs {
    /// Start a new file before one has more bytes than these: from 65536 to 1099511627776.
    #[arg(long, value_name = "BYTES", value_parser = rotate_bytes)]
    pub(crate) rotate_bytes: Option<u64>,
    /// Start a new file at each multiple of this time: from 1 to 3600 seconds.
    #[arg(long, value_name = "S", value_parser = rotate_interval)]
    pub(crate) rotate_interval: Option<Duration>,
    /// Compression of rotated files, of the level that the library has by default; needs --rotate-bytes or
    /// --rotate-interval.
    #[arg(long, value_enum, default_value_t, requires_ifs = [("zstd", "rotation"), ("gzip", "rotation")])]
    pub(crate) compress: CompressName,
    /// The most rotated files that stay, of each shard with files of its own, from 1: the oldest are removed, and accounted for by the check; needs
    /// --rotate-bytes or --rotate-interval.
    #[arg(long, value_name = "N", requires = "rotation", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) retain_files: Option<u64>,
    /// The most bytes that the rotated files have together, those of each shard with files of its own, from 1; needs --rotate-bytes or
    /// --rotate-interval.
    #[arg(long, value_name = "BYTES", requires = "rotation", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) retain_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum CompressName {
    #[default]
    None,
    Zstd,
    Gzip,
}

impl RotationArgs {
    /// Whether there is more than one file.
    pub(crate) fn is_rotated(&self) -> bool {
        self.rotate_bytes.is_some() || self.rotate_interval.is_some()
    }

    pub(crate) fn compression(&self) -> Compression {
        match self.compress {
            CompressName::None => Compression::None,
            CompressName::Zstd => Compression::zstd(),
            CompressName::Gzip => Compression::gzip(),
        }
    }
}

fn rotate_bytes(text: &str) -> Result<u64, String> {
    let bytes = text.parse().ok().filter(|bytes| ROTATE_BYTES.contains(bytes));
    bytes.ok_or_else(|| "allowed are whole numbers of bytes from 65536 to 1099511627776".to_owned())
}

fn rotate_interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| ROTATE_SECONDS.contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "allowed is a number of seconds from 1 to 3600".to_owned())
}
