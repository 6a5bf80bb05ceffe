//! A reader of the native protocol, by its specification alone. It panics where an entry breaks a rule.

use std::fmt;

/// An entry: its fields in their order.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct ReadEntry {
    pub(crate) fields: Vec<(String, Vec<u8>)>,
}

/// Fields that an entry has once.
const SINGLE: [&str; 12] = [
    "PRIORITY",
    "SYSLOG_IDENTIFIER",
    "SYSLOG_FACILITY",
    "LEVEL",
    "CODE_FILE",
    "CODE_LINE",
    "CODE_FUNC",
    "MESSAGE_ID",
    "EVENT_ID",
    "EVENT_TIME",
    "CORRELATION_ID",
    "MESSAGE",
];

impl ReadEntry {
    #[track_caller]
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mut fields = Vec::new();
        let mut left = bytes;
        while !left.is_empty() {
            let line_end = left.iter().position(|byte| *byte == b'\n').expect("a field ends with a line feed");
            let line = &left[..line_end];
            left = &left[line_end + 1..];
            let (name, value) = match line.iter().position(|byte| *byte == b'=') {
                Some(place) => (&line[..place], line[place + 1..].to_vec()),
                None => {
                    let length = u64::from_le_bytes(left[..8].try_into().unwrap()) as usize;
                    let value = left[8..8 + length].to_vec();
                    assert_eq!(left[8 + length], b'\n', "a binary value ends with a line feed");
                    left = &left[9 + length..];
                    (line, value)
                }
            };
            let name = String::from_utf8(name.to_vec()).unwrap();
            check_name(&name);
            fields.push((name, value));
        }
        let entry = Self { fields };
        entry.check();
        entry
    }

    fn check(&self) {
        assert!(self.fields.len() <= 1024, "journald ignores an entry of {} fields", self.fields.len());
        for name in SINGLE {
            assert!(self.all(name).len() <= 1, "{name} comes more than once: {self:?}");
        }
        let priority: u8 = self.text("PRIORITY").parse().unwrap();
        assert!(priority <= 7);
    }

    /// The values of a field.
    pub(crate) fn all(&self, name: &str) -> Vec<&[u8]> {
        self.fields.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_slice()).collect()
    }

    /// The value of a field, which must be there once.
    #[track_caller]
    pub(crate) fn bytes(&self, name: &str) -> &[u8] {
        let [value] = self.all(name)[..] else { panic!("not one {name} in {self:?}") };
        value
    }

    /// The value of a field as text.
    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> &str {
        std::str::from_utf8(self.bytes(name)).unwrap()
    }

    /// Whether the field is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        !self.all(name).is_empty()
    }
}

impl fmt::Debug for ReadEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.fields.iter().map(|(name, value)| format!("{name}={}", value.escape_ascii()));
        f.debug_list().entries(fields).finish()
    }
}

/// The rule of journald for names of fields that programs send.
#[track_caller]
pub(crate) fn check_name(name: &str) {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    assert!((1..=64).contains(&name.len()), "{name:?} has {} bytes", name.len());
    assert!(name.bytes().all(allowed), "{name:?}");
    assert!(name.as_bytes()[0].is_ascii_uppercase(), "{name:?}");
}
