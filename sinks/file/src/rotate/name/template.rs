//! Placeholders in the name of a file.

use std::{ffi::OsString, os::unix::ffi::OsStringExt};

use super::RotationMark;

/// The allowed placeholders, for errors.
const ALLOWED: &str = "allowed are {pid}, {host} and {shard}";

/// The name of a file, with placeholders.
#[derive(Debug)]
pub(super) struct FileNameTemplate {
    stem: Vec<TemplatePart>,
    /// With its dot.
    extension: Vec<TemplatePart>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePart {
    Text(Vec<u8>),
    Pid,
    Host,
    Shard,
}

/// A name that is no template.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FileNameError {
    #[error("{{{0}}} is no placeholder; {ALLOWED}")]
    Unknown(String),
    #[error("it has a {0:?} without its partner; braces stand around a placeholder: {ALLOWED}")]
    StrayBrace(char),
    #[error("two placeholders have no text between them, so that their ends are unknown")]
    Adjacent,
}

/// The names of a shard's files.
pub(super) struct ShardNames {
    pub(super) stem: OsString,
    pub(super) extension: OsString,
    pub(super) pattern: NamePattern,
}

impl FileNameTemplate {
    pub(super) fn parse(name: &[u8]) -> Result<Self, FileNameError> {
        let parts = parts(name)?;
        let is_placeholder = |part: &TemplatePart| !matches!(part, TemplatePart::Text(_));
        if parts.windows(2).any(|pair| pair.iter().all(is_placeholder)) {
            return Err(FileNameError::Adjacent);
        }
        // No placeholder has a dot in it.
        let (stem, extension) = split(name);
        Ok(Self { stem: self::parts(stem)?, extension: self::parts(extension)? })
    }

    /// The names for a shard, and for this process.
    pub(super) fn names(&self, shard: usize, pid: u32) -> ShardNames {
        let own = |parts: &[TemplatePart]| {
            let bytes: Vec<u8> = parts.iter().flat_map(|part| part.text(shard, pid)).collect();
            OsString::from_vec(bytes)
        };
        let stem = self.stem_of(shard);
        ShardNames { stem: own(&stem), extension: own(&self.extension), pattern: self.rotated(shard) }
    }

    /// The most bytes of a live file's name.
    pub(super) fn name_bytes_max(&self) -> usize {
        let names = self.names(super::SHARDS_MAX - 1, u32::MAX);
        names.stem.len() + names.extension.len()
    }

    /// The names of a shard's live files, of any process.
    pub(super) fn live(&self, shard: usize) -> NamePattern {
        let parts = self.stem_of(shard).into_iter().chain(self.extension.iter().cloned());
        NamePattern(parts.map(|part| part.pattern(shard)).collect())
    }

    /// The names of a shard's rotated files, of any process, without the end of a compressed file's name.
    pub(super) fn rotated(&self, shard: usize) -> NamePattern {
        let pattern = |parts: Vec<TemplatePart>| parts.into_iter().map(move |part| part.pattern(shard));
        let mark = [PatternPart::Text(b".".to_vec()), PatternPart::Mark];
        NamePattern(pattern(self.stem_of(shard)).chain(mark).chain(pattern(self.extension.clone())).collect())
    }

    /// Whether the name has a place for the number of the shard.
    pub(super) fn has_shard(&self) -> bool {
        self.stem.iter().chain(&self.extension).any(|part| *part == TemplatePart::Shard)
    }

    /// The stem has the number of a shard behind it, unless it has a place for it.
    fn stem_of(&self, shard: usize) -> Vec<TemplatePart> {
        let mut stem = self.stem.clone();
        if shard > 0 && !self.has_shard() {
            stem.push(TemplatePart::Text(format!(".{shard}").into_bytes()));
        }
        stem
    }
}

/// The stem, and the extension with its dot. A dot in front belongs to the stem.
pub(super) fn split(name: &[u8]) -> (&[u8], &[u8]) {
    match name.iter().rposition(|byte| *byte == b'.') {
        None | Some(0) => (name, b""),
        Some(dot) => name.split_at_checked(dot).unwrap_or((name, b"")),
    }
}

fn parts(mut name: &[u8]) -> Result<Vec<TemplatePart>, FileNameError> {
    let mut parts = Vec::new();
    while let Some(brace) = name.iter().position(|byte| matches!(byte, b'{' | b'}')) {
        let (text, behind) = name.split_at_checked(brace).unwrap_or((name, b""));
        let Some(inner) = behind.strip_prefix(b"{") else { return Err(FileNameError::StrayBrace('}')) };
        let end = inner.iter().position(|byte| matches!(byte, b'{' | b'}'));
        let closed = end.and_then(|end| inner.split_at_checked(end));
        let Some((inner, behind)) = closed.and_then(|(inner, behind)| Some((inner, behind.strip_prefix(b"}")?))) else {
            return Err(FileNameError::StrayBrace('{'));
        };
        if !text.is_empty() {
            parts.push(TemplatePart::Text(text.to_vec()));
        }
        parts.push(match inner {
            b"pid" => TemplatePart::Pid,
            b"host" => TemplatePart::Host,
            b"shard" => TemplatePart::Shard,
            other => return Err(FileNameError::Unknown(String::from_utf8_lossy(other).into_owned())),
        });
        name = behind;
    }
    if !name.is_empty() {
        parts.push(TemplatePart::Text(name.to_vec()));
    }
    Ok(parts)
}

impl TemplatePart {
    fn text(&self, shard: usize, pid: u32) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone(),
            Self::Pid => pid.to_string().into_bytes(),
            Self::Host => host_name(rustix::system::uname().nodename().to_bytes()),
            Self::Shard => shard.to_string().into_bytes(),
        }
    }

    fn pattern(self, shard: usize) -> PatternPart {
        match self {
            Self::Pid => PatternPart::Digits,
            other => PatternPart::Text(other.text(shard, 0)),
        }
    }
}

/// The name of the host, as a part of a file's name.
fn host_name(name: &[u8]) -> Vec<u8> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let mut plain: Vec<u8> = name.iter().map(|byte| if is_plain(byte) { *byte } else { b'_' }).collect();
    match plain.first_mut() {
        // A dot in front hides a file, and two are the directory above.
        Some(first) if *first == b'.' => *first = b'_',
        Some(_) => {}
        None => plain.push(b'_'),
    }
    plain
}

/// The names of the rotated files of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamePattern(Vec<PatternPart>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum PatternPart {
    Text(Vec<u8>),
    /// The number of any process.
    Digits,
    /// A [`RotationMark`].
    Mark,
}

impl NamePattern {
    /// The mark in a name of this pattern.
    pub(super) fn mark_in(&self, name: &[u8]) -> Option<RotationMark> {
        find_mark(&self.0, name, None).flatten()
    }

    pub(super) fn matches(&self, name: &[u8]) -> bool {
        find_mark(&self.0, name, None).is_some()
    }
}

/// `None` if the name is none of the pattern; the inner `None` if the pattern has no mark.
fn find_mark(parts: &[PatternPart], name: &[u8], mark: Option<RotationMark>) -> Option<Option<RotationMark>> {
    let Some((first, others)) = parts.split_first() else { return name.is_empty().then_some(mark) };
    match first {
        PatternPart::Text(text) => find_mark(others, name.strip_prefix(text.as_slice())?, mark),
        PatternPart::Mark => {
            let (mark, behind) = RotationMark::parse_front(name)?;
            find_mark(others, behind, Some(mark))
        }
        PatternPart::Digits => {
            let digits = name.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (1..=digits).rev().find_map(|digits| find_mark(others, name.get(digits..)?, mark))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(name: &str) -> String {
        FileNameTemplate::parse(name.as_bytes()).unwrap_err().to_string()
    }

    fn live(name: &str, shard: usize) -> String {
        let names = FileNameTemplate::parse(name.as_bytes()).unwrap().names(shard, 4711);
        [names.stem, names.extension].map(|part| part.into_string().unwrap()).concat()
    }

    #[test]
    fn a_brace_that_is_no_placeholders_is_an_error_that_names_it() {
        assert_eq!(error("a{date}.log"), "{date} is no placeholder; allowed are {pid}, {host} and {shard}");
        assert_eq!(error("a{}.log"), "{} is no placeholder; allowed are {pid}, {host} and {shard}");
        for (name, brace) in
            [("a{pid.log", '{'), ("a}.log", '}'), ("{{pid}}.log", '{'), ("{pid}}.log", '}'), ("a{", '{')]
        {
            assert!(error(name).starts_with(&format!("it has a {brace:?} without its partner; ")), "{name}");
        }
    }

    #[test]
    fn two_placeholders_have_text_between_them() {
        assert!(error("a{pid}{shard}.log").starts_with("two placeholders have no text"));
        assert_eq!(live("a{pid}-{shard}.log", 1), "a4711-1.log");
    }

    #[test]
    fn a_shard_without_a_place_stands_in_front_of_the_extension() {
        assert_eq!(live("server.log", 0), "server.log");
        assert_eq!(live("server.log", 2), "server.2.log");
        assert_eq!(live("server", 2), "server.2");
        assert_eq!(live(".server", 2), ".server.2");
        assert_eq!(live("a.{pid}", 2), "a.2.4711");
        assert_eq!(live("{shard}.log", 2), "2.log");
        assert_eq!(live("log.{shard}", 0), "log.0");
    }

    #[test]
    fn a_host_has_characters_of_file_names_only() {
        assert_eq!(host_name(b"web-1.example_x"), b"web-1.example_x");
        assert_eq!(host_name(b"a/b c\xff"), b"a_b_c_");
        assert_eq!(host_name(b".."), b"_.");
        assert_eq!(host_name(b""), b"_");
        let own = host_name(rustix::system::uname().nodename().to_bytes());
        assert_eq!(live("{host}.log", 0).as_bytes(), [own.as_slice(), b".log"].concat());
    }
}
