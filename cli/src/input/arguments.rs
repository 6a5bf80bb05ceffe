//! The files on the command line.

use std::path::PathBuf;

use clap::Args;

use crate::{
    error::CommandError,
    input::{InputName, with_rotated},
};

/// The files that are read.
#[derive(Debug, Default, Args)]
pub(crate) struct InputArguments {
    /// Log files, also compressed ones (gzip, zstd); `-` is standard input, which is also read if there is none.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Read rotated files too: those that each FILE was before.
    #[arg(short, long)]
    rotated: bool,
}

impl InputArguments {
    pub(crate) fn names(&self) -> Result<Vec<InputName>, CommandError> {
        let names = InputName::of_files(&self.files)?;
        Ok(if self.rotated { with_rotated(names) } else { names })
    }
}

/// The files of a request: it may have begun in a file that is rotated since.
#[derive(Debug, Args)]
pub(crate) struct RequestInputArguments {
    /// Log files, also compressed ones (gzip, zstd), with the rotated files that each FILE was before; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Read the named files alone, and no rotated ones.
    #[arg(long)]
    no_rotated: bool,
}

impl RequestInputArguments {
    pub(crate) fn names(&self) -> Vec<InputName> {
        let names = self.files.iter().map(|path| InputName::of(path)).collect();
        if self.no_rotated { names } else { with_rotated(names) }
    }
}
