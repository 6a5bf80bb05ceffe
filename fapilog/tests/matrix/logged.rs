//! The logged events, to compare with the events that come back.

use fapilog::event::FieldGroup;

/// The source of events, unless they are about sources.
pub(crate) const SOURCE: &str = "matrix";

/// An event as it went in.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    pub(crate) level: &'static str,
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) message: Datum,
    pub(crate) correlation_id: Option<String>,
    /// A field for each key, with the value that counts.
    pub(crate) fields: Vec<(FieldGroup, String, Datum)>,
}

/// A value as it went in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Datum {
    None,
    Bool(bool),
    /// All digits.
    Integer(String),
    Float(f64),
    Single(f32),
    /// Seconds, with as many decimals as there are.
    Seconds(&'static str),
    Text(String),
    /// Not UTF-8.
    Bytes(Vec<u8>),
    List(Vec<Datum>),
}

impl Logged {
    /// An event of level INFO from `target`, with the flag that empty messages get.
    pub(crate) fn new(target: &str, message: Datum) -> Self {
        let is_empty = message == text("");
        let logged = Self {
            level: "INFO",
            source: SOURCE.to_owned(),
            target: target.to_owned(),
            message,
            correlation_id: None,
            fields: Vec::new(),
        };
        if is_empty { logged.field(FieldGroup::Tags, "empty_message", Datum::Bool(true)) } else { logged }
    }

    pub(crate) fn level(self, level: &'static str) -> Self {
        Self { level, ..self }
    }

    pub(crate) fn source(self, source: &str) -> Self {
        Self { source: source.to_owned(), ..self }
    }

    pub(crate) fn correlation_id(self, id: &str) -> Self {
        Self { correlation_id: Some(id.to_owned()), ..self }
    }

    pub(crate) fn field(mut self, group: FieldGroup, key: &str, value: Datum) -> Self {
        self.fields.push((group, key.to_owned(), value));
        self
    }

    pub(crate) fn context(self, key: &str, value: Datum) -> Self {
        self.field(FieldGroup::Context, key, value)
    }
}

pub(crate) fn text(text: &str) -> Datum {
    Datum::Text(text.to_owned())
}

pub(crate) fn integer(digits: impl ToString) -> Datum {
    Datum::Integer(digits.to_string())
}

/// Bytes that are UTF-8 come back as the text they are.
pub(crate) fn bytes(bytes: &[u8]) -> Datum {
    match std::str::from_utf8(bytes) {
        Ok(utf8) => text(utf8),
        Err(_) => Datum::Bytes(bytes.to_vec()),
    }
}

/// The same number, down to the sign of zero; any NaN is any other.
pub(crate) fn is_same_number(found: &str, datum: &Datum) -> bool {
    match datum {
        Datum::Integer(digits) => found == digits,
        Datum::Float(x) if x.is_finite() => found.parse::<f64>().is_ok_and(|read| read.to_bits() == x.to_bits()),
        Datum::Single(x) if x.is_finite() => found.parse::<f32>().is_ok_and(|read| read.to_bits() == x.to_bits()),
        Datum::Float(x) => found == name_of(*x),
        Datum::Single(x) => found == name_of((*x).into()),
        _ => false,
    }
}

fn name_of(x: f64) -> &'static str {
    match x {
        x if x.is_nan() => "NaN",
        x if x > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

/// Reads the form in which bytes that are not UTF-8 are written: `\xNN` for a byte, `\\` for a backslash.
pub(crate) fn unmarked(marked: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut tail = marked;
    while let Some((before, behind)) = tail.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        tail = match behind.strip_prefix('x') {
            Some(hex) => {
                bytes.push(u8::from_str_radix(&hex[..2], 16).unwrap());
                &hex[2..]
            }
            None => {
                bytes.push(b'\\');
                behind.strip_prefix('\\').unwrap()
            }
        };
    }
    bytes.extend_from_slice(tail.as_bytes());
    bytes
}
