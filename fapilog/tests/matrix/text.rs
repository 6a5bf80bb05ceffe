//! Reads lines of text back, by the grammar in `docs/text-formats.md`.

use std::collections::BTreeMap;

use fapilog::event::FieldGroup;

use crate::logged::{Datum, Logged, is_same_number, unmarked};

/// Context keys that mean something else in a row.
const TAKEN: [&str; 13] = [
    "time",
    "level",
    "severity",
    "category",
    "source",
    "target",
    "call_site",
    "event_id",
    "msg",
    "correlation_id",
    "truncated",
    "truncated_fields",
    "not_utf8",
];

/// A value as it stands in a line.
#[derive(Debug, Clone, PartialEq)]
enum Read {
    Bare(String),
    Quoted(Vec<u8>),
    List(Vec<Read>),
}

/// The text that is still to be read.
struct Reader<'a> {
    tail: &'a str,
    /// Whether quotes may have `\xNN` in them.
    takes_bytes: bool,
}

/// Compares a line of the simple format with the logged event.
#[track_caller]
pub(crate) fn check_simple(line: &str, logged: &Logged) {
    let mut reader = Reader::new(line);
    crate::assert_is_time(reader.until(&[' ']));
    reader.expect(" ");
    assert_eq!(reader.until(&[' ']), logged.level);
    reader.sentence(logged);
}

/// Compares a line of the pretty format, without colours, with the logged event.
#[track_caller]
pub(crate) fn check_pretty(line: &str, logged: &Logged) {
    let mut reader = Reader::new(line);
    let time = reader.until(&[' ']);
    let marks = (time.matches(':').count(), time.matches('.').count(), time.ends_with('Z'));
    assert_eq!((time.len(), marks), (16, (2, 1, true)), "{time}");
    reader.expect(" ");
    reader.expect(&format!("{:8}", logged.level));
    reader.sentence(logged);
}

/// Compares a line of the minimal format with the logged event, as far as the format shows it.
#[track_caller]
pub(crate) fn check_minimal(line: &str, logged: &Logged) {
    let mut reader = Reader::new(line);
    reader.expect(&format!("{} ", logged.level));
    let message = reader.message();
    assert!(is_message(&message, &logged.message), "{message:?}");
    assert_eq!(reader.tail, "", "behind the message");
}

/// Compares a line of logfmt with the logged event. Returns the event's number.
#[track_caller]
pub(crate) fn check_logfmt(line: &str, logged: &Logged) -> u64 {
    let mut reader = Reader { tail: line, takes_bytes: false };
    let mut pairs = Vec::new();
    while !reader.tail.is_empty() {
        if !pairs.is_empty() {
            reader.expect(" ");
        }
        let key = decoded(reader.until(&['=']));
        reader.expect("=");
        pairs.push((key, reader.value(&[' '])));
    }
    let mut pairs = without_duplicates(pairs);
    let mut text = |key: &str| text_of(&pairs.remove(key).unwrap_or_else(|| panic!("no {key}")));
    crate::assert_is_time(&text("time"));
    assert_eq!(
        (text("level"), text("source"), text("target")),
        (logged.level.into(), logged.source.clone(), logged.target.clone())
    );
    let (_, _, id) = (text("severity"), text("category"), text("event_id"));
    assert_eq!(pairs.remove("correlation_id").map(|id| text_of(&id)), logged.correlation_id);
    let marked: Vec<String> = match pairs.remove("not_utf8") {
        None => Vec::new(),
        Some(Read::List(names)) => names.iter().map(|name| decoded(&text_of(name))).collect(),
        Some(other) => panic!("{other:?}"),
    };
    let is_marked = |key: &str| marked.iter().any(|name| name == key);
    let message = pairs.remove("msg").unwrap();
    assert!(is_logfmt(&message, &logged.message, is_marked("msg")), "{message:.200?}");
    compare(pairs, logged, |key, read, datum| is_logfmt(read, datum, is_marked(key)));
    crate::number_of(&id)
}

/// Takes the colours out, and nothing else that a terminal would act on.
pub(crate) fn without_colors(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut pieces = text.split("\u{1b}[");
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (rendition, tail) = piece.split_once('m').unwrap();
        assert!(rendition.chars().all(|c| c.is_ascii_digit() || c == ';'), "{rendition:?}");
        plain.push_str(tail);
    }
    plain
}

impl<'a> Reader<'a> {
    fn new(line: &'a str) -> Self {
        Self { tail: line, takes_bytes: true }
    }

    /// The fields that simple and pretty lines have behind the level.
    #[track_caller]
    fn sentence(&mut self, logged: &Logged) {
        self.expect(" ");
        assert_eq!(text_of(&self.value(&[' '])), logged.source);
        self.expect(" [");
        assert_eq!(text_of(&self.value(&[']'])), logged.target);
        self.expect("] ");
        let message = self.message();
        assert!(is_message(&message, &logged.message), "{message:.200?} is not {:.200?}", logged.message);
        let mut pairs = Vec::new();
        while !self.tail.is_empty() {
            self.expect(" ");
            let key = if self.tail.starts_with('"') { utf8(self.quoted()) } else { self.until(&['=']).to_owned() };
            self.expect("=");
            pairs.push((key, self.value(&[' '])));
        }
        let mut pairs = without_duplicates(pairs);
        assert_eq!(pairs.remove("correlation_id").map(|id| text_of(&id)), logged.correlation_id);
        compare(pairs, logged, |_, read, datum| is_element(read, datum));
    }

    #[track_caller]
    fn expect(&mut self, text: &str) {
        self.tail = self.tail.strip_prefix(text).unwrap_or_else(|| panic!("{text:?} before {:.200?}", self.tail));
    }

    /// Up to one of these, or the end.
    fn until(&mut self, ends: &[char]) -> &'a str {
        let (text, tail) = self.tail.split_at(self.tail.find(ends).unwrap_or(self.tail.len()));
        self.tail = tail;
        text
    }

    /// A message ends before the field with the first `=` or `"` behind it, or at the line's end.
    fn message(&mut self) -> Read {
        if self.tail.starts_with('"') {
            return Read::Quoted(self.quoted());
        }
        let end = match self.tail.find(['=', '"']) {
            None => self.tail.len(),
            Some(at) => self.tail[..at].rfind(' ').unwrap(),
        };
        let (message, tail) = self.tail.split_at(end);
        self.tail = tail;
        assert!(!message.is_empty());
        Read::Bare(message.to_owned())
    }

    /// A value that ends before one of these.
    fn value(&mut self, ends: &[char]) -> Read {
        match self.tail.chars().next() {
            Some('"') => Read::Quoted(self.quoted()),
            Some('[') => Read::List(self.list()),
            _ => {
                let atom = self.until(ends);
                let is_no_atom = |c: char| c.is_whitespace() || "=[],\"\\".contains(c);
                assert!(!atom.is_empty() && !atom.contains(is_no_atom), "{atom:?} is no atom");
                Read::Bare(atom.to_owned())
            }
        }
    }

    fn list(&mut self) -> Vec<Read> {
        self.expect("[");
        let mut elements = Vec::new();
        while !self.tail.starts_with(']') {
            if !elements.is_empty() {
                self.expect(",");
            }
            elements.push(self.value(&[',', ']']));
        }
        self.expect("]");
        elements
    }

    /// A JSON string.
    fn quoted(&mut self) -> Vec<u8> {
        self.expect("\"");
        let mut bytes = Vec::new();
        loop {
            bytes.extend_from_slice(self.until(&['"', '\\']).as_bytes());
            if self.tail.starts_with('"') {
                self.expect("\"");
                return bytes;
            }
            self.expect("\\");
            self.escape(&mut bytes);
        }
    }

    /// The text behind a backslash.
    fn escape(&mut self, bytes: &mut Vec<u8>) {
        let kind = self.take(1);
        match kind {
            "n" => bytes.push(b'\n'),
            "r" => bytes.push(b'\r'),
            "t" => bytes.push(b'\t'),
            "\"" | "\\" => bytes.extend_from_slice(kind.as_bytes()),
            "u" => {
                let mut units = vec![u16::from_str_radix(self.take(4), 16).unwrap()];
                if (0xd800..0xdc00).contains(&units[0]) {
                    assert_eq!(self.take(2), "\\u");
                    units.push(u16::from_str_radix(self.take(4), 16).unwrap());
                }
                let c = String::from_utf16(&units).unwrap().chars().next().unwrap();
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            "x" if self.takes_bytes => bytes.push(u8::from_str_radix(self.take(2), 16).unwrap()),
            other => panic!("escape {other:?}"),
        }
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (text, tail) = self.tail.split_at(bytes);
        self.tail = tail;
        text
    }
}

#[track_caller]
fn without_duplicates(pairs: Vec<(String, Read)>) -> BTreeMap<String, Read> {
    let mut unique = BTreeMap::new();
    for (key, read) in pairs {
        assert!(unique.insert(key.clone(), read).is_none(), "{key:?} comes twice");
    }
    unique
}

/// Compares fields with those that were logged: all of them, and no others.
#[track_caller]
fn compare(mut pairs: BTreeMap<String, Read>, logged: &Logged, is: impl Fn(&str, &Read, &Datum) -> bool) {
    for (group, name, datum) in &logged.fields {
        let key = key_in_a_row(*group, name);
        let read = pairs.remove(&key).unwrap_or_else(|| panic!("no {key:.200?}"));
        assert!(is(&key, &read, datum), "{key:.200?} is {read:.200?}, and not {datum:.200?}");
    }
    assert!(pairs.is_empty(), "fields that were not logged: {pairs:.200?}");
}

fn key_in_a_row(group: FieldGroup, name: &str) -> String {
    let is_taken = TAKEN.contains(&name) || ["tags.", "metrics.", "field."].iter().any(|part| name.starts_with(part));
    match group {
        FieldGroup::Tags => format!("tags.{name}"),
        FieldGroup::Metrics => format!("metrics.{name}"),
        FieldGroup::Context if is_taken => format!("field.{name}"),
        FieldGroup::Context => name.to_owned(),
        other => panic!("{other:?} has no keys"),
    }
}

/// A key of logfmt: `%NN` for a byte, `%` alone for the empty one.
fn decoded(key: &str) -> String {
    assert!(!key.is_empty());
    if key == "%" {
        return String::new();
    }
    let mut pieces = key.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    utf8(bytes)
}

fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[track_caller]
fn text_of(read: &Read) -> String {
    match read {
        Read::Bare(text) => text.clone(),
        Read::Quoted(bytes) => utf8(bytes.clone()),
        Read::List(_) => panic!("{read:?} is no text"),
    }
}

/// Whether it is the value: in simple and pretty lines, and in any list.
fn is_element(read: &Read, datum: &Datum) -> bool {
    match (read, datum) {
        (Read::Bare(word), Datum::None) => word == "null",
        (Read::Bare(word), Datum::Bool(logged)) => *word == logged.to_string(),
        (Read::Bare(word), Datum::Seconds(logged)) => nanos_of(word) == nanos_of(&format!("{logged}s")),
        (Read::Bare(word), Datum::Text(logged)) => word == logged && word != "null",
        (Read::Bare(word), number) => is_same_number(word, number),
        (Read::Quoted(bytes), Datum::Text(logged)) => bytes == logged.as_bytes(),
        (Read::Quoted(bytes), Datum::Bytes(logged)) => bytes == logged,
        (Read::List(elements), Datum::List(logged)) => {
            elements.len() == logged.len() && elements.iter().zip(logged).all(|(read, datum)| is_element(read, datum))
        }
        _ => false,
    }
}

/// The nanoseconds of a duration: numbers, each with its unit.
fn nanos_of(text: &str) -> Option<u128> {
    let mut tail = text;
    let mut sum = 0;
    while !tail.is_empty() {
        let (number, behind) = tail.split_at(tail.find(char::is_alphabetic)?);
        let (unit, behind) = behind.split_at(behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len()));
        let unit_nanos: u128 = match unit {
            "ns" => 1,
            "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let billionths: u128 = format!("{fraction:0<9}").parse().ok()?;
        sum += whole.parse::<u128>().ok()? * unit_nanos + billionths * unit_nanos / 1_000_000_000;
        tail = behind;
    }
    Some(sum)
}

/// A message of simple, pretty and minimal lines: prose may be anything but a list with quotes in it.
fn is_message(read: &Read, datum: &Datum) -> bool {
    match (read, datum) {
        (Read::Bare(prose), Datum::Text(logged)) => prose == logged,
        (_, Datum::List(_)) => is_flat_list(read, datum),
        _ => is_element(read, datum),
    }
}

fn is_logfmt(read: &Read, datum: &Datum, is_marked: bool) -> bool {
    match (read, datum) {
        (Read::Quoted(bytes), Datum::Bytes(logged)) => is_marked && unmarked(&utf8(bytes.clone())) == *logged,
        (_, Datum::List(_)) => !is_marked && is_flat_list(read, datum),
        _ => !is_marked && is_element(read, datum),
    }
}

/// A list that is quoted as a whole if there are quotes in it, and only then.
fn is_flat_list(read: &Read, datum: &Datum) -> bool {
    let text = match read {
        Read::List(_) => return is_element(read, datum),
        Read::Bare(text) => text.clone(),
        Read::Quoted(bytes) => utf8(bytes.clone()),
    };
    let is_quoted = matches!(read, Read::Quoted(_));
    let mut reader = Reader::new(&text);
    let list = Read::List(reader.list());
    is_quoted == text.contains('"') && reader.tail.is_empty() && is_element(&list, datum)
}
