//! Opening: plain, gzip and zstd.

use std::{
    fmt,
    fs::File,
    io::{self, BufReader, Chain, Cursor, IsTerminal as _, Read},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;

use crate::{error::CommandError, output::escaped};

/// The first bytes of compressed files: RFC 1952, RFC 8878.
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// The first bytes of each frame of an encrypted log.
const ENCRYPTED: &[u8] = b"\xf5fapienc";
const LONGEST_MAGIC: usize = 8;

/// A file, or standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InputName {
    StandardInput,
    File(PathBuf),
}

impl InputName {
    /// The input of an argument: `-` is standard input.
    pub(crate) fn of(path: &Path) -> Self {
        if path == Path::new("-") { Self::StandardInput } else { Self::File(path.to_owned()) }
    }

    /// The inputs of a command: standard input if no file is named, unless it is a terminal.
    pub(crate) fn of_files(files: &[PathBuf]) -> Result<Vec<Self>, CommandError> {
        if !files.is_empty() {
            return Ok(files.iter().map(|path| Self::of(path)).collect());
        }
        if io::stdin().is_terminal() { Err(CommandError::NoInput) } else { Ok(vec![Self::StandardInput]) }
    }
}

impl fmt::Display for InputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandardInput => f.write_str("standard input"),
            Self::File(path) => f.write_str(&escaped(&path.to_string_lossy())),
        }
    }
}

/// Opens an input. Its first bytes show whether it is compressed, its name does not matter.
pub(crate) fn open(name: &InputName) -> io::Result<Box<dyn Read>> {
    match name {
        InputName::StandardInput => decompressed(io::stdin().lock()),
        InputName::File(path) => decompressed(open_file(path)?),
    }
}

/// As [`open`], for lines. An encrypted log has none: the error names the command that has them.
pub(super) fn open_lines(name: &InputName) -> io::Result<Box<dyn Read>> {
    let mut reader = open(name)?;
    let first = first_bytes(&mut reader, &[ENCRYPTED])?;
    if is_encrypted(&first) {
        let text = "it is encrypted; `fapilog decrypt` writes its records, for `fapilog cat -`";
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(Box::new(Cursor::new(first).chain(reader)))
}

/// Opens a file. A directory is an error at once.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(file) }
}

/// Whether a path is that of a regular file: a pipe, such as that of `<(...)`, can be read once only.
pub(super) fn is_regular(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// Whether a file is compressed, by its first bytes.
pub(super) fn is_compressed(first: &[u8]) -> bool {
    first.starts_with(GZIP) || first.starts_with(ZSTD)
}

/// Whether a file is an encrypted log, by its first bytes.
pub(super) fn is_encrypted(first: &[u8]) -> bool {
    first.starts_with(ENCRYPTED)
}

fn decompressed(mut reader: impl Read + 'static) -> io::Result<Box<dyn Read>> {
    let first = first_bytes(&mut reader, &[GZIP, ZSTD])?;
    let is_gzip = first.starts_with(GZIP);
    let is_zstd = first.starts_with(ZSTD);
    let whole: Chain<_, _> = Cursor::new(first).chain(reader);
    Ok(if is_gzip {
        Box::new(MultiGzDecoder::new(BufReader::new(whole)))
    } else if is_zstd {
        Box::new(zstd::Decoder::new(whole)?)
    } else {
        Box::new(whole)
    })
}

/// As many bytes as show whether the input begins with one of these. A pipe may have a single byte, and no more for a while.
fn first_bytes(reader: &mut impl Read, magics: &[&[u8]]) -> io::Result<Vec<u8>> {
    let mut first = Vec::with_capacity(LONGEST_MAGIC);
    let may_be_longer = |first: &[u8]| magics.iter().any(|magic| magic.starts_with(first) && magic.len() > first.len());
    while may_be_longer(&first) && reader.by_ref().take(1).read_to_end(&mut first)? > 0 {}
    Ok(first)
}
