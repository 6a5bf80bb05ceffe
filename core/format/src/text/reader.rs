//! Reads what the text formatters wrote: written from the page of the formats, and shares nothing with their code.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use fapilog_record::{field_group::FieldGroup, value::ValueRef};

use crate::{any_value::Owned, decode_marked_text};

/// A value as it stands in a line.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Read {
    Bare(String),
    Quoted(Vec<u8>),
    List(Vec<Read>),
    Map(Vec<(String, Read)>),
}

/// A line's pairs, in order.
pub(super) type Pairs = Vec<(String, Read)>;

/// A line of `Simple`, `Pretty` or `Minimal`, behind what differs between them.
#[derive(Debug)]
pub(super) struct Sentence {
    pub(super) message: Read,
    pub(super) pairs: Pairs,
}

/// The text that is still to be read.
pub(super) struct Reader<'a> {
    tail: &'a str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self { tail: line }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.tail.is_empty()
    }

    #[track_caller]
    pub(super) fn expect(&mut self, text: &str) {
        self.tail = self.tail.strip_prefix(text).unwrap_or_else(|| panic!("{text:?} before {:?}", self.tail));
    }

    /// Up to a character of these, or the end.
    pub(super) fn until(&mut self, ends: &[char]) -> &'a str {
        let (text, tail) = self.tail.split_at(self.tail.find(ends).unwrap_or(self.tail.len()));
        self.tail = tail;
        text
    }

    pub(super) fn value(&mut self) -> Read {
        if self.tail.starts_with('"') {
            return Read::Quoted(self.quoted());
        }
        if self.tail.starts_with('[') {
            return Read::List(self.list());
        }
        if self.tail.starts_with('{') {
            return Read::Map(self.map());
        }
        let text = self.until(&[' ', ',', ']', '}']);
        assert!(!text.is_empty() && !text.contains(['"', '\\', '=', '[', '{']), "{text:?} before {:?}", self.tail);
        Read::Bare(text.to_owned())
    }

    /// A JSON string, that may also have `\xNN` in it.
    fn quoted(&mut self) -> Vec<u8> {
        self.expect("\"");
        let mut bytes = Vec::new();
        loop {
            let c = self.next_char();
            match c {
                '"' => return bytes,
                '\\' => self.escape(&mut bytes),
                c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) {
        match self.next_char() {
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'x' => bytes.push(self.hex(2) as u8),
            'u' => {
                let c = self.code();
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            c @ ('"' | '\\') => bytes.push(c as u8),
            other => panic!("escape {other:?}"),
        }
    }

    /// The character behind `\u`: of one unit of UTF-16, or of two.
    fn code(&mut self) -> char {
        let first = self.hex(4) as u16;
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) {
            assert_eq!((self.next_char(), self.next_char()), ('\\', 'u'));
            units.push(self.hex(4) as u16);
        }
        String::from_utf16(&units).unwrap().chars().next().unwrap()
    }

    fn next_char(&mut self) -> char {
        let c = self.tail.chars().next().unwrap();
        self.tail = &self.tail[c.len_utf8()..];
        c
    }

    fn hex(&mut self, digits: usize) -> u32 {
        let (text, tail) = self.tail.split_at(digits);
        self.tail = tail;
        u32::from_str_radix(text, 16).unwrap()
    }

    fn list(&mut self) -> Vec<Read> {
        self.expect("[");
        let mut elements = Vec::new();
        while !self.tail.starts_with(']') {
            if !elements.is_empty() {
                self.expect(",");
            }
            elements.push(self.value());
        }
        self.expect("]");
        elements
    }

    /// The spaces are those of all formats but logfmt.
    fn map(&mut self) -> Vec<(String, Read)> {
        self.expect("{");
        let mut entries = Vec::new();
        while !self.tail.starts_with('}') {
            if !entries.is_empty() {
                self.expect(",");
                self.tail = self.tail.strip_prefix(' ').unwrap_or(self.tail);
            }
            let key = if self.tail.starts_with('"') { text_of(self.quoted()) } else { self.until(&[':']).to_owned() };
            self.expect(":");
            self.tail = self.tail.strip_prefix(' ').unwrap_or(self.tail);
            entries.push((key, self.value()));
        }
        self.expect("}");
        entries
    }

    /// Message and pairs.
    pub(super) fn sentence(mut self) -> Sentence {
        let message = if self.tail.starts_with('"') { Read::Quoted(self.quoted()) } else { self.prose() };
        let mut pairs = Vec::new();
        while !self.is_at_end() {
            self.expect(" ");
            let key = if self.tail.starts_with('"') { text_of(self.quoted()) } else { self.until(&['=']).to_owned() };
            self.expect("=");
            pairs.push((key, self.value()));
        }
        Sentence { message, pairs }
    }

    /// Up to where the first key must begin.
    fn prose(&mut self) -> Read {
        let sign = self.tail.find(['=', '"']);
        let end = match sign.map(|at| (at, self.tail.as_bytes()[at])) {
            None => self.tail.len(),
            Some((at, b'=')) => self.tail[..at].rfind(' ').unwrap(),
            Some((at, _)) => at - 1,
        };
        let (text, tail) = self.tail.split_at(end);
        self.tail = tail;
        Read::Bare(text.to_owned())
    }
}

/// The pairs of a line of logfmt, as `go-logfmt` takes it: values are bare up to a space, or JSON strings.
pub(super) fn logfmt(line: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut tail = line;
    loop {
        let (key, behind) = tail.split_once('=').unwrap();
        assert!(!key.is_empty() && key.chars().all(|c| c > ' ' && c != '"'), "{key:?}");
        let (value, behind) = if behind.starts_with('"') {
            let mut strings = serde_json::Deserializer::from_str(behind).into_iter::<String>();
            let value = strings.next().unwrap().unwrap();
            (value, &behind[strings.byte_offset()..])
        } else {
            let (value, behind) = behind.split_at(behind.find(' ').unwrap_or(behind.len()));
            assert!(value.chars().all(|c| c > ' ' && c != '"' && c != '='), "{value:?}");
            (value.to_owned(), behind)
        };
        pairs.push((key.to_owned(), value));
        let Some(behind) = behind.strip_prefix(' ') else {
            assert_eq!(behind, "");
            return pairs;
        };
        tail = behind;
    }
}

/// The name behind a key of logfmt.
pub(super) fn percent_decoded(key: &str) -> String {
    if key == "%" {
        return String::new();
    }
    let mut bytes = Vec::new();
    let mut tail = key.as_bytes();
    while let Some((&byte, behind)) = tail.split_first() {
        tail = behind;
        if byte == b'%' {
            let (digits, behind) = tail.split_at(2);
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap());
            tail = behind;
        } else {
            bytes.push(byte);
        }
    }
    text_of(bytes)
}

/// Whose key it is.
pub(super) fn owner(key: &str) -> (FieldGroup, &str) {
    if let Some(name) = key.strip_prefix("tags.") {
        (FieldGroup::Tags, name)
    } else if let Some(name) = key.strip_prefix("metrics.") {
        (FieldGroup::Metrics, name)
    } else {
        (FieldGroup::Context, key.strip_prefix("field.").unwrap_or(key))
    }
}

fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// Whether a value reads back as what was logged.
#[track_caller]
pub(super) fn assert_is(read: &Read, logged: &Owned) {
    match (read, logged) {
        (Read::List(elements), Owned::Sequence(logged)) => {
            assert_eq!(elements.len(), logged.len());
            elements.iter().zip(logged).for_each(|(read, logged)| assert_is(read, logged));
        }
        (Read::Map(entries), Owned::Map(logged)) => {
            assert_eq!(entries.len(), logged.len());
            for ((key, read), (name, logged)) in entries.iter().zip(logged) {
                assert_eq!(key, name);
                assert_is(read, logged);
            }
        }
        (Read::Bare(text), Owned::Plain(value)) if !matches!(value, ValueRef::Char(_)) => assert_plain(text, *value),
        (Read::Quoted(bytes), Owned::Plain(value @ ValueRef::Socket(_))) => {
            assert_plain(std::str::from_utf8(bytes).unwrap(), *value);
        }
        (Read::Bare(text), Owned::Text(_) | Owned::Bytes(_) | Owned::Plain(_)) => {
            assert_ne!(text, "null");
            assert_eq!(text.as_bytes(), bytes_of(logged));
        }
        (Read::Quoted(bytes), Owned::Text(_) | Owned::Bytes(_) | Owned::Plain(ValueRef::Char(_))) => {
            assert_eq!(*bytes, bytes_of(logged));
        }
        _ => panic!("{read:?} for {logged:?}"),
    }
}

/// Whether the text of a value, without its quotes, reads back as what was logged.
#[track_caller]
pub(super) fn assert_text_is(text: &str, is_marked: bool, logged: &Owned) {
    match logged {
        Owned::Bytes(bytes) if is_marked => assert_eq!(decode_marked_text(text).unwrap(), *bytes),
        _ if is_marked => panic!("{logged:?} is no bytes"),
        Owned::Sequence(_) | Owned::Map(_) => {
            let mut reader = Reader::new(text);
            assert_is(&reader.value(), logged);
            assert!(reader.is_at_end());
        }
        Owned::Text(_) | Owned::Bytes(_) | Owned::Plain(ValueRef::Char(_)) => {
            assert_eq!(text.as_bytes(), bytes_of(logged));
        }
        Owned::Plain(value) => assert_plain(text, *value),
    }
}

fn bytes_of(logged: &Owned) -> Vec<u8> {
    match logged {
        Owned::Text(text) => text.as_bytes().to_vec(),
        Owned::Bytes(bytes) => bytes.clone(),
        Owned::Plain(ValueRef::Char(c)) => c.to_string().into_bytes(),
        other => panic!("{other:?} is no text"),
    }
}

#[track_caller]
fn assert_plain(text: &str, value: ValueRef<'_>) {
    match value {
        ValueRef::None => assert_eq!(text, "null"),
        ValueRef::Bool(is) => assert_eq!(text, is.to_string()),
        ValueRef::I64(n) => assert_eq!(text, n.to_string()),
        ValueRef::U64(n) => assert_eq!(text, n.to_string()),
        ValueRef::I128(n) => assert_eq!(text, n.to_string()),
        ValueRef::U128(n) => assert_eq!(text, n.to_string()),
        ValueRef::F32(x) if x.is_nan() => assert_eq!(text, "NaN"),
        ValueRef::F64(x) if x.is_nan() => assert_eq!(text, "NaN"),
        ValueRef::F32(x) => assert_eq!(text.parse::<f32>().unwrap().to_bits(), x.to_bits()),
        ValueRef::F64(x) => assert_eq!(text.parse::<f64>().unwrap().to_bits(), x.to_bits()),
        ValueRef::Duration(span) => assert_eq!(duration(text), span),
        ValueRef::Time { seconds, nanos } => {
            assert_eq!(nanos_since_1970(text), i128::from(seconds) * 1_000_000_000 + i128::from(nanos));
        }
        ValueRef::Ip(ip) => assert_eq!(text.parse::<IpAddr>().unwrap(), ip),
        ValueRef::Socket(socket) => assert_eq!(text.parse::<SocketAddr>().unwrap(), socket),
        ValueRef::Uuid(uuid) => {
            let lengths: Vec<usize> = text.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12]);
            assert_eq!(u128::from_str_radix(&text.replace('-', ""), 16).unwrap(), u128::from_be_bytes(uuid));
        }
        other => panic!("none of the values that are tested: {other:?}"),
    }
}

/// The sum of numbers, each with its unit.
fn duration(text: &str) -> Duration {
    let mut tail = text;
    let mut sum = Duration::ZERO;
    while !tail.is_empty() {
        let number_bytes = tail.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap();
        let (number, behind) = tail.split_at(number_bytes);
        let unit_bytes = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit_bytes);
        let (whole, nanos) = decimal(number);
        let of_unit = |seconds| Duration::from_secs(whole * seconds) + Duration::from_nanos(u64::from(nanos) * seconds);
        sum += match unit {
            "d" => of_unit(86_400),
            "h" => of_unit(3_600),
            "m" => of_unit(60),
            "s" => of_unit(1),
            "ms" => Duration::from_nanos(whole * 1_000_000 + u64::from(nanos) / 1_000),
            "µs" => Duration::from_nanos(whole * 1_000 + u64::from(nanos) / 1_000_000),
            "ns" => Duration::from_nanos(whole),
            other => panic!("no unit: {other:?} in {text:?}"),
        };
        tail = behind;
    }
    sum
}

fn decimal(text: &str) -> (u64, u32) {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    (seconds.parse().unwrap(), format!("{fraction:0<9}").parse().unwrap())
}

fn nanos_since_1970(text: &str) -> i128 {
    if !text.ends_with('Z') {
        let (seconds, nanos) = decimal(text.trim_start_matches('-'));
        let size = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        return if text.starts_with('-') { -size } else { size };
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<i128>().unwrap();
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let is_leap = |year: i128| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let of_years: i128 = (1970..year).map(|year| 365 + i128::from(is_leap(year))).sum();
    let months = [31, 28 + i128::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let of_months: i128 = months[..month as usize - 1].iter().sum();
    let days = of_years + of_months + day - 1;
    let seconds = ((days * 24 + number(11..13)) * 60 + number(14..16)) * 60 + number(17..19);
    seconds * 1_000_000_000 + number(20..29)
}
