//! Texts that are dangerous for programs that read a log.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, BuildError};
use fapilog_plugin::named_enum;
use fapilog_record::value::ValueRef;

named_enum! {
    /// A kind of dangerous content.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Danger {
        /// Control characters but tab and line ends: they drive a terminal that shows the log.
        ControlCharacters = "control_characters",
        /// Text that a browser runs: `<script`, `javascript:`, `data:text/html`.
        Script = "script",
        /// Text that a logging library or a template may look up: `${jndi:`, `${${`.
        Lookup = "lookup",
        /// Fragments of SQL injections: `union select`, `' or 1=1`, `; drop table`.
        Sql = "sql",
    }
}

/// In any case. It is a list of what tools of attackers write first, and no parser of SQL or HTML.
const PATTERNS: &[(&str, Danger)] = &[
    ("<script", Danger::Script),
    ("javascript:", Danger::Script),
    ("data:text/html", Danger::Script),
    ("${jndi:", Danger::Lookup),
    ("${${", Danger::Lookup),
    ("${env:", Danger::Lookup),
    ("${lower:", Danger::Lookup),
    ("union select", Danger::Sql),
    ("union all select", Danger::Sql),
    ("' or 1=1", Danger::Sql),
    ("' or '1'='1", Danger::Sql),
    ("\" or 1=1", Danger::Sql),
    ("; drop table", Danger::Sql),
    (";drop table", Danger::Sql),
    ("; delete from", Danger::Sql),
    ("; shutdown--", Danger::Sql),
    ("xp_cmdshell", Danger::Sql),
];

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Dangers(u8);

impl Dangers {
    pub(super) const ALL: Self = Self((1 << Danger::ALL.len()) - 1);

    pub(super) fn of(dangers: impl IntoIterator<Item = Danger>) -> Self {
        dangers.into_iter().fold(Self::default(), |all, danger| all.and(Self(1 << danger as u8)))
    }

    pub(super) fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    fn has(self, danger: Danger) -> bool {
        self.0 >> danger as u8 & 1 == 1
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        Danger::ALL.iter().filter(move |danger| self.has(**danger)).map(|danger| danger.name())
    }
}

/// Finds them.
#[derive(Debug, Clone)]
pub(super) struct DangerFinder {
    automaton: AhoCorasick,
    /// The kinds of its patterns, by their numbers.
    kinds: Vec<Danger>,
    wanted: Dangers,
}

impl DangerFinder {
    pub(super) fn new(wanted: Dangers) -> Result<Self, BuildError> {
        let patterns = || PATTERNS.iter().filter(|(_, danger)| wanted.has(*danger));
        let mut builder = AhoCorasickBuilder::new();
        // The patterns are few and short: all its states take some KiB.
        builder.ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA));
        let automaton = builder.build(patterns().map(|(text, _)| text))?;
        Ok(Self { automaton, kinds: patterns().map(|(_, danger)| *danger).collect(), wanted })
    }

    /// The kinds in a text, or in the parts and keys of a value.
    pub(super) fn dangers_in(&self, value: ValueRef<'_>) -> Dangers {
        match value {
            ValueRef::Text(text) => self.in_bytes(text.as_bytes()),
            ValueRef::Bytes(bytes) => self.in_bytes(bytes),
            ValueRef::Char(c) => self.in_bytes(c.encode_utf8(&mut [0; 4]).as_bytes()),
            // Values are nested eight deep at most.
            ValueRef::Sequence(elements) => {
                elements.iter().fold(Dangers::default(), |found, element| found.and(self.dangers_in(element)))
            }
            ValueRef::Map(entries) => entries.iter().fold(Dangers::default(), |found, (key, value)| {
                found.and(self.in_bytes(key.as_bytes())).and(self.dangers_in(value))
            }),
            _ => Dangers::default(),
        }
    }

    fn in_bytes(&self, text: &[u8]) -> Dangers {
        let mut found = Dangers::default();
        if self.wanted.has(Danger::ControlCharacters) && has_control_characters(text) {
            found = found.and(Dangers::of([Danger::ControlCharacters]));
        }
        for place in self.automaton.find_overlapping_iter(text) {
            let kind = self.kinds.get(place.pattern().as_usize()).copied();
            found = found.and(Dangers::of(kind));
            if found == self.wanted {
                break;
            }
        }
        found
    }
}

/// Those of ASCII but tab and line ends, DEL, and those of Latin-1, which have two bytes in UTF-8.
fn has_control_characters(text: &[u8]) -> bool {
    let is_control = |byte: u8| (byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte == 0x7f;
    text.iter().any(|byte| is_control(*byte))
        || text.array_windows().any(|[first, second]| *first == 0xc2 && (0x80..0xa0).contains(second))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fapilog_record::value::OwnedValue;

    use super::*;

    fn names(text: &str) -> Vec<&'static str> {
        DangerFinder::new(Dangers::ALL).unwrap().dangers_in(ValueRef::Text(text)).names().collect()
    }

    #[test]
    fn each_pattern_is_found_in_any_case_and_place() {
        for (pattern, danger) in PATTERNS {
            for text in [pattern.to_uppercase(), format!("name={pattern}1"), format!("é {pattern}")] {
                assert_eq!(names(&text), [danger.name()], "{text}");
            }
        }
    }

    #[test]
    fn control_characters_are_found_and_line_ends_are_none() {
        for text in ["\x1b[31m", "a\0", "\x7f", "a\u{9b}31m", "\u{80}"] {
            assert_eq!(names(text), ["control_characters"], "{text:?}");
        }
        for text in ["", "a\tb\r\nc", "é à \u{a0} Â", "日本語"] {
            assert_eq!(names(text), [""; 0], "{text:?}");
        }
        assert_eq!(names("\x1b<script>${jndi:ldap://x}' or 1=1"), Danger::NAMES);
    }

    #[test]
    fn ordinary_texts_are_not_dangerous() {
        for text in [
            "select a union member",
            "the description of a script",
            "cost is $5 {each}",
            "it's or isn't",
            "drop the table; select another",
            "java script: none",
            "SELECT name FROM users WHERE id = 1",
        ] {
            assert_eq!(names(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn parts_and_keys_of_values_are_looked_at() {
        let finder = DangerFinder::new(Dangers::ALL).unwrap();
        let found = |value: &OwnedValue| finder.dangers_in(value.view()).names().collect::<Vec<_>>();
        assert_eq!(found(&OwnedValue::of(&(1, ["a", "<script>"]))), ["script"]);
        assert_eq!(found(&OwnedValue::of(&BTreeMap::from([("${jndi:", "\x1b")]))), ["control_characters", "lookup"]);
        assert_eq!(found(&OwnedValue::of(&'\x1b')), ["control_characters"]);
        assert_eq!(found(&OwnedValue::of(&(1, 2.5))), [""; 0]);
    }

    #[test]
    fn only_wanted_kinds_are_found() {
        let finder = DangerFinder::new(Dangers::of([Danger::Sql])).unwrap();
        let found = finder.dangers_in(ValueRef::Text("\x1b<script> union select"));
        assert_eq!(found.names().collect::<Vec<_>>(), ["sql"]);
        assert!(finder.dangers_in(ValueRef::Text("\x1b<script>")).is_empty());
    }
}
