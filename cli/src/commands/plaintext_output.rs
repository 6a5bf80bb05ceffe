//! Output of what was encrypted: a new file for its owner alone, or a screen.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

use crate::{
    arguments::SharedArguments,
    commands::new_file::{SECRET, open_new},
    error::CommandError,
    output::{PagerUse, Screen, escaped},
};

/// The destination of decrypted records or lines.
pub(super) enum PlaintextOutput {
    Screen(Screen),
    File(BufWriter<File>),
}

impl PlaintextOutput {
    /// The new file, or standard output.
    pub(super) fn open(file: Option<&Path>, shared: &SharedArguments) -> Result<Self, CommandError> {
        Ok(match file {
            Some(path) => Self::File(BufWriter::new(open_new(path, SECRET)?)),
            None => Self::Screen(Screen::open(shared, PagerUse::IfTerminal)),
        })
    }

    pub(super) fn write(&mut self, records: &[u8]) -> Result<(), CommandError> {
        match self {
            Self::File(file) => file.write_all(records).map_err(CommandError::Write),
            Self::Screen(screen) if screen.is_terminal() => screen.write(harmless(records).as_bytes()),
            Self::Screen(screen) => screen.write(records),
        }
    }

    pub(super) fn finish(self, written: Result<(), CommandError>) -> Result<(), CommandError> {
        match self {
            Self::Screen(screen) => screen.finish(written),
            Self::File(mut file) => {
                written?;
                file.flush().and_then(|()| file.get_ref().sync_all()).map_err(CommandError::Write)
            }
        }
    }
}

/// Records for a terminal: their control characters are escaped, but line ends.
fn harmless(records: &[u8]) -> String {
    let text = String::from_utf8_lossy(records);
    text.split_inclusive('\n')
        .map(|line| match line.strip_suffix('\n') {
            Some(line) => escaped(line) + "\n",
            None => escaped(line),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_records_do_not_reach_a_terminal() {
        assert_eq!(harmless(b"a\x1b[31mb\nc"), "a\\u001b[31mb\nc");
    }
}
